//! POP3 (RFC 1939, 2449, 2595, 3206, 5034): commands, status lines, the sentences, the dots of a message.
//!
//! Must not know: what state a session is in, who the client is, what a maildrop holds.
//! What reads bytes here is a pure function over what it is given, fit for a fuzz target: [`Command::parse`],
//! [`Status::parse`], [`Stuffing::put`], [`Top::take`].

mod command;
mod status;
mod text;

pub use super::Secret;
pub use command::{BadCommand, Command, RULES, Rule, Verb, When, is_http};
pub use status::{RespCode, Say, Status, say};
pub use text::{Stuffing, Top};
