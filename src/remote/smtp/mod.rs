//! Mail to servers of others by SMTP and LMTP: one job, one way, once. When to try again is the queue's business.
//!
//! | file | what |
//! |---|---|
//! | `job` | what is handed in, and what comes back |
//! | `hosts` | the servers of a target: MX, addresses, loops |
//! | `guard` | how well a connection must be encrypted |
//! | `hello`, `login` | from an address to a session that takes mail |
//! | `session`, `step` | commands and replies, their bounds and times |
//! | `hand`, `text`, `seven` | one message over one session |
//! | `idle` | sessions between two messages |
//! | `course` | the way of one job through all of these |
//!
//! Invariants:
//! * Every recipient of a job gets one outcome.
//! * Nothing is tried a second time behind a final dot whose answer did not come: that recipient is "later".
//! * What the server says is bounded in lines, octets and time; only CRLF.CRLF ends what we say, and a bare CR or LF never leaves.
//! * A password goes out only over TLS or in a private network, and never into the tape or the journal.

mod course;
mod guard;
mod hand;
mod hello;
mod hosts;
mod idle;
mod job;
mod login;
mod session;
mod seven;
mod step;
mod tape;
mod text;

use std::{
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

pub use job::{Fields, Job, Login, Outcome, Rcpt, Sign, Target, Verdict};
pub use step::Patience;

use course::Course;
use idle::Idle;
use session::Session;
use step::Step;

use super::{Tap, TlsReports, sts::Sts};
use crate::{
    journal::{Journal, RemoteEvent},
    limits,
    net::{Authorities, Dialer, dns::Resolver},
    rt::{Clock, Executor, Shared, Turns, Worker, timeout},
    settings::Settings,
};

/// What the pool is built of.
pub struct Seams {
    /// Names.
    pub dns: Arc<dyn Resolver>,
    /// Connections.
    pub dialer: Dialer,
    /// Our own name and port, to know ourselves by.
    pub settings: Shared<Settings>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Reads certificates and hashes passwords.
    pub worker: Worker,
    /// Says goodbye to servers that nobody waits for.
    pub executor: Executor,
    /// What was said.
    pub tap: Tap,
    /// Policies of domains; None: MTA-STS is not asked for.
    pub sts: Option<Arc<Sts>>,
    /// How encryption went.
    pub reports: Arc<TlsReports>,
    /// Time-outs.
    pub patience: Patience,
    /// The port of the world's servers: 25.
    pub port: u16,
}

/// What every part works with.
struct Means {
    dns: Arc<dyn Resolver>,
    dialer: Dialer,
    settings: Shared<Settings>,
    clock: Arc<dyn Clock>,
    worker: Worker,
    executor: Executor,
    /// Hears of encryption and logins, where somebody wants to.
    journal: OnceLock<Journal>,
    tap: Tap,
    sts: Option<Arc<Sts>>,
    reports: Arc<TlsReports>,
    patience: Patience,
    port: u16,
    idle: Idle,
    roots: Turns<Option<(Duration, Authorities)>>,
    turn: AtomicUsize,
    /// Somebody looks after the sessions that wait.
    sweeping: AtomicBool,
}

/// Carries mail. Cheap to clone; all clones share their sessions.
#[derive(Clone)]
pub struct Pool(Arc<Means>);

impl Pool {
    /// A pool without sessions.
    pub fn new(seams: Seams) -> Self {
        let Seams { dns, dialer, settings, clock, worker, executor, tap, sts, reports, patience, port } = seams;
        let (idle, roots, turn) = (Idle::default(), Turns::new(None), AtomicUsize::new(0));
        Pool(Arc::new(Means {
            dns,
            dialer,
            settings,
            clock,
            worker,
            executor,
            journal: OnceLock::new(),
            tap,
            sts,
            reports,
            patience,
            port,
            idle,
            roots,
            turn,
            sweeping: AtomicBool::new(false),
        }))
    }

    /// The same, and this journal hears of encryption and refused logins.
    #[must_use]
    pub fn telling(self, journal: Journal) -> Self {
        // A second one changes nothing.
        let _ = self.0.journal.set(journal);
        self
    }

    /// Tries once, and gives an outcome for every recipient. Dropping the future cuts the connection off: what had no final dot is
    /// not delivered.
    pub async fn carry(&self, job: &Job) -> Vec<Outcome> {
        Course::of(&self.0, job).run().await
    }

    /// What was said lately.
    pub fn tap(&self) -> Tap {
        self.0.tap.clone()
    }
}

/// How long a session waits for the next message of its destination.
const KEEP: Duration = Duration::from_secs(limits::SEND_KEEP_SECS);
/// Between two looks for sessions that waited long enough.
const SWEEP: Duration = Duration::from_secs(1);

impl Means {
    fn tell(&self, event: RemoteEvent) {
        if let Some(journal) = self.journal.get() {
            journal.tell(event);
        }
    }

    fn rotation(&self) -> usize {
        self.turn.fetch_add(1, Ordering::Relaxed)
    }

    /// A session behind a message: kept for the next one, or dismissed.
    fn keep(self: &Arc<Self>, job: &Job, mut session: Session) {
        if session.over || session.used == 0 || session.used >= limits::SEND_MESSAGES {
            return self.dismiss(session);
        }
        session.tape = tape::Tape::new(self, "", Vec::new());
        if let Some(oldest) = self.idle.put(job.target.clone(), session, self.clock.mono()) {
            self.dismiss(oldest);
        }
        if !self.sweeping.swap(true, Ordering::SeqCst) {
            let means = self.clone();
            // One at a time, and nobody waits for it: it ends when no session is left.
            self.executor.spawn(async move { means.sweep().await }).detach();
        }
    }

    /// Says goodbye to sessions that waited long enough, until none waits.
    async fn sweep(&self) {
        loop {
            timeout(SWEEP, smol::future::pending::<()>()).await;
            for session in self.idle.expired(self.clock.mono(), KEEP) {
                self.dismiss(session);
            }
            if self.idle.is_empty() {
                self.sweeping.store(false, Ordering::SeqCst);
                // One that came meanwhile saw that somebody sweeps.
                if self.idle.is_empty() || self.sweeping.swap(true, Ordering::SeqCst) {
                    return;
                }
            }
        }
    }

    /// Says goodbye in the background: the message's fate does not wait for it.
    fn dismiss(&self, session: Session) {
        if !session.over {
            // Bounded by the time of a goodbye.
            self.executor.spawn(session.quit()).detach();
        }
    }
}
