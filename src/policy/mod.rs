//! May this peer say this now? Who is it? Gives a verdict; never writes to a socket.
//!
//! The doors and their types stand here. Behind them: [`relay`] (who may send to whom; pure), [`allowance`] (how much a user sends), [`login`] (names and
//! passwords), [`imported`] (hashes from elsewhere), [`throttle`] and [`cache`] (before and beside the hash), [`secret`] (the
//! boot key), [`networks`].
//! Must not know: sockets, the words of POP3 and IMAP, what a session counts.

mod allowance;
mod cache;
mod imported;
mod login;
mod networks;
mod relay;
mod secret;
mod throttle;
mod ticket;

use std::{
    io,
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use crate::{
    directory::{Admin, Directory},
    journal::{Journal, ServiceEvent, Tag},
    router::{self, Destination, Srs},
    rt::{Clock, Receiver, Shared},
    settings::{Settings, TlsMode},
    store::{Store, StoreError},
    types::{Address, MailboxId, ReversePath},
    wire::{
        scram,
        smtp::{Reply, Say, say},
    },
};

use allowance::{Allowance, Limits, Over};
use relay::Reach;

pub use imported::Renewal;
pub use login::LoginExchange;
pub use networks::{Network, household, is_private};
pub use ticket::{digest, ticket};

/// What the peer hears and what the journal learns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// For the peer.
    pub say: Reply,
    /// For the journal; safe words.
    pub log: String,
}

impl Refusal {
    /// A sentence of the table, and what the journal learns.
    pub fn of(say: Say, log: impl Into<String>) -> Self {
        Refusal { say: say.into(), log: log.into() }
    }
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
    /// 143
    Imap,
    /// 993
    Imaps,
    /// The administration without TLS
    Http,
    /// The administration over TLS
    Https,
}

impl Service {
    /// The program name in journal lines.
    pub fn tag(self) -> Tag {
        match self {
            Service::Smtp => Tag::Smtpd,
            Service::Submission => Tag::Submission,
            Service::Smtps => Tag::Smtps,
            Service::Pop3 | Service::Pop3s | Service::Imap | Service::Imaps => Tag::Dovecot,
            Service::Http | Service::Https => Tag::Gatepost,
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
    pub clock: Arc<dyn Clock>,
    /// Reads reverse-paths of forwarded messages, which come back as recipients.
    pub srs: Srs,
    allowance: Mutex<Allowance>,
    logins: login::Logins,
}

impl Policy {
    /// Starts the hashing thread and makes the boot key. Fails when the system gives no thread or no random octets.
    pub fn new(
        settings: Shared<Settings>,
        directory: Shared<Directory>,
        store: Store,
        journal: Journal,
        clock: Arc<dyn Clock>,
    ) -> io::Result<Self> {
        let logins = login::Logins::new(settings.clone(), directory.clone(), clock.clone())?;
        Ok(Policy {
            settings,
            directory,
            store,
            journal,
            clock,
            srs: Srs::default(),
            allowance: Mutex::default(),
            logins,
        })
    }

    /// Logins by imported hashes: whoever may write the directory replaces these (section 7 of the design).
    pub fn renewals(&self) -> Receiver<Renewal> {
        self.logins.renewals()
    }

    /// Whether a password may be said now (Q10): over TLS, or from a private network when TLS is off or opportunistic.
    /// SCRAM too: it hides the password, but not the mail that follows.
    pub fn may_login(&self, client: &Client) -> bool {
        may_login(&self.settings.get(), client)
    }

    /// MAIL: login where the door demands it (530), announced size (552), an address of whoever logged in (553), and not more than he
    /// may send (450, Q13).
    pub fn sender(&self, client: &Client, from: &ReversePath, size: Option<u64>) -> Result<(), Refusal> {
        let settings = self.settings.get();
        relay::sender(&settings, client, size)?;
        let Some(login) = &client.login else { return Ok(()) };
        relay::own_sender(&settings, &self.directory.get(), login, from)?;
        self.over(login).map_or(Ok(()), |over| Err(too_many(login, over)))
    }

    /// DATA, BDAT: a message begins and is counted, or is too many (450).
    pub fn begin_message(&self, client: &Client) -> Result<(), Refusal> {
        let Some(login) = &client.login else { return Ok(()) };
        if let Some(over) = self.over(login) {
            return Err(too_many(login, over));
        }
        let mut allowance = self.allowance();
        allowance.count(login.mailbox, self.clock.now());
        let reached = allowance.over(login.mailbox, self.clock.now(), limits_of(&self.settings.get()));
        drop(allowance);
        if let Some(over) = reached {
            let text = format!("{} has sent {over} and must wait: see whether somebody else uses it", login.address);
            self.journal.tell(ServiceEvent::Note { grave: true, text });
        }
        Ok(())
    }

    /// A message that began was refused: it does not count.
    pub fn message_refused(&self, client: &Client) {
        if let Some(login) = &client.login {
            self.allowance().uncount(login.mailbox);
        }
    }

    /// Whether a message of this client may have another recipient beside so many (Q13).
    pub fn one_more_recipient(&self, client: &Client, so_many: usize) -> bool {
        let most = self.settings.get().user_recipients;
        client.login.is_none() || most == 0 || u64::try_from(so_many).is_ok_and(|n| n < u64::from(most))
    }

    /// Addresses of those who have sent all that they may.
    pub fn stopped(&self) -> Vec<Address> {
        let stopped = self.allowance().stopped(self.clock.now(), limits_of(&self.settings.get()));
        let directory = self.directory.get();
        let address = |id: MailboxId| directory.mailboxes.values().find(|m| m.id == id).map(|m| m.address.clone());
        stopped.into_iter().filter_map(|(id, _)| address(id)).collect()
    }

    /// What is counted of all who sent, as a text; None while it is what it was when it was last asked for.
    pub fn sent(&self) -> Option<String> {
        self.allowance().save()
    }

    /// Takes up what was counted before the start.
    pub fn remember_sent(&self, text: &str) {
        *self.allowance() = Allowance::load(text);
    }

    fn over(&self, login: &LoggedIn) -> Option<Over> {
        self.allowance().over(login.mailbox, self.clock.now(), limits_of(&self.settings.get()))
    }

    fn allowance(&self) -> MutexGuard<'_, Allowance> {
        self.allowance.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// RCPT: ours and known, or relay right (Q31); quota where the size is known (Q15), 451 when the disk cannot say.
    pub async fn recipient(&self, client: &Client, to: &Address, size: Option<u64>) -> Result<(), Refusal> {
        let settings = self.settings.get();
        let route = router::resolve(&self.directory.get(), &settings, &self.srs, to, self.clock.now());
        let here = match relay::recipient(&settings, client, to, route)? {
            Reach::Away => return Ok(()),
            Reach::Here(here) => here,
        };
        for destination in &here {
            if self.has_room(destination, size).await? {
                return Ok(());
            }
        }
        let sentence = if settings.quota_temporary { say::OVER_QUOTA_LATER } else { say::OVER_QUOTA };
        Err(Refusal::of(sentence, format!("the quota of {to} is used up")))
    }

    /// A message has one octet at least, so a mailbox that is full already takes none of unknown size either.
    async fn has_room(&self, destination: &Destination, size: Option<u64>) -> Result<bool, Refusal> {
        let Some(quota) = destination.quota else { return Ok(true) };
        match self.store.usage(destination.mailbox).await {
            Ok(usage) => Ok(usage.bytes.saturating_add(size.unwrap_or(1)) <= quota),
            // A mailbox that never got a message.
            Err(StoreError::Missing) => Ok(size.unwrap_or(1) <= quota),
            Err(StoreError::NoRoom) => Err(Refusal::of(say::NO_ROOM, StoreError::NoRoom.to_string())),
            Err(
                error @ (StoreError::Unavailable(_)
                | StoreError::Damaged(_)
                | StoreError::Exists
                | StoreError::OverQuota
                | StoreError::Limit(_)),
            ) => Err(Refusal::of(say::NO_DISK, error.to_string())),
        }
    }

    /// Whether bare newlines and `MAIL FROM: <` are forgiven (section 6): logged in, private network, relay network.
    pub fn is_trusted(&self, client: &Client) -> bool {
        relay::is_trusted(&self.settings.get(), client)
    }

    /// Whether the client may send to other domains (Q31).
    pub fn may_relay(&self, client: &Client) -> bool {
        relay::may_relay(&self.settings.get(), client)
    }

    /// Begins a login by a mechanism. Where [`Policy::may_login`] says no, every step of it is refused.
    pub fn login(&self, client: &Client, mechanism: Mechanism) -> LoginExchange<'_> {
        LoginExchange::new(&self.logins, client, mechanism, self.may_login(client))
    }

    /// Name and password of an administrator, at the web login. The door must have been asked by [`Policy::may_login`].
    pub async fn admin(&self, ip: IpAddr, name: &str, password: &str) -> Result<Admin, AdminRefusal> {
        self.logins.admin(ip, name, password).await
    }

    /// USER and PASS of POP3, LOGIN of IMAP. Never gives a challenge.
    pub async fn password(&self, client: &Client, user: &str, password: &[u8]) -> LoginStep {
        if !self.may_login(client) {
            return LoginStep::Refused(LoginRefusal::Wrong);
        }
        self.logins.password(client, user, &String::from_utf8_lossy(password), "USER").await
    }
}

fn limits_of(settings: &Settings) -> Limits {
    Limits { hour: settings.user_hour, day: settings.user_day }
}

fn too_many(login: &LoggedIn, over: Over) -> Refusal {
    Refusal::of(say::SENT_TOO_MUCH, format!("{} has sent {over}", login.address))
}

fn may_login(settings: &Settings, client: &Client) -> bool {
    let mode = match client.service {
        Service::Smtp | Service::Submission | Service::Smtps => settings.smtp_tls,
        Service::Pop3 | Service::Pop3s => settings.pop3_tls,
        Service::Imap | Service::Imaps => settings.imap_tls,
        Service::Http | Service::Https => settings.http_tls,
    };
    match mode {
        TlsMode::Required => client.tls,
        TlsMode::Off | TlsMode::Opportunistic => client.tls || is_private(client.ip),
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

impl Mechanism {
    /// The name in AUTH (RFC 4422 s3.1).
    pub fn name(self) -> &'static str {
        match self {
            Mechanism::Plain => "PLAIN",
            Mechanism::Login => "LOGIN",
            Mechanism::ScramSha256 => scram::NAME,
        }
    }

    /// Reads a name, in any case.
    pub fn parse(name: &str) -> Option<Self> {
        [Mechanism::Plain, Mechanism::Login, Mechanism::ScramSha256]
            .into_iter()
            .find(|m| m.name().eq_ignore_ascii_case(name))
    }
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

/// Why an administrator was not let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AdminRefusal {
    /// Why.
    pub why: LoginRefusal,
    /// When the next try may come; zero: at once.
    pub wait: Duration,
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

#[cfg(test)]
mod tests;
