//! The world of a dialog: office.test with ann, bob and анна (`ann-pass-1`, `bob-pass-1`, `анна-pass-1`), the alias both@ for
//! the first two and postmaster@ for ann; почта.рф with the alias анна@; a store in a directory of its own, and one connection to one service.

use std::{
    collections::BTreeMap,
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use async_io::Async;
use gatepost::{
    directory::{Change, Directory},
    journal::Journal,
    limits,
    net::{Acceptor, Conn, Identity, Tickets},
    pipeline::{HeadRoom, Pipeline},
    policy::{Policy, Service},
    router::Srs,
    rt::{Board, Clock, Executor, Shared, Stop, SystemClock, Task, block_on},
    session::{imap, pop3, smtp},
    settings::Settings,
    store::{Delivery, NewMessage, Places, Store},
    types::{Address, FolderName, Uid, UnixTime},
    wire::scram,
};

use crate::{peer::Peer, scratch::Scratch, script::Head};

pub struct Porch {
    executor: Executor,
    pub stop: Stop,
    pub journal: Journal,
    settings: Shared<Settings>,
    directory: Shared<Directory>,
    tls: Shared<Option<Acceptor>>,
    policy: Arc<Policy>,
    store: Store,
    clock: Arc<dyn Clock>,
    _scratch: Scratch,
}

/// Whatever takes a look takes 21 seconds.
struct Racing(SystemClock, AtomicU64);

impl Clock for Racing {
    fn now(&self) -> UnixTime {
        self.0.now()
    }

    fn mono(&self) -> Duration {
        self.0.mono() + Duration::from_secs(21 * self.1.fetch_add(1, Ordering::SeqCst))
    }
}

fn address(user: &str) -> Address {
    let full = if user.contains('@') { user.to_owned() } else { format!("{user}@office.test") };
    Address::parse(&full).unwrap()
}

fn directory(head: &Head) -> Directory {
    let mut directory = Directory::default();
    if !head.domains {
        return directory;
    }
    let quota = |user: &str| head.quotas.iter().find(|(u, _)| u == user).map(|(_, octets)| *octets);
    let mailbox = |user: &str| Change::AddMailbox {
        address: address(user),
        password: scram::derive(&format!("{user}-pass-1"), b"salt of a dialog", 4096).into(),
        quota: quota(user),
        owner: user.to_owned(),
    };
    for change in [
        Change::AddDomain(address("x").domain),
        Change::AddDomain(address("x@почта.рф").domain),
        mailbox("ann"),
        mailbox("bob"),
        mailbox("анна"),
        Change::AddAlias(address("анна@почта.рф"), vec![address("анна")]),
        Change::AddAlias(address("both"), vec![address("ann"), address("bob")]),
        Change::AddAlias(address("postmaster"), vec![address("ann")]),
    ] {
        directory = directory.apply(change).unwrap().directory;
    }
    directory
}

fn settings(head: &Head) -> Settings {
    let mut fields = BTreeMap::from(
        [("smtp.server_name", "mail.office.test"), ("login.domain", "office.test")].map(|(k, v)| (k.into(), v.into())),
    );
    fields.extend(head.settings.iter().cloned());
    let mut settings = Settings::check(&fields).unwrap();
    if let Some(octets) = head.max_message {
        settings.max_message = octets;
    }
    settings
}

fn acceptor(head: &Head, clock: &dyn Clock) -> Option<Acceptor> {
    head.certificate.then(|| {
        let (chain, key) = Identity::self_signed(&["mail.office.test".to_owned()], clock.now()).unwrap();
        Acceptor::new(&Identity::from_pem(&chain, &key).unwrap(), Tickets::None).unwrap()
    })
}

impl Porch {
    pub fn build(head: &Head) -> Self {
        let scratch = Scratch::new("dialog");
        let clock: Arc<dyn Clock> = match head.racing {
            true => Arc::new(Racing(SystemClock::start(), AtomicU64::new(0))),
            false => Arc::new(SystemClock::start()),
        };
        let stop = Stop::default();
        // The executor has a stop of its own: a session must be able to say its last words.
        let executor = Executor::start(1).unwrap();
        let journal = Journal::new(clock.clone());
        let settings = Shared::new(settings(head));
        let directory = Shared::new(directory(head));
        let tls = Shared::new(acceptor(head, &*clock));
        let reserve = if head.store == "full" { u64::MAX / 2 } else { 0 };
        let mail = scratch.path().join("mail");
        if head.store == "away" {
            // A file where the mail directory should be.
            std::fs::write(&mail, "").unwrap();
        }
        let places = Places { state: scratch.path().join("state"), mail, reserve };
        let store = Store::open(places, clock.clone(), journal.clone(), Board::default()).unwrap();
        let policy =
            Policy::new(settings.clone(), directory.clone(), store.clone(), journal.clone(), clock.clone()).unwrap();
        let policy = Arc::new(policy);
        let porch =
            Porch { executor, stop, journal, settings, directory, tls, policy, store, clock, _scratch: scratch };
        head.folders.iter().for_each(|user| block_on(porch.make_folders(user)));
        for (user, text) in &head.mail {
            block_on(porch.put(user, text));
        }
        porch
    }

    async fn make_folders(&self, user: &str) {
        let mailbox = self.directory.get().mailboxes[&address(user)].id;
        for name in ["Drafts", "Junk", "Sent", "Trash"].map(|name| FolderName::parse(name).unwrap()) {
            self.store.create_folder(mailbox, &name, name.special()).await.unwrap();
            self.store.subscribe(mailbox, &name, true).await.unwrap();
        }
    }

    pub async fn put(&self, user: &str, text: &[u8]) {
        let mut draft = self.store.draft().await.unwrap();
        draft.write(text).await.unwrap();
        let mailbox = self.directory.get().mailboxes[&address(user)].id;
        let deliveries = vec![Delivery::to_inbox(mailbox)];
        let message = NewMessage { sealed: draft.seal().await.unwrap(), derived: None, deliveries, queue: Vec::new() };
        self.store.commit(vec![message]).await.unwrap();
    }

    fn pipeline(&self) -> Arc<Pipeline> {
        Arc::new(Pipeline {
            settings: self.settings.clone(),
            directory: self.directory.clone(),
            store: self.store.clone(),
            journal: self.journal.clone(),
            clock: self.clock.clone(),
            heads: HeadRoom::default(),
            srs: Srs::default(),
        })
    }

    fn imap(&self, service: Service) -> imap::Imap {
        imap::Imap {
            service,
            settings: self.settings.clone(),
            tls: self.tls.clone(),
            policy: self.policy.clone(),
            pipeline: self.pipeline(),
            store: self.store.clone(),
            journal: self.journal.clone(),
            stop: self.stop.clone(),
        }
    }

    fn smtp(&self, service: Service) -> smtp::Smtp {
        smtp::Smtp {
            service,
            settings: self.settings.clone(),
            tls: self.tls.clone(),
            policy: self.policy.clone(),
            pipeline: self.pipeline(),
            journal: self.journal.clone(),
            stop: self.stop.clone(),
        }
    }

    fn pop3(&self, service: Service) -> pop3::Pop3 {
        pop3::Pop3 {
            service,
            settings: self.settings.clone(),
            tls: self.tls.clone(),
            policy: self.policy.clone(),
            store: self.store.clone(),
            journal: self.journal.clone(),
            stop: self.stop.clone(),
        }
    }

    /// A client at the door, and the session that serves it. `early`: what the client says before it is heard.
    pub fn call(&self, head: &Head, early: &[u8]) -> (Peer, Task<()>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let mut peer = Peer::new(client);
        peer.send(early).unwrap();
        let (socket, _) = listener.accept().unwrap();
        let from = match head.from.as_str() {
            "stranger" => "203.0.113.9",
            "private" => "192.168.1.9",
            ip => ip,
        };
        let from = SocketAddr::new(from.parse().unwrap(), 40_000);
        let mut conn = Conn::plain_from(Async::new(socket).unwrap(), from).unwrap();
        let patience = |usual| head.patience.map_or(Duration::from_secs(usual), Duration::from_secs_f64);
        let [smtp_patience, pop3_patience, imap_patience] =
            [limits::SMTP_IDLE_SECS, limits::POP3_IDLE_SECS, limits::IMAP_IDLE_SECS].map(patience);
        let acceptor = self.tls.get().as_ref().clone();
        let service = match head.service.as_str() {
            "smtp" => Service::Smtp,
            "submission" => Service::Submission,
            "smtps" => Service::Smtps,
            "pop3" => Service::Pop3,
            "pop3s" => Service::Pop3s,
            "imap" => Service::Imap,
            "imaps" => Service::Imaps,
            other => panic!("no service {other}"),
        };
        let (smtp, pop3, imap) = (self.smtp(service), self.pop3(service), self.imap(service));
        let task = self.executor.spawn(async move {
            if matches!(service, Service::Smtps | Service::Pop3s | Service::Imaps) {
                conn.starttls(&acceptor.unwrap(), Duration::from_secs(10)).await.unwrap();
            }
            match service {
                Service::Smtp | Service::Submission | Service::Smtps => {
                    smtp::serve_patiently(smtp, conn, smtp_patience).await;
                }
                Service::Pop3 | Service::Pop3s => pop3::serve_patiently(pop3, conn, pop3_patience).await,
                Service::Imap | Service::Imaps => imap::serve_patiently(imap, conn, imap_patience).await,
                Service::Http | Service::Https => unreachable!("HTTP has its own tests"),
            }
        });
        (peer, task)
    }

    /// How many messages a user's INBOX has.
    pub fn count(&self, user: &str) -> usize {
        let mailbox = self.directory.get().mailboxes[&address(user)].id;
        block_on(self.store.messages(mailbox, &FolderName::inbox(), Uid(0), usize::MAX)).unwrap().1.len()
    }

    /// The newest message of a user's INBOX.
    pub fn newest(&self, user: &str) -> Option<Vec<u8>> {
        let mailbox = self.directory.get().mailboxes[&address(user)].id;
        block_on(async {
            let (_, rows) = self.store.messages(mailbox, &FolderName::inbox(), Uid(0), usize::MAX).await.unwrap();
            let row = rows.last()?;
            let body = self.store.body(row.body).await.unwrap();
            let mut text = Vec::new();
            loop {
                let piece = body.read(text.len() as u64, 1 << 16).await.unwrap();
                if piece.is_empty() {
                    return Some(text);
                }
                text.extend_from_slice(&piece);
            }
        })
    }
}

impl Drop for Porch {
    fn drop(&mut self) {
        self.stop.set();
        block_on(self.store.close());
    }
}
