//! Who may have one more connection: in all, and of one address (Postfix' anvil). A connection that only waits for its next
//! request (HTTP keeps connections) gives its place to one that asks for it.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use smol::future::FutureExt;

use crate::{
    limits,
    policy::{household, is_private},
    rt::{Bell, timeout},
};

/// Counts connections that share their places. Cheap to clone; every clone counts the same ones.
#[derive(Clone)]
pub struct Permits(Arc<Inner>);

/// How many places there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Caps {
    all: usize,
    /// Of all: only private networks may have these.
    private: usize,
    /// Of one stranger's address.
    of_one: usize,
    /// Of one address in a private network.
    of_one_private: usize,
}

struct Inner {
    caps: Caps,
    counts: Mutex<Counts>,
    /// Rung when the last connection has ended.
    idle: Bell,
}

#[derive(Default)]
struct Counts {
    all: usize,
    /// By IPv4 address or IPv6 /64: a customer of a provider has 2^64 addresses.
    of: HashMap<IpAddr, Count>,
    /// By the name of the service.
    by: BTreeMap<&'static str, usize>,
    /// Numbers connections.
    last: u64,
    /// Those that wait for a request, in the order in which they began to.
    waiting: BTreeMap<u64, Waiting>,
    /// Those that gave their place away and have not ended yet.
    leaving: BTreeSet<u64>,
}

/// A connection that waits for a request.
struct Waiting {
    connection: u64,
    who: IpAddr,
    service: &'static str,
    /// Since when it may be asked to leave, in monotonic time.
    since: Duration,
    asked: Bell,
}

#[derive(Default)]
struct Count {
    now: usize,
    /// When a refusal was told last, in monotonic time.
    told: Option<Duration>,
}

/// One connection's place; given back when it is dropped.
pub(super) struct Permit {
    seat: Seat,
}

/// The place as its session sees it: whether others want it.
#[derive(Clone)]
pub struct Seat {
    from: Arc<Inner>,
    connection: u64,
    who: IpAddr,
    service: &'static str,
}

/// While it is held, the connection waits for a request and may be asked to leave.
pub(super) struct Wait<'a> {
    seat: &'a Seat,
    turn: u64,
    asked: Bell,
}

/// Connections that have given their places away and may still be open: an answer that was under way is not cut off.
const LEAVING: usize = 8;

/// Why there is no place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Full {
    /// The address has this many with the new one; None when all places are taken.
    pub of_one: Option<usize>,
    /// Whether the journal should hear of it: once a minute for an address.
    pub tell: bool,
}

const TELL_EVERY: Duration = Duration::from_secs(60);

/// The mail services: 25, 587, 465, 110, 995 and their kind.
impl Default for Permits {
    fn default() -> Self {
        Permits::with(Caps {
            all: limits::CONNECTIONS,
            private: limits::CONNECTIONS_PRIVATE,
            of_one: limits::CONNECTIONS_PER_ADDRESS,
            of_one_private: 4 * limits::CONNECTIONS_PER_ADDRESS,
        })
    }
}

impl Permits {
    /// The HTTP(S) ports: they keep no place from the mail services, and get none of theirs.
    pub fn http() -> Self {
        let of_one = limits::HTTP_PER_ADDRESS;
        Permits::with(Caps { all: limits::HTTP_CONNECTIONS, private: 0, of_one, of_one_private: of_one })
    }

    fn with(caps: Caps) -> Self {
        Permits(Arc::new(Inner { caps, counts: Mutex::default(), idle: Bell::default() }))
    }

    /// Connections that are open now.
    pub fn open(&self) -> usize {
        let counts = self.counts();
        counts.all + counts.leaving.len()
    }

    /// Waits until no connection is open, at most `limit`; says whether it came to that.
    pub async fn idle(&self, limit: Duration) -> bool {
        let all_gone = async {
            while self.open() > 0 {
                let again = async {
                    smol::Timer::after(Duration::from_millis(200)).await;
                };
                self.0.idle.wait().or(again).await;
            }
        };
        timeout(limit, all_gone).await.is_some()
    }

    /// Connections that are open now, by the name of their service; one that had a connection once stays with 0.
    pub(super) fn by_service(&self) -> BTreeMap<&'static str, usize> {
        self.counts().by.clone()
    }

    /// A place for one more connection of `ip` to a service; `now` is monotonic.
    pub(super) fn take(&self, ip: IpAddr, service: &'static str, now: Duration) -> Result<Permit, Full> {
        let private = is_private(ip);
        let caps = self.0.caps;
        let of_one = if private { caps.of_one_private } else { caps.of_one };
        let in_all = caps.all - if private { 0 } else { caps.private };
        let who = household(ip);
        let mut counts = self.counts();
        let of_who = counts.of.get(&who).map_or(0, |count| count.now);
        let full = of_who >= of_one;
        if (full || counts.all >= in_all) && !counts.make_room(full.then_some(who), now) {
            return Err(counts.refuse(who, full.then_some(of_who + 1), now));
        }
        counts.of.entry(who).or_default().now += 1;
        counts.all += 1;
        counts.last += 1;
        *counts.by.entry(service).or_default() += 1;
        Ok(Permit { seat: Seat { from: self.0.clone(), connection: counts.last, who, service } })
    }

    fn counts(&self) -> MutexGuard<'_, Counts> {
        self.0.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Counts {
    /// Asks the connection that has waited longest to leave, of one address or of all; false when none waits.
    fn make_room(&mut self, of: Option<IpAddr>, now: Duration) -> bool {
        if self.leaving.len() >= LEAVING {
            return false;
        }
        let may = |one: &Waiting| of.is_none_or(|who| who == one.who) && now >= one.since;
        let Some(turn) = self.waiting.iter().find(|(_, one)| may(one)).map(|(turn, _)| *turn) else { return false };
        let Some(one) = self.waiting.remove(&turn) else { return false };
        self.leaving.insert(one.connection);
        self.give_back(one.who, one.service);
        one.asked.ring();
        true
    }

    fn refuse(&mut self, who: IpAddr, of_one: Option<usize>, now: Duration) -> Full {
        // An address without a connection is not remembered: a flood of them would fill the memory.
        let Some(count) = self.of.get_mut(&who) else { return Full { of_one, tell: true } };
        let tell = count.told.is_none_or(|at| now.saturating_sub(at) >= TELL_EVERY);
        if tell {
            count.told = Some(now);
        }
        Full { of_one, tell }
    }

    fn give_back(&mut self, who: IpAddr, service: &'static str) {
        self.all = self.all.saturating_sub(1);
        if let Some(now) = self.by.get_mut(service) {
            *now = now.saturating_sub(1);
        }
        if let Some(count) = self.of.get_mut(&who) {
            count.now = count.now.saturating_sub(1);
            if count.now == 0 {
                self.of.remove(&who);
            }
        }
    }
}

impl Permit {
    /// For the session.
    pub(super) fn seat(&self) -> Seat {
        self.seat.clone()
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let seat = &self.seat;
        let mut counts = seat.counts();
        if !counts.leaving.remove(&seat.connection) {
            counts.give_back(seat.who, seat.service);
        }
        if counts.all == 0 {
            seat.from.idle.ring();
        }
    }
}

impl Seat {
    /// The connection waits for a request from now on; `since`: when it may be asked to leave, in monotonic time.
    pub(super) fn wait(&self, since: Duration) -> Wait<'_> {
        let (connection, who, service, asked) = (self.connection, self.who, self.service, Bell::default());
        let mut counts = self.counts();
        counts.last += 1;
        let turn = counts.last;
        counts.waiting.insert(turn, Waiting { connection, who, service, since, asked: asked.clone() });
        Wait { seat: self, turn, asked }
    }

    /// Whether the place was given away: the connection should end as soon as it can.
    pub(super) fn is_given(&self) -> bool {
        self.counts().leaving.contains(&self.connection)
    }

    fn counts(&self) -> MutexGuard<'_, Counts> {
        self.from.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Wait<'_> {
    /// Waits until the place is given away.
    pub(super) async fn asked(&self) {
        self.asked.wait().await;
    }
}

impl Drop for Wait<'_> {
    fn drop(&mut self) {
        self.seat.counts().waiting.remove(&self.turn);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    fn fill(permits: &Permits, address: IpAddr) -> (Vec<Permit>, Full) {
        let mut held = Vec::new();
        loop {
            match permits.take(address, "smtp", Duration::ZERO) {
                Ok(permit) => held.push(permit),
                Err(full) => return (held, full),
            }
        }
    }

    #[test]
    fn a_stranger_has_50_places_a_private_address_200_and_a_64_counts_as_one() {
        let permits = Permits::default();
        let (strangers, full) = fill(&permits, ip("198.51.100.1"));
        assert_eq!((strangers.len(), full.of_one), (50, Some(51)));
        let (office, _) = fill(&permits, ip("192.168.1.9"));
        assert_eq!(office.len(), 200);
        let (six, _) = fill(&permits, ip("2001:db8:1:2::1"));
        assert_eq!(six.len(), 50);
        assert!(permits.take(ip("2001:db8:1:2:ffff::7"), "smtp", Duration::ZERO).is_err());
        assert!(permits.take(ip("2001:db8:1:3::1"), "smtp", Duration::ZERO).is_ok());
        drop(strangers);
        assert!(permits.take(ip("198.51.100.1"), "smtp", Duration::ZERO).is_ok());
    }

    #[test]
    fn http_has_64_places_of_its_own_and_8_for_an_address() {
        let (permits, mail) = (Permits::http(), Permits::default());
        let held: Vec<_> = (0..9).map(|n| fill(&permits, ip(&format!("192.168.1.{n}"))).0).collect();
        assert_eq!(held.iter().map(Vec::len).collect::<Vec<_>>(), [8, 8, 8, 8, 8, 8, 8, 8, 0]);
        assert!(mail.take(ip("192.168.1.0"), "smtp", Duration::ZERO).is_ok());
    }

    #[test]
    fn connections_are_counted_by_service() {
        let permits = Permits::default();
        let (one, _two) = (
            permits.take(ip("10.0.0.1"), "smtp", Duration::ZERO),
            permits.take(ip("10.0.0.1"), "pop3", Duration::ZERO),
        );
        assert_eq!(permits.by_service(), [("smtp", 1), ("pop3", 1)].into());
        drop(one);
        assert_eq!(permits.by_service(), [("smtp", 0), ("pop3", 1)].into());
    }

    #[test]
    fn strangers_cannot_take_the_last_places() {
        let permits = Permits::default();
        let mut held = Vec::new();
        for n in 0..=255 {
            held.push(fill(&permits, ip(&format!("203.0.{n}.1"))));
        }
        assert_eq!(permits.open(), limits::CONNECTIONS - limits::CONNECTIONS_PRIVATE);
        assert_eq!(held.last().map(|(_, full)| full.of_one), Some(None));
        assert!(permits.take(ip("10.0.0.1"), "smtp", Duration::ZERO).is_ok());
        assert!(permits.counts().of.len() < 30, "addresses without a connection are not kept");
    }

    #[test]
    fn a_refusal_is_told_once_a_minute() {
        let permits = Permits::default();
        let stranger = ip("198.51.100.1");
        let (_held, full) = fill(&permits, stranger);
        assert!(full.tell);
        let tell = |at: u64| permits.take(stranger, "smtp", Duration::from_secs(at)).err().map(|full| full.tell);
        assert_eq!((tell(1), tell(59), tell(60), tell(61)), (Some(false), Some(false), Some(true), Some(false)));
    }

    #[test]
    fn the_one_that_waits_longest_makes_room_and_one_that_answers_does_not() {
        let (permits, office) = (Permits::http(), ip("192.168.1.9"));
        let (mut held, full) = fill(&permits, office);
        assert_eq!((held.len(), full.of_one), (8, Some(9)));
        let seats: Vec<Seat> = held.iter().map(Permit::seat).collect();
        let fresh = seats[0].wait(Duration::from_secs(1));
        let (older, newer) = (seats[1].wait(Duration::ZERO), seats[2].wait(Duration::ZERO));
        let take = |from: IpAddr| permits.take(from, "http", Duration::ZERO);
        let ninth = take(office).ok();
        assert!(ninth.is_some() && seats[1].is_given() && !seats[0].is_given() && !seats[2].is_given());
        smol::block_on(older.asked());
        assert_eq!((permits.open(), permits.by_service()["http"]), (9, 1), "it has not ended yet");
        drop(held.remove(1));
        let tenth = take(office).ok();
        assert_eq!((permits.open(), tenth.is_some(), seats[2].is_given()), (9, true, true));
        assert!(take(office).is_err(), "who has just come may speak first");
        assert!(permits.take(office, "http", Duration::from_secs(1)).is_ok() && seats[0].is_given());
        drop((fresh, older, newer));
    }

    #[test]
    fn a_place_among_all_is_made_by_whoever_waits_longest() {
        let permits = Permits::http();
        let mut held: Vec<Permit> = (0..8).flat_map(|n| fill(&permits, ip(&format!("192.168.1.{n}"))).0).collect();
        let seats: Vec<Seat> = held.iter().map(Permit::seat).collect();
        let newcomer = || permits.take(ip("10.0.0.1"), "http", Duration::ZERO);
        assert!(newcomer().is_err(), "all are busy");
        drop(seats[3].wait(Duration::ZERO));
        assert!(newcomer().is_err(), "it waits no more");
        let waits: Vec<Wait> = seats[..LEAVING + 1].iter().map(|seat| seat.wait(Duration::ZERO)).collect();
        let came: Vec<_> = (0..LEAVING).filter_map(|_| newcomer().ok()).collect();
        assert_eq!((came.len(), seats[0].is_given()), (LEAVING, true));
        drop(came);
        let more: Vec<_> = (0..LEAVING + 1).filter_map(|_| newcomer().ok()).collect();
        assert_eq!(more.len(), LEAVING, "too many have not ended yet");
        drop((waits, held.drain(..LEAVING + 1)));
        assert_eq!(permits.open(), 64 - (LEAVING + 1) + LEAVING);
    }

    #[test]
    fn the_end_of_the_last_connection_is_heard() {
        let permits = Permits::default();
        let permit = permits.take(ip("10.0.0.1"), "smtp", Duration::ZERO).ok();
        assert!(!smol::block_on(permits.idle(Duration::from_millis(20))));
        drop(permit);
        assert!(smol::block_on(permits.idle(Duration::from_secs(5))));
    }
}
