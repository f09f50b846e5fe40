//! What `app,listen,net` tells.

use super::{Line, Tag};

/// Events of `app,listen,net`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ServiceEvent {
    /// Something that has no event of its own yet.
    Note {
        /// Whether somebody should look.
        grave: bool,
        /// Safe words.
        text: String,
    },
}

impl From<ServiceEvent> for Line {
    fn from(event: ServiceEvent) -> Line {
        match event {
            ServiceEvent::Note { grave: true, text } => Line::error(Tag::Gatepost, text),
            ServiceEvent::Note { grave: false, text } => Line::info(Tag::Gatepost, text),
        }
    }
}
