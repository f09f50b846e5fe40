//! The one way to read the time.

use std::{
    sync::atomic::{AtomicI64, Ordering},
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use crate::types::UnixTime;

/// Wall and monotonic time, handed in at the top so that tests can jump (boards boot in 1970).
pub trait Clock: Send + Sync {
    /// Wall time; may step.
    fn now(&self) -> UnixTime;
    /// Time since some start; never steps. Used for delays and throttles.
    fn mono(&self) -> Duration;
}

/// The system's clocks.
pub struct SystemClock(Instant);

impl SystemClock {
    /// Starts the monotonic count.
    pub fn start() -> Self {
        SystemClock(Instant::now())
    }
}

impl Clock for SystemClock {
    fn now(&self) -> UnixTime {
        let seconds = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_secs());
        UnixTime(i64::try_from(seconds).unwrap_or(i64::MAX))
    }

    fn mono(&self) -> Duration {
        self.0.elapsed()
    }
}

/// A clock that stands until it is set.
pub struct TestClock {
    wall: AtomicI64,
    mono: AtomicI64,
}

impl TestClock {
    /// Wall time `at`, monotonic zero.
    pub fn at(at: UnixTime) -> Self {
        TestClock { wall: AtomicI64::new(at.0), mono: AtomicI64::new(0) }
    }

    /// Wall and monotonic time go on by this many seconds.
    pub fn advance(&self, seconds: i64) {
        self.wall.fetch_add(seconds, Ordering::SeqCst);
        self.mono.fetch_add(seconds, Ordering::SeqCst);
    }

    /// The wall clock steps (NTP); monotonic time does not.
    pub fn step_to(&self, at: UnixTime) {
        self.wall.store(at.0, Ordering::SeqCst);
    }
}

impl Clock for TestClock {
    fn now(&self) -> UnixTime {
        UnixTime(self.wall.load(Ordering::SeqCst))
    }

    fn mono(&self) -> Duration {
        Duration::from_secs(self.mono.load(Ordering::SeqCst).unsigned_abs())
    }
}
