//! A client's end of the wire: lines with their literals, and what the untagged ones say.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpStream},
    time::Duration,
};

/// One answer line; literals stand in it as they came.
pub type Line = Vec<u8>;

pub struct Wire {
    stream: BufReader<TcpStream>,
    next: u32,
    /// Everything that was said and heard, for the story of a failure.
    pub story: Vec<String>,
}

/// What a tagged line says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tagged {
    pub ok: bool,
    /// `NO [EXPUNGEISSUED] ...`
    pub text: String,
}

impl Tagged {
    /// What stands behind `[NAME ` up to the bracket.
    pub fn code(&self, name: &str) -> Option<&str> {
        let (_, rest) = self.text.split_once(&format!("[{name}"))?;
        Some(rest.split_once(']')?.0.trim())
    }
}

impl Wire {
    pub fn connect(to: SocketAddr) -> Wire {
        let stream = TcpStream::connect(to).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        stream.set_nodelay(true).unwrap();
        let mut wire = Wire { stream: BufReader::new(stream), next: 0, story: Vec::new() };
        let greeting = wire.line();
        assert!(greeting.starts_with(b"* OK "), "{}", show(&greeting));
        wire
    }

    /// Sends octets as they are.
    pub fn send(&mut self, text: &str) {
        self.story.push(format!("C: {}", text.trim_end().replace("\r\n", "\n   ")));
        self.stream.get_mut().write_all(text.as_bytes()).unwrap();
    }

    pub fn tag(&mut self) -> String {
        self.next += 1;
        format!("t{}", self.next)
    }

    /// The next answer line.
    pub fn line(&mut self) -> Line {
        let mut all = Vec::new();
        loop {
            let begin = all.len();
            self.stream.read_until(b'\n', &mut all).unwrap();
            assert!(all[begin..].ends_with(b"\r\n"), "the line ends badly: {}\n{}", show(&all), self.told());
            let Some(octets) = literal(&all[begin..]) else { break };
            let at = all.len();
            all.resize(at + octets, 0);
            self.stream.read_exact(&mut all[at..]).unwrap();
        }
        all.truncate(all.len() - 2);
        self.story.push(format!("S: {}", show(&all)));
        all
    }

    /// The last of what was said, for a failure.
    pub fn told(&self) -> String {
        self.story[self.story.len().saturating_sub(40)..].join("\n")
    }
}

pub fn show(line: &[u8]) -> String {
    let text = String::from_utf8_lossy(line).replace("\r\n", "\\r\\n");
    text.chars().take(300).collect()
}

/// `... {12}\r\n`
fn literal(line: &[u8]) -> Option<usize> {
    let head = line.strip_suffix(b"}\r\n")?;
    let at = head.iter().rposition(|b| *b == b'{')?;
    std::str::from_utf8(&head[at + 1..]).ok()?.parse().ok()
}

/// What an untagged line says to the model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Said {
    Exists(u32),
    Expunge(u32),
    Fetch(u32, Facts),
    Search(Vec<u32>),
    /// `OK [HIGHESTMODSEQ n]`
    Highest(u64),
    /// UIDVALIDITY, UIDNEXT.
    Validity(u32),
    Next(u32),
    /// `OK [COPYUID ...]`
    CopyUid(String),
    Other,
}

impl Said {
    /// The UID whose flags it tells.
    pub fn flags_of(&self) -> Option<u32> {
        match self {
            Said::Fetch(_, facts) if facts.flags.is_some() => facts.uid,
            _ => None,
        }
    }
}

/// What a FETCH answer says of a message.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    pub uid: Option<u32>,
    /// Sorted, without \Recent.
    pub flags: Option<Vec<String>>,
    pub modseq: Option<u64>,
    /// Out of whatever octets came: the message's unique subject.
    pub subject: Option<String>,
    pub size: Option<u64>,
    /// Octets of BODY[].
    pub whole: Option<usize>,
}

/// Reads an untagged line; it must be one that a server may say.
pub fn said(line: &[u8]) -> Said {
    let text = String::from_utf8_lossy(line).into_owned();
    let rest = text.strip_prefix("* ").unwrap_or_else(|| panic!("no untagged line: {text}"));
    let words: Vec<&str> = rest.splitn(3, ' ').collect();
    if let Ok(number) = words[0].parse::<u32>() {
        return match words[1] {
            "EXISTS" => Said::Exists(number),
            "EXPUNGE" => Said::Expunge(number),
            "FETCH" => Said::Fetch(number, facts(line)),
            "RECENT" => Said::Other,
            other => panic!("what is {other}? {text}"),
        };
    }
    let code = |name: &str| {
        rest.split_once(&format!("[{name} ")).and_then(|(_, r)| r.split_once(']')).map(|(n, _)| n.to_owned())
    };
    if let Some(n) = code("HIGHESTMODSEQ") {
        return Said::Highest(n.parse().unwrap());
    }
    if let Some(n) = code("UIDVALIDITY") {
        return Said::Validity(n.parse().unwrap());
    }
    if let Some(n) = code("UIDNEXT") {
        return Said::Next(n.parse().unwrap());
    }
    if let Some(n) = code("COPYUID") {
        return Said::CopyUid(n);
    }
    match rest.strip_prefix("SEARCH") {
        Some(numbers) => Said::Search(
            numbers
                .split_once('(')
                .map_or(numbers, |(n, _)| n)
                .split_whitespace()
                .map(|n| n.parse().unwrap())
                .collect(),
        ),
        None => Said::Other,
    }
}

fn facts(line: &[u8]) -> Facts {
    let mut facts = Facts::default();
    let open = line.iter().position(|b| *b == b'(').unwrap();
    let mut at = open + 1;
    loop {
        while line[at] == b' ' {
            at += 1;
        }
        if line[at] == b')' {
            assert_eq!(at + 1, line.len(), "something behind a FETCH: {}", show(line));
            return facts;
        }
        // A name may have a bracket with blanks in it.
        let begin = at;
        let mut depth = 0;
        while depth > 0 || line[at] != b' ' {
            depth += i32::from(line[at] == b'[') - i32::from(line[at] == b']');
            at += 1;
        }
        let name = String::from_utf8_lossy(&line[begin..at]).into_owned();
        let (value, behind) = value(line, at + 1);
        at = behind;
        note(&mut facts, &name, &value);
    }
}

/// A value and what follows it: an atom, a list (with its parentheses), a quoted string or a literal (their octets).
fn value(line: &[u8], at: usize) -> (Vec<u8>, usize) {
    match line[at] {
        b'"' => {
            let mut out = Vec::new();
            let mut at = at + 1;
            while line[at] != b'"' {
                at += usize::from(line[at] == b'\\');
                out.push(line[at]);
                at += 1;
            }
            (out, at + 1)
        }
        b'{' => {
            let close = at + line[at..].iter().position(|b| *b == b'}').unwrap();
            let octets: usize = std::str::from_utf8(&line[at + 1..close]).unwrap().parse().unwrap();
            (line[close + 3..close + 3 + octets].to_vec(), close + 3 + octets)
        }
        b'(' => {
            let (mut end, mut depth) = (at, 0);
            loop {
                match line[end] {
                    b'(' => depth += 1,
                    b')' => depth -= 1,
                    b'"' | b'{' => {
                        end = value(line, end).1;
                        continue;
                    }
                    _ => {}
                }
                end += 1;
                if depth == 0 {
                    return (line[at..end].to_vec(), end);
                }
            }
        }
        _ => {
            let end = at + line[at..].iter().position(|b| matches!(b, b' ' | b')')).unwrap();
            (line[at..end].to_vec(), end)
        }
    }
}

fn note(facts: &mut Facts, name: &str, value: &[u8]) {
    let text = String::from_utf8_lossy(value).into_owned();
    let inner = text.trim_start_matches('(').trim_end_matches(')');
    match name {
        "UID" => facts.uid = Some(text.parse().unwrap()),
        "MODSEQ" => facts.modseq = Some(inner.parse().unwrap()),
        "RFC822.SIZE" => facts.size = Some(text.parse().unwrap()),
        "FLAGS" => {
            let mut flags: Vec<String> = inner.split_whitespace().map(str::to_owned).collect();
            flags.retain(|flag| flag != "\\Recent");
            flags.sort();
            facts.flags = Some(flags);
        }
        _ => {
            if name == "BODY[]" {
                facts.whole = Some(value.len());
            }
            // Every message has one word of this kind in its subject and in its text.
            if let Some(at) = text.find("unique-") {
                let word: String = text[at..].chars().take_while(|c| c.is_alphanumeric() || *c == '-').collect();
                facts.subject = Some(word);
            }
        }
    }
}
