//! A recipient elsewhere: what the queue knows of it. Plain values; `store` keeps them, `queue` decides, `admin` shows.

use super::{Address, BodyId, ReversePath, Terms, UnixTime, Wishes};

/// A queue row's number; grows, never reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RowId(pub u64);

/// What another server (or the way to it) answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// When.
    pub at: UnixTime,
    /// `mx.example.org[192.0.2.1]:25`; empty where nobody was reached.
    pub peer: Box<str>,
    /// The reply's code; 0 where there was no reply (no DNS, no connection, a broken dialogue).
    pub code: u16,
    /// Enhanced status code, theirs or ours for a failure without one: `4.4.1` (RFC 3463).
    pub status: Box<str>,
    /// What they said word for word, or what happened; printable, at most 500 characters.
    pub text: Box<str>,
}

/// A recipient elsewhere, as it is put into the queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leaving {
    /// Reverse-path.
    pub from: ReversePath,
    /// Where it goes.
    pub to: Address,
    /// The recipient as the sender knows it, where that differs (an alias).
    pub original: Option<Address>,
    /// What the sender asked for this recipient.
    pub wishes: Wishes,
    /// What the sender asked for the message.
    pub terms: Terms,
    /// One of ours wrote it (a login, a relay network, we ourselves): it is signed when it leaves (DKIM), a forwarded one never.
    pub ours: bool,
    /// When to try first.
    pub next_try: UnixTime,
}

impl Leaving {
    /// Nothing was asked, and it is none of ours.
    pub fn plain(from: ReversePath, to: Address, next_try: UnixTime) -> Leaving {
        let (wishes, terms) = (Wishes::default(), Terms::default());
        Leaving { from, to, original: None, wishes, terms, ours: false, next_try }
    }
}

/// Who keeps a row from being tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hold {
    /// Nobody: it is tried when its time comes.
    Free,
    /// An administrator, until it is released.
    Held,
}

/// A row of the queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waiting {
    /// Its number.
    pub id: RowId,
    /// The message.
    pub body: BodyId,
    /// Octets of the message.
    pub size: u64,
    /// When it came into the queue.
    pub since: UnixTime,
    /// Who, whom, what was asked, and when it is tried next.
    pub leaving: Leaving,
    /// Attempts begun.
    pub tries: u32,
    /// Whether it may be tried.
    pub hold: Hold,
    /// Whether the sender was told that it is late.
    pub told_late: bool,
    /// The last answer; None before the first.
    pub last: Option<Answer>,
}

/// What became of an attempt, to be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Settled {
    /// It is gone: delivered, bounced, or deleted by hand.
    Done(RowId),
    /// It waits on.
    Later {
        /// Which.
        id: RowId,
        /// When it is tried next.
        next_try: UnixTime,
        /// What was answered.
        last: Option<Answer>,
        /// The sender is told with this same commit, or was before.
        told_late: bool,
    },
}
