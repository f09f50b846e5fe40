//! Watches the wall clock against the monotonic one: a step over an hour is told (boards boot in 1970 and jump at the first
//! NTP answer), and the queue's times go with it: nothing is due, late or over because the clock was wrong. A mail disk that comes
//! later than the board brings the time it knows with it; what is written there was always right.

use std::{sync::Arc, time::Duration};

use crate::{
    journal::{Journal, ServiceEvent},
    rt::{Clock, FloorClock, Stop, is_plausible, timeout},
    store::Store,
    types::UnixTime,
};

/// How often it looks.
const PERIOD: Duration = Duration::from_secs(10);
/// How often it asks the store for a time while the clock's own cannot be right.
const WITHOUT_TIME: Duration = Duration::from_secs(1);
/// A step that is told, seconds.
const STEP: i64 = 3600;

/// Looks until the stop sign.
pub(super) async fn watch(clock: Arc<FloorClock>, store: Store, journal: Journal, stop: Stop) {
    let mut last = (clock.now(), clock.mono());
    if !is_plausible(last.0) {
        let text = format!("the clock says {}: nothing expires until it is set", last.0.day());
        journal.tell(ServiceEvent::Note { grave: true, text });
    }
    while !stop.is_set() {
        let has_time = is_plausible(clock.now());
        // None: the period is over.
        let _ = timeout(if has_time { PERIOD } else { WITHOUT_TIME }, stop.wait()).await;
        if let Some(step) = stepped(last, (clock.now(), clock.mono())) {
            tell(&journal, step, clock.now());
            // An error says that the disk is away; its rows then wait as they stand.
            let _ = store.shift_queue(step).await;
        }
        last = (clock.now(), clock.mono());
        if !has_time {
            clock.raise(store.newest_time());
            if let Some(step) = stepped(last, (clock.now(), clock.mono())) {
                tell(&journal, step, clock.now());
            }
            last = (clock.now(), clock.mono());
        }
    }
}

fn tell(journal: &Journal, step: i64, now: UnixTime) {
    let text = format!("the clock stepped by {step} seconds to {}", now.day());
    journal.tell(ServiceEvent::Note { grave: false, text });
}

/// By how many seconds the wall clock moved other than time did, if it is more than an hour.
fn stepped(before: (UnixTime, Duration), now: (UnixTime, Duration)) -> Option<i64> {
    let passed = i64::try_from((now.1.saturating_sub(before.1)).as_secs()).unwrap_or(i64::MAX);
    let step = now.0.since(before.0).saturating_sub(passed);
    (step.abs() > STEP).then_some(step)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_over_an_hour_is_seen_and_waiting_is_not() {
        let at = |wall, mono| (UnixTime(wall), Duration::from_secs(mono));
        assert_eq!(stepped(at(100, 0), at(110, 10)), None);
        assert_eq!(stepped(at(100, 0), at(100_100, 100_000)), None);
        assert_eq!(stepped(at(100, 0), at(1_795_000_110, 10)), Some(1_795_000_000));
        assert_eq!(stepped(at(90_000, 0), at(10, 10)), Some(-90_000));
    }
}
