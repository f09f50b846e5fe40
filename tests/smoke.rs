//! The whole way once: a message comes in by SMTP and is fetched by POP3.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod common;

use std::{
    io::{BufRead, BufReader, Write},
    net::TcpStream,
};

fn talk(at: std::net::SocketAddr, lines: &str) -> String {
    let mut stream = TcpStream::connect(at).unwrap();
    stream.write_all(lines.replace('\n', "\r\n").as_bytes()).unwrap();
    let mut said = String::new();
    for line in BufReader::new(stream).lines() {
        said.push_str(&line.unwrap());
        said.push('\n');
    }
    said
}

#[test]
fn a_message_comes_in_and_is_fetched() {
    let house = common::House::start();
    let said = talk(
        house.ports.smtp,
        "EHLO h.test\nMAIL FROM:<x@far.test>\nRCPT TO:<team@office.test>\nDATA\nSubject: hello\n\nbody\n.\nQUIT\n",
    );
    assert!(said.contains("250 2.0.0"), "{said}\n{:#?}", house.journal());
    for (user, pass) in [common::ANN, common::BOB] {
        let said = talk(house.ports.pop3, &format!("USER {user}\nPASS {pass}\nSTAT\nRETR 1\nDELE 1\nQUIT\n"));
        assert!(said.contains("Subject: hello"), "{said}\n{:#?}", house.journal());
    }
    println!("{:#?}", house.journal());
}
