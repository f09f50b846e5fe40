//! The handle that every other room has: asks the writer, the readers and `system.redb`, and waits for their answers.

use std::{
    collections::BTreeMap,
    sync::{Arc, atomic::Ordering},
};

use super::{
    Disk, Draft, Kept, NewMessage, Places, RealDisk, Room, Row, StoreError, Usage, Write,
    apply::{Answer, Change},
    core::Core,
    reader, space,
    system::System,
    writer::{Job, Order, Writer},
};
use crate::{
    journal::Journal,
    rt::{Board, Clock, Receiver, Sender, Worker, bounded},
    types::{BodyId, BodyReader, FolderName, MailboxId, MessageRow, Uid, UnixTime},
};

/// Jobs that wait for the writer.
const ORDERS: usize = 256;
/// Threads that read.
const READERS: usize = 2;

/// Cheap to clone. When the last clone is dropped the store closes.
#[derive(Clone)]
pub struct Store {
    pub(super) core: Arc<Core>,
    orders: Sender<Order>,
}

impl Store {
    /// Opens `system.redb` (must work) and the mail disk (may be absent: the store then answers Unavailable and tries again).
    pub fn open(places: Places, clock: Arc<dyn Clock>, journal: Journal, board: Board) -> Result<Store, StoreError> {
        Self::open_on(Arc::new(RealDisk), places, clock, journal, board)
    }

    /// As [`Store::open`], on a disk that is handed in.
    pub fn open_on(
        disk: Arc<dyn Disk>,
        places: Places,
        clock: Arc<dyn Clock>,
        journal: Journal,
        board: Board,
    ) -> Result<Store, StoreError> {
        let system = System::open(disk.clone(), places.state.clone()).map_err(|fault| fault.told())?;
        Self::open_over(system, disk, places, (clock, journal, board))
    }

    /// As [`Store::open_on`], over a `system.redb` that is open: its settings say where the mail disk is (E10).
    pub fn open_over(
        system: System,
        disk: Arc<dyn Disk>,
        places: Places,
        (clock, journal, board): (Arc<dyn Clock>, Journal, Board),
    ) -> Result<Store, StoreError> {
        let thread = |error: std::io::Error| StoreError::Unavailable(error.to_string());
        let readers = Worker::start("store-read", READERS, 64).map_err(thread)?;
        let core = Arc::new(Core::new(places, disk, (clock, journal, board), system, readers));
        let (orders, waiting) = bounded(ORDERS);
        let writer = Writer::new(core.clone());
        std::thread::Builder::new().name("store-write".into()).spawn(move || writer.run(&waiting)).map_err(thread)?;
        Ok(Store { core, orders })
    }

    /// Closes the mail disk cleanly; every later call is Unavailable. `system.redb` stays until the last clone is dropped.
    pub async fn close(&self) {
        // An error says that the writer is gone already.
        let _ = self.ask(Job::Close).await;
    }

    /// Hands a job to the writer and waits for its answer.
    pub(super) async fn ask(&self, job: Job) -> Result<Answer, StoreError> {
        self.hand(job).await?.recv().await.map_err(|_| gone())?
    }

    /// Hands a job to the writer; its answer comes there.
    async fn hand(&self, job: Job) -> Result<Receiver<Result<Answer, StoreError>>, StoreError> {
        let (answer, wait) = bounded(1);
        self.orders.send(Order { job, answer }).await.map_err(|_| gone())?;
        Ok(wait)
    }

    /// Changes that stand beside each other: those that are handed over while the writer works are one group of it. The
    /// answers come in their order.
    pub(super) async fn change_each(&self, changes: Vec<Change>) -> Vec<Result<Answer, StoreError>> {
        let (mut handed, mut answers) = (Vec::new(), Vec::new());
        for change in changes {
            handed.push(self.hand(Job::Rows(change)).await);
        }
        for wait in handed {
            answers.push(match wait {
                Ok(wait) => wait.recv().await.unwrap_or_else(|_| Err(gone())),
                Err(error) => Err(error),
            });
        }
        answers
    }

    /// A job that only changes rows.
    pub(super) async fn change(&self, change: Change) -> Result<Answer, StoreError> {
        self.ask(Job::Rows(change)).await
    }

    /// All rows of a kind, by key.
    pub async fn rows(&self, kind: &str) -> Result<Vec<Row>, StoreError> {
        self.core.system.rows(kind.to_owned()).await
    }

    /// Writes rows in one durable transaction.
    pub async fn write(&self, writes: Vec<Write>) -> Result<(), StoreError> {
        self.core.system.write(writes).await
    }

    /// Begins a body. NoRoom below the reserve.
    pub async fn draft(&self) -> Result<Draft, StoreError> {
        Draft::begin(self).await
    }

    /// Keeps messages and all their rows in ONE transaction (of a group). Ok is the Guarantee; it says where each delivery
    /// was put, in the order of the messages and of their deliveries.
    pub async fn commit(&self, messages: Vec<NewMessage>) -> Result<Vec<Kept>, StoreError> {
        match self.ask(Job::Commit(messages, Vec::new())).await? {
            Answer::Kept(kept) => Ok(kept),
            other => Err(other.unfit()),
        }
    }

    /// UIDVALIDITY of a folder and up to `max` of its rows with a UID above `after`. An INBOX that never had a message is
    /// empty (UIDVALIDITY 0); another folder that is not there is Missing.
    pub async fn messages(
        &self,
        mailbox: MailboxId,
        folder: &FolderName,
        after: Uid,
        max: usize,
    ) -> Result<(u32, Vec<MessageRow>), StoreError> {
        let (core, folder) = (self.core.clone(), folder.clone());
        self.core.read(move |mail| reader::messages(&core, mail, mailbox, &folder, after, max)).await
    }

    /// A body's bytes; no octet is given out whose block has a wrong CRC. What was opened stays readable, also when the
    /// message is removed meanwhile.
    pub async fn body(&self, body: BodyId) -> Result<Arc<dyn BodyReader>, StoreError> {
        let core = self.core.clone();
        self.core.read(move |mail| reader::body(&core, mail, body)).await
    }

    /// Removes messages durably; gives how many were there.
    pub async fn remove(&self, mailbox: MailboxId, folder: &FolderName, uids: Vec<Uid>) -> Result<usize, StoreError> {
        match self.change(Change::Remove(mailbox, folder.clone(), uids)).await? {
            Answer::Count(count) => Ok(count),
            other => Err(other.unfit()),
        }
    }

    /// Removes a mailbox' folders and messages, in steps when there are many. The UIDVALIDITY of its folders never comes back.
    pub async fn purge(&self, mailbox: MailboxId) -> Result<(), StoreError> {
        self.change(Change::Purge(mailbox)).await.map(|_| ())
    }

    /// The same for several, together.
    pub async fn purge_all(&self, mailboxes: Vec<MailboxId>) -> Vec<Result<(), StoreError>> {
        let done = self.change_each(mailboxes.into_iter().map(Change::Purge).collect()).await;
        done.into_iter().map(|answer| answer.map(drop)).collect()
    }

    /// What a mailbox holds.
    pub async fn usage(&self, mailbox: MailboxId) -> Result<Usage, StoreError> {
        self.core.read(move |mail| reader::usage(mail, mailbox)).await
    }

    /// What every mailbox holds, in one turn; one that never held anything is not in it.
    pub async fn usages(&self) -> Result<BTreeMap<MailboxId, Usage>, StoreError> {
        self.core.read(reader::usages).await
    }

    /// Durable commits of the mail store since the start; each is one wear of the flash.
    pub fn commits(&self) -> u64 {
        self.core.commits.load(Ordering::SeqCst)
    }

    /// Room on the mail disk.
    pub async fn room(&self) -> Result<Room, StoreError> {
        let core = self.core.clone();
        self.core.read(move |mail| space::room(&core, mail)).await
    }

    /// Time is never below this: the newest time stored. Before 1970 when nothing was ever stored or the disk is away.
    pub fn newest_time(&self) -> UnixTime {
        self.core.newest_time()
    }
}

fn gone() -> StoreError {
    StoreError::Unavailable("the store's writer stopped in this job".into())
}
