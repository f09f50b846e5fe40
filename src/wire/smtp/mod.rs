//! SMTP (RFC 5321 and its extensions): commands, replies, the sentences, the dots of DATA.
//!
//! Must not know: what phase a session is in, who the client is, what happens to a message.
//! Everything that reads bytes here is a pure function over what it is given, fit for a fuzz target:
//! [`Command::parse`], [`Heard::parse`], [`Lines::feed`], [`Chunk::feed`].

mod command;
pub mod dsn;
mod lines;
mod path;
mod reply;
pub mod say;
mod verb;

pub use command::{BadCommand, BodyKind, Command, Hello, MailParams, Recipient};
pub use lines::{Chunk, Fed, Lines};
pub use path::Lenience;
pub use reply::{Heard, NoReply, Reply, Say};
pub use verb::{RULES, Rule, Verb};
