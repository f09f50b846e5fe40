//! What stands in a certificate, for the list that an administrator reads.

use x509_cert::{
    Certificate,
    ext::pkix::{SubjectAltName, name::GeneralName},
    name::Name,
    time::Time,
};

use crate::types::UnixTime;

/// What a certificate says of itself. Texts come from outside: show them as text, journal them through `safe`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateInfo {
    /// DNS names and addresses of subjectAltName; the common name where there are none.
    pub names: Vec<String>,
    /// RFC 4514 form of the issuer.
    pub issuer: String,
    /// Valid from.
    pub not_before: UnixTime,
    /// Valid until.
    pub not_after: UnixTime,
    /// SHA-256 over the DER, in lower-case hex.
    pub fingerprint: String,
    /// Whether subject and issuer are the same.
    pub self_signed: bool,
}

impl CertificateInfo {
    pub(super) fn of(certificate: &Certificate, der: &[u8]) -> Self {
        let body = certificate.tbs_certificate();
        let digest = ring::digest::digest(&ring::digest::SHA256, der);
        CertificateInfo {
            names: names(certificate),
            issuer: body.issuer().to_string(),
            not_before: unix(body.validity().not_before),
            not_after: unix(body.validity().not_after),
            fingerprint: digest.as_ref().iter().map(|b| format!("{b:02x}")).collect(),
            self_signed: body.issuer() == body.subject(),
        }
    }

    /// Whole days until it expires, rounded down; negative once it has.
    pub fn days_left(&self, now: UnixTime) -> i64 {
        self.not_after.since(now).div_euclid(86_400)
    }
}

fn unix(time: Time) -> UnixTime {
    UnixTime(i64::try_from(time.to_unix_duration().as_secs()).unwrap_or(i64::MAX))
}

fn names(certificate: &Certificate) -> Vec<String> {
    let body = certificate.tbs_certificate();
    let alternative = body.get_extension::<SubjectAltName>().ok().flatten();
    let mut names: Vec<String> =
        alternative.iter().flat_map(|(_, names)| &names.0).filter_map(one).take(MOST_NAMES).collect();
    if names.is_empty() {
        names.extend(common_name(body.subject()));
    }
    names
}

/// Names that are shown of one certificate (hosters put hundreds in).
const MOST_NAMES: usize = 100;

fn one(name: &GeneralName) -> Option<String> {
    match name {
        GeneralName::DnsName(name) => Some(name.to_string()),
        GeneralName::IpAddress(octets) => address(octets.as_bytes()),
        GeneralName::OtherName(_)
        | GeneralName::Rfc822Name(_)
        | GeneralName::DirectoryName(_)
        | GeneralName::EdiPartyName(_)
        | GeneralName::UniformResourceIdentifier(_)
        | GeneralName::RegisteredId(_) => None,
    }
}

fn address(octets: &[u8]) -> Option<String> {
    let v4 = <[u8; 4]>::try_from(octets).map(|o| std::net::IpAddr::from(o).to_string());
    v4.or_else(|_| <[u8; 16]>::try_from(octets).map(|o| std::net::IpAddr::from(o).to_string())).ok()
}

fn common_name(subject: &Name) -> Option<String> {
    subject.common_name().ok().flatten().map(|name| name.value().into_owned())
}
