//! What `admin,cli` tells.

use super::{Line, Tag};

/// Events of `admin,cli`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AdminEvent {
    /// Something that has no event of its own yet.
    Note {
        /// Whether somebody should look.
        grave: bool,
        /// Safe words.
        text: String,
    },
}

impl From<AdminEvent> for Line {
    fn from(event: AdminEvent) -> Line {
        match event {
            AdminEvent::Note { grave: true, text } => Line::error(Tag::Gatepost, text),
            AdminEvent::Note { grave: false, text } => Line::info(Tag::Gatepost, text),
        }
    }
}
