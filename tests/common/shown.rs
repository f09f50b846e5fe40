//! ENVELOPE and BODYSTRUCTURE read by the grammar of RFC 3501 s9, letter by letter, by code that shares nothing with what writes
//! them. Used by the tests and by the fuzz target `mime_derived`.

#![allow(dead_code, clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

/// `nstring`.
pub type Text = Option<Vec<u8>>;

/// `("name" "value" ...)`, NIL as none.
pub type Params = Vec<(Vec<u8>, Vec<u8>)>;

/// `address`: name, adl, mailbox, host.
pub type Person = [Text; 4];

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Envelope {
    pub date: Text,
    pub subject: Text,
    /// From, Sender, Reply-To, To, Cc, Bcc.
    pub people: [Vec<Person>; 6],
    pub in_reply_to: Text,
    pub message_id: Text,
}

/// `body`, with its extension data if it has some.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Body {
    /// Empty for what is no multipart.
    pub parts: Vec<Body>,
    pub main: Vec<u8>,
    pub sub: Vec<u8>,
    pub params: Params,
    pub id: Text,
    pub description: Text,
    pub encoding: Vec<u8>,
    pub octets: u64,
    pub lines: Option<u64>,
    /// Of a message/rfc822.
    pub message: Option<(Envelope, Box<Body>)>,
    pub extended: bool,
    pub md5: Text,
    pub disposition: Option<(Vec<u8>, Params)>,
    pub languages: Vec<Vec<u8>>,
    pub location: Text,
}

/// Reads an ENVELOPE, all of it. Panics where it breaks the grammar.
pub fn envelope(text: &[u8]) -> Envelope {
    let mut at = Reader { text, at: 0 };
    let read = at.envelope();
    at.end();
    read
}

/// Reads a BODYSTRUCTURE or a BODY, all of it.
pub fn body(text: &[u8]) -> Body {
    let mut at = Reader { text, at: 0 };
    let read = at.body();
    at.end();
    read
}

struct Reader<'a> {
    text: &'a [u8],
    at: usize,
}

impl Reader<'_> {
    fn broken(&self, what: &str) -> ! {
        panic!("{what} is missing at {} of {}", self.at, self.text.escape_ascii());
    }

    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    fn expect(&mut self, literal: &str) {
        if !self.text[self.at..].starts_with(literal.as_bytes()) {
            self.broken(literal);
        }
        self.at += literal.len();
    }

    fn takes(&mut self, literal: &str) -> bool {
        let there = self.text[self.at..].starts_with(literal.as_bytes());
        self.at += if there { literal.len() } else { 0 };
        there
    }

    fn end(&self) {
        if self.at != self.text.len() {
            self.broken("the end");
        }
    }

    /// `quoted`. No literal is ever written: CR, LF and NUL are the only octets that would need one.
    fn string(&mut self) -> Vec<u8> {
        self.expect("\"");
        let mut out = Vec::new();
        loop {
            let Some(octet) = self.peek() else { self.broken("a quote") };
            self.at += 1;
            match octet {
                b'"' => return out,
                b'\r' | b'\n' | 0 => self.broken("a text octet"),
                b'\\' => match self.peek() {
                    Some(escaped @ (b'"' | b'\\')) => {
                        out.push(escaped);
                        self.at += 1;
                    }
                    _ => self.broken("what is escaped"),
                },
                other => out.push(other),
            }
        }
    }

    fn nstring(&mut self) -> Text {
        if self.takes("NIL") { None } else { Some(self.string()) }
    }

    fn number(&mut self) -> u64 {
        let digits = self.text[self.at..].iter().take_while(|b| b.is_ascii_digit()).count();
        let number = std::str::from_utf8(&self.text[self.at..self.at + digits]).unwrap().parse();
        self.at += digits;
        number.unwrap_or_else(|_| self.broken("a number"))
    }

    fn envelope(&mut self) -> Envelope {
        self.expect("(");
        let date = self.nstring();
        self.expect(" ");
        let subject = self.nstring();
        let mut people = <[Vec<Person>; 6]>::default();
        for list in &mut people {
            self.expect(" ");
            *list = self.people();
        }
        self.expect(" ");
        let in_reply_to = self.nstring();
        self.expect(" ");
        let message_id = self.nstring();
        self.expect(")");
        Envelope { date, subject, people, in_reply_to, message_id }
    }

    fn people(&mut self) -> Vec<Person> {
        if self.takes("NIL") {
            return Vec::new();
        }
        self.expect("(");
        let mut all = Vec::new();
        while !self.takes(")") {
            all.push(self.person());
        }
        assert!(!all.is_empty(), "an empty list of addresses");
        all
    }

    fn person(&mut self) -> Person {
        self.expect("(");
        let name = self.nstring();
        self.expect(" ");
        let adl = self.nstring();
        self.expect(" ");
        let mailbox = self.nstring();
        self.expect(" ");
        let host = self.nstring();
        self.expect(")");
        [name, adl, mailbox, host]
    }

    fn body(&mut self) -> Body {
        self.expect("(");
        let mut body = if self.peek() == Some(b'(') { self.multipart() } else { self.part() };
        if body.extended {
            self.extension(&mut body);
        }
        self.expect(")");
        body
    }

    fn multipart(&mut self) -> Body {
        let mut body = Body { main: b"multipart".to_vec(), ..Body::default() };
        while self.peek() == Some(b'(') {
            body.parts.push(self.body());
        }
        self.expect(" ");
        body.sub = self.string();
        body.extended = self.takes(" ");
        if body.extended {
            body.params = self.params();
        }
        body
    }

    fn part(&mut self) -> Body {
        let main = self.string();
        self.expect(" ");
        let sub = self.string();
        self.expect(" ");
        let params = self.params();
        self.expect(" ");
        let id = self.nstring();
        self.expect(" ");
        let description = self.nstring();
        self.expect(" ");
        let encoding = self.string();
        self.expect(" ");
        let octets = self.number();
        let mut body = Body { main, sub, params, id, description, encoding, octets, ..Body::default() };
        let text = body.main.eq_ignore_ascii_case(b"text");
        let message = body.main.eq_ignore_ascii_case(b"message") && body.sub.eq_ignore_ascii_case(b"rfc822");
        if message {
            self.expect(" ");
            let envelope = self.envelope();
            self.expect(" ");
            body.message = Some((envelope, Box::new(self.body())));
        }
        if text || message {
            self.expect(" ");
            body.lines = Some(self.number());
        }
        body.extended = self.takes(" ");
        if body.extended {
            body.md5 = self.nstring();
        }
        body
    }

    /// Disposition, language, location: all of them, or none.
    fn extension(&mut self, body: &mut Body) {
        self.expect(" ");
        if !self.takes("NIL") {
            self.expect("(");
            let value = self.string();
            self.expect(" ");
            body.disposition = Some((value, self.params()));
            self.expect(")");
        }
        self.expect(" ");
        match self.peek() {
            Some(b'(') => {
                self.expect("(");
                body.languages.push(self.string());
                while self.takes(" ") {
                    body.languages.push(self.string());
                }
                self.expect(")");
            }
            _ => body.languages.extend(self.nstring()),
        }
        self.expect(" ");
        body.location = self.nstring();
    }

    fn params(&mut self) -> Params {
        if self.takes("NIL") {
            return Vec::new();
        }
        self.expect("(");
        let mut params = Vec::new();
        loop {
            let name = self.string();
            self.expect(" ");
            params.push((name, self.string()));
            if !self.takes(" ") {
                break;
            }
        }
        self.expect(")");
        params
    }
}
