//! Two guards round a future: a time limit, and a net under a panic.

use std::{any::Any, future::Future, panic::AssertUnwindSafe, time::Duration};

use smol::future::FutureExt;

/// The future's value, or None after `limit`.
pub async fn timeout<T>(limit: Duration, future: impl Future<Output = T>) -> Option<T> {
    let late = async {
        smol::Timer::after(limit).await;
        None
    };
    async { Some(future.await) }.or(late).await
}

/// The future's value, or what it said when it panicked: one connection lost, not the process.
pub async fn unpanicked<T>(future: impl Future<Output = T>) -> Result<T, String> {
    AssertUnwindSafe(future).catch_unwind().await.map_err(|why| said(&*why))
}

fn said(why: &(dyn Any + Send)) -> String {
    why.downcast_ref::<&str>()
        .map(|s| (*s).to_owned())
        .or_else(|| why.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "a panic without words".to_owned())
}
