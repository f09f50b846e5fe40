//! Mail as others read it: our notices and stamps, and the sample messages, against Python's email parser.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use std::{
    fs,
    io::Write,
    path::PathBuf,
    process::{Command, Stdio},
};

use gatepost::{
    mime::{self, Scanner, Structure, notice, stamp},
    types::{Address, Answer, BodyId, BytesBody, QueueId, UnixTime},
};
use serde_json::{Value, json};

const AT: UnixTime = UnixTime(1_795_503_600);

/// Walks a message with Python's email package: type, length of the body and of each leaf's bytes, decoded texts, defects.
const WALK: &str = r#"
import sys, json, email, email.policy
message = email.message_from_bytes(sys.stdin.buffer.read())
def part(p):
    raw = p._payload if not p.is_multipart() else None
    return {
        "type": p.get_content_type(),
        "size": None if raw is None else len(raw.encode("utf-8", "surrogateescape")),
        "text": p.get_payload(decode=True).decode("utf-8", "replace") if raw is not None else None,
        "file": p.get_filename(),
        "defects": [type(d).__name__ for d in p.defects],
        "children": [part(c) for c in p.get_payload()] if p.is_multipart() else [],
    }
from email.header import decode_header, make_header
print(json.dumps({"root": part(message), "headers": [[k, str(make_header(decode_header(v)))] for k, v in message.items()]}))
"#;

fn python(message: &[u8]) -> Value {
    let child = Command::new("python3").args(["-c", WALK]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
    let mut child = child.expect("python3 is missing: apt install python3");
    child.stdin.take().unwrap().write_all(message).unwrap();
    let out = child.wait_with_output().unwrap();
    assert!(out.status.success());
    serde_json::from_slice(&out.stdout).unwrap()
}

fn scan_in(message: &[u8], mut next: impl FnMut() -> usize) -> Structure {
    let mut scanner = Scanner::default();
    let mut rest = message;
    while !rest.is_empty() {
        let (piece, more) = rest.split_at(next().clamp(1, rest.len()));
        scanner.feed(piece);
        rest = more;
    }
    scanner.finish()
}

fn scan(message: &[u8]) -> Structure {
    scan_in(message, || usize::MAX)
}

fn corpus() -> Vec<(String, Vec<u8>)> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/corpus/mime");
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap());
    let mut all: Vec<_> = files.map(|f| (f.file_name().into_string().unwrap(), fs::read(f.path()).unwrap())).collect();
    all.sort();
    assert!(all.len() >= 12);
    all
}

/// Our tree in the form of Python's.
fn shape(s: &Structure, n: usize) -> Value {
    let part = &s.parts[n];
    let leaf = part.children.is_empty();
    json!({
        "type": part.media.value,
        "size": leaf.then(|| part.extent.end - part.extent.body),
        "file": part.filename(),
        "children": part.children.iter().map(|&c| shape(s, c)).collect::<Vec<_>>(),
    })
}

fn strip(mut part: Value) -> Value {
    let object = part.as_object_mut().unwrap();
    object.remove("text");
    object.remove("defects");
    if object["type"] == "message/delivery-status" {
        // Python makes a child of each of its blocks.
        return json!({"type": "message/delivery-status", "size": 108, "file": null, "children": []});
    }
    let children = object["children"].as_array_mut().unwrap();
    *children = children.drain(..).map(strip).collect();
    part
}

#[test]
fn well_formed_samples_have_the_tree_that_python_sees() {
    for (name, message) in corpus().into_iter().filter(|(name, _)| name < &"20".to_owned()) {
        assert_eq!(shape(&scan(&message), 0), strip(python(&message)["root"].clone()), "{name}");
    }
}

#[test]
fn every_sample_has_a_sound_tree_and_any_chunks_give_it() {
    for (name, message) in corpus() {
        let whole = scan(&message);
        sound(&whole, message.len() as u64, &name);
        for size in 1..=64 {
            assert_eq!(scan_in(&message, || size), whole, "{name} in chunks of {size}");
        }
        for cut in 0..message.len() {
            let mut first = Some(cut);
            assert_eq!(scan_in(&message, || first.take().unwrap_or(usize::MAX)), whole, "{name} cut at {cut}");
        }
        let mut seed = 7u32;
        for _ in 0..200 {
            let random = || {
                seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                (seed >> 20) as usize % 97
            };
            assert_eq!(scan_in(&message, random), whole, "{name} in random chunks");
        }
        let stored = smol::block_on(mime::scan(&BytesBody(message))).unwrap();
        assert_eq!(stored, whole, "{name} through a reader");
    }
}

/// Offsets in order, children within their parent and behind each other.
fn sound(s: &Structure, len: u64, name: &str) {
    for (n, part) in s.parts.iter().enumerate() {
        let e = part.extent;
        assert!(e.header <= e.body && e.body <= e.end && e.end <= len, "{name}: part {n} {e:?}");
        let mut from = e.body;
        for &child in &part.children {
            let c = &s.parts[child];
            assert!(child > n && c.parent == Some(n), "{name}: part {child}");
            assert!(c.extent.header >= from && c.extent.end <= e.end, "{name}: part {child} of {n}");
            from = c.extent.end;
        }
    }
    assert_eq!((s.parts[0].extent.header, s.parts[0].extent.end), (0, len), "{name}");
}

#[test]
fn malformed_samples_are_read_as_far_as_they_go() {
    let want = [
        ("20-no-close.eml", "multipart/mixed 0,text/plain 30,multipart/alternative 0,text/plain 23"),
        ("21-inner-unclosed.eml", "multipart/mixed 0,multipart/alternative 0,text/plain 5,text/plain 6"),
        ("22-no-boundary-param.eml", "multipart/mixed 20"),
        ("23-garbage-header.eml", "text/html 5"),
        ("24-header-cut-by-boundary.eml", "multipart/mixed 0,text/html 0,text/plain 2,text/plain 0"),
        ("25-twin-boundaries.eml", "multipart/mixed 0,multipart/mixed 0,text/plain 5,text/plain 0"),
        ("26-bare-lf-and-nul.eml", "multipart/mixed 0,text/plain 3,text/plain 2"),
        ("27-encoded-message.eml", "message/rfc822 26"),
        ("28-no-body.eml", "multipart/mixed 0"),
        ("29-only-blank.eml", "text/plain 18"),
        ("30-form-feed.eml", "text/html 3"),
    ];
    let body = |p: &mime::Part| if p.children.is_empty() { p.extent.end - p.extent.body } else { 0 };
    let mut found = Vec::new();
    for (name, message) in corpus().into_iter().filter(|(name, _)| name >= &"20".to_owned()) {
        let s = scan(&message);
        let parts: Vec<_> = s.parts.iter().map(|p| format!("{} {}", p.media.value, body(p))).collect();
        found.push((name, parts.join(",")));
    }
    assert_eq!(found, want.map(|(name, parts)| (name.to_owned(), parts.to_owned())));
}

fn defects(part: &Value) -> usize {
    let own = part["defects"].as_array().unwrap().len();
    own + part["children"].as_array().unwrap().iter().map(defects).sum::<usize>()
}

fn address(text: &str) -> Address {
    Address::parse(text).unwrap()
}

#[test]
fn python_reads_a_notice_as_a_delivery_report() {
    let (ann, bob) = (address("ann@office.test"), address("\"bob the builder\"@office.test"));
    let answer = |code, status: &str, text: &str| Answer {
        at: AT,
        peer: "mx.far.test[192.0.2.1]:25".into(),
        code,
        status: status.into(),
        text: text.into(),
    };
    let full = answer(552, "5.2.2", "The mailbox is full");
    let (nonsense, slow) = (answer(550, "nonsense", "\r\n\r\nAction: delivered"), answer(0, "4.4.7", ""));
    let report = |action, answer| notice::Report { to: &bob, original: None, orcpt: None, action, answer, until: None };
    let reports = [
        report(notice::Action::Failed, &full),
        report(notice::Action::Failed, &nonsense),
        report(notice::Action::Delayed, &slow),
    ];
    let header = "Subject: =?utf-8?B?0JTQsA==?=\r\nTo: Боб <bob@office.test>\r\n\r\n";
    let notice = notice::Notice {
        to: &ann,
        host: "mail.office.test",
        id: "000000002A",
        at: AT,
        arrived: AT.plus(-60),
        envid: Some("QQ314159"),
        reports: &reports,
        original: notice::Original::Header(header.as_bytes()),
    };
    let message = notice.write();
    let read = python(&message);
    let root = &read["root"];
    assert_eq!((root["type"].as_str(), defects(root)), (Some("multipart/report"), 0));
    let parts = root["children"].as_array().unwrap();
    let types: Vec<_> = parts.iter().map(|p| p["type"].as_str().unwrap()).collect();
    assert_eq!(types, ["text/plain", "message/delivery-status", "text/rfc822-headers"]);
    let words = parts[0]["text"].as_str().unwrap();
    assert!(
        words.contains("Ящик получателя переполнен") && words.contains("The recipient's mailbox is full"),
        "{words}"
    );
    // One block for the message and one for each recipient: nothing that a peer said made another.
    assert_eq!(parts[1]["children"].as_array().unwrap().len(), 4);
    assert!(parts[2]["text"].as_str().unwrap().contains("To: Боб <bob@office.test>"));
    let subject = read["headers"].as_array().unwrap().iter().find(|h| h[0] == "Subject").unwrap();
    assert_eq!(subject[1], "Письмо не доставлено / Message not delivered");
    assert_eq!(scan(&message).parts.len(), 4);
}

#[test]
fn python_reads_a_quota_warning_and_the_stamps() {
    let ann = address("ann@office.test");
    let (used, quota) = (95 * 1_048_576, 100 * 1_048_576);
    let warning = notice::QuotaWarning { to: &ann, host: "m.test", id: "1", at: AT, percent: 95, used, quota }.write();
    let qid = QueueId::of(BodyId(7));
    let received = stamp::Received {
        helo: "evil\r\nX-Evil: yes",
        ip: "2001:db8::7".parse().unwrap(),
        by: "mail.office.test",
        with: "ESMTPS",
        tls: Some("TLSv1.3 with cipher TLS_AES_128_GCM_SHA256"),
        qid: &qid,
        for_: Some(&ann),
        login: None,
        at: AT,
    };
    let message = [received.write().as_bytes(), &warning[..]].concat();
    let read = python(&message);
    assert_eq!(defects(&read["root"]), 0);
    assert!(read["root"]["text"].as_str().unwrap().contains("заполнен на 95 %: занято 95.0 из 100.0 МиБ"));
    let names: Vec<_> = read["headers"].as_array().unwrap().iter().map(|h| h[0].as_str().unwrap()).collect();
    assert_eq!(names[..3], ["Received", "From", "To"]);
    assert!(!names.contains(&"X-Evil"));
}
