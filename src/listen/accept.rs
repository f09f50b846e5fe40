//! From an accepted socket to a session: permit, handshake, the net under a panic.

use std::{
    io::{self, Write},
    net::{IpAddr, Shutdown, TcpListener, TcpStream},
    sync::OnceLock,
    time::Duration,
};

use async_io::Async;

use super::{
    Handler, Wanted,
    bind::tune,
    http,
    listeners::Means,
    name,
    permit::{Full, Permit, Permits},
};
use crate::{
    journal::{ClientTrouble, Journal, ServiceEvent},
    limits,
    net::{Acceptor, Conn, ReadError},
    policy::Service,
    rt::{Shared, unpanicked},
    wire::smtp::{Reply, Say, say},
};

/// Accepts until it is cancelled. The newest handler serves, so that a change of settings needs no new socket.
pub(super) async fn accept(
    listener: Async<TcpListener>,
    service: Service,
    wanted: Shared<Vec<Wanted>>,
    permits: Permits,
    means: Means,
) {
    let mut told: Option<Duration> = None;
    loop {
        // A flood of connections must not keep this thread from the sessions.
        smol::future::yield_now().await;
        match listener.accept().await {
            Ok((socket, _)) => welcome(socket, service, &wanted, &permits, &means),
            Err(error) if is_of_the_peer(&error) => {}
            Err(error) => {
                let now = means.clock.mono();
                if told.is_none_or(|at| now.saturating_sub(at) >= TELL_EVERY) {
                    told = Some(now);
                    means.journal.tell(ServiceEvent::Exhausted { service: name(service), why: error.to_string() });
                }
                // No descriptor or no memory is free: nothing but waiting helps, and a tight loop would burn the board.
                smol::Timer::after(PAUSE).await;
            }
        }
    }
}

const TELL_EVERY: Duration = Duration::from_secs(60);
const PAUSE: Duration = Duration::from_millis(500);
/// A handshake of a healthy client takes less, also over a bad line.
const SHAKE: Duration = Duration::from_secs(3);

/// The connection broke before it was accepted (accept(2): treat these as a try again).
fn is_of_the_peer(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::Interrupted
            | io::ErrorKind::WouldBlock
            | io::ErrorKind::HostUnreachable
            | io::ErrorKind::NetworkUnreachable
            | io::ErrorKind::NetworkDown
    )
}

fn welcome(socket: Async<TcpStream>, service: Service, wanted: &Shared<Vec<Wanted>>, permits: &Permits, means: &Means) {
    let wanted = wanted.get();
    let Some(door) = wanted.iter().find(|door| door.spec.service == service) else { return };
    // A peer that is gone already has no address.
    let Ok(ip) = socket.get_ref().peer_addr().map(|peer| peer.ip().to_canonical()) else { return };
    if !door.guests.has(ip) {
        return;
    }
    match permits.take(ip, name(service), means.clock.mono()) {
        Ok(permit) => {
            let (handler, tls, journal) = (door.handler.clone(), door.tls.clone(), means.journal.clone());
            let shake_by = means.clock.mono() + SHAKE;
            let guest = Guest { service, ip, handler, tls, journal, permit, shake_by };
            // Detached: a session outlives its listener. Permits::idle waits for the last one, the house's stop sign
            // ends it.
            means.executor.spawn(guest.serve(socket)).detach();
        }
        Err(full) => turn_away(socket.get_ref(), service, ip, full, means),
    }
}

/// The socket is fresh, so that its buffer takes a line at once. Inside TLS nothing can be said.
fn turn_away(mut socket: &TcpStream, service: Service, ip: IpAddr, full: Full, means: &Means) {
    if !matches!(service, Service::Smtps | Service::Pop3s | Service::Imaps | Service::Https) {
        let _ = socket.write(words(service).full);
    }
    let _ = socket.shutdown(Shutdown::Write);
    if full.tell {
        let what = full.of_one.map_or(ClientTrouble::TooManyInAll, ClientTrouble::TooManyOfOne);
        means.journal.tell(ServiceEvent::Client { tag: service.tag(), service: name(service), ip, what });
    }
}

/// A connection that has a place.
struct Guest {
    service: Service,
    ip: IpAddr,
    handler: Handler,
    tls: Option<Shared<Option<Acceptor>>>,
    journal: Journal,
    permit: Permit,
    /// Until then its handshake is waited for, whoever else wants its place; in monotonic time.
    shake_by: Duration,
}

impl Guest {
    async fn serve(self, socket: Async<TcpStream>) {
        if let Err(said) = unpanicked(self.session(socket)).await {
            self.tell(ClientTrouble::Panicked(said));
        }
        drop(self.permit);
    }

    async fn session(&self, socket: Async<TcpStream>) {
        // An error here means that the peer is gone.
        let Ok(mut conn) = tune(socket.get_ref()).and_then(|()| Conn::plain(socket)) else { return };
        conn.set_last_words(words(self.service).broken);
        if let Some(tls) = &self.tls {
            let acceptor = tls.get();
            let Some(acceptor) = acceptor.as_ref() else { return };
            match self.shake(&mut conn, acceptor).await {
                Some(Ok(())) => {}
                Some(Err(error)) => return self.tell(ClientTrouble::Handshake(error.to_string())),
                None => return,
            }
        }
        (self.handler)(conn, self.permit.seat()).await;
    }

    /// The handshake; None when another HTTP client has the place by now: silent connections must not fill all of them.
    async fn shake(&self, conn: &mut Conn, acceptor: &Acceptor) -> Option<Result<(), ReadError>> {
        let shaken = conn.starttls(acceptor, Duration::from_secs(limits::HANDSHAKE_SECS));
        if self.service != Service::Https {
            return Some(shaken.await);
        }
        let seat = self.permit.seat();
        let wait = seat.wait(self.shake_by);
        let wanted = async {
            wait.asked().await;
            None
        };
        smol::future::or(async { Some(shaken.await) }, wanted).await
    }

    fn tell(&self, what: ClientTrouble) {
        let (tag, service) = (self.service.tag(), name(self.service));
        self.journal.tell(ServiceEvent::Client { tag, service, ip: self.ip, what });
    }
}

/// What those hear whom no session serves.
struct Words {
    full: &'static [u8],
    broken: &'static [u8],
}

fn words(service: Service) -> Words {
    match service {
        Service::Smtp | Service::Submission | Service::Smtps => {
            static FULL: OnceLock<Vec<u8>> = OnceLock::new();
            static BROKEN: OnceLock<Vec<u8>> = OnceLock::new();
            let line = |say: Say| {
                let mut out = Vec::new();
                Reply::from(say).write(&mut out);
                out
            };
            Words {
                full: FULL.get_or_init(|| line(say::TOO_MANY_CONNECTIONS)),
                broken: BROKEN.get_or_init(|| line(say::BROKEN)),
            }
        }
        // RFC 3206 s4: a problem of the server that time may mend.
        Service::Pop3 | Service::Pop3s => Words {
            full: b"-ERR [SYS/TEMP] Too many connections, try later\r\n",
            broken: b"-ERR [SYS/TEMP] An internal error ends this session, try later\r\n",
        },
        // RFC 3501 s7.1.5, RFC 5530 s3.
        Service::Imap | Service::Imaps => Words {
            full: b"* BYE [UNAVAILABLE] Too many connections, try later\r\n",
            broken: b"* BYE [SERVERBUG] An internal error ends this session, try later\r\n",
        },
        // Last words in the middle of an answer would be read as a part of it.
        Service::Http | Service::Https => Words { full: http::full(), broken: b"" },
    }
}
