//! The one form in which a password is kept (people, mailboxes, admins): SCRAM-SHA-256 (RFC 5802 s3, RFC 5803).

use std::fmt;

use base64::{Engine, engine::general_purpose::STANDARD as BASE64};

/// The prefix of the text form, which names the mechanism (RFC 5803 s2).
const SCHEME: &str = "SCRAM-SHA-256$";

/// Salt, iterations and the two keys. The derivation is in `wire::scram`. Its `Debug` shows none of them.
#[derive(Clone, PartialEq, Eq)]
pub struct Credential {
    /// 16 random octets.
    pub salt: Vec<u8>,
    /// PBKDF2 rounds.
    pub iterations: u32,
    /// H(ClientKey)
    pub stored_key: [u8; 32],
    /// HMAC(SaltedPassword, "Server Key")
    pub server_key: [u8; 32],
}

impl Credential {
    /// PBKDF2 rounds beyond which none is taken from anywhere: a million costs about 0.2 s of a core.
    pub const MAX_ITERATIONS: u32 = 5_000_000;

    /// The text form `SCRAM-SHA-256$iterations:salt$StoredKey:ServerKey` (RFC 5803 s2), as rows of the directory keep it.
    /// A secret: it is enough to pretend to be this server, and to guess the password at leisure.
    pub fn encode(&self) -> String {
        format!(
            "{SCHEME}{}:{}${}:{}",
            self.iterations,
            BASE64.encode(&self.salt),
            BASE64.encode(self.stored_key),
            BASE64.encode(self.server_key)
        )
    }

    /// Reads the text form; None when any part of it is not what RFC 5803 says.
    pub fn parse(text: &str) -> Option<Self> {
        let (cost, keys) = text.strip_prefix(SCHEME)?.split_once('$')?;
        let (iterations, salt) = cost.split_once(':')?;
        let (stored, server) = keys.split_once(':')?;
        let salt = BASE64.decode(salt).ok().filter(|salt| (1..=64).contains(&salt.len()))?;
        let iterations = iterations.parse().ok().filter(|n| (1..=Self::MAX_ITERATIONS).contains(n))?;
        Some(Credential { salt, iterations, stored_key: key(stored)?, server_key: key(server)? })
    }
}

fn key(text: &str) -> Option<[u8; 32]> {
    BASE64.decode(text).ok()?.try_into().ok()
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credential(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn credential() -> Credential {
        Credential { salt: vec![1, 2, 3], iterations: 4096, stored_key: [7; 32], server_key: [9; 32] }
    }

    #[test]
    fn is_read_as_it_was_written() {
        let text = credential().encode();
        assert!(text.starts_with("SCRAM-SHA-256$4096:AQID$"), "{text}");
        assert_eq!(Credential::parse(&text), Some(credential()));
    }

    #[test]
    fn a_damaged_text_is_no_credential() {
        let text = credential().encode();
        for bad in [
            "",
            "SCRAM-SHA-1$4096:AQID$a:b",
            &text[..text.len() - 4],
            &text.replace("4096", "0"),
            &text.replace("4096", "4000000000"),
            &text.replace("AQID", ""),
            &text.replace("AQID", "?"),
        ] {
            assert_eq!(Credential::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn its_debug_form_shows_no_secret() {
        assert_eq!(format!("{:?}", credential()), "Credential(..)");
    }
}
