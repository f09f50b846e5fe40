//! Virtual time: it stands while anybody works and jumps to the next waking when all wait.

use std::{
    collections::BTreeMap,
    future::{Future, poll_fn},
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard},
    task::{Context, Poll, Waker},
};

use gatepost::{
    queue::{Alarm, Coming},
    rt::{Clock, TestClock},
    types::UnixTime,
};

#[derive(Default)]
struct State {
    next: u64,
    sleepers: BTreeMap<(UnixTime, u64), Waker>,
    alarm: Option<Waker>,
}

/// Cheap to clone; every clone is the same time.
#[derive(Clone)]
pub struct Time {
    pub clock: Arc<TestClock>,
    state: Arc<Mutex<State>>,
    /// Others than attempts that must sleep before time goes on.
    others: usize,
}

impl Time {
    pub fn at(at: UnixTime, others: usize) -> Self {
        Time { clock: Arc::new(TestClock::at(at)), state: Arc::default(), others }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    pub fn sleep(&self, seconds: i64) -> Sleep {
        let mut state = self.state();
        state.next += 1;
        Sleep { time: self.clone(), key: (self.clock.now().plus(seconds), state.next) }
    }

    /// Where all wait: on to the first waking. Whether that is `at` itself.
    fn go_on(&self, at: UnixTime, under_way: usize) -> bool {
        let mut state = self.state();
        if state.sleepers.len() < under_way + self.others {
            return false;
        }
        let first = state.sleepers.keys().next().map(|key| key.0).filter(|first| *first <= at);
        self.clock.advance(first.unwrap_or(at).since(self.clock.now()).max(0));
        let now = self.clock.now();
        while let Some(entry) = state.sleepers.first_entry().filter(|entry| entry.key().0 <= now) {
            entry.remove().wake();
        }
        first.is_none()
    }
}

impl Alarm for Time {
    fn at(&self, at: UnixTime, under_way: usize) -> Coming<'_, ()> {
        Box::pin(poll_fn(move |context| {
            if self.clock.now() >= at || self.go_on(at, under_way) {
                return Poll::Ready(());
            }
            self.state().alarm = Some(context.waker().clone());
            Poll::Pending
        }))
    }
}

pub struct Sleep {
    time: Time,
    key: (UnixTime, u64),
}

impl Future for Sleep {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let mut state = self.time.state();
        if self.time.clock.now() >= self.key.0 {
            state.sleepers.remove(&self.key);
            return Poll::Ready(());
        }
        state.sleepers.insert(self.key, context.waker().clone());
        // Perhaps it was the last one awake.
        if let Some(alarm) = state.alarm.take() {
            alarm.wake();
        }
        Poll::Pending
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        self.time.state().sleepers.remove(&self.key);
    }
}
