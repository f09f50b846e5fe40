//! SMTP sessions under load: memory while a big message passes, many clients at once, programs that others wrote.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs, dead_code)]

#[path = "dialogs/peer.rs"]
mod peer;
#[path = "dialogs/porch.rs"]
mod porch;
#[path = "common/scratch.rs"]
mod scratch;
#[path = "dialogs/script.rs"]
mod script;

use peer::{Heard, Peer};
use porch::Porch;

fn porch(head: &str) -> (Porch, script::Head) {
    let (head, _) = script::parse(head).unwrap();
    (Porch::build(&head), head)
}

fn expect(peer: &mut Peer, pattern: &str) {
    match peer.hear() {
        Heard::Line(line) => assert!(script::matches(pattern, &line), "wanted {pattern}, heard {line}"),
        Heard::Closed => panic!("wanted {pattern}, but the server closed"),
        Heard::Nothing => panic!("wanted {pattern}, but heard nothing"),
    }
}

fn ask(peer: &mut Peer, line: &str, pattern: &str) {
    peer.send(format!("{line}\r\n").as_bytes()).unwrap();
    expect(peer, pattern);
}

/// Up to the 354 or, for BDAT, to the last RCPT.
fn begin(peer: &mut Peer) {
    expect(peer, "220 ...");
    ask(peer, "HELO big.test", "250 ...");
    peer.send(b"EHLO big.test\r\n").unwrap();
    loop {
        match peer.hear() {
            Heard::Line(line) if line.starts_with("250-") => {}
            Heard::Line(line) if line.starts_with("250 ") => break,
            Heard::Line(line) => panic!("{line}"),
            Heard::Closed | Heard::Nothing => panic!("no answer to EHLO"),
        }
    }
    ask(peer, "MAIL FROM:<carl@far.test>", "250 ...");
    ask(peer, "RCPT TO:<bob@office.test>", "250 ...");
}

/// The most memory this process had, in KiB.
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|l| l.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").trim().parse().unwrap()
}

/// Section 8 of the design: at most 32 MB in all while 100 MB pass; here what the passing itself adds. The client's share of
/// the memory is one line.
#[test]
fn a_hundred_megabytes_pass_in_little_memory() {
    let (porch, head) = porch("");
    let line = format!("{}\r\n", "All work and no play makes Jack a dull boy. ".repeat(22));
    let lines = 100_000_000 / line.len();
    let (mut peer, _task) = porch.call(&head, b"");
    begin(&mut peer);
    let before = peak();
    ask(&mut peer, "DATA", "354 ...");
    peer.send(b"Subject: big\r\n\r\n").unwrap();
    for _ in 0..lines {
        peer.send(line.as_bytes()).unwrap();
    }
    ask(&mut peer, ".", "250 2.0.0 Ok: queued as *");
    ask(&mut peer, "MAIL FROM:<carl@far.test>", "250 ...");
    ask(&mut peer, "RCPT TO:<bob@office.test>", "250 ...");
    peer.send(format!("BDAT {} LAST\r\n", lines * line.len()).as_bytes()).unwrap();
    for _ in 0..lines {
        peer.send(line.as_bytes()).unwrap();
    }
    expect(&mut peer, "250 2.0.0 Ok: queued as *");
    let more = peak() - before;
    println!("two messages of 100 MB: {more} KiB more than before");
    assert!(more < 8 * 1024, "{more} KiB more than before");
}

/// 100 MB behind a refusal and behind a chunk that may not come cost no memory either.
#[test]
fn what_is_thrown_away_is_not_kept() {
    let (porch, head) = porch("# max-message: 1000");
    let (mut peer, _task) = porch.call(&head, b"");
    begin(&mut peer);
    let before = peak();
    ask(&mut peer, "DATA", "354 ...");
    let piece = [b'x'; 10_000];
    for _ in 0..5000 {
        peer.send(&piece).unwrap();
    }
    ask(&mut peer, "\r\n.", "552 5.3.4 ...");
    peer.send(b"BDAT 50000000\r\n").unwrap();
    for _ in 0..5000 {
        peer.send(&piece).unwrap();
    }
    expect(&mut peer, "503 5.5.1 ...");
    ask(&mut peer, "QUIT", "221 ...");
    let more = peak() - before;
    assert!(more < 8 * 1024, "{more} KiB more than before");
}

/// Mail goes on for those who talk while others are silent or in the middle of a word.
#[test]
fn forty_clients_deliver_while_two_hundred_dawdle() {
    let (porch, head) = porch("");
    let mut idle = Vec::new();
    for n in 0..200 {
        let (mut peer, task) = porch.call(&head, b"");
        match n % 4 {
            0 => {}
            1 => peer.send(b"EHLO dawd").unwrap(),
            2 => begin(&mut peer),
            _ => {
                begin(&mut peer);
                ask(&mut peer, "DATA", "354 ...");
                peer.send(b"Subject: never\r\n").unwrap();
            }
        }
        idle.push((peer, task));
    }
    let began = std::time::Instant::now();
    std::thread::scope(|scope| {
        for _ in 0..40 {
            let (mut peer, task) = porch.call(&head, b"");
            scope.spawn(move || {
                begin(&mut peer);
                ask(&mut peer, "RSET", "250 ...");
                for _ in 0..5 {
                    ask(&mut peer, "MAIL FROM:<carl@far.test>", "250 ...");
                    ask(&mut peer, "RCPT TO:<bob@office.test>", "250 ...");
                    ask(&mut peer, "DATA", "354 ...");
                    ask(&mut peer, "Subject: now\r\n\r\ntext\r\n.", "250 2.0.0 Ok: queued as *");
                }
                ask(&mut peer, "QUIT", "221 ...");
                task
            });
        }
    });
    println!("200 messages in {:?}", began.elapsed());
    assert_eq!(porch.count("bob"), 200);
}

/// What may come over a wire, whole or in pieces.
const NOISE: [&str; 34] = [
    "EHLO x\r\n",
    "EHLO x\r\n",
    "HELO x\r\n",
    "MAIL FROM:<carl@far.test>\r\n",
    "MAIL FROM:<carl@far.test>\r\n",
    "MAIL FROM:<> SIZE=70000 BODY=8BITMIME\r\n",
    "RCPT TO:<bob@office.test>\r\n",
    "RCPT TO:<bob@office.test>\r\n",
    "RCPT TO:<nobody@office.test>\r\n",
    "DATA\r\n",
    "DATA\r\n",
    "BDAT 0\r\n",
    "BDAT 5\r\n",
    "BDAT 40 LAST\r\n",
    "BDAT 0 LAST\r\n",
    "BDAT 100000\r\n",
    "RSET\r\n",
    "NOOP\r\n",
    "VRFY x\r\n",
    "AUTH PLAIN AAA\r\n",
    "*\r\n",
    "Subject: x\r\n\r\n",
    "text\r\n",
    "a\r\nb\n",
    "\r\n.\r\n",
    "\r\n.\r\n",
    ".\r\n",
    "..\r\n",
    "\n.\n",
    "\r.\r",
    "\0\u{ff}\u{fffd}",
    "\r",
    "\n",
    "x",
];

/// Numbers that look random and are the same in every run.
struct Dice(u64);

impl Dice {
    fn next(&mut self, below: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % below
    }

    fn noise(&mut self) -> String {
        let noise: String = (0..self.next(30)).map(|_| NOISE[self.next(NOISE.len())]).collect();
        if self.next(2) == 0 {
            return noise;
        }
        // Half of them say enough to deliver something in between.
        let whole = "MAIL FROM:<>\r\nRCPT TO:<bob@office.test>\r\nDATA\r\n\r\n.\r\n";
        format!("EHLO x\r\n{whole}{noise}\r\n.\r\nRSET\r\n{whole}")
    }
}

/// Says noise and counts the messages that were taken.
fn noisy_session(porch: &Porch, head: &script::Head, dice: &mut Dice) -> usize {
    let (mut peer, task) = porch.call(head, b"");
    let noise = dice.noise();
    // The server may have ended the session before it has heard all.
    for piece in noise.as_bytes().chunks(1 + dice.next(200)) {
        let _ = peer.send(piece);
    }
    let mut queued = 0;
    loop {
        match peer.hear() {
            Heard::Line(line) => queued += usize::from(line.contains("queued as")),
            Heard::Closed => break,
            Heard::Nothing => panic!("a session hangs after {noise:?}"),
        }
    }
    gatepost::rt::block_on(task);
    queued
}

/// A client that says anything in any order hears of exactly as many messages as are kept, and no session breaks.
#[test]
fn noise_neither_breaks_a_session_nor_loses_count() {
    for from in ["stranger", "private"] {
        let (porch, head) = porch(&format!("# from: {from}\n# patience: 0.2"));
        let queued: usize = std::thread::scope(|scope| {
            let (porch, head) = (&porch, &head);
            let talk = |seed| {
                let mut dice = Dice(seed);
                move || (0..6).map(|_| noisy_session(porch, head, &mut dice)).sum::<usize>()
            };
            let talkers: Vec<_> = (0..20).map(|seed| scope.spawn(talk(seed))).collect();
            talkers.into_iter().map(|t| t.join().unwrap()).sum()
        });
        println!("{from}: {queued} messages");
        assert!(queued > 50);
        assert_eq!(porch.count("bob"), queued);
    }
}
