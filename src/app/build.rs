//! The start, step by step.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
    sync::Arc,
};

use super::{
    allowance,
    doors::{self, DNSSEC, Doors, Parts},
    house::{AppError, House, Options},
    sending, srs, time,
};
use crate::{
    admin::{self, Admin, Caller, Desk, Gate},
    directory::{Change, Directory},
    journal::{Journal, Origin, ServiceEvent, Syslog},
    listen::{
        self, Listeners, Means,
        http::{Front, FrontMeans, Local, Patience},
    },
    net::{
        Certificates, Identity, Vault,
        dns::{DnsConfig, RealResolver, Resolver, Told},
    },
    pipeline::{HeadRoom, Pipeline},
    policy::{Policy, Renewal},
    remote::Tap,
    rt::{self, Board, Clock, Executor, FloorClock, Light, Receiver, Shared, Stop, Worker},
    settings::{self, Settings, Version, Versions},
    store::{Days, Places, Row, Store, StoreError, System, Write},
    types::map_of,
};

/// Threads that run sessions, beside the main one (see `run`).
const EXECUTOR_THREADS: usize = 1;
/// The certificate that the first start makes.
const SELF_SIGNED: &str = "self-signed";

/// What is there before the store is.
struct Ground {
    options: Options,
    stop: Stop,
    board: Board,
    clock: Arc<FloorClock>,
    journal: Journal,
    executor: Executor,
    origin: Origin,
    syslog: Arc<Syslog>,
    /// Reads files and asks the system for interfaces.
    worker: Worker,
    /// From the front to the API.
    gate: Gate,
    /// Passwords for other servers.
    vault: Arc<Vault>,
}

/// Builds the house.
pub(super) fn build(options: Options) -> Result<House, AppError> {
    // A system that says no leaves us with fewer connections, which accept tells when it comes to that.
    let _ = listen::raise_open_files();
    let ground = Ground::lay(options)?;
    let system = System::at(ground.options.disk.clone(), ground.options.state.clone())
        .map_err(|e| AppError::of(&format!("system.redb in {}", ground.options.state.display()), e))?;
    let first = ground.options.first.clone();
    smol::block_on(first_settings(&system, &ground.vault, first, ground.clock.now()))?;
    let settings = smol::block_on(newest(&system))?;
    let mail_dir = mail_dir(&ground.options.state, &settings);
    let store = ground.open_store(system, mail_dir.clone(), &settings)?;
    let (settings, directory) = smol::block_on(admin::load(&store, &ground.journal))
        .map_err(|e| AppError::of("system.redb cannot be read", e))?;
    ground.move_in(store, mail_dir, Shared::new(settings), Shared::new(directory))
}

impl Ground {
    fn lay(options: Options) -> Result<Ground, AppError> {
        let thread = |e: std::io::Error| AppError::of("a thread cannot be started", e);
        let stop = Stop::default();
        let clock = Arc::new(FloorClock::over(options.clock.clone()));
        let board = Board::with_clock(clock.clone());
        let journal = Journal::new(clock.clone());
        let executor = Executor::start(EXECUTOR_THREADS).map_err(thread)?;
        let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
        let origin = Origin { host, pid: std::process::id(), zone: jiff::tz::TimeZone::system() };
        let syslog = Syslog::start(origin.clone(), clock.clone(), journal.clone(), board.clone()).map_err(thread)?;
        journal.add_sink(syslog.clone());
        let worker = Worker::start("files", 1, 16).map_err(thread)?;
        let gate = Gate::new(&options.state).map_err(|e| AppError::of("the gate of the API", e))?;
        let vault = Arc::new(Vault::at(&options.state));
        Ok(Ground { options, stop, board, clock, journal, executor, origin, syslog, worker, gate, vault })
    }

    fn open_store(&self, system: System, mail: PathBuf, settings: &Settings) -> Result<Store, AppError> {
        let places = Places { state: self.options.state.clone(), mail, reserve: settings.reserve_mib << 20 };
        let seams = (self.clock.clone() as Arc<dyn Clock>, self.journal.clone(), self.board.clone());
        let store = Store::open_over(system, self.options.disk.clone(), places, seams)
            .map_err(|e| AppError::of("the store cannot be opened", e))?;
        // Answered when the mail disk was opened, or could not be: then the board says so, and mail is answered with 451.
        let _ = smol::block_on(store.commit(Vec::new()));
        self.clock.raise(store.newest_time());
        Ok(store)
    }

    fn move_in(
        self,
        store: Store,
        mail_dir: PathBuf,
        settings: Shared<Settings>,
        directory: Shared<Directory>,
    ) -> Result<House, AppError> {
        let certificates = self.certificates(&store, &settings.get())?;
        let clock: Arc<dyn Clock> = self.clock.clone();
        let days = Days::new(
            mail_dir.clone(),
            self.origin.clone(),
            (clock.clone(), self.journal.clone(), self.board.clone()),
            self.worker.clone(),
        );
        self.journal.add_sink(Arc::new(days.clone()));
        let names = Shared::new(doors::names(&settings.get()));
        let resolver = RealResolver::start(names.clone(), clock.clone(), self.tell_signatures())
            .map_err(|e| AppError::of("the thread for DNS cannot be started", e))?;
        let resolver: Arc<dyn Resolver> = Arc::new(resolver);
        let doors = Arc::new(Doors::new(self.parts(&store, &settings, &directory, &certificates, &days, names)?));
        let desk = Arc::new(Desk::new(admin::House {
            store: store.clone(),
            state_dir: self.options.state.clone(),
            mail_dir,
            settings: settings.clone(),
            directory,
            resolver: resolver.clone(),
            keyring: Shared::default(),
            tap: Tap::default(),
            tls: Arc::default(),
            worker: self.worker.clone(),
            board: self.board.clone(),
            journal: self.journal.clone(),
            clock: clock.clone(),
            certificates: certificates.clone(),
            days: days.clone(),
            pipeline: doors.pipeline(),
            policy: doors.policy(),
            vault: self.vault.clone(),
            gate: self.gate.clone(),
            precheck: doors.clone().precheck(),
            apply: doors.clone().apply(),
            live: doors.live(),
            interfaces: Arc::new(interfaces),
        }));
        smol::block_on(desk.load_keys()).map_err(|e| AppError::of("the DKIM keys", e))?;
        let no_socket = |e: std::io::Error| AppError::of("the socket of the API", e);
        let admin = Admin::start(desk.clone()).map_err(no_socket)?;
        let local =
            Local::open(self.options.state.join(admin::SOCKET), doors.front(), &self.executor).map_err(no_socket)?;
        smol::block_on(doors.open(&settings.get()));
        let state = self.options.state.display().to_string();
        self.journal.tell(ServiceEvent::Started { version: env!("CARGO_PKG_VERSION").to_owned(), state });
        let tasks = self.tasks(&desk, &doors, certificates, &days);
        let queue = self.sending(&desk, &doors, resolver);
        let Ground { stop, journal, executor, syslog, .. } = self;
        Ok(House { store, journal, desk, doors, admin, local, days, syslog, stop, executor, tasks, queue })
    }

    /// The queue's loop.
    fn sending(&self, desk: &Desk, doors: &Doors, resolver: Arc<dyn Resolver>) -> crate::rt::Task<()> {
        let house = desk.house();
        sending::start(sending::Parts {
            settings: house.settings.clone(),
            store: house.store.clone(),
            pipeline: doors.pipeline(),
            resolver,
            keyring: house.keyring.clone(),
            vault: self.vault.clone(),
            journal: self.journal.clone(),
            board: self.board.clone(),
            clock: self.clock.clone(),
            worker: self.worker.clone(),
            executor: self.executor.clone(),
            stop: self.stop.clone(),
            tap: house.tap.clone(),
            reports: house.tls.clone(),
        })
    }

    /// What runs beside the sessions, each until the stop sign.
    fn tasks(
        &self,
        desk: &Arc<Desk>,
        doors: &Arc<Doors>,
        certificates: Certificates,
        days: &Days,
    ) -> Vec<crate::rt::Task<()>> {
        let spawn = |task: std::pin::Pin<Box<dyn Future<Output = ()> + Send>>| self.executor.spawn(task);
        let (stop, desk, doors) = (&self.stop, desk.clone(), doors.clone());
        vec![
            spawn(Box::pin(doors.clone().listeners().run(stop.clone()))),
            spawn(Box::pin(renew(desk.clone(), doors.renewals(), stop.clone()))),
            spawn(Box::pin(doors.follow_certificates(stop.clone()))),
            spawn(Box::pin(certificates.run(stop.clone()))),
            spawn(Box::pin(days.clone().run(stop.clone()))),
            spawn(Box::pin(rt::give_back(self.worker.clone(), stop.clone()))),
            spawn(Box::pin(time::watch(
                self.clock.clone(),
                desk.house().store.clone(),
                self.journal.clone(),
                stop.clone(),
            ))),
            spawn(Box::pin(admin::keep_keys(desk.clone(), stop.clone()))),
            spawn(Box::pin(allowance::watch(self.allowance(&desk), stop.clone()))),
            spawn(Box::pin(admin::keep_purging(desk, stop.clone()))),
        ]
    }

    fn allowance(&self, desk: &Desk) -> allowance::Means {
        let (policy, store) = (desk.house().policy.clone(), desk.house().store.clone());
        allowance::Means { policy, store, journal: self.journal.clone(), board: self.board.clone() }
    }

    /// The book of certificates; the first start makes a self-signed one (Q27).
    fn certificates(&self, store: &Store, settings: &Settings) -> Result<Certificates, AppError> {
        let (journal, board) = (self.journal.clone(), self.board.clone());
        let book = Certificates::new(self.clock.clone(), journal, board, self.worker.clone());
        smol::block_on(self.first_certificate(store, settings))
            .map_err(|e| AppError::of("the first certificate", e))?;
        smol::block_on(admin::load_certificates(store, &book)).map_err(|e| AppError::of("the certificates", e))?;
        Ok(book)
    }

    async fn first_certificate(&self, store: &Store, settings: &Settings) -> Result<(), String> {
        let rows = store.rows(admin::CERTIFICATE_ROWS).await.map_err(|e| e.to_string())?;
        if !rows.is_empty() {
            return Ok(());
        }
        let names = [settings.server_name.clone()];
        let (chain, key) = Identity::self_signed(&names, self.clock.now()).map_err(|e| e.to_string())?;
        let row = Row {
            kind: admin::CERTIFICATE_ROWS.to_owned(),
            key: SELF_SIGNED.to_owned(),
            value: format!("{chain}{key}").into_bytes(),
        };
        store.write(vec![Write::Put(row)]).await.map_err(|e| e.to_string())
    }

    /// The journal hears whether signatures of DNS can be checked, and the board shows it. Where they cannot nobody need mend it: mail
    /// goes as it would without.
    fn tell_signatures(&self) -> Told {
        let (journal, board) = (self.journal.clone(), self.board.clone());
        Box::new(move |checked| {
            let (light, text) = if checked {
                (
                    Light::Green,
                    "the name servers let signatures through: DNSSEC is checked, and certificates named in DNS (DANE) count",
                )
            } else {
                (
                    Light::Off,
                    "the name servers let no signatures through: DNSSEC is not checked, and DANE is not used; dns.servers names others",
                )
            };
            board.put(DNSSEC, light, text);
            journal.tell(ServiceEvent::Note { grave: false, text: text.to_owned() });
        })
    }

    fn front(&self, settings: &Shared<Settings>) -> Arc<Front> {
        Front::new(FrontMeans {
            settings: settings.clone(),
            gate: self.gate.clone(),
            journal: self.journal.clone(),
            clock: self.clock.clone(),
            stop: self.stop.clone(),
            patience: Patience::default(),
        })
    }

    fn parts(
        &self,
        store: &Store,
        settings: &Shared<Settings>,
        directory: &Shared<Directory>,
        certificates: &Certificates,
        days: &Days,
        names: Shared<DnsConfig>,
    ) -> Result<Parts, AppError> {
        let clock: Arc<dyn Clock> = self.clock.clone();
        let (journal, board) = (self.journal.clone(), self.board.clone());
        let srs = smol::block_on(srs::load(store)).map_err(unreadable)?;
        let mut policy =
            Policy::new(settings.clone(), directory.clone(), store.clone(), journal.clone(), clock.clone())
                .map_err(|e| AppError::of("the login thread", e))?;
        policy.srs = srs.clone();
        let pipeline = Pipeline {
            settings: settings.clone(),
            directory: directory.clone(),
            store: store.clone(),
            journal: journal.clone(),
            clock: clock.clone(),
            heads: HeadRoom::default(),
            srs,
        };
        let listeners = Listeners::new(Means {
            executor: self.executor.clone(),
            worker: self.worker.clone(),
            journal: journal.clone(),
            board: board.clone(),
            clock,
        });
        Ok(Parts {
            settings: settings.clone(),
            store: store.clone(),
            vault: self.vault.clone(),
            policy: Arc::new(policy),
            pipeline: Arc::new(pipeline),
            listeners,
            certificates: certificates.clone(),
            syslog: self.syslog.clone(),
            dev_log: self.options.dev_log.clone(),
            days: days.clone(),
            names,
            front: self.front(settings),
            journal,
            board,
            stop: self.stop.clone(),
        })
    }
}

/// Imported hashes are replaced by a credential of ours after their first login.
async fn renew(desk: Arc<Desk>, renewals: Receiver<Renewal>, stop: Stop) {
    let next = || {
        smol::future::or(async { renewals.recv().await.ok() }, async {
            stop.wait().await;
            None
        })
    };
    while let Some(Renewal { address, imported, credential }) = next().await {
        // An error was told by the desk; the hash stays good and the next login tries again.
        let _ = desk.change(Change::Renew { address, imported, credential }, &Caller::ourselves()).await;
    }
}

/// E10: the setting, or beside the state.
fn mail_dir(state: &Path, settings: &Settings) -> PathBuf {
    if settings.mail_dir.is_empty() { state.join("mail") } else { PathBuf::from(&settings.mail_dir) }
}

/// Where the mail disk is stands in the settings, so they are read before the store is opened; what is damaged in them is told
/// when they are loaded for good.
async fn newest(system: &System) -> Result<Settings, AppError> {
    let rows = system.rows(settings::ROW_KIND.to_owned()).await.map_err(unreadable)?;
    let versions = Versions::from_rows(rows.iter().map(|row| (row.key.as_str(), row.value.as_slice())));
    let fields = versions.newest().map(|version| version.fields.clone()).unwrap_or_default();
    Ok(Settings::tolerant(&fields).0)
}

fn unreadable(error: StoreError) -> AppError {
    AppError::of("system.redb cannot be read", error)
}

/// The settings of the very first start become version 1; any stored version holds instead.
async fn first_settings(
    system: &System,
    vault: &Vault,
    fields: BTreeMap<String, String>,
    now: crate::types::UnixTime,
) -> Result<(), AppError> {
    if fields.is_empty() || !system.rows(settings::ROW_KIND.to_owned()).await.map_err(unreadable)?.is_empty() {
        return Ok(());
    }
    let refused = |errors: Vec<settings::FieldError>| {
        let words: Vec<String> = errors.iter().map(ToString::to_string).collect();
        AppError(format!("the first settings cannot be: {}", words.join("; ")))
    };
    Settings::check(&fields).map_err(refused)?;
    let fields = admin::seal_all(vault, fields).map_err(refused)?;
    let version = Version { rev: 1, fields, who: "gatepost".to_owned(), when: now.0, from: "first start".to_owned() };
    let row = Row { kind: settings::ROW_KIND.to_owned(), key: version.key(), value: version.value() };
    system.write(vec![Write::Put(row)]).await.map_err(unreadable)
}

/// N3, as the page shows it.
fn interfaces() -> std::io::Result<BTreeMap<String, Vec<std::net::IpAddr>>> {
    let found = listen::interfaces()?;
    let ips = |addresses: BTreeSet<listen::Address>| addresses.iter().map(|address| address.ip).collect();
    Ok(map_of(found.into_iter().map(|(name, addresses)| (name, ips(addresses)))))
}
