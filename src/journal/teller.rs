//! Takes events, renders them, gives them a time and a number, keeps the newest, hands them to the sinks.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use super::{Line, safe::scrub};
use crate::{limits, rt::Clock, types::UnixTime};

/// A line with its time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stamped {
    /// Counts up from 1 in this process.
    pub number: u64,
    /// When it was told.
    pub at: UnixTime,
    /// What was told.
    pub line: Line,
}

/// Where lines go: the day files, syslog, a test. Must not block: a sink that cannot keep up drops, counts and tells.
/// It is called under the journal's lock, in order, and must not tell anything itself from within.
pub trait Sink: Send + Sync {
    /// Takes one line; the memory is shared with the other sinks.
    fn take(&self, line: &Arc<Stamped>);
}

struct Inner {
    clock: Arc<dyn Clock>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    number: u64,
    ring: VecDeque<Arc<Stamped>>,
    sinks: Vec<Arc<dyn Sink>>,
}

/// Cheap to clone; every room has one.
#[derive(Clone)]
pub struct Journal(Arc<Inner>);

impl Journal {
    /// A journal without sinks.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Journal(Arc::new(Inner { clock, state: Mutex::default() }))
    }

    /// The clock that stamps lines.
    pub(super) fn clock(&self) -> &dyn Clock {
        &*self.0.clock
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Hands in a sink: it gets what memory holds (the start of the program was told before any sink was there), then every
    /// later line.
    pub fn add_sink(&self, sink: Arc<dyn Sink>) {
        let mut state = self.state();
        for line in &state.ring {
            sink.take(line);
        }
        state.sinks.push(sink);
    }

    /// Tells an event: anything that renders to lines (`SmtpEvent`, `StoreEvent`, ...).
    pub fn tell(&self, event: impl Into<Line>) {
        let mut line: Line = event.into();
        line.text = scrub(line.text, limits::JOURNAL_LINE);
        let at = self.0.clock.now();
        let mut state = self.state();
        state.number += 1;
        let stamped = Arc::new(Stamped { number: state.number, at, line });
        for sink in &state.sinks {
            sink.take(&stamped);
        }
        if state.ring.len() == limits::JOURNAL_RING {
            state.ring.pop_front();
        }
        state.ring.push_back(stamped);
    }

    /// Lines in memory with a number above `after`, oldest first, at most `max`; and the number of the oldest one in memory.
    pub fn behind(&self, after: u64, max: usize) -> (Vec<Arc<Stamped>>, u64) {
        let state = self.state();
        let oldest = state.ring.front().map_or(state.number + 1, |line| line.number);
        let skip = usize::try_from((after + 1).saturating_sub(oldest)).unwrap_or(usize::MAX);
        (state.ring.iter().skip(skip).take(max).cloned().collect(), oldest)
    }

    /// The newest lines, oldest first, at most `max`; from memory.
    pub fn newest(&self, max: usize) -> Vec<Stamped> {
        let state = self.state();
        let skip = state.ring.len().saturating_sub(max);
        state.ring.iter().skip(skip).map(|line| (**line).clone()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        journal::{SinkEvent, Tag},
        rt::TestClock,
    };

    #[derive(Default)]
    struct Seen(Mutex<Vec<Arc<Stamped>>>);

    impl Sink for Seen {
        fn take(&self, line: &Arc<Stamped>) {
            self.0.lock().unwrap().push(line.clone());
        }
    }

    fn journal() -> Journal {
        Journal::new(Arc::new(TestClock::at(UnixTime(1_800_000_000))))
    }

    #[test]
    fn a_sink_gets_what_was_told_before_it_came() {
        let journal = journal();
        journal.tell(SinkEvent::Expired { files: 1 });
        let seen = Arc::new(Seen::default());
        journal.add_sink(seen.clone());
        journal.tell(SinkEvent::Expired { files: 2 });
        let numbers: Vec<u64> = seen.0.lock().unwrap().iter().map(|s| s.number).collect();
        assert_eq!(numbers, [1, 2]);
    }

    #[test]
    fn memory_holds_the_newest_lines_only() {
        let journal = journal();
        for files in 0..limits::JOURNAL_RING + 10 {
            journal.tell(SinkEvent::Expired { files });
        }
        let all = journal.newest(usize::MAX);
        assert_eq!(all.len(), limits::JOURNAL_RING);
        assert_eq!(all[0].number, 11);
        assert_eq!(journal.newest(3).len(), 3);
    }

    #[test]
    fn what_came_behind_a_line_is_found_and_what_is_gone_shows() {
        let journal = journal();
        for files in 0..limits::JOURNAL_RING + 10 {
            journal.tell(SinkEvent::Expired { files });
        }
        let numbers = |after, max| journal.behind(after, max).0.iter().map(|line| line.number).collect::<Vec<_>>();
        assert_eq!((numbers(2008, 9), numbers(2010, 9), numbers(5000, 9)), (vec![2009, 2010], vec![], vec![]));
        assert_eq!((numbers(3, 2), journal.behind(3, 2).1), (vec![11, 12], 11));
    }

    #[test]
    fn an_event_that_forgot_to_be_safe_is_still_one_line() {
        let journal = journal();
        journal.tell(Line::info(Tag::Gatepost, "a\r\nb".into()));
        assert_eq!(journal.newest(1)[0].line.text, "a\\u{d}\\u{a}b");
    }
}
