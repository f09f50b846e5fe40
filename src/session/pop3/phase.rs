//! In what state a session is, and which commands it allows. Pure.

use super::maildrop::Maildrop;
use crate::{
    policy::Mechanism,
    wire::pop3::{Say, Verb, When, say},
};

/// RFC 1939 s3. Leaving a state drops what belonged to it.
pub enum Phase {
    /// AUTHORIZATION.
    Fresh,
    /// AUTHORIZATION, and USER named somebody.
    Named(String),
    /// TRANSACTION.
    Transaction(Box<Maildrop>),
}

/// What else decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Facts {
    /// The connection is encrypted.
    pub tls: bool,
    /// There is a certificate, and this service begins without TLS and may go over to it.
    pub can_stls: bool,
    /// A password may be said (Q10).
    pub may_login: bool,
}

/// Whether a command may be obeyed now, by its row of the table.
pub fn allows(phase: &Phase, verb: Verb, facts: Facts) -> Result<(), Say> {
    let rule = verb.rule();
    match (rule.when, phase) {
        (When::Transaction, Phase::Fresh | Phase::Named(_)) => return Err(say::LOG_IN_FIRST),
        (When::Authorization, Phase::Transaction(_)) => return Err(say::LOGGED_IN_ALREADY),
        (When::Any, _) | (When::Authorization, Phase::Fresh | Phase::Named(_)) => {}
        (When::Transaction, Phase::Transaction(_)) => {}
    }
    if rule.login && !facts.may_login {
        return Err(say::NEEDS_TLS);
    }
    match (verb, phase) {
        (Verb::Stls, _) if facts.tls => Err(say::TLS_ALREADY),
        (Verb::Stls, _) if !facts.can_stls => Err(say::NO_TLS),
        (Verb::Pass, Phase::Fresh) => Err(say::USER_FIRST),
        (_, _) => Ok(()),
    }
}

/// CAPA (RFC 2449 s5, s6): what is offered now, a line each.
pub fn capabilities(facts: Facts) -> Vec<String> {
    let mut lines = vec!["TOP", "UIDL", "RESP-CODES", "AUTH-RESP-CODE", "PIPELINING", "EXPIRE NEVER"];
    if facts.may_login {
        lines.push("USER");
    }
    let mut lines: Vec<String> = lines.into_iter().map(str::to_owned).collect();
    if facts.may_login {
        lines.push(format!("SASL {}", MECHANISMS.map(Mechanism::name).join(" ")));
    }
    if facts.can_stls && !facts.tls {
        lines.push("STLS".to_owned());
    }
    lines.push("IMPLEMENTATION Gatepost".to_owned());
    lines
}

/// What AUTH takes here. Not LOGIN: a client that knows AUTH but not PLAIN has USER and PASS.
pub const MECHANISMS: [Mechanism; 2] = [Mechanism::Plain, Mechanism::ScramSha256];

/// The name that PASS completes; the session is as fresh as before USER.
pub fn take_name(phase: &mut Phase) -> Option<String> {
    match std::mem::replace(phase, Phase::Fresh) {
        Phase::Named(name) => Some(name),
        Phase::Fresh => None,
        kept @ Phase::Transaction(_) => {
            *phase = kept;
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::pop3::RULES;

    fn facts(tls: bool, can_stls: bool, may_login: bool) -> Facts {
        Facts { tls, can_stls, may_login }
    }

    #[test]
    fn before_a_login_nothing_of_a_maildrop_is_allowed() {
        let open = facts(true, false, true);
        for rule in RULES {
            let allowed = allows(&Phase::Named("ann".into()), rule.verb, open).is_ok();
            let wanted = matches!(rule.verb, Verb::Capa | Verb::Auth | Verb::User | Verb::Pass | Verb::Quit);
            assert_eq!(allowed, wanted, "{rule:?}");
        }
        assert_eq!(allows(&Phase::Fresh, Verb::Pass, open), Err(say::USER_FIRST));
    }

    #[test]
    fn where_no_password_may_be_said_only_tls_helps() {
        let bare = facts(false, true, false);
        for rule in RULES {
            let allowed = allows(&Phase::Fresh, rule.verb, bare).is_ok();
            assert_eq!(allowed, matches!(rule.verb, Verb::Capa | Verb::Stls | Verb::Quit), "{rule:?}");
        }
        let capa = capabilities(bare).join(",");
        assert!(capa.contains("STLS") && !capa.contains("USER") && !capa.contains("SASL"), "{capa}");
        assert_eq!(allows(&Phase::Fresh, Verb::Stls, facts(false, false, true)), Err(say::NO_TLS));
    }

    #[test]
    fn over_tls_logins_are_offered_and_stls_is_not() {
        let capa = capabilities(facts(true, true, true));
        assert!(capa.contains(&"USER".to_owned()) && capa.contains(&"SASL PLAIN SCRAM-SHA-256".to_owned()));
        assert!(!capa.contains(&"STLS".to_owned()));
        assert_eq!(allows(&Phase::Fresh, Verb::Stls, facts(true, true, true)), Err(say::TLS_ALREADY));
    }

    #[test]
    fn a_name_serves_for_one_password() {
        let mut phase = Phase::Named("ann".into());
        assert_eq!(take_name(&mut phase), Some("ann".into()));
        assert_eq!(take_name(&mut phase), None);
    }
}
