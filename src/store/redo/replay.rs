//! Reads `mail.log` after a stop that was not clean: what its commits wrote is written again. Writing it twice does no harm.

use std::{
    collections::{BTreeMap, btree_map::Entry},
    path::Path,
    sync::Arc,
};

use super::{
    super::{disk::Disk, disk::DiskFile, fault::Fault, mail::bodies_dir, shadow::Shadow, volume::name_of},
    NAME, ROWS, Told,
    record::{Head, PAGE, Record, Target, decode_mark},
};
use crate::limits::REDO_RECORD;

/// Where the first record begins, behind the two marks.
pub const FIRST: u64 = 2 * PAGE;
/// Pages that are looked through at once for the next record.
const WINDOW: usize = 16;

/// What a log held.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// The filling that counts; None: there is no log.
    pub filling: Option<u64>,
    /// Commits in it.
    pub commits: u64,
    /// What is wrong with it. A record that was cut off at the end is not: nobody was told Ok for it.
    pub damage: Option<String>,
}

/// Gives every record that counts, in order. Behind a damaged one it goes on with the next that is whole.
pub fn walk(
    log: &dyn DiskFile,
    told: Option<Told>,
    each: &mut dyn FnMut(&Record<'_>) -> Result<(), Fault>,
) -> Result<Found, Fault> {
    let size = log.len()?;
    let mut found = Found::default();
    let mut begin = vec![0; usize::try_from(size.min(FIRST)).unwrap_or(0)];
    log.read_at(0, &mut begin)?;
    let marks = [0, PAGE as usize].map(|at| begin.get(at..).and_then(decode_mark));
    let Some(filling) = marks.into_iter().flatten().max() else {
        let written = begin.iter().any(|octet| *octet != 0);
        found.damage = written.then(|| format!("{NAME}: neither of its marks can be read"));
        return Ok(found);
    };
    found.filling = Some(filling);
    let end = told.filter(|told| told.filling == filling).map_or(u64::MAX, |told| told.commits);
    let (mut at, mut number) = (FIRST, 0);
    while at < size && number < end {
        let octets = whole(log, at, size, (filling, number))?;
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

/// The octets of the record that must stand here; its sum is still to be looked at.
fn whole(log: &dyn DiskFile, at: u64, size: u64, wanted: (u64, u64)) -> Result<Option<Vec<u8>>, Fault> {
    let mut page = vec![0; usize::try_from((size - at).min(PAGE)).unwrap_or(0)];
    log.read_at(at, &mut page)?;
    let head = Head::decode(&page).filter(|head| (head.filling, head.number) == wanted);
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
            let head = Head::decode(page).filter(|head| head.filling == filling && head.number > least);
            let Some(Head { number, .. }) = head else { continue };
            let octets = whole(log, at, size, (filling, number))?;
            if octets.as_deref().and_then(Record::decode).is_some() {
                return Ok(Some((at, number)));
            }
        }
    }
    Ok(None)
}

/// Files by what they are; None: a volume that is not there. It was removed when its last row was, and a later commit says so.
#[derive(Default)]
pub struct Files(pub BTreeMap<Target, Option<Arc<dyn DiskFile>>>);

impl Files {
    /// Does again what the record says, in files that `open` gives.
    fn redo(
        &mut self,
        record: &Record<'_>,
        open: &dyn Fn(Target) -> Result<Option<Arc<dyn DiskFile>>, Fault>,
    ) -> Result<(), Fault> {
        for piece in &record.pieces {
            let file = match self.0.entry(piece.target) {
                Entry::Occupied(known) => known.into_mut(),
                Entry::Vacant(new) => new.insert(open(piece.target)?),
            };
            let Some(file) = file else { continue };
            if piece.target == Target::Rows && file.len()? < record.rows {
                file.set_len(record.rows)?;
            }
            file.write_at(piece.at, &piece.whole())?;
        }
        Ok(())
    }
}

fn opened(disk: &dyn Disk, dir: &Path, target: Target) -> Result<Option<Arc<dyn DiskFile>>, Fault> {
    let path = match target {
        Target::Rows => dir.join(ROWS),
        Target::Volume(number) => bodies_dir(dir).join(name_of(number)),
    };
    match disk.open(&path, false) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        file => Ok(Some(file?)),
    }
}

/// Writes what the log holds into the files where it belongs, and syncs them.
pub fn redo(disk: &dyn Disk, dir: &Path, log: &dyn DiskFile, told: Option<Told>) -> Result<Found, Fault> {
    let mut files = Files::default();
    let found = walk(log, told, &mut |record| files.redo(record, &|target| opened(disk, dir, target)))?;
    for file in files.0.values().flatten() {
        file.sync_data()?;
    }
    Ok(found)
}

/// The files of a stopped store as they will be when the log was redone. Nothing is changed.
#[derive(Default)]
pub struct Views {
    files: Files,
    pub found: Found,
}

impl Views {
    /// Reads the log, if there is one. What could be read of one that is damaged counts.
    pub fn read(disk: &dyn Disk, dir: &Path) -> Views {
        let mut views = Views::default();
        if let Err(fault) = views.read_log(disk, dir) {
            views.found.damage = Some(format!("{NAME}: {}", fault.told()));
        }
        views
    }

    fn read_log(&mut self, disk: &dyn Disk, dir: &Path) -> Result<(), Fault> {
        if !disk.list(dir)?.iter().any(|name| name == NAME) {
            return Ok(());
        }
        let log = disk.open(&dir.join(NAME), false)?;
        let open = |target| {
            let file = opened(disk, dir, target)?;
            let shadow = |file| Ok::<Arc<dyn DiskFile>, Fault>(Arc::new(Shadow::over(file)?));
            file.map(shadow).transpose()
        };
        self.found = walk(&*log, None, &mut |record| self.files.redo(record, &open))?;
        Ok(())
    }

    /// A file with what the log has of it over it.
    pub fn over(&self, target: Target, file: Arc<dyn DiskFile>) -> Arc<dyn DiskFile> {
        self.files.0.get(&target).and_then(Clone::clone).unwrap_or(file)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::{io, sync::Mutex};

    use super::{
        super::record::{Piece, encode_mark},
        *,
    };

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
        let mark = encode_mark(filling);
        log.write_at(0, &mark).unwrap();
        log.write_at(PAGE, &mark).unwrap();
        let mut at = FIRST;
        let mut places = Vec::new();
        for (number, pages) in (0..).zip(pages) {
            let octets = vec![number as u8 + 1; pages * PAGE as usize - 100];
            let pieces = vec![Piece::new(Target::Volume(3), filling, &octets)];
            let bytes = Record { filling, number, rows: 0, pieces }.encode();
            log.write_at(at, &bytes).unwrap();
            places.push(at);
            at += bytes.len() as u64;
        }
        places
    }

    fn walked(log: &Memory, told: Option<Told>) -> (Vec<(u64, u64)>, Found) {
        let mut seen = Vec::new();
        let found = walk(log, told, &mut |record| {
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
        for log in [new(0), new(1), new(300)] {
            assert_eq!(walked(&log, None), (Vec::new(), Found::default()));
        }
    }

    #[test]
    fn records_come_in_order_and_what_was_cut_off_at_the_end_is_no_damage() {
        let log = new(100);
        let places = fill(&log, 7, &[1, 5, 2, 3]);
        let (seen, found) = walked(&log, None);
        assert_eq!(seen, [(7, 0), (7, 1), (7, 2), (7, 3)]);
        assert_eq!(found, Found { filling: Some(7), commits: 4, damage: None });
        for at in (places[3]..places[3] + 3 * PAGE).step_by(500) {
            log.write_at(at, &[0x55; 500]).unwrap();
            let (seen, found) = walked(&log, None);
            assert_eq!((seen.len(), found.commits, found.damage), (3, 3, None));
        }
    }

    #[test]
    fn records_of_an_older_filling_are_never_taken_for_new_ones() {
        let log = new(100);
        fill(&log, 7, &[2; 20]);
        fill(&log, 8, &[2; 3]);
        let (seen, found) = walked(&log, None);
        assert_eq!((seen, found.damage), (vec![(8, 0), (8, 1), (8, 2)], None));
        // The filling was begun and nothing written into it.
        fill(&log, 9, &[]);
        assert_eq!(walked(&log, None).1, Found { filling: Some(9), commits: 0, damage: None });
        // Its first mark was torn: the old filling is redone, which does no harm.
        log.write_at(0, &[0; 20]).unwrap();
        log.write_at(PAGE, &encode_mark(8)).unwrap();
        assert_eq!(walked(&log, None).1.commits, 3);
    }

    #[test]
    fn a_damaged_record_before_whole_ones_is_told_and_the_others_are_given() {
        let log = new(100);
        let places = fill(&log, 7, &[3, 40, 2, 3]);
        log.write_at(places[1] + 9, &[0xff]).unwrap();
        let (seen, found) = walked(&log, None);
        assert_eq!(seen, [(7, 0), (7, 2), (7, 3)]);
        assert!(found.damage.unwrap().contains("mail.log: no record at"));
    }

    #[test]
    fn marks_that_are_both_damaged_are_told() {
        let log = new(100);
        fill(&log, 7, &[1, 1]);
        for at in [0, PAGE] {
            log.write_at(at + 17, &[0xff]).unwrap();
        }
        let (seen, found) = walked(&log, None);
        assert!(seen.is_empty() && found.filling.is_none() && found.damage.is_some());
    }

    #[test]
    fn what_nobody_was_told_ok_for_is_not_redone_by_the_process_that_knows() {
        let log = new(100);
        fill(&log, 7, &[1, 1, 1]);
        assert_eq!(walked(&log, Some(Told { filling: 7, commits: 2 })).0, [(7, 0), (7, 1)]);
        assert_eq!(walked(&log, Some(Told { filling: 6, commits: 2 })).0.len(), 3);
    }
}
