//! The octets behind DATA and BDAT.
//!
//! Oracles: any cut into pieces gives the same; what comes out consists of lines that end in CRLF; where the input is clean,
//! the end and the dots are those of a plain reading of RFC 5321; what came out, sent on again, arrives the same.
#![no_main]

use gatepost::wire::smtp::{Chunk, Lines};
use libfuzzer_sys::fuzz_target;

#[derive(Debug, PartialEq)]
struct Decoded {
    out: Vec<u8>,
    /// Octets up to the end, if it came.
    end: Option<usize>,
    bare: bool,
}

fuzz_target!(|data: &[u8]| {
    let Some((&seed, input)) = data.split_first() else { return };
    let whole = decode(input, |_| usize::MAX);
    let mut state = u32::from(seed) + 1;
    let mut random = |_| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as usize % 9 + 1
    };
    assert_eq!(decode(input, &mut random), whole);
    assert_eq!(decode(input, |_| 1), whole);
    lines_end_in_crlf(&whole.out);
    assert!(whole.out.len() <= 2 * input.len() + 3);
    if !whole.bare {
        assert_eq!(
            (whole.out.as_slice(), whole.end),
            plain_reading(input).as_ref().map_or_else(|| (&*whole.out, None), |(o, e)| (o, Some(*e)))
        );
    }
    if whole.end.is_some() {
        let again = decode(&stuffed(&whole.out), |_| usize::MAX);
        assert_eq!((again.out, again.bare), (whole.out, false));
    }
    chunks(input, &mut random);
});

fn decode(input: &[u8], mut piece: impl FnMut(usize) -> usize) -> Decoded {
    let (mut lines, mut out, mut at) = (Lines::of_data(), Vec::new(), 0);
    while at < input.len() {
        let to = at + piece(at).min(input.len() - at);
        let fed = lines.feed(&input[at..to], &mut out);
        at += fed.used;
        if fed.ended {
            return Decoded { out, end: Some(at), bare: lines.saw_bare() };
        }
        assert_eq!(at, to, "octets were left though the end did not come");
    }
    Decoded { out, end: None, bare: lines.saw_bare() }
}

fn lines_end_in_crlf(out: &[u8]) {
    for (n, &b) in out.iter().enumerate() {
        match b {
            b'\n' => assert!(n > 0 && out[n - 1] == b'\r'),
            b'\r' => assert_eq!(out.get(n + 1), Some(&b'\n')),
            _ => {}
        }
    }
}

/// RFC 5321 s4.5.2 for input without bare newlines, line by line; None if the end does not come.
fn plain_reading(input: &[u8]) -> Option<(Vec<u8>, usize)> {
    let (mut out, mut at) = (Vec::new(), 0);
    loop {
        let end = at + input[at..].windows(2).position(|w| w == b"\r\n")? + 2;
        let line = &input[at..end];
        at = end;
        if line == b".\r\n" {
            return Some((out, at));
        }
        out.extend_from_slice(line.strip_prefix(b".").unwrap_or(line));
    }
}

fn stuffed(message: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    for line in message.split_inclusive(|&b| b == b'\n') {
        if line.starts_with(b".") {
            out.push(b'.');
        }
        out.extend_from_slice(line);
    }
    out.extend_from_slice(b".\r\n");
    out
}

/// BDAT: one chunk or many, read in pieces or not, the message is the same, and the next command is not touched.
fn chunks(input: &[u8], random: &mut impl FnMut(usize) -> usize) {
    let (mut lines, mut whole) = (Lines::of_bdat(), Vec::new());
    let fed = Chunk::new(input.len() as u64, true).feed(&[input, b"QUIT\r\n"].concat(), &mut lines, &mut whole);
    assert!(fed.ended && fed.used == input.len());
    lines_end_in_crlf(&whole);
    assert!(whole.is_empty() || whole.ends_with(b"\r\n"));

    let (mut cut, mut out, mut at) = (Lines::of_bdat(), Vec::new(), 0);
    loop {
        let size = random(at).min(input.len() - at);
        let last = at + size == input.len();
        let mut chunk = Chunk::new(size as u64, last);
        let (first, rest) = input[at..].split_at(size / 2);
        let used = chunk.feed(first, &mut cut, &mut out).used;
        let used = used + if chunk.is_done() && used == size { 0 } else { chunk.feed(rest, &mut cut, &mut out).used };
        assert!(used == size && chunk.is_done());
        at += size;
        if last {
            if size == 0 {
                cut.finish(&mut out);
            }
            break;
        }
    }
    assert_eq!((out, cut.saw_bare()), (whole, lines.saw_bare()));
}
