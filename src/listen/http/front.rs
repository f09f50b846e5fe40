//! The life of a connection: a head, its checks, its body, an exchange, and again.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use smol::{future::or, lock::Semaphore};

use super::{
    After, FrontMeans, Origin,
    refuse::{self, Refusal},
    slots::{Slot, Slots},
};
use crate::{
    journal::{ClientTrouble, ServiceEvent, Tag},
    limits,
    listen::Seat,
    net::{Conn, ReadError},
    rt::timeout,
    settings::{Settings, TlsMode},
    wire::http::{Host, Method, RequestHead, head_end},
};

const HEAD_TIME: Duration = Duration::from_secs(limits::HTTP_HEAD_SECS);
const IDLE_TIME: Duration = Duration::from_secs(limits::HTTP_IDLE_SECS);
const BODY_TIME: Duration = Duration::from_secs(limits::HTTP_BODY_SECS);
const LAST_WORDS: Duration = Duration::from_secs(limits::LAST_WORDS_SECS);
/// Before a connection that has not said anything yet gives its place away.
const FIRST_WORD: Duration = Duration::from_secs(1);
/// Between two lines of the journal about requests that were refused.
const TELL_EVERY: Duration = Duration::from_secs(10);
/// Served also without TLS where that is demanded: it says nothing that needs hiding, and a watchdog has no certificate.
const HEALTH: &str = "/healthz";

/// The front. One for all its doors.
pub struct Front {
    pub(super) means: FrontMeans,
    /// Exchanges with tiny_http under way, from the network.
    pub(super) net: Semaphore,
    /// The same from `admin.sock`: a stranger's stalled request must not keep the subcommands out.
    pub(super) local: Semaphore,
    pub(super) downloads: Slots,
    bodies: Slots,
    /// When a refusal was told last, in monotonic time.
    told: Mutex<Option<Duration>>,
}

/// The wait for a request.
struct Pause<'a> {
    limit: Duration,
    seat: Option<&'a Seat>,
    /// When the seat may be given to another connection, in monotonic time.
    since: Duration,
}

impl Pause<'_> {
    /// Whether anything came. What is here already is served, also when the seat was wanted at the same moment.
    async fn octets(&self, conn: &mut Conn) -> bool {
        let wait = self.seat.map(|seat| seat.wait(self.since));
        let wanted = async {
            match &wait {
                Some(wait) => wait.asked().await,
                None => std::future::pending().await,
            }
            false
        };
        or(async { conn.fill(self.limit).await.is_ok() }, wanted).await
    }
}

/// A body, and its place among all bodies.
pub(super) struct Body {
    pub octets: Vec<u8>,
    _place: Option<Slot>,
}

impl Front {
    /// A front over tiny_http's socket.
    pub fn new(means: FrontMeans) -> Arc<Self> {
        Arc::new(Front {
            means,
            net: Semaphore::new(limits::HTTP_TURNS),
            local: Semaphore::new(limits::HTTP_TURNS),
            downloads: Slots::new(limits::API_DOWNLOADS),
            bodies: Slots::new(limits::HTTP_BODIES),
            told: Mutex::new(None),
        })
    }

    /// Serves a connection until it ends. While it waits for a request, its seat may be wanted for another one; who has
    /// just come has a second to speak.
    pub async fn serve(&self, mut conn: Conn, from: Origin, seat: Option<Seat>) {
        let seat = seat.as_ref();
        let mut pause = Pause { limit: HEAD_TIME, seat, since: self.means.clock.mono() + FIRST_WORD };
        while self.exchange(&mut conn, from, &pause).await == After::Again {
            pause = Pause { limit: IDLE_TIME, seat, since: Duration::ZERO };
        }
        // Whose place another one has already does not stay to see whether its last words arrive.
        conn.close(if seat.is_some_and(Seat::is_given) { Duration::ZERO } else { LAST_WORDS }).await;
    }

    /// One request, if one comes within the pause.
    async fn exchange(&self, conn: &mut Conn, from: Origin, pause: &Pause<'_>) -> After {
        let mut head = match or(self.head(conn, pause), self.stopped()).await {
            Ok(Some(head)) => head,
            Ok(None) => return After::Close,
            Err(refusal) => return self.refuse(conn, from, None, &refusal).await,
        };
        head.close |= pause.seat.is_some_and(Seat::is_given);
        match self.answer(conn, from, &head).await {
            Ok(After::Again) if head.close || self.means.stop.is_set() => After::Close,
            Ok(after) => after,
            Err(refusal) => self.refuse(conn, from, Some(&head), &refusal).await,
        }
    }

    async fn stopped(&self) -> Result<Option<RequestHead>, Refusal> {
        self.means.stop.wait().await;
        Ok(None)
    }

    /// The next head; None when the client has gone or has nothing to say.
    async fn head(&self, conn: &mut Conn, pause: &Pause<'_>) -> Result<Option<RequestHead>, Refusal> {
        if conn.buffered().is_empty() && !pause.octets(conn).await {
            return Ok(None);
        }
        // RFC 9112 s2.2: an empty line before a request is passed over, as it may follow the body of the last one.
        if conn.buffered().starts_with(b"\r\n") {
            conn.consume(2);
        }
        match timeout(HEAD_TIME, whole_head(conn)).await {
            Some(Ok(head)) => Ok(Some(head)),
            Some(Err(Some(refusal))) => Err(refusal),
            Some(Err(None)) => Ok(None),
            None => Err(refuse::HEAD_LATE),
        }
    }

    async fn answer(&self, conn: &mut Conn, from: Origin, head: &RequestHead) -> Result<After, Refusal> {
        check(&self.means.settings.get(), from, head)?;
        let body = self.body(conn, head).await?;
        self.relay(conn, from, head, body).await
    }

    /// Reads the body whole: tiny_http's threads must not wait for a slow client.
    async fn body(&self, conn: &mut Conn, head: &RequestHead) -> Result<Body, Refusal> {
        let length = usize::try_from(head.length).ok().filter(|length| *length <= limits::HTTP_BODY);
        let length = length.ok_or(refuse::BODY_LONG)?;
        let place = match length.checked_sub(limits::HTTP_BODY_FREE) {
            None | Some(0) => None,
            Some(above) => Some(self.bodies.take(above).ok_or(refuse::BODIES_FULL)?),
        };
        if head.expects_continue && conn.buffered().is_empty() && length > 0 {
            conn.put(b"HTTP/1.1 100 Continue\r\n\r\n");
            conn.flush(LAST_WORDS).await.map_err(|_| refuse::BODY_LATE)?;
        }
        let mut octets = Vec::with_capacity(length);
        timeout(BODY_TIME, fill(conn, &mut octets, length)).await.and_then(Result::ok).ok_or(refuse::BODY_LATE)?;
        Ok(Body { octets, _place: place })
    }

    async fn refuse(&self, conn: &mut Conn, from: Origin, asked: Option<&RequestHead>, refusal: &Refusal) -> After {
        if let Some(why) = refusal.log {
            self.tell(from, why);
        }
        let mut out = Vec::new();
        refusal.write(asked, &mut out);
        conn.put(&out);
        After::Close
    }

    /// One line in a while: a scanner of ports must not fill the journal.
    fn tell(&self, from: Origin, why: &str) {
        let now = self.means.clock.mono();
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        if told.is_some_and(|at| now.saturating_sub(at) < TELL_EVERY) {
            return;
        }
        *told = Some(now);
        let (ip, service) = match from {
            Origin::Net { ip, tls: true } => (ip, "https"),
            Origin::Net { ip, tls: false } => (ip, "http"),
            Origin::Local { .. } => (std::net::Ipv6Addr::LOCALHOST.into(), "admin"),
        };
        let what = ClientTrouble::RequestRefused(why.to_owned());
        self.means.journal.tell(ServiceEvent::Client { tag: Tag::Gatepost, service, ip, what });
    }
}

/// Reads until a head is whole. Err(None): the client has gone.
async fn whole_head(conn: &mut Conn) -> Result<RequestHead, Option<Refusal>> {
    let mut seen = 0;
    loop {
        let bytes = conn.buffered();
        let end = head_end(bytes, seen).map_err(|bad| Some(refuse::bad_head(bad)))?;
        if end.unwrap_or(bytes.len()) > limits::HTTP_HEAD {
            return Err(Some(refuse::HEAD_LONG));
        }
        if let Some(end) = end {
            let head = RequestHead::parse(&bytes[..end]).map_err(|bad| Some(refuse::bad_head(bad)));
            conn.consume(end);
            return head;
        }
        seen = bytes.len();
        conn.fill(HEAD_TIME).await.map_err(|_| None)?;
    }
}

async fn fill(conn: &mut Conn, octets: &mut Vec<u8>, length: usize) -> Result<(), ReadError> {
    while octets.len() < length {
        if conn.buffered().is_empty() {
            conn.fill(BODY_TIME).await?;
        }
        let piece = conn.buffered().len().min(length - octets.len());
        octets.extend_from_slice(&conn.buffered()[..piece]);
        conn.consume(piece);
    }
    Ok(())
}

/// Whether the request came to the right place by the right way.
fn check(settings: &Settings, from: Origin, head: &RequestHead) -> Result<(), Refusal> {
    let Origin::Net { tls, .. } = from else { return Ok(()) };
    let host = Host::parse(&head.host).filter(|host| is_ours(settings, host)).ok_or(refuse::HOST)?;
    if tls || settings.http_tls != TlsMode::Required || head.path() == HEALTH {
        return Ok(());
    }
    match head.method {
        Method::Get | Method::Head => {
            let name = match host {
                Host::Ip(std::net::IpAddr::V6(ip)) => format!("[{ip}]"),
                Host::Ip(ip) => ip.to_string(),
                Host::Name(name) => name,
            };
            Err(refuse::redirect(format!("https://{name}:{}{}", settings.https_port, head.target)))
        }
        Method::Post | Method::Put | Method::Delete => Err(refuse::ONLY_TLS),
    }
}

/// An attacker's name that was pointed at this server's address (DNS rebinding) is none of these.
fn is_ours(settings: &Settings, host: &Host) -> bool {
    match host {
        Host::Ip(_) => true,
        Host::Name(name) => {
            name == "localhost"
                || settings.server_name.eq_ignore_ascii_case(name)
                || settings.http_allowed_hosts.iter().any(|allowed| allowed.eq_ignore_ascii_case(name))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(text: &str) -> RequestHead {
        RequestHead::parse(format!("{text}\r\n\r\n").as_bytes()).unwrap()
    }

    fn status(settings: &Settings, tls: bool, text: &str) -> Option<u16> {
        let from = Origin::Net { ip: "192.0.2.1".parse().unwrap(), tls };
        check(settings, from, &head(text)).err().map(|refusal| refusal.status)
    }

    #[test]
    fn only_names_of_this_server_are_served() {
        let mut settings = Settings { server_name: "gw.office.test".into(), ..Settings::default() };
        settings.http_allowed_hosts = vec!["Box.office.test".into()];
        for host in ["192.0.2.7:8480", "[::1]:8480", "localhost", "GW.office.test", "box.office.test:8443"] {
            assert_eq!(status(&settings, true, &format!("GET / HTTP/1.1\r\nHost: {host}")), None, "{host}");
        }
        for host in ["evil.test", "gw.office.test.evil.test", "office.test"] {
            assert_eq!(status(&settings, true, &format!("GET / HTTP/1.1\r\nHost: {host}")), Some(421), "{host}");
        }
        let local = Origin::Local { uid: 0 };
        assert_eq!(check(&settings, local, &head("GET / HTTP/1.1\r\nHost: gatepost")), Ok(()));
    }

    #[test]
    fn where_tls_is_demanded_a_look_is_sent_there_and_nothing_else_is_taken() {
        let settings = Settings { http_tls: TlsMode::Required, https_port: 8443, ..Settings::default() };
        let get = "GET /a?b HTTP/1.1\r\nHost: [::1]:8480";
        assert_eq!((status(&settings, true, get), status(&settings, false, get)), (None, Some(308)));
        assert_eq!(status(&settings, false, "POST /api/login HTTP/1.1\r\nHost: localhost"), Some(403));
        assert_eq!(status(&settings, false, "GET /healthz HTTP/1.1\r\nHost: localhost"), None);
        let mut out = Vec::new();
        let from = Origin::Net { ip: "::1".parse().unwrap(), tls: false };
        check(&settings, from, &head(get)).unwrap_err().write(None, &mut out);
        assert!(String::from_utf8(out).unwrap().contains("Location: https://[::1]:8443/a?b\r\n"));
    }
}
