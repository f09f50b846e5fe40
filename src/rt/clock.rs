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

/// A step of the wall clock that is told and does not pass for time, seconds.
const STEP: i64 = 3600;

/// By how many seconds the wall clock moved other than time did, if it is more than an hour.
pub fn stepped(before: (UnixTime, Duration), now: (UnixTime, Duration)) -> Option<i64> {
    let passed = seconds(now.1.saturating_sub(before.1));
    let step = now.0.since(before.0).saturating_sub(passed);
    (step.saturating_abs() > STEP).then_some(step)
}

fn seconds(span: Duration) -> i64 {
    i64::try_from(span.as_secs()).unwrap_or(i64::MAX)
}

/// The house's clock: never below the newest time that the disk knows, however the board's clock stands. When that one steps, the house
/// goes on by the time it had until it is told to follow: what waits on the disk moves first, so that nothing that is written in
/// between is moved with it.
pub struct FloorClock {
    inner: Arc<dyn Clock>,
    /// Wall time of the floor when `inner.mono()` was zero.
    floor: AtomicI64,
    /// The same of the board's clock as it is believed.
    line: AtomicI64,
}

/// What the board's clock says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Look {
    line: i64,
    /// By how many seconds the house's time moves when it follows, if that is more than an hour.
    pub step: Option<i64>,
}

impl FloorClock {
    /// Without a floor yet.
    pub fn over(inner: Arc<dyn Clock>) -> Self {
        let clock = FloorClock { inner, floor: AtomicI64::new(i64::MIN), line: AtomicI64::new(0) };
        clock.line.store(clock.board().0, Ordering::SeqCst);
        clock
    }

    /// Wall time of the board's clock when `inner.mono()` was zero, and seconds since then.
    fn board(&self) -> (i64, i64) {
        let since_start = seconds(self.inner.mono());
        (self.inner.now().0.saturating_sub(since_start), since_start)
    }

    /// From now on the time goes on from `newest`, or from the board's clock where that is later.
    pub fn raise(&self, newest: UnixTime) {
        let since_start = seconds(self.inner.mono());
        self.floor.fetch_max(newest.0.saturating_sub(since_start), Ordering::SeqCst);
    }

    /// Looks at the board's clock.
    pub fn look(&self) -> Look {
        let (board, _) = self.board();
        let (floor, line) = (self.floor.load(Ordering::SeqCst), self.line.load(Ordering::SeqCst));
        let is_step = board.saturating_sub(line).saturating_abs() > STEP;
        let step = board.max(floor).saturating_sub(line.max(floor));
        Look { line: board, step: Some(step).filter(|step| is_step && step.saturating_abs() > STEP) }
    }

    /// Believes what the board's clock said.
    pub fn follow(&self, look: Look) {
        self.line.store(look.line, Ordering::SeqCst);
    }
}

impl Clock for FloorClock {
    fn now(&self) -> UnixTime {
        let ((board, since_start), line) = (self.board(), self.line.load(Ordering::SeqCst));
        let is_step = board.saturating_sub(line).saturating_abs() > STEP;
        let believed = if is_step { line } else { board };
        UnixTime(believed.max(self.floor.load(Ordering::SeqCst)).saturating_add(since_start))
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
        assert_eq!(clock.now(), UnixTime(1_800_000_060), "not before it is told to");
        let look = clock.look();
        assert_eq!(look.step, Some(99_999_940));
        clock.follow(look);
        assert_eq!((clock.now(), clock.look().step), (UnixTime(1_900_000_000), None));
        // Back below what the disk knows: no further than that.
        board.step_to(UnixTime(50));
        let look = clock.look();
        assert_eq!((clock.now(), look.step), (UnixTime(1_900_000_000), Some(-100_000_000 + 60)));
        clock.follow(look);
        assert_eq!(clock.now(), UnixTime(1_800_000_060));
    }

    #[test]
    fn a_clock_that_is_set_by_minutes_is_followed_at_once() {
        let board = Arc::new(TestClock::at(UnixTime(1_800_000_000)));
        let clock = FloorClock::over(board.clone());
        for at in [1_800_003_000, 1_800_006_000, 1_800_003_500] {
            board.step_to(UnixTime(at));
            assert_eq!((clock.now(), clock.look().step), (UnixTime(at), None));
            clock.follow(clock.look());
        }
    }

    #[test]
    fn a_step_over_an_hour_is_seen_and_waiting_is_not() {
        let at = |wall, mono| (UnixTime(wall), Duration::from_secs(mono));
        assert_eq!(stepped(at(100, 0), at(110, 10)), None);
        assert_eq!(stepped(at(100, 0), at(100_100, 100_000)), None);
        assert_eq!(stepped(at(100, 0), at(1_795_000_110, 10)), Some(1_795_000_000));
        assert_eq!(stepped(at(90_000, 0), at(10, 10)), Some(-90_000));
    }

    #[test]
    fn the_seventies_are_not_plausible() {
        assert!(!is_plausible(UnixTime(100)) && is_plausible(UnixTime(1_795_000_000)));
    }
}
