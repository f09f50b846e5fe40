//! `salvage`: a new store from raw volumes. Every record that is whole is given back: to the folders, with the flags, that a
//! row of the old `mail.redb` still names (`ledger`), or else to the mailboxes it was committed for. What was deleted since then
//! comes back too: a row that is not there may be a row that is lost. Not so the queue: where all of its rows can be read, only they
//! wait on; where not, what a record says was to be sent comes back held, because it may have been delivered long ago.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    sync::Arc,
};

use redb::ReadableDatabase;

use super::{
    Delivery, Disk, DiskFile, Places, StoreError,
    apply::{Change, Placed, apply},
    fault::Fault,
    ledger::Ledger,
    mail::{self, Mail, bodies_dir},
    queue::Queued,
    record::{
        BLOCK, HEADER, Header, MAGIC, SUM, Trailer, block_start, blocks_end, put_trailer, take_trailer, whole_block,
    },
    rows::{self, Body},
    views::Views,
    volume::{Lease, VOLUME_HEADER, number_of, take_volume_header},
};
use crate::types::{BodyId, Hold, UnixTime, set_of};

/// Octets that are looked through at once for the next record.
const WINDOW: usize = 256 * 1024;
/// Records of one transaction of the new store.
const GROUP: usize = 200;
/// A file that is copied is copied in pieces of this many octets.
const PIECE: usize = 64 * 1024;

/// What was found and rebuilt.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Salvaged {
    /// Volumes that were looked through.
    pub volumes: u64,
    /// Bodies that were rebuilt.
    pub bodies: u64,
    /// Copies in mailboxes.
    pub messages: u64,
    /// Queue rows, those that are held too.
    pub queued: u64,
    /// Queue rows that are held because nobody knows whether they were delivered.
    pub held: u64,
    /// Octets of the bodies.
    pub octets: u64,
    /// Bodies whose recipients are damaged: they are in `recovered/ID.eml`.
    pub strays: u64,
    /// Places where a record was and is damaged; what of it can be told.
    pub damaged: Vec<String>,
}

/// Scans the volumes of `from` and makes a new store in `to` (whose mail directory must hold none). The state directory's
/// `system.redb` is copied when `to` has another one. `progress` hears octets of volumes scanned so far.
pub fn salvage(
    disk: &Arc<dyn Disk>,
    from: &Places,
    to: &Places,
    now: UnixTime,
    progress: &mut dyn FnMut(u64),
) -> Result<Salvaged, StoreError> {
    run(disk, from, to, now, progress).map_err(|fault| fault.told())
}

fn run(
    disk: &Arc<dyn Disk>,
    from: &Places,
    to: &Places,
    now: UnixTime,
    progress: &mut dyn FnMut(u64),
) -> Result<Salvaged, Fault> {
    disk.make_dir(&to.mail)?;
    if from.mail == to.mail || disk.list(&to.mail)?.iter().any(|name| name == "mail.redb") {
        return Err(Fault::Failed(format!("{} holds a store; salvage makes a new one", to.mail.display())));
    }
    let _old = mail::lock(&**disk, &from.mail)?;
    copy_system(&**disk, from, to)?;
    let views = Views::read(&**disk, &from.mail);
    let files = volumes_of(&**disk, &bodies_dir(&from.mail), &views)?;
    let mut rescue = Rescue::begin(disk, to, now, marks_of(&files))?;
    rescue.report.damaged.extend(views.damage.clone());
    rescue.folders(Ledger::read(&**disk, &from.mail, &views))?;
    let mut scanned = 0;
    for (name, file) in &files {
        rescue.volume(name, &**file, scanned, progress)?;
        scanned += file.len()?;
    }
    rescue.commit()?;
    let Rescue { mail, report, .. } = rescue;
    mail.settle()?;
    drop(mail);
    disk.sync_dir(&to.mail)?;
    Ok(report)
}

fn copy_system(disk: &dyn Disk, from: &Places, to: &Places) -> Result<(), Fault> {
    disk.make_dir(&to.state)?;
    let has = |dir: &Path| disk.list(dir).is_ok_and(|names| names.iter().any(|name| name == "system.redb"));
    if from.state == to.state || has(&to.state) || !has(&from.state) {
        return Ok(());
    }
    let old = disk.open(&from.state.join("system.redb"), false)?;
    let new = disk.open(&to.state.join("system.redb"), true)?;
    let (len, mut at) = (old.len()?, 0);
    let mut piece = vec![0; PIECE];
    while at < len {
        let part = usize::try_from(len - at).unwrap_or(PIECE).min(PIECE);
        old.read_at(at, &mut piece[..part])?;
        new.write_at(at, &piece[..part])?;
        at += part as u64;
    }
    new.sync_data()?;
    Ok(disk.sync_dir(&to.state)?)
}

type Files = Vec<(String, Arc<dyn DiskFile>)>;

fn volumes_of(disk: &dyn Disk, dir: &Path, views: &Views) -> Result<Files, Fault> {
    let mut files = Vec::new();
    for name in disk.list(dir)? {
        if let Some(number) = number_of(&name) {
            let file = disk.open(&dir.join(&name), false)?;
            files.push((name, views.over(number, file)));
        }
    }
    Ok(files)
}

/// The marks of whole volume headers; if none is whole, those of the first records. Only records with one of them are believed.
fn marks_of(files: &Files) -> BTreeSet<u64> {
    let head = |file: &dyn DiskFile, at: u64, len: usize| {
        let mut bytes = vec![0; len];
        file.read_at(at, &mut bytes).ok().map(|()| bytes)
    };
    let volumes = files
        .iter()
        .filter_map(|(_, file)| take_volume_header(&head(&**file, 0, VOLUME_HEADER as usize)?).map(|(_, mark)| mark));
    let marks = set_of(volumes);
    if !marks.is_empty() {
        return marks;
    }
    let records =
        files.iter().filter_map(|(_, file)| Header::decode(&head(&**file, VOLUME_HEADER, HEADER)?).map(|h| h.mark));
    set_of(records)
}

/// Who a body is for now.
struct Recipients {
    deliveries: Vec<Delivery>,
    queue: Vec<Queued>,
}

/// The new store while it is made.
struct Rescue {
    mail: Arc<Mail>,
    disk: Arc<dyn Disk>,
    strays: PathBuf,
    marks: BTreeSet<u64>,
    ledger: Ledger,
    now: UnixTime,
    target: Option<(Lease, u64)>,
    group: Vec<Placed>,
    ids: BTreeSet<u64>,
    next_body: u64,
    report: Salvaged,
}

impl Rescue {
    fn begin(disk: &Arc<dyn Disk>, to: &Places, now: UnixTime, marks: BTreeSet<u64>) -> Result<Rescue, Fault> {
        let opened = Mail::open(disk, to, (None, None), now)?;
        Ok(Rescue {
            mail: Arc::new(opened.mail),
            disk: disk.clone(),
            strays: to.mail.join("recovered"),
            marks,
            ledger: Ledger::default(),
            now,
            target: None,
            group: Vec::new(),
            ids: BTreeSet::new(),
            next_body: opened.house.next_body,
            report: Salvaged::default(),
        })
    }

    /// The folders that are still known, also the empty ones.
    fn folders(&mut self, ledger: Ledger) -> Result<(), Fault> {
        let changes: Vec<Change> =
            ledger.folders().into_iter().map(|(mailbox, work)| Change::Folders(mailbox, work)).collect();
        let changes: Vec<&Change> = changes.iter().collect();
        self.ledger = ledger;
        apply(&self.mail, &changes, self.now, self.next_body)?.map(|_| ()).map_err(|aside| aside.1)
    }

    /// One volume from its first to its last octet.
    fn volume(
        &mut self,
        name: &str,
        file: &dyn DiskFile,
        before: u64,
        progress: &mut dyn FnMut(u64),
    ) -> Result<(), Fault> {
        self.report.volumes += 1;
        let len = file.len()?;
        let mut at = VOLUME_HEADER;
        while at < len {
            let mut head = [0; HEADER];
            let header = file.read_at(at, &mut head).ok().and_then(|()| Header::decode(&head));
            let header = header.filter(|h| self.marks.contains(&h.mark) && h.record_len() <= len - at);
            match header {
                Some(header) => {
                    self.record(name, file, at, &header)?;
                    at += header.record_len();
                }
                None => {
                    let next = next_magic(file, at + 1, len);
                    if !is_hole(file, at, next) {
                        self.report.damaged.push(format!("volume {name}: no record from {at} to {next}"));
                    }
                    at = next;
                }
            }
            progress(before + at);
        }
        Ok(())
    }

    /// A record whose header is whole: copied if all of it is.
    fn record(&mut self, name: &str, file: &dyn DiskFile, at: u64, header: &Header) -> Result<(), Fault> {
        if self.is_there(header.body)? {
            return Ok(());
        }
        let mut tail = vec![0; header.trailer as usize];
        let read = file.read_at(at + blocks_end(header.len), &mut tail);
        let trailer = read.ok().and_then(|()| take_trailer(header.body, &tail));
        let recipients = self.recipients(header, trailer);
        // The new trailer says what is so now, for the next salvage.
        if let Some(Recipients { deliveries, queue }) = &recipients {
            if deliveries.is_empty() && queue.is_empty() {
                return Ok(());
            }
            tail = put_trailer(header.body, deliveries, queue.iter().map(|row| &row.leaving));
        }
        let header = &Header { trailer: u32::try_from(tail.len()).map_err(|_| Fault::Missing)?, ..*header };
        let start = self.room_for(header.record_len())?;
        let Some(digest) = self.copy_blocks(file, at, header, start)? else {
            let Header { body, len, .. } = header;
            self.report.damaged.push(format!("volume {name}: body {} of {len} octets at {at} is damaged", body.0));
            return Ok(());
        };
        match recipients {
            Some(recipients) => self.keep(header, digest, &tail, recipients, start),
            None => self.stray(file, at, header),
        }
    }

    /// Where the message is now, or where it was committed to; None when nothing of that can be read.
    fn recipients(&self, header: &Header, trailer: Option<Trailer>) -> Option<Recipients> {
        let mut deliveries = self.ledger.deliveries(header.body);
        let mut queue = self.ledger.queued(header.body).to_vec();
        let Some(trailer) = trailer else {
            return Some(Recipients { deliveries, queue }).filter(|r| !r.deliveries.is_empty() || !r.queue.is_empty());
        };
        if deliveries.is_empty() {
            deliveries = trailer.deliveries;
        }
        if !self.ledger.knows_queue {
            let known = set_of(queue.iter().map(|row| row.leaving.to.clone()));
            let lost = trailer.queue.into_iter().filter(|leaving| !known.contains(&leaving.to));
            let held =
                |leaving| Queued { hold: Hold::Held, ..Queued::new(header.body, header.len, header.date, leaving) };
            queue.extend(lost.map(held));
        }
        Some(Recipients { deliveries, queue })
    }

    fn is_there(&self, id: BodyId) -> Result<bool, Fault> {
        let table = self.mail.db.begin_read()?.open_table(rows::BODIES)?;
        Ok(self.ids.contains(&id.0) || table.get(id.0)?.is_some())
    }

    fn room_for(&mut self, record: u64) -> Result<u64, Fault> {
        let limit = self.mail.pool.limit();
        if let Some((_, at)) = self.target.as_ref().filter(|(_, at)| at + record <= limit) {
            return Ok(*at);
        }
        self.commit()?;
        self.target = None;
        let lease = self.mail.pool.lend(limit.saturating_sub(record))?;
        let start = lease.start;
        self.target = Some((lease, start));
        Ok(start)
    }

    /// Copies the blocks and gives their digest; None when one is damaged (what was copied is written over).
    fn copy_blocks(&self, file: &dyn DiskFile, at: u64, header: &Header, start: u64) -> Result<Option<u32>, Fault> {
        let Some((lease, _)) = &self.target else { return Err(Fault::Missing) };
        let (mut digest, mut bytes) = (0, Vec::new());
        for number in 0..header.len.div_ceil(BLOCK as u64) {
            let octets = (header.len - number * BLOCK as u64).min(BLOCK as u64);
            bytes.resize(usize::try_from(octets).unwrap_or(0) + SUM, 0);
            if file.read_at(at + block_start(number), &mut bytes).is_err() {
                return Ok(None);
            }
            let Some(whole) = whole_block(header.body, number, &bytes) else { return Ok(None) };
            digest = crc32c::crc32c_append(digest, whole);
            lease.write_at(start + block_start(number), &bytes)?;
        }
        Ok(Some(digest).filter(|digest| *digest == header.digest))
    }

    fn keep(
        &mut self,
        header: &Header,
        digest: u32,
        tail: &[u8],
        Recipients { deliveries, queue }: Recipients,
        start: u64,
    ) -> Result<(), Fault> {
        let Some((lease, at)) = &mut self.target else { return Err(Fault::Missing) };
        lease.write_at(start + blocks_end(header.len), tail)?;
        lease.write_at(start, &Header { mark: self.mail.mark, ..*header }.encode())?;
        let (id, len, record) = (header.body, header.len, header.record_len());
        *at = start + record;
        let body = Body { volume: lease.number, offset: start, len, record, links: 0, digest };
        self.ids.insert(id.0);
        self.next_body = self.next_body.max(id.0 + 1);
        self.report.bodies += 1;
        self.report.octets += len;
        self.report.messages += deliveries.len() as u64;
        self.report.queued += queue.len() as u64;
        self.report.held += queue.iter().filter(|row| row.hold == Hold::Held).count() as u64;
        let (octets, date) = (Vec::new(), header.date);
        self.group.push(Placed { id, body, deliveries, queue, date, derived: None, octets, _lease: None });
        if self.group.len() >= GROUP { self.commit() } else { Ok(()) }
    }

    /// A whole body that nobody knows the recipients of.
    fn stray(&mut self, file: &dyn DiskFile, at: u64, header: &Header) -> Result<(), Fault> {
        self.disk.make_dir(&self.strays)?;
        let out = self.disk.open(&self.strays.join(format!("{}.eml", header.body.0)), true)?;
        let mut bytes = vec![0; BLOCK];
        for number in 0..header.len.div_ceil(BLOCK as u64) {
            let from = number * BLOCK as u64;
            bytes.resize(usize::try_from((header.len - from).min(BLOCK as u64)).unwrap_or(0), 0);
            file.read_at(at + block_start(number), &mut bytes)?;
            out.write_at(from, &bytes)?;
        }
        out.sync_data()?;
        self.report.strays += 1;
        Ok(())
    }

    /// The group's records are synced, then their rows are committed: the same order as the writer's.
    fn commit(&mut self) -> Result<(), Fault> {
        if self.group.is_empty() {
            return Ok(());
        }
        if let Some((lease, _)) = &self.target {
            lease.sync()?;
        }
        self.mail.pool.sync_names()?;
        let change = Change::Commit(std::mem::take(&mut self.group), Vec::new());
        let applied = apply(&self.mail, &[&change], self.now, self.next_body)?.map_err(|aside| aside.1)?;
        self.mail.pool.settle(&applied.volumes);
        self.ids.clear();
        Ok(())
    }
}

/// Whether there are only zeros: what was given back to the file system while the volume was emptied.
fn is_hole(file: &dyn DiskFile, from: u64, to: u64) -> bool {
    let mut window = vec![0; WINDOW];
    (from..to).step_by(WINDOW).all(|at| {
        let part = usize::try_from(to - at).unwrap_or(WINDOW).min(WINDOW);
        file.read_at(at, &mut window[..part]).is_ok() && window[..part].iter().all(|octet| *octet == 0)
    })
}

/// Where the next record may begin: the next magic, or the end.
fn next_magic(file: &dyn DiskFile, from: u64, len: u64) -> u64 {
    let mut at = from;
    let mut window = vec![0; WINDOW];
    while at < len {
        let part = usize::try_from(len - at).unwrap_or(WINDOW).min(WINDOW);
        let part = &mut window[..part];
        // What cannot be read is passed over sector by sector.
        if file.read_at(at, part).is_err() {
            if part.len() > 512 {
                window.truncate(512);
            } else {
                at += 512;
            }
            continue;
        }
        if let Some(found) = part.windows(MAGIC.len()).position(|w| w == MAGIC) {
            return at + found as u64;
        }
        if part.len() as u64 >= len - at {
            break;
        }
        at += (part.len() - (MAGIC.len() - 1)) as u64;
    }
    len
}
