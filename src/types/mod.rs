//! Plain values that every room may hold. No I/O, no policy, no protocol text.
//!
//! Addresses are parsed once into [`Domain`], [`LocalPart`], [`Address`], [`ReversePath`] and are never split again.

mod addr;
mod body;
mod collector;
mod credential;
mod id;
mod mail;
mod time;

pub use addr::{Address, AddressError, Domain, LocalPart, ReversePath};
pub use body::{BodyReader, BytesBody, ReadFuture};
pub use collector::{Collector, Format, Framing, Transport};
pub use credential::{Credential, CryptHash, Password};
pub use id::{BodyId, MailboxId, QueueId, Uid};
pub use mail::{Envelope, Flags, FolderName, MessageRow, Special};
pub use time::UnixTime;
