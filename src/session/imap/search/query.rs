//! What SEARCH looks for, made ready: every set is one of UIDs, every day a time, every text a probe. Pure.
//!
//! A test has three answers: yes, no, and not known yet. The row alone is asked first, then the derived record, then the text;
//! as soon as the whole test is decided nothing more is read of a message. So the cheap keys come first wherever they stand.

use super::{super::uids::Uids, probe::Probes};
use crate::{
    limits,
    mime::Day,
    types::{Flags, Keyword, MessageRow, ModSeq, UnixTime},
    wire::imap::{DateOf, SearchKey, SequenceSet, Side, say, say::Say},
};

/// What a query is made of beside the key: how things stand when the command begins.
pub(in super::super) struct Context<'a> {
    /// The messages of a set; `true`: it has UIDs.
    pub set: &'a dyn Fn(bool, &SequenceSet) -> Result<Uids, Say<'static>>,
    /// Messages that are \Recent in this session.
    pub recent: &'a Uids,
    /// The folder's keywords.
    pub keywords: &'a [Keyword],
    /// A text of the command, decoded.
    pub text: &'a dyn Fn(&[u8]) -> Option<String>,
    /// The first moment of a day here, and that of the next.
    pub day: &'a dyn Fn(Day) -> (UnixTime, UnixTime),
    /// For OLDER and YOUNGER.
    pub now: UnixTime,
}

/// A test of one message.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Test {
    Always(bool),
    All(Vec<Test>),
    Any(Vec<Test>),
    Not(Box<Test>),
    Flag(Flags, bool),
    /// A keyword by its place in the folder's list.
    Keyword(usize),
    Among(Uids),
    /// Arrived at or after the first, and before the second.
    Arrived(UnixTime, UnixTime),
    Sent(Side, Day),
    Larger(u64),
    Smaller(u64),
    Changed(ModSeq),
    /// A probe by its number.
    Text(usize),
}

/// A query that is ready.
#[derive(Debug)]
pub(in super::super) struct Query {
    pub(super) test: Test,
    pub(super) probes: Probes,
}

/// What is known of a message so far.
pub(super) struct Facts<'a> {
    pub row: &'a MessageRow,
    /// The day it was sent on, if it says so; None: not known yet.
    pub sent: Option<Option<Day>>,
    /// By number of the probe.
    pub found: &'a [Option<bool>],
}

/// Sets of any size that a query may have.
const SETS: usize = 4;

/// What a query in the making has come to.
#[derive(Default)]
struct Making {
    probes: Probes,
    sets: usize,
    /// Runs of all sets.
    runs: usize,
}

impl Making {
    /// A set. A few may be as large as they like, more of them have a cap together: `OR 1:* OR 1:* ...` must not hold a
    /// folder with many gaps two thousand times.
    fn among(&mut self, uids: Uids) -> Result<Test, Say<'static>> {
        (self.sets, self.runs) = (self.sets + 1, self.runs + uids.runs());
        match self.sets > SETS && self.runs > limits::IMAP_SEARCH_RUNS {
            true => Err(say::TOO_MANY),
            false => Ok(Test::Among(uids)),
        }
    }
}

impl Query {
    /// Makes a key ready. The sentence says what is wrong with it.
    pub fn new(key: &SearchKey, context: &Context<'_>) -> Result<Query, Say<'static>> {
        let mut making = Making::default();
        let test = Test::of(key, context, &mut making)?.simple();
        Ok(Query { test, probes: making.probes })
    }

    /// Of these messages the ones that are worth looking at.
    pub fn candidates(&self, all: &Uids) -> Uids {
        self.test.narrow(all.clone())
    }

    /// Whether the row decides every message.
    pub fn needs_rows_only(&self) -> bool {
        !self.needs_sent() && self.probes.is_empty()
    }

    pub(super) fn needs_sent(&self) -> bool {
        self.test.names(&|test| matches!(test, Test::Sent(..)))
    }
}

impl Test {
    fn of(key: &SearchKey, context: &Context<'_>, making: &mut Making) -> Result<Test, Say<'static>> {
        let text = |octets: &[u8]| (context.text)(octets).ok_or(say::BAD_CHARSET);
        let ago = |seconds: u32| UnixTime(context.now.0.saturating_sub(i64::from(seconds)));
        Ok(match key {
            SearchKey::All => Test::Always(true),
            SearchKey::And(keys) => {
                Test::All(keys.iter().map(|key| Test::of(key, context, making)).collect::<Result<_, _>>()?)
            }
            SearchKey::Or(a, b) => Test::Any(vec![Test::of(a, context, making)?, Test::of(b, context, making)?]),
            SearchKey::Not(key) => Test::Not(Box::new(Test::of(key, context, making)?)),
            SearchKey::Flag(flag, set) => Test::Flag(*flag, *set),
            SearchKey::Keyword(keyword, set) => keyword_test(context.keywords, keyword, *set),
            SearchKey::New => Test::All(vec![making.among(context.recent.clone())?, Test::Flag(Flags::SEEN, false)]),
            SearchKey::Recent(true) => making.among(context.recent.clone())?,
            SearchKey::Recent(false) => Test::Not(Box::new(making.among(context.recent.clone())?)),
            SearchKey::Field(field, octets) => making.probes.envelope(*field, &text(octets)?)?,
            SearchKey::Header(name, octets) => making.probes.header(name, &text(octets)?)?,
            SearchKey::Body(octets) => making.probes.body(&text(octets)?)?,
            SearchKey::Text(octets) => making.probes.text(&text(octets)?)?,
            SearchKey::Date(DateOf::Arrival, side, day) => arrived(*side, (context.day)(*day)),
            SearchKey::Date(DateOf::Sent, side, day) => Test::Sent(*side, *day),
            // RFC 5032 s3: at least so old, at most so old.
            SearchKey::Older(seconds) => Test::Arrived(BEGINNING, UnixTime(ago(*seconds).0.saturating_add(1))),
            SearchKey::Younger(seconds) => Test::Arrived(ago(*seconds), FOREVER),
            SearchKey::Larger(octets) => Test::Larger(*octets),
            SearchKey::Smaller(octets) => Test::Smaller(*octets),
            SearchKey::Sequence(set) => making.among((context.set)(false, set)?)?,
            SearchKey::Uid(set) => making.among((context.set)(true, set)?)?,
            SearchKey::ModSeq(modseq) => Test::Changed(*modseq),
        })
    }

    /// Without what decides nothing.
    fn simple(self) -> Test {
        match self {
            Test::All(tests) => {
                let mut kept: Vec<Test> = tests.into_iter().map(Test::simple).collect();
                kept.retain(|test| *test != Test::Always(true));
                match kept.contains(&Test::Always(false)) {
                    true => Test::Always(false),
                    false if kept.is_empty() => Test::Always(true),
                    false => Test::All(kept),
                }
            }
            Test::Any(tests) => {
                let mut kept: Vec<Test> = tests.into_iter().map(Test::simple).collect();
                kept.retain(|test| *test != Test::Always(false));
                match kept.contains(&Test::Always(true)) {
                    true => Test::Always(true),
                    false if kept.is_empty() => Test::Always(false),
                    false => Test::Any(kept),
                }
            }
            Test::Not(test) => match test.simple() {
                Test::Always(answer) => Test::Always(!answer),
                test => Test::Not(Box::new(test)),
            },
            other => other,
        }
    }

    /// Yes, no, or not known yet.
    pub fn truth(&self, known: &Facts<'_>) -> Option<bool> {
        let row = known.row;
        match self {
            Test::Always(answer) => Some(*answer),
            Test::All(tests) => joined(tests, known, false),
            Test::Any(tests) => joined(tests, known, true),
            Test::Not(test) => test.truth(known).map(|answer| !answer),
            Test::Flag(flag, set) => Some(row.flags.has(*flag) == *set),
            Test::Keyword(place) => Some(row.keywords.has(*place)),
            Test::Among(uids) => Some(uids.has(row.uid)),
            Test::Arrived(from, to) => Some(*from <= row.date && row.date < *to),
            Test::Sent(side, day) => known.sent.map(|sent| {
                sent.is_some_and(|sent| match side {
                    Side::Before => sent < *day,
                    Side::On => sent == *day,
                    Side::Since => sent >= *day,
                })
            }),
            Test::Larger(octets) => Some(row.size > *octets),
            Test::Smaller(octets) => Some(row.size < *octets),
            Test::Changed(modseq) => Some(row.modseq >= *modseq),
            Test::Text(number) => known.found.get(*number).copied().flatten(),
        }
    }

    fn narrow(&self, all: Uids) -> Uids {
        match self {
            Test::All(tests) => tests.iter().fold(all, |left, test| test.narrow(left)),
            Test::Among(uids) => all.both(uids),
            Test::Always(false) => Uids::default(),
            Test::Always(true) | Test::Any(_) | Test::Not(_) | Test::Flag(..) | Test::Keyword(_) => all,
            Test::Arrived(..) | Test::Sent(..) | Test::Larger(_) | Test::Smaller(_) => all,
            Test::Changed(_) | Test::Text(_) => all,
        }
    }

    fn names(&self, wanted: &dyn Fn(&Test) -> bool) -> bool {
        match self {
            Test::All(tests) | Test::Any(tests) => tests.iter().any(|test| test.names(wanted)),
            Test::Not(test) => test.names(wanted),
            other => wanted(other),
        }
    }
}

const BEGINNING: UnixTime = UnixTime(i64::MIN);
const FOREVER: UnixTime = UnixTime(i64::MAX);

fn arrived(side: Side, (begin, end): (UnixTime, UnixTime)) -> Test {
    match side {
        Side::Before => Test::Arrived(BEGINNING, begin),
        Side::On => Test::Arrived(begin, end),
        Side::Since => Test::Arrived(begin, FOREVER),
    }
}

/// `decides`: the answer of one that is the answer of all.
fn joined(tests: &[Test], known: &Facts<'_>, decides: bool) -> Option<bool> {
    let mut open = false;
    for test in tests {
        match test.truth(known) {
            Some(answer) if answer == decides => return Some(decides),
            Some(_) => {}
            None => open = true,
        }
    }
    (!open).then_some(!decides)
}

/// A keyword that the folder never had is no message's.
fn keyword_test(keywords: &[Keyword], keyword: &Keyword, set: bool) -> Test {
    let place = keywords.iter().position(|known| known == keyword);
    match place {
        Some(place) if set => Test::Keyword(place),
        Some(place) => Test::Not(Box::new(Test::Keyword(place))),
        None => Test::Always(!set),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::{BodyId, Keywords, Uid};

    const TODAY: Day = Day { year: 2026, month: 11, day: 24 };

    fn uids(list: &[u32]) -> Uids {
        list.iter().map(|uid| Uid(*uid)).collect()
    }

    /// A folder of the UIDs 10, 20, 30, the last of them \Recent, keywords `work` and `home`, days of 100 seconds from 0 on.
    fn query(key: &SearchKey) -> Result<Query, Say<'static>> {
        let (recent, keywords) = (uids(&[30]), ["work", "home"].map(|text| Keyword::parse(text).unwrap()));
        let day = |day: Day| (UnixTime(i64::from(day.day) * 100), UnixTime(i64::from(day.day) * 100 + 100));
        let context = Context {
            set: &|uid, _| Ok(if uid { uids(&[10, 20]) } else { uids(&[20, 30]) }),
            recent: &recent,
            keywords: &keywords,
            text: &|octets| std::str::from_utf8(octets).ok().map(str::to_owned),
            day: &day,
            now: UnixTime(5000),
        };
        Query::new(key, &context)
    }

    fn row(uid: u32) -> MessageRow {
        MessageRow {
            uid: Uid(uid),
            flags: Flags::SEEN,
            keywords: Keywords::default().with(1),
            modseq: ModSeq(7),
            date: UnixTime(4000),
            size: 300,
            body: BodyId(1),
        }
    }

    /// What is known of the message 20 when nothing but its row is.
    fn by_row(key: &SearchKey) -> Option<bool> {
        let query = query(key).unwrap();
        query.test.truth(&Facts { row: &row(20), sent: None, found: &[None; limits::IMAP_SEARCH_TEXTS] })
    }

    fn keyword(text: &str, set: bool) -> SearchKey {
        SearchKey::Keyword(Keyword::parse(text).unwrap(), set)
    }

    fn body(text: &str) -> SearchKey {
        SearchKey::Body(text.as_bytes().into())
    }

    fn not(key: SearchKey) -> SearchKey {
        SearchKey::Not(Box::new(key))
    }

    fn or(a: SearchKey, b: SearchKey) -> SearchKey {
        SearchKey::Or(Box::new(a), Box::new(b))
    }

    #[test]
    fn the_row_decides_what_it_can() {
        let one = SequenceSet::Saved;
        for (key, answer) in [
            (SearchKey::All, true),
            (SearchKey::And(Vec::new()), true),
            (SearchKey::Flag(Flags::SEEN, true), true),
            (SearchKey::Flag(Flags::DRAFT, true), false),
            (SearchKey::Flag(Flags::DELETED, false), true),
            (keyword("HOME", true), true),
            (keyword("work", true), false),
            (keyword("work", false), true),
            (keyword("nobodys", true), false),
            (keyword("nobodys", false), true),
            (SearchKey::New, false),
            (SearchKey::Recent(true), false),
            (SearchKey::Recent(false), true),
            (SearchKey::Larger(300), false),
            (SearchKey::Larger(299), true),
            (SearchKey::Smaller(300), false),
            (SearchKey::Smaller(301), true),
            (SearchKey::Sequence(one.clone()), true),
            (SearchKey::Uid(one), true),
            (SearchKey::ModSeq(ModSeq(7)), true),
            (SearchKey::ModSeq(ModSeq(8)), false),
        ] {
            assert_eq!(by_row(&key), Some(answer), "{key:?}");
            assert_eq!(by_row(&not(key.clone())), Some(!answer), "not {key:?}");
        }
    }

    #[test]
    fn days_and_ages_have_sharp_edges() {
        let arrived = |side, day| by_row(&SearchKey::Date(DateOf::Arrival, side, Day { day, ..TODAY }));
        // The message arrived in the first second of day 40, were there one: 41 is the next day, 39 the one before.
        for (side, before, same, after) in
            [(Side::Before, false, false, true), (Side::On, false, true, false), (Side::Since, true, true, false)]
        {
            assert_eq!([39, 40, 41].map(|day| arrived(side, day)), [before, same, after].map(Some), "{side:?}");
        }
        // It is 1000 seconds old.
        for (seconds, older, younger) in [(999, true, false), (1000, true, true), (1001, false, true)] {
            assert_eq!(by_row(&SearchKey::Older(seconds)), Some(older), "{seconds}");
            assert_eq!(by_row(&SearchKey::Younger(seconds)), Some(younger), "{seconds}");
        }
    }

    #[test]
    fn the_day_it_was_sent_on_is_asked_of_the_record() {
        let key = SearchKey::Date(DateOf::Sent, Side::Since, TODAY);
        let query = query(&key).unwrap();
        assert!(query.needs_sent() && !query.needs_rows_only());
        let truth = |sent| query.test.truth(&Facts { row: &row(20), sent, found: &[] });
        let day = |day| Some(Day::new(2026, 11, day));
        assert_eq!(
            [truth(None), truth(day(23)), truth(day(24)), truth(Some(None))],
            [None, Some(false), Some(true), Some(false)]
        );
    }

    #[test]
    fn a_text_is_not_looked_for_where_the_row_decides() {
        assert_eq!(by_row(&body("x")), None);
        assert_eq!(by_row(&SearchKey::And(vec![body("x"), SearchKey::Flag(Flags::DRAFT, true)])), Some(false));
        assert_eq!(by_row(&or(body("x"), SearchKey::Flag(Flags::SEEN, true))), Some(true));
        assert_eq!(by_row(&not(or(body("x"), SearchKey::Flag(Flags::DRAFT, true)))), None);
        let query = query(&SearchKey::And(vec![body("x"), not(body("y"))])).unwrap();
        let truth = |found: [Option<bool>; 2]| query.test.truth(&Facts { row: &row(20), sent: None, found: &found });
        assert_eq!(truth([None, Some(true)]), Some(false));
        assert_eq!(truth([Some(true), None]), None);
        assert_eq!(truth([Some(true), Some(false)]), Some(true));
    }

    #[test]
    fn each_text_is_looked_for_once() {
        let text = |text: &str| SearchKey::Text(text.as_bytes().into());
        let same = query(&or(text("x"), SearchKey::And(vec![body("x"), text("x")]))).unwrap();
        assert_eq!(same.probes.iter().count(), 2, "once anywhere and once in the body");
        assert_eq!(query(&body("")).unwrap().test, Test::Always(true));
        assert_eq!(query(&SearchKey::Header("X-Spam".into(), Box::default())).unwrap().probes.iter().count(), 1);
        let many = (0..=limits()).map(|n| body(&n.to_string())).collect();
        assert_eq!(query(&SearchKey::And(many)).unwrap_err(), say::TOO_MANY);
        assert_eq!(query(&SearchKey::Body([0xff].as_slice().into())).unwrap_err(), say::BAD_CHARSET);
    }

    fn limits() -> usize {
        crate::limits::IMAP_SEARCH_TEXTS
    }

    /// Believed: the length of a command bounds what it costs. True: `1:*` is three octets, and in a folder with a gap behind
    /// every message it is as long as the folder; two thousand of them were held at once.
    #[test]
    fn many_large_sets_are_refused_and_a_few_are_not() {
        let gaps: Uids = (0..15_000).map(|n| Uid(2 * n + 1)).collect();
        let context = Context {
            set: &|uid, _| Ok(if uid { gaps.clone() } else { uids(&[1]) }),
            recent: &gaps,
            keywords: &[],
            text: &|_| None,
            day: &|_| (BEGINNING, FOREVER),
            now: UnixTime(0),
        };
        let many = |key: SearchKey, count: usize| Query::new(&SearchKey::And(vec![key; count]), &context).map(|_| ());
        assert_eq!(many(SearchKey::Uid(SequenceSet::Saved), SETS), Ok(()));
        assert_eq!(many(SearchKey::Uid(SequenceSet::Saved), SETS + 1), Err(say::TOO_MANY));
        assert_eq!(many(SearchKey::New, SETS + 1), Err(say::TOO_MANY));
        assert_eq!(many(SearchKey::Sequence(SequenceSet::Saved), 2000), Ok(()), "small ones as many as there are keys");
    }

    #[test]
    fn sets_that_every_hit_is_in_leave_the_others_unread() {
        let candidates = |key: SearchKey| query(&key).unwrap().candidates(&uids(&[10, 20, 30]));
        let (numbers, uid) = (SearchKey::Sequence(SequenceSet::Saved), SearchKey::Uid(SequenceSet::Saved));
        assert_eq!(candidates(SearchKey::And(vec![numbers.clone(), body("x")])), uids(&[20, 30]));
        assert_eq!(candidates(SearchKey::And(vec![numbers.clone(), uid.clone()])), uids(&[20]));
        assert_eq!(candidates(or(numbers.clone(), uid)), uids(&[10, 20, 30]));
        assert_eq!(candidates(not(numbers)), uids(&[10, 20, 30]));
        assert_eq!(candidates(keyword("nobodys", true)), uids(&[]));
        assert_eq!(candidates(SearchKey::New), uids(&[30]));
    }
}
