//! Early retry: a server that puts strangers off for minutes (greylisting) is tried again after minutes, not after three hours. Pure
//! but for its memory.
//!
//! What a destination took the last time is remembered: the age at which a message that was put off came through. The next message
//! to it is tried at that age, not before. The memory is bounded and lost at a restart; then it is learned again.

use std::collections::HashMap;

use crate::{
    limits,
    types::{Answer, UnixTime},
};

/// Ages in seconds at which a message that was put off is tried again: what common servers ask for (postgrey, Exim and rspamd 5
/// minutes, milter-greylist 15 to 30, OpenBSD's spamd 25, others an hour), and some seconds for their clocks.
const AGES: [i64; 4] = [310, 970, 1870, 3670];
/// Younger than the next age by no more than this, a message waits for the one behind it.
const APART: i64 = 120;
/// The longest gap that is believed, whether it was said or learned.
const LONGEST: i64 = 2 * 3600;
/// Seconds that are added to a gap that a server names.
const SOME_MORE: i64 = 10;

/// Words of servers that put strangers off.
const WORDS: [&str; 9] =
    ["greylist", "graylist", "grey list", "gray list", "grey-list", "gray-list", "postgrey", "try again", "retry in"];
/// Words of servers that are put upon: they are not asked again early.
const NOT: [&str; 8] = ["quota", "full", "too many", "rate", "limit", "throttl", "busy", "load"];

/// Whether an answer looks like greylisting: 450 or 451 and its words, or `4.7.1` without other ones.
pub(super) fn looks_put_off(answer: &Answer) -> bool {
    let text = answer.text.to_lowercase();
    let said = |words: &[&str]| words.iter().any(|word| text.contains(word));
    // `grey` before the words of load: "greylisted: rate ..." is one all the same.
    let named = said(&WORDS[..7]);
    let vague = (said(&WORDS[7..]) || &*answer.status == "4.7.1") && !said(&NOT);
    matches!(answer.code, 450 | 451) && (named || vague)
}

/// Seconds that an answer asks to wait: `in 300 seconds`, `after 5 minutes`, `00:04:59`.
fn asked(text: &str) -> Option<i64> {
    let text = text.to_lowercase();
    let words: Vec<&str> =
        text.split(|c: char| !c.is_ascii_alphanumeric() && c != ':').filter(|w| !w.is_empty()).collect();
    let clock = |word: &&str| {
        let parts: Vec<i64> = word.split(':').map(|part| part.parse().ok()).collect::<Option<_>>()?;
        (parts.len() == 3 && parts.iter().all(|part| (0..60).contains(part)))
            .then(|| parts.iter().fold(0, |sum, part| sum * 60 + part))
    };
    let counted = |pair: &[&str]| {
        let count: i64 = pair[0].parse().ok().filter(|n| (0..100_000).contains(n))?;
        let unit = [("sec", 1), ("min", 60), ("hour", 3600)].iter().find(|unit| pair[1].starts_with(unit.0))?.1;
        Some(count * unit)
    };
    let found = words.iter().find_map(clock).or_else(|| words.windows(2).find_map(counted))?;
    (1..=LONGEST).contains(&found).then_some(found)
}

/// A gap that was learned.
struct Gap {
    seconds: i64,
    at: UnixTime,
}

/// What destinations took, by their names.
#[derive(Default)]
pub(super) struct Gaps(HashMap<Box<str>, Gap>);

impl Gaps {
    /// When a message that came at `since` and was put off now is tried again; None: early tries are over.
    pub fn next_try(&self, to: &str, since: UnixTime, now: UnixTime, answer: &Answer) -> Option<UnixTime> {
        if !looks_put_off(answer) {
            return None;
        }
        let age = now.since(since).max(0);
        if let Some(asked) = asked(&answer.text).filter(|_| age < LONGEST) {
            return Some(now.plus(asked + SOME_MORE));
        }
        let learned = self.0.get(to).map(|gap| gap.seconds).filter(|gap| *gap >= age + APART);
        let next = learned.or_else(|| AGES.into_iter().find(|next| *next >= age + APART))?;
        // Counted from now: `since` is later than now where the clock was set back.
        Some(now.plus(next - age))
    }

    /// A message that was put off at first came through at this age.
    pub fn learn(&mut self, to: &str, since: UnixTime, now: UnixTime) {
        let seconds = now.since(since);
        if !(1..=LONGEST).contains(&seconds) {
            return;
        }
        if self.0.len() >= limits::QUEUE_GAPS && !self.0.contains_key(to) {
            let oldest = self.0.iter().min_by_key(|(_, gap)| gap.at).map(|(to, _)| to.clone());
            oldest.map(|to| self.0.remove(&to));
        }
        self.0.insert(to.into(), Gap { seconds, at: now });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: UnixTime = UnixTime(1_800_000_000);

    fn answer(code: u16, status: &str, text: &str) -> Answer {
        Answer { at: START, peer: "".into(), code, status: status.into(), text: text.into() }
    }

    #[test]
    fn what_looks_like_greylisting() {
        for (code, status, text) in [
            (
                450,
                "4.2.0",
                "<ann@example.org>: Recipient address rejected: Greylisted, see http://postgrey.schweikert.ch/",
            ),
            (451, "4.7.1", "Greylisting in action, please come back later"),
            (450, "4.7.1", "Please try again later"),
            (451, "", "Temporarily rejected. Try again later."),
            (451, "4.7.1", "Graylisted: message rate of your network is not known yet"),
        ] {
            assert!(looks_put_off(&answer(code, status, text)), "{text}");
        }
        for (code, status, text) in [
            (421, "4.7.0", "Try again later"),
            (452, "4.2.2", "Mailbox full, try again"),
            (450, "4.2.2", "over quota, try again later"),
            (450, "4.7.1", "too many connections"),
            (451, "4.3.0", "Temporary lookup failure"),
            (550, "5.7.1", "Greylisted for ever"),
            (0, "4.4.1", "try again"),
        ] {
            assert!(!looks_put_off(&answer(code, status, text)), "{text}");
        }
    }

    #[test]
    fn a_gap_that_a_server_names_is_taken() {
        for (text, seconds) in [
            ("Greylisted, please try again in 180 seconds", Some(180)),
            ("greylisted, retry in 5 minutes.", Some(300)),
            ("Greylisting in action, please come back in 00:04:59", Some(299)),
            ("greylisted until 10 hours from now", None),
            ("4.7.1 greylisted", None),
            ("wait 99999999999999999999 seconds", None),
            ("", None),
        ] {
            assert_eq!(asked(text), seconds, "{text}");
        }
    }

    #[test]
    fn it_is_tried_at_rising_ages_and_then_as_ever() {
        let (gaps, to) = (Gaps::default(), "example.org");
        let said = answer(450, "4.7.1", "Greylisted");
        let (mut now, mut ages) = (START, Vec::new());
        while let Some(next) = gaps.next_try(to, START, now, &said) {
            ages.push(next.since(START));
            now = next.plus(3);
        }
        assert_eq!(ages, AGES);
        assert_eq!(gaps.next_try(to, START, START, &answer(450, "4.2.2", "full")), None);
        assert_eq!(gaps.next_try(to, START.plus(86_400), START, &said), Some(START.plus(AGES[0])), "set back by a day");
    }

    #[test]
    fn what_a_destination_took_is_used_the_next_time() {
        let (mut gaps, to) = (Gaps::default(), "example.org");
        let said = answer(450, "4.7.1", "Greylisted");
        gaps.learn(to, START, START.plus(1872));
        assert_eq!(gaps.next_try(to, START, START.plus(2), &said), Some(START.plus(1872)));
        // It was longer this time: the ages go on behind it.
        assert_eq!(gaps.next_try(to, START, START.plus(1875), &said), Some(START.plus(3670)));
        assert_eq!(gaps.next_try("else.org", START, START, &said), Some(START.plus(AGES[0])));
    }

    #[test]
    fn the_memory_is_bounded() {
        let mut gaps = Gaps::default();
        for n in 0..limits::QUEUE_GAPS + 50 {
            gaps.learn(&format!("{n}.test"), START, START.plus(300 + i64::try_from(n).unwrap()));
        }
        assert_eq!(gaps.0.len(), limits::QUEUE_GAPS);
        assert!(!gaps.0.contains_key("0.test"), "the oldest went");
    }
}
