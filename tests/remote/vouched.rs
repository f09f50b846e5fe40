//! Signed names (DNSSEC) and certificates in them (DANE, RFC 7672), against zones that NLnet's ldns signed and NSD serves, and
//! aiosmtpd with TLS behind them.

use std::{
    fs,
    path::Path,
    process::Command,
    sync::{Arc, Mutex},
};

use gatepost::{
    net::{
        Identity,
        dns::{Answer, DnsConfig, RealResolver, Resolver},
    },
    remote::{
        Failure, PolicyType,
        smtp::{Outcome, Verdict},
    },
    rt::{Shared, SystemClock, block_on},
    types::{UnixTime, ZoneKey},
};

use crate::{
    common::{TempDir, free_port},
    peers::{Running, start},
    signed::{Zone, Zones},
    world::{PATIENCE, World, direct, job},
};

/// aiosmtpd with a certificate of its own.
struct Server {
    dir: TempDir,
    port: u16,
    /// Of its certificate, as a TLSA record has it (3 0 1).
    sum: String,
    _running: Running,
}

impl Server {
    fn start() -> Server {
        let (dir, port) = (TempDir::new(), free_port());
        let (chain, key) = Identity::self_signed(&["whatever.test".into()], UnixTime(1_780_000_000)).unwrap();
        let (certificate, secret) = (dir.path().join("cert.pem"), dir.path().join("key.pem"));
        fs::write(&certificate, chain).unwrap();
        fs::write(&secret, key).unwrap();
        let mut command = Command::new("/usr/bin/python3");
        command.args(["-m", "aiosmtpd", "-n", "-u", "-l", &format!("127.0.0.1:{port}")]);
        command.arg("--tlscert").arg(&certificate).arg("--tlskey").arg(&secret);
        command.args(["-c", "aiosmtpd.handlers.Mailbox"]).arg(dir.path().join("mail"));
        let running = start(&mut command, port);
        Server { sum: sum(&certificate), dir, port, _running: running }
    }

    /// How many messages came.
    fn count(&self) -> usize {
        fs::read_dir(self.dir.path().join("mail/new")).map_or(0, Iterator::count)
    }

    /// A domain with an MX on loopback and its TLSA record: the right one, a wrong one, or none.
    fn domain(&self, name: &str, tlsa: Option<bool>) -> String {
        let host = format!("{name} IN MX 10 mx.{name}\nmx.{name} IN A 127.0.0.1\n");
        host + &tlsa.map(|right| self.tlsa(&format!("mx.{name}"), right)).unwrap_or_default()
    }

    fn tlsa(&self, host: &str, right: bool) -> String {
        let sum = if right { self.sum.clone() } else { "0123456789abcdef".repeat(4) };
        format!("_{}._tcp.{host} IN TLSA 3 0 1 {sum}\n", self.port)
    }
}

/// OpenSSL's word for it, not ours.
fn sum(certificate: &Path) -> String {
    let script = "openssl x509 -in \"$1\" -outform der | openssl dgst -sha256 -r";
    let out = Command::new("bash").args(["-o", "pipefail", "-c", script, "-"]).arg(certificate).output().unwrap();
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    String::from_utf8(out.stdout).unwrap().split(' ').next().unwrap().to_owned()
}

fn keys(lines: &[String]) -> Vec<ZoneKey> {
    lines.iter().map(|line| ZoneKey::parse(line).unwrap()).collect()
}

/// What it says of signatures is put into the list.
fn resolver(zones: &Zones, anchors: Vec<ZoneKey>) -> (Arc<RealResolver>, Arc<Mutex<Vec<bool>>>) {
    let (heard, config) =
        (Arc::<Mutex<Vec<bool>>>::default(), DnsConfig { servers: vec![zones.at], dnssec: true, anchors });
    let list = heard.clone();
    let told = Box::new(move |checked| list.lock().unwrap().push(checked));
    (Arc::new(RealResolver::start(Shared::new(config), Arc::new(SystemClock::start()), told).unwrap()), heard)
}

/// With the root of the zones for the only thing that it is told.
fn trusting(zones: &Zones) -> Arc<dyn Resolver> {
    resolver(zones, keys(&zones.keys(".")[..1])).0
}

/// One message to a domain, in a world of its own.
struct Sent {
    world: World,
    verdict: Verdict,
}

impl Sent {
    fn to(domain: &str, dns: &Arc<dyn Resolver>, server: &Server) -> Sent {
        let world = World::asking(dns.clone(), server.port, PATIENCE);
        let to = format!("bob@{domain}");
        let mut outcomes = block_on(world.pool.carry(&job(direct(domain), &[&to], b"Subject: a\r\n\r\nb\r\n")));
        assert_eq!(outcomes.len(), 1);
        let Outcome { verdict, .. } = outcomes.remove(0);
        Sent { world, verdict }
    }

    /// Delivered over TLS to a server whose certificate was, or was not, asked for.
    fn is_delivered(&self, verified: bool) -> bool {
        let word = if verified { "Verified" } else { "Untrusted" };
        let begin = format!("{word} TLS connection established to ");
        let told = self.world.journal.newest(9).iter().any(|line| line.line.text.starts_with(&begin));
        told && matches!(self.verdict, Verdict::Delivered { .. })
    }

    /// Put off with this status and these words.
    fn is_put_off(&self, status: &str, words: &str) -> bool {
        let answer = self.verdict.answer();
        let fits = &*answer.status == status && answer.text.contains(words);
        fits && matches!(self.verdict, Verdict::Later { .. })
    }

    fn counted(&self) -> Vec<Counted> {
        let day = UnixTime(std::time::UNIX_EPOCH.elapsed().unwrap().as_secs() as i64).day();
        let counts = self.world.reports.of_day(&day);
        counts.into_iter().map(|(_, policy, counts)| (policy, counts.good, counts.bad.into_iter().collect())).collect()
    }
}

/// Policy, good sessions, what went wrong how often.
type Counted = (PolicyType, u64, Vec<(Failure, u64)>);

const TLSA: PolicyType = PolicyType::Tlsa;
const NOTHING: PolicyType = PolicyType::Nothing;

/// The root of a test, the zone `test.` with these records, and the zones below.
fn zones(test: String, below: Vec<Zone>) -> Zones {
    let ns = "ns.test. IN A 127.0.0.1\n";
    let first = [Zone::signed(".", ns.to_owned()), Zone::signed("test.", ns.to_owned() + &test)];
    Zones::serve(&first.into_iter().chain(below).collect::<Vec<_>>())
}

#[test]
fn a_certificate_in_signed_dns_decides() {
    let server = Server::start();
    let test = [
        server.domain("right.test.", Some(true)),
        server.domain("wrong.test.", Some(false)),
        // RFC 7672 s2.2.2: without MX the domain is its own server.
        "bare.test. IN A 127.0.0.1\nfair.test. IN A 127.0.0.1\n".to_owned(),
        server.tlsa("bare.test.", false),
        server.tlsa("fair.test.", true),
    ];
    // While keys are changed every record has two signatures.
    let twice = Zone::signed("twice.test.", server.domain("twice.test.", Some(false))).twice();
    let three = Zone::signed("three.test.", server.domain("three.test.", Some(true))).flags(&["-n"]);
    let zones = zones(test.concat(), vec![twice, three]);
    let dns = trusting(&zones);
    for domain in ["right.test", "fair.test", "three.test"] {
        let sent = Sent::to(domain, &dns, &server);
        assert!(sent.is_delivered(true), "{domain}: {:?}", sent.verdict);
        assert_eq!(sent.counted(), [(TLSA, 1, vec![])], "{domain}");
    }
    for domain in ["wrong.test", "bare.test", "twice.test"] {
        let sent = Sent::to(domain, &dns, &server);
        assert!(sent.is_put_off("4.7.5", "is not the one that its signed TLSA record"), "{domain}: {:?}", sent.verdict);
        assert_eq!(sent.counted(), [(TLSA, 0, vec![(Failure::NotTrusted, 1)])], "{domain}");
    }
    assert_eq!(server.count(), 3, "a message went to a stranger");
}

#[test]
fn without_a_signed_record_mail_goes_as_ever() {
    let server = Server::start();
    let away = "away.test. IN MX 10 mx.open.test.\n".to_owned();
    let zones = zones(
        server.domain("none.test.", None) + &away,
        vec![
            Zone::signed("three.test.", server.domain("three.test.", None)).flags(&["-n"]),
            // Insecure delegations, the second one found by an opt-out of NSEC3 (RFC 5155 s6).
            Zone::unsigned("open.test.", server.domain("open.test.", Some(false))),
            Zone::signed("out.test.", String::new()).flags(&["-n", "-p"]),
            Zone::unsigned("open.out.test.", server.domain("open.out.test.", Some(false))),
        ],
    );
    let dns = trusting(&zones);
    for (n, domain) in ["none.test", "three.test", "open.test", "open.out.test", "away.test"].iter().enumerate() {
        let sent = Sent::to(domain, &dns, &server);
        assert!(sent.is_delivered(false), "{domain}: {:?}", sent.verdict);
        assert_eq!((sent.counted(), server.count()), (vec![(NOTHING, 1, vec![])], n + 1), "{domain}");
    }
    block_on(async {
        assert_eq!(dns.tlsa(&format!("_{}._tcp.mx.none.test", server.port)).await, Answer::NoName);
        assert_eq!(dns.tlsa("mx.three.test").await, Answer::NoData);
        assert_eq!(dns.mx("nothing.three.test").await, Answer::NoName);
        assert!(matches!(dns.mx("none.test").await, Answer::Found { validated: true, .. }));
        assert!(matches!(dns.mx("open.test").await, Answer::Found { validated: false, .. }));
    });
}

/// What was changed behind its signing, or is out of date, is trouble: nothing is sent in the open, nothing comes back.
#[test]
fn false_signatures_put_mail_off() {
    let server = Server::start();
    let zone = |name| Zone::signed(name, server.domain(name, Some(true)));
    let zones = zones(
        String::new(),
        vec![
            zone("mx.test.").spoilt(|text| text.replace("\t10 mx.mx.test.", "\t10 mx.evil.test.")),
            zone("host.test.").spoilt(|text| text.replace("\tA\t127.0.0.1", "\tA\t127.0.0.2")),
            zone("record.test.").spoilt(|text| text.replace("\tTLSA\t3 0 1 ", "\tTLSA\t3 1 1 ")),
            // Whoever takes the record out cannot take it out of the proof of absence.
            zone("gone.test.").spoilt(|text| removed(text, "TLSA")),
            zone("bare.test.").spoilt(|text| removed(text, "RRSIG")),
            zone("old.test.").flags(&["-i", "20200101", "-e", "20200201"]),
        ],
    );
    let dns = trusting(&zones);
    for (domain, status, words) in [
        ("mx.test", "4.4.3", "the servers of mx.test cannot be looked up now: the signatures of the name are false"),
        ("host.test", "4.4.3", "host mx.host.test cannot be looked up now: the signatures of the name are false"),
        ("record.test", "4.7.5", "the TLSA record of mx.record.test cannot be looked up now: the signatures"),
        ("gone.test", "4.7.5", "the TLSA record of mx.gone.test cannot be looked up now: the signatures"),
        (
            "bare.test",
            "4.4.3",
            "the servers of bare.test cannot be looked up now: the signatures of the name are false",
        ),
        ("old.test", "4.4.3", "the servers of old.test cannot be looked up now: the signatures of the name are false"),
    ] {
        let sent = Sent::to(domain, &dns, &server);
        assert!(sent.is_put_off(status, words), "{domain}: {:?}", sent.verdict);
        let bad = if status == "4.7.5" { vec![(TLSA, 0, vec![(Failure::Dnssec, 1)])] } else { vec![] };
        assert_eq!(sent.counted(), bad, "{domain}");
    }
    assert_eq!(server.count(), 0, "a message went to a stranger");
    assert!(matches!(block_on(dns.mx("nothing.bare.test")), Answer::Trouble(_)), "an absence that is not proved");
}

fn removed(text: &str, kind: &str) -> String {
    text.lines().filter(|line| !line.contains(&format!("\tIN\t{kind}\t"))).map(|line| format!("{line}\n")).collect()
}

/// A zone inside the office that no parent vouches for counts by its own keys; without them, and under a root that nobody knows,
/// nothing is checked.
#[test]
fn the_keys_of_the_settings_are_believed_and_no_others() {
    let record = "island.office. IN MX 10 mx.island.office.\n";
    let island = Zone::signed("island.office.", record.to_owned()).island();
    let zones = zones("a.test. IN MX 10 b.test.\n".to_owned(), vec![island]);
    let validated = |dns: &RealResolver, name: &str| {
        let dns: &dyn Resolver = dns;
        match block_on(dns.mx(name)) {
            Answer::Found { validated, .. } => Some(validated),
            Answer::NoName | Answer::NoData | Answer::Trouble(_) => None,
        }
    };
    let (stranger, heard) = resolver(&zones, Vec::new());
    assert_eq!(validated(&stranger, "a.test"), Some(false));
    assert_eq!((stranger.checks_signatures(), heard.lock().unwrap().clone()), (false, vec![false]));
    let (insider, heard) = resolver(&zones, keys(zones.keys("island.office.")));
    assert_eq!(validated(&insider, "island.office"), Some(true));
    assert_eq!((insider.checks_signatures(), heard.lock().unwrap().clone()), (true, vec![true]));
    assert_eq!(validated(&insider, "a.test"), None, "nothing leads to it from a key that is known");
    let (both, _) = resolver(&zones, keys(&[&zones.keys(".")[..1], zones.keys("island.office.")].concat()));
    assert_eq!(validated(&both, "island.office"), Some(true));
    assert_eq!(validated(&both, "a.test"), Some(true));
    // hickory wants every key of a zone that no parent vouches for; with one of two nothing can be checked.
    let (half, _) = resolver(&zones, keys(&zones.keys("island.office.")[..1]));
    assert_eq!((validated(&half, "island.office"), half.checks_signatures()), (Some(false), false));
}
