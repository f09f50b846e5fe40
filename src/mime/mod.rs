//! Headers, structure, words, stamps, notices, what IMAP shows of a message; the only room that names mail-parser.
//!
//! Pure: bytes and values in, bytes and values out. It must not know sockets, the store, settings or the clock; time is handed
//! in as a [`UnixTime`](crate::types::UnixTime). It never changes a stranger's message: it reads it, or writes a message of ours; only
//! [`seven_bit`] says the same in another form, for servers that cannot take the one that is stored.

mod address;
pub mod advice;
mod charset;
mod derived;
mod guess;
mod head;
mod imap;
pub mod notice;
mod people;
mod scan;
pub mod search;
pub mod section;
mod seven;
pub mod stamp;
mod structure;
mod text;
mod valued;
pub mod words;

pub use charset::{Charset, Stream};
pub use derived::{Day, Derived, DerivedView, Encoding, Kind, Known, PartInfo, derive};
pub use head::{Field, Fields, count_received, fields, header_end, message_id};
pub use people::{Person, people};
pub use scan::{Scanner, scan};
pub use seven::{SevenBit, seven_bit};
pub use structure::{Extent, Head, Part, Structure};
pub use valued::Valued;
