//! How much a mailbox sends (Q13): messages are counted by the hour of the wall clock, for a day. What was counted is kept on the
//! disk now and then (`app`), so that a restart does not open the gates.
//!
//! The last hour is this clock hour and the part of the one before that is not an hour ago yet. Pure; must not know: who asks, what
//! the peer hears.

use std::{collections::HashMap, fmt::Write};

use crate::types::{MailboxId, UnixTime};

const HOUR: i64 = 3600;
/// Hours that are remembered.
const DAY: i64 = 24;

/// What the settings allow; 0: as much as one likes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Messages an hour.
    pub hour: u32,
    /// Messages a day.
    pub day: u32,
}

/// Which limit is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Over {
    /// So many an hour.
    Hour(u32),
    /// So many a day.
    Day(u32),
}

impl std::fmt::Display for Over {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Over::Hour(most) => write!(f, "{most} messages an hour"),
            Over::Day(most) => write!(f, "{most} messages a day"),
        }
    }
}

/// Messages by hour, the newest last.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Hours(Vec<(i64, u32)>);

/// The counts of all who sent something within a day: about 400 octets each, and no more of them than mailboxes.
#[derive(Debug, Default)]
pub struct Allowance {
    counts: HashMap<MailboxId, Hours>,
    changed: bool,
}

impl Hours {
    fn forget(&mut self, hour: i64) {
        // A clock that was set back leaves hours in the future: they are forgotten too.
        self.0.retain(|(at, _)| hour - DAY < *at && *at <= hour);
    }

    fn of(&self, hour: i64) -> u64 {
        self.0.iter().find(|(at, _)| *at == hour).map_or(0, |(_, count)| u64::from(*count))
    }

    fn over(&self, now: UnixTime, limits: Limits) -> Option<Over> {
        let (hour, left) = (now.0.div_euclid(HOUR), HOUR - now.0.rem_euclid(HOUR));
        let before = self.of(hour - 1).saturating_mul(left.unsigned_abs()) / HOUR.unsigned_abs();
        let in_day: u64 = self.0.iter().map(|(_, count)| u64::from(*count)).sum();
        let reached = |most: u32, sent: u64| most > 0 && sent >= u64::from(most);
        if reached(limits.day, in_day) {
            return Some(Over::Day(limits.day));
        }
        reached(limits.hour, self.of(hour) + before).then_some(Over::Hour(limits.hour))
    }
}

impl Allowance {
    /// The limit that a mailbox has reached, if it has.
    pub fn over(&mut self, who: MailboxId, now: UnixTime, limits: Limits) -> Option<Over> {
        let hours = self.counts.get_mut(&who)?;
        hours.forget(now.0.div_euclid(HOUR));
        hours.over(now, limits)
    }

    /// Counts a message.
    pub fn count(&mut self, who: MailboxId, now: UnixTime) {
        let hour = now.0.div_euclid(HOUR);
        let hours = self.counts.entry(who).or_default();
        hours.forget(hour);
        match hours.0.last_mut() {
            Some((at, count)) if *at == hour => *count = count.saturating_add(1),
            Some(_) | None => hours.0.push((hour, 1)),
        }
        self.changed = true;
    }

    /// Takes one back: it was refused.
    pub fn uncount(&mut self, who: MailboxId) {
        if let Some((_, count)) = self.counts.get_mut(&who).and_then(|hours| hours.0.last_mut()) {
            *count = count.saturating_sub(1);
            self.changed = true;
        }
    }

    /// Everybody who has reached a limit; who sent nothing for a day is forgotten.
    pub fn stopped(&mut self, now: UnixTime, limits: Limits) -> Vec<(MailboxId, Over)> {
        let hour = now.0.div_euclid(HOUR);
        self.counts.values_mut().for_each(|hours| hours.forget(hour));
        self.counts.retain(|_, hours| !hours.0.is_empty());
        let mut stopped: Vec<_> =
            self.counts.iter().filter_map(|(who, hours)| Some((*who, hours.over(now, limits)?))).collect();
        stopped.sort_by_cached_key(|(who, _)| who.0);
        stopped
    }

    /// The counts as a text, a mailbox a line: `7 498750:3 498751:12`. None: nothing changed since the last time.
    pub fn save(&mut self) -> Option<String> {
        if !std::mem::take(&mut self.changed) {
            return None;
        }
        let mut out = String::new();
        for (MailboxId(id), hours) in &self.counts {
            // Writing to a String does not fail.
            let _ = write!(out, "{id}");
            for (hour, count) in &hours.0 {
                let _ = write!(out, " {hour}:{count}");
            }
            out.push('\n');
        }
        Some(out)
    }

    /// Reads what [`Allowance::save`] wrote; what is none is left out.
    pub fn load(text: &str) -> Self {
        let pair = |word: &str| {
            let (hour, count) = word.split_once(':')?;
            Some((hour.parse().ok()?, count.parse().ok()?))
        };
        let line = |line: &str| {
            let (id, hours) = line.split_once(' ')?;
            Some((MailboxId(id.parse().ok()?), Hours(hours.split(' ').filter_map(pair).collect())))
        };
        Allowance { counts: text.lines().filter_map(line).collect(), changed: false }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANN: MailboxId = MailboxId(1);
    const LIMITS: Limits = Limits { hour: 10, day: 25 };
    /// A full hour.
    const START: i64 = 1_800_000_000;

    fn at(seconds: i64) -> UnixTime {
        UnixTime(START + seconds)
    }

    /// How many go through at a time.
    fn send(allowance: &mut Allowance, now: UnixTime) -> u32 {
        let mut sent = 0;
        while allowance.over(ANN, now, LIMITS).is_none() {
            allowance.count(ANN, now);
            sent += 1;
        }
        sent
    }

    #[test]
    fn an_hour_and_a_day_have_an_end_each() {
        let mut allowance = Allowance::default();
        assert_eq!(send(&mut allowance, at(600)), 10);
        assert_eq!(allowance.over(ANN, at(3599), LIMITS), Some(Over::Hour(10)));
        assert_eq!(send(&mut allowance, at(3600 + 1800)), 5, "half of the hour before still counts");
        assert_eq!(send(&mut allowance, at(3 * 3600)), 10);
        assert_eq!(allowance.over(ANN, at(6 * 3600), LIMITS), Some(Over::Day(25)));
        assert_eq!(allowance.stopped(at(6 * 3600), LIMITS), [(ANN, Over::Day(25))]);
        assert_eq!(send(&mut allowance, at(24 * 3600)), 10, "the first hour is a day ago");
        assert_eq!(allowance.over(MailboxId(2), at(0), LIMITS), None);
    }

    #[test]
    fn nothing_of_it_holds_where_the_limit_is_nought() {
        let mut allowance = Allowance::default();
        (0..1000).for_each(|_| allowance.count(ANN, at(0)));
        assert_eq!(allowance.over(ANN, at(0), Limits { hour: 0, day: 0 }), None);
    }

    #[test]
    fn a_restart_does_not_open_the_gates() {
        let mut allowance = Allowance::default();
        send(&mut allowance, at(0));
        let text = allowance.save().unwrap();
        assert_eq!(allowance.save(), None, "nothing is new");
        let mut again = Allowance::load(&text);
        assert_eq!(again.over(ANN, at(60), LIMITS), Some(Over::Hour(10)));
        again.uncount(ANN);
        assert_eq!(again.over(ANN, at(60), LIMITS), None);
        assert!(Allowance::load("x\n7\n8 a:b 1:\n\n").counts.values().all(|hours| hours.0.is_empty()));
    }

    #[test]
    fn a_clock_that_is_set_back_stops_nobody() {
        let mut allowance = Allowance::default();
        send(&mut allowance, at(0));
        assert_eq!(allowance.over(ANN, UnixTime(0), LIMITS), None);
        assert!(allowance.stopped(at(0), LIMITS).is_empty());
    }
}
