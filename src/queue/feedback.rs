//! How many connections a destination gets, by what came of those before. Pure.
//!
//! As Postfix' qmgr has it: a few at first, one more for every round that went well, half after one that reached nobody. Where some in
//! a row reached nobody the destination is closed for a while: what is due meanwhile is put off without an attempt, and then one
//! attempt looks whether it is back.

use std::time::Duration;

use crate::types::Answer;

/// Connections at first.
const FIRST: usize = 5;
/// Attempts in a row that reached nobody until a destination is closed.
const CLOSES: u32 = 3;
/// How long it is closed the first time; twice as long each further time.
const CLOSED: Duration = Duration::from_secs(300);
/// How long at most.
const CLOSED_LONGEST: Duration = Duration::from_secs(3600);

/// What an attempt met.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Met {
    /// A server that answered for the message, whatever it said.
    Server,
    /// A server that has too much to do (421), or one that broke off.
    Crowd,
    /// No server.
    Nobody,
}

/// A destination's connections.
#[derive(Debug)]
pub(super) struct Window {
    open: usize,
    gained: usize,
    under_way: usize,
    /// In a row, that reached nobody.
    failed: u32,
    closed: Option<Closed>,
}

/// A destination that does not answer.
#[derive(Clone, Debug)]
pub(super) struct Closed {
    /// On the monotonic clock.
    pub until: Duration,
    /// What the last attempt said.
    pub why: Answer,
}

impl Default for Window {
    fn default() -> Self {
        Window { open: FIRST, gained: 0, under_way: 0, failed: 0, closed: None }
    }
}

impl Window {
    /// Whether one more attempt may begin.
    pub fn has_room(&self, most: usize, now: Duration) -> bool {
        match &self.closed {
            Some(closed) => now >= closed.until && self.under_way == 0,
            None => self.under_way < self.open.min(most),
        }
    }

    /// Why what is due now is put off without an attempt.
    pub fn closed(&self, now: Duration) -> Option<&Closed> {
        self.closed.as_ref().filter(|closed| now < closed.until)
    }

    /// Whether it did not answer the last time.
    pub fn is_closed(&self) -> bool {
        self.closed.is_some()
    }

    /// It is tried again at once: somebody who knows more asks for it.
    pub fn reopen(&mut self) {
        if self.closed.take().is_some() {
            (self.open, self.gained, self.failed) = (1, 0, 0);
        }
    }

    /// Nothing is known of it that another time could not find out.
    pub fn is_idle(&self, now: Duration) -> bool {
        self.under_way == 0 && self.closed.as_ref().is_none_or(|closed| now >= closed.until + CLOSED_LONGEST)
    }

    /// An attempt begins.
    pub fn begin(&mut self) {
        self.under_way += 1;
    }

    /// One that was begun was never made: nothing is learned.
    pub fn give_back(&mut self) {
        self.under_way = self.under_way.saturating_sub(1);
    }

    /// An attempt ended. `why` is what it said where it met nobody.
    pub fn end(&mut self, met: Met, why: Option<&Answer>, most: usize, now: Duration) {
        self.under_way = self.under_way.saturating_sub(1);
        match met {
            Met::Server => self.grow(most),
            Met::Crowd => self.shrink(),
            Met::Nobody => {
                self.shrink();
                self.failed = self.failed.saturating_add(1);
                let probe = self.closed.is_some();
                if let Some(why) = why.filter(|_| probe || self.failed >= CLOSES) {
                    let times = self.failed.saturating_sub(CLOSES).min(8);
                    let until = now + (CLOSED * 2u32.pow(times)).min(CLOSED_LONGEST);
                    self.closed = Some(Closed { until, why: why.clone() });
                }
            }
        }
    }

    fn grow(&mut self, most: usize) {
        // A destination that was closed is back: it begins anew.
        if self.closed.take().is_some() {
            (self.open, self.gained) = (1, 0);
        }
        self.failed = 0;
        self.gained += 1;
        if self.gained >= self.open {
            (self.open, self.gained) = ((self.open + 1).min(most.max(1)), 0);
        }
    }

    fn shrink(&mut self) {
        (self.open, self.gained) = ((self.open / 2).max(1), 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::UnixTime;

    const NOW: Duration = Duration::from_secs(1000);

    fn why() -> Answer {
        Answer { at: UnixTime(0), peer: "".into(), code: 0, status: "4.4.1".into(), text: "nobody answers".into() }
    }

    fn fill(window: &mut Window, most: usize, now: Duration) -> usize {
        let mut begun = 0;
        while window.has_room(most, now) {
            window.begin();
            begun += 1;
        }
        begun
    }

    #[test]
    fn it_begins_with_some_and_grows_while_all_goes_well() {
        let mut window = Window::default();
        assert_eq!(fill(&mut window, 20, NOW), FIRST);
        for _ in 0..400 {
            window.end(Met::Server, None, 20, NOW);
            fill(&mut window, 20, NOW);
        }
        assert_eq!(window.under_way, 20, "never more than the setting");
        assert_eq!(fill(&mut Window::default(), 2, NOW), 2, "not even at first");
    }

    #[test]
    fn too_much_to_do_halves_it_and_closes_nothing() {
        let mut window = Window::default();
        fill(&mut window, 20, NOW);
        for _ in 0..FIRST {
            window.end(Met::Crowd, None, 20, NOW);
        }
        assert_eq!(fill(&mut window, 20, NOW), 1);
        assert!(window.closed(NOW).is_none());
    }

    #[test]
    fn three_that_met_nobody_close_it_and_one_looks_whether_it_is_back() {
        let mut window = Window::default();
        fill(&mut window, 20, NOW);
        for _ in 0..3 {
            assert!(window.closed(NOW).is_none());
            window.end(Met::Nobody, Some(&why()), 20, NOW);
        }
        window.end(Met::Nobody, Some(&why()), 20, NOW);
        window.end(Met::Nobody, Some(&why()), 20, NOW);
        assert!(window.closed(NOW).is_some() && !window.has_room(20, NOW));
        let later = NOW + CLOSED_LONGEST;
        assert_eq!(fill(&mut window, 20, later), 1, "one probe");
        window.end(Met::Nobody, Some(&why()), 20, later);
        assert!(window.closed(later + CLOSED * 2).is_some(), "longer each time");
        let back = later + CLOSED_LONGEST;
        assert_eq!(fill(&mut window, 20, back), 1);
        window.end(Met::Server, None, 20, back);
        assert!(window.closed(back).is_none());
        assert_eq!(fill(&mut window, 20, back), 2, "it begins anew");
    }

    #[test]
    fn one_that_is_asked_for_by_hand_is_tried_at_once() {
        let mut window = Window::default();
        for _ in 0..CLOSES {
            window.begin();
            window.end(Met::Nobody, Some(&why()), 20, NOW);
        }
        assert!(!window.has_room(20, NOW));
        window.reopen();
        assert_eq!(fill(&mut window, 20, NOW), 1);
    }

    #[test]
    fn one_that_was_begun_and_never_made_gives_its_place_back() {
        let mut window = Window::default();
        assert_eq!(fill(&mut window, 20, NOW), FIRST);
        window.give_back();
        assert_eq!(fill(&mut window, 20, NOW), 1);
        (0..FIRST).for_each(|_| window.give_back());
        assert!(window.is_idle(NOW));
    }
}
