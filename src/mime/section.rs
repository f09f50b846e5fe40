//! Sections of a message (RFC 3501 s6.4.5): which octets of it a client means. Holds no octets.

use std::ops::Range;

use super::{DerivedView, Extent};

/// Octets of a field's name that are looked at; a longer one is no field.
const NAME: usize = 1024;

/// What of a part is meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// `BODY[]`, `BODY[1]`: the message, or the part's body.
    All,
    /// `HEADER`: the header section with its blank line.
    Header,
    /// `HEADER.FIELDS (...)`, or `HEADER.FIELDS.NOT`.
    Fields {
        /// Names of fields; case does not matter.
        names: Vec<Vec<u8>>,
        /// All fields but these.
        not: bool,
    },
    /// `TEXT`: what follows the header section.
    Text,
    /// `MIME`: the header section of a part.
    Mime,
}

/// `BODY[2.1.HEADER]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Section {
    /// `[2, 1]`; empty for the message itself.
    pub part: Vec<u32>,
    /// What of it.
    pub what: What,
}

/// The octets of the message that a section is made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece {
    /// These.
    Range(Range<u64>),
    /// Fields out of the header section that lies here, and a blank line: [`FieldFilter`] makes it.
    Fields(Range<u64>),
}

/// Where a section lies; None if the message has no such part, or the part no such thing (the answer is NIL).
pub fn locate(view: &DerivedView<'_>, section: &Section) -> Option<Piece> {
    let whole = |e: Extent| if section.part.is_empty() { e.header..e.end } else { e.body..e.end };
    let header = |e: Extent| e.header..e.body;
    Some(match &section.what {
        What::All => Piece::Range(whole(view.part(&section.part)?.extent)),
        What::Mime if section.part.is_empty() => return None,
        What::Mime => Piece::Range(header(view.part(&section.part)?.extent)),
        What::Header => Piece::Range(header(message(view, &section.part)?)),
        What::Fields { .. } => Piece::Fields(header(message(view, &section.part)?)),
        What::Text => {
            let extent = message(view, &section.part)?;
            Piece::Range(extent.body..extent.end)
        }
    })
}

/// The message itself, or the one within a part.
fn message(view: &DerivedView<'_>, part: &[u32]) -> Option<Extent> {
    if part.is_empty() {
        return view.part(&[]).map(|p| p.extent);
    }
    view.message_in(part).map(|p| p.extent)
}

/// `<origin.count>` of a range (RFC 3501 s6.4.5): past the end there is nothing, and that is no error.
pub fn partial(range: Range<u64>, origin: u64, count: u64) -> Range<u64> {
    let start = range.start.saturating_add(origin).min(range.end);
    start..start.saturating_add(count).min(range.end)
}

/// Chooses fields from a header section that comes in pieces of any size. Holds a field's name, no more.
pub struct FieldFilter<'a> {
    names: &'a [Vec<u8>],
    not: bool,
    state: State,
    /// The start of a line whose field is not known yet.
    held: Vec<u8>,
    /// Whether the field before is taken, for its folded lines.
    taken: bool,
    /// The last octet that was given out.
    last: u8,
}

/// Where in a line the filter is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    /// At its start, or within the name.
    Name,
    /// Behind the colon, or in a folded line.
    Rest,
    /// The blank line was met.
    Over,
}

impl<'a> FieldFilter<'a> {
    /// The fields of these names, or all others.
    pub fn new(names: &'a [Vec<u8>], not: bool) -> Self {
        FieldFilter { names, not, state: State::Name, held: Vec::new(), taken: false, last: b'\n' }
    }

    /// Takes a piece of the section; what is chosen of it is added to `out`.
    pub fn feed(&mut self, piece: &[u8], out: &mut Vec<u8>) {
        let mut rest = piece;
        while !rest.is_empty() && self.state != State::Over {
            rest = match self.state {
                State::Rest => self.line(rest, out),
                State::Name | State::Over => self.name(rest, out),
            };
        }
    }

    /// Ends the section: the blank line comes always (RFC 3501 s6.4.5).
    pub fn finish(mut self, out: &mut Vec<u8>) {
        if self.state == State::Name && !self.held.is_empty() {
            self.decide(out);
        }
        if self.last != b'\n' {
            out.extend_from_slice(b"\r\n");
        }
        out.extend_from_slice(b"\r\n");
    }

    /// To the end of the line, given out or not.
    fn line<'p>(&mut self, piece: &'p [u8], out: &mut Vec<u8>) -> &'p [u8] {
        let end = piece.iter().position(|&b| b == b'\n');
        let (line, rest) = piece.split_at(end.map_or(piece.len(), |at| at + 1));
        self.give(line, out);
        if end.is_some() {
            self.state = State::Name;
        }
        rest
    }

    /// One octet of a name.
    fn name<'p>(&mut self, piece: &'p [u8], out: &mut Vec<u8>) -> &'p [u8] {
        let Some((&b, rest)) = piece.split_first() else { return piece };
        if self.held.is_empty() && matches!(b, b' ' | b'\t') {
            // Folded: it belongs to the field before.
            self.state = State::Rest;
            return piece;
        }
        self.held.push(b);
        if matches!(self.held.as_slice(), b"\n" | b"\r\n") {
            self.held.clear();
            self.state = State::Over;
        } else if b == b':' || b == b'\n' || self.held.len() >= NAME {
            self.decide(out);
            self.state = if b == b'\n' { State::Name } else { State::Rest };
        }
        rest
    }

    /// The name is whole: is its field taken?
    fn decide(&mut self, out: &mut Vec<u8>) {
        let held = std::mem::take(&mut self.held);
        let name = held.strip_suffix(b":").map(<[u8]>::trim_ascii_end);
        let named = name.is_some_and(|name| self.names.iter().any(|n| n.eq_ignore_ascii_case(name)));
        self.taken = named != self.not;
        self.give(&held, out);
        self.held = held;
        self.held.clear();
    }

    fn give(&mut self, octets: &[u8], out: &mut Vec<u8>) {
        if self.taken
            && let Some(&last) = octets.last()
        {
            out.extend_from_slice(octets);
            self.last = last;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mime::{Derived, Scanner};

    const MESSAGE: &str = "Subject: out\nContent-Type: multipart/mixed; boundary=o\n\npre\n--o\nContent-Type: text/html\n\nhi\n--o\n\
        Content-Type: message/rfc822\n\nSubject: in\nContent-Type: multipart/alternative; boundary=i\n\n--i\n\nplain\n--i\n\
        Content-Type: text/html\n\n<b>\n--i--\n--o\nContent-Type: message/rfc822\n\nSubject: x\n\nonly\n--o--\n";

    fn located(message: &str, part: &[u32], what: What) -> Option<String> {
        let message = message.replace('\n', "\r\n");
        let mut scanner = Scanner::default();
        scanner.feed(message.as_bytes());
        let record = Derived::of(&scanner.finish()).encode();
        let piece = locate(&Derived::read(&record).unwrap(), &Section { part: part.to_vec(), what })?;
        let (Piece::Range(range) | Piece::Fields(range)) = piece;
        let at = |n: u64| usize::try_from(n).unwrap();
        Some(message[at(range.start)..at(range.end)].replace("\r\n", "\n"))
    }

    #[test]
    fn every_section_of_rfc_3501_is_found() {
        let get = |part: &[u32], what: What| located(MESSAGE, part, what).unwrap_or_else(|| "NIL".into());
        assert_eq!(get(&[], What::All), MESSAGE);
        assert_eq!(get(&[], What::Header), &MESSAGE[..MESSAGE.find("pre").unwrap()]);
        assert_eq!(get(&[], What::Text), &MESSAGE[MESSAGE.find("pre").unwrap()..]);
        assert_eq!(get(&[], What::Mime), "NIL");
        assert_eq!(get(&[1], What::All), "hi");
        assert_eq!(get(&[1], What::Mime), "Content-Type: text/html\n\n");
        assert_eq!(get(&[1], What::Header), "NIL");
        assert_eq!(get(&[1], What::Text), "NIL");
        assert!(get(&[2], What::All).starts_with("Subject: in\n") && get(&[2], What::All).ends_with("--i--"));
        assert_eq!(get(&[2], What::Mime), "Content-Type: message/rfc822\n\n");
        assert_eq!(get(&[2], What::Header), "Subject: in\nContent-Type: multipart/alternative; boundary=i\n\n");
        assert_eq!(get(&[2, 1], What::All), "plain");
        assert_eq!(get(&[2, 1], What::Mime), "\n");
        assert_eq!(get(&[2, 2], What::Mime), "Content-Type: text/html\n\n");
        assert_eq!(get(&[3], What::Text), "only");
        assert_eq!(get(&[3, 1], What::All), "only");
        assert_eq!(get(&[3, 1], What::Mime), "Subject: x\n\n");
        for none in [&[0][..], &[4], &[1, 1], &[2, 3], &[3, 2], &[3, 1, 1], &[u32::MAX]] {
            assert_eq!(get(none, What::All), "NIL", "{none:?}");
        }
    }

    #[test]
    fn a_message_without_parts_has_part_one() {
        assert_eq!(located("A: b\n\nhi\n", &[1], What::All), Some("hi\n".into()));
        assert_eq!(located("A: b\n\nhi\n", &[1], What::Mime), Some("A: b\n\n".into()));
        assert_eq!(located("A: b\n\nhi\n", &[2], What::All), None);
        let head = "Content-Type: multipart/mixed\n\n";
        assert_eq!(located(&format!("{head}hi\n"), &[1], What::All), Some("hi\n".into()), "a multipart without parts");
    }

    #[test]
    fn a_part_of_a_range_never_leaves_it() {
        assert_eq!(partial(10..20, 0, 5), 10..15);
        assert_eq!(partial(10..20, 8, 5), 18..20);
        assert_eq!(partial(10..20, 10, 5), 20..20);
        assert_eq!(partial(10..20, u64::MAX, u64::MAX), 20..20);
    }

    fn chosen(section: &[u8], names: &[&str], not: bool) -> String {
        let names: Vec<_> = names.iter().map(|n| n.as_bytes().to_vec()).collect();
        let whole = filtered(section, &names, not, section.len().max(1));
        for size in 1..9 {
            assert_eq!(filtered(section, &names, not, size), whole, "pieces of {size}");
        }
        String::from_utf8(whole).unwrap()
    }

    fn filtered(section: &[u8], names: &[Vec<u8>], not: bool, size: usize) -> Vec<u8> {
        let (mut filter, mut out) = (FieldFilter::new(names, not), Vec::new());
        section.chunks(size).for_each(|piece| filter.feed(piece, &mut out));
        filter.finish(&mut out);
        out
    }

    #[test]
    fn fields_are_chosen_with_their_folded_lines() {
        let section =
            b"From: a\r\nSUBJECT : one\r\n\ttwo\r\nnonsense\r\nTo: c\r\nSubject: three\r\n\r\nSubject: body\r\n";
        assert_eq!(chosen(section, &["subject", "x"], false), "SUBJECT : one\r\n\ttwo\r\nSubject: three\r\n\r\n");
        assert_eq!(chosen(section, &["Subject"], true), "From: a\r\nnonsense\r\nTo: c\r\n\r\n");
        assert_eq!(chosen(section, &[], false), "\r\n");
        assert_eq!(chosen(b"To: a", &["to"], false), "To: a\r\n\r\n");
        assert_eq!(chosen(b"To", &["to"], false), "\r\n");
        assert_eq!(chosen(b"To: a\nCc: b\n\n", &["cc"], false), "Cc: b\n\r\n");
        assert_eq!(chosen(&[&[b'x'; 5000][..], b":1\r\nA: 2\r\n"].concat(), &["a"], false), "A: 2\r\n\r\n");
    }
}
