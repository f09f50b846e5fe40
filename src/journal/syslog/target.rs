//! One target: its place in the queue, its state, its backoff, what it lost.

use std::{
    io,
    sync::{Arc, Weak},
    time::Duration,
};

use rustix::event::PollFlags;

use super::{
    Origin, format,
    link::{self, Cut, Open, Opening, Place, Step},
    queue::{Next, Queue},
};
use crate::{journal::Stamped, rt::Light, types::Transport};

/// Lines of one turn, then the others have theirs.
const TURN: usize = 64;
/// A socket that takes nothing for so long is given up and opened again.
const STALLED: Duration = Duration::from_secs(60);
/// The rest after a turn of datagrams, so that a burst does not overrun the collector's receive buffer: at most 32,000 a second.
const REST: Duration = Duration::from_millis(2);
/// A link that held so long starts its backoff anew.
const GOOD: Duration = Duration::from_secs(10);
/// A link that held so long is told as reached again: a UDP socket is always open at first, and some collectors accept and close.
const SETTLED: Duration = Duration::from_secs(2);
/// The rest when the system has no buffers.
const NO_BUFFERS: Duration = Duration::from_millis(50);
/// A name is asked again after so long, for UDP would never notice that the collector moved.
const NAME_AGE: Duration = Duration::from_secs(600);

enum Link {
    Down { until: Duration },
    Opening(Opening),
    Up { open: Open, since: Duration },
}

/// What the thread tells and shows for it.
pub(super) enum News {
    Unreachable(String),
    Reached,
    Lost(u64),
}

pub(super) struct Target {
    pub(super) place: Place,
    /// `syslog:udp://...`, on the board and in the journal.
    pub(super) name: String,
    /// Number of the next line that is put into its socket.
    cursor: u64,
    link: Link,
    asking: Weak<()>,
    failures: u32,
    /// The outage was told.
    told_down: bool,
    /// Lines lost since it was last told, and ever.
    lost: u64,
    lost_ever: u64,
    rest_until: Duration,
    shown: Option<(Light, String)>,
}

/// Seconds before the next attempt: 1, 2, 4 ... 30.
fn backoff(failures: u32) -> Duration {
    Duration::from_secs((1_u64 << failures.saturating_sub(1).min(5)).min(30))
}

impl Target {
    pub(super) fn new(place: Place, cursor: u64) -> Self {
        let name = match &place {
            Place::Local(path) => format!("syslog:{}", path.display()),
            Place::Remote(collector) => format!("syslog:{collector}"),
        };
        Target {
            place,
            name,
            cursor,
            link: Link::Down { until: Duration::ZERO },
            asking: Weak::new(),
            failures: 0,
            told_down: false,
            lost: 0,
            lost_ever: 0,
            rest_until: Duration::ZERO,
            shown: None,
        }
    }

    /// One turn: opens, or writes some lines. News are told by the caller, who holds the journal.
    pub(super) fn turn(&mut self, queue: &Arc<Queue>, write: &Writer<'_>, now: Duration) -> Vec<News> {
        let mut news = Vec::new();
        let link = std::mem::replace(&mut self.link, Link::Down { until: now });
        let stepped = match link {
            Link::Down { until } if now < until => {
                self.link = Link::Down { until };
                self.count_lost(queue);
                return news;
            }
            Link::Down { .. } => {
                link::open(&self.place, queue, &mut self.asking, now).map(|step| self.link_of(step, now))
            }
            Link::Opening(opening) => link::advance(opening, &self.place, now).map(|step| self.link_of(step, now)),
            Link::Up { open, since } => self.pump(open, since, queue, write, now),
        };
        self.count_lost(queue);
        match stepped {
            Ok(link) => {
                let settled = matches!(link, Link::Up { since, .. } if now.saturating_sub(since) >= SETTLED);
                if settled && std::mem::take(&mut self.told_down) {
                    news.push(News::Reached);
                }
                self.link = link;
            }
            Err(error) => self.fall(&error, now, &mut news),
        }
        news.extend(self.told_loss(queue));
        news
    }

    fn link_of(&self, step: Step, now: Duration) -> Link {
        match step {
            Step::Opening(opening) => Link::Opening(opening),
            Step::Open(open) => Link::Up { open, since: now },
        }
    }

    fn fall(&mut self, error: &io::Error, now: Duration, news: &mut Vec<News>) {
        self.failures = self.failures.saturating_add(1);
        self.link = Link::Down { until: now + backoff(self.failures) };
        if !std::mem::replace(&mut self.told_down, true) {
            news.push(News::Unreachable(self.words(error)));
        }
    }

    /// What the system said, in words for the board.
    fn words(&self, error: &io::Error) -> String {
        if matches!(self.place, Place::Local(_)) && error.kind() == io::ErrorKind::NotFound {
            return "no syslog daemon listens there: start one, or switch the local socket off".to_owned();
        }
        let said = error.to_string();
        said.split(" (os error").next().unwrap_or(&said).to_owned()
    }

    fn pump(
        &mut self,
        mut open: Open,
        since: Duration,
        queue: &Arc<Queue>,
        write: &Writer<'_>,
        now: Duration,
    ) -> io::Result<Link> {
        if now.saturating_sub(since) >= GOOD {
            self.failures = 0;
        }
        if open.is_closed() {
            self.cursor = self.cursor.saturating_sub(open.is_busy().into());
            return Err(io::Error::new(io::ErrorKind::ConnectionReset, "it closed the connection"));
        }
        if now < self.rest_until {
            return Ok(Link::Up { open, since });
        }
        for _ in 0..TURN {
            if !open.is_busy() && !self.load(&mut open, queue, write, now) {
                return self.idle(open, since, now);
            }
            match open.flush(now) {
                Ok(true) => {}
                Ok(false) if now.saturating_sub(open.progress) < STALLED => return Ok(Link::Up { open, since }),
                Ok(false) => {
                    self.cursor = self.cursor.saturating_sub(1);
                    return Err(io::Error::new(io::ErrorKind::TimedOut, "it takes nothing any more"));
                }
                Err(e) => return self.refused(open, since, e, now),
            }
        }
        if matches!(self.place, Place::Remote(_)) && open.cut == Cut::Datagram {
            self.rest_until = now + REST;
        }
        Ok(Link::Up { open, since })
    }

    /// Nothing to send. A UDP name that grew old is asked again.
    fn idle(&self, open: Open, since: Duration, now: Duration) -> io::Result<Link> {
        let by_name = matches!(&self.place, Place::Remote(c) if c.host.parse::<std::net::IpAddr>().is_err());
        if by_name && open.cut == Cut::Datagram && now.saturating_sub(since) >= NAME_AGE {
            return Ok(Link::Down { until: now });
        }
        Ok(Link::Up { open, since })
    }

    /// Takes the next line of the queue; false when there is none.
    fn load(&mut self, open: &mut Open, queue: &Queue, write: &Writer<'_>, now: Duration) -> bool {
        loop {
            match queue.get(self.cursor) {
                Next::Line(line) => {
                    open.load(&write.message(&line, &self.place), now);
                    self.cursor += 1;
                    return true;
                }
                Next::Nothing => return false,
                Next::Gone => self.count_lost(queue),
            }
        }
    }

    /// The socket did not take the line: what that means for the line and for the link.
    fn refused(&mut self, mut open: Open, since: Duration, error: io::Error, now: Duration) -> io::Result<Link> {
        let errno = rustix::io::Errno::from_io_error(&error);
        let datagram = open.cut == Cut::Datagram;
        if datagram && errno == Some(rustix::io::Errno::MSGSIZE) {
            // This line is too long for that socket and always will be.
            open.unload();
            self.lose(1);
            return Ok(Link::Up { open, since });
        }
        if datagram && errno == Some(rustix::io::Errno::NOBUFS) {
            self.rest_until = now + NO_BUFFERS;
            return Ok(Link::Up { open, since });
        }
        // The line is sent again, whole, through the next socket; and a refusal that ICMP brought is about the datagram
        // before this one.
        let again = if self.keeps_one() && errno == Some(rustix::io::Errno::CONNREFUSED) { 2 } else { 1 };
        self.cursor = self.cursor.saturating_sub(again);
        Err(error)
    }

    /// UDP: the line before the next one may have to be sent again.
    fn keeps_one(&self) -> bool {
        matches!(&self.place, Place::Remote(c) if c.transport == Transport::Udp)
    }

    /// Number of the first line that it was not given whole.
    pub(super) fn unsent(&self) -> u64 {
        let busy = matches!(&self.link, Link::Up { open, .. } if open.is_busy());
        self.cursor.saturating_sub(busy.into())
    }

    /// Number of the first line that the queue must keep for it.
    pub(super) fn needs(&self) -> u64 {
        self.unsent().saturating_sub(self.keeps_one().into())
    }

    fn lose(&mut self, lines: u64) {
        self.lost += lines;
        self.lost_ever += lines;
    }

    /// Steps over lines that were pushed out of the queue.
    fn count_lost(&mut self, queue: &Queue) {
        let (first, _) = queue.window();
        if self.cursor < first {
            self.lose(first - self.cursor);
            self.cursor = first;
        }
    }

    /// A loss is told once there is room again: the target is up and less than half of the queue waits for it.
    fn told_loss(&mut self, queue: &Queue) -> Option<News> {
        let (_, end) = queue.window();
        let room = end.saturating_sub(self.cursor) < crate::limits::JOURNAL_QUEUE as u64 / 2;
        let up = matches!(self.link, Link::Up { .. }) && !self.told_down;
        (self.lost > 0 && up && room).then(|| News::Lost(std::mem::take(&mut self.lost)))
    }

    /// The line on the board when it changed.
    pub(super) fn show(&mut self, why: Option<&str>) -> Option<(Light, String)> {
        let lost = match self.lost_ever {
            0 => String::new(),
            n => format!("; {n} lines were lost so far"),
        };
        let state = match &self.link {
            Link::Up { .. } | Link::Down { .. } | Link::Opening(_) if self.told_down => {
                let why = why.map_or_else(|| self.last_words(), str::to_owned);
                (Light::Yellow, format!("{why}{lost}"))
            }
            Link::Up { open, .. } if open.blocked => (Light::Yellow, format!("it takes lines slowly{lost}")),
            Link::Up { .. } => (Light::Green, format!("it takes lines{lost}")),
            Link::Down { .. } | Link::Opening(_) => (Light::Yellow, "it is being reached".to_owned()),
        };
        (self.shown.as_ref() != Some(&state)).then(|| {
            self.shown = Some(state.clone());
            state
        })
    }

    /// Why it was down when the board was last written, without the count of lost lines.
    fn last_words(&self) -> String {
        let shown = self.shown.as_ref().map_or("it cannot be reached", |s| s.1.as_str());
        shown.split("; ").next().unwrap_or(shown).to_owned()
    }

    /// Whether it has everything, or cannot be given anything now.
    pub(super) fn is_done(&self, end: u64) -> bool {
        match &self.link {
            Link::Up { .. } => self.unsent() >= end,
            Link::Opening(_) | Link::Down { .. } => self.told_down,
        }
    }

    /// The socket to wait on, what for, and the time at which to look again whatever happens.
    pub(super) fn waits(&self, end: u64) -> Waits<'_> {
        match &self.link {
            Link::Down { until } => Waits { socket: None, flags: PollFlags::empty(), until: Some(*until) },
            Link::Opening(opening) => {
                let socket = match opening {
                    Opening::Connecting { socket, .. } => Some(socket),
                    Opening::Asking { .. } => None,
                };
                Waits { socket, flags: PollFlags::OUT, until: Some(link::deadline(opening)) }
            }
            Link::Up { open, since } => {
                let more = self.unsent() < end && !open.blocked;
                let stall = open.blocked.then(|| open.progress + STALLED);
                let settle = self.told_down.then(|| *since + SETTLED);
                let until = [more.then_some(self.rest_until), stall, settle].into_iter().flatten().min();
                let stream = open.cut != Cut::Datagram;
                let read = if stream { PollFlags::IN | PollFlags::RDHUP } else { PollFlags::empty() };
                let write = if open.blocked { PollFlags::OUT } else { PollFlags::empty() };
                Waits { socket: (stream || open.blocked).then_some(&open.socket), flags: read | write, until }
            }
        }
    }
}

pub(super) struct Waits<'a> {
    pub(super) socket: Option<&'a socket2::Socket>,
    pub(super) flags: PollFlags,
    pub(super) until: Option<Duration>,
}

/// Writes lines as messages.
pub(super) struct Writer<'a> {
    pub(super) origin: &'a Origin,
    pub(super) mail_tag: &'a str,
}

impl Writer<'_> {
    fn message(&self, line: &Stamped, place: &Place) -> String {
        match place {
            Place::Local(_) => format::for_local(line, self.mail_tag, self.origin),
            Place::Remote(c) => format::for_collector(line, self.mail_tag, self.origin, c.format),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_backoff_doubles_up_to_half_a_minute() {
        let seconds: Vec<u64> = (1..8).map(|n| backoff(n).as_secs()).collect();
        assert_eq!(seconds, [1, 2, 4, 8, 16, 30, 30]);
        assert_eq!(backoff(u32::MAX).as_secs(), 30);
    }
}
