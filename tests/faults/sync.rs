//! fdatasync and fsync that fail under the real program: no 250 for what is not there, and no restart is needed.

use std::{
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use crate::{
    binary::Served,
    client,
    common::ANN,
    mail::{Ledger, fetch_all, message, until_accepted},
};

/// strace on a running server. It lets go when it is dropped.
struct Injection(Child);

impl Injection {
    /// Syncs fail with EIO where `when` says (strace counts for each thread by itself).
    fn begin(pid: u32, when: &str) -> Self {
        let inject = format!("inject=fdatasync,fsync:error=EIO:when={when}");
        let strace = Command::new("strace")
            .args(["-f", "-e", "trace=fdatasync,fsync", "-e", &inject, "-p", &pid.to_string()])
            .stderr(Stdio::piped())
            .spawn();
        let mut strace = strace.expect("this test needs strace: apt-get install strace");
        let mut said = BufReader::new(strace.stderr.take().unwrap());
        let mut line = String::new();
        said.read_line(&mut line).unwrap();
        assert!(line.contains("attached"), "strace must be allowed to attach (run as root): {line}");
        // What it goes on to say is read, so that it never waits for us.
        std::thread::spawn(move || said.lines().count());
        Injection(strace)
    }
}

impl Drop for Injection {
    fn drop(&mut self) {
        // At SIGTERM it detaches and the server goes on.
        let _ = rustix::process::kill_process(rustix::process::Pid::from_child(&self.0), rustix::process::Signal::TERM);
        let _ = self.0.wait();
    }
}

fn size(number: u64) -> usize {
    [2_000, 30_000, 64_000, 200_000][number as usize % 4]
}

/// Three clients with `each` messages.
fn pour(served: &Served, first: u64, each: u64) -> Ledger {
    let one = |client: u64| {
        let mut ledger = Ledger::default();
        for n in 0..each {
            let number = first + client * each + n;
            let said = client::smtp(served.ports.smtp).unwrap().send(ANN.0, &message(number, size(number))).unwrap();
            if !ledger.note(number, &said) {
                std::thread::sleep(Duration::from_millis(20));
            }
        }
        ledger
    };
    std::thread::scope(|scope| {
        let one = &one;
        let all: Vec<_> = (0..3).map(|client| scope.spawn(move || one(client))).collect();
        let mut ledger = Ledger::default();
        all.into_iter().for_each(|thread| ledger.join(thread.join().unwrap()));
        ledger
    })
}

/// Every acknowledged message is there, whole and once. One whose sync failed may be there, once.
fn holds(served: &Served, ledger: &Ledger) -> usize {
    let there = fetch_all(&mut client::pop3(served.ports.pop3, ANN));
    let mut sorted = there.clone();
    sorted.sort_unstable();
    sorted.dedup();
    assert_eq!(sorted.len(), there.len(), "a message is there twice");
    let missing: Vec<_> = ledger.kept.iter().filter(|number| sorted.binary_search(number).is_err()).collect();
    assert!(missing.is_empty(), "250 was said for what is not there: {missing:?}");
    there.len() - ledger.kept.len()
}

#[test]
fn whichever_sync_fails_no_250_was_said_for_what_is_not_there_after_the_plug_is_pulled() {
    let mut served = Served::start(&[]);
    let mut ledger = pour(&served, 0, 2);
    let mut next = 1000;
    let mut beyond = 0;
    for when in ["1", "2", "3", "4", "5", "1..3", "2+2", "3+5"] {
        let failing = Injection::begin(served.pid(), when);
        let during = pour(&served, next, 6);
        next += 1000;
        assert!(during.refused.keys().all(|said| said.starts_with("451 4.3.0")), "when={when}: {:?}", during.refused);
        println!("when={when}: {} said 250, {:?}", during.kept.len(), during.refused);
        ledger.join(during);
        drop(failing);
        // It mends itself before the plug is pulled.
        until_accepted(served.ports.smtp, ANN.0, next, 2000, Duration::from_secs(20));
        ledger.kept.insert(next);
        next += 1;
        served.kill_and_start();
        beyond = holds(&served, &ledger);
    }
    assert!(!ledger.refused.is_empty(), "no sync failed");
    let check = served.say(&["check"], "");
    println!(
        "{} said 250 and are there; {beyond} more whose sync failed; {:?}; {check}",
        ledger.kept.len(),
        ledger.refused
    );
}

#[test]
fn while_every_sync_fails_nothing_is_accepted_the_board_is_red_and_it_comes_back_by_itself() {
    let mut served = Served::start(&[]);
    let mut ledger = pour(&served, 0, 2);
    let failing = Injection::begin(served.pid(), "1+");
    let during = pour(&served, 1000, 5);
    assert!(during.kept.is_empty(), "250 without a sync: {:?}", during.kept);
    assert!(during.refused.keys().all(|said| said.starts_with("451 4.3.0")), "{:?}", during.refused);
    let status = served.status();
    assert_eq!(status["services"]["store"]["light"], "red", "{status}");
    let began = Instant::now();
    drop(failing);
    until_accepted(served.ports.smtp, ANN.0, 2000, 2000, Duration::from_secs(20));
    let waited = began.elapsed();
    ledger.kept.insert(2000);
    assert_eq!(served.status()["services"]["store"]["light"], "green");
    served.kill_and_start();
    let beyond = holds(&served, &ledger);
    println!("accepted again {waited:?} after syncs worked; 15 refused, {beyond} of them are there all the same");
}
