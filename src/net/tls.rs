//! Certificates and handshakes.

use std::sync::Arc;

use rustls::ServerConfig;

/// Makes server handshakes with one certificate. A new one is swapped in by replacing the `Shared<Option<Acceptor>>`.
#[derive(Clone)]
pub struct Acceptor {
    pub(super) config: Arc<ServerConfig>,
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
    pub(super) fn of(session: &rustls::ServerConnection) -> Self {
        let version = match session.protocol_version() {
            Some(rustls::ProtocolVersion::TLSv1_2) => "TLSv1.2",
            Some(rustls::ProtocolVersion::TLSv1_3) => "TLSv1.3",
            _ => "TLS",
        };
        let cipher = session.negotiated_cipher_suite().map_or(String::new(), |s| format!("{:?}", s.suite()));
        TlsInfo { version, cipher: cipher.replace("TLS13_", "TLS_") }
    }
}
