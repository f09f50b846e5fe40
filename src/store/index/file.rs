//! `index.redb` itself: a record by the number of its body, with a sum; and whose it is.

use std::{
    collections::VecDeque,
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
};

use redb::{AccessGuard, Database, Range, ReadOnlyTable, ReadableDatabase, TableDefinition};

use super::{
    super::{
        backend::{Gate, begin, database},
        codec::{In, Out},
        disk::Disk,
        fault::Fault,
        mail::{self, Mail},
        rows::{self, KeyForm, RowForm},
    },
    pending::Batch,
};
use crate::types::BodyId;

/// The file's name.
pub(in super::super) const NAME: &str = "index.redb";
/// Page cache, octets.
const CACHE: usize = 1024 * 1024;
const FORMAT: u32 = 1;
/// Records are walked over to one that is at most so many numbers away.
const NEAR: u64 = 16;
/// Records that were passed and are kept, each with the page that it is in.
const PASSED: usize = 32;
/// Octets of a record that is kept.
const SMALL: usize = 4096;
/// Rows of one page of a sweep.
const SWEEP_ROWS: usize = 2000;

const ABOUT: TableDefinition<u8, &[u8]> = TableDefinition::new("about");
const DERIVED: TableDefinition<u64, &[u8]> = TableDefinition::new("derived");

/// Whose index it is, and whether it was closed with everything written.
struct About {
    format: u32,
    mark: u64,
    clean: bool,
}

impl RowForm for About {
    const TABLE: &'static str = "about";
    fn put(&self, out: &mut Out) {
        out.u32(self.format);
        out.u64(self.mark);
        out.u8(u8::from(self.clean));
    }
    fn take(from: &mut In<'_>) -> Option<Self> {
        Some(About { format: from.u32()?, mark: from.u64()?, clean: from.u8()? == 1 })
    }
}

/// A record; its meaning is the caller's.
struct Record(Vec<u8>);

impl RowForm for Record {
    const TABLE: &'static str = "derived";
    fn put(&self, out: &mut Out) {
        out.0.extend(&self.0);
    }
    fn take(from: &mut In<'_>) -> Option<Self> {
        Some(Record(std::mem::take(&mut from.0).to_vec()))
    }
}

/// The open file. A damaged database may panic when it is closed: whoever lets go of it last must not.
pub(in super::super) struct IndexFile {
    db: Option<Database>,
    gate: Gate,
    mark: u64,
}

impl Drop for IndexFile {
    fn drop(&mut self) {
        let db = self.db.take();
        let _ = catch_unwind(AssertUnwindSafe(|| drop(db)));
    }
}

/// Octets of a record, where they lie.
pub(in super::super) enum Octets {
    /// It waits in memory.
    Held(Vec<u8>),
    /// In a page of the file, with its sum behind it.
    Page(Page),
}

impl Octets {
    pub fn bytes(&self) -> &[u8] {
        match self {
            Octets::Held(record) => record,
            Octets::Page(page) => page.value().split_last_chunk::<4>().map_or(&[], |(record, _)| record),
        }
    }

    pub fn into_vec(self) -> Vec<u8> {
        match self {
            Octets::Held(record) => record,
            Octets::Page(_) => self.bytes().to_vec(),
        }
    }
}

/// Records by body, at one moment. Who asks for one body after the other walks along the file; a search through it is made for
/// what is not near.
pub(in super::super) struct Records {
    table: ReadOnlyTable<u64, &'static [u8]>,
    walk: Option<Walk>,
}

type Page = AccessGuard<'static, &'static [u8]>;

/// A place in the file. Bodies that came at the same time have their numbers in another order than their messages have theirs,
/// so that records that were passed are kept for a while.
struct Walk {
    /// The highest body that was met.
    at: u64,
    rest: Range<'static, u64, &'static [u8]>,
    /// Rising.
    passed: VecDeque<(u64, Page)>,
}

impl Walk {
    /// A record that was passed.
    fn back(&mut self, id: u64) -> Option<Page> {
        let place = self.passed.binary_search_by_key(&id, |(key, _)| *key).ok()?;
        self.passed.remove(place).map(|(_, record)| record)
    }

    fn keep(&mut self, record: Page) {
        if self.passed.len() == PASSED {
            self.passed.pop_front();
        }
        // A long one has pages of its own: it is searched for.
        if record.value().len() <= SMALL {
            self.passed.push_back((self.at, record));
        }
    }

    /// A record ahead.
    fn on(&mut self, id: u64) -> Result<Option<Page>, Fault> {
        while let Some((key, record)) = self.rest.next().transpose()? {
            self.at = key.value();
            if self.at == id {
                return Ok(Some(record));
            }
            self.keep(record);
            if self.at > id {
                return Ok(None);
            }
        }
        Ok(None)
    }
}

impl Records {
    /// A record that is whole.
    pub fn get(&mut self, id: BodyId) -> Result<Option<Octets>, Fault> {
        let record = match &mut self.walk {
            Some(walk) if walk.at < id.0 && id.0 - walk.at <= NEAR => walk.on(id.0)?,
            Some(walk) => walk.back(id.0).map_or_else(|| self.search(id.0), |record| Ok(Some(record)))?,
            None => self.search(id.0)?,
        };
        // One that is damaged is made again and written over.
        let whole = record.filter(|record| rows::whole::<Record>(&u64::octets(&id.0), record.value()).is_some());
        Ok(whole.map(Octets::Page))
    }

    /// Begins a walk there.
    fn search(&mut self, id: u64) -> Result<Option<Page>, Fault> {
        let walk = Walk { at: id, rest: self.table.range(id..)?, passed: VecDeque::new() };
        self.walk.insert(walk).on(id)
    }
}

impl IndexFile {
    /// Opens it or makes it; says whether nothing was forgotten when it was closed. Damaged when it is of another store or of another
    /// format.
    pub fn open(disk: &dyn Disk, dir: &Path, mark: u64) -> Result<(IndexFile, bool), Fault> {
        let gate = Gate::default();
        let first = |db: &Database| {
            let write = begin(db)?;
            write.open_table(DERIVED)?;
            put_about(&write, mark, true)?;
            Ok(write.commit()?)
        };
        let db = mail::open_database(disk, (dir, NAME), &gate, CACHE, first)?;
        let file = IndexFile { db: Some(db), gate, mark };
        let about: About = rows::get(&file.db()?.begin_read()?.open_table(ABOUT)?, 0)?
            .ok_or_else(|| Fault::Damaged("it does not say whose it is".into()))?;
        if (about.format, about.mark) != (FORMAT, mark) {
            return Err(Fault::Damaged("it is of another store or another program".into()));
        }
        file.settle(false)?;
        Ok((file, about.clean))
    }

    /// Over a file of one's own, to be looked at.
    pub fn look(file: std::sync::Arc<dyn super::super::DiskFile>) -> Result<IndexFile, Fault> {
        let gate = Gate::default();
        Ok(IndexFile { db: Some(database(file, gate.clone(), CACHE)?), gate, mark: 0 })
    }

    fn db(&self) -> Result<&Database, Fault> {
        self.db.as_ref().ok_or(Fault::Late)
    }

    /// Whoever holds it still writes no octet more.
    pub fn shut(&self) {
        self.gate.shut();
    }

    /// Remembers whether everything was written.
    pub fn settle(&self, clean: bool) -> Result<(), Fault> {
        let write = begin(self.db()?)?;
        put_about(&write, self.mark, clean)?;
        Ok(write.commit()?)
    }

    /// What is there now.
    pub fn records(&self) -> Result<Records, Fault> {
        Ok(Records { table: self.db()?.begin_read()?.open_table(DERIVED)?, walk: None })
    }

    /// Writes a batch in one transaction. A body that is gone by now gets no record.
    pub fn write(&self, mail: &Database, batch: &Batch) -> Result<(), Fault> {
        let bodies = mail.begin_read()?.open_table(rows::BODIES)?;
        let write = begin(self.db()?)?;
        {
            let mut table = write.open_table(DERIVED)?;
            for (id, record) in &batch.rows {
                if bodies.get(id.0)?.is_some() {
                    table.insert(id.0, seal(*id, record).as_slice())?;
                }
            }
            for id in &batch.gone {
                table.remove(id.0)?;
            }
        }
        Ok(write.commit()?)
    }

    /// Records above `after` whose bodies are gone, and where to go on.
    pub fn orphans(&self, mail: &Mail, after: u64) -> Result<(Vec<BodyId>, Option<u64>), Fault> {
        let records = self.records()?;
        let bodies = mail.db.begin_read()?.open_table(rows::BODIES)?;
        let (mut orphans, mut last, mut seen) = (Vec::new(), after, 0);
        for entry in records.table.range(after + 1..)?.take(SWEEP_ROWS) {
            (last, seen) = (entry?.0.value(), seen + 1);
            if bodies.get(last)?.is_none() {
                orphans.push(BodyId(last));
            }
        }
        Ok((orphans, Some(last).filter(|_| seen == SWEEP_ROWS)))
    }

    /// Records, and how many of them are damaged; a page of 2,000 behind `after`, and where to go on.
    pub fn count(&self, after: u64) -> Result<(u64, u64, Option<u64>), Fault> {
        let (mut whole, mut damaged, mut last) = (0, 0, after);
        for entry in self.records()?.table.range(after + 1..)?.take(SWEEP_ROWS) {
            let (key, value) = entry?;
            last = key.value();
            match rows::unseal::<Record>(&u64::octets(&last), value.value()) {
                Ok(_) => whole += 1,
                Err(_) => damaged += 1,
            }
        }
        Ok((whole, damaged, Some(last).filter(|_| whole + damaged == SWEEP_ROWS as u64)))
    }
}

fn seal(id: BodyId, record: &[u8]) -> Vec<u8> {
    rows::seal(&u64::octets(&id.0), &Record(record.to_vec()))
}

fn put_about(write: &redb::WriteTransaction, mark: u64, clean: bool) -> Result<(), Fault> {
    rows::put(&mut write.open_table(ABOUT)?, 0, &About { format: FORMAT, mark, clean })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use redb::{Builder, backends::InMemoryBackend};

    use super::*;

    fn file(records: &BTreeMap<u64, Vec<u8>>) -> IndexFile {
        let db = Builder::new().create_with_backend(InMemoryBackend::new()).unwrap();
        let write = db.begin_write().unwrap();
        {
            let mut table = write.open_table(DERIVED).unwrap();
            for (id, record) in records {
                table.insert(id, seal(BodyId(*id), record).as_slice()).unwrap();
            }
            // A record under a number that is not its own is damaged.
            table.insert(1000, seal(BodyId(1), b"x").as_slice()).unwrap();
        }
        write.commit().unwrap();
        IndexFile { db: Some(db), gate: Gate::default(), mark: 0 }
    }

    #[test]
    fn records_are_found_in_whatever_order_they_are_asked_for() {
        let records: BTreeMap<u64, Vec<u8>> = (1..900)
            .filter(|id| id % 7 != 0 && id % 11 < 8)
            .map(|id| (id, vec![id as u8; if id % 50 == 1 { SMALL } else { id as usize % 70 }]))
            .collect();
        let file = file(&records);
        let mut look = file.records().unwrap();
        let found = |look: &mut Records, id| look.get(BodyId(id)).unwrap().map(Octets::into_vec);
        let (mut random, mut at) = (0x2545_f491_4f6c_dd1d_u64, 0_u64);
        for _ in 0..20_000 {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            // Mostly a few numbers on or back, at times anywhere, the same one again included.
            at = match random % 8 {
                0 => random >> 8,
                1 | 2 => at.saturating_sub((random >> 8) % 40),
                _ => at + (random >> 8) % 30,
            } % 920;
            assert_eq!(found(&mut look, at), records.get(&at).cloned(), "{at}");
        }
        for (at, is_there) in [(999, false), (1000, false), (1001, false), (u64::MAX, false), (1, true), (0, false)] {
            assert_eq!(found(&mut look, at).is_some(), is_there, "{at}");
        }
    }
}
