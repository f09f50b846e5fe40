//! Messages, whole and in pieces, and strangers' words in messages of ours.
//!
//! Oracles: any cut into chunks gives the same tree; offsets are in order and parts within their parents; each part is found
//! by its number; fields are the section again; what is encoded is decoded; no HELO, answer or original leaves its place.
#![no_main]

use gatepost::{
    mime::{self, Scanner, Structure, Valued, notice, stamp, words},
    types::{Address, Answer, BodyId, QueueId, UnixTime},
};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let whole = scan(data, || usize::MAX);
    assert_eq!(scan(data, || 1), whole);
    let mut state = data.len() as u32;
    let random = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as usize % 31 + 1
    };
    assert_eq!(scan(data, random), whole);
    sound(&whole, data.len() as u64);
    every_part_has_a_number(&whole);
    fields(data);
    let text = String::from_utf8_lossy(data);
    text_survives(&text);
    ours_stay_whole(data, &text);
});

fn scan(message: &[u8], mut next: impl FnMut() -> usize) -> Structure {
    let mut scanner = Scanner::default();
    let mut rest = message;
    while !rest.is_empty() {
        let (piece, more) = rest.split_at(next().clamp(1, rest.len()));
        scanner.feed(piece);
        rest = more;
    }
    scanner.finish()
}

fn sound(s: &Structure, len: u64) {
    for (n, part) in s.parts.iter().enumerate() {
        let e = part.extent;
        assert!(e.header <= e.body && e.body <= e.end && e.end <= len && e.lines <= e.end - e.body, "{n} {e:?}");
        assert!(part.media.value.split_once('/').is_some_and(|(a, b)| !a.is_empty() && !b.is_empty()));
        let mut from = e.body;
        for &child in &part.children {
            let c = &s.parts[child];
            assert!(child > n && c.parent == Some(n));
            assert!(c.extent.header >= from && c.extent.end <= e.end, "{child} of {n}");
            from = c.extent.end;
        }
        let _ = part.filename();
    }
    assert_eq!((s.parts[0].extent.header, s.parts[0].extent.end), (0, len));
}

fn every_part_has_a_number(s: &Structure) {
    for (n, part) in s.parts.iter().enumerate() {
        let Some(parent) = part.parent.map(|p| &s.parts[p]) else { continue };
        // A multipart that is the message within a message has no number of its own: its parts have the message's.
        if parent.is_message() && part.is_multipart() {
            continue;
        }
        let mut numbers = Vec::new();
        let mut at = n;
        while let Some(up) = s.parts[at].parent {
            let place = s.parts[up].children.iter().position(|&c| c == at).expect("a child of its parent") + 1;
            let embedded = s.parts[up].is_message();
            if !(embedded && s.parts[at].is_multipart()) {
                numbers.push(place as u32);
            }
            at = up;
        }
        if s.parts[0].is_message() {
            numbers.push(1);
        }
        numbers.reverse();
        assert!(s.section(&numbers).is_some_and(|p| std::ptr::eq(p, part)), "{numbers:?} of {s:?}");
    }
}

fn fields(data: &[u8]) {
    let end = mime::header_end(data).unwrap_or(data.len());
    let section = &data[..end];
    let mut at = 0;
    for f in mime::fields(section) {
        assert!(section[at..].starts_with(f.raw) && !f.raw.is_empty());
        at += f.raw.len();
        let _ = (f.text(), mime::people(f.value).len(), words::decode(f.value).len());
        let valued = Valued::parse(f.value);
        for (name, _) in &valued.params {
            let _ = valued.decoded(name.split('*').next().unwrap_or_default());
        }
    }
    let rest = &section[at..];
    assert!(rest.is_empty() || rest.starts_with(b"\r\n") || rest.starts_with(b"\n"), "a field was lost");
    let _ = (mime::message_id(section), mime::count_received(section));
}

fn text_survives(text: &str) {
    let encoded = words::encode(text);
    assert!(encoded.is_ascii() && encoded.split("\r\n ").all(|line| line.len() <= 900 && !line.contains(['\r', '\n'])));
    // Blanks at the ends of a plain text are the field's, not the text's.
    assert_eq!(words::decode(encoded.as_bytes()).trim_matches(' '), text.trim_matches(' '));
}

fn ours_stay_whole(data: &[u8], text: &str) {
    let qid = QueueId::of(BodyId(1));
    let ip = "192.0.2.1".parse().expect("an address");
    let at = UnixTime(1_795_503_600);
    let received = stamp::Received {
        helo: text,
        ip,
        by: text,
        with: text,
        tls: Some(text),
        qid: &qid,
        for_: None,
        login: None,
        at,
    };
    let written = received.write();
    assert_eq!(mime::fields(written.as_bytes()).count(), 1);
    clean(written.as_bytes());

    let to = Address::parse("ann@office.test").expect("an address");
    let answer = Answer { at, peer: text.into(), code: 550, status: text.into(), text: text.into() };
    let action = notice::Action::Failed;
    let report = notice::Report { to: &to, original: None, orcpt: None, action, answer: &answer, until: None };
    let reports = [report];
    let original = notice::Original::Header(data);
    let notice = notice::Notice { to: &to, host: text, id: text, at, arrived: at, envid: None, reports: &reports, original };
    let message = notice.write();
    clean(&message);
    let tree = scan(&message, || usize::MAX);
    let types: Vec<_> = tree.parts.iter().map(|p| p.media.value.as_str()).collect();
    assert_eq!(types, ["multipart/report", "text/plain", "message/delivery-status", "text/rfc822-headers"]);
    assert_eq!(mime::fields(&message).count(), 8, "a field of a notice was forged");
}

/// 7-bit lines below 998 octets, each ended by CRLF.
fn clean(message: &[u8]) {
    assert!(message.is_ascii() && message.ends_with(b"\r\n"));
    for line in message.split(|&b| b == b'\n') {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        assert!(line.len() < 998 && !line.contains(&b'\r') && !line.contains(&0));
    }
    let newlines = message.iter().filter(|&&b| b == b'\n').count();
    assert_eq!(newlines, message.windows(2).filter(|w| w == b"\r\n").count());
}
