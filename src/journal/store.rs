//! What `store` tells.

use super::{Line, Tag};

/// Events of `store`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StoreEvent {
    /// Something that has no event of its own yet.
    Note {
        /// Whether somebody should look.
        grave: bool,
        /// Safe words.
        text: String,
    },
}

impl From<StoreEvent> for Line {
    fn from(event: StoreEvent) -> Line {
        match event {
            StoreEvent::Note { grave: true, text } => Line::error(Tag::Gatepost, text),
            StoreEvent::Note { grave: false, text } => Line::info(Tag::Gatepost, text),
        }
    }
}
