//! The thread: gives each target its turn, then waits for whatever comes first.

use std::{sync::Arc, time::Duration};

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::{
    Origin, SyslogConfig,
    format::token,
    link::Place,
    queue::Queue,
    target::{News, Target, Writer},
};
use crate::{
    journal::{Journal, SinkEvent},
    rt::{Board, Clock},
};

/// What comes close behind a line is written with it: a message makes several, and waking for each costs its session the time.
const LINGER: Timespec = Timespec { tv_sec: 0, tv_nsec: 5_000_000 };

pub(super) struct Work {
    origin: Origin,
    queue: Arc<Queue>,
    clock: Arc<dyn Clock>,
    journal: Journal,
    board: Board,
    mail_tag: String,
    targets: Vec<Target>,
    /// Nothing is thrown away before the first configuration.
    configured: bool,
}

impl Work {
    pub(super) fn new(
        origin: Origin,
        queue: Arc<Queue>,
        clock: Arc<dyn Clock>,
        journal: Journal,
        board: Board,
    ) -> Self {
        let mail_tag = "postfix".to_owned();
        Work { origin, queue, clock, journal, board, mail_tag, targets: Vec::new(), configured: false }
    }

    /// Runs until it is stopped.
    pub(super) fn run(&mut self) {
        let mut stop_at = None;
        loop {
            let now = self.clock.mono();
            let orders = self.queue.orders();
            if let Some(config) = orders.config {
                self.configure(config);
            }
            self.turns(now);
            let (_, end) = self.queue.window();
            if let Some(limit) = orders.stop {
                let until = *stop_at.get_or_insert(now + limit);
                if now >= until || self.targets.iter().all(|t| t.is_done(end)) {
                    return;
                }
            }
            self.wait(end, now, stop_at);
        }
    }

    fn configure(&mut self, config: SyslogConfig) {
        self.mail_tag = token(&config.mail_tag, 32);
        let local = config.local.map(Place::Local);
        let mut places: Vec<Place> =
            local.into_iter().chain(config.collectors.into_iter().map(Place::Remote)).collect();
        let mut kept = Vec::new();
        let (first, end) = self.queue.window();
        // What nobody was given yet belongs to the first targets.
        let mut begin = if self.configured { end } else { first };
        for target in self.targets.drain(..) {
            match places.iter().position(|p| *p == target.place) {
                Some(n) => {
                    places.remove(n);
                    kept.push(target);
                }
                None => {
                    self.board.wipe(&target.name);
                    begin = begin.min(target.unsent());
                }
            }
        }
        kept.extend(places.into_iter().map(|place| Target::new(place, begin)));
        self.targets = kept;
        self.configured = true;
    }

    fn turns(&mut self, now: Duration) {
        let write = Writer { origin: &self.origin, mail_tag: &self.mail_tag };
        for target in &mut self.targets {
            let mut why = None;
            for news in target.turn(&self.queue, &write, now) {
                let sink = target.name.clone();
                let event = match news {
                    News::Unreachable(said) => {
                        why = Some(said.clone());
                        SinkEvent::Unreachable { sink, why: said }
                    }
                    News::Reached => SinkEvent::Reached { sink },
                    News::Lost(lines) => SinkEvent::Lost { sink, lines },
                };
                self.journal.tell(event);
            }
            if let Some((light, text)) = target.show(why.as_deref()) {
                self.board.put(&target.name, light, text);
            }
        }
        if self.configured {
            let lowest = self.targets.iter().map(Target::needs).min().unwrap_or(u64::MAX);
            self.queue.trim(lowest);
        }
    }

    fn wait(&self, end: u64, now: Duration, stop_at: Option<Duration>) {
        let waits: Vec<_> = self.targets.iter().map(|t| t.waits(end)).collect();
        let mut fds = vec![PollFd::from_borrowed_fd(self.queue.bell(), PollFlags::IN)];
        for wait in &waits {
            if let Some(socket) = wait.socket {
                fds.push(PollFd::new(socket, wait.flags));
            }
        }
        let until = waits.iter().filter_map(|w| w.until).chain(stop_at).min();
        let mut left = until.map(|until| until.saturating_sub(now));
        if !self.queue.may_sleep(end, stop_at.is_some()) {
            left = Some(Duration::ZERO);
        }
        let left = left.map(|d| Timespec { tv_sec: d.as_secs().cast_signed(), tv_nsec: d.subsec_nanos().into() });
        // An interrupted wait is a wait that ended.
        let _ = poll(&mut fds, left.as_ref());
        let rung = fds.first().is_some_and(|bell| !bell.revents().is_empty());
        if rung && stop_at.is_none() {
            let _ = poll(&mut [], Some(&LINGER));
        }
        self.queue.hush();
    }
}
