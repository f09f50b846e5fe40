//! The keys of all domains, as a snapshot.
//!
//! | stage of a key | its record | it signs | leaves by |
//! |---|---|---|---|
//! | *next* | is to be published | no | the change of keys: *signing* |
//! | *signing* | must stay published | yes | the change of keys: *old* |
//! | *old* | stays published while mail that it signed is on its way | no | removal, after some days |

use std::{collections::BTreeMap, sync::Arc};

use mail_auth::common::crypto::DkimKey;
use serde::{Deserialize, Serialize};

use super::key::{KeyError, KeyKind, KeyPair, txt_value};
use crate::types::{Domain, UnixTime};

/// Where a key stands in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Stage {
    /// Made, not used yet.
    Next,
    /// In use.
    Signing,
    /// Not used any more, since then (seconds since 1970).
    Old(i64),
}

impl Stage {
    /// `next`, `signing`, `old`.
    pub fn word(self) -> &'static str {
        match self {
            Stage::Next => "next",
            Stage::Signing => "signing",
            Stage::Old(_) => "old",
        }
    }
}

/// A key of a domain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DomainKey {
    /// Whose.
    pub domain: Domain,
    /// Its name in DNS: a label.
    pub selector: String,
    /// The key.
    pub pair: KeyPair,
    /// When it was made.
    pub made: UnixTime,
    /// Where it stands.
    pub stage: Stage,
}

/// A row's value.
#[derive(Serialize, Deserialize)]
struct Form {
    version: u8,
    kind: String,
    /// PKCS #8 in base64.
    secret: String,
    public: String,
    made: i64,
    stage: Stage,
}

impl DomainKey {
    /// The kind of its rows in `system.redb`.
    pub const ROW_KIND: &'static str = "dkim";

    /// The key of its row: `domain/selector`.
    pub fn row_key(&self) -> String {
        format!("{}/{}", self.domain.as_str(), self.selector)
    }

    /// Its row.
    pub fn row(&self) -> Vec<u8> {
        use base64::{Engine, engine::general_purpose::STANDARD};
        let form = Form {
            version: 1,
            kind: self.pair.kind.word().to_owned(),
            secret: STANDARD.encode(&self.pair.secret),
            public: self.pair.public.clone(),
            made: self.made.0,
            stage: self.stage,
        };
        // A form of plain strings and numbers always has a text.
        serde_json::to_vec(&form).unwrap_or_default()
    }

    /// From its row; None: damaged.
    pub fn from_row(key: &str, value: &[u8]) -> Option<DomainKey> {
        use base64::{Engine, engine::general_purpose::STANDARD};
        let (domain, selector) = key.split_once('/')?;
        let form: Form = serde_json::from_slice(value).ok().filter(|form: &Form| form.version == 1)?;
        Some(DomainKey {
            domain: Domain::parse(domain).ok()?,
            selector: selector.to_owned(),
            pair: KeyPair {
                kind: KeyKind::parse(&form.kind)?,
                secret: STANDARD.decode(form.secret).ok()?,
                public: form.public,
            },
            made: UnixTime(form.made),
            stage: form.stage,
        })
    }

    /// `selector._domainkey.domain`.
    pub fn name(&self) -> String {
        format!("{}._domainkey.{}", self.selector, self.domain.as_str())
    }

    /// The record's text.
    pub fn record(&self) -> String {
        self.pair.record()
    }

    /// The record's value as a zone file has it.
    pub fn zone_value(&self) -> String {
        txt_value(&self.record())
    }

    /// The record as a line of a zone file.
    pub fn zone_line(&self) -> String {
        format!("{}. IN TXT {}", self.name(), self.zone_value())
    }
}

/// A key in use.
pub(super) struct Ready {
    pub selector: String,
    pub key: Arc<DkimKey>,
}

/// Every key, and those that sign, loaded.
#[derive(Default)]
pub struct Keyring {
    keys: BTreeMap<Domain, Vec<DomainKey>>,
    ready: BTreeMap<Domain, Vec<Ready>>,
}

impl Keyring {
    /// From the keys; with what is wrong with those that cannot be used.
    pub fn new(keys: impl IntoIterator<Item = DomainKey>) -> (Keyring, Vec<(String, KeyError)>) {
        let (mut ring, mut wrong) = (Keyring::default(), Vec::new());
        for key in keys {
            if key.stage == Stage::Signing {
                match key.pair.load() {
                    Ok(loaded) => {
                        let ready = Ready { selector: key.selector.clone(), key: Arc::new(loaded) };
                        ring.ready.entry(key.domain.clone()).or_default().push(ready);
                    }
                    Err(error) => wrong.push((key.row_key(), error)),
                }
            }
            ring.keys.entry(key.domain.clone()).or_default().push(key);
        }
        (ring, wrong)
    }

    /// The keys of a domain, in the order of their selectors.
    pub fn of(&self, domain: &Domain) -> &[DomainKey] {
        self.keys.get(domain).map_or(&[], Vec::as_slice)
    }

    /// Every key.
    pub fn all(&self) -> impl Iterator<Item = &DomainKey> {
        self.keys.values().flatten()
    }

    /// The domain that signs for an address of `domain`: itself or the nearest above it that has keys, since DMARC's
    /// relaxed alignment counts both (RFC 7489 s3.1.1).
    pub(super) fn signer(&self, domain: &Domain) -> Option<(&Domain, &[Ready])> {
        let mut name = domain.as_str();
        loop {
            if let Some((found, ready)) = Domain::parse(name).ok().and_then(|d| self.ready.get_key_value(&d)) {
                return Some((found, ready));
            }
            name = name.split_once('.')?.1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(domain: &str, stage: Stage) -> DomainKey {
        DomainKey {
            domain: Domain::parse(domain).unwrap(),
            selector: "s1".into(),
            pair: KeyPair::make(KeyKind::Ed25519).unwrap(),
            made: UnixTime(1_700_000_000),
            stage,
        }
    }

    #[test]
    fn a_key_comes_back_from_its_row() {
        for stage in [Stage::Next, Stage::Signing, Stage::Old(5)] {
            let key = key("office.test", stage);
            assert_eq!(DomainKey::from_row(&key.row_key(), &key.row()), Some(key.clone()));
            let mut cut = key.row();
            cut.pop();
            assert_eq!(DomainKey::from_row(&key.row_key(), &cut), None);
        }
    }

    #[test]
    fn only_a_signing_key_signs_and_it_does_so_for_what_lies_below_its_domain() {
        let (ring, wrong) = Keyring::new([key("office.test", Stage::Signing), key("old.test", Stage::Old(1))]);
        assert!(wrong.is_empty());
        let signer = |domain: &str| ring.signer(&Domain::parse(domain).unwrap()).map(|(d, _)| d.to_string());
        assert_eq!(signer("office.test").as_deref(), Some("office.test"));
        assert_eq!(signer("mail.office.test").as_deref(), Some("office.test"));
        assert_eq!((signer("old.test"), signer("test"), signer("xoffice.test")), (None, None, None));
    }

    #[test]
    fn a_key_that_cannot_be_loaded_is_named_and_the_others_sign() {
        let mut bad = key("bad.test", Stage::Signing);
        bad.pair.secret.clear();
        let (ring, wrong) = Keyring::new([bad, key("office.test", Stage::Signing)]);
        assert_eq!(wrong.first().map(|(which, _)| which.as_str()), Some("bad.test/s1"));
        assert!(ring.signer(&Domain::parse("office.test").unwrap()).is_some());
        assert_eq!(ring.all().count(), 2);
    }
}
