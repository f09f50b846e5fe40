//! The queue that all targets read: a window on the stream of lines, numbered from 0.

use std::{
    collections::VecDeque,
    io,
    os::fd::{AsFd, BorrowedFd, OwnedFd},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use rustix::event::{EventfdFlags, eventfd};

use super::SyslogConfig;
use crate::{journal::Stamped, limits::JOURNAL_QUEUE};

#[derive(Default)]
struct State {
    lines: VecDeque<Arc<Stamped>>,
    /// Number of the line in front.
    first: u64,
    config: Option<SyslogConfig>,
    stop: Option<Duration>,
    /// The thread waits and wants to be woken.
    asleep: bool,
}

/// Shared by the handle and the thread.
pub(super) struct Queue {
    state: Mutex<State>,
    wake: OwnedFd,
}

/// What a place in the queue holds.
pub(super) enum Next {
    /// The line there.
    Line(Arc<Stamped>),
    /// Nothing yet.
    Nothing,
    /// It was pushed out.
    Gone,
}

/// Orders of the handle, taken once.
pub(super) struct Orders {
    pub(super) config: Option<SyslogConfig>,
    pub(super) stop: Option<Duration>,
}

impl Queue {
    pub(super) fn new() -> io::Result<Self> {
        let wake = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
        Ok(Queue { state: Mutex::default(), wake })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        let mut state = self.state();
        change(&mut state);
        if std::mem::take(&mut state.asleep) {
            drop(state);
            self.wake();
        }
    }

    /// Wakes the thread.
    pub(super) fn wake(&self) {
        // It only fails when the counter is full, and then the thread wakes anyway.
        let _ = rustix::io::write(&self.wake, &1_u64.to_ne_bytes());
    }

    /// What the thread waits on.
    pub(super) fn bell(&self) -> BorrowedFd<'_> {
        self.wake.as_fd()
    }

    /// Takes the rings away.
    pub(super) fn hush(&self) {
        let _ = rustix::io::read(&self.wake, &mut [0_u8; 8]);
    }

    pub(super) fn push(&self, line: Arc<Stamped>) {
        self.change(|state| {
            if state.lines.len() == JOURNAL_QUEUE {
                state.lines.pop_front();
                state.first += 1;
            }
            state.lines.push_back(line);
        });
    }

    pub(super) fn configure(&self, config: SyslogConfig) {
        self.change(|state| state.config = Some(config));
    }

    pub(super) fn stop(&self, limit: Duration) {
        self.change(|state| state.stop = Some(limit));
    }

    pub(super) fn orders(&self) -> Orders {
        let mut state = self.state();
        Orders { config: state.config.take(), stop: state.stop }
    }

    /// Number of the line in front, and the number that the next line will have.
    pub(super) fn window(&self) -> (u64, u64) {
        let state = self.state();
        (state.first, state.first + state.lines.len() as u64)
    }

    pub(super) fn get(&self, place: u64) -> Next {
        let state = self.state();
        let Some(offset) = place.checked_sub(state.first) else {
            return Next::Gone;
        };
        let line = usize::try_from(offset).ok().and_then(|n| state.lines.get(n));
        line.map_or(Next::Nothing, |line| Next::Line(line.clone()))
    }

    /// Forgets lines before `place`: every target has them.
    pub(super) fn trim(&self, place: u64) {
        let mut state = self.state();
        while state.first < place && state.lines.pop_front().is_some() {
            state.first += 1;
        }
    }

    /// Whether the thread may sleep: nothing came since it looked (`end`), no order waits that it does not know (`stopping`).
    /// From now on it is woken.
    pub(super) fn may_sleep(&self, end: u64, stopping: bool) -> bool {
        let mut state = self.state();
        let same = state.first + state.lines.len() as u64 == end;
        let quiet = same && state.config.is_none() && state.stop.is_some() == stopping;
        state.asleep = quiet;
        quiet
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        journal::{Line, Tag},
        types::UnixTime,
    };

    fn line(number: u64) -> Arc<Stamped> {
        Arc::new(Stamped { number, at: UnixTime(0), line: Line::info(Tag::Gatepost, String::new()) })
    }

    #[test]
    fn a_full_queue_pushes_the_oldest_out_and_says_so() {
        let queue = Queue::new().unwrap();
        for n in 0..JOURNAL_QUEUE as u64 + 3 {
            queue.push(line(n));
        }
        assert!(matches!(queue.get(0), Next::Gone));
        assert!(matches!(queue.get(3), Next::Line(l) if l.number == 3));
        assert_eq!(queue.window(), (3, JOURNAL_QUEUE as u64 + 3));
    }

    #[test]
    fn what_everybody_has_is_forgotten() {
        let queue = Queue::new().unwrap();
        (0..5).for_each(|n| queue.push(line(n)));
        queue.trim(3);
        assert!(matches!(queue.get(3), Next::Line(l) if l.number == 3));
        queue.trim(99);
        assert_eq!(queue.window(), (5, 5));
        assert!(matches!(queue.get(5), Next::Nothing));
    }

    #[test]
    fn the_thread_does_not_sleep_over_a_line_that_came_meanwhile() {
        let queue = Queue::new().unwrap();
        let (_, end) = queue.window();
        queue.push(line(0));
        assert!(!queue.may_sleep(end, false));
        assert!(queue.may_sleep(queue.window().1, false));
        queue.stop(Duration::ZERO);
        assert!(!queue.may_sleep(queue.window().1, false));
    }
}
