//! A day, its lines and pages as values, and how they are exported.

use std::fmt;

use jiff::{Span, Timestamp, civil::Date, tz::TimeZone};

use crate::{
    journal::{Line, Origin, Severity, Stamped, plain},
    rt::is_plausible,
    types::UnixTime,
};

/// A calendar day of the appliance's zone; its text is `2026-11-24`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Day(Date);

impl Day {
    /// Reads `2026-11-24`, and nothing that only looks like it (it becomes a file's name).
    pub fn parse(text: &str) -> Option<Day> {
        let shape = text.len() == 10
            && text.bytes().enumerate().all(|(n, b)| if matches!(n, 4 | 7) { b == b'-' } else { b.is_ascii_digit() });
        shape.then(|| text.parse().ok().map(Day)).flatten()
    }

    pub(super) fn of(at: UnixTime, zone: &TimeZone) -> Day {
        Day(Timestamp::from_second(at.0).unwrap_or(Timestamp::UNIX_EPOCH).to_zoned(zone.clone()).date())
    }

    /// So many days earlier.
    pub(super) fn back(self, days: u32) -> Day {
        let span = Span::new().try_days(days);
        Day(span.and_then(|span| self.0.checked_sub(span)).unwrap_or(Date::MIN))
    }

    /// Whether lines of this day were written with a clock that can have been right.
    pub(super) fn is_plausible(self) -> bool {
        let noon = self.0.at(12, 0, 0, 0).to_zoned(TimeZone::UTC);
        noon.is_ok_and(|noon| is_plausible(UnixTime(noon.timestamp().as_second())))
    }
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// A line as a day file keeps it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DayLine {
    /// Its number within the day, from 1.
    pub number: u64,
    /// When it was told.
    pub at: UnixTime,
    /// The process that told it.
    pub pid: u32,
    /// What was told.
    pub line: Line,
}

/// A page of lines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// Newest first.
    pub lines: Vec<DayLine>,
    /// Which page it is, from 1.
    pub page: usize,
    /// How many there are, at least 1.
    pub pages: usize,
    /// How many lines the day, or the search in it, has.
    pub total: u64,
}

impl Page {
    pub(super) fn empty(page: usize, per_page: usize, total: u64) -> Page {
        let pages = usize::try_from(total).unwrap_or(usize::MAX).div_ceil(per_page).max(1);
        Page { lines: Vec::new(), page, pages, total }
    }
}

/// A piece of a search.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Look {
    /// Lines that were found, newest first.
    pub lines: Vec<DayLine>,
    /// How many of the day's oldest lines were not looked at yet; 0: the search is over.
    pub left: u64,
    /// How many lines the day has.
    pub total: u64,
}

/// Form of an export (Q30).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Export {
    /// Lines of a syslog file.
    Plain,
    /// Comma-separated, quoted, with a head line.
    Csv,
}

impl Export {
    pub(super) fn head(self) -> &'static str {
        match self {
            Export::Plain => "",
            Export::Csv => "time,severity,program,message\r\n",
        }
    }
}

impl DayLine {
    /// With its line end.
    pub(super) fn text(&self, form: Export, mail: &str, origin: &Origin) -> String {
        match form {
            Export::Plain => {
                let origin = Origin { pid: self.pid, ..origin.clone() };
                let stamped = Stamped { number: self.number, at: self.at, line: self.line.clone() };
                plain(&stamped, mail, &origin) + "\n"
            }
            Export::Csv => {
                let at = Timestamp::from_second(self.at.0).unwrap_or(Timestamp::UNIX_EPOCH);
                let at = at.to_zoned(origin.zone.clone()).strftime("%Y-%m-%d %H:%M:%S").to_string();
                let severity = match self.line.severity {
                    Severity::Error => "error",
                    Severity::Warning => "warning",
                    Severity::Info => "info",
                    Severity::Debug => "debug",
                };
                format!("{at},{severity},{},{}\r\n", cell(&self.line.tag.program(mail)), cell(&self.line.text))
            }
        }
    }
}

/// A quoted cell; one that a spreadsheet would calculate begins with an apostrophe (section 7 of the design).
fn cell(text: &str) -> String {
    let formula = text.starts_with(['=', '+', '-', '@', '\t']);
    format!("\"{}{}\"", if formula { "'" } else { "" }, text.replace('"', "\"\""))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::Tag;

    #[test]
    fn a_day_is_a_date_and_nothing_else() {
        assert_eq!(Day::parse("2026-11-24").unwrap().to_string(), "2026-11-24");
        for bad in ["", "2026-11-31", "2026-1-1", "2026-11-24 ", "../../../x", "2026/11/24", "20261124--", "-026-11-24"]
        {
            assert_eq!(Day::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_day_ends_at_local_midnight() {
        let moscow = TimeZone::posix("MSK-3").unwrap();
        assert_eq!(Day::of(UnixTime(1_793_740_131), &moscow).to_string(), "2026-11-04");
        assert_eq!(Day::of(UnixTime(1_793_740_131), &TimeZone::UTC).to_string(), "2026-11-03");
        assert_eq!(Day::of(UnixTime(i64::MAX), &moscow).to_string(), "1970-01-01");
    }

    #[test]
    fn days_go_back_over_months_and_never_panic() {
        assert_eq!(Day::parse("2026-03-01").unwrap().back(1).to_string(), "2026-02-28");
        assert!(Day::parse("1970-01-01").unwrap().back(u32::MAX) < Day::parse("0001-01-01").unwrap());
        assert!(!Day::parse("1970-01-01").unwrap().is_plausible());
        assert!(Day::parse("2026-11-24").unwrap().is_plausible());
    }

    #[test]
    fn csv_is_not_calculated() {
        let origin = Origin { host: "gw".into(), pid: 1, zone: TimeZone::UTC };
        let line = Line::info(Tag::Smtpd, "=1+1 \"x\"".into());
        let line = DayLine { number: 1, at: UnixTime(0), pid: 7, line };
        assert_eq!(
            line.text(Export::Csv, "postfix", &origin),
            "1970-01-01 00:00:00,info,\"postfix/smtpd\",\"'=1+1 \"\"x\"\"\"\r\n"
        );
        assert_eq!(line.text(Export::Plain, "postfix", &origin), "Jan  1 00:00:00 gw postfix/smtpd[7]: =1+1 \"x\"\n");
    }

    #[test]
    fn an_empty_day_has_one_empty_page() {
        assert_eq!(Page::empty(1, 50, 0).pages, 1);
        assert_eq!(Page::empty(1, 50, 51).pages, 2);
    }
}
