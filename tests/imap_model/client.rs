//! A client: commands in groups, each answer held against its picture.

use std::net::SocketAddr;

use crate::{
    model::{Picture, Truth, Within},
    wire::{Said, Tagged, Wire, said, show},
};

/// A command on its way.
#[derive(Clone, Debug)]
pub struct Sent {
    pub text: String,
    /// FETCH, STORE, SEARCH by number.
    pub frozen: bool,
    /// It removes: what was sent behind it may mean other numbers.
    pub removes: bool,
    /// Numbers that FETCH must answer for.
    pub asks: Vec<u32>,
    /// What the client believes of flags when it is done.
    pub silent: Option<Silent>,
    /// SEARCH: what stands in the subject of each message that is found, and whether they are named by UID.
    pub looks: Option<(String, bool)>,
}

/// A change of flags whose outcome is not told.
#[derive(Clone, Debug)]
pub struct Silent {
    /// `+`, `-` or nothing.
    pub how: String,
    pub flags: Vec<String>,
    /// `named` are UIDs, not numbers.
    pub uid: bool,
    pub named: Vec<u32>,
}

impl Sent {
    pub fn plain(text: impl Into<String>) -> Self {
        Sent { text: text.into(), frozen: false, removes: false, asks: Vec::new(), silent: None, looks: None }
    }

    pub fn frozen(text: impl Into<String>) -> Self {
        Sent { frozen: true, ..Sent::plain(text) }
    }
}

/// What a command came to.
#[derive(Debug)]
pub struct Done {
    pub tagged: Tagged,
    pub said: Vec<Said>,
}

/// The UIDs of the numbers when a command was sent; None behind a removal of its own.
type Meant = Option<Vec<Option<u32>>>;

pub struct Client {
    pub name: &'static str,
    pub wire: Wire,
    pub picture: Picture,
    /// The tag of an IDLE that is open.
    idle: Option<String>,
    /// What was sent and is not answered: tag, command, and what its numbers mean.
    waiting: Vec<(String, Sent, Meant)>,
    pub commands: u64,
}

impl Client {
    pub fn login(to: SocketAddr, name: &'static str) -> Client {
        let mut client = Client {
            name,
            wire: Wire::connect(to),
            picture: Picture::default(),
            idle: None,
            waiting: Vec::new(),
            commands: 0,
        };
        let mut nothing = Truth::default();
        assert!(client.ask(Sent::plain("LOGIN ann ann-pass-1"), &mut nothing).tagged.ok, "{}", client.wire.told());
        client
    }

    /// Sends commands in one piece. What an IDLE told is heard before: numbers are meant as the client knows them.
    pub fn send(&mut self, group: Vec<Sent>, truth: &mut Truth) {
        self.wake(truth);
        let mut text = String::new();
        let mut meant = Some(self.picture.uids.clone());
        for sent in group {
            let tag = self.wire.tag();
            text.push_str(&format!("{tag} {}\r\n", sent.text));
            let removes = sent.removes;
            self.waiting.push((tag, sent, meant.clone()));
            if removes {
                meant = None;
            }
            self.commands += 1;
        }
        self.wire.send(&text);
    }

    /// Reads the answers to all that was sent, in order.
    pub fn hear(&mut self, truth: &mut Truth) -> Vec<Done> {
        let mut all = Vec::new();
        for (tag, sent, meant) in std::mem::take(&mut self.waiting) {
            let within = Within { frozen: sent.frozen, meant };
            all.push(self.until(&tag, &sent, within, truth));
        }
        all
    }

    fn until(&mut self, tag: &str, sent: &Sent, mut within: Within, truth: &mut Truth) -> Done {
        let mut heard = Vec::new();
        // The numbers mean what they mean before anything of this command is told.
        let numbers = self.picture.uids.clone();
        let uid_of = |n: u32| numbers.get(n as usize - 1).copied().flatten();
        let silent = sent.silent.as_ref().map(|silent| {
            let named = silent.named.iter().copied();
            if silent.uid { named.collect() } else { named.filter_map(uid_of).collect() }
        });
        loop {
            let line = self.wire.line();
            if line.starts_with(b"+ ") {
                continue;
            }
            if let Some(rest) = line.strip_prefix(format!("{tag} ").as_bytes()) {
                let text = String::from_utf8_lossy(rest).into_owned();
                let done = Done { tagged: Tagged { ok: text.starts_with("OK"), text }, said: heard };
                if let Some((word, uid)) = &sent.looks {
                    self.found(&done, word, |n| if *uid { Some(n) } else { uid_of(n) }, truth);
                }
                self.settle(sent, silent.unwrap_or_default(), &done);
                return done;
            }
            assert!(line.starts_with(b"* "), "{}: out of order: {}\n{}", self.name, show(&line), self.wire.told());
            let what = said(&line);
            if let Err(why) = self.picture.hear(&what, &within, truth) {
                panic!("{}: {why}\n{}", self.name, self.wire.told());
            }
            if matches!(what, Said::Expunge(_)) {
                // What follows in this answer has the new numbers.
                within.meant = None;
            }
            heard.push(what);
        }
    }

    /// What SEARCH found has what was looked for, by the numbers that were known when it was sent.
    fn found(&self, done: &Done, word: &str, uid_of: impl Fn(u32) -> Option<u32>, truth: &Truth) {
        for n in done.said.iter().flat_map(|said| if let Said::Search(found) = said { found.clone() } else { vec![] }) {
            let subject = uid_of(n).and_then(|uid| truth.subject(uid));
            let right = subject.is_none_or(|subject| subject.contains(word));
            assert!(right, "{}: {n} was found for {word} and is {subject:?}\n{}", self.name, self.wire.told());
        }
    }

    fn settle(&mut self, sent: &Sent, named: Vec<u32>, done: &Done) {
        let answered = |n: &u32| done.said.iter().any(|said| matches!(said, Said::Fetch(number, _) if number == n));
        if done.tagged.ok {
            let missing: Vec<_> = sent.asks.iter().filter(|n| !answered(n)).collect();
            assert!(missing.is_empty(), "{}: no answer for {missing:?}\n{}", self.name, self.wire.told());
        } else {
            let excused =
                ["EXPUNGEISSUED", "TRYCREATE", "READ-ONLY"].iter().any(|code| done.tagged.text.contains(code));
            assert!(excused, "{}: {}\n{}", self.name, done.tagged.text, self.wire.told());
        }
        let Some(Silent { how, flags, .. }) = &sent.silent else { return };
        // Flags that were told while the command ran are those after it.
        let told: Vec<u32> = done.said.iter().filter_map(Said::flags_of).collect();
        for uid in named.into_iter().filter(|uid| !told.contains(uid)) {
            match done.tagged.code("MODIFIED") {
                None => self.picture.changed(uid, how, flags),
                // Some were kept from changing: what they are is heard, or asked for, later.
                Some(_) => drop(self.picture.flags.remove(&uid)),
            }
        }
    }

    /// One command and its answer.
    pub fn ask(&mut self, sent: Sent, truth: &mut Truth) -> Done {
        self.send(vec![sent], truth);
        self.hear(truth).pop().unwrap()
    }

    /// Into IDLE; what happens there is read when the client wakes.
    pub fn idle(&mut self) {
        let tag = self.wire.tag();
        self.wire.send(&format!("{tag} IDLE\r\n"));
        self.commands += 1;
        self.idle = Some(tag);
    }

    /// DONE, if it is in IDLE.
    pub fn wake(&mut self, truth: &mut Truth) {
        if let Some(tag) = self.idle.take() {
            self.wire.send("DONE\r\n");
            self.until(&tag, &Sent::plain("IDLE"), Within::default(), truth);
        }
    }

    /// SELECT or EXAMINE: a new picture.
    pub fn select(&mut self, how: &str, folder: &str, truth: &mut Truth) -> Done {
        self.picture = Picture::default();
        let done = self.ask(Sent::plain(format!("{how} {folder}")), truth);
        assert!(done.tagged.ok, "{}", self.wire.told());
        done
    }
}
