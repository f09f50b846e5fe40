//! How a foreign program is run, the message it must carry whole, and a reader that takes nothing for granted.

use std::{
    fs,
    io::{BufRead, BufReader, Write},
    net::{SocketAddr, TcpStream},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use crate::common::{ANN, House, TempDir};

/// How long a program may take for one message on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// A program, the Debian package it comes with, and a home of its own: nothing of the user's configuration is read.
pub struct Tool<'a> {
    program: &'static str,
    package: &'static str,
    home: &'a Path,
}

/// What a program said and whether it was content.
pub struct Said {
    pub good: bool,
    pub out: Vec<u8>,
    pub text: String,
}

impl Said {
    /// Stops the test unless the program was content.
    #[track_caller]
    pub fn expect_good(self, house: &House) -> Said {
        assert!(self.good, "{}\njournal: {:#?}", self.text, house.journal());
        self
    }
}

impl<'a> Tool<'a> {
    pub fn new(program: &'static str, package: &'static str, home: &'a Path) -> Tool<'a> {
        Tool { program, package, home }
    }

    /// Runs it with `input`; kills it when it takes too long.
    pub fn run(&self, args: &[&str], input: &[u8]) -> Said {
        let mut command = Command::new(self.program);
        command.args(args).current_dir(self.home).env("HOME", self.home).env("LC_ALL", "C.UTF-8").env("TERM", "xterm");
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command
            .spawn()
            .unwrap_or_else(|e| panic!("{}: {e}; it comes with: apt-get install {}", self.program, self.package));
        let mut stdin = child.stdin.take().unwrap();
        let input = input.to_vec();
        // Errors of the pipe mean that it did not read everything: its exit says whether that was right.
        let writer = thread::spawn(move || drop(stdin.write_all(&input)));
        let watch = watch(child.id());
        let done = child.wait_with_output().unwrap();
        drop(watch);
        writer.join().unwrap();
        let words = [done.stdout.as_slice(), &done.stderr].map(|t| String::from_utf8_lossy(t).into_owned()).join("\n");
        let text = format!("{} {args:?}: {}\n{words}", self.program, done.status);
        Said { good: done.status.success(), out: done.stdout, text }
    }

    /// A file in its home that only its user may read (fetchmail and msmtp insist).
    pub fn file(&self, name: &str, text: &[u8]) -> PathBuf {
        use std::os::unix::fs::PermissionsExt;
        let path = self.home.join(name);
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        path
    }
}

/// What curl got as ann, whatever certificate was shown.
pub fn curl(house: &House, url: &str, more: &[&str]) -> Vec<u8> {
    let home = TempDir::new();
    let user = format!("{}:{}", ANN.0, ANN.1);
    let mut args = vec!["--silent", "--show-error", "--insecure", "--user", &user, "--url", url];
    args.extend(more);
    Tool::new("curl", "curl", home.path()).run(&args, b"").expect_good(house).out
}

/// The certificate that whoever calls there without a word is shown, as PEM.
pub fn certificate(at: SocketAddr) -> String {
    let home = TempDir::new();
    let said = Tool::new("openssl", "openssl", home.path()).run(&["s_client", "-connect", &at.to_string()], b"");
    let text = String::from_utf8_lossy(&said.out);
    let begin = text.find("-----BEGIN CERTIFICATE-----").unwrap_or_else(|| panic!("no certificate: {}", said.text));
    let end = "-----END CERTIFICATE-----";
    format!("{}{end}\n", text[begin..].split(end).next().unwrap())
}

/// Kills the process after [`PATIENCE`], unless dropped before.
fn watch(pid: u32) -> std::sync::mpsc::Sender<()> {
    let (alive, ended) = std::sync::mpsc::channel::<()>();
    thread::spawn(move || {
        if ended.recv_timeout(PATIENCE) == Err(std::sync::mpsc::RecvTimeoutError::Timeout) {
            let _ = Command::new("kill").args(["-9", &pid.to_string()]).status();
        }
    });
    alive
}

/// A body that shows what gets lost on the way: dots, spaces at line ends, long lines, empty lines, 8-bit letters.
pub fn body(mark: &str) -> String {
    let long = "0123456789".repeat(99);
    format!(
        "{mark}\r\n.\r\n..\r\n.dot at the start\r\nspaces at the end   \r\n\ttab\r\n\r\n\r\nFrom here on\r\n{long}\r\n\
         \u{41f}\u{440}\u{438}\u{432}\u{435}\u{442}, na\u{ef}ve \u{20ac}\r\nend of {mark}\r\n"
    )
}

/// A whole message with CRLF.
pub fn message(mark: &str) -> String {
    format!(
        "From: Bob <bob@office.test>\r\nTo: Ann <ann@office.test>\r\nSubject: {mark}\r\n\
         Date: Tue, 24 Nov 2026 12:00:00 +0000\r\nMessage-ID: <{mark}@office.test>\r\nMIME-Version: 1.0\r\n\
         Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n{}",
        body(mark)
    )
}

/// With LF only, as programs want it that read a text file.
pub fn unix(text: &str) -> String {
    text.replace("\r\n", "\n")
}

/// What stands behind the first empty line, lines ending in LF.
pub fn body_of(message: &[u8]) -> String {
    let text = String::from_utf8(message.to_vec()).expect("UTF-8").replace("\r\n", "\n");
    text.split_once("\n\n").expect("an empty line behind the header").1.to_owned()
}

/// Puts a message into a mailbox over plain SMTP, by hand.
pub fn deliver(house: &House, to: &str, message: &str) {
    let mut stream = BufReader::new(connect(house.ports.smtp));
    let data = format!("{}.\r\n", message.replace("\r\n.", "\r\n.."));
    let rcpt = format!("RCPT TO:<{to}>\r\n");
    for (say, code) in [
        ("", "220"),
        ("HELO test\r\n", "250"),
        ("MAIL FROM:<bob@office.test>\r\n", "250"),
        (&rcpt, "250"),
        ("DATA\r\n", "354"),
        (&data, "250"),
        ("QUIT\r\n", "221"),
    ] {
        stream.get_mut().write_all(say.as_bytes()).unwrap();
        let said = String::from_utf8(line(&mut stream)).unwrap();
        assert!(said.starts_with(code), "{say}: {said}\n{:#?}", house.journal());
    }
}

/// Reads every message of a mailbox over plain POP3, by hand: the very bytes, dots unstuffed.
pub fn mailbox(house: &House, (user, password): (&str, &str)) -> Vec<Vec<u8>> {
    let mut stream = BufReader::new(connect(house.ports.pop3));
    line(&mut stream);
    ok(&mut stream, &format!("USER {user}"));
    ok(&mut stream, &format!("PASS {password}"));
    let stat = ok(&mut stream, "STAT");
    let count: usize = stat.split(' ').nth(1).unwrap().parse().unwrap();
    let mut found = Vec::new();
    for number in 1..=count {
        ok(&mut stream, &format!("RETR {number}"));
        found.push(text(&mut stream));
    }
    ok(&mut stream, "QUIT");
    found
}

fn connect(at: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(at).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream
}

fn line(stream: &mut BufReader<TcpStream>) -> Vec<u8> {
    let mut line = Vec::new();
    stream.read_until(b'\n', &mut line).unwrap();
    line
}

fn ok(stream: &mut BufReader<TcpStream>, command: &str) -> String {
    stream.get_mut().write_all(format!("{command}\r\n").as_bytes()).unwrap();
    let said = String::from_utf8(line(stream)).unwrap();
    assert!(said.starts_with("+OK"), "{command}: {said}");
    said
}

fn text(stream: &mut BufReader<TcpStream>) -> Vec<u8> {
    let mut whole = Vec::new();
    let start = Instant::now();
    while start.elapsed() < PATIENCE {
        let line = line(stream);
        if line == b".\r\n" {
            return whole;
        }
        whole.extend_from_slice(line.strip_prefix(b".").unwrap_or(&line));
    }
    panic!("no end of the message");
}

/// The one message of ann's mailbox must end in exactly this body.
#[track_caller]
pub fn arrived(house: &House, mark: &str) {
    let found = mailbox(house, ANN);
    assert_eq!(found.len(), 1, "{:#?}", house.journal());
    assert_eq!(body_of(&found[0]), unix(&body(mark)), "what arrived differs");
}
