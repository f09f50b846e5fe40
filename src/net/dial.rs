//! Connections that we begin, sent from the interfaces that the settings name (B4).

use std::{
    collections::BTreeSet,
    io,
    net::{IpAddr, SocketAddr, TcpStream},
    sync::Arc,
    time::Duration,
};

use async_io::Async;
use socket2::{Domain, Protocol, SockRef, Socket, TcpKeepalive, Type};

use super::Conn;
use crate::{
    rt::{Worker, timeout},
    types::set_of,
};

/// Says which interfaces send: names or addresses; none: the system chooses.
pub type Senders = Arc<dyn Fn() -> Vec<String> + Send + Sync>;

/// Dials.
#[derive(Clone)]
pub struct Dialer {
    senders: Senders,
    /// Asks the system for its interfaces, which may block for a moment.
    worker: Worker,
}

impl Dialer {
    /// Sends from what `senders` names at the time.
    pub fn new(senders: Senders, worker: Worker) -> Self {
        Dialer { senders, worker }
    }

    /// A connection, up within `limit`.
    pub async fn dial(&self, to: SocketAddr, limit: Duration) -> io::Result<Conn> {
        let from = self.from(to).await?;
        open(to, from, limit).await
    }

    /// Every address of this machine, to know ourselves by.
    pub async fn own_addresses(&self) -> BTreeSet<IpAddr> {
        let found = self.worker.run(addresses).await.unwrap_or_default();
        set_of(found.into_iter().map(|(_, ip)| ip))
    }

    /// The address to send from; None: the system chooses. This machine itself is reached from anywhere.
    async fn from(&self, to: SocketAddr) -> io::Result<Option<IpAddr>> {
        let senders = (self.senders)();
        if senders.is_empty() || to.ip().is_loopback() {
            return Ok(None);
        }
        let found = self.worker.run(addresses).await.unwrap_or_default();
        let none =
            || io::Error::new(io::ErrorKind::AddrNotAvailable, "the interfaces that send have no address for it");
        choose(&senders, &found, to.ip()).map(Some).ok_or_else(none)
    }
}

/// Names of interfaces (without the label of a second address) and their addresses.
fn addresses() -> Vec<(String, IpAddr)> {
    let found = if_addrs::get_if_addrs().unwrap_or_default();
    let base = |name: &str| name.split(':').next().unwrap_or_default().to_owned();
    found.into_iter().map(|interface| (base(&interface.name), interface.ip())).collect()
}

/// The first address of the family, in the order of the setting. Link-local ones reach nobody on the Internet.
fn choose(senders: &[String], found: &[(String, IpAddr)], to: IpAddr) -> Option<IpAddr> {
    let fits = |ip: &&(String, IpAddr)| ip.1.is_ipv4() == to.is_ipv4() && !ip.1.is_loopback() && !is_link_local(ip.1);
    senders.iter().find_map(|sender| {
        let named = |ip: &&(String, IpAddr)| ip.0 == *sender || sender.parse().is_ok_and(|s: IpAddr| s == ip.1);
        found.iter().filter(fits).find(named).map(|ip| ip.1)
    })
}

fn is_link_local(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => ip.is_link_local(),
        IpAddr::V6(ip) => ip.is_unicast_link_local(),
    }
}

/// A connection from the address that the system chooses.
pub async fn reach(to: SocketAddr, limit: Duration) -> io::Result<Conn> {
    open(to, None, limit).await
}

async fn open(to: SocketAddr, from: Option<IpAddr>, limit: Duration) -> io::Result<Conn> {
    let stream = timeout(limit, connect(to, from)).await.ok_or(io::Error::from(io::ErrorKind::TimedOut))??;
    tune(stream.get_ref())?;
    Conn::plain(stream)
}

async fn connect(to: SocketAddr, from: Option<IpAddr>) -> io::Result<Async<TcpStream>> {
    let socket = Socket::new(Domain::for_address(to), Type::STREAM, Some(Protocol::TCP))?;
    if let Some(from) = from {
        socket.bind(&SocketAddr::new(from, 0).into())?;
    }
    socket.set_nonblocking(true)?;
    match socket.connect(&to.into()) {
        Ok(()) => {}
        Err(error) if is_under_way(&error) => {}
        Err(error) => return Err(error),
    }
    let stream = Async::new(TcpStream::from(socket))?;
    stream.writable().await?;
    stream.get_ref().take_error()?.map_or(Ok(stream), Err)
}

fn is_under_way(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::WouldBlock
        || error.raw_os_error().map(rustix::io::Errno::from_raw_os_error) == Some(rustix::io::Errno::INPROGRESS)
}

/// Commands leave at once; a server that vanished without a word is noticed after about four minutes.
fn tune(stream: &TcpStream) -> io::Result<()> {
    let socket = SockRef::from(stream);
    socket.set_tcp_nodelay(true)?;
    let keepalive =
        TcpKeepalive::new().with_time(Duration::from_secs(120)).with_interval(Duration::from_secs(30)).with_retries(4);
    socket.set_tcp_keepalive(&keepalive)
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;
    use crate::rt::block_on;

    const SOON: Duration = Duration::from_secs(5);

    fn dialer(senders: &[&str]) -> Dialer {
        let senders: Vec<String> = senders.iter().map(|s| (*s).to_owned()).collect();
        Dialer::new(Arc::new(move || senders.clone()), Worker::start("dial", 1, 4).unwrap())
    }

    #[test]
    fn the_address_to_send_from_is_of_the_right_family_and_interface() {
        let found: Vec<(String, IpAddr)> = [
            ("lo", "127.0.0.1"),
            ("wan", "fe80::1"),
            ("wan", "192.0.2.1"),
            ("wan", "2001:db8::1"),
            ("lan", "10.0.0.1"),
        ]
        .map(|(name, ip)| (name.to_owned(), ip.parse().unwrap()))
        .to_vec();
        let choose = |senders: &[&str], to: &str| {
            let senders: Vec<String> = senders.iter().map(|s| (*s).to_owned()).collect();
            super::choose(&senders, &found, to.parse().unwrap()).map(|ip| ip.to_string()).unwrap_or_default()
        };
        assert_eq!(choose(&["wan", "lan"], "198.51.100.1"), "192.0.2.1");
        assert_eq!(choose(&["wan"], "2001:db8:1::1"), "2001:db8::1");
        assert_eq!(choose(&["lan", "192.0.2.1"], "198.51.100.1"), "10.0.0.1");
        assert_eq!(choose(&["192.0.2.1"], "198.51.100.1"), "192.0.2.1");
        assert_eq!(choose(&["lan"], "2001:db8:1::1"), "");
        assert_eq!(choose(&["lo"], "198.51.100.1"), "");
    }

    #[test]
    fn a_server_is_reached_and_a_closed_port_says_so() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let at = listener.local_addr().unwrap();
        block_on(async {
            for senders in [&[][..], &["nowhere0"][..]] {
                let conn = dialer(senders).dial(at, SOON).await.unwrap();
                assert_eq!(conn.peer(), at);
            }
            drop(listener);
            let refused = dialer(&[]).dial(at, SOON).await.err().unwrap();
            assert_eq!(refused.kind(), io::ErrorKind::ConnectionRefused);
            let elsewhere = dialer(&["nowhere0"]).dial("192.0.2.1:25".parse().unwrap(), SOON).await.err().unwrap();
            assert_eq!(elsewhere.kind(), io::ErrorKind::AddrNotAvailable);
            assert!(dialer(&[]).own_addresses().await.contains(&at.ip()));
        });
    }
}
