//! One opening of the mail disk: `mail.redb`, the log below it, the volumes, the lock. Opening redoes what was kept and cuts off whatever was not.

use std::{
    collections::BTreeMap,
    io,
    path::{Path, PathBuf},
    sync::Arc,
    thread,
    time::Duration,
};

use redb::{Database, ReadableTable, WriteTransaction};

use super::{
    Places,
    apply::{Placed, Tables},
    backend::{Gate, begin, database, endure, hold},
    disk::{Disk, LockGuard},
    fault::Fault,
    migrate,
    noted::Notes,
    queue::{DUE, ROUTES},
    redo::{self, Found, Octets, Redo, Told, first_filling},
    roomy::Roomy,
    rows::{self, House, Volume},
    volume::{Known, Pool, VOLUME_HEADER, limit_for, number_of, take_volume_header, volume_header},
};
use crate::{
    limits::REDO_LOG_LEAST,
    types::{UnixTime, map_of},
    wire::scram,
};

/// Page cache of `mail.redb`, octets. All caches of the store together stay below 8 MiB.
const CACHE: usize = 4 * 1024 * 1024;
/// Body numbers that are set aside at once, so that a number is never given twice, not even after a crash.
pub(super) const IDS: u64 = 1024;
/// How long an opening waits for another owner of the directory to let go: 150 times 20 ms.
const LOCK_TRIES: u32 = 150;
const LOCK_PAUSE: Duration = Duration::from_millis(20);

/// An open mail disk.
pub(super) struct Mail {
    pub db: Database,
    pub pool: Arc<Pool>,
    pub gate: Gate,
    pub redo: Redo,
    pub mark: u64,
    _lock: Option<LockGuard>,
}

/// What was found at opening.
pub(super) struct Opened {
    pub mail: Mail,
    pub house: House,
    pub findings: Vec<Finding>,
}

/// Something in `bodies/` that is told in the journal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Finding {
    /// Octets beyond the committed length were cut off.
    Cut { volume: u32, octets: u64 },
    /// A volume is shorter than was committed: what is missing is lost.
    Short { volume: u32, octets: u64 },
    /// A volume's row is damaged or lost: nothing is cut from it, and its bodies are copied forward.
    Unnamed { volume: u32 },
    /// A file that another store made; it is left alone.
    Foreign { name: String },
    /// The rows were brought to the format of this program.
    Raised { messages: u64 },
    /// The stop was not clean: what commits of the log did was done again.
    Redone { commits: u64 },
    /// The log is damaged.
    Log { what: String },
}

/// `bodies/`
pub(super) fn bodies_dir(mail: &Path) -> PathBuf {
    mail.join("bodies")
}

/// Locks a directory, waiting a little for an owner that is about to end.
pub(super) fn lock(disk: &dyn Disk, dir: &Path) -> Result<LockGuard, Fault> {
    for _ in 0..LOCK_TRIES {
        match disk.lock(dir) {
            Ok(guard) => return Ok(guard),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => thread::sleep(LOCK_PAUSE),
            Err(error) => return Err(Fault::from(error).at(&dir.display().to_string())),
        }
    }
    Err(Fault::Failed(format!("{} is in use by another process", dir.display())))
}

/// Opens the database `name` in `dir`. A new one gets its name only when `first` has committed its first rows,
/// so that a power cut while it is made leaves nothing or a whole one.
pub(super) fn open_database(
    disk: &dyn Disk,
    (dir, name): (&Path, &str),
    gate: &Gate,
    cache: usize,
    first: impl FnOnce(&Database) -> Result<(), Fault>,
) -> Result<Database, Fault> {
    let path = dir.join(name);
    if disk.list(dir)?.iter().any(|n| n == name) {
        return database(disk.open(&path, false)?, gate.clone(), cache).map_err(|fault| fault.at(name));
    }
    let draft = dir.join(format!("{name}.new"));
    let file = disk.open(&draft, true)?;
    file.set_len(0)?;
    let db = database(file, gate.clone(), cache).map_err(|fault| fault.at(name))?;
    first(&db)?;
    disk.rename(&draft, &path)?;
    disk.sync_dir(dir)?;
    Ok(db)
}

impl Mail {
    /// Opens what is there, or makes a new store when `known` (the mark this place had before) is None. Of commits behind what the last
    /// opening of this process `told` nothing is redone: whoever asked for them heard that they failed.
    pub fn open(
        disk: &Arc<dyn Disk>,
        places: &Places,
        (known, told): (Option<u64>, Option<Told>),
        now: UnixTime,
    ) -> Result<Opened, Fault> {
        let there = disk.list(&places.mail).is_ok_and(|names| names.iter().any(|n| n == "mail.redb"));
        if known.is_some() && !there {
            return Err(Fault::Failed(format!(
                "mail.redb is not in {}: is the disk mounted? (a lost one is rebuilt by `gatepost salvage`)",
                places.mail.display()
            )));
        }
        let bodies = bodies_dir(&places.mail);
        disk.make_dir(&bodies)?;
        // The state directory's lock covers a mail directory that is the same.
        let lock = if places.mail == places.state { None } else { Some(lock(&**disk, &places.mail)?) };
        if !there {
            refuse_orphans(&**disk, &bodies)?;
            sync_up(&**disk, &places.mail)?;
            make_rows(&**disk, &places.mail, now)?;
        }
        let gate = Gate::default();
        let rows = disk.open(&places.mail.join(redo::ROWS), false)?;
        let rows = Arc::new(Roomy::over(rows)?);
        let db = database(rows, gate.clone(), CACHE).map_err(|fault| fault.at(redo::ROWS))?;
        let raised = migrate::bring_up(&db, || migrate::has_old_commits(&**disk, &places.mail))?;
        let Epoch { house, volumes, redo, log } = begin_epoch(&**disk, &places.mail, (&db, told), now)?;
        let Tidied { mut findings, unnamed } = tidy_volumes(&**disk, &bodies, &house, &volumes)?;
        findings.extend(raised.map(|messages| Finding::Raised { messages }));
        findings.extend(Some(Finding::Redone { commits: log.commits }).filter(|_| log.commits > 0));
        findings.extend(log.damage.map(|what| Finding::Log { what }));
        let limit = limit_for(disk.space(&places.mail)?.total);
        let known = Known { rows: volumes, unnamed, next: house.next_volume };
        let pool = Pool::new(disk.clone(), bodies, (house.mark, limit), gate.clone(), known);
        let mail = Mail { db, pool: Arc::new(pool), gate, redo, mark: house.mark, _lock: lock };
        Ok(Opened { mail, house, findings })
    }

    /// Closes the rows: the next opening has nothing to redo. Leaves both commit slots of the database with the same rows, so that damage to
    /// redb's header cannot go one commit back unseen.
    pub fn settle(&self) -> Result<(), Fault> {
        (0..2).try_for_each(|_| self.commit_durably(self.db.begin_write()?, &[], false))
    }

    /// Octets of a body that this commit makes count. Those of a long one lie in its volume already, but for its ends.
    pub fn octets_of(&self, placed: &Placed, all: &mut Vec<Octets>) -> Result<(), Fault> {
        let volume = placed.body.volume;
        let is_new = self.pool.row(volume).is_some_and(|row| row.committed == VOLUME_HEADER);
        let header = is_new.then(|| (0, Arc::new(volume_header(volume, self.mark))));
        for (at, octets) in header.into_iter().chain(placed.octets.iter().cloned()) {
            all.push(Octets { volume, file: self.pool.file(volume)?, at, octets });
        }
        Ok(())
    }

    /// Ends a transaction: what it noted and these bodies are kept, all of them, when this is Ok.
    pub fn commit(&self, mut write: WriteTransaction, notes: &[u8], bodies: &[Octets]) -> Result<(), Fault> {
        if !self.gate.pass(|| self.redo.record(notes, bodies))? {
            return self.commit_durably(write, bodies, true);
        }
        hold(&mut write)?;
        write.commit()?;
        self.redo.kept();
        Ok(())
    }

    /// Makes durable whatever was kept so far, and this transaction. The log is filled anew behind it.
    fn commit_durably(&self, mut write: WriteTransaction, bodies: &[Octets], open: bool) -> Result<(), Fault> {
        self.gate.pass(|| self.redo.settle(bodies))?;
        let filling = self.redo.told().filling + 1;
        {
            let mut table = write.open_table(rows::HOUSE)?;
            let house: House = rows::get(&table, 0)?.ok_or(Fault::Missing)?;
            rows::put(&mut table, 0, &House { filling, open, ..house })?;
        }
        endure(&mut write)?;
        write.commit()?;
        self.redo.begin(filling);
        Ok(())
    }
}

/// Why a store must not be opened with a log like this: what was kept last is nowhere else, and opening would cut it off.
pub(super) fn log_wrong(house: &House, log: &Found) -> Option<String> {
    let what = match log.len {
        None if house.open => "the last stop was not clean, and mail.log is not there".to_owned(),
        Some(len) if house.open && len < REDO_LOG_LEAST => {
            format!("the last stop was not clean, and mail.log was cut to {len} octets")
        }
        _ if log.ahead => "mail.redb is older than mail.log: it was put back from a copy, or is damaged".to_owned(),
        _ => return None,
    };
    Some(format!("{what}; put back what belongs together, or run `gatepost salvage`: nothing was touched"))
}

/// A new directory's own name must survive a power cut too. Directories above that are not ours to read are left to the system.
pub(super) fn sync_up(disk: &dyn Disk, dir: &Path) -> Result<(), Fault> {
    disk.sync_dir(dir)?;
    for above in dir.ancestors().skip(1).filter(|above| !above.as_os_str().is_empty()) {
        let _ = disk.sync_dir(above);
    }
    Ok(())
}

/// A store without `mail.redb` but with volumes is not new: opening it as new would throw every message away.
fn refuse_orphans(disk: &dyn Disk, bodies: &Path) -> Result<(), Fault> {
    let orphan = disk.list(bodies)?.into_iter().find(|name| number_of(name).is_some());
    match orphan {
        None => Ok(()),
        Some(name) => Err(Fault::Failed(format!(
            "there is no mail.redb but bodies/{name} is there: run `gatepost salvage`, nothing was touched"
        ))),
    }
}

/// A new database. A log that lies there is of another one.
fn make_rows(disk: &dyn Disk, dir: &Path, now: UnixTime) -> Result<(), Fault> {
    if disk.list(dir)?.iter().any(|name| name == redo::NAME) {
        disk.remove(&dir.join(redo::NAME))?;
        disk.sync_dir(dir)?;
    }
    open_database(disk, (dir, redo::ROWS), &Gate::default(), CACHE, |db| found(db, now)).map(drop)
}

/// The first rows of a new store.
fn found(db: &Database, now: UnixTime) -> Result<(), Fault> {
    let mark = scram::random::<8>().ok_or_else(|| Fault::Failed("the system has no random numbers".into()))?;
    let house = House {
        format: rows::FORMAT,
        mark: u64::from_le_bytes(mark),
        next_body: 1,
        next_folder: 1,
        next_validity: 1,
        next_volume: 1,
        next_queue: 1,
        newest: now,
        shift: 0,
        filling: first_filling()?,
        open: false,
    };
    let write = begin(db)?;
    {
        rows::put(&mut write.open_table(rows::HOUSE)?, 0, &house)?;
        write.open_table(rows::FOLDERS)?;
        write.open_table(rows::PLACES)?;
        write.open_table(rows::KEYWORDS)?;
        write.open_table(rows::SUBSCRIPTIONS)?;
        write.open_table(rows::MESSAGES)?;
        write.open_table(rows::BODIES)?;
        write.open_table(rows::QUEUE)?;
        write.open_table(DUE)?;
        write.open_table(ROUTES)?;
        write.open_table(rows::VOLUMES)?;
        write.open_table(rows::USAGE)?;
    }
    Ok(write.commit()?)
}

/// What an opening begins with.
struct Epoch {
    house: House,
    volumes: BTreeMap<u32, Volume>,
    redo: Redo,
    /// What the log held.
    log: Found,
}

/// Does again what the log has behind the rows, sets body numbers aside and begins a new filling, in one durable commit.
fn begin_epoch(
    disk: &dyn Disk,
    dir: &Path,
    (db, told): (&Database, Option<Told>),
    now: UnixTime,
) -> Result<Epoch, Fault> {
    let write = begin(db)?;
    let first = house_of(&write.open_table(rows::HOUSE)?)?;
    if first.format > rows::FORMAT {
        return Err(Fault::Failed(format!("mail.redb has format {}, made by a newer program", first.format)));
    }
    let log = {
        let mut tables = Tables::open(&write, &Notes::default(), now)?;
        redo::redo(disk, dir, (first.filling, told), &mut |notes| tables.redo(notes))?
    };
    if let Some(why) = log_wrong(&first, &log) {
        return Err(Fault::Failed(why));
    }
    // It is there before the rows say that it has something.
    let redo = Redo::open(disk, dir, first.filling + 1)?;
    let mut table = write.open_table(rows::HOUSE)?;
    let mut house = house_of(&table)?;
    house.newest = house.newest.max(now);
    (house.filling, house.open) = (first.filling + 1, true);
    rows::put(&mut table, 0, &House { next_body: house.next_body + IDS, ..house })?;
    drop(table);
    let volumes = volumes_of(&write)?;
    write.commit()?;
    Ok(Epoch { house, volumes, redo, log })
}

fn house_of(table: &impl ReadableTable<u8, &'static [u8]>) -> Result<House, Fault> {
    rows::get(table, 0)?.ok_or_else(|| Fault::Damaged("mail.redb: its first row is missing".into()))
}

/// A damaged row is as good as none: `tidy_volumes` finds the file without one.
fn volumes_of(write: &WriteTransaction) -> Result<BTreeMap<u32, Volume>, Fault> {
    let mut volumes = BTreeMap::new();
    for entry in write.open_table(rows::VOLUMES)?.iter()? {
        let (key, value) = entry?;
        let number = key.value();
        if let Ok(row) = rows::unseal(&number.to_le_bytes(), value.value()) {
            volumes.insert(number, row);
        }
    }
    Ok(volumes)
}

struct Tidied {
    findings: Vec<Finding>,
    /// Volumes that may have been committed but have no row: the reclaimer looks at every body row before it removes them.
    unnamed: Vec<u32>,
}

/// Cuts every volume to its committed length and removes those that never had a row.
fn tidy_volumes(
    disk: &dyn Disk,
    bodies: &Path,
    house: &House,
    volumes: &BTreeMap<u32, Volume>,
) -> Result<Tidied, Fault> {
    let (mut findings, mut unnamed) = (Vec::new(), Vec::new());
    let names = disk.list(bodies)?;
    let there = map_of(names.iter().filter_map(|n| number_of(n).map(|number| (number, n))));
    for (&volume, row) in volumes {
        let Some(name) = there.get(&volume) else {
            findings.push(Finding::Short { volume, octets: row.committed });
            continue;
        };
        let file = disk.open(&bodies.join(name), false)?;
        let len = file.len()?;
        if len > row.committed {
            file.set_len(row.committed)?;
            findings.push(Finding::Cut { volume, octets: len - row.committed });
        } else if len < row.committed {
            findings.push(Finding::Short { volume, octets: row.committed - len });
        }
    }
    for (number, name) in &there {
        if volumes.contains_key(number) {
            continue;
        }
        if is_foreign(disk, &bodies.join(name), house.mark)? {
            findings.push(Finding::Foreign { name: (*name).clone() });
        } else if *number >= house.next_volume {
            disk.remove(&bodies.join(name))?;
        } else {
            findings.push(Finding::Unnamed { volume: *number });
            unnamed.push(*number);
        }
    }
    Ok(Tidied { findings, unnamed })
}

/// Whether a volume has a whole header with another store's mark. A torn or empty one is a draft of ours that never was committed.
fn is_foreign(disk: &dyn Disk, path: &Path, mark: u64) -> Result<bool, Fault> {
    let file = disk.open(path, false)?;
    if file.len()? < VOLUME_HEADER {
        return Ok(false);
    }
    let mut head = [0u8; VOLUME_HEADER as usize];
    file.read_at(0, &mut head)?;
    Ok(take_volume_header(&head).is_some_and(|(_, theirs)| theirs != mark))
}
