//! The board: what each service is doing now, and what came of the last change of settings. The page and `status` read it.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use super::Clock;
use crate::types::UnixTime;

/// Colour of a line on the board.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Light {
    /// Works.
    Green,
    /// Works, but somebody should look.
    Yellow,
    /// Does not work.
    Red,
    /// Switched off by a setting.
    Off,
}

/// One line of the board.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct State {
    /// The colour.
    pub light: Light,
    /// What is so, and what to do if it is not green.
    pub text: String,
    /// Since when it has this colour; None on a board without a clock.
    pub since: Option<UnixTime>,
}

/// Cheap to clone; every clone writes on the same board.
#[derive(Clone, Default)]
pub struct Board(Arc<Inner>);

#[derive(Default)]
struct Inner {
    clock: Option<Arc<dyn Clock>>,
    lines: Mutex<Lines>,
}

#[derive(Default)]
struct Lines {
    all: BTreeMap<String, State>,
    changes: u64,
}

impl Board {
    /// A board that notes since when a line has its colour.
    pub fn with_clock(clock: Arc<dyn Clock>) -> Self {
        Board(Arc::new(Inner { clock: Some(clock), lines: Mutex::default() }))
    }

    fn lines(&self) -> MutexGuard<'_, Lines> {
        self.0.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts what was written that differed from what stood there: whoever remembers it sees whether something is new.
    pub fn changes(&self) -> u64 {
        self.lines().changes
    }

    /// Writes the line of `service` (`smtp:25`, `store`, `certificate:mail`, `syslog:udp://...`).
    pub fn put(&self, service: &str, light: Light, text: impl Into<String>) {
        let (text, now) = (text.into(), self.0.clock.as_ref().map(|clock| clock.now()));
        let mut lines = self.lines();
        let old = lines.all.get(service);
        if old.is_some_and(|old| old.light == light && old.text == text) {
            return;
        }
        let since = old.filter(|old| old.light == light).map_or(now, |old| old.since);
        lines.all.insert(service.to_owned(), State { light, text, since });
        lines.changes += 1;
    }

    /// Wipes a line.
    pub fn wipe(&self, service: &str) {
        let mut lines = self.lines();
        if lines.all.remove(service).is_some() {
            lines.changes += 1;
        }
    }

    /// Everything on the board, by service.
    pub fn all(&self) -> BTreeMap<String, State> {
        self.lines().all.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rt::TestClock;

    #[test]
    fn a_line_knows_since_when_it_has_its_colour_and_the_same_again_is_no_change() {
        let clock = Arc::new(TestClock::at(UnixTime(1_800_000_000)));
        let board = Board::with_clock(clock.clone());
        board.put("smtp:25", Light::Red, "taken");
        clock.advance(5);
        board.put("smtp:25", Light::Red, "still taken");
        board.put("smtp:25", Light::Red, "still taken");
        assert_eq!((board.all()["smtp:25"].since, board.changes()), (Some(UnixTime(1_800_000_000)), 2));
        board.put("smtp:25", Light::Green, "open");
        assert_eq!(board.all()["smtp:25"].since, Some(UnixTime(1_800_000_005)));
        board.wipe("smtp:25");
        board.wipe("smtp:25");
        assert_eq!(board.changes(), 4);
    }
}
