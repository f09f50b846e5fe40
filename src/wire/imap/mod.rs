//! IMAP4rev1 (RFC 3501 and its extensions): commands cut out of a stream and read, answers written, the sentences.
//!
//! Must not know: what state a session is in, what a folder holds, who the client is.
//! What reads bytes here is a pure function over what it is given, fit for a fuzz target: [`Cutter::feed`],
//! [`Command::parse`], [`Append::parse`]. Forgiving where the field's clients need it, capped everywhere.

pub mod answer;
mod append;
mod code;
mod command;
mod cut;
mod date;
mod fetch;
mod flags;
mod list;
pub mod name;
mod pattern;
mod read;
pub mod say;
mod scan;
mod search;
mod set;
pub mod text;
mod verb;
mod write;

pub use super::Secret;
pub use append::{Append, AppendPart};
pub use code::Code;
pub use command::{BadCommand, Command, StoreHow, Tag};
pub use cut::{Cut, Cutter, Fed};
pub use date::{day_at, parse_moment, write_moment};
pub use fetch::{FetchItem, Partial};
pub use flags::{FlagList, write_flags};
pub use list::{ListQuery, ListReturn, ListSelect, StatusItem};
pub use pattern::Pattern;
pub use say::{Say, Status};
pub use search::{DateOf, Field, Returns, SearchKey, Side};
pub use set::{Ranges, SequenceSet};
pub use verb::{RULES, Rule, Verb, When};
