//! Flags on the wire (RFC 3501 s2.3.2): five of the system, and keywords that clients make up.

use super::{
    say,
    scan::{Parsed, Scan},
};
use crate::types::{Flags, Keyword};

/// System flags by name.
const NAMES: [(Flags, &str); 5] = [
    (Flags::ANSWERED, "\\Answered"),
    (Flags::FLAGGED, "\\Flagged"),
    (Flags::DELETED, "\\Deleted"),
    (Flags::SEEN, "\\Seen"),
    (Flags::DRAFT, "\\Draft"),
];
/// Flags that one command may name; a folder has at most 64 keywords.
const MOST: usize = 100;

/// What STORE and APPEND name. A keyword stands once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FlagList {
    /// Of the system.
    pub flags: Flags,
    /// Of the clients.
    pub keywords: Vec<Keyword>,
}

/// One name in a list.
enum One {
    System(Flags),
    Keyword(Keyword),
    /// \Recent, which a client cannot set and some send back with the others, and NIL, by which some mean nothing.
    Nothing,
}

impl FlagList {
    /// A list in parentheses, or names side by side to the end (RFC 3501 s9 store-att-flags).
    pub(super) fn scan_all(scan: &mut Scan<'_>) -> Parsed<Self> {
        if scan.peek() == Some(b'(') {
            return Self::scan(scan);
        }
        let mut names = vec![one(scan)?];
        while scan.more() {
            if names.len() == MOST {
                return Err(say::TOO_MANY);
            }
            names.push(one(scan)?);
        }
        Ok(Self::of(names))
    }

    /// A list in parentheses.
    pub(super) fn scan(scan: &mut Scan<'_>) -> Parsed<Self> {
        Ok(Self::of(scan.list(MOST, one)?))
    }

    fn of(names: Vec<One>) -> Self {
        let mut list = FlagList::default();
        for name in names {
            match name {
                One::System(flag) => list.flags = list.flags.with(flag),
                One::Keyword(keyword) if !list.keywords.contains(&keyword) => list.keywords.push(keyword),
                One::Keyword(_) | One::Nothing => {}
            }
        }
        list
    }

    /// In parentheses.
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        write_flags(out, self.flags, self.keywords.iter().map(Keyword::as_str), false);
    }
}

fn one(scan: &mut Scan<'_>) -> Parsed<One> {
    if !scan.take(b'\\') {
        let text = scan.atom()?;
        if text.eq_ignore_ascii_case("NIL") {
            return Ok(One::Nothing);
        }
        return keyword(text).map(One::Keyword);
    }
    let name = scan.atom()?;
    if name.eq_ignore_ascii_case("Recent") {
        return Ok(One::Nothing);
    }
    let flag = NAMES.iter().find(|(_, n)| n[1..].eq_ignore_ascii_case(name));
    flag.map(|(flag, _)| One::System(*flag)).ok_or(say::BAD_FLAG)
}

/// A keyword's name.
pub(super) fn keyword(text: &str) -> Parsed<Keyword> {
    let why = if text.len() > Keyword::LONGEST { say::BAD_KEYWORD } else { say::SYNTAX };
    Keyword::parse(text).ok_or(why)
}

/// Writes flags in parentheses.
pub fn write_flags<'a>(out: &mut Vec<u8>, flags: Flags, keywords: impl Iterator<Item = &'a str>, recent: bool) {
    let system = NAMES.iter().filter(|(flag, _)| flags.has(*flag)).map(|(_, name)| *name);
    out.push(b'(');
    for (n, name) in system.chain(recent.then_some("\\Recent")).chain(keywords).enumerate() {
        if n > 0 {
            out.push(b' ');
        }
        out.extend_from_slice(name.as_bytes());
    }
    out.push(b')');
}

/// Every flag a folder knows, in parentheses: FLAGS and PERMANENTFLAGS.
pub(super) fn write_permanent(out: &mut Vec<u8>, keywords: &[Keyword], writable: bool, create: bool) {
    if !writable {
        return out.extend_from_slice(b"()");
    }
    let all = NAMES.iter().fold(Flags::default(), |all, (flag, _)| all.with(*flag));
    let names = keywords.iter().map(Keyword::as_str).chain(create.then_some("\\*"));
    write_flags(out, all, names, false);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Parsed<String> {
        let mut scan = Scan::new(text.as_bytes());
        let list = FlagList::scan_all(&mut scan)?;
        scan.end()?;
        let mut out = Vec::new();
        list.write(&mut out);
        Ok(String::from_utf8(out).unwrap())
    }

    #[test]
    fn flags_are_read_in_every_form() {
        for (text, written) in [
            ("(\\Seen)", "(\\Seen)"),
            ("\\seen \\DELETED", "(\\Deleted \\Seen)"),
            ("()", "()"),
            ("NIL", "()"),
            ("(NIL)", "()"),
            ("( $Forwarded \\Draft  Work work )", "(\\Draft $Forwarded Work)"),
            ("(\\Recent \\Flagged)", "(\\Flagged)"),
        ] {
            assert_eq!(parse(text).as_deref(), Ok(written), "{text}");
        }
    }

    #[test]
    fn what_is_no_flag_is_refused() {
        assert_eq!(parse("(\\Unheard)"), Err(say::BAD_FLAG));
        assert_eq!(parse(&"k".repeat(65)), Err(say::BAD_KEYWORD));
        for text in ["", "(\\Seen", "\\*", "(a%b)", "(\"a\")", "(\\Seen) x"] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
