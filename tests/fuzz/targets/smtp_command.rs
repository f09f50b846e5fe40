//! Lines that a client may send, and replies that a server may send.
//!
//! Oracles: what is read is written and read again as the same; a refusal is a reply that can be read back; what a strict
//! reader takes, a forgiving one takes too and understands alike.
#![no_main]

use gatepost::{
    limits::SMTP_LINE,
    wire::smtp::{Command, Heard, Lenience, NoReply, Reply},
};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    heard(data);
    if data.len() > SMTP_LINE {
        return;
    }
    let strict = Command::parse(data, Lenience::Strict);
    let forgiving = Command::parse(data, Lenience::Forgiving);
    for result in [&strict, &forgiving] {
        match result {
            Ok(command) => written_is_read(command),
            Err(bad) => reply_is_sound(&bad.say),
        }
    }
    if strict.is_ok() {
        assert_eq!(strict, forgiving, "a forgiving reader understood something else");
    }
});

fn written_is_read(command: &Command) {
    let mut out = Vec::new();
    command.write(&mut out);
    let line = out.strip_suffix(b"\r\n").expect("a command ends with CRLF");
    assert!(!line.iter().any(|b| matches!(b, b'\r' | b'\n' | 0)), "a command is one line");
    assert_eq!(Command::parse(line, Lenience::Strict).as_ref(), Ok(command));
}

fn reply_is_sound(say: &Reply) {
    let mut out = Vec::new();
    say.write(&mut out);
    assert!((400..600).contains(&say.code));
    let (heard, used) = Heard::parse(&out).expect("our replies can be read");
    assert_eq!((heard.code, heard.status.as_str(), used), (say.code, say.status, out.len()));
    assert!(out.iter().all(|&b| b == b'\r' || b == b'\n' || (0x20..0x7f).contains(&b)), "a reply is printable ASCII");
    assert!(out.split(|&b| b == b'\n').all(|line| line.len() <= 512), "RFC 5321 s4.5.3.1.5");
}

fn heard(data: &[u8]) {
    match Heard::parse(data) {
        Ok((reply, used)) => {
            assert_eq!(Heard::parse(&data[..used]), Ok((reply, used)), "what follows a reply must not matter");
            for cut in 0..used.min(64) {
                assert!(Heard::parse(&data[..cut]).is_err(), "a part of a reply was taken for a whole one");
            }
        }
        Err(NoReply::Unfinished | NoReply::Malformed) => {}
    }
}
