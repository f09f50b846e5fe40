//! An IMAP session (RFC 3501 and what the capability list names): commands in order, one at a time.
//!
//! [`phase`] says what is allowed (pure), [`view`] holds the numbers of the selected folder (pure), [`login`] asks `policy`
//! who it is, [`obey`] hands each command to its file, [`news`] tells what others did. This file reads commands, counts
//! abuse and tells how it ended.
//!
//! A number never comes to mean another message behind the client's back: numbers change only where EXPUNGE and EXISTS are
//! said, and EXPUNGE is said only where the client expects it (RFC 3501 s7.4.1) and nothing that it sent already could mean
//! the old numbers. No read transaction of the store is open while a peer is slow: pages are copied out.
//! Must not know: passwords beyond handing them on, how messages are stored, how MIME is read.

mod answer;
mod append;
mod copy;
mod fetch;
mod flags;
mod folders;
mod idle;
mod list;
mod login;
mod message;
mod news;
mod obey;
mod phase;
mod plain;
mod quota;
mod search;
mod select;
mod uids;
mod view;

use std::{sync::Arc, time::Duration};

use answer::Answer;
use append::Literal;
use phase::{Facts, Phase};

use super::visit::{self, End, Visit, unless_stopped};
use crate::{
    journal::{ImapCounts, ImapEvent, Journal},
    limits,
    net::{Acceptor, Conn},
    pipeline::Pipeline,
    policy::{Policy, Service},
    rt::{Shared, Stop},
    settings::{Settings, TlsMode},
    store::{Store, StoreError},
    wire::{
        imap::{Code, Command, Cut, Cutter, Say, Status, Tag, answer as line, say},
        pop3::is_http,
    },
};

/// What a session works with.
#[derive(Clone)]
pub struct Imap {
    /// The door.
    pub service: Service,
    /// Newest settings.
    pub settings: Shared<Settings>,
    /// Newest certificate, if TLS is on.
    pub tls: Shared<Option<Acceptor>>,
    /// Verdicts and logins.
    pub policy: Arc<Policy>,
    /// The one way in, for APPEND.
    pub pipeline: Arc<Pipeline>,
    /// The disk.
    pub store: Store,
    /// The journal.
    pub journal: Journal,
    /// The end of the house.
    pub stop: Stop,
}

const HANDSHAKE: Duration = Duration::from_secs(limits::HANDSHAKE_SECS);
const TO_LOG_IN: Duration = Duration::from_secs(limits::IMAP_LOGIN_SECS);

/// Serves one connection (on 993 it is encrypted already) until it ends.
pub async fn serve(imap: Imap, conn: Conn) {
    serve_patiently(imap, conn, Duration::from_secs(limits::IMAP_IDLE_SECS)).await;
}

/// As [`serve`], with another patience: how long a client may be silent behind the login (before it at most
/// IMAP_LOGIN_SECS), and how long it may take to take an answer.
pub async fn serve_patiently(imap: Imap, conn: Conn, idle: Duration) {
    let mut session = Session::new(imap, conn, idle);
    let end = session.talk().await;
    session.tell_end(end);
    session.conn.close(HANDSHAKE).await;
}

/// What a command comes to: its tagged answer, or the end of the session.
type Done = Result<Answer, End>;

struct Session {
    imap: Imap,
    conn: Conn,
    visit: Visit,
    phase: Phase,
    cutter: Cutter,
    /// Commands before the login that do no work.
    junk: u32,
    counts: ImapCounts,
    /// How long a client may be silent.
    idle: Duration,
}

impl Session {
    fn new(imap: Imap, conn: Conn, idle: Duration) -> Self {
        let visit = Visit::begin(&conn, imap.service, &*imap.policy.clock);
        let (phase, cutter, counts) = (Phase::Fresh, Cutter::default(), ImapCounts::default());
        Session { imap, conn, visit, phase, cutter, junk: 0, counts, idle }
    }

    async fn talk(&mut self) -> End {
        self.greet();
        let mut first = true;
        loop {
            let turn = self.turn(first).await;
            first = false;
            if let Err(end) = turn {
                return end;
            }
        }
    }

    fn greet(&mut self) {
        let words = self.capabilities();
        let text = format!("{} IMAP ready", self.imap.settings.get().server_name);
        let greeting = Say { status: Status::Ok, code: Some(Code::Capability(&words)), text: &text };
        greeting.untagged(self.conn.output());
    }

    fn facts(&self) -> Facts {
        let offered = self.imap.service == Service::Imap
            && self.imap.settings.get().imap_tls != TlsMode::Off
            && self.imap.tls.get().is_some();
        let may_login = self.imap.policy.may_login(&self.visit.client);
        Facts { tls: self.visit.client.tls, can_starttls: offered, may_login }
    }

    /// One command and its answer.
    async fn turn(&mut self, first: bool) -> Result<(), End> {
        let raw = match self.cut().await? {
            Cut::Command(raw) => raw,
            Cut::Append { head, octets, sync, utf8 } => {
                return Box::pin(self.append(&head, Literal { octets, sync, utf8 })).await;
            }
            Cut::TooLong(tag) => {
                let answer = self.abuse(say::TOO_LONG)?;
                self.bad(tag.as_ref(), &answer);
                return Ok(());
            }
            Cut::Hopeless => return Err(End::Hopeless),
            // An APPEND that was refused is over; its answer is said.
            Cut::Refused | Cut::AppendEnd { .. } | Cut::Need | Cut::Continue => return Ok(()),
        };
        if first && is_http(&raw) {
            return Err(End::Http);
        }
        let utf8 = self.phase.who().is_some_and(|who| who.utf8);
        match Command::parse(&raw, utf8) {
            Ok((tag, command)) => self.command(&tag, command).await,
            Err(bad) => {
                let answer = self.abuse(bad.say)?;
                self.bad(bad.tag.as_ref(), &answer);
                Ok(())
            }
        }
    }

    /// The answer to what is no command.
    fn bad(&mut self, tag: Option<&Tag>, answer: &Answer) {
        match tag {
            Some(tag) => answer.write(tag, self.conn.output()),
            None => say::NO_TAG.untagged(self.conn.output()),
        }
    }

    /// The next thing to do. Answers to commands that came together leave together.
    async fn cut(&mut self) -> Result<Cut, End> {
        loop {
            let fed = self.cutter.feed(self.conn.buffered());
            self.conn.consume(fed.used);
            self.counts.read += fed.used as u64;
            match fed.cut {
                Cut::Need => {}
                Cut::Continue => line::go_on(self.conn.output(), "OK"),
                done => return Ok(done),
            }
            if self.conn.buffered().is_empty() {
                self.flush().await?;
                self.fill().await?;
            }
        }
    }

    /// More octets, or the end.
    async fn fill(&mut self) -> Result<(), End> {
        if self.imap.stop.is_set() {
            return Err(End::Stopping);
        }
        let limit = self.patience();
        let conn = &mut self.conn;
        unless_stopped(&self.imap.stop, async { Ok(conn.fill(limit).await?) }).await
    }

    /// How long the client may be silent now.
    fn patience(&self) -> Duration {
        let spent = self.visit.lasts(&*self.imap.policy.clock);
        match &self.phase {
            Phase::Fresh => TO_LOG_IN.saturating_sub(spent).min(self.idle),
            Phase::Authenticated(_) | Phase::Selected(..) if self.cutter.is_fresh() => self.idle,
            Phase::Authenticated(_) | Phase::Selected(..) => TO_LOG_IN.min(self.idle),
        }
    }

    /// A line that is no command: an answer of AUTHENTICATE. None for one over the cap.
    async fn line(&mut self, max: usize) -> Result<Option<Vec<u8>>, End> {
        self.flush().await?;
        let limit = self.patience();
        visit::line(&mut self.conn, max, limit, &self.imap.stop).await
    }

    /// Sends what waits, as long as the client may take for it.
    async fn flush(&mut self) -> Result<(), End> {
        self.counts.sent += self.conn.output().len() as u64;
        Ok(self.conn.flush(self.idle).await?)
    }

    /// Sends what waits once it is much: answers of any length take little memory.
    async fn flush_some(&mut self) -> Result<(), End> {
        if self.conn.output().len() < limits::CHUNK {
            return Ok(());
        }
        self.flush().await
    }

    /// A command that is none, or not now: counted.
    fn abuse(&mut self, say: Say<'static>) -> Done {
        self.visit.bad_command()?;
        Ok(say.into())
    }

    /// The disk did not do it: told to the client, and to the journal if it is ours to mend.
    fn failed(&self, what: &str, error: &StoreError) -> Say<'static> {
        match error {
            StoreError::Missing => say::NO_SUCH_FOLDER,
            StoreError::Exists => say::FOLDER_EXISTS,
            StoreError::OverQuota => say::OVER_QUOTA,
            StoreError::Limit(_) => say::TOO_MANY_KEYWORDS,
            StoreError::NoRoom => self.trouble(what, error, say::NO_ROOM),
            StoreError::Unavailable(_) => self.trouble(what, error, say::NO_DISK),
            StoreError::Damaged(_) => self.trouble(what, error, say::DAMAGED),
        }
    }

    fn trouble(&self, what: &str, error: &StoreError, say: Say<'static>) -> Say<'static> {
        let user = self.phase.who().map_or_else(String::new, |who| who.login.address.to_string());
        let (session, why) = (self.visit.name.clone(), format!("{what}: {error}"));
        self.imap.journal.tell(ImapEvent::Trouble { user, session, why });
        say
    }

    /// Last words, and what the journal learns.
    fn tell_end(&mut self, end: End) {
        match end {
            End::BadCommands => say::BAD_COMMANDS.untagged(self.conn.output()),
            End::BadLogins => say::BAD_LOGINS.untagged(self.conn.output()),
            End::Stopping => say::STOPPING.untagged(self.conn.output()),
            End::Hopeless => say::HOPELESS.untagged(self.conn.output()),
            End::Idle => say::IDLE_TOO_LONG.untagged(self.conn.output()),
            End::Logout | End::Closed | End::Http | End::Handshake | End::BrokenText => {}
        }
        self.counts.sent += self.conn.output().len() as u64;
        let event = match self.phase.who() {
            Some(who) => ImapEvent::Ended {
                user: who.login.address.to_string(),
                session: self.visit.name.clone(),
                reason: end.reason(true),
                counts: self.counts,
            },
            None => ImapEvent::NoLogin(self.visit.no_login(end, &*self.imap.policy.clock)),
        };
        self.imap.journal.tell(event);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn size<F>(_: fn(Imap, Conn) -> F) -> usize {
        size_of::<F>()
    }

    /// Of the 12 kB that a plain idle session may cost, the connection itself takes about 4.
    #[test]
    fn a_session_that_waits_is_small() {
        let octets = size(serve);
        println!("{octets} octets");
        assert!(octets <= 3072, "{octets} octets");
    }
}
