//! A DKIM key: how it is made, kept as bytes, shown as a DNS record (RFC 6376 s3.6.1, RFC 8463).

use std::fmt;

use base64::{Engine, engine::general_purpose::STANDARD};
use mail_auth::common::crypto::{DkimKey, Ed25519Key, RsaKey, Sha256};
use ring::rand::{SecureRandom, SystemRandom};
use rsa::{
    PrivateKey,
    pkcs8::{EncodePrivateKey, EncodePublicKey},
    rand_core::{TryCryptoRng, TryRng},
};

/// Bits of an RSA key. RFC 8301 s3.2: at least 1024, better 2048; more does not fit every DNS server's limits.
const RSA_BITS: usize = 2048;
/// Octets of one string of a TXT record (RFC 1035 s3.3).
const TXT_STRING: usize = 255;

/// What a key is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum KeyKind {
    /// RSA of 2048 bits, which everybody checks.
    Rsa,
    /// Ed25519 (RFC 8463): short; who does not know it looks at the other signature.
    Ed25519,
}

impl KeyKind {
    /// Both, in the order in which they sign.
    pub const ALL: [KeyKind; 2] = [KeyKind::Rsa, KeyKind::Ed25519];

    /// `rsa` or `ed25519`, as in `k=`.
    pub fn word(self) -> &'static str {
        match self {
            KeyKind::Rsa => "rsa",
            KeyKind::Ed25519 => "ed25519",
        }
    }

    /// The kind that a word names.
    pub fn parse(word: &str) -> Option<KeyKind> {
        KeyKind::ALL.into_iter().find(|kind| kind.word() == word)
    }
}

/// Why there is no key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyError(String);

impl fmt::Display for KeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for KeyError {}

impl KeyError {
    pub(super) fn of(why: impl fmt::Display) -> Self {
        KeyError(why.to_string())
    }
}

/// A private key with its public part. `Debug` shows the public part only.
#[derive(Clone, PartialEq, Eq)]
pub struct KeyPair {
    /// What it is made of.
    pub kind: KeyKind,
    /// The private key, PKCS #8 in DER.
    pub secret: Vec<u8>,
    /// What stands behind `p=`.
    pub public: String,
}

impl fmt::Debug for KeyPair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyPair").field("kind", &self.kind).field("public", &self.public).finish_non_exhaustive()
    }
}

impl KeyPair {
    /// Makes one: an RSA key takes a good part of a second of one core, so never on the executor.
    pub fn make(kind: KeyKind) -> Result<KeyPair, KeyError> {
        match kind {
            KeyKind::Rsa => make_rsa(),
            KeyKind::Ed25519 => make_ed25519(),
        }
    }

    /// The record's text: `v=DKIM1; k=rsa; p=...`.
    pub fn record(&self) -> String {
        format!("v=DKIM1; k={}; p={}", self.kind.word(), self.public)
    }

    /// The key, ready to sign.
    pub(super) fn load(&self) -> Result<DkimKey, KeyError> {
        match self.kind {
            KeyKind::Rsa => {
                let der = self.secret.as_slice().try_into().map_err(KeyError::of)?;
                RsaKey::<Sha256>::from_key_der(der).map(DkimKey::from).map_err(KeyError::of)
            }
            KeyKind::Ed25519 => Ed25519Key::from_pkcs8_der(&self.secret).map(DkimKey::from).map_err(KeyError::of),
        }
    }
}

fn make_rsa() -> Result<KeyPair, KeyError> {
    let key = PrivateKey::new(&mut Random(SystemRandom::new()), RSA_BITS).map_err(KeyError::of)?;
    let secret = key.to_pkcs8_der().map_err(KeyError::of)?.as_bytes().to_vec();
    let public = key.to_public_key().to_public_key_der().map_err(KeyError::of)?;
    Ok(KeyPair { kind: KeyKind::Rsa, secret, public: STANDARD.encode(public.as_bytes()) })
}

fn make_ed25519() -> Result<KeyPair, KeyError> {
    let secret = Ed25519Key::generate_pkcs8().map_err(KeyError::of)?;
    let key = Ed25519Key::from_pkcs8_der(&secret).map_err(KeyError::of)?;
    // RFC 8463 s4.2: the bare 32 octets, without ASN.1 around them.
    let public = STANDARD.encode(key.public_key());
    Ok(KeyPair { kind: KeyKind::Ed25519, secret, public })
}

/// The value of a TXT record as a zone file has it, cut into strings of at most 255 octets.
pub fn txt_value(text: &str) -> String {
    let strings: Vec<String> = text
        .as_bytes()
        .chunks(TXT_STRING)
        .map(|part| format!("\"{}\"", String::from_utf8_lossy(part).replace('\\', "\\\\").replace('"', "\\\"")))
        .collect();
    match strings.as_slice() {
        [one] => one.clone(),
        many => format!("( {} )", many.join(" ")),
    }
}

/// ring's random numbers for rsa.
struct Random(SystemRandom);

/// The system has no random numbers.
#[derive(Debug)]
struct NoRandom;

impl fmt::Display for NoRandom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the system gives no random numbers")
    }
}

impl std::error::Error for NoRandom {}

impl TryRng for Random {
    type Error = NoRandom;

    fn try_next_u32(&mut self) -> Result<u32, NoRandom> {
        let mut bytes = [0; 4];
        self.try_fill_bytes(&mut bytes)?;
        Ok(u32::from_le_bytes(bytes))
    }

    fn try_next_u64(&mut self) -> Result<u64, NoRandom> {
        let mut bytes = [0; 8];
        self.try_fill_bytes(&mut bytes)?;
        Ok(u64::from_le_bytes(bytes))
    }

    fn try_fill_bytes(&mut self, into: &mut [u8]) -> Result<(), NoRandom> {
        self.0.fill(into).map_err(|_| NoRandom)
    }
}

impl TryCryptoRng for Random {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_comes_back_from_its_bytes_and_its_record_names_its_public_part() {
        let pair = KeyPair::make(KeyKind::Ed25519).unwrap();
        assert!(pair.load().is_ok());
        // 32 octets in base64.
        assert_eq!(pair.record(), format!("v=DKIM1; k=ed25519; p={}", pair.public));
        assert_eq!(pair.public.len(), 44);
        assert!(!format!("{pair:?}").contains("secret"));
    }

    #[test]
    fn an_rsa_key_has_2048_bits_and_a_record_longer_than_one_string() {
        let pair = KeyPair::make(KeyKind::Rsa).unwrap();
        assert!(pair.load().is_ok());
        // SubjectPublicKeyInfo of a 2048-bit key has 294 octets.
        assert_eq!(pair.public.len(), 392);
        let line = txt_value(&pair.record());
        assert!(line.starts_with("( \"v=DKIM1; k=rsa; p=MII"), "{line}");
        assert_eq!(line.matches('"').count(), 4);
    }

    #[test]
    fn a_damaged_key_is_an_error_and_no_panic() {
        for kind in KeyKind::ALL {
            let pair = KeyPair { kind, secret: b"nothing".to_vec(), public: String::new() };
            assert!(pair.load().is_err());
        }
    }
}
