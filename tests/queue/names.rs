//! A name server of one test: answers MX, A and AAAA from a table over UDP on loopback; what it does not know does not exist.

use std::{
    collections::BTreeMap,
    net::{Ipv4Addr, SocketAddr, UdpSocket},
    thread,
    time::Duration,
};

const A: u16 = 1;
const SOA: u16 = 6;
const MX: u16 = 15;

pub struct Names {
    pub at: SocketAddr,
}

impl Names {
    /// `zone`: a domain, its MX, the address of that.
    pub fn serve(zone: &[(&str, &str, Ipv4Addr)]) -> Names {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let at = socket.local_addr().unwrap();
        socket.set_read_timeout(Some(Duration::from_secs(120))).unwrap();
        let mut table: BTreeMap<(String, u16), Vec<u8>> = BTreeMap::new();
        for (domain, host, ip) in zone {
            table.insert(((*domain).to_owned(), MX), [&[0, 10][..], &coded(host)].concat());
            table.insert(((*host).to_owned(), A), ip.octets().to_vec());
        }
        // It ends with the test's process, or when nobody asks for two minutes.
        thread::spawn(move || {
            let mut buffer = [0; 1500];
            while let Ok((len, from)) = socket.recv_from(&mut buffer) {
                if let Some(answer) = answer(&table, &buffer[..len]) {
                    let _ = socket.send_to(&answer, from);
                }
            }
        });
        Names { at }
    }
}

fn coded(name: &str) -> Vec<u8> {
    let mut out: Vec<u8> = Vec::new();
    for label in name.split('.') {
        out.push(u8::try_from(label.len()).unwrap());
        out.extend(label.as_bytes());
    }
    out.push(0);
    out
}

fn answer(table: &BTreeMap<(String, u16), Vec<u8>>, query: &[u8]) -> Option<Vec<u8>> {
    let (mut at, mut labels) = (12, Vec::new());
    while *query.get(at)? != 0 {
        let len = usize::from(query[at]);
        labels.push(String::from_utf8(query.get(at + 1..at + 1 + len)?.to_vec()).ok()?.to_lowercase());
        at += 1 + len;
    }
    let name = labels.join(".");
    let kind = u16::from_be_bytes([*query.get(at + 1)?, *query.get(at + 2)?]);
    let question = &query[12..at + 5];
    let is_known = table.keys().any(|(known, _)| *known == name || known.ends_with(&format!(".{name}")));
    let found = table.get(&(name, kind));
    // Answer, recursion available; NXDOMAIN for a name that nothing is known of.
    let flags: u16 = 0x8180 | if is_known { 0 } else { 3 };
    let mut out = query[..2].to_vec();
    out.extend(flags.to_be_bytes());
    out.extend([0, 1, 0, u8::from(found.is_some()), 0, u8::from(found.is_none()), 0, 0]);
    out.extend(question);
    let mut record = |owner: &[u8], kind: u16, data: &[u8]| {
        out.extend(owner);
        out.extend(kind.to_be_bytes());
        out.extend([0, 1, 0, 0, 0, 60]);
        out.extend(u16::try_from(data.len()).unwrap().to_be_bytes());
        out.extend(data);
    };
    match found {
        Some(data) => record(&[0xc0, 12], kind, data),
        // RFC 2308 s3: how long there is nothing.
        None => {
            let soa = [&coded("ns.test")[..], &coded("root.test"), &[0; 16], &60u32.to_be_bytes()].concat();
            record(&coded("test"), SOA, &soa);
        }
    }
    Some(out)
}
