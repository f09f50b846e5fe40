//! Policies of domains by MTA-STS (RFC 8461): looked for once, kept as long as they say, and never forgotten because an
//! attacker keeps the record away.

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
    rt::Clock,
    wire::sts::{self, Mode, Policy},
};

/// Fetches `https://mta-sts.DOMAIN/.well-known/mta-sts.txt`.
pub trait Fetch: Send + Sync {
    /// The file, or in words why there is none.
    fn get<'a>(&'a self, domain: &'a str) -> Pin<Box<dyn Future<Output = Result<Vec<u8>, String>> + Send + 'a>>;
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
        Sts { fetch, clock, memory: Mutex::default() }
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
        self.remember(domain, id, policy.clone());
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

    fn remember(&self, domain: &str, id: String, policy: Arc<Policy>) {
        let mut memory = self.memory.lock().unwrap_or_else(PoisonError::into_inner);
        let now = self.clock.mono();
        memory.known.retain(|_, known| known.until > now);
        if memory.known.len() >= limits::STS_DOMAINS {
            let first = memory.known.iter().min_by_key(|(_, known)| known.until).map(|(domain, _)| domain.clone());
            first.map(|domain| memory.known.remove(&domain));
        }
        let until = now + Duration::from_secs(policy.max_age);
        memory.failed.remove(domain);
        memory.known.insert(domain.to_owned(), Known { id, policy, until });
    }
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
