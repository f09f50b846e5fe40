//! `index.redb` itself: a record by the number of its body, with a sum; and whose it is.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
};

use redb::{Database, ReadOnlyTable, ReadableDatabase, TableDefinition};

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

/// Records by body, at one moment.
pub(in super::super) struct Records(ReadOnlyTable<u64, &'static [u8]>);

impl Records {
    /// A record that is whole.
    pub fn get(&self, id: BodyId) -> Result<Option<Vec<u8>>, Fault> {
        match rows::get::<u64, Record>(&self.0, id.0) {
            // It is made again and written over.
            Err(Fault::Damaged(_)) => Ok(None),
            read => Ok(read?.map(|record| record.0)),
        }
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
        Ok(Records(self.db()?.begin_read()?.open_table(DERIVED)?))
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
        for entry in records.0.range(after + 1..)?.take(SWEEP_ROWS) {
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
        for entry in self.records()?.0.range(after + 1..)?.take(SWEEP_ROWS) {
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
