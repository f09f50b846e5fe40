//! Memory for header sections that are larger than most, shared by all connections.
//!
//! A header section is held whole until its end is seen. Believed: the cap of one is enough. True: a thousand stalled clients
//! with 250 KB each were 300 MB. An ordinary section costs nothing here; of the large ones there are so many at a time.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use crate::limits;

/// The shared count. Cheap to clone.
#[derive(Clone, Default)]
pub struct HeadRoom(Arc<AtomicUsize>);

/// One message's part of it; dropping gives it back.
pub(super) struct Held {
    room: HeadRoom,
    octets: usize,
}

impl Held {
    pub(super) fn none(room: HeadRoom) -> Self {
        Held { room, octets: 0 }
    }

    /// Holds what lies above the free part of `octets`; false when all room is taken.
    pub(super) fn hold(&mut self, octets: usize) -> bool {
        let more = octets.saturating_sub(limits::HEADER_FREE).saturating_sub(self.octets);
        let before = self.room.0.fetch_add(more, Ordering::SeqCst);
        self.octets += more;
        more == 0 || before.saturating_add(more) <= limits::HEADERS_IN_MEMORY
    }

    /// The section is whole and on its way to the disk.
    pub(super) fn release(&mut self) {
        self.room.0.fetch_sub(std::mem::take(&mut self.octets), Ordering::SeqCst);
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
    fn ordinary_sections_cost_nothing_and_large_ones_have_an_end() {
        let room = HeadRoom::default();
        let mut all = Vec::new();
        let large = limits::HEADER_SECTION;
        let fit = limits::HEADERS_IN_MEMORY / (large - limits::HEADER_FREE);
        for n in 0..=fit {
            let mut held = Held::none(room.clone());
            assert!(held.hold(limits::HEADER_FREE));
            assert_eq!(held.hold(large), n < fit, "{n} of {fit}");
            all.push(held);
        }
        let mut small = Held::none(room.clone());
        assert!(small.hold(limits::HEADER_FREE), "an ordinary message comes in all the same");
        all.pop();
        all[0].release();
        let mut held = Held::none(room.clone());
        assert!(held.hold(large / 2) && held.hold(large), "it grows piece by piece");
        drop((all, held));
        assert_eq!(room.0.load(Ordering::SeqCst), 0);
    }
}
