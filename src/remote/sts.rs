//! Policies of domains by MTA-STS (RFC 8461): looked for once, kept as long as they say, over a restart too (s5.1), and never
//! forgotten because an attacker keeps the record away.

use std::{
    collections::BTreeMap,
    future::Future,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use crate::{
    limits,
    net::dns::{Answer, Resolver},
    rt::{Clock, is_plausible},
    types::UnixTime,
    wire::sts::{self, Mode, Policy},
};

/// Fetches `https://mta-sts.DOMAIN/.well-known/mta-sts.txt`.
pub trait Fetch: Send + Sync {
    /// The file, or in words why there is none.
    fn get<'a>(&'a self, domain: &'a str) -> Pin<Box<dyn Future<Output = Result<Vec<u8>, String>> + Send + 'a>>;
}

/// A write of [`Keep`].
pub type Keeping<'a> = Pin<Box<dyn Future<Output = ()> + Send + 'a>>;

/// Keeps policies where a restart does not forget them.
pub trait Keep: Send + Sync {
    /// Writes what is known of a domain; None: nothing any more. What cannot be written is known until the next restart.
    fn keep<'a>(&'a self, domain: &'a str, text: Option<String>) -> Keeping<'a>;
}

struct Known {
    id: String,
    policy: Arc<Policy>,
    until: Duration,
}

#[derive(Default)]
struct Memory {
    known: BTreeMap<String, Known>,
    /// Domains whose policy could not be fetched, and when to try again.
    failed: BTreeMap<String, Duration>,
}

/// The policies that are known.
pub struct Sts {
    fetch: Arc<dyn Fetch>,
    clock: Arc<dyn Clock>,
    memory: Mutex<Memory>,
    keep: Option<Arc<dyn Keep>>,
}

/// What is known of a domain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    /// It asks for nothing.
    Nothing,
    /// Its servers must keep to this.
    Policy(Arc<Policy>),
    /// It has a policy that could not be fetched or read, and none is remembered: nothing can be asked for.
    Unreachable,
}

impl Sts {
    /// Knows nothing yet.
    pub fn new(fetch: Arc<dyn Fetch>, clock: Arc<dyn Clock>) -> Self {
        Sts { fetch, clock, memory: Mutex::default(), keep: None }
    }

    /// The same with what was kept before, by domain, and with where new policies are kept. What is over, or cannot be read, is
    /// thrown away there.
    pub async fn keeping(mut self, kept: Vec<(String, String)>, keep: Arc<dyn Keep>) -> Self {
        let now = self.clock.now();
        for (domain, text) in kept {
            match parse(&text).and_then(|(id, until, policy)| Some((id, left(until, now, &policy)?, policy))) {
                Some((id, left, policy)) => {
                    for gone in self.learn(&domain, id, Arc::new(policy), left) {
                        keep.keep(&gone, None).await;
                    }
                }
                None => keep.keep(&domain, None).await,
            }
        }
        self.keep = Some(keep);
        self
    }

    /// The policy of a domain now.
    pub async fn of(&self, dns: &dyn Resolver, domain: &str) -> Found {
        let record = match dns.txt(&format!("_mta-sts.{domain}")).await {
            Answer::Found { records, .. } => only_id(&records),
            Answer::NoName | Answer::NoData | Answer::Trouble(_) => None,
        };
        let now = self.clock.mono();
        let remembered = self.remembered(domain, now);
        match (record, remembered) {
            (None, None) => Found::Nothing,
            // RFC 8461 s3.1: a record that vanished takes nothing back.
            (None, Some((_, policy))) => found(policy),
            (Some(id), Some((known, policy))) if id == known => found(policy),
            (Some(id), remembered) => self.renew(domain, id, remembered.map(|(_, policy)| policy)).await,
        }
    }

    fn remembered(&self, domain: &str, now: Duration) -> Option<(String, Arc<Policy>)> {
        let memory = self.memory.lock().unwrap_or_else(PoisonError::into_inner);
        let known = memory.known.get(domain).filter(|known| known.until > now)?;
        Some((known.id.clone(), known.policy.clone()))
    }

    async fn renew(&self, domain: &str, id: String, old: Option<Arc<Policy>>) -> Found {
        let before = || old.map_or(Found::Unreachable, found);
        if self.failed_lately(domain) {
            return before();
        }
        let fetched = self.fetch.get(domain).await;
        let Some(policy) = fetched.ok().and_then(|text| Policy::parse(&text)) else {
            self.remember_failure(domain);
            return before();
        };
        let policy = Arc::new(policy);
        self.remember(domain, id, policy.clone()).await;
        found(policy)
    }

    fn failed_lately(&self, domain: &str) -> bool {
        let memory = self.memory.lock().unwrap_or_else(PoisonError::into_inner);
        memory.failed.get(domain).is_some_and(|until| *until > self.clock.mono())
    }

    fn remember_failure(&self, domain: &str) {
        let mut memory = self.memory.lock().unwrap_or_else(PoisonError::into_inner);
        let now = self.clock.mono();
        memory.failed.retain(|_, until| *until > now);
        if memory.failed.len() < limits::STS_DOMAINS {
            memory.failed.insert(domain.to_owned(), now + Duration::from_secs(limits::STS_FAILED_SECS));
        }
    }

    async fn remember(&self, domain: &str, id: String, policy: Arc<Policy>) {
        let left = Duration::from_secs(policy.max_age);
        let text = written(&id, self.clock.now(), &policy);
        let gone = self.learn(domain, id, policy, left);
        let Some(keep) = &self.keep else { return };
        keep.keep(domain, Some(text)).await;
        for domain in gone {
            keep.keep(&domain, None).await;
        }
    }

    /// Gives the domains that are known no more: their time is over, or there are too many.
    fn learn(&self, domain: &str, id: String, policy: Arc<Policy>, left: Duration) -> Vec<String> {
        let mut memory = self.memory.lock().unwrap_or_else(PoisonError::into_inner);
        let now = self.clock.mono();
        memory.failed.remove(domain);
        memory.known.insert(domain.to_owned(), Known { id, policy, until: now + left });
        let mut gone: Vec<String> = Vec::new();
        memory.known.retain(|domain, known| {
            let holds = known.until > now;
            if !holds {
                gone.push(domain.clone());
            }
            holds
        });
        while memory.known.len() > limits::STS_DOMAINS {
            let first = memory.known.iter().min_by_key(|(_, known)| known.until).map(|(domain, _)| domain.clone());
            let Some(first) = first else { break };
            memory.known.remove(&first);
            gone.push(first);
        }
        gone
    }
}

/// `1 ID UNTIL`, then the policy.
fn written(id: &str, now: UnixTime, policy: &Policy) -> String {
    let age = i64::try_from(policy.max_age).unwrap_or(i64::MAX);
    format!("1 {id} {}\r\n{}", now.plus(age).0, policy.write())
}

/// Reads what [`written`] wrote: the id, until when it holds, the policy.
fn parse(text: &str) -> Option<(String, UnixTime, Policy)> {
    let (head, policy) = text.split_once("\r\n")?;
    let mut words = head.split(' ');
    words.next().filter(|version| *version == "1")?;
    let (id, until) = (words.next()?, words.next()?.parse().ok()?);
    Some((id.to_owned(), UnixTime(until), Policy::parse(policy.as_bytes())?))
}

/// How long a policy holds on. None: no more. Of a clock that cannot be right it holds for all of its time again.
fn left(until: UnixTime, now: UnixTime, policy: &Policy) -> Option<Duration> {
    let most = Duration::from_secs(policy.max_age);
    if !is_plausible(now) {
        return Some(most);
    }
    let left = u64::try_from(until.since(now)).ok().filter(|left| *left > 0)?;
    Some(Duration::from_secs(left).min(most))
}

fn found(policy: Arc<Policy>) -> Found {
    match policy.mode {
        Mode::Enforce | Mode::Testing => Found::Policy(policy),
        Mode::None => Found::Nothing,
    }
}

/// RFC 8461 s3.1: two records are none.
fn only_id(records: &[Vec<u8>]) -> Option<String> {
    let mut ids = records.iter().filter(|record| record.starts_with(b"v=STSv1")).map(|record| sts::id(record));
    match (ids.next(), ids.next()) {
        (Some(id), None) => id,
        (Some(_) | None, _) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        net::dns::{Kind, Record, TableResolver},
        rt::{TestClock, block_on},
        types::UnixTime,
    };

    struct Files {
        text: Mutex<Result<Vec<u8>, String>>,
        asked: Mutex<u32>,
    }

    impl Fetch for Files {
        fn get<'a>(&'a self, _: &'a str) -> Pin<Box<dyn Future<Output = Result<Vec<u8>, String>> + Send + 'a>> {
            *self.asked.lock().unwrap() += 1;
            let text = self.text.lock().unwrap().clone();
            Box::pin(async move { text })
        }
    }

    struct World {
        dns: TableResolver,
        files: Arc<Files>,
        clock: Arc<TestClock>,
        sts: Sts,
    }

    impl World {
        fn new() -> World {
            let files = Files { text: Mutex::new(Err("404".into())), asked: Mutex::new(0) };
            let (files, clock) = (Arc::new(files), Arc::new(TestClock::at(UnixTime(0))));
            let sts = Sts::new(files.clone(), clock.clone());
            World { dns: TableResolver::default(), files, clock, sts }
        }

        fn record(&self, text: Option<&str>) {
            let answer = text.map_or(Answer::NoData, |text| Answer::Found {
                records: vec![Record::Text(text.as_bytes().to_vec())],
                validated: false,
            });
            self.dns.put("_mta-sts.a.test", Kind::Txt, answer);
        }

        fn file(&self, mode: &str) {
            let text = format!("version: STSv1\nmode: {mode}\nmx: mx.a.test\nmax_age: 1000\n");
            *self.files.text.lock().unwrap() = Ok(text.into_bytes());
        }

        fn mode(&self) -> Option<Mode> {
            match block_on(self.sts.of(&self.dns, "a.test")) {
                Found::Policy(policy) => Some(policy.mode),
                Found::Nothing => None,
                Found::Unreachable => Some(Mode::None),
            }
        }

        fn asked(&self) -> u32 {
            *self.files.asked.lock().unwrap()
        }
    }

    #[test]
    fn a_policy_is_fetched_once_and_again_when_its_id_changes() {
        let world = World::new();
        assert_eq!((world.mode(), world.asked()), (None, 0));
        world.record(Some("v=STSv1; id=1"));
        world.file("enforce");
        assert_eq!((world.mode(), world.mode(), world.asked()), (Some(Mode::Enforce), Some(Mode::Enforce), 1));
        world.record(Some("v=STSv1; id=2"));
        world.file("testing");
        assert_eq!((world.mode(), world.asked()), (Some(Mode::Testing), 2));
        world.record(Some("v=STSv1; id=3"));
        world.file("none");
        assert_eq!((world.mode(), world.asked()), (None, 3));
    }

    #[test]
    fn what_is_remembered_holds_while_an_attacker_keeps_the_record_or_the_file_away() {
        let world = World::new();
        world.record(Some("v=STSv1; id=1"));
        world.file("enforce");
        assert_eq!(world.mode(), Some(Mode::Enforce));
        world.record(None);
        assert_eq!(world.mode(), Some(Mode::Enforce));
        world.record(Some("v=STSv1; id=2"));
        *world.files.text.lock().unwrap() = Err("404".into());
        assert_eq!((world.mode(), world.mode(), world.asked()), (Some(Mode::Enforce), Some(Mode::Enforce), 2));
        world.clock.advance(1001);
        assert_eq!(world.mode(), Some(Mode::None));
        world.record(None);
        assert_eq!(world.mode(), None);
    }

    #[derive(Default)]
    struct Disk(Mutex<BTreeMap<String, String>>);

    impl Disk {
        fn rows(&self) -> Vec<(String, String)> {
            self.0.lock().unwrap().clone().into_iter().collect()
        }
    }

    impl Keep for Disk {
        fn keep<'a>(&'a self, domain: &'a str, text: Option<String>) -> Keeping<'a> {
            let mut rows = self.0.lock().unwrap();
            match text {
                Some(text) => drop(rows.insert(domain.to_owned(), text)),
                None => drop(rows.remove(domain)),
            }
            Box::pin(async {})
        }
    }

    impl World {
        /// As after a restart: only the disk is the same.
        fn restart(&mut self, disk: &Arc<Disk>, at: i64) {
            self.clock = Arc::new(TestClock::at(UnixTime(at)));
            let sts = Sts::new(self.files.clone(), self.clock.clone());
            self.sts = block_on(sts.keeping(disk.rows(), disk.clone()));
        }
    }

    /// 2026-11-24, which can be true.
    const TODAY: i64 = 1_795_500_000;

    #[test]
    fn what_is_known_holds_over_a_restart_until_its_time_is_over() {
        let (mut world, disk) = (World::new(), Arc::new(Disk::default()));
        world.restart(&disk, TODAY);
        world.record(Some("v=STSv1; id=1"));
        world.file("enforce");
        assert_eq!((world.mode(), disk.rows().len()), (Some(Mode::Enforce), 1));
        // An attacker has the network when we start again.
        world.record(None);
        *world.files.text.lock().unwrap() = Err("404".into());
        world.restart(&disk, TODAY + 900);
        assert_eq!(world.mode(), Some(Mode::Enforce));
        world.clock.advance(99);
        assert_eq!(world.mode(), Some(Mode::Enforce));
        world.clock.advance(2);
        assert_eq!(world.mode(), None, "its thousand seconds are over");
        // A board that boots in 1970 forgets nothing.
        world.restart(&disk, 100);
        assert_eq!(world.mode(), Some(Mode::Enforce));
        world.restart(&disk, TODAY + 1001);
        assert_eq!((world.mode(), disk.rows().len()), (None, 0));
    }

    #[test]
    fn what_was_written_is_read_and_what_is_damaged_is_thrown_away() {
        let policy =
            Policy::parse(b"version: STSv1\nmode: testing\nmx: *.a.test\nmx: b.test\nmax_age: 86400\n").unwrap();
        let text = written("id7", UnixTime(TODAY), &policy);
        assert_eq!(parse(&text), Some(("id7".to_owned(), UnixTime(TODAY + 86_400), policy.clone())));
        let good = Duration::from_secs(86_400);
        assert_eq!(left(UnixTime(i64::MAX), UnixTime(TODAY), &policy), Some(good), "never longer than it said");
        assert_eq!(left(UnixTime(TODAY), UnixTime(TODAY), &policy), None);
        let (mut world, disk) = (World::new(), Arc::new(Disk::default()));
        for (n, bad) in ["", "2 a 9\r\n", "1 a\r\n", "1 a x\r\n", "1 a 9\r\nmode: none\r\n"].iter().enumerate() {
            assert_eq!(parse(bad), None, "{bad}");
            block_on(disk.keep(&n.to_string(), Some((*bad).to_owned())));
        }
        block_on(disk.keep("a.test", Some(text)));
        world.restart(&disk, TODAY);
        assert_eq!((disk.rows().len(), world.mode()), (1, Some(Mode::Testing)));
    }

    #[test]
    fn too_many_policies_push_out_those_that_end_first() {
        let (mut world, disk) = (World::new(), Arc::new(Disk::default()));
        let policy = |age: u64| Policy { mode: Mode::Enforce, mx: vec!["mx.test".into()], max_age: age };
        for n in 0..limits::STS_DOMAINS {
            block_on(disk.keep(&format!("{n}.test"), Some(written("1", UnixTime(TODAY), &policy(5000 + n as u64)))));
        }
        world.restart(&disk, TODAY);
        world.record(Some("v=STSv1; id=1"));
        *world.files.text.lock().unwrap() = Ok(policy(90_000).write().into_bytes());
        assert_eq!(world.mode(), Some(Mode::Enforce));
        let rows = disk.rows();
        assert_eq!(rows.len(), limits::STS_DOMAINS);
        assert!(
            rows.iter().any(|(domain, _)| domain == "a.test") && !rows.iter().any(|(domain, _)| domain == "0.test")
        );
    }

    #[test]
    fn two_records_are_none_and_a_failed_fetch_waits() {
        let world = World::new();
        world.dns.txt("_mta-sts.a.test", "v=STSv1; id=1");
        world.dns.txt("_mta-sts.a.test", "v=STSv1; id=2");
        assert_eq!(world.mode(), None);
        world.record(Some("v=STSv1; id=1"));
        *world.files.text.lock().unwrap() = Ok(b"<html>".to_vec());
        assert_eq!((world.mode(), world.mode(), world.asked()), (Some(Mode::None), Some(Mode::None), 1));
        world.clock.advance(limits::STS_FAILED_SECS as i64 + 1);
        world.file("enforce");
        assert_eq!((world.mode(), world.asked()), (Some(Mode::Enforce), 2));
    }
}
