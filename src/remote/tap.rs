//! The last dialogues with other servers, always on and bounded, so that "what did they say?" has an answer after the fact.
//!
//! Passwords never come here: whoever writes a line hides them first. The text of a message is a count of octets.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use crate::{
    journal::safe,
    limits,
    types::{RowId, UnixTime},
};

/// Who said a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Who {
    /// This server.
    We,
    /// The other one.
    They,
    /// Nobody: what happened (connected, TLS is up, the connection was lost).
    Note,
}

impl Who {
    /// `C`, `S`, `-`
    pub fn mark(self) -> &'static str {
        match self {
            Who::We => "C",
            Who::They => "S",
            Who::Note => "-",
        }
    }
}

/// A line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Said {
    /// Milliseconds since the dialogue began.
    pub after_ms: u32,
    /// Who.
    pub who: Who,
    /// What: printable, one line.
    pub text: Box<str>,
}

/// What was said for one message (or one attempt that reached nobody).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dialogue {
    /// Counts up; unique until the program ends.
    pub number: u64,
    /// When it began.
    pub began: UnixTime,
    /// Rows of the queue that it was for.
    pub rows: Vec<RowId>,
    /// Domain, relay or store.
    pub destination: Box<str>,
    /// Its lines, in their order; the last one says so where lines were left out.
    pub lines: Vec<Said>,
}

impl Dialogue {
    /// A new one without lines.
    pub fn new(began: UnixTime, destination: &str, rows: Vec<RowId>) -> Self {
        Dialogue { number: 0, began, rows, destination: destination.into(), lines: Vec::new() }
    }

    /// Adds a line, unless there are too many.
    pub fn say(&mut self, after: Duration, who: Who, text: &str) {
        let after_ms = u32::try_from(after.as_millis()).unwrap_or(u32::MAX);
        match self.lines.len() {
            n if n < limits::DIALOGUE_LINES => {
                let text = safe(text, limits::DIALOGUE_LINE).into();
                self.lines.push(Said { after_ms, who, text });
            }
            n if n == limits::DIALOGUE_LINES => {
                self.lines.push(Said { after_ms, who: Who::Note, text: "further lines are left out".into() });
            }
            _ => {}
        }
    }

    /// Octets of memory, near enough.
    fn cost(&self) -> usize {
        let lines: usize = self.lines.iter().map(|line| line.text.len() + size_of::<Said>()).sum();
        lines + self.destination.len() + self.rows.len() * size_of::<RowId>() + size_of::<Dialogue>()
    }
}

#[derive(Default)]
struct Ring {
    next: u64,
    cost: usize,
    kept: VecDeque<Arc<Dialogue>>,
}

/// The ring. Cheap to clone; all clones are one.
#[derive(Clone, Default)]
pub struct Tap(Arc<Mutex<Ring>>);

impl Tap {
    /// Keeps a dialogue; the oldest ones make room.
    pub fn keep(&self, mut dialogue: Dialogue) {
        let mut ring = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        ring.next += 1;
        dialogue.number = ring.next;
        ring.cost += dialogue.cost();
        ring.kept.push_back(Arc::new(dialogue));
        while ring.kept.len() > limits::DIALOGUES || ring.cost > limits::DIALOGUES_IN_MEMORY {
            let Some(old) = ring.kept.pop_front() else { break };
            ring.cost -= old.cost();
        }
    }

    /// Dialogues about a row of the queue, the newest first.
    pub fn of_row(&self, row: RowId) -> Vec<Arc<Dialogue>> {
        self.filter(usize::MAX, |dialogue| dialogue.rows.contains(&row))
    }

    /// Dialogues with a destination, the newest first, at most `max`.
    pub fn with(&self, destination: &str, max: usize) -> Vec<Arc<Dialogue>> {
        self.filter(max, |dialogue| dialogue.destination.eq_ignore_ascii_case(destination))
    }

    /// The newest dialogues, at most `max`.
    pub fn newest(&self, max: usize) -> Vec<Arc<Dialogue>> {
        self.filter(max, |_| true)
    }

    fn filter(&self, max: usize, wanted: impl Fn(&Dialogue) -> bool) -> Vec<Arc<Dialogue>> {
        let ring = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        ring.kept.iter().rev().filter(|dialogue| wanted(dialogue)).take(max).cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dialogue(row: u64, lines: usize) -> Dialogue {
        let mut dialogue = Dialogue::new(UnixTime(5), "Example.test", vec![RowId(row)]);
        (0..lines).for_each(|_| dialogue.say(Duration::from_millis(7), Who::They, &"x\r\n".repeat(900)));
        dialogue
    }

    #[test]
    fn a_dialogue_is_found_by_its_row_and_destination() {
        let tap = Tap::default();
        (1..=3).for_each(|row| tap.keep(dialogue(row, 1)));
        tap.keep(dialogue(2, 2));
        let numbers = |found: Vec<Arc<Dialogue>>| found.iter().map(|d| d.number).collect::<Vec<_>>();
        assert_eq!(numbers(tap.of_row(RowId(2))), [4, 2]);
        assert_eq!(numbers(tap.with("example.TEST", 2)), [4, 3]);
        assert!(tap.of_row(RowId(9)).is_empty());
        assert!(!tap.newest(1)[0].lines[0].text.contains('\n'));
    }

    #[test]
    fn the_ring_is_bounded_in_number_and_octets() {
        let tap = Tap::default();
        (0..500).for_each(|row| tap.keep(dialogue(row, 1)));
        assert_eq!(tap.newest(1000).len(), limits::DIALOGUES);
        (0..200).for_each(|row| tap.keep(dialogue(row, 1000)));
        let kept = tap.newest(1000);
        let cost: usize = kept.iter().map(|d| d.cost()).sum();
        assert!(cost <= limits::DIALOGUES_IN_MEMORY && !kept.is_empty(), "{cost}");
        assert_eq!(kept[0].lines.len(), limits::DIALOGUE_LINES + 1);
        (0..300).for_each(|row| tap.keep(dialogue(row, 0)));
        assert_eq!(tap.newest(1000).len(), limits::DIALOGUES);
    }
}
