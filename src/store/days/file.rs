//! The redb files themselves. Blocking; used on one thread.
//!
//! Rows: number within the day (from 1, without gaps) -> (time, process, tag, severity, text). Times in a file need not
//! grow: clocks step.

use std::{
    collections::BTreeMap,
    fs::{self, DirBuilder, OpenOptions},
    io,
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
    sync::Arc,
};

use jiff::tz::TimeZone;
use redb::backends::FileBackend;
use redb::{Database, Durability, ReadableDatabase, ReadableTable, TableDefinition, TableError};

use super::{
    Day, DayLine, Hours, Message,
    tally::{self, Tally},
};
use crate::{
    journal::{Line, Severity, Stamped, Tag},
    types::UnixTime,
};

const LINES: TableDefinition<u64, (i64, u32, u8, u8, &str)> = TableDefinition::new("lines");
const ABOUT: TableDefinition<&str, u64> = TableDefinition::new("about");
/// Format of the rows, under `version` in ABOUT.
const VERSION: u64 = 1;
/// Page cache of one file, octets.
const CACHE: usize = 512 * 1024;
/// Days whose counts are remembered; 400 octets each.
const COUNTED: usize = 64;
/// Files open at once: the one that is written and the one that is read.
const OPEN: usize = 2;
/// The journal leaves this much of the disk to the mail, octets.
const ROOM: u64 = 8 * 1024 * 1024;
/// A file of a day before the program was made (the clock was wrong) lives on until it has this size, octets.
const IMPLAUSIBLE: u64 = 4 * 1024 * 1024;

/// Why it did not work.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Trouble {
    /// The file cannot be read; it has this name now.
    Damaged { file: String, why: String },
    /// The disk is full, absent or failing; the next attempt may work.
    Failed(String),
}

pub(super) enum Fault {
    Damaged(String),
    Failed(String),
}

impl<E: Into<redb::Error>> From<E> for Fault {
    fn from(error: E) -> Fault {
        let error: redb::Error = error.into();
        let why = error.to_string();
        match error {
            redb::Error::Corrupted(_)
            | redb::Error::UpgradeRequired(_)
            | redb::Error::TableTypeMismatch { .. }
            | redb::Error::RepairAborted => Fault::Damaged(why),
            redb::Error::Io(e) if matches!(e.kind(), io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof) => {
                Fault::Damaged(why)
            }
            // redb's own enum may grow: what is not known to be damage is tried again.
            _ => Fault::Failed(why),
        }
    }
}

pub(super) struct Files {
    mail_dir: PathBuf,
    pid: u32,
    /// Hours are those of this zone.
    zone: TimeZone,
    /// Counts of days that were asked for: a graph of 30 days must not open 30 files each time it is drawn.
    counts: BTreeMap<Day, Hours>,
    /// Least recently used first.
    open: Vec<(Day, Database)>,
}

impl Files {
    pub(super) fn new(mail_dir: PathBuf, pid: u32, zone: TimeZone) -> Self {
        Files { mail_dir, pid, zone, counts: BTreeMap::new(), open: Vec::new() }
    }

    fn dir(&self) -> PathBuf {
        self.mail_dir.join("journal")
    }

    fn path(&self, day: Day) -> PathBuf {
        self.dir().join(format!("{day}.redb"))
    }

    /// Closes every file.
    pub(super) fn close(&mut self) {
        while let Some((_, db)) = self.open.pop() {
            shut(db);
        }
    }

    /// The database of a day. None when there is none and it need not be made.
    fn database(&mut self, day: Day, make: bool) -> Result<Option<usize>, Fault> {
        if let Some(at) = self.open.iter().position(|(d, _)| *d == day) {
            let used = self.open.remove(at);
            self.open.push(used);
            return Ok(Some(self.open.len() - 1));
        }
        let path = self.path(day);
        if !make && !path.exists() {
            return Ok(None);
        }
        if make {
            // Who wrote to whom is nobody else's business (section 7 of the design).
            let made = DirBuilder::new().recursive(true).mode(0o700).create(self.dir());
            made.map_err(|e| Fault::Failed(e.to_string()))?;
        }
        let mut builder = Database::builder();
        builder.set_cache_size(CACHE);
        let file = OpenOptions::new().read(true).write(true).create(make).truncate(false).mode(0o600).open(&path);
        let file = file.map_err(|e| Fault::Failed(e.to_string()))?;
        let db = builder.create_with_backend(FileBackend::new(file)?)?;
        check_version(&db)?;
        if self.open.len() == OPEN {
            shut(self.open.remove(0).1);
        }
        self.open.push((day, db));
        Ok(Some(self.open.len() - 1))
    }

    /// Runs `work` over a day's file; damage sets the file aside, a failure closes it so that the next attempt opens it anew.
    fn with<T>(
        &mut self,
        day: Day,
        make: bool,
        work: impl FnOnce(&Database) -> Result<T, Fault>,
    ) -> Result<Option<T>, Trouble> {
        let done = catch_unwind(AssertUnwindSafe(|| match self.database(day, make)? {
            Some(at) => work(&self.open[at].1).map(Some),
            None => Ok(None),
        }));
        let fault = match done {
            Ok(Ok(value)) => return Ok(value),
            Ok(Err(fault)) => fault,
            // redb may panic over a damaged file (its documentation says so).
            Err(_) => Fault::Damaged("the database stopped over it".into()),
        };
        if let Some(at) = self.open.iter().position(|(d, _)| *d == day) {
            shut(self.open.remove(at).1);
        }
        match fault {
            Fault::Failed(why) => Err(Trouble::Failed(why)),
            Fault::Damaged(why) => Err(self.set_aside(day, why)),
        }
    }

    fn set_aside(&mut self, day: Day, why: String) -> Trouble {
        let path = self.path(day);
        let file = format!("{day}.redb.damaged");
        self.counts.remove(&day);
        match fs::rename(&path, self.dir().join(&file)) {
            Ok(()) => Trouble::Damaged { file, why },
            Err(e) => Trouble::Failed(format!("{day}.redb is damaged ({why}) and cannot be set aside: {e}")),
        }
    }

    /// Writes lines durably.
    pub(super) fn append(&mut self, day: Day, lines: &[Arc<Stamped>]) -> Result<(), Trouble> {
        if !self.mail_dir.join("mail.redb").exists() {
            return Err(Trouble::Failed("the mail disk is not there".into()));
        }
        if room(&self.mail_dir).is_some_and(|free| free < ROOM) {
            // Closed, so that nothing of it is half written when the disk is full to the last block.
            return Err(Trouble::Failed("there is no room on the mail disk".into()));
        }
        let pid = self.pid;
        let tally = Tally::of(lines, &self.zone);
        let done = self.with(day, true, |db| {
            let mut txn = db.begin_write()?;
            txn.set_durability(Durability::Immediate)?;
            {
                let mut table = txn.open_table(LINES)?;
                let mut number = table.last()?.map_or(0, |(number, _)| number.value());
                if number == 0 {
                    txn.open_table(ABOUT)?.insert("version", VERSION)?;
                }
                for line in lines {
                    number += 1;
                    let (tag, severity) = (line.line.tag.code(), line.line.severity.code());
                    table.insert(number, (line.at.0, pid, tag, severity, line.line.text.as_str()))?;
                }
            }
            tally.write(&txn)?;
            Ok(txn.commit()?)
        });
        done?;
        if let Some(known) = self.counts.get_mut(&day) {
            known.add(&tally.hours);
        }
        Ok(())
    }

    /// What a day counted, hour by hour.
    pub(super) fn hours(&mut self, day: Day) -> Result<Hours, Trouble> {
        if let Some(known) = self.counts.get(&day) {
            return Ok(known.clone());
        }
        let hours = self.with(day, false, tally::hours)?.unwrap_or_default();
        if self.counts.len() >= COUNTED {
            self.counts.pop_first();
        }
        self.counts.insert(day, hours.clone());
        Ok(hours)
    }

    /// The newest messages of a day, newest first.
    pub(super) fn messages(&mut self, day: Day, max: usize) -> Result<Vec<Message>, Trouble> {
        Ok(self.with(day, false, |db| tally::messages(db, max))?.unwrap_or_default())
    }

    /// The number of a day's last line, 0 when it has none.
    pub(super) fn last(&mut self, day: Day) -> Result<u64, Trouble> {
        let last = self.with(day, false, |db| {
            let txn = db.begin_read()?;
            match txn.open_table(LINES) {
                Ok(table) => Ok(table.last()?.map_or(0, |(number, _)| number.value())),
                Err(TableError::TableDoesNotExist(_)) => Ok(0),
                Err(e) => Err(e.into()),
            }
        });
        Ok(last?.unwrap_or(0))
    }

    fn each(
        &mut self,
        day: Day,
        (oldest, newest): (u64, u64),
        mut take: impl FnMut(u64, (i64, u32, u8, u8, &str)),
    ) -> Result<(), Trouble> {
        let done = self.with(day, false, |db| {
            let txn = db.begin_read()?;
            let table = match txn.open_table(LINES) {
                Ok(table) => table,
                Err(TableError::TableDoesNotExist(_)) => return Ok(()),
                Err(e) => return Err(e.into()),
            };
            for row in table.range(oldest..=newest)? {
                let (number, row) = row?;
                take(number.value(), row.value());
            }
            Ok(())
        });
        done.map(drop)
    }

    /// Lines by number, both ends included, oldest first.
    pub(super) fn range(&mut self, day: Day, oldest: u64, newest: u64) -> Result<Vec<DayLine>, Trouble> {
        let mut out = Vec::new();
        if oldest <= newest {
            self.each(day, (oldest, newest), |number, (at, pid, tag, severity, text)| {
                let line =
                    Line { severity: Severity::of_code(severity), ..Line::info(Tag::of_code(tag), text.to_owned()) };
                out.push(DayLine { number, at: UnixTime(at), pid, line });
            })?;
        }
        Ok(out)
    }

    /// Numbers of the lines in a range that hold `needle` (in lower case), oldest first.
    pub(super) fn search(&mut self, day: Day, oldest: u64, newest: u64, needle: &str) -> Result<Vec<u64>, Trouble> {
        let mut out = Vec::new();
        self.each(day, (oldest, newest), |number, (_, _, tag, _, text)| {
            if holds(text, needle) || Tag::of_code(tag).program("postfix").contains(needle) {
                out.push(number);
            }
        })?;
        Ok(out)
    }

    /// The days that have a file, newest first.
    pub(super) fn days(&self) -> Result<Vec<Day>, Trouble> {
        let names = names(&self.dir()).map_err(|e| Trouble::Failed(e.to_string()))?;
        let mut days: Vec<Day> = names.iter().filter_map(|n| Day::parse(n.strip_suffix(".redb")?)).collect();
        days.sort_unstable_by(|a, b| b.cmp(a));
        Ok(days)
    }

    /// Removes files of days before `first`, also those set aside; gives how many.
    pub(super) fn expire(&mut self, first: Day) -> io::Result<usize> {
        let mut removed = 0;
        for name in names(&self.dir())? {
            let day = name.strip_suffix(".damaged").unwrap_or(&name).strip_suffix(".redb").and_then(Day::parse);
            let Some(day) = day.filter(|day| *day < first) else { continue };
            let path = self.dir().join(&name);
            if !day.is_plausible() && fs::metadata(&path)?.len() < IMPLAUSIBLE {
                continue;
            }
            if let Some(at) = self.open.iter().position(|(d, _)| *d == day) {
                shut(self.open.remove(at).1);
            }
            fs::remove_file(path)?;
            removed += 1;
        }
        Ok(removed)
    }
}

/// Closing a database that failed may panic; it is gone either way.
fn shut(db: Database) {
    let _ = catch_unwind(AssertUnwindSafe(|| drop(db)));
}

fn check_version(db: &Database) -> Result<(), Fault> {
    let txn = db.begin_read()?;
    let version = match txn.open_table(ABOUT) {
        Ok(about) => about.get("version")?.map_or(VERSION, |v| v.value()),
        Err(TableError::TableDoesNotExist(_)) => VERSION,
        Err(e) => return Err(e.into()),
    };
    if version == VERSION { Ok(()) } else { Err(Fault::Damaged(format!("its format is {version}"))) }
}

/// Names in a directory; none when it is not there.
fn names(dir: &Path) -> io::Result<Vec<String>> {
    match fs::read_dir(dir) {
        Ok(entries) => entries.map(|e| Ok(e?.file_name().to_string_lossy().into_owned())).collect(),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(e) => Err(e),
    }
}

/// Free octets of the file system, where it says.
fn room(dir: &Path) -> Option<u64> {
    let stat = rustix::fs::statvfs(dir).ok()?;
    Some(stat.f_bavail.saturating_mul(stat.f_frsize))
}

/// Whether the text holds the needle (in lower case) without regard to case.
fn holds(text: &str, needle: &str) -> bool {
    let Some((first, _)) = needle.as_bytes().split_first() else { return true };
    if text.is_ascii() {
        // The first octet alone first: the comparison of 16 octets and more does not stop where they differ, and a search
        // through a million lines for a long needle took thirteen times as long as for a short one.
        let begins = |w: &[u8]| w[0].eq_ignore_ascii_case(first);
        let mut windows = text.as_bytes().windows(needle.len());
        return needle.is_ascii() && windows.any(|w| begins(w) && w.eq_ignore_ascii_case(needle.as_bytes()));
    }
    text.to_lowercase().contains(needle)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_search_disregards_case_in_every_script() {
        assert!(holds("Connect from", "connect") && holds("", ""));
        assert!(holds("a Long NEEDLE in a line", "long needle in a line") && !holds("long needle", "long needles"));
        assert!(holds("Письмо Принято", "принято"));
        assert!(!holds("short", "shorter"));
        assert!(!holds("ascii", "принято"));
    }
}
