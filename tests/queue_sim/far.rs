//! The servers of the world, by script: what they say depends on the seed, the recipient and the number of the try only.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Mutex, MutexGuard},
};

use gatepost::{
    queue::{Coming, Hands, Outcome, Parcel, Verdict},
    rt::{Bell, Clock},
    types::{Address, Answer, UnixTime},
};

use super::time::Time;

/// How a domain's server behaves; it is the second label of its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// Takes everything.
    Good,
    /// Puts a recipient off for five minutes.
    Greylists,
    /// Says 451 one time in three, 550 one time in twenty.
    Defers,
    /// Is not there for two days of each week.
    Outage,
    /// Was never there.
    Dead,
    /// Takes a message and breaks off before it says so, every other time.
    Lies,
    /// Knows nobody.
    Refuses,
    /// Breaks off, forgets recipients, says what nobody understands.
    Garbage,
    /// Takes ten minutes, then answers or does not.
    Stalls,
    /// Has too many connections every other time.
    Crowded,
    /// Says 451 for ever.
    Never,
}

impl Kind {
    pub const ALL: [Kind; 11] = [
        Kind::Good,
        Kind::Greylists,
        Kind::Defers,
        Kind::Outage,
        Kind::Dead,
        Kind::Lies,
        Kind::Refuses,
        Kind::Garbage,
        Kind::Stalls,
        Kind::Crowded,
        Kind::Never,
    ];

    pub fn word(self) -> String {
        format!("{self:?}").to_lowercase()
    }

    pub fn of(to: &Address) -> Kind {
        let label = to.domain.as_str().split('.').nth(1).unwrap().to_owned();
        Kind::ALL.into_iter().find(|kind| kind.word() == label).unwrap()
    }
}

/// What is known of a recipient.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    pub queued: UnixTime,
    pub tries: u32,
    pub delivered: u32,
    /// When it was delivered first.
    pub at: Option<UnixTime>,
    /// It may be delivered more than once: nobody could know that it was (RFC 5321 s6.1).
    pub unknown: bool,
    pub deleted: bool,
}

pub struct Far {
    seed: u64,
    time: Time,
    seen: Mutex<BTreeMap<String, Seen>>,
    /// Attempts after which the loop is killed.
    kill_at: Mutex<BTreeSet<u64>>,
    carried: Mutex<u64>,
    pub kill: Bell,
}

/// splitmix64
pub fn mixed(mut x: u64) -> u64 {
    x = x.wrapping_add(0x9e37_79b9_7f4a_7c15);
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

impl Far {
    pub fn new(seed: u64, time: Time, kill_at: BTreeSet<u64>) -> Self {
        let (seen, carried) = (Mutex::default(), Mutex::new(0));
        Far { seed, time, seen, kill_at: Mutex::new(kill_at), carried, kill: Bell::default() }
    }

    pub fn seen(&self) -> MutexGuard<'_, BTreeMap<String, Seen>> {
        self.seen.lock().unwrap()
    }

    fn all(&self, kind: Kind) -> Vec<Seen> {
        let of = |(to, seen): (&String, &Seen)| (Kind::of(&Address::parse(to).unwrap()) == kind).then(|| seen.clone());
        self.seen().iter().filter_map(of).collect()
    }

    pub fn carried(&self, kind: Kind) -> u32 {
        self.all(kind).iter().map(|seen| seen.tries).sum()
    }

    pub fn tries(&self, kind: Kind) -> Vec<u32> {
        self.all(kind).iter().map(|seen| seen.tries).collect()
    }

    /// The longest time from the queue to the server, in seconds.
    pub fn slowest(&self, kind: Kind) -> i64 {
        self.all(kind).iter().filter_map(|seen| Some(seen.at?.since(seen.queued))).max().unwrap()
    }

    /// A number that this try of this recipient always gets.
    fn dice(&self, to: &Address, tries: u32) -> u64 {
        to.to_string().bytes().fold(mixed(self.seed ^ u64::from(tries)), |x, b| mixed(x ^ u64::from(b)))
    }

    fn answer(&self, code: u16, status: &str, text: &str) -> Answer {
        let peer = if code == 0 { "" } else { "mx.test[192.0.2.1]:25" };
        Answer { at: self.time.clock.now(), peer: peer.into(), code, status: status.into(), text: text.into() }
    }

    fn took(&self, seen: &mut Seen) -> Verdict {
        seen.delivered += 1;
        seen.at.get_or_insert(self.time.clock.now());
        Verdict::Delivered { answer: self.answer(250, "2.0.0", "2.0.0 ok"), passed_on: false }
    }

    /// Nothing where the server said nothing of it.
    fn verdict(&self, to: &Address) -> Option<Verdict> {
        let mut all = self.seen();
        let seen = all.get_mut(&to.to_string()).unwrap();
        seen.tries += 1;
        let dice = self.dice(to, seen.tries);
        let later = |code, status, text: &str| {
            let reached = code != 0 || !text.starts_with("connection");
            Some(Verdict::Later { answer: self.answer(code, status, text), reached })
        };
        let now = self.time.clock.now();
        match Kind::of(to) {
            Kind::Greylists if now.since(seen.queued) < 300 => later(450, "4.2.0", "Greylisted, try again later"),
            Kind::Defers if dice.is_multiple_of(20) => Some(Verdict::Never(self.answer(550, "5.7.1", "no"))),
            Kind::Defers if dice.is_multiple_of(3) => later(451, "4.3.0", "local error"),
            Kind::Outage if now.0 / 86_400 % 7 < 2 => later(0, "4.4.1", "connection timed out"),
            Kind::Dead => later(0, "4.4.1", "connection timed out"),
            Kind::Lies if dice.is_multiple_of(2) => {
                seen.unknown = true;
                let _ = self.took(seen);
                later(0, "4.4.2", "lost connection after the final dot")
            }
            Kind::Refuses => Some(Verdict::Never(self.answer(550, "5.1.1", "no such user"))),
            Kind::Garbage if dice.is_multiple_of(4) => later(0, "4.5.0", "garbage instead of a reply"),
            Kind::Garbage if dice % 4 == 1 => None,
            Kind::Stalls if dice.is_multiple_of(2) => later(0, "4.4.2", "timed out in the middle"),
            Kind::Crowded if dice.is_multiple_of(2) => later(421, "4.7.0", "too many connections"),
            Kind::Never => later(451, "4.3.0", "local error"),
            Kind::Good
            | Kind::Greylists
            | Kind::Defers
            | Kind::Outage
            | Kind::Lies
            | Kind::Garbage
            | Kind::Stalls
            | Kind::Crowded => Some(self.took(seen)),
        }
    }

    fn count(&self) {
        let mut carried = self.carried.lock().unwrap();
        *carried += 1;
        if self.kill_at.lock().unwrap().remove(&carried) {
            self.kill.ring();
        }
    }
}

impl Hands for Far {
    fn carry(&self, parcel: Parcel) -> Coming<'_, Vec<Outcome>> {
        Box::pin(async move {
            let kind = Kind::of(&parcel.rcpts[0].1);
            let seconds = match kind {
                Kind::Stalls => 600,
                Kind::Dead | Kind::Outage => 30,
                _ => 1,
            };
            self.time.sleep(seconds).await;
            // What is sent is what was queued.
            let body = parcel.body.read(0, 1 << 20).await.unwrap();
            assert_eq!(body, format!("Message-ID: <{}>\r\n\r\nbody\r\n", parcel.qid).into_bytes());
            let outcome = |(id, to, _): &(_, Address, _)| Some(Outcome { id: *id, verdict: self.verdict(to)? });
            let outcomes = parcel.rcpts.iter().filter_map(outcome).collect();
            self.count();
            outcomes
        })
    }
}
