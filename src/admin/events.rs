//! The event stream (A20, A21): journal lines, feed rows and a hint when the board changed, as Server-Sent Events.
//!
//! Nothing is kept for a reader: each takes from the journal's ring what lies behind the line that it saw last. One that is
//! too slow finds the ring gone on, is told so (`gap`), and asks for everything anew.

use std::{
    io::{self, Write},
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, atomic::Ordering},
    thread,
    time::Duration,
};

use serde_json::{Value as Json, json};

use super::{ApiError, Desk, Stream, Writing, api::Request, lines, start, stream};
use crate::{
    journal::{Journal, Sink, Stamped},
    limits,
    rt::{Board, Clock, Shared},
    settings::Settings,
    types::UnixTime,
};

/// Lines of one turn.
const TURN: usize = 200;
/// A busy server's lines are gathered so long.
const GATHER: Duration = Duration::from_millis(100);
/// The board is looked at so often.
const LOOK: Duration = Duration::from_secs(1);
/// A comment is sent after so long without an event, so that a reader that is gone is noticed.
const HEARTBEAT: Duration = Duration::from_secs(15);

/// Wakes the streams when a line was told, and ends them.
pub(super) struct Hub {
    /// Numbers of lines begin anew in each process: an event is named by both.
    boot: i64,
    state: Mutex<State>,
    bell: Condvar,
}

#[derive(Default)]
struct State {
    newest: u64,
    over: bool,
}

impl Hub {
    pub fn new(boot: UnixTime) -> Self {
        Hub { boot: boot.0, state: Mutex::default(), bell: Condvar::new() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends every stream.
    pub fn end(&self) {
        self.state().over = true;
        self.bell.notify_all();
    }

    /// Waits for a line behind `at`, or a moment; false when all is over.
    fn wait(&self, at: u64) -> bool {
        let state = self.state();
        let waited = self.bell.wait_timeout_while(state, LOOK, |state| state.newest <= at && !state.over);
        !waited.unwrap_or_else(PoisonError::into_inner).0.over
    }
}

impl Sink for Hub {
    fn take(&self, line: &Arc<Stamped>) {
        self.state().newest = line.number;
        self.bell.notify_all();
    }
}

/// `events`
pub(super) fn events(desk: &Arc<Desk>, request: &Request) -> Result<Stream, ApiError> {
    if desk.streams.load(Ordering::SeqCst) >= limits::API_STREAMS {
        return Err(stream::too_many());
    }
    let house = desk.house();
    // Not the desk itself: a reader that does not read must not hold the store when the house stops.
    let mut reader = Reader {
        hub: desk.hub.clone(),
        journal: house.journal.clone(),
        board: house.board.clone(),
        clock: house.clock.clone(),
        settings: house.settings.clone(),
        at: 0,
        changes: house.board.changes(),
    };
    let gap = !reader.resume(request.text("last"));
    let write: Writing = Box::new(move |out| reader.run(out, gap));
    Ok(Stream { kind: "text/event-stream", file: None, write })
}

struct Reader {
    hub: Arc<Hub>,
    journal: Journal,
    board: Board,
    clock: Arc<dyn Clock>,
    settings: Shared<Settings>,
    /// The line that was sent last.
    at: u64,
    /// Changes of the board that were told.
    changes: u64,
}

impl Reader {
    /// Goes on behind an event; false when it is of another process or none that we know. A new reader begins now.
    fn resume(&mut self, last: &str) -> bool {
        self.at = self.journal.newest(1).first().map_or(0, |line| line.number);
        if last.is_empty() {
            return true;
        }
        let seen = last.split_once('.').filter(|(boot, _)| boot.parse() == Ok(self.hub.boot));
        match seen.and_then(|(_, number)| number.parse().ok()).filter(|number| *number <= self.at) {
            Some(number) => {
                self.at = number;
                true
            }
            None => false,
        }
    }

    fn run(&mut self, out: &mut dyn Write, mut gap: bool) -> io::Result<()> {
        // A proxy and the browser see at once that it runs; the browser tries again after three seconds.
        out.write_all(b"retry: 3000\n: open\n\n")?;
        let mut spoke = self.clock.mono();
        loop {
            let said = self.turn(out, std::mem::take(&mut gap))?;
            let now = self.clock.mono();
            if said {
                spoke = now;
            } else if now.saturating_sub(spoke) >= HEARTBEAT {
                out.write_all(b": \n\n")?;
                spoke = now;
            }
            out.flush()?;
            if said {
                thread::sleep(GATHER);
            }
            if !self.hub.wait(self.at) {
                return Ok(());
            }
        }
    }

    /// Sends what is new; whether anything was.
    fn turn(&mut self, out: &mut dyn Write, mut gap: bool) -> io::Result<bool> {
        let (told, oldest) = self.journal.behind(self.at, TURN);
        gap |= self.at + 1 < oldest;
        if gap {
            self.at = self.at.max(oldest - 1);
            self.event(out, "gap", &json!({}))?;
        }
        let mail = self.settings.get().syslog_mail_tag.clone();
        for line in &told {
            self.at = line.number;
            self.event(out, "line", &lines::line(line.number, line.at.0, &line.line, &mail))?;
            if let Some(passed) = &line.line.passed {
                self.event(out, "feed", &start::feed_row(line.at, passed))?;
            }
        }
        let changes = self.board.changes();
        let is_new = std::mem::replace(&mut self.changes, changes) != changes;
        if is_new {
            self.event(out, "status", &json!({}))?;
        }
        Ok(gap || is_new || !told.is_empty())
    }

    /// JSON has no line breaks, so that it is one line of data.
    fn event(&self, out: &mut dyn Write, name: &str, data: &Json) -> io::Result<()> {
        write!(out, "id: {}.{}\nevent: {name}\ndata: {data}\n\n", self.hub.boot, self.at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        journal::{Line, Passed, Tag, Way},
        rt::TestClock,
    };

    fn reader() -> Reader {
        let clock: Arc<dyn Clock> = Arc::new(TestClock::at(UnixTime(1_800_000_000)));
        let journal = Journal::new(clock.clone());
        let hub = Arc::new(Hub::new(UnixTime(7)));
        let board = Board::default();
        let settings = Shared::new(Settings::default());
        Reader { hub, journal, board, clock, settings, at: 0, changes: 0 }
    }

    fn tell(reader: &Reader, many: usize) {
        for n in 0..many {
            reader.journal.tell(Line::info(Tag::Gatepost, format!("line {n}")));
        }
    }

    fn turn(reader: &mut Reader) -> String {
        let mut out = Vec::new();
        reader.turn(&mut out, false).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_reader_gets_what_is_new_once_and_the_message_beside_its_line() {
        let mut reader = reader();
        tell(&reader, 1);
        let passed = Passed { way: Way::Received, from: String::new(), to: "a@x.test".into(), more: 0, size: 9 };
        reader.journal.tell(Line { passed: Some(Box::new(passed)), ..Line::info(Tag::Qmgr, "two\nlines".into()) });
        let text = turn(&mut reader);
        assert!(text.starts_with("id: 7.1\nevent: line\ndata: {"), "{text}");
        assert!(text.contains("id: 7.2\nevent: feed\ndata: {"), "{text}");
        assert_eq!(text.matches("\n\n").count(), 3, "{text}");
        assert_eq!(turn(&mut reader), "");
        reader.board.put("smtp:25", crate::rt::Light::Red, "taken");
        assert_eq!(turn(&mut reader), "id: 7.2\nevent: status\ndata: {}\n\n");
    }

    #[test]
    fn a_reader_resumes_behind_its_event_and_hears_of_a_gap() {
        let mut reader = reader();
        tell(&reader, 5);
        assert!(reader.resume("7.3") && reader.at == 3);
        assert!(reader.resume("") && reader.at == 5, "a new one begins now");
        for foreign in ["6.3", "7.99", "x", "7."] {
            assert!(!reader.resume(foreign) && reader.at == 5, "{foreign}");
        }
        tell(&reader, limits::JOURNAL_RING);
        reader.at = 2;
        let text = turn(&mut reader);
        assert!(text.starts_with("id: 7.5\nevent: gap\ndata: {}\n\nid: 7.6\nevent: line"), "{text}");
    }

    #[test]
    fn a_line_and_the_end_wake_the_streams() {
        let hub = Hub::new(UnixTime(7));
        hub.state().newest = 5;
        assert!(hub.wait(4));
        hub.end();
        assert!(!hub.wait(5));
    }
}
