//! Which servers a message may go to, the best first (RFC 5321 s5.1), and why there are none.

use std::{
    collections::BTreeSet,
    net::{IpAddr, SocketAddr},
    sync::Arc,
};

use super::{Means, Target, Verdict, session::answer};
use crate::{
    net::dns::{Answer, Mx},
    types::{Domain, Hop},
};

/// A server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Host {
    /// Its name, lower case, or an IP address.
    pub name: String,
    pub port: u16,
    /// Signatures in DNS vouch for the name (RFC 7672 s2.2).
    pub validated: bool,
}

/// The servers of a target, the best first.
pub(super) async fn find(means: &Arc<Means>, target: &Target) -> Result<Vec<Host>, Verdict> {
    match target {
        Target::Direct(domain) => direct(means, domain).await,
        Target::Relay(Hop { host, port, .. }) | Target::Lmtp(Hop { host, port, .. }) => {
            Ok(vec![Host { name: host.to_string(), port: *port, validated: false }])
        }
    }
}

async fn direct(means: &Arc<Means>, domain: &Domain) -> Result<Vec<Host>, Verdict> {
    let never = |status: &str, text: String| Err(Verdict::Never(answer(means, "", 0, status, &text)));
    let host = |name: String, validated| Host { name, port: means.port, validated };
    if domain.is_literal() {
        let inner = domain.as_str().trim_matches(['[', ']']);
        return Ok(vec![host(inner.trim_start_matches("ipv6:").to_owned(), false)]);
    }
    match means.dns.mx(domain.as_str()).await {
        Answer::Found { records, .. } if is_null(&records) => {
            never("5.1.10", format!("domain {domain} does not accept mail (null MX)"))
        }
        Answer::Found { records, validated } => {
            let own = means.settings.get().server_name.to_ascii_lowercase();
            let ordered = ordered(records, means.rotation(), &own);
            if ordered.is_empty() {
                return never("5.4.6", loops(&Target::Direct(domain.clone())));
            }
            Ok(ordered.into_iter().map(|mx| host(mx.host, validated)).collect())
        }
        // RFC 5321 s5.1: without MX the domain is its own server, and DANE is for it (RFC 7672 s2.2.2). What cannot be proved absent
        // is trouble or stands in a zone without signatures, as its address does, which is asked for next.
        Answer::NoData => Ok(vec![host(domain.as_str().to_owned(), true)]),
        Answer::NoName => never("5.1.2", format!("domain {domain} does not exist (DNS: no such name)")),
        Answer::Trouble(why) => {
            let text = format!("the servers of {domain} cannot be looked up now: {why}");
            Err(Verdict::Later { answer: answer(means, "", 0, "4.4.3", &text), reached: false })
        }
    }
}

/// What to set where mail would come back to us.
pub(super) fn loops(target: &Target) -> String {
    let what = target.name();
    if !matches!(target, Target::Direct(_)) {
        return format!("{what} is this server itself: set the relay or the route right");
    }
    format!(
        "mail for {what} loops back to this server: DNS says that it is the server of {what}, but {what} is not one of our domains; \
         add it to the domains, or set its MX right"
    )
}

/// RFC 7505.
fn is_null(records: &[Mx]) -> bool {
    matches!(records, [only] if only.host.is_empty())
}

/// Best first; those of one preference in turn (RFC 5321 s5.1 asks for a random order). Where we stand among them ourselves, we
/// and those behind us are left out: they would give the message back to us.
fn ordered(mut records: Vec<Mx>, rotation: usize, own: &str) -> Vec<Mx> {
    records.retain(|mx| !mx.host.is_empty());
    let ours = records.iter().filter(|mx| mx.host == own).map(|mx| mx.preference).min();
    records.retain(|mx| ours.is_none_or(|ours| mx.preference < ours));
    records.sort();
    records.dedup_by(|a, b| a.host == b.host);
    let mut out: Vec<Mx> = Vec::with_capacity(records.len());
    for group in records.chunk_by(|a, b| a.preference == b.preference) {
        let turn = rotation % group.len();
        out.extend(group[turn..].iter().chain(&group[..turn]).cloned());
    }
    out
}

/// Addresses of a host, the families in turn, or why there are none.
pub(super) async fn addresses(means: &Arc<Means>, host: &Host) -> Result<(Vec<SocketAddr>, bool), (String, bool)> {
    if let Ok(ip) = host.name.parse::<IpAddr>() {
        return Ok((vec![SocketAddr::new(ip, host.port)], false));
    }
    match means.dns.addresses(&host.name).await {
        Answer::Found { records, validated } => {
            Ok((in_turn(&records).into_iter().map(|ip| SocketAddr::new(ip, host.port)).collect(), validated))
        }
        Answer::NoName | Answer::NoData => Err((format!("host {} has no address (DNS)", host.name), true)),
        Answer::Trouble(why) => Err((format!("host {} cannot be looked up now: {why}", host.name), false)),
    }
}

/// IPv6 first, then one of each, so that a broken family does not take all tries.
fn in_turn(ips: &[IpAddr]) -> Vec<IpAddr> {
    let (six, four): (Vec<IpAddr>, Vec<IpAddr>) = ips.iter().partition(|ip| ip.is_ipv6());
    let most = six.len().max(four.len());
    (0..most).flat_map(|n| [six.get(n), four.get(n)]).flatten().copied().collect()
}

/// Whether a connection there would be one to ourselves.
pub(super) fn is_own(means: &Means, own: &BTreeSet<IpAddr>, at: SocketAddr) -> bool {
    at.port() == means.settings.get().smtp_port && own.contains(&at.ip().to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mx(all: &[(u16, &str)]) -> Vec<Mx> {
        all.iter().map(|(preference, host)| Mx { preference: *preference, host: (*host).to_owned() }).collect()
    }

    fn names(records: Vec<Mx>) -> String {
        records.into_iter().map(|mx| mx.host).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn the_best_comes_first_and_equals_take_turns() {
        let all = mx(&[(20, "c"), (10, "b"), (10, "a"), (30, "a")]);
        assert_eq!(names(ordered(all.clone(), 0, "x")), "a b c a");
        assert_eq!(names(ordered(all.clone(), 1, "x")), "b a c a");
        assert_eq!(names(ordered(all, 2, "x")), "a b c a");
    }

    #[test]
    fn who_stands_behind_us_is_left_out() {
        let all = mx(&[(10, "a"), (20, "own"), (20, "b"), (30, "c")]);
        assert_eq!(names(ordered(all, 0, "own")), "a");
        assert_eq!(names(ordered(mx(&[(10, "own"), (20, "c")]), 0, "own")), "");
    }

    #[test]
    fn only_a_lone_root_is_a_null_mx() {
        assert!(is_null(&mx(&[(0, "")])) && !is_null(&mx(&[(0, ""), (1, "a")])) && !is_null(&mx(&[(0, "a")])));
    }

    #[test]
    fn families_take_turns() {
        let ips: Vec<IpAddr> = ["::1", "::2", "::3", "10.0.0.1"].iter().map(|ip| ip.parse().unwrap()).collect();
        let turns: Vec<String> = in_turn(&ips).iter().map(IpAddr::to_string).collect();
        assert_eq!(turns, ["::1", "10.0.0.1", "::2", "::3"]);
    }
}
