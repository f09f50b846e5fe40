//! The syslog sink.

use std::{
    io::{BufRead, BufReader, Read},
    net::{TcpListener, UdpSocket},
    os::unix::net::{UnixDatagram, UnixListener},
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};

use gatepost::{
    journal::{Journal, Line, Origin, Syslog, SyslogConfig, Tag, safe},
    limits,
    rt::{Board, Light, SystemClock},
    types::Collector,
};
use jiff::tz::TimeZone;

use super::rsyslog::{Rsyslog, until};
use crate::scratch::Scratch;

struct Sender {
    journal: Journal,
    syslog: Arc<Syslog>,
    board: Board,
}

fn origin() -> Origin {
    Origin { host: "gw.office.test".into(), pid: 4242, zone: TimeZone::posix("MSK-3").unwrap() }
}

fn config(local: Option<PathBuf>, collectors: &[String]) -> SyslogConfig {
    let collectors = collectors.iter().map(|c| Collector::parse(c).unwrap()).collect();
    SyslogConfig { local, collectors, mail_tag: "postfix".into() }
}

fn start(local: Option<PathBuf>, collectors: &[String]) -> Sender {
    let clock = Arc::new(SystemClock::start());
    let (journal, board) = (Journal::new(clock.clone()), Board::default());
    let syslog = Syslog::start(origin(), clock, journal.clone(), board.clone()).unwrap();
    journal.add_sink(syslog.clone());
    syslog.configure(config(local, collectors));
    Sender { journal, syslog, board }
}

impl Sender {
    fn say(&self, text: impl Into<String>) {
        self.journal.tell(Line::info(Tag::Smtpd, text.into()));
    }

    fn told(&self, words: &str) -> bool {
        self.journal.newest(9999).iter().any(|s| s.line.text.contains(words))
    }

    fn end(self) {
        self.syslog.stop(Duration::from_secs(5));
    }
}

#[test]
fn rsyslog_understands_every_way_and_format() {
    let rsyslog = Rsyslog::start("forms");
    let (udp, tcp) = (rsyslog.udp, rsyslog.tcp);
    for (name, local, collector) in [
        ("udp3164", None, format!("udp://127.0.0.1:{udp}")),
        ("udp5424", None, format!("udp://127.0.0.1:{udp}?format=5424")),
        ("lf3164", None, format!("tcp://127.0.0.1:{tcp}?framing=lf")),
        ("lf5424", None, format!("tcp://localhost:{tcp}?framing=lf&format=5424")),
        ("octet3164", None, format!("tcp://127.0.0.1:{tcp}?framing=octet")),
        ("octet5424", None, format!("tcp://127.0.0.1:{tcp}?framing=octet&format=5424")),
        ("local", Some(rsyslog.socket()), String::new()),
    ] {
        let collectors: Vec<String> = if collector.is_empty() { Vec::new() } else { vec![collector] };
        let sender = start(local, &collectors);
        sender.say(format!("{name} письмо <иван@office.test> принято"));
        sender.journal.tell(Line::warning(Tag::Dovecot, format!("{name} осторожно")));
        sender.journal.tell(Line::error(Tag::Submission, format!("{name}-error")));
        sender.end();

        let line = rsyslog.find(&format!("{name} письмо"));
        assert_eq!(line["app"], "postfix/smtpd", "{name}");
        assert_eq!(
            (&line["pid"], &line["severity"], &line["facility"]),
            (&"4242".into(), &"info".into(), &"mail".into())
        );
        assert_eq!(line["msg"].as_str().unwrap().trim(), format!("{name} письмо <иван@office.test> принято"));
        let host = if name.ends_with("5424") { "gw.office.test" } else { "gw" };
        if name != "local" {
            assert_eq!(line["host"], host, "{name}");
        }
        assert_eq!(line["version"], if name.ends_with("5424") { "1" } else { "0" });
        let line = rsyslog.find(&format!("{name} осторожно"));
        assert_eq!((&line["app"], &line["severity"]), (&"dovecot".into(), &"warning".into()), "{name}");
        let line = rsyslog.find(&format!("{name}-error"));
        assert_eq!((&line["app"], &line["severity"]), (&"postfix/submission/smtpd".into(), &"err".into()), "{name}");
    }
}

#[test]
fn time_is_local_in_3164_and_has_its_offset_in_5424() {
    let rsyslog = Rsyslog::start("time");
    let udp = rsyslog.udp;
    let sender = start(None, &[format!("udp://127.0.0.1:{udp}"), format!("udp://127.0.0.1:{udp}?format=5424")]);
    sender.say("what time is it");
    let at = sender.journal.newest(1)[0].at.0;
    sender.end();
    until("both", || (rsyslog.count("what time") == 2).then_some(()));
    let moscow = jiff::Timestamp::from_second(at).unwrap().to_zoned(TimeZone::posix("MSK-3").unwrap());
    for line in rsyslog.parsed().iter().filter(|l| l["msg"].as_str().unwrap().contains("what time")) {
        let time = line["time"].as_str().unwrap();
        assert!(time.starts_with(&moscow.strftime("%Y-%m-%dT%H:%M:%S").to_string()), "{time} is not {moscow}");
        assert_eq!(time.contains("+03:00"), line["version"] == "1", "{time}");
    }
}

#[test]
fn a_helo_forges_no_line_at_the_collector() {
    let rsyslog = Rsyslog::start("forge");
    let tcp = rsyslog.tcp;
    let sender = start(None, &[format!("tcp://127.0.0.1:{tcp}"), format!("tcp://127.0.0.1:{tcp}?framing=octet")]);
    let helo = "evil\n<19>Nov 24 00:00:00 gw sshd[1]: root logged in\r\n\0";
    sender.say(format!("helo=<{}>", safe(helo, 200)));
    // An event whose author forgot `safe`.
    sender.journal.tell(Line::info(Tag::Smtpd, format!("forgot <{helo}>")));
    sender.end();
    until("four lines", || (rsyslog.count("root logged in") == 4).then_some(()));
    assert!(rsyslog.parsed().iter().all(|l| l["app"] == "postfix/smtpd"), "{:?}", rsyslog.parsed());
}

#[test]
fn a_burst_is_not_lost() {
    let rsyslog = Rsyslog::start("burst");
    let (udp, tcp) = (rsyslog.udp, rsyslog.tcp);
    let targets = [format!("tcp://127.0.0.1:{tcp}"), format!("udp://127.0.0.1:{udp}?format=5424")];
    let sender = start(Some(rsyslog.socket()), &targets);
    until("all up", || sender.board.all().values().all(|s| s.light == Light::Green).then_some(()));
    for n in 0..4000 {
        sender.say(format!("burst {n} end"));
    }
    sender.end();
    until("4,000 lines three times", || (rsyslog.count("burst ") == 12_000).then_some(()));
    assert_eq!(rsyslog.count("burst 3999 end"), 3);
}

#[test]
fn a_collector_that_was_killed_gets_the_lines_when_it_is_back() {
    let mut rsyslog = Rsyslog::start("back");
    let sender = start(None, &[format!("tcp://127.0.0.1:{}?framing=octet", rsyslog.tcp)]);
    sender.say("before");
    rsyslog.find("before");
    rsyslog.kill();
    until("the outage is told", || sender.told("cannot be reached").then_some(()));
    let state = sender.board.all().into_values().next().unwrap();
    assert_eq!(state.light, Light::Yellow, "{}", state.text);
    for n in 0..100 {
        sender.say(format!("meanwhile {n} end"));
    }
    rsyslog.again();
    rsyslog.find("meanwhile 99 end");
    assert_eq!(rsyslog.count("meanwhile"), 100);
    until("that it is back", || sender.told("is reached again").then_some(()));
    assert!(!sender.told("were lost"));
    sender.end();
}

#[test]
fn what_is_lost_is_counted_and_told_in_a_line() {
    let mut rsyslog = Rsyslog::start("lost");
    let (udp, tcp) = (rsyslog.udp, rsyslog.tcp);
    let sender = start(None, &[format!("tcp://127.0.0.1:{tcp}"), format!("udp://127.0.0.1:{udp}")]);
    sender.say("before");
    until("both", || (rsyslog.count("before") == 2).then_some(()));
    rsyslog.kill();
    until("the outage is told", || sender.told("cannot be reached").then_some(()));
    let extra = 500;
    for n in 0..limits::JOURNAL_QUEUE + extra {
        sender.say(format!("flood {n} end"));
    }
    rsyslog.again();
    let line = rsyslog.find("lines of the journal were lost");
    let text = line["msg"].as_str().unwrap();
    let lost: usize = text.split_whitespace().find_map(|w| w.parse().ok()).unwrap();
    assert!((extra..extra + 20).contains(&lost), "{text}");
    assert_eq!((&line["app"], &line["severity"]), (&"gatepost".into(), &"warning".into()));
    let state = sender.board.all().into_values().next().unwrap();
    assert!(state.text.contains("were lost so far"), "{}", state.text);
    sender.end();
}

#[test]
fn a_stalled_local_socket_blocks_nobody_and_a_dead_collector_delays_nobody() {
    let scratch = Scratch::new("stalled");
    // A daemon that has a socket and never reads it, a collector that drops every packet, one that does not exist.
    let _stalled = UnixDatagram::bind(scratch.path().join("log")).unwrap();
    let alive = UdpSocket::bind("127.0.0.1:0").unwrap();
    alive.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    let dead = [
        "tcp://192.0.2.1:514".to_owned(),
        "tcp://no-such-host.invalid:514".to_owned(),
        format!("udp://127.0.0.1:{}", alive.local_addr().unwrap().port()),
    ];
    let sender = start(Some(scratch.path().join("log")), &dead);
    let began = Instant::now();
    for n in 0..2 * limits::JOURNAL_QUEUE {
        sender.say(format!("line {n} end"));
    }
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
    let mut buf = [0; 2048];
    let n = alive.recv(&mut buf).unwrap();
    assert!(String::from_utf8_lossy(&buf[..n]).contains("gw postfix/smtpd[4242]: line "));
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
    until("the stall is seen", || {
        let all = sender.board.all();
        all.iter()
            .any(|(k, s)| k.ends_with("/log") && s.light == Light::Yellow && s.text.contains("lost"))
            .then_some(())
    });
    let began = Instant::now();
    sender.syslog.stop(Duration::from_millis(300));
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
}

#[test]
fn a_stream_socket_of_the_daemon_is_used_too() {
    let scratch = Scratch::new("stream");
    let listener = UnixListener::bind(scratch.path().join("log")).unwrap();
    let sender = start(Some(scratch.path().join("log")), &[]);
    sender.say("one");
    sender.say("two");
    let mut lines = BufReader::new(listener.accept().unwrap().0).lines();
    assert!(lines.next().unwrap().unwrap().ends_with("postfix/smtpd[4242]: one"));
    assert!(lines.next().unwrap().unwrap().ends_with("postfix/smtpd[4242]: two"));
    sender.end();
}

#[test]
fn new_targets_get_what_waited_for_the_old_ones() {
    // The old collector takes connections and never reads.
    let old = TcpListener::bind("127.0.0.1:0").unwrap();
    let gone = format!("tcp://127.0.0.1:{}", old.local_addr().unwrap().port());
    drop(old);
    let sender = start(None, std::slice::from_ref(&gone));
    sender.say("waits");
    until("the outage", || sender.told("cannot be reached").then_some(()));
    let rsyslog = Rsyslog::start("new");
    let mut config = config(None, &[format!("tcp://127.0.0.1:{}", rsyslog.tcp)]);
    config.mail_tag = "mail".into();
    sender.syslog.configure(config.clone());
    let line = rsyslog.find("waits");
    assert_eq!(line["app"], "mail/smtpd");
    assert!(!sender.board.all().contains_key(&format!("syslog:{gone}?framing=lf&format=3164")));
    // One that stays keeps its connection and gets nothing twice.
    config.collectors.push(Collector::parse(&format!("udp://127.0.0.1:{}", rsyslog.udp)).unwrap());
    sender.syslog.configure(config);
    until("two targets", || (sender.board.all().len() == 2).then_some(()));
    sender.say("later");
    until("later, twice", || (rsyslog.count("later") == 2).then_some(()));
    assert_eq!(rsyslog.count("waits"), 1);
    sender.end();
}

#[test]
fn octet_counting_counts_octets_not_characters() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let sender = start(None, &[format!("tcp://127.0.0.1:{port}?framing=octet&format=5424")]);
    sender.say("привет");
    let mut stream = listener.accept().unwrap().0;
    let mut head = Vec::new();
    loop {
        let mut b = [0];
        stream.read_exact(&mut b).unwrap();
        if b[0] == b' ' {
            break;
        }
        head.push(b[0]);
    }
    let mut body = vec![0; String::from_utf8(head).unwrap().parse().unwrap()];
    stream.read_exact(&mut body).unwrap();
    assert!(String::from_utf8(body).unwrap().ends_with("- - привет"));
    sender.end();
}
