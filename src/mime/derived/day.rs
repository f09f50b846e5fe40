//! The day on which a message says it was sent.

use mail_parser::{HeaderValue, parsers::MessageStream};

use super::table::{Cursor, put_number};
use crate::mime::{Head, Structure};

/// A day of the calendar; later days are greater.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Day {
    /// 1 to 9999.
    pub year: u16,
    /// 1 to 12.
    pub month: u8,
    /// 1 to 31.
    pub day: u8,
}

impl Day {
    /// A day that the calendar can have; the length of months is not looked at.
    pub fn new(year: u16, month: u8, day: u8) -> Option<Self> {
        let sane = (1..=9999).contains(&year) && (1..=12).contains(&month) && (1..=31).contains(&day);
        sane.then_some(Day { year, month, day })
    }

    pub(super) fn write(day: Option<Day>, out: &mut Vec<u8>) {
        put_number(out, day.map_or(0, |d| u64::from(d.year)));
        out.extend(day.map_or([0, 0], |d| [d.month, d.day]));
    }

    /// None: the record is damaged. Some(None): there is no day.
    pub(super) fn read(at: &mut Cursor<'_>) -> Option<Option<Day>> {
        let (year, month, day) = (at.number()?, at.octet()?, at.octet()?);
        Some(u16::try_from(year).ok().and_then(|year| Day::new(year, month, day)))
    }
}

/// The day of the message's Date field, in the zone that it was written in.
pub(super) fn sent(s: &Structure) -> Option<Day> {
    let (_, value) = s.parts.first()?.heads.iter().find(|(head, _)| *head == Head::Date)?;
    let mut line = value.clone();
    line.push(b'\n');
    let HeaderValue::DateTime(date) = MessageStream::new(&line).parse_date() else { return None };
    Day::new(date.year, date.month, date.day)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mime::Scanner;

    fn day(date: &str) -> Option<(u16, u8, u8)> {
        let mut scanner = Scanner::default();
        scanner.feed(format!("Date: {date}\r\n\r\n").as_bytes());
        sent(&scanner.finish()).map(|d| (d.year, d.month, d.day))
    }

    #[test]
    fn the_day_is_the_one_that_was_written() {
        assert_eq!(day("Tue, 24 Nov 2026 23:30:00 -1100"), Some((2026, 11, 24)));
        assert_eq!(day("24 Nov 2026 00:10 +0300"), Some((2026, 11, 24)));
        assert_eq!(day("Tue, 1 Feb 94 10:00:00 GMT"), Some((1994, 2, 1)));
        assert_eq!(day("Tue, 1\r\n Feb 2004 10:00:00 GMT (comment)"), Some((2004, 2, 1)));
    }

    #[test]
    fn no_date_is_none() {
        for date in ["", "yesterday", "99 Nov 2026 10:00:00", "\u{ff}", "Tue,"] {
            assert_eq!(day(date), None, "{date}");
        }
        assert!(Day::new(2026, 11, 24) > Day::new(2026, 9, 30));
    }
}
