//! What the writer, the readers and the handles share.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc, Mutex, PoisonError, RwLock,
        atomic::{AtomicBool, AtomicI64, AtomicU64, AtomicUsize, Ordering},
    },
};

use super::{Places, StoreError, disk::Disk, fault::Fault, index::Index, mail::Mail, system::System, watch::Hub};
use crate::{
    journal::{Journal, StoreEvent},
    rt::{Bell, Board, Clock, Turns, Worker, is_plausible},
    types::UnixTime,
};

/// Shared by everyone who works on one store.
pub(super) struct Core {
    pub places: Places,
    pub disk: Arc<dyn Disk>,
    pub clock: Arc<dyn Clock>,
    pub journal: Journal,
    pub board: Board,
    pub system: System,
    pub readers: Worker,
    /// Who watches folders.
    pub hub: Arc<Hub>,
    /// The queue's runner has something to look at.
    pub queue_bell: Bell,
    /// Records derived from messages.
    pub index: Index,
    /// Held by the one search that has a turn: the other reader thread is always there for everybody else.
    pub sifting: Turns<()>,
    mail: RwLock<Option<Arc<Mail>>>,
    why: Mutex<String>,
    /// The next body's number.
    pub next_body: AtomicU64,
    /// Drafts that hold more than a block of memory.
    pub longer: AtomicUsize,
    /// Numbers below this are set aside on the disk.
    pub ids_until: AtomicU64,
    /// Newest time stored, seconds.
    pub newest: AtomicI64,
    /// Room is short: no new mail.
    pub full: AtomicBool,
    /// Transactions so far: `check` sees whether anything changed.
    pub commits: AtomicU64,
    /// A reader saw the database fail: the writer closes and opens it.
    pub broken: AtomicBool,
}

impl Core {
    /// A core whose mail disk is not open yet.
    pub fn new(
        places: Places,
        disk: Arc<dyn Disk>,
        (clock, journal, board): (Arc<dyn Clock>, Journal, Board),
        system: System,
        readers: Worker,
    ) -> Core {
        Core {
            places,
            disk,
            clock,
            journal,
            board,
            system,
            readers,
            hub: Arc::default(),
            queue_bell: Bell::default(),
            index: Index::default(),
            sifting: Turns::default(),
            mail: RwLock::new(None),
            why: Mutex::new("the mail disk is not open yet".into()),
            next_body: AtomicU64::new(0),
            longer: AtomicUsize::new(0),
            ids_until: AtomicU64::new(0),
            newest: AtomicI64::new(i64::MIN),
            full: AtomicBool::new(false),
            commits: AtomicU64::new(0),
            broken: AtomicBool::new(false),
        }
    }

    /// The open mail disk, or why it is not.
    pub fn mail(&self) -> Result<Arc<Mail>, Fault> {
        let mail = self.mail.read().unwrap_or_else(PoisonError::into_inner).clone();
        mail.ok_or_else(|| Fault::Failed(self.why.lock().unwrap_or_else(PoisonError::into_inner).clone()))
    }

    /// Puts an opened mail disk in.
    pub fn set_mail(&self, mail: Mail) {
        self.broken.store(false, Ordering::SeqCst);
        *self.mail.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(mail));
        // Only the disk knows what became of changes that were under way when it was given up. Watchers are told when it can
        // be read: one that woke before heard that it is away, and nobody called it again.
        self.hub.lose();
        self.queue_bell.ring();
    }

    /// Takes the mail disk away from everybody, with the reason they hear.
    pub fn take_mail(&self, why: &str) -> Option<Arc<Mail>> {
        self.set_why(why);
        self.mail.write().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// The reason callers hear while the disk is away; gives whether it is a new one.
    pub fn set_why(&self, why: &str) -> bool {
        let mut old = self.why.lock().unwrap_or_else(PoisonError::into_inner);
        let new = *old != why;
        why.clone_into(&mut old);
        new
    }

    /// The time that is written into rows: of a clock that cannot be right (a board in 1970 whose mail disk came late) no
    /// time below the newest that was stored.
    pub fn now(&self) -> UnixTime {
        let now = self.clock.now();
        if is_plausible(now) { now } else { now.max(self.newest_time()) }
    }

    /// Time is never below this.
    pub fn newest_time(&self) -> UnixTime {
        UnixTime(self.newest.load(Ordering::SeqCst))
    }

    /// Runs `work` on a reader thread over the open mail disk; a panic inside makes the writer reopen the database.
    pub async fn read<T: Send + 'static>(
        self: &Arc<Self>,
        work: impl FnOnce(&Mail) -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, StoreError> {
        let core = self.clone();
        let done = self.readers.run(move || core.guarded(work)).await;
        done.unwrap_or_else(|_| Err(StoreError::Unavailable("the reader stopped".into())))
    }

    fn guarded<T>(&self, work: impl FnOnce(&Mail) -> Result<T, Fault>) -> Result<T, StoreError> {
        let mail = self.mail().map_err(|fault| fault.told())?;
        match catch_unwind(AssertUnwindSafe(|| work(&mail))) {
            Ok(done) => done.map_err(|fault| self.heard(&fault)),
            Err(_) => {
                self.broken.store(true, Ordering::SeqCst);
                self.journal.tell(StoreEvent::Panicked { place: "reading" });
                Err(StoreError::Unavailable("the database stopped while it was read; it is opened again".into()))
            }
        }
    }

    /// Tells a fault that a reader met and gives what the caller hears.
    pub fn heard(&self, fault: &Fault) -> StoreError {
        match fault {
            Fault::Damaged(what) => self.journal.tell(StoreEvent::Damaged { what: what.clone() }),
            Fault::Failed(_) => self.broken.store(true, Ordering::SeqCst),
            Fault::Full | Fault::Late | Fault::Missing | Fault::Exists | Fault::OverQuota | Fault::Limit(_) => {}
        }
        fault.told()
    }
}
