//! Watches the wall clock against the monotonic one: a step over an hour is told (boards boot in 1970 and jump at the first
//! NTP answer), and the queue's times go with it: nothing is due, late or over because the clock was wrong. The house follows the step
//! only when they have moved: what came between a step and this look would be moved with them, and wait for as long as the clock
//! was wrong. A mail disk that comes later than the board brings the time it knows with it; what is written there was always right.

use std::{sync::Arc, time::Duration};

use crate::{
    journal::{Journal, ServiceEvent},
    rt::{Clock, FloorClock, Stop, is_plausible, stepped, timeout},
    store::Store,
    types::UnixTime,
};

/// How often it looks.
const PERIOD: Duration = Duration::from_secs(10);
/// How often it asks the store for a time while the clock's own cannot be right.
const WITHOUT_TIME: Duration = Duration::from_secs(1);

/// Looks until the stop sign.
pub(super) async fn watch(clock: Arc<FloorClock>, store: Store, journal: Journal, stop: Stop) {
    let start = clock.now();
    if !is_plausible(start) {
        let text = format!("the clock says {}: nothing expires until it is set", start.day());
        journal.tell(ServiceEvent::Note { grave: true, text });
    }
    while !stop.is_set() {
        let has_time = is_plausible(clock.now());
        // None: the period is over.
        let _ = timeout(if has_time { PERIOD } else { WITHOUT_TIME }, stop.wait()).await;
        follow(&clock, &store, &journal).await;
        if !has_time {
            let before = (clock.now(), clock.mono());
            clock.raise(store.newest_time());
            if let Some(step) = stepped(before, (clock.now(), clock.mono())) {
                tell(&journal, step, clock.now());
            }
        }
    }
}

async fn follow(clock: &FloorClock, store: &Store, journal: &Journal) {
    let look = clock.look();
    if let Some(step) = look.step {
        // An error says that the disk is away; its rows then wait as they stand.
        let _ = store.shift_queue(step).await;
    }
    clock.follow(look);
    if let Some(step) = look.step {
        tell(journal, step, clock.now());
    }
}

fn tell(journal: &Journal, step: i64, now: UnixTime) {
    let text = format!("the clock stepped by {step} seconds to {}", now.day());
    journal.tell(ServiceEvent::Note { grave: false, text });
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::collections::HashSet;

    use super::*;
    use crate::{
        rt::{Board, TestClock, block_on},
        store::{NewMessage, Places},
        types::{Address, Leaving, ReversePath},
    };

    /// It was believed that a step is seen before anything is written. What was accepted between the step and the look, ten seconds
    /// long, was moved with what had waited, and stayed for as long as the clock had been wrong: from 1970, for ever.
    #[test]
    fn what_is_accepted_between_a_step_and_its_look_is_due_at_once_and_no_older_than_it_is() {
        for step in [56 * 365 * 86_400, -40 * 86_400] {
            let dir = std::env::temp_dir().join(format!("gatepost-step-{}-{step}", std::process::id()));
            let places = Places { state: dir.join("state"), mail: dir.join("mail"), reserve: 0 };
            let board = Arc::new(TestClock::at(UnixTime(1_800_000_000)));
            let clock = Arc::new(FloorClock::over(board.clone()));
            let journal = Journal::new(clock.clone());
            let store = Store::open(places, clock.clone(), journal.clone(), Board::default()).unwrap();
            let ages = block_on(async {
                queue(&store, &*clock).await;
                board.step_to(UnixTime(1_800_000_000 + step));
                queue(&store, &*clock).await;
                follow(&clock, &store, &journal).await;
                assert_eq!(clock.now(), UnixTime(1_800_000_000 + step));
                queue(&store, &*clock).await;
                assert_eq!(store.newest_time(), clock.now(), "the next start goes on from here");
                let due = store.due(clock.now(), None, HashSet::new(), 9).await.unwrap().rows;
                store.close().await;
                due.iter().map(|row| clock.now().since(row.since)).collect::<Vec<_>>()
            });
            let _ = std::fs::remove_dir_all(&dir);
            assert_eq!(ages, [0, 0, 0], "after a step of {step} seconds");
        }
    }

    async fn queue(store: &Store, clock: &dyn Clock) {
        let to = Address::parse("bob@far.test").unwrap();
        let queue = vec![Leaving::plain(ReversePath::Null, to, clock.now())];
        let mut draft = store.draft().await.unwrap();
        draft.write(b"octets").await.unwrap();
        let sealed = draft.seal().await.unwrap();
        store.commit(vec![NewMessage { sealed, derived: None, deliveries: Vec::new(), queue }]).await.unwrap();
    }
}
