//! Volumes that are synced beside the first of the two syncs of a commit: three syncs, the time of two.
//!
//! A commit with quick repair is one of two phases (redb): all its pages, sync, then the one octet that makes them count,
//! sync. A row counts only behind the second, so the bodies that it names need no earlier moment than the end of the first.
//! The first sync of the database that comes after [`Alongside::arm`] syncs the volumes too and fails when they fail.
//!
//! | state of an armed volume | who has it |
//! |---|---|
//! | *armed* | this list, until the next sync of the database |
//! | *offered* | whoever takes it first: a reader thread, or the writer when its own sync is done |
//! | *synced* or *failed* | told to the writer; a failed one is suspect (`volume`) |

use std::{
    io, mem,
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError},
};

use super::{StoreError, fault::Fault, volume::Lease};
use crate::rt::{Receiver, Sender, Worker, bounded};

/// One for each opening of the mail disk.
#[derive(Default)]
pub(super) struct Alongside {
    armed: Mutex<Vec<Arc<Lease>>>,
    helper: OnceLock<Worker>,
}

impl Alongside {
    /// Threads that may help. Without one the syncs come one after another.
    pub fn set_helper(&self, helper: Worker) {
        // Set once, by who opened; a second one would be the same.
        let _ = self.helper.set(helper);
    }

    /// Volumes that the rows of the next commit name.
    pub fn arm(&self, volumes: impl IntoIterator<Item = Arc<Lease>>) {
        lock(&self.armed).extend(volumes);
    }

    /// Begins to sync what is armed.
    pub fn begin(&self) -> Running {
        let volumes = mem::take(&mut *lock(&self.armed));
        if volumes.is_empty() {
            return Running(None);
        }
        let (told, heard) = bounded(1);
        let work = Arc::new(Mutex::new(volumes));
        if let Some(helper) = self.helper.get() {
            let (work, told) = (work.clone(), told);
            // A helper that has no place is none: the writer does it.
            let _ = helper.offer(move || help(&work, &told));
        }
        Running(Some((work, heard)))
    }
}

type Work = Arc<Mutex<Vec<Arc<Lease>>>>;

/// Syncs under way.
#[must_use]
pub(super) struct Running(Option<(Work, Receiver<Result<(), Fault>>)>);

impl Running {
    /// Waits for them, or does what nobody has begun.
    pub fn finish(self) -> io::Result<()> {
        let Some((work, heard)) = self.0 else { return Ok(()) };
        let left = mem::take(&mut *lock(&work));
        let done = if left.is_empty() {
            let gone = || Fault::Failed("the thread that synced a volume stopped".into());
            heard.recv_blocking().unwrap_or_else(|_| Err(gone()))
        } else {
            sync(&left)
        };
        done.map_err(|fault| match fault {
            Fault::Full => io::Error::new(io::ErrorKind::StorageFull, StoreError::NoRoom),
            other => io::Error::other(other.told()),
        })
    }
}

fn help(work: &Work, told: &Sender<Result<(), Fault>>) {
    let volumes = mem::take(&mut *lock(work));
    if !volumes.is_empty() {
        let done = sync(&volumes);
        // Given back before the writer hears of it, so that it finds them so.
        drop(volumes);
        let _ = told.try_send(done);
    }
}

fn sync(volumes: &[Arc<Lease>]) -> Result<(), Fault> {
    volumes.iter().try_for_each(|lease| lease.sync())
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
