//! An IMAP client for the load: it reads fast, keeps nothing, and knows just enough of the grammar to find the end of an answer.

use std::{
    io::{self, BufRead, BufReader, Read, Write},
    net::{Ipv4Addr, SocketAddr},
    time::{Duration, Instant},
};

use crate::dial;

trait Stream: Read + Write {}
impl<T: Read + Write> Stream for T {}

/// A session.
pub struct Imap {
    input: BufReader<Box<dyn Stream>>,
    tag: u32,
}

/// What an answer held.
pub struct Heard {
    /// Untagged lines.
    pub untagged: u64,
    /// Octets, literals too.
    pub octets: u64,
    /// From the command to the tagged line.
    pub took: Duration,
}

impl Imap {
    /// Greeted; from 127.0.0.`from`, with a small buffer when it is one of a thousand.
    pub fn connect(at: SocketAddr, from: u8, tls: bool) -> io::Result<Imap> {
        let stream = dial::dial(Ipv4Addr::new(127, 0, 0, from), at)?;
        stream.set_nodelay(true)?;
        let stream: Box<dyn Stream> = if tls { Box::new(dial::tls(stream)) } else { Box::new(stream) };
        let mut imap = Imap { input: BufReader::with_capacity(64 * 1024, stream), tag: 0 };
        let greeting = imap.line(&mut Vec::new())?;
        if greeting == 0 { Err(io::ErrorKind::UnexpectedEof.into()) } else { Ok(imap) }
    }

    /// Logged in, with INBOX or another folder selected.
    pub fn open(at: SocketAddr, user: &str, folder: &str) -> io::Result<Imap> {
        let mut imap = Imap::connect(at, 1, false)?;
        imap.login(user)?;
        imap.ask(&format!("SELECT {folder}"))?;
        Ok(imap)
    }

    /// LOGIN.
    pub fn login(&mut self, user: &str) -> io::Result<()> {
        self.ask(&format!("LOGIN {user} bench-pass")).map(drop)
    }

    /// A command to its tagged OK.
    pub fn ask(&mut self, command: &str) -> io::Result<Heard> {
        self.tag += 1;
        let start = Instant::now();
        self.send(format!("a{} {command}\r\n", self.tag).as_bytes())?;
        self.end(start)
    }

    /// APPEND of one message, the literal not waited for.
    pub fn append(&mut self, folder: &str, message: &[u8]) -> io::Result<()> {
        self.tag += 1;
        let start = Instant::now();
        self.send(format!("a{} APPEND {folder} {{{}+}}\r\n", self.tag, message.len()).as_bytes())?;
        self.send(message)?;
        self.send(b"\r\n")?;
        self.end(start).map(drop)
    }

    /// IDLE, up to the continuation.
    pub fn idle(&mut self) -> io::Result<()> {
        self.tag += 1;
        self.send(format!("a{} IDLE\r\n", self.tag).as_bytes())?;
        let mut line = Vec::new();
        while !line.starts_with(b"+") {
            if self.line(&mut line)? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
        Ok(())
    }

    fn end(&mut self, start: Instant) -> io::Result<Heard> {
        let tag = format!("a{} ", self.tag);
        let (mut untagged, mut octets, mut line) = (0, 0, Vec::new());
        loop {
            let n = self.line(&mut line)?;
            octets += n;
            if n == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            if line.starts_with(tag.as_bytes()) {
                let said = String::from_utf8_lossy(&line).into_owned();
                let good = said[tag.len()..].starts_with("OK");
                let heard = Heard { untagged, octets, took: start.elapsed() };
                return if good { Ok(heard) } else { Err(io::Error::other(said)) };
            }
            untagged += u64::from(line.starts_with(b"* "));
        }
    }

    /// A line with the literals in it; only its beginning is kept.
    fn line(&mut self, line: &mut Vec<u8>) -> io::Result<u64> {
        line.clear();
        let mut octets = self.input.read_until(b'\n', line)? as u64;
        let (mut more, mut end) = (literal(line), Vec::new());
        while let Some(size) = more {
            octets += io::copy(&mut (&mut self.input).take(size), &mut io::sink())?;
            end.clear();
            octets += self.input.read_until(b'\n', &mut end)? as u64;
            more = literal(&end);
        }
        Ok(octets)
    }

    fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.input.get_mut().write_all(bytes)?;
        self.input.get_mut().flush()
    }
}

/// The size at the end of a line that announces a literal.
fn literal(line: &[u8]) -> Option<u64> {
    let text = line.strip_suffix(b"}\r\n")?;
    let at = text.iter().rposition(|b| *b == b'{')?;
    std::str::from_utf8(&text[at + 1..]).ok()?.parse().ok()
}
