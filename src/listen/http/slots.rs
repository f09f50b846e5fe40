//! Counted places that all connections share: event streams, octets of bodies.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

/// So many places. Cheap to clone; every clone counts the same ones.
#[derive(Clone)]
pub(super) struct Slots {
    taken: Arc<AtomicUsize>,
    most: usize,
}

/// Places that somebody has; given back when it is dropped.
pub(super) struct Slot {
    taken: Arc<AtomicUsize>,
    many: usize,
}

impl Slots {
    pub fn new(most: usize) -> Self {
        Slots { taken: Arc::default(), most }
    }

    /// So many places, or None when fewer are free.
    pub fn take(&self, many: usize) -> Option<Slot> {
        let fits = |taken: usize| taken.checked_add(many).filter(|sum| *sum <= self.most);
        let done = self.taken.fetch_update(Ordering::SeqCst, Ordering::SeqCst, fits);
        done.ok().map(|_| Slot { taken: self.taken.clone(), many })
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.taken.fetch_sub(self.many, Ordering::SeqCst);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_come_back_and_never_are_more_than_there_are() {
        let slots = Slots::new(3);
        let two = slots.take(2);
        assert!(two.is_some() && slots.take(2).is_none() && slots.take(usize::MAX).is_none());
        let one = slots.take(1);
        assert!(one.is_some() && slots.take(1).is_none());
        drop(two);
        assert!(slots.take(2).is_some());
    }
}
