//! Records: what goes in comes out, hostile octets come to nothing, everything stays within its limit.

use super::*;
use crate::types::BytesBody;

fn scanned(message: &[u8]) -> Structure {
    let mut scanner = Scanner::default();
    scanner.feed(message);
    scanner.finish()
}

fn record(text: &str) -> Vec<u8> {
    Derived::of(&scanned(text.replace('\n', "\r\n").as_bytes())).encode()
}

const MIXED: &str = "Date: Tue, 24 Nov 2026 10:00:00 +0300\nSubject: =?koi8-r?B?8NLJ18XU?= \"all\"\nFrom: Анна <ann@office.test>\n\
    To: Team: =?utf-8?B?0JHQvtGA0LjRgQ==?= <bob@office.test>, eve@x;\nMessage-ID: <1@x>\nContent-Type: multipart/mixed; boundary=b\n\n\
    --b\nContent-Type: text/plain; charset=koi8-r\nContent-Transfer-Encoding: Quoted-Printable\n\nx\n--b\nContent-Type: image/png\n\
    Content-Transfer-Encoding: base64\n\nAA==\n--b--\n";

#[test]
fn a_record_says_what_was_found() {
    let record = record(MIXED);
    let view = Derived::read(&record).unwrap();
    assert!(!view.is_cut());
    assert_eq!(view.sent_date(), Day::new(2026, 11, 24));
    let parts: Vec<_> = view.parts().map(|p| (p.kind, p.encoding, p.charset.map(|c| c.name()), p.parent)).collect();
    assert_eq!(
        parts,
        [
            (Kind::Multipart, Encoding::Plain, None, None),
            (Kind::Text, Encoding::QuotedPrintable, Some("KOI8-R"), Some(0)),
            (Kind::Other, Encoding::Base64, None, Some(0)),
        ]
    );
    let crlf = MIXED.replace('\n', "\r\n");
    assert_eq!(view.len(), crlf.len() as u64);
    assert_eq!(view.header_len(), crlf.find("--b").unwrap() as u64);
    assert_eq!(view.part(&[2]), view.parts().nth(2));
    assert!(view.body(false).ends_with(b"NIL NIL \"base64\" 4) \"mixed\")"));
    let utf8 = String::from_utf8(view.envelope(true).to_vec()).unwrap();
    assert!(view.envelope(false).is_ascii() && utf8.contains("((\"Анна\" NIL \"ann\" \"office.test\"))"));
    assert_eq!(view.body_structure(true), view.body_structure(false));
}

#[test]
fn a_search_finds_the_fields_of_the_envelope_decoded() {
    let record = record(MIXED);
    let view = Derived::read(&record).unwrap();
    let text = |t: &str| Known::Text(t.to_owned().into());
    assert_eq!(view.field(Head::Subject), text("Привет \"all\""));
    assert_eq!(view.field(Head::From), text("Анна <ann@office.test>"));
    assert_eq!(view.field(Head::To), text("Team, Борис <bob@office.test>, eve@x"));
    assert_eq!(view.field(Head::MessageId), text("<1@x>"));
    assert_eq!(view.field(Head::Cc), Known::Absent);
    assert_eq!(view.field(Head::Sender), Known::Unknown, "it is From's where it is missing");
    let twice = self::record("Subject: a\nSubject: b\nTo: c@d\nTo: e@f\n\n");
    let view = Derived::read(&twice).unwrap();
    assert_eq!(view.field(Head::Subject), Known::Unknown, "ENVELOPE shows one of two");
    assert_eq!(view.field(Head::To), text("c@d, e@f"));
}

#[test]
fn a_text_that_says_what_it_is_is_not_copied() {
    for (text, plain) in [
        ("", true),
        (" two words ", true),
        ("~{=?", false),
        ("=?UTF-8?Q?a?=", false),
        (r#"a \"b\" \\ c"#, false),
        ("тема", false),
        ("a\tb", false),
        ("\u{1b}$B", false),
    ] {
        let said = decoded(text.as_bytes());
        assert_eq!(said, words::decode(&unescaped(text.as_bytes())), "{text}");
        assert_eq!(matches!(said, Cow::Borrowed(_)), plain, "{text}");
    }
}

#[test]
fn damage_makes_no_record() {
    let whole = record(MIXED);
    for end in 0..whole.len() {
        assert!(Derived::read(&whole[..end]).is_none(), "{end} octets of it");
    }
    assert!(Derived::read(&[&whole[..], b"x"].concat()).is_none());
    assert!(Derived::read(&[&[VERSION + 1], &whole[1..]].concat()).is_none());
    for at in 0..whole.len() {
        for bit in 0..8 {
            let mut bad = whole.clone();
            bad[at] ^= 1 << bit;
            let Some(view) = Derived::read(&bad) else { continue };
            let _ = (view.body(true), view.part(&[1, 1, 1]), view.field(Head::To), view.header_len());
        }
    }
    let deep = [&b"\x01\0\0\0\0\0"[..], &[0x80, 0x80, 0x03], &[b'('; 49152], b"\x01\0\0\0\0\0\0\0\0\0"].concat();
    let _ = Derived::read(&deep).map(|view| view.body(false));
}

#[test]
fn a_record_stays_within_its_limit() {
    let many = |n: usize, part: &str| format!("Content-Type: multipart/mixed; boundary=b\n\n{}", part.repeat(n));
    let people = "To: \"A name that is rather long\" <somebody@a.rather.long.domain.test>,\n ".repeat(300);
    let nested: String =
        (0..40).map(|n| format!("Content-Type: multipart/mixed; boundary=b{n}\nSubject: Тема\n\n--b{n}\n")).collect();
    let messages = format!("{people}Subject: {}\nContent-Type: message/rfc822\n\n", "тема ".repeat(500)).repeat(35);
    for text in [
        many(
            1000,
            "--b\nContent-Type: image/png; name=\"a picture of somebody.png\"\nContent-ID: <0123456789@x>\n\nx\n",
        ),
        many(1000, "--b\nContent-Type: multipart/alternative\n\nx\n"),
        many(
            1000,
            &format!(
                "--b\nContent-Type: {0}/{0}; charset={0}\nContent-Transfer-Encoding: {0}\n\nx\n",
                "y".repeat(4000)
            ),
        ),
        format!("{people}\n"),
        nested,
        messages,
    ] {
        let record = record(&text);
        assert!(record.len() <= DERIVED, "{} octets", record.len());
        let view = Derived::read(&record).unwrap();
        assert!(view.is_cut());
        assert!(view.body_structure(true).ends_with(b")") && view.envelope(true).ends_with(b")"));
    }
}

#[test]
fn a_stored_message_gives_the_same_record() {
    let message = MIXED.replace('\n', "\r\n").into_bytes();
    let want = Derived::of(&scanned(&message));
    let got = smol::block_on(derive(&BytesBody(message))).unwrap();
    assert_eq!(got, want);
    assert_eq!(got.as_bytes(), want.clone().encode());
}
