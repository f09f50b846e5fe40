//! The keywords of EHLO: the one place that says what is offered, and to whom. What cannot be used now is not offered.

use std::borrow::Cow;

use super::phase::{Door, Tls};
use crate::policy::Mechanism;

/// Ways to log in, in the order in which clients should try them.
pub const MECHANISMS: [Mechanism; 3] = [Mechanism::ScramSha256, Mechanism::Plain, Mechanism::Login];

/// The keywords, each with its parameters. `largest`: octets of a message (RFC 1870 s4).
pub fn keywords(door: &Door, largest: u64) -> Vec<Cow<'static, str>> {
    let mut keywords = vec!["PIPELINING".into(), Cow::Owned(format!("SIZE {largest}"))];
    if door.tls == Tls::Offered {
        keywords.push("STARTTLS".into());
    }
    // RFC 4954 s4: not after a login, which cannot be repeated.
    if door.may_login && !door.logged_in && !door.needs_tls {
        let names = MECHANISMS.map(Mechanism::name).join(" ");
        keywords.push(Cow::Owned(format!("AUTH {names}")));
    }
    keywords.extend(["ENHANCEDSTATUSCODES", "8BITMIME", "SMTPUTF8", "CHUNKING", "DSN", "HELP"].map(Cow::Borrowed));
    keywords
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_can_be_used_is_offered() {
        let door = Door { tls: Tls::Off, needs_tls: false, needs_login: false, may_login: false, logged_in: false };
        let plain =
            ["PIPELINING", "SIZE 100", "ENHANCEDSTATUSCODES", "8BITMIME", "SMTPUTF8", "CHUNKING", "DSN", "HELP"];
        assert_eq!(keywords(&door, 100), plain);
        assert_eq!(keywords(&Door { tls: Tls::Missing, ..door }, 100), plain);
        assert!(keywords(&Door { tls: Tls::Offered, ..door }, 100).contains(&Cow::Borrowed("STARTTLS")));
        let auth = Cow::Borrowed("AUTH SCRAM-SHA-256 PLAIN LOGIN");
        assert!(keywords(&Door { may_login: true, ..door }, 100).contains(&auth));
        assert!(!keywords(&Door { may_login: true, logged_in: true, ..door }, 100).contains(&auth));
    }
}
