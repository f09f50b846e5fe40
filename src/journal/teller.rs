//! Takes events, renders them, gives them a time and a number, keeps the newest, hands them to the sinks.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, PoisonError},
};

use super::Line;
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
pub trait Sink: Send + Sync {
    /// Takes one line.
    fn take(&self, line: &Stamped);
}

struct Inner {
    clock: Arc<dyn Clock>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    number: u64,
    ring: VecDeque<Stamped>,
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

    /// Hands in a sink; it gets every later line.
    pub fn add_sink(&self, sink: Arc<dyn Sink>) {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner).sinks.push(sink);
    }

    /// Tells an event: anything that renders to lines (`SmtpEvent`, `StoreEvent`, …).
    pub fn tell(&self, event: impl Into<Line>) {
        let line: Line = event.into();
        let at = self.0.clock.now();
        let mut state = self.0.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.number += 1;
        let stamped = Stamped { number: state.number, at, line };
        for sink in &state.sinks {
            sink.take(&stamped);
        }
        if state.ring.len() == limits::JOURNAL_RING {
            state.ring.pop_front();
        }
        state.ring.push_back(stamped);
    }

    /// The newest lines, oldest first, at most `max`.
    pub fn newest(&self, max: usize) -> Vec<Stamped> {
        let state = self.0.state.lock().unwrap_or_else(PoisonError::into_inner);
        let skip = state.ring.len().saturating_sub(max);
        state.ring.iter().skip(skip).cloned().collect()
    }
}
