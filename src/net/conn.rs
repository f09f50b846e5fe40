//! A connection: buffered lines in, grouped replies out, TLS in the middle of it.
//!
//! Every wait may be dropped and begun again: octets that were read stand in the input, octets that were not written stand
//! in the output. Nothing is allocated for a connection that only waits.

use std::{
    io::{self, Write},
    net::{Ipv6Addr, Shutdown, SocketAddr, TcpStream},
    os::unix::net::UnixStream,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use async_io::Async;
use futures_rustls::{TlsAcceptor, TlsConnector, TlsStream, rustls::pki_types::ServerName};
use smol::{
    future::poll_fn,
    io::{AsyncRead, AsyncWriteExt},
};

use super::{Acceptor, Connector, TlsInfo};
use crate::{limits, rt::timeout};

enum Wire {
    Plain(Async<TcpStream>),
    Tls(Box<TlsStream<Async<TcpStream>>>),
    /// Between processes of this machine, or between two parts of this one.
    Unix(Async<UnixStream>),
    Gone,
}

/// How a line ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// As it should.
    Crlf,
    /// A bare LF.
    Lf,
}

/// Why there is no line.
#[derive(Debug)]
pub enum ReadError {
    /// The peer went away.
    Closed,
    /// It did not come, or could not be sent, in time.
    Timeout,
    /// The line was longer than allowed; it was read to its end and thrown away.
    TooLong,
    /// The socket broke, the handshake failed, or the peer sent what no protocol has.
    Io(io::Error),
}

impl From<io::Error> for ReadError {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::UnexpectedEof
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionAborted
            | io::ErrorKind::BrokenPipe => ReadError::Closed,
            _ => ReadError::Io(error),
        }
    }
}

impl std::fmt::Display for ReadError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            ReadError::Closed => f.write_str("the peer closed the connection"),
            ReadError::Timeout => f.write_str("timeout"),
            ReadError::TooLong => f.write_str("line too long"),
            ReadError::Io(error) => error.fmt(f),
        }
    }
}

/// One client's connection. Buffers are empty, and cost nothing, while it is idle.
pub struct Conn {
    wire: Wire,
    peer: SocketAddr,
    local: SocketAddr,
    tls: Option<TlsInfo>,
    input: Vec<u8>,
    /// Octets of `input` that are used.
    start: usize,
    output: Vec<u8>,
    /// Octets of `output` that are sent.
    sent: usize,
    /// No use to say anything more: the peer is gone, or takes nothing.
    dead: bool,
    last_words: &'static [u8],
    /// Reads that may still succeed at once before the thread is left to others.
    turns: u8,
}

/// Reads in a row after which a connection lets others run: a client that always has something to say must not keep the
/// thread to itself.
const TURNS: u8 = 8;

impl Conn {
    /// Wraps an accepted socket.
    pub fn plain(socket: Async<TcpStream>) -> io::Result<Self> {
        let peer = socket.get_ref().peer_addr()?;
        let local = socket.get_ref().local_addr()?;
        Ok(Self::over(Wire::Plain(socket), peer, local))
    }

    /// Wraps a Unix socket. It has no addresses: both ends are loopback, port 0.
    pub fn unix(socket: Async<UnixStream>) -> Self {
        let nowhere = SocketAddr::from((Ipv6Addr::LOCALHOST, 0));
        Self::over(Wire::Unix(socket), nowhere, nowhere)
    }

    fn over(wire: Wire, peer: SocketAddr, local: SocketAddr) -> Self {
        Conn {
            wire,
            peer,
            local,
            tls: None,
            input: Vec::new(),
            start: 0,
            output: Vec::new(),
            sent: 0,
            dead: false,
            last_words: b"",
            turns: TURNS,
        }
    }

    /// What the peer shall hear when the session that owns this connection panics (421, -ERR).
    pub fn set_last_words(&mut self, words: &'static [u8]) {
        self.last_words = words;
    }

    /// As [`Conn::plain`], for a client whose address is known from elsewhere (something in front of us took the connection).
    pub fn plain_from(socket: Async<TcpStream>, peer: SocketAddr) -> io::Result<Self> {
        let mut conn = Self::plain(socket)?;
        conn.peer = peer;
        Ok(conn)
    }

    /// The client; an IPv4-mapped address as IPv4.
    pub fn peer(&self) -> SocketAddr {
        SocketAddr::new(self.peer.ip().to_canonical(), self.peer.port())
    }

    /// Our end.
    pub fn local(&self) -> SocketAddr {
        SocketAddr::new(self.local.ip().to_canonical(), self.local.port())
    }

    /// What TLS agreed on, if it is on.
    pub fn tls(&self) -> Option<&TlsInfo> {
        self.tls.as_ref()
    }

    /// The handshake, within `limit`. All buffered plaintext, in and out, is thrown away (STARTTLS injection), so flush the
    /// go-ahead first. After an error nothing can be said on this connection any more.
    pub async fn starttls(&mut self, acceptor: &Acceptor, limit: Duration) -> Result<(), ReadError> {
        let socket = self.bare_socket()?;
        // Boxed: a handshake's state is large, and a plain session's task should not have room for it.
        let shake = Box::pin(TlsAcceptor::from(acceptor.config.clone()).accept(socket));
        let stream = timeout(limit, shake).await.ok_or(ReadError::Timeout)??;
        self.encrypted(TlsStream::Server(stream));
        Ok(())
    }

    /// The handshake as a client, within `limit`: the same, for a server that should be `name` (a host name or an IP address).
    pub async fn begin_tls(&mut self, connector: &Connector, name: &str, limit: Duration) -> Result<(), ReadError> {
        let name = ServerName::try_from(name.to_owned()).map_err(|why| ReadError::Io(io::Error::other(why)))?;
        let socket = self.bare_socket()?;
        let shake = Box::pin(TlsConnector::from(connector.config.clone()).connect(name, socket));
        let stream = timeout(limit, shake).await.ok_or(ReadError::Timeout)??;
        self.encrypted(TlsStream::Client(stream));
        Ok(())
    }

    /// The socket without what was buffered in plaintext, in and out.
    fn bare_socket(&mut self) -> Result<Async<TcpStream>, ReadError> {
        if self.tls.is_some() {
            return Err(ReadError::Io(io::Error::other("TLS inside TLS")));
        }
        self.input = Vec::new();
        self.start = 0;
        self.output = Vec::new();
        self.sent = 0;
        match std::mem::replace(&mut self.wire, Wire::Gone) {
            Wire::Plain(socket) => Ok(socket),
            Wire::Tls(_) | Wire::Unix(_) | Wire::Gone => Err(ReadError::Closed),
        }
    }

    fn encrypted(&mut self, stream: TlsStream<Async<TcpStream>>) {
        self.tls = Some(TlsInfo::of(stream.get_ref().1));
        self.wire = Wire::Tls(Box::new(stream));
    }

    /// After [`ReadError::Closed`]: whether the peer said that nothing more comes (close_notify under TLS) and did not just vanish.
    pub fn was_ended(&self) -> bool {
        !self.dead
    }

    /// Input that was read and not used yet.
    pub fn buffered(&self) -> &[u8] {
        &self.input[self.start..]
    }

    /// Marks `n` octets of [`Conn::buffered`] as used.
    pub fn consume(&mut self, n: usize) {
        self.start = (self.start + n).min(self.input.len());
        if self.start == self.input.len() {
            self.input = Vec::new();
            self.start = 0;
        }
    }

    /// Reads more input behind what is buffered: waits up to `limit` for the first octets, then takes what is there, up to
    /// READ_BUF.
    pub async fn fill(&mut self, limit: Duration) -> Result<(), ReadError> {
        self.fill_up_to(limits::READ_BUF, limit).await
    }

    /// As [`Conn::fill`], but takes up to CHUNK: for the text of a message.
    pub async fn fill_bulk(&mut self, limit: Duration) -> Result<(), ReadError> {
        self.fill_up_to(limits::CHUNK, limit).await
    }

    async fn fill_up_to(&mut self, most: usize, limit: Duration) -> Result<(), ReadError> {
        timeout(limit, poll_fn(|cx| self.poll_fill(cx, most))).await.ok_or(ReadError::Timeout)?
    }

    /// The buffer lives on the stack of the thread, and only while octets come: neither the task nor the connection holds
    /// one while it waits.
    fn poll_fill(&mut self, cx: &mut Context<'_>, most: usize) -> Poll<Result<(), ReadError>> {
        if self.start > 0 {
            self.input.drain(..self.start);
            self.start = 0;
        }
        if self.turns == 0 {
            self.turns = TURNS;
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        self.turns -= 1;
        let mut piece = [0u8; limits::READ_BUF];
        let mut got = 0;
        while got < most {
            let want = piece.len().min(most - got);
            match self.poll_some(cx, &mut piece[..want]) {
                Poll::Ready(Ok(n)) if n > 0 => {
                    if got > 0 {
                        // More than a piece comes: room for all of it at once.
                        self.input.reserve(most - got);
                    }
                    self.input.extend_from_slice(&piece[..n]);
                    got += n;
                    // A socket that gave less than was asked is empty; asking again would only cost a system call.
                    if n < want && matches!(self.wire, Wire::Plain(_) | Wire::Unix(_)) {
                        break;
                    }
                }
                // The end or an error comes again at the next call.
                Poll::Ready(_) | Poll::Pending if got > 0 => break,
                Poll::Ready(Ok(_)) => {
                    self.dead = matches!(self.wire, Wire::Gone);
                    return Poll::Ready(Err(ReadError::Closed));
                }
                Poll::Ready(Err(error)) => {
                    self.dead = true;
                    return Poll::Ready(Err(error.into()));
                }
                Poll::Pending => {
                    self.turns = TURNS;
                    return Poll::Pending;
                }
            }
        }
        Poll::Ready(Ok(()))
    }

    fn poll_some(&mut self, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        match &mut self.wire {
            Wire::Plain(socket) => Pin::new(socket).poll_read(cx, buffer),
            Wire::Tls(stream) => Pin::new(stream).poll_read(cx, buffer),
            Wire::Unix(socket) => Pin::new(socket).poll_read(cx, buffer),
            Wire::Gone => Poll::Ready(Ok(0)),
        }
    }

    /// One line without its ending, at most `max` octets with it, whole within `limit` (a client that sends an octet now
    /// and then must not hold the connection for ever). A longer one is thrown away whole; one without an end is an error.
    pub async fn line(&mut self, max: usize, limit: Duration) -> Result<(Vec<u8>, Ending), ReadError> {
        let mut search = Search::default();
        timeout(limit, poll_fn(|cx| self.poll_line(cx, max, &mut search))).await.ok_or(ReadError::Timeout)?
    }

    fn poll_line(
        &mut self,
        cx: &mut Context<'_>,
        max: usize,
        search: &mut Search,
    ) -> Poll<Result<(Vec<u8>, Ending), ReadError>> {
        loop {
            let fresh = self.buffered();
            if let Some(at) = memchr::memchr(b'\n', &fresh[search.seen..]).map(|at| at + search.seen) {
                let long = search.thrown > 0 || at + 1 > max;
                let ending = if at > 0 && fresh[at - 1] == b'\r' { Ending::Crlf } else { Ending::Lf };
                let line = if long { Vec::new() } else { fresh[..at - usize::from(ending == Ending::Crlf)].to_vec() };
                self.consume(at + 1);
                return Poll::Ready(if long { Err(ReadError::TooLong) } else { Ok((line, ending)) });
            }
            search.seen = fresh.len();
            if search.seen > max {
                search.thrown += search.seen;
                self.consume(search.seen);
                search.seen = 0;
            }
            if search.thrown > limits::LINE_DISCARD {
                return Poll::Ready(Err(ReadError::Io(io::Error::other("a line without an end"))));
            }
            ready!(self.poll_fill(cx, limits::READ_BUF))?;
        }
    }

    /// Puts bytes behind those that wait to be sent.
    pub fn put(&mut self, bytes: &[u8]) {
        self.output.extend_from_slice(bytes);
    }

    /// The output buffer, to write replies into: append only.
    pub fn output(&mut self) -> &mut Vec<u8> {
        &mut self.output
    }

    /// Sends what waits, all of it within `limit`.
    pub async fn flush(&mut self, limit: Duration) -> Result<(), ReadError> {
        if self.output.is_empty() {
            return Ok(());
        }
        let sent = timeout(limit, self.send()).await.ok_or(ReadError::Timeout);
        self.dead |= !matches!(sent, Ok(Ok(())));
        sent??;
        self.output = Vec::new();
        self.sent = 0;
        Ok(())
    }

    async fn send(&mut self) -> io::Result<()> {
        while self.sent < self.output.len() {
            let rest = &self.output[self.sent..];
            let n = match &mut self.wire {
                Wire::Plain(socket) => socket.write(rest).await?,
                Wire::Tls(stream) => stream.write(rest).await?,
                Wire::Unix(socket) => socket.write(rest).await?,
                Wire::Gone => return Err(io::ErrorKind::NotConnected.into()),
            };
            if n == 0 {
                return Err(io::ErrorKind::WriteZero.into());
            }
            self.sent += n;
        }
        if let Wire::Tls(stream) = &mut self.wire {
            stream.flush().await?;
        }
        Ok(())
    }

    /// Sends what waits within `limit`, says that nothing more comes (close_notify under TLS), and reads on for a moment:
    /// a socket that is closed over unread input is reset, and the reset would overtake our last reply.
    pub async fn close(mut self, limit: Duration) {
        if self.dead || self.flush(limit).await.is_err() {
            return;
        }
        let linger = limit.min(Duration::from_secs(limits::LINGER_SECS));
        let _ = timeout(linger, self.part()).await;
    }

    async fn part(&mut self) -> io::Result<()> {
        match &mut self.wire {
            Wire::Plain(socket) => {
                socket.get_ref().shutdown(Shutdown::Write)?;
                read_on(socket).await
            }
            Wire::Tls(stream) => {
                stream.close().await?;
                read_on(stream.get_mut().0).await
            }
            Wire::Unix(socket) => {
                socket.get_ref().shutdown(Shutdown::Write)?;
                read_on(socket).await
            }
            Wire::Gone => Ok(()),
        }
    }
}

/// Throws away what still comes, up to a bound.
async fn read_on(socket: &mut (impl AsyncRead + Unpin)) -> io::Result<()> {
    let mut thrown = 0;
    while thrown <= limits::LINE_DISCARD {
        let n = poll_fn(|cx| Pin::new(&mut *socket).poll_read(cx, &mut [0u8; 4096])).await?;
        if n == 0 {
            break;
        }
        thrown += n;
    }
    Ok(())
}

/// A session that panics drops its connection on the way: the last words go out as far as the socket takes them at once.
impl Drop for Conn {
    fn drop(&mut self) {
        // In the middle of a reply they would be read as a part of it.
        if !std::thread::panicking() || self.dead || self.sent > 0 || self.last_words.is_empty() {
            return;
        }
        match &mut self.wire {
            Wire::Plain(socket) => {
                let _ = socket.get_ref().write(self.last_words);
                let _ = socket.get_ref().shutdown(Shutdown::Write);
            }
            Wire::Tls(stream) => {
                // A client has no last words: nobody sets them.
                let TlsStream::Server(stream) = &mut **stream else { return };
                let (socket, session) = stream.get_mut();
                let _ = session.writer().write(self.last_words);
                session.send_close_notify();
                while session.wants_write() && session.write_tls(&mut socket.get_ref()).is_ok_and(|n| n > 0) {}
                let _ = socket.get_ref().shutdown(Shutdown::Write);
            }
            Wire::Unix(socket) => {
                let _ = socket.get_ref().write(self.last_words);
            }
            Wire::Gone => {}
        }
    }
}

/// How far the search for the end of a line got.
#[derive(Default)]
struct Search {
    /// Octets of the buffer that hold no LF.
    seen: usize,
    /// Octets of an over-long line that are thrown away already.
    thrown: usize,
}

#[cfg(test)]
mod tests {
    use std::{io::Read, net::TcpListener, sync::Arc, thread};

    use rustls::{ClientConfig, RootCertStore, crypto::ring, pki_types::CertificateDer, pki_types::pem::PemObject};
    use smol::{block_on, io::AsyncReadExt};

    use super::*;
    use crate::{
        net::{Identity, Tickets},
        types::UnixTime,
    };

    const SOON: Duration = Duration::from_secs(10);
    const SHORT: Duration = Duration::from_millis(60);

    fn pair() -> (Conn, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        client.set_read_timeout(Some(SOON)).unwrap();
        let (socket, _) = listener.accept().unwrap();
        (Conn::plain(Async::new(socket).unwrap()).unwrap(), client)
    }

    type Client = futures_rustls::client::TlsStream<Async<TcpStream>>;

    /// A connection whose TLS is up, and its rustls client.
    async fn tls_pair() -> (Conn, Client) {
        let (mut conn, client) = pair();
        let (chain, key) = Identity::self_signed(&["mail.office.test".into()], UnixTime(0)).unwrap();
        let acceptor = Acceptor::new(&Identity::from_pem(&chain, &key).unwrap(), Tickets::None).unwrap();
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(chain.as_bytes()).unwrap()).unwrap();
        let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        let name = "mail.office.test".try_into().unwrap();
        client.set_nonblocking(true).unwrap();
        let connector = TlsConnector::from(Arc::new(config));
        let dial = connector.connect(name, Async::new(client).unwrap());
        let (shaken, stream) = smol::future::zip(conn.starttls(&acceptor, SOON), dial).await;
        shaken.unwrap();
        (conn, stream.unwrap())
    }

    #[test]
    fn lines_come_one_by_one_with_their_endings() {
        let (mut conn, mut client) = pair();
        client.write_all(b"EHLO a\r\nNOOP\n\r\nbare\rcr\r\nQUIT").unwrap();
        drop(client);
        block_on(async {
            for (text, ending) in
                [("EHLO a", Ending::Crlf), ("NOOP", Ending::Lf), ("", Ending::Crlf), ("bare\rcr", Ending::Crlf)]
            {
                assert_eq!(conn.line(100, SOON).await.unwrap(), (text.as_bytes().to_vec(), ending));
            }
            assert_eq!(conn.buffered(), b"QUIT");
            assert!(matches!(conn.line(100, SOON).await, Err(ReadError::Closed)));
        });
    }

    #[test]
    fn a_long_line_is_thrown_away_whole_and_the_next_one_is_read() {
        for length in [99usize, 100, 5_000, 20_000, 500_000] {
            let (mut conn, mut client) = pair();
            let writer = thread::spawn(move || {
                let _ = client.write_all(&[&vec![b'x'; length][..], b"\r\nNOOP\r\n"].concat());
                client
            });
            block_on(async {
                assert!(matches!(conn.line(100, SOON).await, Err(ReadError::TooLong)), "{length}");
                assert_eq!(conn.line(100, SOON).await.unwrap().0, b"NOOP");
            });
            drop(writer.join().unwrap());
        }
        let (mut conn, mut client) = pair();
        client.write_all(&[&[b'x'; 98][..], b"\r\n"].concat()).unwrap();
        assert_eq!(block_on(conn.line(100, SOON)).unwrap().0.len(), 98);
    }

    #[test]
    fn a_line_without_an_end_is_not_read_for_ever() {
        let (mut conn, mut client) = pair();
        let writer = thread::spawn(move || while client.write_all(&[b'x'; 65_536]).is_ok() {});
        assert!(matches!(block_on(conn.line(100, SOON)), Err(ReadError::Io(_))));
        drop(conn);
        writer.join().unwrap();
    }

    #[test]
    fn octets_that_trickle_do_not_stretch_the_limit_of_a_line() {
        let (mut conn, mut client) = pair();
        let writer = thread::spawn(move || {
            while client.write_all(b"x").is_ok() {
                thread::sleep(Duration::from_millis(20));
            }
        });
        assert!(matches!(block_on(conn.line(100_000, SHORT * 2)), Err(ReadError::Timeout)));
        drop(conn);
        writer.join().unwrap();
    }

    #[test]
    fn a_dropped_read_loses_nothing() {
        let (mut conn, mut client) = pair();
        block_on(async {
            client.write_all(b"NO").unwrap();
            assert!(matches!(conn.line(100, SHORT).await, Err(ReadError::Timeout)));
            assert!(smol::future::poll_once(conn.line(100, SOON)).await.is_none());
            client.write_all(b"OP\r\n").unwrap();
            assert_eq!(conn.line(100, SOON).await.unwrap().0, b"NOOP");
        });
    }

    #[test]
    fn a_client_that_never_stops_sending_does_not_keep_the_thread() {
        let (mut conn, mut client) = pair();
        client.set_nonblocking(true).unwrap();
        let mut waiting = 0;
        while let Ok(n) = client.write(&[b'x'; 65_536]) {
            waiting += n;
        }
        thread::sleep(SHORT);
        let mut row = 0;
        block_on(async {
            while smol::future::poll_once(conn.fill(SOON)).await.is_some() {
                conn.consume(conn.buffered().len());
                row += 1;
            }
            assert!(row <= usize::from(TURNS), "{row} reads in a row");
            assert!(row * limits::READ_BUF < waiting, "the socket was not empty");
            conn.fill(SOON).await.unwrap();
        });
    }

    #[test]
    fn bulk_reads_take_much_at_once_and_an_idle_connection_holds_nothing() {
        let (mut conn, mut client) = pair();
        client.write_all(&[7u8; 60_000]).unwrap();
        thread::sleep(SHORT);
        block_on(async {
            conn.fill_bulk(SOON).await.unwrap();
            assert!(conn.buffered().len() > limits::READ_BUF, "{}", conn.buffered().len());
            conn.consume(conn.buffered().len());
            while conn.fill(SHORT).await.is_ok() {
                assert!(conn.buffered().len() <= limits::READ_BUF);
                conn.consume(usize::MAX / 2);
            }
            assert_eq!((conn.input.capacity(), conn.output.capacity()), (0, 0));
        });
        let size = std::mem::size_of_val(&conn.line(100, SOON));
        assert!(size < 1024, "a waiting line() costs {size} bytes");
        let (chain, key) = Identity::self_signed(&["mail.office.test".into()], UnixTime(0)).unwrap();
        let acceptor = Acceptor::new(&Identity::from_pem(&chain, &key).unwrap(), Tickets::None).unwrap();
        let size = std::mem::size_of_val(&conn.starttls(&acceptor, SOON));
        assert!(size < 4096, "room for starttls() costs {size} bytes");
    }

    #[test]
    fn a_peer_that_reads_nothing_does_not_hold_us() {
        let (mut conn, mut client) = pair();
        block_on(async {
            conn.put(&vec![1u8; 30_000_000]);
            assert!(matches!(conn.flush(SHORT).await, Err(ReadError::Timeout)));
        });
        let before = std::time::Instant::now();
        block_on(conn.close(SOON));
        assert!(before.elapsed() < SOON / 2);
        let mut got = Vec::new();
        let _ = client.read_to_end(&mut got);
        assert!(got.len() < 30_000_000);
    }

    #[test]
    fn a_flush_that_was_dropped_goes_on_where_it_was() {
        let (mut conn, mut client) = pair();
        let text: Vec<u8> = (0..8_000_000u32).map(|n| n as u8).collect();
        let want = text.clone();
        block_on(async {
            conn.put(&text);
            assert!(matches!(conn.flush(SHORT).await, Err(ReadError::Timeout)));
            let reader = thread::spawn(move || {
                let mut got = Vec::new();
                client.read_to_end(&mut got).unwrap();
                got
            });
            conn.flush(SOON).await.unwrap();
            drop(conn);
            assert!(reader.join().unwrap() == want);
        });
    }

    #[test]
    fn the_last_reply_reaches_a_client_that_still_sends() {
        let (mut conn, mut client) = pair();
        let talker = client.try_clone().unwrap();
        let writer = thread::spawn(move || {
            let mut talker = talker;
            for _ in 0..20 {
                let _ = talker.write_all(&[b'x'; 4096]);
                thread::sleep(Duration::from_millis(5));
            }
            let _ = talker.shutdown(Shutdown::Write);
        });
        block_on(async {
            conn.fill(SOON).await.unwrap();
            conn.put(b"421 4.7.0 bye\r\n");
            conn.close(SOON).await;
        });
        let mut got = String::new();
        client.read_to_string(&mut got).unwrap();
        assert_eq!(got, "421 4.7.0 bye\r\n");
        writer.join().unwrap();
    }

    #[test]
    fn a_session_that_panics_says_its_last_words() {
        let (mut conn, mut client) = pair();
        conn.set_last_words(b"421 4.3.0 sorry\r\n");
        let died = thread::spawn(move || {
            let _conn = conn;
            panic!("planted");
        });
        assert!(died.join().is_err());
        let mut got = String::new();
        client.read_to_string(&mut got).unwrap();
        assert_eq!(got, "421 4.3.0 sorry\r\n");
        block_on(async {
            let (mut conn, mut client) = tls_pair().await;
            conn.set_last_words(b"-ERR sorry\r\n");
            assert!(thread::spawn(move || [conn].get(1).map(|_| ()).unwrap()).join().is_err());
            let mut got = Vec::new();
            client.read_to_end(&mut got).await.unwrap();
            assert_eq!(got, b"-ERR sorry\r\n");
        });
    }

    #[test]
    fn a_half_closed_client_still_gets_its_answers() {
        let (mut conn, mut client) = pair();
        client.write_all(b"QUIT\r\n").unwrap();
        client.shutdown(Shutdown::Write).unwrap();
        block_on(async {
            assert_eq!(conn.line(100, SOON).await.unwrap().0, b"QUIT");
            assert!(matches!(conn.line(100, SOON).await, Err(ReadError::Closed)));
            conn.put(b"221 2.0.0 bye\r\n");
            conn.close(SOON).await;
        });
        let mut got = String::new();
        client.read_to_string(&mut got).unwrap();
        assert_eq!(got, "221 2.0.0 bye\r\n");
    }

    #[test]
    fn plaintext_behind_starttls_is_never_executed() {
        let (mut conn, mut client) = pair();
        client.write_all(b"STARTTLS\r\nMAIL FROM:<evil@x.test>\r\n").unwrap();
        let (chain, key) = Identity::self_signed(&["mail.office.test".into()], UnixTime(0)).unwrap();
        let acceptor = Acceptor::new(&Identity::from_pem(&chain, &key).unwrap(), Tickets::None).unwrap();
        block_on(async {
            assert_eq!(conn.line(100, SOON).await.unwrap().0, b"STARTTLS");
            thread::sleep(SHORT);
            conn.put(b"late words");
            assert!(conn.starttls(&acceptor, SHORT).await.is_err());
            assert!(conn.buffered().is_empty());
            assert!(matches!(conn.line(100, SOON).await, Err(ReadError::Closed)));
            conn.put(b"500");
            assert!(conn.flush(SOON).await.is_err());
        });
    }

    #[test]
    fn tls_carries_lines_bulk_and_a_proper_end_both_ways() {
        block_on(async {
            let (mut conn, mut client) = tls_pair().await;
            assert_eq!(conn.tls().unwrap().version, "TLSv1.3");
            assert!(conn.tls().unwrap().cipher.starts_with("TLS_"));
            client.write_all(b"NOOP\r\nQU").await.unwrap();
            assert_eq!(conn.line(100, SOON).await.unwrap().0, b"NOOP");
            assert!(matches!(conn.line(100, SHORT).await, Err(ReadError::Timeout)));
            client.write_all(b"IT\r\n").await.unwrap();
            assert_eq!(conn.line(100, SOON).await.unwrap().0, b"QUIT");
            let text = vec![b'y'; 3_000_000];
            conn.put(&text);
            let mut got = vec![0; text.len()];
            let (sent, read) = smol::future::zip(conn.flush(SOON), client.read_exact(&mut got)).await;
            sent.unwrap();
            read.unwrap();
            assert!(got == text);
            let up = async {
                client.write_all(&text).await.unwrap();
                client.flush().await.unwrap();
                client
            };
            let down = async {
                let mut total = 0;
                while total < text.len() {
                    conn.fill_bulk(SOON).await.unwrap();
                    total += conn.buffered().len();
                    conn.consume(conn.buffered().len());
                }
                conn
            };
            let (mut client, mut conn) = smol::future::zip(up, down).await;
            conn.put(b"bye");
            let mut end = Vec::new();
            // Without close_notify rustls would report an unexpected end.
            let (_, read) = smol::future::zip(conn.close(SOON), async {
                let read = client.read_to_end(&mut end).await;
                drop(client);
                read
            })
            .await;
            read.unwrap();
            assert_eq!(end, b"bye");
        });
    }

    #[test]
    fn a_tls_client_that_says_close_notify_still_gets_its_answer() {
        block_on(async {
            let (mut conn, mut client) = tls_pair().await;
            client.close().await.unwrap();
            assert!(matches!(conn.line(100, SOON).await, Err(ReadError::Closed)));
            conn.put(b"421 idle");
            let mut got = Vec::new();
            let (_, read) = smol::future::zip(conn.close(SOON), async {
                let read = client.read_to_end(&mut got).await;
                drop(client);
                read
            })
            .await;
            read.unwrap();
            assert_eq!(got, b"421 idle");
        });
    }
}
