//! Messages that can be told apart, and the count of what was acknowledged.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::SocketAddr,
    time::{Duration, Instant},
};

use crate::client::{self, Client};

/// Message `number`: about `size` octets that no other message has.
pub fn message(number: u64, size: usize) -> String {
    let mut text = format!("Subject: number {number}\r\nMessage-ID: <{number}@far.test>\r\nX-Number: {number}\r\n\r\n");
    let mut x = number.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    while text.len() < size {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        // Lines of 66 octets.
        for _ in 0..4 {
            text.push_str(&format!("{x:016x}"));
        }
        text.push_str("\r\n");
    }
    text
}

/// The number of a fetched message that is whole: behind what we stamped stands what was sent.
pub fn number_of(fetched: &str) -> u64 {
    let at = fetched.find("X-Number: ").expect("a message of ours");
    let number: u64 = fetched[at + 10..].split("\r\n").next().unwrap().parse().unwrap();
    let begin = fetched.find("Subject: number ").unwrap();
    assert!(fetched[begin..] == message(number, fetched.len() - begin), "message {number} is not what was sent");
    number
}

/// What was sent, and what became of it.
#[derive(Default)]
pub struct Ledger {
    pub kept: BTreeSet<u64>,
    /// Replies that were no 250, with how often.
    pub refused: BTreeMap<String, usize>,
}

impl Ledger {
    /// Counts a reply; whether it was a 250.
    pub fn note(&mut self, number: u64, said: &str) -> bool {
        let ok = said.starts_with("250");
        if ok {
            self.kept.insert(number);
        } else {
            *self.refused.entry(said.chars().take(60).collect()).or_default() += 1;
        }
        ok
    }

    pub fn join(&mut self, other: Ledger) {
        self.kept.extend(other.kept);
        for (said, many) in other.refused {
            *self.refused.entry(said).or_default() += many;
        }
    }
}

/// Sends again and again until it is accepted, at most `limit`; gives how long that took.
pub fn until_accepted(to: SocketAddr, who: &str, number: u64, size: usize, limit: Duration) -> Duration {
    let began = Instant::now();
    loop {
        let said = client::smtp(to).and_then(|mut smtp| smtp.send(who, &message(number, size)));
        if said.as_ref().is_ok_and(|said| said.starts_with("250")) {
            return began.elapsed();
        }
        assert!(began.elapsed() < limit, "not accepted again within {limit:?}: {said:?}");
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// Fetches everything; gives the numbers by their place.
pub fn fetch_all(pop3: &mut Client) -> Vec<u64> {
    let many = pop3.count();
    (1..=many).map(|n| number_of(&pop3.retr(n).unwrap())).collect()
}
