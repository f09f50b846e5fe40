//! Ports over loopback: accepting, permits, panics, certificates that change, ports that are taken and freed.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    process::Command,
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use smol::block_on;

use super::*;
use crate::{
    journal::Journal,
    net::{Identity, Tickets},
    rt::{Board, Executor, Light, Stop, SystemClock, Worker},
    types::UnixTime,
};

const SOON: Duration = Duration::from_secs(10);

struct House {
    listeners: Listeners,
    journal: Journal,
    board: Board,
    stop: Stop,
}

impl House {
    fn new() -> Self {
        Self::looking(Arc::new(bind::interfaces))
    }

    fn looking(look: listeners::Look) -> Self {
        let stop = Stop::default();
        let (clock, board) = (Arc::new(SystemClock::start()), Board::default());
        let journal = Journal::new(clock.clone());
        let means = Means {
            executor: Executor::start(2).unwrap(),
            worker: Worker::start("read", 1, 4).unwrap(),
            journal: journal.clone(),
            board: board.clone(),
            clock,
        };
        House { listeners: Listeners::looking(means, look), journal, board, stop }
    }

    fn apply(&self, wanted: &[Wanted]) {
        block_on(self.listeners.apply(wanted.to_vec()));
    }

    fn told(&self, words: &str) -> usize {
        self.journal.newest(2000).iter().filter(|line| line.line.text.contains(words)).count()
    }

    fn light(&self, port: u16) -> Light {
        let all = self.board.all();
        all.iter().find(|(name, _)| name.ends_with(&format!(":{port}"))).unwrap().1.light
    }

    /// Another look, as `run` takes every few seconds.
    fn look(&self) {
        block_on(self.listeners.keep());
    }
}

impl Drop for House {
    fn drop(&mut self) {
        self.apply(&[]);
        self.stop.set();
    }
}

fn free_port() -> u16 {
    TcpListener::bind("[::]:0").unwrap().local_addr().unwrap().port()
}

fn spec(service: Service, port: u16, interfaces: &[&str]) -> Spec {
    Spec { service, port, interfaces: interfaces.iter().map(|i| (*i).to_owned()).collect() }
}

/// Greets, then answers each line with itself; `panic` panics.
fn echo(greeting: &'static str) -> Handler {
    Arc::new(move |mut conn: Conn, _seat| {
        Box::pin(async move {
            conn.put(greeting.as_bytes());
            let _ = conn.flush(SOON).await;
            while let Ok((line, _)) = conn.line(512, SOON).await {
                assert!(line != b"panic", "planted");
                conn.put(&[&line[..], b"\r\n"].concat());
                let _ = conn.flush(SOON).await;
            }
            conn.close(SOON).await;
        })
    })
}

fn plain(spec: Spec) -> Wanted {
    Wanted { spec, tls: None, guests: Guests::All, handler: echo("hello\r\n") }
}

fn smtp(port: u16, interfaces: &[&str]) -> Wanted {
    plain(spec(Service::Smtp, port, interfaces))
}

fn connect(at: &str) -> TcpStream {
    let stream = TcpStream::connect(at.parse::<SocketAddr>().unwrap()).unwrap();
    stream.set_read_timeout(Some(SOON)).unwrap();
    stream
}

fn line(stream: &mut TcpStream) -> String {
    let mut text = Vec::new();
    let mut octet = [0];
    while !text.ends_with(b"\n") && stream.read(&mut octet).unwrap_or(0) == 1 {
        text.push(octet[0]);
    }
    String::from_utf8(text).unwrap()
}

fn say(stream: &mut TcpStream, words: &str) -> String {
    stream.write_all(format!("{words}\r\n").as_bytes()).unwrap();
    line(stream)
}

fn eventually(what: &str, check: impl Fn() -> bool) {
    let start = Instant::now();
    while !check() {
        assert!(start.elapsed() < SOON, "{what}");
        thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn one_socket_serves_ipv4_and_ipv6_and_sessions_outlive_it() {
    let (house, port) = (House::new(), free_port());
    house.apply(&[smtp(port, &[])]);
    assert_eq!(house.light(port), Light::Green);
    let mut four = connect(&format!("127.0.0.1:{port}"));
    assert_eq!((line(&mut four), say(&mut four, "a")), ("hello\r\n".into(), "a\r\n".into()));
    // A machine without IPv6 is served by the same call.
    if TcpListener::bind("[::1]:0").is_ok() {
        let mut six = connect(&format!("[::1]:{port}"));
        assert_eq!(line(&mut six), "hello\r\n");
    }
    house.apply(&[]);
    assert!(TcpStream::connect(("127.0.0.1", port)).is_err());
    assert_eq!(say(&mut four, "still here"), "still here\r\n");
    assert!(!block_on(house.listeners.permits().idle(Duration::from_millis(10))));
    drop(four);
    assert!(block_on(house.listeners.permits().idle(SOON)));
    assert_eq!((house.told("listening on [::]"), house.told("no longer listening")), (2, 1));
}

#[test]
fn a_change_of_handler_or_interfaces_does_not_cut_sessions() {
    let (house, port) = (House::new(), free_port());
    house.apply(&[smtp(port, &[])]);
    let mut old = connect(&format!("127.0.0.1:{port}"));
    assert_eq!(line(&mut old), "hello\r\n");
    let mut changed = smtp(port, &["127.0.0.1"]);
    changed.handler = echo("welcome\r\n");
    house.apply(&[changed.clone()]);
    let mut new = connect(&format!("127.0.0.1:{port}"));
    assert_eq!((line(&mut new), say(&mut old, "x")), ("welcome\r\n".into(), "x\r\n".into()));
    let opened = house.told("listening on");
    changed.handler = echo("again\r\n");
    house.apply(&[changed]);
    assert_eq!(line(&mut connect(&format!("127.0.0.1:{port}"))), "again\r\n");
    assert_eq!(house.told("listening on"), opened, "the socket stayed");
}

#[test]
fn a_panic_costs_one_connection_and_a_red_line() {
    let (house, port) = (House::new(), free_port());
    house.apply(&[smtp(port, &["127.0.0.1"])]);
    let at = format!("127.0.0.1:{port}");
    let mut others: Vec<TcpStream> = (0..50).map(|_| connect(&at)).collect();
    assert!(others.iter_mut().all(|other| line(other) == "hello\r\n"));
    let mut victim = connect(&at);
    line(&mut victim);
    let last = say(&mut victim, "panic");
    assert_eq!(last, "421 4.3.0 An internal error ends this session, try later\r\n");
    assert_eq!(line(&mut victim), "");
    assert!(others.iter_mut().all(|other| say(other, "on") == "on\r\n"));
    eventually("told", || house.told("broke off by a bug: planted") == 1);
    assert_eq!(house.listeners.permits().open(), 50);
}

#[test]
fn one_address_has_its_places_and_hears_why_it_gets_no_more() {
    let house = House::new();
    let (port, pop3) = (free_port(), free_port());
    house.apply(&[smtp(port, &["127.0.0.1"]), plain(spec(Service::Pop3, pop3, &["127.0.0.1"]))]);
    let at = format!("127.0.0.1:{port}");
    // Loopback is private: four times as many.
    let mut held: Vec<TcpStream> = (0..200).map(|_| connect(&at)).collect();
    assert!(held.iter_mut().all(|one| line(one) == "hello\r\n"));
    for _ in 0..3 {
        assert_eq!(line(&mut connect(&at)), "421 4.7.0 Too many connections, try later\r\n");
        assert!(line(&mut connect(&format!("127.0.0.1:{pop3}"))).starts_with("-ERR [SYS/TEMP] Too many"));
    }
    let words = "warning: Connection concurrency limit exceeded: 201 from unknown[127.0.0.1] for service smtp";
    assert_eq!((house.told(words), house.told("limit exceeded")), (1, 1));
    held.truncate(100);
    eventually("places are given back", || house.listeners.permits().open() == 100);
    assert_eq!(line(&mut connect(&at)), "hello\r\n");
}

fn acceptor(name: &str) -> Acceptor {
    let (chain, key) = Identity::self_signed(&[name.to_owned()], UnixTime(0)).unwrap();
    Acceptor::new(&Identity::from_pem(&chain, &key).unwrap(), Tickets::Stateless).unwrap()
}

#[test]
fn a_certificate_is_swapped_live_and_running_sessions_go_on() {
    let (house, port) = (House::new(), free_port());
    let tls = Shared::new(None);
    let spec = spec(Service::Pop3s, port, &["127.0.0.1"]);
    let (tls_now, handler) = (Some(tls.clone()), echo("+OK hello\r\n"));
    house.apply(&[Wanted { spec, tls: tls_now, guests: Guests::All, handler }]);
    assert_eq!(house.light(port), Light::Red, "no certificate");
    assert_eq!(line(&mut connect(&format!("127.0.0.1:{port}"))), "");
    tls.set(Some(acceptor("one.test")));
    house.look();
    assert_eq!(house.light(port), Light::Green);
    let mut running = client::Session::start(port);
    assert_eq!((running.subject(), running.line()), ("one.test".to_owned(), "+OK hello".to_owned()));
    tls.set(Some(acceptor("two.test")));
    assert_eq!(client::Session::start(port).subject(), "two.test");
    running.say("NOOP");
    assert_eq!(running.line(), "NOOP");
    let mut stranger = connect(&format!("127.0.0.1:{port}"));
    stranger.write_all(b"GET / HTTP/1.0\r\n\r\n").unwrap();
    eventually("told", || house.told("pop3-login: Disconnected: TLS handshaking") == 1);
}

#[test]
fn a_taken_port_is_red_and_opens_when_it_is_freed_while_others_work() {
    let (house, other) = (House::new(), free_port());
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let pop3 = spec(Service::Pop3, other, &["127.0.0.1"]);
    house.apply(&[smtp(port, &["127.0.0.1"]), plain(pop3.clone())]);
    assert_eq!((house.light(port), house.light(other)), (Light::Red, Light::Green));
    assert_eq!(line(&mut connect(&format!("127.0.0.1:{other}"))), "hello\r\n");
    house.look();
    assert_eq!(house.told("another program uses this port"), 1, "told once");
    let troubles = block_on(house.listeners.precheck(&[spec(Service::Smtp, port, &["127.0.0.1"]), pop3]));
    assert_eq!(troubles.len(), 1);
    assert_eq!((troubles[0].0, troubles[0].1.port()), ("smtp", port));
    drop(taken);
    house.look();
    assert_eq!(house.light(port), Light::Green);
    assert_eq!(line(&mut connect(&format!("127.0.0.1:{port}"))), "hello\r\n");
}

#[test]
fn absent_interfaces_and_addresses_are_waited_for() {
    let (house, port) = (House::new(), free_port());
    house.apply(&[smtp(port, &["gatepost77", "192.0.2.200"])]);
    assert_eq!(house.light(port), Light::Yellow);
    house.look();
    house.look();
    assert_eq!((house.told("interface gatepost77 is not there"), house.told("192.0.2.200")), (1, 1));
    house.apply(&[smtp(port, &["lo"])]);
    assert_eq!(house.light(port), Light::Green);
    assert_eq!(line(&mut connect(&format!("127.0.0.1:{port}"))), "hello\r\n");
    house.apply(&[smtp(0, &[])]);
    assert_eq!(house.board.all().get("smtp").map(|state| state.light), Some(Light::Off));
    assert_eq!(house.board.all().len(), 1);
}

#[test]
fn a_redial_that_changes_the_address_moves_the_port_and_cuts_nobody() {
    // Every address of 127/8 can be bound, so that a dial-up interface can be played with them.
    let now = Shared::new(Some("127.0.0.2"));
    let at = now.clone();
    let house = House::looking(Arc::new(move || {
        let Some(ip) = *at.get() else { return Err(std::io::Error::other("netlink")) };
        let addresses = ip.parse().map(|ip| Address { ip, scope: 0 }).into_iter().collect();
        Ok(Interfaces::from([("ppp0".to_owned(), addresses)]))
    }));
    let port = free_port();
    house.apply(&[smtp(port, &["ppp0"])]);
    let mut old = connect(&format!("127.0.0.2:{port}"));
    assert_eq!(line(&mut old), "hello\r\n");
    now.set(None);
    house.look();
    assert_eq!(house.light(port), Light::Green, "a system that does not answer closes nothing");
    now.set(Some(""));
    house.look();
    assert_eq!((house.light(port), house.told("interface ppp0 is not there")), (Light::Yellow, 1));
    assert!(TcpStream::connect(("127.0.0.2", port)).is_err());
    now.set(Some("127.0.0.3"));
    house.look();
    assert_eq!(house.light(port), Light::Green);
    assert_eq!(line(&mut connect(&format!("127.0.0.3:{port}"))), "hello\r\n");
    assert_eq!(say(&mut old, "on"), "on\r\n");
}

#[test]
fn the_loop_that_follows_addresses_frees_the_port_at_the_end() {
    let (house, port) = (House::new(), free_port());
    let taken = TcpListener::bind(("127.0.0.1", port)).unwrap();
    house.apply(&[smtp(port, &["127.0.0.1"])]);
    let stop = Stop::default();
    let (listeners, sign) = (house.listeners.clone(), stop.clone());
    let keeper = thread::spawn(move || block_on(listeners.run(sign)));
    drop(taken);
    eventually("opened by itself", || house.light(port) == Light::Green);
    stop.set();
    keeper.join().unwrap();
    TcpListener::bind(("127.0.0.1", port)).unwrap();
}

/// Runs alone in a process of its own: it takes away every descriptor.
#[test]
#[ignore = "started by want_of_descriptors_is_told_and_survived"]
fn without_descriptors() {
    let (house, port) = (House::new(), free_port());
    house.apply(&[smtp(port, &["127.0.0.1"])]);
    let mut first = connect(&format!("127.0.0.1:{port}"));
    assert_eq!(line(&mut first), "hello\r\n");
    let limit = rustix::process::Rlimit { current: Some(64), maximum: Some(64) };
    rustix::process::setrlimit(rustix::process::Resource::Nofile, limit).unwrap();
    let mut late = {
        let mut files = Vec::new();
        while let Ok(file) = std::fs::File::open("/dev/null") {
            files.push(file);
        }
        files.pop();
        let late = connect(&format!("127.0.0.1:{port}"));
        eventually("told", || house.told("accept: Too many open files") == 1);
        assert_eq!(say(&mut first, "on"), "on\r\n");
        late
    };
    assert_eq!(line(&mut late), "hello\r\n");
    assert_eq!(house.told("accept:"), 1);
}

#[test]
fn want_of_descriptors_is_told_and_survived() {
    let out = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "listen::tests::without_descriptors", "--ignored", "--nocapture"])
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&out.stdout).into_owned() + &String::from_utf8_lossy(&out.stderr);
    assert!(out.status.success() && text.contains("1 passed"), "{text}");
}

/// `openssl s_client` as a TLS client with a session.
mod client {
    use std::{
        io::{BufRead, BufReader, Write},
        process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    };

    pub struct Session {
        child: Child,
        input: ChildStdin,
        output: BufReader<ChildStdout>,
        subject: String,
    }

    impl Session {
        pub fn start(port: u16) -> Self {
            let mut child = Command::new("openssl")
                .args(["s_client", "-connect", &format!("127.0.0.1:{port}"), "-crlf"])
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .stderr(Stdio::null())
                .spawn()
                .expect("openssl is missing: apt install openssl");
            let (input, output) = (child.stdin.take().unwrap(), BufReader::new(child.stdout.take().unwrap()));
            let mut session = Session { child, input, output, subject: String::new() };
            while !session.subject.starts_with("subject=") {
                session.subject = session.line();
            }
            session
        }

        pub fn subject(&self) -> String {
            self.subject.rsplit(['=', ' ']).next().unwrap().to_owned()
        }

        /// The next line of the server (or of openssl before it).
        pub fn line(&mut self) -> String {
            loop {
                let mut text = String::new();
                assert!(self.output.read_line(&mut text).unwrap() > 0, "openssl ended");
                let text = text.trim().to_owned();
                let ours = text.starts_with("subject=") || text == "NOOP" || text.starts_with("+OK");
                if ours {
                    return text;
                }
            }
        }

        pub fn say(&mut self, words: &str) {
            writeln!(self.input, "{words}").unwrap();
        }
    }

    impl Drop for Session {
        fn drop(&mut self) {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}
