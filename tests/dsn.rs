//! Delivery status notifications and forwarded mail, against programs that nobody here wrote: Python's smtplib and email, Mailman's
//! flufl.bounce, Perl's Mail::SRS.
#![allow(dead_code, clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod common;

use std::{
    io::Write,
    process::{Command, Stdio},
    sync::Arc,
};

use common::{House, TempDir};
use gatepost::{
    directory::{Change, Directory},
    journal::Journal,
    pipeline::{Fate, HeadRoom, Origin, Pipeline, ReportOf},
    router::Srs,
    rt::{Board, Clock, Shared, SystemClock, block_on},
    settings::Settings,
    store::{Places, QueueFilter, QueueOrder, Store},
    types::{
        Address, Answer, Domain, Envelope, FolderName, MailboxId, Notify, Orcpt, Rcpt, Ret, ReversePath, Settled,
        Terms, Uid, UnixTime, Waiting, Wishes,
    },
    wire::scram,
};

fn address(text: &str) -> Address {
    Address::parse(text).unwrap()
}

fn run(program: &str, args: &[&str], input: &[u8]) -> String {
    let mut child = Command::new(program)
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|e| panic!("{program}: {e}; scripts/install-test-tools installs it"));
    child.stdin.take().unwrap().write_all(input).unwrap();
    let output = child.wait_with_output().unwrap();
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{program} {args:?}: {out}{err}");
    out.into_owned()
}

/// Sends to bob, who has room, and to a mailbox that has none; reads what comes back.
const PYTHON: &str = r#"
import sys, smtplib, poplib, email, email.policy
from flufl.bounce import all_failures
smtp, pop3 = (tuple(a.rsplit(":", 1)) for a in sys.argv[1:3])
text = "Subject: hello\r\nFrom: ann@office.test\r\n\r\n" + "0123456789\r\n" * 100
with smtplib.SMTP(smtp[0], int(smtp[1])) as s:
    s.ehlo("pc")
    assert s.has_extn("dsn"), s.esmtp_features
    s.login("ann@office.test", "ann-pass-1")
    s.mail("ann@office.test", ["RET=FULL", "ENVID=QQ+2B1"])
    for to, options in [
        ("bob@office.test", ["NOTIFY=SUCCESS,FAILURE", "ORCPT=rfc822;bob+2Bx@office.test"]),
        ("small@office.test", []),
    ]:
        code, said = s.rcpt(to, options)
        assert code == 250, said
    code, said = s.data(text)
    assert code == 250, said
p = poplib.POP3(pop3[0], int(pop3[1])); p.user("ann@office.test"); p.pass_("ann-pass-1")
assert p.stat()[0] == 1, p.stat()
raw = b"\r\n".join(p.retr(1)[1]) + b"\r\n"
m = email.message_from_bytes(raw, policy=email.policy.default)
temporary, permanent = all_failures(email.message_from_bytes(raw))
print("failures", sorted(permanent), sorted(temporary))
print("type", m.get_content_type(), m.get_param("report-type"), "defects", len(m.defects))
human, status, returned = m.iter_parts()
print("words", "small@office.test" in human.get_content(), "Что делать" in human.get_content())
for block in status.get_payload():
    print("block", *(f"{k}={v}" for k, v in block.items() if not k.endswith("-Date")), sep="|")
inner = returned.get_payload()[0]
print("returned", returned.get_content_type(), inner["subject"], inner.get_content().count("0123456789"), inner["return-path"])
"#;

#[test]
fn mailman_and_python_read_what_came_of_a_message() {
    let house = House::start();
    house.mailbox("small@office.test", "small-pass-1", Some(100));
    let ports = [house.ports.smtp.to_string(), house.ports.pop3.to_string()];
    // Debian's own Python: flufl.bounce is a package of Debian.
    let said = run("/usr/bin/python3", &["-c", PYTHON, &ports[0], &ports[1]], b"");
    let lines: Vec<&str> = said.lines().collect();
    assert_eq!(
        lines,
        [
            "failures [b'small@office.test'] []",
            "type multipart/report delivery-status defects 0",
            "words True True",
            "block|Reporting-MTA=dns; mail.office.test|Original-Envelope-Id=QQ+1",
            "block|Final-Recipient=rfc822; small@office.test|Action=failed|Status=5.2.2|Diagnostic-Code=smtp; 552 5.2.2 The mailbox is full",
            "block|Original-Recipient=rfc822; bob+x@office.test|Final-Recipient=rfc822; bob@office.test|Action=delivered|Status=2.0.0",
            "returned message/rfc822 hello 100 None",
        ],
        "{said}\n{:#?}",
        house.journal()
    );
}

#[test]
fn perl_and_we_rewrite_senders_alike() {
    let perl = |script: &str| {
        let head = "use Mail::SRS; my $s = new Mail::SRS(Secret => 'secret', MaxAge => 21);";
        run("perl", &["-e", &format!("{head} {script}")], b"").trim().to_owned()
    };
    let (srs, now) = (Srs::new(b"secret"), SystemClock::start().now());
    let office = Domain::parse("office.test").unwrap();
    for sender in [
        "ann@far.test",
        "Ann.B+c=d@sub.far.test",
        "SRS0=YiUV=JN=far.test=ann@b.test",
        "srs1+4MGQ=b.test==YiUV=JN=far.test=ann@c.test",
    ] {
        let ours = srs.forward(&address(sender), &office, now).unwrap();
        let theirs = perl(&format!("print $s->forward('{sender}', 'office.test')"));
        assert_eq!(ours.to_string(), theirs.replace("SRS1+", "SRS1="), "{sender}");
        let back = perl(&format!("print $s->reverse('{ours}')"));
        assert_eq!(srs.back(&ours, now), gatepost::router::Back::To(address(&back)), "{sender}");
    }
}

/// A pipeline over a store of its own: ann and bob, and out@ that leads to another server.
struct Desk {
    pipeline: Pipeline,
    _dir: TempDir,
}

fn directory() -> Directory {
    let credential = || scram::derive("x-pass-1", b"0123456789abcdef", 4096);
    let mailbox = |name: &str| Change::AddMailbox {
        address: address(name),
        password: credential().into(),
        quota: None,
        owner: String::new(),
    };
    let changes = [
        Change::AddDomain(Domain::parse("office.test").unwrap()),
        mailbox("ann@office.test"),
        mailbox("bob@office.test"),
        Change::AddAlias(address("out@office.test"), vec![address("x@far.test")]),
        Change::AddAlias(address("list@office.test"), vec![address("bob@office.test"), address("y@far.test")]),
    ];
    changes.into_iter().fold(Directory::default(), |old, change| old.apply(change).unwrap().directory)
}

impl Desk {
    fn new() -> Self {
        let dir = TempDir::new();
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::start());
        let journal = Journal::new(clock.clone());
        let places = Places { state: dir.path().join("state"), mail: dir.path().join("mail"), reserve: 0 };
        let store = Store::open(places, clock.clone(), journal.clone(), Board::default()).unwrap();
        let settings = Settings { server_name: "mail.office.test".into(), ..Settings::default() };
        let (settings, directory) = (Shared::new(settings), Shared::new(directory()));
        let (heads, srs) = (HeadRoom::default(), Srs::new(b"secret"));
        Desk { pipeline: Pipeline { settings, directory, store, journal, clock, heads, srs }, _dir: dir }
    }

    fn send(&self, relays: bool, from: &str, terms: Terms, to: &[(&str, Wishes)], text: &str) {
        let from = if from.is_empty() { ReversePath::Null } else { ReversePath::Address(address(from)) };
        let mut rcpts = to.iter().map(|(to, wishes)| Rcpt::new(address(to), wishes.clone()));
        let mut envelope = Envelope::new(from, terms, rcpts.next().unwrap());
        rcpts.for_each(|rcpt| envelope.add(rcpt));
        let origin = Origin::Smtp {
            ip: [192, 0, 2, 1].into(),
            helo: "h.test".into(),
            with: "ESMTP",
            tls: None,
            login: None,
            complete: relays,
            relays,
        };
        block_on(async {
            let mut incoming = self.pipeline.open(origin, envelope).await.unwrap();
            incoming.write(text.as_bytes()).await.unwrap();
            incoming.finish().await.unwrap();
        });
    }

    /// The queue, oldest first.
    fn queue(&self) -> Vec<Waiting> {
        let filter = QueueFilter::default();
        block_on(self.pipeline.store.waiting(filter, QueueOrder::Oldest, None, 100)).unwrap().rows
    }

    fn report(&self, row: &Waiting, fate: Fate, code: u16, text: &str) -> bool {
        let status = if code >= 500 { "5.1.1" } else { "4.2.0" };
        let peer = "mx.far.test[192.0.2.1]:25".into();
        let answer = Answer { at: row.since, peer, code, status: status.into(), text: text.into() };
        let also = vec![Settled::Done(row.id)];
        let about = vec![ReportOf { row: row.clone(), fate, answer }];
        block_on(self.pipeline.report(about, also)).unwrap().is_some()
    }

    /// The messages of a mailbox.
    fn inbox(&self, id: u32) -> Vec<String> {
        block_on(async {
            let store = &self.pipeline.store;
            let Ok(folder) = store.folder(MailboxId(id), &FolderName::inbox()).await else { return Vec::new() };
            let rows = store.page(folder.id, Uid(0), 100).await.unwrap();
            let mut all = Vec::new();
            for row in rows {
                let body = store.body(row.body).await.unwrap();
                all.push(String::from_utf8(body.read(0, 1 << 20).await.unwrap()).unwrap());
            }
            all
        })
    }
}

const TEXT: &str = "Subject: hello\r\nDate: x\r\nMessage-ID: <y@z>\r\nFrom: z\r\n\r\nthe text\r\n";

fn wishes(notify: Option<Notify>, orcpt: Option<&str>) -> Wishes {
    let orcpt = orcpt.map(|address| Orcpt { kind: "rfc822".into(), address: address.into() });
    Wishes { notify, orcpt }
}

#[test]
fn a_recipient_elsewhere_waits_with_what_was_asked_and_comes_back_as_one_notice() {
    let desk = Desk::new();
    let terms = Terms { ret: Some(Ret::Full), envid: Some("E1".into()), utf8: false };
    let to = [("x@far.test", wishes(None, Some("first@far.test"))), ("bob@office.test", Wishes::default())];
    desk.send(true, "ann@office.test", terms.clone(), &to, TEXT);
    let queue = desk.queue();
    assert_eq!(queue.len(), 1, "bob's copy is here");
    let row = &queue[0];
    assert_eq!((&row.leaving.terms, row.leaving.ours, &row.leaving.original), (&terms, true, &None));
    assert_eq!((row.leaving.to.clone(), row.leaving.wishes.clone()), (address("x@far.test"), to[0].1.clone()));
    assert!(desk.report(row, Fate::Failed, 550, "No such user here"));
    assert!(desk.queue().is_empty(), "the row went in the same commit");
    let [notice] = &desk.inbox(1)[..] else { panic!("{:?}", desk.inbox(1)) };
    for want in [
        "Return-Path: <>\r\n",
        "Original-Envelope-Id: E1\r\n",
        "Original-Recipient: rfc822; first@far.test\r\nFinal-Recipient: rfc822; x@far.test\r\nAction: failed\r\nStatus: 5.1.1\r\n",
        "Remote-MTA: dns; mx.far.test\r\n",
        "Content-Type: message/rfc822\r\n",
        "\r\nthe text\r\n",
    ] {
        assert!(notice.contains(want), "{want} in {notice}");
    }
    assert_eq!(notice.matches("Return-Path").count(), 1, "the stored field does not come back");
}

#[test]
fn what_nobody_wants_to_hear_is_not_told_and_the_row_goes_all_the_same() {
    let desk = Desk::new();
    let never = wishes(Some(Notify::NEVER), None);
    desk.send(true, "ann@office.test", Terms::default(), &[("x@far.test", never)], TEXT);
    desk.send(true, "", Terms::default(), &[("x@far.test", Wishes::default())], TEXT);
    let queue = desk.queue();
    assert!(queue.iter().all(|row| !desk.report(row, Fate::Failed, 550, "no")));
    assert!(desk.queue().is_empty() && desk.inbox(1).is_empty());
    let gone = &queue[0];
    let about = vec![ReportOf {
        row: gone.clone(),
        fate: Fate::Failed,
        answer: Answer { at: UnixTime(0), peer: "".into(), code: 550, status: "".into(), text: "".into() },
    }];
    assert_eq!(block_on(desk.pipeline.report(about, Vec::new())), Ok(None));
}

#[test]
fn headers_only_where_the_sender_wants_no_more_and_of_what_is_late() {
    let desk = Desk::new();
    let terms = Terms { ret: Some(Ret::Headers), ..Terms::default() };
    desk.send(true, "ann@office.test", terms, &[("x@far.test", Wishes::default())], TEXT);
    desk.report(&desk.queue()[0], Fate::Failed, 550, "no");
    desk.send(true, "ann@office.test", Terms::default(), &[("x@far.test", Wishes::default())], TEXT);
    let until = UnixTime(1_900_000_000);
    desk.report(&desk.queue()[0], Fate::Late { until }, 450, "Greylisted");
    let all = Some(Notify { success: true, failure: true, delay: true });
    desk.send(true, "ann@office.test", Terms::default(), &[("x@far.test", wishes(all, None))], TEXT);
    desk.report(&desk.queue()[0], Fate::Relayed, 250, "queued");
    let inbox = desk.inbox(1);
    assert_eq!(inbox.len(), 3);
    assert!(inbox.iter().all(|n| n.contains("Content-Type: text/rfc822-headers") && !n.contains("the text")));
    for (notice, want) in inbox.iter().zip(["Action: failed", "Will-Retry-Until: ", "Action: relayed"]) {
        assert!(notice.contains(want), "{want} in {notice}");
    }
}

#[test]
fn a_forwarded_message_leaves_in_our_name_and_its_failure_goes_to_the_true_sender() {
    let desk = Desk::new();
    desk.send(false, "carl@else.test", Terms::default(), &[("out@office.test", Wishes::default())], TEXT);
    let queue = desk.queue();
    let [Waiting { leaving, body, .. }] = &queue[..] else { panic!("{queue:?}") };
    let from = leaving.from.address().unwrap();
    assert!(from.local.as_str().starts_with("SRS0=") && from.domain.as_str() == "office.test", "{from}");
    assert_eq!((leaving.ours, leaving.original.clone()), (false, Some(address("out@office.test"))));
    let stored = block_on(async { desk.pipeline.store.body(*body).await.unwrap().read(0, 1 << 20).await.unwrap() });
    let stored = String::from_utf8(stored).unwrap();
    assert!(stored.contains("\r\nDelivered-To: out@office.test\r\n") && stored.ends_with(TEXT), "{stored}");
    assert!(desk.report(&queue[0], Fate::Failed, 550, "no"));
    let queue = desk.queue();
    let [Waiting { leaving, .. }] = &queue[..] else { panic!("{queue:?}") };
    assert_eq!((&leaving.from, &leaving.to, leaving.ours), (&ReversePath::Null, &address("carl@else.test"), true));
    // A notice that fails itself ends there.
    assert!(!desk.report(&queue[0], Fate::Failed, 550, "no"));
    assert!(desk.queue().is_empty());
    // What comes to the rewritten sender from outside goes on to the true one.
    desk.send(false, "", Terms::default(), &[(&from.to_string(), Wishes::default())], TEXT);
    assert_eq!(desk.queue()[0].leaving.to, address("carl@else.test"));
}

#[test]
fn a_list_that_leads_here_and_elsewhere_is_told_of_once() {
    let desk = Desk::new();
    let success = wishes(Some(Notify { success: true, failure: true, delay: false }), None);
    desk.send(false, "ann@office.test", Terms::default(), &[("list@office.test", success)], TEXT);
    let queue = desk.queue();
    let notify = queue[0].leaving.wishes.notify();
    assert!(!notify.success && notify.failure, "RFC 3461 s5.2.7.2");
    let orcpt = queue[0].leaving.wishes.orcpt.clone().unwrap();
    assert_eq!(&*orcpt.address, "list@office.test");
    assert_eq!((desk.inbox(2).len(), queue.len()), (1, 1));
    let [notice] = &desk.inbox(1)[..] else { panic!("{:?}", desk.inbox(1)) };
    assert!(notice.contains("Final-Recipient: rfc822; list@office.test\r\nAction: expanded\r\n"), "{notice}");
}

/// Q13, through the whole house.
#[test]
fn who_sent_too_much_is_named_and_waits() {
    let house = House::with(&[("users.messages_hour", "2")]);
    let script = r#"
import sys, smtplib
host, port = sys.argv[1].rsplit(":", 1)
for n in range(3):
    with smtplib.SMTP(host, int(port)) as s:
        s.login("ann@office.test", "ann-pass-1")
        try:
            s.sendmail("ann@office.test", ["bob@office.test"], "Subject: x\r\n\r\nx\r\n")
            print("sent")
        except smtplib.SMTPSenderRefused as e:
            print(e.smtp_code, e.smtp_error.decode())
"#;
    let said = run("/usr/bin/python3", &["-c", script, &house.ports.submission.to_string()], b"");
    assert_eq!(said, "sent\nsent\n450 4.7.1 This login has sent too many messages, try later\n");
    let told = |line: &String| line.contains("ann@office.test has sent 2 messages an hour");
    assert!(house.journal().iter().any(told), "{:#?}", house.journal());
}
