//! Values with parameters (RFC 2045 s5.1): Content-Type and Content-Disposition, read as leniently as mail needs it.

use std::collections::{BTreeMap, BTreeSet};

use super::{text, words};
use crate::types::set_of;

/// `value; name=value; ...` as it was written: quotes and comments are gone, nothing is decoded.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Valued {
    /// The word before the parameters, in lower case.
    pub value: String,
    /// Names in lower case (with the `*` of RFC 2231), values as they came; in order, doubles kept.
    pub params: Vec<(String, Vec<u8>)>,
}

impl Valued {
    /// Reads a field's value. Anything gives something: a missing semicolon, an open quote or comment, raw 8-bit text.
    pub fn parse(field: &[u8]) -> Self {
        let mut at = Cursor { rest: field };
        at.skip_blank();
        let value = at.token(b";").to_ascii_lowercase();
        let mut params = Vec::new();
        loop {
            at.skip_blank();
            match at.rest.first() {
                None => break,
                Some(b';' | b'=') => at.rest = &at.rest[1..],
                Some(_) => params.extend(at.param()),
            }
        }
        Valued { value: String::from_utf8_lossy(&value).into_owned(), params }
    }

    /// The first parameter of this (lower-case) name, as it was written.
    pub fn param(&self, name: &str) -> Option<&[u8]> {
        self.params.iter().find(|(n, _)| n == name).map(|(_, v)| &v[..])
    }

    /// A parameter in words: RFC 2231 pieces joined and decoded; encoded words within quotes too, since many senders
    /// write them against RFC 2047 s5.
    pub fn decoded(&self, name: &str) -> Option<String> {
        if let Some(plain) = self.param(name) {
            return Some(words::decode(plain));
        }
        if let Some(whole) = self.param(&format!("{name}*")) {
            let (charset, rest) = extended(whole);
            return Some(words::in_charset(charset, &percent(rest)));
        }
        self.pieces(name)
    }

    /// The parameters with their RFC 2231 pieces joined, as IMAP shows them (RFC 2231 s6): `name*0*`, `name*1` are one `name*`.
    pub fn joined(&self) -> Vec<(String, Vec<u8>)> {
        let mut all: BTreeMap<&str, &[u8]> = BTreeMap::new();
        for (name, value) in &self.params {
            all.entry(name).or_insert(value);
        }
        let pieces = self.params.iter().filter_map(|(name, _)| piece(name));
        let firsts: BTreeSet<&str> = set_of(pieces.filter(|(_, n)| *n == 0).map(|(base, _)| base));
        let (mut out, mut waiting) = (Vec::new(), firsts.clone());
        for (name, value) in &self.params {
            match piece(name) {
                // The first of a name counts, as it does everywhere.
                Some((base, 0)) => out.extend(waiting.take(base).map(|base| join(base, &all))),
                Some((base, _)) if firsts.contains(base) => {}
                Some(_) | None => out.push((name.clone(), value.clone())),
            }
        }
        out
    }

    /// `name*0`, `name*1*`, ... (RFC 2231 s3): the charset stands in the first one.
    fn pieces(&self, name: &str) -> Option<String> {
        let mut charset: &[u8] = b"";
        let mut bytes = Vec::new();
        for n in 0..self.params.len() {
            let (plain, starred) = (format!("{name}*{n}"), format!("{name}*{n}*"));
            if let Some(piece) = self.param(&plain) {
                bytes.extend_from_slice(piece);
                continue;
            }
            let Some(piece) = self.param(&starred) else { break };
            let piece = if n == 0 {
                let (named, rest) = extended(piece);
                charset = named;
                rest
            } else {
                piece
            };
            bytes.extend_from_slice(&percent(piece));
        }
        (!bytes.is_empty()).then(|| words::in_charset(charset, &bytes))
    }
}

/// Base and number of a piece.
fn piece(name: &str) -> Option<(&str, u16)> {
    let (base, number) = name.split_once('*')?;
    let number = number.strip_suffix('*').unwrap_or(number);
    // No leading zeros: there is one name for each piece.
    let written = number.parse::<u16>().ok()?;
    (written.to_string() == number).then_some((base, written))
}

/// All pieces of a parameter: escaped if one of them is.
fn join(base: &str, all: &BTreeMap<&str, &[u8]>) -> (String, Vec<u8>) {
    let mut pieces = Vec::new();
    for n in 0.. {
        let (plain, starred) = (format!("{base}*{n}"), format!("{base}*{n}*"));
        match (all.get(plain.as_str()), all.get(starred.as_str())) {
            (Some(text), _) => pieces.push((*text, false)),
            (None, Some(text)) => pieces.push((*text, true)),
            (None, None) => break,
        }
    }
    if pieces.iter().all(|(_, escaped)| !escaped) {
        return (base.to_owned(), pieces.into_iter().flat_map(|(text, _)| text.iter().copied()).collect());
    }
    // No charset, no language, where the first piece has no place for them.
    let mut value = if pieces[0].1 { Vec::new() } else { b"''".to_vec() };
    for (text, escaped) in pieces {
        if escaped { value.extend_from_slice(text) } else { text::escape(text, &mut value) }
    }
    (format!("{base}*"), value)
}

/// Splits `charset'language'text`; without two quotes all of it is text.
fn extended(value: &[u8]) -> (&[u8], &[u8]) {
    let mut parts = value.splitn(3, |&b| b == b'\'');
    match (parts.next(), parts.next(), parts.next()) {
        (Some(charset), Some(_language), Some(text)) => (charset, text),
        _ => (b"", value),
    }
}

/// `%41` to `A`; what is no escape stays.
fn percent(text: &[u8]) -> Vec<u8> {
    text::unescape(text, b'%')
}

struct Cursor<'a> {
    rest: &'a [u8],
}

impl<'a> Cursor<'a> {
    /// White space, line ends and comments (nested ones are counted, so that no depth costs stack).
    fn skip_blank(&mut self) {
        let mut depth = 0usize;
        while let Some(&b) = self.rest.first() {
            match b {
                b'(' => depth += 1,
                b')' if depth > 0 => depth -= 1,
                b'\\' if depth > 0 => self.rest = &self.rest[1..],
                // The same octets that end a token: one that only one of the two knew (a form feed) once made an endless loop.
                _ if b.is_ascii_whitespace() => {}
                _ if depth > 0 => {}
                _ => return,
            }
            self.rest = self.rest.get(1..).unwrap_or_default();
        }
    }

    /// Up to white space, a comment, or one of `stops`. May be empty.
    fn token(&mut self, stops: &[u8]) -> &'a [u8] {
        let ends = |b: &u8| b.is_ascii_whitespace() || *b == b'(' || stops.contains(b);
        let (token, rest) = self.rest.split_at(self.rest.iter().position(ends).unwrap_or(self.rest.len()));
        self.rest = rest;
        token
    }

    /// `name=value`; None for a word without `=`.
    fn param(&mut self) -> Option<(String, Vec<u8>)> {
        let name = String::from_utf8_lossy(self.token(b";=")).to_ascii_lowercase();
        self.skip_blank();
        self.rest = self.rest.strip_prefix(b"=")?;
        self.skip_blank();
        let value = match self.rest.strip_prefix(b"\"") {
            Some(rest) => {
                self.rest = rest;
                self.quoted()
            }
            None => self.token(b";").to_vec(),
        };
        Some((name, value))
    }

    /// To the closing quote or the end; folding inside is taken out (RFC 5322 s3.2.4).
    fn quoted(&mut self) -> Vec<u8> {
        let mut out = Vec::new();
        while let Some((&b, rest)) = self.rest.split_first() {
            self.rest = rest;
            match b {
                b'"' => break,
                b'\r' | b'\n' => {}
                // A backslash before a letter is a Windows path far more often than a quoted-pair.
                b'\\' if matches!(rest.first(), Some(b'"' | b'\\')) => {
                    out.push(rest[0]);
                    self.rest = &rest[1..];
                }
                _ => out.push(b),
            }
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn params(text: &str) -> Vec<(String, String)> {
        let v = Valued::parse(text.as_bytes());
        v.params.into_iter().map(|(n, v)| (n, String::from_utf8(v).unwrap())).collect()
    }

    fn pair(name: &str, value: &str) -> (String, String) {
        (name.into(), value.into())
    }

    #[test]
    fn reads_what_the_rfc_says() {
        let v = Valued::parse(b" TEXT/Plain (a (nested) comment); Charset=\"utf-8\";\r\n\tformat = flowed");
        assert_eq!(v.value, "text/plain");
        assert_eq!(v.param("charset"), Some(&b"utf-8"[..]));
        assert_eq!(v.param("format"), Some(&b"flowed"[..]));
    }

    #[test]
    fn reads_what_mailers_write() {
        assert_eq!(params("text/html charset=utf-8"), [pair("charset", "utf-8")]);
        assert_eq!(params("a/b;; x=1;y;;z=\"open"), [pair("x", "1"), pair("z", "open")]);
        assert_eq!(params("a/b; name=\"C:\\dir\\\"q\\\"\""), [pair("name", "C:\\dir\"q\"")]);
        assert_eq!(params("a/b; n=\"two\r\n lines\""), [pair("n", "two lines")]);
        assert_eq!(params("a/b (open; x=1"), []);
        assert_eq!(params("; x=1"), [pair("x", "1")]);
        assert_eq!(params("a/b; ===; (\\"), []);
        assert_eq!(Valued::parse(b""), Valued::default());
    }

    /// Found by fuzzing: `mbox \x0c` was read for ever.
    #[test]
    fn every_octet_is_got_over() {
        for octet in 0..=255u8 {
            for text in [[b'a', b' ', octet], [b'a', b';', octet], [octet, b'(', octet], [b'a', b'=', octet]] {
                let _ = Valued::parse(&text);
            }
        }
    }

    #[test]
    fn pieces_are_shown_as_one_parameter() {
        let joined = |text: &str| {
            let all = Valued::parse(text.as_bytes()).joined();
            all.into_iter().map(|(n, v)| format!("{n}={}", String::from_utf8(v).unwrap())).collect::<Vec<_>>()
        };
        assert_eq!(
            joined("a; x=1; n*1=b%c; n*0*=utf-8''%D0%94; y=2; n*2*=%20"),
            ["x=1", "n*=utf-8''%D0%94b%25c%20", "y=2"]
        );
        assert_eq!(joined("a; n*0=\"one \"; n*1=two"), ["n=one two"]);
        assert_eq!(joined("a; n*0=\"a b\"; n*1*=%41"), ["n*=''a%20b%41"]);
        assert_eq!(joined("a; n*1=x; m*=utf-8''x; k*00=1; n*0=y; n*0=z"), ["m*=utf-8''x", "k*00=1", "n=yx"]);
        assert_eq!(joined("a; n*3=x; n*=y"), ["n*3=x", "n*=y"]);
    }

    #[test]
    fn joins_and_decodes_the_pieces_of_a_name() {
        let name = |text: &str| Valued::parse(text.as_bytes()).decoded("filename");
        assert_eq!(name("a; filename*=utf-8''%D0%94%D0%B0.txt"), Some("Да.txt".into()));
        assert_eq!(name("a; filename*0*=utf-8''%D0%94; filename*1*=%D0%B0; filename*2=.t%20"), Some("Да.t%20".into()));
        assert_eq!(name("a; filename*=koi8-r''%E4%C1"), Some("Да".into()));
        assert_eq!(name("a; filename=\"=?utf-8?B?0JTQsA==?=\""), Some("Да".into()));
        assert_eq!(name("a; filename*=broken%zz%4"), Some("broken%zz%4".into()));
        assert_eq!(name("a"), None);
    }
}
