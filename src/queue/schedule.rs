//! When a message is tried next (B8-B11). Pure.
//!
//! Postfix' rule, as the specification has it: the queue is looked through every *interval*; a message waits as long as it is old,
//! at least *from* and at most *up to*; when its *lifetime* is over it is tried once more and given up. The looks are counted from
//! the message's own arrival, so that not all messages leave in the same minute, and an attempt that began a little late counts for
//! the look that it belongs to.

use crate::{settings::Settings, types::UnixTime};

/// Seconds in a minute.
const MINUTE: i64 = 60;

/// The times of the settings, in seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Pace {
    /// B8.
    pub interval: i64,
    /// B9.
    pub from: i64,
    /// B10.
    pub up_to: i64,
    /// B11.
    pub lifetime: i64,
}

impl Pace {
    /// Of the settings, which hold minutes and are checked: interval <= from <= up to.
    pub fn of(settings: &Settings) -> Self {
        let seconds = |minutes: u32| i64::from(minutes) * MINUTE;
        Pace {
            interval: seconds(settings.queue_interval),
            from: seconds(settings.queue_min),
            up_to: seconds(settings.queue_max),
            lifetime: seconds(settings.queue_lifetime),
        }
    }

    /// When a message that came at `since` is tried again, if the attempt that begins at `now` fails.
    pub fn next_try(self, since: UnixTime, now: UnixTime) -> UnixTime {
        // The clock was set back: it came just now, or it would wait until the time that was wrong comes again.
        let since = since.min(now);
        let look = self.look(since, now);
        let wait = look.clamp(self.from, self.up_to);
        let last = self.look_after(self.lifetime);
        // Nothing waits beyond its lifetime, and the next try is always later than this one.
        let next = self.look_after(look.saturating_add(wait));
        let next = if look < last { next.min(last) } else { next };
        since.plus(next).max(now.plus(self.interval.min(MINUTE)))
    }

    /// Whether the attempt that begins at `now` is the last one.
    pub fn is_over(self, since: UnixTime, now: UnixTime) -> bool {
        self.look(since, now) >= self.lifetime
    }

    /// The age at the look that takes the message now: the nearest one.
    fn look(self, since: UnixTime, now: UnixTime) -> i64 {
        let age = now.since(since).max(0).saturating_add(self.interval / 2);
        age - age % self.interval
    }

    /// The age at the first look not before an age.
    fn look_after(self, age: i64) -> i64 {
        let over = age % self.interval;
        if over == 0 { age } else { age.saturating_add(self.interval - over) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: UnixTime = UnixTime(1_800_000_000);

    fn tries(pace: Pace, late: i64) -> Vec<i64> {
        let (mut now, mut all) = (START, Vec::new());
        loop {
            all.push(now.since(START) / MINUTE);
            let begins = now.plus(late);
            if pace.is_over(START, begins) {
                return all;
            }
            now = pace.next_try(START, begins);
            assert!(all.len() < 1000, "it never ends");
        }
    }

    #[test]
    fn the_worked_schedule_of_the_specification() {
        // REQUIREMENTS B11: tries at 0, 180, 360, 660, 960, 1260 ... 5460, 5760 minutes = 21 tries.
        let mut want = vec![0, 180, 360];
        want.extend((660..=5760).step_by(300));
        assert_eq!(want.len(), 21);
        let pace = Pace::of(&Settings::default());
        assert_eq!(tries(pace, 0), want);
        // An attempt begins some seconds, or some minutes, after its look.
        assert_eq!(tries(pace, 7), want);
        assert_eq!(tries(pace, 14 * MINUTE), want);
    }

    #[test]
    fn other_settings_hold_their_own_times() {
        let pace = |interval: i64, from: i64, up_to: i64, lifetime: i64| Pace {
            interval: interval * MINUTE,
            from: from * MINUTE,
            up_to: up_to * MINUTE,
            lifetime: lifetime * MINUTE,
        };
        assert_eq!(tries(pace(5, 5, 60, 120), 0), [0, 5, 10, 20, 40, 80, 120]);
        assert_eq!(tries(pace(7, 10, 20, 60), 0), [0, 14, 28, 49, 63]);
        // A lifetime that is shorter than the least wait: once at once, once at the end.
        assert_eq!(tries(pace(30, 180, 300, 1), 0), [0, 30]);
        assert_eq!(tries(pace(1, 1, 1, 3), 0), [0, 1, 2, 3]);
    }

    #[test]
    fn an_attempt_by_hand_does_not_make_the_next_one_come_at_once() {
        let pace = Pace::of(&Settings::default());
        for minute in 0..5760 {
            let now = START.plus(minute * MINUTE);
            let gap = pace.next_try(START, now).since(now) / MINUTE;
            assert!(gap >= 15, "{gap} minutes after {minute}");
        }
    }

    #[test]
    fn a_clock_that_stepped_back_stops_nothing() {
        let pace = Pace::of(&Settings::default());
        let earlier = START.plus(-86_400);
        assert!(pace.next_try(START, earlier) > earlier);
        let waits = pace.next_try(START, START.plus(-365 * 86_400)).since(START.plus(-365 * 86_400));
        assert_eq!(waits, pace.from, "as if it came just now, not for a year");
        assert!(!pace.is_over(START, earlier));
        assert!(pace.next_try(START, START.plus(9_000_000)) > START.plus(9_000_000));
    }
}
