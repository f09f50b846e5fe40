//! A set of UIDs as runs of consecutive ones: ten thousand messages that came one after another cost twelve octets. Pure.

use crate::types::Uid;

/// Consecutive UIDs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Run {
    first: u32,
    last: u32,
    /// UIDs in the runs before this one.
    before: u32,
}

impl Run {
    fn count(self) -> u32 {
        self.last - self.first + 1
    }
}

/// UIDs in ascending order, each once. Finding one, by itself or by its place, is a binary search.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Uids {
    runs: Vec<Run>,
}

impl Uids {
    /// How many.
    pub fn len(&self) -> u32 {
        self.runs.last().map_or(0, |run| run.before + run.count())
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.runs.is_empty()
    }

    /// Runs of consecutive ones, twelve octets each.
    pub fn runs(&self) -> usize {
        self.runs.len()
    }

    /// The highest.
    pub fn last(&self) -> Option<Uid> {
        self.runs.last().map(|run| Uid(run.last))
    }

    /// The one with `place` others before it.
    pub fn at(&self, place: u32) -> Option<Uid> {
        let run = self.runs[..self.runs.partition_point(|run| run.before <= place)].last()?;
        (place - run.before < run.count()).then(|| Uid(run.first + (place - run.before)))
    }

    /// How many are below `uid`.
    pub fn below(&self, uid: Uid) -> u32 {
        let at = self.runs.partition_point(|run| run.first < uid.0);
        self.runs[..at].last().map_or(0, |run| run.before + (uid.0 - run.first).min(run.count()))
    }

    /// How many others are before `uid`, if it is there.
    pub fn place(&self, uid: Uid) -> Option<u32> {
        let run = self.runs[..self.runs.partition_point(|run| run.first <= uid.0)].last()?;
        (uid.0 <= run.last).then(|| run.before + (uid.0 - run.first))
    }

    /// Whether it is there.
    pub fn has(&self, uid: Uid) -> bool {
        self.place(uid).is_some()
    }

    /// All, in order.
    pub fn iter(&self) -> impl Iterator<Item = Uid> {
        self.runs.iter().flat_map(|run| (run.first..=run.last).map(Uid))
    }

    /// The runs, as (first, last).
    pub fn ranges(&self) -> impl DoubleEndedIterator<Item = (Uid, Uid)> {
        self.runs.iter().map(|run| (Uid(run.first), Uid(run.last)))
    }

    /// The first `max` of those above `after`.
    pub fn page(&self, after: Uid, max: usize) -> Vec<Uid> {
        let at = self.runs.partition_point(|run| run.last <= after.0);
        let mut page = Vec::new();
        for run in &self.runs[at..] {
            let room = u32::try_from(max - page.len()).unwrap_or(u32::MAX);
            if room == 0 {
                break;
            }
            let first = run.first.max(after.0.saturating_add(1));
            page.extend((first..=run.last.min(first.saturating_add(room - 1))).map(Uid));
        }
        page
    }

    /// Adds one; cheapest at the end.
    pub fn add(&mut self, uid: Uid) {
        self.add_range(uid, uid);
    }

    /// Adds all from `first` to `last`.
    pub fn add_range(&mut self, first: Uid, last: Uid) {
        if first > last {
            return;
        }
        match self.runs.last_mut() {
            Some(run) if run.last.checked_add(1) == Some(first.0) => return run.last = last.0,
            Some(run) if first.0 <= run.last => {}
            Some(run) => {
                let before = run.before + run.count();
                return self.runs.push(Run { first: first.0, last: last.0, before });
            }
            None => {}
        }
        // Runs from..to touch the new one and become one with it.
        let from = self.runs.partition_point(|run| run.last < first.0.saturating_sub(1));
        let to = from + self.runs[from..].partition_point(|run| run.first <= last.0.saturating_add(1));
        let low = self.runs[from..to].first().map_or(first.0, |run| run.first.min(first.0));
        let high = self.runs[from..to].last().map_or(last.0, |run| run.last.max(last.0));
        self.runs.splice(from..to, [Run { first: low, last: high, before: 0 }]);
        self.count_from(from);
    }

    /// Takes one away; false if it was not there.
    pub fn remove(&mut self, uid: Uid) -> bool {
        let at = self.runs.partition_point(|run| run.last < uid.0);
        let Some(run) = self.runs.get(at).copied().filter(|run| run.first <= uid.0) else { return false };
        let left = (run.first < uid.0).then(|| Run { last: uid.0 - 1, ..run });
        let right = (uid.0 < run.last).then(|| Run { first: uid.0 + 1, ..run });
        self.runs.splice(at..=at, left.into_iter().chain(right));
        self.count_from(at);
        true
    }

    /// Takes all of `others` away, in one pass.
    pub fn remove_all(&mut self, others: &Uids) {
        let mut kept = Vec::new();
        for run in &self.runs {
            let mut first = run.first;
            let from = others.runs.partition_point(|other| other.last < run.first);
            for other in others.runs[from..].iter().take_while(|other| other.first <= run.last) {
                if first < other.first {
                    kept.push(Run { first, last: other.first - 1, before: 0 });
                }
                // Above the last UID there is nothing left of this run.
                first = other.last.saturating_add(1);
            }
            if first <= run.last && others.place(Uid(run.last)).is_none() {
                kept.push(Run { first, last: run.last, before: 0 });
            }
        }
        self.runs = kept;
        self.count_from(0);
    }

    /// Those that are in both.
    pub fn both(&self, others: &Uids) -> Uids {
        let mut both = Uids::default();
        for run in &self.runs {
            let from = others.runs.partition_point(|other| other.last < run.first);
            for other in others.runs[from..].iter().take_while(|other| other.first <= run.last) {
                both.add_range(Uid(run.first.max(other.first)), Uid(run.last.min(other.last)));
            }
        }
        both
    }

    /// Those from `first` to `last` (either may be the higher).
    pub fn between(&self, first: Uid, last: Uid) -> Uids {
        let mut range = Uids::default();
        range.add_range(first.min(last), first.max(last));
        range.both(self)
    }

    /// Takes the highest `max` away and gives them.
    pub fn take_last(&mut self, max: u32) -> Uids {
        let keep = self.len().saturating_sub(max);
        let Some(first) = self.at(keep) else { return Uids::default() };
        // The run that `first` lies in may stay in part.
        let at = self.runs.partition_point(|run| run.last < first.0);
        let mut taken = Uids { runs: self.runs.split_off(at) };
        if let Some(run) = taken.runs.first_mut().filter(|run| run.first < first.0) {
            self.runs.push(Run { last: first.0 - 1, ..*run });
            run.first = first.0;
        }
        taken.count_from(0);
        taken
    }

    fn count_from(&mut self, at: usize) {
        let mut before = at.checked_sub(1).map_or(0, |last| self.runs[last].before + self.runs[last].count());
        for run in &mut self.runs[at..] {
            run.before = before;
            before += run.count();
        }
    }
}

impl FromIterator<Uid> for Uids {
    fn from_iter<T: IntoIterator<Item = Uid>>(uids: T) -> Self {
        let mut all = Uids::default();
        uids.into_iter().for_each(|uid| all.add(uid));
        all
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn set(uids: &[u32]) -> Uids {
        uids.iter().map(|uid| Uid(*uid)).collect()
    }

    #[test]
    fn a_folder_that_only_grew_is_one_run() {
        let all: Uids = (1..=10_000).map(Uid).collect();
        assert_eq!((all.runs.len(), all.len(), all.last()), (1, 10_000, Some(Uid(10_000))));
        assert_eq!((all.at(0), all.at(9_999), all.at(10_000)), (Some(Uid(1)), Some(Uid(10_000)), None));
    }

    #[test]
    fn the_highest_uid_there_can_be_is_no_edge_to_fall_from() {
        let mut all = set(&[u32::MAX - 1, u32::MAX]);
        assert_eq!(all.place(Uid(u32::MAX)), Some(1));
        assert_eq!(all.page(Uid(u32::MAX), 5), []);
        all.remove_all(&set(&[u32::MAX]));
        assert_eq!(all, set(&[u32::MAX - 1]));
        assert!(all.remove(Uid(u32::MAX - 1)) && all.is_empty());
    }

    /// Against a plain sorted set, a step at a time.
    #[test]
    fn forty_thousand_random_steps_agree_with_a_plain_set() {
        let mut random = 0x2545_f491_4f6c_dd1d_u64;
        let mut next = move |below: u32| {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            (random >> 33) as u32 % below
        };
        let (mut runs, mut plain) = (Uids::default(), BTreeSet::new());
        for step in 0..40_000 {
            let uid = next(60) + 1;
            match next(7) {
                0 | 1 => {
                    runs.add(Uid(uid));
                    plain.insert(uid);
                }
                2 => {
                    let to = uid + next(5);
                    runs.add_range(Uid(uid), Uid(to));
                    plain.extend(uid..=to);
                }
                3 | 4 => assert_eq!(runs.remove(Uid(uid)), plain.remove(&uid), "step {step}"),
                5 => {
                    let others: BTreeSet<u32> = (0..next(6)).map(|_| next(60) + 1).collect();
                    let other: Uids = others.iter().map(|uid| Uid(*uid)).collect();
                    let both: Vec<u32> = plain.intersection(&others).copied().collect();
                    assert_eq!(runs.both(&other), set(&both), "step {step}");
                    runs.remove_all(&other);
                    plain.retain(|uid| !others.contains(uid));
                }
                _ => {
                    let most = next(4);
                    let taken: Vec<u32> = plain.iter().rev().take(most as usize).copied().collect();
                    assert_eq!(runs.take_last(most), set(&taken), "step {step}");
                    plain.retain(|uid| !taken.contains(uid));
                }
            }
            agree(&runs, &plain, uid, step);
        }
    }

    fn agree(runs: &Uids, plain: &BTreeSet<u32>, uid: u32, step: usize) {
        let sorted: Vec<Uid> = plain.iter().map(|uid| Uid(*uid)).collect();
        assert_eq!(runs.iter().collect::<Vec<_>>(), sorted, "step {step}");
        assert_eq!(runs.len() as usize, sorted.len(), "step {step}");
        assert_eq!(runs.place(Uid(uid)), sorted.binary_search(&Uid(uid)).ok().map(|at| at as u32), "step {step}");
        assert_eq!(runs.below(Uid(uid)) as usize, plain.range(..uid).count(), "step {step}");
        for place in [0, uid / 2, uid] {
            assert_eq!(runs.at(place), sorted.get(place as usize).copied(), "step {step}");
        }
        let page: Vec<Uid> = sorted.iter().copied().filter(|other| other.0 > uid).take(7).collect();
        assert_eq!(runs.page(Uid(uid), 7), page, "step {step}");
        assert!(runs.runs.windows(2).all(|w| w[0].last + 1 < w[1].first), "step {step}: runs touch");
    }
}
