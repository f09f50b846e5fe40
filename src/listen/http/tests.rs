//! The front before a tiny_http that stalls, breaks off, lies or streams.

use std::{
    fs,
    future::Future,
    io::{Read, Write},
    os::unix::net::{UnixListener, UnixStream},
    path::PathBuf,
    pin::Pin,
    sync::{Arc, Mutex},
    thread,
    time::{Duration, Instant},
};

use super::*;
use crate::{
    admin::{Events, gate},
    rt::{Executor, SystemClock},
};

const PATIENCE: Duration = Duration::from_millis(400);

/// A front with a door of its own, and somebody in tiny_http's place.
struct House {
    dir: PathBuf,
    /// Heads that came through.
    heard: Arc<Mutex<Vec<String>>>,
    stop: Stop,
    _executor: Executor,
    _local: Local,
}

/// What is done with a connection whose head was read.
type Inner = fn(UnixStream, &Gate);

impl House {
    fn new(name: &str, inner: Option<Inner>) -> Self {
        let dir = std::env::temp_dir().join(format!("gatepost-front-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&dir);
        fs::create_dir_all(&dir).unwrap();
        let gate = Gate::new(&dir).unwrap();
        let heard = Arc::<Mutex<Vec<String>>>::default();
        if let Some(inner) = inner {
            let (listener, heard, gate) = (UnixListener::bind(&gate.socket).unwrap(), heard.clone(), gate.clone());
            thread::spawn(move || {
                for stream in listener.incoming() {
                    let (mut stream, heard, gate) = (stream.unwrap(), heard.clone(), gate.clone());
                    thread::spawn(move || {
                        heard.lock().unwrap().push(head(&mut stream));
                        inner(stream, &gate);
                    });
                }
            });
        }
        let clock = Arc::new(SystemClock::start());
        let (stop, executor) = (Stop::default(), Executor::start(2).unwrap());
        let front = Front::new(FrontMeans {
            settings: Shared::new(Settings::default()),
            gate,
            journal: Journal::new(clock.clone()),
            clock,
            stop: stop.clone(),
            patience: Patience { net: PATIENCE, local: PATIENCE },
        });
        let local = Local::open(dir.join("admin.sock"), front, &executor).unwrap();
        House { dir, heard, stop, _executor: executor, _local: local }
    }

    fn connect(&self) -> UnixStream {
        let stream = UnixStream::connect(self.dir.join("admin.sock")).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        stream
    }

    fn ask(&self, request: &str) -> UnixStream {
        let mut stream = self.connect();
        stream.write_all(request.as_bytes()).unwrap();
        stream
    }

    fn status(&self) -> String {
        let head = head(&mut self.ask(GET));
        head.split(' ').nth(1).unwrap_or_default().to_owned()
    }
}

impl Drop for House {
    fn drop(&mut self) {
        self.stop.set();
        let _ = fs::remove_dir_all(&self.dir);
    }
}

const GET: &str = "GET /x HTTP/1.1\r\nHost: gatepost\r\nX-Gatepost-Gate: guess\r\nX-Gatepost-Peer: 1.2.3.4\r\n\r\n";

/// Octets up to and with an empty line, or all there are.
fn head(stream: &mut UnixStream) -> String {
    let mut text = Vec::new();
    let mut octet = [0];
    while !text.ends_with(b"\r\n\r\n") && stream.read(&mut octet).unwrap_or(0) == 1 {
        text.push(octet[0]);
    }
    String::from_utf8(text).unwrap()
}

fn good(mut stream: UnixStream, _: &Gate) {
    let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nServer: x\r\nContent-Length: 2\r\n\r\nok");
}

#[test]
fn who_is_not_there_breaks_off_or_lies_costs_one_request() {
    let lies: [(&str, Option<Inner>); 5] = [
        ("absent", None),
        ("gone", Some(|stream, _| drop(stream))),
        ("noise", Some(|mut stream, _| drop(stream.write_all(b"SSH-2.0\r\n\r\n")))),
        ("short", Some(|mut stream, _| drop(stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok")))),
        ("endless", Some(|mut stream, _| while stream.write_all(&[b'a'; 4096]).is_ok() {})),
    ];
    for (name, inner) in lies {
        assert_eq!(House::new(name, inner).status(), "502", "{name}");
    }
}

#[test]
fn who_stalls_costs_one_request_and_its_turn_comes_back() {
    let house = House::new(
        "stall",
        Some(|stream, _| {
            thread::sleep(PATIENCE * 2);
            drop(stream);
        }),
    );
    let began = Instant::now();
    let waiting: Vec<UnixStream> = (0..limits::HTTP_TURNS * 2).map(|_| house.ask(GET)).collect();
    for mut stream in waiting {
        assert!(head(&mut stream).starts_with("HTTP/1.1 504"));
    }
    assert!(began.elapsed() < PATIENCE * 10, "{:?}", began.elapsed());
}

#[test]
fn a_good_answer_goes_through_and_the_connection_is_kept() {
    let house = House::new("good", Some(good));
    let mut stream = house.ask(&format!("{GET}{GET}"));
    for _ in 0..2 {
        assert_eq!(head(&mut stream), "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: keep-alive\r\n\r\n");
        let mut body = [0; 2];
        stream.read_exact(&mut body).unwrap();
        assert_eq!(&body, b"ok");
    }
    let heard = house.heard.lock().unwrap();
    assert_eq!(heard.len(), 2);
    assert!(!heard[0].contains("guess") && !heard[0].contains("1.2.3.4"), "{}", heard[0]);
    assert!(heard[0].contains("X-Gatepost-Uid: ") && heard[0].contains("Connection: close"), "{}", heard[0]);
}

/// Five seconds of events.
struct Ticks(u32);

impl Events for Ticks {
    fn next(&mut self) -> Pin<Box<dyn Future<Output = Option<Vec<u8>>> + Send + '_>> {
        Box::pin(async {
            smol::Timer::after(Duration::from_millis(100)).await;
            self.0 += 1;
            (self.0 <= 50).then(|| b"tick\n".to_vec())
        })
    }
}

fn ticks(mut stream: UnixStream, gate: &Gate) {
    let number = gate.leave(Box::new(Ticks(0)));
    let head = format!("HTTP/1.1 200 OK\r\n{}: {number}\r\nContent-Length: 0\r\n\r\n", gate::EVENTS);
    let _ = stream.write_all(head.as_bytes());
}

#[test]
fn an_event_goes_on_at_once_and_a_stream_ends_whole() {
    let house = House::new("events", Some(ticks));
    let began = Instant::now();
    let mut streams: Vec<UnixStream> = (0..limits::API_STREAMS).map(|_| house.ask(GET)).collect();
    for stream in &mut streams {
        let head = head(stream);
        assert!(head.contains("Transfer-Encoding: chunked\r\n") && !head.contains(gate::EVENTS), "{head}");
        let mut tick = [0; 10];
        stream.read_exact(&mut tick).unwrap();
        assert_eq!(&tick, b"5\r\ntick\n\r\n");
    }
    assert!(began.elapsed() < Duration::from_secs(4), "they were held back: {:?}", began.elapsed());
    house.stop.set();
    for stream in &mut streams {
        let mut rest = String::new();
        stream.read_to_string(&mut rest).unwrap();
        assert!(rest.ends_with("0\r\n\r\n"), "{rest:?}");
    }
    assert!(began.elapsed() < Duration::from_secs(5), "a stop ends streams");
}

#[test]
fn a_stream_that_was_fetched_already_or_never_left_is_no_stream() {
    let house = House::new(
        "lost",
        Some(|mut stream, _| {
            let head = format!("HTTP/1.1 200 OK\r\n{}: 7\r\nContent-Length: 0\r\n\r\n", gate::EVENTS);
            let _ = stream.write_all(head.as_bytes());
        }),
    );
    assert_eq!(house.status(), "502");
}

#[test]
fn a_download_goes_on_for_a_client_that_half_closes_and_its_place_comes_back() {
    let house = House::new(
        "download",
        Some(|mut stream, _| {
            // The first piece comes with the head.
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\npart\n\r\n");
            for _ in 0..9 {
                thread::sleep(Duration::from_millis(100));
                if stream.write_all(b"5\r\npart\n\r\n").is_err() {
                    return;
                }
            }
            let _ = stream.write_all(b"0\r\n\r\n");
        }),
    );
    let mut all: Vec<UnixStream> = (0..limits::API_DOWNLOADS).map(|_| house.ask(GET)).collect();
    for stream in &mut all {
        assert!(head(stream).starts_with("HTTP/1.1 200"));
        stream.shutdown(std::net::Shutdown::Write).unwrap();
    }
    assert_eq!(house.status(), "503", "one too many");
    drop(all.pop());
    let until = Instant::now() + Duration::from_secs(5);
    while house.status() != "200" {
        assert!(Instant::now() < until, "the place of a reader who went does not come back");
        thread::sleep(Duration::from_millis(50));
    }
    let mut rest = String::new();
    all[0].read_to_string(&mut rest).unwrap();
    assert_eq!((rest.matches("part").count(), rest.ends_with("0\r\n\r\n")), (10, true), "{rest:?}");
}

#[test]
fn an_answer_without_a_body_says_no_length_that_is_not_so() {
    let house = House::new(
        "head",
        Some(|mut stream, _| drop(stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"))),
    );
    let mut stream = house.ask(&GET.replace("GET", "HEAD"));
    assert_eq!(head(&mut stream), "HTTP/1.1 200 OK\r\nConnection: keep-alive\r\n\r\n");
}
