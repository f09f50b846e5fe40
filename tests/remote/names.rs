//! The resolver that asks name servers, against dnsmasq, and against servers that say nothing, too little or nonsense.

use std::{
    io::{Read, Write},
    net::{IpAddr, SocketAddr, TcpListener, UdpSocket},
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    thread,
    time::Duration,
};

use gatepost::{
    net::dns::{Answer, DnsConfig, Mx, RealResolver, Resolver, Srv, Tlsa},
    rt::{Shared, SystemClock, block_on, timeout},
};

use crate::{
    common::free_port,
    peers::{Running, start},
};

fn resolver(at: SocketAddr, dnssec: bool) -> RealResolver {
    let config = Shared::new(DnsConfig { servers: vec![at], dnssec, anchors: Vec::new() });
    RealResolver::start(config, Arc::new(SystemClock::start()), Box::new(|_| {})).unwrap()
}

fn local(port: u16) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], port))
}

fn dnsmasq(port: u16) -> Running {
    let mut command = Command::new("/usr/sbin/dnsmasq");
    command.args(["-k", "--user=root", "--listen-address=127.0.0.1", "--bind-interfaces", "--no-resolv", "--no-hosts"]);
    command.args([
        &format!("--port={port}"),
        "--conf-file=/dev/null",
        "--pid-file=",
        "--local=/test/",
        "--local=/arpa/",
    ]);
    command.args(["--mx-host=example.test,mx1.Example.test,10", "--mx-host=example.test,mx2.example.test,20"]);
    command.args(["--host-record=mx1.example.test,192.0.2.1,2001:db8::1", "--cname=alias.test,mx1.example.test"]);
    command.args(["--txt-record=_mta-sts.example.test,v=STSv1; ,id=1;"]);
    command.args(["--srv-host=_imaps._tcp.example.test,imap.example.test,993,5,7"]);
    command.args(["--ptr-record=1.2.0.192.in-addr.arpa,mx1.example.test"]);
    command.args(["--dns-rr=_25._tcp.mx1.example.test,52,030101aabbcc"]);
    start(&mut command, port)
}

fn found<T>(answer: Answer<T>) -> Vec<T> {
    match answer {
        Answer::Found { records, validated: false } => records,
        Answer::Found { validated: true, .. } => panic!("nothing here is signed"),
        Answer::NoName | Answer::NoData => panic!("there should be records"),
        Answer::Trouble(why) => panic!("{why}"),
    }
}

/// With and without DNSSEC: a server that lets no signatures through must not stop mail.
#[test]
fn dnsmasq_knows_every_kind_of_record() {
    let port = free_port();
    let _server = dnsmasq(port);
    for dnssec in [false, true] {
        let real = resolver(local(port), dnssec);
        let dns: &dyn Resolver = &real;
        block_on(async {
            let mx = |preference, host: &str| Mx { preference, host: host.to_owned() };
            let mut all = found(dns.mx("example.test").await);
            all.sort();
            assert_eq!(all, [mx(10, "mx1.example.test"), mx(20, "mx2.example.test")]);
            let ips: Vec<String> =
                found(dns.addresses("mx1.example.test").await).iter().map(IpAddr::to_string).collect();
            assert_eq!(ips, ["2001:db8::1", "192.0.2.1"]);
            assert!(!found(dns.addresses("alias.test").await).is_empty());
            assert_eq!(found(dns.txt("_mta-sts.example.test").await), [b"v=STSv1; id=1;".to_vec()]);
            let srv = Srv { priority: 5, weight: 7, port: 993, target: "imap.example.test".into() };
            assert_eq!(found(dns.srv("_imaps._tcp.example.test").await), [srv]);
            assert_eq!(found(dns.ptr("192.0.2.1".parse().unwrap()).await), ["mx1.example.test"]);
            let tlsa = Tlsa { usage: 3, selector: 1, matching: 1, data: vec![0xaa, 0xbb, 0xcc] };
            assert_eq!(found(dns.tlsa("_25._tcp.mx1.example.test").await), [tlsa]);
            assert_eq!(dns.mx("nothing.test").await, Answer::NoName);
            assert_eq!(dns.mx("mx1.example.test").await, Answer::NoData);
            assert_eq!(dns.mx(&"a.".repeat(200)).await, Answer::NoName);
            assert!(matches!(dns.mx("refused.example.org").await, Answer::Trouble(_)));
        });
        assert!(!real.checks_signatures());
    }
}

/// A server on UDP and TCP that answers by a function: of the question, and whether it came over TCP. None: silence.
fn false_server(answer: fn(&[u8], bool) -> Option<Vec<u8>>) -> (SocketAddr, Arc<AtomicU32>) {
    let (tcp, udp) = (0..100)
        .find_map(|_| {
            let tcp = TcpListener::bind("127.0.0.1:0").ok()?;
            UdpSocket::bind(tcp.local_addr().ok()?).ok().map(|udp| (tcp, udp))
        })
        .unwrap();
    let (at, asked) = (tcp.local_addr().unwrap(), Arc::new(AtomicU32::new(0)));
    let count = asked.clone();
    // Both end with the process.
    thread::spawn(move || {
        let mut packet = [0; 2000];
        while let Ok((n, from)) = udp.recv_from(&mut packet) {
            count.fetch_add(1, Ordering::SeqCst);
            if let Some(said) = answer(&packet[..n], false) {
                let _ = udp.send_to(&said, from);
            }
        }
    });
    thread::spawn(move || {
        for mut socket in tcp.incoming().flatten() {
            let mut length = [0; 2];
            while socket.read_exact(&mut length).is_ok() {
                let mut question = vec![0; usize::from(u16::from_be_bytes(length))];
                let Ok(()) = socket.read_exact(&mut question) else { break };
                let Some(said) = answer(&question, true) else { break };
                let length = u16::try_from(said.len()).unwrap().to_be_bytes();
                let _ = socket.write_all(&[&length[..], &said].concat());
            }
        }
    });
    (at, asked)
}

/// Header of an answer with this code, the question, and records; RFC 1035 s4.1.
fn reply(question: &[u8], truncated: bool, code: u8, records: &[Vec<u8>]) -> Vec<u8> {
    let name = question[12..].iter().position(|b| *b == 0).unwrap() + 1;
    let mut out = question[..2].to_vec();
    out.extend([0x81 | u8::from(truncated) << 1, 0x80 | code, 0, 1, 0, records.len() as u8, 0, 0, 0, 0]);
    out.extend(&question[12..12 + name + 4]);
    records.iter().for_each(|record| out.extend(record));
    out
}

/// A TXT record of the name in the question, good for an hour.
fn txt(text: &str) -> Vec<u8> {
    let mut record = vec![0xc0, 12, 0, 16, 0, 1, 0, 0, 14, 16];
    record.extend((text.len() as u16 + 1).to_be_bytes());
    record.push(text.len() as u8);
    record.extend(text.as_bytes());
    record
}

#[test]
fn an_answer_that_is_too_long_comes_over_tcp_and_is_remembered() {
    let (at, asked) = false_server(|question, tcp| {
        let records: Vec<Vec<u8>> = (0..20).map(|n| txt(&format!("{n:0200}"))).collect();
        Some(if tcp { reply(question, false, 0, &records) } else { reply(question, true, 0, &[]) })
    });
    let real = resolver(at, false);
    let dns: &dyn Resolver = &real;
    for _ in 0..3 {
        assert_eq!(found(block_on(dns.txt("long.test"))).len(), 20);
    }
    assert_eq!(asked.load(Ordering::SeqCst), 1, "the answer was not remembered");
}

#[test]
fn failures_are_trouble_and_never_no() {
    let servfail: fn(&[u8], bool) -> Option<Vec<u8>> = |question, _| Some(reply(question, false, 2, &[]));
    let nonsense: fn(&[u8], bool) -> Option<Vec<u8>> = |question, _| Some([&question[..2], b"nonsense"].concat());
    let silence: fn(&[u8], bool) -> Option<Vec<u8>> = |_, _| None;
    let threads = [servfail, nonsense, silence].map(|server| {
        thread::spawn(move || {
            let real = resolver(false_server(server).0, true);
            let dns: &dyn Resolver = &real;
            block_on(timeout(Duration::from_secs(90), dns.mx("example.test"))).expect("it ends")
        })
    });
    for thread in threads {
        let answer = thread.join().unwrap();
        assert!(matches!(answer, Answer::Trouble(_)), "{answer:?}");
    }
}
