//! Names of folders on the wire: modified UTF-7 (RFC 3501 s5.1.3), or UTF-8 after ENABLE UTF8=ACCEPT (RFC 6855 s3).

use base64::{
    Engine as _, alphabet,
    engine::{GeneralPurpose, general_purpose::NO_PAD},
};

use super::{
    say::Say,
    scan::{Parsed, Scan},
};
use crate::types::FolderName;

/// `,` in the place of `/`, no padding; bits that are left over must be zero.
const BASE64: GeneralPurpose = GeneralPurpose::new(&alphabet::IMAP_MUTF7, NO_PAD);

/// Reads a folder's name; what cannot be one is answered with `bad`. One `/` at the end is no part of the name
/// (RFC 3501 s6.3.3: a client says so that children shall follow).
pub(super) fn folder(scan: &mut Scan<'_>, utf8: bool, bad: Say<'static>) -> Parsed<FolderName> {
    let octets = scan.astring()?;
    let text = read(&octets, utf8).ok_or(bad)?;
    FolderName::parse(text.strip_suffix('/').unwrap_or(&text)).ok_or(bad)
}

/// The text of a name or of a pattern, however it is spelled; None if it is none at all or has control characters.
///
/// Strict modified UTF-7 first. What is not: UTF-8 as it is (scripts, and clients that forgot the encoding), an `&` that
/// begins nothing is itself.
pub fn read(octets: &[u8], utf8: bool) -> Option<String> {
    let text = std::str::from_utf8(octets).ok()?;
    let text = match strict(text).filter(|_| !utf8) {
        Some(decoded) => decoded,
        None if utf8 => text.to_owned(),
        None => lenient(text),
    };
    (!text.chars().any(char::is_control)).then_some(text)
}

/// Modified UTF-7 to the letter: printable ASCII for itself, `&-` for `&`, everything else in base64 of UTF-16, no two runs of
/// base64 side by side. So a name has one spelling.
pub fn strict(text: &str) -> Option<String> {
    let mut out = String::new();
    let mut rest = text;
    let mut after_base64 = false;
    while let Some(c) = rest.chars().next() {
        if c != '&' {
            if !(' '..='~').contains(&c) {
                return None;
            }
            out.push(c);
            rest = &rest[1..];
            after_base64 = false;
            continue;
        }
        let (run, behind) = rest[1..].split_once('-')?;
        rest = behind;
        if run.is_empty() {
            out.push('&');
            after_base64 = false;
            continue;
        }
        let decoded = utf16(run)?;
        if after_base64 || decoded.contains(|c| (' '..='~').contains(&c)) {
            return None;
        }
        out.push_str(&decoded);
        after_base64 = true;
    }
    Some(out)
}

fn lenient(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find('&') {
        out.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        let run = rest.split_once('-').and_then(|(run, behind)| {
            let text = if run.is_empty() { Some("&".to_owned()) } else { utf16(run) };
            Some((text?, behind))
        });
        match run {
            Some((text, behind)) => {
                out.push_str(&text);
                rest = behind;
            }
            None => out.push('&'),
        }
    }
    out + rest
}

fn utf16(base64: &str) -> Option<String> {
    let octets = BASE64.decode(base64).ok()?;
    if octets.len() % 2 != 0 {
        return None;
    }
    let units: Vec<u16> = octets.chunks_exact(2).map(|pair| u16::from_be_bytes([pair[0], pair[1]])).collect();
    String::from_utf16(&units).ok()
}

/// Modified UTF-7 of a text.
pub fn encode(text: &str) -> String {
    let mut out = String::new();
    let mut run = Vec::new();
    for c in text.chars() {
        if !(' '..='~').contains(&c) {
            let mut units = [0; 2];
            run.extend(c.encode_utf16(&mut units).iter().flat_map(|unit| unit.to_be_bytes()));
            continue;
        }
        flush(&mut run, &mut out);
        out.push(c);
        if c == '&' {
            out.push('-');
        }
    }
    flush(&mut run, &mut out);
    out
}

fn flush(run: &mut Vec<u8>, out: &mut String) {
    if !run.is_empty() {
        out.push('&');
        out.push_str(&BASE64.encode(&*run));
        out.push('-');
        run.clear();
    }
}

/// What the name of a folder looks like on the wire, without its quotes.
pub(super) fn spell(text: &str, utf8: bool) -> String {
    if utf8 { text.to_owned() } else { encode(text) }
}

#[cfg(test)]
mod tests {
    use super::{super::say, *};

    #[test]
    fn names_of_every_script_are_read_as_they_are_written() {
        for (text, wire) in [
            ("INBOX", "INBOX"),
            ("R&D", "R&-D"),
            ("Отправленные", "&BB4EQgQ,BEAEMAQyBDsENQQ9BD0ESwQ1-"),
            ("~peter/mail/台北/日本語", "~peter/mail/&U,BTFw-/&ZeVnLIqe-"),
            ("a😀b", "a&2D3eAA-b"),
            ("&&", "&-&-"),
            ("é&é", "&AOk-&-&AOk-"),
        ] {
            assert_eq!(encode(text), wire);
            assert_eq!(strict(wire).as_deref(), Some(text), "{wire}");
            assert_eq!(read(wire.as_bytes(), false).as_deref(), Some(text));
            assert_eq!(read(text.as_bytes(), true).as_deref(), Some(text));
        }
    }

    #[test]
    fn a_second_spelling_is_not_strict_but_read() {
        for (wire, text) in [
            ("R&D", "R&D"),
            ("&AGE-", "a"),
            ("&U,A-&U,A-", "台台"),
            ("Входящие", "Входящие"),
            ("a & b - c", "a & b - c"),
            ("&", "&"),
            ("&2D0-", "&2D0-"),
            ("&AA-", "&AA-"),
        ] {
            assert_eq!(strict(wire), None, "{wire}");
            assert_eq!(read(wire.as_bytes(), false).as_deref(), Some(text));
        }
    }

    #[test]
    fn no_name_has_control_characters_or_broken_utf8() {
        assert_eq!(read(b"a\x01", false), None);
        assert_eq!(read(b"&AAA-", false), None);
        assert_eq!(read(b"\xff", true), None);
    }

    #[test]
    fn a_slash_at_the_end_is_no_part_of_a_name() {
        let folder = |text: &str| {
            folder(&mut Scan::new(text.as_bytes()), false, say::NO_SUCH_FOLDER).map(|f| f.as_str().to_owned())
        };
        assert_eq!(folder("work/2026/"), Ok("work/2026".into()));
        assert_eq!(folder("inbox"), Ok("INBOX".into()));
        for text in ["/", "a//b", "\"\""] {
            assert_eq!(folder(text), Err(say::NO_SUCH_FOLDER), "{text}");
        }
    }
}
