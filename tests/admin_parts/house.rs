//! As much of a house as the administration needs, in a directory that goes away.

use std::{
    path::PathBuf,
    sync::{Arc, Mutex, OnceLock},
    time::{Duration, Instant},
};

use gatepost::{
    admin::{self, Admin, Caller, Desk, Gate, SOCKET},
    directory::Mailbox,
    journal::{Journal, Origin},
    listen::http::{Front, FrontMeans, Local, Patience},
    net::{Certificates, Identity, Vault, dns::TableResolver},
    pipeline::{HeadRoom, Pipeline},
    policy::Policy,
    remote::Tap,
    rt::{Board, Clock, Executor, Shared, Stop, SystemClock, Task, Worker, block_on},
    settings::{FieldError, Settings},
    store::{Days, Delivery, NewMessage, Places, Store},
    types::{Address, Credential, MailboxId, Password, UnixTime},
};
use serde_json::{Value, json};

use super::{client, scratch::Scratch, shape::Document};

/// The API with the front before it, as subcommands meet it.
struct Served {
    /// What works beside the requests.
    beside: Vec<Task<()>>,
    _local: Local,
    front: Arc<Front>,
    _admin: Admin,
    stop: Stop,
    executor: Executor,
}

impl Served {
    fn start(desk: &Arc<Desk>) -> std::io::Result<Self> {
        let house = desk.house();
        let (stop, executor) = (Stop::default(), Executor::start(1)?);
        let admin = Admin::start(desk.clone())?;
        let front = Front::new(FrontMeans {
            settings: house.settings.clone(),
            gate: house.gate.clone(),
            journal: house.journal.clone(),
            clock: house.clock.clone(),
            stop: stop.clone(),
            patience: Patience::default(),
        });
        let beside = vec![
            executor.spawn(admin::keep_keys(desk.clone(), stop.clone())),
            executor.spawn(admin::keep_purging(desk.clone(), stop.clone())),
        ];
        let local = Local::open(house.state_dir.join(SOCKET), front.clone(), &executor)?;
        Ok(Served { beside, _local: local, front, _admin: admin, stop, executor })
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        self.stop.set();
        // They hold the desk until they are really gone.
        for task in self.beside.drain(..) {
            block_on(task.cancel());
        }
        // Connections see the sign before their executor ends, as in the program, which waits for them.
        std::thread::sleep(Duration::from_millis(100));
        self.executor.end();
    }
}

pub struct House {
    scratch: Scratch,
    desk: Option<Arc<Desk>>,
    admin: Option<Served>,
    applied: Arc<Mutex<Vec<u16>>>,
    document: OnceLock<Document>,
}

impl House {
    pub fn start(name: &str) -> Self {
        let scratch = Scratch::new(&format!("admin-{name}"));
        let applied = Arc::default();
        let desk = Arc::new(desk(&scratch, &applied));
        let (chain, key) = Identity::self_signed(&["localhost".to_owned()], desk.house().clock.now()).unwrap();
        block_on(desk.put_certificate("self-signed", chain + &key, &Caller::ourselves())).unwrap();
        let admin = Some(Served::start(&desk).unwrap());
        House { scratch, desk: Some(desk), admin, applied, document: OnceLock::new() }
    }

    pub fn desk(&self) -> &Desk {
        self.desk.as_deref().unwrap()
    }

    pub fn state(&self) -> PathBuf {
        self.scratch.path().join("state")
    }

    pub fn mail(&self) -> PathBuf {
        self.state().join("mail")
    }

    pub fn socket(&self) -> PathBuf {
        self.state().join(SOCKET)
    }

    pub fn now(&self) -> UnixTime {
        self.desk().house().clock.now()
    }

    /// Another server on the same socket.
    pub fn second(&self) -> std::io::Result<()> {
        let served = self.admin.as_ref().unwrap();
        Local::open(self.socket(), served.front.clone(), &served.executor).map(drop)
    }

    pub fn stop(&mut self) {
        self.admin = None;
    }

    /// Stops it; the files may be opened by others.
    pub fn close(&mut self) {
        self.stop();
        self.desk().house().days.close();
        block_on(self.desk().house().store.close());
        // The lock of the state directory goes with the last handle of the store.
        self.desk = None;
    }

    /// The same files, opened anew.
    pub fn restart(&mut self) {
        self.close();
        let desk = Arc::new(desk(&self.scratch, &self.applied));
        block_on(desk.load_keys()).unwrap();
        self.admin = Some(Served::start(&desk).unwrap());
        self.desk = Some(desk);
    }

    /// SMTP ports that were put into effect.
    pub fn applied(&self) -> Vec<u16> {
        self.applied.lock().unwrap().clone()
    }

    /// Every answer is held against the document.
    pub fn ask(&self, method: &str, path: &str, body: &Value) -> (u16, Value) {
        let document =
            self.document.get_or_init(|| Document(client::ask(&self.socket(), "GET", "openapi.json", &Value::Null).1));
        let (status, answer) = client::ask(&self.socket(), method, path, body);
        assert_eq!(document.complaints(method, path, status, &answer), Vec::<String>::new());
        // What an administrator hears is said in Russian too (`admin/sentences.txt`).
        let unsaid = status != 200
            && (answer["id"] == "other" || answer["words"]["ru"]["todo"] == answer["words"]["en"]["todo"]);
        assert!(!unsaid, "not in Russian: {method} {path}: {answer}");
        (status, answer)
    }

    pub fn ok(&self, method: &str, path: &str, body: Value) -> Value {
        let (status, answer) = self.ask(method, path, &body);
        assert_eq!(status, 200, "{method} {path} {body}: {answer}");
        answer
    }

    pub fn refused(&self, method: &str, path: &str, body: Value, status: u16) -> Value {
        let (got, answer) = self.ask(method, path, &body);
        assert_eq!(got, status, "{method} {path} {body}: {answer}");
        answer
    }

    pub fn save(&self, fields: Value) {
        let rev = self.ok("GET", "settings", Value::Null)["rev"].clone();
        self.ok("POST", "settings", json!({ "rev": rev, "fields": fields }));
    }

    pub fn mailbox(&self, address: &str) -> Mailbox {
        self.desk().house().directory.get().mailboxes[&Address::parse(address).unwrap()].clone()
    }

    /// What a mailbox' password is checked against, when it is ours.
    pub fn credential(&self, address: &str) -> Credential {
        match self.mailbox(address).password {
            Password::Scram(credential) => credential,
            Password::Imported(_) => panic!("{address} has an imported hash"),
        }
    }

    pub fn deliver(&self, mailbox: MailboxId, bytes: &[u8]) {
        let store = &self.desk().house().store;
        block_on(async {
            let mut draft = store.draft().await.unwrap();
            draft.write(bytes).await.unwrap();
            let delivery = Delivery::to_inbox(mailbox);
            let sealed = draft.seal().await.unwrap();
            store
                .commit(vec![NewMessage { sealed, derived: None, deliveries: vec![delivery], queue: Vec::new() }])
                .await
                .unwrap();
        });
    }

    /// Waits until the mail of all removed mailboxes is deleted.
    pub fn purged(&self) {
        let begun = Instant::now();
        while !self.desk().house().directory.get().removed.is_empty() {
            assert!(begun.elapsed() < Duration::from_secs(30), "the purge does not end");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    pub fn usage(&self, mailbox: MailboxId) -> u64 {
        block_on(self.desk().house().store.usage(mailbox)).unwrap().messages
    }
}

fn desk(scratch: &Scratch, applied: &Arc<Mutex<Vec<u16>>>) -> Desk {
    let (state_dir, mail_dir) = (scratch.path().join("state"), scratch.path().join("state/mail"));
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::start());
    let (journal, board) = (Journal::new(clock.clone()), Board::default());
    let places = Places { state: state_dir.clone(), mail: mail_dir.clone(), reserve: 0 };
    let store = Store::open(places, clock.clone(), journal.clone(), board.clone()).unwrap();
    let (settings, directory) = block_on(admin::load(&store, &journal)).unwrap();
    let worker = Worker::start("read", 1, 4).unwrap();
    let certificates = Certificates::new(clock.clone(), journal.clone(), board.clone(), worker.clone());
    block_on(admin::load_certificates(&store, &certificates)).unwrap();
    let origin = Origin::here();
    let days = Days::new(mail_dir.clone(), origin, (clock.clone(), journal.clone(), board.clone()), worker.clone());
    journal.add_sink(Arc::new(days.clone()));
    let applied = applied.clone();
    let (settings, directory) = (Shared::new(settings), Shared::new(directory));
    let policy =
        Policy::new(settings.clone(), directory.clone(), store.clone(), journal.clone(), clock.clone()).unwrap();
    let pipeline = Pipeline {
        settings: settings.clone(),
        directory: directory.clone(),
        store: store.clone(),
        journal: journal.clone(),
        clock: clock.clone(),
        heads: HeadRoom::default(),
        srs: policy.srs.clone(),
    };
    Desk::new(admin::House {
        store,
        pipeline: Arc::new(pipeline),
        policy: Arc::new(policy),
        vault: Arc::new(Vault::at(&state_dir)),
        gate: Gate::new(&state_dir).unwrap(),
        state_dir,
        mail_dir,
        settings,
        directory,
        board,
        journal,
        days,
        certificates,
        resolver: Arc::new(TableResolver::default()),
        keyring: Shared::default(),
        tap: Tap::default(),
        tls: Arc::default(),
        worker,
        clock,
        precheck: Arc::new(|settings: &Settings| {
            let taken = settings.smtp_port == 13;
            taken
                .then(|| FieldError::new("smtp.port", "cannot be opened at [::]:13: taken".to_owned()))
                .into_iter()
                .collect()
        }),
        live: Arc::new(|| [("smtp", 3)].into()),
        interfaces: Arc::new(|| Ok([("lan0".to_owned(), vec!["192.0.2.1".parse().unwrap()])].into())),
        apply: Arc::new(move |settings: &Settings| applied.lock().unwrap().push(settings.smtp_port)),
    })
}
