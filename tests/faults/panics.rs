//! A bug that panics costs one connection, or one opening of the store, and never the process.
//!
//! The bugs are planted from outside, by the clock and the disk that the house is handed.

use std::{
    backtrace::Backtrace,
    io,
    net::SocketAddr,
    path::Path,
    sync::{
        Arc, Barrier,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use gatepost::{
    rt::{Clock, SystemClock},
    store::{Disk, DiskFile, LockGuard, RealDisk, Space},
    types::UnixTime,
};

use crate::{
    client::{self, Client},
    common::{ANN, BOB, House},
    mail::{Ledger, fetch_all, message},
};

/// A clock that panics once when a login asks it.
struct Trap {
    inner: SystemClock,
    armed: Arc<AtomicBool>,
}

impl Trap {
    fn spring(&self) {
        if self.armed.load(Ordering::SeqCst)
            && Backtrace::force_capture().to_string().contains("policy::login")
            && self.armed.swap(false, Ordering::SeqCst)
        {
            panic!("a planted bug in a login");
        }
    }
}

impl Clock for Trap {
    fn now(&self) -> UnixTime {
        self.inner.now()
    }
    fn mono(&self) -> Duration {
        self.spring();
        self.inner.mono()
    }
}

/// 50 clients with `each` messages; every one is said again until it is a 250.
fn fifty(to: SocketAddr, each: u64, said_of_all: &AtomicU64, beside: impl FnOnce()) -> Ledger {
    let start = Barrier::new(51);
    let one = |client: u64| {
        let (mut ledger, mut smtp) = (Ledger::default(), client::smtp(to).unwrap());
        start.wait();
        for n in 0..each {
            let number = client * 1000 + n;
            let text = message(number, if n % 4 == 3 { 200_000 } else { 4000 });
            for again in 0.. {
                let said = smtp.send(ANN.0, &text).unwrap();
                if ledger.note(number, &said) {
                    said_of_all.fetch_add(1, Ordering::SeqCst);
                    break;
                }
                assert!(said.starts_with("451 4.3.0") && again < 200, "{said}");
                std::thread::sleep(Duration::from_millis(50));
            }
        }
        ledger
    };
    std::thread::scope(|scope| {
        let one = &one;
        let all: Vec<_> = (1..=50).map(|client| scope.spawn(move || one(client))).collect();
        start.wait();
        beside();
        let mut ledger = Ledger::default();
        all.into_iter().for_each(|thread| ledger.join(thread.join().unwrap()));
        ledger
    })
}

fn wait_until(it_is_so: impl Fn() -> bool) {
    let until = Instant::now() + Duration::from_secs(20);
    while !it_is_so() {
        assert!(Instant::now() < until, "it never came to that");
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn red(house: &House, text: &str) -> usize {
    let told = house.app().journal.newest(2000);
    let is_red = |line: &gatepost::journal::Line| line.text.contains(text) && format!("{:?}", line.severity) == "Error";
    told.iter().filter(|stamped| is_red(&stamped.line)).count()
}

#[test]
fn a_session_that_panics_hears_421_and_fifty_others_deliver() {
    let armed = Arc::new(AtomicBool::new(false));
    let trap = Trap { inner: SystemClock::start(), armed: armed.clone() };
    let house = House::built(&[], |options| options.clock = Arc::new(trap));
    let (ports, many) = (house.ports, AtomicU64::new(0));
    let ledger = fifty(ports.smtp, 6, &many, || {
        wait_until(|| many.load(Ordering::SeqCst) >= 20);
        let mut victim = Client::tls(ports.smtps).unwrap();
        victim.ask("EHLO victim.test").unwrap();
        armed.store(true, Ordering::SeqCst);
        // "\0bob@office.test\0bob-pass-1"
        let said = victim.ask("AUTH PLAIN AGJvYkBvZmZpY2UudGVzdABib2ItcGFzcy0x").unwrap();
        assert!(said.starts_with("421 "), "{said}");
        assert!(victim.line().is_err(), "the connection is closed");
        assert!(many.load(Ordering::SeqCst) < 300, "the others are still at it");
    });
    assert!(ledger.refused.is_empty(), "{:?}", ledger.refused);
    let mut there = fetch_all(&mut client::pop3(ports.pop3, ANN));
    there.sort_unstable();
    assert_eq!(there, ledger.kept.into_iter().collect::<Vec<_>>());
    assert_eq!(there.len(), 300);
    assert_eq!(red(&house, "broke off by a bug: a planted bug in a login"), 1, "{:#?}", house.journal());
    // The same person comes in afterwards.
    client::pop3(ports.pop3, BOB);
}

/// Panics once where it is armed.
#[derive(Default)]
struct Mines {
    volume_sync: AtomicBool,
    database_sync: AtomicBool,
    read: AtomicBool,
}

struct Mined {
    inner: Arc<dyn DiskFile>,
    mines: Arc<Mines>,
    volume: bool,
}

fn step_on(mine: &AtomicBool, thread: &str) {
    let here = std::thread::current().name().is_some_and(|name| name.starts_with(thread));
    if here && mine.swap(false, Ordering::SeqCst) {
        panic!("a planted bug on {thread}");
    }
}

impl DiskFile for Mined {
    fn len(&self) -> io::Result<u64> {
        self.inner.len()
    }
    fn read_at(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        step_on(&self.mines.read, "store-read");
        self.inner.read_at(offset, out)
    }
    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.inner.write_at(offset, bytes)
    }
    fn set_len(&self, len: u64) -> io::Result<()> {
        self.inner.set_len(len)
    }
    fn sync_data(&self) -> io::Result<()> {
        // A volume is synced by a reader while a long body arrives.
        match self.volume {
            true => step_on(&self.mines.volume_sync, "store-read"),
            false => step_on(&self.mines.database_sync, "store-write"),
        }
        self.inner.sync_data()
    }
    fn allocate(&self, offset: u64, len: u64) -> io::Result<()> {
        self.inner.allocate(offset, len)
    }
    fn punch(&self, offset: u64, len: u64) -> io::Result<()> {
        self.inner.punch(offset, len)
    }
}

struct Field(Arc<Mines>);

impl Disk for Field {
    fn open(&self, path: &Path, create: bool) -> io::Result<Arc<dyn DiskFile>> {
        let volume = path.components().any(|part| part.as_os_str() == "bodies");
        Ok(Arc::new(Mined { inner: RealDisk.open(path, create)?, mines: self.0.clone(), volume }))
    }
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        RealDisk.rename(from, to)
    }
    fn remove(&self, path: &Path) -> io::Result<()> {
        RealDisk.remove(path)
    }
    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        RealDisk.list(dir)
    }
    fn make_dir(&self, dir: &Path) -> io::Result<()> {
        RealDisk.make_dir(dir)
    }
    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        RealDisk.sync_dir(dir)
    }
    fn space(&self, dir: &Path) -> io::Result<Space> {
        RealDisk.space(dir)
    }
    fn lock(&self, dir: &Path) -> io::Result<LockGuard> {
        RealDisk.lock(dir)
    }
}

#[test]
fn a_panic_inside_the_store_closes_and_reopens_it_and_no_acknowledged_message_is_lost() {
    let mines = Arc::new(Mines::default());
    let handed = Arc::new(Field(mines.clone()));
    let house = House::built(&[], |options| options.disk = handed);
    let (ports, many) = (house.ports, AtomicU64::new(0));
    let ledger = fifty(ports.smtp, 6, &many, || {
        for (mine, after) in [(&mines.volume_sync, 20), (&mines.database_sync, 80), (&mines.read, 140)] {
            // Not while the store opens again: a panic there is a disk that is away for seconds.
            let so_far = many.load(Ordering::SeqCst);
            wait_until(|| many.load(Ordering::SeqCst) >= after.max(so_far + 10));
            mine.store(true, Ordering::SeqCst);
            if std::ptr::eq(mine, &mines.read) {
                let mut pop3 = Client::plain(ports.pop3).unwrap();
                let said = pop3.login(ANN).unwrap();
                // Rows may be in memory: then the message is what is read.
                let said = if said.starts_with("+OK") { pop3.ask("RETR 1").unwrap() } else { said };
                assert!(said.starts_with("-ERR [SYS/TEMP]") || mine.load(Ordering::SeqCst), "{said}");
                mine.store(false, Ordering::SeqCst);
            }
            wait_until(|| !mine.load(Ordering::SeqCst));
        }
    });
    assert!(ledger.refused.keys().all(|said| said.starts_with("451 4.3.0")), "{:?}", ledger.refused);
    let mut there = fetch_all(&mut client::pop3(ports.pop3, ANN));
    there.sort_unstable();
    assert_eq!(there, ledger.kept.into_iter().collect::<Vec<_>>(), "each once: what was refused was not kept");
    let database = "the database stopped while writing";
    assert!(red(&house, database) >= 1, "{:#?}", house.journal());
    assert!(red(&house, "the database stopped while reading") <= 1);
    let report = smol::block_on(house.app().store.check(|_| {})).unwrap();
    assert_eq!((report.problems, report.messages), (Vec::new(), 300));
    println!("three panics inside the store: 300 messages kept, each once; said meanwhile: {:?}", ledger.refused);
}
