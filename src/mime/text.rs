//! Small helpers over text that every file here needs: unfolding, making strangers' words harmless, folding our own lines.

use base64::{Engine, engine::general_purpose::STANDARD};

/// Length at which our own header lines are folded (RFC 5322 s2.1.1: 78 without CRLF).
const FOLD: usize = 76;

/// CR and LF taken out (RFC 5322 s2.2.3).
pub(super) fn flat(value: &[u8]) -> Vec<u8> {
    value.iter().copied().filter(|b| !matches!(b, b'\r' | b'\n')).collect()
}

/// As [`flat`], as text without the blanks around it; bytes that are no UTF-8 become U+FFFD.
pub(super) fn unfold(value: &[u8]) -> String {
    String::from_utf8_lossy(&flat(value)).trim().to_owned()
}

/// Two hexadecimal digits behind `mark` become their octet; what is no such escape stays.
pub(super) fn unescape(text: &[u8], mark: u8) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((&b, after)) = rest.split_first() {
        let digits = after.get(..2).filter(|_| b == mark).and_then(|d| Some(hex(d[0])? * 16 + hex(d[1])?));
        out.push(digits.unwrap_or(b));
        rest = if digits.is_some() { &after[2..] } else { after };
    }
    out
}

/// Octets that RFC 2231 s7 does not let stand for themselves become `%41`.
pub(super) fn escape(text: &[u8], out: &mut Vec<u8>) {
    for &b in text {
        if b.is_ascii_alphanumeric() || b"!#$&+-.^_`{|}~".contains(&b) {
            out.push(b);
        } else {
            out.extend_from_slice(format!("%{b:02X}").as_bytes());
        }
    }
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|d| u8::try_from(d).ok())
}

/// Printable ASCII, at most `max` characters; everything else becomes `?`, so that it can end neither a line nor a field.
pub(super) fn printable(text: &str, max: usize) -> String {
    text.chars().take(max).map(|c| if c.is_ascii_graphic() || c == ' ' { c } else { '?' }).collect()
}

/// As [`printable`], but in any script: what could end a line or turn its direction becomes `?`.
pub(super) fn readable(text: &str, max: usize) -> String {
    let odd = |c: char| {
        c.is_control()
            || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
    };
    text.chars().take(max).map(|c| if odd(c) { '?' } else { c }).collect()
}

/// A host's name as it may stand in a header of ours: letters, digits, `-._:` and brackets round an address literal.
/// What is neither name nor literal keeps its letters; the rest becomes `?` (a HELO is a stranger's text).
pub(super) fn host(text: &str) -> String {
    if text.is_empty() {
        return "unknown".into();
    }
    if let Ok(domain) = crate::types::Domain::parse(text) {
        return if domain.is_literal() || !text.is_ascii() { domain.to_string() } else { text.to_owned() };
    }
    let plain = |c: char| c.is_ascii_alphanumeric() || "-._:".contains(c);
    text.chars().take(255).map(|c| if plain(c) { c } else { '?' }).collect()
}

/// `name: text` with CRLF, folded at spaces. A word longer than a line stands alone on it.
pub(super) fn folded(name: &str, text: &str) -> String {
    let mut out = format!("{name}:");
    let mut column = out.len();
    for word in text.split(' ').filter(|w| !w.is_empty()) {
        if column + 1 + word.len() > FOLD && column > name.len() + 1 {
            out.push_str("\r\n");
            column = 0;
        }
        out.push(' ');
        out.push_str(word);
        column += 1 + word.len();
    }
    out.push_str("\r\n");
    out
}

/// Base64 in lines of 76 characters, each with CRLF (RFC 2045 s6.8).
pub(super) fn base64_lines(bytes: &[u8]) -> String {
    let mut out = String::new();
    for line in bytes.chunks(57) {
        STANDARD.encode_string(line, &mut out);
        out.push_str("\r\n");
    }
    out
}

/// Quoted-printable (RFC 2045 s6.7): CRLF stays a line end, all other octets but printable ASCII are encoded, a leading `-`
/// too, so that no line can be taken for a boundary. Ends with CRLF.
pub(super) fn quoted_printable(bytes: &[u8]) -> String {
    let mut out = String::new();
    let mut column = 0;
    let mut at = 0;
    while let Some(&b) = bytes.get(at) {
        if bytes[at..].starts_with(b"\r\n") {
            out.push_str("\r\n");
            (column, at) = (0, at + 2);
            continue;
        }
        if column > 70 {
            out.push_str("=\r\n");
            column = 0;
        }
        let before = out.len();
        let blank_at_end = b == b' ' && bytes[at + 1..].first().is_none_or(|&n| n == b'\r');
        let plain = (b.is_ascii_graphic() || b == b' ') && b != b'=' && !blank_at_end && (b != b'-' || column > 0);
        if plain {
            out.push(char::from(b))
        } else {
            out.push_str(&format!("={b:02X}"))
        }
        column += out.len() - before;
        at += 1;
    }
    if column > 0 {
        out.push_str("\r\n");
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_cannot_break_out() {
        assert_eq!(host("mail.Example.org"), "mail.Example.org");
        assert_eq!(host("[192.0.2.1]"), "[192.0.2.1]");
        assert_eq!(host("[IPv6:::1]"), "[ipv6:::1]");
        assert_eq!(host("a)\r\nX: b ([1.2.3.4]"), "a???X:?b???1.2.3.4?");
        assert_eq!(host("дом"), "xn--d1aqf", "a name of another script is written as its A-label");
        assert_eq!(host("дом дом"), "???????");
        assert_eq!(host(""), "unknown");
        assert_eq!(host(&"x".repeat(4000)).len(), 255);
    }

    #[test]
    fn quoted_printable_hides_boundaries_blanks_and_control_characters() {
        assert_eq!(quoted_printable(b"a=b\r\n--x\r\n y \r\nz\r"), "a=3Db\r\n=2D-x\r\n y=20\r\nz=0D\r\n");
        assert!(quoted_printable(&[b'-'; 300]).lines().all(|l| l.len() <= 76 && !l.starts_with('-')));
        assert_eq!(quoted_printable(b""), "");
    }

    #[test]
    fn folds_at_spaces_and_never_loses_a_word() {
        let text = "word ".repeat(60);
        let out = folded("X", &text);
        assert!(out.lines().all(|l| l.len() <= FOLD));
        assert_eq!(out.split_whitespace().count(), 61);
        assert_eq!(folded("X", &"y".repeat(200)), format!("X: {}\r\n", "y".repeat(200)));
        assert_eq!(folded("X", ""), "X:\r\n");
    }
}
