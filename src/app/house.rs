//! The running house: how it is started, what it consists of, how it ends.

use std::{
    collections::BTreeMap,
    fmt,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use super::{build, doors::Doors};
use crate::{
    admin::{Admin, Desk},
    journal::{Journal, ServiceEvent, Syslog},
    listen::http::Local,
    rt::{Clock, Executor, Stop, SystemClock, Task, timeout},
    store::{Days, Disk, RealDisk, Store},
};

/// How long a stop waits for sessions to say goodbye.
const GOODBYE: Duration = Duration::from_secs(5);
/// How long a stop waits for syslog lines to leave.
const LAST_LINES: Duration = Duration::from_secs(2);

/// How the program is started; nothing here is a mail setting.
pub struct Options {
    /// State directory.
    pub state: PathBuf,
    /// Settings of the very first start; later starts keep what is stored.
    pub first: BTreeMap<String, String>,
    /// The local syslog socket.
    pub dev_log: PathBuf,
    /// The disk; a test hands in one that records.
    pub disk: Arc<dyn Disk>,
    /// The board's clock; a test hands in one that jumps.
    pub clock: Arc<dyn Clock>,
}

impl Options {
    /// As the program is started by hand.
    pub fn at(state: &Path) -> Self {
        Options {
            state: state.to_owned(),
            first: BTreeMap::new(),
            dev_log: PathBuf::from("/dev/log"),
            disk: Arc::new(RealDisk),
            clock: Arc::new(SystemClock::start()),
        }
    }
}

/// Why the house does not stand; a sentence that says what to do.
#[derive(Debug)]
pub struct AppError(pub String);

impl fmt::Display for AppError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for AppError {}

impl AppError {
    pub(super) fn of(what: &str, why: impl fmt::Display) -> Self {
        AppError(format!("{what}: {why}"))
    }
}

/// Everything that runs. Dropping it without [`House::stop`] cuts sessions off, which loses nothing that was acknowledged.
pub struct House {
    /// The disk.
    pub store: Store,
    /// The journal.
    pub journal: Journal,
    /// All changes go over it.
    pub desk: Arc<Desk>,
    pub(super) doors: Arc<Doors>,
    pub(super) admin: Admin,
    pub(super) local: Local,
    pub(super) days: Days,
    pub(super) syslog: Arc<Syslog>,
    pub(super) stop: Stop,
    pub(super) executor: Executor,
    pub(super) tasks: Vec<Task<()>>,
    /// The queue's loop.
    pub(super) queue: Task<()>,
}

impl House {
    /// Builds it from the foundation up.
    pub fn start(options: Options) -> Result<House, AppError> {
        build::build(options)
    }

    /// Lends the caller's thread to the sessions until `end` is there: the program's main thread has nothing else to do.
    pub fn work_until<T>(&self, end: impl Future<Output = T>) -> T {
        self.executor.work_until(end)
    }

    /// Ends it: doors first, sessions say goodbye, then the disk, then the last journal lines.
    pub fn stop(self, why: &str) {
        let House { store, journal, desk, doors, admin, local, days, syslog, stop, executor, tasks, queue } = self;
        journal.tell(ServiceEvent::Stopping { why: why.to_owned() });
        drop(local);
        stop.set();
        // What is on its way to other servers gets the same time.
        smol::block_on(smol::future::zip(doors.close(GOODBYE), timeout(GOODBYE, queue)));
        drop(admin);
        drop(tasks);
        smol::block_on(store.close());
        days.close();
        syslog.stop(LAST_LINES);
        drop(desk);
        executor.end();
    }
}
