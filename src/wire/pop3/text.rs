//! The text of a message behind `+OK` (RFC 1939 s3): dots doubled, an end that cannot be mistaken, TOP cut to size.

/// Doubles the dot at the beginning of a line. One for each message; takes it in pieces of any size.
///
/// A bare LF counts as the end of a line too: a client that reads by LF would otherwise find an end inside the message.
pub struct Stuffing {
    /// The last two octets so far; at first as if a line had ended.
    last: [u8; 2],
}

impl Default for Stuffing {
    fn default() -> Self {
        Stuffing { last: *b"\r\n" }
    }
}

impl Stuffing {
    /// Writes the next piece.
    pub fn put(&mut self, piece: &[u8], out: &mut Vec<u8>) {
        let mut copied = 0;
        let mut before = self.last[1];
        for (at, octet) in piece.iter().copied().enumerate() {
            if octet == b'.' && before == b'\n' {
                out.extend_from_slice(&piece[copied..at]);
                out.push(b'.');
                copied = at;
            }
            before = octet;
        }
        out.extend_from_slice(&piece[copied..]);
        match piece {
            [] => {}
            [one] => self.last = [self.last[1], *one],
            [.., last_but_one, last] => self.last = [*last_but_one, *last],
        }
    }

    /// Writes the end; a message that does not end with CRLF gets one.
    pub fn end(self, out: &mut Vec<u8>) {
        if self.last != *b"\r\n" {
            out.extend_from_slice(b"\r\n");
        }
        out.extend_from_slice(b".\r\n");
    }
}

/// How much of a message TOP shows: the header section, the empty line, and so many lines behind it.
pub struct Top {
    lines: u32,
    in_body: bool,
    /// Octets of the line under way, without its LF, and whether the first is a CR.
    length: u64,
    begins_with_cr: bool,
    over: bool,
}

impl Top {
    /// `lines` of the body.
    pub fn new(lines: u32) -> Self {
        Top { lines, in_body: false, length: 0, begins_with_cr: false, over: false }
    }

    /// How many octets of the next piece belong to it. Fewer than all: it is over.
    pub fn take(&mut self, piece: &[u8]) -> usize {
        if self.over {
            return 0;
        }
        let mut begin = 0;
        while let Some(end) = piece[begin..].iter().position(|b| *b == b'\n').map(|at| begin + at) {
            self.extend(&piece[begin..end]);
            self.end_line();
            begin = end + 1;
            if self.over {
                return begin;
            }
        }
        self.extend(&piece[begin..]);
        piece.len()
    }

    /// Whether nothing more is wanted.
    pub fn is_over(&self) -> bool {
        self.over
    }

    fn extend(&mut self, part: &[u8]) {
        if self.length == 0 {
            self.begins_with_cr = part.starts_with(b"\r");
        }
        self.length += part.len() as u64;
    }

    fn end_line(&mut self) {
        let empty = self.length == 0 || (self.length == 1 && self.begins_with_cr);
        if self.in_body {
            self.lines = self.lines.saturating_sub(1);
        } else {
            self.in_body = empty;
        }
        self.over = self.in_body && self.lines == 0;
        self.length = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stuffed(message: &[u8], piece: usize) -> Vec<u8> {
        let (mut stuffing, mut out) = (Stuffing::default(), Vec::new());
        message.chunks(piece).for_each(|p| stuffing.put(p, &mut out));
        stuffing.end(&mut out);
        out
    }

    #[test]
    fn dots_are_doubled_and_the_end_is_added_however_the_pieces_fall() {
        for (message, wire) in [
            ("", ".\r\n"),
            ("a", "a\r\n.\r\n"),
            ("a\r\n", "a\r\n.\r\n"),
            (".", "..\r\n.\r\n"),
            (".\r\n", "..\r\n.\r\n"),
            ("a\r\n.\r\nb\r\n..\r\n", "a\r\n..\r\nb\r\n...\r\n.\r\n"),
            ("a.b\r\n.c", "a.b\r\n..c\r\n.\r\n"),
            ("a\n.\nb", "a\n..\nb\r\n.\r\n"),
            ("a\r", "a\r\r\n.\r\n"),
            ("a\n", "a\n\r\n.\r\n"),
        ] {
            for piece in 1..=4 {
                assert_eq!(String::from_utf8(stuffed(message.as_bytes(), piece)).unwrap(), wire, "{message:?}");
            }
        }
    }

    fn top(message: &[u8], lines: u32, piece: usize) -> Vec<u8> {
        let (mut top, mut out) = (Top::new(lines), Vec::new());
        for piece in message.chunks(piece) {
            out.extend_from_slice(&piece[..top.take(piece)]);
        }
        out
    }

    #[test]
    fn top_shows_the_header_section_and_so_many_lines() {
        let message = b"A: 1\r\n b\r\n\r\none\r\n\r\nthree\r\nfour";
        for piece in [1, 2, 3, 5, 100] {
            for (lines, end) in [(0, 12), (1, 17), (2, 19), (3, 26), (4, 30), (9, 30)] {
                assert_eq!(top(message, lines, piece), &message[..end], "{lines} {piece}");
            }
        }
        assert_eq!(top(b"A: 1\n\none\ntwo\n", 1, 3), b"A: 1\n\none\n");
        assert_eq!(top(b"no body\r\n", 0, 4), b"no body\r\n");
        assert_eq!(top(b"\r\nbody\r\n", 0, 4), b"\r\n");
    }
}
