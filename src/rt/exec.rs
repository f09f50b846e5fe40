//! The executor: two threads, owned by `app`; nothing runs on a global one.

use std::{future::Future, io, sync::Arc, thread};

use super::Stop;

/// A running future; dropping it cancels it (smol's Task).
pub use smol::Task;

/// Cheap to clone; every clone spawns on the same threads.
#[derive(Clone)]
pub struct Executor {
    inner: Arc<smol::Executor<'static>>,
    end: Stop,
}

impl Executor {
    /// Starts `threads` threads that run until [`Executor::end`]: the house's stop sign comes long before that, because the
    /// sessions that say goodbye still need them.
    pub fn start(threads: usize) -> io::Result<Self> {
        let end = Stop::default();
        let inner = Arc::new(smol::Executor::new());
        for n in 0..threads {
            let (inner, end) = (inner.clone(), end.clone());
            thread::Builder::new().name(format!("exec-{n}")).spawn(move || smol::block_on(inner.run(end.wait())))?;
        }
        Ok(Executor { inner, end })
    }

    /// Starts a future. The caller owns the task: keep, await, or `detach` it with a word why.
    pub fn spawn<T: Send + 'static>(&self, future: impl Future<Output = T> + Send + 'static) -> Task<T> {
        self.inner.spawn(future)
    }

    /// The caller's thread works too, until `end` is there.
    pub fn work_until<T>(&self, end: impl Future<Output = T>) -> T {
        smol::block_on(self.inner.run(end))
    }

    /// Ends the threads; what still runs is dropped.
    pub fn end(&self) {
        self.end.set();
    }
}
