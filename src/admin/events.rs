//! The event stream (A20, A21): journal lines, feed rows and a hint when the board changed, as Server-Sent Events.
//!
//! Nothing is kept for a reader: each takes from the journal's ring what lies behind the line that it saw last. One that is
//! too slow finds the ring gone on, is told so (`gap`), and asks for everything anew.

use std::{
    future::Future,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    time::Duration,
};

use serde_json::{Value as Json, json};

use super::{ApiError, Desk, Source, Stream, Visitor, api::Request, gate::Events, lines, start};
use crate::{
    journal::{Journal, Sink, Stamped},
    limits,
    rt::{Bell, Board, Clock, Shared, timeout},
    settings::Settings,
    types::UnixTime,
};

/// Lines of one turn.
const TURN: usize = 200;
/// A busy server's lines are gathered so long.
const GATHER: Duration = Duration::from_millis(100);
/// The board, and whether the reader may still read, are looked at so often.
const LOOK: Duration = Duration::from_secs(1);
/// A comment is sent after so long without an event, so that a reader that is gone is noticed.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// A proxy and the browser see at once that it runs; the browser tries again after three seconds.
const OPENING: &str = "retry: 3000\n: open\n\n";

/// Wakes the streams when a line was told, and ends them.
pub(super) struct Hub {
    /// Numbers of lines begin anew in each process: an event is named by both.
    boot: i64,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    over: bool,
    last: u64,
    readers: Vec<(u64, Bell)>,
}

/// A reader's place; given back when it is dropped.
struct Place {
    hub: Arc<Hub>,
    number: u64,
    bell: Bell,
}

impl Hub {
    pub fn new(boot: UnixTime) -> Self {
        Hub { boot: boot.0, state: Mutex::default() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends every stream.
    pub fn end(&self) {
        let mut state = self.state();
        state.over = true;
        state.readers.iter().for_each(|(_, bell)| bell.ring());
    }

    fn place(hub: &Arc<Hub>) -> Option<Place> {
        let mut state = hub.state();
        if state.readers.len() >= limits::API_STREAMS {
            return None;
        }
        state.last += 1;
        let (number, bell) = (state.last, Bell::default());
        state.readers.push((number, bell.clone()));
        Some(Place { hub: hub.clone(), number, bell })
    }
}

impl Sink for Hub {
    fn take(&self, _line: &Arc<Stamped>) {
        self.state().readers.iter().for_each(|(_, bell)| bell.ring());
    }
}

impl Place {
    /// Waits for a line, or a moment.
    async fn wait(&self) {
        timeout(LOOK, self.bell.wait()).await;
    }

    fn is_over(&self) -> bool {
        self.hub.state().over
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.hub.state().readers.retain(|(number, _)| *number != self.number);
    }
}

/// `events`
pub(super) fn events(desk: &Arc<Desk>, request: &Request) -> Result<Stream, ApiError> {
    let place = Hub::place(&desk.hub).ok_or_else(|| {
        let what = format!("{} event streams run already", limits::API_STREAMS);
        ApiError::new(503, what, "close a page of the administration that is open elsewhere, then try again")
    })?;
    let house = desk.house();
    let mut reader = Reader {
        place,
        journal: house.journal.clone(),
        board: house.board.clone(),
        clock: house.clock.clone(),
        settings: house.settings.clone(),
        desk: Arc::downgrade(desk),
        visitor: request.visitor.clone(),
        at: 0,
        changes: house.board.changes(),
        gap: false,
        said: Said::Nothing,
    };
    reader.gap = !reader.resume(request.text("last"));
    Ok(Stream { kind: "text/event-stream", source: Source::Events(Box::new(reader)) })
}

struct Reader {
    place: Place,
    journal: Journal,
    board: Board,
    clock: Arc<dyn Clock>,
    settings: Shared<Settings>,
    /// Not the desk itself: a reader that does not read must not hold the store when the house stops.
    desk: Weak<Desk>,
    visitor: Visitor,
    /// The line that was sent last.
    at: u64,
    /// Changes of the board that were told.
    changes: u64,
    /// Lines were missed, which the reader does not know yet.
    gap: bool,
    said: Said,
}

/// What was said last.
enum Said {
    Nothing,
    /// Events, or a comment; in monotonic time.
    Events(Duration),
    Comment(Duration),
}

impl Events for Reader {
    fn next(&mut self) -> Pin<Box<dyn Future<Output = Option<Vec<u8>>> + Send + '_>> {
        Box::pin(self.piece())
    }
}

impl Reader {
    /// Goes on behind an event; false when it is of another process or none that we know. A new reader begins now.
    fn resume(&mut self, last: &str) -> bool {
        self.at = self.journal.newest(1).first().map_or(0, |line| line.number);
        if last.is_empty() {
            return true;
        }
        let seen = last.split_once('.').filter(|(boot, _)| boot.parse() == Ok(self.place.hub.boot));
        match seen.and_then(|(_, number)| number.parse().ok()).filter(|number| *number <= self.at) {
            Some(number) => {
                self.at = number;
                true
            }
            None => false,
        }
    }

    /// What is sent next; None when all is over, or the reader's login is.
    async fn piece(&mut self) -> Option<Vec<u8>> {
        if matches!(self.said, Said::Events(_)) {
            timeout(GATHER, std::future::pending::<()>()).await;
        }
        while !self.place.is_over() && self.may_stay().await {
            let mut out = String::new();
            self.turn(&mut out);
            if let Some(out) = self.spoken(out) {
                return Some(out.into_bytes());
            }
            self.place.wait().await;
        }
        None
    }

    /// What of these events is sent now: all, or a comment when there was nothing for long.
    fn spoken(&mut self, events: String) -> Option<String> {
        let now = self.clock.mono();
        let out = match self.said {
            Said::Nothing => format!("{OPENING}{events}"),
            Said::Events(_) | Said::Comment(_) if !events.is_empty() => events,
            Said::Events(at) | Said::Comment(at) if now.saturating_sub(at) >= HEARTBEAT => {
                self.said = Said::Comment(now);
                return Some(": \n\n".to_owned());
            }
            Said::Events(_) | Said::Comment(_) => return None,
        };
        self.said = Said::Events(now);
        Some(out)
    }

    async fn may_stay(&self) -> bool {
        let Some(desk) = self.desk.upgrade() else { return false };
        desk.is_still_in(&self.visitor).await
    }

    /// Writes what is new.
    fn turn(&mut self, out: &mut String) {
        let (told, oldest) = self.journal.behind(self.at, TURN);
        if std::mem::take(&mut self.gap) | (self.at + 1 < oldest) {
            self.at = self.at.max(oldest - 1);
            self.event(out, "gap", &json!({}));
        }
        let mail = self.settings.get().syslog_mail_tag.clone();
        for line in &told {
            self.at = line.number;
            self.event(out, "line", &lines::line(line.number, line.at.0, &line.line, &mail));
            if let Some(passed) = &line.line.passed {
                self.event(out, "feed", &start::feed_row(line.at, passed));
            }
        }
        let changes = self.board.changes();
        if std::mem::replace(&mut self.changes, changes) != changes {
            self.event(out, "status", &json!({}));
        }
    }

    /// JSON has no line breaks, so that it is one line of data.
    fn event(&self, out: &mut String, name: &str, data: &Json) {
        *out += &format!("id: {}.{}\nevent: {name}\ndata: {data}\n\n", self.place.hub.boot, self.at);
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
        let place = Hub::place(&hub).unwrap();
        let (desk, visitor, said) = (Weak::new(), Visitor::ourselves(), Said::Nothing);
        Reader { place, journal, board, clock, settings, desk, visitor, at: 0, changes: 0, gap: false, said }
    }

    fn tell(reader: &Reader, many: usize) {
        for n in 0..many {
            reader.journal.tell(Line::info(Tag::Gatepost, format!("line {n}")));
        }
    }

    fn turn(reader: &mut Reader) -> String {
        let mut out = String::new();
        reader.turn(&mut out);
        out
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
    fn a_line_and_the_end_wake_the_streams_and_places_come_back() {
        let hub = Arc::new(Hub::new(UnixTime(7)));
        let mut places: Vec<Place> = (0..limits::API_STREAMS).map(|_| Hub::place(&hub).unwrap()).collect();
        assert!(Hub::place(&hub).is_none());
        let last = places.pop().unwrap();
        assert_eq!(smol::block_on(timeout(LOOK / 20, last.bell.wait())), None);
        let journal = Journal::new(Arc::new(TestClock::at(UnixTime(1_800_000_000))));
        journal.add_sink(hub.clone());
        journal.tell(Line::info(Tag::Gatepost, "line".into()));
        smol::block_on(last.bell.wait());
        assert!(!last.is_over());
        hub.end();
        smol::block_on(last.bell.wait());
        assert!(last.is_over());
        drop(last);
        assert!(Hub::place(&hub).is_some());
    }

    #[test]
    fn a_stream_begins_at_once_and_a_silent_one_says_that_it_lives() {
        let mut reader = reader();
        assert_eq!(reader.spoken(String::new()).as_deref(), Some(OPENING));
        assert_eq!(reader.spoken(String::new()), None);
        assert_eq!(reader.spoken("id: 1".into()).as_deref(), Some("id: 1"));
        reader.said = Said::Events(Duration::ZERO);
        assert!(reader.clock.mono() < HEARTBEAT);
        assert_eq!(smol::block_on(reader.piece()), None, "without a desk nobody may read");
    }
}
