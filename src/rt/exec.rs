//! The executor: two threads, owned by `app`; nothing runs on a global one.

use std::{future::Future, io, sync::Arc, thread};

use super::Stop;

/// A running future; dropping it cancels it (smol's Task).
pub use smol::Task;

/// Cheap to clone; every clone spawns on the same threads.
#[derive(Clone)]
pub struct Executor(Arc<smol::Executor<'static>>);

impl Executor {
    /// Starts `threads` threads that run until `stop` is set.
    pub fn start(threads: usize, stop: &Stop) -> io::Result<Self> {
        let inner = Arc::new(smol::Executor::new());
        for n in 0..threads {
            let (inner, stop) = (inner.clone(), stop.clone());
            thread::Builder::new().name(format!("exec-{n}")).spawn(move || smol::block_on(inner.run(stop.wait())))?;
        }
        Ok(Executor(inner))
    }

    /// Starts a future. The caller owns the task: keep, await, or `detach` it with a word why.
    pub fn spawn<T: Send + 'static>(&self, future: impl Future<Output = T> + Send + 'static) -> Task<T> {
        self.0.spawn(future)
    }
}
