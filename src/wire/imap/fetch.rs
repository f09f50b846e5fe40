//! What FETCH asks for (RFC 3501 s6.4.5, RFC 7162 s3.1.4).

use std::io::Write;

use super::{
    say,
    scan::{Parsed, Scan},
    text,
};
use crate::{
    limits,
    mime::section::{Section, What},
};

/// `<origin.length>`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Partial {
    /// First octet.
    pub origin: u32,
    /// At most so many; not 0.
    pub length: u32,
}

/// One item.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FetchItem {
    /// UID
    Uid,
    /// FLAGS
    Flags,
    /// INTERNALDATE
    InternalDate,
    /// RFC822.SIZE
    Size,
    /// ENVELOPE
    Envelope,
    /// BODY without a section
    Body,
    /// BODYSTRUCTURE
    BodyStructure,
    /// MODSEQ
    ModSeq,
    /// RFC822: all, and the message was read.
    Rfc822,
    /// RFC822.HEADER: and it was not.
    Rfc822Header,
    /// RFC822.TEXT: and it was read.
    Rfc822Text,
    /// BODY\[section\]
    Section {
        /// Which.
        section: Section,
        /// BODY.PEEK: does not set \Seen.
        peek: bool,
        /// Which octets of it.
        partial: Option<Partial>,
    },
}

/// Items that are one word.
const WORDS: [(FetchItem, &str); 11] = [
    (FetchItem::Uid, "UID"),
    (FetchItem::Flags, "FLAGS"),
    (FetchItem::InternalDate, "INTERNALDATE"),
    (FetchItem::Size, "RFC822.SIZE"),
    (FetchItem::Envelope, "ENVELOPE"),
    (FetchItem::Body, "BODY"),
    (FetchItem::BodyStructure, "BODYSTRUCTURE"),
    (FetchItem::ModSeq, "MODSEQ"),
    (FetchItem::Rfc822, "RFC822"),
    (FetchItem::Rfc822Header, "RFC822.HEADER"),
    (FetchItem::Rfc822Text, "RFC822.TEXT"),
];

/// RFC 3501 s6.4.5: only alone, but clients put them into parentheses.
fn macros(word: &[u8]) -> Option<&'static [FetchItem]> {
    use FetchItem::{Body, Envelope, Flags, InternalDate, Size};
    const FULL: &[FetchItem] = &[Flags, InternalDate, Size, Envelope, Body];
    match word.to_ascii_uppercase().as_slice() {
        b"FAST" => Some(&FULL[..3]),
        b"ALL" => Some(&FULL[..4]),
        b"FULL" => Some(FULL),
        _ => None,
    }
}

impl FetchItem {
    /// The section whose octets are asked for, and whether the message counts as read then.
    pub fn section(&self) -> Option<(Section, bool)> {
        let whole = |what| Section { part: Vec::new(), what };
        match self {
            FetchItem::Section { section, peek, .. } => Some((section.clone(), !peek)),
            FetchItem::Rfc822 => Some((whole(What::All), true)),
            FetchItem::Rfc822Header => Some((whole(What::Header), false)),
            FetchItem::Rfc822Text => Some((whole(What::Text), true)),
            FetchItem::Uid | FetchItem::Flags | FetchItem::InternalDate | FetchItem::Size => None,
            FetchItem::Envelope | FetchItem::Body | FetchItem::BodyStructure | FetchItem::ModSeq => None,
        }
    }

    /// As a client says it.
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        let FetchItem::Section { section, peek, partial } = self else {
            let word = WORDS.iter().find(|(item, _)| item == self).map_or("", |(_, word)| word);
            out.extend_from_slice(word.as_bytes());
            return;
        };
        out.extend_from_slice(if *peek { b"BODY.PEEK[" } else { b"BODY[" });
        write_section(section, out);
        out.push(b']');
        if let Some(Partial { origin, length }) = partial {
            let _ = write!(out, "<{origin}.{length}>");
        }
    }

    /// What stands in the answer before the value: `BODY[1.MIME]<0>`, `RFC822`, `FLAGS`.
    pub fn write_answer(&self, out: &mut Vec<u8>) {
        let FetchItem::Section { section, partial, .. } = self else {
            self.write(out);
            return;
        };
        out.extend_from_slice(b"BODY[");
        write_section(section, out);
        out.push(b']');
        if let Some(Partial { origin, .. }) = partial {
            let _ = write!(out, "<{origin}>");
        }
    }
}

/// What stands between `BODY[` and `]`.
fn write_section(section: &Section, out: &mut Vec<u8>) {
    for (n, number) in section.part.iter().enumerate() {
        let _ = write!(out, "{}{number}", if n > 0 { "." } else { "" });
    }
    let word = match &section.what {
        What::All => return,
        What::Header => "HEADER",
        What::Fields { not: false, .. } => "HEADER.FIELDS",
        What::Fields { not: true, .. } => "HEADER.FIELDS.NOT",
        What::Text => "TEXT",
        What::Mime => "MIME",
    };
    if !section.part.is_empty() {
        out.push(b'.');
    }
    out.extend_from_slice(word.as_bytes());
    if let What::Fields { names, .. } = &section.what {
        out.extend_from_slice(b" (");
        for (n, name) in names.iter().enumerate() {
            if n > 0 {
                out.push(b' ');
            }
            text::astring(out, name);
        }
        out.push(b')');
    }
}

fn scan_section(scan: &mut Scan<'_>) -> Parsed<Section> {
    let mut part = Vec::new();
    while scan.peek().is_some_and(|b| b.is_ascii_digit()) {
        let number = scan.number()?;
        if number == 0 || part.len() == limits::MIME_DEPTH {
            return Err(say::BAD_SECTION);
        }
        part.push(number);
        if !scan.take(b'.') {
            return Ok(Section { part, what: What::All });
        }
    }
    let word = scan.word().to_ascii_uppercase();
    let what = match word.as_slice() {
        b"" if part.is_empty() => What::All,
        b"HEADER" => What::Header,
        b"HEADER.FIELDS" => What::Fields { names: names(scan)?, not: false },
        b"HEADER.FIELDS.NOT" => What::Fields { names: names(scan)?, not: true },
        b"TEXT" => What::Text,
        b"MIME" if !part.is_empty() => What::Mime,
        _ => return Err(say::BAD_SECTION),
    };
    Ok(Section { part, what })
}

/// Names of header fields. An empty list is no syntax of RFC 3501, but means no field.
fn names(scan: &mut Scan<'_>) -> Parsed<Vec<Vec<u8>>> {
    scan.space()?;
    scan.list(limits::IMAP_FIELDS, |scan| {
        let name = scan.astring()?;
        let good = !name.is_empty() && name.iter().all(|b| b.is_ascii_graphic() && *b != b':');
        if good { Ok(name) } else { Err(say::BAD_SECTION) }
    })
}

/// All that FETCH asks for: one item, a macro, or a list; nothing stands twice.
pub(super) fn items(scan: &mut Scan<'_>) -> Parsed<Vec<FetchItem>> {
    let lists = if scan.peek() == Some(b'(') { scan.list(limits::IMAP_ITEMS, item)? } else { vec![item(scan)?] };
    let mut items: Vec<FetchItem> = Vec::new();
    for item in lists.into_iter().flatten() {
        if !items.contains(&item) {
            items.push(item);
        }
    }
    if items.is_empty() { Err(say::SYNTAX) } else { Ok(items) }
}

fn item(scan: &mut Scan<'_>) -> Parsed<Vec<FetchItem>> {
    let word = scan.word();
    let peek = word.eq_ignore_ascii_case(b"BODY.PEEK");
    if (peek || word.eq_ignore_ascii_case(b"BODY")) && scan.take(b'[') {
        return Ok(vec![section_item(scan, peek)?]);
    }
    if let Some(items) = macros(word) {
        return Ok(items.to_vec());
    }
    let found = WORDS.iter().find(|(_, name)| name.as_bytes().eq_ignore_ascii_case(word));
    found.map(|(item, _)| vec![item.clone()]).ok_or(say::BAD_ITEM)
}

fn section_item(scan: &mut Scan<'_>, peek: bool) -> Parsed<FetchItem> {
    let section = scan_section(scan)?;
    scan.need(b']').map_err(|_| say::BAD_SECTION)?;
    let partial = if scan.take(b'<') { Some(partial(scan)?) } else { None };
    Ok(FetchItem::Section { section, peek, partial })
}

fn partial(scan: &mut Scan<'_>) -> Parsed<Partial> {
    let origin = scan.number()?;
    scan.need(b'.')?;
    let length = scan.number()?;
    scan.need(b'>')?;
    if length == 0 { Err(say::BAD_SECTION) } else { Ok(Partial { origin, length }) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Parsed<Vec<FetchItem>> {
        let mut scan = Scan::new(text.as_bytes());
        let items = items(&mut scan)?;
        scan.end()?;
        Ok(items)
    }

    fn written(text: &str) -> String {
        let items = parse(text).unwrap();
        let mut out = Vec::new();
        for item in items {
            item.write(&mut out);
            out.push(b' ');
        }
        String::from_utf8(out).unwrap().trim_end().to_owned()
    }

    #[test]
    fn every_item_is_read_as_it_is_written() {
        for (_, word) in WORDS {
            assert_eq!(written(&word.to_lowercase()), word);
        }
        for text in [
            "BODY[]",
            "BODY.PEEK[]<0.100>",
            "BODY[1.2.3]",
            "BODY[HEADER]",
            "BODY[1.HEADER.FIELDS (From To)]",
            "BODY.PEEK[HEADER.FIELDS.NOT (Received)]<5.4294967295>",
            "BODY[TEXT]",
            "BODY[2.MIME]",
            "BODY[HEADER.FIELDS (\"a(b\")]",
        ] {
            assert_eq!(written(text), text);
        }
    }

    #[test]
    fn macros_and_lists_of_any_shape() {
        assert_eq!(written("fast"), "FLAGS INTERNALDATE RFC822.SIZE");
        assert_eq!(written("(FULL UID)"), "FLAGS INTERNALDATE RFC822.SIZE ENVELOPE BODY UID");
        assert_eq!(written("( UID  FLAGS UID )"), "UID FLAGS");
        assert_eq!(written("(BODY.PEEK[HEADER.FIELDS(DATE)] UID)"), "BODY.PEEK[HEADER.FIELDS (DATE)] UID");
    }

    #[test]
    fn the_answer_names_the_first_octet_and_no_peek() {
        let answer = |text: &str| {
            let mut out = Vec::new();
            parse(text).unwrap()[0].write_answer(&mut out);
            String::from_utf8(out).unwrap()
        };
        assert_eq!(answer("BODY.PEEK[1.MIME]<7.9>"), "BODY[1.MIME]<7>");
        assert_eq!(answer("RFC822.TEXT"), "RFC822.TEXT");
    }

    #[test]
    fn refuses_what_is_no_item() {
        for text in [
            "",
            "()",
            "UNHEARD",
            "BODY[",
            "BODY[]<0.0>",
            "BODY[]<1>",
            "BODY[0]",
            "BODY[MIME]",
            "BODY[HEADER.FIELDS]",
            "BODY[1.FOO]",
            "BODY.PEEK",
            "(UID (FLAGS))",
            "BODY[HEADER.FIELDS (a:b)]",
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
        let many = "BODY[1.1] ".repeat(limits::IMAP_ITEMS + 1);
        assert_eq!(parse(&format!("({many})")), Err(say::TOO_MANY));
        assert!(parse(&format!("BODY[{}1]", "1.".repeat(limits::MIME_DEPTH))).is_err());
    }
}
