//! Commands: a line to a value and back.

use std::fmt;

use super::{Lenience, Reply, Verb, dsn, path, say};
use crate::types::{Address, ReversePath, Terms, Wishes};

/// The name in HELO or EHLO, made harmless: one word of printable ASCII, at most 255 octets (RFC 5321 s4.5.3.1.2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hello(Box<str>);

impl Hello {
    /// Whatever a client calls itself is taken (RFC 5321 s4.1.4: not a reason to refuse): Windows sends computer names in its
    /// own 8-bit letters, others underscores or spaces. Octets that could confuse a header or a journal line become `?`, as
    /// in Postfix. None only for nothing at all.
    #[must_use]
    pub fn parse(text: &[u8]) -> Option<Self> {
        let harmless = |b: &u8| if b.is_ascii_graphic() && !b"<>()\\\";@".contains(b) { char::from(*b) } else { '?' };
        // A client that ends its lines with CR alone may say a password in the same line: it is no part of the name, which
        // stands in the journal and in Received.
        let text = text.trim_ascii().split(|b| *b == b'\r').next().unwrap_or_default();
        let name: String = text.trim_ascii().iter().take(255).map(harmless).collect();
        (!name.is_empty()).then(|| Hello(name.into_boxed_str()))
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What a client says of its bytes (RFC 6152). BINARYMIME is not offered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyKind {
    /// `BODY=7BIT`
    SevenBit,
    /// `BODY=8BITMIME`
    EightBit,
}

/// Parameters of MAIL. `AUTH=` (RFC 4954 s5) is checked and not kept: nobody's word for somebody else is believed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MailParams {
    /// Octets announced (RFC 1870); more than fit into 64 bits are that many.
    pub size: Option<u64>,
    /// `BODY=`; nothing follows from it, since all 8 bits are taken in any case.
    pub body: Option<BodyKind>,
    /// `SMTPUTF8` (RFC 6531 s3.4): addresses and header may be UTF-8; `RET=`, `ENVID=` (RFC 3461).
    pub terms: Terms,
}

/// Whom RCPT names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Recipient {
    /// An address.
    Address(Address),
    /// `<postmaster>` without a domain (RFC 5321 s4.5.1).
    Postmaster,
}

impl Recipient {
    fn write(&self, utf8: bool) -> String {
        match self {
            Recipient::Address(Address { local, domain }) if utf8 => format!("{local}@{}", domain.to_unicode()),
            Recipient::Address(_) | Recipient::Postmaster => self.to_string(),
        }
    }
}

impl fmt::Display for Recipient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Recipient::Address(address) => address.fmt(f),
            Recipient::Postmaster => f.write_str("postmaster"),
        }
    }
}

/// A command and all it says.
#[derive(Clone, PartialEq, Eq)]
pub enum Command {
    /// HELO name
    Helo(Hello),
    /// EHLO name
    Ehlo(Hello),
    /// STARTTLS
    Starttls,
    /// AUTH mechanism \[initial response\]
    Auth {
        /// In capitals.
        mechanism: String,
        /// In base64, or `=`; not shown by `Debug`.
        initial: Option<Vec<u8>>,
    },
    /// MAIL FROM:<path> params
    Mail {
        /// The reverse-path.
        from: ReversePath,
        /// What else was said.
        params: MailParams,
    },
    /// RCPT TO:<path> params
    Rcpt {
        /// Whom.
        to: Recipient,
        /// It was written in UTF-8: only after `SMTPUTF8` (RFC 6531 s3.4).
        utf8: bool,
        /// `NOTIFY=`, `ORCPT=` (RFC 3461).
        wishes: Wishes,
    },
    /// DATA
    Data,
    /// BDAT octets \[LAST\]
    Bdat {
        /// How many follow.
        octets: u64,
        /// Whether they end the message.
        last: bool,
    },
    /// RSET
    Rset,
    /// NOOP; its parameter is not kept.
    Noop,
    /// VRFY name
    Vrfy(String),
    /// EXPN name
    Expn(String),
    /// HELP; its parameter is not kept.
    Help,
    /// QUIT
    Quit,
}

/// Shows no initial response of AUTH: it holds a password.
impl fmt::Debug for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut line = Vec::new();
        self.write(&mut line);
        let shown = if let Command::Auth { .. } = self { b"AUTH ..." } else { line.trim_ascii_end() };
        write!(f, "Command({})", shown.escape_ascii())
    }
}

/// A line that is no command, or one with bad words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadCommand {
    /// The command it was meant to be, if that is known.
    pub verb: Option<Verb>,
    /// What the client hears.
    pub say: Reply,
}

impl Command {
    /// Its name.
    #[must_use]
    pub fn verb(&self) -> Verb {
        match self {
            Command::Helo(_) => Verb::Helo,
            Command::Ehlo(_) => Verb::Ehlo,
            Command::Starttls => Verb::Starttls,
            Command::Auth { .. } => Verb::Auth,
            Command::Mail { .. } => Verb::Mail,
            Command::Rcpt { .. } => Verb::Rcpt,
            Command::Data => Verb::Data,
            Command::Bdat { .. } => Verb::Bdat,
            Command::Rset => Verb::Rset,
            Command::Noop => Verb::Noop,
            Command::Vrfy(_) => Verb::Vrfy,
            Command::Expn(_) => Verb::Expn,
            Command::Help => Verb::Help,
            Command::Quit => Verb::Quit,
        }
    }

    /// Reads a line without its ending. White space at its end is forgiven to everybody (RFC 5321 s4.1.1).
    pub fn parse(line: &[u8], lenience: Lenience) -> Result<Command, BadCommand> {
        let line = line.trim_ascii_end();
        let at = line.iter().position(|b| *b == b' ').unwrap_or(line.len());
        let (name, rest) = line.split_at(at);
        let Some(verb) = Verb::named(name) else {
            return Err(BadCommand { verb: None, say: say::UNKNOWN_COMMAND.into() });
        };
        parse_rest(verb, rest.trim_ascii(), lenience).map_err(|say| BadCommand { verb: Some(verb), say })
    }

    /// The line with CRLF.
    pub fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.verb().name().as_bytes());
        match self {
            Command::Helo(name) | Command::Ehlo(name) => put(out, &[" ", name.as_str()]),
            Command::Auth { mechanism, initial } => {
                put(out, &[" ", mechanism]);
                if let Some(initial) = initial {
                    out.push(b' ');
                    out.extend_from_slice(initial);
                }
            }
            Command::Mail { from, params } => {
                put(out, &[" FROM:<", &from.to_string(), ">"]);
                write_params(params, out);
            }
            Command::Rcpt { to, utf8, wishes } => {
                put(out, &[" TO:<", &to.write(*utf8), ">", &dsn::write_wishes(wishes)]);
            }
            Command::Bdat { octets, last } => put(out, &[" ", &octets.to_string(), if *last { " LAST" } else { "" }]),
            Command::Vrfy(name) | Command::Expn(name) => put(out, &[" ", name]),
            Command::Starttls | Command::Data | Command::Rset | Command::Noop | Command::Help | Command::Quit => {}
        }
        out.extend_from_slice(b"\r\n");
    }
}

fn put(out: &mut Vec<u8>, parts: &[&str]) {
    for part in parts {
        out.extend_from_slice(part.as_bytes());
    }
}

fn write_params(params: &MailParams, out: &mut Vec<u8>) {
    if let Some(size) = params.size {
        put(out, &[" SIZE=", &size.to_string()]);
    }
    match params.body {
        Some(BodyKind::SevenBit) => put(out, &[" BODY=7BIT"]),
        Some(BodyKind::EightBit) => put(out, &[" BODY=8BITMIME"]),
        None => {}
    }
    if params.terms.utf8 {
        put(out, &[" SMTPUTF8"]);
    }
    put(out, &[&dsn::write_terms(&params.terms)]);
}

fn parse_rest(verb: Verb, rest: &[u8], lenience: Lenience) -> Result<Command, Reply> {
    let hello = || Hello::parse(rest).ok_or_else(|| Reply::from(say::HELO_SYNTAX));
    if verb != Verb::Helo && verb != Verb::Ehlo && rest.iter().any(u8::is_ascii_control) {
        return Err(say::CONTROL_CHARACTER.into());
    }
    // Octets that are no UTF-8 become U+FFFD here, and no address, parameter or number takes that.
    let text = String::from_utf8_lossy(rest);
    let alone = |command| if rest.is_empty() { Ok(command) } else { Err(Reply::from(say::NO_PARAMETER)) };
    let name = || if rest.is_empty() { Err(Reply::from(say::NAME_SYNTAX)) } else { Ok(text.to_string()) };
    match verb {
        Verb::Helo => Ok(Command::Helo(hello()?)),
        Verb::Ehlo => Ok(Command::Ehlo(hello()?)),
        Verb::Starttls => alone(Command::Starttls),
        Verb::Auth => auth(&text),
        Verb::Mail => mail(&text, lenience),
        Verb::Rcpt => rcpt(&text, lenience),
        Verb::Data => alone(Command::Data),
        Verb::Bdat => bdat(&text),
        Verb::Rset => alone(Command::Rset),
        Verb::Noop => Ok(Command::Noop),
        Verb::Vrfy => Ok(Command::Vrfy(name()?)),
        Verb::Expn => Ok(Command::Expn(name()?)),
        Verb::Help => Ok(Command::Help),
        Verb::Quit => alone(Command::Quit),
    }
}

/// What stands behind `FROM:` or `TO:`.
fn behind<'a>(text: &'a str, keyword: &str) -> Option<&'a str> {
    let (head, rest) = text.split_at_checked(keyword.len())?;
    head.eq_ignore_ascii_case(keyword).then_some(rest)
}

fn mail(text: &str, lenience: Lenience) -> Result<Command, Reply> {
    let path = behind(text, "FROM:").and_then(|t| path::split(t, lenience));
    let (inside, params) = path.ok_or(say::MAIL_SYNTAX)?;
    let from = if inside.is_empty() {
        ReversePath::Null
    } else {
        ReversePath::Address(path::address(inside).map_err(|why| say::BAD_SENDER.with(why.0))?)
    };
    let params = mail_params(params)?;
    if !inside.is_ascii() && !params.terms.utf8 {
        return Err(say::SENDER_NEEDS_UTF8.into());
    }
    Ok(Command::Mail { from, params })
}

fn rcpt(text: &str, lenience: Lenience) -> Result<Command, Reply> {
    let path = behind(text, "TO:").and_then(|t| path::split(t, lenience));
    let (inside, params) = path.ok_or(say::RCPT_SYNTAX)?;
    let wishes = rcpt_params(params)?;
    if inside.eq_ignore_ascii_case("postmaster") {
        return Ok(Command::Rcpt { to: Recipient::Postmaster, utf8: false, wishes });
    }
    let address = path::address(inside).map_err(|why| say::BAD_RECIPIENT.with(why.0))?;
    // What only looks different (full-width letters) is ASCII once it is read, and needs nothing.
    let ascii = inside.is_ascii() || address.local.is_ascii() && address.domain.to_unicode().is_ascii();
    Ok(Command::Rcpt { to: Recipient::Address(address), utf8: !ascii, wishes })
}

fn rcpt_params(text: &str) -> Result<Wishes, Reply> {
    let mut wishes = Wishes::default();
    for param in text.split(' ').filter(|p| !p.is_empty()) {
        let (keyword, value) = param.split_once('=').unwrap_or((param, ""));
        let bad = || say::BAD_PARAMETER.with(param);
        match keyword.to_ascii_uppercase().as_str() {
            "NOTIFY" if wishes.notify.is_none() => wishes.notify = Some(dsn::notify(value).ok_or_else(bad)?),
            "ORCPT" if wishes.orcpt.is_none() => wishes.orcpt = Some(dsn::orcpt(value).ok_or_else(bad)?),
            "NOTIFY" | "ORCPT" => return Err(bad()),
            _ => return Err(say::UNKNOWN_PARAMETER.with(param)),
        }
    }
    Ok(wishes)
}

fn mail_params(text: &str) -> Result<MailParams, Reply> {
    let mut params = MailParams::default();
    for param in text.split(' ').filter(|p| !p.is_empty()) {
        let (keyword, value) = param.split_once('=').unwrap_or((param, ""));
        let bad = || say::BAD_PARAMETER.with(param);
        match keyword.to_ascii_uppercase().as_str() {
            "SIZE" if params.size.is_none() => params.size = Some(size(value).ok_or_else(bad)?),
            "BODY" if params.body.is_none() => {
                params.body = Some(body_kind(value).ok_or_else(|| say::UNKNOWN_PARAMETER.with(param))?);
            }
            "AUTH" if dsn::xtext(value).is_some() => {}
            "SMTPUTF8" if param.len() == keyword.len() => params.terms.utf8 = true,
            "RET" if params.terms.ret.is_none() => params.terms.ret = Some(dsn::ret(value).ok_or_else(bad)?),
            "ENVID" if params.terms.envid.is_none() => {
                params.terms.envid = Some(dsn::envid(value).ok_or_else(bad)?);
            }
            "SIZE" | "BODY" | "AUTH" | "SMTPUTF8" | "RET" | "ENVID" => return Err(bad()),
            _ => return Err(say::UNKNOWN_PARAMETER.with(param)),
        }
    }
    Ok(params)
}

/// RFC 1870 s5: one to twenty digits.
fn size(value: &str) -> Option<u64> {
    let digits = (1..=20).contains(&value.len()) && value.bytes().all(|b| b.is_ascii_digit());
    digits.then(|| value.parse().unwrap_or(u64::MAX))
}

fn body_kind(value: &str) -> Option<BodyKind> {
    [("7BIT", BodyKind::SevenBit), ("8BITMIME", BodyKind::EightBit)]
        .into_iter()
        .find(|(name, _)| name.eq_ignore_ascii_case(value))
        .map(|(_, kind)| kind)
}

fn bdat(text: &str) -> Result<Command, Reply> {
    let mut words = text.split(' ').filter(|w| !w.is_empty());
    let octets = words.next().filter(|w| w.bytes().all(|b| b.is_ascii_digit())).and_then(|w| w.parse().ok());
    let last = words.next();
    match (octets, last, words.next()) {
        (Some(octets), None, None) => Ok(Command::Bdat { octets, last: false }),
        (Some(octets), Some(last), None) if last.eq_ignore_ascii_case("LAST") => {
            Ok(Command::Bdat { octets, last: true })
        }
        (Some(_) | None, _, _) => Err(say::BDAT_SYNTAX.into()),
    }
}

fn auth(text: &str) -> Result<Command, Reply> {
    let mut words = text.split(' ').filter(|w| !w.is_empty());
    let (mechanism, initial) = (words.next(), words.next());
    match (mechanism, words.next()) {
        (Some(mechanism), None) => Ok(Command::Auth {
            mechanism: mechanism.to_ascii_uppercase(),
            initial: initial.map(|i| i.as_bytes().to_vec()),
        }),
        (Some(_) | None, _) => Err(say::AUTH_SYNTAX.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn strict(line: &str) -> Result<Command, BadCommand> {
        Command::parse(line.as_bytes(), Lenience::Strict)
    }

    fn refusal(line: &str) -> String {
        strict(line).unwrap_err().say.one_line()
    }

    fn address(text: &str) -> Address {
        Address::parse(text).unwrap()
    }

    fn mail_from(from: &str, size: Option<u64>, body: Option<BodyKind>) -> Command {
        let from = if from.is_empty() { ReversePath::Null } else { ReversePath::Address(address(from)) };
        Command::Mail { from, params: MailParams { size, body, terms: Terms::default() } }
    }

    fn to(to: Recipient, utf8: bool) -> Command {
        Command::Rcpt { to, utf8, wishes: Wishes::default() }
    }

    fn one_of_each() -> Vec<Command> {
        let hello = || Hello::parse(b"mx.example.org").unwrap();
        let mut all = vec![
            Command::Helo(hello()),
            Command::Ehlo(hello()),
            Command::Starttls,
            Command::Auth { mechanism: "PLAIN".into(), initial: None },
            Command::Auth { mechanism: "SCRAM-SHA-256".into(), initial: Some(b"biws".to_vec()) },
            to(Recipient::Postmaster, false),
            Command::Data,
            Command::Rset,
            Command::Noop,
            Command::Vrfy("ann".into()),
            Command::Expn("all staff".into()),
            Command::Help,
            Command::Quit,
        ];
        for octets in [0, 1, 1000, u64::MAX] {
            all.extend([false, true].map(|last| Command::Bdat { octets, last }));
        }
        let addresses =
            ["ann@office.test", "\"two words\"@office.test", "\"a>b\\\"\"@x.y", "u@[127.0.0.1]", "x.y+z@[ipv6:::1]"];
        for text in addresses {
            all.push(to(Recipient::Address(address(text)), false));
            for size in [None, Some(0), Some(u64::MAX)] {
                all.extend(
                    [None, Some(BodyKind::SevenBit), Some(BodyKind::EightBit)].map(|body| mail_from(text, size, body)),
                );
            }
        }
        all.push(mail_from("", None, None));
        for line in [
            "MAIL FROM:<a@b.c> RET=HDRS ENVID=a+2Bb+20c+3D",
            "MAIL FROM:<> RET=FULL",
            "RCPT TO:<a@b.c> NOTIFY=NEVER",
            "RCPT TO:<a@b.c> NOTIFY=SUCCESS,FAILURE,DELAY ORCPT=rfc822;x+2By@b.c",
            "RCPT TO:<postmaster> NOTIFY=DELAY ORCPT=utf-8;\\x{44F}+@b.c",
            "RCPT TO:<a@b.c> ORCPT=x400;/C=+3DRU/",
        ] {
            all.extend(strict(line));
        }
        for text in ["", "анна@b.c", "\"два слова\"@почта.рф"] {
            let Command::Mail { from, mut params } = mail_from(text, None, None) else { continue };
            params.terms.utf8 = true;
            all.push(Command::Mail { from, params });
        }
        for text in ["анна@b.c", "ann@почта.рф", "анна@почта.рф"] {
            all.push(to(Recipient::Address(address(text)), true));
        }
        all
    }

    #[test]
    fn what_is_written_is_read_again() {
        for command in one_of_each() {
            let mut line = Vec::new();
            command.write(&mut line);
            let text = line.strip_suffix(b"\r\n").unwrap();
            for lenience in [Lenience::Strict, Lenience::Forgiving] {
                assert_eq!(Command::parse(text, lenience), Ok(command.clone()), "{}", text.escape_ascii());
            }
        }
    }

    #[test]
    fn case_spaces_and_what_follows_the_noop_do_not_matter() {
        assert_eq!(
            strict("mail from:<a@b.c> size=7 body=8bitmime  "),
            Ok(mail_from("a@b.c", Some(7), Some(BodyKind::EightBit)))
        );
        assert_eq!(strict("noop anything goes"), Ok(Command::Noop));
        assert_eq!(strict("bdat 10 last"), Ok(Command::Bdat { octets: 10, last: true }));
        assert_eq!(strict("RCPT TO:<PostMaster>"), Ok(to(Recipient::Postmaster, false)));
        let plain = to(Recipient::Address(address("a@b.c")), false);
        assert_eq!(strict("RCPT TO:<a@\u{ff42}.c>"), Ok(plain));
        assert_eq!(strict("MAIL FROM:<a@b.c> AUTH=ann+40office.test"), Ok(mail_from("a@b.c", None, None)));
        assert_eq!(strict("MAIL FROM:<@x.y:a@b.c> AUTH=<>"), Ok(mail_from("a@b.c", None, None)));
    }

    #[test]
    fn each_error_has_its_sentence() {
        for (line, say) in [
            ("", "500 5.5.2 Command not recognized"),
            ("XCLIENT ADDR=1.2.3.4", "500 5.5.2 Command not recognized"),
            ("HELO", "501 5.5.4 Syntax: EHLO hostname"),
            ("EHLO   ", "501 5.5.4 Syntax: EHLO hostname"),
            ("MAIL", "501 5.5.4 Syntax: MAIL FROM:<address>"),
            ("MAIL FROM: <a@b.c>", "501 5.5.4 Syntax: MAIL FROM:<address>"),
            ("MAIL FROM:a@b.c", "501 5.5.4 Syntax: MAIL FROM:<address>"),
            ("MAIL FROM:<ann>", "501 5.1.7 Bad sender address syntax: there is no @ in the address"),
            ("RCPT FROM:<a@b.c>", "501 5.5.4 Syntax: RCPT TO:<address>"),
            ("RCPT TO:<>", "501 5.1.3 Bad recipient address syntax: there is no @ in the address"),
            ("RCPT TO:<a@b.c> NOTIFY=NEVER,DELAY", "501 5.5.4 Bad parameter: NOTIFY=NEVER,DELAY"),
            ("RCPT TO:<a@b.c> NOTIFY=NEVER NOTIFY=NEVER", "501 5.5.4 Bad parameter: NOTIFY=NEVER"),
            ("RCPT TO:<a@b.c> ORCPT=a@b.c", "501 5.5.4 Bad parameter: ORCPT=a@b.c"),
            ("RCPT TO:<a@b.c> RET=FULL", "555 5.5.4 Parameter not recognized: RET=FULL"),
            ("MAIL FROM:<> SIZE=", "501 5.5.4 Bad parameter: SIZE="),
            ("MAIL FROM:<> SIZE=1 SIZE=2", "501 5.5.4 Bad parameter: SIZE=2"),
            ("MAIL FROM:<> SIZE=-1", "501 5.5.4 Bad parameter: SIZE=-1"),
            ("MAIL FROM:<> AUTH=a=b", "501 5.5.4 Bad parameter: AUTH=a=b"),
            ("MAIL FROM:<> BODY=BINARYMIME", "555 5.5.4 Parameter not recognized: BODY=BINARYMIME"),
            ("MAIL FROM:<> SMTPUTF8=yes", "501 5.5.4 Bad parameter: SMTPUTF8=yes"),
            ("MAIL FROM:<анна@b.c>", "550 5.6.7 A sender's address that is not ASCII needs SMTPUTF8"),
            ("MAIL FROM:<ann@почта.рф> SIZE=1", "550 5.6.7 A sender's address that is not ASCII needs SMTPUTF8"),
            ("MAIL FROM:<> RET=ALL", "501 5.5.4 Bad parameter: RET=ALL"),
            ("MAIL FROM:<> ENVID=", "501 5.5.4 Bad parameter: ENVID="),
            ("MAIL FROM:<> ENVID=a+0Ab", "501 5.5.4 Bad parameter: ENVID=a+0Ab"),
            ("MAIL FROM:<> NOTIFY=NEVER", "555 5.5.4 Parameter not recognized: NOTIFY=NEVER"),
            ("DATA now", "501 5.5.4 This command takes no parameter"),
            ("RSET x", "501 5.5.4 This command takes no parameter"),
            ("QUIT x", "501 5.5.4 This command takes no parameter"),
            ("STARTTLS x", "501 5.5.4 This command takes no parameter"),
            ("BDAT", "521 5.5.4 Syntax: BDAT count [LAST]"),
            ("BDAT -1", "521 5.5.4 Syntax: BDAT count [LAST]"),
            ("BDAT +1", "521 5.5.4 Syntax: BDAT count [LAST]"),
            ("BDAT 1 FIRST", "521 5.5.4 Syntax: BDAT count [LAST]"),
            ("BDAT 99999999999999999999", "521 5.5.4 Syntax: BDAT count [LAST]"),
            ("AUTH", "501 5.5.4 Syntax: AUTH mechanism"),
            ("AUTH PLAIN a b", "501 5.5.4 Syntax: AUTH mechanism"),
            ("VRFY", "501 5.5.4 Syntax: VRFY address"),
            ("RCPT TO:<a\r@b.c>", "501 5.5.2 A command line has a control character"),
            ("MAIL\0FROM:<>", "500 5.5.2 Command not recognized"),
        ] {
            assert_eq!(refusal(line), say, "{line:?}");
        }
    }

    #[test]
    fn a_computer_with_a_name_in_cyrillic_letters_is_greeted() {
        let cp1251 = b"EHLO \xc1\xd3\xd5-PC (x)";
        let Ok(Command::Ehlo(name)) = Command::parse(cp1251, Lenience::Strict) else { panic!("refused") };
        assert_eq!(name.as_str(), "???-PC??x?");
    }

    #[test]
    fn debug_shows_no_password() {
        let command = Command::Auth { mechanism: "PLAIN".into(), initial: Some(b"AGFubgBzZWNyZXQ=".to_vec()) };
        assert_eq!(format!("{command:?}"), "Command(AUTH ...)");
    }

    #[test]
    fn no_line_panics() {
        // A walk over short mutations of real lines; the fuzz target goes further.
        let mut seed = 1u64;
        let mut next = move |n: usize| {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            usize::try_from(seed >> 33).unwrap() % n
        };
        for _ in 0..200 {
            for command in one_of_each() {
                let mut line = Vec::new();
                command.write(&mut line);
                let at = next(line.len());
                line[at] = u8::try_from(next(256)).unwrap();
                line.truncate(1 + next(line.len()));
                for lenience in [Lenience::Strict, Lenience::Forgiving] {
                    if let Ok(read) = Command::parse(&line, lenience) {
                        let mut again = Vec::new();
                        read.write(&mut again);
                        assert_eq!(Command::parse(again.strip_suffix(b"\r\n").unwrap(), Lenience::Strict), Ok(read));
                    }
                }
            }
        }
    }
}
