//! What a domain's zone should say, beside what it says. Pure: answers come in, rows go out.

use std::{
    collections::BTreeMap,
    net::{IpAddr, Ipv4Addr},
};

use crate::{
    net::dns::{Answer, Mx, Srv},
    proof::{DomainKey, Stage},
};

/// How a record stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// As it should be.
    Good,
    /// Mail suffers.
    Bad,
    /// It works; others may trust it less.
    Weak,
    /// It is not there and need not be.
    Optional,
    /// Nobody could say.
    Unknown,
}

impl State {
    pub fn word(self) -> &'static str {
        match self {
            State::Good => "good",
            State::Bad => "bad",
            State::Weak => "weak",
            State::Optional => "optional",
            State::Unknown => "unknown",
        }
    }
}

/// One record: wanted beside found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Row {
    /// `mx`, `address`, `ptr`, `spf`, `dkim`, ...
    pub what: &'static str,
    /// Without the last dot.
    pub name: String,
    /// `MX`, `TXT`, ...
    pub kind: &'static str,
    /// Its value as a zone file has it; empty where only the owner of the address can say.
    pub wanted: String,
    /// Values that are there.
    pub found: Vec<String>,
    pub state: State,
    /// One sentence of `sentences.txt`.
    pub why: String,
}

/// What is so here.
pub(super) struct Facts<'a> {
    pub domain: &'a str,
    pub server: &'a str,
    pub keys: &'a [DomainKey],
    /// Whether mail leaves by somebody else's server (B12).
    pub by_relay: bool,
    /// Ports of submission, IMAP and POP3 over TLS; 0: not offered.
    pub ports: [(&'static str, u16); 3],
}

/// What the name servers said.
pub(super) struct Found {
    pub mx: Answer<Mx>,
    /// Of the server's name.
    pub addresses: Answer<IpAddr>,
    /// Names of those addresses.
    pub names: Vec<(IpAddr, Answer<String>)>,
    /// Of the domain itself, `_dmarc`, selectors, ...
    pub texts: BTreeMap<String, Answer<Vec<u8>>>,
    pub services: BTreeMap<String, Answer<Srv>>,
    /// Of `autoconfig.`
    pub autoconfig: Answer<IpAddr>,
}

/// TXT names that are looked up.
pub(super) fn text_names(facts: &Facts<'_>) -> Vec<String> {
    let d = facts.domain;
    let fixed = [d.to_owned(), format!("_dmarc.{d}"), format!("_mta-sts.{d}"), format!("_smtp._tls.{d}")];
    fixed.into_iter().chain(facts.keys.iter().map(DomainKey::name)).collect()
}

/// SRV names that are looked up (RFC 6186, RFC 8314 s5.1), with the port that belongs there.
pub(super) fn service_names(facts: &Facts<'_>) -> Vec<(String, u16)> {
    let offered = facts.ports.iter().filter(|(_, port)| *port != 0);
    offered.map(|(service, port)| (format!("_{service}._tcp.{}", facts.domain), *port)).collect()
}

/// Every record, those that mail needs first.
pub(super) fn judge(facts: &Facts<'_>, found: &Found) -> Vec<Row> {
    let mut rows = vec![mx(facts, found), address(facts, found)];
    rows.extend(found.names.iter().map(|(ip, name)| ptr(facts, *ip, name)));
    rows.push(spf(facts, found));
    rows.extend(facts.keys.iter().map(|key| dkim(key, found)));
    rows.extend([dmarc(facts, found), mta_sts(facts, found), tls_rpt(facts, found)]);
    rows.extend(service_names(facts).into_iter().map(|(name, port)| srv(facts, found, name, port)));
    rows.push(autoconfig(facts, found));
    rows
}

/// The part of a row that a judgement fills.
type Judged = (Vec<String>, State, String);

fn unknown(why: &str) -> Judged {
    (Vec::new(), State::Unknown, format!("the name servers do not answer: {why}"))
}

fn missing(state: State) -> Judged {
    let why = if state == State::Optional { "not there; it is not needed" } else { "the record is not there" };
    (Vec::new(), state, why.to_owned())
}

/// Looks at what is there, or says that nothing is, or that nobody could say.
fn look<T>(answer: Option<&Answer<T>>, absent: State, see: impl FnOnce(&[T]) -> Judged) -> Judged {
    match answer {
        Some(Answer::Found { records, .. }) => see(records),
        Some(Answer::NoName | Answer::NoData) | None => missing(absent),
        Some(Answer::Trouble(why)) => unknown(why),
    }
}

fn good(found: Vec<String>) -> Judged {
    (found, State::Good, "as it should be".to_owned())
}

fn row(what: &'static str, name: String, kind: &'static str, wanted: String, judged: Judged) -> Row {
    let (found, state, why) = judged;
    Row { what, name, kind, wanted, found, state, why }
}

fn mx(facts: &Facts<'_>, found: &Found) -> Row {
    let judged = look(Some(&found.mx), State::Bad, |records| {
        let shown: Vec<String> = records.iter().map(|mx| format!("{} {}.", mx.preference, mx.host)).collect();
        let best = records.iter().map(|mx| mx.preference).min();
        let ours = records.iter().find(|mx| mx.host == facts.server);
        match ours {
            Some(ours) if Some(ours.preference) == best => good(shown),
            Some(_) => (shown, State::Weak, "another server comes first".to_owned()),
            None => (shown, State::Bad, "mail of the domain goes to other servers".to_owned()),
        }
    });
    row("mx", facts.domain.to_owned(), "MX", format!("10 {}.", facts.server), judged)
}

fn address(facts: &Facts<'_>, found: &Found) -> Row {
    let judged = look(Some(&found.addresses), State::Bad, |records| {
        let shown: Vec<String> = records.iter().map(IpAddr::to_string).collect();
        if records.iter().all(|ip| !is_public(*ip)) {
            return (shown, State::Bad, "the address is none of the Internet".to_owned());
        }
        good(shown)
    });
    row("address", facts.server.to_owned(), "A", String::new(), judged)
}

fn is_public(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(v4) => {
            let shared = v4.octets()[0] == 100 && (64..128).contains(&v4.octets()[1]);
            !(v4.is_private() || v4.is_loopback() || v4.is_link_local() || v4 == Ipv4Addr::UNSPECIFIED || shared)
        }
        IpAddr::V6(v6) => !(v6.is_loopback() || v6.is_unique_local() || v6.is_unicast_link_local()),
    }
}

fn ptr(facts: &Facts<'_>, ip: IpAddr, name: &Answer<String>) -> Row {
    let judged = look(Some(name), State::Bad, |records| {
        let shown: Vec<String> = records.iter().map(|name| format!("{name}.")).collect();
        if records.iter().any(|name| name == facts.server) {
            return good(shown);
        }
        (shown, State::Weak, "the address has another name than the server; ask the provider".to_owned())
    });
    row("ptr", ip.to_string(), "PTR", format!("{}.", facts.server), judged)
}

/// The texts of a name that begin with `version`.
fn texts(records: &[Vec<u8>], version: &str) -> Vec<String> {
    let all = records.iter().map(|text| String::from_utf8_lossy(text).into_owned());
    all.filter(|text| text.get(..version.len()).is_some_and(|head| head.eq_ignore_ascii_case(version))).collect()
}

fn spf(facts: &Facts<'_>, found: &Found) -> Row {
    let judged = look(found.texts.get(facts.domain), State::Bad, |records| {
        let shown = texts(records, "v=spf1");
        let why = match shown.as_slice() {
            [] => return missing(State::Bad),
            [one] => match spf_allows(one, facts, found) {
                Some(true) => return good(shown),
                Some(false) => "it does not name this server",
                None if facts.by_relay => "see whether it names the relay",
                None => "see whether what it includes names this server",
            },
            _ => return (shown, State::Bad, "there are several, which counts as none".to_owned()),
        };
        let state = if why.starts_with("see") { State::Weak } else { State::Bad };
        (shown, state, why.to_owned())
    });
    row("spf", facts.domain.to_owned(), "TXT", quoted("v=spf1 mx -all"), judged)
}

/// Whether an SPF record lets our server send: Some(false) only where nothing in it could (RFC 7208 s5).
fn spf_allows(record: &str, facts: &Facts<'_>, found: &Found) -> Option<bool> {
    let words: Vec<String> = record.split_whitespace().skip(1).map(str::to_ascii_lowercase).collect();
    let ours: &[IpAddr] = match &found.addresses {
        Answer::Found { records, .. } => records,
        Answer::NoName | Answer::NoData | Answer::Trouble(_) => &[],
    };
    let is_mx = matches!(&found.mx, Answer::Found { records, .. } if records.iter().any(|mx| mx.host == facts.server));
    let names_us = |word: &str| {
        let word = word.trim_start_matches('+');
        match word.split_once(':') {
            None => (word == "mx" && is_mx) || (word == "a" && facts.server == facts.domain),
            Some(("mx", domain)) => domain == facts.domain && is_mx,
            Some(("a", name)) => name == facts.server,
            Some(("ip4" | "ip6", net)) => ours.iter().any(|ip| is_within(*ip, net)),
            Some(_) => false,
        }
    };
    if !facts.by_relay && words.iter().any(|word| names_us(word)) {
        return Some(true);
    }
    let open = |word: &String| {
        ["include:", "redirect=", "exists:", "ptr", "a/", "mx/", "a:", "mx:"].iter().any(|part| word.contains(part))
    };
    if facts.by_relay || words.iter().any(open) { None } else { Some(false) }
}

/// Whether an address lies in `192.0.2.0/24`, `2001:db8::/32`, or is the one that is written.
fn is_within(ip: IpAddr, net: &str) -> bool {
    let (base, bits) = net.split_once('/').map_or((net, None), |(base, bits)| (base, bits.parse::<u32>().ok()));
    let Ok(base) = base.parse::<IpAddr>() else { return false };
    let same = |a: u128, b: u128, width: u32| {
        let cut = width.saturating_sub(bits.unwrap_or(width));
        cut >= width || a >> cut == b >> cut
    };
    match (ip, base) {
        (IpAddr::V4(a), IpAddr::V4(b)) => same(u32::from(a).into(), u32::from(b).into(), 32),
        (IpAddr::V6(a), IpAddr::V6(b)) => same(a.into(), b.into(), 128),
        (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => false,
    }
}

fn quoted(text: &str) -> String {
    format!("\"{text}\"")
}

/// A tag of a `v=...; p=...` record, without white space.
fn tag(record: &str, name: &str) -> Option<String> {
    record.split(';').find_map(|tag| {
        let (key, value) = tag.split_once('=')?;
        (key.trim() == name).then(|| value.split_whitespace().collect())
    })
}

fn dkim(key: &DomainKey, found: &Found) -> Row {
    let absent = match key.stage {
        Stage::Signing | Stage::Next => State::Bad,
        Stage::Old(_) => State::Optional,
    };
    let judged = look(found.texts.get(&key.name()), absent, |records| {
        let shown: Vec<String> = records.iter().map(|text| String::from_utf8_lossy(text).into_owned()).collect();
        match shown.as_slice() {
            [one] if tag(one, "p").as_deref() == Some(key.pair.public.as_str()) => good(shown),
            [_] => (shown, State::Bad, "it has another key".to_owned()),
            _ => (shown, State::Bad, "there are several, which counts as none".to_owned()),
        }
    });
    row("dkim", key.name(), "TXT", key.zone_value(), judged)
}

fn dmarc(facts: &Facts<'_>, found: &Found) -> Row {
    let name = format!("_dmarc.{}", facts.domain);
    let judged = look(found.texts.get(&name), State::Weak, |records| {
        let shown = texts(records, "v=DMARC1");
        match shown.as_slice() {
            [] => missing(State::Weak),
            [one] if tag(one, "p").is_some() => good(shown),
            [_] => (shown, State::Bad, "it has no policy (p=)".to_owned()),
            _ => (shown, State::Bad, "there are several, which counts as none".to_owned()),
        }
    });
    let wanted = format!("v=DMARC1; p=none; rua=mailto:postmaster@{}", facts.domain);
    row("dmarc", name, "TXT", quoted(&wanted), judged)
}

/// RFC 8461 s3.1. We do not serve the policy over HTTPS: whoever has one has put it somewhere.
fn mta_sts(facts: &Facts<'_>, found: &Found) -> Row {
    let name = format!("_mta-sts.{}", facts.domain);
    let judged = optional_text(found, &name, "v=STSv1");
    row("mta_sts", name, "TXT", String::new(), judged)
}

/// RFC 8460 s3.
fn tls_rpt(facts: &Facts<'_>, found: &Found) -> Row {
    let name = format!("_smtp._tls.{}", facts.domain);
    let judged = optional_text(found, &name, "v=TLSRPTv1");
    let wanted = format!("v=TLSRPTv1; rua=mailto:postmaster@{}", facts.domain);
    row("tls_rpt", name, "TXT", quoted(&wanted), judged)
}

fn optional_text(found: &Found, name: &str, version: &str) -> Judged {
    look(found.texts.get(name), State::Optional, |records| {
        let shown = texts(records, version);
        if shown.is_empty() { missing(State::Optional) } else { good(shown) }
    })
}

fn srv(facts: &Facts<'_>, found: &Found, name: String, port: u16) -> Row {
    let judged = look(found.services.get(&name), State::Optional, |records| {
        let show = |srv: &Srv| format!("{} {} {} {}.", srv.priority, srv.weight, srv.port, srv.target);
        let shown = records.iter().map(show).collect();
        if records.iter().any(|srv| srv.target == facts.server && srv.port == port) {
            return good(shown);
        }
        (shown, State::Weak, "it names another server or port".to_owned())
    });
    row("srv", name, "SRV", format!("0 1 {port} {}.", facts.server), judged)
}

fn autoconfig(facts: &Facts<'_>, found: &Found) -> Row {
    let judged =
        look(Some(&found.autoconfig), State::Optional, |records| good(records.iter().map(IpAddr::to_string).collect()));
    row("autoconfig", format!("autoconfig.{}", facts.domain), "CNAME", format!("{}.", facts.server), judged)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        proof::{KeyKind, KeyPair},
        types::{Domain, UnixTime},
    };

    const OURS: &str = "198.51.100.7";

    fn key(stage: Stage) -> DomainKey {
        let pair = KeyPair { kind: KeyKind::Ed25519, secret: Vec::new(), public: "PUB".into() };
        let domain = Domain::parse("office.test").unwrap();
        DomainKey { domain, selector: "s1".into(), pair, made: UnixTime(0), stage }
    }

    fn one<T>(record: T) -> Answer<T> {
        Answer::Found { records: vec![record], validated: false }
    }

    fn nothing() -> Found {
        let (texts, services) = (BTreeMap::new(), BTreeMap::new());
        Found {
            mx: Answer::NoData,
            addresses: Answer::NoName,
            names: vec![],
            texts,
            services,
            autoconfig: Answer::NoName,
        }
    }

    fn text(found: &mut Found, name: &str, text: &str) {
        found.texts.insert(name.to_owned(), one(text.as_bytes().to_vec()));
    }

    /// A zone as we would write it.
    fn whole() -> Found {
        let mut found = nothing();
        found.mx = one(Mx { preference: 10, host: "mail.office.test".into() });
        found.addresses = one(OURS.parse().unwrap());
        found.names = vec![(OURS.parse().unwrap(), one("mail.office.test".into()))];
        text(&mut found, "office.test", "v=spf1 mx -all");
        text(&mut found, "_dmarc.office.test", "v=DMARC1; p=none");
        text(&mut found, "s1._domainkey.office.test", "v=DKIM1; k=ed25519; p=P UB");
        let imaps = Srv { priority: 0, weight: 1, port: 993, target: "mail.office.test".into() };
        found.services.insert("_imaps._tcp.office.test".into(), one(imaps));
        found
    }

    fn states(found: &Found, stage: Stage, by_relay: bool) -> BTreeMap<&'static str, &'static str> {
        let keys = [key(stage)];
        let ports = [("submissions", 0), ("imaps", 993), ("pop3s", 0)];
        let facts = Facts { domain: "office.test", server: "mail.office.test", keys: &keys, by_relay, ports };
        judge(&facts, found).into_iter().map(|row| (row.what, row.state.word())).collect()
    }

    fn spf_of(record: &str) -> &'static str {
        let mut found = whole();
        text(&mut found, "office.test", record);
        states(&found, Stage::Signing, false)["spf"]
    }

    #[test]
    fn a_zone_as_we_would_write_it_is_good_and_what_is_not_needed_is_said_so() {
        let states = states(&whole(), Stage::Signing, false);
        for what in ["mx", "address", "ptr", "spf", "dkim", "dmarc", "srv"] {
            assert_eq!(states[what], "good", "{what}");
        }
        for what in ["mta_sts", "tls_rpt", "autoconfig"] {
            assert_eq!(states[what], "optional", "{what}");
        }
    }

    #[test]
    fn an_empty_zone_is_bad_where_mail_suffers() {
        let states = states(&nothing(), Stage::Signing, false);
        for (what, state) in [("mx", "bad"), ("address", "bad"), ("spf", "bad"), ("dkim", "bad"), ("dmarc", "weak")] {
            assert_eq!(states[what], state, "{what}");
        }
        assert_eq!(states["srv"], "optional");
    }

    #[test]
    fn servers_that_do_not_answer_are_no_missing_records() {
        let mut found = whole();
        found.mx = Answer::Trouble("timeout".into());
        assert_eq!(states(&found, Stage::Signing, false)["mx"], "unknown");
    }

    #[test]
    fn an_old_key_may_go_and_a_next_one_must_be_there() {
        let mut found = whole();
        found.texts.remove("s1._domainkey.office.test");
        assert_eq!(states(&found, Stage::Old(0), false)["dkim"], "optional");
        assert_eq!(states(&found, Stage::Next, false)["dkim"], "bad");
        text(&mut found, "s1._domainkey.office.test", "v=DKIM1; p=OTHER");
        assert_eq!(states(&found, Stage::Signing, false)["dkim"], "bad");
    }

    #[test]
    fn spf_is_good_only_where_it_names_this_server() {
        for good in ["v=spf1 mx -all", "V=SPF1 ip4:198.51.100.0/24 ~all", "v=spf1 +a:mail.office.test -all"] {
            assert_eq!(spf_of(good), "good", "{good}");
        }
        for bad in ["v=spf1 -all", "v=spf1 ip4:192.0.2.1 -all", "v=spf1 a -all", "google-site-verification=x"] {
            assert_eq!(spf_of(bad), "bad", "{bad}");
        }
        for weak in ["v=spf1 include:provider.test -all", "v=spf1 redirect=other.test"] {
            assert_eq!(spf_of(weak), "weak", "{weak}");
        }
        let mut found = whole();
        text(&mut found, "office.test", "v=spf1 mx -all");
        assert_eq!(states(&found, Stage::Signing, true)["spf"], "weak", "a relay sends, not we");
    }

    #[test]
    fn mail_that_goes_elsewhere_and_a_private_address_are_told() {
        let mut found = whole();
        found.mx = one(Mx { preference: 10, host: "mx.other.test".into() });
        found.addresses = one("192.168.1.1".parse().unwrap());
        found.names = vec![(OURS.parse().unwrap(), one("pool-7.provider.test".into()))];
        let states = states(&found, Stage::Signing, false);
        assert_eq!((states["mx"], states["address"], states["ptr"]), ("bad", "bad", "weak"));
    }

    #[test]
    fn an_address_is_within_its_net() {
        let within = |ip: &str, net: &str| is_within(ip.parse().unwrap(), net);
        assert!(
            within("192.0.2.9", "192.0.2.0/24") && within("192.0.2.9", "192.0.2.9") && within("1.2.3.4", "0.0.0.0/0")
        );
        assert!(!within("192.0.3.9", "192.0.2.0/24") && !within("::1", "192.0.2.0/24") && !within("1.2.3.4", "x"));
        assert!(within("2001:db8::1", "2001:db8::/32"));
    }
}
