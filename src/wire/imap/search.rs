//! What SEARCH looks for (RFC 3501 s6.4.4, 4731, 5032, 5182, 7162 s3.1.5).

use super::{
    SequenceSet, date, flags, name, read, say,
    scan::{Parsed, Scan},
    text,
};
use crate::{
    limits,
    mime::Day,
    types::{Flags, Keyword, ModSeq},
};

/// A header field that has a key of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Field {
    /// BCC
    Bcc,
    /// CC
    Cc,
    /// FROM
    From,
    /// SUBJECT
    Subject,
    /// TO
    To,
}

/// Which date of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DateOf {
    /// INTERNALDATE, in the server's time zone.
    Arrival,
    /// The Date field, as it stands there, without time and zone.
    Sent,
}

/// On which side of a day or an age.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// Earlier than the day (BEFORE, SENTBEFORE).
    Before,
    /// Within it (ON, SENTON).
    On,
    /// Within it or later (SINCE, SENTSINCE).
    Since,
}

/// A key; texts are octets of the command's charset.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SearchKey {
    /// ALL
    All,
    /// All of these; ALL if there is none.
    And(Vec<SearchKey>),
    /// OR
    Or(Box<SearchKey>, Box<SearchKey>),
    /// NOT
    Not(Box<SearchKey>),
    /// SEEN, UNSEEN, ...: whether a flag is set.
    Flag(Flags, bool),
    /// KEYWORD, UNKEYWORD
    Keyword(Keyword, bool),
    /// NEW: \Recent and not \Seen.
    New,
    /// RECENT, OLD
    Recent(bool),
    /// BCC, CC, FROM, SUBJECT, TO: a field has a text.
    Field(Field, Box<[u8]>),
    /// HEADER: any field; an empty text asks whether it is there.
    Header(Box<str>, Box<[u8]>),
    /// BODY
    Body(Box<[u8]>),
    /// TEXT: header or body.
    Text(Box<[u8]>),
    /// BEFORE, ON, SINCE, SENTBEFORE, SENTON, SENTSINCE
    Date(DateOf, Side, Day),
    /// OLDER: arrived at least so many seconds ago (RFC 5032 s3).
    Older(u32),
    /// YOUNGER: arrived at most so many seconds ago.
    Younger(u32),
    /// LARGER: more octets than this.
    Larger(u64),
    /// SMALLER: fewer octets than this.
    Smaller(u64),
    /// Message numbers.
    Sequence(SequenceSet),
    /// UID
    Uid(SequenceSet),
    /// MODSEQ: changed at or after this (RFC 7162 s3.1.5).
    ModSeq(ModSeq),
}

/// RETURN (...) (RFC 4731 s3.1, RFC 5182 s2.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Returns {
    /// MIN
    pub min: bool,
    /// MAX
    pub max: bool,
    /// ALL; also what `RETURN ()` means.
    pub all: bool,
    /// COUNT
    pub count: bool,
    /// SAVE
    pub save: bool,
}

/// Keys without arguments.
const FLAGS: [(&str, Flags, bool); 10] = [
    ("ANSWERED", Flags::ANSWERED, true),
    ("DELETED", Flags::DELETED, true),
    ("DRAFT", Flags::DRAFT, true),
    ("FLAGGED", Flags::FLAGGED, true),
    ("SEEN", Flags::SEEN, true),
    ("UNANSWERED", Flags::ANSWERED, false),
    ("UNDELETED", Flags::DELETED, false),
    ("UNDRAFT", Flags::DRAFT, false),
    ("UNFLAGGED", Flags::FLAGGED, false),
    ("UNSEEN", Flags::SEEN, false),
];

const FIELDS: [(&str, Field); 5] =
    [("BCC", Field::Bcc), ("CC", Field::Cc), ("FROM", Field::From), ("SUBJECT", Field::Subject), ("TO", Field::To)];

const DATES: [(&str, DateOf, Side); 6] = [
    ("BEFORE", DateOf::Arrival, Side::Before),
    ("ON", DateOf::Arrival, Side::On),
    ("SINCE", DateOf::Arrival, Side::Since),
    ("SENTBEFORE", DateOf::Sent, Side::Before),
    ("SENTON", DateOf::Sent, Side::On),
    ("SENTSINCE", DateOf::Sent, Side::Since),
];

/// What a reader of keys may still spend.
struct Budget {
    keys: usize,
}

impl SearchKey {
    /// All keys to the end of the command.
    pub(super) fn scan_all(scan: &mut Scan<'_>) -> Parsed<Self> {
        let mut budget = Budget { keys: limits::IMAP_SEARCH_KEYS };
        let mut keys = vec![key(scan, &mut budget, limits::IMAP_DEPTH)?];
        while scan.more() {
            keys.push(key(scan, &mut budget, limits::IMAP_DEPTH)?);
        }
        Ok(and(keys))
    }

    /// Whether MODSEQ stands anywhere in it: then the answer has the highest one (RFC 7162 s3.1.5).
    pub fn names_modseq(&self) -> bool {
        match self {
            SearchKey::ModSeq(_) => true,
            SearchKey::And(keys) => keys.iter().any(SearchKey::names_modseq),
            SearchKey::Or(a, b) => a.names_modseq() || b.names_modseq(),
            SearchKey::Not(key) => key.names_modseq(),
            SearchKey::All | SearchKey::Flag(..) | SearchKey::Keyword(..) | SearchKey::New => false,
            SearchKey::Recent(_) | SearchKey::Field(..) | SearchKey::Header(..) | SearchKey::Body(_) => false,
            SearchKey::Text(_) | SearchKey::Date(..) | SearchKey::Older(_) | SearchKey::Younger(_) => false,
            SearchKey::Larger(_) | SearchKey::Smaller(_) | SearchKey::Sequence(_) | SearchKey::Uid(_) => false,
        }
    }

    /// As a client says it.
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        match self {
            SearchKey::All => put(out, "ALL"),
            SearchKey::And(keys) => {
                out.push(b'(');
                for (n, key) in keys.iter().enumerate() {
                    put(out, if n > 0 { " " } else { "" });
                    key.write(out);
                }
                out.push(b')');
            }
            SearchKey::Or(a, b) => {
                put(out, "OR ");
                a.write(out);
                out.push(b' ');
                b.write(out);
            }
            SearchKey::Not(key) => {
                put(out, "NOT ");
                key.write(out);
            }
            SearchKey::Flag(flag, set) => {
                put(out, FLAGS.iter().find(|(_, f, s)| f == flag && s == set).map_or("ALL", |(name, ..)| name));
            }
            SearchKey::Keyword(keyword, set) => {
                put_two(out, if *set { "KEYWORD" } else { "UNKEYWORD" }, keyword.as_str())
            }
            SearchKey::New => put(out, "NEW"),
            SearchKey::Recent(recent) => put(out, if *recent { "RECENT" } else { "OLD" }),
            SearchKey::Field(field, text) => {
                with_text(out, FIELDS.iter().find(|(_, f)| f == field).map_or("TO", |(name, _)| name), text);
            }
            SearchKey::Header(name, text) => {
                put(out, "HEADER ");
                text::astring(out, name.as_bytes());
                with_text(out, "", text);
            }
            SearchKey::Body(text) => with_text(out, "BODY", text),
            SearchKey::Text(text) => with_text(out, "TEXT", text),
            SearchKey::Date(of, side, day) => {
                let name = DATES.iter().find(|(_, o, s)| o == of && s == side).map_or("ON", |(name, ..)| name);
                put_two(out, name, &date::write_day(*day));
            }
            SearchKey::Older(seconds) => put_two(out, "OLDER", &seconds.to_string()),
            SearchKey::Younger(seconds) => put_two(out, "YOUNGER", &seconds.to_string()),
            SearchKey::Larger(octets) => put_two(out, "LARGER", &octets.to_string()),
            SearchKey::Smaller(octets) => put_two(out, "SMALLER", &octets.to_string()),
            SearchKey::Sequence(set) => put(out, &set.to_string()),
            SearchKey::Uid(set) => put_two(out, "UID", &set.to_string()),
            SearchKey::ModSeq(ModSeq(modseq)) => put_two(out, "MODSEQ", &modseq.to_string()),
        }
    }
}

fn put(out: &mut Vec<u8>, text: &str) {
    out.extend_from_slice(text.as_bytes());
}

fn put_two(out: &mut Vec<u8>, word: &str, argument: &str) {
    put(out, word);
    out.push(b' ');
    put(out, argument);
}

fn with_text(out: &mut Vec<u8>, word: &str, octets: &[u8]) {
    put(out, word);
    out.push(b' ');
    text::astring(out, octets);
}

/// One key is itself.
fn and(mut keys: Vec<SearchKey>) -> SearchKey {
    match keys.pop() {
        Some(only) if keys.is_empty() => only,
        Some(last) => {
            keys.push(last);
            SearchKey::And(keys)
        }
        None => SearchKey::All,
    }
}

fn key(scan: &mut Scan<'_>, budget: &mut Budget, depth: usize) -> Parsed<SearchKey> {
    budget.keys = budget.keys.checked_sub(1).ok_or(say::TOO_MANY)?;
    let deeper = depth.checked_sub(1).ok_or(say::TOO_DEEP);
    match scan.peek() {
        Some(b'(') => {
            let depth = deeper?;
            let keys = scan.list(limits::IMAP_SEARCH_KEYS, |scan| key(scan, budget, depth))?;
            return Ok(and(keys));
        }
        Some(b'*' | b'$' | b'0'..=b'9') => return SequenceSet::scan(scan).map(SearchKey::Sequence),
        Some(_) | None => {}
    }
    let word = scan.word().to_ascii_uppercase();
    match word.as_slice() {
        b"NOT" => {
            scan.space()?;
            Ok(SearchKey::Not(Box::new(key(scan, budget, deeper?)?)))
        }
        b"OR" => {
            let depth = deeper?;
            scan.space()?;
            let first = key(scan, budget, depth)?;
            scan.space()?;
            Ok(SearchKey::Or(Box::new(first), Box::new(key(scan, budget, depth)?)))
        }
        word => {
            let word = std::str::from_utf8(word).map_err(|_| say::BAD_KEY)?;
            simple(word).map_or_else(|| with_argument(word, scan), Ok)
        }
    }
}

fn simple(word: &str) -> Option<SearchKey> {
    match word {
        "ALL" => Some(SearchKey::All),
        "NEW" => Some(SearchKey::New),
        "OLD" => Some(SearchKey::Recent(false)),
        "RECENT" => Some(SearchKey::Recent(true)),
        _ => FLAGS.iter().find(|(name, ..)| *name == word).map(|(_, flag, set)| SearchKey::Flag(*flag, *set)),
    }
}

fn with_argument(word: &str, scan: &mut Scan<'_>) -> Parsed<SearchKey> {
    const WORDS: [&str; 11] =
        ["BODY", "TEXT", "HEADER", "KEYWORD", "UNKEYWORD", "LARGER", "SMALLER", "OLDER", "YOUNGER", "UID", "MODSEQ"];
    let field = FIELDS.iter().find(|(name, _)| *name == word);
    let date = DATES.iter().find(|(name, ..)| *name == word);
    if field.is_none() && date.is_none() && !WORDS.contains(&word) {
        return Err(say::BAD_KEY);
    }
    scan.space()?;
    if let Some((_, field)) = field {
        return Ok(SearchKey::Field(*field, octets(scan)?));
    }
    if let Some((_, of, side)) = date {
        return Ok(SearchKey::Date(*of, *side, date::scan_day(scan)?));
    }
    match word {
        "BODY" => Ok(SearchKey::Body(octets(scan)?)),
        "TEXT" => Ok(SearchKey::Text(octets(scan)?)),
        "HEADER" => {
            let name = String::from_utf8(scan.astring()?).map_err(|_| say::SYNTAX)?;
            scan.space()?;
            Ok(SearchKey::Header(name.into_boxed_str(), octets(scan)?))
        }
        "KEYWORD" => Ok(SearchKey::Keyword(keyword(scan)?, true)),
        "UNKEYWORD" => Ok(SearchKey::Keyword(keyword(scan)?, false)),
        "LARGER" => Ok(SearchKey::Larger(scan.number64()?)),
        "SMALLER" => Ok(SearchKey::Smaller(scan.number64()?)),
        "OLDER" => Ok(SearchKey::Older(interval(scan)?)),
        "YOUNGER" => Ok(SearchKey::Younger(interval(scan)?)),
        "UID" => SequenceSet::scan(scan).map(SearchKey::Uid),
        _ => changed(scan),
    }
}

/// MODSEQ, maybe of one flag (RFC 7162 s3.1.5: where the server counts for the message only, the flag is passed over).
fn changed(scan: &mut Scan<'_>) -> Parsed<SearchKey> {
    if scan.peek() == Some(b'"') {
        scan.string()?;
        scan.space()?;
        if !["ALL", "PRIV", "SHARED"].into_iter().any(|sort| scan.keyword(sort)) {
            return Err(say::BAD_OPTION);
        }
        scan.space()?;
    }
    modseq(scan).map(SearchKey::ModSeq)
}

fn octets(scan: &mut Scan<'_>) -> Parsed<Box<[u8]>> {
    scan.astring().map(Vec::into_boxed_slice)
}

fn keyword(scan: &mut Scan<'_>) -> Parsed<Keyword> {
    flags::keyword(scan.atom()?)
}

/// RFC 5032 s3: not 0.
fn interval(scan: &mut Scan<'_>) -> Parsed<u32> {
    scan.number().and_then(|n| if n == 0 { Err(say::BAD_NUMBER) } else { Ok(n) })
}

/// RFC 7162 s3.1.5: maybe the name of an entry and its type in front, which mean nothing where each message has one number.
fn modseq(scan: &mut Scan<'_>) -> Parsed<ModSeq> {
    if scan.peek() == Some(b'"') {
        scan.string()?;
        scan.space()?;
        if !["priv", "shared", "all"].into_iter().any(|kind| scan.keyword(kind)) {
            return Err(say::SYNTAX);
        }
        scan.space()?;
    }
    read::modseq(scan)
}

impl Returns {
    /// What stands behind RETURN.
    pub(super) fn scan(scan: &mut Scan<'_>) -> Parsed<Self> {
        let mut returns = Returns::default();
        let named = scan.list(10, |scan| {
            let word = scan.word().to_ascii_uppercase();
            match word.as_slice() {
                b"MIN" => returns.min = true,
                b"MAX" => returns.max = true,
                b"ALL" => returns.all = true,
                b"COUNT" => returns.count = true,
                b"SAVE" => returns.save = true,
                _ => return Err(say::BAD_OPTION),
            }
            Ok(())
        })?;
        returns.all |= named.is_empty();
        Ok(returns)
    }

    pub(super) fn write(self, out: &mut Vec<u8>) {
        let words =
            [(self.min, "MIN"), (self.max, "MAX"), (self.all, "ALL"), (self.count, "COUNT"), (self.save, "SAVE")];
        let words: Vec<_> = words.into_iter().filter(|(on, _)| *on).map(|(_, word)| word).collect();
        put(out, &format!("RETURN ({})", words.join(" ")));
    }
}

/// The charset of the texts: CHARSET in front of the keys. After ENABLE UTF8=ACCEPT only what is UTF-8 anyway (RFC 6855 s3 wants
/// none; Thunderbird's habit of naming it harms nobody).
pub(super) fn charset(scan: &mut Scan<'_>, utf8: bool) -> Parsed<Option<String>> {
    if !scan.keyword("CHARSET") {
        return Ok(None);
    }
    scan.space()?;
    let charset = name::read(&scan.astring()?, true).filter(|c| c.is_ascii()).ok_or(say::BAD_CHARSET)?;
    scan.space()?;
    let charset = charset.to_ascii_uppercase();
    if utf8 && charset != "UTF-8" && charset != "US-ASCII" {
        return Err(say::CHARSET_WITH_UTF8);
    }
    Ok(Some(charset))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 7162 s3.1.5, its second example and what is none.
    #[test]
    fn modseq_of_one_flag_is_that_of_the_message() {
        let sought = SearchKey::ModSeq(ModSeq(620_162_338));
        assert_eq!(parse("MODSEQ 620162338"), Ok(sought.clone()));
        assert_eq!(parse("MODSEQ \"/flags/\\\\draft\" all 620162338"), Ok(sought.clone()));
        assert_eq!(parse("MODSEQ \"/flags/$x\" Shared 620162338"), Ok(sought));
        assert_eq!(parse("MODSEQ \"/flags/$x\" 620162338"), Err(say::BAD_OPTION));
        assert_eq!(parse("MODSEQ \"/flags/$x\" some 620162338"), Err(say::BAD_OPTION));
    }

    fn parse(text: &str) -> Parsed<SearchKey> {
        let mut scan = Scan::new(text.as_bytes());
        let keys = SearchKey::scan_all(&mut scan)?;
        scan.end()?;
        Ok(keys)
    }

    fn written(text: &str) -> String {
        let mut out = Vec::new();
        parse(text).unwrap_or_else(|e| panic!("{text}: {e:?}")).write(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn every_key_is_read_as_it_is_written() {
        for (name, ..) in FLAGS {
            assert_eq!(written(&name.to_lowercase()), name);
        }
        for (name, _) in FIELDS {
            assert_eq!(written(&format!("{name} \"a b\"")), format!("{name} \"a b\""));
        }
        for (name, ..) in DATES {
            assert_eq!(written(&format!("{name} \"01-feb-2026\"")), format!("{name} 1-Feb-2026"));
        }
        for text in [
            "ALL",
            "NEW",
            "OLD",
            "RECENT",
            "NOT SEEN",
            "OR FROM ann OR TO bob NOT (SEEN DELETED)",
            "KEYWORD $Forwarded",
            "UNKEYWORD work",
            "HEADER Message-ID \"\"",
            "BODY x",
            "TEXT \"(\"",
            "LARGER 5000000000",
            "SMALLER 1",
            "OLDER 86400",
            "YOUNGER 1",
            "1:5,9",
            "UID 7:*",
            "$",
            "MODSEQ 0",
        ] {
            assert_eq!(written(text), text);
        }
    }

    #[test]
    fn keys_side_by_side_are_one_list() {
        assert_eq!(written("UNSEEN  SINCE 1-Jan-2026 FROM \"ann\""), "(UNSEEN SINCE 1-Jan-2026 FROM ann)");
        assert_eq!(written("((((ALL))))"), "ALL");
        assert_eq!(written("MODSEQ \"/flags/\\\\draft\" all 620162338"), "MODSEQ 620162338");
        assert_eq!(written("UNDELETED (SEEN)"), "(UNDELETED SEEN)");
        assert!(parse("NOT OR ALL MODSEQ 5").unwrap().names_modseq());
    }

    #[test]
    fn texts_are_octets() {
        assert_eq!(
            parse("SUBJECT {2+}\r\n\u{44f}"),
            Ok(SearchKey::Field(Field::Subject, Box::from("\u{44f}".as_bytes())))
        );
        assert_eq!(parse("TEXT \u{44f}"), Ok(SearchKey::Text(Box::from("\u{44f}".as_bytes()))));
    }

    #[test]
    fn refuses_what_is_no_key() {
        for text in
            ["", "UNHEARD", "OR ALL", "NOT", "SINCE yesterday", "OLDER 0", "FROM", "(ALL", "KEYWORD \\Seen", "1:0"]
        {
            assert!(parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn nesting_and_number_of_keys_are_capped() {
        let deep = |n: usize| "NOT ".repeat(n) + "ALL";
        assert!(parse(&deep(limits::IMAP_DEPTH - 1)).is_ok());
        assert_eq!(parse(&deep(limits::IMAP_DEPTH + 1)), Err(say::TOO_DEEP));
        assert_eq!(parse(&"(".repeat(60_000)), Err(say::TOO_DEEP));
        assert_eq!(parse(&"ALL ".repeat(limits::IMAP_SEARCH_KEYS + 1)), Err(say::TOO_MANY));
    }

    #[test]
    fn return_options() {
        let returns = |text: &str| Returns::scan(&mut Scan::new(text.as_bytes()));
        assert_eq!(returns("()"), Ok(Returns { all: true, ..Returns::default() }));
        assert_eq!(returns("(min COUNT)"), Ok(Returns { min: true, count: true, ..Returns::default() }));
        assert_eq!(returns("(SAVE)"), Ok(Returns { save: true, ..Returns::default() }));
        assert_eq!(returns("(PARTIAL)"), Err(say::BAD_OPTION));
    }

    #[test]
    fn a_charset_stands_in_front() {
        let charset = |text: &str, utf8| charset(&mut Scan::new(text.as_bytes()), utf8);
        assert_eq!(charset("CHARSET koi8-r ALL", false), Ok(Some("KOI8-R".into())));
        assert_eq!(charset("CHARSET \"UTF-8\" ALL", true), Ok(Some("UTF-8".into())));
        assert_eq!(charset("ALL", true), Ok(None));
        assert_eq!(charset("CHARSET koi8-r ALL", true), Err(say::CHARSET_WITH_UTF8));
    }
}
