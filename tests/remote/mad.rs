//! Servers that break off at every octet, and servers that say anything.

use std::{
    io::{BufRead, BufReader, Write},
    net::{Shutdown, TcpListener, TcpStream},
    thread,
    time::Duration,
};

use gatepost::{
    remote::smtp::{Outcome, Target, Verdict},
    rt::{block_on, timeout},
    types::{Hop, HopTls},
};

use crate::world::{World, direct, job};

/// What a good server says: to the connection, then to each of our groups (by its first command).
const GROUPED: [(&str, &str); 4] = [
    ("", "220-mx.example.test\r\n220 ESMTP\r\n"),
    ("EHLO", "250-mx.example.test\r\n250-SIZE 1000\r\n250 PIPELINING\r\n"),
    ("DATA", "250 2.1.0 ok\r\n250 2.1.5 ok\r\n250 2.1.5 ok\r\n354 go\r\n"),
    (".", "250 2.0.0 taken\r\n"),
];
const CHUNKED: [(&str, &str); 6] = [
    ("", "220 mx.example.test\r\n"),
    ("EHLO", "250-mx.example.test\r\n250 CHUNKING\r\n"),
    ("MAIL", "250 ok\r\n"),
    ("RCPT", "250 ok\r\n"),
    ("RCPT", "250 ok\r\n"),
    ("hello", "250 2.0.0 taken\r\n"),
];
const LMTP: [(&str, &str); 4] = [
    ("", "220 store\r\n"),
    ("LHLO", "250-store\r\n250 PIPELINING\r\n"),
    ("DATA", "250 ok\r\n250 ok\r\n250 ok\r\n354 go\r\n"),
    (".", "250 2.0.0 one\r\n250 2.0.0 two\r\n"),
];

/// Says so many octets of it, then closes.
fn serve(socket: &TcpStream, script: &[(&str, Vec<u8>)], mut budget: usize) -> Option<()> {
    socket.set_read_timeout(Some(Duration::from_secs(10))).ok()?;
    let mut reader = BufReader::new(socket.try_clone().ok()?);
    for (wait, say) in script {
        let mut line = String::new();
        while !wait.is_empty() && !line.starts_with(wait) {
            line.clear();
            (reader.read_line(&mut line).ok()? > 0).then_some(())?;
        }
        let say = &say[..say.len().min(budget)];
        budget -= say.len();
        { socket }.write_all(say).ok()?;
        if budget == 0 {
            break;
        }
    }
    socket.shutdown(Shutdown::Write).ok()?;
    // So that what was said is not overtaken by a reset.
    socket.set_read_timeout(Some(Duration::from_millis(100))).ok()?;
    while reader.read_line(&mut String::new()).ok()? > 0 {}
    Some(())
}

struct Stage {
    listener: TcpListener,
    world: World,
    lmtp: bool,
}

impl Stage {
    fn new(lmtp: bool, patience: Duration) -> Stage {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let world = World::at(listener.local_addr().unwrap().port(), patience);
        Stage { listener, world, lmtp }
    }

    fn carry(&self, script: &[(&str, Vec<u8>)], budget: usize) -> Vec<Outcome> {
        let port = self.listener.local_addr().unwrap().port();
        let target = match self.lmtp {
            true => Target::Lmtp(Hop { host: "127.0.0.1".into(), port, tls: HopTls::Off }),
            false => direct("example.test"),
        };
        let job = job(target, &["bob@example.test", "eva@example.test"], b"Subject: hi\r\n\r\nhello\r\n");
        let script: Vec<(String, Vec<u8>)> =
            script.iter().map(|(wait, say)| ((*wait).to_owned(), say.clone())).collect();
        let listener = self.listener.try_clone().unwrap();
        let server = thread::spawn(move || {
            let script: Vec<(&str, Vec<u8>)> = script.iter().map(|(wait, say)| (wait.as_str(), say.clone())).collect();
            let (socket, _) = listener.accept().unwrap();
            let _ = serve(&socket, &script, budget);
        });
        let outcomes = block_on(timeout(Duration::from_secs(60), self.world.pool.carry(&job))).expect("it ends");
        server.join().unwrap();
        let mut ids: Vec<u64> = outcomes.iter().map(|outcome| outcome.id.0).collect();
        ids.sort_unstable();
        assert_eq!(ids, [1, 2], "one outcome for each recipient: {outcomes:?}");
        outcomes
    }
}

fn owned<'a>(script: &[(&'a str, &str)]) -> Vec<(&'a str, Vec<u8>)> {
    script.iter().map(|(wait, say)| (*wait, say.as_bytes().to_vec())).collect()
}

#[test]
fn a_server_that_closes_at_any_octet_has_taken_nothing_that_it_did_not_say() {
    for (script, lmtp) in [(&GROUPED[..], false), (&CHUNKED[..], false), (&LMTP[..], true)] {
        let script = owned(script);
        let whole: usize = script.iter().map(|(_, say)| say.len()).sum();
        let ends = script.last().unwrap().1.iter().filter(|b| **b == b'\n').count();
        for budget in 0..=whole {
            let stage = Stage::new(lmtp, Duration::from_secs(10));
            let outcomes = stage.carry(&script, budget);
            let delivered = outcomes.iter().filter(|o| matches!(o.verdict, Verdict::Delivered { .. })).count();
            let left = whole - budget;
            let expected = match (lmtp, left) {
                (_, 0) => 2,
                // The first of LMTP's two answers was whole.
                (true, 1..=15) => 1,
                _ => 0,
            };
            assert_eq!(delivered, expected, "{ends} answers, {left} octets short: {outcomes:?}");
            let later = outcomes.iter().filter(|o| matches!(o.verdict, Verdict::Later { .. })).count();
            assert_eq!(delivered + later, 2, "{outcomes:?}");
        }
    }
}

/// Steele, Lea, Flood 2014 (splitmix64): the same numbers in every run.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) % sides as u64) as usize
    }
}

fn spoiled(dice: &mut Dice, say: &str) -> Vec<u8> {
    let mut out = say.as_bytes().to_vec();
    for _ in 0..=dice.roll(3) {
        let at = dice.roll(out.len().max(1)).min(out.len());
        match dice.roll(8) {
            0 => out.insert(at, dice.roll(256) as u8),
            1 if at < out.len() => drop(out.remove(at)),
            2 if at < out.len() => out[at] = dice.roll(256) as u8,
            3 => out.splice(at..at, b"\r\n".iter().copied()).for_each(drop),
            4 => out.truncate(at),
            5 => {
                out.extend_from_slice([&b"421 bye\r\n"[..], b"250 ok\r\n", b"354 go\r\n", b"552 no\r\n"][dice.roll(4)])
            }
            6 if !out.is_empty() => out[0] = b"2345"[dice.roll(4)],
            _ => out = out.replace_first_dash(),
        }
    }
    out
}

trait Dash {
    fn replace_first_dash(self) -> Vec<u8>;
}

impl Dash for Vec<u8> {
    fn replace_first_dash(mut self) -> Vec<u8> {
        if let Some(at) = self.iter().position(|b| *b == b'-') {
            self[at] = b' ';
        }
        self
    }
}

/// Whatever it says, every recipient gets one outcome, in time, and what is kept of it is printable and bounded.
#[test]
fn a_server_that_says_anything_harms_nobody() {
    let mut dice = Dice(20_260_711);
    for round in 0..90 {
        let (script, lmtp) = [(&GROUPED[..], false), (&CHUNKED[..], false), (&LMTP[..], true)][round % 3];
        let stage = Stage::new(lmtp, Duration::from_millis(200));
        let spoil = dice.roll(script.len());
        let say = |(n, (wait, say)): (usize, &(&'static str, &'static str))| {
            (*wait, if n == spoil { spoiled(&mut Dice(round as u64), say) } else { say.as_bytes().to_vec() })
        };
        let script: Vec<(&str, Vec<u8>)> = script.iter().enumerate().map(say).collect();
        let outcomes = stage.carry(&script, usize::MAX);
        for outcome in &outcomes {
            let answer = outcome.verdict.answer();
            assert!(!answer.text.chars().any(char::is_control), "{answer:?}");
            assert!(answer.text.chars().count() <= 503, "{answer:?}");
            if let Verdict::Delivered { .. } = outcome.verdict {
                assert!((200..300).contains(&answer.code), "{answer:?}");
            }
        }
        for dialogue in stage.world.tap.newest(9) {
            assert!(dialogue.lines.iter().all(|line| !line.text.chars().any(char::is_control)), "{dialogue:?}");
        }
    }
}
