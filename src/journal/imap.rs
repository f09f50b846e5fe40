//! What an IMAP session tells. Wording: Dovecot's imap-login and imap.

use super::{
    Line, LoginPeer, NoLogin, Tag,
    dovecot::{login, no_login, trouble, who},
};

const PROTOCOL: &str = "imap";

/// What a session did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ImapCounts {
    /// Octets from the client since the login.
    pub read: u64,
    /// Octets to the client since the login.
    pub sent: u64,
    /// Messages that got \Deleted.
    pub deleted: u64,
    /// Messages removed.
    pub expunged: u64,
    /// Messages copied or moved to the trash folder.
    pub trashed: u64,
    /// FETCH of headers: messages.
    pub headers: u64,
    /// FETCH of headers: octets.
    pub header_octets: u64,
    /// FETCH of texts: messages.
    pub bodies: u64,
    /// FETCH of texts: octets.
    pub body_octets: u64,
}

/// Events of `session::imap`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ImapEvent {
    /// `imap-login: Login: user=<...>, method=PLAIN, rip=..., lip=..., mpid=..., TLS, session=<...>`
    Login {
        /// The mailbox' address.
        user: String,
        /// `PLAIN`, `SCRAM-SHA-256`
        method: &'static str,
        /// The connection.
        peer: LoginPeer,
    },
    /// `imap-login: Disconnected: Connection closed (auth failed, 1 attempts in 2 secs): user=<...>, method=PLAIN, rip=...`
    NoLogin(NoLogin),
    /// `imap(ann@office.test)<pid><session>: Disconnected: Logged out in=41 out=612 deleted=0 expunged=0 trashed=0 ...`
    Ended {
        /// The mailbox' address.
        user: String,
        /// The session's name.
        session: String,
        /// Why it ended.
        reason: &'static str,
        /// What it did.
        counts: ImapCounts,
    },
    /// `imap(ann@office.test)<pid><session>: Error: ...`: the store or we ourselves.
    Trouble {
        /// The mailbox' address.
        user: String,
        /// The session's name.
        session: String,
        /// What is wrong.
        why: String,
    },
}

impl From<ImapEvent> for Line {
    fn from(event: ImapEvent) -> Line {
        match event {
            ImapEvent::Login { user, method, peer } => login(PROTOCOL, &user, method, &peer),
            ImapEvent::NoLogin(what) => no_login(PROTOCOL, what),
            ImapEvent::Ended { user, session, reason, counts } => {
                let (who, did) = (who(PROTOCOL, &user, &session), did(counts));
                Line::info(Tag::Dovecot, format!("{who}: Disconnected: {reason} {did}"))
            }
            ImapEvent::Trouble { user, session, why } => trouble(PROTOCOL, &user, &session, &why),
        }
    }
}

/// Dovecot's imap_logout_format.
fn did(c: ImapCounts) -> String {
    format!(
        "in={} out={} deleted={} expunged={} trashed={} hdr_count={} hdr_bytes={} body_count={} body_bytes={}",
        c.read, c.sent, c.deleted, c.expunged, c.trashed, c.headers, c.header_octets, c.bodies, c.body_octets
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::{Severity, Tried};

    fn peer() -> LoginPeer {
        let [rip, lip] = ["203.0.113.7", "192.0.2.1"].map(|ip| ip.parse().unwrap());
        LoginPeer { rip, lip, tls: true, session: "65a1f00d".into() }
    }

    #[test]
    fn logins_are_told_as_dovecot_tells_them() {
        let pid = std::process::id();
        let login = ImapEvent::Login { user: "ann@office.test".into(), method: "PLAIN", peer: peer() };
        assert_eq!(
            Line::from(login).text,
            format!(
                "imap-login: Login: user=<ann@office.test>, method=PLAIN, rip=203.0.113.7, lip=192.0.2.1, mpid={pid}, \
                 TLS, session=<65a1f00d>"
            )
        );
        let failed = ImapEvent::NoLogin(NoLogin {
            reason: "Connection closed",
            tried: Tried::Failed(1),
            secs: 2,
            user: "ann".into(),
            method: Some("PLAIN"),
            peer: peer(),
        });
        assert_eq!(
            Line::from(failed).text,
            "imap-login: Disconnected: Connection closed (auth failed, 1 attempts in 2 secs): user=<ann>, method=PLAIN, \
             rip=203.0.113.7, lip=192.0.2.1, TLS, session=<65a1f00d>"
        );
    }

    #[test]
    fn the_end_says_what_was_done() {
        let counts = ImapCounts { read: 41, sent: 612, deleted: 3, expunged: 2, ..ImapCounts::default() };
        let (user, session) = ("ann@office.test".to_owned(), "s1".to_owned());
        let ended = ImapEvent::Ended { user: user.clone(), session: session.clone(), reason: "Logged out", counts };
        let pid = std::process::id();
        assert_eq!(
            Line::from(ended).text,
            format!(
                "imap(ann@office.test)<{pid}><s1>: Disconnected: Logged out in=41 out=612 deleted=3 expunged=2 \
                 trashed=0 hdr_count=0 hdr_bytes=0 body_count=0 body_bytes=0"
            )
        );
        let line = Line::from(ImapEvent::Trouble { user, session, why: "the disk\r\nis away".into() });
        assert_eq!(line.severity, Severity::Error);
        assert!(line.text.ends_with(": Error: the disk\\r\\nis away") || !line.text.contains('\n'), "{}", line.text);
    }
}
