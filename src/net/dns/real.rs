//! The resolver that asks name servers: hickory on a thread of its own.
//!
//! hickory runs on tokio only, so one thread lends it a runtime; questions go in and answers come out over channels, and no
//! other thread ever sees tokio. Where signatures are wanted two resolvers stand side by side: one that checks them, and a
//! plain one for servers in front of us that drop signatures (many routers do) and for kinds that need none.

use std::{
    fs, io,
    net::{IpAddr, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

use hickory_resolver::{
    Resolver as Hickory, TokioResolver,
    config::{NameServerConfig, ResolverConfig, ResolverOpts},
    lookup::Lookup,
    net::{DnsError, NetError, runtime::TokioRuntimeProvider},
    proto::{
        dnssec::Proof,
        op::ResponseCode,
        rr::{Name, RData, RecordType},
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
};

/// How questions are asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DnsConfig {
    /// Servers that answer recursively; none: those of /etc/resolv.conf, followed while it changes.
    pub servers: Vec<SocketAddr>,
    /// Check signatures (DNSSEC), where the servers let them through.
    pub dnssec: bool,
}

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
    checks: Arc<AtomicBool>,
}

impl RealResolver {
    /// Starts the thread `dns`. A change of `config` is taken up with the next question.
    pub fn start(config: Shared<DnsConfig>, clock: Arc<dyn Clock>) -> io::Result<Self> {
        let (questions, rx) = bounded(limits::DNS_QUESTIONS);
        let checks = Arc::new(AtomicBool::new(false));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_io().enable_time().build()?;
        let desk = Desk { config, clock, checks: checks.clone() };
        thread::Builder::new().name("dns".into()).spawn(move || runtime.block_on(desk.serve(rx)))?;
        Ok(RealResolver { questions, turns: Semaphore::new(limits::DNS_QUESTIONS), checks })
    }

    /// Whether signatures are checked: it is wanted, and the servers let them through.
    pub fn checks_signatures(&self) -> bool {
        self.checks.load(Ordering::SeqCst)
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
    checks: Arc<AtomicBool>,
}

/// The two resolvers for one list of servers.
struct Pair {
    /// What they were built of.
    servers: Vec<SocketAddr>,
    dnssec: bool,
    plain: TokioResolver,
    checking: Option<TokioResolver>,
    /// When it was last looked whether signatures come through.
    probed: Duration,
}

/// Between two looks at /etc/resolv.conf.
const LOOK: Duration = Duration::from_secs(10);
/// Between two probes whether signatures come through.
const PROBE: Duration = Duration::from_secs(300);

impl Desk {
    async fn serve(self, questions: Receiver<Question>) {
        let mut pair: Option<Pair> = None;
        let mut looked = None;
        while let Ok(question) = questions.recv().await {
            let now = self.clock.mono();
            let config = self.config.get();
            let stale = looked.is_none_or(|at| now.saturating_sub(at) >= LOOK)
                || pair.as_ref().is_none_or(|p| p.dnssec != config.dnssec);
            if stale || !config.servers.is_empty() {
                looked = Some(now);
                let servers = if config.servers.is_empty() { of_system() } else { config.servers.clone() };
                if pair.as_ref().is_none_or(|p| p.servers != servers || p.dnssec != config.dnssec) {
                    pair = self.build(servers, config.dnssec, now).await;
                }
            }
            let Some(pair) = &mut pair else {
                let _ = question.answer.try_send(Answer::Trouble("no name server is known".to_owned()));
                continue;
            };
            if now.saturating_sub(pair.probed) >= PROBE {
                pair.probed = now;
                self.probe(pair.checking.clone());
            }
            tokio::spawn(answer(pair.resolver_for(question.kind, &self.checks), question));
        }
    }

    async fn build(&self, servers: Vec<SocketAddr>, dnssec: bool, now: Duration) -> Option<Pair> {
        self.checks.store(false, Ordering::SeqCst);
        let plain = resolver(&servers, false)?;
        let checking = if dnssec { resolver(&servers, true) } else { None };
        if let Some(checking) = &checking {
            let good = tokio::time::timeout(PROBE_WAIT, passes_signatures(checking)).await;
            self.checks.store(good == Ok(true), Ordering::SeqCst);
        }
        Some(Pair { servers, dnssec, plain, checking, probed: now })
    }

    fn probe(&self, checking: Option<TokioResolver>) {
        let Some(checking) = checking else { return };
        let checks = self.checks.clone();
        tokio::spawn(async move { checks.store(passes_signatures(&checking).await, Ordering::SeqCst) });
    }
}

/// How long the first question waits for the probe.
const PROBE_WAIT: Duration = Duration::from_secs(5);

impl Pair {
    fn resolver_for(&self, kind: Kind, checks: &AtomicBool) -> TokioResolver {
        let matters = match kind {
            Kind::A | Kind::Aaaa | Kind::Mx | Kind::Tlsa => checks.load(Ordering::SeqCst),
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

fn resolver(servers: &[SocketAddr], validate: bool) -> Option<TokioResolver> {
    let mut configs = Vec::new();
    for server in servers {
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
    let config = ResolverConfig::from_parts(None, Vec::new(), configs);
    Hickory::builder_with_config(config, TokioRuntimeProvider::default()).with_options(options).build().ok()
}

/// The root is signed: where that cannot be seen, nothing can.
async fn passes_signatures(checking: &TokioResolver) -> bool {
    let seen = checking.lookup(Name::root(), RecordType::NS).await;
    seen.is_ok_and(|lookup| is_secure(&lookup))
}

fn is_secure(lookup: &Lookup) -> bool {
    !lookup.answers().is_empty() && lookup.answers().iter().all(|record| record.proof == Proof::Secure)
}

async fn answer(resolver: TokioResolver, question: Question) {
    let answer = match Name::from_ascii(format!("{}.", question.name)) {
        Ok(name) => heard(resolver.lookup(name, wanted(question.kind)).await),
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

fn heard(result: Result<Lookup, NetError>) -> Answer<Record> {
    match result {
        Ok(lookup) if lookup.answers().iter().any(|record| record.proof == Proof::Bogus) => bogus(),
        Ok(lookup) => {
            let validated = is_secure(&lookup);
            let records: Vec<Record> = lookup.answers().iter().filter_map(|r| record(&r.data)).collect();
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
    use super::*;

    #[test]
    fn name_servers_stand_in_resolv_conf() {
        let text =
            "# x\nsearch office.test\nnameserver 192.0.2.1\n nameserver\t2001:db8::1 # y\nnameserver x\noptions edns0";
        let servers: Vec<SocketAddr> = vec!["192.0.2.1:53".parse().unwrap(), "[2001:db8::1]:53".parse().unwrap()];
        assert_eq!(servers_in(text), servers);
        assert!(servers_in("").is_empty());
    }
}
