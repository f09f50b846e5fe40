//! Bytes to values and back, nothing else: no sockets, no clock, no policy. Both directions of a type stand in one file.

pub mod http;
pub mod imap;
pub mod pop3;
pub mod sasl;
pub mod scram;
mod secret;
pub mod smtp;
pub mod sts;

pub use secret::Secret;
