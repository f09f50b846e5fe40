//! One stream type, plain or TLS, with a line reader; certificates. The only room that names rustls.
//!
//! Must not know: who is served on a connection, where certificates are kept, what the settings say.

mod certificate;
mod conn;
mod identity;
mod tls;

pub use certificate::CertificateInfo;
pub use conn::{Conn, Ending, ReadError};
pub use identity::{CertificateError, Identity};
pub use tls::{Acceptor, Tickets, TlsInfo};
