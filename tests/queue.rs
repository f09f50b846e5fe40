//! Mail leaves the real program for servers that nobody here wrote: Debian's Postfix, smtp-sink, and a second one of our own.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs, dead_code)]

#[path = "faults/binary.rs"]
mod binary;
#[path = "faults/client.rs"]
mod client;
mod common;
#[path = "common/dial.rs"]
mod dial;
#[path = "queue/names.rs"]
mod names;
#[path = "queue/next_hop.rs"]
mod next_hop;
#[path = "queue/open_smtpd.rs"]
mod open_smtpd;
#[path = "common/signed.rs"]
mod signed;
#[path = "queue/sink.rs"]
mod sink;

use std::{
    collections::BTreeSet,
    io,
    net::{Ipv4Addr, SocketAddr},
    time::{Duration, Instant},
};

use binary::Served;
use client::Client;
use common::ANN;
use names::Names;
use next_hop::NextHop;
use open_smtpd::OpenSmtpd;
use signed::{Zone, Zones};
use sink::Sink;

/// Those on this machine may send anywhere; the shortest times that settings allow.
const SENDS: [(&str, &str); 5] = [
    ("smtp.relay_networks", "127.0.0.1"),
    ("queue.interval_minutes", "1"),
    ("queue.min_minutes", "1"),
    ("queue.max_minutes", "1"),
    ("queue.delay_notice_hours", "0"),
];

fn served(more: &[(&str, &str)]) -> Served {
    Served::start(&[&SENDS, more].concat())
}

fn send(to: &Served, subjects: impl IntoIterator<Item = String>, recipient: &str) {
    let mut client = greeted(to.ports.smtp).unwrap();
    for subject in subjects {
        letter(&mut client, &subject, recipient).unwrap();
    }
}

fn ask(client: &mut Client, line: &str, code: &str) -> io::Result<()> {
    client.write(format!("{line}\r\n").as_bytes())?;
    let said = client.reply()?;
    if said.starts_with(code) { Ok(()) } else { Err(io::Error::other(format!("{line}: {said}"))) }
}

fn greeted(at: SocketAddr) -> io::Result<Client> {
    let mut client = Client::plain(at)?;
    ask(&mut client, "EHLO client.office.test", "250")?;
    Ok(client)
}

fn letter(client: &mut Client, subject: &str, to: &str) -> io::Result<()> {
    ask(client, "MAIL FROM:<ann@office.test>", "250")?;
    ask(client, &format!("RCPT TO:<{to}>"), "250")?;
    ask(client, "DATA", "354")?;
    let text = format!("From: <ann@office.test>\r\nTo: <{to}>\r\nSubject: {subject}\r\n\r\n..body\r\n.");
    ask(client, &text, "250")
}

fn waits(served: &Served) -> u64 {
    served.status()["queue"].as_u64().unwrap()
}

fn wait_until(what: &str, seconds: u64, mut is_so: impl FnMut() -> bool) {
    let until = Instant::now() + Duration::from_secs(seconds);
    while !is_so() {
        assert!(Instant::now() < until, "after {seconds} s still not: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// The messages of ann's mailbox.
fn inbox(served: &Served) -> Vec<String> {
    let mut client = Client::tls(served.ports.pop3s).unwrap();
    let ask = |client: &mut Client, line: &str| {
        client.write(format!("{line}\r\n").as_bytes()).unwrap();
        let said = client.line().unwrap();
        assert!(said.starts_with("+OK"), "{line}: {said}");
        said
    };
    ask(&mut client, &format!("USER {}", ANN.0));
    ask(&mut client, &format!("PASS {}", ANN.1));
    let count: usize = ask(&mut client, "STAT").split(' ').nth(1).unwrap().parse().unwrap();
    let mut all = Vec::new();
    for n in 1..=count {
        ask(&mut client, &format!("RETR {n}"));
        let mut text = String::new();
        loop {
            match client.line().unwrap().as_str() {
                "." => break,
                line => text += &format!("{line}\r\n"),
            }
        }
        all.push(text);
    }
    all
}

/// Sends letters until all were said; those that were acknowledged. A server that dies in the middle is called again.
fn keep_sending(to: SocketAddr, all: usize) -> BTreeSet<usize> {
    let mut acknowledged = BTreeSet::new();
    let mut client = None;
    for n in 0..all {
        let mut one = || -> io::Result<()> {
            let mut open = match client.take() {
                Some(open) => open,
                None => greeted(to)?,
            };
            letter(&mut open, &format!("letter {n}"), "all@far.test")?;
            acknowledged.insert(n);
            client = Some(open);
            Ok(())
        };
        if one().is_err() {
            std::thread::sleep(Duration::from_millis(50));
        }
    }
    acknowledged
}

/// kill -9 while mail streams in and out to Postfix: none is lost; twice came only what was under way (RFC 5321 s6.1).
#[test]
fn killed_while_mail_streams_out_none_is_lost() {
    const ALL: usize = 1200;
    let hop = NextHop::start();
    let route = format!("far.test=relay:127.0.0.1:{}:off", hop.port);
    let mut served = served(&[("queue.routes", &route)]);
    let smtp = served.ports.smtp;
    let sender = std::thread::spawn(move || keep_sending(smtp, ALL));
    let mut kills = 0;
    while kills < 5 && !sender.is_finished() {
        let before = hop.count();
        wait_until("some more came", 100, || hop.count() >= before + 15 || sender.is_finished());
        served.kill_and_start();
        kills += 1;
    }
    let acknowledged = sender.join().unwrap();
    assert!(kills >= 2 && acknowledged.len() > 100, "{kills} kills, {} letters", acknowledged.len());
    // What was under way is tried again at the time that was written before: after a minute.
    wait_until("the queue is empty", 200, || waits(&served) == 0);
    wait_until("Postfix has put away what it took", 60, || hop.is_idle());
    let subjects = hop.subjects();
    let lost: Vec<_> = acknowledged.iter().filter(|n| !subjects.contains_key(&format!("letter {n}"))).collect();
    assert!(lost.is_empty(), "lost: {lost:?}; Postfix' log:\n{}", hop.log());
    let twice: usize = subjects.values().map(|times| times - 1).sum();
    assert!(twice <= kills * 20, "{twice} came twice; {kills} kills, at most 20 connections at a time");
    let one = &hop.messages()[0];
    assert!(one.contains("\n.body"), "dots are as they were: {one}");
    assert_eq!(one.matches("Return-Path:").count(), 1, "Postfix', not ours: {one}");
    println!("{kills} kills, {} letters, {twice} came twice", acknowledged.len());
}

/// What Postfix refuses for good comes back to its sender, with its words.
#[test]
fn a_refusal_comes_back_to_the_sender() {
    let hop = NextHop::start();
    let route = format!("*=relay:127.0.0.1:{}:off", hop.port);
    let served = served(&[("queue.routes", &route)]);
    send(&served, ["hello".to_owned()], "bob@elsewhere.test");
    wait_until("ann is told", 60, || !inbox(&served).is_empty());
    wait_until("the queue is empty", 20, || waits(&served) == 0);
    let notice = inbox(&served).remove(0);
    for part in ["message/delivery-status", "Action: failed", "Relay access denied", "bob@elsewhere.test"] {
        assert!(notice.contains(part), "no {part} in {notice}");
    }
}

/// To the world by MX: the names are asked at a server of the test, the mail goes to port 25 of an address of loopback.
#[test]
fn a_domains_own_servers_are_found_and_used() {
    let at = Ipv4Addr::new(127, 0, 0, 77);
    let sink = Sink::start(at);
    let names = Names::serve(&[("world.test", "mx.world.test", at)]);
    let served = served(&[("dns.servers", &names.at.to_string())]);
    send(&served, (0..30).map(|n| format!("letter {n}")), "bob@world.test");
    // On a busy machine a name may be late; then it is asked again after a minute.
    wait_until("all are there", 150, || sink.count() >= 30);
    wait_until("the queue is empty", 20, || waits(&served) == 0);
    // A domain that does not exist is told at once.
    send(&served, ["void".to_owned()], "bob@nowhere.test");
    wait_until("ann is told", 60, || inbox(&served).iter().any(|text| text.contains("bob@nowhere.test")));
}

/// Bodies that a server may spoil, with LF for line ends.
fn shape(n: usize) -> Vec<u8> {
    match n % 5 {
        0 => "\u{43f}\u{440}\u{438}\u{432}\u{435}\u{442}! Gr\u{fc}\u{df}e\n\u{1f4e8}\n".as_bytes().to_vec(),
        // RFC 5321 s4.5.3.1.6: 1000 octets with CRLF.
        1 => [b"x".repeat(998), b"\n\n".to_vec(), b".".repeat(998), b"\n".to_vec()].concat(),
        2 => b".\n..\n...\n.From here\n\n.\nFrom there\n\n\n".to_vec(),
        3 if n == 3 => (0..5_000_000 / 50).flat_map(|line| format!("{line:049}\n").into_bytes()).collect(),
        3 => vec![b'\n'],
        _ => [&[0xff, 0xfe, 0x80, b'\t'][..], b" end \n".repeat(n).as_slice()].concat(),
    }
}

/// One message over our own SMTP server.
fn send_shape(client: &mut Client, n: usize, recipients: &[&str]) {
    ask(client, "MAIL FROM:<ann@office.test> BODY=8BITMIME", "250").unwrap();
    for name in recipients {
        ask(client, &format!("RCPT TO:<{name}@world.test>"), "250").unwrap();
    }
    ask(client, "DATA", "354").unwrap();
    let head = "From: <ann@office.test>\nContent-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: 8bit\n";
    let text = [format!("{head}Subject: letter {n}\n\n").into_bytes(), shape(n)].concat();
    let mut wire = Vec::with_capacity(text.len() + text.len() / 10);
    for line in text.split_inclusive(|octet| *octet == b'\n') {
        wire.extend(line.starts_with(b".").then_some(b'.'));
        wire.extend(line.strip_suffix(b"\n").unwrap());
        wire.extend(b"\r\n");
    }
    client.write(&wire).unwrap();
    ask(client, ".", "250").unwrap();
}

/// The number in the subject, and the body.
fn letter_of(message: &[u8]) -> (usize, Vec<u8>) {
    let end = message.windows(2).position(|two| two == b"\n\n").unwrap();
    let head = String::from_utf8_lossy(&message[..end]).into_owned();
    let number = head.lines().find_map(|line| line.strip_prefix("Subject: letter ")?.parse().ok());
    (number.unwrap_or_else(|| panic!("{head}")), message[end + 2..].to_vec())
}

/// OpenSMTPD, found by signed names: fifty letters of every shape, whole, once. Debian's offers STARTTLS, and breaks every handshake
/// off (it was not ported to OpenSSL 3: its issues 1171 and 1239); such a server must be spoken to without.
#[test]
fn opensmtpd_takes_every_shape_of_letter_although_its_tls_fails() {
    let at = Ipv4Addr::new(127, 0, 0, 78);
    let there = OpenSmtpd::start(at);
    let ns = "ns.test. IN A 127.0.0.1\n";
    let host = "world.test. IN MX 10 mx.world.test.\nmx.world.test. IN A 127.0.0.78\n";
    let zones = Zones::serve(&[Zone::signed(".", ns.to_owned()), Zone::signed("test.", ns.to_owned() + host)]);
    let served = served(&[
        ("dns.servers", &zones.at.to_string()),
        ("dns.anchors", zones.keys(".")[0].split(';').next().unwrap()),
    ]);
    let mut client = greeted(served.ports.smtp).unwrap();
    for n in 0..50 {
        let recipients: &[&str] = match n {
            7 => &["bob", "ned", "eva"],
            _ if n % 3 == 0 => &["bob", "eva", "zoe"],
            _ => &["bob"],
        };
        send_shape(&mut client, n, recipients);
    }
    // On a busy machine a name may be late; then it is asked again after a minute.
    wait_until("the queue is empty", 150, || waits(&served) == 0);
    for (name, all) in [("bob", 50), ("eva", 18), ("zoe", 17)] {
        wait_until("OpenSMTPD has put away what it took", 60, || there.messages(name).len() >= all);
        let letters: Vec<_> = there.messages(name).iter().map(|message| letter_of(message)).collect();
        let numbers: BTreeSet<usize> = letters.iter().map(|(n, _)| *n).collect();
        assert_eq!((letters.len(), numbers.len()), (all, all), "{name} got one twice: {}", there.log());
        for (n, body) in letters {
            assert!(body == shape(n), "letter {n} of {name} is not whole");
        }
    }
    wait_until("ann is told", 60, || !inbox(&served).is_empty());
    let notice = inbox(&served).remove(0);
    for part in ["message/delivery-status", "Action: failed", "ned@world.test", "Invalid recipient: <ned@world.test>"] {
        assert!(notice.contains(part), "no {part} in {notice}");
    }
    assert_eq!(inbox(&served).len(), 1);
    for told in ["SSL_connect error to mx.world.test[127.0.0.78]:25: ", "the name servers let signatures through"] {
        let journal = served.say(&["journal", "--day", "today", "--search", told], "");
        assert!(journal.contains(told), "{told}: {journal}");
    }
}

/// A domain that we become the server of while mail for it waits, for instance because the old server was switched off before.
#[test]
fn mail_for_a_domain_that_becomes_ours_comes_home() {
    let route = format!("new.test=relay:127.0.0.1:{}:off", common::free_port());
    let mut served = served(&[("queue.routes", &route)]);
    let mut client = greeted(served.ports.smtp).unwrap();
    for line in ["MAIL FROM:<ann@office.test>", "RCPT TO:<bob@new.test>", "RCPT TO:<nobody@new.test>"] {
        ask(&mut client, line, "250").unwrap();
    }
    ask(&mut client, "DATA", "354").unwrap();
    ask(&mut client, "From: <ann@office.test>\r\nSubject: moved\r\n\r\nbody\r\n.", "250").unwrap();
    wait_until("both were tried", 60, || {
        let list = served.say(&["queue", "list", "--is", "deferred", "--json"], "");
        let list: serde_json::Value = serde_json::from_str(&list).unwrap();
        list["rows"].as_array().unwrap().iter().filter(|row| !row["last"].is_null()).count() == 2
    });
    assert!(inbox(&served).is_empty());
    served.say(&["domain", "add", "new.test"], "");
    served.say(&["alias", "add", "bob@new.test", ANN.0], "");
    served.say(&["queue", "send", "--all"], "");
    wait_until("both rows are gone", 60, || waits(&served) == 0);
    served.kill_and_start();
    assert_eq!(waits(&served), 0);
    // The letter for bob, once; and what became of the other.
    let all = inbox(&served);
    let letters: Vec<_> = all.iter().filter(|text| text.starts_with("Return-Path: <ann@office.test>")).collect();
    assert_eq!((all.len(), letters.len()), (2, 1), "{all:#?}");
    assert!(letters[0].contains("Subject: moved") && letters[0].matches("Return-Path:").count() == 1, "{all:#?}");
    let notice = all.iter().find(|text| text.contains("Action: failed")).unwrap();
    assert!(
        notice.contains("Final-Recipient: rfc822; nobody@new.test") && notice.contains("Status: 5.1.1"),
        "{notice}"
    );
}

/// A relay that wants TLS and a login: a second one of ours.
#[test]
fn a_second_gatepost_takes_mail_over_tls_with_a_login() {
    let second = Served::start(&[("smtp.server_name", "relay.far.test")]);
    second.say(&["domain", "add", "far.test"], "");
    let port = second.ports.submission.port().to_string();
    let served = served(&[
        ("relay.host", "127.0.0.1"),
        ("relay.port", &port),
        ("relay.tls", "required"),
        ("relay.auth", "on"),
        ("relay.login", ANN.0),
        ("relay.password", ANN.1),
    ]);
    second.say(&["alias", "add", "bob@far.test", ANN.0], "");
    send(&served, ["over tls".to_owned()], "bob@far.test");
    wait_until("it is there", 60, || !inbox(&second).is_empty());
    let text = inbox(&second).remove(0);
    assert!(text.contains("with ESMTPSA") && text.contains("Subject: over tls"), "{text}");
    wait_until("the queue is empty", 20, || waits(&served) == 0);
    let shown = served.say(&["settings", "get", "relay.password"], "");
    assert_eq!(shown.trim(), "********", "a password is never shown");
}
