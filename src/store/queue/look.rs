//! Reading the queue, in turns of one short read transaction each. An entry of an index that leads nowhere is handed back as a
//! stray, to be mended; a damaged row never hides the others.

use std::collections::{BTreeMap, HashSet};

use redb::{ReadOnlyTable, ReadTransaction, ReadableDatabase, ReadableTable, ReadableTableMetadata};

use super::{
    super::{
        fault::Fault,
        mail::Mail,
        rows::{self, House, KeyForm},
    },
    DUE, Destination, Due, DueKey, DuePage, QueueCount, QueueFilter, QueueOrder, Queued, ROUTES,
    rows::Keys,
    work::Stray,
};
use crate::types::{BodyId, RowId, UnixTime, Waiting};

/// Entries of busy destinations that are passed over one by one before every destination is asked for its own: about 1 ms.
const PASS: usize = 4096;
/// Rows that one turn of a listing looks at: about 10 ms.
const TURN: usize = 4096;

/// Entries that lead nowhere, with the reason.
pub(super) type Strays = Vec<(Stray, Fault)>;

/// The queue at one point of time.
struct Look {
    shift: i64,
    queue: ReadOnlyTable<u64, &'static [u8]>,
    due: ReadOnlyTable<(i64, u64), &'static [u8]>,
    routes: ReadOnlyTable<(u64, i64, u64), &'static [u8]>,
}

/// An entry of an index; None: its destination cannot be read.
#[derive(Clone, Copy)]
struct Entry {
    key: DueKey,
    to: Option<u64>,
}

/// How far a walk along the index by time came.
struct Walked {
    entries: Vec<Entry>,
    stopped_at: Option<DueKey>,
    /// There is nothing behind.
    all: bool,
}

impl Look {
    fn at(mail: &Mail) -> Result<Look, Fault> {
        let read: ReadTransaction = mail.db.begin_read()?;
        let house: Option<House> = rows::get(&read.open_table(rows::HOUSE)?, 0)?;
        Ok(Look {
            shift: house.map_or(0, |house| house.shift),
            queue: read.open_table(rows::QUEUE)?,
            due: read.open_table(DUE)?,
            routes: read.open_table(ROUTES)?,
        })
    }

    fn stored(&self, at: UnixTime) -> i64 {
        at.plus(self.shift.saturating_neg()).0
    }

    fn listed(&self, id: u64, row: Queued) -> Waiting {
        row.shifted(self.shift).listed(id)
    }

    /// The row of an entry, or why it leads to none.
    fn follow(&self, entry: Entry) -> Result<Result<Waiting, Fault>, Fault> {
        let DueKey { at, id } = entry.key;
        let bad = |what: &str| Ok(Err(Fault::Damaged(format!("mail.redb: queue row {id}: {what}"))));
        match rows::get::<u64, Queued>(&self.queue, id) {
            Ok(Some(row)) => match row.keys(id) {
                Some(Keys { due, route: (to, ..) }) if due == (at, id) && entry.to == Some(to) => {
                    Ok(Ok(self.listed(id, row)))
                }
                Some(_) | None => bad("an index of it was wrong and is mended"),
            },
            Ok(None) => bad("an index named it and it is not there"),
            Err(Fault::Damaged(_)) => bad("it is damaged and set aside"),
            Err(fault) => Err(fault),
        }
    }

    fn follow_all(&self, entries: Vec<Entry>) -> Result<(Vec<Waiting>, Strays), Fault> {
        let (mut found, mut strays) = (Vec::with_capacity(entries.len()), Strays::new());
        for entry in entries {
            match self.follow(entry)? {
                Ok(row) => found.push(row),
                Err(why) => strays.push((Stray { key: entry.key, to: entry.to }, why)),
            }
        }
        Ok((found, strays))
    }

    /// Entries behind `after` and up to the stored time `until` of destinations that may be tried, until `max` are found or
    /// too many of others were passed over.
    fn walk(
        &self,
        after: Option<DueKey>,
        until: i64,
        skip: &HashSet<Destination>,
        max: usize,
    ) -> Result<Walked, Fault> {
        let first = after.map_or((i64::MIN, 0), |key| (key.at, key.id.saturating_add(1)));
        let mut walked = Walked { entries: Vec::new(), stopped_at: after, all: false };
        let mut passed = 0;
        for entry in self.due.range(first..)? {
            let (key, value) = entry?;
            let (at, id) = key.value();
            if at > until {
                break;
            }
            if walked.entries.len() == max || passed == PASS {
                return Ok(walked);
            }
            let to = rows::unseal::<Due>(&<(i64, u64)>::octets(&(at, id)), value.value()).ok().map(|due| due.0);
            walked.stopped_at = Some(DueKey { at, id });
            if to.is_some_and(|to| skip.contains(&to)) {
                passed += 1;
            } else {
                walked.entries.push(Entry { key: DueKey { at, id }, to: to.map(|to| to.0) });
            }
        }
        walked.all = true;
        Ok(walked)
    }

    /// The same where busy destinations have very many rows: each other destination is asked for its first ones.
    fn by_destination(
        &self,
        after: Option<DueKey>,
        until: i64,
        skip: &HashSet<Destination>,
        max: usize,
    ) -> Result<Vec<Entry>, Fault> {
        let mut best = BTreeMap::new();
        let mut next = Some(0);
        while let Some(from) = next {
            let Some(entry) = self.routes.range((from, i64::MIN, 0)..)?.next() else { break };
            let to = entry?.0.value().0;
            next = to.checked_add(1);
            if skip.contains(&Destination(to)) {
                continue;
            }
            for key in self.of_destination(to, after, until)?.take(max) {
                let key = key?;
                best.insert(key, to);
                if best.len() > max && best.pop_last().is_some_and(|(last, _)| last == key) {
                    break;
                }
            }
        }
        Ok(best.into_iter().map(|(key, to)| Entry { key, to: Some(to) }).collect())
    }

    /// Keys of one destination's rows behind `after` and up to the stored time `until`.
    fn of_destination(
        &self,
        to: u64,
        after: Option<DueKey>,
        until: i64,
    ) -> Result<impl Iterator<Item = Result<DueKey, Fault>>, Fault> {
        let first = after.map_or((to, i64::MIN, 0), |key| (to, key.at, key.id.saturating_add(1)));
        let keys = self.routes.range(first..)?.map(move |entry| {
            let (this, at, id) = entry?.0.value();
            Ok((this, DueKey { at, id }))
        });
        let within = move |key: &Result<(u64, DueKey), Fault>| {
            key.as_ref().map_or(true, |(this, key)| *this == to && key.at <= until)
        };
        Ok(keys.take_while(within).map(|key| key.map(|(_, key)| key)))
    }

    fn entries(
        &self,
        after: Option<DueKey>,
        until: i64,
        skip: &HashSet<Destination>,
        max: usize,
    ) -> Result<(Vec<Entry>, Option<DueKey>), Fault> {
        let Walked { mut entries, stopped_at, all } = self.walk(after, until, skip, max)?;
        if all {
            return Ok((entries, None));
        }
        if entries.len() < max {
            entries.extend(self.by_destination(stopped_at, until, skip, max - entries.len())?);
        }
        let next = entries.last().filter(|_| entries.len() == max).map(|entry| entry.key);
        Ok((entries, next))
    }
}

/// Rows whose time has come, but those of `skip`.
pub(super) fn due(
    mail: &Mail,
    now: UnixTime,
    after: Option<DueKey>,
    skip: &HashSet<Destination>,
    max: usize,
) -> Result<(DuePage, Strays), Fault> {
    let look = Look::at(mail)?;
    let (entries, next) = look.entries(after, look.stored(now), skip, max)?;
    let (rows, strays) = look.follow_all(entries)?;
    Ok((DuePage { rows, next }, strays))
}

/// Those of these messages that have no row left; each comes with the number of a row that it had. The rows of one message follow
/// each other, so that its nearest neighbours tell.
pub(super) fn left(mail: &Mail, gone: &BTreeMap<BodyId, RowId>) -> Result<Vec<BodyId>, Fault> {
    let look = Look::at(mail)?;
    let mut left = Vec::new();
    for (body, row) in gone {
        let mut is_there = false;
        for entry in [look.queue.range(..row.0)?.next_back(), look.queue.range(row.0..)?.next()].into_iter().flatten() {
            let (key, value) = entry?;
            let found = rows::unseal::<Queued>(&u64::octets(&key.value()), value.value());
            is_there |= found.is_ok_and(|found| found.body == *body);
        }
        if !is_there {
            left.push(*body);
        }
    }
    Ok(left)
}

/// The first rows of one destination whose time has come.
pub(super) fn due_of(mail: &Mail, to: Destination, now: UnixTime, max: usize) -> Result<(Vec<Waiting>, Strays), Fault> {
    let look = Look::at(mail)?;
    let keys = look.of_destination(to.0, None, look.stored(now))?.take(max);
    let entries = keys.map(|key| Ok(Entry { key: key?, to: Some(to.0) })).collect::<Result<Vec<_>, Fault>>()?;
    look.follow_all(entries)
}

/// The earliest next try of all destinations but those of `skip`.
pub(super) fn next_due(mail: &Mail, skip: &HashSet<Destination>) -> Result<Option<UnixTime>, Fault> {
    let look = Look::at(mail)?;
    let (entries, _) = look.entries(None, i64::MAX, skip, 1)?;
    Ok(entries.first().map(|entry| UnixTime(entry.key.at).plus(look.shift)))
}

/// One row.
pub(super) fn one(mail: &Mail, id: RowId) -> Result<Waiting, Fault> {
    let look = Look::at(mail)?;
    let row = rows::get(&look.queue, id.0).map_err(|fault| fault.at(&format!("queue row {}", id.0)))?;
    row.map(|row| look.listed(id.0, row)).ok_or(Fault::Missing)
}

/// How many there are.
pub(super) fn count(mail: &Mail) -> Result<QueueCount, Fault> {
    let look = Look::at(mail)?;
    let total = look.queue.len()?;
    let next_try = look.due.first()?.map(|(key, _)| UnixTime(key.value().0).plus(look.shift));
    Ok(QueueCount { total, held: total.saturating_sub(look.due.len()?), next_try })
}

/// One turn of a listing: rows that fit, up to `max`, and behind which row to go on; None: the end was reached. Damaged rows are
/// passed over: they were told of when their time came, and `check` tells of them.
pub(super) fn list(
    mail: &Mail,
    filter: &QueueFilter,
    (order, after): (QueueOrder, Option<RowId>),
    max: usize,
) -> Result<(Vec<Waiting>, Option<RowId>), Fault> {
    let look = Look::at(mail)?;
    let range = match (order, after.map(|id| id.0)) {
        (QueueOrder::Newest, after) => look.queue.range(0..after.unwrap_or(u64::MAX))?,
        (QueueOrder::Oldest, Some(after)) => look.queue.range(after.saturating_add(1)..)?,
        (QueueOrder::Oldest, None) => look.queue.range(0..)?,
    };
    let mut entries: Box<dyn Iterator<Item = _>> = match order {
        QueueOrder::Newest => Box::new(range.rev()),
        QueueOrder::Oldest => Box::new(range),
    };
    let mut found = Vec::new();
    for looked in 1.. {
        let Some(entry) = entries.next() else { break };
        let (key, value) = entry?;
        let id = key.value();
        if let Ok(row) = rows::unseal(&u64::octets(&id), value.value()) {
            found.extend(Some(look.listed(id, row)).filter(|row| filter.fits(row)));
        }
        if found.len() == max || looked == TURN {
            return Ok((found, Some(RowId(id))));
        }
    }
    Ok((found, None))
}
