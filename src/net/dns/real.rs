//! The resolver that asks name servers: hickory on a thread of its own.
//!
//! hickory runs on tokio only, so one thread lends it a runtime; questions go in and answers come out over channels, and no
//! other thread ever sees tokio. Where signatures are wanted two resolvers stand side by side: one that checks them, and a
//! plain one for servers in front of us that drop signatures (many routers do) and for kinds that need none.
//!
//! A name whose signatures are false is trouble, never asked for again without them. Only where the root itself cannot be
//! checked the plain resolver answers: at once where signatures never came through, else after an hour without them.

use std::{
    fs, io,
    net::{IpAddr, SocketAddr},
    sync::{Arc, Mutex, PoisonError},
    thread,
    time::Duration,
};

use hickory_resolver::{
    Resolver as Hickory, TokioResolver,
    config::{NameServerConfig, ResolverConfig, ResolverOpts},
    lookup::Lookup,
    net::{DnsError, NetError, runtime::TokioRuntimeProvider},
    proto::{
        dnssec::{Algorithm, Proof, PublicKeyBuf, TrustAnchors},
        op::ResponseCode,
        rr::{LowerName, Name, RData, Record as Row, RecordType},
    },
};
use smol::{
    channel::{Receiver, Sender, bounded},
    lock::Semaphore,
};

use super::{Answer, Asking, Kind, Mx, Record, Resolver, Srv, Tlsa};
use crate::{
    limits,
    rt::{Clock, Shared},
    types::ZoneKey,
};

/// How questions are asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DnsConfig {
    /// Servers that answer recursively; none: those of /etc/resolv.conf, followed while it changes.
    pub servers: Vec<SocketAddr>,
    /// Check signatures (DNSSEC), where the servers let them through.
    pub dnssec: bool,
    /// Keys to believe beside those of the root that are built in (RFC 4035 s4.4).
    pub anchors: Vec<ZoneKey>,
}

/// Hears whether signatures are checked from now on.
pub type Told = Box<dyn Fn(bool) + Send + Sync>;

struct Question {
    kind: Kind,
    name: String,
    answer: Sender<Answer<Record>>,
}

/// Asks name servers. Its thread ends when the resolver is dropped.
pub struct RealResolver {
    questions: Sender<Question>,
    /// Questions at one time.
    turns: Semaphore,
    signatures: Arc<Signatures>,
}

impl RealResolver {
    /// Starts the thread `dns`. A change of `config` is taken up with the next question. `told` hears, on that thread, when it is
    /// first known whether signatures can be checked, and when that changes.
    pub fn start(config: Shared<DnsConfig>, clock: Arc<dyn Clock>, told: Told) -> io::Result<Self> {
        let (questions, rx) = bounded(limits::DNS_QUESTIONS);
        let signatures = Arc::new(Signatures { seen: Mutex::default(), told });
        let runtime = tokio::runtime::Builder::new_current_thread().enable_io().enable_time().build()?;
        let desk = Desk { config, clock, signatures: signatures.clone() };
        thread::Builder::new().name("dns".into()).spawn(move || runtime.block_on(desk.serve(rx)))?;
        Ok(RealResolver { questions, turns: Semaphore::new(limits::DNS_QUESTIONS), signatures })
    }

    /// Whether signatures are checked: it is wanted, and the servers let them through.
    pub fn checks_signatures(&self) -> bool {
        self.signatures.are_checked()
    }
}

/// Whether signatures come through.
struct Signatures {
    seen: Mutex<Seen>,
    told: Told,
}

#[derive(Default)]
struct Seen {
    /// None: nobody could say yet.
    checked: Option<bool>,
    /// When they last came through.
    good: Option<Duration>,
}

impl Signatures {
    fn are_checked(&self) -> bool {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).checked == Some(true)
    }

    /// What a probe saw. One that fails where others went well may be an attack, or a server that is being mended.
    fn note(&self, good: bool, now: Duration) {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if good {
            seen.good = Some(now);
        }
        let checked = seen.good.is_some_and(|at| now.saturating_sub(at) < FAITH);
        if seen.checked.replace(checked) != Some(checked) {
            drop(seen);
            (self.told)(checked);
        }
    }

    /// Other servers: nothing is known of them.
    fn forget(&self) {
        *self.seen.lock().unwrap_or_else(PoisonError::into_inner) = Seen::default();
    }
}

impl Resolver for RealResolver {
    fn ask<'a>(&'a self, kind: Kind, name: &'a str) -> Asking<'a> {
        Box::pin(async move {
            let _turn = self.turns.acquire().await;
            let (answer, rx) = bounded(1);
            let question = Question { kind, name: name.to_owned(), answer };
            let asked = self.questions.send(question).await;
            let heard = if asked.is_ok() { rx.recv().await.ok() } else { None };
            heard.unwrap_or_else(|| Answer::Trouble("the DNS thread has ended".to_owned()))
        })
    }
}

/// What the thread works with.
struct Desk {
    config: Shared<DnsConfig>,
    clock: Arc<dyn Clock>,
    signatures: Arc<Signatures>,
}

/// The two resolvers for one list of servers.
struct Pair {
    /// What they were built of.
    of: DnsConfig,
    plain: TokioResolver,
    checking: Option<TokioResolver>,
    /// When it was last looked whether signatures come through.
    probed: Duration,
}

/// Between two looks at /etc/resolv.conf.
const LOOK: Duration = Duration::from_secs(10);
/// Between two probes whether signatures come through, where they did, and where they did not.
const PROBES: [Duration; 2] = [Duration::from_secs(300), Duration::from_secs(60)];
/// How long signatures are asked for after they last came through: whoever keeps them away to have mail sent in the open must keep
/// all mail away for as long. A server that lets none through any more stops mail no longer than this.
const FAITH: Duration = Duration::from_secs(3600);

impl Desk {
    async fn serve(self, questions: Receiver<Question>) {
        let mut pair: Option<Pair> = None;
        let mut looked = None;
        while let Ok(question) = questions.recv().await {
            let now = self.clock.mono();
            let config = self.config.get();
            let stale = looked.is_none_or(|at| now.saturating_sub(at) >= LOOK)
                || pair.as_ref().is_none_or(|p| p.of.dnssec != config.dnssec || p.of.anchors != config.anchors);
            if stale || !config.servers.is_empty() {
                looked = Some(now);
                let mut of = DnsConfig::clone(&config);
                if of.servers.is_empty() {
                    of.servers = of_system();
                }
                if pair.as_ref().is_none_or(|p| p.of != of) {
                    pair = self.build(of, now).await;
                }
            }
            let Some(pair) = &mut pair else {
                let _ = question.answer.try_send(Answer::Trouble("no name server is known".to_owned()));
                continue;
            };
            let [good, bad] = PROBES;
            let pause = if self.signatures.are_checked() { good } else { bad };
            if now.saturating_sub(pair.probed) >= pause {
                pair.probed = now;
                self.probe(pair);
            }
            tokio::spawn(answer(pair.resolver_for(question.kind, &self.signatures), question));
        }
    }

    async fn build(&self, of: DnsConfig, now: Duration) -> Option<Pair> {
        self.signatures.forget();
        let plain = resolver(&of, false)?;
        let checking = if of.dnssec { resolver(&of, true) } else { None };
        if let Some(checking) = &checking {
            let seen = tokio::time::timeout(PROBE_WAIT, passes_signatures(checking, &of.anchors)).await;
            if let Ok(Some(good)) = seen {
                self.signatures.note(good, now);
            }
        }
        Some(Pair { of, plain, checking, probed: now })
    }

    fn probe(&self, pair: &Pair) {
        let Some(checking) = pair.checking.clone() else { return };
        let (signatures, anchors, now) = (self.signatures.clone(), pair.of.anchors.clone(), pair.probed);
        tokio::spawn(async move {
            if let Some(good) = passes_signatures(&checking, &anchors).await {
                signatures.note(good, now);
            }
        });
    }
}

/// How long the first question waits for the probe.
const PROBE_WAIT: Duration = Duration::from_secs(5);

impl Pair {
    fn resolver_for(&self, kind: Kind, signatures: &Signatures) -> TokioResolver {
        let matters = match kind {
            Kind::A | Kind::Aaaa | Kind::Mx | Kind::Tlsa => signatures.are_checked(),
            Kind::Txt | Kind::Ptr | Kind::Srv => false,
        };
        self.checking.clone().filter(|_| matters).unwrap_or_else(|| self.plain.clone())
    }
}

/// `nameserver` lines of /etc/resolv.conf (resolv.conf(5)); without any, the one on this machine.
fn of_system() -> Vec<SocketAddr> {
    let servers = servers_in(&fs::read_to_string("/etc/resolv.conf").unwrap_or_default());
    if servers.is_empty() { vec![SocketAddr::from(([127, 0, 0, 1], 53))] } else { servers }
}

fn servers_in(text: &str) -> Vec<SocketAddr> {
    let named = text.lines().filter_map(|line| line.trim().strip_prefix("nameserver")?.split_whitespace().next());
    named.filter_map(|ip| ip.parse::<IpAddr>().ok()).map(|ip| SocketAddr::new(ip, 53)).take(3).collect()
}

fn resolver(of: &DnsConfig, validate: bool) -> Option<TokioResolver> {
    let mut configs = Vec::new();
    for server in &of.servers {
        let mut config = NameServerConfig::udp_and_tcp(server.ip());
        config.connections.iter_mut().for_each(|c| c.port = server.port());
        configs.push(config);
    }
    let mut options = ResolverOpts::default();
    options.timeout = Duration::from_secs(limits::DNS_SECS);
    options.attempts = 2;
    options.cache_size = limits::DNS_CACHE;
    options.negative_max_ttl = Some(Duration::from_secs(limits::DNS_NEGATIVE_SECS));
    options.positive_max_ttl = Some(Duration::from_secs(limits::DNS_POSITIVE_SECS));
    options.try_tcp_on_error = true;
    options.validate = validate;
    // Every alias on the way must be signed, not only what it leads to.
    options.preserve_intermediates = true;
    let config = ResolverConfig::from_parts(None, Vec::new(), configs);
    let builder = Hickory::builder_with_config(config, TokioRuntimeProvider::default()).with_options(options);
    // With anchors it checks, whatever the options say.
    let builder = if validate { builder.with_trust_anchor(Arc::new(anchors(&of.anchors))) } else { builder };
    builder.build().ok()
}

/// The keys of the root that are built in, and ours.
fn anchors(ours: &[ZoneKey]) -> TrustAnchors {
    let mut all = TrustAnchors::default();
    for ours in ours {
        let key = PublicKeyBuf::new(ours.key.clone(), Algorithm::from_u8(ours.algorithm));
        if let Ok(zone) = Name::from_ascii(format!("{}.", ours.zone)) {
            all.insert_with_name(&key, LowerName::from(zone));
        }
    }
    all
}

/// The root is signed: where that cannot be seen, nothing can, but below a zone with a key of ours. None: nobody answers.
async fn passes_signatures(checking: &TokioResolver, ours: &[ZoneKey]) -> Option<bool> {
    let mut zones: Vec<Name> = ours.iter().filter_map(|key| Name::from_ascii(format!("{}.", key.zone)).ok()).collect();
    zones.insert(0, Name::root());
    zones.dedup();
    let mut answered = None;
    for zone in zones {
        match checking.lookup(zone.clone(), RecordType::NS).await {
            Ok(lookup) if is_secure(&chain(lookup.answers(), &zone, RecordType::NS)) => return Some(true),
            Err(NetError::Timeout | NetError::NoConnections) => {}
            Ok(_) | Err(_) => answered = Some(false),
        }
    }
    answered
}

/// What of an answer counts: the aliases from the name on, and the records that they lead to. What else a server, or who stands
/// between, puts in says nothing of whether these are signed; of several signatures hickory marks only the one that it used.
fn chain<'a>(answers: &'a [Row], name: &Name, wanted: RecordType) -> Vec<&'a Row> {
    let (mut way, mut at) = (Vec::new(), name);
    // Aliases in a ring end with the answer's length.
    for _ in answers {
        let found = answers.iter().filter(|row| row.name == *at && row.record_type() == wanted);
        let before = way.len();
        way.extend(found);
        if way.len() > before {
            return way;
        }
        let alias = answers.iter().filter(|row| row.name == *at).find_map(|row| match &row.data {
            RData::CNAME(to) => Some((row, &to.0)),
            _ => None,
        });
        let Some((row, to)) = alias else { break };
        way.push(row);
        at = to;
    }
    Vec::new()
}

fn is_secure(rows: &[&Row]) -> bool {
    !rows.is_empty() && rows.iter().all(|row| row.proof == Proof::Secure)
}

async fn answer(resolver: TokioResolver, question: Question) {
    let answer = match Name::from_ascii(format!("{}.", question.name)) {
        Ok(name) => heard(resolver.lookup(name.clone(), wanted(question.kind)).await, &name, question.kind),
        Err(_) => Answer::NoName,
    };
    // Nobody waits any more: the session gave up.
    let _ = question.answer.try_send(answer);
}

fn wanted(kind: Kind) -> RecordType {
    match kind {
        Kind::A => RecordType::A,
        Kind::Aaaa => RecordType::AAAA,
        Kind::Mx => RecordType::MX,
        Kind::Txt => RecordType::TXT,
        Kind::Tlsa => RecordType::TLSA,
        Kind::Ptr => RecordType::PTR,
        Kind::Srv => RecordType::SRV,
    }
}

fn heard(result: Result<Lookup, NetError>, name: &Name, kind: Kind) -> Answer<Record> {
    match result {
        Ok(lookup) if lookup.answers().iter().any(|record| record.proof == Proof::Bogus) => bogus(),
        Ok(lookup) => {
            let rows = chain(lookup.answers(), name, wanted(kind));
            let validated = is_secure(&rows);
            let records: Vec<Record> = rows.iter().filter_map(|row| record(&row.data)).collect();
            if records.is_empty() { Answer::NoData } else { Answer::Found { records, validated } }
        }
        Err(NetError::Dns(DnsError::NoRecordsFound(none))) => absent(none.response_code),
        Err(NetError::Dns(DnsError::Nsec { proof: Proof::Bogus, .. } | DnsError::DnssecBogus)) => bogus(),
        Err(NetError::Dns(DnsError::Nsec { response, .. })) => absent(response.response_code),
        Err(NetError::Dns(DnsError::ResponseCode(code))) => Answer::Trouble(format!("the name server says {code}")),
        Err(NetError::Timeout | NetError::NoConnections) => Answer::Trouble("no name server answers".to_owned()),
        Err(other) => Answer::Trouble(other.to_string()),
    }
}

fn absent(code: ResponseCode) -> Answer<Record> {
    match code {
        ResponseCode::NXDomain => Answer::NoName,
        ResponseCode::NoError => Answer::NoData,
        code => Answer::Trouble(format!("the name server says {code}")),
    }
}

fn bogus() -> Answer<Record> {
    Answer::Trouble("the signatures of the name are false (DNSSEC)".to_owned())
}

fn record(data: &RData) -> Option<Record> {
    Some(match data {
        RData::A(a) => Record::Address(IpAddr::V4(a.0)),
        RData::AAAA(aaaa) => Record::Address(IpAddr::V6(aaaa.0)),
        RData::MX(mx) => Record::Mx(Mx { preference: mx.preference, host: plain(&mx.exchange) }),
        RData::TXT(txt) => Record::Text(txt.txt_data.concat()),
        RData::TLSA(tlsa) => Record::Tlsa(Tlsa {
            usage: tlsa.cert_usage.into(),
            selector: tlsa.selector.into(),
            matching: tlsa.matching.into(),
            data: tlsa.cert_data.clone(),
        }),
        RData::PTR(ptr) => Record::Name(plain(&ptr.0)),
        RData::SRV(srv) => {
            Record::Srv(Srv { priority: srv.priority, weight: srv.weight, port: srv.port, target: plain(&srv.target) })
        }
        _ => return None,
    })
}

/// Lower case, without the last dot; the root is empty.
fn plain(name: &Name) -> String {
    name.to_ascii().trim_end_matches('.').to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use hickory_resolver::proto::rr::rdata::{A, CNAME};

    use super::*;

    #[test]
    fn name_servers_stand_in_resolv_conf() {
        let text =
            "# x\nsearch office.test\nnameserver 192.0.2.1\n nameserver\t2001:db8::1 # y\nnameserver x\noptions edns0";
        let servers: Vec<SocketAddr> = vec!["192.0.2.1:53".parse().unwrap(), "[2001:db8::1]:53".parse().unwrap()];
        assert_eq!(servers_in(text), servers);
        assert!(servers_in("").is_empty());
    }

    fn row(name: &str, data: RData, proof: Proof) -> Row {
        let mut row = Row::from_rdata(Name::from_ascii(name).unwrap(), 60, data);
        row.proof = proof;
        row
    }

    fn alias(name: &str, to: &str, proof: Proof) -> Row {
        row(name, RData::CNAME(CNAME(Name::from_ascii(to).unwrap())), proof)
    }

    fn address(name: &str, last: u8, proof: Proof) -> Row {
        row(name, RData::A(A::new(192, 0, 2, last)), proof)
    }

    /// Whether it is signed, and the last octets of the addresses.
    fn found(answers: &[Row]) -> (bool, Vec<u8>) {
        let rows = chain(answers, &Name::from_ascii("a.test.").unwrap(), RecordType::A);
        let last = |row: &&Row| if let RData::A(a) = &row.data { Some(a.0.octets()[3]) } else { None };
        (is_secure(&rows), rows.iter().filter_map(last).collect())
    }

    #[test]
    fn every_alias_on_the_way_must_be_signed_and_nothing_beside_it() {
        use Proof::{Insecure, Secure};
        let whole = || vec![alias("A.test.", "b.test.", Secure), address("b.test.", 1, Secure)];
        assert_eq!(found(&whole()), (true, vec![1]));
        // What is put in beside does not make signed records unsigned, and is not believed.
        let beside = [whole(), vec![address("c.test.", 2, Insecure), alias("d.test.", "e.test.", Insecure)]].concat();
        assert_eq!(found(&beside), (true, vec![1]));
        assert_eq!(found(&[alias("a.test.", "b.test.", Insecure), address("b.test.", 1, Secure)]), (false, vec![1]));
        assert_eq!(found(&[address("a.test.", 1, Secure), address("a.test.", 2, Insecure)]), (false, vec![1, 2]));
        assert_eq!(found(&[address("b.test.", 1, Secure)]), (false, vec![]));
        let ring = [alias("a.test.", "b.test.", Secure), alias("b.test.", "a.test.", Secure)];
        assert_eq!(found(&ring), (false, vec![]));
    }

    #[test]
    fn signatures_that_vanish_are_asked_for_an_hour_more() {
        let heard = Arc::new(Mutex::new(Vec::new()));
        let (journal, hour) = (heard.clone(), Duration::from_secs(3600));
        let signatures =
            Signatures { seen: Mutex::default(), told: Box::new(move |on| journal.lock().unwrap().push(on)) };
        assert!(!signatures.are_checked());
        signatures.note(false, Duration::ZERO);
        assert!(!signatures.are_checked());
        signatures.note(true, Duration::from_secs(60));
        signatures.note(false, Duration::from_secs(59) + hour);
        assert!(signatures.are_checked(), "an hour of mail without signatures is too short an attack");
        signatures.note(false, Duration::from_secs(60) + hour);
        assert!(!signatures.are_checked());
        signatures.note(true, Duration::from_secs(120) + hour);
        assert_eq!(*heard.lock().unwrap(), [false, true, false, true]);
        signatures.forget();
        assert!(!signatures.are_checked());
    }
}
