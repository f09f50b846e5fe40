//! The real program: the plug is pulled while mail streams in, a sync fails, hundreds of clients drip.
#![allow(dead_code, clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

#[path = "faults/client.rs"]
mod client;
#[path = "faults/mail.rs"]
mod mail;
#[path = "common/scratch.rs"]
mod scratch;

use std::{
    collections::BTreeSet,
    io::Write,
    net::{Ipv4Addr, SocketAddr, TcpListener},
    os::unix::process::ExitStatusExt,
    path::PathBuf,
    process::{Child, Command, Stdio},
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
    thread,
    time::{Duration, Instant},
};

use mail::{Ledger, fetch_all, message};

const ANN: (&str, &str) = ("ann@office.test", "ann-pass-1");
const ROUNDS: u64 = 50;
const SENDERS: usize = 4;

fn free() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

/// `gatepost serve` in a directory of its own, with one mailbox.
struct Program {
    scratch: scratch::Scratch,
    process: Option<Child>,
    smtp: SocketAddr,
    pop3: SocketAddr,
}

impl Program {
    fn new(name: &str) -> Program {
        let mut program = Program { scratch: scratch::Scratch::new(name), process: None, smtp: free(), pop3: free() };
        program.start(&[]);
        program.say(&["domain", "add", "office.test"], "");
        program.say(&["mailbox", "add", ANN.0], ANN.1);
        program
    }

    fn state(&self) -> PathBuf {
        self.scratch.path().join("state")
    }

    fn say(&self, words: &[&str], input: &str) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_gatepost"));
        let mut child = command
            .args(words)
            .arg("--state")
            .arg(self.state())
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        writeln!(child.stdin.take().unwrap(), "{input}").unwrap();
        assert!(child.wait().unwrap().success(), "{words:?}");
    }

    /// Starts it, behind the words of `wrap` if there are any; gives how long it took until it greeted.
    fn start(&mut self, wrap: &[&str]) -> Duration {
        let program = env!("CARGO_BIN_EXE_gatepost");
        let mut command = Command::new(wrap.first().unwrap_or(&program));
        if !wrap.is_empty() {
            command.args(&wrap[1..]).arg(program);
        }
        command.args(["serve", "--allow-root", "--state"]).arg(self.state());
        let ports = [format!("smtp.port={}", self.smtp.port()), format!("pop3.port={}", self.pop3.port())];
        let others = ["smtp.submission.port=0", "tls.ssl=off", "syslog.local=off", "login.scram_iterations=4096"];
        for pair in ports.iter().map(String::as_str).chain(others) {
            command.args(["--first", pair]);
        }
        let began = Instant::now();
        let spawned = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        self.process = Some(spawned.unwrap_or_else(|e| panic!("{wrap:?}: {e}: apt install strace")));
        while client::smtp(self.smtp).is_err() {
            // A fault that hits system.redb at the start ends the program; the service manager starts it again.
            if self.process.as_mut().unwrap().try_wait().unwrap().is_some() {
                self.process = Some(command.spawn().unwrap());
            }
            assert!(began.elapsed() < Duration::from_secs(30), "it does not come up");
            thread::sleep(Duration::from_millis(5));
        }
        began.elapsed()
    }

    fn pid(&self) -> u32 {
        self.process.as_ref().unwrap().id()
    }

    /// kill -9
    fn kill(&mut self) {
        let mut process = self.process.take().unwrap();
        process.kill().unwrap();
        assert_eq!(process.wait().unwrap().signal(), Some(9));
    }

    /// Everything acknowledged is there, whole and once; nothing is there that was never sent.
    fn check(&self, kept: &BTreeSet<u64>, sent: u64) -> usize {
        let fetched = fetch_all(&mut client::pop3(self.pop3, ANN));
        let there: BTreeSet<u64> = fetched.iter().copied().collect();
        assert_eq!(there.len(), fetched.len(), "a message is there twice");
        let lost: Vec<&u64> = kept.difference(&there).collect();
        assert!(lost.is_empty(), "LOST though acknowledged: {lost:?}");
        assert!(there.iter().all(|number| *number < sent), "there is a message that nobody sent");
        fetched.len()
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        if let Some(mut process) = self.process.take() {
            let _ = process.kill();
            let _ = process.wait();
        }
    }
}

/// Sends until the connection breaks or `over`: small messages, now and then one that borrows a volume.
fn stream(to: SocketAddr, next: &AtomicU64, over: &AtomicBool) -> Ledger {
    let mut ledger = Ledger::default();
    let Ok(mut smtp) = client::smtp(to) else { return ledger };
    while !over.load(Ordering::Relaxed) {
        let number = next.fetch_add(1, Ordering::SeqCst);
        let size = if number.is_multiple_of(16) { 150_000 } else { 2000 };
        match smtp.send(ANN.0, &message(number, size)) {
            Ok(said) => ledger.note(number, &said),
            Err(_) => break,
        };
    }
    ledger
}

#[test]
fn the_plug_is_pulled_fifty_times_while_mail_streams_in() {
    let mut program = Program::new("plug");
    let (next, mut ledger) = (AtomicU64::new(0), Ledger::default());
    let mut slowest = Duration::ZERO;
    for round in 0..ROUNDS {
        let over = AtomicBool::new(false);
        let to = program.smtp;
        let round_ledgers: Vec<Ledger> = thread::scope(|scope| {
            let senders: Vec<_> = (0..SENDERS).map(|_| scope.spawn(|| stream(to, &next, &over))).collect();
            // Another moment each round: between the greeting and some dozens of messages.
            thread::sleep(Duration::from_millis(20 + round * 37 % 180));
            program.kill();
            over.store(true, Ordering::Relaxed);
            senders.into_iter().map(|sender| sender.join().unwrap()).collect()
        });
        round_ledgers.into_iter().for_each(|one| ledger.join(one));
        slowest = slowest.max(program.start(&[]));
        if round % 10 == 9 {
            program.check(&ledger.kept, next.load(Ordering::SeqCst));
        }
    }
    let there = program.check(&ledger.kept, next.load(Ordering::SeqCst));
    let kept = ledger.kept.len();
    println!("{ROUNDS} rounds: {kept} acknowledged, {there} there, slowest start {slowest:?}");
    assert!(kept > 200, "only {kept} messages came through: this shows nothing");
}

#[test]
fn a_sync_that_fails_costs_a_451_and_no_acknowledged_message() {
    let mut program = Program::new("sync");
    let (next, mut ledger) = (AtomicU64::new(0), Ledger::default());
    let mut injected = 0;
    for when in [8, 12, 16, 21, 30] {
        program.kill();
        let log = program.scratch.path().join(format!("trace-{when}"));
        let fault = format!("inject=fdatasync:error=EIO:when={when}");
        // -D: the program stays our child, the tracer stands aside.
        program.start(&[
            "strace",
            "-D",
            "-f",
            "-qq",
            "-e",
            "trace=fdatasync",
            "-e",
            &fault,
            "-o",
            log.to_str().unwrap(),
        ]);
        let began = Instant::now();
        let mut sent = 0;
        // Until it has taken some again after the fault.
        while sent < 40 && began.elapsed() < Duration::from_secs(20) {
            let Ok(mut smtp) = client::smtp(program.smtp) else { continue };
            let number = next.fetch_add(1, Ordering::SeqCst);
            if smtp.send(ANN.0, &message(number, 2000)).is_ok_and(|said| ledger.note(number, &said)) {
                sent += 1;
            } else {
                thread::sleep(Duration::from_millis(100));
            }
        }
        assert!(sent == 40, "it did not recover from a failed sync at {when}: {:?}", ledger.refused);
        injected += std::fs::read_to_string(&log).unwrap().matches("(INJECTED)").count();
        program.kill();
        program.start(&[]);
        program.check(&ledger.kept, next.load(Ordering::SeqCst));
    }
    println!("{injected} syncs failed; {} acknowledged; refused: {:?}", ledger.kept.len(), ledger.refused);
    assert!(injected >= 5, "the fault did not happen: strace injected {injected} times");
    assert!(ledger.refused.keys().any(|said| said.starts_with("451 4.3.0")), "{:?}", ledger.refused);
}

/// Half a command, half a message, half a login: each client says one octet a second of it.
const HALVES: [&[u8]; 4] = [
    b"EHLO far.test.and.a.long.name.that.never.ends",
    b"EHLO far.test\r\nMAIL FROM:<x@far.test>\r\nRCPT TO:<ann@office.test>\r\nDATA\r\nSubject: half a header",
    b"",
    b"EHLO far.test\r\nMAIL FROM:<x@far.test>\r\nRCPT TO:<ann@office.test>\r\nBDAT 100000\r\nSubject: half",
];

#[test]
fn five_hundred_dripping_clients_do_not_hold_up_a_normal_one() {
    let program = Program::new("drip");
    let mut slow: Vec<_> = (0..500u16)
        .map(|n| {
            let to = if n % 5 == 4 { program.pop3 } else { program.smtp };
            let from = Ipv4Addr::new(127, 0, 1, u8::try_from(n / 50 + 1).unwrap());
            let mut stream = client::dial(from, to).expect("a place for a slow client");
            // All at once for those that must come as far as DATA.
            let said =
                if to == program.pop3 { b"USER ann.and.a.name.that.never.ends" } else { HALVES[usize::from(n % 4)] };
            let now = said.windows(2).rposition(|w| w == b"\r\n").map_or(0, |at| at + 2);
            stream.write_all(&said[..now]).unwrap_or_else(|e| panic!("client {n} to {to}: {e}"));
            (stream, &said[now..])
        })
        .collect();
    let mut worst = Duration::ZERO;
    for turn in 0..8usize {
        for (stream, rest) in &mut slow {
            if let Some(octet) = rest.get(turn..=turn) {
                // One that was sent away is no longer slow.
                let _ = stream.write_all(octet);
            }
        }
        let began = Instant::now();
        let number = turn as u64;
        let said = client::smtp(program.smtp).unwrap().send(ANN.0, &message(number, 4000)).unwrap();
        assert!(said.starts_with("250"), "{said}");
        let mut pop3 = client::pop3(program.pop3, ANN);
        assert_eq!(mail::number_of(&pop3.retr(turn + 1).unwrap()), number);
        worst = worst.max(began.elapsed());
        thread::sleep(Duration::from_millis(500));
    }
    let status = std::fs::read_to_string(format!("/proc/{}/status", program.pid())).unwrap();
    let rss = status.lines().find(|line| line.starts_with("VmRSS")).unwrap_or_default();
    println!("{} slow clients; a message sent and fetched in {worst:?} at worst; {rss}", slow.len());
    // The requirement is a second; a machine that builds beside it gets three.
    assert!(worst < Duration::from_secs(3), "{worst:?}");
}
