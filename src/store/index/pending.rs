//! Records that wait to be written, and bodies whose records are to go. In memory only, bounded; readable at once.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use crate::{
    limits::{DERIVED, INDEX_PENDING},
    types::BodyId,
};

/// Octets that are worth a transaction of their own.
const WORTH: usize = INDEX_PENDING / 4;
/// How long a record waits at most; one that a power cut takes is made again.
const LONGEST: Duration = Duration::from_secs(60);
/// Bodies whose records are to go: 8 octets each. What does not fit is found by the sweep of the next start.
const GONE: usize = 32 * 1024;

/// What one transaction writes.
#[derive(Default)]
pub(in super::super) struct Batch {
    pub rows: BTreeMap<BodyId, Vec<u8>>,
    pub gone: Vec<BodyId>,
}

/// What waits.
#[derive(Default)]
pub(super) struct Pending {
    rows: BTreeMap<BodyId, Vec<u8>>,
    gone: Vec<BodyId>,
    octets: usize,
    /// When the oldest came, by the clock that never steps.
    since: Option<Duration>,
    writing: Option<Arc<Batch>>,
    /// Octets of `writing`.
    busy: usize,
    /// A body that is gone was forgotten.
    forgot: bool,
}

impl Pending {
    /// Takes a record; one there is no room for is forgotten: it can be made again.
    pub fn put(&mut self, id: BodyId, record: Vec<u8>, now: Duration) {
        if record.len() > DERIVED || self.octets + self.busy + record.len() > INDEX_PENDING {
            return;
        }
        self.octets += record.len();
        if let Some(old) = self.rows.insert(id, record) {
            self.octets -= old.len();
        }
        self.since.get_or_insert(now);
    }

    /// A record that is not on the disk yet.
    pub fn get(&self, id: BodyId) -> Option<Vec<u8>> {
        let writing = || self.writing.as_ref().and_then(|batch| batch.rows.get(&id));
        self.rows.get(&id).or_else(writing).cloned()
    }

    /// Bodies that lost their last link.
    pub fn remove(&mut self, ids: &[BodyId], now: Duration) {
        for id in ids {
            if let Some(old) = self.rows.remove(id) {
                self.octets -= old.len();
            }
        }
        let room = GONE.saturating_sub(self.gone.len());
        self.forgot |= ids.len() > room;
        self.gone.extend(ids.iter().take(room));
        if !ids.is_empty() {
            self.since.get_or_insert(now);
        }
    }

    /// Whether it is worth a transaction.
    pub fn is_due(&self, now: Duration) -> bool {
        let old = self.since.is_some_and(|since| now.saturating_sub(since) >= LONGEST);
        self.writing.is_none() && (self.octets >= WORTH || self.gone.len() >= GONE / 8 || old)
    }

    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty() && self.gone.is_empty()
    }

    /// Everything, to be written; it can be read until [`Pending::written`].
    pub fn take(&mut self) -> Arc<Batch> {
        let batch = Batch { rows: std::mem::take(&mut self.rows), gone: std::mem::take(&mut self.gone) };
        let batch = Arc::new(batch);
        (self.busy, self.octets, self.since) = (self.octets, 0, None);
        self.writing = Some(batch.clone());
        batch
    }

    /// The batch is on the disk, or it never will be: then bodies that are gone are remembered for the next one.
    pub fn written(&mut self, batch: &Batch, well: bool) {
        (self.writing, self.busy) = (None, 0);
        if !well {
            let room = GONE.saturating_sub(self.gone.len());
            self.forgot |= batch.gone.len() > room;
            self.gone.extend(batch.gone.iter().take(room));
        }
    }

    /// Whether a body that is gone was forgotten; then a sweep is needed.
    pub fn forgot(&self) -> bool {
        self.forgot || !self.gone.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Duration = Duration::from_secs(5);

    #[test]
    fn a_record_can_be_read_before_while_and_until_it_is_written() {
        let mut pending = Pending::default();
        pending.put(BodyId(1), b"one".to_vec(), NOW);
        assert_eq!(pending.get(BodyId(1)), Some(b"one".to_vec()));
        let batch = pending.take();
        pending.put(BodyId(2), b"two".to_vec(), NOW);
        assert_eq!((pending.get(BodyId(1)), pending.get(BodyId(2))), (Some(b"one".to_vec()), Some(b"two".to_vec())));
        pending.written(&batch, true);
        assert_eq!((pending.get(BodyId(1)), pending.get(BodyId(2))), (None, Some(b"two".to_vec())));
    }

    #[test]
    fn memory_is_bounded_whatever_comes() {
        let mut pending = Pending::default();
        pending.put(BodyId(0), vec![0; DERIVED + 1], NOW);
        assert_eq!(pending.get(BodyId(0)), None);
        for n in 0..10_000 {
            pending.put(BodyId(n), vec![0; 1000], NOW);
        }
        let batch = pending.take();
        assert!(batch.rows.len() * 1000 <= INDEX_PENDING && batch.rows.len() > 900);
        // What is being written counts too.
        pending.put(BodyId(20_000), vec![0; 60_000], NOW);
        assert_eq!(pending.get(BodyId(20_000)), None);
        pending.remove(&(0..100_000).map(BodyId).collect::<Vec<_>>(), NOW);
        assert!(pending.take().gone.len() == GONE && pending.forgot());
    }

    #[test]
    fn it_is_written_when_there_is_enough_of_it_or_after_a_minute() {
        let mut pending = Pending::default();
        assert!(!pending.is_due(NOW));
        pending.put(BodyId(1), vec![0; 1000], NOW);
        assert!(!pending.is_due(NOW) && pending.is_due(NOW + LONGEST));
        (2..400).for_each(|n| pending.put(BodyId(n), vec![0; 1000], NOW));
        assert!(pending.is_due(NOW));
        let batch = pending.take();
        assert!(!pending.is_due(NOW + LONGEST));
        pending.written(&batch, true);
        pending.remove(&[BodyId(1)], NOW);
        assert!(!pending.is_due(NOW) && pending.is_due(NOW + LONGEST));
    }

    #[test]
    fn a_batch_that_fails_forgets_records_but_not_what_is_gone() {
        let mut pending = Pending::default();
        pending.put(BodyId(1), b"one".to_vec(), NOW);
        pending.remove(&[BodyId(7)], NOW);
        let batch = pending.take();
        pending.written(&batch, false);
        assert_eq!(pending.get(BodyId(1)), None);
        assert_eq!(pending.take().gone, [BodyId(7)]);
    }
}
