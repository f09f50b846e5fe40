//! AUTH (RFC 4954): carries the messages of a mechanism between the client and `policy`, and words the outcome.
//!
//! Must not know: how a mechanism works, what a password is.

use crate::{
    journal::SmtpFact,
    limits,
    net::ReadError,
    policy::{LoginRefusal, LoginStep, Mechanism},
    wire::{
        sasl::{self, Answer},
        smtp::{Reply, Say, say},
    },
};

use super::serve::{End, Session};

/// How a login that failed is told.
struct Failure {
    say: Say,
    /// For the journal.
    why: &'static str,
    /// A guess at a password: so many of them end the session.
    guess: bool,
}

impl Failure {
    fn of(refusal: LoginRefusal) -> Failure {
        let (say, why, guess) = match refusal {
            LoginRefusal::Wrong => (say::WRONG_LOGIN, "authentication failure", true),
            LoginRefusal::Throttled => (say::LOGIN_LATER, "too many tries", true),
            // fail2ban's stock filter knows these words of Postfix as nobody's fault.
            LoginRefusal::Busy => (say::LOGIN_LATER, "Connection lost to authentication server", false),
            LoginRefusal::Malformed => (say::BAD_SASL, "malformed response", false),
        };
        Failure { say, why, guess }
    }

    const CANCELLED: Failure = Failure { say: say::LOGIN_CANCELLED, why: "cancelled", guess: false };
    const TOO_LONG: Failure = Failure { say: say::SASL_TOO_LONG, why: "response too long", guess: false };
    const NO_BASE64: Failure = Failure { say: say::BAD_SASL, why: "Invalid base64 data", guess: false };
}

impl Session {
    /// One AUTH command with its challenges and answers. `initial`: base64 or `=`.
    pub(super) async fn login(&mut self, mechanism: Mechanism, initial: Option<Vec<u8>>) -> Result<Reply, End> {
        // A handle of its own: the exchange borrows policy while the session reads.
        let policy = self.smtp.policy.clone();
        let mut exchange = policy.login(&self.client, mechanism);
        let mut input = match initial.map(|text| sasl::parse_initial(&text)).transpose() {
            Ok(octets) => octets,
            Err(sasl::Malformed) => return Ok(self.login_failed(mechanism, None, &Failure::NO_BASE64)),
        };
        loop {
            let failure = match exchange.step(input.as_deref()).await {
                LoginStep::Done(who) => {
                    self.client.login = Some(who);
                    return Ok(say::LOGGED_IN.into());
                }
                LoginStep::Refused(refusal) => Failure::of(refusal),
                LoginStep::Challenge(octets) => {
                    self.put(&say::challenge(sasl::write_challenge(&octets)));
                    match self.login_answer().await? {
                        Ok(octets) => {
                            input = Some(octets);
                            continue;
                        }
                        Err(failure) => failure,
                    }
                }
            };
            return Ok(self.login_failed(mechanism, exchange.name(), &failure));
        }
    }

    async fn login_answer(&mut self) -> Result<Result<Vec<u8>, Failure>, End> {
        self.flush().await?;
        Ok(match self.line(limits::SASL_LINE).await {
            Ok((line, _)) => match Answer::parse(&line) {
                Ok(Answer::Data(octets)) => Ok(octets),
                Ok(Answer::Cancel) => Err(Failure::CANCELLED),
                Err(sasl::Malformed) => Err(Failure::NO_BASE64),
            },
            Err(End::Read(ReadError::TooLong)) => Err(Failure::TOO_LONG),
            Err(end) => return Err(end),
        })
    }

    fn login_failed(&mut self, mechanism: Mechanism, name: Option<&str>, failure: &Failure) -> Reply {
        let user = name.map(str::to_owned);
        if failure.say == say::LOGIN_CANCELLED {
            self.tell(SmtpFact::LoginAborted { mechanism: mechanism.name() });
            return failure.say.into();
        }
        self.tell(SmtpFact::LoginFailed { mechanism: mechanism.name().to_owned(), why: failure.why, user });
        if failure.guess && self.tally.login_failed() {
            // 421 ends the session.
            return say::TOO_MANY_LOGINS.into();
        }
        failure.say.into()
    }
}
