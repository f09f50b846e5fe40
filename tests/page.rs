//! The page in a real browser: tests/page/*.mjs drive Debian's chromium against the real program and its real front.
//!
//! What Node needs is installed from tests/page/package-lock.json, whose hashes npm checks, into target/tmp; the browser keeps
//! its profile in a directory of its own and talks to loopback only.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs, dead_code)]

mod common;

#[path = "faults/binary.rs"]
mod binary;

use std::{
    fs,
    os::unix::{fs::symlink, process::CommandExt},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    thread,
    time::{Duration, Instant},
};

use binary::Served;
use common::{ANN, BOB, House, Ports};
use gatepost::{
    admin::Caller,
    directory::Change,
    journal::ServiceEvent,
    limits,
    store::{NewMessage, QueueFilter, QueueOrder, QueueRows},
    types::{Address, Answer, Hold, Leaving, Password, ReversePath, Settled},
};
use rustix::process::{Pid, Signal, kill_process_group};

const ADMIN: &str = "admin";
const LOOKER: &str = "looker";
const PASSWORD: &str = "page-pass-1";

const MAILBOXES: usize = 10_000;
const LINES: usize = 1_000_000;

/// After so long a run of the scripts is given up.
const PATIENCE: Duration = Duration::from_secs(240);
/// A run that was asked to end closes its browser first.
const FAREWELL: Duration = Duration::from_secs(10);

fn need(program: &str) {
    let there = Command::new(program).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    assert!(there.is_ok_and(|status| status.success()), "{program} is missing: scripts/install-test-tools");
}

/// The packages of tests/page, installed once for each lock file; two tests do not install at one time.
fn packages(from: &Path) -> PathBuf {
    let to = Path::new(env!("CARGO_TARGET_TMPDIR")).join("page-packages");
    fs::create_dir_all(&to).unwrap();
    let lock = fs::File::create(to.join("lock")).unwrap();
    lock.lock().unwrap();
    let wanted = fs::read(from.join("package-lock.json")).unwrap();
    if fs::read(to.join("installed")).is_ok_and(|installed| installed == wanted) {
        return to.join("node_modules");
    }
    for file in ["package.json", "package-lock.json", ".npmrc"] {
        fs::copy(from.join(file), to.join(file)).unwrap();
    }
    let args = ["ci", "--silent", "--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline"];
    let done = Command::new("npm").args(args).current_dir(&to).status().unwrap();
    assert!(done.success(), "npm ci in {}: {done}", to.display());
    fs::write(to.join("installed"), wanted).unwrap();
    to.join("node_modules")
}

/// A copy of tests/page of this run, with the packages beside it.
fn scripts() -> PathBuf {
    ["chromium", "node", "npm"].into_iter().for_each(need);
    let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/page");
    let to = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("page-{}", std::process::id()));
    let _ = fs::remove_dir_all(&to);
    fs::create_dir_all(&to).unwrap();
    for entry in fs::read_dir(&from).unwrap().flatten().filter(|entry| entry.file_type().unwrap().is_file()) {
        fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
    }
    symlink(packages(&from), to.join("node_modules")).unwrap();
    to
}

/// How it ended; after PATIENCE it is asked to, then made to.
fn ended(mut child: Child) -> ExitStatus {
    let group = Pid::from_child(&child);
    let began = Instant::now();
    let mut asked = false;
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return status;
        }
        if began.elapsed() > PATIENCE + FAREWELL {
            let _ = kill_process_group(group, Signal::KILL);
        } else if began.elapsed() > PATIENCE && !asked {
            println!("the scripts take longer than {PATIENCE:?}");
            let _ = kill_process_group(group, Signal::TERM);
            asked = true;
        }
        thread::sleep(Duration::from_millis(50));
    }
}

/// Runs the scripts; what they print is the test's output.
fn drive(ports: Ports, args: &[&str]) {
    let place = scripts();
    let child = Command::new("node")
        .arg("run.mjs")
        .args(args)
        .current_dir(&place)
        .env("PAGE_URL", format!("http://{}", ports.http))
        .envs([("PAGE_ADMIN", ADMIN), ("PAGE_LOOKER", LOOKER), ("PAGE_PASSWORD", PASSWORD)])
        .env("PAGE_SMTP", ports.smtp.port().to_string())
        .process_group(0)
        .spawn()
        .unwrap();
    let status = ended(child);
    let _ = fs::remove_dir_all(&place);
    assert!(status.success(), "{status}: see what the scripts printed");
}

#[test]
fn the_page_does_what_an_administrator_needs_in_a_real_browser() {
    let served = Served::start(&[]);
    served.say(&["mailbox", "add", BOB.0, "--password-stdin"], BOB.1);
    served.say(&["alias", "add", "team@office.test", ANN.0, BOB.0], "");
    served.say(&["admin", "add", ADMIN], PASSWORD);
    served.say(&["admin", "add", LOOKER, "--read-only"], PASSWORD);
    drive(served.ports, &[]);
}

/// Ten thousand mailboxes that share one password, in one change.
fn many_mailboxes(house: &House) {
    let directory = house.app().desk.house().directory.get();
    let password: Password = directory.mailboxes[&Address::parse(ANN.0).unwrap()].password.clone();
    let make = |n: usize| Change::AddMailbox {
        address: Address::parse(&format!("box{n:04}@office.test")).unwrap(),
        password: password.clone(),
        quota: Some(1 << 30),
        owner: format!("Somebody the {n}th"),
    };
    smol::block_on(house.app().desk.change_all((0..MAILBOXES).map(make).collect(), &Caller::ourselves())).unwrap();
}

/// A million lines of today, one of them with a needle. The queue is written out before it is full.
fn many_lines(house: &House) {
    let app = house.app();
    for n in 0..LINES {
        let needle = if n == LINES / 3 { " needle" } else { "" };
        let text = format!("3F{n:08X}: from=<sender{n}@example.test>, size=4096, nrcpt=1 (queue active){needle}");
        app.journal.tell(ServiceEvent::Note { grave: n % 1000 == 0, text });
        if n % (limits::JOURNAL_QUEUE / 2) == 0 {
            smol::block_on(app.desk.house().days.flush());
        }
    }
    smol::block_on(app.desk.house().days.flush());
}

fn admin(house: &House, name: &str, read_only: bool) {
    let credential = gatepost::admin::credential(&house.app().desk.house().settings.get(), PASSWORD, name).unwrap();
    house.change(Change::AddAdmin(gatepost::directory::Admin { name: name.into(), credential, read_only }));
}

/// Four recipients wait: a new one, two that were put off, a held one.
async fn some_queue(house: &House) {
    let (store, now) = (&house.app().desk.house().store, house.app().desk.house().clock.now());
    let from = ReversePath::Address(Address::parse(ANN.0).unwrap());
    let to = |name: &str| Leaving::plain(from.clone(), Address::parse(name).unwrap(), now.plus(7200));
    let queue = ["new@far.test", "grey@far.test", "full@near.test", "held@near.test"].map(to).to_vec();
    let mut draft = store.draft().await.unwrap();
    draft.write(b"From: ann@office.test\r\nSubject: Hello\r\n\r\nbody\r\n").await.unwrap();
    let sealed = draft.seal().await.unwrap();
    store.commit(vec![NewMessage { sealed, derived: None, deliveries: Vec::new(), queue }]).await.unwrap();
    let rows = store.waiting(QueueFilter::default(), QueueOrder::Oldest, None, 9).await.unwrap().rows;
    let said = [(1, 450, "4.7.1", "Greylisted, try again later"), (2, 452, "4.2.2", "mailbox full")];
    let late = said.map(|(n, code, status, text)| {
        let (peer, status, text) = ("mx.far.test[192.0.2.1]:25".into(), status.into(), text.into());
        let last = Some(Answer { at: now, peer, code, status, text });
        Settled::Later { id: rows[n].id, next_try: now.plus(7200), last, told_late: false }
    });
    let begun = rows[1..3].iter().map(|row| (row.id, now.plus(7200))).collect();
    assert_eq!(store.begin(begun).await.unwrap().len(), 2);
    store.settle(late.to_vec()).await.unwrap();
    assert_eq!(store.hold(QueueRows::Ids(vec![rows[3].id]), Hold::Held).await, Ok(1));
}

#[test]
fn the_queue_is_seen_and_worked_on_in_a_real_browser() {
    let house = House::start();
    admin(&house, ADMIN, false);
    admin(&house, LOOKER, true);
    smol::block_on(some_queue(&house));
    drive(house.ports, &["queue"]);
}

#[test]
fn ten_thousand_mailboxes_and_a_million_lines_stay_fluid() {
    let house = House::start();
    admin(&house, ADMIN, false);
    let begun = Instant::now();
    many_mailboxes(&house);
    println!("{MAILBOXES} mailboxes made in {:?}", begun.elapsed());
    many_lines(&house);
    println!("and {LINES} lines after {:?}", begun.elapsed());
    drive(house.ports, &["fluid"]);
}
