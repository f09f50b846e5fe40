//! What talks to clients: one folder a protocol. Sessions never import each other.

pub mod imap;
pub mod pop3;
pub mod smtp;
