//! What the client believes of the selected folder, and what it has yet to be told. Pure.
//!
//! A number is a place in the client's picture. The picture changes only by what is said: EXISTS adds at its end, EXPUNGE
//! takes out; so a number never comes to mean another message behind the client's back (RFC 3501 s7.4.1). A message that is
//! gone keeps its number until EXPUNGE may be said.

use super::uids::Uids;
use crate::types::Uid;

/// The numbers of a selected folder. Costs twelve octets a run of UIDs, whatever waits included.
#[derive(Clone, Debug)]
pub struct View {
    /// The client's picture: the message numbered n is at place n - 1.
    told: Uids,
    /// Arrived, not told yet. All above `told`.
    fresh: Uids,
    /// In the picture, but not in the folder any more.
    gone: Uids,
    /// In the picture; somebody changed their flags, and the client has not heard it.
    flagged: Uids,
    /// \Recent in this session (RFC 3501 s2.3.2).
    recent: Uids,
    /// The highest UID that was ever heard of: what comes at or below it is no news.
    highest: Uid,
}

impl View {
    /// The folder as SELECT found it, all of which the client is told at once.
    pub fn new(found: Uids) -> Self {
        let [fresh, gone, flagged, recent] = std::array::from_fn(|_| Uids::default());
        View { highest: found.last().unwrap_or(Uid(0)), told: found, fresh, gone, flagged, recent }
    }

    /// How many messages the client believes to be there.
    pub fn exists(&self) -> u32 {
        self.told.len()
    }

    /// The message with a number.
    pub fn uid(&self, number: u32) -> Option<Uid> {
        self.told.at(number.checked_sub(1)?)
    }

    /// The number of a message.
    pub fn number(&self, uid: Uid) -> Option<u32> {
        self.told.place(uid).map(|place| place + 1)
    }

    /// The messages that the client believes to be there; some may be gone.
    pub fn told(&self) -> &Uids {
        &self.told
    }

    /// Those that are known to be gone.
    pub fn gone(&self) -> &Uids {
        &self.gone
    }

    /// The highest UID that was ever heard of.
    pub fn highest(&self) -> Uid {
        self.highest
    }

    /// A message arrived. One that was heard of before is no news.
    pub fn hear_added(&mut self, uid: Uid) {
        if uid > self.highest {
            self.highest = uid;
            self.fresh.add(uid);
        }
    }

    /// A message is gone. One that the client never heard of leaves no trace.
    pub fn hear_gone(&mut self, uid: Uid) {
        self.recent.remove(uid);
        if !self.fresh.remove(uid) && self.told.has(uid) {
            self.gone.add(uid);
            self.flagged.remove(uid);
        }
    }

    /// Somebody changed a message's flags.
    pub fn hear_flags(&mut self, uid: Uid) {
        if self.told.has(uid) && !self.gone.has(uid) {
            self.flagged.add(uid);
        }
    }

    /// The folder as it is now, after news were lost.
    pub fn hear_all(&mut self, present: &Uids) {
        let mut missing = self.told.clone();
        missing.remove_all(present);
        missing.remove_all(&self.gone);
        missing.iter().for_each(|uid| self.hear_gone(uid));
        self.fresh = self.fresh.both(present);
        if let Some(last) = present.last().filter(|last| *last > self.highest) {
            let first = Uid(self.highest.0 + 1);
            present.between(first, last).ranges().for_each(|(first, last)| self.fresh.add_range(first, last));
            self.highest = last;
        }
    }

    /// The client learned a message's flags as they are now.
    pub fn knows_flags(&mut self, uid: Uid) {
        self.flagged.remove(uid);
    }

    /// These are \Recent in this session.
    pub fn mark_recent(&mut self, first: Uid) {
        if let Some(last) = self.told.last().filter(|last| *last >= first) {
            let recent = self.told.between(first, last);
            recent.ranges().for_each(|(first, last)| self.recent.add_range(first, last));
        }
    }

    /// Those that are \Recent in this session.
    pub fn recents(&self) -> &Uids {
        &self.recent
    }

    /// Whether a message is \Recent in this session.
    pub fn is_recent(&self, uid: Uid) -> bool {
        self.recent.has(uid)
    }

    /// How many are \Recent.
    pub fn recent(&self) -> u32 {
        self.recent.len()
    }

    /// Whether there is something to say; `expunge`: EXPUNGE may be said.
    pub fn has_news(&self, expunge: bool) -> bool {
        !self.fresh.is_empty() || !self.flagged.is_empty() || (expunge && !self.gone.is_empty())
    }

    /// Up to `max` messages leave the picture: their numbers, to be said as EXPUNGE in this order (the highest first, so
    /// that none of them moves another). Call it until it gives nothing.
    pub fn expunge(&mut self, max: u32) -> Vec<u32> {
        let leaving = self.gone.take_last(max);
        let numbers = leaving.ranges().rev().flat_map(|(first, last)| {
            let (low, high) = (self.told.below(first) + 1, self.told.below(last) + 1);
            (low..=high).rev()
        });
        let numbers = numbers.collect();
        self.told.remove_all(&leaving);
        self.recent.remove_all(&leaving);
        numbers
    }

    /// What arrived joins the picture: the lowest new UID, if there is one. EXISTS (and RECENT) must be said then.
    pub fn arrive(&mut self) -> Option<Uid> {
        let fresh = std::mem::take(&mut self.fresh);
        let first = fresh.at(0)?;
        fresh.ranges().for_each(|(first, last)| self.told.add_range(first, last));
        Some(first)
    }

    /// Up to `max` messages whose flags changed (the highest ones), to be said as FETCH. Call it until it gives nothing.
    pub fn changed(&mut self, max: u32) -> Uids {
        self.flagged.take_last(max)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(uids: &[u32]) -> Uids {
        uids.iter().map(|uid| Uid(*uid)).collect()
    }

    #[test]
    fn numbers_stay_until_expunge_is_said() {
        let mut view = View::new(set(&[1, 2, 3, 5]));
        view.hear_gone(Uid(2));
        view.hear_added(Uid(9));
        assert_eq!(view.arrive(), Some(Uid(9)));
        assert_eq!(
            (view.uid(2), view.uid(3), view.uid(5), view.exists()),
            (Some(Uid(2)), Some(Uid(3)), Some(Uid(9)), 5)
        );
        assert_eq!(view.expunge(10), [2]);
        assert_eq!((view.uid(2), view.uid(4), view.exists()), (Some(Uid(3)), Some(Uid(9)), 4));
        assert!(!view.has_news(true));
    }

    #[test]
    fn the_highest_numbers_leave_first() {
        let mut view = View::new(set(&[1, 2, 3, 5, 6, 8]));
        [1, 2, 5, 8].into_iter().for_each(|uid| view.hear_gone(Uid(uid)));
        assert_eq!(view.expunge(3), [6, 4, 2]);
        assert_eq!(view.expunge(3), [1]);
        assert!(view.expunge(3).is_empty());
        assert_eq!(view.told(), &set(&[3, 6]));
    }

    #[test]
    fn what_came_and_went_unheard_leaves_no_trace() {
        let mut view = View::new(set(&[1]));
        view.hear_added(Uid(2));
        view.hear_flags(Uid(2));
        view.hear_gone(Uid(2));
        view.hear_added(Uid(2));
        assert!(!view.has_news(true));
        assert_eq!((view.arrive(), view.exists()), (None, 1));
    }

    #[test]
    fn lost_news_are_found_again() {
        let mut view = View::new(set(&[1, 2, 3]));
        view.hear_gone(Uid(1));
        view.hear_added(Uid(4));
        view.hear_all(&set(&[3, 7, 8]));
        assert_eq!((view.expunge(9), view.arrive()), (vec![2, 1], Some(Uid(7))));
        assert_eq!((view.told(), view.highest()), (&set(&[3, 7, 8]), Uid(8)));
    }

    #[test]
    fn recent_is_what_nobody_else_was_told_of() {
        let mut view = View::new(set(&[1, 2, 3]));
        view.mark_recent(Uid(3));
        view.hear_added(Uid(4));
        assert_eq!(view.arrive(), Some(Uid(4)));
        view.mark_recent(Uid(4));
        assert_eq!((view.recent(), view.is_recent(Uid(2)), view.is_recent(Uid(4))), (2, false, true));
        view.hear_gone(Uid(3));
        assert_eq!((view.expunge(9), view.recent()), (vec![3], 1));
    }

    /// What a client does with what it hears, and the folder as it is.
    struct World {
        view: View,
        /// The client's picture: it learns UIDs by asking the view at once.
        client: Vec<u32>,
        folder: Vec<u32>,
        next: u32,
        state: u64,
    }

    impl World {
        fn random(&mut self, below: usize) -> usize {
            self.state ^= self.state << 13;
            self.state ^= self.state >> 7;
            self.state ^= self.state << 17;
            (self.state >> 33) as usize % below
        }

        fn any(&mut self) -> Option<usize> {
            let len = self.folder.len();
            (len > 0).then(|| self.random(len))
        }

        fn tell(&mut self, expunge: bool) {
            let mut numbers = if expunge { self.view.expunge(3) } else { Vec::new() };
            while !numbers.is_empty() {
                for number in numbers {
                    let uid = self.client.remove(number as usize - 1);
                    assert!(!self.folder.contains(&uid), "{uid} is there and was expunged");
                }
                numbers = self.view.expunge(3);
            }
            if self.view.arrive().is_some() {
                let learned = (self.client.len() as u32 + 1)..=self.view.exists();
                self.client.extend(learned.map(|number| self.view.uid(number).unwrap().0));
            }
            for uid in self.view.changed(2).iter() {
                assert!(self.folder.contains(&uid.0), "flags of {uid:?}, which is not there");
            }
        }

        fn check(&self) {
            let numbers = 1..=self.view.exists();
            assert_eq!(numbers.map(|n| self.view.uid(n).unwrap().0).collect::<Vec<_>>(), self.client);
            for (at, uid) in self.client.iter().enumerate() {
                assert_eq!(self.view.number(Uid(*uid)), Some(at as u32 + 1));
            }
        }

        fn step(&mut self) {
            match self.random(9) {
                0..=2 => {
                    let uid = self.next;
                    self.next += 1 + self.random(3) as u32 / 2;
                    self.folder.push(uid);
                    self.view.hear_added(Uid(uid));
                }
                3 | 4 => {
                    if let Some(at) = self.any() {
                        let uid = self.folder.remove(at);
                        self.view.hear_gone(Uid(uid));
                    }
                }
                5 => {
                    if let Some(at) = self.any() {
                        self.view.hear_flags(Uid(self.folder[at]));
                    }
                }
                6 => self.tell(false),
                7 => self.tell(true),
                _ => {
                    // News are lost: some came, some went, and only the whole is heard.
                    for _ in 0..self.random(4) {
                        self.folder.push(self.next);
                        self.next += 1;
                    }
                    if let Some(at) = self.any() {
                        self.folder.remove(at);
                    }
                    let present: Uids = self.folder.iter().map(|uid| Uid(*uid)).collect();
                    self.view.hear_all(&present);
                }
            }
        }
    }

    #[test]
    fn sixty_thousand_random_steps_and_the_client_never_errs() {
        for seed in 1..=6u64 {
            let state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
            let mut world = World { view: View::new(Uids::default()), client: vec![], folder: vec![], next: 1, state };
            for _ in 0..10_000 {
                world.step();
                world.check();
                if world.folder.len() > 40 {
                    let uid = world.folder.remove(7);
                    world.view.hear_gone(Uid(uid));
                }
            }
            world.tell(true);
            assert_eq!(world.client, world.folder, "seed {seed}");
        }
    }
}
