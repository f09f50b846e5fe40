//! Reads `mail.log` after a stop that was not clean: what its commits did is done again. Doing it twice does no harm.

use std::{
    collections::{BTreeMap, btree_map::Entry},
    io::ErrorKind,
    path::Path,
    sync::Arc,
};

use super::{
    super::{disk::Disk, disk::DiskFile, fault::Fault, mail::bodies_dir, volume::name_of},
    NAME, Told,
    record::{Head, PAGE, Piece, Record},
};
use crate::limits::REDO_RECORD;

/// Pages that are looked through at once for the next record.
const WINDOW: usize = 16;

/// What a log held.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// Octets of the log; None: there is none.
    pub len: Option<u64>,
    /// Commits in it that count.
    pub commits: u64,
    /// What is wrong with it. A record that was cut off at the end is not: nobody was told Ok for it.
    pub damage: Option<String>,
    /// It begins with a later filling than the rows know: they are older than they were.
    pub ahead: bool,
}

/// Gives every record of a filling (if that is not known: of the first that is there), in order. Behind a damaged one it goes on with the
/// next that is whole.
pub fn walk(
    log: &dyn DiskFile,
    (filling, told): (Option<u64>, Option<Told>),
    each: &mut dyn FnMut(&Record<'_>) -> Result<(), Fault>,
) -> Result<Found, Fault> {
    let size = log.len()?;
    let mut found = Found { len: Some(size), ..Found::default() };
    let first = first(log, size)?;
    let Some(filling) = filling.or(first) else { return Ok(found) };
    found.ahead = first.is_some_and(|first| first > filling);
    let end = told.filter(|told| told.filling == filling).map_or(u64::MAX, |told| told.commits);
    let (mut at, mut number) = (0, 0);
    while at < size && number < end {
        let octets = whole(log, at, size, |head| (head.filling, head.number) == (filling, number))?;
        let Some(record) = octets.as_deref().and_then(Record::decode) else {
            let Some((place, next)) = later(log, (at + PAGE, size), (filling, number))? else { break };
            found.damage = Some(format!("{NAME}: no record at {at}, but commit {next} of it is whole at {place}"));
            (at, number) = (place, next);
            continue;
        };
        each(&record)?;
        found.commits += 1;
        number += 1;
        at += octets.as_ref().map_or(PAGE, |octets| octets.len() as u64);
    }
    Ok(found)
}

/// The filling that the log begins with.
fn first(log: &dyn DiskFile, size: u64) -> Result<Option<u64>, Fault> {
    let octets = whole(log, 0, size, |head| head.number == 0)?;
    Ok(octets.as_deref().and_then(Record::decode).map(|record| record.filling))
}

/// The octets of the record that must stand here; its sum is still to be looked at.
fn whole(log: &dyn DiskFile, at: u64, size: u64, is_wanted: impl Fn(&Head) -> bool) -> Result<Option<Vec<u8>>, Fault> {
    let mut page = vec![0; usize::try_from((size - at).min(PAGE)).unwrap_or(0)];
    log.read_at(at, &mut page)?;
    let head = Head::decode(&page).filter(is_wanted);
    let Some(head) = head.filter(|head| head.size() <= size - at) else { return Ok(None) };
    let mut octets = vec![0; usize::try_from(head.size()).unwrap_or(0)];
    log.read_at(at, &mut octets)?;
    Ok(Some(octets))
}

/// A later record of the same filling, as far away as the longest record is long.
fn later(
    log: &dyn DiskFile,
    (from, size): (u64, u64),
    (filling, least): (u64, u64),
) -> Result<Option<(u64, u64)>, Fault> {
    let end = size.min(from + REDO_RECORD);
    let mut window = vec![0; WINDOW * PAGE as usize];
    for start in (from..end).step_by(window.len()) {
        let part = usize::try_from(size - start).unwrap_or(0).min(window.len());
        log.read_at(start, &mut window[..part])?;
        for (at, page) in (start..end).step_by(PAGE as usize).zip(window[..part].chunks(PAGE as usize)) {
            let is_later = |head: &Head| head.filling == filling && head.number > least;
            let Some(Head { number, .. }) = Head::decode(page).filter(is_later) else { continue };
            let octets = whole(log, at, size, |head| (head.filling, head.number) == (filling, number))?;
            if octets.as_deref().and_then(Record::decode).is_some() {
                return Ok(Some((at, number)));
            }
        }
    }
    Ok(None)
}

/// Does again what the log has of a filling (of what was `told`, if that is known): bodies here, notes by `rows`. The volumes are synced.
pub fn redo(
    disk: &dyn Disk,
    dir: &Path,
    (filling, told): (u64, Option<Told>),
    rows: &mut dyn FnMut(&[u8]) -> Result<(), Fault>,
) -> Result<Found, Fault> {
    let Some(log) = opened(disk, dir)? else { return Ok(Found::default()) };
    let mut volumes = Volumes::default();
    let found = walk(&*log, (Some(filling), told), &mut |record| {
        volumes.put(&record.bodies, |number| volume(disk, dir, number))?;
        rows(record.notes)
    })?;
    for file in volumes.0.values().flatten() {
        file.sync_data()?;
    }
    Ok(found)
}

/// The log; None: there is none.
pub fn opened(disk: &dyn Disk, dir: &Path) -> Result<Option<Arc<dyn DiskFile>>, Fault> {
    if !disk.list(dir)?.iter().any(|name| name == NAME) {
        return Ok(None);
    }
    Ok(Some(disk.open(&dir.join(NAME), false)?))
}

/// A volume's file; None: there is none of this number.
pub fn volume(disk: &dyn Disk, dir: &Path, number: u32) -> Result<Option<Arc<dyn DiskFile>>, Fault> {
    match disk.open(&bodies_dir(dir).join(name_of(number)), false) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        file => Ok(Some(file?)),
    }
}

/// The volumes that a log has bodies for, each opened for the first of them. None: one that is not there. It was removed when its last row
/// was, and a later commit says so.
#[derive(Default)]
pub struct Volumes(BTreeMap<u32, Option<Arc<dyn DiskFile>>>);

impl Volumes {
    /// Puts a record's bodies into their volumes.
    pub fn put(
        &mut self,
        bodies: &[Piece<'_>],
        open: impl Fn(u32) -> Result<Option<Arc<dyn DiskFile>>, Fault>,
    ) -> Result<(), Fault> {
        for body in bodies {
            let file = match self.0.entry(body.volume) {
                Entry::Occupied(known) => known.into_mut(),
                Entry::Vacant(new) => new.insert(open(body.volume)?),
            };
            if let Some(file) = file {
                file.write_at(body.at, body.octets)?;
            }
        }
        Ok(())
    }

    /// A volume that it has bodies for.
    pub fn get(&self, number: u32) -> Option<Arc<dyn DiskFile>> {
        self.0.get(&number)?.clone()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::{io, sync::Mutex};

    use super::{super::record::Piece, *};

    #[derive(Default)]
    struct Memory(Mutex<Vec<u8>>);

    impl DiskFile for Memory {
        fn len(&self) -> io::Result<u64> {
            Ok(self.0.lock().unwrap().len() as u64)
        }
        fn read_at(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
            let from = usize::try_from(offset).unwrap();
            out.copy_from_slice(
                self.0.lock().unwrap().get(from..from + out.len()).ok_or(io::ErrorKind::UnexpectedEof)?,
            );
            Ok(())
        }
        fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
            let from = usize::try_from(offset).unwrap();
            let mut all = self.0.lock().unwrap();
            let len = all.len().max(from + bytes.len());
            all.resize(len, 0);
            all[from..from + bytes.len()].copy_from_slice(bytes);
            Ok(())
        }
        fn set_len(&self, len: u64) -> io::Result<()> {
            self.0.lock().unwrap().resize(usize::try_from(len).unwrap(), 0);
            Ok(())
        }
        fn sync_data(&self) -> io::Result<()> {
            Ok(())
        }
        fn allocate(&self, _: u64, _: u64) -> io::Result<()> {
            Ok(())
        }
    }

    /// Records of a filling, each of `n` pages; gives where each begins.
    fn fill(log: &Memory, filling: u64, pages: &[usize]) -> Vec<u64> {
        let mut at = 0;
        let mut places = Vec::new();
        for (number, pages) in (0..).zip(pages) {
            let octets = vec![number as u8 + 1; pages * PAGE as usize - 100];
            let bodies = vec![Piece { volume: 3, at: filling, octets: &octets }];
            let bytes = Record { filling, number, notes: b"notes", bodies }.encode();
            log.write_at(at, &bytes).unwrap();
            places.push(at);
            at += bytes.len() as u64;
        }
        places
    }

    fn walked(log: &Memory, wanted: (Option<u64>, Option<Told>)) -> (Vec<(u64, u64)>, Found) {
        let mut seen = Vec::new();
        let found = walk(log, wanted, &mut |record| {
            assert_eq!(record.notes, b"notes");
            seen.push((record.filling, record.number));
            Ok(())
        });
        (seen, found.unwrap())
    }

    fn new(pages: u64) -> Memory {
        let log = Memory::default();
        log.set_len(pages * PAGE).unwrap();
        log
    }

    #[test]
    fn a_log_that_was_never_begun_holds_nothing() {
        for pages in [0, 1, 300] {
            let found = Found { len: Some(pages * PAGE), ..Found::default() };
            for filling in [None, Some(7)] {
                assert_eq!(walked(&new(pages), (filling, None)), (Vec::new(), found.clone()));
            }
        }
    }

    #[test]
    fn records_come_in_order_and_what_was_cut_off_at_the_end_is_no_damage() {
        let log = new(100);
        let places = fill(&log, 7, &[1, 5, 2, 3]);
        for filling in [None, Some(7)] {
            let (seen, found) = walked(&log, (filling, None));
            assert_eq!(seen, [(7, 0), (7, 1), (7, 2), (7, 3)]);
            assert_eq!(found, Found { len: Some(100 * PAGE), commits: 4, damage: None, ahead: false });
        }
        for at in (places[3]..places[3] + 3 * PAGE).step_by(500) {
            log.write_at(at, &[0x55; 500]).unwrap();
            let (seen, found) = walked(&log, (Some(7), None));
            assert_eq!((seen.len(), found.commits, found.damage), (3, 3, None));
        }
    }

    #[test]
    fn only_records_of_the_filling_that_the_rows_name_are_given() {
        let log = new(100);
        fill(&log, 7, &[2; 20]);
        // The rows have all of it: the next filling has nothing yet.
        let (seen, found) = walked(&log, (Some(8), None));
        assert_eq!((seen.len(), found.damage, found.ahead), (0, None, false));
        fill(&log, 8, &[2; 3]);
        let (seen, found) = walked(&log, (Some(8), None));
        assert_eq!((seen, found.damage, found.ahead), (vec![(8, 0), (8, 1), (8, 2)], None, false));
        // Rows that went back know nothing of what came since.
        assert!(walked(&log, (Some(7), None)).1.ahead);
    }

    #[test]
    fn a_damaged_record_before_whole_ones_is_told_and_the_others_are_given() {
        for damaged in [0, 1] {
            let log = new(100);
            let places = fill(&log, 7, &[3, 40, 2, 3]);
            log.write_at(places[damaged] + 9, &[0xff]).unwrap();
            let (seen, found) = walked(&log, (Some(7), None));
            assert_eq!(seen.len(), 3);
            assert!(!seen.contains(&(7, damaged as u64)));
            assert!(found.damage.unwrap().contains("mail.log: no record at"));
        }
    }

    #[test]
    fn what_nobody_was_told_ok_for_is_not_redone_by_the_process_that_knows() {
        let log = new(100);
        fill(&log, 7, &[1, 1, 1]);
        assert_eq!(walked(&log, (Some(7), Some(Told { filling: 7, commits: 2 }))).0, [(7, 0), (7, 1)]);
        assert_eq!(walked(&log, (Some(7), Some(Told { filling: 6, commits: 2 }))).0.len(), 3);
    }
}
