//! The clients of a crash test: they send and fetch over real sockets, and put what they learn into the order of the disk's operations.

use std::{
    collections::BTreeSet,
    io::{BufRead, BufReader, Read, Write},
    net::{Shutdown, SocketAddr, TcpStream},
    sync::Mutex,
    time::Duration,
};

use super::{
    facts::Fact,
    post::{ANN, Letter, Post, Rng, Token, Way},
    recorder::Recorder,
};

/// A connection with lines.
pub struct Talk(BufReader<TcpStream>);

impl Talk {
    /// Connects and reads the greeting.
    pub fn to(at: SocketAddr) -> Talk {
        let stream = TcpStream::connect(at).unwrap();
        stream.set_nodelay(true).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        let mut talk = Talk(BufReader::new(stream));
        talk.line();
        talk
    }

    pub fn line(&mut self) -> String {
        let mut line = String::new();
        self.0.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    }

    pub fn send(&mut self, octets: &[u8]) {
        self.0.get_mut().write_all(octets).unwrap();
    }

    /// Sends a command and reads its whole SMTP reply: the last line.
    pub fn smtp(&mut self, command: &str) -> String {
        self.send(format!("{command}\r\n").as_bytes());
        self.reply()
    }

    pub fn reply(&mut self) -> String {
        loop {
            let line = self.line();
            if line.as_bytes().get(3) != Some(&b'-') {
                return line;
            }
        }
    }

    /// Sends a POP3 command, which must be taken.
    pub fn pop3(&mut self, command: &str) -> String {
        self.send(format!("{command}\r\n").as_bytes());
        let line = self.line();
        assert!(line.starts_with("+OK"), "{command}: {line}");
        line
    }

    /// The text behind a +OK, without dot-stuffing.
    pub fn text(&mut self) -> Vec<u8> {
        let mut text = Vec::new();
        loop {
            let mut line = Vec::new();
            self.0.read_until(b'\n', &mut line).unwrap();
            assert!(line.ends_with(b"\r\n"), "a text broke off");
            match line.strip_prefix(b".") {
                Some(b"\r\n") => return text,
                Some(rest) => text.extend(rest),
                None => text.extend(line),
            }
        }
    }

    fn vanish(self) {
        let _ = self.0.get_ref().shutdown(Shutdown::Both);
    }
}

/// A POP3 session that is logged in.
pub fn pop3_login(at: SocketAddr, (user, password): (&str, &str)) -> Talk {
    let mut talk = Talk::to(at);
    talk.pop3(&format!("USER {user}"));
    talk.pop3(&format!("PASS {password}"));
    talk
}

/// Number and unique identifier of each message.
pub fn uidl(talk: &mut Talk) -> Vec<(u32, String)> {
    talk.pop3("UIDL");
    let list = String::from_utf8(talk.text()).unwrap();
    let entry = |line: &str| line.split_once(' ').map(|(n, uid)| (n.parse().unwrap(), uid.to_owned())).unwrap();
    list.lines().map(entry).collect()
}

fn stuffed(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len() + 1000);
    for line in text.split_inclusive(|octet| *octet == b'\n') {
        if line.starts_with(b".") {
            out.push(b'.');
        }
        out.extend(line);
    }
    out
}

/// Sends one client's messages over one connection (another one after it hung up).
pub fn send_all(at: SocketAddr, letters: Vec<Letter>, disk: &Recorder) {
    let connect = || {
        let mut talk = Talk::to(at);
        talk.smtp("EHLO crash.test");
        talk
    };
    let mut talk = connect();
    for letter in letters {
        disk.mark(Fact::Begun(letter.id).to_string());
        talk.smtp(&format!("MAIL FROM:<{ANN}>"));
        letter.rcpts.iter().for_each(|rcpt| drop(talk.smtp(&format!("RCPT TO:<{rcpt}>"))));
        match letter.way {
            Way::Data | Way::Partly | Way::TooBig => {
                data(&mut talk, &letter, disk);
            }
            Way::Chunks => chunks(&mut talk, &letter, disk),
            Way::HangUp => {
                talk.smtp("DATA");
                talk.send(&stuffed(&letter.text[..letter.text.len() / 2]));
                talk.vanish();
                disk.mark(Fact::Refused(letter.id).to_string());
                talk = connect();
            }
            Way::Reset => {
                let half = letter.text.len() / 2;
                talk.send(format!("BDAT {half}\r\n").as_bytes());
                talk.send(&letter.text[..half]);
                talk.reply();
                assert!(talk.smtp("RSET").starts_with("250"));
                disk.mark(Fact::Refused(letter.id).to_string());
            }
        }
    }
    talk.smtp("QUIT");
}

/// `250 2.0.0 queued as ID`: the fact that it says.
fn answered(letter: &Letter, reply: &str) -> Fact {
    let good = matches!(letter.way, Way::Data | Way::Chunks | Way::Partly);
    assert_eq!(reply.starts_with("250"), good, "{} {:?}: {reply}", letter.id, letter.way);
    let queue_id = reply.rsplit(' ').next().unwrap().to_owned();
    if good { Fact::Kept(letter.id, queue_id) } else { Fact::Refused(letter.id) }
}

fn data(talk: &mut Talk, letter: &Letter, disk: &Recorder) {
    assert!(talk.smtp("DATA").starts_with("354"));
    talk.send(&stuffed(&letter.text));
    disk.mark(Fact::Said(letter.id).to_string());
    talk.send(b".\r\n");
    let reply = talk.reply();
    disk.mark(answered(letter, &reply).to_string());
}

fn chunks(talk: &mut Talk, letter: &Letter, disk: &Recorder) {
    let size = letter.text.len() / 3 + 1;
    let mut rest = &letter.text[..];
    while rest.len() > size {
        let (chunk, later) = rest.split_at(size);
        talk.send(format!("BDAT {size}\r\n").as_bytes());
        talk.send(chunk);
        assert!(talk.reply().starts_with("250"));
        rest = later;
    }
    disk.mark(Fact::Said(letter.id).to_string());
    talk.send(format!("BDAT {} LAST\r\n", rest.len()).as_bytes());
    talk.send(rest);
    let reply = talk.reply();
    disk.mark(answered(letter, &reply).to_string());
}

/// Fetches what is there, deletes about half of it; sometimes thinks better of it, sometimes is cut off before QUIT.
pub fn fetch_some(at: SocketAddr, login: (&str, &str), (post, disk): (&Post, &Recorder), rng: &mut Rng) {
    let mailbox = login.0;
    let mut talk = pop3_login(at, login);
    let mut marked = BTreeSet::new();
    for (number, uidl) in uidl(&mut talk) {
        talk.pop3(&format!("RETR {number}"));
        let text = talk.text();
        let token = post.token(&text).unwrap_or_else(|what| panic!("POP3 of {mailbox}: {what}"));
        disk.mark(Fact::Seen(mailbox.to_owned(), token, uidl).to_string());
        if rng.below(2) == 0 {
            talk.pop3(&format!("DELE {number}"));
            marked.insert(token);
        }
    }
    match rng.below(8) {
        0 => talk.vanish(),
        1 => {
            talk.pop3("RSET");
            talk.pop3("QUIT");
        }
        _ => quit(talk, mailbox, &marked, disk),
    }
}

fn quit(mut talk: Talk, mailbox: &str, marked: &BTreeSet<Token>, disk: &Recorder) {
    marked.iter().for_each(|token| disk.mark(Fact::Going(mailbox.to_owned(), *token).to_string()));
    talk.pop3("QUIT");
    marked.iter().for_each(|token| disk.mark(Fact::Gone(mailbox.to_owned(), *token).to_string()));
    // The server closes: nothing more comes.
    let mut rest = Vec::new();
    let _ = talk.0.read_to_end(&mut rest);
    assert!(rest.is_empty());
}

/// A panic in one client must not leave the others waiting: gathered here, told at the end.
pub fn all_at_once(clients: Vec<Box<dyn FnOnce() + Send + '_>>) {
    let failed = Mutex::new(0);
    std::thread::scope(|scope| {
        let running: Vec<_> = clients.into_iter().map(|client| scope.spawn(client)).collect();
        for client in running {
            *failed.lock().unwrap() += i32::from(client.join().is_err());
        }
    });
    assert_eq!(*failed.lock().unwrap(), 0, "clients failed");
}
