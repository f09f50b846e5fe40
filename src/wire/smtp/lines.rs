//! The bytes of a message as they come behind DATA or BDAT: dots removed, newlines made good, the end found.
//!
//! Only CRLF.CRLF ends DATA (RFC 5321 s4.1.1.4). A server that also takes LF.LF or CR.CR lets others hide a second message
//! in the first ("SMTP smuggling", 2023). A bare CR or LF becomes CRLF here and is remembered; the session decides whether
//! this client may send one (strangers may not).

/// Where the decoder stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum At {
    /// Behind a CRLF, or at the very beginning.
    Start,
    /// CRLF, then a dot that is not written yet.
    Dot,
    /// CRLF, dot, CR.
    DotCr,
    /// Within a line.
    Text,
    /// Behind a CR that is not written yet.
    Cr,
    /// Behind a bare newline.
    BareStart,
    /// Bare newline, then a dot that is not written yet.
    BareDot,
    /// Behind CRLF.CRLF.
    End,
}

/// The decoder; holds no bytes, so it may be fed in any pieces.
#[derive(Clone, Debug)]
pub struct Lines {
    dots: bool,
    at: At,
    bare: bool,
}

/// What one [`Lines::feed`] did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fed {
    /// Octets of the input that were used; all of them unless the end came.
    pub used: usize,
    /// Whether the end came.
    pub ended: bool,
}

impl Lines {
    /// For DATA: dot-stuffing is undone, CRLF.CRLF is the end.
    #[must_use]
    pub fn of_data() -> Self {
        Lines { dots: true, at: At::Start, bare: false }
    }

    /// For BDAT: a dot is a dot, the end is [`Lines::finish`].
    #[must_use]
    pub fn of_bdat() -> Self {
        Lines { dots: false, at: At::Start, bare: false }
    }

    /// Whether a bare CR or LF was seen.
    #[must_use]
    pub fn saw_bare(&self) -> bool {
        self.bare
    }

    /// Takes input and puts the message's octets, lines ending in CRLF, behind `out` (at most twice the input and 3 more).
    pub fn feed(&mut self, input: &[u8], out: &mut Vec<u8>) -> Fed {
        let mut used = 0;
        while used < input.len() && self.at != At::End {
            if self.at == At::Text {
                // The bulk of every message: copy up to the next newline at one go.
                let rest = &input[used..];
                let plain = memchr::memchr2(b'\r', b'\n', rest).unwrap_or(rest.len());
                out.extend_from_slice(&rest[..plain]);
                used += plain;
                if plain == rest.len() {
                    break;
                }
            }
            self.at = self.take(input[used], out);
            used += 1;
        }
        Fed { used, ended: self.at == At::End }
    }

    /// Ends a BDAT message: what waits is written, and a last line without an ending gets one, since a message at rest
    /// consists of lines (RFC 5321 s2.3.8).
    pub fn finish(&mut self, out: &mut Vec<u8>) {
        match self.at {
            At::Text => out.extend_from_slice(b"\r\n"),
            At::Cr => {
                self.newline(out);
            }
            At::Dot | At::BareDot => out.extend_from_slice(b".\r\n"),
            At::DotCr => {
                out.push(b'.');
                self.newline(out);
            }
            At::Start | At::BareStart | At::End => {}
        }
        self.at = At::End;
    }

    /// A bare CR or LF.
    fn newline(&mut self, out: &mut Vec<u8>) -> At {
        self.bare = true;
        out.extend_from_slice(b"\r\n");
        At::BareStart
    }

    /// An octet where nothing is special but newlines.
    fn text(&mut self, octet: u8, out: &mut Vec<u8>) -> At {
        match octet {
            b'\r' => At::Cr,
            b'\n' => self.newline(out),
            other => {
                out.push(other);
                At::Text
            }
        }
    }

    fn take(&mut self, octet: u8, out: &mut Vec<u8>) -> At {
        match (self.at, octet) {
            (At::Start, b'.') if self.dots => At::Dot,
            (At::Start | At::Text, _) => self.text(octet, out),
            (At::Dot, b'\r') => At::DotCr,
            // CRLF, dot, LF: no end. The dot is kept, for the line is not empty.
            (At::Dot, b'\n') => {
                out.push(b'.');
                self.newline(out)
            }
            // RFC 5321 s4.5.2: the first of the dots goes.
            (At::Dot, _) => self.text(octet, out),
            (At::DotCr, b'\n') => At::End,
            (At::DotCr, _) => {
                out.push(b'.');
                self.newline(out);
                self.after_newline(octet, out)
            }
            (At::Cr, b'\n') => {
                out.extend_from_slice(b"\r\n");
                At::Start
            }
            (At::Cr, _) => {
                self.newline(out);
                self.after_newline(octet, out)
            }
            (At::BareStart, _) => self.after_newline(octet, out),
            // A program that ends its lines with LF may stuff dots or not. Two dots: it does, one goes. One dot: it does not.
            (At::BareDot, b'.') => {
                out.push(b'.');
                At::Text
            }
            (At::BareDot, _) => {
                out.push(b'.');
                self.text(octet, out)
            }
            (At::End, _) => At::End,
        }
    }

    fn after_newline(&mut self, octet: u8, out: &mut Vec<u8>) -> At {
        if self.dots && octet == b'.' { At::BareDot } else { self.text(octet, out) }
    }
}

/// The octets that follow a BDAT command: exactly so many, whatever they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Chunk {
    left: u64,
    last: bool,
}

impl Chunk {
    /// Behind `BDAT octets` or `BDAT octets LAST`.
    #[must_use]
    pub fn new(octets: u64, last: bool) -> Self {
        Chunk { left: octets, last }
    }

    /// Whether all of them came.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.left == 0
    }

    /// Takes what belongs to the chunk from `input` and feeds it to `lines`; with the last octet of the last chunk the
    /// message ends. `ended` says that the chunk is done. What is left of the input is the next command.
    pub fn feed(&mut self, input: &[u8], lines: &mut Lines, out: &mut Vec<u8>) -> Fed {
        let used = self.skip(input.len());
        lines.feed(&input[..used], out);
        if self.is_done() && self.last {
            lines.finish(out);
        }
        Fed { used, ended: self.is_done() }
    }

    /// The same for a chunk that is thrown away: how many of the `available` octets belong to it.
    pub fn skip(&mut self, available: usize) -> usize {
        let used = usize::try_from(self.left).unwrap_or(usize::MAX).min(available);
        self.left -= used as u64;
        used
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The message, what is left behind its end (None: no end), whether a bare newline was seen.
    fn data(pieces: &[&[u8]]) -> (String, Option<usize>, bool) {
        let (mut lines, mut out, mut end) = (Lines::of_data(), Vec::new(), None);
        for piece in pieces {
            match end {
                None => {
                    let fed = lines.feed(piece, &mut out);
                    end = fed.ended.then(|| piece.len() - fed.used);
                }
                Some(left) => end = Some(left + piece.len()),
            }
        }
        (String::from_utf8_lossy(&out).into_owned(), end, lines.saw_bare())
    }

    fn bdat(pieces: &[&[u8]]) -> (String, bool) {
        let (mut lines, mut out) = (Lines::of_bdat(), Vec::new());
        for (n, piece) in pieces.iter().enumerate() {
            let mut chunk = Chunk::new(piece.len() as u64, n + 1 == pieces.len());
            assert!(chunk.feed(piece, &mut lines, &mut out).ended);
        }
        (String::from_utf8_lossy(&out).into_owned(), lines.saw_bare())
    }

    #[test]
    fn only_crlf_dot_crlf_ends_data() {
        for (input, text, end, bare) in [
            ("a\r\n.\r\n", "a\r\n", Some(0), false),
            (".\r\n", "", Some(0), false),
            ("a\r\n.\r\nQUIT\r\n", "a\r\n", Some(6), false),
            ("a\r\n..\r\n...b\r\n.\r\n", "a\r\n.\r\n..b\r\n", Some(0), false),
            ("a\r\n.b\r\n.\r\n", "a\r\nb\r\n", Some(0), false),
            ("a.\r\n.\r\n", "a.\r\n", Some(0), false),
            ("a\n.\n", "a\r\n.\r\n", None, true),
            ("a\n.\r\n", "a\r\n.\r\n", None, true),
            ("a\r\n.\n", "a\r\n.\r\n", None, true),
            ("a\r.\r", "a\r\n.", None, true),
            ("a\r\n.\r.\r\n", "a\r\n.\r\n.\r\n", None, true),
            ("a\r\n.\r\r\n", "a\r\n.\r\n\r\n", None, true),
            ("a\r\r\n.\r\n", "a\r\n\r\n", Some(0), true),
            ("a\n..b\n.c\r\n.\r\n", "a\r\n.b\r\n.c\r\n", Some(0), true),
        ] {
            assert_eq!(data(&[input.as_bytes()]), (text.to_owned(), end, bare), "{input:?}");
        }
    }

    #[test]
    fn a_chunk_keeps_its_dots_and_gets_a_last_newline() {
        assert_eq!(bdat(&[b"a\r\n.\r\n..b"]), ("a\r\n.\r\n..b\r\n".into(), false));
        assert_eq!(bdat(&[b"a\r", b"\nb\r\n"]), ("a\r\nb\r\n".into(), false));
        assert_eq!(bdat(&[b"a\r", b"b\n"]), ("a\r\nb\r\n".into(), true));
        assert_eq!(bdat(&[b"a\r"]), ("a\r\n".into(), true));
        assert_eq!(bdat(&[b"a\r\n", b""]), ("a\r\n".into(), false));
        assert_eq!(bdat(&[b""]), (String::new(), false));
    }

    /// Every message of up to six octets over the alphabet of trouble, in every split into two and octet by octet.
    #[test]
    fn every_split_gives_the_same() {
        let alphabet = b"\r\n.a";
        for length in 0..=6u32 {
            for number in 0..alphabet.len().pow(length) {
                let octet = |n: u32| alphabet[number / alphabet.len().pow(n) % alphabet.len()];
                let input: Vec<u8> = (0..length).map(octet).chain(*b"\r\n.\r\nx").collect();
                let whole = data(&[&input]);
                for cut in 1..input.len() {
                    assert_eq!(data(&[&input[..cut], &input[cut..]]), whole, "{}", input.escape_ascii());
                }
                let single: Vec<&[u8]> = input.chunks(1).collect();
                assert_eq!(data(&single), whole, "{}", input.escape_ascii());
                assert_eq!(bdat(&single), bdat(&[&input]), "{}", input.escape_ascii());
            }
        }
    }

    #[test]
    fn what_comes_out_has_no_bare_newline_and_at_most_twice_the_size() {
        let alphabet = b"\r\n.a";
        for number in 0..alphabet.len().pow(7) {
            let input: Vec<u8> = (0..7).map(|n| alphabet[number / alphabet.len().pow(n) % alphabet.len()]).collect();
            for mut lines in [Lines::of_data(), Lines::of_bdat()] {
                let mut out = Vec::new();
                lines.feed(&input, &mut out);
                lines.finish(&mut out);
                assert!(out.len() <= 2 * input.len() + 3, "{}", input.escape_ascii());
                let text = String::from_utf8(out).unwrap();
                assert!(!text.replace("\r\n", "").contains(['\r', '\n']), "{}", input.escape_ascii());
            }
        }
    }

    #[test]
    fn a_stuffed_message_comes_back_whole() {
        for text in ["", "a\r\n", ".\r\n", "..\r\n.a\r\n\r\n.\r\nb\r\n"] {
            let stuffed = format!("\r\n{text}").replace("\r\n.", "\r\n..");
            let sent = format!("{}.\r\n", &stuffed[2..]);
            assert_eq!(data(&[sent.as_bytes()]), (text.to_owned(), Some(0), false));
        }
    }
}
