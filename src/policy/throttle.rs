//! Password guessing is slowed down before any password is hashed.
//!
//! Counted by (household, account), and for public households also over all accounts: a private network is never shut
//! out whole, because behind it sit all the users. A count is a few tries for nothing, then a wait that doubles. The same
//! wrong password again is a forgotten phone, not an attack: it is refused without a hash and without being counted.
//! Tries under way count as if they had failed, so that fifty connections at once are not fifty free tries.
//!
//! Must not know: names and passwords (it sees keyed hashes), what the peer hears.

use std::{collections::HashMap, net::IpAddr, time::Duration};

use super::{networks, secret::Tag};
use crate::limits;

/// Failures for nothing, for one account.
const FREE: u32 = 5;
/// Failures for nothing, for all accounts of a public household together.
const FREE_HOUSEHOLD: u32 = 20;
/// First wait; doubles with each failure.
const FIRST_WAIT: Duration = Duration::from_secs(2);
/// Longest wait.
const LONGEST_WAIT: Duration = Duration::from_secs(900);
/// One failure is forgiven in this time, so that a few a day never add up to a lock.
const FORGIVE: Duration = Duration::from_secs(900);
/// The whole count is forgotten this long after its last failure.
const FORGET: Duration = Duration::from_secs(3600);
/// Wrong passwords remembered for one (household, account): phones of one person.
const WRONG: usize = 4;

/// What may be done with a try.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admission {
    /// Judge it, then call [`Throttle::judged`].
    Go,
    /// Refuse it: too many failures, wait.
    Wait,
    /// Refuse it: this very password was wrong before.
    KnownWrong,
}

/// How a try that was let in ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It was the password.
    Right,
    /// It was not; the tag, where the mechanism shows the password.
    Wrong(Option<Tag>),
    /// Nobody looked (the hashing queue was full, the client went away).
    Unjudged,
}

/// Who tries what.
#[derive(Clone, Copy, Debug)]
pub struct Try {
    /// The client.
    pub ip: IpAddr,
    /// Whose password it is said to be.
    pub account: Tag,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct Key {
    household: IpAddr,
    /// None: all accounts together.
    account: Option<Tag>,
}

#[derive(Default)]
struct Entry {
    failures: u32,
    failed_at: Duration,
    forgiven_at: Duration,
    /// No try before this.
    next: Duration,
    used_at: Duration,
    under_way: u32,
    wrong: Vec<Tag>,
}

impl Entry {
    fn must_wait(&mut self, now: Duration, free: u32) -> bool {
        self.forgive(now);
        let crowded = self.under_way > 0 && self.failures.saturating_add(self.under_way) >= free;
        (self.failures > 0 && now < self.next) || crowded
    }

    fn forgive(&mut self, now: Duration) {
        if now.saturating_sub(self.failed_at) > FORGET {
            self.failures = 0;
        }
        let whole = now.saturating_sub(self.forgiven_at).as_secs() / FORGIVE.as_secs();
        self.failures = self.failures.saturating_sub(u32::try_from(whole).unwrap_or(u32::MAX));
        self.forgiven_at += Duration::from_secs(whole * FORGIVE.as_secs());
    }

    fn failed(&mut self, now: Duration, free: u32) {
        self.forgive(now);
        self.failures = self.failures.saturating_add(1);
        self.failed_at = now;
        let beyond = self.failures.saturating_sub(free);
        let wait = FIRST_WAIT.saturating_mul(1u32.checked_shl(beyond).unwrap_or(u32::MAX)).min(LONGEST_WAIT);
        if self.failures >= free {
            self.next = now + wait;
        }
    }

    fn remember_wrong(&mut self, tag: Tag) {
        if self.wrong.len() == WRONG {
            self.wrong.remove(0);
        }
        self.wrong.push(tag);
    }

    fn is_stale(&self, now: Duration) -> bool {
        self.under_way == 0 && now.saturating_sub(self.used_at) > FORGET
    }
}

/// Bounded by [`limits::THROTTLE_ENTRIES`]; the one that was used least recently goes first.
#[derive(Default)]
pub struct Throttle {
    entries: HashMap<Key, Entry>,
}

impl Throttle {
    /// Whether a try may be judged now. `password` is the tag of what was said, where the mechanism shows it.
    pub fn admit(&mut self, now: Duration, who: Try, password: Option<Tag>) -> Admission {
        let entry = self.entry(now, one(who));
        if entry.must_wait(now, FREE) {
            return Admission::Wait;
        }
        if password.is_some_and(|p| entry.wrong.contains(&p)) {
            return Admission::KnownWrong;
        }
        if let Some(all) = all(who)
            && self.entry(now, all).must_wait(now, FREE_HOUSEHOLD)
        {
            return Admission::Wait;
        }
        for (key, _) in keys(who) {
            self.entry(now, key).under_way += 1;
        }
        Admission::Go
    }

    /// How long nobody of them may try; zero when they may now.
    pub fn wait(&self, now: Duration, who: Try) -> Duration {
        let waits = keys(who).filter_map(|(key, _)| self.entries.get(&key));
        waits.map(|entry| entry.next.saturating_sub(now)).max().unwrap_or_default()
    }

    /// Ends a try that was let in.
    pub fn judged(&mut self, now: Duration, who: Try, outcome: Outcome) {
        for (key, free) in keys(who) {
            let entry = self.entry(now, key);
            entry.under_way = entry.under_way.saturating_sub(1);
            match outcome {
                Outcome::Wrong(_) => entry.failed(now, free),
                // A household keeps its count: an attacker may own one account, and his tries at others still count.
                Outcome::Right if key.account.is_some() => entry.failures = 0,
                Outcome::Right | Outcome::Unjudged => {}
            }
        }
        if let Outcome::Wrong(Some(tag)) = outcome {
            self.entry(now, one(who)).remember_wrong(tag);
        }
    }

    fn entry(&mut self, now: Duration, key: Key) -> &mut Entry {
        if !self.entries.contains_key(&key) {
            self.make_room(now);
        }
        let entry = self.entries.entry(key).or_default();
        entry.used_at = now;
        entry
    }

    fn make_room(&mut self, now: Duration) {
        if self.entries.len() < limits::THROTTLE_ENTRIES {
            return;
        }
        self.entries.retain(|_, e| !e.is_stale(now));
        if self.entries.len() >= limits::THROTTLE_ENTRIES {
            let oldest = self.entries.iter().min_by_key(|(_, e)| e.used_at).map(|(key, _)| *key);
            oldest.map(|key| self.entries.remove(&key));
        }
    }
}

fn one(who: Try) -> Key {
    Key { household: networks::household(who.ip), account: Some(who.account) }
}

fn all(who: Try) -> Option<Key> {
    let public = !networks::is_private(who.ip);
    public.then(|| Key { household: networks::household(who.ip), account: None })
}

fn keys(who: Try) -> impl Iterator<Item = (Key, u32)> {
    std::iter::once((one(who), FREE)).chain(all(who).map(|key| (key, FREE_HOUSEHOLD)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secs(n: u64) -> Duration {
        Duration::from_secs(n)
    }

    fn who(ip: &str, account: u128) -> Try {
        Try { ip: ip.parse().unwrap(), account: account.to_be_bytes() }
    }

    fn guess(throttle: &mut Throttle, now: Duration, who: Try, password: u128) -> Admission {
        let tag = Some(password.to_be_bytes());
        let admission = throttle.admit(now, who, tag);
        if admission == Admission::Go {
            throttle.judged(now, who, Outcome::Wrong(tag));
        }
        admission
    }

    #[test]
    fn five_guesses_are_free_then_the_wait_doubles() {
        let (mut t, ann) = (Throttle::default(), who("192.168.1.5", 1));
        for n in 0..5 {
            assert_eq!(guess(&mut t, secs(0), ann, n), Admission::Go);
        }
        assert_eq!(guess(&mut t, secs(1), ann, 9), Admission::Wait);
        assert_eq!((t.wait(secs(1), ann), t.wait(secs(2), ann)), (secs(1), secs(0)));
        assert_eq!(guess(&mut t, secs(2), ann, 9), Admission::Go);
        assert_eq!(guess(&mut t, secs(5), ann, 10), Admission::Wait);
        assert_eq!(guess(&mut t, secs(6), ann, 10), Admission::Go);
        // Somebody who tries every second for a day gets one guess in a quarter of an hour, and the first few.
        let day = (7..86_400).filter(|now| guess(&mut t, secs(*now), ann, u128::from(*now)) == Admission::Go).count();
        assert!((96..=112).contains(&day), "{day}");
    }

    #[test]
    fn a_few_failures_a_day_never_add_up_to_a_lock() {
        let mut t = Throttle::default();
        for n in 0..500 {
            let now = secs(n * 1800);
            assert_eq!(guess(&mut t, now, who("203.0.113.9", 1), u128::from(n)), Admission::Go);
            assert_eq!(t.admit(now, who("203.0.113.9", 2), None), Admission::Go);
            t.judged(now, who("203.0.113.9", 2), Outcome::Right);
        }
    }

    #[test]
    fn a_forgotten_phone_with_an_old_password_never_shuts_its_owner_out() {
        let (mut t, ann) = (Throttle::default(), who("203.0.113.9", 1));
        assert_eq!(guess(&mut t, secs(0), ann, 7), Admission::Go);
        for n in 1..1000 {
            assert_eq!(guess(&mut t, secs(n * 60), ann, 7), Admission::KnownWrong);
        }
        assert_eq!(t.admit(secs(60_001), ann, Some([9; 16])), Admission::Go);
    }

    #[test]
    fn fifty_connections_at_once_are_not_fifty_free_guesses() {
        let (mut t, ann) = (Throttle::default(), who("203.0.113.9", 1));
        let admitted = (0..50u128).filter(|n| t.admit(secs(0), ann, Some(n.to_be_bytes())) == Admission::Go).count();
        assert_eq!(admitted, 5);
    }

    #[test]
    fn a_public_household_is_shut_out_whole_and_a_private_network_is_not() {
        let mut t = Throttle::default();
        for account in 0..100 {
            let admitted = guess(&mut t, secs(0), who("192.168.1.5", account), 1);
            assert_eq!(admitted, Admission::Go);
        }
        for account in 0..20 {
            let stranger = who(&format!("2001:db8::{account}"), account);
            assert_eq!(guess(&mut t, secs(0), stranger, 1), Admission::Go);
        }
        assert_eq!(guess(&mut t, secs(1), who("2001:db8::77", 777), 1), Admission::Wait);
        assert_eq!(guess(&mut t, secs(1), who("2001:db9::77", 777), 1), Admission::Go);
    }

    #[test]
    fn the_right_password_wipes_the_count_and_an_hour_does_too() {
        let (mut t, ann) = (Throttle::default(), who("192.168.1.5", 1));
        for n in 0..4 {
            guess(&mut t, secs(0), ann, n);
        }
        assert_eq!(t.admit(secs(0), ann, None), Admission::Go);
        t.judged(secs(0), ann, Outcome::Right);
        for n in 10..15 {
            assert_eq!(guess(&mut t, secs(0), ann, n), Admission::Go);
        }
        assert_eq!(guess(&mut t, secs(0), ann, 20), Admission::Wait);
        for n in 20..25 {
            assert_eq!(guess(&mut t, secs(3602), ann, n), Admission::Go);
        }
    }

    #[test]
    fn a_try_that_nobody_judged_does_not_count() {
        let (mut t, ann) = (Throttle::default(), who("192.168.1.5", 1));
        for _ in 0..50 {
            assert_eq!(t.admit(secs(0), ann, None), Admission::Go);
            t.judged(secs(0), ann, Outcome::Unjudged);
        }
    }

    #[test]
    fn the_table_stays_within_its_bound() {
        let mut t = Throttle::default();
        for n in 0..limits::THROTTLE_ENTRIES as u128 * 2 {
            guess(&mut t, Duration::from_millis(n as u64), who("10.0.0.1", n), 1);
        }
        assert_eq!(t.entries.len(), limits::THROTTLE_ENTRIES);
    }
}
