//! What a POP3 session tells. Wording: Dovecot's pop3-login and pop3, which fail2ban's `dovecot` filter reads.

use std::net::IpAddr;

use super::{Line, Tag, safe, safe_field};

/// Which connection: stands at the end of each line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pop3Peer {
    /// The client.
    pub rip: IpAddr,
    /// Our end.
    pub lip: IpAddr,
    /// Whether it is encrypted.
    pub tls: bool,
    /// The session's name, letters and digits.
    pub session: String,
}

/// What came of logins on a connection that ends without one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tried {
    /// Nothing was tried.
    Nothing,
    /// A password was offered where none may be said (Q10).
    Plaintext,
    /// So many failed.
    Failed(u32),
}

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
        peer: Pop3Peer,
    },
    /// `pop3-login: Disconnected: Connection closed (auth failed, 1 attempts in 2 secs): user=<...>, method=PLAIN, rip=...`
    NoLogin {
        /// Why the connection ended.
        reason: &'static str,
        /// What was tried.
        tried: Tried,
        /// Seconds since the connection began.
        secs: u64,
        /// The last name that was said.
        user: String,
        /// How, if anything was tried.
        method: Option<&'static str>,
        /// The connection.
        peer: Pop3Peer,
    },
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
            Pop3Event::Login { user, method, peer } => {
                let (user, peer) = (safe_field(&user, 330), end(&peer, true));
                Line::info(Tag::Dovecot, format!("pop3-login: Login: user=<{user}>, method={method}, {peer}"))
            }
            Pop3Event::NoLogin { reason, tried, secs, user, method, peer } => {
                let tried = match tried {
                    Tried::Nothing => format!("no auth attempts in {secs} secs"),
                    Tried::Plaintext => "tried to use disallowed plaintext auth".to_owned(),
                    Tried::Failed(n) => format!("auth failed, {n} attempts in {secs} secs"),
                };
                let method = method.map_or(String::new(), |m| format!(" method={m},"));
                let (user, peer) = (safe_field(&user, 330), end(&peer, false));
                let text = format!("pop3-login: Disconnected: {reason} ({tried}): user=<{user}>,{method} {peer}");
                Line::info(Tag::Dovecot, text)
            }
            Pop3Event::Ended { user, session, reason, counts: c } => {
                let did = format!("top={}/{}, retr={}/{}", c.tops, c.top_octets, c.retrieved, c.retrieved_octets);
                let left = format!("del={}/{}, size={}", c.deleted, c.messages, c.octets);
                Line::info(Tag::Dovecot, format!("{}: Disconnected: {reason} {did}, {left}", who(&user, &session)))
            }
            Pop3Event::Trouble { user, session, why } => {
                let (who, why) = (who(&user, &session), safe(&why, 400));
                Line { severity: super::Severity::Error, ..Line::info(Tag::Dovecot, format!("{who}: Error: {why}")) }
            }
        }
    }
}

fn who(user: &str, session: &str) -> String {
    format!("pop3({})<{}><{session}>", safe_field(user, 330), std::process::id())
}

fn end(peer: &Pop3Peer, logged_in: bool) -> String {
    let Pop3Peer { rip, lip, tls, session } = peer;
    let mpid = if logged_in { format!(" mpid={},", std::process::id()) } else { String::new() };
    let tls = if *tls { " TLS," } else { "" };
    format!("rip={rip}, lip={lip},{mpid}{tls} session=<{session}>")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peer(tls: bool) -> Pop3Peer {
        let [rip, lip] = ["203.0.113.7", "192.0.2.1"].map(|ip| ip.parse().unwrap());
        Pop3Peer { rip, lip, tls, session: "65a1f00d".into() }
    }

    #[test]
    fn a_failed_login_is_told_as_dovecot_tells_it() {
        let event = |tried, user: &str, method| Pop3Event::NoLogin {
            reason: "Connection closed",
            tried,
            secs: 2,
            user: user.into(),
            method,
            peer: peer(true),
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
