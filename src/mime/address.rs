//! Address lists (RFC 5322 s3.4) as IMAP's ENVELOPE wants them: groups and all, names as they were written. Reads what
//! mailers write; nothing is decoded here, nothing is checked.

use super::text::flat;

/// One thing in an address field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Entry {
    /// A group of this name begins.
    Group(Vec<u8>),
    /// It ends.
    End,
    /// A mailbox.
    Mailbox(Mailbox),
}

/// A mailbox as it was written, quotes and comments gone.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Mailbox {
    /// The display name, or the comment that stands in for it.
    pub name: Option<Vec<u8>>,
    /// What stands before the `@`; empty if nothing does.
    pub local: Vec<u8>,
    /// What stands behind it; empty if nothing does.
    pub host: Vec<u8>,
}

/// All entries of a field's value; a group that is not closed ends with the field.
pub(super) fn parse(value: &[u8]) -> Vec<Entry> {
    let flat = flat(value);
    let mut reader = Reader { rest: &flat, found: Vec::new(), words: Vec::new(), comment: None, group: false };
    while reader.step() {}
    reader.flush();
    if reader.group {
        reader.found.push(Entry::End);
    }
    reader.found
}

/// An atom (dots in it), the inside of a quoted string, or a `@`.
struct Word {
    text: Vec<u8>,
    /// White space or a comment stood before it.
    apart: bool,
    at: bool,
}

struct Reader<'a> {
    rest: &'a [u8],
    found: Vec<Entry>,
    /// Words since the last entry.
    words: Vec<Word>,
    comment: Option<Vec<u8>>,
    group: bool,
}

impl<'a> Reader<'a> {
    fn step(&mut self) -> bool {
        let apart = self.blanks();
        let Some((&b, after)) = self.rest.split_first() else { return false };
        match b {
            b',' => {
                self.rest = after;
                self.flush();
            }
            b';' => {
                self.rest = after;
                self.end_group();
            }
            b':' if !self.group && !self.words.iter().any(|w| w.at) => {
                self.rest = after;
                let name = join(&std::mem::take(&mut self.words));
                self.comment = None;
                self.found.push(Entry::Group(name));
                self.group = true;
            }
            b'<' => {
                self.rest = after;
                self.angle();
            }
            _ => {
                let word = self.word(apart);
                self.words.extend(word);
            }
        }
        true
    }

    /// White space and comments; whether there was any. The last comment is kept.
    fn blanks(&mut self) -> bool {
        let before = self.rest.len();
        loop {
            self.rest = self.rest.trim_ascii_start();
            if self.rest.first() != Some(&b'(') {
                return self.rest.len() != before;
            }
            let comment = self.comment();
            self.comment = Some(comment);
        }
    }

    /// The inside of a comment; inner ones are counted, not descended into.
    fn comment(&mut self) -> Vec<u8> {
        let mut out = Vec::new();
        let mut depth = 0usize;
        while let Some((&b, after)) = self.rest.split_first() {
            self.rest = after;
            match b {
                b'(' => depth += 1,
                b')' if depth == 1 => break,
                b')' => depth -= 1,
                b'\\' => {
                    out.extend(after.first());
                    self.rest = after.get(1..).unwrap_or_default();
                    continue;
                }
                _ => {}
            }
            // The outermost brackets are not text.
            if !(b == b'(' && depth == 1) {
                out.push(b);
            }
        }
        out.trim_ascii().to_vec()
    }

    /// One word; an octet that can stand nowhere is got over.
    fn word(&mut self, apart: bool) -> Option<Word> {
        let (&b, after) = self.rest.split_first()?;
        match b {
            b'"' => {
                self.rest = after;
                Some(Word { text: self.quoted(), apart, at: false })
            }
            b'@' => {
                self.rest = after;
                Some(Word { text: b"@".to_vec(), apart, at: true })
            }
            b'[' => {
                let end = self.rest.iter().position(|&b| b == b']').map_or(self.rest.len(), |at| at + 1);
                Some(Word { text: self.cut(end), apart, at: false })
            }
            _ => {
                let end =
                    encoded_word(self.rest).or_else(|| self.rest.iter().position(|b| b" \t,;:<>@\"()[".contains(b)));
                let text = self.cut(end.unwrap_or(self.rest.len()));
                if text.is_empty() {
                    self.rest = after;
                    return None;
                }
                Some(Word { text, apart, at: false })
            }
        }
    }

    fn cut(&mut self, end: usize) -> Vec<u8> {
        let (text, rest) = self.rest.split_at(end);
        self.rest = rest;
        text.to_vec()
    }

    fn quoted(&mut self) -> Vec<u8> {
        let mut out = Vec::new();
        while let Some((&b, after)) = self.rest.split_first() {
            self.rest = after;
            match b {
                b'"' => break,
                b'\\' => {
                    out.extend(after.first());
                    self.rest = after.get(1..).unwrap_or_default();
                }
                _ => out.push(b),
            }
        }
        out
    }

    /// `<...>`: what came before is the name. A source route (RFC 5322 s4.4) is read over.
    fn angle(&mut self) {
        let name = std::mem::take(&mut self.words);
        let mut inner: Vec<Word> = Vec::new();
        let mut closed = false;
        loop {
            let apart = self.blanks();
            match self.rest.first() {
                None | Some(b',' | b';') if inner.first().is_none_or(|w| !w.at) => break,
                None => break,
                Some(b'>') => {
                    self.rest = &self.rest[1..];
                    closed = true;
                    break;
                }
                // Only a route has a colon; another angle begins again.
                Some(b':' | b'<') => {
                    inner.clear();
                    self.rest = &self.rest[1..];
                }
                Some(b',' | b';') => self.rest = &self.rest[1..],
                Some(_) => {
                    let word = self.word(apart);
                    inner.extend(word);
                }
            }
        }
        let comment = self.comment.take();
        let name = if name.is_empty() { comment } else { Some(join(&name)) };
        let (local, host) = halves(&inner);
        if closed || !local.is_empty() || !host.is_empty() || name.is_some() {
            self.found.push(Entry::Mailbox(Mailbox { name, local, host }));
        }
    }

    /// The words since the last entry are an address without brackets.
    fn flush(&mut self) {
        let words = std::mem::take(&mut self.words);
        // A comment behind `Name <a@b>` belongs to an address that is complete.
        let comment = self.comment.take();
        if words.is_empty() {
            return;
        }
        let Some(at) = words.iter().position(|w| w.at) else {
            let local = join(&words);
            self.found.push(Entry::Mailbox(Mailbox { name: comment, local, host: Vec::new() }));
            return;
        };
        // `Ann Smith ann@office.test`: the local part is what touches the `@`.
        let begins = (1..at).rev().find(|&n| words[n].apart && !dotted(&words[n - 1], &words[n])).unwrap_or(0);
        let name = if begins > 0 { Some(join(&words[..begins])) } else { comment };
        let (local, host) = halves(&words[begins..]);
        self.found.push(Entry::Mailbox(Mailbox { name, local, host }));
    }

    fn end_group(&mut self) {
        self.flush();
        if std::mem::take(&mut self.group) {
            self.found.push(Entry::End);
        }
    }
}

/// `a . b`: obsolete syntax for one local part.
fn dotted(before: &Word, word: &Word) -> bool {
    before.text.ends_with(b".") || word.text.starts_with(b".")
}

/// The words with a space where there was one.
fn join(words: &[Word]) -> Vec<u8> {
    let mut out = Vec::new();
    for word in words {
        if word.apart && !out.is_empty() {
            out.push(b' ');
        }
        out.extend_from_slice(&word.text);
    }
    out
}

/// Local part and host. Of several `@` the last counts; blanks round dots and `@` are obsolete syntax and no text.
fn halves(words: &[Word]) -> (Vec<u8>, Vec<u8>) {
    let glue = |words: &[Word]| words.iter().flat_map(|w| w.text.iter().copied()).collect::<Vec<u8>>();
    match words.iter().rposition(|w| w.at) {
        Some(at) => (glue(&words[..at]), glue(&words[at + 1..])),
        None => (glue(words), Vec::new()),
    }
}

/// Where an encoded word at the start of `text` ends: mailers leave commas and quotes raw in it.
fn encoded_word(text: &[u8]) -> Option<usize> {
    let inner = text.strip_prefix(b"=?")?;
    let end = inner.windows(2).enumerate().filter(|(_, w)| w == b"?=").map(|(at, _)| at);
    // `=?utf-8?Q?=D0?=`: the first `?=` may be the beginning of the text.
    for at in end {
        let word = &inner[..at];
        if word.contains(&b' ') {
            return None;
        }
        if word.iter().filter(|&&b| b == b'?').count() >= 2 {
            return Some(2 + at + 2);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Vec<String> {
        parse(text.as_bytes()).iter().map(told).collect()
    }

    fn told(entry: &Entry) -> String {
        let text = |b: &[u8]| String::from_utf8_lossy(b).into_owned();
        match entry {
            Entry::Group(name) => format!("{}:", text(name)),
            Entry::End => ";".into(),
            Entry::Mailbox(m) => match &m.name {
                Some(name) => format!("{}|{}|{}", text(name), text(&m.local), text(&m.host)),
                None => format!("{}|{}", text(&m.local), text(&m.host)),
            },
        }
    }

    #[test]
    fn reads_names_quotes_and_comments() {
        assert_eq!(read("ann@office.test"), ["ann|office.test"]);
        assert_eq!(read("Ann Smith <ann@office.test>"), ["Ann Smith|ann|office.test"]);
        assert_eq!(
            read("\"Smith, \\\"Ann\\\"\" <ann@office.test>, bob@x"),
            ["Smith, \"Ann\"|ann|office.test", "bob|x"]
        );
        assert_eq!(read("ann@office.test (Ann (the first) Smith)"), ["Ann (the first) Smith|ann|office.test"]);
        assert_eq!(read("\"john doe\"@x.test, <\"a@b\"@c>"), ["john doe|x.test", "a@b|c"]);
        assert_eq!(read("J. R. Ewing <jr@x>"), ["J. R. Ewing|jr|x"]);
        assert_eq!(read("=?utf-8?Q?Ivanov,_Ivan?= <i@x>"), ["=?utf-8?Q?Ivanov,_Ivan?=|i|x"]);
        assert_eq!(
            read("=?utf-8?Q?=D0=B0?=\r\n =?utf-8?Q?=D0=B1?= <i@x>"),
            ["=?utf-8?Q?=D0=B0?= =?utf-8?Q?=D0=B1?=|i|x"]
        );
        assert_eq!(read("a@[192.0.2.1]"), ["a|[192.0.2.1]"]);
    }

    #[test]
    fn reads_groups() {
        assert_eq!(read("undisclosed-recipients:;"), ["undisclosed-recipients:", ";"]);
        assert_eq!(read("Team A: a@b, C <c@d>; e@f"), ["Team A:", "a|b", "C|c|d", ";", "e|f"]);
        assert_eq!(read("open: a@b"), ["open:", "a|b", ";"]);
        assert_eq!(read("a@b; c@d"), ["a|b", "c|d"]);
    }

    #[test]
    fn a_source_route_is_read_over() {
        assert_eq!(read("Ann <@a.test,@b.test:ann@c.test>"), ["Ann|ann|c.test"]);
        assert_eq!(read("<@a.test:ann@c.test>, bob@x"), ["ann|c.test", "bob|x"]);
    }

    #[test]
    fn broken_ones_give_what_is_there() {
        assert_eq!(read(""), Vec::<String>::new());
        assert_eq!(read(",, ,"), Vec::<String>::new());
        assert_eq!(read("<>"), ["|"]);
        assert_eq!(read("Ann"), ["Ann|"]);
        assert_eq!(read("Ann Smith ann@x"), ["Ann Smith|ann|x"]);
        assert_eq!(read("Ann <ann@x, bob@y"), ["Ann|ann|x", "bob|y"]);
        assert_eq!(read("a@b@c"), ["a@b|c"]);
        assert_eq!(read("\"open <a@b>"), ["open <a@b>|"]);
        assert_eq!(read("a . b @ c . d"), ["a.b|c.d"]);
        for octet in 0..=255u8 {
            for text in [[octet, b'<', octet], [b'<', octet, b'@'], [b'(', octet, octet], [b'"', b'\\', octet]] {
                let _ = parse(&text);
            }
        }
    }
}
