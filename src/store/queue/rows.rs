//! The octets of queue rows and of their indices.
//!
//! ```text
//! body u64 | next try i64 | reverse-path | recipient                          all of a row before format 3
//! | octets u64 | since i64 | tries u32 | state u8 (1 held, 2 told that it is late, 4 has a last answer)
//! | [at i64 | code u16 | peer | status | text] | more
//! more   version u8 = 1 | asked u16 | [original] [envid] [orcpt: kind, address]         in a record's trailer too
//! ```

use redb::TableDefinition;

use super::{
    super::{
        codec::{In, Out},
        record::reverse_path,
        rows::RowForm,
    },
    Destination,
};
use crate::types::{
    Address, Answer, BodyId, Hold, Leaving, Notify, Orcpt, Ret, RowId, Terms, UnixTime, Waiting, Wishes,
};

/// Free rows by their next try.
pub(in super::super) const DUE: TableDefinition<(i64, u64), &[u8]> = TableDefinition::new("queue_due");
/// Free rows by their destination.
pub(in super::super) const ROUTES: TableDefinition<(u64, i64, u64), &[u8]> = TableDefinition::new("queue_routes");

/// Of what stands behind the row that format 2 knew.
const VERSION: u8 = 1;

const HELD: u8 = 1;
const TOLD_LATE: u8 = 2;
const ANSWERED: u8 = 4;

const OURS: u16 = 1;
const UTF8: u16 = 1 << 1;
const ORIGINAL: u16 = 1 << 2;
const ENVID: u16 = 1 << 3;
const ORCPT: u16 = 1 << 4;
const NOTIFY: u16 = 1 << 5;
const SUCCESS: u16 = 1 << 6;
const FAILURE: u16 = 1 << 7;
const DELAY: u16 = 1 << 8;
const FULL: u16 = 1 << 9;
const HEADERS: u16 = 1 << 10;
const KNOWN: u16 = (1 << 11) - 1;

/// A recipient elsewhere; its times are stored ones until [`Queued::shifted`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in super::super) struct Queued {
    pub body: BodyId,
    pub size: u64,
    pub since: UnixTime,
    pub leaving: Leaving,
    pub tries: u32,
    pub hold: Hold,
    pub told_late: bool,
    pub last: Option<Answer>,
}

/// A row's keys in the indices.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) struct Keys {
    pub due: (i64, u64),
    pub route: (u64, i64, u64),
}

impl Queued {
    /// A row that just came.
    pub fn new(body: BodyId, size: u64, since: UnixTime, leaving: Leaving) -> Queued {
        Queued { body, size, since, leaving, tries: 0, hold: Hold::Free, told_late: false, last: None }
    }

    /// Every time later by so many seconds.
    pub fn shifted(mut self, seconds: i64) -> Queued {
        self.since = self.since.plus(seconds);
        self.leaving.next_try = self.leaving.next_try.plus(seconds);
        if let Some(last) = &mut self.last {
            last.at = last.at.plus(seconds);
        }
        self
    }

    /// As everybody else knows it.
    pub fn listed(self, id: u64) -> Waiting {
        let Queued { body, size, since, leaving, tries, hold, told_late, last } = self;
        Waiting { id: RowId(id), body, size, since, leaving, tries, hold, told_late, last }
    }

    /// Its keys in the indices; None: it is held.
    pub fn keys(&self, id: u64) -> Option<Keys> {
        let (at, Destination(to)) = (self.leaving.next_try.0, Destination::of(&self.leaving.to.domain));
        match self.hold {
            Hold::Free => Some(Keys { due: (at, id), route: (to, at, id) }),
            Hold::Held => None,
        }
    }
}

impl RowForm for Queued {
    const TABLE: &'static str = "queue";
    fn put(&self, out: &mut Out) {
        out.u64(self.body.0);
        out.i64(self.leaving.next_try.0);
        out.text(&self.leaving.from.to_string());
        out.text(&self.leaving.to.to_string());
        out.u64(self.size);
        out.i64(self.since.0);
        out.u32(self.tries);
        let state = [(self.hold == Hold::Held, HELD), (self.told_late, TOLD_LATE), (self.last.is_some(), ANSWERED)];
        out.u8(state.iter().filter(|(on, _)| *on).map(|(_, bit)| bit).sum());
        if let Some(last) = &self.last {
            put_answer(out, last);
        }
        put_more(out, &self.leaving);
    }
    fn take(from: &mut In<'_>) -> Option<Self> {
        let (body, next_try) = (BodyId(from.u64()?), UnixTime(from.i64()?));
        let path = reverse_path(from.text()?)?;
        let leaving = Leaving::plain(path, Address::parse(from.text()?).ok()?, next_try);
        if from.end().is_some() {
            // Format 2: when it came is not known, but it was never tried, so that its first try is that time.
            return Some(Queued::new(body, 0, next_try, leaving));
        }
        let mut row = Queued::new(body, from.u64()?, UnixTime(from.i64()?), leaving);
        row.tries = from.u32()?;
        let state = from.u8().filter(|state| *state <= HELD | TOLD_LATE | ANSWERED)?;
        row.hold = if state & HELD == 0 { Hold::Free } else { Hold::Held };
        row.told_late = state & TOLD_LATE != 0;
        row.last = if state & ANSWERED == 0 { None } else { Some(take_answer(from)?) };
        take_more(from, &mut row.leaving)?;
        Some(row)
    }
}

fn put_answer(out: &mut Out, answer: &Answer) {
    out.i64(answer.at.0);
    out.u16(answer.code);
    out.text(&answer.peer);
    out.text(&answer.status);
    out.text(&answer.text);
}

fn take_answer(from: &mut In<'_>) -> Option<Answer> {
    let (at, code) = (UnixTime(from.i64()?), from.u16()?);
    let (peer, status, text) = (from.text()?.into(), from.text()?.into(), from.text()?.into());
    Some(Answer { at, peer, code, status, text })
}

fn asked(leaving: &Leaving) -> u16 {
    let Leaving { original, wishes: Wishes { notify, orcpt }, terms: Terms { ret, envid, utf8 }, ours, .. } = leaving;
    let told = |one: fn(&Notify) -> bool| notify.as_ref().is_some_and(one);
    let bits = [
        (*ours, OURS),
        (*utf8, UTF8),
        (original.is_some(), ORIGINAL),
        (envid.is_some(), ENVID),
        (orcpt.is_some(), ORCPT),
        (notify.is_some(), NOTIFY),
        (told(|n| n.success), SUCCESS),
        (told(|n| n.failure), FAILURE),
        (told(|n| n.delay), DELAY),
        (*ret == Some(Ret::Full), FULL),
        (*ret == Some(Ret::Headers), HEADERS),
    ];
    bits.iter().filter(|(on, _)| *on).map(|(_, bit)| bit).sum()
}

/// What stands behind reverse-path, recipient and next try.
pub(in super::super) fn put_more(out: &mut Out, leaving: &Leaving) {
    out.u8(VERSION);
    out.u16(asked(leaving));
    if let Some(original) = &leaving.original {
        out.text(&original.to_string());
    }
    if let Some(envid) = &leaving.terms.envid {
        out.text(envid);
    }
    if let Some(Orcpt { kind, address }) = &leaving.wishes.orcpt {
        out.text(kind);
        out.text(address);
    }
}

/// Reads what [`put_more`] wrote.
pub(in super::super) fn take_more(from: &mut In<'_>, leaving: &mut Leaving) -> Option<()> {
    from.u8().filter(|version| *version == VERSION)?;
    let bits = from.u16().filter(|bits| bits & !KNOWN == 0)?;
    let is = |bit: u16| bits & bit != 0;
    leaving.ours = is(OURS);
    leaving.terms.utf8 = is(UTF8);
    leaving.terms.ret = if is(FULL) { Some(Ret::Full) } else { is(HEADERS).then_some(Ret::Headers) };
    let notify = Notify { success: is(SUCCESS), failure: is(FAILURE), delay: is(DELAY) };
    leaving.wishes.notify = is(NOTIFY).then_some(notify);
    if is(ORIGINAL) {
        leaving.original = Some(Address::parse(from.text()?).ok()?);
    }
    if is(ENVID) {
        leaving.terms.envid = Some(from.text()?.into());
    }
    if is(ORCPT) {
        leaving.wishes.orcpt = Some(Orcpt { kind: from.text()?.into(), address: from.text()?.into() });
    }
    Some(())
}

/// A row of [`DUE`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) struct Due(pub Destination);

impl RowForm for Due {
    const TABLE: &'static str = "queue_due";
    fn put(&self, out: &mut Out) {
        out.u64(self.0.0);
    }
    fn take(from: &mut In<'_>) -> Option<Self> {
        Some(Due(Destination(from.u64()?)))
    }
}

/// A row of [`ROUTES`]: its key says all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) struct Routed;

impl RowForm for Routed {
    const TABLE: &'static str = "queue_routes";
    fn put(&self, _out: &mut Out) {}
    fn take(_from: &mut In<'_>) -> Option<Self> {
        Some(Routed)
    }
}
