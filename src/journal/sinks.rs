//! What the sinks tell about themselves: collectors, the day files, libraries.

use super::{Line, Tag, safe};

/// Events of the journal's own sinks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SinkEvent {
    /// A collector or the local socket stopped taking lines. Told once an outage.
    Unreachable {
        /// `syslog:udp://...`, as on the board.
        sink: String,
        /// What the system said.
        why: String,
    },
    /// It takes lines again.
    Reached {
        /// As on the board.
        sink: String,
    },
    /// Lines that a sink could not be given: it was away or too slow, and the queue was full.
    Lost {
        /// As on the board.
        sink: String,
        /// How many.
        lines: u64,
    },
    /// A day file could not be read and was set aside; a new one was begun.
    SetAside {
        /// The file's name now.
        file: String,
        /// What was wrong.
        why: String,
    },
    /// Day files older than the setting were removed.
    Expired {
        /// How many.
        files: usize,
    },
    /// A library's warning.
    Library {
        /// Whether it called it an error.
        grave: bool,
        /// The library's module.
        from: String,
        /// What it said.
        text: String,
    },
}

impl From<SinkEvent> for Line {
    fn from(event: SinkEvent) -> Line {
        let ours = Tag::Gatepost;
        match event {
            SinkEvent::Unreachable { sink, why } => Line::warning(
                ours,
                format!("{} cannot be reached: {}; trying again", safe(&sink, 120), safe(&why, 300)),
            ),
            SinkEvent::Reached { sink } => Line::info(ours, format!("{} is reached again", safe(&sink, 120))),
            SinkEvent::Lost { sink, lines } => {
                Line::warning(ours, format!("{}: {lines} lines of the journal were lost", safe(&sink, 120)))
            }
            SinkEvent::SetAside { file, why } => Line::error(
                ours,
                format!("a journal file is damaged and was set aside as {}: {}", safe(&file, 120), safe(&why, 300)),
            ),
            SinkEvent::Expired { files } => Line::info(ours, format!("{files} old journal files were removed")),
            SinkEvent::Library { grave, from, text } => {
                let text = format!("{}: {}", safe(&from, 60), safe(&text, 400));
                if grave { Line::error(ours, text) } else { Line::warning(ours, text) }
            }
        }
    }
}
