//! Raw HTTP: octets out, whatever comes back.

use std::{
    io::{Read, Write},
    net::{Ipv4Addr, SocketAddr, TcpStream},
    time::Duration,
};

use crate::dial::dial;

/// A connection of its own address.
pub fn connect(to: SocketAddr, host: u8) -> TcpStream {
    dial(Ipv4Addr::new(127, 0, 1, host), to).unwrap()
}

/// Sends octets and gives everything that comes until the server closes.
pub fn raw(to: SocketAddr, bytes: &[u8]) -> String {
    let mut stream = connect(to, 1);
    // The server may answer and close before it has read everything.
    let _ = stream.write_all(bytes);
    rest(&mut stream)
}

/// Everything that still comes.
pub fn rest(stream: &mut TcpStream) -> String {
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    String::from_utf8_lossy(&answer).into_owned()
}

/// Whether the server says nothing within `time` and keeps the connection.
pub fn is_quiet(stream: &mut TcpStream, time: Duration) -> bool {
    stream.set_read_timeout(Some(time)).unwrap();
    let said = stream.read(&mut [0]);
    stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    said.is_err_and(|error| matches!(error.kind(), std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut))
}

/// The status of an answer.
pub fn status(answer: &str) -> u16 {
    answer.split(' ').nth(1).and_then(|s| s.parse().ok()).unwrap_or_else(|| panic!("no answer: {answer:?}"))
}

/// How many answers there are.
pub fn answers(text: &str) -> usize {
    let is_status = |rest: &str| rest.len() > 3 && rest.as_bytes()[..3].iter().all(u8::is_ascii_digit);
    text.match_indices("HTTP/1.1 ").filter(|(at, head)| is_status(&text[at + head.len()..])).count()
}

pub const GET: &str = "GET /healthz HTTP/1.1\r\nHost: localhost\r\n";
