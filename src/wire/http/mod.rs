//! HTTP/1.1 (RFC 9110, 9112): heads of requests and answers, and the name in Host.
//!
//! Strict where two readers could understand a request differently (request smuggling): one form of line, one length, no
//! folding, no chunks. What reads bytes here is a pure function over what it is given, fit for a fuzz target:
//! [`head_end`], [`RequestHead::parse`], [`AnswerHead::parse`], [`Host::parse`].
//! Must not know: sockets, who may ask for what.

mod answer;
mod host;
mod request;

pub use answer::{AnswerHead, BodyForm};
pub use host::Host;
pub use request::{BadHead, Method, RequestHead, head_end};

/// RFC 9110 s5.6.2.
fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

/// RFC 9110 s5.5: visible octets, blanks, and what is not ASCII.
fn is_value(byte: u8) -> bool {
    matches!(byte, b'\t' | b' '..=b'~' | 0x80..)
}

/// A field line `Name: value` (RFC 9112 s5): the name, the value without the blanks round it. None when it is
/// not one: folded, a blank before the colon, a control character.
fn field(line: &[u8]) -> Option<(String, String)> {
    let colon = line.iter().position(|b| *b == b':')?;
    let (name, value) = (&line[..colon], &line[colon + 1..]);
    if name.is_empty() || !name.iter().copied().all(is_token) || !value.iter().copied().all(is_value) {
        return None;
    }
    let value = value.trim_ascii();
    Some((String::from_utf8_lossy(name).into_owned(), String::from_utf8_lossy(value).into_owned()))
}

/// The lines of a head that ends with an empty line, without their CRLF.
fn lines(head: &[u8]) -> impl Iterator<Item = &[u8]> {
    let body = head.strip_suffix(b"\r\n\r\n").unwrap_or(head);
    body.split(|b| *b == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line))
}

/// A decimal length: digits only (RFC 9110 s8.6), so that no `+5`, ` 5` or `5, 5` is one.
fn length(text: &str) -> Option<u64> {
    let digits = !text.is_empty() && text.len() <= 19 && text.bytes().all(|b| b.is_ascii_digit());
    digits.then(|| text.parse().ok()).flatten()
}
