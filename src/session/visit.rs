//! What a session of IMAP and one of POP3 have in common: whom they serve, what is counted against him, how they end.
//!
//! Must not know: any protocol's words.

use std::{future::Future, net::IpAddr, time::Duration};

use crate::{
    journal::{LoginPeer, NoLogin, Tried},
    limits,
    net::{Conn, ReadError},
    policy::{Client, Mechanism, Service},
    rt::{Clock, Stop},
};

/// Why a session ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// LOGOUT, QUIT.
    Logout,
    /// The client went away.
    Closed,
    /// Silence. RFC 1939 s3: without a word, and nothing is removed.
    Idle,
    /// The end of the house.
    Stopping,
    /// `limits::BAD_COMMANDS`
    BadCommands,
    /// `limits::BAD_LOGINS`
    BadLogins,
    /// A first line that is HTTP.
    Http,
    /// TLS did not come about.
    Handshake,
    /// A text broke off in the middle: the client must not take it for whole.
    BrokenText,
    /// A command so long that nobody knows where the next one begins.
    Hopeless,
}

impl End {
    /// Dovecot's words.
    pub fn reason(self, logged_in: bool) -> &'static str {
        match self {
            End::Logout if logged_in => "Logged out",
            End::Logout => "Aborted login by logging out",
            End::Closed => "Connection closed",
            End::Idle => "Inactivity",
            End::Stopping => "Server shutting down",
            End::BadCommands => "Too many invalid commands",
            End::BadLogins => "Too many failed logins",
            End::Http => "A web client",
            End::Handshake => "TLS handshake failed",
            End::BrokenText => "A message could not be read to its end",
            End::Hopeless => "A command without an end",
        }
    }
}

impl From<ReadError> for End {
    fn from(error: ReadError) -> End {
        match error {
            ReadError::Timeout => End::Idle,
            ReadError::Closed | ReadError::TooLong | ReadError::Io(_) => End::Closed,
        }
    }
}

/// One client at the door, until it is gone.
pub(super) struct Visit {
    /// As policy sees it.
    pub client: Client,
    /// The session's name in the journal.
    pub name: String,
    /// The address that it called.
    called: IpAddr,
    began: Duration,
    bad_commands: u32,
    failures: Failures,
}

/// Logins that did not work, for the limit and for the journal.
#[derive(Default)]
struct Failures {
    count: u32,
    /// A password was offered where none may be said.
    plaintext: bool,
    /// The last name, and how it was tried.
    name: String,
    method: Option<&'static str>,
}

impl Visit {
    /// A client that just came.
    pub fn begin(conn: &Conn, service: Service, clock: &dyn Clock) -> Self {
        let client = Client { ip: conn.peer().ip(), service, tls: conn.tls().is_some(), login: None };
        let name = format!("{:x}{:04x}", clock.now().0, conn.peer().port());
        let (called, began, failures) = (conn.local().ip(), clock.mono(), Failures::default());
        Visit { client, name, called, began, bad_commands: 0, failures }
    }

    /// How long it has lasted.
    pub fn lasts(&self, clock: &dyn Clock) -> Duration {
        clock.mono().saturating_sub(self.began)
    }

    /// A command that is none, or not now. Too many end the session.
    pub fn bad_command(&mut self) -> Result<(), End> {
        self.bad_commands += 1;
        if self.bad_commands >= limits::BAD_COMMANDS { Err(End::BadCommands) } else { Ok(()) }
    }

    /// What was bad before is forgotten.
    pub fn forgive(&mut self) {
        self.bad_commands = 0;
    }

    /// A password was offered where none may be said.
    pub fn offers_in_plaintext(&mut self) {
        self.failures.plaintext = true;
    }

    /// A login did not work. Too many end the session.
    pub fn failed_login(&mut self, name: Option<&str>, mechanism: Mechanism) -> Result<(), End> {
        self.failures.count += 1;
        self.failures.name = name.unwrap_or("").to_owned();
        self.failures.method = Some(mechanism.name());
        if self.failures.count >= limits::BAD_LOGINS { Err(End::BadLogins) } else { Ok(()) }
    }

    /// Both ends, for the journal.
    pub fn peer(&self) -> LoginPeer {
        LoginPeer { rip: self.client.ip, lip: self.called, tls: self.client.tls, session: self.name.clone() }
    }

    /// What the journal learns when nobody logged in.
    pub fn no_login(&self, end: End, clock: &dyn Clock) -> NoLogin {
        let tried = match self.failures.count {
            0 if self.failures.plaintext => Tried::Plaintext,
            0 => Tried::Nothing,
            n => Tried::Failed(n),
        };
        NoLogin {
            reason: end.reason(false),
            tried,
            secs: self.lasts(clock).as_secs(),
            user: self.failures.name.clone(),
            method: self.failures.method,
            peer: self.peer(),
        }
    }
}

/// Waits for something, but no longer than the house stands.
pub(super) async fn unless_stopped<T>(stop: &Stop, work: impl Future<Output = Result<T, End>>) -> Result<T, End> {
    let stopped = async {
        stop.wait().await;
        Err(End::Stopping)
    };
    smol::future::or(work, stopped).await
}

/// The next line of a client that may be silent for `limit`; None for one over `max` octets.
pub(super) async fn line(conn: &mut Conn, max: usize, limit: Duration, stop: &Stop) -> Result<Option<Vec<u8>>, End> {
    let read = async {
        match conn.line(max, limit).await {
            Ok((line, _)) => Ok(Some(line)),
            Err(ReadError::TooLong) => Ok(None),
            Err(error) => Err(error.into()),
        }
    };
    unless_stopped(stop, read).await
}
