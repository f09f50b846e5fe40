//! Plain values that every room may hold. No I/O, no policy, no protocol text.
//!
//! Addresses are parsed once into [`Domain`], [`LocalPart`], [`Address`], [`ReversePath`] and are never split again.

mod addr;
mod anchor;
mod body;
mod collector;
mod credential;
mod dsn;
mod gather;
mod id;
mod idn;
mod mail;
mod message;
mod queue;
mod route;
mod time;

pub use addr::{Address, AddressError, Domain, LocalPart, ReversePath};
pub use anchor::ZoneKey;
pub use body::{BodyReader, BytesBody, ReadFuture};
pub use collector::{Collector, Format, Framing, Transport};
pub use credential::{Credential, CryptHash, Password};
pub use dsn::{Notify, Orcpt, Ret, Terms, Wishes};
pub use gather::{map_of, set_of};
pub use id::{BodyId, FolderId, MailboxId, QueueId, Uid};
pub use mail::{Envelope, FolderName, Rcpt, Special};
pub use message::{Flags, Keyword, Keywords, MessageRow, ModSeq};
pub use queue::{Answer, Hold, Leaving, RowId, Settled, Waiting};
pub use route::{Hop, HopTls, NextHop, RouteRule, Whose};
pub use time::UnixTime;
