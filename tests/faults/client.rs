//! SMTP and POP3 clients that say lines, plain or over TLS, from any address of loopback.

use std::{
    io::{self, BufRead, BufReader, Read, Write},
    net::{Ipv4Addr, SocketAddr},
};

use super::dial;

pub trait Stream: Read + Write + Send {}
impl<T: Read + Write + Send> Stream for T {}

/// A client of either protocol.
pub struct Client(BufReader<Box<dyn Stream>>);

impl Client {
    /// Greeted.
    pub fn plain(to: SocketAddr) -> io::Result<Client> {
        let mut client = Client(BufReader::new(Box::new(dial::dial(Ipv4Addr::LOCALHOST, to)?)));
        client.greeting()?;
        Ok(client)
    }

    /// Greeted inside TLS.
    pub fn tls(to: SocketAddr) -> io::Result<Client> {
        let stream = dial::tls(dial::dial(Ipv4Addr::LOCALHOST, to)?);
        let mut client = Client(BufReader::with_capacity(64 * 1024, Box::new(stream)));
        client.greeting()?;
        Ok(client)
    }

    fn greeting(&mut self) -> io::Result<()> {
        let said = self.reply()?;
        if said.starts_with("220") || said.starts_with("+OK") { Ok(()) } else { Err(io::Error::other(said)) }
    }

    pub fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.0.get_mut().write_all(bytes)?;
        self.0.get_mut().flush()
    }

    /// A line without its CRLF; UnexpectedEof at the end of the connection.
    pub fn line(&mut self) -> io::Result<String> {
        let mut line = Vec::new();
        self.0.read_until(b'\n', &mut line)?;
        if !line.ends_with(b"\r\n") {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        line.truncate(line.len() - 2);
        Ok(String::from_utf8_lossy(&line).into_owned())
    }

    /// The last line of a reply.
    pub fn reply(&mut self) -> io::Result<String> {
        loop {
            let line = self.line()?;
            if line.as_bytes().get(3) != Some(&b'-') || line.starts_with('-') {
                return Ok(line);
            }
        }
    }

    pub fn ask(&mut self, line: &str) -> io::Result<String> {
        self.write(format!("{line}\r\n").as_bytes())?;
        self.reply()
    }

    /// A message to one recipient: the reply to its end, or the first refusal before it.
    pub fn send(&mut self, to: &str, message: &str) -> io::Result<String> {
        self.write(format!("MAIL FROM:<x@far.test>\r\nRCPT TO:<{to}>\r\nDATA\r\n").as_bytes())?;
        let mut refused = None;
        for _ in 0..2 {
            let said = self.reply()?;
            if !said.starts_with('2') {
                refused.get_or_insert(said);
            }
        }
        let said = self.reply()?;
        if !said.starts_with("354") {
            return Ok(refused.unwrap_or(said));
        }
        assert!(!message.contains("\r\n."), "no dot-stuffing here");
        self.write(message.as_bytes())?;
        self.write(b".\r\n")?;
        self.reply()
    }

    /// POP3: the login, or what was said against it.
    pub fn login(&mut self, (user, password): (&str, &str)) -> io::Result<String> {
        let said = self.ask(&format!("USER {user}"))?;
        if said.starts_with("+OK") { self.ask(&format!("PASS {password}")) } else { Ok(said) }
    }

    /// POP3: the octets of a message, dots undone.
    pub fn retr(&mut self, number: usize) -> io::Result<String> {
        let said = self.ask(&format!("RETR {number}"))?;
        if !said.starts_with("+OK") {
            return Err(io::Error::other(said));
        }
        let (mut text, mut line) = (Vec::new(), Vec::new());
        loop {
            line.clear();
            self.0.read_until(b'\n', &mut line)?;
            match line.as_slice() {
                b".\r\n" => return Ok(String::from_utf8(text).unwrap()),
                b"" => return Err(io::ErrorKind::UnexpectedEof.into()),
                line => text.extend(line.strip_prefix(b".").unwrap_or(line)),
            }
        }
    }

    /// POP3: how many messages there are.
    pub fn count(&mut self) -> usize {
        let said = self.ask("STAT").unwrap();
        said.split(' ').nth(1).unwrap().parse().unwrap()
    }
}

/// Ready to send.
pub fn smtp(to: SocketAddr) -> io::Result<Client> {
    let mut client = Client::plain(to)?;
    let said = client.ask("EHLO far.test")?;
    if said.starts_with("250") { Ok(client) } else { Err(io::Error::other(said)) }
}

/// Logged in.
pub fn pop3(to: SocketAddr, who: (&str, &str)) -> Client {
    let mut client = Client::plain(to).unwrap();
    let said = client.login(who).unwrap();
    assert!(said.starts_with("+OK"), "{said}");
    client
}
