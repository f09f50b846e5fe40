//! Dot-stuffing (RFC 5321 s4.5.2) of a message that leaves behind DATA. The other direction is [`super::Lines`].

/// Puts a dot before every line that begins with one. Takes lines that end in CRLF, in any pieces.
#[derive(Clone, Debug)]
pub struct Dots {
    /// Behind CRLF, or at the very beginning.
    start: bool,
}

impl Default for Dots {
    fn default() -> Self {
        Dots { start: true }
    }
}

impl Dots {
    /// Puts `input` behind `out`, at most twice as many octets.
    pub fn feed(&mut self, input: &[u8], out: &mut Vec<u8>) {
        for line in input.split_inclusive(|b| *b == b'\n') {
            if self.start && line[0] == b'.' {
                out.push(b'.');
            }
            out.extend_from_slice(line);
            self.start = line.ends_with(b"\n");
        }
    }

    /// The end: the lone dot, behind a CRLF in any case, so that it is never taken for text.
    pub fn finish(&mut self, out: &mut Vec<u8>) {
        if !self.start {
            out.extend_from_slice(b"\r\n");
        }
        out.extend_from_slice(b".\r\n");
        self.start = true;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::smtp::Lines;

    fn stuffed(pieces: &[&[u8]]) -> Vec<u8> {
        let (mut dots, mut out) = (Dots::default(), Vec::new());
        pieces.iter().for_each(|piece| dots.feed(piece, &mut out));
        dots.finish(&mut out);
        out
    }

    #[test]
    fn lines_that_begin_with_a_dot_get_another() {
        assert_eq!(stuffed(&[b".\r\n"]), b"..\r\n.\r\n");
        assert_eq!(stuffed(&[b"a\r\n", b".b\r\n..\r\n"]), b"a\r\n..b\r\n...\r\n.\r\n");
        assert_eq!(stuffed(&[b"a.\r\n", b"", b"."]), b"a.\r\n..\r\n.\r\n");
        assert_eq!(stuffed(&[]), b".\r\n");
    }

    /// Every message of up to six octets over the alphabet of trouble, made good as it is before it leaves.
    #[test]
    fn what_is_stuffed_comes_back_and_ends_once() {
        let alphabet = b"\r\n.a";
        for length in 0..=6u32 {
            for number in 0..alphabet.len().pow(length) {
                let raw: Vec<u8> = (0..length).map(|n| alphabet[number / alphabet.len().pow(n) % 4]).collect();
                let (mut good, mut lines) = (Vec::new(), Lines::of_bdat());
                lines.feed(&raw, &mut good);
                lines.finish(&mut good);
                for cut in 0..=good.len() {
                    let (mut back, mut reader) = (Vec::new(), Lines::of_data());
                    let sent = stuffed(&[&good[..cut], &good[cut..]]);
                    let fed = reader.feed(&sent, &mut back);
                    assert!(fed.ended && fed.used == sent.len(), "{}", raw.escape_ascii());
                    assert_eq!(back, good);
                }
            }
        }
    }
}
