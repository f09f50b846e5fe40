//! `mail.log`: a commit is ONE record of a log, written and synced once, wherever its octets belong. It must not know: what rows and
//! bodies mean, what redb does with its pages.
//!
//! The database and the volumes are written behind the record and not synced. When the log is full they are synced, all together, and
//! it is filled anew; when the store is opened after a stop that was not clean, the records of the last filling are written again.
//!
//! | state of what a transaction writes | where it is | a power cut leaves |
//! |---|---|---|
//! | *gathered* | in memory: pages of `mail.redb` (redb sees them), small bodies | nothing |
//! | *recorded* | a record that is written, not synced | nothing, or all of it; nobody was told Ok |
//! | *kept* | a record that is synced, and then its files | all of it |
//! | *settled* | its files, synced | all of it; a new filling begins |
//! | *direct* | its files: it outgrew a record. Nothing is left to redo, and redb's two syncs order it | all of it or nothing |
//!
//! **What makes it safe.** Files are written only behind the sync of the record. Doing a record again writes the octets that it wrote, so
//! nothing may write around the log where a record of the same filling wrote:
//! - `mail.redb` is written by this file alone. Cutting it is of pages that no later commit names.
//! - A record has octets of a volume only below the committed length that the same record sets (`apply`), and these never change. Who
//!   writes to a volume directly (a long draft, the reclaimer) does so beyond it. Holes are punched where no body is: at worst
//!   dead octets come back.
//! - A volume's name is synced before a record names it (`Pool::sync_names`), so one that is not there was removed, behind the record that
//!   forgot it; and its number is never given again.

mod record;
mod replay;

use std::{
    collections::BTreeMap,
    io,
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard},
};

pub(super) use record::{PAGE, Target};
use record::{Piece, Record, encode_mark, size};
use replay::FIRST;
pub(super) use replay::{Found, Views};

use super::{
    disk::{Disk, DiskFile},
    fault::Fault,
    shadow::parts,
};
use crate::{
    limits::{REDO_LOG, REDO_LOG_LEAST, REDO_RECORD},
    wire::scram,
};

/// The log's name in the mail directory.
pub(super) const NAME: &str = "mail.log";
/// The database's.
pub(super) const ROWS: &str = "mail.redb";
/// Octets that are written at once while the log is made.
const ZEROS: usize = 64 * 1024;

type Pages = BTreeMap<u64, Vec<u8>>;

/// `mail.redb` as redb sees it, and the log below it. Changed by the writer thread alone; the gate is its callers' matter.
pub(super) struct Redo {
    rows: Arc<dyn DiskFile>,
    log: Arc<dyn DiskFile>,
    size: u64,
    /// Pages of the rows that are gathered.
    pages: RwLock<Pages>,
    state: Mutex<State>,
}

struct State {
    /// More than the first page was written since the last sync: what is synced is not a commit yet.
    beyond: bool,
    bodies: Vec<Octets>,
    direct: bool,
    filling: u64,
    /// The next record.
    number: u64,
    /// And its place.
    at: u64,
    /// Octets of the rows that are known to have room on the disk.
    room: u64,
    /// Volumes that were written behind the log since it was begun.
    volumes: BTreeMap<u32, Arc<dyn DiskFile>>,
}

/// How far commits of an opening were kept: of later ones nobody was told Ok.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Told {
    pub filling: u64,
    pub commits: u64,
}

/// Octets of a volume.
struct Octets {
    volume: u32,
    file: Arc<dyn DiskFile>,
    at: u64,
    octets: Arc<Vec<u8>>,
}

impl Redo {
    /// Redoes what the log holds (of what was `told`, if that is known) and begins a new filling; makes the log if there is none. Nobody
    /// has `mail.redb` or a volume open yet.
    pub fn open(disk: &dyn Disk, dir: &Path, told: Option<Told>) -> Result<(Arc<Redo>, Found), Fault> {
        let log = disk.open(&dir.join(NAME), true)?;
        let mut found = replay::redo(disk, dir, &*log, told)?;
        let is_cut = found.filling.is_some() && log.len()? < REDO_LOG_LEAST;
        if is_cut {
            found.damage.get_or_insert(format!("{NAME}: it was cut to {} octets", log.len()?));
        }
        if is_cut || found.filling.is_none() {
            make(&*log, (disk.space(dir)?.total / 32).clamp(REDO_LOG_LEAST, REDO_LOG))?;
        }
        let redo = Redo {
            rows: disk.open(&dir.join(ROWS), false)?,
            size: log.len()?,
            log,
            pages: RwLock::default(),
            state: Mutex::new(State {
                beyond: false,
                bodies: Vec::new(),
                direct: false,
                filling: found.filling.map_or_else(first_filling, Ok)?,
                number: 0,
                at: FIRST,
                room: 0,
                volumes: BTreeMap::new(),
            }),
        };
        redo.fill_anew(&mut redo.state())?;
        disk.sync_dir(dir)?;
        Ok((Arc::new(redo), found))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn pages(&self) -> RwLockReadGuard<'_, Pages> {
        self.pages.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn pages_mut(&self) -> RwLockWriteGuard<'_, Pages> {
        self.pages.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// A transaction begins: bodies of one that was given up are of no record.
    pub fn begin(&self) {
        let mut state = self.state();
        state.bodies.clear();
        state.direct = false;
    }

    /// Octets of a volume that the next commit makes count, below its new committed length.
    pub fn add(&self, (volume, file): (u32, Arc<dyn DiskFile>), at: u64, octets: Arc<Vec<u8>>) {
        self.state().bodies.push(Octets { volume, file, at, octets });
    }

    /// A commit has returned: whatever of it is not kept yet is kept now.
    pub fn finish(&self) -> io::Result<()> {
        let mut state = self.state();
        if std::mem::take(&mut state.direct) {
            return self.sync_direct(&mut state);
        }
        if state.bodies.is_empty() && self.pages().is_empty() { Ok(()) } else { self.put(&mut state) }
    }

    /// What was kept so far.
    pub fn told(&self) -> Told {
        let state = self.state();
        Told { filling: state.filling, commits: state.number }
    }

    /// Closes it: nothing is left to redo.
    pub fn settle(&self) -> io::Result<()> {
        self.finish()?;
        self.fill_anew(&mut self.state())
    }

    /// A volume is removed: its room is free when nobody has it open.
    pub fn forget(&self, volume: u32) {
        self.state().volumes.remove(&volume);
    }

    /// Writes one record, syncs it, and only then writes the files.
    fn put(&self, state: &mut State) -> io::Result<()> {
        let pages = self.pages();
        let bodies = std::mem::take(&mut state.bodies);
        let pieces: Vec<Piece<'_>> = pieces(&pages, &bodies).collect();
        let room = size(&pieces);
        if room > self.size - FIRST {
            return Err(io::Error::other("a commit outgrew the log"));
        }
        self.make_room(&mut state.room, &pages, &bodies)?;
        if state.at + room > self.size {
            self.fill_anew(state)?;
        }
        let record = Record { filling: state.filling, number: state.number, rows: self.rows.len()?, pieces };
        self.log.write_at(state.at, &record.encode())?;
        self.log.sync_data()?;
        drop(record);
        state.at += room;
        state.number += 1;
        self.write_rows(&pages)?;
        drop(pages);
        self.pages_mut().clear();
        write_bodies(bodies, state)
    }

    /// What is kept must not fail for want of room afterwards.
    fn make_room(&self, rows: &mut u64, pages: &Pages, bodies: &[Octets]) -> io::Result<()> {
        let end = pages.last_key_value().map_or(0, |(last, _)| (last + 1) * PAGE);
        if end > *rows {
            self.rows.allocate(*rows, end - *rows)?;
            *rows = end;
        }
        bodies.iter().try_for_each(|body| body.file.allocate(body.at, body.octets.len() as u64))
    }

    /// Pages that lie side by side go in one write.
    fn write_rows(&self, pages: &Pages) -> io::Result<()> {
        let mut run: (u64, Vec<u8>) = (0, Vec::new());
        for (number, page) in pages {
            if run.0 + run.1.len() as u64 != number * PAGE && !run.1.is_empty() {
                self.rows.write_at(run.0, &run.1)?;
                run.1.clear();
            }
            if run.1.is_empty() {
                run.0 = number * PAGE;
            }
            run.1.extend(page);
        }
        if run.1.is_empty() { Ok(()) } else { self.rows.write_at(run.0, &run.1) }
    }

    /// Syncs every file that was written behind the log; then its records are needed no more.
    fn fill_anew(&self, state: &mut State) -> io::Result<()> {
        for file in state.volumes.values() {
            file.sync_data()?;
        }
        self.rows.sync_data()?;
        state.volumes.clear();
        let mark = encode_mark(state.filling + 1);
        self.log.write_at(0, &mark)?;
        self.log.sync_data()?;
        (state.filling, state.number, state.at) = (state.filling + 1, 0, FIRST);
        // The second one comes to the disk with the first record: a damaged octet must not hide which filling counts.
        self.log.write_at(PAGE, &mark)
    }

    /// From here to its end a transaction that outgrew a record is written as if there were no log.
    fn go_direct(&self, state: &mut State) -> io::Result<()> {
        self.fill_anew(state)?;
        // What is written now is in no record: the second mark comes to the disk before it, or a damaged first one would let the old
        // filling be redone over it.
        self.log.sync_data()?;
        self.write_rows(&self.pages())?;
        self.pages_mut().clear();
        state.direct = true;
        Ok(())
    }

    fn sync_direct(&self, state: &mut State) -> io::Result<()> {
        write_bodies(std::mem::take(&mut state.bodies), state)?;
        for file in state.volumes.values() {
            file.sync_data()?;
        }
        state.volumes.clear();
        self.rows.sync_data()
    }
}

fn pieces<'a>(pages: &'a Pages, bodies: &'a [Octets]) -> impl Iterator<Item = Piece<'a>> {
    let pages = pages.iter().map(|(number, page)| Piece::new(Target::Rows, number * PAGE, page));
    pages.chain(bodies.iter().map(|body| Piece::new(Target::Volume(body.volume), body.at, &body.octets)))
}

fn write_bodies(bodies: Vec<Octets>, state: &mut State) -> io::Result<()> {
    for Octets { volume, file, at, octets } in bodies {
        file.write_at(at, &octets)?;
        state.volumes.insert(volume, file);
    }
    Ok(())
}

/// Where a new log begins to count: no two count alike, so that one is never taken for another (`Told`).
fn first_filling() -> Result<u64, Fault> {
    let random = scram::random::<6>().ok_or_else(|| Fault::Failed("the system has no random numbers".into()))?;
    Ok(random.iter().fold(0, |all, octet| all << 8 | u64::from(*octet)))
}

/// Zeros are written, so that no later sync has a length or a place on the disk to note.
fn make(log: &dyn DiskFile, size: u64) -> Result<(), Fault> {
    log.set_len(0)?;
    let zeros = vec![0; ZEROS];
    for at in (0..size).step_by(ZEROS) {
        log.write_at(at, &zeros[..usize::try_from(size - at).unwrap_or(ZEROS).min(ZEROS)])?;
    }
    Ok(log.sync_data()?)
}

impl DiskFile for Redo {
    fn len(&self) -> io::Result<u64> {
        self.rows.len()
    }

    fn read_at(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let pages = self.pages();
        let last = (offset + out.len() as u64).div_ceil(PAGE);
        if pages.range(offset / PAGE..last).next().is_none() {
            drop(pages);
            return self.rows.read_at(offset, out);
        }
        let (mut rest, mut at) = (out, offset);
        for (number, from, len) in parts(offset, rest.len()) {
            let (part, later) = rest.split_at_mut(len);
            match pages.get(&number) {
                Some(page) => part.copy_from_slice(&page[from..from + len]),
                None => self.rows.read_at(at, part)?,
            }
            at += len as u64;
            rest = later;
        }
        Ok(())
    }

    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let mut state = self.state();
        state.beyond |= offset >= PAGE;
        if state.direct {
            return self.rows.write_at(offset, bytes);
        }
        let mut rest = bytes;
        for (number, from, len) in parts(offset, bytes.len()) {
            let (part, later) = rest.split_at(len);
            let mut page = vec![0; PAGE as usize];
            if len < page.len() {
                self.read_at(number * PAGE, &mut page)?;
            }
            page[from..from + len].copy_from_slice(part);
            self.pages_mut().insert(number, page);
            rest = later;
        }
        if self.pages().len() as u64 * PAGE > self.most() { self.go_direct(&mut state) } else { Ok(()) }
    }

    /// Growing gives zeros that no commit names yet, cutting takes what none names any more: neither waits for the record.
    fn set_len(&self, len: u64) -> io::Result<()> {
        self.pages_mut().retain(|number, _| *number < len.div_ceil(PAGE));
        let mut state = self.state();
        state.room = state.room.min(len);
        self.rows.set_len(len)
    }

    /// redb syncs a commit twice: its pages, then the header that makes them count. One record is all of it or nothing, so only
    /// the second is a sync.
    fn sync_data(&self) -> io::Result<()> {
        let mut state = self.state();
        let beyond = std::mem::take(&mut state.beyond);
        if state.direct {
            return self.sync_direct(&mut state);
        }
        if !beyond {
            return if self.pages().is_empty() { Ok(()) } else { self.put(&mut state) };
        }
        // Whole pages are looked into only where they might be too many.
        let bodies: u64 = state.bodies.iter().map(|body| body.octets.len() as u64 + PAGE).sum();
        let is_long = (self.pages().len() as u64 + 1) * 2 * PAGE + bodies > self.most();
        if is_long && size(&pieces(&self.pages(), &state.bodies).collect::<Vec<_>>()) > self.most() {
            self.go_direct(&mut state)?;
            return self.sync_direct(&mut state);
        }
        Ok(())
    }

    fn allocate(&self, offset: u64, len: u64) -> io::Result<()> {
        self.rows.allocate(offset, len)
    }
}

impl Redo {
    /// Octets of the longest record.
    fn most(&self) -> u64 {
        REDO_RECORD.min(self.size / 4)
    }
}
