//! What `session` tells.

use super::{Line, Tag};

/// Events of `session`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Pop3Event {
    /// Something that has no event of its own yet.
    Note {
        /// Whether somebody should look.
        grave: bool,
        /// Safe words.
        text: String,
    },
}

impl From<Pop3Event> for Line {
    fn from(event: Pop3Event) -> Line {
        match event {
            Pop3Event::Note { grave: true, text } => Line::error(Tag::Dovecot, text),
            Pop3Event::Note { grave: false, text } => Line::info(Tag::Dovecot, text),
        }
    }
}
