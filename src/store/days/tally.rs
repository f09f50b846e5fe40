//! What a day's lines count: messages by hour and by way, and the messages themselves for the feed (A18, A20, A24).
//!
//! Rows ride on the commit that writes the lines, so that they cost no write of their own and are never ahead of them.

use std::{collections::BTreeMap, sync::Arc};

use jiff::{Timestamp, tz::TimeZone};
use redb::{Database, ReadableDatabase, ReadableTable, TableDefinition, TableError, WriteTransaction};

use super::file::Fault;
use crate::{
    journal::{Passed, Stamped, Way},
    types::UnixTime,
};

/// (hour of the day in the appliance's zone, way) -> messages. Where a clock goes back an hour, both hours are one.
const COUNTS: TableDefinition<(u8, u8), u64> = TableDefinition::new("counts");
/// Number within the day -> (time, way, size, further recipients, reverse-path, first recipient).
const MESSAGES: TableDefinition<u64, (i64, u8, u64, u32, &str, &str)> = TableDefinition::new("messages");

/// Hours of a day.
const DAY: usize = 24;

/// Messages of a day, hour by hour.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hours(BTreeMap<Way, [u64; DAY]>);

impl Hours {
    /// How many of a way in an hour from 0 to 23.
    pub fn at(&self, way: Way, hour: usize) -> u64 {
        self.0.get(&way).and_then(|hours| hours.get(hour)).copied().unwrap_or(0)
    }

    /// How many of a way in the whole day.
    pub fn sum(&self, way: Way) -> u64 {
        self.0.get(&way).map_or(0, |hours| hours.iter().sum())
    }

    pub(super) fn add(&mut self, more: &Hours) {
        for (way, hours) in &more.0 {
            let own = self.0.entry(*way).or_default();
            own.iter_mut().zip(hours).for_each(|(own, more)| *own += more);
        }
    }

    fn count(&mut self, way: Way, hour: u8, many: u64) {
        if let Some(own) = self.0.entry(way).or_default().get_mut(usize::from(hour)) {
            *own += many;
        }
    }
}

/// A message of the feed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// When it was taken in.
    pub at: UnixTime,
    /// What is known of it.
    pub passed: Passed,
}

/// What a batch of lines adds to a day.
pub(super) struct Tally {
    pub hours: Hours,
    messages: Vec<Message>,
}

impl Tally {
    pub fn of(lines: &[Arc<Stamped>], zone: &TimeZone) -> Tally {
        let mut tally = Tally { hours: Hours::default(), messages: Vec::new() };
        for line in lines {
            let Some(passed) = &line.line.passed else { continue };
            for counter in passed.way.counters() {
                tally.hours.count(*counter, hour(line.at, zone), 1);
            }
            tally.messages.push(Message { at: line.at, passed: (**passed).clone() });
        }
        tally
    }

    pub fn write(&self, txn: &WriteTransaction) -> Result<(), Fault> {
        if self.messages.is_empty() {
            return Ok(());
        }
        let mut counts = txn.open_table(COUNTS)?;
        for (way, hours) in &self.hours.0 {
            for (hour, many) in (0_u8..).zip(hours).filter(|(_, many)| **many > 0) {
                let key = (hour, way.code());
                let before = counts.get(key)?.map_or(0, |count| count.value());
                counts.insert(key, before + many)?;
            }
        }
        let mut table = txn.open_table(MESSAGES)?;
        let mut number = table.last()?.map_or(0, |(number, _)| number.value());
        for Message { at, passed } in &self.messages {
            number += 1;
            let row = (at.0, passed.way.code(), passed.size, passed.more, passed.from.as_str(), passed.to.as_str());
            table.insert(number, row)?;
        }
        Ok(())
    }
}

fn hour(at: UnixTime, zone: &TimeZone) -> u8 {
    let local = Timestamp::from_second(at.0).unwrap_or(Timestamp::UNIX_EPOCH).to_zoned(zone.clone());
    u8::try_from(local.hour()).unwrap_or(0)
}

/// A day's counts; what a newer program counts besides is left out.
pub(super) fn hours(db: &Database) -> Result<Hours, Fault> {
    let mut hours = Hours::default();
    let table = match db.begin_read()?.open_table(COUNTS) {
        Ok(table) => table,
        Err(TableError::TableDoesNotExist(_)) => return Ok(hours),
        Err(error) => return Err(error.into()),
    };
    for row in table.iter()? {
        let (key, many) = row?;
        let (hour, way) = key.value();
        if let Some(way) = Way::of_code(way) {
            hours.count(way, hour, many.value());
        }
    }
    Ok(hours)
}

/// The newest messages, newest first.
pub(super) fn messages(db: &Database, max: usize) -> Result<Vec<Message>, Fault> {
    let table = match db.begin_read()?.open_table(MESSAGES) {
        Ok(table) => table,
        Err(TableError::TableDoesNotExist(_)) => return Ok(Vec::new()),
        Err(error) => return Err(error.into()),
    };
    let mut out = Vec::new();
    for row in table.iter()?.rev().take(max) {
        let (_, row) = row?;
        let (at, way, size, more, from, to) = row.value();
        let Some(way) = Way::of_code(way) else { continue };
        let passed = Passed { way, from: from.to_owned(), to: to.to_owned(), more, size };
        out.push(Message { at: UnixTime(at), passed });
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::{Line, Tag};

    fn line(at: i64, way: Option<Way>) -> Arc<Stamped> {
        let passed =
            way.map(|way| Box::new(Passed { way, from: "a@x.test".into(), to: "b@y.test".into(), more: 0, size: 1 }));
        Arc::new(Stamped { number: 1, at: UnixTime(at), line: Line { passed, ..Line::info(Tag::Qmgr, "x".into()) } })
    }

    #[test]
    fn a_message_counts_in_its_local_hour_and_other_lines_count_nothing() {
        let kathmandu = TimeZone::posix("<+0545>-5:45").unwrap();
        let lines = [line(1_793_740_131, Some(Way::Sent)), line(0, None), line(1_793_740_131, Some(Way::Within))];
        let tally = Tally::of(&lines, &kathmandu);
        // 21:08 UTC
        assert_eq!(
            (tally.hours.at(Way::Sent, 2), tally.hours.sum(Way::Sent), tally.hours.sum(Way::Received)),
            (2, 2, 1)
        );
        let mut hours = tally.hours.clone();
        hours.add(&tally.hours);
        assert_eq!(hours.at(Way::Sent, 2), 4);
        assert_eq!(hours.at(Way::Sent, 99), 0);
    }
}
