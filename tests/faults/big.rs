//! 100 MB on every way through the real program, in little memory.

use std::time::{Duration, Instant};

use crate::{
    binary::Served,
    client::{self, Client},
    common::ANN,
};

/// Octets of a big message.
const BIG: usize = 100_000_000;
/// KiB: the budget is 32 MiB for the program as it is shipped; this one is not optimised.
const MEMORY: u64 = 48 * 1024;

fn line() -> String {
    format!("{}\r\n", "All work and no play makes Jack a dull boy. ".repeat(22))
}

/// Envelope, then `verb`; the message; the answer to it.
fn send(served: &Served, verb: &str, dot: &str) -> Duration {
    let began = Instant::now();
    let (line, mut smtp) = (line(), client::smtp(served.ports.smtp).unwrap());
    assert!(smtp.ask(&format!("MAIL FROM:<x@far.test> SIZE={BIG}")).unwrap().starts_with("250"));
    assert!(smtp.ask(&format!("RCPT TO:<{}>", ANN.0)).unwrap().starts_with("250"));
    smtp.write(format!("{verb}\r\n").as_bytes()).unwrap();
    if verb == "DATA" {
        assert!(smtp.reply().unwrap().starts_with("354"));
    }
    let many = line.repeat(64);
    for _ in 0..BIG / line.len() / 64 {
        smtp.write(many.as_bytes()).unwrap();
    }
    smtp.write(dot.as_bytes()).unwrap();
    let said = smtp.reply().unwrap();
    assert!(said.starts_with("250 2.0.0"), "{said}");
    began.elapsed()
}

/// RETR over POP3S; the octets behind the header section are what was sent.
fn fetch(served: &Served, number: usize) -> (usize, Duration) {
    let began = Instant::now();
    let mut pop3 = Client::tls(served.ports.pop3s).unwrap();
    assert!(pop3.login(ANN).unwrap().starts_with("+OK"));
    let expected = line();
    let (mut octets, mut lines, mut body) = (0, 0, false);
    let said = pop3.ask(&format!("RETR {number}")).unwrap();
    assert!(said.starts_with("+OK"), "{said}");
    loop {
        let text = pop3.line().unwrap();
        if text == "." {
            break;
        }
        octets += text.len() + 2;
        if body && !text.is_empty() {
            assert!(text == expected.trim_end_matches("\r\n"), "line {lines} is not what was sent");
            lines += 1;
        }
        body |= text.starts_with("All work") || text.is_empty();
    }
    assert!(pop3.ask("QUIT").unwrap().starts_with("+OK"));
    assert_eq!(lines, BIG / expected.len() / 64 * 64);
    (octets, began.elapsed())
}

#[test]
fn a_hundred_megabytes_come_by_data_and_bdat_and_go_by_retr_over_tls_in_little_memory() {
    let served = Served::start(&[]);
    let before = served.memory("VmHWM");
    let octets = BIG / line().len() / 64 * 64 * line().len();
    let by_data = send(&served, "DATA", ".\r\n");
    let after_data = served.memory("VmHWM");
    let by_bdat = send(&served, &format!("BDAT {octets} LAST"), "");
    let after_bdat = served.memory("VmHWM");
    let (size, by_retr) = fetch(&served, 1);
    let (_, again) = fetch(&served, 2);
    let after = served.memory("VmHWM");
    println!(
        "VmHWM: {before} KiB before, {after_data} after DATA ({by_data:?}), {after_bdat} after BDAT ({by_bdat:?}), {after} after \
         two RETR of {size} octets over TLS ({by_retr:?}, {again:?}); debug build"
    );
    assert!(after < MEMORY, "{after} KiB");
}
