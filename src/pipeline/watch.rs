//! What IMAP will show of a message, found out while its octets go by.
//!
//! The scanner's memory is bounded for one message; for all together it is `limits::STRUCTURES_IN_MEMORY`. A message for which
//! there is no room is kept all the same: its record is made when somebody asks for it.

use super::{
    HeadRoom,
    room::{Held, Purpose},
};
use crate::mime::{Derived, Scanner};

/// The scanner of one message, until it had to give up.
pub(super) struct Watching {
    scanner: Option<Box<Scanner>>,
    held: Held,
}

impl Watching {
    pub(super) fn new(room: &HeadRoom) -> Self {
        Watching { scanner: Some(Box::default()), held: Held::none(room.clone(), Purpose::Structure) }
    }

    /// The message's next octets, as they are stored.
    pub(super) fn feed(&mut self, octets: &[u8]) {
        let Some(scanner) = &mut self.scanner else { return };
        scanner.feed(octets);
        if !self.held.hold(scanner.weight()) {
            self.give_up();
        }
    }

    /// The record for `store::NewMessage`.
    pub(super) fn finish(self) -> Option<Vec<u8>> {
        self.scanner.map(|scanner| Derived::of(&scanner.finish()).encode())
    }

    fn give_up(&mut self) {
        self.scanner = None;
        self.held.release();
    }
}

/// The record of a message that is in memory.
pub(super) fn of(octets: &[&[u8]]) -> Vec<u8> {
    let mut scanner = Scanner::default();
    octets.iter().for_each(|piece| scanner.feed(piece));
    Derived::of(&scanner.finish()).encode()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits;

    const MANY: &str = "Content-Type: multipart/mixed; boundary=b\r\n\r\n";
    const PART: &str =
        "--b\r\nContent-Description: something to be remembered of this part of the message\r\n\r\nx\r\n";

    #[test]
    fn messages_that_are_watched_share_their_memory() {
        let room = HeadRoom::default();
        let mut all: Vec<Watching> = (0..20).map(|_| Watching::new(&room)).collect();
        for watching in &mut all {
            watching.feed(MANY.as_bytes());
            (0..900).for_each(|_| watching.feed(PART.as_bytes()));
        }
        let watched = all.iter().filter(|w| w.scanner.is_some()).count();
        assert!((1..all.len()).contains(&watched), "{watched} of {}", all.len());
        let held: usize = all.iter().filter_map(|w| w.scanner.as_ref().map(|s| s.weight())).sum();
        assert!(held <= limits::STRUCTURES_IN_MEMORY + watched * limits::STRUCTURE_FREE, "{held}");
        let mut small = Watching::new(&room);
        small.feed(b"Subject: x\r\n\r\nhi\r\n");
        assert!(small.finish().is_some(), "an ordinary message needs none of it");
        drop(all);
        let mut again = Watching::new(&room);
        again.feed(MANY.as_bytes());
        (0..900).for_each(|_| again.feed(PART.as_bytes()));
        assert!(again.finish().is_some(), "what was held is given back");
    }

    #[test]
    fn pieces_give_what_the_whole_gives() {
        let message = [MANY, PART, PART, "--b--\r\n"].concat();
        let mut watching = Watching::new(&HeadRoom::default());
        message.as_bytes().chunks(7).for_each(|piece| watching.feed(piece));
        assert_eq!(watching.finish(), Some(of(&[message.as_bytes()])));
    }
}
