//! Our side of a handshake with a server of others: whom to believe, and why.

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

use rustls::{
    CertificateError as Refusal, ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme,
    client::{
        Resumption, WebPkiServerVerifier,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    },
    crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature},
    pki_types::{CertificateDer, ServerName, UnixTime, pem::PemObject},
    version::{TLS12, TLS13},
};
use x509_cert::{
    Certificate,
    der::{Decode, Encode},
};

use super::dns::Tlsa;

/// Authorities whose word for a name is taken.
#[derive(Clone)]
pub struct Authorities(Arc<RootCertStore>);

impl Authorities {
    /// Those of the system (`/etc/ssl/certs`, or where SSL_CERT_FILE points). Reads files: run it on a worker thread.
    pub fn of_system() -> Self {
        let mut store = RootCertStore::empty();
        store.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        Authorities(Arc::new(store))
    }

    /// Those of a PEM text; what is none is passed over.
    pub fn of_pem(text: &str) -> Self {
        let mut store = RootCertStore::empty();
        store.add_parsable_certificates(CertificateDer::pem_slice_iter(text.as_bytes()).flatten());
        Authorities(Arc::new(store))
    }

    /// Whether there are none: then nobody can be verified.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Debug for Authorities {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Authorities({})", self.0.len())
    }
}

/// Whom to believe.
#[derive(Clone, Debug)]
pub enum Trust {
    /// Anybody: better encrypted to a stranger than read by everybody (RFC 7435).
    Anyone,
    /// Who has a certificate for the name from one of these.
    Authorities(Authorities),
    /// Anybody, but it is noted what these would say.
    Watch(Authorities),
    /// Who has the certificate that signed DNS names (RFC 7672).
    Dane {
        /// Records with usage 2 or 3.
        records: Vec<Tlsa>,
        /// Names that a certificate of an own authority (usage 2) may be for (RFC 7672 s3.2.2).
        names: Vec<String>,
    },
}

/// What a handshake is refused for, told apart for reports (RFC 8460 s4.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Distrust {
    /// `certificate-expired`
    Expired,
    /// `certificate-host-mismatch`
    Name,
    /// `certificate-not-trusted`
    Untrusted,
}

/// Makes handshakes with one server. One for each handshake.
pub struct Connector {
    pub(super) config: Arc<ClientConfig>,
    distrust: Arc<Mutex<Option<Distrust>>>,
}

impl Connector {
    /// TLS 1.2 and 1.3, no resumption, no certificate of ours. None when the library has no such versions.
    pub fn new(trust: Trust) -> Option<Self> {
        let provider = Arc::new(ring::default_provider());
        let distrust = Arc::new(Mutex::new(None));
        let judge = Judge { trust, provider: provider.clone(), distrust: distrust.clone() };
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&TLS13, &TLS12])
            .ok()?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(judge))
            .with_no_client_auth();
        config.resumption = Resumption::disabled();
        Some(Connector { config: Arc::new(config), distrust })
    }

    /// Why the certificate was refused, if that is why the handshake failed.
    pub fn distrust(&self) -> Option<Distrust> {
        *self.distrust.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Judges a server's certificate.
#[derive(Debug)]
struct Judge {
    trust: Trust,
    provider: Arc<CryptoProvider>,
    distrust: Arc<Mutex<Option<Distrust>>>,
}

/// A certificate as it was shown.
struct Shown<'a> {
    end: &'a CertificateDer<'a>,
    above: &'a [CertificateDer<'a>],
    now: UnixTime,
}

impl Judge {
    fn judge(&self, shown: &Shown<'_>, name: &ServerName<'_>) -> Result<(), Error> {
        match &self.trust {
            Trust::Anyone => Ok(()),
            Trust::Authorities(authorities) | Trust::Watch(authorities) => {
                self.by_roots(authorities.0.clone(), shown, name)
            }
            Trust::Dane { records, names } => self.by_dane(records, names, shown),
        }
    }

    fn by_roots(&self, roots: Arc<RootCertStore>, shown: &Shown<'_>, name: &ServerName<'_>) -> Result<(), Error> {
        let built = WebPkiServerVerifier::builder_with_provider(roots, self.provider.clone()).build();
        let verifier = built.map_err(|why| Error::General(why.to_string()))?;
        verifier.verify_server_cert(shown.end, shown.above, name, &[], shown.now).map(drop)
    }

    /// RFC 7672 s3.1: the server's own certificate (3) is good as it is, without its name and dates; that of an own authority (2)
    /// must lead to the server's, for one of the names.
    fn by_dane(&self, records: &[Tlsa], names: &[String], shown: &Shown<'_>) -> Result<(), Error> {
        if records.iter().any(|record| record.usage == 3 && matches(record, shown.end)) {
            return Ok(());
        }
        let mut roots = RootCertStore::empty();
        for record in records.iter().filter(|record| record.usage == 2) {
            // The authority itself may stand in the record, and is then not shown.
            if record.selector == 0 && record.matching == 0 {
                let _ = roots.add(CertificateDer::from(record.data.clone()));
            }
            for authority in shown.above.iter().filter(|above| matches(record, above)) {
                let _ = roots.add(authority.clone().into_owned());
            }
        }
        if roots.is_empty() {
            return Err(Error::InvalidCertificate(Refusal::UnknownIssuer));
        }
        let roots = Arc::new(roots);
        let mut last = Error::InvalidCertificate(Refusal::NotValidForName);
        for name in names.iter().filter_map(|name| ServerName::try_from(name.clone()).ok()) {
            match self.by_roots(roots.clone(), shown, &name) {
                Ok(()) => return Ok(()),
                Err(why) => last = why,
            }
        }
        Err(last)
    }
}

/// RFC 6698 s2.1: whether a certificate is the one that the record names.
fn matches(record: &Tlsa, certificate: &CertificateDer<'_>) -> bool {
    let octets = match record.selector {
        0 => Some(certificate.as_ref().to_vec()),
        1 => Certificate::from_der(certificate)
            .ok()
            .and_then(|certificate| certificate.tbs_certificate().subject_public_key_info().to_der().ok()),
        _ => None,
    };
    let Some(octets) = octets else { return false };
    match record.matching {
        0 => octets == record.data,
        1 => ::ring::digest::digest(&::ring::digest::SHA256, &octets).as_ref() == record.data,
        2 => ::ring::digest::digest(&::ring::digest::SHA512, &octets).as_ref() == record.data,
        _ => false,
    }
}

fn kind_of(error: &Error) -> Distrust {
    match error {
        Error::InvalidCertificate(Refusal::Expired | Refusal::ExpiredContext { .. }) => Distrust::Expired,
        Error::InvalidCertificate(Refusal::NotValidForName | Refusal::NotValidForNameContext { .. }) => Distrust::Name,
        _ => Distrust::Untrusted,
    }
}

impl ServerCertVerifier for Judge {
    fn verify_server_cert(
        &self,
        end: &CertificateDer<'_>,
        above: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        _: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let judged = self.judge(&Shown { end, above, now }, name);
        if let Err(error) = &judged {
            *self.distrust.lock().unwrap_or_else(PoisonError::into_inner) = Some(kind_of(error));
        }
        match (judged, &self.trust) {
            (Ok(()), _) | (Err(_), Trust::Watch(_)) => Ok(ServerCertVerified::assertion()),
            (Err(error), Trust::Anyone | Trust::Authorities(_) | Trust::Dane { .. }) => Err(error),
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signed, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signed, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use std::{net::TcpListener, time::Duration};

    use super::*;
    use crate::{
        net::{Acceptor, Conn, Identity, Tickets},
        rt::block_on,
        types::UnixTime as Now,
    };

    const SOON: Duration = Duration::from_secs(20);

    struct Server {
        pem: String,
        der: Vec<u8>,
        acceptor: Acceptor,
    }

    impl Server {
        fn new(name: &str) -> Server {
            let now = std::time::UNIX_EPOCH.elapsed().unwrap().as_secs();
            let (pem, key) = Identity::self_signed(&[name.to_owned()], Now(i64::try_from(now).unwrap())).unwrap();
            let der = CertificateDer::from_pem_slice(pem.as_bytes()).unwrap().as_ref().to_vec();
            let acceptor = Acceptor::new(&Identity::from_pem(&pem, &key).unwrap(), Tickets::None).unwrap();
            Server { pem, der, acceptor }
        }

        fn record(&self, usage: u8, selector: u8, matching: u8) -> Tlsa {
            let key = || Certificate::from_der(&self.der).unwrap().tbs_certificate().subject_public_key_info().to_der();
            let octets = if selector == 0 { self.der.clone() } else { key().unwrap() };
            let hash = |kind| ::ring::digest::digest(kind, &octets).as_ref().to_vec();
            let data = match matching {
                1 => hash(&::ring::digest::SHA256),
                2 => hash(&::ring::digest::SHA512),
                _ => octets,
            };
            Tlsa { usage, selector, matching, data }
        }

        /// A handshake as a client that looks for `name`: whether it went well, and what is wrong with the certificate.
        fn shake(&self, trust: Trust, name: &str) -> (bool, Option<Distrust>) {
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            let at = listener.local_addr().unwrap();
            let connector = Connector::new(trust).unwrap();
            block_on(async {
                let ours = async_io::Async::<std::net::TcpStream>::connect(at).await.unwrap();
                let (theirs, _) = listener.accept().unwrap();
                let mut ours = Conn::plain(ours).unwrap();
                let mut theirs = Conn::plain(async_io::Async::new(theirs).unwrap()).unwrap();
                let both =
                    smol::future::zip(ours.begin_tls(&connector, name, SOON), theirs.starttls(&self.acceptor, SOON));
                let (shaken, _) = both.await;
                (shaken.is_ok(), connector.distrust())
            })
        }

        fn dane(&self, records: Vec<Tlsa>) -> bool {
            let names = vec!["mx.example.test".to_owned(), "example.test".to_owned()];
            self.shake(Trust::Dane { records, names }, "mx.example.test").0
        }
    }

    #[test]
    fn anyone_is_believed_where_nobody_is_asked_for() {
        assert_eq!(Server::new("mx.example.test").shake(Trust::Anyone, "other.test"), (true, None));
    }

    #[test]
    fn an_authority_vouches_for_one_name() {
        let (server, other) = (Server::new("mx.example.test"), Server::new("mx.example.test"));
        let by = |server: &Server| Trust::Authorities(Authorities::of_pem(&server.pem));
        assert_eq!(server.shake(by(&server), "mx.example.test"), (true, None));
        assert_eq!(server.shake(by(&server), "other.test"), (false, Some(Distrust::Name)));
        assert_eq!(server.shake(by(&other), "mx.example.test"), (false, Some(Distrust::Untrusted)));
        let nobody = Trust::Authorities(Authorities::of_pem(""));
        assert!(!server.shake(nobody, "mx.example.test").0);
        let watch = Trust::Watch(Authorities::of_pem(&server.pem));
        assert_eq!(server.shake(watch, "other.test"), (true, Some(Distrust::Name)));
    }

    #[test]
    fn a_certificate_in_dns_needs_no_authority_and_no_name() {
        let (server, other) = (Server::new("whatever.test"), Server::new("mx.example.test"));
        for selector in [0, 1] {
            for matching in [0, 1, 2] {
                assert!(server.dane(vec![server.record(3, selector, matching)]), "3 {selector} {matching}");
                assert!(!other.dane(vec![server.record(3, selector, matching)]), "3 {selector} {matching}");
            }
        }
        assert!(server.dane(vec![other.record(3, 1, 1), server.record(3, 1, 1)]));
        assert!(!server.dane(vec![]));
    }

    #[test]
    fn an_authority_in_dns_vouches_for_the_names_of_the_server() {
        let (good, misnamed) = (Server::new("example.test"), Server::new("whatever.test"));
        assert!(good.dane(vec![good.record(2, 0, 0)]));
        assert!(!misnamed.dane(vec![misnamed.record(2, 0, 0)]));
        assert!(!good.dane(vec![misnamed.record(2, 0, 0), misnamed.record(2, 1, 1)]));
    }
}
