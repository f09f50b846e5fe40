//! Memory that the allocator holds but nobody uses goes back to the system. The one unsafe call of this program.
//!
//! Believed: what is freed is given back. True: glibc keeps a freed piece until everything above it in its arena is free too; after
//! 50 clients with messages of 100 KB 8 of 27 MB were such pieces. Other C libraries (musl on OpenWrt) give back by themselves.
#![allow(unsafe_code)]

use std::time::Duration;

use super::{Stop, Worker, timeout};

/// How often: a burst may use its memory again, a minute of rest shows that it will not.
const PERIOD: Duration = Duration::from_secs(30);

/// Gives back on a thread that may block, until the stop sign.
pub async fn give_back(worker: Worker, stop: Stop) {
    while timeout(PERIOD, stop.wait()).await.is_none() {
        // An error says that the thread is busy with a job that broke; the next turn comes.
        let _ = worker.run(trim).await;
    }
}

#[cfg(target_env = "gnu")]
fn trim() {
    unsafe extern "C" {
        /// malloc_trim(3): takes the octets to leave at the top, touches nothing that is in use, and may be called by any thread.
        safe fn malloc_trim(pad: usize) -> std::ffi::c_int;
    }
    // It says whether anything was given back, which is nobody's business.
    let _ = malloc_trim(0);
}

#[cfg(not(target_env = "gnu"))]
fn trim() {}

#[cfg(test)]
mod tests {
    #[test]
    fn what_is_in_use_stays_as_it_is() {
        let kept: Vec<Vec<u8>> = (0..200u8).map(|n| vec![n; 10_000]).collect();
        drop((0..200).map(|_| vec![1u8; 30_000]).collect::<Vec<_>>());
        super::trim();
        assert!((0..200u8).zip(&kept).all(|(n, piece)| piece.iter().all(|octet| *octet == n)));
    }
}
