//! What a pool needs around it: names from a table, a port, a message.

use std::{net::IpAddr, sync::Arc, time::Duration};

use gatepost::{
    journal::Journal,
    net::{
        Dialer,
        dns::{Resolver, TableResolver},
    },
    remote::{
        Tap, TlsReports,
        smtp::{Job, Patience, Pool, Rcpt, Seams, Target},
        sts::{Fetch, Sts},
    },
    rt::{Executor, Shared, SystemClock, Worker},
    settings::Settings,
    types::{Address, BytesBody, Domain, ReversePath, RowId, Terms, Wishes},
};

/// How long a test waits for one step of a server.
pub const PATIENCE: Duration = Duration::from_secs(20);

pub struct World {
    pub dns: Arc<TableResolver>,
    pub pool: Pool,
    pub tap: Tap,
    pub journal: Journal,
    pub reports: Arc<TlsReports>,
    executor: Executor,
}

impl World {
    /// Servers of the world listen at `port`; `example.test` has `mx.example.test` at 127.0.0.1.
    pub fn at(port: u16, patience: Duration) -> World {
        Self::with(port, patience, None)
    }

    /// The same, with policies of MTA-STS from here.
    pub fn with(port: u16, patience: Duration, fetch: Option<Arc<dyn Fetch>>) -> World {
        let dns = Arc::new(TableResolver::default());
        dns.mx("example.test", 10, "mx.example.test");
        dns.address("mx.example.test", IpAddr::from([127, 0, 0, 1]));
        Self::of(dns.clone(), dns, port, patience, fetch)
    }

    /// Servers of the world listen at `port`; their names are asked for here, and the table is of no use.
    pub fn asking(dns: Arc<dyn Resolver>, port: u16, patience: Duration) -> World {
        Self::of(Arc::default(), dns, port, patience, None)
    }

    fn of(
        table: Arc<TableResolver>,
        dns: Arc<dyn Resolver>,
        port: u16,
        patience: Duration,
        fetch: Option<Arc<dyn Fetch>>,
    ) -> World {
        let settings = Settings { server_name: "mail.office.test".to_owned(), ..Settings::default() };
        let worker = Worker::start("files", 1, 16).unwrap();
        let executor = Executor::start(1).unwrap();
        let journal = Journal::new(Arc::new(SystemClock::start()));
        let (tap, reports) = (Tap::default(), Arc::<TlsReports>::default());
        let pool = Pool::new(Seams {
            dns,
            dialer: Dialer::new(Arc::new(Vec::new), worker.clone()),
            settings: Shared::new(settings),
            clock: Arc::new(SystemClock::start()),
            worker,
            executor: executor.clone(),
            tap: tap.clone(),
            sts: fetch.map(|fetch| Arc::new(Sts::new(fetch, Arc::new(SystemClock::start())))),
            reports: reports.clone(),
            patience: Patience::of(patience),
            port,
        })
        .telling(journal.clone());
        World { dns: table, pool, tap, journal, reports, executor }
    }
}

impl Drop for World {
    fn drop(&mut self) {
        self.executor.end();
    }
}

pub const RETURN_PATH: &str = "Return-Path: <ann@office.test>\r\n";

/// A message of ours to these recipients.
pub fn job(target: Target, to: &[&str], text: &[u8]) -> Job {
    let rcpt = |(n, to): (usize, &&str)| Rcpt {
        id: RowId(n as u64 + 1),
        to: Address::parse(to).unwrap(),
        wishes: Wishes::default(),
    };
    Job {
        target,
        login: None,
        from: ReversePath::Address(Address::parse("ann@office.test").unwrap()),
        terms: Terms::default(),
        body: Arc::new(BytesBody([RETURN_PATH.as_bytes(), text].concat())),
        skip: RETURN_PATH.len() as u64,
        prefix: Vec::new(),
        signer: None,
        rcpts: to.iter().enumerate().map(rcpt).collect(),
    }
}

pub fn direct(domain: &str) -> Target {
    Target::Direct(Domain::parse(domain).unwrap())
}
