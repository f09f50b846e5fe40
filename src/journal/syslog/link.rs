//! One socket to one place: resolve, connect, write a message; nothing here waits.
//!
//! A name is looked up on a short-lived thread of its own (getaddrinfo cannot be given a time limit), at most one a target
//! at a time; everything else is a non-blocking socket of the syslog thread.

use std::{
    io::{self, ErrorKind, Read, Write},
    net::{IpAddr, SocketAddr, ToSocketAddrs},
    path::PathBuf,
    sync::{
        Arc, Weak,
        mpsc::{Receiver, TryRecvError, sync_channel},
    },
    time::Duration,
};

use socket2::{Domain, SockAddr, Socket, Type};

use super::queue::Queue;
use crate::types::{Collector, Framing, Transport};

/// Seconds for one look-up or one connect.
const PATIENCE: Duration = Duration::from_secs(10);

/// What ends a message on a socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cut {
    /// The datagram.
    Datagram,
    /// A line feed.
    Lf,
    /// A length in front.
    Octet,
}

/// Where a target is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// A Unix socket.
    Local(PathBuf),
    /// A collector.
    Remote(Collector),
}

/// The way to an open socket.
pub(super) enum Opening {
    /// A name is being looked up.
    Asking { answer: Receiver<io::Result<Vec<SocketAddr>>>, until: Duration },
    /// A TCP connect runs; other addresses are left.
    Connecting { socket: Socket, rest: Vec<SocketAddr>, until: Duration },
}

/// An open socket.
pub(super) struct Open {
    pub(super) socket: Socket,
    pub(super) cut: Cut,
    /// The message that is being written, and how much of it is gone.
    out: Vec<u8>,
    sent: usize,
    /// The socket would not take more.
    pub(super) blocked: bool,
    /// When it last took something.
    pub(super) progress: Duration,
}

/// What became of one step.
pub(super) enum Step {
    /// Not there yet.
    Opening(Opening),
    /// Ready.
    Open(Open),
}

/// Begins to open `place`. `asking` lives as long as a look-up does: a resolver that hangs holds one thread, not many.
pub(super) fn open(place: &Place, queue: &Arc<Queue>, asking: &mut Weak<()>, now: Duration) -> io::Result<Step> {
    match place {
        Place::Local(path) => open_local(path, now).map(Step::Open),
        Place::Remote(collector) => match collector.host.parse::<IpAddr>() {
            Ok(ip) => next_address(collector, vec![SocketAddr::new(ip, collector.port)], now),
            Err(_) => ask(collector, queue.clone(), asking, now).map(Step::Opening),
        },
    }
}

/// Goes on with what `open` began.
pub(super) fn advance(opening: Opening, place: &Place, now: Duration) -> io::Result<Step> {
    let Place::Remote(collector) = place else {
        return Err(ErrorKind::NotConnected.into());
    };
    match opening {
        Opening::Asking { answer, until } => match answer.try_recv() {
            Ok(addresses) => next_address(collector, addresses?, now),
            Err(TryRecvError::Empty) if now < until => Ok(Step::Opening(Opening::Asking { answer, until })),
            Err(TryRecvError::Empty) => Err(io::Error::new(ErrorKind::TimedOut, "its name was not found in time")),
            Err(TryRecvError::Disconnected) => Err(io::Error::other("the look-up of its name failed")),
        },
        Opening::Connecting { socket, rest, until } => match socket.take_error()? {
            Some(error) if rest.is_empty() => Err(error),
            Some(_) => next_address(collector, rest, now),
            None if socket.peer_addr().is_ok() => Ok(Step::Open(Open::new(socket, cut(collector), now))),
            None if now < until => Ok(Step::Opening(Opening::Connecting { socket, rest, until })),
            None if rest.is_empty() => Err(ErrorKind::TimedOut.into()),
            None => next_address(collector, rest, now),
        },
    }
}

/// When `advance` must be called at the latest.
pub(super) fn deadline(opening: &Opening) -> Duration {
    match opening {
        Opening::Asking { until, .. } | Opening::Connecting { until, .. } => *until,
    }
}

fn cut(collector: &Collector) -> Cut {
    match collector.transport {
        Transport::Udp => Cut::Datagram,
        Transport::Tcp(Framing::Lf) => Cut::Lf,
        Transport::Tcp(Framing::Octet) => Cut::Octet,
    }
}

fn ask(collector: &Collector, queue: Arc<Queue>, asking: &mut Weak<()>, now: Duration) -> io::Result<Opening> {
    if asking.strong_count() > 0 {
        return Err(io::Error::new(ErrorKind::TimedOut, "the name server does not answer"));
    }
    let alive = Arc::new(());
    *asking = Arc::downgrade(&alive);
    let (tell, answer) = sync_channel(1);
    let (host, port) = (collector.host.clone(), collector.port);
    std::thread::Builder::new().name("syslog-name".into()).stack_size(256 * 1024).spawn(move || {
        // Nobody may be waiting any more; then the answer is dropped.
        let _ = tell.send((host.as_str(), port).to_socket_addrs().map(Iterator::collect));
        drop(alive);
        queue.wake();
    })?;
    Ok(Opening::Asking { answer, until: now + PATIENCE })
}

fn next_address(collector: &Collector, addresses: Vec<SocketAddr>, now: Duration) -> io::Result<Step> {
    let mut rest = addresses.into_iter();
    let Some(address) = rest.next() else {
        return Err(io::Error::new(ErrorKind::NotFound, "its name has no address"));
    };
    let kind = if collector.transport == Transport::Udp { Type::DGRAM } else { Type::STREAM };
    let socket = Socket::new(Domain::for_address(address), kind, None)?;
    socket.set_nonblocking(true)?;
    match socket.connect(&address.into()) {
        Ok(()) => Ok(Step::Open(Open::new(socket, cut(collector), now))),
        Err(e) if e.raw_os_error() == Some(rustix::io::Errno::INPROGRESS.raw_os_error()) => {
            let rest = rest.collect();
            Ok(Step::Opening(Opening::Connecting { socket, rest, until: now + PATIENCE }))
        }
        Err(e) => {
            // A host with an IPv6 address in the DNS and no IPv6 at home.
            let rest: Vec<_> = rest.collect();
            if rest.is_empty() { Err(e) } else { next_address(collector, rest, now) }
        }
    }
}

/// A datagram socket, or a stream where the daemon made one (s6, some syslog-ng).
fn open_local(path: &PathBuf, now: Duration) -> io::Result<Open> {
    let address = SockAddr::unix(path)?;
    let connect = |kind| {
        let socket = Socket::new(Domain::UNIX, kind, None)?;
        socket.set_nonblocking(true)?;
        socket.connect(&address)?;
        Ok::<_, io::Error>(socket)
    };
    match connect(Type::DGRAM) {
        Ok(socket) => Ok(Open::new(socket, Cut::Datagram, now)),
        Err(e) if e.raw_os_error() == Some(rustix::io::Errno::PROTOTYPE.raw_os_error()) => {
            Ok(Open::new(connect(Type::STREAM)?, Cut::Lf, now))
        }
        Err(e) => Err(e),
    }
}

impl Open {
    fn new(socket: Socket, cut: Cut, now: Duration) -> Self {
        if cut != Cut::Datagram {
            // A collector that was switched off is noticed within a minute instead of a quarter of an hour. Only an
            // improvement: a Unix stream refuses it.
            let _ = rustix::net::sockopt::set_tcp_user_timeout(&socket, 60_000);
            let _ = socket.set_keepalive(true);
        }
        Open { socket, cut, out: Vec::new(), sent: 0, blocked: false, progress: now }
    }

    /// Whether a message is half written.
    pub(super) fn is_busy(&self) -> bool {
        !self.out.is_empty()
    }

    /// Puts a message in; `flush` writes it.
    pub(super) fn load(&mut self, message: &str, now: Duration) {
        self.progress = now;
        self.sent = 0;
        self.out.clear();
        if self.cut == Cut::Octet {
            self.out.extend_from_slice(format!("{} ", message.len()).as_bytes());
        }
        self.out.extend_from_slice(message.as_bytes());
        if self.cut == Cut::Lf {
            self.out.push(b'\n');
        }
    }

    /// Forgets the message that was put in.
    pub(super) fn unload(&mut self) {
        self.out.clear();
    }

    /// Writes on. True when the whole message is gone, false when the socket would not take more (`blocked`).
    pub(super) fn flush(&mut self, now: Duration) -> io::Result<bool> {
        self.blocked = false;
        while self.sent < self.out.len() {
            match self.socket.write(&self.out[self.sent..]) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(n) => {
                    self.sent += n;
                    self.progress = now;
                }
                Err(e) if e.kind() == ErrorKind::Interrupted => {}
                Err(e) if e.kind() == ErrorKind::WouldBlock => {
                    self.blocked = true;
                    return Ok(false);
                }
                Err(e) => return Err(e),
            }
        }
        self.out.clear();
        Ok(true)
    }

    /// Whether a stream's other end is gone. What a collector says is thrown away.
    pub(super) fn is_closed(&mut self) -> bool {
        if self.cut == Cut::Datagram {
            return false;
        }
        match self.socket.read(&mut [0_u8; 256]) {
            Ok(n) => n == 0,
            Err(e) => !matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted),
        }
    }
}
