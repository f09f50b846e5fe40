//! Threads for what blocks: disk reads, the disk writer, password hashes. Nothing blocking runs on the executor.

use std::{
    any::Any,
    io,
    panic::{AssertUnwindSafe, catch_unwind},
    thread,
};

use smol::channel::{Receiver, Sender, bounded};

type Job = Box<dyn FnOnce() + Send>;
/// What a job gives. One type for all: channels of every type of answer were 60 KB of program.
type Answer = Box<dyn Any + Send>;

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
        let (job, answer) = asked(work);
        self.jobs.send(job).await.map_err(|_| Busy)?;
        answered(answer.recv().await.ok())
    }

    /// Hands work over without waiting for it; a full queue is `Busy` at once.
    pub fn offer(&self, work: impl FnOnce() + Send + 'static) -> Result<(), Busy> {
        self.jobs.try_send(Box::new(work)).map_err(|_| Busy)
    }

    /// As [`Worker::run`], but a full queue is `Busy` at once.
    pub async fn try_run<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T, Busy> {
        let (job, answer) = asked(work);
        self.jobs.try_send(job).map_err(|_| Busy)?;
        answered(answer.recv().await.ok())
    }
}

fn asked<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> (Job, Receiver<Answer>) {
    let (tx, rx) = bounded::<Answer>(1);
    (Box::new(move || drop(tx.try_send(Box::new(work())))), rx)
}

fn answered<T: 'static>(answer: Option<Answer>) -> Result<T, Busy> {
    answer.and_then(|answer| answer.downcast().ok()).map(|answer| *answer).ok_or(Busy)
}
