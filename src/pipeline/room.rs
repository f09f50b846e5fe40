//! Memory for header sections that are larger than most, for structures of many parts, and for many recipients, shared by
//! all connections.
//!
//! Bodies that fit a block, and the last block of longer ones, are in memory too: beyond an ordinary letter they share one
//! room, of which strangers never have the last quarter, so that a thousand of them do not stop the office's own mail.
//!
//! A header section is held whole until its end is seen. Believed: the cap of one is enough. True: a thousand stalled clients
//! with 250 KB each were 300 MB. An ordinary section costs nothing here; of the large ones there are so many at a time.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use crate::limits;

/// The shared counts. Cheap to clone.
#[derive(Clone, Default)]
pub struct HeadRoom(Arc<Counts>);

#[derive(Default)]
struct Counts {
    sections: AtomicUsize,
    structures: AtomicUsize,
    bodies: AtomicUsize,
}

/// What memory is wanted for; each has its own, so that structures, which can wait, never take that of sections, which cannot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    /// A header section whose end is not seen yet.
    Section,
    /// The parts of a message that streams by.
    Structure,
    /// Recipients with what is to be told of them; counted together with sections.
    Rcpts,
    /// What of a body is in memory until it is committed.
    Body {
        /// From a client that logged in or that is trusted for its address.
        ours: bool,
    },
}

/// One message's part of it; dropping gives it back.
pub struct Held {
    room: HeadRoom,
    purpose: Purpose,
    octets: usize,
}

impl Purpose {
    /// Octets that every message may hold, and those that all together may hold above that.
    fn limits(self) -> (usize, usize) {
        match self {
            Purpose::Section => (limits::HEADER_FREE, limits::HEADERS_IN_MEMORY),
            Purpose::Structure => (limits::STRUCTURE_FREE, limits::STRUCTURES_IN_MEMORY),
            Purpose::Rcpts => (limits::RCPTS_FREE, limits::HEADERS_IN_MEMORY),
            Purpose::Body { ours: true } => (limits::BODY_FREE, limits::BODIES_IN_MEMORY),
            Purpose::Body { ours: false } => {
                (limits::BODY_FREE, limits::BODIES_IN_MEMORY - limits::BODIES_IN_MEMORY / 4)
            }
        }
    }
}

impl HeadRoom {
    /// For one message's recipients.
    pub fn rcpts(&self) -> Held {
        Held::none(self.clone(), Purpose::Rcpts)
    }

    fn count(&self, purpose: Purpose) -> &AtomicUsize {
        match purpose {
            Purpose::Section | Purpose::Rcpts => &self.0.sections,
            Purpose::Structure => &self.0.structures,
            Purpose::Body { .. } => &self.0.bodies,
        }
    }
}

impl Held {
    pub(super) fn none(room: HeadRoom, purpose: Purpose) -> Self {
        Held { room, purpose, octets: 0 }
    }

    /// Holds what lies above the free part of `octets`, no more and no less; false when all room is taken.
    pub fn hold(&mut self, octets: usize) -> bool {
        let (free, all) = self.purpose.limits();
        let wanted = octets.saturating_sub(free);
        let Some(more) = wanted.checked_sub(self.octets).filter(|more| *more > 0) else {
            self.room.count(self.purpose).fetch_sub(self.octets - wanted, Ordering::SeqCst);
            self.octets = wanted;
            return true;
        };
        let before = self.room.count(self.purpose).fetch_add(more, Ordering::SeqCst);
        self.octets += more;
        before.saturating_add(more) <= all
    }

    /// It is not needed any more: the section is whole and on its way to the disk.
    pub(super) fn release(&mut self) {
        self.room.count(self.purpose).fetch_sub(std::mem::take(&mut self.octets), Ordering::SeqCst);
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.release();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strangers_with_many_bodies_leave_room_for_the_office() {
        let room = HeadRoom::default();
        let body = |ours| Held::none(room.clone(), Purpose::Body { ours });
        let mut strangers = Vec::new();
        loop {
            let mut held = body(false);
            if !held.hold(limits::SMALL_BODY) {
                break;
            }
            strangers.push(held);
        }
        assert!(strangers.len() >= limits::CONNECTIONS_PER_ADDRESS, "{}", strangers.len());
        assert!(body(false).hold(limits::BODY_FREE), "an ordinary letter comes in all the same");
        let mut office: Vec<Held> = (0..20).map(|_| body(true)).collect();
        assert!(office.iter_mut().all(|held| held.hold(limits::SMALL_BODY)));
        strangers.pop();
        drop(office);
        assert!(body(false).hold(limits::SMALL_BODY), "what was held is given back");
    }

    #[test]
    fn a_few_recipients_always_fit_and_many_share_the_room_of_sections() {
        let room = HeadRoom::default();
        let message = |rcpts: usize| {
            let mut held = room.rcpts();
            held.hold(rcpts * limits::RCPT_COST).then_some(held)
        };
        let full: Vec<Held> = std::iter::from_fn(|| message(limits::SMTP_RCPTS)).collect();
        let each = limits::SMTP_RCPTS * limits::RCPT_COST - limits::RCPTS_FREE;
        assert_eq!(full.len(), limits::HEADERS_IN_MEMORY / each);
        let letters: Vec<Option<Held>> = (0..limits::CONNECTIONS).map(|_| message(16)).collect();
        assert!(letters.iter().all(Option::is_some), "sixteen are free on every connection");
        drop(full);
        assert!(message(limits::SMTP_RCPTS).is_some(), "what was held is given back");
    }

    #[test]
    fn ordinary_sections_cost_nothing_and_large_ones_have_an_end() {
        let room = HeadRoom::default();
        let mut all = Vec::new();
        let large = limits::HEADER_SECTION;
        let fit = limits::HEADERS_IN_MEMORY / (large - limits::HEADER_FREE);
        for n in 0..=fit {
            let mut held = Held::none(room.clone(), Purpose::Section);
            assert!(held.hold(limits::HEADER_FREE));
            assert_eq!(held.hold(large), n < fit, "{n} of {fit}");
            all.push(held);
        }
        let mut small = Held::none(room.clone(), Purpose::Section);
        assert!(small.hold(limits::HEADER_FREE), "an ordinary message comes in all the same");
        all.pop();
        all[0].release();
        let mut held = Held::none(room.clone(), Purpose::Section);
        assert!(held.hold(large / 2) && held.hold(large), "it grows piece by piece");
        assert!(held.hold(large / 2) && held.octets == large / 2 - limits::HEADER_FREE, "and shrinks");
        drop((all, held));
        assert_eq!(room.count(Purpose::Section).load(Ordering::SeqCst), 0);
    }
}
