//! SMTP (RFC 5321 and its extensions): commands, replies, the sentences, the dots of DATA.

mod reply;
pub mod say;

pub use reply::{Reply, Say};
