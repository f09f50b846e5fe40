//! What the clients of a crash test send: every message differs from every other, and says which one it is.

use std::{collections::HashMap, sync::Arc};

/// How a message is sent, and what becomes of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// DATA, to be answered with 250.
    Data,
    /// BDAT in chunks.
    Chunks,
    /// DATA from ann to bob and to a full mailbox: bob has it, ann gets a notice in the same commit.
    Partly,
    /// DATA over the limit of a message: refused in the middle.
    TooBig,
    /// DATA, and the client is gone in the middle.
    HangUp,
    /// BDAT, and RSET between the chunks.
    Reset,
}

/// One message of the scenario.
#[derive(Clone, Debug)]
pub struct Letter {
    pub id: u32,
    pub way: Way,
    /// What RCPT says.
    pub rcpts: Vec<&'static str>,
    /// Mailboxes that get it.
    pub to: Vec<&'static str>,
    /// As the client sends it (and as it must be stored behind the trace fields).
    pub text: Arc<[u8]>,
}

/// The mailboxes of the scenario.
pub const ANN: &str = "ann@office.test";
pub const BOB: &str = "bob@office.test";
pub const CAT: &str = "cat@office.test";
pub const FULL: &str = "full@office.test";
/// Octets of a message that is refused: the limit is 1 MiB.
const OVER_LIMIT: usize = 1_200_000;

/// All messages of a scenario.
pub struct Post(HashMap<u32, Letter>);

impl Post {
    /// `clients` × `each` messages, by this seed.
    pub fn new(seed: u64, clients: u32, each: u32) -> Post {
        let letters = (0..clients).flat_map(|c| (0..each).map(move |n| c * 100 + n));
        Post(letters.map(|id| (id, letter(seed, id))).collect())
    }

    /// One of them.
    pub fn get(&self, id: u32) -> Option<&Letter> {
        self.0.get(&id)
    }

    /// The messages of one client, in order.
    pub fn of(&self, client: u32) -> Vec<Letter> {
        let mut letters: Vec<Letter> = self.0.values().filter(|letter| letter.id / 100 == client).cloned().collect();
        letters.sort_by_key(|letter| letter.id);
        letters
    }

    /// Every message.
    pub fn all(&self) -> impl Iterator<Item = &Letter> {
        self.0.values()
    }

    /// Which message stored octets are. `Err` says why they are none: cut, mixed up, never sent.
    pub fn name(&self, stored: &[u8]) -> Result<Token, String> {
        let head = head_of(stored).ok_or("octets without a header section")?;
        let (trace, own) = head.find("X-Crash: ").map(|at| head.split_at(at)).ok_or("no message of ours")?;
        let id: u32 = own["X-Crash: ".len()..].split("\r\n").next().and_then(|n| n.parse().ok()).ok_or("no number")?;
        let letter = self.get(id).ok_or_else(|| format!("message {id}, which nobody sent"))?;
        if trace.contains("\r\nSubject: ") {
            return Err(format!("a header section over that of message {id}"));
        }
        let begins = trace.starts_with("Return-Path: <") && trace.matches("\r\nReceived: from ").count() == 1;
        if !begins || stored.len() != trace.len() + letter.text.len() {
            return Err(format!("message {id} has {} octets, {} were sent", stored.len(), letter.text.len()));
        }
        if stored[trace.len()..] != *letter.text {
            return Err(format!("message {id} is not what was sent"));
        }
        Ok(Token::Letter(id))
    }

    /// As [`Post::name`], also for a notice (which quotes the header section of the message it is about).
    pub fn token(&self, stored: &[u8]) -> Result<Token, String> {
        let head = head_of(stored).unwrap_or_default();
        if !head.contains("multipart/report") {
            return self.name(stored);
        }
        let text = String::from_utf8_lossy(stored);
        let quoted = text.split("X-Crash: ").nth(1).and_then(|rest| rest.split("\r\n").next()?.parse().ok());
        let id: u32 = quoted.ok_or("a notice about nothing")?;
        if text.trim_end().ends_with("--") { Ok(Token::Notice(id)) } else { Err(format!("a cut notice about {id}")) }
    }
}

/// What a row of a mailbox is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Token {
    Letter(u32),
    Notice(u32),
}

fn head_of(stored: &[u8]) -> Option<String> {
    let end = stored.windows(4).position(|w| w == b"\r\n\r\n")?;
    Some(String::from_utf8_lossy(&stored[..end + 2]).into_owned())
}

/// A seeded sequence of numbers.
pub struct Rng(pub u64);

impl Rng {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut x = self.0;
        x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        x ^ (x >> 31)
    }

    pub fn below(&mut self, end: usize) -> usize {
        (self.next() % end as u64) as usize
    }
}

fn letter(seed: u64, id: u32) -> Letter {
    let mut rng = Rng(seed.wrapping_mul(1000) + u64::from(id));
    let n = id % 100;
    let way = match n % 10 {
        1 | 4 | 6 => Way::Chunks,
        3 => Way::TooBig,
        5 => Way::Partly,
        7 if (id / 100).is_multiple_of(2) => Way::HangUp,
        7 => Way::Reset,
        _ => Way::Data,
    };
    let len = match (way, n % 5) {
        (Way::TooBig, _) => OVER_LIMIT,
        // The trace fields decide on which side of 64 KiB it comes to lie.
        (_, 1) => 65_536 - 500 + rng.below(700),
        (_, 2) => 100_000 + rng.below(300_000),
        (_, 4) => 80_000 + rng.below(100_000),
        _ => 300 + rng.below(5000),
    };
    let (rcpts, to) = match (way, (id / 100 + n) % 4) {
        (Way::Partly, _) => (vec![BOB, FULL], vec![BOB]),
        (_, 0) => (vec!["team@office.test"], vec![ANN, BOB]),
        (_, 1) => (vec![ANN, "nobody@office.test", CAT], vec![ANN, CAT]),
        (_, 2) => (vec![BOB], vec![BOB]),
        _ => (vec![CAT, ANN], vec![ANN, CAT]),
    };
    Letter { id, way, rcpts, to, text: text(id, len, &mut rng).into() }
}

/// Whole lines; some begin with a dot, some are empty.
fn text(id: u32, len: usize, rng: &mut Rng) -> Vec<u8> {
    let mut out = format!(
        "X-Crash: {id}\r\nSubject: message {id}\r\nFrom: <ann@office.test>\r\nTo: <team@office.test>\r\n\
         Date: Tue, 24 Nov 2026 05:00:00 +0000\r\nMessage-ID: <{id}@crash.test>\r\n\r\n"
    )
    .into_bytes();
    while out.len() < len {
        match rng.below(16) {
            0 => out.extend(b".\r\n"),
            1 => out.extend(b"..two\r\n"),
            2 => out.extend(b"\r\n"),
            _ => {
                out.extend(format!("{id} {:016x}", rng.next()).repeat(3).as_bytes());
                out.extend(b"\r\n");
            }
        }
    }
    out
}
