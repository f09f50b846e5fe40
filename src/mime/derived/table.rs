//! The part table: where each part lies, what it is, how it is written. The only thing of a message that sections and
//! searches need.
//!
//! An entry: parent (number, 0 for none, else its place and 1), kind, encoding, charset (an octet each), then the octets from the
//! previous part's header to this one's, of its header section, of its body, and the lines of the body (numbers).
//! A number has seven bits an octet, the low ones first, the last octet below 128.

use std::iter;

use crate::mime::{Charset, Extent, Part, Structure};

/// What a part is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Something that is no text.
    Other,
    /// A text.
    Text,
    /// A multipart; its parts are in the table.
    Multipart,
    /// A message that was looked into; it is the next one in the table.
    Message,
}

/// How a body is written (RFC 2045 s6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// 7bit, 8bit, binary, or something that nobody knows.
    Plain,
    /// base64
    Base64,
    /// quoted-printable
    QuotedPrintable,
}

/// An entry of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PartInfo {
    /// The part that it lies in, by its place in the table.
    pub parent: Option<usize>,
    /// Where it lies.
    pub extent: Extent,
    /// What it is.
    pub kind: Kind,
    /// How its body is written.
    pub encoding: Encoding,
    /// What its text is in, where it says so.
    pub charset: Option<Charset>,
}

/// Octets of a record that are still to be read. None of its answers is believed before it is there.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cursor<'a>(pub &'a [u8]);

impl<'a> Cursor<'a> {
    pub(super) fn octet(&mut self) -> Option<u8> {
        let (&first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(first)
    }

    pub(super) fn number(&mut self) -> Option<u64> {
        let mut number = 0u64;
        for shift in (0..63).step_by(7) {
            let octet = self.octet()?;
            number |= u64::from(octet & 0x7f) << shift;
            if octet < 0x80 {
                return Some(number);
            }
        }
        None
    }

    pub(super) fn text(&mut self) -> Option<&'a [u8]> {
        let length = usize::try_from(self.number()?).ok()?;
        let (text, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(text)
    }
}

pub(super) fn put_number(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push((number & 0x7f) as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

/// The number of parts, then the parts. A multipart without parts gets one: all that is in it, as a text.
pub(super) fn write(s: &Structure) -> Vec<u8> {
    let mut entries = Vec::new();
    // Where the scanner's parts came to lie.
    let mut places = Vec::with_capacity(s.parts.len());
    for part in &s.parts {
        places.push(entries.len());
        let parent = part.parent.and_then(|p| places.get(p).copied());
        entries.push(PartInfo { parent, ..info(part) });
        if part.is_multipart() && part.children.is_empty() {
            entries.push(all_of(part, entries.len() - 1));
        }
    }
    let mut out = Vec::with_capacity(entries.len() * 12);
    put_number(&mut out, entries.len() as u64);
    let mut before = 0;
    for entry in &entries {
        entry.write(before, &mut out);
        before = entry.extent.header;
    }
    out
}

fn info(part: &Part) -> PartInfo {
    let kind = if part.is_multipart() {
        Kind::Multipart
    } else if part.is_message() && !part.children.is_empty() {
        Kind::Message
    } else if part.media.value.starts_with("text/") {
        Kind::Text
    } else {
        Kind::Other
    };
    PartInfo {
        parent: None,
        extent: part.extent,
        kind,
        encoding: Encoding::named(&part.encoding),
        charset: part.media.param("charset").and_then(Charset::named),
    }
}

fn all_of(part: &Part, place: usize) -> PartInfo {
    let extent = Extent { header: part.extent.body, ..part.extent };
    let encoding = Encoding::named(&part.encoding);
    PartInfo { parent: Some(place), extent, kind: Kind::Text, encoding, charset: None }
}

impl Encoding {
    fn named(name: &str) -> Self {
        match name {
            "base64" => Encoding::Base64,
            "quoted-printable" => Encoding::QuotedPrintable,
            _ => Encoding::Plain,
        }
    }
}

impl PartInfo {
    fn write(&self, before: u64, out: &mut Vec<u8>) {
        let kind = match self.kind {
            Kind::Other => 0,
            Kind::Text => 1,
            Kind::Multipart => 2,
            Kind::Message => 3,
        };
        let encoding = match self.encoding {
            Encoding::Plain => 0,
            Encoding::Base64 => 1,
            Encoding::QuotedPrintable => 2,
        };
        put_number(out, self.parent.map_or(0, |p| p as u64 + 1));
        out.extend_from_slice(&[kind, encoding, self.charset.and_then(Charset::number).unwrap_or(0)]);
        let e = self.extent;
        for number in [e.header.saturating_sub(before), e.body - e.header, e.end - e.body, e.lines] {
            put_number(out, number);
        }
    }

    fn read(at: &mut Cursor<'_>, place: usize, before: u64) -> Option<Self> {
        let parent = match at.number()? {
            0 => None,
            n => Some(usize::try_from(n - 1).ok().filter(|p| *p < place)?),
        };
        let kind = match at.octet()? {
            0 => Kind::Other,
            1 => Kind::Text,
            2 => Kind::Multipart,
            3 => Kind::Message,
            _ => return None,
        };
        let encoding = match at.octet()? {
            0 => Encoding::Plain,
            1 => Encoding::Base64,
            2 => Encoding::QuotedPrintable,
            _ => return None,
        };
        let charset = Charset::of_number(at.octet()?);
        let header = before.checked_add(at.number()?)?;
        let body = header.checked_add(at.number()?)?;
        let end = body.checked_add(at.number()?)?;
        let lines = at.number()?;
        Some(PartInfo { parent, extent: Extent { header, body, end, lines }, kind, encoding, charset })
    }
}

/// The table within a record.
#[derive(Clone, Copy, Debug)]
pub(super) struct Table<'a> {
    entries: Cursor<'a>,
    count: usize,
}

impl<'a> Table<'a> {
    /// Checks all of it, so that no later question meets damage.
    pub(super) fn read(mut at: Cursor<'a>) -> Option<Self> {
        let count = usize::try_from(at.number()?).ok()?;
        let table = Table { entries: at, count };
        let mut before = 0;
        for place in 0..count {
            before = PartInfo::read(&mut at, place, before)?.extent.header;
        }
        let sound = count > 0 && at.0.is_empty();
        sound.then_some(table)
    }

    pub(super) fn parts(self) -> impl Iterator<Item = PartInfo> + 'a {
        let (mut at, mut before, mut place) = (self.entries, 0, 0);
        iter::from_fn(move || {
            let part = (place < self.count).then(|| PartInfo::read(&mut at, place, before)).flatten()?;
            (before, place) = (part.extent.header, place + 1);
            Some(part)
        })
    }

    /// The rules of [`Structure::section`], but that a multipart always has a part 1.
    pub(super) fn part(self, numbers: &[u32]) -> Option<PartInfo> {
        let (mut place, mut found) = (0, self.parts().next()?);
        // Whether `found` is a message rather than a part of a multipart: one that is no multipart is its own part 1.
        let mut message = true;
        for &n in numbers {
            if !message && found.kind == Kind::Message {
                (place, found) = self.child(place, 1)?;
                message = true;
            }
            if found.kind == Kind::Multipart {
                (place, found) = self.child(place, n)?;
            } else if !message || n != 1 {
                return None;
            }
            message = false;
        }
        Some(found)
    }

    /// The `n`th part of a part, from 1.
    fn child(self, parent: usize, n: u32) -> Option<(usize, PartInfo)> {
        let index = usize::try_from(n).ok()?.checked_sub(1)?;
        self.parts().enumerate().filter(|(_, part)| part.parent == Some(parent)).nth(index)
    }

    /// The message within a part that is a message.
    pub(super) fn inner(self, numbers: &[u32]) -> Option<PartInfo> {
        let part = self.part(numbers).filter(|part| part.kind == Kind::Message)?;
        let place = self.parts().position(|p| p == part)?;
        self.child(place, 1).map(|(_, inner)| inner)
    }
}
