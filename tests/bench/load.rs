//! The load: SMTP senders and a POP3 reader, the same for every server. Plain blocking sockets, one thread a connection.

use std::{
    io::{self, BufRead, BufReader, Write},
    net::{SocketAddr, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

/// How long any answer may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// A line protocol's client end.
pub struct Client {
    input: BufReader<TcpStream>,
}

impl Client {
    /// Connects and reads the greeting.
    pub fn connect(at: SocketAddr) -> io::Result<Client> {
        let stream = TcpStream::connect_timeout(&at, PATIENCE)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        stream.set_nodelay(true)?;
        let mut client = Client { input: BufReader::with_capacity(256 * 1024, stream) };
        client.line()?;
        Ok(client)
    }

    fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.input.get_mut().write_all(bytes)
    }

    fn line(&mut self) -> io::Result<String> {
        let mut line = String::new();
        match self.input.read_line(&mut line)? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            _ => Ok(line),
        }
    }

    /// One reply, of several lines maybe, that must begin with `code`.
    fn reply(&mut self, code: &str) -> io::Result<()> {
        loop {
            let line = self.line()?;
            if !line.starts_with(code) {
                return Err(io::Error::other(format!("{code} expected, heard {line:?}")));
            }
            if line.as_bytes().get(3) != Some(&b'-') {
                return Ok(());
            }
        }
    }

    /// EHLO.
    pub fn hello(&mut self) -> io::Result<()> {
        self.send(b"EHLO bench.test\r\n")?;
        self.reply("250")
    }

    /// One message; the three commands of the envelope go in one packet, as every MTA sends them.
    pub fn mail(&mut self, to: &str, body: &[u8]) -> io::Result<()> {
        self.send(format!("MAIL FROM:<load@bench.test>\r\nRCPT TO:<{to}>\r\nDATA\r\n").as_bytes())?;
        self.reply("250")?;
        self.reply("250")?;
        self.reply("354")?;
        self.send(body)?;
        self.reply("250")
    }

    /// One message for many.
    pub fn mail_to_all(&mut self, to: &[String], body: &[u8]) -> io::Result<()> {
        let rcpts: String = to.iter().map(|to| format!("RCPT TO:<{to}>\r\n")).collect();
        self.send(format!("MAIL FROM:<load@bench.test>\r\n{rcpts}DATA\r\n").as_bytes())?;
        (0..=to.len()).try_for_each(|_| self.reply("250"))?;
        self.reply("354")?;
        self.send(body)?;
        self.reply("250")
    }

    /// USER and PASS.
    pub fn login(&mut self, user: &str, password: &str) -> io::Result<()> {
        for command in [format!("USER {user}\r\n"), format!("PASS {password}\r\n")] {
            self.send(command.as_bytes())?;
            self.reply("+OK")?;
        }
        Ok(())
    }

    /// STAT: messages and octets.
    pub fn stat(&mut self) -> io::Result<(u64, u64)> {
        self.send(b"STAT\r\n")?;
        let line = self.line()?;
        let mut numbers = line.split(' ').skip(1).map(|n| n.trim().parse::<u64>());
        match (numbers.next(), numbers.next()) {
            (Some(Ok(messages)), Some(Ok(octets))) => Ok((messages, octets)),
            _ => Err(io::Error::other(format!("no STAT: {line:?}"))),
        }
    }

    /// RETR; gives the octets of the message.
    pub fn retrieve(&mut self, number: u64) -> io::Result<u64> {
        self.send(format!("RETR {number}\r\n").as_bytes())?;
        self.reply("+OK")?;
        let mut octets = 0;
        let mut line = Vec::new();
        loop {
            line.clear();
            if self.input.read_until(b'\n', &mut line)? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            if line == b".\r\n" {
                return Ok(octets);
            }
            octets += line.len() as u64 - u64::from(line[0] == b'.');
        }
    }

    /// QUIT.
    pub fn quit(mut self) -> io::Result<()> {
        self.send(b"QUIT\r\n")?;
        self.line().map(drop)
    }
}

/// A message of about `size` octets with its final dot.
pub fn message(size: usize) -> Vec<u8> {
    let mut text = String::from(
        "From: Load <load@bench.test>\r\nTo: you@office.test\r\nSubject: bench\r\nDate: Tue, 24 Nov 2026 12:00:00 +0000\r\n\
         Message-ID: <load@bench.test>\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n",
    );
    let mut word = 0u32;
    while text.len() + 2 < size {
        // Cheap noise: text that no file system or store can fold away.
        let mut line = String::new();
        while line.len() < 70 {
            word = word.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            line.push_str(&format!("{word:08x} "));
        }
        line.truncate((size - text.len() - 2).min(72));
        text.push_str(line.trim_end());
        text.push_str("\r\n");
    }
    text.push_str(".\r\n");
    text.into_bytes()
}

/// What to send.
#[derive(Clone)]
pub struct Load {
    pub smtp: SocketAddr,
    pub to: Vec<String>,
    pub size: usize,
    pub connections: usize,
    /// When to stop: after a time, or after a number of messages in all.
    pub until: Until,
}

#[derive(Clone, Copy)]
pub enum Until {
    Time(Duration),
    Count(u64),
}

/// What came of it.
pub struct Sent {
    pub messages: u64,
    pub took: Duration,
}

impl Load {
    /// Sends over all connections at once. Any refusal ends the benchmark: figures of a server that refuses mean nothing.
    pub fn run(&self) -> io::Result<Sent> {
        let taken = Arc::new(AtomicU64::new(0));
        let start = Instant::now();
        let threads: Vec<_> = (0..self.connections)
            .map(|n| {
                let (load, taken) = (self.clone(), taken.clone());
                thread::spawn(move || load.one(n, start, &taken))
            })
            .collect();
        let mut messages = 0;
        for thread in threads {
            messages += thread.join().map_err(|_| io::Error::other("a sender panicked"))??;
        }
        Ok(Sent { messages, took: start.elapsed() })
    }

    fn one(&self, n: usize, start: Instant, taken: &AtomicU64) -> io::Result<u64> {
        let body = message(self.size);
        let mut client = Client::connect(self.smtp)?;
        client.hello()?;
        let mut sent = 0;
        while self.goes_on(start, taken) {
            let to = &self.to[(n + sent as usize * self.connections) % self.to.len()];
            client.mail(to, &body)?;
            sent += 1;
        }
        client.quit()?;
        Ok(sent)
    }

    fn goes_on(&self, start: Instant, taken: &AtomicU64) -> bool {
        match self.until {
            Until::Time(time) => start.elapsed() < time,
            Until::Count(count) => taken.fetch_add(1, Ordering::Relaxed) < count,
        }
    }
}

/// Fetches every message of a mailbox; gives messages, octets and the time from connect to QUIT.
pub fn fetch_all(pop3: SocketAddr, user: &str, password: &str) -> io::Result<(u64, u64, Duration)> {
    let start = Instant::now();
    let mut client = Client::connect(pop3)?;
    client.login(user, password)?;
    let (messages, _) = client.stat()?;
    let mut octets = 0;
    for number in 1..=messages {
        octets += client.retrieve(number)?;
    }
    client.quit()?;
    Ok((messages, octets, start.elapsed()))
}
