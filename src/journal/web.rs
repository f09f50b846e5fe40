//! Logins of the administration, in one form that fail2ban can read: `web-login: Aborted login (...): user=<...>, rip=...`.

use std::net::IpAddr;

use super::{Count, Line, Tag, safe_field};

/// What became of a login, a logout, a token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WebLogin {
    /// Logged in by a password.
    Password {
        /// Who.
        user: String,
    },
    /// Logged in by a one-time link.
    Link {
        /// Who.
        user: String,
    },
    /// A one-time link was made.
    LinkMade {
        /// For whom.
        user: String,
        /// By whom.
        by: String,
    },
    /// A link that was used already, is too old, or never was.
    BadLink,
    /// The name or the password was wrong.
    Wrong {
        /// Who it was said to be.
        user: String,
    },
    /// Too many wrong passwords before: nobody looked at this one.
    Throttled {
        /// Who it was said to be.
        user: String,
    },
    /// Too many logins wait.
    Busy {
        /// Who it was said to be.
        user: String,
    },
    /// Logged out.
    Out {
        /// Who.
        user: String,
        /// On every machine.
        everywhere: bool,
    },
    /// A token was shown; told once an hour.
    Token {
        /// Its name.
        name: String,
    },
    /// A token that is not known.
    BadToken,
}

/// The line; `ip` is None at the socket of the subcommands.
pub(super) fn line(what: WebLogin, ip: Option<IpAddr>, tls: bool) -> Line {
    let from = match ip {
        Some(ip) => format!("rip={ip}{}", if tls { ", TLS" } else { "" }),
        None => "from socket".to_owned(),
    };
    let user = |name: &str| format!("user=<{}>", safe_field(name, 80));
    let good = |text: String| Line::info(Tag::Gatepost, format!("web-login: {text}, {from}"));
    let bad = |why: &str, name: &str| {
        Line::warning(Tag::Gatepost, format!("web-login: Aborted login ({why}): {}, {from}", user(name)))
    };
    let failed = |why: &str, name: &str| bad(why, name).counted(Count::FailedLogins(1));
    match what {
        WebLogin::Password { user: name } => good(format!("Login: {}, method=PASSWORD", user(&name))),
        WebLogin::Link { user: name } => good(format!("Login: {}, method=LINK", user(&name))),
        WebLogin::LinkMade { user: name, by } => {
            // One word, as readers of such lines expect: `root(uid:0)`, `token:appliance`.
            let by = by.replace(" (", "(").replace(' ', ":");
            good(format!("One-time link made: {}, by=<{}>", user(&name), safe_field(&by, 80)))
        }
        WebLogin::Out { user: name, everywhere: false } => good(format!("Logged out: {}", user(&name))),
        WebLogin::Out { user: name, everywhere: true } => good(format!("Logged out everywhere: {}", user(&name))),
        WebLogin::Token { name } => good(format!("Login: {}, method=TOKEN", user(&name))),
        WebLogin::Wrong { user: name } => failed("auth failed", &name),
        WebLogin::Throttled { user: name } => failed("auth failed, too many attempts", &name),
        WebLogin::Busy { user: name } => bad("too many logins at once", &name),
        WebLogin::BadLink => failed("auth failed, bad link", ""),
        WebLogin::BadToken => failed("auth failed, unknown token", ""),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(what: WebLogin) -> String {
        line(what, Some("192.0.2.7".parse().unwrap()), true).text
    }

    #[test]
    fn a_failure_has_one_form_for_fail2ban_and_a_name_cannot_forge_its_address() {
        let user = "x>, rip=10.0.0.1, TLS\nweb-login: Login: user=<root".to_owned();
        let text = told(WebLogin::Wrong { user });
        assert!(text.starts_with("warning: web-login: Aborted login (auth failed): user=<x\\u{3e},"), "{text}");
        assert!(text.ends_with(">, rip=192.0.2.7, TLS") && !text.contains('\n') && text.matches('>').count() == 1);
        assert!(
            told(WebLogin::BadToken).contains("Aborted login (auth failed, unknown token): user=<>, rip=192.0.2.7")
        );
    }

    #[test]
    fn a_login_names_who_how_and_from_where() {
        let text = told(WebLogin::Password { user: "admin".into() });
        assert_eq!(text, "web-login: Login: user=<admin>, method=PASSWORD, rip=192.0.2.7, TLS");
    }

    #[test]
    fn who_made_a_link_is_one_word() {
        let by = |by: &str| told(WebLogin::LinkMade { user: "admin".into(), by: by.into() });
        assert!(by("uid 0").contains("user=<admin>, by=<uid:0>, rip="));
        assert!(by("ann (uid 0 by sudo)").contains("by=<ann(uid:0:by:sudo)>"));
        assert!(by("token my box>").contains("by=<token:my:box\\u{3e}>"));
    }
}
