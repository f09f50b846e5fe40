//! A search in every body of a large folder leaves other sessions their turn (issue 3, point 4).
//!
//! In the suite the folder is small, and only what is said is judged. `scripts/soak-imap` runs the same with 100,000 messages
//! (GATEPOST_SOAK) and prints how long other clients waited meanwhile; the aim is 50 ms.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod common;

use std::{
    fmt::Write as _,
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpStream},
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

use common::{ANN, BOB, House};

/// Messages of the suite; more than a turn of the store looks at.
const FEW: usize = 1500;
/// Messages of one APPEND.
const BATCH: usize = 50;
/// Octets of a message's text.
const TEXT: usize = 3000;
/// Every so many messages have the word in them.
const RARE: usize = 500;

struct Client {
    input: BufReader<TcpStream>,
    tag: u32,
}

impl Client {
    fn open(at: SocketAddr, (user, password): (&str, &str)) -> Client {
        let stream = TcpStream::connect(at).unwrap();
        stream.set_nodelay(true).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(600))).unwrap();
        let mut client = Client { input: BufReader::new(stream), tag: 0 };
        assert!(client.line().starts_with("* OK"));
        client.ask(&format!("LOGIN {user} {password}"));
        client
    }

    fn line(&mut self) -> String {
        let mut line = Vec::new();
        self.input.read_until(b'\n', &mut line).unwrap();
        let text = String::from_utf8_lossy(&line).into_owned();
        assert!(text.ends_with("\r\n"), "the server went away: {text:?}");
        let literal =
            text.trim_end().strip_suffix('}').and_then(|t| t.rsplit_once('{')).and_then(|(_, n)| n.parse().ok());
        if let Some(octets) = literal {
            let mut held = vec![0; octets];
            self.input.read_exact(&mut held).unwrap();
            return text + &String::from_utf8_lossy(&held) + &self.line();
        }
        text
    }

    fn say(&mut self, octets: &[u8]) {
        self.input.get_mut().write_all(octets).unwrap();
    }

    /// The untagged answers; the command must be done.
    fn ask(&mut self, command: &str) -> Vec<String> {
        self.tag += 1;
        self.say(format!("x{} {command}\r\n", self.tag).as_bytes());
        let (done, mut said) = (format!("x{} ", self.tag), Vec::new());
        loop {
            let line = self.line();
            if let Some(rest) = line.strip_prefix(&done) {
                assert!(rest.starts_with("OK"), "{command}: {rest}");
                return said;
            }
            said.push(line);
        }
    }
}

/// A text, plain or in base64, with the word in the last line of every RARE-th.
fn message(number: usize) -> String {
    let mut text = String::new();
    while text.len() < TEXT {
        let _ = write!(text, "{number} The minutes of the meeting, as far as anybody remembers them.\r\n");
    }
    if number.is_multiple_of(RARE) {
        text.push_str("Nobody mentioned the Zeppelin\r\n");
    }
    let head =
        format!("From: Ann <ann@office.test>\r\nSubject: number {number}\r\nMessage-ID: <{number}@office.test>\r\n");
    if number.is_multiple_of(2) {
        return format!("{head}\r\n{text}");
    }
    let coded = gatepost::wire::sasl::write_challenge(text.as_bytes());
    let lines: Vec<&str> = coded.as_bytes().chunks(76).map(|line| std::str::from_utf8(line).unwrap()).collect();
    let body = lines.join("\r\n");
    format!("{head}Content-Type: text/plain; charset=koi8-r\r\nContent-Transfer-Encoding: base64\r\n\r\n{body}\r\n")
}

fn fill(client: &mut Client, messages: usize) {
    for first in (1..=messages).step_by(BATCH) {
        let mut command = String::from("APPEND INBOX");
        for number in first..(first + BATCH).min(messages + 1) {
            let text = message(number);
            let _ = write!(command, " (\\Seen) {{{}+}}\r\n{text}", text.len());
        }
        client.ask(&command);
    }
}

/// How long each FETCH took until the search was over.
fn fetch_meanwhile(client: &mut Client, messages: usize, over: &AtomicBool) -> Vec<Duration> {
    let (mut waits, mut number) = (Vec::new(), 1);
    while !over.load(Ordering::SeqCst) || waits.is_empty() {
        number = number * 7919 % messages + 1;
        let began = Instant::now();
        let said = client.ask(&format!("FETCH {number} (FLAGS ENVELOPE BODY.PEEK[])"));
        waits.push(began.elapsed());
        assert!(said[0].contains(&format!("number {number}\"")), "{}", said[0]);
        thread::sleep(Duration::from_millis(1));
    }
    waits.sort_unstable();
    waits
}

#[test]
fn a_search_in_every_body_leaves_the_others_their_turn() {
    let messages = std::env::var("GATEPOST_SOAK").map_or(FEW, |number| number.parse().unwrap());
    let house = House::start();
    let began = Instant::now();
    let mut searching = Client::open(house.ports.imap, ANN);
    fill(&mut searching, messages);
    println!("{messages} messages appended in {:.1?}", began.elapsed());
    let (mut same, mut other) = (Client::open(house.ports.imap, ANN), Client::open(house.ports.imap, BOB));
    fill(&mut other, BATCH);
    for client in [&mut searching, &mut same, &mut other] {
        client.ask("SELECT INBOX");
    }
    let over = AtomicBool::new(false);
    let (same, other) = thread::scope(|scope| {
        let same = scope.spawn(|| fetch_meanwhile(&mut same, messages, &over));
        let other = scope.spawn(|| fetch_meanwhile(&mut other, BATCH, &over));
        for (command, hits) in [
            ("SEARCH BODY zeppelin", messages / RARE),
            ("SEARCH RETURN (COUNT) TEXT \"minutes OF\"", messages),
            ("SEARCH SUBJECT \"number 77\" NOT BODY nobody-says-this", 0),
            ("SEARCH UNSEEN", 0),
        ] {
            let began = Instant::now();
            let said = searching.ask(command);
            println!("{command}: {:.1?}", began.elapsed());
            let found = said.last().unwrap().trim_end();
            match command.contains("RETURN") {
                true => assert!(found.ends_with(&format!(" COUNT {hits}")), "{command}: {found}"),
                false if hits > 0 => assert_eq!(found.split(' ').count() - 2, hits, "{command}: {found}"),
                false => assert!(found.starts_with("* SEARCH"), "{command}: {found}"),
            }
        }
        over.store(true, Ordering::SeqCst);
        (same.join().unwrap(), other.join().unwrap())
    });
    for (whose, waits) in [("the same folder", same), ("another mailbox", other)] {
        let at = |part: usize| waits[(waits.len() - 1) * part / 1000];
        println!(
            "FETCH in {whose} meanwhile: {} of them, median {:.1?}, 99 % {:.1?}, longest {:.1?} (aim: 50 ms)",
            waits.len(),
            at(500),
            at(990),
            at(1000)
        );
    }
}

/// A client that goes away ends its search, and one that says LOGOUT behind it hears both answers.
#[test]
fn a_search_ends_with_its_client_and_not_before_its_answers() {
    let house = House::start();
    let mut client = Client::open(house.ports.imap, ANN);
    fill(&mut client, FEW);
    client.ask("SELECT INBOX");
    client.say(b"s1 SEARCH BODY zeppelin\r\ns2 LOGOUT\r\n");
    client.input.get_ref().shutdown(std::net::Shutdown::Write).unwrap();
    let mut said = String::new();
    client.input.read_to_string(&mut said).unwrap();
    assert!(said.starts_with("* SEARCH 500 1000 1500\r\ns1 OK"), "{said}");
    assert!(said.contains("* BYE") && said.ends_with("s2 OK Logged out\r\n"), "{said}");
    let mut gone = Client::open(house.ports.imap, ANN);
    gone.ask("SELECT INBOX");
    gone.say(b"s3 SEARCH BODY zeppelin\r\n");
    drop(gone);
    let ended = || house.journal().iter().filter(|line| line.contains("imap(ann@office.test)")).count() == 2;
    let patience = Instant::now();
    while !ended() {
        assert!(patience.elapsed() < Duration::from_secs(30), "{:?}", house.journal());
        thread::sleep(Duration::from_millis(10));
    }
}
