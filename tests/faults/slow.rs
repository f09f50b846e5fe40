//! Five hundred connections that drip, stall or lie, and one honest client beside them.

use std::{
    io::Write,
    net::{Ipv4Addr, SocketAddr, TcpStream},
    time::{Duration, Instant},
};

use crate::{
    binary::Served,
    client::{self, Client},
    common::ANN,
    dial::dial,
    mail::{message, number_of},
};

/// What a slow connection says at once, and then octet by octet.
struct Drip {
    stream: TcpStream,
    rest: &'static [u8],
    at: usize,
}

/// Half a ClientHello: record header, handshake header, version.
const HALF_HELLO: &[u8] = &[0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3];

fn kinds(served: &Served) -> Vec<(SocketAddr, Vec<u8>, &'static [u8])> {
    let ports = served.ports;
    let half_data =
        format!("EHLO s.test\r\nMAIL FROM:<s@far.test>\r\nRCPT TO:<{}>\r\nDATA\r\nSubject: s\r\n\r\n", ANN.0);
    let half_chunk = format!("EHLO s.test\r\nMAIL FROM:<s@far.test>\r\nRCPT TO:<{}>\r\nBDAT 100000 LAST\r\n", ANN.0);
    vec![
        (ports.smtp, Vec::new(), b"EHLO slowly.but.surely.test\r\nMAIL FROM:<"),
        (ports.smtp, b"EHLO s.test\r\nMAIL FR".to_vec(), b"OM:<a.very.long.local.part@far.test> SIZE="),
        (ports.smtp, half_data.into_bytes(), b"one octet a second of a message without end\r\n"),
        (ports.smtp, half_chunk.into_bytes(), b"one octet a second of a chunk without end"),
        (ports.submission, b"EHLO s.test\r\nAUTH PLAIN\r\n".to_vec(), b"AGFubkBvZmZpY2UudGVzdABhbm4tcGFzcy0x"),
        (ports.pop3, Vec::new(), b"USER ann@office.test and what not, and more"),
        (ports.pop3, b"STLS\r\n".to_vec(), HALF_HELLO),
        (ports.smtps, HALF_HELLO.to_vec(), &[0; 40]),
        (ports.pop3s, Vec::new(), HALF_HELLO),
        (ports.pop3s, HALF_HELLO.to_vec(), &[]),
    ]
}

/// 100 connections from each of five addresses.
fn crowd(served: &Served) -> Vec<Drip> {
    let kinds = kinds(served);
    let one = |n: usize| {
        let (to, at_once, rest) = &kinds[n % kinds.len()];
        let mut stream = dial(Ipv4Addr::new(127, 0, 0, 2 + (n / 100) as u8), *to).unwrap();
        stream.write_all(at_once).unwrap();
        Drip { stream, rest, at: 0 }
    };
    (0..500).map(one).collect()
}

/// The longest of `times` turns of sending and fetching, each alone.
fn turns(served: &Served, first: u64, times: u64) -> (Duration, Duration) {
    let (mut sending, mut fetching) = (Duration::ZERO, Duration::ZERO);
    for n in first..first + times {
        let began = Instant::now();
        let said = client::smtp(served.ports.smtp).unwrap().send(ANN.0, &message(n, 4000)).unwrap();
        assert!(said.starts_with("250"), "{said}");
        sending = sending.max(began.elapsed());
        let began = Instant::now();
        let mut pop3 = Client::tls(served.ports.pop3s).unwrap();
        assert!(pop3.login(ANN).unwrap().starts_with("+OK"));
        let last = pop3.count();
        assert_eq!(number_of(&pop3.retr(last).unwrap()), n);
        assert!(pop3.ask("QUIT").unwrap().starts_with("+OK"));
        fetching = fetching.max(began.elapsed());
    }
    (sending, fetching)
}

#[test]
fn five_hundred_slow_connections_do_not_keep_a_client_waiting() {
    let served = Served::start(&[]);
    let before = served.memory("VmRSS");
    turns(&served, 0, 2);
    let mut crowd = crowd(&served);
    let (mut worst, mut number, mut gone) = ((Duration::ZERO, Duration::ZERO), 10, Vec::new());
    // A first octet of TLS that comes in one piece with STLS is rightly thrown away.
    std::thread::sleep(Duration::from_secs(1));
    for _ in 0..6 {
        let second = Instant::now();
        for (n, drip) in crowd.iter_mut().enumerate() {
            if let Some(octet) = drip.rest.get(drip.at) {
                drip.at += 1;
                if let Err(error) = drip.stream.write_all(&[*octet]) {
                    gone.push((n, error));
                }
            }
        }
        let now = turns(&served, number, 1);
        number += 1;
        worst = (worst.0.max(now.0), worst.1.max(now.1));
        std::thread::sleep(Duration::from_secs(1).saturating_sub(second.elapsed()));
    }
    let status = served.status();
    let files = status["process"]["files"].as_u64().unwrap();
    assert!(files >= 500, "they are really there: {files} files open, {gone:?}");
    assert!(gone.is_empty(), "{gone:?} {}", served.say(&["journal"], ""));
    let (now, peak) = (served.memory("VmRSS"), served.memory("VmHWM"));
    println!(
        "500 slow connections: a message is sent in {:?} and fetched over TLS in {:?} at worst; RSS {before} KiB before, \
         {now} KiB now, {peak} KiB at most (debug build)",
        worst.0, worst.1,
    );
    // Within a second; three, because builds share the machine.
    assert!(worst.0 < Duration::from_secs(3) && worst.1 < Duration::from_secs(3), "{worst:?}");
    assert!(peak < 48 * 1024, "{peak} KiB");
}
