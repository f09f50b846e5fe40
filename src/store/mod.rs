//! What the disk knows. The only room that names redb.
//!
//! States of a body: *draft* (bytes beyond the committed length), *kept* (a row with at least one link), *done* (no link,
//! bytes not yet reclaimed).
//!
//! **Guarantee: [`Store::commit`] returns Ok only when the body is kept: after the volume's fdatasync and then a durable
//! commit of its rows. A power cut at any moment loses nothing that Ok was said for.**

use std::{fmt, path::PathBuf, sync::Arc};

use crate::{
    journal::Journal,
    rt::{Board, Clock},
    types::{
        Address, BodyId, BodyReader, Flags, FolderName, MailboxId, MessageRow, ReversePath, Special, Uid, UnixTime,
    },
};

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
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StoreError::Unavailable(why) => write!(f, "the store is not available: {why}"),
            StoreError::NoRoom => f.write_str("there is no room on the mail disk"),
            StoreError::Damaged(what) => write!(f, "a record is damaged: {what}"),
            StoreError::Missing => f.write_str("not there"),
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
}

/// A recipient elsewhere, for the queue.
#[derive(Clone, Debug)]
pub struct QueueRow {
    /// Reverse-path.
    pub from: ReversePath,
    /// Recipient.
    pub to: Address,
    /// When to try first.
    pub next_try: UnixTime,
}

/// One sealed body and all who get it.
pub struct NewMessage {
    /// The bytes.
    pub sealed: Sealed,
    /// Copies here.
    pub deliveries: Vec<Delivery>,
    /// Copies elsewhere.
    pub queue: Vec<QueueRow>,
}

/// What a mailbox holds, counted at commit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Octets.
    pub bytes: u64,
    /// Messages.
    pub messages: u64,
}

/// A body while it arrives. Dropping it forgets it.
pub struct Draft {}

/// A body that is complete but not kept yet. Dropping it forgets it.
pub struct Sealed {}

impl Draft {
    /// The number it will have.
    pub fn id(&self) -> BodyId {
        BodyId(0)
    }
    /// Adds bytes; beyond 64 KiB they go to a borrowed volume.
    pub async fn write(&mut self, _bytes: &[u8]) -> Result<(), StoreError> {
        Err(StoreError::Missing)
    }
    /// Octets so far.
    pub fn len(&self) -> u64 {
        0
    }
    /// Whether nothing was written yet.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
    /// Ends it.
    pub async fn seal(self) -> Result<Sealed, StoreError> {
        Err(StoreError::Missing)
    }
}

impl Sealed {
    /// Its number.
    pub fn id(&self) -> BodyId {
        BodyId(0)
    }
    /// Octets.
    pub fn len(&self) -> u64 {
        0
    }
    /// Whether it is empty.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// One row of `system.redb`: settings, directory, certificates, counters. Its meaning is the caller's.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Row {
    /// `settings`, `directory`, `certificate`, …
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

/// Cheap to clone.
#[derive(Clone)]
pub struct Store {}

impl Store {
    /// Opens `system.redb` (must work) and the mail disk (may be absent: the store then answers Unavailable and tries again).
    pub fn open(
        _places: Places,
        _clock: Arc<dyn Clock>,
        _journal: Journal,
        _board: Board,
    ) -> Result<Store, StoreError> {
        Err(StoreError::Missing)
    }
    /// All rows of a kind, by key.
    pub async fn rows(&self, _kind: &str) -> Result<Vec<Row>, StoreError> {
        Err(StoreError::Missing)
    }
    /// Writes rows in one durable transaction.
    pub async fn write(&self, _writes: Vec<Write>) -> Result<(), StoreError> {
        Err(StoreError::Missing)
    }
    /// Begins a body. NoRoom below the reserve.
    pub async fn draft(&self) -> Result<Draft, StoreError> {
        Err(StoreError::Missing)
    }
    /// Keeps messages and all their rows in ONE transaction (of a group).
    pub async fn commit(&self, _messages: Vec<NewMessage>) -> Result<(), StoreError> {
        Err(StoreError::Missing)
    }
    /// Makes folders that are not there (D2).
    pub async fn make_folders(
        &self,
        _mailbox: MailboxId,
        _folders: Vec<(FolderName, Special)>,
    ) -> Result<(), StoreError> {
        Err(StoreError::Missing)
    }
    /// A mailbox' folders.
    pub async fn folders(&self, _mailbox: MailboxId) -> Result<Vec<(FolderName, Special)>, StoreError> {
        Err(StoreError::Missing)
    }
    /// UIDVALIDITY of a folder and up to `max` of its rows with a UID above `after`.
    pub async fn messages(
        &self,
        _mailbox: MailboxId,
        _folder: &FolderName,
        _after: Uid,
        _max: usize,
    ) -> Result<(u32, Vec<MessageRow>), StoreError> {
        Err(StoreError::Missing)
    }
    /// A body's bytes; the CRC is checked while they are read.
    pub async fn body(&self, _body: BodyId) -> Result<Arc<dyn BodyReader>, StoreError> {
        Err(StoreError::Missing)
    }
    /// Removes messages durably; gives how many were there.
    pub async fn remove(
        &self,
        _mailbox: MailboxId,
        _folder: &FolderName,
        _uids: Vec<Uid>,
    ) -> Result<usize, StoreError> {
        Err(StoreError::Missing)
    }
    /// Removes a mailbox' folders and messages.
    pub async fn purge(&self, _mailbox: MailboxId) -> Result<(), StoreError> {
        Err(StoreError::Missing)
    }
    /// What a mailbox holds.
    pub async fn usage(&self, _mailbox: MailboxId) -> Result<Usage, StoreError> {
        Err(StoreError::Missing)
    }
}
