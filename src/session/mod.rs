//! What talks to clients: one folder a protocol. Sessions never import each other; [`visit`] is what two of them share.

pub mod imap;
pub mod pop3;
pub mod smtp;
mod visit;
