//! Transfer encodings as streams: base64 and quoted-printable (RFC 2045 s6) as leniently as readers read them.

use crate::mime::Encoding;

/// Undoes the encoding of a body that comes in pieces.
pub(super) enum Transfer {
    /// There is none.
    Plain,
    /// Bits that are no whole octet yet, and how many.
    Base64(u32, u32),
    /// An escape that is not whole yet.
    QuotedPrintable(Vec<u8>),
}

impl Transfer {
    pub(super) fn new(encoding: Encoding) -> Self {
        match encoding {
            Encoding::Plain => Transfer::Plain,
            Encoding::Base64 => Transfer::Base64(0, 0),
            Encoding::QuotedPrintable => Transfer::QuotedPrintable(Vec::new()),
        }
    }

    /// Adds the octets of a piece to `out`; `last` ends the body.
    pub(super) fn read(&mut self, piece: &[u8], last: bool, out: &mut Vec<u8>) {
        match self {
            Transfer::Plain => out.extend_from_slice(piece),
            Transfer::Base64(bits, held) => base64(piece, bits, held, out),
            Transfer::QuotedPrintable(escape) => {
                quoted(piece, escape, out);
                if last {
                    out.append(escape);
                }
            }
        }
    }
}

/// Octets that are no letters of base64 are read over; padding ends a group, not the text (many are several texts joined).
fn base64(piece: &[u8], bits: &mut u32, held: &mut u32, out: &mut Vec<u8>) {
    out.reserve(piece.len() / 4 * 3 + 3);
    for &b in piece {
        let letter = LETTERS[usize::from(b)];
        if letter < 64 {
            *bits = *bits << 6 | u32::from(letter);
            *held += 6;
            if *held >= 8 {
                *held -= 8;
                out.push((*bits >> *held & 0xff) as u8);
            }
        } else if b == b'=' {
            (*bits, *held) = (0, 0);
        }
    }
}

/// The value of each letter; 255 of what is none.
const LETTERS: [u8; 256] = {
    let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut letters = [255; 256];
    let mut n = 0;
    while n < alphabet.len() {
        letters[alphabet[n] as usize] = n as u8;
        n += 1;
    }
    letters
};

/// What stands behind a `=` and is no escape stays as it is.
fn quoted(mut piece: &[u8], escape: &mut Vec<u8>, out: &mut Vec<u8>) {
    while !piece.is_empty() {
        if escape.is_empty() {
            let plain = piece.iter().position(|&b| b == b'=').unwrap_or(piece.len());
            out.extend_from_slice(&piece[..plain]);
            piece = &piece[plain..];
        }
        let Some((&b, rest)) = piece.split_first() else { return };
        match (escape.as_slice(), b) {
            ([], _) => escape.push(b),
            // A soft line end.
            ([b'=', ..], b'\n') => escape.clear(),
            ([b'='], b'\r' | b' ' | b'\t') => escape.push(b),
            // RFC 2045 s6.7 rule 3: white space that a mailer added at the end of the line.
            ([b'=', b' ' | b'\t' | b'\r', ..], b'\r' | b' ' | b'\t') if escape.len() < 80 => escape.push(b),
            ([b'='], _) if b.is_ascii_hexdigit() => escape.push(b),
            ([b'=', high], _) if high.is_ascii_hexdigit() && b.is_ascii_hexdigit() => {
                out.push(value(*high) << 4 | value(b));
                escape.clear();
            }
            _ => {
                // No escape: the octet that showed it may begin one.
                out.append(escape);
                continue;
            }
        }
        piece = rest;
    }
}

fn value(digit: u8) -> u8 {
    match digit {
        b'0'..=b'9' => digit - b'0',
        _ => (digit | 0x20).wrapping_sub(b'a').wrapping_add(10) & 15,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decoded(encoding: Encoding, text: &str) -> String {
        let whole = in_pieces(encoding, text.as_bytes(), text.len().max(1));
        for size in 1..6 {
            assert_eq!(in_pieces(encoding, text.as_bytes(), size), whole, "pieces of {size}");
        }
        String::from_utf8(whole).unwrap()
    }

    fn in_pieces(encoding: Encoding, text: &[u8], size: usize) -> Vec<u8> {
        let (mut transfer, mut out) = (Transfer::new(encoding), Vec::new());
        text.chunks(size).for_each(|piece| transfer.read(piece, false, &mut out));
        transfer.read(b"", true, &mut out);
        out
    }

    #[test]
    fn base64_is_read_with_line_ends_and_joined_texts() {
        let read = |text| decoded(Encoding::Base64, text);
        assert_eq!(read("0J/RgNC4\r\n0LLQtdGC\r\n"), "Привет");
        assert_eq!(read("YQ==YmM=\r\n!ZGVm"), "abcdef");
        assert_eq!(read("YWJj="), "abc");
        assert_eq!(read(""), "");
    }

    #[test]
    fn quoted_printable_is_read_as_mailers_write_it() {
        let read = |text| decoded(Encoding::QuotedPrintable, text);
        assert_eq!(read("=D0=9f=\r\n=D1=80 a=3Db=\nc= \t\r\nd"), "Пр a=bcd");
        assert_eq!(read("a=b=zz==3D = =A"), "a=b=zz==3D = =A".replace("==3D", "=="));
        assert_eq!(read("100=25 =\r"), "100% =\r");
        assert_eq!(decoded(Encoding::Plain, "=41"), "=41");
    }
}
