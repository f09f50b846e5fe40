//! Opening a port, and the sentence when it cannot be opened.

use std::{
    io,
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    time::Duration,
};

use rustix::process::{Resource, getrlimit, setrlimit};
use socket2::{Domain, Protocol, SockRef, Socket, TcpKeepalive, Type};

use super::plan::{Address, Interfaces};

/// Connections that the kernel keeps for us while all threads are busy.
const BACKLOG: i32 = 256;

/// Opens a port. `[::]` takes IPv4 too, and becomes 0.0.0.0 on a system without IPv6.
pub(super) fn bind(at: SocketAddr) -> io::Result<TcpListener> {
    let socket = bound(at)?;
    socket.listen(BACKLOG)?;
    socket.set_nonblocking(true)?;
    Ok(socket.into())
}

/// Whether a port could be opened now. Nobody can connect to it meanwhile.
pub(super) fn try_bind(at: SocketAddr) -> io::Result<()> {
    bound(at).map(drop)
}

fn bound(at: SocketAddr) -> io::Result<Socket> {
    let everywhere = at.ip().is_unspecified() && at.is_ipv6();
    match bound_to(at) {
        Err(error) if everywhere && no_ipv6(&error) => bound_to(SocketAddr::from((Ipv4Addr::UNSPECIFIED, at.port()))),
        other => other,
    }
}

fn no_ipv6(error: &io::Error) -> bool {
    let code = error.raw_os_error().map(rustix::io::Errno::from_raw_os_error);
    code == Some(rustix::io::Errno::AFNOSUPPORT) || code == Some(rustix::io::Errno::ADDRNOTAVAIL)
}

fn bound_to(at: SocketAddr) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(at), Type::STREAM, Some(Protocol::TCP))?;
    // Connections of an earlier run that wait for their end (TIME_WAIT) must not hold the port.
    socket.set_reuse_address(true)?;
    if at.is_ipv6() {
        socket.set_only_v6(!at.ip().is_unspecified())?;
    }
    socket.bind(&at.into())?;
    Ok(socket)
}

/// What is so and what to do, for the board and the journal.
pub(super) fn advice(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::AddrInUse => {
            "another program uses this port: stop it (`ss -ltnp` shows which) or choose another port".into()
        }
        io::ErrorKind::PermissionDenied => "no permission: ports below 1024 need the capability CAP_NET_BIND_SERVICE \
             (the service files in board/ give it), or choose a port from 1024 up"
            .into(),
        io::ErrorKind::AddrNotAvailable => "the address is not on this machine now; waiting for it".into(),
        _ => error.to_string(),
    }
}

/// Small replies leave at once; a peer that vanished without a word is noticed after about four minutes.
pub(super) fn tune(stream: &TcpStream) -> io::Result<()> {
    let socket = SockRef::from(stream);
    socket.set_tcp_nodelay(true)?;
    let keepalive =
        TcpKeepalive::new().with_time(Duration::from_secs(120)).with_interval(Duration::from_secs(30)).with_retries(4);
    socket.set_tcp_keepalive(&keepalive)
}

/// Addresses of every interface now (N3). Asks the system: runs on a worker thread.
pub fn interfaces() -> io::Result<Interfaces> {
    let mut found = Interfaces::new();
    for interface in if_addrs::get_if_addrs()? {
        let ip = interface.ip();
        let scope = if interface.is_link_local() && ip.is_ipv6() { interface.index.unwrap_or(0) } else { 0 };
        let address = Address { ip, scope };
        // A second address may have a label of its own, `eth0:1`; it is an address of eth0 all the same.
        if let Some((base, _)) = interface.name.split_once(':') {
            found.entry(base.to_owned()).or_default().insert(address);
        }
        found.entry(interface.name).or_default().insert(address);
    }
    Ok(found)
}

/// Raises the limit of open files to what the system allows us at most; gives it. For the first moments of the program.
pub fn raise_open_files() -> io::Result<u64> {
    let mut limit = getrlimit(Resource::Nofile);
    if limit.current != limit.maximum {
        limit.current = limit.maximum;
        setrlimit(Resource::Nofile, limit)?;
    }
    Ok(limit.current.unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_failure_says_what_to_do() {
        let taken = TcpListener::bind("127.0.0.1:0").unwrap();
        let at = taken.local_addr().unwrap();
        for tried in [try_bind(at), bind(at).map(drop)] {
            let error = tried.unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::AddrInUse);
            assert!(advice(&error).contains("choose another port"));
        }
        let absent = try_bind("192.0.2.200:2525".parse().unwrap()).unwrap_err();
        assert!(advice(&absent).contains("waiting for it"));
        let denied = io::Error::from(io::ErrorKind::PermissionDenied);
        assert!(advice(&denied).contains("CAP_NET_BIND_SERVICE"));
        drop(taken);
        try_bind(at).unwrap();
    }

    #[test]
    fn the_loopback_interface_has_its_address() {
        let addresses = interfaces().unwrap().remove("lo").unwrap();
        assert!(addresses.iter().any(|a| a.ip == Ipv4Addr::LOCALHOST));
    }

    #[test]
    fn the_limit_of_open_files_goes_up_to_the_hard_limit() {
        let now = raise_open_files().unwrap();
        assert_eq!(getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX), now);
    }
}
