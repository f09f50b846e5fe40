//! A resolver that knows what it was told: for tests and simulations, never for the world.

use std::{
    collections::BTreeMap,
    net::IpAddr,
    sync::{Mutex, PoisonError},
};

use super::{Answer, Asking, Kind, Mx, Record, Resolver, Tlsa};

/// Answers from a table; a name that does not stand in it is [`Answer::NoName`].
#[derive(Default)]
pub struct TableResolver {
    table: Mutex<BTreeMap<String, BTreeMap<Kind, Answer<Record>>>>,
}

impl TableResolver {
    /// What is said from now on of a name and kind.
    pub fn put(&self, name: &str, kind: Kind, answer: Answer<Record>) {
        let mut table = self.table.lock().unwrap_or_else(PoisonError::into_inner);
        table.entry(name.to_ascii_lowercase()).or_default().insert(kind, answer);
    }

    /// One more record of a name.
    pub fn add(&self, name: &str, kind: Kind, record: Record, secure: bool) {
        let mut table = self.table.lock().unwrap_or_else(PoisonError::into_inner);
        let old = table.entry(name.to_ascii_lowercase()).or_default().remove(&kind);
        let new = Answer::Found { records: vec![record], validated: secure };
        let both = old.unwrap_or(Answer::NoData).with(new);
        table.entry(name.to_ascii_lowercase()).or_default().insert(kind, both);
    }

    /// A mail exchanger of a domain.
    pub fn mx(&self, domain: &str, preference: u16, host: &str) {
        self.add(domain, Kind::Mx, Record::Mx(Mx { preference, host: host.to_owned() }), false);
    }

    /// An address of a host.
    pub fn address(&self, host: &str, ip: IpAddr) {
        let kind = if ip.is_ipv6() { Kind::Aaaa } else { Kind::A };
        self.add(host, kind, Record::Address(ip), false);
    }

    /// A text of a name.
    pub fn txt(&self, name: &str, text: &str) {
        self.add(name, Kind::Txt, Record::Text(text.as_bytes().to_vec()), false);
    }

    /// A certificate of a service, signed.
    pub fn tlsa(&self, name: &str, tlsa: Tlsa) {
        self.add(name, Kind::Tlsa, Record::Tlsa(tlsa), true);
    }
}

impl Resolver for TableResolver {
    fn ask<'a>(&'a self, kind: Kind, name: &'a str) -> Asking<'a> {
        let table = self.table.lock().unwrap_or_else(PoisonError::into_inner);
        let answer = match table.get(&name.to_ascii_lowercase()) {
            None => Answer::NoName,
            Some(kinds) => kinds.get(&kind).cloned().unwrap_or(Answer::NoData),
        };
        Box::pin(async move { answer })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rt::block_on;

    #[test]
    fn a_table_answers_by_name_and_kind() {
        let table = TableResolver::default();
        table.mx("example.test", 10, "mx.example.test");
        table.address("mx.example.test", "192.0.2.1".parse().unwrap());
        table.address("mx.example.test", "2001:db8::1".parse().unwrap());
        table.put("sick.test", Kind::Mx, Answer::Trouble("SERVFAIL".into()));
        let dns: &dyn Resolver = &table;
        block_on(async {
            let Answer::Found { records, validated } = dns.mx("Example.test").await else { panic!() };
            assert_eq!((records[0].host.as_str(), validated), ("mx.example.test", false));
            let Answer::Found { records, .. } = dns.addresses("mx.example.test").await else { panic!() };
            assert!(records[0].is_ipv6() && records[1].is_ipv4());
            assert_eq!(dns.txt("example.test").await, Answer::NoData);
            assert_eq!(dns.mx("nothing.test").await, Answer::NoName);
            assert!(matches!(dns.mx("sick.test").await, Answer::Trouble(_)));
        });
    }
}
