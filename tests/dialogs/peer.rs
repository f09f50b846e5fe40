//! The client's end: a blocking socket, plain or TLS, that reads lines within a time.

use std::{
    io::{self, Read, Write},
    net::TcpStream,
    sync::Arc,
    time::Duration,
};

use rustls::{
    ClientConfig, ClientConnection, DigitallySignedStruct, SignatureScheme, StreamOwned,
    client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    crypto::ring,
    pki_types::{CertificateDer, ServerName, UnixTime},
};

use crate::script::matches;

const PATIENCE: Duration = Duration::from_secs(10);
const SILENCE: Duration = Duration::from_millis(150);

enum Wire {
    Plain(TcpStream),
    Tls(Box<StreamOwned<ClientConnection, TcpStream>>),
    Gone,
}

pub struct Peer {
    wire: Wire,
    input: Vec<u8>,
    /// Lines that are not worth a word.
    over: Option<String>,
}

/// What came instead of a line.
pub enum Heard {
    Line(String),
    Closed,
    Nothing,
}

impl Peer {
    pub fn new(socket: TcpStream) -> Self {
        Peer { wire: Wire::Plain(socket), input: Vec::new(), over: None }
    }

    fn socket(&self) -> &TcpStream {
        match &self.wire {
            Wire::Plain(socket) => socket,
            Wire::Tls(stream) => &stream.sock,
            Wire::Gone => panic!("the client hung up"),
        }
    }

    pub fn send(&mut self, octets: &[u8]) -> io::Result<()> {
        match &mut self.wire {
            Wire::Plain(socket) => socket.write_all(octets),
            Wire::Tls(stream) => {
                stream.write_all(octets)?;
                stream.flush()
            }
            Wire::Gone => Err(io::ErrorKind::NotConnected.into()),
        }
    }

    pub fn pass_over(&mut self, pattern: String) {
        self.over = Some(pattern);
    }

    /// The next line without its CRLF.
    pub fn hear(&mut self) -> Heard {
        self.hear_within(PATIENCE)
    }

    pub fn is_silent(&mut self) -> bool {
        matches!(self.hear_within(SILENCE), Heard::Nothing)
    }

    fn hear_within(&mut self, limit: Duration) -> Heard {
        self.socket().set_read_timeout(Some(limit)).unwrap();
        loop {
            if let Some(end) = self.input.iter().position(|b| *b == b'\n') {
                let line: Vec<u8> = self.input.drain(..=end).collect();
                let line = line.strip_suffix(b"\r\n").expect("the server ends its lines with CRLF");
                let line = shown(line);
                if self.over.as_ref().is_some_and(|pattern| matches(pattern, &line)) {
                    continue;
                }
                return Heard::Line(line);
            }
            let mut piece = [0; 4096];
            let got = match &mut self.wire {
                Wire::Plain(socket) => socket.read(&mut piece),
                Wire::Tls(stream) => stream.read(&mut piece),
                Wire::Gone => panic!("the client hung up"),
            };
            match got {
                Ok(0) => return Heard::Closed,
                Ok(n) => self.input.extend_from_slice(&piece[..n]),
                Err(e) if matches!(e.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => {
                    return Heard::Nothing;
                }
                Err(e) if matches!(e.kind(), io::ErrorKind::ConnectionReset | io::ErrorKind::UnexpectedEof) => {
                    return Heard::Closed;
                }
                Err(e) => panic!("read: {e}"),
            }
        }
    }

    pub fn begin_tls(&mut self) -> Result<(), String> {
        if !self.input.is_empty() {
            return Err(format!("in plaintext before TLS: {}", self.input.escape_ascii()));
        }
        let Wire::Plain(socket) = std::mem::replace(&mut self.wire, Wire::Gone) else { panic!("TLS twice") };
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        let provider = Arc::new(ring::default_provider());
        let mut config = ClientConfig::builder_with_provider(provider.clone())
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(rustls::RootCertStore::empty())
            .with_no_client_auth();
        config.dangerous().set_certificate_verifier(Arc::new(Anybody(provider)));
        let client =
            ClientConnection::new(Arc::new(config), ServerName::try_from("mail.office.test").unwrap()).unwrap();
        let mut stream = StreamOwned::new(client, socket);
        while stream.conn.is_handshaking() {
            stream.conn.complete_io(&mut stream.sock).map_err(|e| format!("handshake: {e}"))?;
        }
        self.wire = Wire::Tls(Box::new(stream));
        Ok(())
    }

    pub fn hang_up(&mut self) {
        self.wire = Wire::Gone;
    }
}

/// UTF-8 as it is; other octets (of a message's text) as `\xHH`.
fn shown(line: &[u8]) -> String {
    String::from_utf8(line.to_vec()).unwrap_or_else(|_| line.escape_ascii().to_string())
}

/// Trusts any certificate: the dialogs are not about them.
#[derive(Debug)]
struct Anybody(Arc<rustls::crypto::CryptoProvider>);

impl ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
