//! Answers of real servers against the table.

use super::*;
use crate::types::UnixTime;

fn heard(reply: &str) -> Answer {
    let (code, rest) = reply.split_once(' ').unwrap();
    let (status, text) = rest.split_once(' ').filter(|(s, _)| s.matches('.').count() == 2).unwrap_or(("", rest));
    let code = code.parse().unwrap();
    Answer { at: UnixTime(0), peer: "".into(), code, status: status.into(), text: text.into() }
}

/// Answers as servers gave them (addresses changed), and what they mean.
#[rustfmt::skip]
const ANSWERS: &[(&str, &Advice)] = &[
        (
            "550 5.7.26 This mail has been blocked because the sender is unauthenticated. Gmail requires all senders to authenticate with either SPF or DKIM.",
            &admin::UNAUTHENTICATED,
        ),
        (
            "550 5.7.26 Unauthenticated email from office.test is not accepted due to domain's DMARC policy.",
            &admin::DMARC,
        ),
        (
            "421 4.7.28 Gmail has detected an unusual rate of unsolicited mail originating from your IP address.",
            &admin::THROTTLED,
        ),
        ("550 5.7.25 [192.0.2.1] The IP address sending this message does not have a PTR record setup", &admin::NO_PTR),
        (
            "550 5.7.1 [192.0.2.1 12] Our system has detected that this message is likely unsolicited mail. To reduce the amount of spam sent to Gmail, this message has been blocked.",
            &admin::REPUTATION,
        ),
        ("552 5.7.0 This message was blocked because its content presents a potential security issue.", &sender::TYPE),
        ("552 5.2.2 The email account that you tried to reach is over quota and inactive.", &sender::FULL),
        (
            "550 5.7.1 Unfortunately, messages from [192.0.2.1] weren't sent. Please contact your Internet service provider since part of their network is on our block list (S3150).",
            &admin::MS_NETWORK,
        ),
        (
            "550 5.7.1 Unfortunately, messages from [192.0.2.1] weren't sent. Our block list (S3140).",
            &admin::MS_BLOCKED,
        ),
        (
            "550 5.7.606 Access denied, banned sending IP [192.0.2.1]. To request removal from this list please visit https://sender.office.com/",
            &admin::MS_DELIST,
        ),
        (
            "451 4.7.650 The mail server [192.0.2.1] has been temporarily rate limited due to IP reputation. (S775)",
            &admin::THROTTLED,
        ),
        ("550 5.4.1 Recipient address rejected: Access denied. AS(201806281)", &sender::NO_MAILBOX),
        ("550 5.1.10 RESOLVER.ADR.RecipientNotFound; Recipient not found by SMTP address lookup", &sender::NO_MAILBOX),
        (
            "421 4.7.0 [TSS04] Messages from 192.0.2.1 temporarily deferred due to unexpected volume or user complaints",
            &admin::YAHOO,
        ),
        (
            "554 5.7.9 Message not accepted for policy reasons. See https://postmaster.yahooinc.com/error-codes",
            &admin::DMARC,
        ),
        (
            "550 spam message rejected. Please visit http://help.mail.ru/notspam-support/id?c=x or report details",
            &admin::MAILRU,
        ),
        (
            "550 Message was not accepted -- invalid mailbox. Local mailbox x@mail.ru is unavailable: user not found",
            &sender::NO_MAILBOX,
        ),
        ("554 5.7.1 [1] Message rejected under suspicion of SPAM; https://ya.cc/1IrBc", &admin::YANDEX_SPAM),
        ("451 4.7.1 Sorry, the service is currently unavailable. Please come back later.", &sender::GREYLISTED),
        ("550 5.7.1 No such user!", &sender::NO_MAILBOX),
        ("552 5.2.2 Ящик получателя переполнен", &sender::FULL),
        ("550 Пользователь не найден", &sender::NO_MAILBOX),
        (
            "554 5.7.1 Service unavailable; Client host [192.0.2.1] blocked using zen.spamhaus.org; https://www.spamhaus.org/query/ip/192.0.2.1",
            &admin::SPAMHAUS,
        ),
        (
            "554 5.7.1 Client host blocked using zen.spamhaus.org; https://www.spamhaus.org/pbl/query/PBL1",
            &admin::DYNAMIC,
        ),
        (
            "554 5.7.1 Client host blocked using b.barracudacentral.org; http://www.barracudanetworks.com/reputation/",
            &admin::BARRACUDA,
        ),
        (
            "450 4.2.0 <bob@far.test>: Recipient address rejected: Greylisted, see http://postgrey.schweikert.ch/",
            &sender::GREYLISTED,
        ),
        ("450 4.7.25 Client host rejected: cannot find your hostname, [192.0.2.1]", &admin::NO_PTR),
        ("504 5.5.2 <x>: Helo command rejected: need fully-qualified hostname", &admin::BAD_HELO),
        ("530 5.7.0 Must issue a STARTTLS command first", &admin::TLS_REQUIRED),
        ("554 5.7.1 <bob@far.test>: Relay access denied", &admin::RELAY_DENIED),
        ("535 5.7.8 Error: authentication failed", &admin::LOGIN_WRONG),
        ("554 5.4.6 Too many hops", &admin::LOOP),
        ("552 5.3.4 Message size exceeds fixed limit", &sender::TOO_BIG),
        (
            "550 5.1.1 <x@far.test>: Recipient address rejected: User unknown in virtual mailbox table",
            &sender::NO_MAILBOX,
        ),
        ("450 4.1.8 <x@y.test>: Sender address rejected: Domain not found", &admin::SENDER_DOMAIN),
        ("421 4.4.2 mx.far.test Error: timeout exceeded", &sender::TIMED_OUT),
        ("452 4.3.1 Insufficient system storage", &sender::NO_SPACE),
];

#[test]
fn answers_of_the_world_mean_what_they_mean() {
    for (reply, means) in ANSWERS {
        assert_eq!(of(&heard(reply)), *means, "{reply}");
        assert!(!is_unknown(&heard(reply)));
    }
}

#[test]
fn what_was_never_heard_before_is_known_as_such() {
    for (reply, means) in [("550 go away", &REFUSED), ("450 hm", &LATER), ("599 9.9.9 x", &REFUSED)] {
        assert_eq!(of(&heard(reply)), means, "{reply}");
        assert!(is_unknown(&heard(reply)));
    }
    let nobody = |status: &str| Answer { code: 0, ..heard(&format!("550 {status} connection refused")) };
    assert_eq!(of(&nobody("4.4.1")), &sender::UNREACHABLE);
    assert_eq!(of(&nobody("5.4.4")), &sender::NO_DOMAIN);
}

/// A row below one that always fits before it would never be found.
#[test]
fn every_row_can_be_found() {
    let rows: Vec<_> = table::rows().collect();
    for (n, row) in rows.iter().enumerate() {
        assert!(!row.words.is_empty() || !row.detail.is_empty());
        assert!(row.words.iter().all(|w| *w == w.to_lowercase()), "{row:?}");
        let hidden = rows[..n].iter().find(|above| {
            let class = above.when == table::When::Any || above.when == row.when;
            let detail = above.detail.is_empty() || above.detail == row.detail;
            let words = above.words.iter().all(|word| row.words.iter().any(|own| own.contains(word)));
            class && detail && words
        });
        assert!(hidden.is_none(), "{row:?} is hidden by {hidden:?}");
    }
    assert!(rows.len() > 200, "{}", rows.len());
}
