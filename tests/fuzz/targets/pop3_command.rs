//! What a POP3 client says, what it hears, and the messages of SASL inside both.
//!
//! Oracles: what is read is written and read again as the same; a message cut into any pieces is stuffed and cut to size
//! alike, and comes out of a plain un-stuffing whole.
#![no_main]

use gatepost::{
    types::Credential,
    wire::{
        pop3::{Command, Status, Stuffing, Top, is_http},
        sasl::{Answer, Plain, parse_initial, write_initial},
        scram::{ClientFinal, ClientFirst, ServerFinal, ServerFirst},
    },
};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    if !data.iter().any(|b| matches!(b, b'\r' | b'\n')) {
        line(data);
    }
    sasl(data);
    scram(data);
    message(data);
    let _ = is_http(data);
});

fn line(data: &[u8]) {
    if let Ok(command) = Command::parse(data) {
        let mut out = Vec::new();
        command.write(&mut out);
        let line = out.strip_suffix(b"\r\n").expect("a command ends with CRLF");
        assert_eq!(Command::parse(line).as_ref(), Ok(&command));
    }
    if let Some(status) = Status::parse(data) {
        let mut out = Vec::new();
        status.write(&mut out);
        let read = Status::parse(out.strip_suffix(b"\r\n").expect("a status ends with CRLF"));
        // `+OK  [AUTH] x`: a text may begin with what looks like a code once its blank is gone; a code may not get lost.
        assert!(read.is_some_and(|r| r.ok == status.ok && (r == status || status.code.is_none())));
    }
}

fn sasl(data: &[u8]) {
    if let Ok(answer) = Answer::parse(data) {
        assert!(Answer::parse(answer.write().as_bytes()) == Ok(answer));
    }
    if let Ok(octets) = parse_initial(data) {
        assert_eq!(parse_initial(write_initial(&octets).as_bytes()), Ok(octets));
    }
    if let Ok(plain) = Plain::parse(data) {
        assert!(plain.write() == data);
    }
    if let Ok(text) = std::str::from_utf8(data)
        && let Some(credential) = Credential::parse(text)
    {
        assert!(Credential::parse(&credential.encode()) == Some(credential));
    }
}

fn scram(data: &[u8]) {
    if let Ok(first) = ClientFirst::parse(data) {
        assert_eq!(first.write().as_bytes(), data, "both sides sign these octets");
        assert_eq!(ClientFirst::parse(first.write().as_bytes()), Ok(first));
    }
    if let Ok(first) = ServerFirst::parse(data) {
        assert_eq!(ServerFirst::parse(first.write().as_bytes()), Ok(first));
    }
    if let Ok(last) = ClientFinal::parse(data) {
        assert!(data.starts_with(last.without_proof().as_bytes()), "both sides sign these octets");
        assert_eq!(ClientFinal::parse(last.write().as_bytes()), Ok(last));
    }
    if let Ok(last) = ServerFinal::parse(data) {
        assert_eq!(ServerFinal::parse(last.write().as_bytes()), Ok(last));
    }
}

fn message(data: &[u8]) {
    let Some((&seed, message)) = data.split_first() else { return };
    let whole = sent(message, || usize::MAX, u32::from(seed % 4));
    let mut state = u32::from(seed);
    let random = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as usize % 9 + 1
    };
    assert_eq!(sent(message, random, u32::from(seed % 4)), whole);
    let (text, top) = whole;
    assert_eq!(
        unstuffed(&text),
        if message.is_empty() || message.ends_with(b"\r\n") { message.to_vec() } else { [message, b"\r\n"].concat() }
    );
    assert!(top <= message.len());
}

/// The text of RETR, and how many octets TOP shows.
fn sent(message: &[u8], mut next: impl FnMut() -> usize, lines: u32) -> (Vec<u8>, usize) {
    let (mut stuffing, mut top) = (Stuffing::default(), Top::new(lines));
    let (mut out, mut shown, mut rest) = (Vec::new(), 0, message);
    while !rest.is_empty() {
        let (piece, more) = rest.split_at(next().clamp(1, rest.len()));
        stuffing.put(piece, &mut out);
        if !top.is_over() {
            shown += top.take(piece);
        }
        rest = more;
    }
    stuffing.end(&mut out);
    (out, shown)
}

/// As a client undoes it, line by line at LF; the end must be the first lone dot and the last octets.
fn unstuffed(text: &[u8]) -> Vec<u8> {
    let (mut out, mut at) = (Vec::new(), 0);
    for line in text.split_inclusive(|&b| b == b'\n') {
        at += line.len();
        if line == b".\r\n" {
            assert_eq!(at, text.len(), "an end within the message");
            return out;
        }
        out.extend_from_slice(line.strip_prefix(b".").unwrap_or(line));
    }
    panic!("no end");
}
