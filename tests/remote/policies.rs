//! What domains publish about encryption, kept towards a server that really speaks TLS: DANE, MTA-STS, and what is counted.

use std::{
    future::Future,
    net::TcpListener,
    pin::Pin,
    sync::{Arc, Mutex},
    thread,
};

use async_io::Async;
use gatepost::{
    net::{
        Acceptor, Conn, Identity, Tickets,
        dns::{Answer, Kind, Mx, Record, Tlsa},
    },
    remote::{
        Failure, PolicyType,
        smtp::{Outcome, Verdict},
        sts::Fetch,
    },
    rt::{block_on, timeout},
    types::UnixTime,
};

use crate::world::{PATIENCE, World, direct, job};

/// A tame server: takes everything, over TLS where it is asked. Counts messages: over TLS, in plaintext.
struct Tame {
    port: u16,
    certificate: Vec<u8>,
    taken: Arc<Mutex<(u32, u32)>>,
}

impl Tame {
    fn start(offers_tls: bool) -> Tame {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let (chain, key) = Identity::self_signed(&["mx.example.test".into()], UnixTime(1_780_000_000)).unwrap();
        let acceptor = Acceptor::new(&Identity::from_pem(&chain, &key).unwrap(), Tickets::None).unwrap();
        let taken = Arc::new(Mutex::new((0, 0)));
        let counted = taken.clone();
        // Ends with the process: it waits for connections.
        thread::spawn(move || {
            block_on(async {
                let listener = Async::new(listener).unwrap();
                while let Ok((socket, _)) = listener.accept().await {
                    let conn = Conn::plain(socket).unwrap();
                    let _ = timeout(PATIENCE, talk(conn, offers_tls.then_some(&acceptor), &counted)).await;
                }
            });
        });
        Tame { port, certificate: der(&chain), taken }
    }

    fn world(&self, secure: bool, fetch: Option<&'static str>) -> World {
        let world = World::with(self.port, PATIENCE, fetch.map(|text| Arc::new(File(text)) as Arc<dyn Fetch>));
        if secure {
            let found = |record| Answer::Found { records: vec![record], validated: true };
            let mx = Record::Mx(Mx { preference: 1, host: "mx.example.test".into() });
            world.dns.put("example.test", Kind::Mx, found(mx));
            world.dns.put("mx.example.test", Kind::A, found(Record::Address([127, 0, 0, 1].into())));
        }
        world
    }

    fn tlsa(&self) -> String {
        format!("_{}._tcp.mx.example.test", self.port)
    }

    fn taken(&self) -> (u32, u32) {
        *self.taken.lock().unwrap()
    }
}

fn der(pem: &str) -> Vec<u8> {
    use rustls::pki_types::{CertificateDer, pem::PemObject};
    CertificateDer::from_pem_slice(pem.as_bytes()).unwrap().as_ref().to_vec()
}

async fn talk(mut conn: Conn, acceptor: Option<&Acceptor>, taken: &Mutex<(u32, u32)>) -> Option<()> {
    let mut say = "220 mx.example.test".to_owned();
    loop {
        conn.put(format!("{say}\r\n").as_bytes());
        conn.flush(PATIENCE).await.ok()?;
        let (line, _) = conn.line(2000, PATIENCE).await.ok()?;
        say = match line.get(..4)? {
            b"EHLO" if acceptor.is_some() && conn.tls().is_none() => "250-mx.example.test\r\n250 STARTTLS",
            b"EHLO" => "250 mx.example.test",
            b"DATA" => {
                conn.put(b"354 go\r\n");
                conn.flush(PATIENCE).await.ok()?;
                while conn.line(2000, PATIENCE).await.ok()?.0 != b"." {}
                let mut taken = taken.lock().unwrap();
                if conn.tls().is_some() {
                    taken.0 += 1
                } else {
                    taken.1 += 1
                }
                "250 taken"
            }
            b"STAR" => {
                conn.put(b"220 go\r\n");
                conn.flush(PATIENCE).await.ok()?;
                conn.starttls(acceptor?, PATIENCE).await.ok()?;
                // The client speaks first now.
                let _ = conn.line(2000, PATIENCE).await.ok()?;
                "250 mx.example.test"
            }
            _ => "250 ok",
        }
        .to_owned();
    }
}

struct File(&'static str);

impl Fetch for File {
    fn get<'a>(&'a self, _: &'a str) -> Pin<Box<dyn Future<Output = Result<Vec<u8>, String>> + Send + 'a>> {
        Box::pin(async { Ok(self.0.as_bytes().to_vec()) })
    }
}

fn carry(world: &World) -> Verdict {
    let mut outcomes =
        block_on(world.pool.carry(&job(direct("example.test"), &["bob@example.test"], b"Subject: a\r\n\r\nb\r\n")));
    assert_eq!(outcomes.len(), 1);
    let Outcome { verdict, .. } = outcomes.remove(0);
    verdict
}

/// Status and whether anything was delivered.
fn brief(verdict: &Verdict) -> (bool, &str) {
    (matches!(verdict, Verdict::Delivered { .. }), &verdict.answer().status)
}

/// Policy, good sessions, what went wrong how often.
type Counted = (PolicyType, u64, Vec<(Failure, u64)>);

fn counted(world: &World) -> Vec<Counted> {
    let day = UnixTime(std::time::UNIX_EPOCH.elapsed().unwrap().as_secs() as i64).day();
    let counts = world.reports.of_day(&day);
    counts.into_iter().map(|(_, policy, counts)| (policy, counts.good, counts.bad.into_iter().collect())).collect()
}

#[test]
fn a_certificate_in_signed_dns_is_kept_to() {
    let server = Tame::start(true);
    let right = Tlsa { usage: 3, selector: 0, matching: 0, data: server.certificate.clone() };
    let wrong = Tlsa { data: vec![1, 2, 3], ..right.clone() };
    let world = server.world(true, None);
    world.dns.tlsa(&server.tlsa(), wrong.clone());
    assert_eq!(brief(&carry(&world)), (false, "4.7.5"));
    assert_eq!(server.taken(), (0, 0), "a message went to a stranger");
    assert_eq!(counted(&world), [(PolicyType::Tlsa, 0, vec![(Failure::NotTrusted, 1)])]);
    let world = server.world(true, None);
    world.dns.tlsa(&server.tlsa(), wrong);
    world.dns.tlsa(&server.tlsa(), right.clone());
    assert_eq!(brief(&carry(&world)), (true, "2.0.0"));
    assert_eq!(server.taken(), (1, 0));
    assert_eq!(counted(&world), [(PolicyType::Tlsa, 1, vec![])]);
    // Without signatures on the way to the host the record counts nothing.
    let world = server.world(false, None);
    world.dns.tlsa(&server.tlsa(), Tlsa { data: vec![1], ..right });
    assert_eq!(brief(&carry(&world)), (true, "2.0.0"));
}

#[test]
fn a_domain_with_dane_gets_nothing_in_plaintext() {
    let server = Tame::start(false);
    let world = server.world(true, None);
    world.dns.tlsa(&server.tlsa(), Tlsa { usage: 3, selector: 0, matching: 0, data: server.certificate.clone() });
    assert_eq!(brief(&carry(&world)), (false, "4.7.4"));
    let world = server.world(true, None);
    world.dns.put(&server.tlsa(), Kind::Tlsa, Answer::Trouble("SERVFAIL".into()));
    assert_eq!(brief(&carry(&world)), (false, "4.7.5"));
    assert_eq!(server.taken(), (0, 0));
    assert_eq!(counted(&world), [(PolicyType::Tlsa, 0, vec![(Failure::Dnssec, 1)])]);
    // No record: no DANE.
    assert_eq!(brief(&carry(&server.world(true, None))), (true, "2.0.0"));
    assert_eq!(server.taken(), (0, 1));
}

#[test]
fn a_policy_that_is_enforced_keeps_mail_from_strangers() {
    let server = Tame::start(true);
    for (text, delivered, failure) in [
        ("version: STSv1\nmode: enforce\nmx: other.example.test\nmax_age: 1000\n", false, Failure::Validation),
        ("version: STSv1\nmode: enforce\nmx: mx.example.test\nmax_age: 1000\n", false, Failure::NotTrusted),
        ("version: STSv1\nmode: testing\nmx: mx.example.test\nmax_age: 1000\n", true, Failure::NotTrusted),
    ] {
        let world = server.world(false, Some(text));
        world.dns.txt("_mta-sts.example.test", "v=STSv1; id=1;");
        let verdict = carry(&world);
        assert_eq!(matches!(verdict, Verdict::Delivered { .. }), delivered, "{text}: {verdict:?}");
        assert_eq!(counted(&world), [(PolicyType::Sts, 0, vec![(failure, 1)])], "{text}");
    }
    assert_eq!(server.taken(), (1, 0));
}
