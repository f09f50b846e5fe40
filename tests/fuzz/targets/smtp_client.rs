//! A whole session of ours with another server: the real pool over a real socket; the fuzzer is the server.
//!
//! The first octet says what is sent where (a domain, LMTP, with a login) and in how many pieces the rest is said to us.
//! Oracles: no panic; it ends; every recipient has one outcome; nothing is delivered to a server that never said 2xx behind a
//! 354 or a chunk; answers and the tape are printable and bounded and hold no password; no bare CR or LF leaves.
#![no_main]

use std::{
    io::{Read, Write},
    net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener},
    sync::{Arc, OnceLock},
    thread,
    time::Duration,
};

use gatepost::{
    net::{Dialer, dns::TableResolver},
    remote::{
        Tap,
        smtp::{Job, Login, Patience, Pool, Rcpt, Seams, Target, Verdict},
    },
    rt::{Executor, Shared, SystemClock, Worker, block_on, timeout},
    settings::Settings,
    types::{Address, BytesBody, Domain, Hop, HopTls, ReversePath, RowId, Terms, Wishes},
    wire::Secret,
};
use libfuzzer_sys::fuzz_target;

const PASSWORD: &str = "geheim-und-lang";
const LIMIT: Duration = Duration::from_millis(500);

struct World {
    pool: Pool,
    tap: Tap,
    listener: TcpListener,
    at: SocketAddr,
}

fn world() -> &'static World {
    static WORLD: OnceLock<World> = OnceLock::new();
    WORLD.get_or_init(|| {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let at = listener.local_addr().unwrap();
        let dns = TableResolver::default();
        dns.mx("example.test", 10, "mx.example.test");
        dns.address("mx.example.test", at.ip());
        let worker = Worker::start("files", 1, 16).unwrap();
        let tap = Tap::default();
        let pool = Pool::new(Seams {
            dns: Arc::new(dns),
            dialer: Dialer::new(Arc::new(Vec::new), worker.clone()),
            settings: Shared::new(Settings { server_name: "mail.office.test".to_owned(), ..Settings::default() }),
            clock: Arc::new(SystemClock::start()),
            worker,
            executor: Executor::start(1).unwrap(),
            tap: tap.clone(),
            sts: None,
            reports: Arc::default(),
            patience: Patience::of(LIMIT),
            port: at.port(),
        });
        World { pool, tap, listener, at }
    })
}

fn job(mode: u8, at: SocketAddr) -> Job {
    let hop = Hop { host: at.ip().to_string().into(), port: at.port(), tls: HopTls::Off };
    let target = match mode % 3 {
        0 => Target::Direct(Domain::parse("example.test").unwrap()),
        1 => Target::Lmtp(hop),
        _ => Target::Relay(hop),
    };
    let login = (mode % 3 == 2)
        .then(|| Login { name: "office".to_owned(), password: Arc::new(Secret(PASSWORD.as_bytes().to_vec())) });
    let rcpt = |n: u64| Rcpt {
        id: RowId(n),
        to: Address::parse(&format!("r{n}@example.test")).unwrap(),
        wishes: Wishes::default(),
    };
    Job {
        target,
        login,
        from: ReversePath::Null,
        terms: Terms::default(),
        body: Arc::new(BytesBody(b"Subject: x\n\r\n.\r\nbare\rcr \xe9\n.\n".to_vec())),
        skip: 0,
        prefix: b"X: y\r\n".to_vec(),
        signer: None,
        rcpts: (0..3).map(rcpt).collect(),
    }
}

/// Plays the server on every connection that comes: an attempt may begin a second one.
fn serve(listener: TcpListener, pieces: usize, text: Vec<u8>) -> Vec<u8> {
    let mut heard = Vec::new();
    let (mut socket, _) = listener.accept().unwrap();
    socket.set_read_timeout(Some(2 * LIMIT)).unwrap();
    for piece in text.chunks((text.len() / pieces).max(1)) {
        if socket.write_all(piece).is_err() {
            break;
        }
        if pieces > 1 {
            thread::sleep(Duration::from_micros(200));
        }
    }
    let _ = socket.shutdown(Shutdown::Write);
    let _ = socket.read_to_end(&mut heard);
    heard
}

fn newlines_are_whole(octets: &[u8]) -> bool {
    octets.iter().enumerate().all(|(n, octet)| match octet {
        b'\n' => n > 0 && octets[n - 1] == b'\r',
        b'\r' => n + 1 == octets.len() || octets[n + 1] == b'\n',
        _ => true,
    })
}

fuzz_target!(|data: &[u8]| {
    let Some((mode, text)) = data.split_first() else { return };
    // TLS would only be the library's.
    if text.windows(8).any(|w| w.eq_ignore_ascii_case(b"STARTTLS")) {
        return;
    }
    let world = world();
    let job = job(*mode, world.at);
    let (listener, said) = (world.listener.try_clone().unwrap(), text.to_vec());
    let pieces = usize::from(mode / 3 % 4) + 1;
    let server = thread::spawn(move || serve(listener, pieces, said));
    let outcomes = block_on(timeout(Duration::from_secs(9), world.pool.carry(&job))).expect("it ends");
    let heard = server.join().unwrap();
    assert!(newlines_are_whole(&heard), "{}", heard.escape_ascii());
    let mut ids: Vec<u64> = outcomes.iter().map(|outcome| outcome.id.0).collect();
    ids.sort_unstable();
    assert_eq!(ids, [0, 1, 2], "one outcome for each");
    for outcome in &outcomes {
        let answer = outcome.verdict.answer();
        assert!(answer.text.len() <= 2100 && !answer.text.chars().any(char::is_control), "{:?}", answer.text);
        if let Verdict::Delivered { .. } = outcome.verdict {
            assert!((200..300).contains(&answer.code), "{answer:?}");
            let begun = text.windows(3).any(|w| w == b"354") || text.windows(8).any(|w| w.eq_ignore_ascii_case(b"CHUNKING"));
            assert!(begun, "delivered without a beginning");
        }
    }
    for dialogue in world.tap.newest(4) {
        for line in &dialogue.lines {
            assert!(!line.text.contains(PASSWORD) && !line.text.chars().any(char::is_control), "{}", line.text);
        }
    }
});
