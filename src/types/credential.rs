//! The one form in which a password is kept (people, mailboxes, admins): SCRAM-SHA-256 (RFC 5802 s3, RFC 5803). A mailbox that
//! was brought from elsewhere may have a `$5$` or `$6$` hash until its first login (section 7 of the design).

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

/// What a mailbox' password is checked against.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Password {
    /// Ours.
    Scram(Credential),
    /// Brought from elsewhere; the first login replaces it.
    Imported(CryptHash),
}

impl Password {
    /// The text form, as rows of the directory keep it. A secret.
    pub fn encode(&self) -> String {
        match self {
            Password::Scram(credential) => credential.encode(),
            Password::Imported(hash) => hash.as_str().to_owned(),
        }
    }

    /// Reads either text form.
    pub fn parse(text: &str) -> Option<Self> {
        Credential::parse(text).map(Password::Scram).or_else(|| CryptHash::parse(text).map(Password::Imported))
    }
}

impl From<Credential> for Password {
    fn from(credential: Credential) -> Self {
        Password::Scram(credential)
    }
}

/// A hash of SHA-crypt as other systems keep it in `/etc/shadow`: `$5$` or `$6$`, perhaps `rounds=N$`, a salt, the sum.
#[derive(Clone, PartialEq, Eq)]
pub struct CryptHash(Box<str>);

impl CryptHash {
    /// Rounds beyond which none is taken: half a million cost about 0.3 s of a core.
    pub const MAX_ROUNDS: u32 = 500_000;

    /// Reads one; None when it is none of the two, asks for too many rounds, or a part of it is not what crypt(5) says.
    pub fn parse(text: &str) -> Option<Self> {
        let (kind, rest) = text.strip_prefix('$')?.split_once('$')?;
        let sum = match kind {
            "5" => 43,
            "6" => 86,
            _ => return None,
        };
        let rest = match rest.strip_prefix("rounds=") {
            Some(rest) => {
                let (rounds, rest) = rest.split_once('$')?;
                rounds.parse().ok().filter(|n| (1000..=Self::MAX_ROUNDS).contains(n))?;
                rest
            }
            None => rest,
        };
        let (salt, octets) = rest.split_once('$')?;
        let is_crypt = |text: &str| text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'/'));
        let whole = (1..=16).contains(&salt.len()) && octets.len() == sum && is_crypt(salt) && is_crypt(octets);
        whole.then(|| CryptHash(text.into()))
    }

    /// The text. A secret: the password can be guessed from it at leisure.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for CryptHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CryptHash(..)")
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
        let hash = Password::parse(&format!("$6$salt${}", "a".repeat(86))).unwrap();
        assert_eq!(format!("{hash:?}"), "Imported(CryptHash(..))");
    }

    #[test]
    fn an_imported_hash_is_taken_as_crypt_writes_it() {
        let (short, long) = ("x".repeat(43), "y/.Z".repeat(22)[..86].to_owned());
        for good in [format!("$5$s${short}"), format!("$6$rounds=5000$0123456789abcdef${long}")] {
            assert_eq!(Password::parse(&good).map(|p| p.encode()), Some(good));
        }
        for bad in [
            format!("$1$s${short}"),
            format!("$5$s${long}"),
            format!("$6$s${short}"),
            format!("$5$${short}"),
            format!("$5$0123456789abcdefg${short}"),
            format!("$5$rounds=999999999$s${short}"),
            format!("$5$rounds=1$s${short}"),
            format!("$5$s!${short}"),
            format!("$5$s${short}\n"),
            "$2y$10$abcdefghijklmnopqrstuu".into(),
        ] {
            assert_eq!(Password::parse(&bad), None, "{bad}");
        }
    }
}
