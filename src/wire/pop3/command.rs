//! Commands, and the one table of what each needs.

use crate::wire::Secret;

/// A command's keyword.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verb {
    /// RFC 2449 s5
    Capa,
    /// RFC 2595 s4
    Stls,
    /// RFC 5034
    Auth,
    /// RFC 1939 s7
    User,
    /// RFC 1939 s7
    Pass,
    /// RFC 1939 s4, s6
    Quit,
    /// RFC 1939 s5
    Noop,
    /// RFC 1939 s5
    Stat,
    /// RFC 1939 s5
    List,
    /// RFC 1939 s5
    Retr,
    /// RFC 1939 s5
    Dele,
    /// RFC 1939 s5
    Rset,
    /// RFC 1939 s7
    Top,
    /// RFC 1939 s7
    Uidl,
}

/// In which state a command is valid (RFC 1939 s3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// Always.
    Any,
    /// Before the login.
    Authorization,
    /// After it.
    Transaction,
}

/// A row of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rule {
    /// The command.
    pub verb: Verb,
    /// Its keyword.
    pub word: &'static str,
    /// The state it needs.
    pub when: When,
    /// It leads to a password: only where one may be said (Q10).
    pub login: bool,
}

const fn rule(verb: Verb, word: &'static str, when: When, login: bool) -> Rule {
    Rule { verb, word, when, login }
}

/// Every command we know. APOP is not offered: it needs the password itself, and we keep none.
#[rustfmt::skip]
pub const RULES: [Rule; 14] = [
    //   verb        keyword when                 login
    rule(Verb::Capa, "CAPA", When::Any,           false),
    rule(Verb::Stls, "STLS", When::Authorization, false),
    rule(Verb::Auth, "AUTH", When::Authorization, true),
    rule(Verb::User, "USER", When::Authorization, true),
    rule(Verb::Pass, "PASS", When::Authorization, true),
    rule(Verb::Quit, "QUIT", When::Any,           false),
    rule(Verb::Noop, "NOOP", When::Transaction,   false),
    rule(Verb::Stat, "STAT", When::Transaction,   false),
    rule(Verb::List, "LIST", When::Transaction,   false),
    rule(Verb::Retr, "RETR", When::Transaction,   false),
    rule(Verb::Dele, "DELE", When::Transaction,   false),
    rule(Verb::Rset, "RSET", When::Transaction,   false),
    rule(Verb::Top,  "TOP",  When::Transaction,   false),
    rule(Verb::Uidl, "UIDL", When::Transaction,   false),
];

/// A command with its arguments. Message numbers are as they were said: 0 or too large ones are nobody's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// What can you do?
    Capa,
    /// Begin TLS.
    Stls,
    /// Log in by a mechanism, maybe with an initial response (base64 or `=`); without one: which are there?
    Auth(Option<(String, Option<Secret>)>),
    /// The name.
    User(String),
    /// The password: all that stands behind the blank (RFC 1939 s7).
    Pass(Secret),
    /// Good bye.
    Quit,
    /// Still here.
    Noop,
    /// Count and octets.
    Stat,
    /// Size of one message or of all.
    List(Option<u32>),
    /// A message.
    Retr(u32),
    /// Mark a message for deletion.
    Dele(u32),
    /// Unmark all.
    Rset,
    /// Header section and so many lines of a message.
    Top(u32, u32),
    /// Unique identifier of one message or of all.
    Uidl(Option<u32>),
}

/// Why a line is no command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BadCommand {
    /// The keyword is not in the table.
    Unknown,
    /// The arguments do not fit the keyword.
    Arguments(Verb),
}

impl Verb {
    /// The command's row.
    pub fn rule(self) -> Rule {
        RULES.into_iter().find(|r| r.verb == self).unwrap_or(RULES[0])
    }
}

impl Command {
    /// Reads a line without its ending. Any octets may come.
    pub fn parse(line: &[u8]) -> Result<Self, BadCommand> {
        let at = line.iter().position(|b| *b == b' ');
        let (word, rest) = at.map_or((line, &b""[..]), |at| (&line[..at], &line[at + 1..]));
        let rule = RULES.iter().find(|r| r.word.as_bytes().eq_ignore_ascii_case(word.trim_ascii_end()));
        let verb = rule.ok_or(BadCommand::Unknown)?.verb;
        let bad = BadCommand::Arguments(verb);
        if verb == Verb::Pass {
            // Blanks belong to the password. Without one there is none.
            return at.map(|_| Command::Pass(Secret(rest.to_vec()))).filter(|_| !rest.is_empty()).ok_or(bad);
        }
        let rest = rest.trim_ascii();
        let mut words = rest.split(u8::is_ascii_whitespace).filter(|w| !w.is_empty());
        let args = (words.next(), words.next(), words.next());
        let command = match (verb, args) {
            (Verb::Capa, (None, ..)) => Command::Capa,
            (Verb::Stls, (None, ..)) => Command::Stls,
            (Verb::Quit, (None, ..)) => Command::Quit,
            (Verb::Noop, (None, ..)) => Command::Noop,
            (Verb::Stat, (None, ..)) => Command::Stat,
            (Verb::Rset, (None, ..)) => Command::Rset,
            (Verb::Auth, (None, ..)) => Command::Auth(None),
            (Verb::Auth, (Some(name), initial, None)) => {
                let name = String::from_utf8_lossy(name).into_owned();
                Command::Auth(Some((name, initial.map(|i| Secret(i.to_vec())))))
            }
            // A client that ends its lines with CR alone says the password in the same line: it must not become a name, for
            // names stand in the journal.
            (Verb::User, _) if rest.iter().any(u8::is_ascii_control) => return Err(bad),
            (Verb::User, (Some(_), ..)) => Command::User(String::from_utf8_lossy(rest).into_owned()),
            (Verb::List, (None, ..)) => Command::List(None),
            (Verb::List, (Some(n), None, _)) => Command::List(Some(number(n).ok_or(bad)?)),
            (Verb::Uidl, (None, ..)) => Command::Uidl(None),
            (Verb::Uidl, (Some(n), None, _)) => Command::Uidl(Some(number(n).ok_or(bad)?)),
            (Verb::Retr, (Some(n), None, _)) => Command::Retr(number(n).ok_or(bad)?),
            (Verb::Dele, (Some(n), None, _)) => Command::Dele(number(n).ok_or(bad)?),
            (Verb::Top, (Some(n), Some(lines), None)) => Command::Top(number(n).ok_or(bad)?, number(lines).ok_or(bad)?),
            (_, _) => return Err(bad),
        };
        Ok(command)
    }

    /// The keyword.
    pub fn verb(&self) -> Verb {
        match self {
            Command::Capa => Verb::Capa,
            Command::Stls => Verb::Stls,
            Command::Auth(_) => Verb::Auth,
            Command::User(_) => Verb::User,
            Command::Pass(_) => Verb::Pass,
            Command::Quit => Verb::Quit,
            Command::Noop => Verb::Noop,
            Command::Stat => Verb::Stat,
            Command::List(_) => Verb::List,
            Command::Retr(_) => Verb::Retr,
            Command::Dele(_) => Verb::Dele,
            Command::Rset => Verb::Rset,
            Command::Top(..) => Verb::Top,
            Command::Uidl(_) => Verb::Uidl,
        }
    }

    /// As a client says it, with CRLF.
    pub fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.verb().rule().word.as_bytes());
        match self {
            Command::Auth(Some((name, initial))) => {
                word(out, name.as_bytes());
                if let Some(Secret(initial)) = initial {
                    word(out, initial);
                }
            }
            Command::User(name) => word(out, name.as_bytes()),
            Command::Pass(Secret(password)) => word(out, password),
            Command::List(Some(n)) | Command::Uidl(Some(n)) | Command::Retr(n) | Command::Dele(n) => {
                word(out, n.to_string().as_bytes());
            }
            Command::Top(n, lines) => word(out, format!("{n} {lines}").as_bytes()),
            Command::Capa | Command::Stls | Command::Quit | Command::Noop | Command::Stat | Command::Rset => {}
            Command::Auth(None) | Command::List(None) | Command::Uidl(None) => {}
        }
        out.extend_from_slice(b"\r\n");
    }
}

fn word(out: &mut Vec<u8>, octets: &[u8]) {
    out.push(b' ');
    out.extend_from_slice(octets);
}

/// Digits; a number that is too large becomes the largest, which is no message either.
fn number(text: &[u8]) -> Option<u32> {
    if !text.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let digits = text.iter().map(|b| u32::from(b - b'0'));
    Some(digits.fold(0u32, |n, digit| n.saturating_mul(10).saturating_add(digit)))
}

/// Whether a first line is a web client's: a browser that was led here by a page would say our commands in its body.
pub fn is_http(line: &[u8]) -> bool {
    let words: Vec<&[u8]> = line.split(|b| *b == b' ').collect();
    let request = words.len() >= 3 && words.last().is_some_and(|w| w.starts_with(b"HTTP/"));
    let method = words.first().is_some_and(|w| [&b"GET"[..], b"POST", b"PUT", b"HEAD", b"OPTIONS"].contains(w));
    request || method
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Command, BadCommand> {
        Command::parse(text.as_bytes())
    }

    #[test]
    fn every_command_is_read_as_it_is_written() {
        let secret = |text: &str| Secret(text.as_bytes().to_vec());
        for command in [
            Command::Capa,
            Command::Stls,
            Command::Auth(None),
            Command::Auth(Some(("PLAIN".into(), None))),
            Command::Auth(Some(("PLAIN".into(), Some(secret("="))))),
            Command::User("ann@office.test".into()),
            Command::User("two words".into()),
            Command::Pass(secret(" a b ")),
            Command::Quit,
            Command::Noop,
            Command::Stat,
            Command::List(None),
            Command::List(Some(7)),
            Command::Retr(1),
            Command::Dele(u32::MAX),
            Command::Rset,
            Command::Top(3, 0),
            Command::Uidl(None),
            Command::Uidl(Some(12)),
        ] {
            let mut out = Vec::new();
            command.write(&mut out);
            assert_eq!(out.strip_suffix(b"\r\n").map(Command::parse), Some(Ok(command)));
        }
    }

    #[test]
    fn each_verb_has_one_row() {
        for rule in RULES {
            assert_eq!(rule.verb.rule(), rule);
        }
    }

    #[test]
    fn forgives_case_and_blanks_but_not_wrong_arguments() {
        assert_eq!(parse("list  2 "), Ok(Command::List(Some(2))));
        assert_eq!(parse("Quit "), Ok(Command::Quit));
        assert_eq!(parse("retr 99999999999999999999"), Ok(Command::Retr(u32::MAX)));
        for (text, verb) in [
            ("QUIT now", Verb::Quit),
            ("RETR", Verb::Retr),
            ("RETR x", Verb::Retr),
            ("RETR -1", Verb::Retr),
            ("RETR 1 2", Verb::Retr),
            ("TOP 1", Verb::Top),
            ("TOP 1 2 3", Verb::Top),
            ("PASS", Verb::Pass),
            ("PASS ", Verb::Pass),
            ("USER  ", Verb::User),
            ("USER ann\rPASS secret", Verb::User),
            ("AUTH PLAIN a b", Verb::Auth),
            ("LIST 1 2", Verb::List),
        ] {
            assert_eq!(parse(text), Err(BadCommand::Arguments(verb)), "{text}");
        }
        for text in ["", " ", "APOP ann x", "RETRY 1", "XTND", " QUIT", "\u{43f}"] {
            assert_eq!(parse(text), Err(BadCommand::Unknown), "{text}");
        }
        assert_eq!(Command::parse(b"\xff\0\xfe"), Err(BadCommand::Unknown));
    }

    #[test]
    fn a_password_is_never_shown() {
        assert_eq!(format!("{:?}", parse("PASS hunter2")), "Ok(Pass(Secret(..)))");
    }

    #[test]
    fn knows_a_web_client() {
        assert!(is_http(b"GET / HTTP/1.1") && is_http(b"POST /x HTTP/1.0") && is_http(b"PROPFIND /x HTTP/1.1"));
        assert!(is_http(b"GET /"));
        assert!(!is_http(b"USER HTTP/1.1x") && !is_http(b"QUIT") && !is_http(b""));
    }
}
