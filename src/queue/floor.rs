//! The rows that are in memory: waiting for a place on their way, or under way. The rest of the queue stays on the disk. Pure.
//!
//! A *lane* is a way with its connections (`feedback`) and the loads that wait for one. A lane holds a few loads so that it never
//! waits for the disk; what is more is left where it is, and its destinations are passed over until the lane runs low. So memory is
//! bounded by [`limits::QUEUE_WINDOW`], and a destination that takes its time keeps nobody else waiting.

use std::{
    collections::{HashMap, HashSet, VecDeque},
    time::Duration,
};

use super::{
    feedback::{Met, Window},
    routes::Route,
};
use crate::{
    limits,
    store::Destination,
    types::{Answer, RowId, Waiting},
};

/// Rows that wait in one lane.
const LANE: usize = limits::QUEUE_LANE;
/// A lane with fewer rows than this is filled again.
const LOW: usize = LANE / 4;
/// Attempts under way beyond which a lane gets one only.
const PLENTY: usize = limits::QUEUE_CONNECTIONS * 2 / 3;
/// Destinations of one lane that are passed over; more are not looked for.
const MOST_PASSED: usize = 20_000;
/// Destinations of one lane that are asked for their rows one by one; more are found by a look through the queue.
const ASKED: usize = 4;

/// Rows of one message that leave together.
#[derive(Clone, Debug)]
pub(super) struct Load {
    /// The first is the lane it waits in. One or more.
    pub ways: Vec<Route>,
    /// One or more, all of one message with the same sender and terms.
    pub rows: Vec<Waiting>,
}

impl Load {
    fn takes(&self, row: &Waiting, ways: &[Route]) -> bool {
        self.rows.len() < limits::QUEUE_RCPTS
            && self.ways == ways
            && self.rows.first().is_some_and(|first| {
                let (a, b) = (&first.leaving, &row.leaving);
                (first.body, &a.from, &a.terms, a.ours) == (row.body, &b.from, &b.terms, b.ours)
            })
    }
}

#[derive(Default)]
struct Lane {
    window: Window,
    loads: VecDeque<Load>,
    /// Rows of the loads.
    rows: usize,
    /// Destinations whose rows were left on the disk.
    passed: HashSet<Destination>,
}

/// What became of a row that was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// It waits in its lane, or is in memory already.
    Taken,
    /// Its lane is full: it stays on the disk.
    Passed,
    /// All its ways are closed: it is put off with this answer.
    Closed(Box<Waiting>, Answer),
}

/// Where to read on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Wants {
    /// These destinations have rows for a lane that runs low.
    pub of: Vec<Destination>,
    /// The queue is to be looked through.
    pub look: bool,
}

/// All lanes.
#[derive(Default)]
pub(super) struct Floor {
    lanes: HashMap<Route, Lane>,
    /// The order in which lanes get their turn.
    turns: VecDeque<Route>,
    /// Every row in memory.
    rows: HashSet<RowId>,
    waiting: usize,
    under_way: usize,
}

impl Floor {
    /// Puts a row that was read into its lane.
    pub fn offer(&mut self, row: Waiting, mut ways: Vec<Route>, now: Duration) -> Place {
        if self.rows.contains(&row.id) {
            return Place::Taken;
        }
        let closed = |way: &Route| self.lanes.get(way).and_then(|lane| lane.window.closed(now)).map(|c| c.why.clone());
        match ways.iter().position(|way| closed(way).is_none()) {
            Some(first) => drop(ways.drain(..first)),
            None => {
                let why = ways.first().and_then(closed);
                return why.map_or(Place::Passed, |why| Place::Closed(Box::new(row), why));
            }
        }
        let Some(first) = ways.first().cloned() else { return Place::Passed };
        if !self.lanes.contains_key(&first) {
            self.turns.push_back(first.clone());
        }
        let lane = self.lanes.entry(first).or_default();
        if lane.rows >= LANE {
            if lane.passed.len() < MOST_PASSED {
                lane.passed.insert(Destination::of(&row.leaving.to.domain));
            }
            return Place::Passed;
        }
        self.rows.insert(row.id);
        self.waiting += 1;
        lane.rows += 1;
        match lane.loads.iter_mut().rev().find(|load| load.takes(&row, &ways)) {
            Some(load) => load.rows.push(row),
            None => lane.loads.push_back(Load { ways, rows: vec![row] }),
        }
        Place::Taken
    }

    /// The next loads that may leave, one of each lane in turn; their places are taken.
    pub fn take(&mut self, most: usize, now: Duration) -> Vec<Load> {
        let (mut taken, mut idle) = (Vec::new(), 0);
        while self.under_way < limits::QUEUE_CONNECTIONS && idle < self.turns.len() {
            let Some(way) = self.turns.pop_front() else { break };
            // The last places are for those who have none: servers that stall cannot take them all.
            let most = if self.under_way < PLENTY { most } else { 1 };
            let load = self.lanes.get_mut(&way).and_then(|lane| lane.take(most, now));
            self.turns.push_back(way);
            match load {
                Some(load) => {
                    self.under_way += 1;
                    self.waiting -= load.rows.len();
                    taken.push(load);
                    idle = 0;
                }
                None => idle += 1,
            }
        }
        taken
    }

    /// An attempt ended, or was never made (`met` is None). Gives the rows of a lane that is closed now: they are offered anew.
    pub fn ended(
        &mut self,
        way: &Route,
        met: Option<Met>,
        why: Option<&Answer>,
        (most, now): (usize, Duration),
    ) -> Vec<Waiting> {
        self.under_way = self.under_way.saturating_sub(1);
        let Some(lane) = self.lanes.get_mut(way) else { return Vec::new() };
        match met {
            Some(met) => lane.window.end(met, why, most, now),
            None => lane.window.give_back(),
        }
        if lane.window.closed(now).is_none() {
            return Vec::new();
        }
        let rows: Vec<Waiting> = lane.empty().collect();
        self.waiting -= rows.len();
        self.forget(rows.iter().map(|row| row.id));
        rows
    }

    /// A row is in memory though it waits in no lane: what becomes of it is written soon.
    pub fn hold(&mut self, row: RowId) {
        self.rows.insert(row);
    }

    /// Whether a way does not answer, as far as is known.
    pub fn is_closed(&self, way: &Route) -> bool {
        self.lanes.get(way).is_some_and(|lane| lane.window.is_closed())
    }

    /// These ways are tried again at once.
    pub fn reopen(&mut self, ways: &[Route]) {
        for way in ways {
            if let Some(lane) = self.lanes.get_mut(way) {
                lane.window.reopen();
            }
        }
    }

    /// The settings changed: what did not answer may answer now.
    pub fn reopen_all(&mut self) {
        self.lanes.values_mut().for_each(|lane| lane.window.reopen());
    }

    /// Rows are written: they may be read again.
    pub fn forget(&mut self, rows: impl IntoIterator<Item = RowId>) {
        for row in rows {
            self.rows.remove(&row);
        }
    }

    /// What waits here is not what stands on the disk any more: it is read again.
    pub fn forget_waiting(&mut self) {
        let rows: Vec<Waiting> = self.lanes.values_mut().flat_map(Lane::empty).collect();
        self.waiting -= rows.len();
        self.forget(rows.iter().map(|row| row.id));
    }

    /// Destinations whose rows are not to be read now: their lanes have enough.
    pub fn passed(&self) -> HashSet<Destination> {
        self.lanes.values().flat_map(|lane| lane.passed.iter().copied()).collect()
    }

    /// The same with the destinations of rows that wait here: no reason to wake.
    pub fn known(&self) -> HashSet<Destination> {
        let waiting = self.lanes.values().flat_map(|lane| &lane.loads).flat_map(|load| &load.rows);
        let mut known = self.passed();
        known.extend(waiting.map(|row| Destination::of(&row.leaving.to.domain)));
        known
    }

    /// What lanes that run low want to be read; asked once.
    pub fn wants(&mut self) -> Wants {
        let mut wants = Wants::default();
        for lane in self.lanes.values_mut().filter(|lane| lane.rows <= LOW && !lane.passed.is_empty()) {
            if lane.passed.len() <= ASKED {
                wants.of.extend(lane.passed.drain());
            } else {
                lane.passed.clear();
                wants.look = true;
            }
        }
        wants
    }

    /// Rows of this destination were left on the disk.
    pub fn pass(&mut self, way: &Route, to: Destination) {
        if let Some(lane) = self.lanes.get_mut(way) {
            lane.passed.insert(to);
        }
    }

    /// Whether no more rows may come in.
    pub fn is_full(&self) -> bool {
        self.waiting >= limits::QUEUE_WINDOW
    }

    /// Attempts under way.
    pub fn under_way(&self) -> usize {
        self.under_way
    }

    /// Ways that do not answer now, with what the last attempt said.
    pub fn closed(&self, now: Duration) -> Vec<(&Route, &Answer)> {
        let closed = self.lanes.iter().filter_map(|(way, lane)| Some((way, &lane.window.closed(now)?.why)));
        let mut all: Vec<_> = closed.collect();
        all.sort_by_cached_key(|(way, _)| way.to_string());
        all
    }

    /// Lanes that nobody uses are forgotten.
    pub fn tidy(&mut self, now: Duration) {
        let Floor { lanes, turns, .. } = self;
        lanes.retain(|_, lane| !lane.loads.is_empty() || !lane.passed.is_empty() || !lane.window.is_idle(now));
        turns.retain(|way| lanes.contains_key(way));
    }
}

impl Lane {
    /// Gives the rows that wait.
    fn empty(&mut self) -> impl Iterator<Item = Waiting> + '_ {
        self.rows = 0;
        self.loads.drain(..).flat_map(|load| load.rows)
    }

    fn take(&mut self, most: usize, now: Duration) -> Option<Load> {
        if !self.window.has_room(most, now) {
            return None;
        }
        let load = self.loads.pop_front()?;
        self.rows -= load.rows.len();
        self.window.begin();
        Some(load)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::{Address, BodyId, Domain, Hold, Leaving, ReversePath, Terms, UnixTime, Wishes};

    const NOW: Duration = Duration::from_secs(1000);
    const MOST: usize = 20;

    fn row(id: u64, body: u64, to: &str) -> Waiting {
        let leaving = Leaving {
            from: ReversePath::Null,
            to: Address::parse(to).unwrap(),
            original: None,
            wishes: Wishes::default(),
            terms: Terms::default(),
            ours: true,
            next_try: UnixTime(0),
        };
        let (since, hold) = (UnixTime(0), Hold::Free);
        Waiting {
            id: RowId(id),
            body: BodyId(body),
            size: 1,
            since,
            leaving,
            tries: 0,
            hold,
            told_late: false,
            last: None,
        }
    }

    fn mx(domain: &str) -> Route {
        Route::Mx(Domain::parse(domain).unwrap())
    }

    fn offer(floor: &mut Floor, row: Waiting) -> Place {
        let ways = vec![Route::Mx(row.leaving.to.domain.clone())];
        floor.offer(row, ways, NOW)
    }

    fn why() -> Answer {
        Answer { at: UnixTime(0), peer: "".into(), code: 0, status: "4.4.1".into(), text: "nobody".into() }
    }

    fn ids(loads: &[Load]) -> Vec<Vec<u64>> {
        loads.iter().map(|load| load.rows.iter().map(|row| row.id.0).collect()).collect()
    }

    #[test]
    fn recipients_of_one_message_at_one_destination_leave_together() {
        let mut floor = Floor::default();
        for (id, body, to) in [(1, 7, "a@x.test"), (2, 7, "b@x.test"), (3, 8, "a@x.test"), (4, 7, "a@y.test")] {
            assert_eq!(offer(&mut floor, row(id, body, to)), Place::Taken);
        }
        let mut other = row(5, 7, "c@x.test");
        other.leaving.terms.utf8 = true;
        offer(&mut floor, other);
        let mut all = ids(&floor.take(MOST, NOW));
        all.sort();
        assert_eq!(all, [vec![1, 2], vec![3], vec![4], vec![5]]);
        assert_eq!(offer(&mut floor, row(1, 7, "a@x.test")), Place::Taken, "it is under way: never twice");
        assert!(floor.take(MOST, NOW).is_empty());
    }

    #[test]
    fn what_waits_is_read_again_when_the_clock_stepped_and_what_is_under_way_is_not() {
        let mut floor = Floor::default();
        offer(&mut floor, row(1, 7, "a@x.test"));
        assert_eq!(ids(&floor.take(MOST, NOW)), [vec![1]]);
        offer(&mut floor, row(2, 8, "a@x.test"));
        floor.forget_waiting();
        let moved = Waiting { since: UnixTime(86_400), ..row(2, 8, "a@x.test") };
        assert_eq!(offer(&mut floor, moved), Place::Taken);
        assert_eq!(offer(&mut floor, row(1, 7, "a@x.test")), Place::Taken);
        let loads = floor.take(MOST, NOW);
        assert_eq!((ids(&loads), loads[0].rows[0].since), (vec![vec![2]], UnixTime(86_400)));
    }

    #[test]
    fn one_busy_destination_keeps_no_other_waiting_and_memory_is_bounded() {
        let mut floor = Floor::default();
        let mut id = 0;
        let mut put = |floor: &mut Floor, to: &str| {
            id += 1;
            offer(floor, row(id, id, to))
        };
        let first: Vec<Place> = (0..LANE + 50).map(|_| put(&mut floor, "a@busy.test")).collect();
        assert_eq!(first.iter().filter(|place| **place == Place::Taken).count(), LANE);
        assert_eq!(floor.passed(), HashSet::from([Destination::of(&Domain::parse("busy.test").unwrap())]));
        assert_eq!(put(&mut floor, "a@quick.test"), Place::Taken);
        let left = floor.take(MOST, NOW);
        assert!(left.iter().any(|load| load.ways == [mx("quick.test")]), "its turn came");
        for n in 0.. {
            if floor.is_full() {
                break;
            }
            put(&mut floor, &format!("a@{n}.test"));
        }
        assert!(floor.rows.len() <= limits::QUEUE_WINDOW + limits::QUEUE_CONNECTIONS);
        assert!(floor.take(MOST, NOW).len() + left.len() <= limits::QUEUE_CONNECTIONS);
    }

    #[test]
    fn a_lane_that_runs_low_asks_for_what_was_left_on_the_disk() {
        let mut floor = Floor::default();
        (0..=LANE as u64).for_each(|id| drop(offer(&mut floor, row(id, id, "a@x.test"))));
        assert_eq!(floor.wants(), Wants::default());
        let mut left = LANE;
        while left > LOW {
            for load in floor.take(MOST, NOW) {
                left -= load.rows.len();
                floor.ended(&mx("x.test"), Some(Met::Server), None, (MOST, NOW));
            }
        }
        let want = Wants { of: vec![Destination::of(&Domain::parse("x.test").unwrap())], look: false };
        assert_eq!((floor.wants(), floor.wants()), (want, Wants::default()));
        assert!(floor.passed().is_empty());
    }

    #[test]
    fn a_lane_that_is_closed_gives_its_rows_back_and_another_way_is_taken() {
        let mut floor = Floor::default();
        (1..=9).for_each(|id| drop(offer(&mut floor, row(id, id, "a@x.test"))));
        let way = mx("x.test");
        let begun = floor.take(MOST, NOW).len();
        let back: Vec<Waiting> =
            (0..begun).flat_map(|_| floor.ended(&way, Some(Met::Nobody), Some(&why()), (MOST, NOW))).collect();
        assert_eq!((begun, back.len()), (5, 4));
        let one = back.into_iter().next().unwrap();
        assert_eq!(offer(&mut floor, one.clone()), Place::Closed(Box::new(one.clone()), why()));
        assert_eq!(floor.closed(NOW), [(&way, &why())]);
        let ways = vec![way, mx("backup.test")];
        assert_eq!(floor.offer(one, ways, NOW), Place::Taken);
        assert_eq!(floor.take(MOST, NOW)[0].ways, [mx("backup.test")]);
    }

    #[test]
    fn lanes_that_nobody_uses_are_forgotten() {
        let mut floor = Floor::default();
        offer(&mut floor, row(1, 1, "a@x.test"));
        floor.tidy(NOW);
        assert_eq!(floor.take(MOST, NOW).len(), 1);
        floor.ended(&mx("x.test"), Some(Met::Server), None, (MOST, NOW));
        floor.forget([RowId(1)]);
        floor.tidy(NOW);
        assert!(floor.lanes.is_empty() && floor.turns.is_empty() && floor.rows.is_empty());
    }
}
