//! A reply (RFC 5321 s4.2) with its enhanced status code (RFC 2034).

use std::borrow::Cow;

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
    /// The sentence, then `: detail`.
    pub fn with(self, detail: &str) -> Reply {
        Reply { code: self.code, status: self.status, lines: vec![Cow::Owned(format!("{}: {detail}", self.text))] }
    }
}

impl Reply {
    /// Whether the client is to try again later.
    pub fn is_temporary(&self) -> bool {
        (400..500).contains(&self.code)
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
