//! Headers, structure, words, stamps, notices; the only room that names mail-parser.
//!
//! Pure: bytes and values in, bytes and values out. It must not know sockets, the store, settings or the clock; time is handed
//! in as a [`UnixTime`](crate::types::UnixTime). It never changes a stranger's message: it reads it, or writes a message of ours.

mod advice;
mod head;
pub mod notice;
mod people;
mod scan;
pub mod stamp;
mod structure;
mod text;
mod valued;
pub mod words;

pub use head::{Field, Fields, count_received, fields, header_end, message_id};
pub use people::{Person, people};
pub use scan::{Scanner, scan};
pub use structure::{Extent, Part, Structure};
pub use valued::Valued;
