//! The whole house in this process, in a directory of its own, on free ports of loopback.
//!
//! Domain `office.test`; mailboxes `ann@office.test` (password `ann-pass-1`) and `bob@office.test` (`bob-pass-1`);
//! alias `team@office.test` for both.

#![allow(dead_code, clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::atomic::{AtomicU32, Ordering},
};

mod ports;

#[allow(unused_imports)] // each binary uses what it needs
pub use ports::{free_port, free_ports};

use gatepost::{
    admin::{Caller, credential},
    app::{House as App, Options},
    directory::Change,
    types::{Address, Domain},
};

/// A directory that goes when it is dropped.
pub struct TempDir(PathBuf);

impl TempDir {
    pub fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("gatepost-test-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&path).unwrap();
        TempDir(path)
    }

    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for TempDir {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Addresses of the services.
#[derive(Clone, Copy, Debug)]
pub struct Ports {
    pub smtp: SocketAddr,
    pub submission: SocketAddr,
    pub smtps: SocketAddr,
    pub pop3: SocketAddr,
    pub pop3s: SocketAddr,
    pub imap: SocketAddr,
    pub imaps: SocketAddr,
    pub http: SocketAddr,
    pub https: SocketAddr,
}

/// The running house.
pub struct House {
    pub ports: Ports,
    pub app: Option<App>,
    pub dir: TempDir,
}

pub const ANN: (&str, &str) = ("ann@office.test", "ann-pass-1");
pub const BOB: (&str, &str) = ("bob@office.test", "bob-pass-1");

impl House {
    /// With the settings of a test house.
    pub fn start() -> House {
        Self::with(&[])
    }

    /// With other settings on top.
    pub fn with(settings: &[(&str, &str)]) -> House {
        Self::built(settings, |_| {})
    }

    /// With other settings and options (disk, clock).
    pub fn built(settings: &[(&str, &str)], change: impl FnOnce(&mut Options)) -> House {
        let dir = TempDir::new();
        let (ports, mut first) = fresh_ports();
        first.extend(settings.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())));
        let mut options = Options::at(&dir.path().join("state"));
        options.first = first;
        options.dev_log = dir.path().join("no-dev-log");
        change(&mut options);
        let app = App::start(options).unwrap();
        let house = House { ports, app: Some(app), dir };
        house.people();
        house
    }

    /// The app.
    pub fn app(&self) -> &App {
        self.app.as_ref().unwrap()
    }

    /// Makes one change of the directory.
    pub fn change(&self, change: Change) {
        smol::block_on(self.app().desk.change(change, &Caller::ourselves())).unwrap();
    }

    /// Adds a mailbox.
    pub fn mailbox(&self, address: &str, password: &str, quota: Option<u64>) {
        let settings = self.app().desk.house().settings.get();
        let credential = credential(&settings, password, address).unwrap();
        let address = Address::parse(address).unwrap();
        self.change(Change::AddMailbox { address, password: credential.into(), quota, owner: String::new() });
    }

    fn people(&self) {
        self.change(Change::AddDomain(Domain::parse("office.test").unwrap()));
        self.mailbox(ANN.0, ANN.1, None);
        self.mailbox(BOB.0, BOB.1, None);
        let targets = [ANN.0, BOB.0].map(|a| Address::parse(a).unwrap()).to_vec();
        self.change(Change::AddAlias(Address::parse("team@office.test").unwrap(), targets));
    }

    /// Every line of the journal so far, `tag text`.
    pub fn journal(&self) -> Vec<String> {
        self.app().journal.newest(2000).iter().map(|l| format!("{:?} {}", l.line.tag, l.line.text)).collect()
    }

    /// Ends it and gives the directory, to start another house there.
    pub fn stop(mut self) {
        self.app.take().unwrap().stop("the test is over");
    }
}

impl Drop for House {
    fn drop(&mut self) {
        if let Some(app) = self.app.take() {
            app.stop("the test is over");
        }
    }
}

/// Nine free ports of loopback as addresses and as settings, with cheap passwords.
pub fn fresh_ports() -> (Ports, BTreeMap<String, String>) {
    let [smtp, submission, smtps, pop3, pop3s, imap, imaps, http, https] =
        free_ports::<9>().map(|port| SocketAddr::from(([127, 0, 0, 1], port)));
    let ports = Ports { smtp, submission, smtps, pop3, pop3s, imap, imaps, http, https };
    let settings = [
        ("smtp.port", smtp.port().to_string()),
        ("smtp.submission.port", submission.port().to_string()),
        ("smtp.ssl.port", smtps.port().to_string()),
        ("pop3.port", pop3.port().to_string()),
        ("pop3.ssl.port", pop3s.port().to_string()),
        ("imap.port", imap.port().to_string()),
        ("imap.ssl.port", imaps.port().to_string()),
        ("http.port", http.port().to_string()),
        ("http.ssl.port", https.port().to_string()),
        ("smtp.interfaces", "127.0.0.1".to_owned()),
        ("pop3.interfaces", "127.0.0.1".to_owned()),
        ("smtp.server_name", "mail.office.test".to_owned()),
        ("login.domain", "office.test".to_owned()),
        ("login.scram_iterations", "4096".to_owned()),
        ("syslog.local", "off".to_owned()),
        // Nobody outside this machine is asked for a name.
        ("dns.servers", "127.0.0.1:9".to_owned()),
    ];
    (ports, settings.into_iter().map(|(k, v)| (k.to_owned(), v)).collect())
}
