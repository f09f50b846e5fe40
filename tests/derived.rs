//! What IMAP shows of messages, against Python's email package: it makes messages and says what is in them; our records and
//! searches must say the same. The samples of tests/corpus/mime are read by both.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

#[path = "common/shown.rs"]
mod shown;

use std::{
    fs,
    io::Write,
    path::PathBuf,
    process::{Command, Stdio},
};

use base64::{Engine, engine::general_purpose::STANDARD};
use gatepost::mime::{
    Derived, DerivedView, Head, Known, Scanner,
    search::{Needle, Question, Scope, Search},
    section::{Piece, Section, What, locate},
    words,
};
use serde_json::{Value, json};
use shown::Body;

fn python(mode: &str, input: &[u8]) -> Value {
    let script = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/derived_parts/python.py");
    let child = Command::new("python3").arg(script).arg(mode).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
    let mut child = child.expect("python3 is missing: apt install python3");
    child.stdin.take().unwrap().write_all(input).unwrap();
    let out = child.wait_with_output().unwrap();
    assert!(out.status.success());
    serde_json::from_slice(&out.stdout).unwrap()
}

fn record(message: &[u8]) -> Vec<u8> {
    let mut scanner = Scanner::default();
    message.chunks(1000).for_each(|piece| scanner.feed(piece));
    Derived::of(&scanner.finish()).encode()
}

fn samples(from: &str, to: &str) -> Vec<(String, Vec<u8>)> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/corpus/mime");
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap());
    let mut all: Vec<_> = files.map(|f| (f.file_name().into_string().unwrap(), fs::read(f.path()).unwrap())).collect();
    all.retain(|(name, _)| (from..to).contains(&name.as_str()));
    all.sort();
    assert!(all.len() >= 5);
    all
}

/// Messages that both sides have read: name, octets, what Python says.
fn both() -> Vec<(String, Vec<u8>, Value)> {
    let mut all: Vec<_> = samples("0", "1")
        .into_iter()
        .map(|(n, m)| {
            let read = python("read", &m);
            (n, m, read)
        })
        .collect();
    for made in python("make", b"").as_array().unwrap() {
        let message = STANDARD.decode(made["message"].as_str().unwrap()).unwrap();
        all.push((made["name"].as_str().unwrap().to_owned(), message, made.clone()));
    }
    assert!(all.len() >= 45);
    all
}

fn text(octets: &[u8]) -> String {
    String::from_utf8(octets.to_vec()).unwrap()
}

/// A BODYSTRUCTURE in Python's words.
fn tree(body: &Body) -> Value {
    let inner = body.message.as_ref().map(|(_, inner)| tree(inner));
    let leaf = body.parts.is_empty() && inner.is_none();
    let children: Vec<Value> = inner.into_iter().chain(body.parts.iter().map(tree)).collect();
    let kind = format!("{}/{}", text(&body.main), text(&body.sub));
    json!({
        "size": leaf.then_some(body.octets),
        "lines": if leaf { body.lines } else { None },
        // A multipart has none of its own in BODYSTRUCTURE.
        "encoding": if body.parts.is_empty() { text(&body.encoding) } else { "7bit".into() },
        "disposition": body.disposition.as_ref().map(|(value, _)| text(value)),
        "id": body.id.as_ref().map(|id| text(id)),
        "children": children,
        "type": kind,
    })
}

/// Python makes a child of each block of a delivery status; IMAP has no such thing.
fn without_status(mut part: Value) -> Value {
    if part["type"] == "message/delivery-status" {
        part["children"] = json!([]);
        part["size"] = json!(null);
    }
    let children = part["children"].as_array_mut().unwrap();
    *children = children.drain(..).map(without_status).collect();
    part
}

#[test]
fn the_structure_is_what_python_sees() {
    for (name, message, read) in both() {
        let record = record(&message);
        let view = Derived::read(&record).unwrap();
        let mut ours = tree(&shown::body(view.body_structure(false)));
        if name.starts_with("06") {
            ours = without_status(ours);
        }
        assert_eq!(ours, without_status(read["root"].clone()), "{name}");
        let mut numbers = Vec::new();
        bodies(&view, &message, &without_status(read["root"].clone()), &mut numbers, &name);
    }
}

/// Each leaf is where its number says, and as long as Python has it.
fn bodies(view: &DerivedView<'_>, message: &[u8], part: &Value, numbers: &mut Vec<u32>, name: &str) {
    let children = part["children"].as_array().unwrap();
    let message_of_one =
        part["type"] == "message/rfc822" && children[0]["type"].as_str().is_some_and(|t| !t.starts_with("multipart/"));
    if let Some(size) = part["size"].as_u64() {
        let numbers = if numbers.is_empty() { vec![1] } else { numbers.clone() };
        let section = Section { part: numbers.clone(), what: What::All };
        let Some(Piece::Range(range)) = locate(view, &section) else { panic!("{name}: no part {numbers:?}") };
        assert_eq!(range.end - range.start, size, "{name}: part {numbers:?}");
        assert!(range.end <= message.len() as u64);
    }
    if part["type"] == "message/rfc822" && !message_of_one {
        return bodies(view, message, &children[0], numbers, name);
    }
    for (child, n) in children.iter().zip(1..) {
        numbers.push(n);
        bodies(view, message, child, numbers, name);
        numbers.pop();
    }
}

#[test]
fn the_envelope_is_what_python_reads() {
    for (name, message, read) in both() {
        let record = record(&message);
        let view = Derived::read(&record).unwrap();
        let envelope = shown::envelope(view.envelope(false));
        let subject = envelope.subject.as_ref().map(|s| words::decode(s));
        assert_eq!(subject.as_deref(), read["subject"].as_str(), "{name}");
        let known = view.field(Head::Subject);
        assert!(matches!(&known, Known::Text(t) if Some(&**t) == read["subject"].as_str()) || known == Known::Absent);
        let person = |p: &shown::Person| {
            let word = |n: usize| p[n].as_ref().map(|t| words::decode(t)).unwrap_or_default();
            json!([word(0), format!("{}@{}", word(2), word(3))])
        };
        let to: Vec<Value> = envelope.people[3].iter().map(person).collect();
        assert_eq!(json!(to), read["to"], "{name}");
        assert_eq!(envelope.people[0], envelope.people[1], "{name}: Sender is as From");
    }
}

fn found(message: &[u8], scope: Scope, needle: &str, block: usize) -> bool {
    let record = record(message);
    let questions = [Question { scope, needle: Needle::new(needle) }];
    let mut search = Search::new(&Derived::read(&record).unwrap(), &questions);
    message.chunks(block).for_each(|block| search.feed(block));
    search.answers()[0]
}

#[test]
fn a_search_finds_what_python_decodes_and_nothing_else() {
    let mut hits = 0;
    for (name, message, read) in both() {
        let texts: Vec<String> =
            read["texts"].as_array().unwrap().iter().map(|t| t.as_str().unwrap().to_lowercase()).collect();
        // Python reads no charset behind a comment.
        if texts.iter().any(|text| text.contains('\u{fffd}')) {
            assert_eq!(name, "07-flowed-comment.eml");
            continue;
        }
        let mut needles: Vec<String> =
            ["французских", "КОНЕЦ", "short", "Two\r\nLines", "чаю. С", "чаю.С", "nowhere"].map(str::to_owned).into();
        // From the middle of each text, in capitals.
        for text in &texts {
            let letters: Vec<char> = text.chars().collect();
            let middle = letters.len() / 2;
            needles.push(letters[middle..letters.len().min(middle + 12)].iter().collect::<String>().to_uppercase());
        }
        for needle in needles {
            let want = needle.is_empty() || texts.iter().any(|text| text.contains(&needle.to_lowercase()));
            for block in [65_536, 61] {
                assert_eq!(
                    found(&message, Scope::Body, &needle, block),
                    want,
                    "{name}: {needle:?} in blocks of {block}"
                );
            }
            hits += usize::from(want);
        }
        if let Some(subject) = read["subject"].as_str() {
            let field = Scope::Field(b"Subject".to_vec());
            assert!(found(&message, field, &subject.to_uppercase(), 61), "{name}: {subject}");
        }
    }
    assert!(hits > 100, "{hits}");
}

#[test]
fn malformed_samples_have_texts_that_follow_the_grammar() {
    for (name, message) in samples("2", "4") {
        for end in 0..=message.len() {
            let record = record(&message[..end]);
            let view = Derived::read(&record).unwrap();
            for utf8 in [false, true] {
                shown::envelope(view.envelope(utf8));
                let (whole, basic) = (shown::body(view.body_structure(utf8)), shown::body(&view.body(utf8)));
                assert_eq!((whole.octets, whole.parts.len()), (basic.octets, basic.parts.len()), "{name} cut at {end}");
            }
            assert!(view.envelope(false).is_ascii() && view.body_structure(false).is_ascii());
        }
    }
}
