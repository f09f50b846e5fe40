//! SMTP (RFC 5321 and its extensions): commands, replies, the sentences, the dots of DATA.
//!
//! Must not know: what phase a session is in, who the client is, what happens to a message.
//! Everything that reads bytes here is a pure function over what it is given, fit for a fuzz target:
//! [`Command::parse`], [`Heard::parse`], [`Lines::feed`], [`Chunk::feed`].

mod command;
mod dots;
pub mod dsn;
mod lines;
mod offered;
mod path;
mod reply;
pub mod say;
mod verb;

pub use command::{BadCommand, BodyKind, Command, Hello, MailParams, Recipient};
pub use dots::Dots;
pub use lines::{Chunk, Fed, Lines};
pub use offered::Offered;
pub use path::Lenience;
pub use reply::{Heard, Hearing, NoReply, Reply, Say};
pub use verb::{RULES, Rule, Verb};
