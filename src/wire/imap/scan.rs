//! The lexer of a command: atoms, strings, literals, numbers, lists (RFC 3501 s9), forgiving where the field's clients need it.

use super::say::{self, Say};

/// What was read, or the sentence that says why not.
pub(super) type Parsed<T> = Result<T, Say<'static>>;

/// The octets of a command that are not read yet.
#[derive(Clone, Copy)]
pub(super) struct Scan<'a> {
    rest: &'a [u8],
}

impl<'a> Scan<'a> {
    pub fn new(rest: &'a [u8]) -> Self {
        Scan { rest }
    }

    pub fn rest(&self) -> &'a [u8] {
        self.rest
    }

    pub fn peek(&self) -> Option<u8> {
        self.rest.first().copied()
    }

    /// Takes this octet if it comes next.
    pub fn take(&mut self, octet: u8) -> bool {
        let next = self.peek() == Some(octet);
        if next {
            self.rest = &self.rest[1..];
        }
        next
    }

    pub fn need(&mut self, octet: u8) -> Parsed<()> {
        if self.take(octet) { Ok(()) } else { Err(say::SYNTAX) }
    }

    /// Swallows blanks; says whether there were any.
    pub fn blanks(&mut self) -> bool {
        let had = self.peek() == Some(b' ');
        while self.take(b' ') {}
        had
    }

    /// A blank between two arguments; some clients leave it out before what shows its own beginning.
    pub fn space(&mut self) -> Parsed<()> {
        let had = self.blanks();
        if had && self.peek().is_some() || matches!(self.peek(), Some(b'{' | b'(' | b'"')) {
            return Ok(());
        }
        Err(say::SYNTAX)
    }

    /// Whether another argument follows a blank.
    pub fn more(&mut self) -> bool {
        let mut ahead = *self;
        let more = ahead.space().is_ok();
        if more {
            *self = ahead;
        }
        more
    }

    /// Nothing but blanks may follow.
    pub fn end(&mut self) -> Parsed<()> {
        self.blanks();
        if self.rest.is_empty() { Ok(()) } else { Err(say::SYNTAX) }
    }

    fn split(&mut self, at: usize) -> &'a [u8] {
        let (head, rest) = self.rest.split_at(at);
        self.rest = rest;
        head
    }

    fn run(&mut self, belongs: impl Fn(u8) -> bool) -> &'a [u8] {
        let end = self.rest.iter().position(|b| !belongs(*b)).unwrap_or(self.rest.len());
        self.split(end)
    }

    /// Letters, digits and what names of commands, items and keys are made of; maybe nothing.
    pub fn word(&mut self) -> &'a [u8] {
        self.run(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'=' | b'_'))
    }

    /// Takes this word if it comes next, in any case, and is not the beginning of a longer one.
    pub fn keyword(&mut self, word: &str) -> bool {
        let mut ahead = *self;
        let same = ahead.word().eq_ignore_ascii_case(word.as_bytes());
        if same {
            *self = ahead;
        }
        same
    }

    /// An atom (RFC 3501 s9) of printable ASCII, `]` included.
    pub fn atom(&mut self) -> Parsed<&'a str> {
        let octets = self.run(|b| b.is_ascii_graphic() && !b"(){%*\"\\".contains(&b));
        match std::str::from_utf8(octets) {
            Ok(text) if !text.is_empty() => Ok(text),
            Ok(_) | Err(_) => Err(say::SYNTAX),
        }
    }

    /// Decimal digits.
    pub fn number64(&mut self) -> Parsed<u64> {
        let digits = self.run(|b| b.is_ascii_digit());
        let text = std::str::from_utf8(digits).map_err(|_| say::SYNTAX)?;
        text.parse().map_err(|_| say::BAD_NUMBER)
    }

    /// As [`Scan::number64`], up to 4,294,967,295 (RFC 3501 s9 number).
    pub fn number(&mut self) -> Parsed<u32> {
        self.number64()?.try_into().map_err(|_| say::BAD_NUMBER)
    }

    /// A quoted string or a literal.
    pub fn string(&mut self) -> Parsed<Vec<u8>> {
        match self.peek() {
            Some(b'"') => self.quoted(),
            Some(b'{') => self.literal(),
            Some(_) | None => Err(say::SYNTAX),
        }
    }

    /// A string, or a word without quotes: everything up to a blank, a parenthesis or a quote. More than RFC 3501 s9 astring
    /// allows: names with a backslash, passwords with an asterisk, 8-bit letters.
    pub fn astring(&mut self) -> Parsed<Vec<u8>> {
        if matches!(self.peek(), Some(b'"' | b'{')) {
            return self.string();
        }
        let ends = |at: usize| {
            let octet = self.rest[at];
            octet <= b' ' || octet == 0x7f || b"()\"".contains(&octet) || is_literal(&self.rest[at..])
        };
        let end = (0..self.rest.len()).find(|at| ends(*at)).unwrap_or(self.rest.len());
        let word = self.split(end);
        if word.is_empty() { Err(say::SYNTAX) } else { Ok(word.to_vec()) }
    }

    /// A string or NIL.
    pub fn nstring(&mut self) -> Parsed<Option<Vec<u8>>> {
        if self.keyword("NIL") {
            return Ok(None);
        }
        self.string().map(Some)
    }

    /// A backslash before anything but a quote or a backslash stands for itself: `"DOMAIN\user"` is what is meant.
    fn quoted(&mut self) -> Parsed<Vec<u8>> {
        let mut text = Vec::new();
        self.need(b'"')?;
        loop {
            let octet = self.peek().ok_or(say::SYNTAX)?;
            self.rest = &self.rest[1..];
            match octet {
                b'"' => return Ok(text),
                b'\r' | b'\n' | 0 => return Err(say::SYNTAX),
                b'\\' if matches!(self.peek(), Some(b'"' | b'\\')) => text.extend_from_slice(self.split(1)),
                other => text.push(other),
            }
        }
    }

    /// `{5}` or `{5+}`, a line ending and so many octets, none of them NUL.
    fn literal(&mut self) -> Parsed<Vec<u8>> {
        self.need(b'{')?;
        let octets = usize::try_from(self.number64()?).map_err(|_| say::BAD_NUMBER)?;
        self.take(b'+');
        self.need(b'}')?;
        self.take(b'\r');
        self.need(b'\n')?;
        if self.rest.len() < octets {
            return Err(say::SYNTAX);
        }
        let text = self.split(octets);
        if text.contains(&0) { Err(say::SYNTAX) } else { Ok(text.to_vec()) }
    }

    /// A list in parentheses, maybe empty, with blanks where they may and may not stand; at most `most` members.
    pub fn list<T>(&mut self, most: usize, mut one: impl FnMut(&mut Self) -> Parsed<T>) -> Parsed<Vec<T>> {
        let mut list = Vec::new();
        self.need(b'(')?;
        loop {
            self.blanks();
            if self.take(b')') {
                return Ok(list);
            }
            if list.len() == most {
                return Err(say::TOO_MANY);
            }
            list.push(one(self)?);
            if !matches!(self.peek(), Some(b' ' | b')' | b'(' | b'"' | b'{')) {
                return Err(say::SYNTAX);
            }
        }
    }
}

/// Whether these octets begin a literal: `{`, digits, maybe `+`, `}` and a line ending.
fn is_literal(octets: &[u8]) -> bool {
    let Some(inner) = octets.strip_prefix(b"{") else { return false };
    let digits = inner.iter().take_while(|b| b.is_ascii_digit()).count();
    let rest = &inner[digits..];
    let rest = rest.strip_prefix(b"+").unwrap_or(rest);
    digits > 0 && (rest.starts_with(b"}\r\n") || rest.starts_with(b"}\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn strings(text: &str) -> Parsed<Vec<String>> {
        let mut scan = Scan::new(text.as_bytes());
        let mut all = vec![scan.astring()?];
        while scan.more() {
            all.push(scan.astring()?);
        }
        scan.end()?;
        Ok(all.into_iter().map(|s| String::from_utf8(s).unwrap()).collect())
    }

    #[test]
    fn reads_every_shape_of_string() {
        let shapes = "ann \"two words\" {3}\r\na\r\n {2+}\r\n\"( \"q\\\"\\\\\" \"\" {0}\r\n";
        assert_eq!(strings(shapes).unwrap(), ["ann", "two words", "a\r\n", "\"(", "q\"\\", "", ""]);
    }

    #[test]
    fn forgives_what_clients_do() {
        assert_eq!(strings("ann{1}\r\nx").unwrap(), ["ann", "x"]);
        assert_eq!(strings("\"ann\"{1}\r\nx  ").unwrap(), ["ann", "x"]);
        assert_eq!(strings("\"OFFICE\\ann\" pa%s*s").unwrap(), ["OFFICE\\ann", "pa%s*s"]);
        assert_eq!(strings("{1}\nx \u{43f}").unwrap(), ["x", "\u{43f}"]);
    }

    #[test]
    fn refuses_what_is_no_string() {
        for text in ["", "\"open", "\"a\nb\"", "{5}\r\nabc", "{x}\r\n", "{1}abc", "{99999999999999999999}\r\n", "a (b"]
        {
            assert!(strings(text).is_err(), "{text}");
        }
    }

    #[test]
    fn lists_may_be_empty_and_badly_spaced_but_not_endless() {
        let list = |text: &str| {
            let mut scan = Scan::new(text.as_bytes());
            scan.list(3, |s| s.atom().map(str::to_owned)).map(|l| l.join("|"))
        };
        assert_eq!(list("()"), Ok(String::new()));
        assert_eq!(list("( a  b )"), Ok("a|b".into()));
        assert_eq!(list("(a b c d)"), Err(say::TOO_MANY));
        assert!(list("(a b").is_err() && list("a").is_err() && list("(a%b)").is_err());
    }
}
