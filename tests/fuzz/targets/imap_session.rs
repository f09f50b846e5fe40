//! A whole IMAP session in each of its states: the real session over a real socket and a real store.
//!
//! The first octet says in which state the session is when the rest is said to it: not logged in, logged in, a folder selected.
//! Oracles: no panic; it ends when the client has said all; what it says is lines that end in CRLF, with literals of the
//! announced length, and each begins as an answer begins; the journal has no control character and no password in it.
#![no_main]

use std::{
    collections::BTreeMap,
    io::{Read, Write},
    net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream},
    path::{Path, PathBuf},
    sync::{
        Arc, OnceLock,
        atomic::{AtomicU32, Ordering},
    },
    thread,
    time::Duration,
};

use async_io::Async;
use gatepost::{
    directory::{Change, Directory},
    journal::Journal,
    net::Conn,
    pipeline::{HeadRoom, Pipeline},
    policy::{Policy, Service},
    router::Srs,
    rt::{Board, Clock, Shared, Stop, SystemClock, block_on, timeout},
    session::imap::{Imap, serve_patiently},
    settings::Settings,
    store::{Delivery, NewMessage, Places, Store},
    types::{Address, FolderName, MailboxId},
    wire::scram,
};
use libfuzzer_sys::fuzz_target;

const PASSWORD: &str = "ann-pass-1";
const MAIL: [&[u8]; 3] = [
    b"From: Ann <ann@office.test>\r\nSubject: =?koi8-r?B?8NLJ18XU?=\r\nDate: Tue, 3 Feb 2026 01:00:00 +0000\r\n\r\nOne\r\n",
    b"Subject: \xf0\xf2\xe9\xf7\xe5\xf4\r\nTo: g: a@b, \"c\\\"d\" <e@f>;\r\n\r\n\xf0\r\n",
    b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\ntext\r\n--b\r\nContent-Type: message/rfc822\r\n\r\nSubject: x\r\n\r\ny\r\n--b--\r\n",
];

struct World {
    imap: Imap,
    mailbox: MailboxId,
}

fn world() -> &'static World {
    static WORLD: OnceLock<World> = OnceLock::new();
    WORLD.get_or_init(|| block_on(build()))
}

/// A directory in memory where there is one: every commit waits for the disk. Those of processes that are gone are removed.
fn place() -> PathBuf {
    let shm = Path::new("/dev/shm");
    let above = if shm.is_dir() { shm.to_owned() } else { std::env::temp_dir() };
    for entry in std::fs::read_dir(&above).unwrap().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let dead = name.strip_prefix("gatepost-fuzz-").is_some_and(|pid| !Path::new("/proc").join(pid).exists());
        if dead {
            let _ = std::fs::remove_dir_all(entry.path());
        }
    }
    above.join(format!("gatepost-fuzz-{}", std::process::id()))
}

async fn build() -> World {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::start());
    let journal = Journal::new(clock.clone());
    let fields = [("smtp.server_name", "mail.office.test"), ("login.domain", "office.test"), ("smtp.max_size_mb", "1")];
    let fields: BTreeMap<_, _> = fields.into_iter().map(|(k, v)| (k.to_owned(), v.to_owned())).collect();
    let settings = Shared::new(Settings::check(&fields).unwrap());
    let address = Address::parse("ann@office.test").unwrap();
    let mailbox = Change::AddMailbox {
        address: address.clone(),
        password: scram::derive(PASSWORD, b"salt of a session", 4096).into(),
        quota: Some(200_000),
        owner: String::new(),
    };
    let mut directory = Directory::default();
    for change in [Change::AddDomain(address.domain.clone()), mailbox] {
        directory = directory.apply(change).unwrap().directory;
    }
    let mailbox = directory.mailboxes[&address].id;
    let (directory, place) = (Shared::new(directory), place());
    let places = Places { state: place.join("state"), mail: place.join("mail"), reserve: 0 };
    let store = Store::open(places, clock.clone(), journal.clone(), Board::default()).unwrap();
    let policy =
        Policy::new(settings.clone(), directory.clone(), store.clone(), journal.clone(), clock.clone()).unwrap();
    let pipeline = Pipeline {
        settings: settings.clone(),
        directory,
        store: store.clone(),
        journal: journal.clone(),
        clock,
        heads: HeadRoom::default(),
        srs: Srs::default(),
    };
    let (policy, pipeline) = (Arc::new(policy), Arc::new(pipeline));
    let (service, tls, stop) = (Service::Imap, Shared::new(None), Stop::default());
    World { imap: Imap { service, settings, tls, policy, pipeline, store, journal, stop }, mailbox }
}

impl World {
    /// The mailbox as the next session finds it: three messages in INBOX, and one folder.
    async fn tidy(&self) {
        let store = &self.imap.store;
        for folder in store.folders(self.mailbox).await.unwrap() {
            if folder.name == FolderName::inbox() {
                store.expunge(folder.id, None, false).await.unwrap();
            } else {
                store.delete_folder(self.mailbox, &folder.name).await.unwrap();
            }
        }
        let mut messages = Vec::new();
        for text in MAIL {
            let mut draft = store.draft().await.unwrap();
            draft.write(text).await.unwrap();
            let deliveries = vec![Delivery::to_inbox(self.mailbox)];
            let sealed = draft.seal().await.unwrap();
            messages.push(NewMessage { sealed, derived: None, deliveries, queue: Vec::new() });
        }
        store.commit(messages).await.unwrap();
        let work = FolderName::parse("work/a").unwrap();
        store.create_folder(self.mailbox, &work, work.special()).await.unwrap();
    }

    /// What the session says to a client that says all this at once and then nothing.
    fn talk(&self, said: &[u8]) -> Vec<u8> {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        client.write_all(said).unwrap();
        client.shutdown(Shutdown::Write).unwrap();
        let hears = thread::spawn(move || {
            let mut heard = Vec::new();
            // A session that is cut off by a reset has said its last words.
            let _ = client.read_to_end(&mut heard);
            heard
        });
        // Another address each time, or the throttle would soon let nobody log in.
        static CLIENTS: AtomicU32 = AtomicU32::new(0);
        let from = Ipv4Addr::from(0x0a00_0000 | CLIENTS.fetch_add(1, Ordering::Relaxed) & 0x00ff_ffff);
        let (socket, _) = listener.accept().unwrap();
        let conn = Conn::plain_from(Async::new(socket).unwrap(), SocketAddr::from((from, 40_000))).unwrap();
        let session = serve_patiently(self.imap.clone(), conn, Duration::from_secs(5));
        block_on(timeout(Duration::from_secs(8), session)).expect("the session does not end");
        hears.join().unwrap()
    }
}

fuzz_target!(|data: &[u8]| {
    let Some((&state, input)) = data.split_first() else { return };
    let (login, select) = (format!("p LOGIN ann {PASSWORD}\r\n"), "p SELECT INBOX\r\n");
    let before = match state % 3 {
        0 => String::new(),
        1 => login,
        _ => login + select,
    };
    let world = world();
    block_on(world.tidy());
    let heard = world.talk(&[before.as_bytes(), input].concat());
    is_well_formed(&heard);
    for line in world.imap.journal.newest(20) {
        let text = line.line.text;
        assert!(!text.chars().any(char::is_control) && !text.contains(PASSWORD), "{text:?}");
    }
});

/// Answers, one after another. The last one may be cut short when the session was.
fn is_well_formed(heard: &[u8]) {
    let mut rest = heard;
    let mut begins = true;
    while let Some(end) = rest.iter().position(|b| *b == b'\n') {
        let (line, behind) = rest.split_at(end + 1);
        let line = line.strip_suffix(b"\r\n").unwrap_or_else(|| panic!("a bare LF: {}", line.escape_ascii()));
        if begins {
            let tagged = line.first().is_some_and(|b| b.is_ascii_graphic()) && line.contains(&b' ');
            assert!(tagged, "no answer begins so: {}", line.escape_ascii());
        }
        let announced = line
            .strip_suffix(b"}")
            .and_then(|line| line.rsplit(|b| *b == b'{').next())
            .filter(|digits| !digits.is_empty() && line.starts_with(b"* "))
            .and_then(|digits| std::str::from_utf8(digits).ok()?.parse::<usize>().ok());
        rest = behind;
        begins = announced.is_none();
        if let Some(octets) = announced {
            assert!(octets <= rest.len(), "{octets} octets were announced, {} came", rest.len());
            rest = &rest[octets..];
        }
    }
    assert!(rest.is_empty(), "the last line has no end: {}", rest.escape_ascii());
}
