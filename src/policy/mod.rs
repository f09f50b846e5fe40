//! May this peer say this now? Who is it? Gives a verdict; never writes to a socket.

use std::net::IpAddr;

use crate::{
    directory::Directory,
    journal::{Journal, Tag},
    rt::{Clock, Shared},
    settings::Settings,
    store::Store,
    types::{Address, MailboxId, ReversePath},
    wire::smtp::Reply,
};

/// What the peer hears and what the journal learns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// For the peer.
    pub say: Reply,
    /// For the journal; safe words.
    pub log: String,
}

/// Which door a client came through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Service {
    /// 25
    Smtp,
    /// 587: login required
    Submission,
    /// 465: login required, TLS from the first byte
    Smtps,
    /// 110
    Pop3,
    /// 995
    Pop3s,
}

impl Service {
    /// The program name in journal lines.
    pub fn tag(self) -> Tag {
        match self {
            Service::Smtp => Tag::Smtpd,
            Service::Submission => Tag::Submission,
            Service::Smtps => Tag::Smtps,
            Service::Pop3 | Service::Pop3s => Tag::Dovecot,
        }
    }
}

/// Who talks to us, as far as we know.
#[derive(Clone, Debug)]
pub struct Client {
    /// Address (IPv4-mapped ones as IPv4).
    pub ip: IpAddr,
    /// The door.
    pub service: Service,
    /// Whether the connection is encrypted now.
    pub tls: bool,
    /// Who logged in.
    pub login: Option<LoggedIn>,
}

/// A verified login.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoggedIn {
    /// The mailbox.
    pub mailbox: MailboxId,
    /// Its address.
    pub address: Address,
    /// `PLAIN`, `LOGIN`, `SCRAM-SHA-256`, `USER`.
    pub mechanism: &'static str,
}

/// Holds snapshots, the login throttle, the login cache, the hashing thread.
pub struct Policy {
    /// Newest settings.
    pub settings: Shared<Settings>,
    /// Newest directory.
    pub directory: Shared<Directory>,
    /// For quotas.
    pub store: Store,
    /// For what is told.
    pub journal: Journal,
    /// Time.
    pub clock: std::sync::Arc<dyn Clock>,
}

impl Policy {
    /// Whether a password may be said now (Q10): over TLS, or from a private network when TLS is off or opportunistic.
    pub fn may_login(&self, _client: &Client) -> bool {
        false
    }
    /// MAIL: login where the door demands it, announced size.
    pub fn sender(&self, _client: &Client, _from: &ReversePath, _size: Option<u64>) -> Result<(), Refusal> {
        Ok(())
    }
    /// RCPT: ours and known, or relay right; quota where the size is known.
    pub async fn recipient(&self, _client: &Client, _to: &Address, _size: Option<u64>) -> Result<(), Refusal> {
        Ok(())
    }
    /// Whether bare newlines and `MAIL FROM: <` are forgiven (section 6): logged in, private network, relay network.
    pub fn is_trusted(&self, _client: &Client) -> bool {
        false
    }
    /// Begins a login by a mechanism.
    pub fn login(&self, _client: &Client, _mechanism: Mechanism) -> LoginExchange<'_> {
        LoginExchange { policy: self }
    }
    /// USER and PASS of POP3.
    pub async fn password(&self, _client: &Client, _user: &str, _password: &[u8]) -> LoginStep {
        LoginStep::Refused(LoginRefusal::Wrong)
    }
}

/// Ways to log in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mechanism {
    /// RFC 4616
    Plain,
    /// The old one that Outlook needs.
    Login,
    /// RFC 7677
    ScramSha256,
}

/// One login under way. Bytes in and out are those inside base64.
pub struct LoginExchange<'a> {
    #[allow(dead_code)]
    policy: &'a Policy,
}

/// What comes next.
#[derive(Debug)]
pub enum LoginStep {
    /// Send this as a challenge (334, +), read an answer, call `step` again.
    Challenge(Vec<u8>),
    /// Logged in.
    Done(LoggedIn),
    /// Not logged in.
    Refused(LoginRefusal),
}

/// Why a login failed. The session words it (535, -ERR [AUTH], ...).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LoginRefusal {
    /// Wrong name or password, or switched off: the peer does not learn which (535 5.7.8, [AUTH]).
    Wrong,
    /// Too many tries (454 4.7.0, [SYS/TEMP]... [LOGIN-DELAY]).
    Throttled,
    /// The hashing queue is full or the directory is not there (454 4.7.0, [SYS/TEMP]).
    Busy,
    /// The message is no SASL of this mechanism (501 5.5.2).
    Malformed,
}

impl LoginExchange<'_> {
    /// One turn; None at the start means that there was no initial response.
    pub async fn step(&mut self, _input: Option<&[u8]>) -> LoginStep {
        LoginStep::Refused(LoginRefusal::Wrong)
    }
}
