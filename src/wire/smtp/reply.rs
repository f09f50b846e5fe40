//! A reply (RFC 5321 s4.2) with its enhanced status code (RFC 2034): what we say, and what we hear from others.

use std::borrow::Cow;

/// Octets of words in one reply line: RFC 5321 s4.5.3.1.5 allows 512 with code, status and CRLF.
const WORDS: usize = 480;

/// A sentence of the table [`super::say`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Say {
    /// Three digits.
    pub code: u16,
    /// `5.7.1`, or empty where RFC 2034 has none (greeting, EHLO, 354, 334).
    pub status: &'static str,
    /// The words; ASCII, no line break.
    pub text: &'static str,
}

/// What a client hears: one sentence, maybe with a detail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// Three digits.
    pub code: u16,
    /// Enhanced status code, or empty.
    pub status: &'static str,
    /// The words; one or more lines, each printable ASCII.
    pub lines: Vec<Cow<'static, str>>,
}

impl From<Say> for Reply {
    fn from(say: Say) -> Reply {
        Reply { code: say.code, status: say.status, lines: vec![Cow::Borrowed(say.text)] }
    }
}

impl Say {
    /// The sentence, then `: detail` (made printable ASCII and cut to fit a reply line).
    #[must_use]
    pub fn with(self, detail: &str) -> Reply {
        let room = WORDS.saturating_sub(self.text.len() + 2);
        let detail: String =
            detail.chars().take(room).map(|c| if (' '..='~').contains(&c) { c } else { '?' }).collect();
        Reply { code: self.code, status: self.status, lines: vec![Cow::Owned(format!("{}: {detail}", self.text))] }
    }
}

impl Reply {
    /// Whether the client is to try again later.
    #[must_use]
    pub fn is_temporary(&self) -> bool {
        (400..500).contains(&self.code)
    }

    /// Whether it is good news (2xx, 3xx).
    #[must_use]
    pub fn is_good(&self) -> bool {
        self.code < 400
    }

    /// `550 5.1.1 words` on one line, for the journal.
    #[must_use]
    pub fn one_line(&self) -> String {
        let space = if self.status.is_empty() { "" } else { " " };
        format!("{} {}{space}{}", self.code, self.status, self.lines.join(" "))
    }

    /// `550 5.1.1 words` with CRLF, multi-line where there are several.
    pub fn write(&self, out: &mut Vec<u8>) {
        let last = self.lines.len().saturating_sub(1);
        for (n, text) in self.lines.iter().enumerate() {
            let dash = if n == last { ' ' } else { '-' };
            let space = if self.status.is_empty() { "" } else { " " };
            out.extend_from_slice(format!("{}{dash}{}{space}{text}\r\n", self.code, self.status).as_bytes());
        }
    }
}

/// A reply that somebody else said: its status is whatever they wrote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Heard {
    /// 200 to 599.
    pub code: u16,
    /// Enhanced status code of the last line, or empty.
    pub status: String,
    /// The words of each line, without code and status.
    pub lines: Vec<String>,
}

/// Why bytes are no reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoReply {
    /// The last line is not there yet.
    Unfinished,
    /// It never will be one.
    Malformed,
}

impl Heard {
    /// Reads one reply (all its lines) from the head of `input`; gives it and the octets it took. Codes of all lines must agree
    /// (RFC 5321 s4.2.1); words that are not UTF-8 are read with replacement characters. The caller caps `input`.
    pub fn parse(input: &[u8]) -> Result<(Heard, usize), NoReply> {
        let mut heard = Heard { code: 0, status: String::new(), lines: Vec::new() };
        let mut at = 0;
        loop {
            let rest = &input[at..];
            let end = rest.iter().position(|b| *b == b'\n').ok_or(NoReply::Unfinished)?;
            let line = rest[..end].strip_suffix(b"\r").unwrap_or(&rest[..end]);
            at += end + 1;
            if heard.take_line(&String::from_utf8_lossy(line))? {
                return Ok((heard, at));
            }
        }
    }

    /// The words on one line.
    #[must_use]
    pub fn words(&self) -> String {
        self.lines.join(" ")
    }

    /// Whether it was the last line.
    fn take_line(&mut self, line: &str) -> Result<bool, NoReply> {
        let digits = line.get(..3).filter(|d| d.bytes().all(|b| b.is_ascii_digit())).ok_or(NoReply::Malformed)?;
        let code = digits.parse::<u16>().ok().filter(|c| (200..600).contains(c)).ok_or(NoReply::Malformed)?;
        if self.code != 0 && self.code != code {
            return Err(NoReply::Malformed);
        }
        self.code = code;
        let rest = &line[3..];
        let (last, words) = match (rest.strip_prefix(' '), rest.strip_prefix('-')) {
            (Some(words), _) => (true, words),
            (None, Some(words)) => (false, words),
            (None, None) if rest.is_empty() => (true, ""),
            (None, None) => return Err(NoReply::Malformed),
        };
        let (status, words) = split_status(code, words);
        status.clone_into(&mut self.status);
        self.lines.push(words.to_owned());
        Ok(last)
    }
}

/// A reply that comes line by line.
#[derive(Debug)]
pub struct Hearing(Heard);

impl Default for Hearing {
    fn default() -> Self {
        Hearing(Heard { code: 0, status: String::new(), lines: Vec::new() })
    }
}

impl Hearing {
    /// Takes the next line, without its ending; the whole reply once it was the last. The caller caps lines and their number.
    pub fn take(&mut self, line: &[u8]) -> Result<Option<Heard>, NoReply> {
        let last = self.0.take_line(&String::from_utf8_lossy(line))?;
        Ok(last.then(|| std::mem::take(self).0))
    }
}

/// RFC 2034 s4: `class.subject.detail` before the words, its class that of the code.
fn split_status(code: u16, words: &str) -> (&str, &str) {
    let (status, rest) = words.split_once(' ').unwrap_or((words, ""));
    let mut parts = status.split('.');
    let mut number = |max: usize| {
        parts.next().filter(|p| (1..=max).contains(&p.len()) && p.bytes().all(|b| b.is_ascii_digit())).is_some()
    };
    let class = status.as_bytes().first().is_some_and(|b| u16::from(*b) == code / 100 + 48);
    if class && number(1) && number(3) && number(3) && parts.next().is_none() { (status, rest) } else { ("", words) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::smtp::say;

    fn written(reply: &Reply) -> Vec<u8> {
        let mut out = Vec::new();
        reply.write(&mut out);
        out
    }

    #[test]
    fn what_is_written_is_heard_again() {
        let replies = [
            say::BYE.into(),
            say::GO_ON.into(),
            say::greeting("mail.office.test"),
            say::hello("mail.office.test", vec!["PIPELINING".into(), "SIZE 100".into()]),
            say::help("HELO EHLO"),
            say::challenge(String::new()),
            say::BAD_SENDER.with("there is no @ in the address"),
        ];
        for reply in replies {
            let bytes = written(&reply);
            let (heard, used) = Heard::parse(&bytes).unwrap();
            assert_eq!(used, bytes.len());
            assert_eq!((heard.code, heard.status.as_str()), (reply.code, reply.status));
            assert_eq!(heard.lines, reply.lines);
            for cut in 0..bytes.len() {
                assert_eq!(Heard::parse(&bytes[..cut]), Err(NoReply::Unfinished), "cut at {cut}");
            }
        }
    }

    #[test]
    fn what_is_no_reply_is_malformed() {
        for bytes in
            [&b"hello\r\n"[..], b"99 x\r\n", b"250-a\r\n251 b\r\n", b"250xOk\r\n", b"700 x\r\n", b"\xff\xff\xff\n"]
        {
            assert_eq!(Heard::parse(bytes), Err(NoReply::Malformed), "{}", bytes.escape_ascii());
        }
    }

    #[test]
    fn a_reply_is_heard_line_by_line() {
        let mut hearing = Hearing::default();
        assert_eq!(hearing.take(b"250-one"), Ok(None));
        assert_eq!(hearing.take(b"250 2.1.0 two").unwrap().unwrap().words(), "one two");
        assert_eq!(hearing.take(b"354").unwrap().unwrap().code, 354);
        assert_eq!(hearing.take(b"354-a"), Ok(None));
        assert_eq!(hearing.take(b"250 b"), Err(NoReply::Malformed));
    }

    #[test]
    fn a_number_with_dots_that_is_no_status_stays_in_the_words() {
        let (heard, _) = Heard::parse(b"250 1.2.3 is not a status of 250\r\n").unwrap();
        assert_eq!((heard.status.as_str(), heard.lines[0].as_str()), ("", "1.2.3 is not a status of 250"));
    }
}
