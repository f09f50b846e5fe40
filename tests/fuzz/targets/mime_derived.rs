//! Messages as IMAP shows them: the derived record, sections, searches.
//!
//! Oracles: a record is read as it was written and has the parts that the scanner found; its texts follow the grammar of RFC 3501
//! by an independent reader, hold no raw 8-bit octet in the ASCII form and are UTF-8 in the other; no record is too long; any octets
//! for a record are refused or answered; sections lie within the message; fields are chosen alike in any pieces; a search answers
//! alike in any blocks.
#![no_main]

#[path = "../../common/shown.rs"]
mod shown;

use gatepost::{
    limits::DERIVED,
    mime::{
        Derived, DerivedView, Head, Kind, Known, Scanner, Structure,
        search::{Needle, Question, Scope, Search, fold},
        section::{FieldFilter, Piece, Section, What, locate, partial},
    },
};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    hostile(data);
    let mut scanner = Scanner::default();
    scanner.feed(data);
    let structure = scanner.finish();
    let record = Derived::of(&structure).encode();
    assert!(record.len() <= DERIVED, "{}", record.len());
    let view = Derived::read(&record).expect("a record of ours");
    assert_eq!((view.len(), view.header_len()), (data.len() as u64, structure.parts[0].extent.body));
    texts(&view);
    parts(&view, &structure);
    sections(&view, data);
    searches(&view, data);
    damaged(record, data);
});

/// Any octets where a record is expected.
fn hostile(data: &[u8]) {
    if let Some(view) = Derived::read(data) {
        ask_all(&view);
    }
    let versioned = [&[1], data].concat();
    if let Some(view) = Derived::read(&versioned) {
        ask_all(&view);
    }
}

/// Our record with some octets changed.
fn damaged(mut record: Vec<u8>, data: &[u8]) {
    for pair in data.chunks_exact(2).take(8) {
        let at = usize::from(pair[0]) * record.len() / 256;
        record[at] ^= pair[1];
    }
    if let Some(view) = Derived::read(&record) {
        ask_all(&view);
    }
}

fn ask_all(view: &DerivedView<'_>) {
    let _ = (view.body(true), view.body(false), view.sent_date(), view.part(&[1]), view.part(&[2, 1, 3]), view.is_empty());
    for head in HEADS {
        let _ = view.field(head);
    }
    let questions = [Question { scope: Scope::Text, needle: Needle::new("x") }];
    let mut search = Search::new(view, &questions);
    search.feed(&[b'x'; 500]);
    search.feed(b"");
    let _ = search.answers();
}

const HEADS: [Head; 10] = [
    Head::Date,
    Head::Subject,
    Head::From,
    Head::Sender,
    Head::ReplyTo,
    Head::To,
    Head::Cc,
    Head::Bcc,
    Head::InReplyTo,
    Head::MessageId,
];

fn texts(view: &DerivedView<'_>) {
    for utf8 in [false, true] {
        let (envelope, structure, body) = (view.envelope(utf8), view.body_structure(utf8), view.body(utf8));
        for text in [envelope, structure, &body] {
            assert!(if utf8 { std::str::from_utf8(text).is_ok() } else { text.is_ascii() });
        }
        shown::envelope(envelope);
        let (whole, basic) = (shown::body(structure), shown::body(&body));
        assert_eq!(without_extension(whole), basic);
    }
    for head in HEADS {
        if let Known::Text(text) = view.field(head) {
            assert!(head != Head::Sender && head != Head::ReplyTo && text.len() <= 4 * DERIVED);
        }
    }
}

fn without_extension(body: shown::Body) -> shown::Body {
    let multipart = !body.parts.is_empty();
    shown::Body {
        parts: body.parts.into_iter().map(without_extension).collect(),
        params: if multipart { Vec::new() } else { body.params },
        message: body.message.map(|(envelope, inner)| (envelope, Box::new(without_extension(*inner)))),
        extended: false,
        md5: None,
        disposition: None,
        languages: Vec::new(),
        location: None,
        ..body
    }
}

/// Each part that has a number has the same one by both ways.
fn parts(view: &DerivedView<'_>, s: &Structure) {
    let kinds = view.parts().filter(|p| p.kind == Kind::Multipart).count();
    assert_eq!(kinds, s.parts.iter().filter(|p| p.is_multipart()).count());
    let mut numbers = Vec::new();
    walk(view, s, &mut numbers, 0);
}

fn walk(view: &DerivedView<'_>, s: &Structure, numbers: &mut Vec<u32>, depth: usize) {
    let wide = if depth < 2 { 12 } else { 3 };
    for n in 0..wide {
        numbers.push(n);
        let (ours, theirs) = (view.part(numbers), s.section(numbers));
        if let Some(part) = theirs {
            assert_eq!(ours.map(|p| p.extent), Some(part.extent), "{numbers:?}");
        }
        if ours.is_some() && depth < 6 {
            walk(view, s, numbers, depth + 1);
        }
        numbers.pop();
    }
}

fn sections(view: &DerivedView<'_>, data: &[u8]) {
    let names: Vec<Vec<u8>> = vec![b"subject".to_vec(), b"Content-Type".to_vec(), data.iter().copied().take(3).collect()];
    let whats = [What::All, What::Header, What::Text, What::Mime, What::Fields { names: names.clone(), not: false }];
    for part in [&[][..], &[1], &[2], &[1, 1], &[2, 1], &[1, 2]] {
        for what in &whats {
            let Some(piece) = locate(view, &Section { part: part.to_vec(), what: what.clone() }) else { continue };
            let (Piece::Range(range) | Piece::Fields(range)) = piece;
            assert!(range.start <= range.end && range.end <= data.len() as u64);
            let some = partial(range.clone(), 3, 5);
            assert!(range.start <= some.start && some.start <= some.end && some.end <= range.end);
        }
    }
    let header = &data[..view.header_len() as usize];
    for not in [false, true] {
        let whole = chosen(header, &names, not, header.len().max(1));
        assert_eq!(chosen(header, &names, not, 1), whole);
        assert_eq!(chosen(header, &names, not, 7), whole);
        assert!(whole.ends_with(b"\r\n"));
    }
}

fn chosen(header: &[u8], names: &[Vec<u8>], not: bool, size: usize) -> Vec<u8> {
    let (mut filter, mut out) = (FieldFilter::new(names, not), Vec::new());
    header.chunks(size).for_each(|piece| filter.feed(piece, &mut out));
    filter.finish(&mut out);
    out
}

fn searches(view: &DerivedView<'_>, data: &[u8]) {
    let middle = &data[data.len() / 2..];
    let text = String::from_utf8_lossy(&middle[..middle.len().min(4)]).into_owned();
    assert_eq!(fold(&fold(&text)), fold(&text));
    let scopes = [Scope::Body, Scope::Text, Scope::Field(b"subject".to_vec())];
    let ask = |needle: &str| {
        scopes.iter().map(|scope| Question { scope: scope.clone(), needle: Needle::new(needle) }).collect::<Vec<_>>()
    };
    let questions = [ask(&text), ask("x"), ask("\u{43e}")].concat();
    let whole = asked(view, data, &questions, data.len().max(1));
    for size in [1, 3, 64] {
        assert_eq!(asked(view, data, &questions, size), whole, "blocks of {size}");
    }
}

fn asked(view: &DerivedView<'_>, data: &[u8], questions: &[Question], size: usize) -> Vec<bool> {
    let mut search = Search::new(view, questions);
    data.chunks(size).for_each(|block| search.feed(block));
    search.answers()
}
