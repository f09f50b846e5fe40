//! What strangers send: smuggled requests, heads that drip, bombs, crowds.

use std::{
    io::Write,
    net::{Ipv4Addr, TcpStream},
    thread,
    time::{Duration, Instant},
};

use crate::{
    binary::Served,
    curl::curl,
    dial::{dial, tls},
    raw::{GET, answers, connect, is_quiet, raw, rest, status},
};

#[test]
fn what_two_readers_could_understand_differently_is_refused_and_ends_the_connection() {
    let served = Served::start(&[]);
    let inner = "GET /api/session HTTP/1.1\r\nHost: localhost\r\n\r\n";
    let long = format!("{GET}X: {}\r\n\r\n", "a".repeat(16 * 1024));
    let many = format!("{GET}{}\r\n", "A: b\r\n".repeat(101));
    let post = |heads: &str, body: &str| {
        format!("POST /api/login HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n{heads}\r\n{body}")
    };
    for (bytes, want) in [
        (post("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n"), 400),
        (post("Transfer-Encoding: chunked\r\n", "0\r\n\r\n"), 411),
        (post("Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n", "0\r\n\r\n"), 411),
        (post("Transfer-Encoding: xchunked\r\nContent-Length: 0\r\n", ""), 400),
        (post("Content-Length: 0\r\nContent-Length: 60\r\n", ""), 400),
        (post("Content-Length: 0, 60\r\n", ""), 400),
        (post("Content-Length: +0\r\n", ""), 400),
        (post("Content-Length : 0\r\n", ""), 400),
        (post("Content-Length: 0\r\n folded\r\n", ""), 400),
        (post("Content-Length: 0\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n", ""), 400),
        (post("Content-Length: 0\r\nTE: trailers\r\n", ""), 400),
        (post("Content-Length: 2000000\r\n", ""), 413),
        (post("Content-Length: 0\r\nExpect: 200-ok\r\n", ""), 417),
        ("GET / HTTP/1.1\nHost: localhost\n\n".to_owned(), 400),
        ("GET / HTTP/1.1\r\nHost: localhost\n\r\n".to_owned(), 400),
        ("GET / HTTP/1.1\r\nHost: localhost\r\nX: a\rb\r\n\r\n".to_owned(), 400),
        ("GET / HTTP/1.1\r\nHost: localhost\r\nX: a\0b\r\n\r\n".to_owned(), 400),
        ("GET / HTTP/1.0\r\nHost: localhost\r\n\r\n".to_owned(), 505),
        ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_owned(), 505),
        ("GET  / HTTP/1.1\r\nHost: localhost\r\n\r\n".to_owned(), 400),
        ("GET /\r\n\r\n".to_owned(), 400),
        ("GET / HTTP/1.1\r\n\r\n".to_owned(), 400),
        ("GET / HTTP/1.1\r\nHost: localhost\r\nHost: localhost\r\n\r\n".to_owned(), 400),
        ("GET / HTTP/1.1\r\nHost: rebound.evil.test\r\n\r\n".to_owned(), 421),
        ("PATCH / HTTP/1.1\r\nHost: localhost\r\n\r\n".to_owned(), 405),
        ("TRACE / HTTP/1.1\r\nHost: localhost\r\n\r\n".to_owned(), 405),
        ("\x16\x03\x01\x02\x00".to_owned(), 400),
        (long, 431),
        (many, 431),
    ] {
        let answer = raw(served.ports.http, format!("{bytes}{inner}").as_bytes());
        assert_eq!(status(&answer), want, "{bytes:?}: {answer}");
        assert_eq!(answers(&answer), 1, "what stood behind it was answered: {bytes:?}: {answer}");
        assert!(answer.contains("Connection: close"), "{answer}");
    }
    let journal = served.say(&["journal"], "");
    assert!(journal.contains("http: a request from 127.0.1.1 was refused"), "{journal}");
    assert!(journal.matches("was refused").count() < 5, "a scanner must not fill the journal: {journal}");
}

#[test]
fn a_body_is_a_body_and_requests_in_a_row_are_answered_in_order() {
    let served = Served::start(&[]);
    let inner = "DELETE /api/domains/office.test HTTP/1.1\r\nHost: localhost\r\nX-Gatepost-Uid: 0\r\n\r\n";
    let heads = "Host: localhost\r\nOrigin: http://localhost\r\nContent-Type: application/json\r\nX-Gatepost-Uid: 0\r\nX-Gatepost-User: root\r\n";
    let outer = format!("POST /api/login HTTP/1.1\r\n{heads}Content-Length: {}\r\n\r\n{inner}", inner.len());
    let answer = raw(served.ports.http, format!("{outer}\r\n{GET}\r\n{GET}Connection: close\r\n\r\n").as_bytes());
    assert_eq!(answers(&answer), 3, "{answer}");
    let all: Vec<u16> = answer.match_indices("HTTP/1.1 ").map(|(at, _)| status(&answer[at..])).collect();
    assert_eq!(all, [400, 200, 200], "{answer}");
    assert!(served.say(&["domain", "list"], "").contains("office.test"));
    let uid = format!("GET /api/domains HTTP/1.1\r\n{heads}Connection: close\r\n\r\n");
    assert_eq!(status(&raw(served.ports.http, uid.as_bytes())), 401, "a stranger says that he is root");
}

#[test]
fn nobody_comes_in_by_the_inner_socket() {
    use std::{io::Read, os::unix::net::UnixStream};
    let served = Served::start(&[]);
    let mut stream = UnixStream::connect(served.state().join("http.sock")).unwrap();
    let request = "GET /api/domains HTTP/1.1\r\nHost: gatepost\r\nX-Gatepost-Uid: 0\r\nX-Gatepost-Gate: guess\r\nConnection: close\r\n\r\n";
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert_eq!(status(&answer), 403, "{answer}");
}

#[test]
fn a_head_that_drips_is_ended_after_ten_seconds_and_nobody_waits_for_it() {
    let served = Served::start(&[]);
    let began = Instant::now();
    let mut silent = connect(served.ports.http, 2);
    let mut dripping: Vec<TcpStream> = (0..7).map(|_| connect(served.ports.http, 2)).collect();
    for stream in &mut dripping {
        stream.write_all(b"GET / HTTP/1.1\r\nX: ").unwrap();
    }
    let url = format!("http://{}/healthz", served.ports.http);
    while began.elapsed() < Duration::from_secs(8) {
        let at = Instant::now();
        assert_eq!(curl(&[], &url).status, 200);
        assert!(at.elapsed() < Duration::from_secs(5), "{:?}", at.elapsed());
        dripping.iter_mut().for_each(|stream| stream.write_all(b"a").unwrap());
        thread::sleep(Duration::from_millis(500));
    }
    assert_eq!(rest(&mut silent), "", "who said nothing hears nothing");
    for stream in &mut dripping {
        assert_eq!(status(&rest(stream)), 408);
    }
    let took = began.elapsed();
    assert!(took > Duration::from_secs(9) && took < Duration::from_secs(20), "{took:?}");
    // A body that does not come holds no thread of the administration either.
    let mut half = connect(served.ports.http, 3);
    let head = "POST /api/login HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n{";
    half.write_all(head.as_bytes()).unwrap();
    assert_eq!(curl(&[], &url).status, 200);
    assert!(is_quiet(&mut half, Duration::from_secs(1)));
}

/// A request whose body does not come: its connection is busy.
const HALF: &str =
    "POST /api/login HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 99\r\n\r\n{";

#[test]
fn an_address_has_eight_places_and_all_together_have_sixty_four() {
    let served = Served::start(&[]);
    let mut held = Vec::new();
    for host in 10..18 {
        for _ in 0..8 {
            let mut stream = connect(served.ports.http, host);
            stream.write_all(HALF.as_bytes()).unwrap();
            held.push(stream);
        }
        // They have said something before anybody else comes.
        thread::sleep(Duration::from_millis(300));
        let over = rest(&mut connect(served.ports.http, host));
        assert_eq!(status(&over), 503, "{over}");
        assert!(over.contains("Retry-After"), "{over}");
    }
    assert_eq!(status(&rest(&mut connect(served.ports.http, 99))), 503);
    held.truncate(60);
    // The places come back when the server has seen the ends.
    let until = Instant::now() + Duration::from_secs(10);
    loop {
        let answer = raw(served.ports.http, format!("{GET}Connection: close\r\n\r\n").as_bytes());
        if status(&answer) == 200 {
            break;
        }
        assert!(Instant::now() < until, "{answer}");
        thread::sleep(Duration::from_millis(50));
    }
    // Mail is not touched by any of this.
    assert!(TcpStream::connect(served.ports.smtp).is_ok());
}

/// Sends one header line of this many octets, or as much of it as the server takes.
fn endless_line(mut stream: impl Write, octets: usize) -> usize {
    let piece = vec![b'a'; 64 * 1024];
    let mut sent = 0;
    if stream.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\nX: ").is_err() {
        return 0;
    }
    while sent < octets {
        match stream.write(&piece) {
            Ok(0) | Err(_) => break,
            Ok(n) => sent += n,
        }
    }
    sent
}

#[test]
fn five_hundred_idle_connections_and_a_header_line_of_150_mb_cost_less_than_2_mb() {
    let served = Served::start(&[]);
    // What a first client costs once: the page packed, a handshake, a thread's stack.
    let urls = [format!("http://{}", served.ports.http), format!("https://{}", served.ports.https)];
    for _ in 0..3 {
        for url in &urls {
            for path in ["", "/healthz", "/style.css", "/api/session"] {
                curl(&["--compressed"], &format!("{url}{path}"));
            }
        }
        assert_eq!(status(&raw(served.ports.http, format!("{GET}X: {}\r\n\r\n", "a".repeat(20_000)).as_bytes())), 431);
    }
    let before = served.memory("VmRSS");
    // Half of them over TLS, the handshake made where there is a place; from 125 addresses, so that all 64 places are taken.
    let mut idle = Vec::new();
    let mut shaken = Vec::new();
    for n in 0..500u16 {
        let from = Ipv4Addr::new(127, 0, 2, 1 + (n / 4) as u8);
        if n % 2 == 0 {
            idle.push(dial(from, served.ports.http).unwrap());
            continue;
        }
        let mut stream = tls(dial(from, served.ports.https).unwrap());
        let _ = stream.conn.complete_io(&mut stream.sock);
        shaken.push(stream);
    }
    let with_idle = served.memory("VmRSS");
    drop((idle, shaken));
    thread::sleep(Duration::from_millis(500));
    let mut sent = Vec::new();
    for host in 1..=4 {
        sent.push(endless_line(connect(served.ports.http, host), 150_000_000));
        sent.push(endless_line(tls(connect(served.ports.https, host)), 150_000_000));
    }
    let (now, peak) = (served.memory("VmRSS"), served.memory("VmHWM"));
    println!(
        "500 idle HTTP connections (250 over TLS): RSS {before} KiB before, {with_idle} KiB with them; then eight header lines of \
         150 MB (taken: {} KiB at most): {now} KiB, {peak} KiB at most (debug build)",
        sent.iter().max().unwrap() / 1024
    );
    assert!(sent.iter().all(|sent| *sent < 150_000_000), "a line was taken whole: {sent:?}");
    assert!(peak.saturating_sub(before) < 2048, "{} KiB more", peak.saturating_sub(before));
    assert_eq!(curl(&[], &format!("{}/healthz", urls[0])).status, 200);
}
