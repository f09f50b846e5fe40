//! K1-K5: the queue as an administrator sees it, over the API and by the subcommands of the real binary. Every answer is held
//! against the OpenAPI document.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs, dead_code)]

#[path = "admin_parts/client.rs"]
mod client;
#[path = "admin_parts/house.rs"]
mod house;
#[path = "common/scratch.rs"]
mod scratch;
#[path = "admin_parts/shape.rs"]
mod shape;

use std::{process::Command, time::Duration};

use gatepost::{
    remote::{Dialogue, Failure, PolicyType, Who},
    rt::{Light, block_on},
    store::NewMessage,
    types::{Address, Answer, Hold, Leaving, ReversePath, RowId, Settled, UnixTime},
};
use house::House;
use serde_json::{Value, json};

fn get(house: &House, path: &str) -> Value {
    house.ok("GET", path, Value::Null)
}

/// A message for each of these; the second of them was tried once.
fn queue(name: &str, recipients: &[&str]) -> (House, Vec<u64>) {
    let house = House::start(name);
    let (store, now) = (house.desk().house().store.clone(), house.now());
    let rows = block_on(async {
        for recipient in recipients {
            let mut draft = store.draft().await.unwrap();
            draft.write(b"From: ann@office.test\r\nSubject: Hello\r\n\r\nbody\r\n").await.unwrap();
            let from = ReversePath::Address(Address::parse("ann@office.test").unwrap());
            let queue = vec![Leaving::plain(from, Address::parse(recipient).unwrap(), now.plus(3600))];
            let sealed = draft.seal().await.unwrap();
            store.commit(vec![NewMessage { sealed, derived: None, deliveries: Vec::new(), queue }]).await.unwrap();
        }
        let rows = store.waiting(Default::default(), Default::default(), None, 1000).await.unwrap().rows;
        let mut rows: Vec<u64> = rows.into_iter().map(|row| row.id.0).collect();
        rows.sort_unstable();
        store.begin(vec![(RowId(rows[1]), now.plus(600))]).await.unwrap();
        let (peer, status) = ("mx.far.test[192.0.2.1]:25".into(), "4.7.1".into());
        let last = Some(Answer { at: now, peer, code: 450, status, text: "Greylisted, try again".into() });
        let later = Settled::Later { id: RowId(rows[1]), next_try: now.plus(7200), last, told_late: false };
        store.settle(vec![later]).await.unwrap();
        rows
    });
    (house, rows)
}

fn recipients(list: &Value) -> Vec<&str> {
    list["rows"].as_array().unwrap().iter().map(|row| row["recipient"].as_str().unwrap()).collect()
}

#[test]
fn the_queue_is_listed_filtered_paged_and_looked_into() {
    let (house, rows) = queue("queue-list", &["a@far.test", "b@far.test", "c@near.test"]);
    let all = get(&house, "queue");
    assert_eq!(recipients(&all), ["a@far.test", "b@far.test", "c@near.test"]);
    assert_eq!([&all["total"], &all["held"], &all["next"]], [&json!(3), &json!(0), &Value::Null]);
    let tried = &all["rows"][1];
    assert_eq!(
        [&tried["state"], &tried["tries"], &all["rows"][0]["last"]],
        [&json!("deferred"), &json!(1), &Value::Null]
    );
    assert_eq!([&tried["last"]["code"], &tried["last"]["status"]], [&json!(450), &json!("4.7.1")]);
    assert_eq!(recipients(&get(&house, "queue?domain=far.test&order=down")), ["b@far.test", "a@far.test"]);
    assert_eq!(recipients(&get(&house, "queue?search=greyLISTED")), ["b@far.test"]);
    assert_eq!(recipients(&get(&house, "queue?state=new&sender=ann&recipient=near")), ["c@near.test"]);
    let message = all["rows"][2]["message"].as_str().unwrap();
    assert_eq!(recipients(&get(&house, &format!("queue?message={message}"))), ["c@near.test"]);
    let first = get(&house, "queue?max=2");
    let second = get(&house, &format!("queue?max=2&behind={}", first["next"]));
    assert_eq!((recipients(&first).len(), recipients(&second)), (2, vec!["c@near.test"]));
    let one = get(&house, &format!("queue/{}", rows[1]));
    assert_eq!(one["head"], "From: ann@office.test\nSubject: Hello\n");
    assert_eq!(one["last"]["text"], "Greylisted, try again");
    let advice = &one["last"]["advice"];
    assert!(advice["what"]["en"].as_str().unwrap().contains("greylist"), "{advice}");
    assert!(!advice["todo"]["ru"].as_str().unwrap().is_ascii() && advice["whom"] == "nobody", "{advice}");
    assert_eq!(one["dialogue"], Value::Null);
    let mut said = Dialogue::new(house.now(), "far.test", vec![RowId(rows[1])]);
    said.say(Duration::from_millis(20), Who::They, "220 mx.far.test ready");
    said.say(Duration::from_millis(21), Who::We, "EHLO mail.office.test");
    house.desk().house().tap.keep(said);
    let dialogue = get(&house, &format!("queue/{}", rows[1]))["dialogue"].clone();
    assert_eq!(dialogue["lines"][1], json!({ "after_ms": 21, "who": "C", "text": "EHLO mail.office.test" }));
    house.refused("GET", "queue/9999", Value::Null, 404);
    for bad in ["queue?state=old", "queue?domain=-", "queue?message=xyz", "queue?order=x", "queue/x"] {
        house.refused("GET", bad, Value::Null, 422);
    }
}

#[test]
fn rows_are_hurried_held_released_and_deleted_one_or_all() {
    let (house, rows) = queue("queue-do", &["a@far.test", "b@far.test", "c@near.test"]);
    let changed = |path: &str, body: Value| house.ok("POST", path, body)["changed"].as_u64().unwrap();
    assert_eq!(changed("queue/hold", json!({ "filter": { "domain": "far.test" } })), 2);
    assert_eq!(get(&house, "queue")["held"], 2);
    assert_eq!(changed("queue/send", json!({ "filter": {} })), 1, "held rows stay held");
    let now = house.now();
    let next = |n: usize| get(&house, &format!("queue/{}", rows[n]))["next_try"].as_i64().unwrap();
    assert!(next(2) <= now.0 && next(0) > now.0);
    assert_eq!(changed("queue/release", json!({ "rows": [rows[0], 9999] })), 1);
    assert_eq!(changed("queue/delete", json!({ "rows": [rows[0], 9999] })), 1);
    house.refused("GET", &format!("queue/{}", rows[0]), Value::Null, 404);
    assert_eq!(changed("queue/delete", json!({ "filter": {} })), 2);
    assert_eq!(get(&house, "queue")["total"], 0);
    for bad in [json!({}), json!({ "rows": [1], "filter": {} }), json!({ "filter": { "state": "x" } })] {
        house.refused("POST", "queue/delete", bad, 422);
    }
    let told: Vec<String> = house.desk().house().journal.newest(50).iter().map(|l| l.line.text.clone()).collect();
    assert!(told.iter().any(|line| line.contains("for c@near.test deleted")), "{told:?}");
    assert!(block_on(house.desk().house().store.check(|_| {})).unwrap().is_whole());
}

/// The message of a row, its folded lines joined.
fn text(house: &House, row: &Value) -> String {
    let store = house.desk().house().store.clone();
    block_on(async {
        let row = store.waiting_one(RowId(row["row"].as_u64().unwrap())).await.unwrap();
        let octets = store.body(row.body).await.unwrap().read(0, 100_000).await.unwrap();
        String::from_utf8(octets).unwrap().replace("\r\n ", " ")
    })
}

#[test]
fn a_sender_is_told_of_a_deletion_where_that_is_asked_for() {
    let (house, rows) = queue("queue-tell", &["a@far.test", "b@far.test", "c@near.test"]);
    let done = house.ok("POST", "queue/delete", json!({ "rows": [rows[1], 9999], "tell": true }));
    assert_eq!(done, json!({ "changed": 1, "told": 1 }));
    let list = get(&house, "queue");
    assert_eq!(recipients(&list), ["a@far.test", "c@near.test", "ann@office.test"]);
    assert_eq!(list["rows"][2]["sender"], "");
    let notice = text(&house, &list["rows"][2]);
    for said in [
        "Final-Recipient: rfc822; b@far.test\r\nAction: failed\r\nStatus: 5.3.0\r\n",
        "Diagnostic-Code: X-Gatepost; deleted from the queue by the administrator; the last answer was: 450 4.7.1 Greylisted, try again\r\n",
        "Subject: Hello",
    ] {
        assert!(notice.contains(said), "{said}\n{notice}");
    }
    // A notice has no sender who could be told; the two others get one each, and these are not deleted with them.
    let done = house.ok("POST", "queue/delete", json!({ "filter": {}, "tell": true }));
    assert_eq!(done, json!({ "changed": 3, "told": 2 }));
    assert_eq!(recipients(&get(&house, "queue")), ["ann@office.test", "ann@office.test"]);
    assert_eq!(house.ok("POST", "queue/delete", json!({ "filter": {} })), json!({ "changed": 2, "told": 0 }));
    let told: Vec<String> = house.desk().house().journal.newest(50).iter().map(|l| l.line.text.clone()).collect();
    let has = |part: &str| told.iter().filter(|line| line.contains(part)).count();
    assert_eq!(
        (has("sender non-delivery notification: "), has("queue: 3 deleted, 2 notices written")),
        (3, 1),
        "{told:?}"
    );
    assert!(block_on(house.desk().house().store.check(|_| {})).unwrap().is_whole());
    house.refused("POST", "queue/send", json!({ "filter": {}, "tell": true }), 422);
}

/// 600 recipients of one message: two steps, a notice of each, and the first notice, which fits the filter too, is not deleted by
/// the second step.
#[test]
fn a_notice_is_not_deleted_with_what_it_is_about() {
    let (house, _) = queue("queue-tell-many", &["a@far.test", "b@far.test"]);
    let store = house.desk().house().store.clone();
    block_on(async {
        let mut draft = store.draft().await.unwrap();
        draft.write(b"Subject: many\r\n\r\n").await.unwrap();
        let from = || ReversePath::Address(Address::parse("boss@office.test").unwrap());
        let to = |n: u32| Leaving::plain(from(), Address::parse(&format!("u{n}@far.test")).unwrap(), UnixTime(1 << 40));
        let (sealed, queue) = (draft.seal().await.unwrap(), (0..600).map(to).collect());
        store.commit(vec![NewMessage { sealed, derived: None, deliveries: Vec::new(), queue }]).await.unwrap();
    });
    let filter = json!({ "search": "office.test" });
    let done = house.ok("POST", "queue/delete", json!({ "filter": filter, "tell": true }));
    assert_eq!(done, json!({ "changed": 602, "told": 4 }));
    assert_eq!(get(&house, "queue")["total"], 4);
}

/// What `remote` counts of encryption, and the resolver's line of the board.
#[test]
fn how_encryption_went_is_told_with_what_failed_first() {
    let house = House::start("queue-tls");
    assert_eq!(get(&house, "queue/tls"), json!({ "dnssec": null, "total": 0, "domains": [] }));
    assert!(
        gatepost(&house, &["queue", "tls"]).out.starts_with("nothing was sent to other servers in the last days\n")
    );
    let inner = house.desk().house();
    let count = |domain: &str, policy, failure| inner.tls.count("2026-11-24", domain, policy, failure);
    (0..3).for_each(|_| count("good.test", PolicyType::Tlsa, None));
    count("plain.test", PolicyType::Nothing, Some(Failure::NoStarttls));
    count("bad.test", PolicyType::Sts, None);
    (0..2).for_each(|_| count("bad.test", PolicyType::Sts, Some(Failure::Expired)));
    let why = "the name servers let no signatures through: DNSSEC is not checked, and DANE is not used; dns.servers names others";
    inner.board.put("dnssec", Light::Off, why);
    let told = get(&house, "queue/tls");
    let names: Vec<&str> =
        told["domains"].as_array().unwrap().iter().map(|one| one["domain"].as_str().unwrap()).collect();
    assert_eq!(names, ["bad.test", "plain.test", "good.test"]);
    let bad = json!({ "domain": "bad.test", "policy": "sts", "good": 1, "bad": 2, "failed": [{ "why": "certificate-expired", "count": 2 }] });
    assert_eq!(told["domains"][0], bad);
    assert_eq!((&told["total"], &told["dnssec"]["text"]), (&json!(3), &json!(why)));
    assert!(!told["dnssec"]["text_ru"].as_str().unwrap().is_ascii(), "{told}");
    let said = gatepost(&house, &["queue", "tls"]).out;
    let row: Vec<&str> = said.lines().find(|line| line.starts_with("bad.test")).unwrap().split_whitespace().collect();
    assert_eq!(row, ["bad.test", "sts", "1", "2", "2", "certificate-expired"]);
    assert!(said.ends_with(&format!("DNSSEC: {why}\n")), "{said}");
}

/// 2,500 rows: the steps of deleting and holding go over several transactions.
#[test]
fn a_long_queue_is_cleared_in_steps() {
    let (house, _) = queue("queue-long", &["a@far.test", "b@far.test"]);
    let store = house.desk().house().store.clone();
    block_on(async {
        let mut draft = store.draft().await.unwrap();
        draft.write(b"Subject: many\r\n\r\n").await.unwrap();
        let to =
            |n: u32| Leaving::plain(ReversePath::Null, Address::parse(&format!("u{n}@far.test")).unwrap(), UnixTime(0));
        let sealed = draft.seal().await.unwrap();
        let queue = (0..2500).map(to).collect();
        store.commit(vec![NewMessage { sealed, derived: None, deliveries: Vec::new(), queue }]).await.unwrap();
        store.hold(gatepost::store::QueueRows::Ids(vec![RowId(3)]), Hold::Held).await.unwrap();
    });
    let changed = |path: &str| house.ok("POST", path, json!({ "filter": { "recipient": "u" } }))["changed"].clone();
    assert_eq!(
        (changed("queue/hold"), changed("queue/release"), changed("queue/delete")),
        (json!(2499), json!(2500), json!(2500))
    );
    assert_eq!(get(&house, "queue")["total"], 2);
}

struct Said {
    code: i32,
    out: String,
    err: String,
}

fn gatepost(house: &House, line: &[&str]) -> Said {
    let done = Command::new(env!("CARGO_BIN_EXE_gatepost"))
        .args(line)
        .env("GATEPOST_STATE", house.state())
        .env("TZ", "UTC")
        .stdin(std::process::Stdio::null())
        .output()
        .unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    Said { code: done.status.code().unwrap(), out: text(done.stdout), err: text(done.stderr) }
}

#[test]
fn an_administrator_works_on_the_queue_from_the_command_line() {
    let (house, rows) = queue("queue-cli", &["a@far.test", "b@far.test", "c@near.test"]);
    let list = gatepost(&house, &["queue", "list"]);
    assert_eq!(list.code, 0, "{}", list.err);
    assert!(
        list.out.contains("b@far.test")
            && list.out.contains("450 Greylisted")
            && list.out.contains("3 wait, 0 of them held"),
        "{}",
        list.out
    );
    let filtered = gatepost(&house, &["queue", "list", "--is", "deferred", "--json"]);
    assert_eq!(recipients(&serde_json::from_str(&filtered.out).unwrap()), ["b@far.test"]);
    let show = gatepost(&house, &["queue", "show", &rows[1].to_string()]);
    assert!(show.out.contains("what to do"), "{}", show.out);
    assert!(show.out.contains("450 4.7.1 Greylisted") && show.out.contains("Subject: Hello"), "{}", show.out);
    for (line, said) in [
        (vec!["queue", "hold", "--domain", "far.test"], "2 are held\n"),
        (vec!["queue", "release", "--is", "held", "--to", "a@"], "1 are released\n"),
        (vec!["queue", "send", "--all"], "2 are tried now\n"),
        (vec!["queue", "delete", &rows[2].to_string()], "1 are deleted\n"),
        (vec!["queue", "delete", "--to", "b@", "--tell"], "1 are deleted; 1 notices to senders are written\n"),
        (vec!["queue", "delete", "--all", "--yes"], "2 are deleted\n"),
    ] {
        let done = gatepost(&house, &line);
        assert_eq!((done.code, done.out.as_str()), (0, said), "{line:?} {}", done.err);
    }
    for wrong in [vec!["queue", "delete"], vec!["queue", "hold", "x"], vec!["queue", "send", "1", "--all"]] {
        assert_eq!(gatepost(&house, &wrong).code, 2, "{wrong:?}");
    }
}
