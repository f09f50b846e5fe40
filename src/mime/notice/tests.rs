//! Notices as a program and a person read them.

use super::*;
use crate::mime::header_end;

const AT: UnixTime = UnixTime(1_795_503_600);

fn sound(message: &[u8]) -> String {
    let text = String::from_utf8(message.to_vec()).unwrap();
    assert_eq!(text.matches('\n').count(), text.matches("\r\n").count());
    assert_eq!(text.matches('\r').count(), text.matches("\r\n").count());
    assert!(text.split("\r\n").all(|l| l.len() < 998));
    assert!(header_end(message).is_some());
    text
}

fn check(message: &[u8]) -> String {
    assert!(message.is_ascii());
    sound(message)
}

fn address(text: &str) -> Address {
    Address::parse(text).unwrap()
}

fn answer(code: u16, status: &str, text: &str) -> Answer {
    Answer { at: AT, peer: "mx.far.test[192.0.2.1]:25".into(), code, status: status.into(), text: text.into() }
}

fn one(to: &str, action: Action, answer: &Answer, original: Original<'_>) -> Vec<u8> {
    let (to, bad) = (address(to), address("bob@office.test"));
    let reports = [Report { to: &bad, original: None, orcpt: None, action, answer, until: None }];
    let (host, id) = ("m.test", "2A");
    Notice { to: &to, host, id, at: AT, arrived: AT, envid: None, reports: &reports, original }.write()
}

fn failed(header: &[u8], text: &str) -> String {
    check(&one("ann@office.test", Action::Failed, &answer(550, "5.1.1", text), Original::Header(header)))
}

/// The part that a person reads.
fn human(message: &str) -> String {
    use base64::{Engine, engine::general_purpose::STANDARD};
    let (_, part) = message.split_once("Content-Transfer-Encoding: base64\r\n\r\n").unwrap();
    let (part, _) = part.split_once("\r\n\r\n--").unwrap();
    String::from_utf8(STANDARD.decode(part.replace("\r\n", "")).unwrap()).unwrap()
}

#[test]
fn a_notice_says_who_what_and_why() {
    let text = failed(b"Subject: hi\r\n\r\n", "No such mailbox");
    for want in [
        "To: <ann@office.test>\r\n",
        "Auto-Submitted: auto-replied\r\n",
        "Reporting-MTA: dns; m.test\r\n",
        "Final-Recipient: rfc822; bob@office.test\r\n",
        "Action: failed\r\nStatus: 5.1.1\r\nRemote-MTA: dns; mx.far.test\r\n",
        "Diagnostic-Code: smtp; 550 5.1.1 No such mailbox\r\n",
        "Subject: hi\r\n",
    ] {
        assert!(text.contains(want), "{want} in {text}");
    }
    assert!(!text.contains("Original-"), "nothing was said of it");
    let words = human(&text);
    for want in ["mx.far.test[192.0.2.1]:25: 550 5.1.1 No such mailbox", "Такого ящика", "There is no such mailbox"]
    {
        assert!(words.contains(want), "{want} in {words}");
    }
}

#[test]
fn what_the_sender_said_comes_back_to_him() {
    let (ann, list, far) = (address("ann@office.test"), address("list@office.test"), address("x@far.test"));
    let orcpt = Orcpt { kind: "rfc822".into(), address: "first+x@office.test".into() };
    let late = Answer { code: 0, peer: "".into(), ..answer(0, "4.4.1", "connection refused") };
    let report = Report {
        to: &far,
        original: Some(&list),
        orcpt: Some(&orcpt),
        action: Action::Delayed,
        answer: &late,
        until: Some(UnixTime(AT.0 + 86_400)),
    };
    let notice = Notice {
        to: &ann,
        host: "m.test",
        id: "2A",
        at: AT,
        arrived: AT,
        envid: Some("QQ314159"),
        reports: &[report],
        original: Original::Header(b"Subject: hi\r\n\r\n"),
    };
    let text = check(&notice.write());
    for want in [
        "Original-Envelope-Id: QQ314159\r\n",
        "Original-Recipient: rfc822; first+x@office.test\r\nFinal-Recipient: rfc822; x@far.test\r\n",
        "Action: delayed\r\nStatus: 4.4.1\r\nDiagnostic-Code: X-Gatepost; connection refused\r\n",
        "Will-Retry-Until: ",
    ] {
        assert!(text.contains(want), "{want} in {text}");
    }
    let words = human(&text);
    assert!(words.contains("list@office.test (-> x@far.test)"), "{words}");
    assert!(words.contains("connection refused") && words.contains("until"), "{words}");
}

#[test]
fn good_news_has_no_advice_and_a_status_of_its_class() {
    for (action, word) in
        [(Action::Delivered, "delivered"), (Action::Relayed, "relayed"), (Action::Expanded, "expanded")]
    {
        let text = check(&one("ann@office.test", action, &answer(250, "", "ok"), Original::Header(b"A: b\r\n")));
        assert!(text.contains(&format!("Action: {word}\r\nStatus: 2.0.0\r\n")), "{text}");
        assert!(!human(&text).contains("What to do"));
    }
}

#[test]
fn a_message_comes_back_whole_as_it_was() {
    let message = "Subject: да\r\n\r\nтекст\r\n--=_gatepost_2A_0\r\n".as_bytes();
    let bad = answer(552, "5.2.2", "full");
    let text = sound(&one("ann@office.test", Action::Failed, &bad, Original::Whole(message)));
    assert!(text.contains("Content-Type: message/rfc822\r\n") && text.contains("boundary=\"=_gatepost_2A_1\""));
    assert_eq!(text.matches("Content-Transfer-Encoding: 8bit\r\n").count(), 2, "RFC 2045 s6.4");
    assert!(text.contains("\r\n\r\nSubject: да\r\n\r\nтекст\r\n--=_gatepost_2A_0\r\n\r\n--=_gatepost_2A_1--\r\n"));
}

#[test]
fn to_an_address_of_another_script_the_forms_are_those_of_rfc_6533() {
    let bad = answer(550, "5.1.1", "нет такого ящика");
    let text = sound(&one("анна@office.test", Action::Failed, &bad, Original::Header("Subject: да\r\n".as_bytes())));
    for want in ["To: <анна@office.test>", "message/global-delivery-status", "message/global-headers", "=D0=BD=D0=B5"]
    {
        assert!(text.contains(want), "{want} in {text}");
    }
}

#[test]
fn hostile_originals_and_answers_stay_inside_their_part() {
    let text = failed(b"X: --=_gatepost_2A_0\r\n", "a\r\nAction: delivered\r\n\r\nx");
    assert!(text.contains("boundary=\"=_gatepost_2A_1\""), "{text}");
    assert_eq!(text.matches("\r\nAction: ").count(), 1);
    assert!(!human(&text).contains("\r\nAction"));
    let mut long = b"X: ".to_vec();
    long.extend(std::iter::repeat_n(b'y', 5000));
    long.extend_from_slice("\r\nТема: да\r\n--=_gatepost_2A_0\r\nbare\rcr\r\n".as_bytes());
    assert!(failed(&long, "").contains("quoted-printable"));
    let code = answer(550, "5.1.1\r\nAction: delivered\0", "");
    let text = check(&one("ann@office.test", Action::Failed, &code, Original::Header(b"X: y\r\n")));
    assert_eq!((text.matches("\r\nAction: ").count(), text.contains('\0')), (1, false));
}

#[test]
fn a_huge_header_is_cut_between_fields() {
    let header = "Received: from a by b\r\n".repeat(5000);
    let text = failed(header.as_bytes(), "");
    assert!(text.len() < returned::HEADER_MAX + 5000);
    assert!(text.contains("from a by b\r\n\r\n--=_gatepost_2A_0--\r\n"));
}

#[test]
fn warns_about_a_full_mailbox() {
    let to = address("ann@office.test");
    let (used, quota) = (900 * 1_048_576, 1_048_576_000);
    let w = QuotaWarning { to: &to, host: "m.test", id: "7", at: AT, percent: 90, used, quota };
    let text = check(&w.write());
    assert!(text.contains("Subject: =?UTF-8?B?"));
    assert_eq!((mib(used), mib(1_572_864)), ("900.0".into(), "1.5".into()));
}
