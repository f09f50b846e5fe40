//! What libraries say through the `log` crate, put into the journal: warnings and errors only, as safe text, bounded in number.
//!
//! The words of a library that handles messages or passwords are not repeated, only that it spoke: no message text ever
//! appears in the journal.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use log::{Level, LevelFilter, Log, Metadata, Record};

use super::{Journal, SinkEvent};

/// Libraries whose words are told. None of them sees a message or a password.
const TOLD: [&str; 8] = ["redb", "rustls", "futures_rustls", "tiny_http", "rcgen", "jiff", "polling", "async_io"];
/// Lines a minute; more would be a library in a loop.
const MOST: u32 = 20;
const WINDOW: Duration = Duration::from_secs(60);

struct Library {
    journal: Journal,
    /// Start of the window, lines in it.
    said: Mutex<(Duration, u32)>,
}

impl Library {
    fn new(journal: Journal) -> Self {
        Library { journal, said: Mutex::default() }
    }

    fn may_speak(&self) -> bool {
        let now = self.journal.clock().mono();
        let mut said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        if now.saturating_sub(said.0) >= WINDOW {
            *said = (now, 0);
        }
        said.1 += 1;
        said.1 <= MOST
    }
}

impl Log for Library {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.level() <= Level::Warn
    }

    fn log(&self, record: &Record<'_>) {
        if !self.enabled(record.metadata()) || !self.may_speak() {
            return;
        }
        let library = record.target().split("::").next().unwrap_or_default();
        let text = if TOLD.contains(&library) { record.args().to_string() } else { "it has a warning".to_owned() };
        let grave = record.level() == Level::Error;
        self.journal.tell(SinkEvent::Library { grave, from: record.target().to_owned(), text });
    }

    fn flush(&self) {}
}

/// From now on libraries are heard. The `log` crate's logger is the one global of the process; a second call does nothing.
pub fn hear_libraries(journal: Journal) {
    if log::set_boxed_logger(Box::new(Library::new(journal))).is_ok() {
        log::set_max_level(LevelFilter::Warn);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::{journal::Severity, rt::TestClock, types::UnixTime};

    fn say(library: &Library, level: Level, target: &str, text: &str) {
        library.log(&Record::builder().level(level).target(target).args(format_args!("{text}")).build());
    }

    #[test]
    fn libraries_are_heard_safely_and_not_too_often() {
        let clock = Arc::new(TestClock::at(UnixTime(0)));
        let journal = Journal::new(clock.clone());
        let library = Library::new(journal.clone());
        say(&library, Level::Info, "redb", "not told");
        say(&library, Level::Warn, "redb::tree", "a\nb");
        say(&library, Level::Error, "mail_parser", "Subject: secret");
        let lines = journal.newest(9);
        let texts: Vec<&str> = lines.iter().map(|l| l.line.text.as_str()).collect();
        assert_eq!(texts, ["warning: redb::tree: a\\u{a}b", "error: mail_parser: it has a warning"]);
        assert_eq!(lines[1].line.severity, Severity::Error);
        (0..100).for_each(|_| say(&library, Level::Warn, "redb", "again"));
        assert_eq!(journal.newest(999).len(), 20);
        clock.advance(60);
        say(&library, Level::Warn, "redb", "later");
        assert_eq!(journal.newest(999).len(), 21);
    }
}
