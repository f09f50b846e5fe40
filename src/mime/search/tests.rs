//! Questions to whole messages, in blocks of every size.

use super::*;
use crate::mime::{Charset, Derived, Scanner};

fn asked(message: &[u8], questions: &[Question], size: usize) -> Vec<bool> {
    let mut scanner = Scanner::default();
    scanner.feed(message);
    let record = Derived::of(&scanner.finish()).encode();
    let view = Derived::read(&record).unwrap();
    let mut search = Search::new(&view, questions);
    for block in message.chunks(size) {
        if search.is_over() {
            break;
        }
        search.feed(block);
    }
    search.answers()
}

/// The answers, which must not depend on how the message comes.
fn ask(message: &[u8], questions: &[(Scope, &str)]) -> Vec<bool> {
    let questions: Vec<_> =
        questions.iter().map(|(scope, text)| Question { scope: scope.clone(), needle: Needle::new(text) }).collect();
    let whole = asked(message, &questions, message.len().max(1));
    for size in (1..40).chain([100, 1000]) {
        assert_eq!(asked(message, &questions, size), whole, "blocks of {size}");
    }
    whole
}

fn field(name: &str) -> Scope {
    Scope::Field(name.as_bytes().to_vec())
}

fn one(message: &[u8], scope: Scope, text: &str) -> bool {
    ask(message, &[(scope, text)])[0]
}

fn crlf(text: &str) -> Vec<u8> {
    text.replace('\n', "\r\n").into_bytes()
}

const NESTED: &str = "Subject: =?utf-8?B?0J/RgNC40LLQtdGC?=\nFrom: Ann <ann@office.test>\nX-Empty:\nContent-Type: multipart/mixed; boundary=o\n\n\
    preamble\n--o\nContent-Type: text/html\n\n<p>Hello <b>World</b>\n--o\nContent-Type: image/png; name=cat.png\n\nmeow\n--o\n\
    Content-Type: message/rfc822\n\nSubject: inside\nContent-Type: text/plain\n\ndeep text\n--o--\nepilogue\n";

#[test]
fn fields_are_those_of_the_message_itself() {
    let m = crlf(NESTED);
    assert_eq!(
        ask(
            &m,
            &[
                (field("subject"), "ПРИВ"),
                (field("SUBJECT"), "inside"),
                (field("from"), "ann@OFFICE"),
                (field("from"), "Hello"),
                (field("x-empty"), ""),
                (field("x-missing"), ""),
            ]
        ),
        [true, false, true, false, true, false]
    );
}

#[test]
fn fields_of_the_envelope_are_known_without_the_message() {
    let m = crlf(NESTED);
    let mut scanner = Scanner::default();
    scanner.feed(&m);
    let record = Derived::of(&scanner.finish()).encode();
    let view = Derived::read(&record).unwrap();
    let known = |scope, text| Question { scope, needle: Needle::new(text) }.known(&view);
    assert_eq!(known(field("subject"), "ПРИВ"), Some(true));
    assert_eq!(known(field("From"), "ann <ANN@office"), Some(true));
    assert_eq!(known(field("Cc"), "x"), Some(false));
    assert_eq!(known(field("Cc"), ""), None);
    assert_eq!(known(field("x-empty"), ""), None);
    assert_eq!(known(Scope::Body, "x"), None);
}

#[test]
fn body_is_the_texts_and_what_is_forwarded() {
    let m = crlf(NESTED);
    let body = |text| one(&m, Scope::Body, text);
    assert!(body("HELLO") && body("<b>world</b>") && body("deep text") && body("subject: inside"));
    for text in ["meow", "preamble", "epilogue", "cat.png", "Привет", "World</b>\r\n", "worlddeep"] {
        assert!(!body(text), "{text}");
    }
}

#[test]
fn text_is_the_body_and_all_header_sections() {
    let m = crlf(NESTED);
    let text = |text| one(&m, Scope::Text, text);
    assert!(text("привет") && text("cat.png") && text("inside") && text("deep") && text("from: ann"));
    assert!(!text("meow") && !text("epilogue"));
}

#[test]
fn a_text_is_found_in_every_charset_and_encoding() {
    let text = "Съешь ещё этих мягких французских булок, да выпей чаю. ".repeat(40) + "КОНЕЦ\r\n";
    let charsets = [
        (Charset::KOI8_R, "koi8-r"),
        (Charset::WINDOWS_1251, "windows-1251"),
        (Charset::IBM866, "cp866"),
        (Charset::UTF_8, "utf-8"),
        (Charset::named(b"iso-8859-5").unwrap(), "iso-8859-5"),
    ];
    for (charset, name) in charsets {
        let octets = charset.encode(&text).unwrap();
        for declared in [name, "us-ascii"] {
            // Nobody writes iso-8859-5 and calls it nothing.
            if declared != name && name == "iso-8859-5" {
                continue;
            }
            for (encoding, body) in encodings(&octets) {
                let head =
                    format!("Content-Type: text/plain; charset={declared}\nContent-Transfer-Encoding: {encoding}\n\n");
                let m = [crlf(&head), body].concat();
                let found = ask(
                    &m,
                    &[(Scope::Body, "ФРАНЦУЗСКИХ булок"), (Scope::Text, "чаю. конец"), (Scope::Body, "чаю конец")],
                );
                assert_eq!(found, [true, true, false], "{name} declared as {declared} in {encoding}");
            }
        }
    }
}

fn encodings(octets: &[u8]) -> Vec<(&'static str, Vec<u8>)> {
    let quoted = crate::mime::text::quoted_printable(octets);
    let base64 = crate::mime::text::base64_lines(octets);
    vec![("8bit", octets.to_vec()), ("quoted-printable", quoted.into_bytes()), ("base64", base64.into_bytes())]
}

#[test]
fn utf_16_is_read_too() {
    let octets: Vec<u8> = "Привет".encode_utf16().flat_map(u16::to_le_bytes).collect();
    let body = crate::mime::text::base64_lines(&octets);
    let m = crlf(&format!("Content-Type: text/plain; charset=utf-16le\nContent-Transfer-Encoding: base64\n\n{body}\n"));
    assert!(one(&m, Scope::Body, "ПРИВЕТ"));
}

#[test]
fn raw_headers_are_guessed() {
    for charset in [Charset::KOI8_R, Charset::WINDOWS_1251, Charset::IBM866, Charset::UTF_8] {
        let m = charset.encode("Subject: Отчёт за год\r\n\r\n").unwrap();
        assert!(one(&m, field("subject"), "ОТЧЁТ"), "{charset:?}");
    }
}

#[test]
fn a_message_that_ends_early_answers_with_what_it_had() {
    let m = crlf(NESTED);
    let mut scanner = Scanner::default();
    scanner.feed(&m);
    let record = Derived::of(&scanner.finish()).encode();
    let questions = [Question { scope: Scope::Text, needle: Needle::new("from: ann") }];
    let mut search = Search::new(&Derived::read(&record).unwrap(), &questions);
    search.feed(&m[..80]);
    assert_eq!(search.answers(), [true]);
}
