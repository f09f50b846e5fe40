//! The one way to read the time.

use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
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

/// 2026-01-01: the program is not older, so an earlier time is a board whose clock was not set yet.
const PLAUSIBLE: UnixTime = UnixTime(1_767_225_600);

/// Whether a time can be true; nothing expires before that (boards boot in 1970).
pub fn is_plausible(at: UnixTime) -> bool {
    at >= PLAUSIBLE
}

/// The house's clock: never below the newest time that the disk knows, however the board's clock stands.
pub struct FloorClock {
    inner: Arc<dyn Clock>,
    /// Wall time of the floor when `inner.mono()` was zero.
    floor: AtomicI64,
}

impl FloorClock {
    /// Without a floor yet.
    pub fn over(inner: Arc<dyn Clock>) -> Self {
        FloorClock { inner, floor: AtomicI64::new(i64::MIN) }
    }

    /// From now on the time goes on from `newest`, or from the board's clock where that is later.
    pub fn raise(&self, newest: UnixTime) {
        let since_start = i64::try_from(self.inner.mono().as_secs()).unwrap_or(0);
        self.floor.fetch_max(newest.0.saturating_sub(since_start), Ordering::SeqCst);
    }
}

impl Clock for FloorClock {
    fn now(&self) -> UnixTime {
        let since_start = i64::try_from(self.inner.mono().as_secs()).unwrap_or(0);
        let low = self.floor.load(Ordering::SeqCst).saturating_add(since_start);
        self.inner.now().max(UnixTime(low))
    }

    fn mono(&self) -> Duration {
        self.inner.mono()
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_board_that_boots_in_1970_goes_on_from_the_newest_stored_time_and_follows_ntp() {
        let board = Arc::new(TestClock::at(UnixTime(100)));
        let clock = FloorClock::over(board.clone());
        clock.raise(UnixTime(1_800_000_000));
        assert_eq!(clock.now(), UnixTime(1_800_000_000));
        board.advance(60);
        assert_eq!(clock.now(), UnixTime(1_800_000_060));
        board.step_to(UnixTime(1_900_000_000));
        assert_eq!(clock.now(), UnixTime(1_900_000_000));
    }

    #[test]
    fn the_seventies_are_not_plausible() {
        assert!(!is_plausible(UnixTime(100)) && is_plausible(UnixTime(1_795_000_000)));
    }
}
