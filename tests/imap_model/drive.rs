//! The world that is driven at random, and what must be so when it is quiet.

use std::{
    collections::BTreeMap,
    io::{BufRead, BufReader, Write},
    net::{SocketAddr, TcpStream},
};

use gatepost::{
    app::{House as App, Options},
    rt::block_on,
    types::{Address, FolderName, Special},
};

use crate::{
    client::{Client, Done, Sent, Silent},
    common::{House, Ports},
    model::Truth,
    wire::{Facts, Said},
};

const FLAGS: [&str; 6] = ["\\Seen", "\\Flagged", "\\Answered", "\\Deleted", "$Forwarded", "work"];

pub struct World {
    ports: Ports,
    pub truth: Truth,
    clients: Vec<Client>,
    smtp: Post,
    /// What COPY and MOVE put into the other folder: UID there, UID here.
    copied: BTreeMap<u32, u32>,
    state: u64,
    seed: u64,
    mails: u64,
}

impl World {
    pub fn new(house: &House, seed: u64) -> World {
        let mut truth = Truth::default();
        let mut smtp = Post::connect(house.ports.smtp);
        for n in 0..8 {
            smtp.deliver(&format!("unique-{seed}-{n}"));
        }
        let mut clients: Vec<Client> =
            ["one", "two", "three", "four"].map(|name| Client::login(house.ports.imap, name)).into();
        make_folder(house, "Other");
        clients[1].ask(Sent::plain("ENABLE CONDSTORE"), &mut truth);
        for client in &mut clients {
            client.select("SELECT", "INBOX", &mut truth);
        }
        let state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        World { ports: house.ports, truth, clients, smtp, copied: BTreeMap::new(), state, seed, mails: 8 }
    }

    pub fn commands(&self) -> u64 {
        self.clients.iter().map(|client| client.commands).sum()
    }

    fn random(&mut self, below: usize) -> usize {
        self.state ^= self.state << 13;
        self.state ^= self.state >> 7;
        self.state ^= self.state << 17;
        (self.state >> 33) as usize % below.max(1)
    }

    /// Everybody talks at once; then everybody listens.
    pub fn round(&mut self) {
        for at in 0..self.clients.len() {
            match self.random(8) {
                0 => {}
                1 => {
                    self.clients[at].wake(&mut self.truth);
                    self.clients[at].idle();
                }
                _ => {
                    // What an IDLE told is heard first: the sets are made of what the client knows.
                    self.clients[at].wake(&mut self.truth);
                    let mut group: Vec<Sent> = Vec::new();
                    // What would follow a removal could not know its numbers.
                    for _ in 0..=self.random(4) {
                        if !group.last().is_some_and(|sent| sent.removes) {
                            group.push(self.command(at));
                        }
                    }
                    self.clients[at].send(group, &mut self.truth);
                }
            }
            if self.random(3) == 0 {
                self.deliver();
            }
        }
        if self.random(6) == 0 {
            self.pop3();
        }
        for at in 0..self.clients.len() {
            self.hear(at);
        }
        if self.random(5) == 0 {
            self.reopen();
        }
    }

    fn hear(&mut self, at: usize) {
        for done in self.clients[at].hear(&mut self.truth) {
            self.note_copies(&done);
        }
    }

    /// What COPYUID says is held against the other folder at the end.
    fn note_copies(&mut self, done: &Done) {
        let untagged = done.said.iter().filter_map(|said| match said {
            Said::CopyUid(code) => Some(code.clone()),
            _ => None,
        });
        for code in untagged.chain(done.tagged.code("COPYUID ").map(str::to_owned)) {
            let words: Vec<&str> = code.split(' ').collect();
            let (from, to) = (numbers(words[1]), numbers(words[2]));
            assert_eq!(from.len(), to.len(), "{code}");
            self.copied.extend(to.into_iter().zip(from));
        }
    }

    fn deliver(&mut self) {
        let subject = format!("unique-{}-{}", self.seed, self.mails);
        self.mails += 1;
        self.smtp.deliver(&subject);
    }

    /// Some message goes by POP3.
    fn pop3(&mut self) {
        let which = self.random(1000);
        pop3_delete(self.ports.pop3, which);
    }

    /// One client closes the folder in some way and opens it again.
    fn reopen(&mut self) {
        let at = self.random(self.clients.len());
        self.clients[at].wake(&mut self.truth);
        self.hear(at);
        match self.random(4) {
            0 => drop(self.clients[at].ask(Sent::plain("CLOSE"), &mut self.truth)),
            1 => drop(self.clients[at].ask(Sent::plain("UNSELECT"), &mut self.truth)),
            // SELECT over an open folder closes it without a word.
            _ => {}
        }
        let highest = self.truth.highest;
        let condstore = if self.random(2) == 0 { " (CONDSTORE)" } else { "" };
        let done = self.clients[at].select("SELECT", &format!("INBOX{condstore}"), &mut self.truth);
        let told = done.said.iter().find_map(|said| if let Said::Highest(n) = said { Some(*n) } else { None });
        assert!(told.unwrap() >= highest, "HIGHESTMODSEQ {told:?} is below {highest}, which was heard already");
    }

    /// Some command that its client may send now.
    fn command(&mut self, at: usize) -> Sent {
        let exists = self.clients[at].picture.uids.len();
        if exists == 0 {
            return Sent::plain("NOOP");
        }
        let (set, asked) = self.numbers(at);
        let uid_set = self.uids(at);
        match self.random(26) {
            0 => Sent::plain("NOOP"),
            1 => Sent::plain("CHECK"),
            2 => Sent { asks: asked, ..Sent::frozen(format!("FETCH {set} (UID FLAGS)")) },
            3 => {
                Sent { asks: asked, ..Sent::frozen(format!("FETCH {set} (FLAGS BODY.PEEK[HEADER.FIELDS (SUBJECT)])")) }
            }
            4 => Sent { asks: asked, ..Sent::frozen(format!("FETCH {set} (UID BODY.PEEK[TEXT] RFC822.SIZE)")) },
            5 => Sent { asks: asked, ..Sent::frozen(format!("FETCH {set} (UID BODY[])")) },
            6 => Sent { asks: asked, ..Sent::frozen(format!("FETCH {set} (ENVELOPE INTERNALDATE)")) },
            7 => Sent::plain(format!("UID FETCH {uid_set} (FLAGS MODSEQ)")),
            8 => Sent::plain(format!("UID FETCH {uid_set} (BODY.PEEK[])")),
            9 => Sent::plain("UID FETCH 1:* (FLAGS)"),
            10 => {
                let since = (self.truth.highest / 2).max(1);
                Sent::frozen(format!("FETCH 1:* (UID FLAGS) (CHANGEDSINCE {since})"))
            }
            11..=13 => self.store(at, false),
            14 | 15 => self.store(at, true),
            16 => Sent::plain(format!("COPY {set} Other")),
            17 => Sent::plain(format!("UID COPY {uid_set} Other")),
            18 => Sent { removes: true, ..Sent::plain(format!("UID MOVE {uid_set} Other")) },
            19 => Sent { removes: true, ..Sent::plain("EXPUNGE") },
            20 => Sent { removes: true, ..Sent::plain(format!("UID EXPUNGE {uid_set}")) },
            21 => Sent { asks: asked, ..Sent::frozen(format!("FETCH {set} (UID)")) },
            22 => self.search(),
            23 => self.append(),
            24 => Sent::frozen("SEARCH RETURN (SAVE) UNSEEN"),
            _ => Sent::frozen("FETCH $ (UID FLAGS)"),
        }
    }

    /// For one subject, by number or UID.
    fn search(&mut self) -> Sent {
        let mail = self.random(self.mails as usize);
        let word = format!("unique-{}-{mail}", self.seed);
        let uid = self.random(2) == 0;
        Sent {
            frozen: !uid,
            looks: Some((word.clone(), uid)),
            ..Sent::plain(format!("{}SEARCH SUBJECT {word}", if uid { "UID " } else { "" }))
        }
    }

    fn append(&mut self) -> Sent {
        let subject = format!("unique-{}-{}", self.seed, self.mails);
        self.mails += 1;
        let text = format!("Subject: {subject}\r\n\r\ntext of {subject}\r\n");
        Sent::plain(format!("APPEND INBOX (\\Seen) {{{}+}}\r\n{text}", text.len()))
    }

    fn store(&mut self, at: usize, silent: bool) -> Sent {
        let how = ["+", "-", ""][self.random(3)];
        let flags: Vec<String> = (0..=self.random(2)).map(|_| FLAGS[self.random(FLAGS.len())].to_owned()).collect();
        let by_uid = self.random(2) == 0;
        let ((set, _), uid_set) = (self.numbers(at), self.uids(at));
        let guard = match self.random(4) {
            0 => format!(" (UNCHANGEDSINCE {})", self.truth.highest.saturating_sub(self.random(4) as u64)),
            _ => String::new(),
        };
        let list = flags.join(" ");
        let dot = if silent { ".SILENT" } else { "" };
        let text = match by_uid {
            true => format!("UID STORE {uid_set}{guard} {how}FLAGS{dot} ({list})"),
            false => format!("STORE {set}{guard} {how}FLAGS{dot} ({list})"),
        };
        // Of UIDs all in the range: some may become known only by what is sent in the same piece.
        let named = numbers(if by_uid { &uid_set } else { &set });
        let silent = silent.then(|| Silent { how: how.to_owned(), flags, uid: by_uid, named });
        Sent { frozen: !by_uid, silent, ..Sent::plain(text) }
    }

    /// A set of numbers that are there, and the numbers.
    fn numbers(&mut self, at: usize) -> (String, Vec<u32>) {
        let exists = self.clients[at].picture.uids.len();
        let mut parts = Vec::new();
        for _ in 0..=self.random(3) {
            let from = 1 + self.random(exists);
            match self.random(2) {
                0 => parts.push(from.to_string()),
                _ => parts.push(format!("{from}:{}", 1 + self.random(exists))),
            }
        }
        let set = parts.join(",");
        let asked = numbers(&set);
        (set, asked)
    }

    /// A set of UIDs, of which some are known and some are not there.
    fn uids(&mut self, at: usize) -> String {
        let known: Vec<u32> = self.clients[at].picture.uids.iter().copied().flatten().collect();
        let one = |world: &mut World| match known.is_empty() {
            true => 1 + world.random(30) as u32,
            false => known[world.random(known.len())],
        };
        let (a, b) = (one(self), one(self));
        if self.random(2) == 0 { format!("{a},{b}") } else { format!("{a}:{b}") }
    }

    /// Everybody hears everything; then all pictures are one.
    pub fn quiet(&mut self) {
        for client in &mut self.clients {
            client.wake(&mut self.truth);
        }
        for at in 0..self.clients.len() {
            self.hear(at);
        }
        for client in &mut self.clients {
            client.ask(Sent::plain("NOOP"), &mut self.truth);
        }
        let fresh = self.fresh();
        for client in &mut self.clients {
            let told = client.picture.uids.len();
            assert_eq!(told, fresh.len(), "{}: the picture has {told}\n{}", client.name, client.wire.told());
            // What is believed of flags must be so without asking.
            for (uid, flags) in &client.picture.flags {
                let there = fresh.get(uid).and_then(|facts| facts.flags.as_ref());
                assert_eq!(there, Some(flags), "{}: flags of {uid}\n{}", client.name, client.wire.told());
            }
            if told > 0 {
                client.ask(Sent::frozen("FETCH 1:* (UID FLAGS)"), &mut self.truth);
                let uids: Vec<u32> = client.picture.uids.iter().map(|uid| uid.unwrap()).collect();
                assert_eq!(uids, fresh.keys().copied().collect::<Vec<_>>(), "{}", client.name);
            }
        }
        self.one_change_is_above_all();
    }

    /// What a client finds that opens the folder now.
    fn fresh(&mut self) -> BTreeMap<u32, Facts> {
        let mut client = Client::login(self.ports.imap, "fresh");
        client.select("EXAMINE", "INBOX", &mut self.truth);
        let done = client.ask(Sent::plain("UID FETCH 1:* (FLAGS MODSEQ BODY.PEEK[])"), &mut self.truth);
        let found = messages(&done);
        let highest = done.said.len();
        assert!(highest >= found.len());
        found
    }

    /// Nobody else talks: the MODSEQ of a change is above everything that was ever heard.
    fn one_change_is_above_all(&mut self) {
        let before = self.truth.highest;
        let client = &mut self.clients[1];
        let Some(uid) = client.picture.uids.iter().copied().flatten().next() else { return };
        let had = client.picture.flags.get(&uid).is_some_and(|flags| flags.iter().any(|flag| flag == "work"));
        let how = if had { "-" } else { "+" };
        let done = client.ask(Sent::plain(format!("UID STORE {uid} {how}FLAGS (work)")), &mut self.truth);
        let modseq = messages(&done).get(&uid).and_then(|facts| facts.modseq).unwrap();
        assert!(modseq > before, "the change got MODSEQ {modseq}, {before} was heard before");
        let done = client.ask(Sent::plain(format!("UID FETCH 1:* (FLAGS) (CHANGEDSINCE {before})")), &mut self.truth);
        assert_eq!(messages(&done).keys().copied().collect::<Vec<_>>(), [uid], "{}", client.wire.told());
    }

    /// What was copied is what is there.
    pub fn end(&mut self) {
        let mut client = Client::login(self.ports.imap, "end");
        let mut other = Truth::default();
        client.select("EXAMINE", "Other", &mut other);
        let done = client.ask(Sent::plain("UID FETCH 1:* (BODY.PEEK[])"), &mut other);
        let there: BTreeMap<u32, String> =
            messages(&done).into_iter().map(|(uid, facts)| (uid, facts.subject.unwrap())).collect();
        assert_eq!(there.keys().collect::<Vec<_>>(), self.copied.keys().collect::<Vec<_>>());
        for (uid, from) in &self.copied {
            // A message that nobody looked at before it left has no subject that is known.
            if let Some(subject) = self.truth.subject(*from) {
                assert_eq!(&there[uid], subject, "UID {from} became {uid}");
            }
        }
    }
}

fn messages(done: &Done) -> BTreeMap<u32, Facts> {
    let fetched = done.said.iter().filter_map(|said| match said {
        Said::Fetch(_, facts) => Some((facts.uid?, facts.clone())),
        _ => None,
    });
    fetched.collect()
}

/// The numbers of a set without `*`.
fn numbers(set: &str) -> Vec<u32> {
    let mut all = Vec::new();
    for part in set.split(',') {
        let (a, b) = part.split_once(':').unwrap_or((part, part));
        let (a, b): (u32, u32) = (a.parse().unwrap(), b.parse().unwrap());
        all.extend(a.min(b)..=a.max(b));
    }
    all
}

/// What must not change of a message: flags, octets, subject.
type Kept = (Option<Vec<String>>, Option<usize>, Option<String>);

/// What a folder has: UIDVALIDITY, UIDNEXT, and each message's flags and octets.
#[derive(Debug, PartialEq)]
pub struct Folder {
    pub validity: Option<u32>,
    pub next: Option<u32>,
    pub messages: BTreeMap<u32, Kept>,
}

pub fn folder(house: &House, name: &str) -> Folder {
    let (mut client, mut truth) = (Client::login(house.ports.imap, "look"), Truth::default());
    let done = client.select("EXAMINE", name, &mut truth);
    let next = done.said.iter().find_map(|said| if let Said::Next(n) = said { Some(*n) } else { None });
    let done = client.ask(Sent::plain("UID FETCH 1:* (FLAGS BODY.PEEK[])"), &mut truth);
    let messages = messages(&done).into_iter().map(|(uid, f)| (uid, (f.flags, f.whole, f.subject))).collect();
    Folder { validity: truth.validity, next, messages }
}

fn make_folder(house: &House, name: &str) {
    let ann = Address::parse("ann@office.test").unwrap();
    let mailbox = house.app().desk.house().directory.get().mailboxes[&ann].id;
    let name = FolderName::parse(name).unwrap();
    block_on(house.app().store.create_folder(mailbox, &name, Special::None)).unwrap();
}

/// Stops the house and starts it again in its directory.
pub fn again(mut house: House) -> House {
    house.app.take().unwrap().stop("to start again");
    let mut options = Options::at(&house.dir.path().join("state"));
    options.dev_log = house.dir.path().join("no-dev-log");
    house.app = Some(App::start(options).unwrap());
    house
}

pub fn rename(house: &House, from: &str, to: &str) {
    let mut client = Client::login(house.ports.imap, "rename");
    let done = client.ask(Sent::plain(format!("RENAME {from} {to}")), &mut Truth::default());
    assert!(done.tagged.ok, "{}", done.tagged.text);
}

/// An SMTP client of the LAN.
struct Post(BufReader<TcpStream>);

impl Post {
    fn connect(to: SocketAddr) -> Post {
        let mut post = Post(BufReader::new(TcpStream::connect(to).unwrap()));
        post.answer("220");
        post.say("HELO pc.office.test\r\n", "250");
        post
    }

    fn say(&mut self, text: &str, wanted: &str) {
        self.0.get_mut().write_all(text.as_bytes()).unwrap();
        self.answer(wanted);
    }

    fn answer(&mut self, wanted: &str) {
        let mut line = String::new();
        self.0.read_line(&mut line).unwrap();
        assert!(line.starts_with(wanted), "{line}");
    }

    fn deliver(&mut self, subject: &str) {
        self.say("MAIL FROM:<bob@office.test>\r\n", "250");
        self.say("RCPT TO:<ann@office.test>\r\n", "250");
        self.say("DATA\r\n", "354");
        self.say(&format!("From: bob@office.test\r\nSubject: {subject}\r\n\r\ntext of {subject}\r\n.\r\n"), "250");
    }
}

fn pop3_delete(to: SocketAddr, which: usize) {
    let mut pop3 = Post(BufReader::new(TcpStream::connect(to).unwrap()));
    pop3.answer("+OK");
    pop3.say("USER ann\r\n", "+OK");
    pop3.say("PASS ann-pass-1\r\n", "+OK");
    let mut line = String::new();
    pop3.0.get_mut().write_all(b"STAT\r\n").unwrap();
    pop3.0.read_line(&mut line).unwrap();
    let messages: usize = line.split(' ').nth(1).unwrap().parse().unwrap();
    if messages > 3 {
        pop3.0.get_mut().write_all(format!("DELE {}\r\n", 1 + which % messages).as_bytes()).unwrap();
        line.clear();
        pop3.0.read_line(&mut line).unwrap();
    }
    pop3.say("QUIT\r\n", "+OK");
}
