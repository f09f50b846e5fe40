//! Strings on their way out (RFC 3501 s4.3): quoted where they can be, literals where they must.

use std::io::Write;

/// Octets that a quoted string of ours may have; a longer one is a literal.
const QUOTED: usize = 1000;

/// As a server says it: quoted, or a literal. `utf8`: ENABLE UTF8=ACCEPT was said, and UTF-8 may stand in quotes (RFC 6855 s3).
pub fn string(out: &mut Vec<u8>, text: &[u8], utf8: bool) {
    let eight = utf8 && std::str::from_utf8(text).is_ok();
    let plain = |b: &u8| (b' '..=b'~').contains(b) || eight && *b >= 0x80;
    if text.len() <= QUOTED && text.iter().all(plain) {
        return quoted(out, text);
    }
    literal(out, text.len() as u64);
    out.extend_from_slice(text);
}

/// As [`string`]; NIL for none.
pub fn nstring(out: &mut Vec<u8>, text: Option<&[u8]>, utf8: bool) {
    match text {
        Some(text) => string(out, text, utf8),
        None => out.extend_from_slice(b"NIL"),
    }
}

/// The head of a literal whose octets follow.
pub fn literal(out: &mut Vec<u8>, octets: u64) {
    out.push(b'{');
    number(out, octets);
    out.extend_from_slice(b"}\r\n");
}

/// A number in digits. The flags of a folder and the answer of a SEARCH are little else, so it is not left to `write!`.
pub fn number(out: &mut Vec<u8>, number: u64) {
    let mut digits = [0; 20];
    let (mut rest, mut at) = (number, digits.len());
    loop {
        at -= 1;
        digits[at] = b'0' + (rest % 10) as u8;
        rest /= 10;
        if rest == 0 {
            return out.extend_from_slice(&digits[at..]);
        }
    }
}

pub(super) fn quoted(out: &mut Vec<u8>, text: &[u8]) {
    out.push(b'"');
    for octet in text {
        if matches!(octet, b'"' | b'\\') {
            out.push(b'\\');
        }
        out.push(*octet);
    }
    out.push(b'"');
}

/// As a client says it: a word, quoted, or a literal that waits for nobody (RFC 7888 s4).
pub(super) fn astring(out: &mut Vec<u8>, text: &[u8]) {
    let atom = |b: &u8| b.is_ascii_alphanumeric() || b"!#$&'+,-./:;<=>?@^_`|~".contains(b);
    if !text.is_empty() && text.iter().all(atom) && !text.eq_ignore_ascii_case(b"NIL") {
        out.extend_from_slice(text);
    } else {
        client_string(out, text);
    }
}

/// As [`astring`], but never a word.
pub(super) fn client_string(out: &mut Vec<u8>, text: &[u8]) {
    if text.len() <= QUOTED && text.iter().all(|b| (b' '..=b'~').contains(b)) {
        return quoted(out, text);
    }
    let _ = write!(out, "{{{}+}}\r\n", text.len());
    out.extend_from_slice(text);
}

/// What a person reads in an answer: a detail must not end the line, nor begin another answer.
pub(super) fn one_line(text: &str) -> String {
    text.chars().map(|c| if (' '..='~').contains(&c) { c } else { '?' }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(text: &str, utf8: bool) -> String {
        let mut out = Vec::new();
        string(&mut out, text.as_bytes(), utf8);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn numbers_are_in_digits() {
        for n in [0, 7, 10, 99, 100, 4_294_967_295, u64::MAX] {
            let mut out = b"x".to_vec();
            number(&mut out, n);
            assert_eq!(String::from_utf8(out).unwrap(), format!("x{n}"));
        }
    }

    #[test]
    fn quotes_what_can_be_quoted() {
        assert_eq!(said("a \"b\" \\", false), "\"a \\\"b\\\" \\\\\"");
        assert_eq!(said("", false), "\"\"");
        assert_eq!(said("a\r\nb", false), "{4}\r\na\r\nb");
        assert_eq!(said("почта", false), "{10}\r\nпочта");
        assert_eq!(said("почта", true), "\"почта\"");
        assert_eq!(said(&"x".repeat(1001), true), format!("{{1001}}\r\n{}", "x".repeat(1001)));
    }

    #[test]
    fn octets_that_are_no_utf8_never_stand_in_quotes() {
        let mut out = Vec::new();
        string(&mut out, b"\xff", true);
        nstring(&mut out, None, false);
        assert_eq!(out, b"{1}\r\n\xffNIL");
    }
}
