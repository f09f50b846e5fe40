//! One stream type, plain or TLS, with a line reader; certificates. The only room that names rustls.

mod conn;
mod tls;

pub use conn::{Conn, Ending, ReadError};
pub use tls::{Acceptor, TlsInfo};
