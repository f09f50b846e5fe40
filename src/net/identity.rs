//! A certificate chain with its key: read from PEM, checked, or made by ourselves. Knows nothing of files or rows.

use std::{fmt, sync::Arc};

use rustls::{
    crypto::ring,
    pki_types::{
        CertificateDer, PrivateKeyDer,
        pem::{PemObject, SectionKind},
    },
    sign::{CertifiedKey, SigningKey},
};
use x509_cert::{
    Certificate,
    der::{Decode, asn1::BitString},
};

use super::CertificateInfo;
use crate::{limits, types::UnixTime};

/// Why a certificate cannot be used; its `Display` is a sentence for the administrator that says what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CertificateError {
    /// No BEGIN CERTIFICATE in the text.
    NoCertificate,
    /// No private key in the text.
    NoKey,
    /// The key is encrypted with a passphrase.
    EncryptedKey,
    /// The key is of a kind that TLS here cannot use.
    KeyType(String),
    /// No certificate of the chain belongs to the key.
    Mismatch,
    /// The text between BEGIN and END is damaged.
    Pem(String),
    /// Certificate number N (from 1) is not an X.509 certificate.
    Damaged(usize, String),
    /// More text or more certificates than anybody needs.
    TooBig,
    /// `notAfter` has passed.
    Expired(UnixTime),
    /// `notBefore` is still to come.
    NotYet(UnixTime),
    /// A name that cannot stand in a certificate.
    Name(String),
    /// What the TLS library said.
    Library(String),
}

impl fmt::Display for CertificateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoCertificate => f.write_str(
                "no certificate found: the text must have a block that begins with -----BEGIN CERTIFICATE----- \
                 (convert a .pfx or .der file to PEM first)",
            ),
            Self::NoKey => f.write_str("no private key found: add the block that begins with -----BEGIN PRIVATE KEY-----"),
            Self::EncryptedKey => f.write_str(
                "the private key is protected by a passphrase; remove it first: openssl pkey -in key.pem -out plain.pem",
            ),
            Self::KeyType(why) => {
                write!(f, "the private key cannot be used (RSA from 2048 bits, ECDSA P-256 or P-384, and Ed25519 can): {why}")
            }
            Self::Mismatch => f.write_str("the private key does not belong to the certificate"),
            Self::Pem(why) => write!(f, "the PEM text is damaged: {why}"),
            Self::Damaged(number, why) => write!(f, "certificate number {number} cannot be read: {why}"),
            Self::TooBig => write!(
                f,
                "this is too big for a certificate with its chain: at most {} KiB and {} certificates",
                limits::CERTIFICATE_PEM / 1024,
                limits::CERTIFICATE_CHAIN
            ),
            Self::Expired(at) => write!(f, "the certificate expired on {}; get a new one", at.day()),
            Self::NotYet(at) => {
                write!(f, "the certificate is valid only from {}; check the clock of this machine", at.day())
            }
            Self::Name(name) => write!(f, "{name:?} is neither a host name nor an IP address"),
            Self::Library(why) => write!(f, "the TLS library refuses the certificate: {why}"),
        }
    }
}

impl std::error::Error for CertificateError {}

/// A chain, leaf first, and the key of its leaf. Cheap to clone. Its `Debug` shows no key.
#[derive(Clone)]
pub struct Identity {
    key: Arc<CertifiedKey>,
    info: Arc<CertificateInfo>,
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Identity").field(&self.info).finish()
    }
}

impl Identity {
    /// Reads a chain and its key (PKCS#8, SEC1 or PKCS#1) from PEM. Both may stand in either text, in any order: the
    /// leaf is the certificate that the key belongs to. Dates are not judged here, because a board boots in 1970 and
    /// must serve; [`Identity::check_dates`] does that when somebody uploads one.
    pub fn from_pem(chain_pem: &str, key_pem: &str) -> Result<Self, CertificateError> {
        let mut found = Found::default();
        found.read(chain_pem)?;
        if key_pem.trim() != chain_pem.trim() {
            found.read(key_pem)?;
        }
        let certificates = found.certificates()?;
        let (key, leaf) = found.matching(&certificates)?;
        let order = ordered(&certificates, leaf);
        let chain: Vec<_> = order.iter().map(|n| CertificateDer::from(found.chain[*n].clone())).collect();
        let info = CertificateInfo::of(&certificates[leaf], &found.chain[leaf]);
        Ok(Identity { key: Arc::new(CertifiedKey::new(chain, key)), info: Arc::new(info) })
    }

    /// Names, dates, fingerprint of the leaf.
    pub fn info(&self) -> &CertificateInfo {
        &self.info
    }

    /// Whether `now` lies between the certificate's dates. A clock that cannot be right judges nothing: a board that
    /// never heard NTP must take a certificate that is good today.
    pub fn check_dates(&self, now: UnixTime) -> Result<(), CertificateError> {
        if now < UnixTime(WRITTEN) {
            return Ok(());
        }
        if now > self.info.not_after {
            return Err(CertificateError::Expired(self.info.not_after));
        }
        if now < self.info.not_before {
            return Err(CertificateError::NotYet(self.info.not_before));
        }
        Ok(())
    }

    /// A new self-signed ECDSA P-256 certificate for host names or addresses: its chain and its key (PKCS#8) as PEM.
    /// It is valid from 1970 (boards boot there) until ten years after `now`, or after this program was written when
    /// the clock stands before that: the first NTP answer must not find it expired.
    pub fn self_signed(names: &[String], now: UnixTime) -> Result<(String, String), CertificateError> {
        let library = |error: rcgen::Error| CertificateError::Library(error.to_string());
        let first = names.first().ok_or_else(|| CertificateError::Name(String::new()))?;
        for name in names {
            check_name(name)?;
        }
        let mut params = rcgen::CertificateParams::new(names.to_vec()).map_err(library)?;
        params.distinguished_name = rcgen::DistinguishedName::new();
        params.distinguished_name.push(rcgen::DnType::CommonName, cut(first, 64));
        params.key_usages = vec![rcgen::KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![rcgen::ExtendedKeyUsagePurpose::ServerAuth];
        let written = UnixTime(WRITTEN);
        let end = now.max(written).plus(TEN_YEARS);
        params.not_before = rcgen::date_time_ymd(1970, 1, 1);
        params.not_after = params.not_before + std::time::Duration::from_secs(end.0.unsigned_abs());
        let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).map_err(library)?;
        let certificate = params.self_signed(&key).map_err(library)?;
        Ok((certificate.pem(), key.serialize_pem()))
    }

    pub(super) fn key(&self) -> Arc<CertifiedKey> {
        self.key.clone()
    }
}

/// 2026-01-01: no clock is right that stands before it.
pub(super) const WRITTEN: i64 = 1_767_225_600;
const TEN_YEARS: i64 = 3652 * 86_400;

fn check_name(name: &str) -> Result<(), CertificateError> {
    let is_host = name.is_ascii() && crate::types::Domain::parse(name).is_ok_and(|d| !d.is_literal());
    let is_address = name.parse::<std::net::IpAddr>().is_ok();
    if is_host || is_address { Ok(()) } else { Err(CertificateError::Name(name.to_owned())) }
}

/// RFC 5280 appendix A: a common name has at most 64 characters (the whole name stands in subjectAltName).
fn cut(name: &str, max: usize) -> &str {
    name.get(..max).unwrap_or(name)
}

/// What stands in one or two PEM texts.
#[derive(Default)]
struct Found {
    chain: Vec<Vec<u8>>,
    keys: Vec<PrivateKeyDer<'static>>,
    encrypted: bool,
}

impl Found {
    fn read(&mut self, text: &str) -> Result<(), CertificateError> {
        if text.len() > limits::CERTIFICATE_PEM {
            return Err(CertificateError::TooBig);
        }
        // PKCS#8 has a label of its own, the older forms a header (RFC 1421 s4.6.1.1).
        self.encrypted |= text.contains("ENCRYPTED PRIVATE KEY") || text.contains("Proc-Type: 4,ENCRYPTED");
        if self.encrypted {
            return Err(CertificateError::EncryptedKey);
        }
        // Windows editors put a byte order mark before the first line.
        let text = text.trim_start_matches('\u{feff}');
        for section in <(SectionKind, Vec<u8>)>::pem_slice_iter(text.as_bytes()) {
            let (kind, der) = section.map_err(|error| CertificateError::Pem(error.to_string()))?;
            match kind {
                SectionKind::Certificate if !self.chain.contains(&der) => self.chain.push(der),
                SectionKind::PrivateKey => self.keys.push(PrivateKeyDer::Pkcs8(der.into())),
                SectionKind::EcPrivateKey => self.keys.push(PrivateKeyDer::Sec1(der.into())),
                SectionKind::RsaPrivateKey => self.keys.push(PrivateKeyDer::Pkcs1(der.into())),
                _ => {}
            }
        }
        Ok(())
    }

    fn certificates(&self) -> Result<Vec<Certificate>, CertificateError> {
        if self.chain.is_empty() {
            return Err(CertificateError::NoCertificate);
        }
        if self.chain.len() > limits::CERTIFICATE_CHAIN {
            return Err(CertificateError::TooBig);
        }
        let read = |(n, der): (usize, &Vec<u8>)| {
            Certificate::from_der(der).map_err(|error| CertificateError::Damaged(n + 1, error.to_string()))
        };
        self.chain.iter().enumerate().map(read).collect()
    }

    /// The first key that one of the certificates belongs to, and which.
    fn matching(&self, certificates: &[Certificate]) -> Result<(Arc<dyn SigningKey>, usize), CertificateError> {
        if self.keys.is_empty() {
            return Err(CertificateError::NoKey);
        }
        let mut why = CertificateError::Mismatch;
        for der in &self.keys {
            match ring::sign::any_supported_type(der) {
                Ok(key) => {
                    if let Some(leaf) = certificates.iter().position(|c| belongs(key.as_ref(), c)) {
                        return Ok((key, leaf));
                    }
                }
                Err(error) => why = CertificateError::KeyType(error.to_string()),
            }
        }
        Err(why)
    }
}

/// Compares the public keys themselves: rustls' own check refuses X.509 v1 certificates, which old appliances still have.
fn belongs(key: &dyn SigningKey, certificate: &Certificate) -> bool {
    let Some(ours) = key.public_key() else { return false };
    let ours = x509_cert::spki::SubjectPublicKeyInfo::<x509_cert::der::Any, BitString>::from_der(ours.as_ref());
    ours.is_ok_and(|ours| {
        ours.subject_public_key == certificate.tbs_certificate().subject_public_key_info().subject_public_key
    })
}

/// The leaf, its issuer, the issuer's issuer...; then what is linked to none of them, as it came.
fn ordered(certificates: &[Certificate], leaf: usize) -> Vec<usize> {
    let mut order = vec![leaf];
    let mut rest: Vec<usize> = (0..certificates.len()).filter(|n| *n != leaf).collect();
    while let Some(last) = order.last() {
        let issuer = certificates[*last].tbs_certificate().issuer();
        let Some(at) = rest.iter().position(|n| certificates[*n].tbs_certificate().subject() == issuer) else { break };
        order.push(rest.remove(at));
    }
    order.append(&mut rest);
    order
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    const NOW: UnixTime = UnixTime(1_780_000_000);

    fn openssl(arguments: &str) -> String {
        let out = Command::new("openssl")
            .args(arguments.split_whitespace())
            .output()
            .expect("openssl is missing: apt install openssl");
        assert!(out.status.success(), "{arguments}: {}", String::from_utf8_lossy(&out.stderr));
        String::from_utf8(out.stdout).unwrap()
    }

    struct Dir(std::path::PathBuf);

    impl Dir {
        fn new(name: &str) -> Self {
            let path = std::env::temp_dir().join(format!("gatepost-identity-{name}-{}", std::process::id()));
            std::fs::create_dir_all(&path).unwrap();
            Dir(path)
        }

        fn write(&self, name: &str, text: &str) -> String {
            let path = self.0.join(name);
            std::fs::write(&path, text).unwrap();
            path.to_str().unwrap().to_owned()
        }
    }

    impl Drop for Dir {
        fn drop(&mut self) {
            let _ = std::fs::remove_dir_all(&self.0);
        }
    }

    /// A self-signed certificate for a key that openssl made.
    fn certificate_for(dir: &Dir, key: &str) -> String {
        let path = dir.write("key.pem", key);
        openssl(&format!("req -x509 -new -key {path} -days 30 -subj /CN=mail.office.test"))
    }

    #[test]
    fn a_self_signed_certificate_holds_on_a_board_in_1970_and_ten_years_from_now() {
        let names = ["mail.office.test".to_owned(), "192.0.2.1".to_owned()];
        for now in [UnixTime(12), NOW] {
            let (chain, key) = Identity::self_signed(&names, now).unwrap();
            let identity = Identity::from_pem(&chain, &key).unwrap();
            assert_eq!(identity.info().names, names);
            assert!(identity.info().self_signed);
            assert_eq!(identity.info().issuer, "CN=mail.office.test");
            assert_eq!(identity.info().fingerprint.len(), 64);
            for at in [UnixTime(0), now, UnixTime(WRITTEN + 9 * 365 * 86_400)] {
                assert_eq!(identity.check_dates(at), Ok(()));
            }
            let late = identity.info().not_after.plus(1);
            assert!(identity.check_dates(late).unwrap_err().to_string().starts_with("the certificate expired on 203"));
        }
    }

    #[test]
    fn a_board_in_1970_takes_a_certificate_that_is_good_today() {
        let dir = Dir::new("dates");
        let key = openssl("genpkey -algorithm ED25519");
        let identity = Identity::from_pem(&certificate_for(&dir, &key), &key).unwrap();
        let (begin, end) = (identity.info().not_before, identity.info().not_after);
        for at in [UnixTime(5), begin, end] {
            assert_eq!(identity.check_dates(at), Ok(()));
        }
        assert_eq!(identity.check_dates(begin.plus(-1)), Err(CertificateError::NotYet(begin)));
        assert_eq!(identity.check_dates(end.plus(1)), Err(CertificateError::Expired(end)));
    }

    #[test]
    fn names_that_are_no_names_are_refused() {
        for name in ["", "two words", "почта.test", "a/b"] {
            let said = Identity::self_signed(&[name.to_owned()], NOW).unwrap_err();
            assert_eq!(said, CertificateError::Name(name.to_owned()));
        }
        assert!(Identity::self_signed(&[], NOW).is_err());
    }

    #[test]
    fn every_usual_form_of_key_is_read() {
        let dir = Dir::new("forms");
        let mut keys = Vec::new();
        for kind in ["RSA -pkeyopt rsa_keygen_bits:2048", "EC -pkeyopt ec_paramgen_curve:P-384", "ED25519"] {
            keys.push(openssl(&format!("genpkey -algorithm {kind}")));
        }
        let rsa = dir.write("rsa.pem", &keys[0]);
        keys.push(openssl(&format!("pkey -in {rsa} -traditional")));
        keys.push(openssl("ecparam -name prime256v1 -genkey"));
        let labels = ["PRIVATE KEY", "PRIVATE KEY", "PRIVATE KEY", "RSA PRIVATE KEY", "EC PRIVATE KEY"];
        for (key, label) in keys.iter().zip(labels) {
            assert!(key.contains(&format!("BEGIN {label}")), "{key}");
            let chain = certificate_for(&dir, key);
            Identity::from_pem(&chain, key).unwrap();
            let both = format!("\u{feff}{key}\r\n{chain}").replace('\n', "\r\n");
            let combined = Identity::from_pem(&both, "").unwrap();
            assert_eq!(combined.info().names, ["mail.office.test"]);
            assert_eq!(Identity::from_pem(&both, &both).unwrap().info(), combined.info());
        }
    }

    #[test]
    fn each_mistake_has_its_sentence() {
        let dir = Dir::new("mistakes");
        let key = openssl("genpkey -algorithm ED25519");
        let chain = certificate_for(&dir, &key);
        let other = openssl("genpkey -algorithm ED25519");
        let unknown = openssl("genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-521");
        let for_unknown = certificate_for(&dir, &unknown);
        let path = dir.write("plain.pem", &key);
        let locked = openssl(&format!("pkey -in {path} -aes256 -passout pass:secret"));
        let damaged = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        let torn = chain[..chain.len() / 2].to_owned();
        let says = |chain: &str, key: &str| Identity::from_pem(chain, key).unwrap_err().to_string();
        assert!(says("", "").starts_with("no certificate found"));
        assert!(says(&key, "").starts_with("no certificate found"));
        assert!(says(&chain, "").starts_with("no private key found"));
        assert!(says(&chain, &other).starts_with("the private key does not belong"));
        assert!(says(&chain, &locked).contains("passphrase"));
        assert!(says(&for_unknown, &unknown).starts_with("the private key cannot be used"));
        assert!(says(damaged, &key).starts_with("certificate number 1 cannot be read"));
        assert!(says(&torn, &key).starts_with("the PEM text is damaged"));
        assert!(says(&"x".repeat(300 * 1024), "").starts_with("this is too big"));
        assert!(!format!("{:?}", Identity::from_pem(&chain, &key).unwrap()).contains("PRIVATE"));
    }

    #[test]
    fn the_chain_is_put_in_order_whatever_order_it_came_in() {
        let dir = Dir::new("chain");
        let (root_key, leaf_key) = (openssl("genpkey -algorithm ED25519"), openssl("genpkey -algorithm ED25519"));
        let root_path = dir.write("root.key", &root_key);
        let root = openssl(&format!("req -x509 -new -key {root_path} -days 30 -subj /CN=Office-CA"));
        let root_certificate = dir.write("root.pem", &root);
        let leaf_path = dir.write("leaf.key", &leaf_key);
        let request = dir.write("leaf.csr", &openssl(&format!("req -new -key {leaf_path} -subj /CN=mail.office.test")));
        let leaf = openssl(&format!(
            "x509 -req -in {request} -CA {root_certificate} -CAkey {root_path} -CAcreateserial -days 30"
        ));
        let identity = Identity::from_pem(&format!("{root}{leaf}"), &leaf_key).unwrap();
        assert_eq!(identity.info().names, ["mail.office.test"]);
        assert_eq!(identity.info().issuer, "CN=Office-CA");
        assert!(!identity.info().self_signed);
        let sorted = Identity::from_pem(&format!("{leaf}{root}"), &leaf_key).unwrap();
        assert_eq!(identity.key().cert, sorted.key().cert);
    }
}
