//! What a POP3 session tells. Wording: Dovecot's pop3-login and pop3, which fail2ban's `dovecot` filter reads.

use super::{
    Line, LoginPeer, NoLogin, Tag,
    dovecot::{login, no_login, trouble, who},
};

const PROTOCOL: &str = "pop3";

/// What a session did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pop3Counts {
    /// TOP: messages.
    pub tops: u64,
    /// TOP: octets.
    pub top_octets: u64,
    /// RETR: messages.
    pub retrieved: u64,
    /// RETR: octets.
    pub retrieved_octets: u64,
    /// Messages removed at QUIT.
    pub deleted: u64,
    /// Messages in the maildrop at the login.
    pub messages: u64,
    /// Their octets.
    pub octets: u64,
}

/// Events of `session::pop3`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Pop3Event {
    /// `pop3-login: Login: user=<...>, method=PLAIN, rip=..., lip=..., mpid=..., TLS, session=<...>`
    Login {
        /// The mailbox' address.
        user: String,
        /// `PLAIN`, `SCRAM-SHA-256`
        method: &'static str,
        /// The connection.
        peer: LoginPeer,
    },
    /// `pop3-login: Disconnected: Connection closed (auth failed, 1 attempts in 2 secs): user=<...>, method=PLAIN, rip=...`
    NoLogin(NoLogin),
    /// `pop3(ann@office.test)<pid><session>: Disconnected: Logged out top=0/0, retr=2/3031, del=2/3, size=4567`
    Ended {
        /// The mailbox' address.
        user: String,
        /// The session's name.
        session: String,
        /// Why it ended.
        reason: &'static str,
        /// What it did.
        counts: Pop3Counts,
    },
    /// `pop3(ann@office.test)<pid><session>: Error: ...`: the store or we ourselves.
    Trouble {
        /// The mailbox' address.
        user: String,
        /// The session's name.
        session: String,
        /// What is wrong.
        why: String,
    },
}

impl From<Pop3Event> for Line {
    fn from(event: Pop3Event) -> Line {
        match event {
            Pop3Event::Login { user, method, peer } => login(PROTOCOL, &user, method, &peer),
            Pop3Event::NoLogin(what) => no_login(PROTOCOL, what),
            Pop3Event::Ended { user, session, reason, counts: c } => {
                let did = format!("top={}/{}, retr={}/{}", c.tops, c.top_octets, c.retrieved, c.retrieved_octets);
                let left = format!("del={}/{}, size={}", c.deleted, c.messages, c.octets);
                Line::info(
                    Tag::Dovecot,
                    format!("{}: Disconnected: {reason} {did}, {left}", who(PROTOCOL, &user, &session)),
                )
            }
            Pop3Event::Trouble { user, session, why } => trouble(PROTOCOL, &user, &session, &why),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::Tried;

    fn peer(tls: bool) -> LoginPeer {
        let [rip, lip] = ["203.0.113.7", "192.0.2.1"].map(|ip| ip.parse().unwrap());
        LoginPeer { rip, lip, tls, session: "65a1f00d".into() }
    }

    #[test]
    fn a_failed_login_is_told_as_dovecot_tells_it() {
        let event = |tried, user: &str, method| {
            let (reason, user, peer) = ("Connection closed", user.to_owned(), peer(true));
            Pop3Event::NoLogin(NoLogin { reason, tried, secs: 2, user, method, peer })
        };
        assert_eq!(
            Line::from(event(Tried::Failed(1), "ann", Some("PLAIN"))).text,
            "pop3-login: Disconnected: Connection closed (auth failed, 1 attempts in 2 secs): user=<ann>, method=PLAIN, \
             rip=203.0.113.7, lip=192.0.2.1, TLS, session=<65a1f00d>"
        );
        let forged = Line::from(event(Tried::Failed(1), "x>, rip=198.51.100.1, y=<", Some("PLAIN"))).text;
        assert!(forged.contains("user=<x\\u{3e},\\u{20}rip=198.51.100.1,\\u{20}y=\\u{3c}>, method=PLAIN, rip=203"));
        assert_eq!(
            Line::from(event(Tried::Nothing, "", None)).text,
            "pop3-login: Disconnected: Connection closed (no auth attempts in 2 secs): user=<>, \
             rip=203.0.113.7, lip=192.0.2.1, TLS, session=<65a1f00d>"
        );
    }

    #[test]
    fn a_login_and_its_end_are_told_as_dovecot_tells_them() {
        let pid = std::process::id();
        let user = "ann@office.test".to_owned();
        let login = Pop3Event::Login { user: user.clone(), method: "PLAIN", peer: peer(false) };
        assert_eq!(
            Line::from(login).text,
            format!(
                "pop3-login: Login: user=<ann@office.test>, method=PLAIN, rip=203.0.113.7, lip=192.0.2.1, mpid={pid}, \
                 session=<65a1f00d>"
            )
        );
        let counts = Pop3Counts {
            retrieved: 2,
            retrieved_octets: 3031,
            deleted: 2,
            messages: 3,
            octets: 4567,
            ..Pop3Counts::default()
        };
        let ended = Pop3Event::Ended { user, session: "s1".into(), reason: "Logged out", counts };
        assert_eq!(
            Line::from(ended).text,
            format!(
                "pop3(ann@office.test)<{pid}><s1>: Disconnected: Logged out top=0/0, retr=2/3031, del=2/3, size=4567"
            )
        );
    }
}
