//! What POP3 and IMAP sessions tell alike: Dovecot's words, which fail2ban's `dovecot` filter reads.

use std::net::IpAddr;

use super::{Count, Line, Severity, Tag, safe, safe_field};

/// Which connection: stands at the end of each line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoginPeer {
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

/// A connection that ended without a login.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoLogin {
    /// Why the connection ended.
    pub reason: &'static str,
    /// What was tried.
    pub tried: Tried,
    /// Seconds since the connection began.
    pub secs: u64,
    /// The last name that was said.
    pub user: String,
    /// How, if anything was tried.
    pub method: Option<&'static str>,
    /// The connection.
    pub peer: LoginPeer,
}

/// `pop3-login: Login: user=<...>, method=PLAIN, rip=..., lip=..., mpid=..., TLS, session=<...>`
pub(super) fn login(protocol: &str, user: &str, method: &str, peer: &LoginPeer) -> Line {
    let (user, peer) = (safe_field(user, 330), end(peer, true));
    Line::info(Tag::Dovecot, format!("{protocol}-login: Login: user=<{user}>, method={method}, {peer}"))
}

/// `pop3-login: Disconnected: Connection closed (auth failed, 1 attempts in 2 secs): user=<...>, method=PLAIN, rip=...`
pub(super) fn no_login(protocol: &str, what: NoLogin) -> Line {
    let NoLogin { reason, tried, secs, user, method, peer } = what;
    let (tried, counts) = match tried {
        Tried::Nothing => (format!("no auth attempts in {secs} secs"), None),
        Tried::Plaintext => ("tried to use disallowed plaintext auth".to_owned(), None),
        Tried::Failed(n) => (format!("auth failed, {n} attempts in {secs} secs"), Some(Count::FailedLogins(n))),
    };
    let method = method.map_or(String::new(), |m| format!(" method={m},"));
    let (user, peer) = (safe_field(&user, 330), end(&peer, false));
    let text = format!("{protocol}-login: Disconnected: {reason} ({tried}): user=<{user}>,{method} {peer}");
    Line { counts, ..Line::info(Tag::Dovecot, text) }
}

/// `imap(ann@office.test)<pid><session>: Error: ...`: the store or we ourselves.
pub(super) fn trouble(protocol: &str, user: &str, session: &str, why: &str) -> Line {
    let (who, why) = (who(protocol, user, session), safe(why, 400));
    Line { severity: Severity::Error, ..Line::info(Tag::Dovecot, format!("{who}: Error: {why}")) }
}

/// `pop3(ann@office.test)<pid><session>`
pub(super) fn who(protocol: &str, user: &str, session: &str) -> String {
    format!("{protocol}({})<{}><{session}>", safe_field(user, 330), std::process::id())
}

fn end(peer: &LoginPeer, logged_in: bool) -> String {
    let LoginPeer { rip, lip, tls, session } = peer;
    let mpid = if logged_in { format!(" mpid={},", std::process::id()) } else { String::new() };
    let tls = if *tls { " TLS," } else { "" };
    format!("rip={rip}, lip={lip},{mpid}{tls} session=<{session}>")
}
