//! The real program under kill -9 while mail streams in.
#![allow(dead_code, clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

#[path = "faults/client.rs"]
mod client;
#[path = "common/dial.rs"]
mod dial;
#[path = "faults/mail.rs"]
mod mail;
#[path = "common/ports.rs"]
mod ports;
#[path = "common/scratch.rs"]
mod scratch;

use std::{
    collections::BTreeSet,
    io::Write,
    net::SocketAddr,
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

/// `gatepost serve` in a directory of its own, with one mailbox.
struct Program {
    scratch: scratch::Scratch,
    process: Option<Child>,
    smtp: SocketAddr,
    pop3: SocketAddr,
}

impl Program {
    fn new(name: &str) -> Program {
        let [smtp, pop3] = ports::free_ports::<2>().map(|port| SocketAddr::from(([127, 0, 0, 1], port)));
        let mut program = Program { scratch: scratch::Scratch::new(name), process: None, smtp, pop3 };
        program.start();
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

    /// Starts it; gives how long it took until it greeted.
    fn start(&mut self) -> Duration {
        let mut command = Command::new(env!("CARGO_BIN_EXE_gatepost"));
        command.args(["serve", "--allow-root", "--state"]).arg(self.state());
        let ports = [format!("smtp.port={}", self.smtp.port()), format!("pop3.port={}", self.pop3.port())];
        let others = [
            "smtp.submission.port=0",
            "imap.port=0",
            "http.port=0",
            "http.ssl.port=0",
            "tls.ssl=off",
            "syslog.local=off",
            "login.scram_iterations=4096",
        ];
        for pair in ports.iter().map(String::as_str).chain(others) {
            command.args(["--first", pair]);
        }
        let began = Instant::now();
        self.process = Some(command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap());
        while client::smtp(self.smtp).is_err() {
            assert!(began.elapsed() < Duration::from_secs(30), "it does not come up");
            thread::sleep(Duration::from_millis(5));
        }
        began.elapsed()
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
        slowest = slowest.max(program.start());
        if round % 10 == 9 {
            program.check(&ledger.kept, next.load(Ordering::SeqCst));
        }
    }
    let there = program.check(&ledger.kept, next.load(Ordering::SeqCst));
    let kept = ledger.kept.len();
    println!("{ROUNDS} rounds: {kept} acknowledged, {there} there, slowest start {slowest:?}");
    assert!(kept > 200, "only {kept} messages came through: this shows nothing");
}
