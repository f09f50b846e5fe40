//! Threads for what blocks: disk reads, the disk writer, password hashes. Nothing blocking runs on the executor.

use std::{
    io,
    panic::{AssertUnwindSafe, catch_unwind},
    thread,
};

use smol::channel::{Sender, bounded};

type Job = Box<dyn FnOnce() + Send>;

/// The worker's queue is full, or its thread is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Busy;

/// One or more threads with one bounded queue. They end when the last clone is dropped.
#[derive(Clone)]
pub struct Worker {
    jobs: Sender<Job>,
}

impl Worker {
    /// Starts `threads` threads called `name-N`, with room for `queue` waiting jobs.
    pub fn start(name: &str, threads: usize, queue: usize) -> io::Result<Self> {
        let (jobs, rx) = bounded::<Job>(queue);
        for n in 0..threads {
            let rx = rx.clone();
            thread::Builder::new().name(format!("{name}-{n}")).spawn(move || {
                while let Ok(job) = rx.recv_blocking() {
                    // The job's caller sees its answer channel close; the thread goes on.
                    let _ = catch_unwind(AssertUnwindSafe(job));
                }
            })?;
        }
        Ok(Worker { jobs })
    }

    /// Runs `work` on a thread, waiting for a place in the queue. `Busy` only when the work panicked.
    pub async fn run<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T, Busy> {
        let (tx, rx) = bounded(1);
        let job: Job = Box::new(move || drop(tx.try_send(work())));
        self.jobs.send(job).await.map_err(|_| Busy)?;
        rx.recv().await.map_err(|_| Busy)
    }

    /// Hands work over without waiting for it; a full queue is `Busy` at once.
    pub fn offer(&self, work: impl FnOnce() + Send + 'static) -> Result<(), Busy> {
        self.jobs.try_send(Box::new(work)).map_err(|_| Busy)
    }

    /// As [`Worker::run`], but a full queue is `Busy` at once.
    pub async fn try_run<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T, Busy> {
        let (tx, rx) = bounded(1);
        let job: Job = Box::new(move || drop(tx.try_send(work())));
        self.jobs.try_send(job).map_err(|_| Busy)?;
        rx.recv().await.map_err(|_| Busy)
    }
}
