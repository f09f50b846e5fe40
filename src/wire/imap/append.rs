//! What stands before the message of APPEND (RFC 3501 s6.3.11, 3502).

use std::io::Write;

use super::{
    BadCommand, FlagList, Tag, Verb, name, parse_moment, read, say,
    scan::{Parsed, Scan},
    write, write_moment,
};
use crate::types::{FolderName, UnixTime};

/// An APPEND, up to its first message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Append {
    /// Where to.
    pub name: FolderName,
    /// What is said of the first message.
    pub part: AppendPart,
}

/// What is said of one message.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AppendPart {
    /// Its flags.
    pub flags: FlagList,
    /// When it came; None: now.
    pub date: Option<UnixTime>,
}

impl Append {
    /// Reads the head that the cutter gave. `utf8`: ENABLE UTF8=ACCEPT was said.
    pub fn parse(head: &[u8], utf8: bool) -> Result<(Tag, Append), BadCommand> {
        let (tag, verb, mut scan) = read::begin(head)?;
        let append = Self::scan(&mut scan, utf8).and_then(|append| scan.end().map(|()| append));
        match append {
            Ok(append) if verb == Verb::Append => Ok((tag, append)),
            Ok(_) => Err(BadCommand { tag: Some(tag), verb: Some(verb), say: say::SYNTAX }),
            Err(say) => Err(BadCommand { tag: Some(tag), verb: Some(verb), say }),
        }
    }

    fn scan(scan: &mut Scan<'_>, utf8: bool) -> Parsed<Self> {
        scan.space()?;
        let name = name::folder(scan, utf8, say::BAD_NAME)?;
        Ok(Append { name, part: AppendPart::scan(scan)? })
    }

    /// As a client says it, up to the message, whose octets wait for nobody.
    pub fn write(&self, tag: &Tag, utf8: bool, octets: u64, out: &mut Vec<u8>) {
        let _ = write!(out, "{tag} {}", Verb::Append.name());
        write::folder(&self.name, utf8, out);
        self.part.write(octets, out);
    }
}

impl AppendPart {
    /// Reads what stands between two messages.
    pub fn parse(head: &[u8]) -> Parsed<Self> {
        let mut scan = Scan::new(head);
        let part = Self::scan(&mut scan)?;
        scan.end().map(|()| part)
    }

    fn scan(scan: &mut Scan<'_>) -> Parsed<Self> {
        let mut part = AppendPart::default();
        scan.blanks();
        if scan.peek() == Some(b'(') || scan.keyword("NIL") {
            part.flags = if scan.peek() == Some(b'(') { FlagList::scan(scan)? } else { FlagList::default() };
            scan.blanks();
        }
        if scan.peek() == Some(b'"') {
            let text = String::from_utf8(scan.string()?).map_err(|_| say::BAD_DATE)?;
            part.date = Some(parse_moment(&text).ok_or(say::BAD_DATE)?);
        }
        Ok(part)
    }

    /// As a client says it, up to the message.
    pub fn write(&self, octets: u64, out: &mut Vec<u8>) {
        out.push(b' ');
        self.flags.write(out);
        if let Some(date) = self.date {
            let _ = write!(out, " \"{}\"", write_moment(date, 0));
        }
        let _ = write!(out, " {{{octets}+}}\r\n");
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::{Cut, Cutter},
        *,
    };
    use crate::types::Flags;

    fn parse(head: &str) -> Result<Append, say::Say<'static>> {
        Append::parse(head.as_bytes(), false).map(|(_, append)| append).map_err(|bad| bad.say)
    }

    #[test]
    fn is_read_as_it_is_written() {
        let tag = Tag::parse(b"a1").unwrap();
        for date in [None, Some(UnixTime(0)), Some(UnixTime(1_795_503_600))] {
            for flags in [Flags::default(), Flags::SEEN.with(Flags::DRAFT)] {
                let part = AppendPart { flags: FlagList { flags, keywords: Vec::new() }, date };
                let append = Append { name: FolderName::parse("R&D/\u{43f}").unwrap(), part: part.clone() };
                let mut out = Vec::new();
                append.write(&tag, false, 310, &mut out);
                let Cut::Append { head, octets: 310, sync: false, .. } = Cutter::default().feed(&out).cut else {
                    panic!("{}", out.escape_ascii());
                };
                assert_eq!(Append::parse(&head, false), Ok((tag.clone(), append)));
                let mut out = Vec::new();
                part.write(7, &mut out);
                assert_eq!(AppendPart::parse(out.strip_suffix(b"{7+}\r\n").unwrap()), Ok(part));
            }
        }
    }

    #[test]
    fn every_form_of_the_head() {
        assert_eq!(parse("a APPEND INBOX ").unwrap().part, AppendPart::default());
        assert_eq!(parse("a append \"INBOX\"() ").unwrap().part, AppendPart::default());
        assert_eq!(parse("a APPEND INBOX NIL ").unwrap().part, AppendPart::default());
        let dated = parse("a APPEND INBOX \" 1-Jan-1970 03:00:00 +0300\"").unwrap();
        assert_eq!(dated.part.date, Some(UnixTime(0)));
        assert_eq!(parse("a APPEND a//b "), Err(say::BAD_NAME));
        assert_eq!(parse("a APPEND x \"yesterday\" "), Err(say::BAD_DATE));
        assert_eq!(parse("a APPEND x CATENATE ("), Err(say::SYNTAX));
        assert_eq!(parse("a APPEND x ~"), Err(say::SYNTAX));
        assert_eq!(parse("a NOOP x"), Err(say::SYNTAX));
    }
}
