//! Memory that the allocator holds but nobody uses goes back to the system: not at once, but after a while. The one unsafe room of this program.
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

/// Octets at the end of each arena that the allocator keeps for the next message, until [`give_back`] comes by. With glibc's 128 KiB every
/// message of 100 KB gave its memory back and had it anew, which was an eighth of its time.
#[cfg(target_env = "gnu")]
const KEPT: i32 = 1024 * 1024;

/// Tells the allocator how much it may keep; at the program's start. Whether it takes that.
#[cfg(target_env = "gnu")]
pub fn keep_some() -> bool {
    /// `M_TRIM_THRESHOLD`, `M_MMAP_THRESHOLD` of malloc.h.
    const THRESHOLDS: [i32; 2] = [-1, -3];
    unsafe extern "C" {
        /// mallopt(3): takes the name and the value of a setting of the allocator; it refuses what it does not know.
        safe fn mallopt(name: std::ffi::c_int, value: std::ffi::c_int) -> std::ffi::c_int;
    }
    // 0: it was refused, and the old one stays.
    THRESHOLDS.into_iter().all(|name| mallopt(name, KEPT) != 0)
}

/// Other allocators have rules of their own.
#[cfg(not(target_env = "gnu"))]
pub fn keep_some() -> bool {
    true
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
    fn the_allocator_takes_what_it_is_told() {
        assert!(super::keep_some());
    }

    #[test]
    fn what_is_in_use_stays_as_it_is() {
        let kept: Vec<Vec<u8>> = (0..200u8).map(|n| vec![n; 10_000]).collect();
        drop((0..200).map(|_| vec![1u8; 30_000]).collect::<Vec<_>>());
        super::trim();
        assert!((0..200u8).zip(&kept).all(|(n, piece)| piece.iter().all(|octet| *octet == n)));
    }
}
