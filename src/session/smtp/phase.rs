//! The order of commands: pure. What was said so far is one value that carries its data, so leaving a phase drops all that
//! belonged to it; what a command means now is another.
//!
//! Must not know: sockets, policy, where messages go.

use std::sync::Arc;

use crate::{
    limits,
    policy::Mechanism,
    types::{Envelope, Rcpt, ReversePath, Terms, Wishes},
    wire::smtp::{Command, Hello, MailParams, RULES, Recipient, Reply, Say, Verb, say},
};

/// How a client introduced itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Greeting {
    /// The name it gave.
    pub name: Hello,
    /// By EHLO.
    pub extended: bool,
}

/// How far a session is; `M` is a message on its way in.
#[derive(Debug, Default, PartialEq, Eq)]
pub enum Phase<M> {
    /// Nobody said hello, or TLS just began (RFC 3207 s4.2: as if nothing had been said).
    #[default]
    Fresh,
    /// Hello was said; no message is under way.
    Greeted(Arc<Greeting>),
    /// MAIL was taken: the reverse-path and what was said of the message.
    Sender(Arc<Greeting>, ReversePath, MailParams),
    /// RCPT was taken: one recipient or more, and the size that MAIL announced.
    Rcpts(Arc<Greeting>, Envelope, Option<u64>),
    /// BDAT was taken, the last chunk is to come.
    Chunks(Arc<Greeting>, M),
}

impl<M> Phase<M> {
    /// How the client introduced itself, if it did.
    pub fn greeting(&self) -> Option<&Arc<Greeting>> {
        match self {
            Phase::Fresh => None,
            Phase::Greeted(greeting)
            | Phase::Sender(greeting, ..)
            | Phase::Rcpts(greeting, ..)
            | Phase::Chunks(greeting, _) => Some(greeting),
        }
    }

    /// RSET, a refused message, a taken one: only the greeting is left.
    #[must_use]
    pub fn reset(self) -> Self {
        match self {
            Phase::Fresh => Phase::Fresh,
            Phase::Greeted(greeting)
            | Phase::Sender(greeting, ..)
            | Phase::Rcpts(greeting, ..)
            | Phase::Chunks(greeting, _) => Phase::Greeted(greeting),
        }
    }

    /// RCPT was taken. A recipient without a sender is forgotten; [`step`] does not let it come to that.
    #[must_use]
    pub fn with_recipient(self, rcpt: Rcpt) -> Self {
        match self {
            Phase::Sender(greeting, from, params) => {
                Phase::Rcpts(greeting, Envelope::new(from, params.terms, rcpt), params.size)
            }
            Phase::Rcpts(greeting, mut envelope, size) => {
                envelope.add(rcpt);
                Phase::Rcpts(greeting, envelope, size)
            }
            phase @ (Phase::Fresh | Phase::Greeted(_) | Phase::Chunks(..)) => phase,
        }
    }

    /// The reverse-path, once it is known and until DATA or BDAT begins.
    pub fn sender(&self) -> Option<&ReversePath> {
        match self {
            Phase::Sender(_, from, _) => Some(from),
            Phase::Rcpts(_, envelope, _) => Some(&envelope.from),
            Phase::Fresh | Phase::Greeted(_) | Phase::Chunks(..) => None,
        }
    }

    /// Octets that MAIL announced, until DATA or BDAT begins.
    pub fn size(&self) -> Option<u64> {
        match self {
            Phase::Sender(_, _, params) => params.size,
            Phase::Rcpts(_, _, size) => *size,
            Phase::Fresh | Phase::Greeted(_) | Phase::Chunks(..) => None,
        }
    }

    /// Recipients that were taken, until DATA or BDAT begins.
    pub fn recipients(&self) -> usize {
        match self {
            Phase::Rcpts(_, envelope, _) => envelope.count(),
            Phase::Fresh | Phase::Greeted(_) | Phase::Sender(..) | Phase::Chunks(..) => 0,
        }
    }

    /// Octets of memory that recipients take; None while they are the message's that is on its way in.
    pub fn weight(&self) -> Option<usize> {
        match self {
            Phase::Rcpts(_, envelope, _) => Some(envelope.count() * limits::RCPT_COST + envelope.wishes_weight()),
            Phase::Fresh | Phase::Greeted(_) | Phase::Sender(..) => Some(0),
            Phase::Chunks(..) => None,
        }
    }

    /// What MAIL asked for the message, until DATA or BDAT begins.
    fn terms(&self) -> Option<&Terms> {
        match self {
            Phase::Sender(_, _, params) => Some(&params.terms),
            Phase::Rcpts(_, envelope, _) => Some(&envelope.terms),
            Phase::Fresh | Phase::Greeted(_) | Phase::Chunks(..) => None,
        }
    }

    fn is_transaction(&self) -> bool {
        match self {
            Phase::Fresh | Phase::Greeted(_) => false,
            Phase::Sender(..) | Phase::Rcpts(..) | Phase::Chunks(..) => true,
        }
    }

    fn is_extended(&self) -> bool {
        self.greeting().is_some_and(|g| g.extended)
    }
}

/// Encryption of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tls {
    /// Encrypted.
    On,
    /// STARTTLS is offered.
    Offered,
    /// It would be offered, but there is no certificate.
    Missing,
    /// Switched off.
    Off,
}

/// What the door asks of this client now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Door {
    /// Encryption.
    pub tls: Tls,
    /// Nothing goes without TLS, and it is not on.
    pub needs_tls: bool,
    /// Nothing goes without a login, and there is none.
    pub needs_login: bool,
    /// A password may be said now (Q10).
    pub may_login: bool,
    /// Somebody is logged in.
    pub logged_in: bool,
}

/// What is to be done. Has no `Debug`: an initial response of AUTH holds a password.
#[derive(Clone, PartialEq, Eq)]
pub enum Act {
    /// Say this; nothing changes.
    Answer(Reply),
    /// Read so many octets, throw them away, then say this (RFC 3030 s2).
    Skip(u64, Say),
    /// Greet; forget a message under way.
    Greet(Greeting),
    /// Forget a message under way.
    Reset,
    /// Encrypt.
    StartTls,
    /// Log in; the initial response is in base64.
    Login(Mechanism, Option<Vec<u8>>),
    /// Ask policy about a sender.
    Sender(ReversePath, MailParams),
    /// Ask policy about a recipient.
    Recipient(Recipient, Wishes),
    /// Take a message.
    Data,
    /// Take a chunk of a message.
    Chunk {
        /// So many octets.
        octets: u64,
        /// They end the message.
        last: bool,
    },
    /// Part.
    Quit,
}

/// What a command means now. The table's columns first, then what the phase allows.
pub fn step<M>(phase: &Phase<M>, door: &Door, command: Command) -> Act {
    let rule = command.verb().rule();
    let refused = if rule.needs_greeting && phase.greeting().is_none() {
        Some(say::HELLO_FIRST)
    } else if door.needs_tls && !rule.before_tls {
        Some(say::TLS_FIRST)
    } else if door.needs_login && !rule.before_login {
        Some(say::LOGIN_FIRST)
    } else {
        order(phase, door, &command)
    };
    match (refused, command) {
        (Some(say), Command::Bdat { octets, .. }) => Act::Skip(octets, say),
        (Some(say), _) => Act::Answer(say.into()),
        (None, command) => act(command),
    }
}

/// Why the phase does not allow it.
fn order<M>(phase: &Phase<M>, door: &Door, command: &Command) -> Option<Say> {
    match command {
        Command::Starttls => match door.tls {
            Tls::On => Some(say::TLS_ALREADY),
            Tls::Offered => None,
            Tls::Missing => Some(say::NO_TLS),
            Tls::Off => Some(say::NOT_OFFERED),
        },
        Command::Auth { .. } if !phase.is_extended() => Some(say::EHLO_FIRST),
        Command::Auth { .. } if door.logged_in => Some(say::LOGIN_ALREADY),
        Command::Auth { .. } if phase.is_transaction() => Some(say::IN_TRANSACTION),
        Command::Auth { .. } if !door.may_login => Some(say::LOGIN_NEEDS_TLS),
        Command::Mail { .. } if phase.is_transaction() => Some(say::NESTED_MAIL),
        Command::Rcpt { utf8, .. } => no_recipient(phase, *utf8),
        Command::Data => no_message(phase),
        Command::Bdat { .. } if !phase.is_extended() => Some(say::EHLO_FIRST),
        Command::Bdat { .. } => no_chunk(phase),
        Command::Helo(_)
        | Command::Ehlo(_)
        | Command::Auth { .. }
        | Command::Mail { .. }
        | Command::Rset
        | Command::Noop
        | Command::Vrfy(_)
        | Command::Expn(_)
        | Command::Help
        | Command::Quit => None,
    }
}

fn no_recipient<M>(phase: &Phase<M>, utf8: bool) -> Option<Say> {
    let takes_utf8 = phase.terms().is_some_and(|terms| terms.utf8);
    match phase {
        Phase::Fresh | Phase::Greeted(_) => Some(say::MAIL_FIRST),
        Phase::Sender(..) | Phase::Rcpts(..) if utf8 && !takes_utf8 => Some(say::RECIPIENT_NEEDS_UTF8),
        Phase::Sender(..) => None,
        Phase::Rcpts(_, envelope, _) => {
            let full = envelope.count() >= limits::SMTP_RCPTS || envelope.wishes_weight() >= limits::SMTP_WISHES;
            full.then_some(say::TOO_MANY_RCPTS)
        }
        Phase::Chunks(..) => Some(say::IN_CHUNKS),
    }
}

fn no_message<M>(phase: &Phase<M>) -> Option<Say> {
    match phase {
        Phase::Chunks(..) => Some(say::IN_CHUNKS),
        Phase::Fresh | Phase::Greeted(_) | Phase::Sender(..) | Phase::Rcpts(..) => no_chunk(phase),
    }
}

fn no_chunk<M>(phase: &Phase<M>) -> Option<Say> {
    match phase {
        Phase::Fresh | Phase::Greeted(_) => Some(say::MAIL_FIRST),
        Phase::Sender(..) => Some(say::RCPT_FIRST),
        Phase::Rcpts(..) | Phase::Chunks(..) => None,
    }
}

fn act(command: Command) -> Act {
    match command {
        Command::Helo(name) => Act::Greet(Greeting { name, extended: false }),
        Command::Ehlo(name) => Act::Greet(Greeting { name, extended: true }),
        Command::Starttls => Act::StartTls,
        Command::Auth { mechanism, initial } => match Mechanism::parse(&mechanism) {
            Some(mechanism) => Act::Login(mechanism, initial),
            None => Act::Answer(say::BAD_MECHANISM.into()),
        },
        Command::Mail { from, params } => Act::Sender(from, params),
        Command::Rcpt { to, wishes, .. } => Act::Recipient(to, wishes),
        Command::Data => Act::Data,
        Command::Bdat { octets, last } => Act::Chunk { octets, last },
        Command::Rset => Act::Reset,
        Command::Noop => Act::Answer(say::OK.into()),
        Command::Vrfy(_) => Act::Answer(say::CANNOT_VERIFY.into()),
        Command::Expn(_) => Act::Answer(say::NOT_OFFERED.into()),
        Command::Help => Act::Answer(help()),
        Command::Quit => Act::Quit,
    }
}

/// All commands but the one that is never offered.
fn help() -> Reply {
    let names: Vec<&str> = RULES.iter().filter(|r| r.verb != Verb::Expn).map(|r| r.name).collect();
    say::help(&names.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        types::{Address, Notify, Orcpt},
        wire::smtp::Lenience,
    };

    const OPEN: Door =
        Door { tls: Tls::Offered, needs_tls: false, needs_login: false, may_login: true, logged_in: false };

    fn greeting(extended: bool) -> Arc<Greeting> {
        Arc::new(Greeting { name: Hello::parse(b"mx.far.test").unwrap(), extended })
    }

    fn rcpt(text: &str) -> Rcpt {
        Rcpt::new(Address::parse(text).unwrap(), Wishes::default())
    }

    fn envelope(to: &str) -> Envelope {
        Envelope::new(ReversePath::Null, Terms::default(), rcpt(to))
    }

    fn five(utf8: bool) -> MailParams {
        MailParams { size: Some(5), body: None, terms: Terms { utf8, ..Terms::default() } }
    }

    fn phases() -> [Phase<()>; 5] {
        [
            Phase::Fresh,
            Phase::Greeted(greeting(true)),
            Phase::Sender(greeting(true), ReversePath::Null, five(false)),
            Phase::Rcpts(greeting(true), envelope("ann@office.test"), Some(5)),
            Phase::Chunks(greeting(true), ()),
        ]
    }

    fn command(line: &str) -> Command {
        Command::parse(line.as_bytes(), Lenience::Strict).unwrap()
    }

    /// What is heard, or `go` where there is something to do.
    fn heard(phase: &Phase<()>, door: &Door, line: &str) -> String {
        match step(phase, door, command(line)) {
            Act::Answer(reply) => reply.one_line(),
            Act::Skip(octets, say) => format!("skip {octets}, {}", Reply::from(say).one_line()),
            Act::Greet(_)
            | Act::Reset
            | Act::StartTls
            | Act::Login(..)
            | Act::Sender(..)
            | Act::Recipient(..)
            | Act::Data
            | Act::Chunk { .. }
            | Act::Quit => "go".into(),
        }
    }

    /// Fresh, greeted, sender, recipients, chunks: the code of the answer, 0 where there is something to do.
    #[test]
    fn each_command_is_taken_in_its_phases_only() {
        for (line, codes) in [
            ("EHLO x", [0, 0, 0, 0, 0]),
            ("HELO x", [0, 0, 0, 0, 0]),
            ("STARTTLS", [503, 0, 0, 0, 0]),
            ("AUTH PLAIN", [503, 0, 503, 503, 503]),
            ("AUTH CRAM-MD5", [503, 504, 503, 503, 503]),
            ("MAIL FROM:<>", [503, 0, 503, 503, 503]),
            ("RCPT TO:<a@b.c>", [503, 503, 0, 0, 503]),
            ("DATA", [503, 503, 554, 0, 503]),
            ("RSET", [0, 0, 0, 0, 0]),
            ("NOOP", [250, 250, 250, 250, 250]),
            ("VRFY ann", [252, 252, 252, 252, 252]),
            ("EXPN ann", [502, 502, 502, 502, 502]),
            ("HELP", [214, 214, 214, 214, 214]),
            ("QUIT", [0, 0, 0, 0, 0]),
        ] {
            let got = phases().map(|phase| heard(&phase, &OPEN, line).get(..3).map_or(0, |c| c.parse().unwrap_or(0)));
            assert_eq!(got, codes, "{line}");
        }
        let chunks = phases().map(|phase| heard(&phase, &OPEN, "BDAT 7 LAST"));
        assert_eq!(
            chunks,
            [
                "skip 7, 503 5.5.1 Send HELO or EHLO first",
                "skip 7, 503 5.5.1 Need MAIL command",
                "skip 7, 554 5.5.1 No valid recipients",
                "go",
                "go"
            ]
        );
    }

    #[test]
    fn auth_and_bdat_want_ehlo() {
        let phase = Phase::Rcpts(greeting(false), envelope("a@b.c"), Some(5));
        assert_eq!(heard(&phase, &OPEN, "BDAT 3"), "skip 3, 503 5.5.1 Send EHLO first");
        assert_eq!(heard(&Phase::Greeted(greeting(false)), &OPEN, "AUTH PLAIN"), "503 5.5.1 Send EHLO first");
        assert_eq!(heard(&phase, &OPEN, "DATA"), "go");
    }

    #[test]
    fn the_door_may_ask_for_tls_or_a_login() {
        let [_, greeted, ..] = phases();
        let tls = Door { needs_tls: true, may_login: false, needs_login: true, ..OPEN };
        for line in ["MAIL FROM:<>", "AUTH PLAIN", "RCPT TO:<a@b.c>", "DATA", "VRFY ann"] {
            assert_eq!(heard(&greeted, &tls, line), "530 5.7.0 Must issue a STARTTLS command first", "{line}");
        }
        let login = Door { needs_login: true, ..OPEN };
        for line in ["MAIL FROM:<>", "RCPT TO:<a@b.c>", "DATA", "VRFY ann", "EXPN ann"] {
            assert_eq!(heard(&greeted, &login, line), "530 5.7.0 Authentication required", "{line}");
        }
        for line in ["EHLO x", "STARTTLS", "RSET", "QUIT"] {
            assert_eq!(heard(&greeted, &tls, line), "go", "{line}");
        }
        assert_eq!(heard(&greeted, &login, "AUTH PLAIN"), "go");
        let plain = Door { may_login: false, ..OPEN };
        assert_eq!(heard(&greeted, &plain, "AUTH PLAIN"), "538 5.7.11 Encryption is required to log in");
        assert_eq!(heard(&greeted, &Door { logged_in: true, ..OPEN }, "AUTH PLAIN"), "503 5.5.1 Already authenticated");
    }

    #[test]
    fn starttls_says_why_not() {
        let [_, greeted, ..] = phases();
        for (tls, say) in [
            (Tls::On, "503 5.5.1 TLS is active already"),
            (Tls::Offered, "go"),
            (Tls::Missing, "454 4.7.0 TLS is not available now"),
            (Tls::Off, "502 5.5.1 This command is not offered here"),
        ] {
            assert_eq!(heard(&greeted, &Door { tls, ..OPEN }, "STARTTLS"), say);
        }
    }

    #[test]
    fn a_reset_leaves_the_greeting_and_nothing_else() {
        let [fresh, greeted, sender, rcpts, chunks] = phases();
        assert_eq!(fresh.reset(), Phase::Fresh);
        for phase in [greeted, sender, rcpts, chunks] {
            assert_eq!(phase.reset(), Phase::Greeted(greeting(true)));
        }
    }

    #[test]
    fn a_recipient_in_utf8_wants_smtputf8() {
        for (params, said) in
            [(five(false), "553 5.6.7 A recipient's address that is not ASCII needs SMTPUTF8"), (five(true), "go")]
        {
            let sender = Phase::Sender(greeting(true), ReversePath::Null, params);
            assert_eq!(heard(&sender, &OPEN, "RCPT TO:<анна@office.test>"), said);
            let rcpts = sender.with_recipient(rcpt("ann@office.test"));
            assert_eq!(heard(&rcpts, &OPEN, "RCPT TO:<ann@почта.рф>"), said);
            assert_eq!(heard(&rcpts, &OPEN, "RCPT TO:<bob@xn--80a1acny.xn--p1ai>"), "go");
        }
    }

    #[test]
    fn there_is_an_end_to_recipients() {
        let [_, _, mut phase, ..] = phases();
        for n in 0..limits::SMTP_RCPTS {
            assert_eq!(heard(&phase, &OPEN, "RCPT TO:<a@b.c>"), "go");
            phase = phase.with_recipient(rcpt(&format!("u{n}@office.test")));
        }
        assert_eq!(heard(&phase, &OPEN, "RCPT TO:<a@b.c>"), "452 4.5.3 Too many recipients");
        assert_eq!(heard(&phase, &OPEN, "DATA"), "go");
    }

    #[test]
    fn there_is_an_end_to_wishes_and_a_hundred_recipients_always_fit() {
        let [_, _, mut phase, ..] = phases();
        let orcpt = Some(Orcpt { kind: "rfc822".into(), address: "x".repeat(493).into() });
        let wishes = Wishes { notify: Some(Notify::NEVER), orcpt };
        let mut taken = 0;
        while heard(&phase, &OPEN, "RCPT TO:<a@b.c>") == "go" {
            taken += 1;
            let to = Address::parse(&format!("u{taken}@office.test")).unwrap();
            phase = phase.with_recipient(Rcpt::new(to, wishes.clone()));
        }
        assert!((100..limits::SMTP_RCPTS).contains(&taken), "{taken}");
    }
}
