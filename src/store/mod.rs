//! What the disk knows. The only room that names redb. It must not know: protocols, addresses' meaning, who may do what.
//!
//! | file | holds | code |
//! |---|---|---|
//! | state directory: `system.redb` | settings, directory, certificates: rows whose meaning is the caller's | `system` |
//! | mail directory: `mail.redb` | small rows: folders, messages, bodies, queue, volumes, usage | `rows`, `apply`, `folders`, `messages`, `queue` |
//! | `mail.log` | what the last commits did to these rows and the volumes; done again after a stop that was not clean | `redo`, `noted`, `views` |
//! | `bodies/NNNNNN` | append-only volumes of records | `volume`, `record`, `appender` |
//! | `journal/DAY.redb` | journal lines | `days` |
//! | `index.redb` | records derived from messages, made again where they are missing | `index` |
//! | `reserve` | room for deletions on a full disk | `space` |
//!
//! | state of a body | where it is | leaves by |
//! |---|---|---|
//! | *draft* | in memory, or octets beyond a volume's committed length | commit; dropping or a power cut forgets it |
//! | *kept* | a record below the committed length, a body row with at least one link | its last link is removed |
//! | *done* | a record that no row names | its volume is emptied and removed (`reclaim`) |
//!
//! One thread changes the mail disk (`writer`, with `keeper` and `reclaim`), two read (`reader`, `fetch`, `sift`), one has `system.redb`. Everything
//! goes through `disk`, so that tests rebuild the disk at every point of time. The tables of states of a draft, a volume,
//! a volume that is emptied, the log and the mail disk stand at the heads of `draft`, `volume`, `reclaim`, `redo`, `keeper`.
//!
//! **Guarantee: [`Store::commit`] returns Ok only when the body is kept: after the fdatasync of one record of `mail.log` that has all its
//! rows and its octets (those of a body over 128 KiB are in its volume, synced before that record is written). A power cut at any
//! moment loses nothing that Ok was said for.**

mod access;
mod appender;
mod apply;
mod backend;
mod census;
mod check;
mod codec;
mod core;
mod days;
mod disk;
mod draft;
mod fault;
mod fetch;
mod folders;
mod handle;
mod index;
mod keeper;
mod ledger;
mod mail;
mod messages;
mod migrate;
mod noted;
#[doc(hidden)]
pub mod probe;
mod queue;
mod reader;
mod reclaim;
mod record;
mod redo;
mod reindex;
mod roomy;
mod rows;
mod salvage;
mod shadow;
mod sift;
mod space;
mod system;
mod views;
mod volume;
mod watch;
mod writer;

use std::{fmt, path::PathBuf};

pub use check::{Report, check};
pub use days::{Day, DayLine, Days, Export, Hours, Message, Page};
pub use disk::{Disk, DiskFile, LockGuard, RealDisk, Space};
pub use draft::{Draft, Sealed};
pub use fetch::{Fetched, Want};
pub use folders::Folder;
pub use handle::Store;
pub use messages::{Copied, FlagEdit, Flagged, How};
pub use queue::{Destination, DueKey, DuePage, QueueCount, QueueFilter, QueueOrder, QueuePage, QueueRows, QueueStage};
pub use reindex::{Derive, Reindexed, reindex};
pub use salvage::{Salvaged, salvage};
pub use sift::{Blocks, Sieve, Sifted};
pub use space::Room;
pub use system::System;
pub use watch::{Change, Changes, Watch};

use crate::types::{Flags, FolderId, FolderName, Keyword, Leaving, MailboxId, Uid, UnixTime};

/// Why the store did not do it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StoreError {
    /// The mail disk is absent, vanished or failing: 451 4.3.0, [SYS/TEMP].
    Unavailable(String),
    /// Below the reserve: 452 4.3.1.
    NoRoom,
    /// A record is damaged; what and where.
    Damaged(String),
    /// What was asked for is not there (any more).
    Missing,
    /// A folder of that name is there already; INBOX always is, and cannot be deleted.
    Exists,
    /// The mailbox would hold more than its limit (Q15).
    OverQuota,
    /// A cap of the store is reached: 64 keywords in a folder, 255 octets of a name, 5,000 folders.
    Limit(&'static str),
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StoreError::Unavailable(why) => write!(f, "the store is not available: {why}"),
            StoreError::NoRoom => f.write_str("there is no room on the mail disk"),
            StoreError::Damaged(what) => write!(f, "a record is damaged: {what}"),
            StoreError::Missing => f.write_str("not there"),
            StoreError::Exists => f.write_str("it is there already"),
            StoreError::OverQuota => f.write_str("the mailbox is over quota"),
            StoreError::Limit(which) => f.write_str(which),
        }
    }
}

impl std::error::Error for StoreError {}

/// Where the store lies.
#[derive(Clone, Debug)]
pub struct Places {
    /// State directory: `system.redb`.
    pub state: PathBuf,
    /// Mail directory: `mail.redb`, `bodies/`, `journal/`, `reserve`.
    pub mail: PathBuf,
    /// Octets that stay free (452 below).
    pub reserve: u64,
}

/// A copy for a folder of ours.
#[derive(Clone, Debug)]
pub struct Delivery {
    /// The mailbox.
    pub mailbox: MailboxId,
    /// Its folder; made if it is not there.
    pub folder: FolderName,
    /// First flags.
    pub flags: Flags,
    /// First keywords; those that the folder's list has no place for are left out.
    pub keywords: Vec<Keyword>,
    /// INTERNALDATE; None: now.
    pub date: Option<UnixTime>,
    /// Octets that the mailbox may hold with it: the commit is refused where it would hold more. None: any.
    pub limit: Option<u64>,
}

impl Delivery {
    /// A copy that is as new as a message can be.
    pub fn plain(mailbox: MailboxId, folder: FolderName) -> Delivery {
        Delivery { mailbox, folder, flags: Flags::default(), keywords: Vec::new(), date: None, limit: None }
    }

    /// A copy for INBOX.
    pub fn to_inbox(mailbox: MailboxId) -> Delivery {
        Delivery::plain(mailbox, FolderName::inbox())
    }
}

/// Where a copy was put.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kept {
    /// Its folder.
    pub folder: FolderId,
    /// UIDVALIDITY of the folder.
    pub validity: u32,
    /// The message's number there.
    pub uid: Uid,
}

/// One sealed body and all who get it.
pub struct NewMessage {
    /// The bytes.
    pub sealed: Sealed,
    /// What is known of it without its text, for `index.redb`; its meaning is the caller's.
    pub derived: Option<Vec<u8>>,
    /// Copies here.
    pub deliveries: Vec<Delivery>,
    /// Copies elsewhere.
    pub queue: Vec<Leaving>,
}

/// What a mailbox holds, counted at commit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Octets.
    pub bytes: u64,
    /// Messages.
    pub messages: u64,
}

/// One row of `system.redb`: settings, directory, certificates, counters. Its meaning is the caller's.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Row {
    /// `settings`, `directory`, `certificate` and so on.
    pub kind: String,
    /// Key within the kind.
    pub key: String,
    /// JSON or PEM.
    pub value: Vec<u8>,
}

/// One change of a row of `system.redb`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Write {
    /// Insert or replace.
    Put(Row),
    /// Remove (kind, key).
    Remove(String, String),
    /// The whole write fails with [`StoreError::Missing`] unless (kind, key) has this value (None: is absent).
    Expect(String, String, Option<Vec<u8>>),
}
