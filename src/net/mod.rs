//! One stream type, plain or TLS, with a line reader; certificates; passwords for other servers at rest (`vault`). The only room that names rustls.
//!
//! Must not know: who is served on a connection, where certificates are kept, what the settings say.

mod book;
mod certificate;
mod client;
mod conn;
mod dial;
pub mod dns;
mod identity;
mod tls;
mod vault;
mod watch;

pub use book::{Certificates, Listed, Source};
pub use certificate::CertificateInfo;
pub use client::{Authorities, Connector, Distrust, Trust};
pub use conn::{Conn, Ending, ReadError};
pub use dial::{Dialer, Senders, reach};
pub use identity::{CertificateError, Identity};
pub use tls::{Acceptor, Tickets, TlsInfo};
pub use vault::{Vault, VaultError};
