//! Sends what the pipeline queued: every recipient elsewhere is a row of the store; each is tried by its schedule until it is
//! delivered, goes back to its sender, or is deleted by hand.
//!
//! | piece | what it is |
//! |---|---|
//! | `schedule`, `early` | when a row is tried next (B8-B11; greylisting) |
//! | `routes` | which way it leaves: rules, relay, the recipient's servers |
//! | `floor`, `feedback` | the rows in memory, by lane; how many connections a lane has |
//! | `run` | the one loop: wakes by bell, timer or an attempt that ended; reads, begins, settles |
//! | `attempt` | one load on its way |
//! | `settle` | what became of it: one transaction with the notice that it causes |
//! | `carry`, `home`, `notices` | the house's hands (`remote`, for what became ours `pipeline`) and its word to senders (`pipeline`) |
//!
//! Invariants:
//! * The next try is written before an attempt begins, so that a crash loop cannot hammer a peer and a kill loses nothing.
//! * A row leaves the disk only in the commit that holds the notice about it, if there is one to be sent.
//! * A row is under way once: what is in memory is not taken again, whoever hurries it.
//! * Attempts are bounded tasks, one a connection; a waiting message is a row, never a task.
//!
//! Must not know: sockets, DNS, SMTP's words (that is `remote`), how a notice is written (that is `pipeline`).

mod alarm;
mod attempt;
mod carry;
mod early;
mod feedback;
mod floor;
mod home;
mod notices;
mod routes;
mod run;
mod schedule;
mod settle;

use std::{future::Future, pin::Pin, sync::Arc};

pub use alarm::WallAlarm;
pub use carry::Carrier;
pub use routes::Route;
pub use run::Queue;

pub use crate::remote::smtp::{Outcome, Verdict};

use crate::{
    directory::Directory,
    journal::Journal,
    rt::{Board, Clock, Executor, Shared, Stop},
    settings::Settings,
    store::{Store, StoreError},
    types::{Address, Answer, BodyReader, QueueId, ReversePath, RowId, Settled, Terms, UnixTime, Waiting, Wishes},
};

/// A future of a seam.
pub type Coming<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Rows of one message on one way.
pub struct Parcel {
    /// Where to.
    pub route: Route,
    /// The message as it is stored, with the Return-Path field that is not sent on.
    pub body: Arc<dyn BodyReader>,
    /// Reverse-path.
    pub from: ReversePath,
    /// What the sender asked for the message.
    pub terms: Terms,
    /// One of ours wrote it: it is signed.
    pub ours: bool,
    /// Recipients, one or more.
    pub rcpts: Vec<(RowId, Address, Wishes)>,
    /// Its name in the journal.
    pub qid: QueueId,
}

/// Who carries: `remote` in the house, a script in tests.
pub trait Hands: Send + Sync {
    /// Tries once. Gives an outcome for every recipient; one that is missing was not delivered and is tried later.
    fn carry(&self, parcel: Parcel) -> Coming<'_, Vec<Outcome>>;
}

/// What a sender is told of a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Told {
    /// It is given up; whether because its time was over.
    Failed {
        /// The last answer.
        answer: Answer,
        /// B11.
        expired: bool,
    },
    /// It waits on.
    Late(Answer),
    /// It went on to a server that tells nothing (RFC 3461 s5.2.5).
    Relayed(Answer),
}

/// Who writes notices: `pipeline` in the house.
pub trait Notices: Send + Sync {
    /// Writes one notice about rows of one message, and `also`, in ONE transaction. Gives its name; None where nobody is to be told
    /// (then `also` is written all the same). Missing: one of the rows of `also` is not there any more, and nothing was written.
    fn tell(&self, about: Vec<(Waiting, Told)>, also: Vec<Settled>) -> Coming<'_, Result<Option<QueueId>, StoreError>>;
}

/// Wakes at a time.
pub trait Alarm: Send + Sync {
    /// Ends when the clock shows `at`, or somewhat earlier: whoever waits looks at the clock again. So many attempts are under way
    /// meanwhile: a clock that is not the world's waits for them too.
    fn at(&self, at: UnixTime, under_way: usize) -> Coming<'_, ()>;
}

/// What the queue works with.
#[derive(Clone)]
pub struct Means {
    /// Newest settings.
    pub settings: Shared<Settings>,
    /// Our domains.
    pub directory: Shared<Directory>,
    /// The disk.
    pub store: Store,
    /// Who carries.
    pub hands: Arc<dyn Hands>,
    /// Who tells senders.
    pub notices: Arc<dyn Notices>,
    /// The journal.
    pub journal: Journal,
    /// Where its line stands.
    pub board: Board,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Wakes the loop.
    pub alarm: Arc<dyn Alarm>,
    /// Runs attempts.
    pub executor: Executor,
    /// The house ends.
    pub stop: Stop,
}
