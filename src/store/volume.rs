//! The volumes under `bodies/`: who may append where, and what is cut away.
//!
//! | state of a volume | who appends | how it leaves |
//! |---|---|---|
//! | *fresh* | its borrower; no row names it yet | its first commit, or removed at the next opening |
//! | *idle* | nobody | lent |
//! | *lent* | one draft, the writer's group, or the reclaimer | given back; what was not committed is cut off |
//! | *suspect* | nobody more: a sync failed here | emptied by deletion and reclaiming |
//!
//! Bytes below the committed length never change. Those of small bodies come here behind the log (`redo`), when their commit is kept.

use std::{
    collections::BTreeMap,
    io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use super::{
    backend::Gate,
    codec::{In, Out},
    disk::{Disk, DiskFile},
    fault::Fault,
    rows::Volume,
};

/// Octets of a volume's header.
pub(super) const VOLUME_HEADER: u64 = 32;
/// A volume is not begun anew beyond this length.
pub(super) const VOLUME_MAX: u64 = 256 * 1024 * 1024;
/// The smallest limit, on small disks.
const VOLUME_MIN: u64 = 4 * 1024 * 1024;
const MAGIC: &[u8; 8] = b"GPVOLUME";
const VERSION: u32 = 1;
/// Files that stay open while nobody reads them.
const OPEN_FILES: usize = 64;

/// Writes a volume's header.
pub(super) fn volume_header(number: u32, mark: u64) -> Vec<u8> {
    let mut out = Out::default();
    out.0.extend(MAGIC);
    out.u32(VERSION);
    out.u32(number);
    out.u64(mark);
    out.u32(0);
    let sum = crc32c::crc32c(&out.0);
    out.u32(sum);
    out.0
}

/// Reads a header: number and mark.
pub(super) fn take_volume_header(bytes: &[u8]) -> Option<(u32, u64)> {
    let (part, sum) = bytes.get(..32)?.split_last_chunk::<4>()?;
    let rest = part.strip_prefix(MAGIC)?;
    if crc32c::crc32c(part) != u32::from_le_bytes(*sum) {
        return None;
    }
    let mut from = In(rest);
    (from.u32()? == VERSION).then_some(())?;
    Some((from.u32()?, from.u64()?))
}

/// The limit of a volume on a disk of this size: small disks have small volumes, so that copying one forward finds room.
pub(super) fn limit_for(total: u64) -> u64 {
    (total / 32).clamp(VOLUME_MIN, VOLUME_MAX)
}

/// A volume's file. A sync that failed is never made good by a later one: the system tells of octets that it could not write once, to
/// whoever syncs first, and forgets them. A draft that hears of it says nothing of the small bodies that only the log still has
/// (`redo`), so that the log must hear of it too before it is filled anew.
struct Wary {
    file: Arc<dyn DiskFile>,
    /// Held while it is synced: nobody is told that all is well between a failure and its note.
    failed: Mutex<bool>,
}

impl DiskFile for Wary {
    fn len(&self) -> io::Result<u64> {
        self.file.len()
    }
    fn read_at(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.file.read_at(offset, out)
    }
    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.file.write_at(offset, bytes)
    }
    fn set_len(&self, len: u64) -> io::Result<()> {
        self.file.set_len(len)
    }
    fn sync_data(&self) -> io::Result<()> {
        let mut failed = self.failed.lock().unwrap_or_else(PoisonError::into_inner);
        if *failed {
            return Err(io::Error::other("an earlier sync of this volume failed"));
        }
        let done = self.file.sync_data();
        *failed = done.is_err();
        done
    }
    fn allocate(&self, offset: u64, len: u64) -> io::Result<()> {
        self.file.allocate(offset, len)
    }
    fn punch(&self, offset: u64, len: u64) -> io::Result<()> {
        self.file.punch(offset, len)
    }
}

/// What the pool knows of one volume.
struct Slot {
    row: Volume,
    file: Option<Arc<dyn DiskFile>>,
    lent: bool,
    suspect: bool,
    /// Its name is not known to be on the disk yet.
    unsynced_name: bool,
    /// There was no row for it: its committed length is not known.
    unnamed: bool,
}

/// What is known of the volumes at opening.
pub(super) struct Known {
    pub rows: BTreeMap<u32, Volume>,
    /// Files without a row that may hold bodies.
    pub unnamed: Vec<u32>,
    pub next: u32,
}

struct Slots {
    by_number: BTreeMap<u32, Slot>,
    next: u32,
    returned: Vec<u32>,
}

/// All volumes of one opening of the mail disk.
pub(super) struct Pool {
    disk: Arc<dyn Disk>,
    dir: PathBuf,
    mark: u64,
    limit: u64,
    gate: Gate,
    slots: Mutex<Slots>,
}

/// A volume for one appender alone. Dropping it gives the volume back; the writer cuts off what was not committed.
pub(super) struct Lease {
    pool: Arc<Pool>,
    /// The volume.
    pub number: u32,
    /// Where the appender began: the committed length.
    pub start: u64,
    file: Arc<dyn DiskFile>,
}

impl Lease {
    /// Writes beyond the committed length; refused once the store gave this opening up.
    pub fn write_at(&self, offset: u64, bytes: &[u8]) -> Result<(), Fault> {
        debug_assert!(offset >= self.start, "committed bytes never change");
        self.pool.gate.pass(|| self.file.write_at(offset, bytes)).map_err(|error| self.failed(error, "writing a body"))
    }

    /// Reads what was written here, by whoever has the lease.
    pub fn read_at(&self, offset: u64, out: &mut [u8]) -> Result<(), Fault> {
        self.file.read_at(offset, out).map_err(|error| self.failed(error, "reading a body"))
    }

    /// fdatasync.
    pub fn sync(&self) -> Result<(), Fault> {
        // What the kernel has of the tail cannot be trusted any more: it is cut, and nothing is appended here again.
        self.pool.gate.pass(|| self.file.sync_data()).map_err(|error| self.failed(error, "fdatasync of a volume"))
    }

    fn failed(&self, error: io::Error, what: &str) -> Fault {
        let fault = Fault::from(error);
        if matches!(fault, Fault::Failed(_)) || what.starts_with("fdatasync") {
            self.pool.suspect(self.number);
        }
        fault.at(what)
    }

    /// Whether it is of this opening.
    pub fn is_of(&self, pool: &Arc<Pool>) -> bool {
        Arc::ptr_eq(&self.pool, pool)
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.pool.slots().returned.push(self.number);
    }
}

impl Pool {
    /// Knows the volumes that have rows. Nothing is touched yet.
    pub fn new(
        disk: Arc<dyn Disk>,
        dir: PathBuf,
        (mark, limit): (u64, u64),
        gate: Gate,
        Known { rows, unnamed, next }: Known,
    ) -> Self {
        let slot =
            |row, unnamed| Slot { row, file: None, lent: unnamed, suspect: unnamed, unsynced_name: false, unnamed };
        let empty = Volume { committed: VOLUME_HEADER, live: 0, bodies: 0 };
        let named = rows.into_iter().map(|(number, row)| (number, slot(row, false)));
        let unnamed = unnamed.into_iter().map(|number| (number, slot(empty, true)));
        let by_number = named.chain(unnamed).collect();
        let slots = Mutex::new(Slots { by_number, next, returned: Vec::new() });
        Pool { disk, dir, mark, limit, gate, slots }
    }

    fn slots(&self) -> MutexGuard<'_, Slots> {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A volume's file name.
    pub fn path(&self, number: u32) -> PathBuf {
        self.dir.join(name_of(number))
    }

    /// Where a group's volume is full.
    pub fn limit(&self) -> u64 {
        self.limit
    }

    /// The lowest number that was never used.
    pub fn next(&self) -> u32 {
        self.slots().next
    }

    fn open(&self, path: &Path, create: bool) -> io::Result<Arc<dyn DiskFile>> {
        Ok(Arc::new(Wary { file: self.disk.open(path, create)?, failed: Mutex::new(false) }))
    }

    /// The file of a volume, for reading.
    pub fn file(&self, number: u32) -> Result<Arc<dyn DiskFile>, Fault> {
        let mut slots = self.slots();
        let open = slots.by_number.values().filter(|slot| slot.file.is_some()).count();
        if open > OPEN_FILES {
            for slot in slots.by_number.values_mut() {
                slot.file.take_if(|file| Arc::strong_count(file) == 1);
            }
        }
        let slot = slots.by_number.get_mut(&number).ok_or(Fault::Missing)?;
        if let Some(file) = &slot.file {
            return Ok(file.clone());
        }
        let file = self.open(&self.path(number), false).map_err(|e| Fault::from(e).at("opening a volume"))?;
        slot.file = Some(file.clone());
        Ok(file)
    }

    /// Lends a volume whose committed length is at most `longest`; makes one if there is none.
    pub fn lend(self: &Arc<Self>, longest: u64) -> Result<Lease, Fault> {
        let fit = {
            let mut slots = self.slots();
            let fit = slots.by_number.iter_mut().find(|(_, s)| !s.lent && !s.suspect && s.row.committed <= longest);
            fit.map(|(number, slot)| {
                slot.lent = true;
                (*number, slot.row.committed)
            })
        };
        let Some((number, start)) = fit else { return self.make() };
        match self.file(number) {
            Ok(file) => Ok(Lease { pool: self.clone(), number, start, file }),
            Err(fault) => {
                // A volume that cannot be opened is for `check`; mail goes on in another.
                self.suspect(number);
                self.slots().returned.push(number);
                if fault == Fault::Full { Err(fault) } else { self.make() }
            }
        }
    }

    /// A new volume, lent.
    fn make(self: &Arc<Self>) -> Result<Lease, Fault> {
        let number = {
            let mut slots = self.slots();
            let number = slots.next;
            slots.next = number.checked_add(1).ok_or_else(|| Fault::Failed("no volume number is left".into()))?;
            number
        };
        let write = || {
            let file = self.open(&self.path(number), true)?;
            file.set_len(0)?;
            file.write_at(0, &volume_header(number, self.mark))?;
            Ok(file)
        };
        let file = self.gate.pass(write).map_err(|error| Fault::from(error).at("making a volume"))?;
        let row = Volume { committed: VOLUME_HEADER, live: 0, bodies: 0 };
        let slot =
            Slot { row, file: Some(file.clone()), lent: true, suspect: false, unsynced_name: true, unnamed: false };
        self.slots().by_number.insert(number, slot);
        Ok(Lease { pool: self.clone(), number, start: VOLUME_HEADER, file })
    }

    /// No more is appended to this volume: its pages may not be what the kernel says.
    pub fn suspect(&self, number: u32) {
        if let Some(slot) = self.slots().by_number.get_mut(&number) {
            slot.suspect = true;
        }
    }

    /// Numbers that are suspect; they stay so when the disk is opened again by the same process.
    pub fn suspects(&self) -> Vec<u32> {
        self.slots().by_number.iter().filter(|(_, slot)| slot.suspect).map(|(number, _)| *number).collect()
    }

    /// Makes the names of new volumes survive a power cut.
    pub fn sync_names(&self) -> Result<(), Fault> {
        if !self.slots().by_number.values().any(|slot| slot.unsynced_name) {
            return Ok(());
        }
        // Taken before the sync: a volume made meanwhile stays unsynced.
        let numbers: Vec<u32> =
            self.slots().by_number.iter().filter(|(_, slot)| slot.unsynced_name).map(|(number, _)| *number).collect();
        self.disk.sync_dir(&self.dir).map_err(|error| Fault::from(error).at("fsync of bodies/"))?;
        let mut slots = self.slots();
        for number in numbers {
            if let Some(slot) = slots.by_number.get_mut(&number) {
                slot.unsynced_name = false;
            }
        }
        Ok(())
    }

    /// A volume's row as the last commit left it.
    pub fn row(&self, number: u32) -> Option<Volume> {
        self.slots().by_number.get(&number).map(|slot| slot.row)
    }

    /// Takes over what a commit wrote.
    pub fn settle(&self, rows: &BTreeMap<u32, Volume>) {
        let mut slots = self.slots();
        for (number, row) in rows {
            if let Some(slot) = slots.by_number.get_mut(number) {
                slot.row = *row;
            }
        }
    }

    /// Takes back returned volumes and cuts off what was not committed. Only the writer calls it.
    pub fn sweep(&self) -> Result<(), Fault> {
        let returned = std::mem::take(&mut self.slots().returned);
        for number in returned {
            let Some(committed) = self.row(number).map(|row| row.committed) else { continue };
            let cut = self.file(number).and_then(|file| {
                let long = file.len()? > committed;
                if long {
                    self.gate.pass(|| file.set_len(committed))?;
                }
                Ok(())
            });
            let mut slots = self.slots();
            if let Some(slot) = slots.by_number.get_mut(&number) {
                slot.lent = false;
                slot.suspect |= cut.is_err();
            }
        }
        Ok(())
    }

    /// Every volume that nobody appends to: number and row.
    pub fn idle(&self) -> Vec<(u32, Volume)> {
        self.slots().by_number.iter().filter(|(_, s)| !s.lent).map(|(number, s)| (*number, s.row)).collect()
    }

    /// Volumes without a row that may hold bodies. Nobody appends to them.
    pub fn unnamed(&self) -> Vec<u32> {
        self.slots().by_number.iter().filter(|(_, slot)| slot.unnamed).map(|(number, _)| *number).collect()
    }

    /// Marks an idle volume as lent without opening it, so that it can be emptied; false when somebody appends to it.
    pub fn hold(&self, number: u32) -> bool {
        let mut slots = self.slots();
        let slot = slots.by_number.get_mut(&number).filter(|slot| !slot.lent);
        slot.map(|slot| slot.lent = true).is_some()
    }

    /// Lets a held volume go.
    pub fn release(&self, number: u32) {
        if let Some(slot) = self.slots().by_number.get_mut(&number) {
            slot.lent = slot.unnamed;
        }
    }

    /// Forgets a volume whose row is gone and removes its file; who has it open reads on.
    pub fn remove(&self, number: u32) -> Result<(), Fault> {
        self.slots().by_number.remove(&number);
        Ok(self.gate.pass(|| self.disk.remove(&self.path(number)))?)
    }

    /// Octets in volumes that no message needs any more.
    pub fn dead(&self) -> u64 {
        let slots = self.slots();
        let dead = |slot: &Slot| slot.row.committed.saturating_sub(VOLUME_HEADER).saturating_sub(slot.row.live);
        slots.by_number.values().map(dead).sum()
    }
}

/// `000007`
pub(super) fn name_of(number: u32) -> String {
    format!("{number:06}")
}

/// The number of a volume's file name.
pub(super) fn number_of(name: &str) -> Option<u32> {
    let digits = name.len() >= 6 && name.bytes().all(|b| b.is_ascii_digit());
    digits.then(|| name.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_comes_back_and_a_flipped_bit_does_not_pass() {
        let bytes = volume_header(7, 99);
        assert_eq!(bytes.len() as u64, VOLUME_HEADER);
        assert_eq!(take_volume_header(&bytes), Some((7, 99)));
        for bit in 0..bytes.len() * 8 {
            let mut bad = bytes.clone();
            bad[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(take_volume_header(&bad), None);
        }
    }

    #[test]
    fn small_disks_have_small_volumes() {
        assert_eq!(limit_for(160 << 20), 5 << 20);
        assert_eq!(limit_for(1 << 40), VOLUME_MAX);
    }
}
