//! Places of connections and event streams: who waits makes room, who is gone leaves his at once.

use std::{
    fs,
    io::{Read, Write},
    net::TcpStream,
    thread,
    time::{Duration, Instant},
};

use crate::{
    binary::Served,
    curl::{Browser, curl},
    raw::{GET, connect, is_quiet, rest, status},
};

const PASSWORD: &str = "correct horse";

/// A connection that has had one answer and waits for its next request.
fn kept(served: &Served, host: u8) -> TcpStream {
    let mut stream = connect(served.ports.http, host);
    ask(&mut stream);
    stream
}

/// One request and its whole answer.
fn ask(stream: &mut TcpStream) {
    stream.write_all(format!("{GET}\r\n").as_bytes()).unwrap();
    let head = head(stream);
    assert!(head.starts_with("HTTP/1.1 200") && head.contains("keep-alive"), "{head}");
    let length = head.lines().find_map(|line| line.strip_prefix("Content-Length: ")).unwrap().parse().unwrap();
    stream.read_exact(&mut vec![0; length]).unwrap();
}

fn head(stream: &mut TcpStream) -> String {
    let mut head = String::new();
    let mut octet = [0];
    while !head.ends_with("\r\n\r\n") {
        stream.read_exact(&mut octet).unwrap_or_else(|error| panic!("{error} after {head:?}"));
        head.push(char::from(octet[0]));
    }
    head
}

#[test]
fn a_connection_that_only_waits_gives_its_place_to_a_new_one_the_oldest_first() {
    let served = Served::start(&[]);
    let mut all: Vec<TcpStream> = (0..8).map(|_| kept(&served, 10)).collect();
    // The first one is used once more: the second has waited longest.
    ask(&mut all[0]);
    for gone in [1, 2, 3] {
        let mut new = kept(&served, 10);
        assert_eq!(rest(&mut all[gone]), "", "the oldest of those that wait is closed");
        assert!(is_quiet(&mut new, Duration::from_millis(50)));
        ask(&mut new);
        all.push(new);
    }
    for still in [0, 4, 5, 6, 7, 8, 9, 10] {
        ask(&mut all[still]);
    }
    // Of all 64 places.
    let mut others: Vec<TcpStream> =
        (20..27).flat_map(|host| (0..8).map(move |_| host)).map(|h| kept(&served, h)).collect();
    let _newcomer = kept(&served, 99);
    assert_eq!(rest(&mut all[0]), "", "the oldest of all");
    ask(&mut others[0]);
}

#[test]
fn two_hundred_browsers_that_keep_their_connections_are_served_one_after_the_other() {
    let served = Served::start(&[]);
    let _all: Vec<TcpStream> = (0..200).map(|_| kept(&served, 10)).collect();
}

#[test]
fn silent_connections_of_eight_addresses_lock_nobody_out() {
    let served = Served::start(&[]);
    let ports = [served.ports.http, served.ports.https];
    let _silent: Vec<TcpStream> = (0..64).map(|n| connect(ports[usize::from(n) % 2], 10 + n / 8)).collect();
    let url = format!("https://{}/healthz", served.ports.https);
    thread::sleep(Duration::from_millis(3500));
    for _ in 0..12 {
        assert_eq!(curl(&[], &url).status, 200);
    }
    assert_eq!(curl(&[], &format!("http://{}/healthz", served.ports.http)).status, 200);
}

fn ticket(login: &crate::curl::Got) -> String {
    login.field("Set-Cookie").unwrap().split(';').next().unwrap().to_owned()
}

/// Opens an event stream and waits until it runs.
fn listen(served: &Served, host: u8, who: &str) -> TcpStream {
    let mut stream = connect(served.ports.http, host);
    write!(stream, "GET /api/events HTTP/1.1\r\nHost: localhost\r\n{who}\r\n\r\n").unwrap();
    let head = head(&mut stream);
    assert!(head.starts_with("HTTP/1.1 200") && head.contains("text/event-stream"), "{head}");
    let mut open = [0; 22];
    stream.read_exact(&mut open).unwrap();
    assert!(open.ends_with(b"retry: 3000\n: open"), "{:?}", String::from_utf8_lossy(&open));
    stream
}

/// Threads beside the crew that answers requests, which grows and shrinks with them; how many it has.
fn threads(served: &Served) -> (usize, usize) {
    let all = names(served);
    let crew = all.iter().filter(|name| name.trim_end() == "http").count();
    (all.len() - crew, crew)
}

fn names(served: &Served) -> Vec<String> {
    let tasks = fs::read_dir(format!("/proc/{}/task", served.pid())).unwrap();
    tasks.flatten().filter_map(|task| fs::read_to_string(task.path().join("comm")).ok()).collect()
}

#[test]
fn a_reader_of_events_who_goes_leaves_his_place_at_once_and_none_costs_a_thread() {
    let served = Served::start(&[]);
    served.say(&["admin", "add", "admin"], PASSWORD);
    let browser = Browser::new(&format!("http://{}", served.ports.http), served.dir.path(), "p");
    let who = format!("Cookie: {}", ticket(&browser.login("admin", PASSWORD)));
    let (before, _) = threads(&served);
    // Nobody writes a line in between: the places must not wait for one.
    for round in 0..4 {
        let until = Instant::now() + Duration::from_secs(3);
        let readers: Vec<TcpStream> = (0..16).map(|n| listen(&served, 10 + n / 4, &who)).collect();
        assert!(Instant::now() < until, "round {round} took longer than three seconds");
        let (others, crew) = threads(&served);
        // DESIGN section 3: at most four answer HTTP.
        assert!(others <= before && crew <= 4, "{:?}", names(&served));
        let over = browser.get("api/events");
        assert_eq!(over.status, 503, "{}", over.body);
        drop(readers);
        thread::sleep(Duration::from_millis(300));
    }
    // A look ahead begins none, and says what there would be.
    let head = curl(&["--head", "-H", &who], &format!("{}/api/events", browser.base));
    assert_eq!(
        (head.status, head.field("Content-Type"), head.field("Content-Length")),
        (200, Some("text/event-stream"), None)
    );
}

#[test]
fn a_stream_ends_whole_with_the_login_that_began_it() {
    let served = Served::start(&[]);
    served.say(&["admin", "add", "admin"], PASSWORD);
    let browser = Browser::new(&format!("http://{}", served.ports.http), served.dir.path(), "q");
    let by_cookie = format!("Cookie: {}", ticket(&browser.login("admin", PASSWORD)));
    let token = served.say(&["token", "add", "watch", "journal"], "").trim().to_owned();
    let by_token = format!("Authorization: Bearer {token}");
    let mut readers = [listen(&served, 2, &by_cookie), listen(&served, 3, &by_token)];
    assert_eq!(browser.ask("POST", "api/logout", &serde_json::json!({})).status, 200);
    served.say(&["token", "revoke", "watch"], "");
    for reader in &mut readers {
        reader.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
        let said = rest(reader);
        assert!(said.ends_with("\r\n0\r\n\r\n"), "{said:?}");
    }
    let answer = rest(&mut {
        let mut stream = connect(served.ports.http, 4);
        write!(stream, "GET /api/events HTTP/1.1\r\nHost: localhost\r\n{by_token}\r\nConnection: close\r\n\r\n")
            .unwrap();
        stream
    });
    assert_eq!(status(&answer), 401);
}

#[test]
fn a_client_that_half_closes_gets_its_answer() {
    let served = Served::start(&[]);
    let mut stream = connect(served.ports.http, 5);
    stream.write_all(format!("{GET}\r\n").as_bytes()).unwrap();
    stream.shutdown(std::net::Shutdown::Write).unwrap();
    let answer = rest(&mut stream);
    assert!(status(&answer) == 200 && answer.ends_with('\n'), "{answer}");
    let token = served.say(&["token", "add", "files", "journal"], "").trim().to_owned();
    let mut stream = connect(served.ports.http, 5);
    write!(stream, "GET /api/journal/file HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\n\r\n")
        .unwrap();
    stream.shutdown(std::net::Shutdown::Write).unwrap();
    let file = rest(&mut stream);
    assert!(file.contains("text/plain") && file.ends_with("\r\n0\r\n\r\n"), "{file}");
}

#[test]
fn a_request_that_waits_for_others_keeps_nobody_else_waiting() {
    // A name server that says nothing.
    let silent = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let served = Served::start(&[("dns.servers", &silent.local_addr().unwrap().to_string())]);
    let token = served.say(&["token", "add", "zone", "read"], "").trim().to_owned();
    let mut waiting = connect(served.ports.http, 6);
    let request = "GET /api/domains/office.test/dns HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer";
    write!(waiting, "{request} {token}\r\nConnection: close\r\n\r\n").unwrap();
    silent.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    silent.recv(&mut [0; 512]).expect("the question is under way");
    for n in 0..12 {
        let began = Instant::now();
        assert_eq!(curl(&[], &format!("http://{}/api/session", served.ports.http)).status, 401);
        assert!(began.elapsed() < Duration::from_secs(3), "the request {n} waited {:?}", began.elapsed());
    }
    assert!(is_quiet(&mut waiting, Duration::from_millis(50)), "the first one was to wait all the time");
}
