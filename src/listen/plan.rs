//! Which sockets should be open, and the way there from those that are. Pure.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::{IpAddr, Ipv6Addr, SocketAddr, SocketAddrV6},
};

use super::name;
use crate::policy::Service;

/// A port of a service and where it should be open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spec {
    /// Who is served.
    pub service: Service,
    /// 0: switched off.
    pub port: u16,
    /// Names of interfaces or addresses; empty: everywhere (B4, B5).
    pub interfaces: Vec<String>,
}

/// A socket that should be open, or is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Target {
    /// Who is served.
    pub service: Service,
    /// Where; `[::]` stands for every address, IPv4 too.
    pub at: SocketAddr,
}

impl Target {
    /// Whether both cannot be open at the same time.
    fn clashes(&self, other: &Target) -> bool {
        let everywhere = self.at.ip().is_unspecified() || other.at.ip().is_unspecified();
        self.at.port() == other.at.port() && (everywhere || self.at.ip() == other.at.ip())
    }
}

/// Addresses by name of interface. Those of IPv6 carry the number of a link-local address' interface.
pub type Interfaces = BTreeMap<String, BTreeSet<Address>>;

/// An address, and for link-local ones the number of the interface (RFC 4007 s6).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Address {
    /// The address.
    pub ip: IpAddr,
    /// 0 where it does not matter.
    pub scope: u32,
}

impl Address {
    fn with(self, port: u16) -> SocketAddr {
        match self.ip {
            IpAddr::V4(ip) => SocketAddr::from((ip, port)),
            IpAddr::V6(ip) => SocketAddr::V6(SocketAddrV6::new(ip, port, 0, self.scope)),
        }
    }
}

/// The sockets of one port, and the interfaces of the settings that are not there or have no address.
pub(super) fn targets(spec: &Spec, interfaces: &Interfaces) -> (Vec<Target>, Vec<String>) {
    let (mut targets, mut missing) = (Vec::new(), Vec::new());
    let mut add = |at: SocketAddr| {
        let target = Target { service: spec.service, at };
        if !targets.contains(&target) {
            targets.push(target);
        }
    };
    if spec.port == 0 {
        return (targets, missing);
    }
    if spec.interfaces.is_empty() {
        add(SocketAddr::from((Ipv6Addr::UNSPECIFIED, spec.port)));
    }
    for entry in &spec.interfaces {
        if let Some(ip) = literal(entry) {
            add(SocketAddr::from((ip, spec.port)));
            continue;
        }
        match interfaces.get(entry.as_str()).filter(|addresses| !addresses.is_empty()) {
            Some(addresses) => addresses.iter().for_each(|address| add(address.with(spec.port))),
            None => missing.push(entry.clone()),
        }
    }
    (targets, missing)
}

/// An address instead of a name, IPv6 with or without brackets.
pub(super) fn literal(entry: &str) -> Option<IpAddr> {
    let inner = entry.strip_prefix('[').and_then(|e| e.strip_suffix(']')).unwrap_or(entry);
    inner.parse().ok()
}

/// One move.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Open.
    Start(Target),
    /// Close; sessions go on.
    Stop(Target),
}

/// The way from the open sockets to the wanted ones. What is wanted is opened before what is not is closed, so that a
/// change never leaves a service without a door; only where two cannot be open at once the old one goes first. What stays
/// is not touched.
pub(super) fn plan(open: &[Target], wanted: &[Target]) -> Vec<Step> {
    let leaves: Vec<&Target> = open.iter().filter(|target| !wanted.contains(target)).collect();
    let comes: Vec<&Target> = wanted.iter().filter(|target| !open.contains(target)).collect();
    let free = |target: &Target| !leaves.iter().any(|old| old.clashes(target));
    let in_the_way = |old: &Target| comes.iter().any(|target| old.clashes(target));
    let mut steps: Vec<Step> = comes.iter().filter(|t| free(t)).map(|t| Step::Start(**t)).collect();
    steps.extend(leaves.iter().filter(|t| in_the_way(t)).map(|t| Step::Stop(**t)));
    steps.extend(comes.iter().filter(|t| !free(t)).map(|t| Step::Start(**t)));
    steps.extend(leaves.iter().filter(|t| !in_the_way(t)).map(|t| Step::Stop(**t)));
    steps
}

impl Spec {
    /// Its line on the board: `smtp:25`; `smtp` when it is switched off.
    pub fn line(&self) -> String {
        if self.port == 0 { name(self.service).to_owned() } else { format!("{}:{}", name(self.service), self.port) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(at: &str) -> Target {
        Target { service: Service::Smtp, at: at.parse().unwrap() }
    }

    fn spec(port: u16, interfaces: &[&str]) -> Spec {
        Spec { service: Service::Smtp, port, interfaces: interfaces.iter().map(|i| (*i).to_owned()).collect() }
    }

    fn interfaces(list: &[(&str, &[&str])]) -> Interfaces {
        let address =
            |text: &&str| Address { ip: text.parse().unwrap(), scope: u32::from(text.starts_with("fe80")) * 7 };
        list.iter().map(|(name, ips)| ((*name).to_owned(), ips.iter().map(address).collect())).collect()
    }

    fn ats(spec: &Spec, interfaces: &Interfaces) -> (Vec<String>, Vec<String>) {
        let (targets, missing) = targets(spec, interfaces);
        (targets.iter().map(|t| t.at.to_string()).collect(), missing)
    }

    #[test]
    fn no_interface_means_every_address_and_port_0_none() {
        let none = Interfaces::new();
        assert_eq!(ats(&spec(25, &[]), &none), (vec!["[::]:25".to_owned()], vec![]));
        assert_eq!(ats(&spec(0, &[]), &none), (vec![], vec![]));
    }

    #[test]
    fn names_become_their_addresses_and_literals_stay() {
        let now = interfaces(&[("lan0", &["192.168.1.1", "fe80::1"]), ("ppp0", &[])]);
        let (at, missing) = ats(&spec(25, &["lan0", "127.0.0.1", "[::1]", "192.168.1.1", "ppp0", "wan7"]), &now);
        assert_eq!(at, ["192.168.1.1:25", "[fe80::1%7]:25", "127.0.0.1:25", "[::1]:25"]);
        assert_eq!(missing, ["ppp0", "wan7"]);
    }

    #[test]
    fn what_stays_is_not_touched_and_start_comes_before_stop() {
        let (a, b, c) = (target("192.0.2.1:25"), target("192.0.2.2:25"), target("192.0.2.3:25"));
        assert_eq!(plan(&[a, b], &[b, a]), []);
        assert_eq!(plan(&[a, b], &[b, c]), [Step::Start(c), Step::Stop(a)]);
        assert_eq!(plan(&[], &[a]), [Step::Start(a)]);
        assert_eq!(plan(&[a], &[]), [Step::Stop(a)]);
    }

    #[test]
    fn a_redial_moves_the_port_to_the_new_address() {
        let before = targets(&spec(25, &["ppp0"]), &interfaces(&[("ppp0", &["203.0.113.5"])])).0;
        let after = targets(&spec(25, &["ppp0"]), &interfaces(&[("ppp0", &["203.0.113.77"])])).0;
        assert_eq!(plan(&before, &after), [Step::Start(after[0]), Step::Stop(before[0])]);
    }

    #[test]
    fn only_what_cannot_be_open_at_once_is_closed_first() {
        let (all, one, other) = (target("[::]:25"), target("192.0.2.1:25"), target("192.0.2.1:2525"));
        assert_eq!(plan(&[all], &[one, other]), [Step::Start(other), Step::Stop(all), Step::Start(one)]);
        assert_eq!(plan(&[one, other], &[all]), [Step::Stop(one), Step::Start(all), Step::Stop(other)]);
        let same_port_of_another = Target { service: Service::Pop3, at: one.at };
        assert_eq!(plan(&[one], &[same_port_of_another]), [Step::Stop(one), Step::Start(same_port_of_another)]);
    }
}
