//! Tables that note what is changed in them, so that a commit can be done again from its record in `mail.log` (`redo`). Doing notes again
//! gives the rows that they gave: whole rows are noted, in the order in which they were written.
//!
//! A note: table u8, octets of the key u16, octets of the row u32 (all ones: it was removed), key, row.

use std::{cell::RefCell, ops::Deref, rc::Rc};

use redb::{Table, TableDefinition, WriteTransaction};

use super::{
    codec::{In, Out},
    fault::Fault,
    rows::{KeyForm, Writable},
};

/// Octets of a row that was removed.
const REMOVED: u32 = u32::MAX;

/// What was changed in the tables of one transaction.
#[derive(Clone, Default)]
pub(super) struct Notes(Rc<RefCell<Vec<u8>>>);

impl Notes {
    /// All notes so far.
    pub fn take(&self) -> Vec<u8> {
        self.0.take()
    }

    fn add(&self, table: u8, key: &[u8], row: Option<&[u8]>) {
        let mut out = Out(self.0.take());
        out.u8(table);
        out.u16(u16::try_from(key.len()).unwrap_or(u16::MAX));
        out.u32(row.map_or(REMOVED, |row| u32::try_from(row.len()).unwrap_or(REMOVED)));
        out.0.extend(key);
        out.0.extend(row.unwrap_or_default());
        self.0.replace(out.0);
    }
}

/// One note.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Note<'a> {
    pub table: u8,
    key: &'a [u8],
    /// None: it was removed.
    row: Option<&'a [u8]>,
}

/// The notes of a record, in order; None stands for what is no note, and ends them.
pub(super) fn notes(octets: &[u8]) -> impl Iterator<Item = Option<Note<'_>>> {
    let mut from = Some(In(octets));
    std::iter::from_fn(move || {
        let rest = from.as_mut().filter(|rest| rest.end().is_none())?;
        let note = note(rest);
        if note.is_none() {
            from = None;
        }
        Some(note)
    })
}

fn note<'a>(from: &mut In<'a>) -> Option<Note<'a>> {
    let (table, key, row) = (from.u8()?, from.u16()?, from.u32()?);
    let key = from.bytes(usize::from(key))?;
    let row = if row == REMOVED { None } else { Some(from.bytes(row as usize)?) };
    Some(Note { table, key, row })
}

/// A table, its number in notes, and where they go. It is read as any other.
pub(super) struct Noted<'t, K: KeyForm> {
    table: Table<'t, K, &'static [u8]>,
    number: u8,
    notes: Notes,
}

impl<'t, K: KeyForm> Noted<'t, K> {
    /// Opens it. The number is on the disk: it never becomes another table's.
    pub fn open(
        write: &'t WriteTransaction,
        (number, definition): (u8, TableDefinition<'_, K, &'static [u8]>),
        notes: &Notes,
    ) -> Result<Self, Fault> {
        Ok(Noted { table: write.open_table(definition)?, number, notes: notes.clone() })
    }

    /// Removes a row; gives its octets, if it was there.
    pub fn remove(&mut self, key: K::SelfType<'_>) -> Result<Option<Vec<u8>>, Fault> {
        let octets = K::octets(&key);
        let Some(row) = self.table.remove(key)?.map(|guard| guard.value().to_vec()) else { return Ok(None) };
        self.notes.add(self.number, octets.as_ref(), None);
        Ok(Some(row))
    }

    /// Does again what a note of this table says.
    pub fn redo(&mut self, note: &Note<'_>) -> Result<(), Fault> {
        let key = K::take(note.key).ok_or_else(unread)?;
        match note.row {
            Some(row) => drop(self.table.insert(key, row)?),
            None => drop(self.table.remove(key)?),
        }
        Ok(())
    }
}

/// A note that is none, in a record whose sum is right.
pub(super) fn unread() -> Fault {
    Fault::Damaged("mail.log: a record of another program".into())
}

impl<'t, K: KeyForm> Deref for Noted<'t, K> {
    type Target = Table<'t, K, &'static [u8]>;
    fn deref(&self) -> &Self::Target {
        &self.table
    }
}

impl<K: KeyForm> Writable<K> for Noted<'_, K> {
    fn write(&mut self, key: K::SelfType<'_>, row: &[u8]) -> Result<(), Fault> {
        self.notes.add(self.number, K::octets(&key).as_ref(), Some(row));
        self.table.write(key, row)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use redb::{Database, ReadableDatabase, ReadableTable, backends::InMemoryBackend};

    use super::*;

    const NUMBERS: TableDefinition<(u64, i64, u64), &[u8]> = TableDefinition::new("numbers");
    const NAMES: TableDefinition<(u32, &str), &[u8]> = TableDefinition::new("names");

    fn database() -> Database {
        Database::builder().create_with_backend(InMemoryBackend::new()).unwrap()
    }

    /// Every row of both tables.
    fn all(db: &Database) -> Vec<(String, Vec<u8>)> {
        let read = db.begin_read().unwrap();
        let (numbers, names) = (read.open_table(NUMBERS).unwrap(), read.open_table(NAMES).unwrap());
        let numbers = numbers.iter().unwrap().map(|row| {
            let (key, row) = row.unwrap();
            (format!("{:?}", key.value()), row.value().to_vec())
        });
        let names = names.iter().unwrap().map(|row| {
            let (key, row) = row.unwrap();
            (format!("{:?}", key.value()), row.value().to_vec())
        });
        numbers.chain(names).collect()
    }

    fn work(
        db: &Database,
        notes: &Notes,
        work: impl FnOnce(&mut Noted<'_, (u64, i64, u64)>, &mut Noted<'_, (u32, &'static str)>),
    ) {
        let write = db.begin_write().unwrap();
        {
            let mut numbers = Noted::open(&write, (3, NUMBERS), notes).unwrap();
            let mut names = Noted::open(&write, (9, NAMES), notes).unwrap();
            work(&mut numbers, &mut names);
        }
        write.commit().unwrap();
    }

    fn redo(db: &Database, octets: &[u8]) {
        work(db, &Notes::default(), |numbers, names| {
            for note in notes(octets) {
                let note = note.unwrap();
                if note.table == 3 { numbers.redo(&note).unwrap() } else { names.redo(&note).unwrap() }
            }
        });
    }

    #[test]
    fn notes_done_again_give_the_same_rows_also_twice_and_over_what_came_of_them() {
        let (one, other, taken) = (database(), database(), Notes::default());
        work(&one, &taken, |numbers, names| {
            for n in 0..50u64 {
                numbers.write((n % 20, -(n as i64), n), &[n as u8; 40][..n as usize % 40]).unwrap();
                names.write((n as u32 % 7, &format!("Папка/{n}")), b"row").unwrap();
            }
            assert_eq!(numbers.remove((1, -1, 1)).unwrap(), Some(vec![1]));
            assert_eq!(numbers.remove((1, -1, 1)).unwrap(), None);
            names.remove((0, "Папка/0")).unwrap();
            names.write((0, "Папка/0"), b"").unwrap();
            names.write((0, "Папка/0"), b"anew").unwrap();
            names.remove((1, "Папка/1")).unwrap();
        });
        let octets = taken.take();
        assert!(taken.take().is_empty());
        assert_eq!(notes(&octets).count(), 50 + 50 + 1 + 4);
        for _ in 0..3 {
            redo(&other, &octets);
            assert_eq!(all(&other), all(&one));
        }
        redo(&one, &octets);
        assert_eq!(all(&other), all(&one));
    }

    #[test]
    fn what_is_no_note_is_told_and_ends_them() {
        let taken = Notes::default();
        taken.add(3, &[1; 24], Some(b"abc"));
        taken.add(3, &[2; 24], None);
        let octets = taken.take();
        assert!(notes(&octets).all(|note| note.is_some()));
        assert_eq!(notes(&[]).count(), 0);
        for cut in 1..octets.len() {
            let read: Vec<_> = notes(&octets[..cut]).collect();
            let is_between = cut == 7 + 24 + 3;
            assert_eq!(read.last().unwrap().is_none(), !is_between, "{cut}");
        }
        let db = database();
        work(&db, &Notes::default(), |numbers, names| {
            let short = Note { table: 3, key: &[0; 23], row: None };
            assert!(numbers.redo(&short).is_err());
            for key in [&b"abc"[..], b"\0\0\0\0\xff"] {
                assert!(names.redo(&Note { table: 9, key, row: Some(b"x") }).is_err());
            }
        });
    }
}
