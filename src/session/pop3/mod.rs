//! A POP3 session (RFC 1939): a snapshot of INBOX at login, deletion at QUIT, no lock.
//!
//! [`phase`] says what is allowed (pure), [`maildrop`] holds the snapshot, [`login`] asks `policy` who it is, [`fetch`] lists,
//! sends and removes. This file reads commands, counts abuse and tells how it ended.
//! Must not know: passwords beyond handing them on, how messages are stored, who else has the mailbox open.

mod fetch;
mod login;
mod maildrop;
mod phase;

use std::{sync::Arc, time::Duration};

use phase::{Facts, Phase};

use super::visit::{self, End, Visit};
use crate::{
    journal::{Journal, Pop3Event},
    limits,
    net::{Acceptor, Conn},
    policy::{Policy, Service},
    rt::{Shared, Stop},
    settings::{Settings, TlsMode},
    store::Store,
    wire::pop3::{BadCommand, Command, Say, Status, is_http, say},
};

/// What a session works with.
#[derive(Clone)]
pub struct Pop3 {
    /// The door.
    pub service: Service,
    /// Newest settings.
    pub settings: Shared<Settings>,
    /// Newest certificate, if TLS is on.
    pub tls: Shared<Option<Acceptor>>,
    /// Verdicts and logins.
    pub policy: Arc<Policy>,
    /// The disk.
    pub store: Store,
    /// The journal.
    pub journal: Journal,
    /// The end of the house.
    pub stop: Stop,
}

const HANDSHAKE: Duration = Duration::from_secs(limits::HANDSHAKE_SECS);

/// Serves one connection (on 995 it is encrypted already) until it ends.
pub async fn serve(pop3: Pop3, conn: Conn) {
    serve_patiently(pop3, conn, Duration::from_secs(limits::POP3_IDLE_SECS)).await;
}

/// As [`serve`], with another patience: how long a client may be silent, and how long it may take to take an answer.
pub async fn serve_patiently(pop3: Pop3, conn: Conn, idle: Duration) {
    let mut session = Session::new(pop3, conn, idle);
    let end = session.talk().await;
    session.keep_seen().await;
    session.tell_end(end);
    session.conn.close(HANDSHAKE).await;
}

struct Session {
    pop3: Pop3,
    conn: Conn,
    visit: Visit,
    phase: Phase,
    /// How long a client may be silent.
    idle: Duration,
}

impl Session {
    fn new(pop3: Pop3, conn: Conn, idle: Duration) -> Self {
        let visit = Visit::begin(&conn, pop3.service, &*pop3.policy.clock);
        Session { pop3, conn, visit, phase: Phase::Fresh, idle }
    }

    async fn talk(&mut self) -> End {
        let ready = format!("{} POP3 ready", self.pop3.settings.get().server_name);
        self.status(&Status::ok(ready));
        let mut first = true;
        loop {
            let turn = self.turn(first).await;
            first = false;
            if let Err(end) = turn {
                return end;
            }
        }
    }

    /// One command and its answer.
    async fn turn(&mut self, first: bool) -> Result<(), End> {
        let Some(line) = self.line(limits::POP3_LINE).await? else {
            return self.bad(say::LONG_LINE);
        };
        if first && is_http(&line) {
            return Err(End::Http);
        }
        let command = match Command::parse(&line) {
            Ok(command) => command,
            Err(BadCommand::Unknown) => return self.bad(say::UNKNOWN),
            Err(BadCommand::Arguments(_)) => return self.bad(say::ARGUMENTS),
        };
        if let Err(refusal) = phase::allows(&self.phase, command.verb(), self.facts()) {
            if refusal == say::NEEDS_TLS {
                self.visit.offers_in_plaintext();
            }
            return self.bad(refusal);
        }
        self.obey(command).await
    }

    async fn obey(&mut self, command: Command) -> Result<(), End> {
        match command {
            Command::Capa => {
                self.say(say::CAPABILITIES);
                let lines = phase::capabilities(self.facts());
                self.lines(lines.iter().map(String::as_str));
            }
            Command::Stls => return self.stls().await,
            Command::Auth(None) => {
                self.say(say::MECHANISMS);
                self.lines(phase::MECHANISMS.iter().map(|m| m.name()));
            }
            Command::Auth(Some((name, initial))) => return self.authenticate(&name, initial).await,
            Command::User(name) => {
                self.phase = Phase::Named(name);
                self.say(say::NAMED);
            }
            Command::Pass(password) => return self.pass(&password).await,
            Command::Quit => return Err(self.quit().await),
            Command::Noop => self.say(say::NOOP),
            Command::Stat => self.stat(),
            Command::List(number) => return self.list(number).await,
            Command::Uidl(number) => return self.uidl(number).await,
            Command::Retr(number) => return self.send(number, None).await,
            Command::Top(number, lines) => return self.send(number, Some(lines)).await,
            Command::Dele(number) => self.mark(number),
            Command::Rset => self.unmark(),
        }
        Ok(())
    }

    /// STLS (RFC 2595 s4): the connection throws away what came before the handshake, the session forgets USER.
    async fn stls(&mut self) -> Result<(), End> {
        let acceptor = self.pop3.tls.get();
        let Some(acceptor) = acceptor.as_ref() else {
            return self.bad(say::NO_TLS);
        };
        self.say(say::BEGIN_TLS);
        self.conn.flush(self.idle).await?;
        self.conn.starttls(acceptor, HANDSHAKE).await.map_err(|_| End::Handshake)?;
        self.visit.client.tls = true;
        self.phase = Phase::Fresh;
        Ok(())
    }

    fn facts(&self) -> Facts {
        let offered = self.pop3.service == Service::Pop3
            && self.pop3.settings.get().pop3_tls != TlsMode::Off
            && self.pop3.tls.get().is_some();
        let may_login = self.pop3.policy.may_login(&self.visit.client);
        Facts { tls: self.visit.client.tls, can_stls: offered, may_login }
    }

    /// The next line, or None for one over the cap. Answers to pipelined commands leave together (RFC 2449 s6.8).
    async fn line(&mut self, max: usize) -> Result<Option<Vec<u8>>, End> {
        if self.pop3.stop.is_set() {
            return Err(End::Stopping);
        }
        if !self.conn.buffered().contains(&b'\n') || self.conn.output().len() >= limits::CHUNK {
            self.conn.flush(self.idle).await?;
        }
        visit::line(&mut self.conn, max, self.idle, &self.pop3.stop).await
    }

    fn say(&mut self, say: Say) {
        say.write(self.conn.output());
    }

    fn status(&mut self, status: &Status) {
        status.write(self.conn.output());
    }

    /// Lines behind a status line, and their end. Ours never begin with a dot.
    fn lines<'a>(&mut self, lines: impl Iterator<Item = &'a str>) {
        let output = self.conn.output();
        for line in lines {
            output.extend_from_slice(line.as_bytes());
            output.extend_from_slice(b"\r\n");
        }
        output.extend_from_slice(b".\r\n");
    }

    /// A command that is none, or not now: counted.
    fn bad(&mut self, say: Say) -> Result<(), End> {
        self.visit.bad_command()?;
        self.say(say);
        Ok(())
    }

    /// Last words, and what the journal learns.
    fn tell_end(&mut self, end: End) {
        match end {
            End::BadCommands => self.say(say::BAD_COMMANDS),
            End::BadLogins => self.say(say::BAD_LOGINS),
            End::Stopping => self.say(say::STOPPING),
            End::Logout | End::Closed | End::Idle | End::Http | End::Handshake => {}
            End::BrokenText | End::Hopeless => {}
        }
        let event = match &self.phase {
            Phase::Transaction(drop) => Pop3Event::Ended {
                user: drop.who.address.to_string(),
                session: self.visit.name.clone(),
                reason: end.reason(true),
                counts: drop.counts,
            },
            Phase::Fresh | Phase::Named(_) => Pop3Event::NoLogin(self.visit.no_login(end, &*self.pop3.policy.clock)),
        };
        self.pop3.journal.tell(event);
    }
}
