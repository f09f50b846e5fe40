//! Server handshakes: what is offered, and what was agreed on.

use std::sync::Arc;

use rustls::{
    ServerConfig,
    crypto::ring,
    server::NoServerSessionStorage,
    sign::SingleCertAndKey,
    version::{TLS12, TLS13},
};

use super::{CertificateError, Identity};

/// Whether a client may resume an earlier session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tickets {
    /// No tickets: port 25. Microsoft's senders drop the connection on a NewSessionTicket they did not expect.
    None,
    /// The session's state travels with the client, sealed under a key that turns over every few hours; it costs us no memory.
    Stateless,
}

/// Makes server handshakes with one certificate. A new one is swapped in by replacing the `Shared<Option<Acceptor>>`;
/// sessions that run keep the old one.
#[derive(Clone)]
pub struct Acceptor {
    pub(super) config: Arc<ServerConfig>,
}

impl Acceptor {
    /// TLS 1.2 and 1.3 with `ring`'s cipher suites (all of them AEAD with forward secrecy), no session cache.
    pub fn new(identity: &Identity, tickets: Tickets) -> Result<Self, CertificateError> {
        let library = |error: rustls::Error| CertificateError::Library(error.to_string());
        let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_protocol_versions(&[&TLS13, &TLS12])
            .map_err(library)?
            .with_no_client_auth()
            .with_cert_resolver(Arc::new(SingleCertAndKey::from(identity.key())));
        config.session_storage = Arc::new(NoServerSessionStorage {});
        match tickets {
            Tickets::None => config.send_tls13_tickets = 0,
            Tickets::Stateless => config.ticketer = ring::Ticketer::new().map_err(library)?,
        }
        Ok(Acceptor { config: Arc::new(config) })
    }
}

/// What a handshake agreed on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsInfo {
    /// `TLSv1.3`
    pub version: &'static str,
    /// `TLS_AES_128_GCM_SHA256`
    pub cipher: String,
}

impl TlsInfo {
    pub(super) fn of(session: &rustls::CommonState) -> Self {
        let version = match session.protocol_version() {
            Some(rustls::ProtocolVersion::TLSv1_2) => "TLSv1.2",
            Some(rustls::ProtocolVersion::TLSv1_3) => "TLSv1.3",
            _ => "TLS",
        };
        let cipher = session.negotiated_cipher_suite().map_or(String::new(), |s| format!("{:?}", s.suite()));
        TlsInfo { version, cipher: cipher.replace("TLS13_", "TLS_") }
    }
}

#[cfg(test)]
mod tests {
    use std::{
        io::Write,
        net::TcpListener,
        process::{Command, Stdio},
        time::Duration,
    };

    use super::*;
    use crate::{net::Conn, types::UnixTime};

    /// Serves one TLS connection (greeting, one line, close) while `openssl s_client` talks to it; gives what it printed.
    fn s_client(tickets: Tickets, flags: &[&str]) -> (bool, String) {
        let (chain, key) = Identity::self_signed(&["mail.office.test".into()], UnixTime(1_780_000_000)).unwrap();
        let acceptor = Acceptor::new(&Identity::from_pem(&chain, &key).unwrap(), tickets).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let server = std::thread::spawn(move || {
            smol::block_on(async {
                let (socket, _) = listener.accept().unwrap();
                let mut conn = Conn::plain(async_io::Async::new(socket).unwrap()).unwrap();
                let limit = Duration::from_secs(10);
                if conn.starttls(&acceptor, limit).await.is_ok() {
                    conn.put(b"+OK hello\r\n");
                    let _ = conn.flush(limit).await;
                    let _ = conn.line(100, limit).await;
                }
                conn.close(limit).await;
            });
        });
        let mut child = Command::new("openssl")
            .args(["s_client", "-connect", &address, "-msg", "-ign_eof"])
            .args(flags)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("openssl is missing: apt install openssl");
        child.stdin.take().unwrap().write_all(b"QUIT\r\n").unwrap();
        let out = child.wait_with_output().unwrap();
        server.join().unwrap();
        (out.status.success(), String::from_utf8_lossy(&out.stdout).into_owned())
    }

    #[test]
    fn tls_1_1_is_refused_and_1_2_and_1_3_work() {
        let (ok, _) = s_client(Tickets::None, &["-tls1_1", "-cipher", "ALL:@SECLEVEL=0"]);
        assert!(!ok, "TLS 1.1 went through");
        for (flag, version) in [("-tls1_2", "TLSv1.2"), ("-tls1_3", "TLSv1.3")] {
            let (ok, out) = s_client(Tickets::None, &[flag]);
            assert!(ok && out.contains("+OK hello"), "{flag}: {out}");
            assert!(out.contains(version), "{flag}: {out}");
        }
    }

    #[test]
    fn no_session_ticket_goes_out_on_port_25_and_elsewhere_they_do() {
        for flag in ["-tls1_2", "-tls1_3"] {
            let (ok, out) = s_client(Tickets::None, &[flag]);
            assert!(ok && !out.contains("NewSessionTicket"), "{flag}: {out}");
            let (ok, out) = s_client(Tickets::Stateless, &[flag]);
            assert!(ok && out.contains("NewSessionTicket"), "{flag}: {out}");
        }
    }
}
