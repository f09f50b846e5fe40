//! What is known of a message without its text: made once when it comes, kept in `index.redb`, made again where it is missing.
//!
//! | octets of a record | what |
//! |---|---|
//! | 1 | version: an unknown one counts as no record |
//! | 1 | marks: 1 something was left out, 2 there is a UTF-8 ENVELOPE, 4 there is a UTF-8 BODYSTRUCTURE, 8 a text field stands twice |
//! | number, 1, 1 | the day of Date: year (0: none), month, day |
//! | texts, each behind its length | ENVELOPE, its UTF-8 form, BODYSTRUCTURE, its UTF-8 form |
//! | number, then entries | the part table (`table`) |
//!
//! Numbers are of variable length (`table`). A record has at most `limits::DERIVED` octets.

mod day;
mod table;

use std::{borrow::Cow, io};

pub use day::Day;
pub use table::{Encoding, Kind, PartInfo};

use super::{
    Head, Scanner, Structure,
    imap::{self, Form, Node},
    words,
};
use crate::{
    limits::{CHUNK, DERIVED, DERIVED_ENVELOPE, MIME_PARTS},
    types::BodyReader,
};
use table::{Cursor, put_number};

const VERSION: u8 = 1;
const CUT: u8 = 1;
const UTF8_ENVELOPE: u8 = 2;
const UTF8_STRUCTURE: u8 = 4;
const DOUBLED: u8 = 8;

/// What BODYSTRUCTURE may be longer than it was asked to be (`imap::structure`), and what stands before the texts.
const SLACK: usize = 4 * 1024 + 32;

/// A record. Its octets are what the disk holds; [`Derived::read`] shows what is in them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Derived(Vec<u8>);

/// Derives it from a stored message, a chunk at a time.
pub async fn derive(body: &dyn BodyReader) -> io::Result<Derived> {
    let mut scanner = Scanner::default();
    let mut offset = 0;
    loop {
        let chunk = body.read(offset, CHUNK).await?;
        if chunk.is_empty() {
            return Ok(Derived::of(&scanner.finish()));
        }
        offset += chunk.len() as u64;
        scanner.feed(&chunk);
    }
}

impl Derived {
    /// Of a message that was scanned.
    pub fn of(s: &Structure) -> Self {
        let table = table::write(s);
        let mut marks = if s.complete { 0 } else { CUT };
        let mut room = DERIVED.saturating_sub(table.len() + SLACK);
        let mut texts = Vec::new();
        let envelope = imap::envelope(s, Form::Ascii, DERIVED_ENVELOPE.min(room / 2));
        room = room.saturating_sub(envelope.bytes.len());
        let structure = imap::structure(s, Form::Ascii, room);
        room = room.saturating_sub(structure.bytes.len());
        if envelope.cut || structure.cut {
            marks |= CUT;
        }
        if doubled(s) {
            marks |= DOUBLED;
        }
        put_text(&mut texts, &envelope.bytes);
        marks |= other_form(&mut texts, &mut room, UTF8_ENVELOPE, &envelope.bytes, |room| {
            imap::envelope(s, Form::Utf8, room)
        });
        put_text(&mut texts, &structure.bytes);
        marks |= other_form(&mut texts, &mut room, UTF8_STRUCTURE, &structure.bytes, |room| {
            imap::structure(s, Form::Utf8, room)
        });
        let mut out = Vec::with_capacity(texts.len() + table.len() + 16);
        out.extend_from_slice(&[VERSION, marks]);
        Day::write(day::sent(s), &mut out);
        out.extend_from_slice(&texts);
        out.extend_from_slice(&table);
        Derived(out)
    }

    /// The record's octets.
    pub fn encode(self) -> Vec<u8> {
        self.0
    }

    /// The record's octets.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Reads a record; None for one of another version or a damaged one: it is to be made again.
    pub fn read(record: &[u8]) -> Option<DerivedView<'_>> {
        let mut at = Cursor(record);
        if record.len() > DERIVED || at.octet()? != VERSION {
            return None;
        }
        let marks = at.octet()?;
        let day = Day::read(&mut at)?;
        let envelope = at.text()?;
        let envelope8 = if marks & UTF8_ENVELOPE == 0 { envelope } else { at.text()? };
        let structure = at.text()?;
        let structure8 = if marks & UTF8_STRUCTURE == 0 { structure } else { at.text()? };
        let table = table::Table::read(at)?;
        Some(DerivedView {
            cut: marks & CUT != 0,
            doubled: marks & DOUBLED != 0,
            day,
            envelope: [envelope, envelope8],
            structure: [structure, structure8],
            table,
        })
    }
}

/// Whether there are two subjects, say: ENVELOPE shows the first, a search looks at both.
fn doubled(s: &Structure) -> bool {
    let heads = s.parts.first().map(|p| p.heads.as_slice()).unwrap_or_default();
    let texts = [Head::Date, Head::Subject, Head::InReplyTo, Head::MessageId];
    texts.iter().any(|text| heads.iter().filter(|(head, _)| head == text).count() > 1)
}

fn put_text(out: &mut Vec<u8>, text: &[u8]) {
    put_number(out, text.len() as u64);
    out.extend_from_slice(text);
}

/// Adds the UTF-8 form where it differs and there is room for it; gives its mark.
fn other_form(
    texts: &mut Vec<u8>,
    room: &mut usize,
    mark: u8,
    ascii: &[u8],
    write: impl FnOnce(usize) -> imap::Text,
) -> u8 {
    // Only what is encoded in the one form differs in the other.
    if !ascii.windows(2).any(|w| w == b"=?") {
        return 0;
    }
    let text = write(*room);
    if text.cut || text.bytes == ascii || text.bytes.len() > *room {
        return 0;
    }
    *room -= text.bytes.len();
    put_text(texts, &text.bytes);
    mark
}

/// A record that was read. Copies nothing of it.
#[derive(Clone, Copy, Debug)]
pub struct DerivedView<'a> {
    cut: bool,
    /// A text field stands twice.
    doubled: bool,
    day: Option<Day>,
    /// ASCII, UTF-8.
    envelope: [&'a [u8]; 2],
    /// ASCII, UTF-8.
    structure: [&'a [u8]; 2],
    table: table::Table<'a>,
}

/// What the record knows of a header field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Known<'a> {
    /// Its text, decoded; addresses as `name <local@host>, ...`, those of several fields of one name together.
    Text(Cow<'a, str>),
    /// The message has no such field, or an empty one.
    Absent,
    /// The record does not know: the header section does.
    Unknown,
}

impl<'a> DerivedView<'a> {
    /// Whether something was left out of the texts: parts beyond a limit, addresses of an endless list.
    pub fn is_cut(&self) -> bool {
        self.cut
    }

    /// ENVELOPE (RFC 3501 s7.4.2), in UTF-8 after ENABLE UTF8=ACCEPT.
    pub fn envelope(&self, utf8: bool) -> &'a [u8] {
        self.envelope[usize::from(utf8)]
    }

    /// BODYSTRUCTURE with extension data.
    pub fn body_structure(&self, utf8: bool) -> &'a [u8] {
        self.structure[usize::from(utf8)]
    }

    /// BODY: the same without extension data.
    pub fn body(&self, utf8: bool) -> Vec<u8> {
        imap::basic(self.body_structure(utf8))
    }

    /// The calendar day of Date, whatever its zone (RFC 3501 s6.4.4, SENTBEFORE); None if there is none that can be read.
    pub fn sent_date(&self) -> Option<Day> {
        self.day
    }

    /// A part by its number (RFC 3501 s6.4.5): `[2, 1]` for `BODY[2.1]`, `[]` for the message itself.
    pub fn part(&self, numbers: &[u32]) -> Option<PartInfo> {
        self.table.part(numbers)
    }

    /// The message within a part that is one: `[2]` for `BODY[2.HEADER]`.
    pub fn message_in(&self, numbers: &[u32]) -> Option<PartInfo> {
        self.table.inner(numbers)
    }

    /// All parts in the order in which they begin; the message itself is the first.
    pub fn parts(&self) -> impl Iterator<Item = PartInfo> + 'a {
        self.table.parts()
    }

    /// Octets of the header section with its blank line.
    pub fn header_len(&self) -> u64 {
        self.table.parts().next().map_or(0, |part| part.extent.body)
    }

    /// Octets of the message.
    pub fn len(&self) -> u64 {
        self.table.parts().next().map_or(0, |part| part.extent.end)
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// A field of the envelope for a search, without reading the message.
    pub fn field(&self, head: Head) -> Known<'a> {
        match self.envelope_item(head) {
            Some(Node::Quoted(_)) if self.doubled => Known::Unknown,
            Some(Node::Quoted(text)) => Known::Text(decoded(text)),
            // Sender and Reply-To may be borrowed from From there.
            Some(_) | None if matches!(head, Head::Sender | Head::ReplyTo) => Known::Unknown,
            Some(Node::List(people)) if !self.cut => Known::Text(people_text(people).into()),
            Some(Node::Bare(_)) => Known::Absent,
            Some(Node::List(_)) | None => Known::Unknown,
        }
    }

    fn envelope_item(&self, head: Head) -> Option<Node<'a>> {
        let place = match head {
            Head::Date => 0,
            Head::Subject => 1,
            Head::From => 2,
            Head::Sender => 3,
            Head::ReplyTo => 4,
            Head::To => 5,
            Head::Cc => 6,
            Head::Bcc => 7,
            Head::InReplyTo => 8,
            Head::MessageId => 9,
        };
        // Not as a list, whose end would be looked for first: a search asks this of every message.
        let mut rest = self.envelope[0].strip_prefix(b"(")?;
        for _ in 0..place {
            rest = imap::read(rest)?.1;
        }
        imap::read(rest).map(|(node, _)| node)
    }
}

/// What a quoted text says; most say it as they stand.
fn decoded(text: &[u8]) -> Cow<'_, str> {
    let plain = |b: &u8| matches!(b, b' '..=b'~') && *b != b'\\';
    match std::str::from_utf8(text.trim_ascii()) {
        Ok(words) if text.iter().all(plain) && !words.contains("=?") => Cow::Borrowed(words),
        Ok(_) | Err(_) => Cow::Owned(words::decode(&unescaped(text))),
    }
}

fn unescaped(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut octets = text.iter();
    while let Some(&b) = octets.next() {
        out.extend(if b == b'\\' { octets.next() } else { Some(&b) });
    }
    out
}

/// `((name NIL local host)...)` as a reader sees it.
fn people_text(mut rest: &[u8]) -> String {
    let mut out = String::new();
    while let Some((Node::List(mut person), after)) = imap::read(rest) {
        let mut items = [const { None }; 4];
        for item in &mut items {
            let Some((node, behind)) = imap::read(person) else { break };
            if let Node::Quoted(text) = node {
                *item = Some(words::decode(&unescaped(text)));
            }
            person = behind;
        }
        let [name, _, local, host] = items;
        let shown = match (name, local, host) {
            (Some(name), Some(local), Some(host)) => format!("{name} <{local}@{host}>"),
            (None, Some(local), Some(host)) => format!("{local}@{host}"),
            // A group's name; its end has none.
            (_, local, _) => local.unwrap_or_default(),
        };
        if !out.is_empty() && !shown.is_empty() {
            out.push_str(", ");
        }
        out.push_str(&shown);
        rest = after;
    }
    out
}

const _: () = assert!(MIME_PARTS <= 1000, "a part table of more parts would not fit a record");

#[cfg(test)]
mod tests;
