//! Days of SEARCH, and the moment of INTERNALDATE and APPEND (RFC 3501 s9 date, date-time).

use jiff::{
    Timestamp,
    civil::Date,
    tz::{Offset, TimeZone},
};

use super::{
    say,
    scan::{Parsed, Scan},
};
use crate::{mime::Day, types::UnixTime};

const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// Reads `1-Feb-2026`, with or without a zero in front.
pub(super) fn parse_day(text: &str) -> Option<Day> {
    let mut parts = text.trim().split('-');
    let (day, month, year) = (parts.next()?, parts.next()?, parts.next()?);
    if parts.next().is_some() || day.len() > 2 || year.len() != 4 {
        return None;
    }
    let month = MONTHS.iter().position(|m| m.eq_ignore_ascii_case(month))? + 1;
    let date = Date::new(digits(year)?, i8::try_from(month).ok()?, digits(day)?).ok()?;
    day_of(date)
}

fn day_of(date: Date) -> Option<Day> {
    Day::new(u16::try_from(date.year()).ok()?, date.month().unsigned_abs(), date.day().unsigned_abs())
}

/// The day of a moment in a zone that is so many seconds east of UTC; None where no calendar reaches.
pub fn day_at(time: UnixTime, east: i32) -> Option<Day> {
    let zone = TimeZone::fixed(Offset::from_seconds(east).ok()?);
    day_of(Timestamp::from_second(time.0).ok()?.to_zoned(zone).date())
}

/// Reads a day with or without quotes.
pub(super) fn scan_day(scan: &mut Scan<'_>) -> Parsed<Day> {
    let text = scan.astring()?;
    std::str::from_utf8(&text).ok().and_then(parse_day).ok_or(say::BAD_DATE)
}

pub(super) fn write_day(day: Day) -> String {
    format!("{}-{}-{:04}", day.day, month(day.month), day.year)
}

fn digits<T: std::str::FromStr>(text: &str) -> Option<T> {
    text.bytes().all(|b| b.is_ascii_digit()).then(|| text.parse().ok())?
}

fn month(number: u8) -> &'static str {
    MONTHS.get(usize::from(number).wrapping_sub(1)).copied().unwrap_or("Jan")
}

/// Reads `" 1-Feb-2026 21:52:25 +0300"`, without its quotes.
pub fn parse_moment(text: &str) -> Option<UnixTime> {
    let mut words = text.split(' ').filter(|w| !w.is_empty());
    let (day, clock, zone) = (parse_day(words.next()?)?, words.next()?, words.next()?);
    if words.next().is_some() {
        return None;
    }
    let mut parts = clock.split(':').map(digits::<i8>);
    let (hour, minute, second) = (parts.next()??, parts.next()??, parts.next()??);
    // A leap second is the one before it.
    let date = Date::new(i16::try_from(day.year).ok()?, i8::try_from(day.month).ok()?, i8::try_from(day.day).ok()?);
    let time = jiff::civil::Time::new(hour, minute, second.min(59), 0).ok().filter(|_| second <= 60)?;
    if parts.next().is_some() {
        return None;
    }
    let moment = date.ok()?.to_datetime(time).to_zoned(TimeZone::fixed(offset(zone)?)).ok()?;
    Some(UnixTime(moment.timestamp().as_second()))
}

/// `+0300`
fn offset(text: &str) -> Option<Offset> {
    let sign = match text.as_bytes().first()? {
        b'+' => 1,
        b'-' => -1,
        _ => return None,
    };
    let number: i32 = digits(text.get(1..5).filter(|_| text.len() == 5)?)?;
    let (hours, minutes) = (number / 100, number % 100);
    Offset::from_seconds(sign * (hours * 3600 + minutes * 60)).ok().filter(|_| minutes < 60)
}

/// Writes a moment for INTERNALDATE, without quotes, in a zone that is so many seconds east of UTC. What no calendar reaches is
/// 1970.
pub fn write_moment(time: UnixTime, east: i32) -> String {
    let offset = Offset::from_seconds(east - east % 60).unwrap_or(Offset::UTC);
    let time = Timestamp::from_second(time.0).unwrap_or_default().to_zoned(TimeZone::fixed(offset));
    let (sign, minutes) = (if offset.seconds() < 0 { '-' } else { '+' }, offset.seconds().unsigned_abs() / 60);
    let (date, clock) = (time.date(), time.time());
    format!(
        "{:>2}-{}-{:04} {:02}:{:02}:{:02} {sign}{:02}{:02}",
        date.day(),
        month(date.month().unsigned_abs()),
        date.year(),
        clock.hour(),
        clock.minute(),
        clock.second(),
        minutes / 60,
        minutes % 60
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_read_as_they_are_written() {
        for text in ["1-Feb-2026", "29-Feb-2024", "31-Dec-9999", "1-Jan-0001"] {
            assert_eq!(parse_day(text).map(write_day).as_deref(), Some(text));
        }
        assert_eq!(parse_day("01-feb-2026"), parse_day("1-FEB-2026"));
        assert!(parse_day("2-Jan-2026") > parse_day("31-Dec-2025"));
    }

    #[test]
    fn refuses_days_that_are_none() {
        for text in
            ["", "30-Feb-2026", "0-Jan-2026", "1-Foo-2026", "1-Jan-26", "1-Jan-2026-", "1-1-2026", "+1-Jan-2026"]
        {
            assert_eq!(parse_day(text), None, "{text}");
        }
    }

    #[test]
    fn moments_are_read_as_they_are_written() {
        for (text, seconds, east) in [
            ("17-Jul-1996 02:44:25 -0700", 837_596_665, -7 * 3600),
            (" 1-Jan-1970 03:00:00 +0300", 0, 3 * 3600),
            (" 1-Jan-1970 05:30:00 +0530", 0, 19_800),
        ] {
            assert_eq!(parse_moment(text), Some(UnixTime(seconds)));
            assert_eq!(write_moment(UnixTime(seconds), east), text);
        }
        assert_eq!(write_moment(UnixTime(i64::MAX), 0), " 1-Jan-1970 00:00:00 +0000");
        assert_eq!(parse_moment("31-Dec-2016 23:59:60 +0000"), parse_moment("31-Dec-2016 23:59:59 +0000"));
    }

    #[test]
    fn refuses_moments_that_are_none() {
        for text in [
            "1-Jan-2026",
            "1-Jan-2026 00:00:00",
            "1-Jan-2026 24:00:00 +0000",
            "1-Jan-2026 00:00:61 +0000",
            "1-Jan-2026 00:00 +0000",
            "1-Jan-2026 00:00:00 MSK",
            "1-Jan-2026 00:00:00 +0060",
            "1-Jan-2026 00:00:00 +9900",
            "1-Jan-2026 00:00:00 +0000 x",
        ] {
            assert_eq!(parse_moment(text), None, "{text}");
        }
    }

    #[test]
    fn the_day_of_a_moment_depends_on_the_zone() {
        let late = parse_moment("1-Jan-2026 23:30:00 +0000").unwrap();
        assert_eq!(day_at(late, 0).map(write_day).as_deref(), Some("1-Jan-2026"));
        assert_eq!(day_at(late, 3 * 3600).map(write_day).as_deref(), Some("2-Jan-2026"));
    }
}
