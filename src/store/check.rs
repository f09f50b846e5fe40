//! `check`: is every byte that would be served what was stored? On the files of a stopped server (nothing is changed), or
//! through the running one in short turns.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
    sync::{Arc, atomic::Ordering},
};

use redb::{Database, ReadableDatabase, ReadableTable};

use super::{
    Disk, DiskFile, Places, Store, StoreError,
    backend::{Gate, database},
    census::{self, Census},
    core::Core,
    fault::Fault,
    mail::{self, Mail, bodies_dir},
    redo,
    reindex::check_index,
    rows::{self, House, Volume},
    shadow::Shadow,
    system,
    views::Views,
    volume::name_of,
};

/// Page cache of a check on files, octets.
const CACHE: usize = 2 * 1024 * 1024;
/// Problems that are named; more are counted.
const NAMED: usize = 1000;
/// How often the rows are counted again when mail came in between.
const AGAIN: u32 = 3;

/// What a check found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Message rows.
    pub messages: u64,
    /// Records that were read and are whole.
    pub records: u64,
    /// Octets of their bodies.
    pub octets: u64,
    /// Records of `index.redb` that are whole.
    pub derived: u64,
    /// What is wrong, the first thousand of it.
    pub problems: Vec<String>,
    /// Problems beyond the first thousand.
    pub unnamed: u64,
    /// What could not be checked, and why; no fault of the data.
    pub notes: Vec<String>,
}

impl Report {
    /// Whether nothing is wrong.
    pub fn is_whole(&self) -> bool {
        self.problems.is_empty()
    }

    pub(super) fn problem(&mut self, what: String) {
        if self.problems.len() < NAMED {
            self.problems.push(what);
        } else {
            self.unnamed += 1;
        }
    }
}

impl Report {
    fn absorb(&mut self, found: Report) {
        self.records += found.records;
        self.octets += found.octets;
        self.unnamed += found.unnamed;
        self.notes.extend(found.notes);
        found.problems.into_iter().for_each(|problem| self.problem(problem));
    }
}

/// Gives what a turn found, or a problem when it failed or panicked (redb panics on some damages).
fn turn<T>(report: &mut Report, what: &str, work: impl FnOnce(&mut Report) -> Result<Option<T>, Fault>) -> Option<T> {
    let done = catch_unwind(AssertUnwindSafe(|| work(&mut *report)));
    match done {
        Ok(Ok(next)) => next,
        Ok(Err(fault)) => {
            report.problem(format!("{what}: {}", fault.told()));
            None
        }
        Err(_) => {
            report.problem(format!("{what}: the database cannot be read"));
            None
        }
    }
}

/// Checks the files of a stopped server and changes nothing. `progress` hears octets of bodies read so far.
/// Unavailable when a server runs on them or they are not there.
pub fn check(disk: &Arc<dyn Disk>, places: &Places, progress: &mut dyn FnMut(u64)) -> Result<Report, StoreError> {
    let lock = |dir: &Path| mail::lock(&**disk, dir).map_err(|fault| fault.told());
    let _state = lock(&places.state)?;
    let _mail = if places.mail == places.state { None } else { Some(lock(&places.mail)?) };
    let mut report = Report::default();
    let system = || Ok(disk.open(&places.state.join("system.redb"), false)?);
    if let Some(db) = open_whole("system.redb", system, &mut report) {
        turn(&mut report, "system.redb", |report| system_rows(&db, report));
        quietly_drop(db);
    }
    // After a stop that was not clean, what the log holds is as good as written.
    let views = Views::read(&**disk, &places.mail);
    views.damage.iter().for_each(|what| report.problem(what.clone()));
    let rows = || Ok(disk.open(&places.mail.join(redo::ROWS), false)?);
    if let Some(db) = open_whole(redo::ROWS, rows, &mut report) {
        let bodies = bodies_dir(&places.mail);
        let file = |number: u32| {
            let file = disk.open(&bodies.join(name_of(number)), false)?;
            Ok(views.over(number, file))
        };
        turn(&mut report, redo::NAME, |_| views.redo_rows(&db).map(|()| None::<()>));
        let mut census = Census::default();
        let counted = count(&mut census, &db, &mut report);
        if counted {
            turn(&mut report, "mail.redb", |report| census.compare(&db, report).map(|()| None::<()>));
        }
        turn(&mut report, "volumes", |report| volume_files(&db, &file, report));
        let mut after = Some(0);
        while let Some(from) = after {
            after = turn(&mut report, "bodies", |report| census::records(&db, from, &file, report));
            progress(report.octets);
        }
        report.messages = census.messages;
        quietly_drop(db);
    }
    let mut index = Report::default();
    turn(&mut index, "index.redb", |report| check_index(&**disk, &places.mail, report));
    if !index.is_whole() {
        index
            .notes
            .push("index.redb is damaged: it is made anew when the server starts, or by gatepost reindex".into());
    }
    report.derived = index.derived;
    report.notes.extend(index.notes);
    Ok(report)
}

/// A database over a shadow, after redb has verified every page of it.
fn open_whole(
    name: &str,
    file: impl FnOnce() -> Result<Arc<dyn DiskFile>, Fault>,
    report: &mut Report,
) -> Option<Database> {
    turn(report, name, |report| {
        let shadow: Arc<dyn DiskFile> = Arc::new(Shadow::over(file()?)?);
        if shadow.is_empty()? {
            return Err(Fault::Damaged("it is empty".into()));
        }
        let mut db = database(shadow, Gate::default(), CACHE)?;
        if !db.check_integrity()? {
            report.problem(format!("{name}: pages are damaged"));
        }
        Ok(Some(db))
    })
}

/// A damaged database may panic once more when it is closed.
fn quietly_drop(db: Database) {
    let _ = catch_unwind(AssertUnwindSafe(|| drop(db)));
}

fn system_rows(db: &Database, report: &mut Report) -> Result<Option<()>, Fault> {
    for entry in db.begin_read()?.open_table(system::ROWS)?.iter()? {
        let (key, value) = entry?;
        let (kind, name) = key.value();
        if let Err(fault) = system::unseal(kind, name, value.value()) {
            report.problem(fault.told().to_string());
        }
    }
    Ok(None)
}

/// All rows, in turns; whether every turn went through.
fn count(census: &mut Census, db: &Database, report: &mut Report) -> bool {
    let before = report.problems.len();
    let mut next = Some(0);
    while let Some(from) = next {
        next = turn(report, "mailboxes", |report| census.mailboxes(db, from, report));
    }
    let mut next = Some(0);
    while let Some(after) = next {
        next = turn(report, "queue", |report| census.queue(db, after, report));
    }
    let mut next = Some(0);
    while let Some(after) = next {
        next = turn(report, "bodies", |report| census.bodies(db, after, report));
    }
    report.problems.len() == before
}

/// Every volume with a row: its file, its header, its length.
fn volume_files(
    db: &Database,
    file: &dyn Fn(u32) -> Result<Arc<dyn DiskFile>, Fault>,
    report: &mut Report,
) -> Result<Option<()>, Fault> {
    let read = db.begin_read()?;
    let house: House = rows::get(&read.open_table(rows::HOUSE)?, 0)?.ok_or(Fault::Missing)?;
    for entry in read.open_table(rows::VOLUMES)?.iter()? {
        let (key, value) = entry?;
        let number = key.value();
        let row: Volume = rows::unseal(&number.to_le_bytes(), value.value())?;
        match file(number) {
            Ok(file) if !census::volume_head(number, house.mark, &*file) => {
                report.problem(format!("volume {number:06}: its header is damaged"));
            }
            Ok(file) if file.len()? < row.committed => {
                report.problem(format!("volume {number:06}: it is shorter than what was committed"));
            }
            Ok(_) => {}
            // Its row may have been forgotten since, and the volume removed.
            Err(_) if db.begin_read()?.open_table(rows::VOLUMES)?.get(number)?.is_none() => {}
            Err(fault) => report.problem(format!("volume {number:06}: {}", fault.told())),
        }
    }
    Ok(None)
}

impl Store {
    /// Checks the running store, in turns of one short read transaction each. `progress` hears octets of bodies read so far.
    pub async fn check(&self, mut progress: impl FnMut(u64) + Send) -> Result<Report, StoreError> {
        let mut report = self.core.system.check().await?;
        for last in [false; AGAIN as usize].into_iter().chain([true]) {
            let before = self.core.commits.load(Ordering::SeqCst);
            let (census, counted) = self.count_rows().await?;
            let quiet = self.core.commits.load(Ordering::SeqCst) == before;
            if !quiet && !last {
                continue;
            }
            report.messages = census.messages;
            report.absorb(counted);
            if quiet {
                let compared =
                    self.turn("mail.redb", move |mail, report| census.compare(&mail.db, report).map(|()| None::<()>));
                report.absorb(compared.await?.1);
            } else {
                report.notes.push("mail came in all the time: counts of different tables were not compared".into());
            }
            break;
        }
        let headers =
            self.turn("volumes", |mail, report| volume_files(&mail.db, &|n| mail.pool.file(n), report)).await?;
        report.absorb(headers.1);
        let mut after = Some(0);
        while let Some(from) = after {
            let read = self.turn("bodies", move |mail, report| {
                census::records(&mail.db, from, &|number| mail.pool.file(number), report)
            });
            let (next, found) = read.await?;
            after = next;
            report.absorb(found);
            progress(report.octets);
        }
        self.check_index(&mut report).await?;
        Ok(report)
    }

    async fn count_rows(&self) -> Result<(Census, Report), StoreError> {
        type Turn = fn(&mut Census, &Database, u64, &mut Report) -> Result<Option<u64>, Fault>;
        let mailboxes: Turn = |census, db, from, report| {
            Ok(census.mailboxes(db, u32::try_from(from).unwrap_or(u32::MAX), report)?.map(u64::from))
        };
        let (mut census, mut report) = (Census::default(), Report::default());
        for (what, step) in [("mailboxes", mailboxes), ("queue", Census::queue), ("bodies", Census::bodies)] {
            let mut next = Some(0);
            while let Some(from) = next {
                let counted = self.turn(what, move |mail, report| {
                    let next = step(&mut census, &mail.db, from, report)?;
                    Ok(Some((census, next)))
                });
                let (done, found) = counted.await?;
                report.absorb(found);
                let Some((back, later)) = done else { return Ok((Census::default(), report)) };
                (census, next) = (back, later);
            }
        }
        Ok((census, report))
    }

    async fn turn<T: Send + 'static>(
        &self,
        what: &'static str,
        work: impl FnOnce(&Mail, &mut Report) -> Result<Option<T>, Fault> + Send + 'static,
    ) -> Result<(Option<T>, Report), StoreError> {
        let core: &Arc<Core> = &self.core;
        core.read(move |mail| {
            let mut report = Report::default();
            let done = turn(&mut report, what, |report| work(mail, report));
            Ok((done, report))
        })
        .await
    }
}

impl system::System {
    async fn check(&self) -> Result<Report, StoreError> {
        self.look(|db| {
            let mut report = Report::default();
            turn(&mut report, "system.redb", |report| system_rows(db, report));
            Ok(report)
        })
        .await
    }
}
