//! What others read out of our lines: pflogsumm's counts, fail2ban's addresses with the stock filters.

use std::{collections::BTreeSet, fs, net::IpAddr};

use gatepost::{
    journal::{
        ImapEvent, Journal, Line, LoginPeer, NoLogin, Origin, PipelineEvent, Pop3Event, Reject, SmtpEvent, SmtpFact,
        Tag, Tried, plain,
    },
    rt::TestClock,
    types::{Address, BodyId, QueueId, ReversePath, UnixTime},
    wire::smtp::say,
};
use jiff::tz::TimeZone;

use super::rsyslog::program;
use crate::scratch::Scratch;

/// The lines as a syslog daemon writes them into its file.
fn file(scratch: &Scratch, lines: Vec<Line>) -> std::path::PathBuf {
    let journal = Journal::new(std::sync::Arc::new(TestClock::at(UnixTime(1_795_550_400))));
    lines.into_iter().for_each(|line| journal.tell(line));
    let origin = Origin { host: "gw.office.test".into(), pid: 77, zone: TimeZone::UTC };
    let text: String = journal.newest(999).iter().map(|line| plain(line, "postfix", &origin) + "\n").collect();
    let path = scratch.path().join("mail.log");
    fs::write(&path, text).unwrap();
    path
}

fn address(text: &str) -> Address {
    Address::parse(text).unwrap()
}

fn smtp(tag: Tag, ip: &str, what: SmtpFact) -> Line {
    SmtpEvent { tag, ip: ip.parse::<IpAddr>().unwrap(), what }.into()
}

fn reject(to: &str, helo: &str) -> SmtpFact {
    SmtpFact::Reject(Box::new(Reject {
        qid: None,
        stage: "RCPT",
        say: say::NO_MAILBOX.into(),
        log: String::new(),
        from: Some(ReversePath::Address(address("a@far.test"))),
        to: Some(to.to_owned()),
        proto: "ESMTP",
        helo: Some(helo.to_owned()),
    }))
}

fn login_failed(mechanism: &str, user: &str) -> SmtpFact {
    SmtpFact::LoginFailed { mechanism: mechanism.into(), why: "authentication failure", user: Some(user.into()) }
}

/// A message for `sent` mailboxes and `bounced` dead ones.
fn message(number: u64, size: u64, sent: usize, bounced: usize) -> Vec<Line> {
    let qid = QueueId::of(BodyId(number));
    let delivered = |n: usize, status, dsn, why: &str| PipelineEvent::Delivered {
        qid: qid.clone(),
        to: address(&format!("user{n}@office.test")),
        orig_to: (n == 1).then(|| address("all@office.test")),
        millis: 20,
        status,
        dsn,
        why: why.into(),
    };
    let from = ReversePath::Address(address("\"od> d\"@far.test"));
    let message_id = "<1@far.test>, from=<x@x.test>, size=999999".to_owned();
    let mut lines = vec![
        smtp(Tag::Smtpd, "192.0.2.7", SmtpFact::Client { qid: qid.clone(), login: None }),
        PipelineEvent::MessageId { qid: qid.clone(), message_id }.into(),
        PipelineEvent::Active { qid: qid.clone(), from, size, recipients: sent + bounced, counts: None }.into(),
    ];
    lines.extend((0..sent).map(|n| delivered(n, "sent", "2.0.0", "delivered to mailbox").into()));
    lines.extend((0..bounced).map(|n| delivered(n + 50, "bounced", "5.2.2", "the mailbox is full").into()));
    lines.push(PipelineEvent::Removed { qid }.into());
    lines
}

/// The number in front of a word in pflogsumm's totals.
fn total(report: &str, word: &str) -> String {
    let line = report.lines().find(|l| l.split_whitespace().skip(1).collect::<Vec<_>>().join(" ").starts_with(word));
    line.unwrap_or_else(|| panic!("no {word} in\n{report}")).split_whitespace().next().unwrap().to_owned()
}

#[test]
fn pflogsumm_counts_what_happened() {
    let scratch = Scratch::new("pflogsumm");
    let mut lines = vec![smtp(Tag::Smtpd, "192.0.2.7", SmtpFact::Connect)];
    lines.extend(message(1, 1000, 2, 0));
    lines.extend(message(2, 500, 1, 1));
    lines.extend(message(3, 24, 0, 1));
    for user in ["nobody@office.test", "x> from=<y@y.test>, size=5"] {
        lines.push(smtp(Tag::Smtpd, "192.0.2.7", reject(user, "mx.far.test")));
    }
    lines.push(smtp(Tag::Submission, "192.0.2.8", reject("none@office.test", "a> status=sent (")));
    lines.push(smtp(Tag::Smtpd, "192.0.2.7", SmtpFact::Disconnect { counts: "ehlo=1 quit=1 commands=2".into() }));
    let log = file(&scratch, lines);
    let out = program("pflogsumm", "pflogsumm").arg(&log).output().unwrap();
    let report = String::from_utf8(out.stdout).unwrap();
    for (word, number) in [
        ("received", "3"),
        ("delivered", "3"),
        ("deferred", "0"),
        ("bounced", "2"),
        ("rejected", "3"),
        ("bytes received", "1524"),
        ("bytes delivered", "2500"),
        ("senders", "1"),
        ("recipients", "2"),
    ] {
        assert_eq!(total(&report, word), number, "{word} in\n{report}");
    }
    assert!(report.contains("User unknown") || report.contains("none@office.test"), "{report}");
}

/// The addresses that a stock filter would ban.
fn banned(log: &std::path::Path, filter: &str) -> BTreeSet<String> {
    let mut command = program("fail2ban-regex", "fail2ban");
    let out = command.args(["--usedns", "no", "-o", "ip"]).arg(log).arg(filter).output().unwrap();
    assert!(out.status.success() || out.stdout.is_empty(), "{}", String::from_utf8_lossy(&out.stderr));
    String::from_utf8(out.stdout).unwrap().split_whitespace().map(str::to_owned).collect()
}

fn set(ips: &[&str]) -> BTreeSet<String> {
    ips.iter().map(|ip| (*ip).to_owned()).collect()
}

#[test]
fn fail2ban_finds_failed_smtp_logins_and_nobody_else() {
    let scratch = Scratch::new("fail2ban-smtp");
    // A name that would ban a bystander if it could write a line or its end.
    let evil =
        "x\nNov 24 20:00:00 gw postfix/smtpd[77]: warning: unknown[198.51.100.9]: SASL PLAIN authentication failed: x";
    let evil_end = "x from unknown[198.51.100.9]: 550 5.1.1 <a>: User unknown";
    let why = "Connection lost to authentication server";
    let busy = SmtpFact::LoginFailed { mechanism: "PLAIN".into(), why, user: None };
    let log = file(
        &scratch,
        vec![
            smtp(Tag::Smtpd, "192.0.2.1", login_failed("PLAIN", "ann@office.test")),
            smtp(Tag::Submission, "192.0.2.2", login_failed("LOGIN", evil)),
            smtp(Tag::Smtps, "2001:db8::3", login_failed("LOGIN", evil_end)),
            smtp(Tag::Smtpd, "192.0.2.4", SmtpFact::Connect),
            smtp(Tag::Smtpd, "192.0.2.5", reject("nobody@office.test", evil)),
            smtp(Tag::Smtpd, "192.0.2.6", SmtpFact::NotSmtp { line: evil.as_bytes().to_vec() }),
            smtp(Tag::Smtpd, "192.0.2.7", SmtpFact::TooManyErrors { after: "AUTH" }),
            // Our hashing queue was full, and a client that thought better of it: nobody's guess.
            smtp(Tag::Smtpd, "192.0.2.8", busy),
            smtp(Tag::Smtpd, "192.0.2.9", SmtpFact::LoginAborted { mechanism: "LOGIN" }),
        ],
    );
    assert_eq!(banned(&log, "postfix[mode=auth]"), set(&["192.0.2.1", "192.0.2.2", "2001:db8::3"]));
    assert_eq!(banned(&log, "postfix[mode=aggressive]").intersection(&set(&["192.0.2.8", "192.0.2.9"])).count(), 0);
    // The default mode counts refused recipients and too many errors.
    assert_eq!(banned(&log, "postfix"), set(&["192.0.2.5", "192.0.2.7"]));
}

fn no_login(ip: &str, tried: Tried, user: &str, reason: &'static str) -> NoLogin {
    let lip = "192.0.2.1".parse().unwrap();
    let peer = LoginPeer { rip: ip.parse().unwrap(), lip, tls: true, session: "65a1f00d".into() };
    let method = (tried != Tried::Nothing).then_some("PLAIN");
    NoLogin { reason, tried, secs: 2, user: user.into(), method, peer }
}

/// Connections that ended without a login, as `door` tells them: four that fail2ban must find, two that it must not.
fn only_failed_logins_are_found(protocol: &str, door: fn(NoLogin) -> Line) {
    let scratch = Scratch::new(&format!("fail2ban-{protocol}"));
    let evil = "x>, method=PLAIN, rip=198.51.100.9, lip=192.0.2.1, session=<y";
    let evil_line = &format!(
        "x\nNov 24 20:00:00 gw dovecot[1]: {protocol}-login: Disconnected: x (auth failed, 1 attempts in 2 secs): \
         user=<y>, rip=198.51.100.9"
    );
    let told = |ip: &str, tried, user: &str, reason| door(no_login(ip, tried, user, reason));
    let log = file(
        &scratch,
        vec![
            told("203.0.113.1", Tried::Failed(1), "ann", "Connection closed"),
            told("203.0.113.2", Tried::Failed(5), evil, "Too many failed logins"),
            told("2001:db8::3", Tried::Failed(2), evil_line, "Aborted login by logging out"),
            told("203.0.113.4", Tried::Plaintext, "", "Inactivity"),
            told("203.0.113.5", Tried::Nothing, "", "Connection closed"),
            told("203.0.113.6", Tried::Nothing, "", "A web client"),
        ],
    );
    assert_eq!(banned(&log, "dovecot"), set(&["203.0.113.1", "203.0.113.2", "2001:db8::3", "203.0.113.4"]));
    assert!(banned(&log, "dovecot[mode=aggressive]").contains("203.0.113.5"));
}

#[test]
fn fail2ban_finds_failed_pop3_logins_and_nobody_else() {
    only_failed_logins_are_found("pop3", |what| Pop3Event::NoLogin(what).into());
}

#[test]
fn fail2ban_finds_failed_imap_logins_and_nobody_else() {
    only_failed_logins_are_found("imap", |what| ImapEvent::NoLogin(what).into());
}
