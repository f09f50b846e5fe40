//! USER and PASS, AUTH (RFC 5034), and what follows from the verdict.

use super::{End, Session, maildrop::Maildrop, phase};
use crate::{
    journal::Pop3Event,
    limits,
    policy::{LoggedIn, LoginRefusal, LoginStep, Mechanism},
    store::StoreError,
    wire::{
        pop3::{Say, Secret, Status, say},
        sasl,
    },
};

impl Session {
    /// PASS: the name serves once (RFC 1939 s7).
    pub(super) async fn pass(&mut self, Secret(password): &Secret) -> Result<(), End> {
        let Some(name) = phase::take_name(&mut self.phase) else {
            return self.bad(say::USER_FIRST);
        };
        let policy = self.pop3.policy.clone();
        match policy.password(&self.visit.client, &name, password).await {
            LoginStep::Done(who) => self.enter(who).await,
            LoginStep::Refused(why) => self.refuse(why, Some(&name), Mechanism::Plain),
            // Not for a password.
            LoginStep::Challenge(_) => self.refuse(LoginRefusal::Malformed, Some(&name), Mechanism::Plain),
        }
    }

    /// AUTH, to its end.
    pub(super) async fn authenticate(&mut self, name: &str, initial: Option<Secret>) -> Result<(), End> {
        let Some(mechanism) = Mechanism::parse(name).filter(|m| phase::MECHANISMS.contains(m)) else {
            return self.bad(say::MECHANISM);
        };
        let mut input = match initial.map(|Secret(text)| sasl::parse_initial(&text)).transpose() {
            Ok(initial) => initial,
            Err(sasl::Malformed) => return self.bad(say::BAD_SASL),
        };
        let policy = self.pop3.policy.clone();
        let mut exchange = policy.login(&self.visit.client, mechanism);
        loop {
            match exchange.step(input.as_deref()).await {
                LoginStep::Done(who) => return self.enter(who).await,
                LoginStep::Refused(why) => return self.refuse(why, exchange.name(), mechanism),
                LoginStep::Challenge(octets) => self.challenge(&octets),
            }
            let Some(line) = self.line(limits::SASL_LINE).await? else {
                return self.bad(say::LONG_LINE);
            };
            input = match sasl::Answer::parse(&line) {
                Ok(sasl::Answer::Data(octets)) => Some(octets),
                Ok(sasl::Answer::Cancel) => return self.bad(say::CANCELLED),
                Err(sasl::Malformed) => return self.bad(say::BAD_SASL),
            };
        }
    }

    /// `+ base64`; an empty challenge keeps its blank (RFC 5034 s4).
    fn challenge(&mut self, octets: &[u8]) {
        let line = format!("+ {}\r\n", sasl::write_challenge(octets));
        self.conn.put(line.as_bytes());
    }

    /// The password was right: the snapshot is taken, or there is no session.
    async fn enter(&mut self, who: LoggedIn) -> Result<(), End> {
        let user = who.address.to_string();
        let method = method(who.mechanism);
        let drop = match Maildrop::load(&self.pop3.store, who).await {
            Ok(drop) => drop,
            Err(error) => {
                self.trouble(&user, &error.to_string());
                self.say(disk_sentence(&error));
                return Ok(());
            }
        };
        let peer = self.visit.peer();
        self.pop3.journal.tell(Pop3Event::Login { user, method, peer });
        self.visit.client.login = Some(drop.who.clone());
        let (messages, octets) = drop.stat();
        self.phase = super::Phase::Transaction(Box::new(drop));
        self.status(&Status::ok(format!("Logged in, {messages} messages ({octets} octets)")));
        Ok(())
    }

    fn refuse(&mut self, why: LoginRefusal, name: Option<&str>, mechanism: Mechanism) -> Result<(), End> {
        let sentence = match why {
            LoginRefusal::Wrong => say::WRONG_LOGIN,
            LoginRefusal::Throttled => say::SLOW_DOWN,
            // Nobody judged it: no failure of the client's.
            LoginRefusal::Busy => {
                self.say(say::BUSY);
                return Ok(());
            }
            LoginRefusal::Malformed => return self.bad(say::BAD_SASL),
        };
        self.visit.failed_login(name, mechanism)?;
        self.say(sentence);
        Ok(())
    }

    /// Something of ours is wrong: red in the journal.
    pub(super) fn trouble(&self, user: &str, why: &str) {
        let (user, session) = (user.to_owned(), self.visit.name.clone());
        self.pop3.journal.tell(Pop3Event::Trouble { user, session, why: why.to_owned() });
    }
}

/// Dovecot calls USER and PASS the mechanism PLAIN.
fn method(mechanism: &'static str) -> &'static str {
    if mechanism == "USER" { Mechanism::Plain.name() } else { mechanism }
}

/// How a failing disk is told (RFC 3206 s4).
pub(super) fn disk_sentence(error: &StoreError) -> Say {
    match error {
        StoreError::Unavailable(_) | StoreError::NoRoom => say::NO_DISK,
        StoreError::Damaged(_) => say::DAMAGED,
        StoreError::Missing | StoreError::Exists => say::VANISHED,
        StoreError::OverQuota | StoreError::Limit(_) => say::VANISHED,
    }
}
