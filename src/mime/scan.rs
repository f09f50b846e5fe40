//! The boundary scanner: a message goes through in chunks of any size, its tree of parts stays. Memory is bounded by
//! `limits::MIME_*` whatever comes: no body is held, no recursion, and the cut of the chunks changes nothing.
//!
//! Lenient as mail is: a bare LF ends a line, a missing close boundary ends with the parent's boundary or the message, a
//! boundary within a header section ends that section. As RFC 2046 s5.1.1 says, a line that *begins* with an open boundary is
//! that boundary; of several the longest, the innermost of equals.

use std::{io, mem};

use super::{Field, Head, Part, Structure, Valued, text};
use crate::{
    limits::{CHUNK, MIME_BOUNDARY, MIME_DEPTH, MIME_FIELD, MIME_HEADS, MIME_PARTS, MIME_TEXT},
    types::BodyReader,
};

/// Octets at the head of a body line that can matter: `--`, a boundary, `--`.
const DELIMITER: usize = MIME_BOUNDARY + 4;

/// Scans a stored message, a chunk at a time.
pub async fn scan(body: &dyn BodyReader) -> io::Result<Structure> {
    let mut scanner = Scanner::default();
    let mut offset = 0;
    loop {
        let chunk = body.read(offset, CHUNK).await?;
        if chunk.is_empty() {
            return Ok(scanner.finish());
        }
        offset += chunk.len() as u64;
        scanner.feed(&chunk);
    }
}

/// What the innermost open part is being read for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    /// Its header section.
    Header,
    /// Its body: only boundaries matter.
    Body,
}

/// A part whose end was not met yet.
struct Open {
    part: usize,
    /// `--boundary`, while its parts are still coming.
    boundary: Option<Vec<u8>>,
    /// Line ends before its body.
    lines: u64,
    /// Whether it said a Content-Type, which may equal the default.
    typed: bool,
    /// Whether it said a Content-Transfer-Encoding.
    encoded: bool,
    /// Whether it is a message, so that it has an envelope.
    message: bool,
}

/// The line that is being read.
#[derive(Default)]
struct Line {
    /// Its first octets, as many as matter.
    kept: Vec<u8>,
    /// Its octets so far, all of them.
    len: u64,
    /// The last of them.
    last: u8,
    /// Whether any of it matters.
    watched: bool,
}

/// Fed with a message, gives its [`Structure`].
pub struct Scanner {
    parts: Vec<Part>,
    /// From the message itself to the innermost part; the first stays to the end.
    open: Vec<Open>,
    mode: Mode,
    line: Line,
    /// The header field that is being read, with its folded lines.
    field: Vec<u8>,
    /// Octets that were fed.
    offset: u64,
    /// Line ends that were fed.
    lines: u64,
    /// Octets of the line end before this line.
    eol: u64,
    /// Octets of MIME fields that may still be kept.
    text: usize,
    /// Octets of envelope fields that may still be kept.
    heads: usize,
    complete: bool,
}

impl Default for Scanner {
    fn default() -> Self {
        let mut scanner = Scanner {
            parts: Vec::new(),
            open: Vec::new(),
            mode: Mode::Header,
            line: Line::default(),
            field: Vec::new(),
            offset: 0,
            lines: 0,
            eol: 0,
            text: MIME_TEXT,
            heads: MIME_HEADS,
            complete: true,
        };
        scanner.begin(None);
        scanner
    }
}

impl Scanner {
    /// Takes the next octets of the message.
    pub fn feed(&mut self, chunk: &[u8]) {
        let mut rest = chunk;
        while !rest.is_empty() {
            let end = memchr::memchr(b'\n', rest);
            let (piece, more) = rest.split_at(end.map_or(rest.len(), |at| at + 1));
            let before = self.line_piece(piece);
            if end.is_some() {
                self.lines += 1;
                let crlf = piece.len() > 1 && piece[piece.len() - 2] == b'\r' || piece.len() == 1 && before == b'\r';
                self.line_done(if crlf { 2 } else { 1 });
            }
            rest = more;
        }
    }

    /// Ends the message.
    pub fn finish(mut self) -> Structure {
        if self.line.len > 0 {
            self.line_done(0);
        }
        self.close_above(0, self.offset, self.lines);
        Structure { parts: self.parts, complete: self.complete }
    }

    /// Octets of memory that this holds by now, about: what was kept of fields and 400 for each part.
    pub fn weight(&self) -> usize {
        let texts = (MIME_TEXT - self.text) + (MIME_HEADS - self.heads);
        texts + self.parts.len() * 400 + self.line.kept.capacity() + self.field.capacity()
    }

    /// Adds a piece to the line; gives the octet before it (0 at the line's start).
    fn line_piece(&mut self, piece: &[u8]) -> u8 {
        let line = &mut self.line;
        let before = mem::replace(&mut line.last, piece.last().copied().unwrap_or_default());
        if line.len == 0 {
            line.watched = self.mode == Mode::Header || piece.first() == Some(&b'-');
        }
        if line.watched {
            let cap = if self.mode == Mode::Header { MIME_FIELD } else { DELIMITER };
            extend_to(&mut line.kept, piece, cap);
        }
        line.len += piece.len() as u64;
        self.offset += piece.len() as u64;
        before
    }

    fn line_done(&mut self, eol: u64) {
        let line = mem::take(&mut self.line);
        if line.watched {
            match self.delimiter(&line.kept) {
                Some((level, last)) => self.cut(level, last, self.offset - line.len, self.lines - u64::from(eol > 0)),
                None if self.mode == Mode::Header => self.header_line(&line.kept),
                None => {}
            }
        }
        self.eol = eol;
        // The buffer is used again; only its contents go. Of a section's long lines bodies need no more than a few octets.
        self.line.kept = line.kept;
        self.line.kept.clear();
        if self.mode == Mode::Body {
            self.line.kept.shrink_to(DELIMITER);
        }
    }

    /// Which open multipart this line belongs to, and whether it ends it.
    fn delimiter(&self, line: &[u8]) -> Option<(usize, bool)> {
        if !line.starts_with(b"--") {
            return None;
        }
        let mut best: Option<(usize, &[u8])> = None;
        for (level, open) in self.open.iter().enumerate().rev() {
            let Some(boundary) = &open.boundary else { continue };
            if line.starts_with(boundary) && best.is_none_or(|(_, b)| boundary.len() > b.len()) {
                best = Some((level, boundary));
            }
        }
        best.map(|(level, boundary)| (level, line[boundary.len()..].starts_with(b"--")))
    }

    /// A boundary line begins at `start`, behind `lines` line ends.
    fn cut(&mut self, level: usize, last: bool, start: u64, lines: u64) {
        let (end, end_lines) = (start - self.eol, lines - u64::from(self.eol > 0));
        // A part that has no octet at all ends where it begins: behind the line end that the rule gives to this boundary.
        let floor = self.open[level + 1..].iter().map(|o| self.begin_of_body(o)).max().unwrap_or(0);
        if floor > end {
            self.close_above(level + 1, start, lines);
        } else {
            self.close_above(level + 1, end, end_lines);
        }
        self.mode = Mode::Body;
        if last {
            self.open[level].boundary = None;
        } else {
            self.begin(Some(self.open[level].part));
        }
    }

    /// Where the body of an open part begins; of one whose header section is not over, the section.
    fn begin_of_body(&self, open: &Open) -> u64 {
        let extent = self.parts[open.part].extent;
        extent.header.max(extent.body)
    }

    /// All open parts from `level` inwards end at `end`, behind `lines` line ends.
    fn close_above(&mut self, level: usize, end: u64, lines: u64) {
        if self.mode == Mode::Header && self.open.len() > level {
            // The section was cut off: there is no body.
            self.field_done();
            if let Some(open) = self.open.last_mut() {
                open.lines = lines;
                self.parts[open.part].extent.body = end;
            }
        }
        for open in self.open.drain(level..) {
            let extent = &mut self.parts[open.part].extent;
            extent.end = end;
            extent.lines = lines.saturating_sub(open.lines);
        }
    }

    /// A part begins here, unless there are too many: then its octets belong to nobody but its parent.
    fn begin(&mut self, parent: Option<usize>) {
        if self.parts.len() >= MIME_PARTS {
            self.complete = false;
            return;
        }
        let number = self.parts.len();
        let mut part = Part { parent, encoding: "7bit".into(), ..Part::default() };
        part.extent.header = self.offset;
        // RFC 2046 s5.1.5: within a digest a part is a message unless it says otherwise.
        let digest = parent.is_some_and(|p| self.parts[p].media.value == "multipart/digest");
        let message = parent.is_none_or(|p| self.parts[p].is_message());
        part.media.value = if digest { "message/rfc822" } else { "text/plain" }.into();
        self.parts.push(part);
        if let Some(parent) = parent {
            self.parts[parent].children.push(number);
        }
        self.open.push(Open { part: number, boundary: None, lines: self.lines, typed: false, encoded: false, message });
        self.mode = Mode::Header;
        self.field.clear();
    }

    fn header_line(&mut self, line: &[u8]) {
        match line {
            b"\r\n" | b"\n" => self.header_done(),
            [b' ' | b'\t', ..] if !self.field.is_empty() => extend_to(&mut self.field, line, MIME_FIELD),
            _ => {
                self.field_done();
                self.field.extend_from_slice(line);
            }
        }
    }

    /// The blank line was met: what is in the body?
    fn header_done(&mut self) {
        self.field_done();
        self.mode = Mode::Body;
        let depth = self.open.len();
        self.field = Vec::new();
        let Some(open) = self.open.last_mut() else { return };
        open.lines = self.lines;
        let number = open.part;
        let part = &mut self.parts[number];
        part.extent.body = self.offset;
        let message = part.is_message();
        let boundary = if part.is_multipart() { boundary(&part.media) } else { None };
        if !message && boundary.is_none() {
            return;
        }
        if depth >= MIME_DEPTH {
            self.complete = false;
        } else if message {
            self.begin(Some(number));
        } else {
            open.boundary = boundary;
        }
    }

    /// The field that was read is whole: keep it if it is one of MIME's. The first of a name counts.
    fn field_done(&mut self) {
        let field = mem::take(&mut self.field);
        let Some(open) = self.open.last_mut() else { return };
        let part = &mut self.parts[open.part];
        let f = Field::of(&field);
        let mime = f.name.get(..8).is_some_and(|n| n.eq_ignore_ascii_case(b"content-"));
        let head = if open.message { Head::named(f.name) } else { None };
        let room = if mime { &mut self.text } else { &mut self.heads };
        let fits = f.value.len() <= *room;
        // What is kept of an over-long field is less than there was.
        if (mime || head.is_some()) && (!fits || field.len() >= MIME_FIELD) {
            self.complete = false;
        }
        let kept = match head {
            Some(head) if fits => {
                part.heads.push((head, text::flat(f.value)));
                true
            }
            Some(_) => false,
            None => mime && fits && keep(part, open, &f),
        };
        if kept {
            *room -= f.value.len();
        }
        self.field = field;
        self.field.clear();
    }
}

/// Adds `piece` to `kept`, which stays within `cap`.
fn extend_to(kept: &mut Vec<u8>, piece: &[u8], cap: usize) {
    let room = cap.saturating_sub(kept.len());
    kept.extend_from_slice(&piece[..piece.len().min(room)]);
}

/// `--boundary` of a multipart, if it has a usable one.
fn boundary(media: &Valued) -> Option<Vec<u8>> {
    let boundary = media.param("boundary")?.trim_ascii_end();
    let usable = (1..=MIME_BOUNDARY).contains(&boundary.len());
    usable.then(|| [b"--", boundary].concat())
}

/// Writes a MIME field into its part; false if it is none that is kept, or came before.
fn keep(part: &mut Part, open: &mut Open, f: &Field<'_>) -> bool {
    let slot = match f.name.to_ascii_lowercase().as_slice() {
        b"content-type" => {
            let first = !mem::replace(&mut open.typed, true);
            if first {
                part.media = media_type(f.value);
            }
            return first;
        }
        b"content-transfer-encoding" => {
            let first = !mem::replace(&mut open.encoded, true);
            let value = Valued::parse(f.value).value;
            if first && !value.is_empty() {
                part.encoding = value;
            }
            return first;
        }
        b"content-disposition" => {
            let first = part.disposition.is_none();
            part.disposition.get_or_insert_with(|| Valued::parse(f.value));
            return first;
        }
        b"content-id" => &mut part.id,
        b"content-description" => &mut part.description,
        b"content-md5" => &mut part.md5,
        b"content-language" => &mut part.language,
        b"content-location" => &mut part.location,
        _ => return false,
    };
    let first = slot.is_none();
    slot.get_or_insert_with(|| text::flat(f.value));
    first
}

fn media_type(value: &[u8]) -> Valued {
    let media = Valued::parse(value);
    let token =
        |t: &str| !t.is_empty() && t.bytes().all(|b| b.is_ascii_graphic() && !b"()<>@,;:\\\"/[]?=".contains(&b));
    let known = media.value.split_once('/').is_some_and(|(main, sub)| token(main) && token(sub));
    // RFC 2045 s5.2: a type that cannot be read is text/plain; its parameters (a charset) may still be true.
    let value = if known { media.value } else { "text/plain".into() };
    Valued { value, params: media.params }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn whole(bytes: &[u8]) -> Structure {
        let mut scanner = Scanner::default();
        scanner.feed(bytes);
        scanner.finish()
    }

    fn lines(text: &str) -> Vec<u8> {
        text.replace('\n', "\r\n").into_bytes()
    }

    /// Media type and body of each part.
    fn bodies(message: &[u8]) -> Vec<(String, String)> {
        let at = |offset: u64| usize::try_from(offset).unwrap();
        let body = |p: &Part| String::from_utf8_lossy(&message[at(p.extent.body)..at(p.extent.end)]).into_owned();
        whole(message).parts.iter().map(|p| (p.media.value.clone(), body(p))).collect()
    }

    fn part(media: &str, body: &str) -> (String, String) {
        (media.into(), body.replace('\n', "\r\n"))
    }

    const MIXED: &str = "Content-Type: multipart/mixed; boundary=\"b\"\n\npreamble\n--b\n\none\n\n--b \t\n\
        Content-Type: text/html\n\n<p>\ntwo\n--b--\nepilogue\n--b\nnot a part\n";

    #[test]
    fn a_body_ends_before_the_line_end_of_the_boundary() {
        let found = bodies(&lines(MIXED));
        assert_eq!(found[1..], [part("text/plain", "one\n"), part("text/html", "<p>\ntwo")]);
        let s = whole(&lines(MIXED));
        assert_eq!(s.parts.iter().map(|p| p.extent.lines).collect::<Vec<_>>(), [14, 1, 1]);
        assert_eq!(s.parts[0].extent.end, lines(MIXED).len() as u64);
        assert!(s.complete);
    }

    #[test]
    fn parts_that_lack_something_have_empty_bodies() {
        let head = "Content-Type: multipart/mixed; boundary=b\n\n";
        for (text, bodies_found) in [
            ("--b\n--b\n\n--b\nA: b\n--b--", &["", "", ""][..]),
            ("--b\nA: b\n\n--b--", &[""]),
            ("--b\n\n\n--b--", &[""]),
            ("--b", &[""]),
            ("--b\n\nopen", &["open"]),
            ("", &[]),
        ] {
            let message = lines(&format!("{head}{text}"));
            let found: Vec<_> = bodies(&message).into_iter().skip(1).map(|(_, body)| body).collect();
            assert_eq!(found, bodies_found, "{text}");
        }
    }

    #[test]
    fn the_boundary_of_an_outer_part_ends_the_inner_ones() {
        let text = "Content-Type: multipart/mixed; boundary=out\n\n--out\nContent-Type: multipart/related; boundary=in\n\n\
            --in\n\na\n--out\n\nb\n--in\n--out--\n";
        let found = bodies(&lines(text));
        assert_eq!(
            found[1..],
            [part("multipart/related", "--in\n\na"), part("text/plain", "a"), part("text/plain", "b\n--in")]
        );
    }

    #[test]
    fn a_longer_boundary_beats_its_prefix_and_an_inner_one_its_twin() {
        let text = "Content-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: multipart/mixed; boundary=b2\n\n\
            --b2\n\nx\n--b2--\n--b--\n";
        assert_eq!(bodies(&lines(text))[2], part("text/plain", "x"));
        let twin = text.replace("b2", "b");
        assert_eq!(whole(&lines(&twin)).parts.len(), 3);
    }

    #[test]
    fn messages_are_looked_into_unless_they_are_encoded() {
        let text = "Content-Type: multipart/digest; boundary=d\n\n--d\n\nSubject: a\n\none\n--d\n\
            Content-Transfer-Encoding: BASE64\n\nU3ViamVjdDogeA==\n--d--\n";
        let s = whole(&lines(text));
        let types: Vec<_> = s.parts.iter().map(|p| (p.media.value.as_str(), p.parent)).collect();
        assert_eq!(
            types,
            [
                ("multipart/digest", None),
                ("message/rfc822", Some(0)),
                ("text/plain", Some(1)),
                ("message/rfc822", Some(0))
            ]
        );
        assert_eq!(bodies(&lines(text))[2].1, "one");
    }

    #[test]
    fn what_is_missing_or_broken_has_the_default_of_rfc_2045() {
        for head in
            ["", "Content-Type:\n", "Content-Type: text\n", "Content-Type: a/b/c\n", "Content-Type multipart/x\n"]
        {
            let s = whole(&lines(&format!("{head}\nx")));
            assert_eq!(
                (s.parts[0].media.value.as_str(), s.parts[0].encoding.as_str()),
                ("text/plain", "7bit"),
                "{head}"
            );
        }
        let s = whole(b"Content-Type: text/html\r\nContent-Type: a/b\r\nContent-Id: <1>\r\nCONTENT-ID: <2>\r\n");
        assert_eq!((s.parts[0].media.value.as_str(), s.parts[0].id.as_deref()), ("text/html", Some(&b"<1>"[..])));
    }

    #[test]
    fn bare_newlines_end_lines_too() {
        let message = MIXED.as_bytes();
        assert_eq!(
            bodies(message)[1..],
            [part("text/plain", "one\n"), part("text/html", "<p>\ntwo")].map(|(m, b)| (m, b.replace("\r\n", "\n")))
        );
    }

    #[test]
    fn every_cut_into_chunks_gives_the_same() {
        let message = lines(MIXED);
        let want = whole(&message);
        for first in 0..=message.len() {
            for second in [first, (first + 1).min(message.len()), (first + 7).min(message.len())] {
                let mut scanner = Scanner::default();
                scanner.feed(&message[..first]);
                scanner.feed(&message[first..second]);
                scanner.feed(&message[second..]);
                assert_eq!(scanner.finish(), want, "{first} {second}");
            }
        }
    }

    #[test]
    fn depth_parts_and_text_are_capped() {
        let level = |n: usize| format!("Content-Type: multipart/mixed; boundary=b{n}.\n\n--b{n}.\n");
        let s = whole(&lines(&(0..1000).map(level).collect::<String>()));
        assert!((s.parts.len() == MIME_DEPTH) & !s.complete);
        let s = whole(&lines(&"Content-Type: message/rfc822\n\n".repeat(1000)));
        assert!((s.parts.len() == MIME_DEPTH) & !s.complete);
        let s = whole(&lines(&format!("{}{}", level(0), "--b0.\n\nx\n".repeat(5000))));
        assert!((s.parts.len() == MIME_PARTS) & !s.complete);
        let fat = format!("--b0.\nContent-Description: {}\n\nx\n", "y".repeat(50_000));
        let s = whole(&lines(&format!("{}{}", level(0), fat.repeat(100))));
        let text: usize = s.parts.iter().filter_map(|p| p.description.as_ref()).map(Vec::len).sum();
        assert!(text <= MIME_TEXT && !s.complete && s.parts.len() == 102);
    }

    #[test]
    fn one_endless_line_is_not_held() {
        let mut scanner = Scanner::default();
        for _ in 0..100 {
            scanner.feed(&[b'-'; 100_000]);
            assert!(scanner.line.kept.len() <= MIME_FIELD && scanner.line.kept.capacity() <= 2 * MIME_FIELD);
        }
        assert_eq!(scanner.finish().parts[0].extent.end, 10_000_000);
    }
}
