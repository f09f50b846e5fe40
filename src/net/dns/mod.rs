//! What names mean (RFC 1035): one question at a time, and an answer that tells "no" from "nobody could say".
//!
//! Must not know: what an MX is for, who asks. Only `real` names hickory and tokio.

mod real;
mod table;

use std::{
    future::Future,
    net::{IpAddr, Ipv6Addr},
    pin::Pin,
};

pub use real::{DnsConfig, RealResolver, Told};
pub use table::TableResolver;

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// RFC 1035 s3.4.1
    A,
    /// RFC 3596 s2.1
    Aaaa,
    /// RFC 1035 s3.3.9
    Mx,
    /// RFC 1035 s3.3.14
    Txt,
    /// RFC 6698 s2
    Tlsa,
    /// RFC 1035 s3.3.12
    Ptr,
    /// RFC 2782
    Srv,
}

/// A mail exchanger. Its host is lower case without the last dot, and empty for the null MX (RFC 7505).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mx {
    /// Lower is better.
    pub preference: u16,
    /// Its name.
    pub host: String,
}

/// What certificate a service has (RFC 6698 s2.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tlsa {
    /// 2: a trust anchor; 3: the server's own; 0 and 1 are not for SMTP (RFC 7672 s3.1.3).
    pub usage: u8,
    /// 0: the whole certificate; 1: its public key.
    pub selector: u8,
    /// 0: as it is; 1: SHA-256; 2: SHA-512.
    pub matching: u8,
    /// The octets to compare with.
    pub data: Vec<u8>,
}

/// Where a service is (RFC 2782). The target is empty where it is decidedly not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Srv {
    /// Lower is better.
    pub priority: u16,
    /// Larger is chosen more often.
    pub weight: u16,
    /// The port.
    pub port: u16,
    /// The host, lower case without the last dot.
    pub target: String,
}

/// A record of any kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Record {
    /// [`Kind::A`], [`Kind::Aaaa`]
    Address(IpAddr),
    /// [`Kind::Mx`]
    Mx(Mx),
    /// [`Kind::Txt`], its strings put together
    Text(Vec<u8>),
    /// [`Kind::Tlsa`]
    Tlsa(Tlsa),
    /// [`Kind::Ptr`]
    Name(String),
    /// [`Kind::Srv`]
    Srv(Srv),
}

/// What came of a question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer<T> {
    /// At least one record.
    Found {
        /// In the order of the server.
        records: Vec<T>,
        /// A chain of signatures leads from the root to it (RFC 4035 s4.3 "secure").
        validated: bool,
    },
    /// There is no such name (NXDOMAIN).
    NoName,
    /// The name is there, nothing of this kind is.
    NoData,
    /// Nobody could say: no server answers, or what it says is false (DNSSEC "bogus"). In words.
    Trouble(String),
}

impl<T> Answer<T> {
    /// The same with records of another type; those that are none are left out.
    fn only<U>(self, one: impl Fn(T) -> Option<U>) -> Answer<U> {
        match self {
            Answer::Found { records, validated } => {
                let records: Vec<U> = records.into_iter().filter_map(one).collect();
                if records.is_empty() { Answer::NoData } else { Answer::Found { records, validated } }
            }
            Answer::NoName => Answer::NoName,
            Answer::NoData => Answer::NoData,
            Answer::Trouble(why) => Answer::Trouble(why),
        }
    }

    /// Two kinds of record of one name taken as one: what is found counts, trouble counts before "there is none".
    fn with(self, other: Answer<T>) -> Answer<T> {
        match (self, other) {
            (Answer::Found { mut records, validated }, Answer::Found { records: more, validated: too }) => {
                records.extend(more);
                Answer::Found { records, validated: validated && too }
            }
            (found @ Answer::Found { .. }, _) | (_, found @ Answer::Found { .. }) => found,
            (trouble @ Answer::Trouble(_), _) | (_, trouble @ Answer::Trouble(_)) => trouble,
            (Answer::NoName, Answer::NoName) => Answer::NoName,
            (Answer::NoName | Answer::NoData, Answer::NoName | Answer::NoData) => Answer::NoData,
        }
    }
}

/// What [`Resolver::ask`] returns.
pub type Asking<'a> = Pin<Box<dyn Future<Output = Answer<Record>> + Send + 'a>>;

/// Answers questions. The real one asks name servers; tests hand in a table.
pub trait Resolver: Send + Sync {
    /// One question; `name` without its last dot.
    fn ask<'a>(&'a self, kind: Kind, name: &'a str) -> Asking<'a>;
}

impl dyn Resolver + '_ {
    /// Mail exchangers, in the order of the server.
    pub async fn mx(&self, domain: &str) -> Answer<Mx> {
        self.ask(Kind::Mx, domain).await.only(|r| if let Record::Mx(mx) = r { Some(mx) } else { None })
    }

    /// Addresses of both families, those of IPv6 first.
    pub async fn addresses(&self, host: &str) -> Answer<IpAddr> {
        let (six, four) = smol::future::zip(self.ask(Kind::Aaaa, host), self.ask(Kind::A, host)).await;
        six.with(four).only(|r| if let Record::Address(ip) = r { Some(ip) } else { None })
    }

    /// Texts.
    pub async fn txt(&self, name: &str) -> Answer<Vec<u8>> {
        self.ask(Kind::Txt, name).await.only(|r| if let Record::Text(text) = r { Some(text) } else { None })
    }

    /// What certificates the service has: `_25._tcp.mx.example.org`.
    pub async fn tlsa(&self, name: &str) -> Answer<Tlsa> {
        self.ask(Kind::Tlsa, name).await.only(|r| if let Record::Tlsa(tlsa) = r { Some(tlsa) } else { None })
    }

    /// Names of an address.
    pub async fn ptr(&self, ip: IpAddr) -> Answer<String> {
        let name = reverse(ip);
        self.ask(Kind::Ptr, &name).await.only(|r| if let Record::Name(name) = r { Some(name) } else { None })
    }

    /// Where a service is: `_imaps._tcp.example.org`.
    pub async fn srv(&self, name: &str) -> Answer<Srv> {
        self.ask(Kind::Srv, name).await.only(|r| if let Record::Srv(srv) = r { Some(srv) } else { None })
    }
}

/// RFC 1035 s3.5, RFC 3596 s2.5.
fn reverse(ip: IpAddr) -> String {
    match ip.to_canonical() {
        IpAddr::V4(ip) => {
            let [a, b, c, d] = ip.octets();
            format!("{d}.{c}.{b}.{a}.in-addr.arpa")
        }
        IpAddr::V6(ip) => nibbles(ip),
    }
}

fn nibbles(ip: Ipv6Addr) -> String {
    let digits = ip.octets().into_iter().rev().flat_map(|octet| [octet & 15, octet >> 4]);
    let mut name: String = digits.flat_map(|n| [char::from_digit(u32::from(n), 16).unwrap_or('0'), '.']).collect();
    name.push_str("ip6.arpa");
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_have_names_in_arpa() {
        assert_eq!(reverse("192.0.2.1".parse().unwrap()), "1.2.0.192.in-addr.arpa");
        let six = "b.a.9.8.7.6.5.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa";
        assert_eq!(reverse("2001:db8::567:89ab".parse().unwrap()), six);
    }

    #[test]
    fn a_family_without_answer_does_not_hide_the_other() {
        let found = |ip: &str, validated| Answer::Found { records: vec![ip.to_owned()], validated };
        let trouble = || Answer::<String>::Trouble("SERVFAIL".into());
        assert_eq!(found("a", true).with(trouble()), found("a", true));
        assert_eq!(Answer::NoData.with(found("b", false)), found("b", false));
        assert_eq!(Answer::NoData.with(trouble()), trouble());
        assert_eq!(Answer::<String>::NoName.with(Answer::NoName), Answer::NoName);
        assert_eq!(Answer::<String>::NoName.with(Answer::NoData), Answer::NoData);
        let Answer::Found { validated, records } = found("a", true).with(found("b", false)) else { panic!() };
        assert_eq!((records.len(), validated), (2, false));
    }
}
