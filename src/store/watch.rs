//! The hub: sessions watch folders, the writer tells after each commit. In memory only.
//!
//! Watch first, then read the rows: what is committed in between is told twice (once by the rows), never not at all. A
//! folder's changes stand in one bounded ring; who falls further behind than it is long hears [`Changes::Lost`] and reads again.
//!
//! The hub also knows `\Recent` (RFC 3501 s2.3.2): for each folder the first message that no session was told of. After a start
//! nothing is recent.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use crate::{
    limits::WATCH_RING,
    rt::Bell,
    types::{FolderId, ModSeq, Uid},
};

/// What happened to a message, or to its folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// It is new.
    Added(Uid, ModSeq),
    /// Its flags or keywords are others now.
    Flags(Uid, ModSeq),
    /// It is gone; the folder's modification sequence then.
    Gone(Uid, ModSeq),
    /// The folder was deleted. Nothing follows.
    FolderGone,
}

/// What a watcher hears.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Changes {
    /// In the order of the commits; none when nothing happened.
    List(Vec<Change>),
    /// More than is remembered: read the rows again.
    Lost,
}

/// A folder that is watched. Dropping it ends that.
pub struct Watch {
    hub: Arc<Hub>,
    folder: FolderId,
    key: u64,
    bell: Bell,
}

/// Who watches what, and what is recent.
#[derive(Default)]
pub(super) struct Hub(Mutex<Inner>);

#[derive(Default)]
struct Inner {
    rings: HashMap<FolderId, Ring>,
    recent: HashMap<FolderId, Uid>,
    next_key: u64,
}

/// The last changes of a folder: number `first` and those behind it.
#[derive(Default)]
struct Ring {
    first: u64,
    changes: VecDeque<Change>,
    watchers: HashMap<u64, Watcher>,
    /// Watchers that have something to take; when there is none the ring is emptied.
    behind: usize,
}

struct Watcher {
    /// The number of the change that comes next.
    next: u64,
    behind: bool,
    bell: Bell,
}

impl Watch {
    /// Returns when something happened that was not taken yet.
    pub async fn changed(&self) {
        self.bell.wait().await;
    }

    /// What happened since the last call.
    pub fn take(&self) -> Changes {
        let mut inner = self.hub.inner();
        inner.rings.get_mut(&self.folder).map_or(Changes::Lost, |ring| ring.take(self.key))
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        let mut inner = self.hub.inner();
        let Some(ring) = inner.rings.get_mut(&self.folder) else { return };
        ring.leave(self.key);
        if ring.watchers.is_empty() {
            inner.rings.remove(&self.folder);
        }
    }
}

impl Ring {
    fn end(&self) -> u64 {
        self.first + self.changes.len() as u64
    }

    fn push(&mut self, change: Change) {
        if self.changes.len() == WATCH_RING {
            self.changes.pop_front();
            self.first += 1;
        }
        self.changes.push_back(change);
    }

    fn wake(&mut self) {
        self.behind = self.watchers.len();
        for watcher in self.watchers.values_mut() {
            watcher.behind = true;
            watcher.bell.ring();
        }
    }

    fn take(&mut self, key: u64) -> Changes {
        let (first, end) = (self.first, self.end());
        let Some(watcher) = self.watchers.get_mut(&key) else { return Changes::Lost };
        let next = std::mem::replace(&mut watcher.next, end);
        let was_behind = std::mem::replace(&mut watcher.behind, false);
        let changes = match next.checked_sub(first).and_then(|skip| usize::try_from(skip).ok()) {
            Some(skip) => Changes::List(self.changes.iter().skip(skip).copied().collect()),
            None => Changes::Lost,
        };
        self.caught_up(was_behind);
        changes
    }

    fn leave(&mut self, key: u64) {
        let was_behind = self.watchers.remove(&key).is_some_and(|watcher| watcher.behind);
        self.caught_up(was_behind);
    }

    fn caught_up(&mut self, was_behind: bool) {
        self.behind -= usize::from(was_behind);
        if self.behind == 0 {
            self.first = self.end();
            self.changes = VecDeque::new();
        }
    }
}

impl Hub {
    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins to watch.
    pub fn watch(self: &Arc<Self>, folder: FolderId) -> Watch {
        let mut inner = self.inner();
        let (key, bell) = (inner.next_key, Bell::default());
        inner.next_key += 1;
        let ring = inner.rings.entry(folder).or_default();
        let next = ring.end();
        ring.watchers.insert(key, Watcher { next, behind: false, bell: bell.clone() });
        Watch { hub: self.clone(), folder, key, bell }
    }

    /// Tells what was committed.
    pub fn publish(&self, told: &[(FolderId, Change)]) {
        if told.is_empty() {
            return;
        }
        let mut inner = self.inner();
        let mut woken: Vec<FolderId> = Vec::new();
        for (folder, change) in told {
            match change {
                Change::Added(uid, _) => drop(inner.recent.entry(*folder).or_insert(*uid)),
                Change::FolderGone => drop(inner.recent.remove(folder)),
                Change::Flags(..) | Change::Gone(..) => {}
            }
            if let Some(ring) = inner.rings.get_mut(folder) {
                ring.push(*change);
                if !woken.contains(folder) {
                    woken.push(*folder);
                }
            }
        }
        for folder in woken {
            if let Some(ring) = inner.rings.get_mut(&folder) {
                ring.wake();
            }
        }
    }

    /// Nobody knows what happened: every watcher reads again.
    pub fn lose(&self) {
        for ring in self.inner().rings.values_mut() {
            ring.first = ring.end() + 1;
            ring.changes.clear();
            ring.wake();
        }
    }

    /// The first message that no session was told of; from now on it and those behind it were. None: nothing is recent.
    pub fn take_recent(&self, folder: FolderId) -> Option<Uid> {
        self.inner().recent.remove(&folder)
    }

    /// The same, and it stays recent.
    pub fn peek_recent(&self, folder: FolderId) -> Option<Uid> {
        self.inner().recent.get(&folder).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rt::block_on;

    const BOX: FolderId = FolderId(7);

    fn added(n: u32) -> (FolderId, Change) {
        (BOX, Change::Added(Uid(n), ModSeq(n.into())))
    }

    fn list(numbers: impl IntoIterator<Item = u32>) -> Changes {
        Changes::List(numbers.into_iter().map(|n| added(n).1).collect())
    }

    #[test]
    fn each_watcher_hears_what_happened_since_it_looked() {
        let hub = Arc::new(Hub::default());
        let first = hub.watch(BOX);
        hub.publish(&[added(1)]);
        let second = hub.watch(BOX);
        hub.publish(&[added(2), (FolderId(8), Change::FolderGone)]);
        block_on(second.changed());
        assert_eq!(first.take(), list([1, 2]));
        assert_eq!(second.take(), list([2]));
        assert_eq!(first.take(), list([]));
        hub.publish(&[added(3)]);
        assert_eq!(first.take(), list([3]));
    }

    #[test]
    fn who_falls_too_far_behind_is_told_so_and_goes_on_from_there() {
        let hub = Arc::new(Hub::default());
        let (quick, slow) = (hub.watch(BOX), hub.watch(BOX));
        for n in 0..=WATCH_RING as u32 {
            hub.publish(&[added(n)]);
            if n == 5 {
                assert_eq!(quick.take(), list(0..=5));
            }
        }
        assert_eq!(slow.take(), Changes::Lost);
        assert_eq!(quick.take(), list(6..=WATCH_RING as u32));
        hub.publish(&[added(9999)]);
        assert_eq!(slow.take(), list([9999]));
    }

    #[test]
    fn nothing_is_kept_for_nobody() {
        let hub = Arc::new(Hub::default());
        let (one, two) = (hub.watch(BOX), hub.watch(BOX));
        hub.publish(&[added(1)]);
        one.take();
        drop(two);
        assert!(hub.inner().rings[&BOX].changes.is_empty());
        drop(one);
        assert!(hub.inner().rings.is_empty());
        hub.publish(&[added(2)]);
        assert!(hub.inner().rings.is_empty());
    }

    #[test]
    fn a_store_that_was_opened_again_is_read_again() {
        let hub = Arc::new(Hub::default());
        let watch = hub.watch(BOX);
        hub.lose();
        block_on(watch.changed());
        assert_eq!(watch.take(), Changes::Lost);
        hub.publish(&[added(4)]);
        assert_eq!(watch.take(), list([4]));
    }

    #[test]
    fn recent_is_what_nobody_was_told_of() {
        let hub = Hub::default();
        assert_eq!(hub.take_recent(BOX), None);
        hub.publish(&[added(5), added(6)]);
        assert_eq!((hub.peek_recent(BOX), hub.take_recent(BOX)), (Some(Uid(5)), Some(Uid(5))));
        assert_eq!(hub.take_recent(BOX), None);
        hub.publish(&[added(7), (BOX, Change::FolderGone)]);
        assert_eq!(hub.peek_recent(BOX), None);
    }
}
