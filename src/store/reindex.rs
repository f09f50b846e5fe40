//! `reindex`: makes every record of `index.redb` again from the bodies, through the running server or on the files of a stopped
//! one; and what `check` says of that file. What a record is only the caller knows.

use std::{io, path::Path, sync::Arc};

use redb::{Database, ReadableDatabase};

use super::{
    Disk, DiskFile, Places, Report, Store, StoreError,
    backend::{Gate, database},
    fault::Fault,
    index::{Batch, IndexFile, NAME},
    mail::{self, bodies_dir},
    reader::Record,
    rows::{self, Body, House, KeyForm},
    shadow::Shadow,
    sift::Blocks,
    volume::name_of,
};
use crate::{
    limits::{CHUNK, TURN_OCTETS},
    types::BodyId,
};

/// Makes a record from a message's octets.
pub type Derive = dyn Fn(&mut dyn Blocks) -> io::Result<Vec<u8>> + Send + Sync;

/// Bodies of one turn and one transaction.
const TURN_BODIES: usize = 200;
/// Page cache of a reindex on files, octets.
const CACHE: usize = 2 * 1024 * 1024;

/// What was made again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reindexed {
    /// Records.
    pub records: u64,
    /// Octets of the bodies that were read for them.
    pub octets: u64,
    /// Bodies that cannot be read; `check` names them.
    pub unread: u64,
}

impl Reindexed {
    fn add(&mut self, other: Reindexed) {
        self.records += other.records;
        self.octets += other.octets;
        self.unread += other.unread;
    }
}

/// A body from its first to its last block.
struct Whole(Record, u64);

impl Blocks for Whole {
    fn next(&mut self) -> io::Result<Option<Vec<u8>>> {
        let piece = self.0.octets(self.1, CHUNK).map_err(|fault| io::Error::other(fault.told()))?;
        self.1 += piece.len() as u64;
        Ok(Some(piece).filter(|piece| !piece.is_empty()))
    }

    fn rewind(&mut self) {
        self.1 = 0;
    }
}

type OpenFile<'a> = &'a dyn Fn(u32) -> Result<Arc<dyn DiskFile>, Fault>;

/// One turn: the records of the next bodies, and behind which body to go on.
fn turn(
    db: &Database,
    file: OpenFile<'_>,
    after: u64,
    derive: &Derive,
) -> Result<(Batch, Reindexed, Option<u64>), Fault> {
    let (mut batch, mut done, mut last) = (Batch::default(), Reindexed::default(), None);
    for entry in db.begin_read()?.open_table(rows::BODIES)?.range(after + 1..)?.take(TURN_BODIES) {
        let (key, value) = entry?;
        let id = key.value();
        last = Some(id);
        let made = rows::unseal::<Body>(&u64::octets(&id), value.value()).and_then(|row| {
            let record = Record { file: file(row.volume)?, id: BodyId(id), row };
            derive(&mut Whole(record, 0)).map(|made| (made, row.len)).map_err(|error| Fault::Damaged(error.to_string()))
        });
        match made {
            Ok((record, len)) => {
                batch.rows.insert(BodyId(id), record);
                done.records += 1;
                done.octets += len;
            }
            Err(Fault::Damaged(_) | Fault::Missing) => done.unread += 1,
            Err(fault) => return Err(fault),
        }
        if done.octets >= TURN_OCTETS as u64 {
            break;
        }
    }
    Ok((batch, done, last))
}

impl Store {
    /// Makes `index.redb` anew, in turns on a reader thread; whoever needs a record meanwhile makes it. `progress` hears
    /// octets of bodies read so far.
    pub async fn reindex(
        &self,
        derive: Arc<Derive>,
        mut progress: impl FnMut(u64) + Send,
    ) -> Result<Reindexed, StoreError> {
        let core = self.core.clone();
        self.core.read(move |mail| core.index.start_anew(&core, mail)).await?;
        let (mut sum, mut after) = (Reindexed::default(), Some(0));
        while let Some(from) = after {
            let (core, derive) = (self.core.clone(), derive.clone());
            let (done, last) = self
                .core
                .read(move |mail| {
                    let (batch, done, last) = turn(&mail.db, &|number| mail.pool.file(number), from, &*derive)?;
                    core.index.write(&core, mail, &batch)?;
                    Ok((done, last))
                })
                .await?;
            sum.add(done);
            after = last;
            progress(sum.octets);
        }
        Ok(sum)
    }

    /// What `check` says of `index.redb`: its damage costs no mail, so it is a note.
    pub(super) async fn check_index(&self, report: &mut Report) -> Result<(), StoreError> {
        let mut after = Some(0);
        while let Some(from) = after {
            let core = self.core.clone();
            let counted = self.core.read(move |mail| {
                let Some(file) = core.index.file(&core, mail, false) else { return Ok(Some((0, 0, None))) };
                Ok(core.index.guard(&core, &file, || file.count(from)))
            });
            let (whole, damaged, next) = counted.await?.unwrap_or((0, 1, None));
            note(report, whole, damaged);
            after = next;
        }
        Ok(())
    }
}

fn note(report: &mut Report, whole: u64, damaged: u64) {
    report.derived += whole;
    if damaged > 0 {
        report
            .notes
            .push(format!("{damaged} records of index.redb are damaged; they are made again when they are needed"));
    }
}

/// As [`Store::check_index`], on the files of a stopped server, over a shadow.
pub(super) fn check_index(disk: &dyn Disk, dir: &Path, report: &mut Report) -> Result<Option<()>, Fault> {
    if !disk.list(dir)?.iter().any(|name| name == NAME) {
        return Ok(None);
    }
    let file = IndexFile::look(Arc::new(Shadow::over(disk.open(&dir.join(NAME), false)?)?))?;
    let mut after = Some(0);
    while let Some(from) = after {
        let (whole, damaged, next) = file.count(from)?;
        note(report, whole, damaged);
        after = next;
    }
    Ok(None)
}

/// Makes `index.redb` anew on the files of a stopped server; nothing else is changed. Unavailable when a server runs on them
/// or they are not there.
pub fn reindex(
    disk: &Arc<dyn Disk>,
    places: &Places,
    derive: &Derive,
    progress: &mut dyn FnMut(u64),
) -> Result<Reindexed, StoreError> {
    on_files(disk, places, derive, progress).map_err(|fault| fault.told())
}

fn on_files(
    disk: &Arc<dyn Disk>,
    places: &Places,
    derive: &Derive,
    progress: &mut dyn FnMut(u64),
) -> Result<Reindexed, Fault> {
    let _state = mail::lock(&**disk, &places.state)?;
    let _mail = if places.mail == places.state { None } else { Some(mail::lock(&**disk, &places.mail)?) };
    let shadow = Shadow::over(disk.open(&places.mail.join("mail.redb"), false)?)?;
    let db = database(Arc::new(shadow), Gate::default(), CACHE)?;
    let house: House = rows::get(&db.begin_read()?.open_table(rows::HOUSE)?, 0)?.ok_or(Fault::Missing)?;
    if disk.list(&places.mail)?.iter().any(|name| name == NAME) {
        disk.remove(&places.mail.join(NAME))?;
        disk.sync_dir(&places.mail)?;
    }
    let (index, _) = IndexFile::open(&**disk, &places.mail, house.mark)?;
    let bodies = bodies_dir(&places.mail);
    let file = |number: u32| Ok(disk.open(&bodies.join(name_of(number)), false)?);
    let (mut sum, mut after) = (Reindexed::default(), Some(0));
    while let Some(from) = after {
        let (batch, done, last) = turn(&db, &file, from, derive)?;
        index.write(&db, &batch)?;
        sum.add(done);
        after = last;
        progress(sum.octets);
    }
    index.settle(true)?;
    Ok(sum)
}
