//! The syslog sink: one thread, one bounded queue, any number of collectors and the local socket (N10).
//!
//! The `syslog` crate gives facilities and severities; the text and the transport are ours, because its own has no framing on
//! TCP, writes UTC into RFC 3164, has no time-outs and blocks on a stalled /dev/log.
//!
//! All targets read one queue, each at its own place in it. A target that is away or slow falls behind until the queue is
//! full; what is then pushed out is counted for it, shown on the board, and told in the journal when there is room again.
//! No session ever waits: `take` pushes one pointer.
//!
//! Must not know: settings (it is handed a [`SyslogConfig`]), what a line means.

mod format;
mod link;
mod queue;
mod target;
mod thread;

use std::{
    io,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
    thread::JoinHandle,
    time::Duration,
};

use jiff::tz::TimeZone;

use self::queue::Queue;
use super::{Journal, Sink, Stamped};
use crate::{
    rt::{Board, Clock},
    types::Collector,
};

pub use self::format::plain;

/// Who signs every line.
#[derive(Clone, Debug)]
pub struct Origin {
    /// This machine's name; RFC 3164 gets its first label only (RFC 3164 s4.1.2).
    pub host: String,
    /// The process.
    pub pid: u32,
    /// The appliance's time zone (section 6 of the design).
    pub zone: TimeZone,
}

impl Origin {
    /// This machine and this process, as the system knows them now. Reads a file of the kernel; for the start.
    pub fn here() -> Self {
        let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
        Origin { host: host.trim().to_owned(), pid: std::process::id(), zone: TimeZone::system() }
    }
}

/// Where lines go; from the settings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SyslogConfig {
    /// The local socket (`/dev/log`), or None.
    pub local: Option<PathBuf>,
    /// Collectors.
    pub collectors: Vec<Collector>,
    /// What stands for `postfix` in `postfix/smtpd`.
    pub mail_tag: String,
}

/// The sink's handle. Lines are taken from the start; nothing is sent before [`Syslog::configure`].
pub struct Syslog {
    queue: Arc<Queue>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Syslog {
    /// Starts the thread. It tells outages through `journal` and shows each target on `board` as `syslog:...`.
    pub fn start(origin: Origin, clock: Arc<dyn Clock>, journal: Journal, board: Board) -> io::Result<Arc<Self>> {
        let queue = Arc::new(Queue::new()?);
        let mut work = thread::Work::new(origin, queue.clone(), clock, journal, board);
        let thread = std::thread::Builder::new().name("syslog".into()).spawn(move || work.run())?;
        Ok(Arc::new(Syslog { queue, thread: Mutex::new(Some(thread)) }))
    }

    /// New targets. One that stays keeps its connection and its place; what waited for one that goes is sent to those that
    /// are new.
    pub fn configure(&self, config: SyslogConfig) {
        self.queue.configure(config);
    }

    /// Sends what waits, for at most `limit`, and ends the thread. Blocks; a target that is away is not waited for.
    pub fn stop(&self, limit: Duration) {
        self.queue.stop(limit);
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread {
            // A panic of the thread has nobody left to be told to.
            let _ = thread.join();
        }
    }
}

impl Sink for Syslog {
    fn take(&self, line: &Arc<Stamped>) {
        self.queue.push(line.clone());
    }
}

impl Drop for Syslog {
    fn drop(&mut self) {
        self.stop(Duration::ZERO);
    }
}
