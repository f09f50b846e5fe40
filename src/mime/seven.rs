//! A message for a server that takes 7 bits only (RFC 6152 s3): what is in 8 bits is written in base64, part by part (RFC 2045 s6.4:
//! only parts that have no parts within), and every label says so. Boundaries, texts in 7 bits and the order of all stay.
//!
//! Base64 for texts too: in the scripts that need 8 bits it is shorter than quoted-printable, and every octet has a place that can be
//! computed, so that the new form is a body like any other, read in pieces from any offset. In memory is only where what changes.
//!
//! Not touched: header sections but for their labels (8 bits there are SMTPUTF8's business, RFC 6531), and what is signed
//! (RFC 1847 s2.1): that cannot be said in 7 bits by anybody but its author.

use std::{io, sync::Arc};

use base64::{Engine, engine::general_purpose::STANDARD};

use super::{Part, Structure, fields, scan};
use crate::{
    limits::{CHUNK, HEADER_SECTION},
    types::{BodyReader, ReadFuture},
};

/// Octets of a line of base64: before, and after with its CRLF (RFC 2045 s6.8).
const LINE: u64 = 57;
const LINE_OUT: u64 = 78;

/// What a stored message is to a server that takes 7 bits only.
pub enum SevenBit {
    /// It is such already.
    Already,
    /// This says the same in 7 bits. Its first field is where it was.
    Changed(Arc<dyn BodyReader>),
    /// It cannot be said in 7 bits, and why.
    Cannot(&'static str),
}

/// Finds how a message can be said in 7 bits. An error is the disk's.
pub async fn seven_bit(body: Arc<dyn BodyReader>) -> io::Result<SevenBit> {
    if !has_eight_bits(&*body).await? {
        return Ok(SevenBit::Already);
    }
    let structure = scan(&*body).await?;
    let full = full(&*body, &structure).await?;
    if let Some(why) = obstacle(&structure, &full) {
        return Ok(SevenBit::Cannot(why));
    }
    match plan(&*body, &structure, &full).await? {
        Some(plan) => Ok(SevenBit::Changed(Arc::new(Converted { body, plan }))),
        None => Ok(SevenBit::Cannot("one of its header sections is too long")),
    }
}

/// None: a header section is too long.
async fn plan(body: &dyn BodyReader, structure: &Structure, full: &[bool]) -> io::Result<Option<Plan>> {
    let (mut plan, mut at) = (Plan::default(), 0);
    for (part, full) in structure.parts.iter().zip(full) {
        let extent = part.extent;
        // Boundaries, and what nobody reads (RFC 2046 s5.1.1).
        plan.push(Piece::Masked { at, len: extent.header.saturating_sub(at) });
        let len = extent.body - extent.header;
        match (label(structure, part, *full), usize::try_from(len)) {
            (None, _) => plan.push(Piece::Same { at: extent.header, len }),
            (Some(label), Ok(size)) if size <= MOST => {
                let section = read(body, extent.header, size).await?;
                let whole = part.parent.is_none_or(|parent| structure.parts.get(parent).is_some_and(Part::is_message));
                plan.head(&section, extent.header, label, whole);
            }
            (Some(_), Ok(_) | Err(_)) => return Ok(None),
        }
        at = extent.body;
        if part.children.is_empty() {
            let (len, open) = (extent.end - extent.body, extent.end < body.len());
            plan.push(if *full { Piece::Base64 { at, len, open } } else { Piece::Same { at, len } });
            at = extent.end;
        }
    }
    plan.push(Piece::Masked { at, len: body.len().saturating_sub(at) });
    Ok(Some(plan))
}

/// Octets of a header section whose label can be changed.
const MOST: usize = 2 * HEADER_SECTION;

/// Whether there is any octet above 127 behind the header section.
async fn has_eight_bits(body: &dyn BodyReader) -> io::Result<bool> {
    // CR counts nothing: a blank line is two LF with nothing else between them, or the first line.
    let (mut at, mut last, mut behind) = (0, b'\n', false);
    loop {
        let piece = body.read(at, CHUNK).await?;
        if piece.is_empty() {
            return Ok(false);
        }
        at += piece.len() as u64;
        let mut rest = piece.as_slice();
        while let Some((octet, more)) = rest.split_first().filter(|_| !behind) {
            behind = (*octet, last) == (b'\n', b'\n');
            last = if *octet == b'\r' { last } else { *octet };
            rest = more;
        }
        if behind && !rest.is_ascii() {
            return Ok(true);
        }
    }
}

/// For each part whether its own body, no part within, has an octet above 127.
async fn full(body: &dyn BodyReader, structure: &Structure) -> io::Result<Vec<bool>> {
    let parts = &structure.parts;
    let mut full = vec![false; parts.len()];
    let leaves: Vec<usize> = (0..parts.len()).filter(|n| parts[*n].children.is_empty()).collect();
    let (mut at, mut first) = (0, 0);
    loop {
        let piece = body.read(at, CHUNK).await?;
        if piece.is_empty() {
            return Ok(full);
        }
        let next = at + piece.len() as u64;
        while leaves.get(first).is_some_and(|n| parts[*n].extent.end <= at) {
            first += 1;
        }
        for n in leaves[first..].iter().take_while(|n| parts[**n].extent.body < next) {
            let place = |offset: u64| usize::try_from(offset.clamp(at, next) - at).unwrap_or(piece.len());
            let extent = parts[*n].extent;
            full[*n] |= !piece[place(extent.body)..place(extent.end).max(place(extent.body))].is_ascii();
        }
        at = next;
    }
}

/// Why it cannot be said in 7 bits.
fn obstacle(structure: &Structure, full: &[bool]) -> Option<&'static str> {
    if !structure.complete {
        return Some("it has too many parts, or parts too deep within parts");
    }
    for (part, full) in structure.parts.iter().zip(full) {
        let media = part.media.value.as_str();
        if part.media.param("boundary").is_some_and(|boundary| !boundary.is_ascii()) {
            return Some("one of its boundaries is not ASCII");
        }
        if !full {
            continue;
        }
        if is_signed(structure, part) {
            return Some("its author signed it in that form");
        }
        // RFC 2045 s6.4, RFC 2046 s5.2.2.
        if part.is_multipart() || matches!(media, "message/partial" | "message/external-body") {
            return Some("one of its parts may have no encoding");
        }
        if !is_plain(&part.encoding) {
            return Some("one of its parts is not what its encoding says");
        }
    }
    None
}

/// Whether a multipart/signed is around it (RFC 1847).
fn is_signed(structure: &Structure, part: &Part) -> bool {
    let above = |part: &&Part| part.parent.and_then(|parent| structure.parts.get(parent));
    std::iter::successors(above(&part), above).any(|part| part.media.value == "multipart/signed")
}

fn is_plain(encoding: &str) -> bool {
    matches!(encoding, "7bit" | "8bit" | "binary")
}

/// The new Content-Transfer-Encoding; None: the old one holds.
fn label(structure: &Structure, part: &Part, full: bool) -> Option<&'static str> {
    let is_eight = matches!(part.encoding.as_str(), "8bit" | "binary") && !is_signed(structure, part);
    if full { Some("base64") } else { is_eight.then_some("7bit") }
}

async fn read(body: &dyn BodyReader, at: u64, len: usize) -> io::Result<Vec<u8>> {
    let mut all = Vec::with_capacity(len);
    while all.len() < len {
        let piece = body.read(at + all.len() as u64, len - all.len()).await?;
        if piece.is_empty() {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the message is shorter than it was"));
        }
        all.extend_from_slice(&piece);
    }
    Ok(all)
}

/// A stretch of the new form.
enum Piece {
    /// As it was.
    Same { at: u64, len: u64 },
    /// As it was, but `?` for what is above 127.
    Masked { at: u64, len: u64 },
    /// In base64; `open`: a line end follows that belongs to a boundary.
    Base64 { at: u64, len: u64, open: bool },
    /// A label of ours.
    Text(Vec<u8>),
}

impl Piece {
    /// Octets of it.
    fn len(&self) -> u64 {
        match self {
            Piece::Same { len, .. } | Piece::Masked { len, .. } => *len,
            Piece::Base64 { len, open, .. } => len.div_ceil(3) * 4 + len.div_ceil(LINE) * 2 - if *open { 2 } else { 0 },
            Piece::Text(text) => text.len() as u64,
        }
    }
}

/// The new form: its stretches, each with its offset there.
#[derive(Default)]
struct Plan {
    pieces: Vec<(u64, Piece)>,
    len: u64,
}

impl Plan {
    fn push(&mut self, piece: Piece) {
        let len = piece.len();
        if len > 0 {
            self.pieces.push((self.len, piece));
            self.len += len;
        }
    }

    /// A header section with another label, behind its other fields; a whole message says that it is MIME.
    fn head(&mut self, section: &[u8], at: u64, label: &str, whole: bool) {
        let (mut from, mut to, mut is_mime) = (at, at, false);
        for field in fields(section) {
            is_mime |= field.is("mime-version");
            let next = to + field.raw.len() as u64;
            if field.is("content-transfer-encoding") {
                self.push(Piece::Same { at: from, len: to - from });
                from = next;
            }
            to = next;
        }
        self.push(Piece::Same { at: from, len: to - from });
        let version = if whole && !is_mime { "MIME-Version: 1.0\r\n" } else { "" };
        self.push(Piece::Text(format!("{version}Content-Transfer-Encoding: {label}\r\n").into_bytes()));
        self.push(Piece::Same { at: to, len: at + section.len() as u64 - to });
    }

    /// The stretch that holds an offset, and how far it lies in it.
    fn find(&self, offset: u64) -> Option<(&Piece, u64)> {
        let behind = self.pieces.partition_point(|(start, _)| *start <= offset);
        let (start, piece) = self.pieces.get(behind.checked_sub(1)?)?;
        Some((piece, offset - start)).filter(|(piece, within)| *within < piece.len())
    }
}

struct Converted {
    body: Arc<dyn BodyReader>,
    plan: Plan,
}

impl BodyReader for Converted {
    fn len(&self) -> u64 {
        self.plan.len
    }

    fn read(&self, offset: u64, max: usize) -> ReadFuture<'_> {
        Box::pin(async move {
            let Some((piece, within)) = self.plan.find(offset).filter(|_| max > 0) else { return Ok(Vec::new()) };
            let rest = usize::try_from(piece.len() - within).unwrap_or(usize::MAX).min(max);
            match piece {
                Piece::Same { at, .. } => read(&*self.body, at + within, rest.min(CHUNK)).await,
                Piece::Masked { at, .. } => {
                    let mut octets = read(&*self.body, at + within, rest.min(CHUNK)).await?;
                    octets.iter_mut().filter(|octet| !octet.is_ascii()).for_each(|octet| *octet = b'?');
                    Ok(octets)
                }
                Piece::Base64 { at, len, .. } => self.base64(*at, *len, within, rest).await,
                Piece::Text(text) => {
                    let from = usize::try_from(within).unwrap_or(text.len());
                    Ok(text[from..from + rest].to_vec())
                }
            }
        })
    }
}

impl Converted {
    /// Octets from `within` of the base64 of `len` octets at `at`, at most `rest`, and at most what a chunk makes.
    async fn base64(&self, at: u64, len: u64, within: u64, rest: usize) -> io::Result<Vec<u8>> {
        let (first, skip) = (within / LINE_OUT, usize::try_from(within % LINE_OUT).unwrap_or(0));
        let most = CHUNK as u64 / LINE;
        let lines = (rest as u64).div_ceil(LINE_OUT).saturating_add(1).min(most);
        let from = first * LINE;
        let octets = usize::try_from((lines * LINE).min(len - from)).unwrap_or(CHUNK);
        let plain = read(&*self.body, at + from, octets).await?;
        let mut out = String::with_capacity(plain.len() / 3 * 4 + plain.len() / 20 + 8);
        for line in plain.chunks(57) {
            STANDARD.encode_string(line, &mut out);
            out.push_str("\r\n");
        }
        let end = out.len().min(skip.saturating_add(rest));
        Ok(out.into_bytes().get(skip..end).unwrap_or_default().to_vec())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::BytesBody;
    use smol::block_on;

    fn form(message: &str) -> SevenBit {
        let body = BytesBody(message.replace('\n', "\r\n").into_bytes());
        block_on(seven_bit(Arc::new(body))).unwrap()
    }

    fn whole(body: &dyn BodyReader, max: usize) -> String {
        let mut all = Vec::new();
        loop {
            let piece = block_on(body.read(all.len() as u64, max)).unwrap();
            assert!(piece.len() <= max);
            if piece.is_empty() {
                assert_eq!(all.len() as u64, body.len());
                return String::from_utf8(all).unwrap();
            }
            all.extend(piece);
        }
    }

    /// The new form, the same in pieces of every size.
    fn changed(message: &str) -> String {
        let SevenBit::Changed(body) = form(message) else { panic!("it was not changed") };
        let all = whole(&*body, 1 << 20);
        assert!([1, 2, 7, 76, 77, 78, 79, 200].iter().all(|max| whole(&*body, *max) == all));
        assert!(all.is_ascii(), "{all}");
        all.replace("\r\n", "\n")
    }

    fn cannot(message: &str) -> &'static str {
        let SevenBit::Cannot(why) = form(message) else { panic!("it can") };
        why
    }

    fn base64(text: &str) -> String {
        super::super::text::base64_lines(text.replace('\n', "\r\n").as_bytes()).replace("\r\n", "\n")
    }

    #[test]
    fn a_text_in_eight_bits_is_written_in_base64_and_says_so() {
        let text = "привет\n".repeat(40);
        let head = "Subject: x\nContent-Type: text/plain; charset=utf-8\n";
        let found = changed(&format!("MIME-Version: 1.0\nContent-Transfer-Encoding:\n 8bit\n{head}\n{text}"));
        assert_eq!(found, format!("MIME-Version: 1.0\n{head}Content-Transfer-Encoding: base64\n\n{}", base64(&text)));
        // What was no MIME is MIME now, whatever its script is.
        let found = changed("Subject: x\n\n\u{439}\n");
        let mime = "MIME-Version: 1.0\nContent-Transfer-Encoding: base64\n";
        assert_eq!(found, format!("Subject: x\n{mime}\n{}", base64("\u{439}\n")));
        assert_eq!(changed("\n\u{439}\n"), format!("{mime}\n{}", base64("\u{439}\n")));
    }

    #[test]
    fn what_is_in_seven_bits_stays_as_it_is() {
        for text in [
            "Subject: x\n\nabc\n",
            "Subject: \u{439}\n\nabc\n",
            "",
            "Content-Transfer-Encoding: 8bit\n\nabc\n",
            "\u{439}",
        ] {
            assert!(matches!(form(text), SevenBit::Already), "{text}");
        }
    }

    #[test]
    fn parts_are_encoded_one_by_one_and_boundaries_stay() {
        let found = changed(
            "MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=b\nContent-Transfer-Encoding: 8bit\n\n\
             pr\u{e9}amble\n--b\n\nplain\n--b\nContent-Type: text/html; charset=utf-8\nContent-Transfer-Encoding: 8bit\n\n\
             <p>\u{439}\n--b\nContent-Type: message/rfc822\nContent-Transfer-Encoding: 8bit\n\nSubject: in\n\n\u{43f}\n\n--b\n\
             Content-Type: a/b\nContent-Transfer-Encoding: base64\n\nYWJj\n--b--\n",
        );
        let wanted = format!(
            "MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=b\nContent-Transfer-Encoding: 7bit\n\n\
             pr??amble\n--b\n\nplain\n--b\nContent-Type: text/html; charset=utf-8\nContent-Transfer-Encoding: base64\n\n\
             {}--b\nContent-Type: message/rfc822\nContent-Transfer-Encoding: 7bit\n\nSubject: in\nMIME-Version: 1.0\n\
             Content-Transfer-Encoding: base64\n\n{}--b\nContent-Type: a/b\nContent-Transfer-Encoding: base64\n\nYWJj\n--b--\n",
            base64("<p>\u{439}"),
            base64("\u{43f}\n"),
        );
        assert_eq!(found, wanted);
    }

    #[test]
    fn what_is_signed_or_not_what_it_says_cannot_be_changed() {
        let signed = "Content-Type: multipart/signed; boundary=s\n\n--s\n\n\u{439}\n--s\n\nsignature\n--s--\n";
        assert_eq!(cannot(signed), "its author signed it in that form");
        let within = format!("Content-Type: multipart/mixed; boundary=m\n\n--m\n{signed}--m--\n");
        assert_eq!(cannot(&within), "its author signed it in that form");
        let beside = "Content-Type: multipart/mixed; boundary=m\n\n--m\n\n\u{439}\n--m\nContent-Type: multipart/signed; \
             boundary=s\n\n--s\nContent-Transfer-Encoding: 8bit\n\nabc\n--s--\n--m--\n";
        assert!(changed(beside).contains("--s\nContent-Transfer-Encoding: 8bit\n\nabc\n"));
        for (head, why) in [
            ("Content-Transfer-Encoding: quoted-printable\n", "one of its parts is not what its encoding says"),
            ("Content-Type: multipart/mixed\n", "one of its parts may have no encoding"),
            ("Content-Type: message/partial\n", "one of its parts may have no encoding"),
            ("Content-Type: multipart/mixed; boundary=\u{439}\n", "one of its boundaries is not ASCII"),
        ] {
            assert_eq!(cannot(&format!("{head}\n\u{439}\n")), why);
        }
        let deep: String =
            (0..100).map(|n| format!("Content-Type: multipart/mixed; boundary=b{n}.\n\n--b{n}.\n")).collect();
        assert_eq!(cannot(&format!("{deep}\n\u{439}")), "it has too many parts, or parts too deep within parts");
    }

    #[test]
    fn a_part_that_crosses_chunks_is_found_and_read_back() {
        let big = "0123456789abcdef\n".repeat(9000);
        let message = format!(
            "Content-Type: multipart/mixed; boundary=b\n\n--b\n\n{big}\n--b\n\n{big}\u{439}{big}\n--b\n\n{big}\n--b--\n"
        );
        let SevenBit::Changed(body) = form(&message) else { panic!("it was not changed") };
        let all = whole(&*body, 32 * 1024).replace("\r\n", "\n");
        assert_eq!(all.matches("base64").count(), 1);
        assert!(all.contains(&base64(&format!("{big}\u{439}{big}"))) && all.matches(&big).count() == 2);
    }
}
