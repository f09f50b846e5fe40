//! Answers as people read them: tables, sizes, times.

use std::io::{self, Write};

use serde_json::Value as Json;

use super::{Context, Failure};

/// Prints a text. A reader that went away (`| head`) is no error.
pub(super) fn text(text: &str) -> Result<(), Failure> {
    put(text).map(|_| ())
}

/// The same; says whether somebody still reads.
pub(super) fn put(text: &str) -> Result<bool, Failure> {
    let mut out = io::stdout().lock();
    let end = if text.ends_with('\n') { "" } else { "\n" };
    match write!(out, "{text}{end}").and_then(|()| out.flush()) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(false),
        Err(error) => Err(Failure::refused(format!("standard output does not take it: {error}"), "")),
    }
}

/// Prints the answer as JSON where that was asked for, else as the words say.
pub(super) fn answer(context: &Context, answer: &Json, words: impl FnOnce(&Json) -> String) -> Result<(), Failure> {
    if context.json { text(&answer.to_string()) } else { text(&words(answer)) }
}

/// Columns under their heads; each as wide as its widest cell. Control characters become `?`.
pub(super) fn table(heads: &[&str], rows: &[Vec<String>]) -> String {
    let clean = |cell: &str| cell.chars().map(|c| if c.is_control() { '?' } else { c }).collect::<String>();
    let heads: Vec<String> = heads.iter().map(|head| (*head).to_owned()).collect();
    let all: Vec<Vec<String>> =
        std::iter::once(&heads).chain(rows).map(|row| row.iter().map(|cell| clean(cell)).collect()).collect();
    let width = |n: usize| all.iter().filter_map(|row| row.get(n)).map(|cell| cell.chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..heads.len()).map(width).collect();
    let lines = all.iter().map(|row| {
        let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}"));
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// A table, or a sentence where there is nothing to be put into it.
pub(super) fn table_or(heads: &[&str], rows: &[Vec<String>], none: &str) -> String {
    if rows.is_empty() { none.to_owned() } else { table(heads, rows) }
}

/// `1 mailbox`, `2 mailboxes`; `-` for null.
pub(super) fn many(count: &Json, one: &str, more: &str) -> String {
    format!("{} {}", cell(count), if count.as_u64() == Some(1) { one } else { more })
}

/// The array under a name.
pub(super) fn list<'a>(answer: &'a Json, name: &str) -> &'a [Json] {
    answer[name].as_array().map_or(&[], Vec::as_slice)
}

/// A cell: text as it is, null as `-`, on and off, numbers, lists with commas.
pub(super) fn cell(value: &Json) -> String {
    match value {
        Json::Null => "-".to_owned(),
        Json::Bool(on) => if *on { "on" } else { "off" }.to_owned(),
        Json::Number(n) => n.to_string(),
        Json::String(text) if text.is_empty() => "-".to_owned(),
        Json::String(text) => text.clone(),
        Json::Array(list) if list.is_empty() => "-".to_owned(),
        Json::Array(list) => list.iter().map(cell).collect::<Vec<_>>().join(", "),
        Json::Object(_) => value.to_string(),
    }
}

/// `1.4 GB` of 1,073,741,824 octets each; `-` for null.
pub(super) fn size(value: &Json) -> String {
    let Some(octets) = value.as_u64() else {
        return "-".to_owned();
    };
    let units = ["B", "KB", "MB", "GB", "TB"];
    let (mut whole, mut tenth, mut unit) = (octets, 0, 0);
    while whole >= 1024 && unit + 1 < units.len() {
        tenth = whole % 1024 * 10 / 1024;
        whole /= 1024;
        unit += 1;
    }
    if unit == 0 || whole >= 100 {
        format!("{whole} {}", units[unit])
    } else {
        format!("{whole}.{tenth} {}", units[unit])
    }
}

/// Octets of `500M`, `2G`, `1024`; None for `none`.
pub(super) fn parse_size(text: &str) -> Result<Option<u64>, Failure> {
    let bad = || Failure::usage(format!("'{text}' is no size"), "write 500M, 2G, or none");
    if text == "none" {
        return Ok(None);
    }
    let upper = text.trim().to_ascii_uppercase();
    let plain = upper.strip_suffix('B').unwrap_or(&upper);
    let (digits, shift) = match plain.as_bytes().last() {
        Some(b'K') => (&plain[..plain.len() - 1], 10),
        Some(b'M') => (&plain[..plain.len() - 1], 20),
        Some(b'G') => (&plain[..plain.len() - 1], 30),
        Some(b'T') => (&plain[..plain.len() - 1], 40),
        Some(_) | None => (plain, 0),
    };
    let number: u64 = digits.trim().parse().map_err(|_| bad())?;
    number.checked_mul(1 << shift).filter(|octets| *octets > 0).map(Some).ok_or_else(bad)
}

/// `2026-11-24 05:30:00` in this machine's zone.
pub(super) fn time(value: &Json) -> String {
    let at = value.as_i64().and_then(|seconds| jiff::Timestamp::from_second(seconds).ok());
    at.map_or("-".to_owned(), |at| at.to_zoned(jiff::tz::TimeZone::system()).strftime("%Y-%m-%d %H:%M:%S").to_string())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn sizes_are_read_and_written_as_people_say_them() {
        for (text, octets) in [("2G", 2 << 30), ("500m", 500 << 20), ("10 KB", 10 << 10), ("77", 77), ("1T", 1 << 40)] {
            assert_eq!(parse_size(text).unwrap(), Some(octets), "{text}");
        }
        assert_eq!(parse_size("none").unwrap(), None);
        for bad in ["", "G", "-1", "0", "2X", "99999999999T"] {
            assert!(parse_size(bad).is_err(), "{bad}");
        }
        assert_eq!(size(&json!(1_503_238_553)), "1.3 GB");
        assert_eq!(
            (size(&json!(0)), size(&json!(200 << 20)), size(&Json::Null)),
            ("0 B".into(), "200 MB".into(), "-".into())
        );
    }

    #[test]
    fn one_is_told_as_one_and_an_empty_table_in_words() {
        let boxes = |count: Json| many(&count, "mailbox", "mailboxes");
        let told = [json!(0), json!(1), json!(2), Json::Null].map(boxes);
        assert_eq!(told, ["0 mailboxes", "1 mailbox", "2 mailboxes", "- mailboxes"]);
        assert_eq!(table_or(&["ALIAS"], &[], "no alias yet"), "no alias yet");
        assert_eq!(table_or(&["ALIAS"], &[vec!["a".into()]], "no alias yet"), "ALIAS\na");
    }

    #[test]
    fn a_table_is_as_wide_as_its_widest_cell_and_steers_no_terminal() {
        let rows = [vec!["ann@office.test".into(), "\u{1b}[31mAnn".into()], vec!["b".into(), "-".into()]];
        assert_eq!(
            table(&["address", "owner"], &rows),
            "address          owner\nann@office.test  ?[31mAnn\nb                -"
        );
    }
}
