//! Doors: which room may name a foreign crate, or a part of the standard library that touches the world.

use super::{
    catches, hold,
    paths::paths,
    source::{Source, files},
};

/// A path that only some places may name.
struct Door {
    /// What is named: a path by its beginning.
    names: &'static [&'static str],
    /// Places that may: a room (`store`) or a path below `src/` by its beginning (`wire/scram`). None: nobody.
    places: &'static [&'static str],
    /// Whether tests beside the code must keep it too.
    tests: bool,
    why: &'static str,
}

/// The same for a list of places that may NOT.
struct Wall {
    names: &'static [&'static str],
    places: &'static [&'static str],
    why: &'static str,
}

const DOORS: &[Door] = &[
    Door { names: &["redb"], places: &["store"], tests: true, why: "only store knows how the disk is laid out" },
    Door {
        names: &["rustls", "rustls_native_certs", "futures_rustls", "rcgen", "x509_cert"],
        places: &["net"],
        tests: false,
        why: "one room knows TLS and certificates; tests may speak as a client",
    },
    Door { names: &["tiny_http"], places: &["admin"], tests: true, why: "it never meets a stranger" },
    Door { names: &["syslog", "log"], places: &["journal"], tests: true, why: "everything told is a typed event" },
    Door {
        names: &["miniz_oxide"],
        places: &["admin/files"],
        tests: true,
        why: "only the page's files are packed (by scripts/build.rs)",
    },
    Door { names: &["mail_parser"], places: &["mime"], tests: true, why: "the door of mail-parser" },
    Door {
        names: &["encoding_rs"],
        places: &["mime/charset"],
        tests: true,
        why: "one file knows how charsets are named",
    },
    Door {
        names: &["ring"],
        places: &["wire/scram", "wire/sasl", "policy", "net", "rt/random", "proof", "router/srs"],
        tests: true,
        why: "passwords in wire and policy, rewritten senders in router, certificates in net, keys in proof, random bytes from one place",
    },
    Door { names: &["sha_crypt"], places: &["policy/imported"], tests: true, why: "imported hashes are seen once" },
    Door {
        names: &["if_addrs"],
        places: &["listen", "net/dial"],
        tests: true,
        why: "listen binds by interface, and dial sends from one",
    },
    Door {
        names: &["socket2"],
        places: &["listen", "net/dial", "journal/syslog/link", "journal/syslog/target"],
        tests: true,
        why: "listen owns every socket that strangers reach; dial binds before it connects; syslog's must never block",
    },
    Door { names: &["mail_auth", "rsa"], places: &["proof"], tests: true, why: "one room knows signatures" },
    Door { names: &["async_io"], places: &["rt", "net", "listen"], tests: false, why: "sockets come as net::Conn" },
    Door {
        names: &["smol::Timer", "smol::Executor", "smol::LocalExecutor", "smol::Task", "smol::Async"],
        places: &["rt", "net", "listen"],
        tests: false,
        why: "time limits are rt::timeout, tasks are rt::Executor",
    },
    Door {
        names: &["smol::block_on"],
        places: &["rt", "app", "cli", "admin"],
        tests: false,
        why: "only a thread that is nobody's executor may wait",
    },
    Door {
        names: &["smol::spawn", "smol::unblock", "smol::Unblock", "smol::fs", "smol::process", "smol::net"],
        places: &[],
        tests: true,
        why: "nothing runs on a global executor or its hidden threads",
    },
    Door {
        names: &["tokio", "hickory_resolver", "async_compat"],
        places: &["proof", "net/dns"],
        tests: true,
        why: "a second runtime",
    },
    Door {
        names: &["std::time::SystemTime::now", "std::time::Instant::now", "SystemTime::now", "Instant::now"],
        places: &["rt/clock.rs"],
        tests: false,
        why: "time comes through rt::Clock, so that tests can jump",
    },
    Door {
        names: &["std::process::Command", "std::process::exit", "std::process::abort"],
        places: &["app", "cli"],
        tests: false,
        why: "a room does not start programs and does not end this one",
    },
];

const WALLS: &[Wall] = &[
    Wall {
        names: &[
            "std::fs",
            "std::thread",
            "std::process",
            "std::os",
            "std::net::TcpStream",
            "std::net::TcpListener",
            "std::net::UdpSocket",
            "smol",
            "rustix",
        ],
        places: &["types", "limits", "mime", "wire", "directory", "settings", "router", "rules"],
        why: "rooms of values do no I/O",
    },
    Wall {
        names: &["std::fs", "std::thread", "std::net::TcpStream", "std::os"],
        places: &["session", "pipeline", "policy"],
        why: "nothing blocking runs on the executor: use rt::Worker",
    },
];

fn doors(sources: &[Source]) -> Vec<String> {
    let mut complaints = Vec::new();
    for source in sources {
        let all = paths(source, &source.tokens);
        let production = paths(source, &source.production());
        for door in DOORS.iter().filter(|door| !stands_in(source, door.places)) {
            let named = if door.tests { &all } else { &production };
            for n in named.iter().filter(|n| door.names.iter().any(|name| n.begins(name))) {
                complaints.push(format!("{}:{}: {} ({})", source.path, n.line, n.text(), door.why));
            }
        }
        for wall in WALLS.iter().filter(|wall| stands_in(source, wall.places)) {
            for n in production.iter().filter(|n| wall.names.iter().any(|name| n.begins(name))) {
                complaints.push(format!("{}:{}: {} ({})", source.path, n.line, n.text(), wall.why));
            }
        }
    }
    complaints
}

/// Whether the file is one of these rooms, or lies under one of these paths.
fn stands_in(source: &Source, places: &[&str]) -> bool {
    let inner = source.path.strip_prefix("src/").unwrap_or(&source.path);
    places.iter().any(|place| source.room() == *place || (place.contains('/') && inner.starts_with(place)))
}

#[test]
fn foreign_crates_are_named_only_at_their_doors() {
    hold("named outside its door:", &doors(&files("src")));
}

#[test]
fn a_name_outside_its_door_is_caught() {
    let good =
        "//! Like redb::Database.\nuse crate::store::redb_like; fn f() { let redb = 1; smol::future::yield_now(); }";
    for bad in [
        "use redb::Database;",
        "use redb;",
        "use {std::io, rustls::ServerConfig};",
        "fn f() { smol::spawn(g()); }",
        "use smol::{fs, io};",
        "fn f() { let a = std::time::Instant::now(); }",
        "use std::time::Instant; fn f() { Instant::now(); }",
        "use std::fs;",
        "use std::{thread, io};",
        "fn f() -> log::Level { x }",
        "use tokio::net;",
        "#[cfg(test)] mod tests { use redb::Database; }",
    ] {
        catches(doors, "src/session/smtp.rs", bad, good);
    }
    catches(doors, "src/wire/smtp.rs", "use std::net::TcpStream;", "use std::net::IpAddr;");
    catches(doors, "src/store/mod.rs", "use rustls::X;", "use redb::Database; use std::fs;");
}

#[test]
fn every_place_of_a_door_is_a_room() {
    let rooms: Vec<String> = files("src").iter().map(|s| s.room().to_owned()).collect();
    let places = DOORS.iter().flat_map(|d| d.places).chain(WALLS.iter().flat_map(|w| w.places));
    let lost: Vec<_> = places.filter(|p| !rooms.iter().any(|r| p.split('/').next() == Some(r))).collect();
    assert!(lost.is_empty(), "no such room: {lost:?}");
}
