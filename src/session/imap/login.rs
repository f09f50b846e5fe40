//! LOGIN, AUTHENTICATE, and what follows from the verdict.

use super::{Answer, Done, Phase, Session, phase};
use crate::{
    journal::ImapEvent,
    limits,
    policy::{LoggedIn, LoginRefusal, LoginStep, Mechanism},
    wire::{
        imap::{Secret, answer, say},
        sasl,
    },
};

impl Session {
    /// LOGIN (RFC 3501 s6.2.3).
    pub(super) async fn login(&mut self, name: &str, Secret(password): &Secret) -> Done {
        let policy = self.imap.policy.clone();
        match policy.password(&self.visit.client, name, password).await {
            LoginStep::Done(who) => self.enter(who),
            LoginStep::Refused(why) => self.refuse(why, Some(name), Mechanism::Plain),
            // Not for a password.
            LoginStep::Challenge(_) => self.refuse(LoginRefusal::Malformed, Some(name), Mechanism::Plain),
        }
    }

    /// AUTHENTICATE, to its end (RFC 3501 s6.2.2, RFC 4959).
    pub(super) async fn authenticate(&mut self, name: &str, initial: Option<Secret>) -> Done {
        let Some(mechanism) = Mechanism::parse(name).filter(|m| phase::MECHANISMS.contains(m)) else {
            return self.abuse(say::MECHANISM);
        };
        let mut input = match initial.map(|Secret(text)| sasl::parse_initial(&text)).transpose() {
            Ok(initial) => initial,
            Err(sasl::Malformed) => return self.abuse(say::BAD_SASL),
        };
        let policy = self.imap.policy.clone();
        let mut exchange = policy.login(&self.visit.client, mechanism);
        loop {
            match exchange.step(input.as_deref()).await {
                LoginStep::Done(who) => return self.enter(who),
                LoginStep::Refused(why) => return self.refuse(why, exchange.name(), mechanism),
                LoginStep::Challenge(octets) => {
                    answer::go_on(self.conn.output(), &sasl::write_challenge(&octets));
                }
            }
            let Some(line) = self.line(limits::SASL_LINE).await? else {
                return self.abuse(say::BAD_SASL);
            };
            input = match sasl::Answer::parse(&line) {
                Ok(sasl::Answer::Data(octets)) => Some(octets),
                Ok(sasl::Answer::Cancel) => return self.abuse(say::CANCELLED),
                Err(sasl::Malformed) => return self.abuse(say::BAD_SASL),
            };
        }
    }

    fn enter(&mut self, who: LoggedIn) -> Done {
        let user = who.address.to_string();
        // Dovecot calls LOGIN the mechanism PLAIN.
        let method = if who.mechanism == "USER" { Mechanism::Plain.name() } else { who.mechanism };
        self.imap.journal.tell(ImapEvent::Login { user, method, peer: self.visit.peer() });
        self.visit.client.login = Some(who.clone());
        self.phase = Phase::Authenticated(Box::new(phase::Who::new(who)));
        self.cutter.logged_in();
        Ok(Answer::Capable(say::LOGGED_IN, self.capabilities()))
    }

    fn refuse(&mut self, why: LoginRefusal, name: Option<&str>, mechanism: Mechanism) -> Done {
        let sentence = match why {
            LoginRefusal::Wrong => say::WRONG_LOGIN,
            LoginRefusal::Throttled => say::SLOW_DOWN,
            // Nobody judged it: no failure of the client's.
            LoginRefusal::Busy => return Ok(say::BUSY.into()),
            LoginRefusal::Malformed => return self.abuse(say::BAD_SASL),
        };
        self.visit.failed_login(name, mechanism)?;
        Ok(sentence.into())
    }
}
