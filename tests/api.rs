//! What the page asks the API for: the start page, switches, counters, the feed, the event stream, pages of lists, versions.
//! Every answer is held against the OpenAPI document (`admin_parts/shape.rs`).
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs, dead_code)]

#[path = "admin_parts/client.rs"]
mod client;
#[path = "admin_parts/house.rs"]
mod house;
#[path = "common/scratch.rs"]
mod scratch;
#[path = "admin_parts/shape.rs"]
mod shape;
#[path = "admin_parts/stream.rs"]
mod stream;

use gatepost::{
    journal::{PipelineEvent, Way},
    rt::Light,
    types::{Address, BodyId, QueueId, ReversePath},
};
use house::House;
use serde_json::{Value, json};
use stream::Events;

fn get(house: &House, path: &str) -> Value {
    house.ok("GET", path, Value::Null)
}

/// A message as the pipeline tells it.
fn pass(house: &House, n: u64, way: Way, from: Option<&str>) {
    let address = |text: &str| Address::parse(text).unwrap();
    house.desk().house().journal.tell(PipelineEvent::Active {
        qid: QueueId::of(BodyId(n)),
        from: from.map_or(ReversePath::Null, |from| ReversePath::Address(address(from))),
        size: 1000 + n,
        recipients: 3,
        counts: Some((way, address("ann@office.test"))),
    });
}

fn line(start: &Value, id: &str) -> Value {
    start["lines"].as_array().unwrap().iter().find(|line| line["id"] == id).cloned().unwrap_or(Value::Null)
}

#[test]
fn the_start_page_has_a_line_for_what_exists_and_none_for_what_does_not() {
    // A2, A12-A14, A22
    let house = House::start("start");
    let board = house.desk().house().board.clone();
    board.put("smtp:25", Light::Green, "listening on [::]:25");
    board.put("submission:587", Light::Red, "cannot listen on [::]:587: taken");
    board.put("smtps", Light::Off, "switched off");
    board.put("pop3:110", Light::Yellow, "waiting for interface ppp0; listening on 127.0.0.1:110");
    let start = get(&house, "start");
    let ids: Vec<&str> = start["lines"].as_array().unwrap().iter().map(|l| l["id"].as_str().unwrap()).collect();
    assert_eq!(ids, ["server", "smtp", "pop3", "encryption"], "no imap, no antivirus");
    let smtp = line(&start, "smtp");
    assert_eq!([&smtp["on"], &smtp["running"], &smtp["light"]], [&json!(true), &json!(true), &json!("red")]);
    assert_eq!(smtp["why"], json!({ "en": "cannot listen on [::]:587: taken", "ru": "не слушает [::]:587: taken" }));
    let open: Vec<bool> = smtp["ports"].as_array().unwrap().iter().map(|p| p["open"].as_bool().unwrap()).collect();
    assert_eq!(open, [true, false, false]);
    assert_eq!(line(&start, "pop3")["light"], "yellow");
    assert_eq!([&line(&start, "encryption")["running"], &line(&start, "server")["running"]], [true, true]);
    assert_eq!(start["trouble"].as_array().unwrap().len(), 2, "{}", start["trouble"]);
    assert_eq!(start["today"], json!({ "day": start["today"]["day"], "received": 0, "sent": 0 }));
    assert_eq!(start["counts"], json!({ "mailboxes": 0, "aliases": 0, "domains": 0, "queue": 0 }));
}

#[test]
fn a_switch_is_a_setting_with_its_history() {
    // A23, N8
    let house = House::start("switch");
    house.desk().house().board.put("pop3:110", Light::Green, "listening on [::]:110");
    let off = house.ok("PUT", "services/pop3", json!({ "on": false }));
    assert_eq!((off["rev"].clone(), off["changed"].clone()), (json!(1), json!(["pop3.enabled"])));
    let settings = house.desk().house().settings.get();
    assert_eq!([settings.open_port("pop3.port"), settings.open_port("pop3.ssl.port")], [0, 0]);
    assert_eq!(settings.open_port("smtp.port"), 25);
    let pop3 = line(&get(&house, "start"), "pop3");
    assert_eq!([&pop3["on"], &pop3["light"], &pop3["can_switch"]], [&json!(false), &json!("off"), &json!(true)]);
    house.ok("PUT", "services/server", json!({ "on": false }));
    assert_eq!(house.desk().house().settings.get().open_port("smtp.port"), 0);
    house.ok("PUT", "services/server", json!({ "on": true }));
    assert_eq!(house.desk().house().settings.get().open_port("smtp.port"), 25);
    let versions = get(&house, "settings/versions");
    assert_eq!(versions["versions"].as_array().unwrap().len(), 3);
    assert_eq!(versions["versions"][2]["changed"][0], json!({ "key": "pop3.enabled", "old": null, "new": "off" }));
    house.refused("PUT", "services/antivirus", json!({ "on": true }), 404);
    house.refused("PUT", "services/smtp", json!({ "on": "yes" }), 422);
    assert_eq!(house.applied().len(), 3);
}

#[test]
fn messages_are_counted_by_hour_and_shown_in_the_feed_and_both_survive_a_restart() {
    // A18, A20, A24, Q29
    let mut house = House::start("counters");
    for n in 0..5 {
        pass(&house, n, Way::Received, Some("bob@far.test"));
    }
    pass(&house, 5, Way::Sent, None);
    for _ in 0..2 {
        let start = get(&house, "start");
        assert_eq!([&start["today"]["received"], &start["today"]["sent"]], [&json!(5), &json!(1)]);
        let feed = get(&house, "feed?max=2");
        assert_eq!(feed["feed"].as_array().unwrap().len(), 2);
        let newest = &feed["feed"][0];
        assert_eq!([&newest["from"], &newest["to"], &newest["way"]], ["", "ann@office.test", "sent"]);
        assert_eq!(
            [&newest["more"], &newest["size"], &feed["feed"][1]["from"]],
            [&json!(2), &json!(1005), &json!("bob@far.test")]
        );
        for (path, points) in
            [("series", 24), ("series?span=7", 7), ("series?span=30", 30), ("series?span=7&step=hour", 168)]
        {
            let series = get(&house, path);
            let sum = |name: &str| series[name].as_array().unwrap().iter().map(|n| n.as_u64().unwrap()).sum::<u64>();
            assert_eq!(
                (series["labels"].as_array().unwrap().len(), sum("received"), sum("sent")),
                (points, 5, 1),
                "{path}"
            );
        }
        house.restart();
    }
    // Counts that were read once go on counting.
    pass(&house, 6, Way::Received, None);
    assert_eq!(get(&house, "start")["today"]["received"], 6);
    for bad in ["series?span=8", "series?step=week", "feed?max=-1"] {
        house.refused("GET", bad, Value::Null, 422);
    }
}

#[test]
fn events_come_at_once_and_a_reader_resumes_where_it_was() {
    // A20, A21
    let house = House::start("events");
    let mut events = Events::open(&house.socket(), "");
    pass(&house, 1, Way::Received, Some("bob@far.test"));
    let line = events.next("line");
    assert!(line.data["text"].as_str().unwrap().contains("from=<bob@far.test>"), "{}", line.data);
    let feed = events.next("feed");
    assert_eq!([&feed.data["from"], &feed.data["to"]], ["bob@far.test", "ann@office.test"]);
    house.desk().house().board.put("smtp:25", Light::Red, "taken");
    events.next("status");
    drop(events);
    pass(&house, 2, Way::Sent, Some("carl@far.test"));
    let mut again = Events::open(&house.socket(), &feed.id);
    assert!(again.next("line").data["text"].as_str().unwrap().contains("carl@far.test"));
    let mut lost = Events::open(&house.socket(), "1.1");
    assert_eq!(lost.next("gap").data, json!({}));
}

#[test]
fn there_are_sixteen_streams_and_the_next_is_told_so() {
    let house = House::start("streams");
    let open: Vec<Events> = (0..16).map(|_| Events::open(&house.socket(), "")).collect();
    let error = house.refused("GET", "events", Value::Null, 503);
    assert!(error["error"].as_str().unwrap().contains("16 event streams"), "{error}");
    // Other requests are answered all the same.
    get(&house, "start");
    drop(open);
    pass(&house, 1, Way::Received, None);
    // The writers notice it at the next line.
    let began = std::time::Instant::now();
    while client::ask_head(&house.socket(), "events") != 200 {
        assert!(began.elapsed().as_secs() < 20, "the places did not come back");
        pass(&house, 2, Way::Received, None);
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
}

#[test]
fn streams_end_with_the_server_and_hold_nothing_of_it() {
    let mut house = House::start("ends");
    let mut events = Events::open(&house.socket(), "");
    // Opens the store again: a stream that held it would keep its lock.
    house.restart();
    assert!(events.ends());
}

#[test]
fn settings_have_sections_and_bounds_and_two_versions_can_be_compared() {
    let house = House::start("compare");
    let settings = get(&house, "settings");
    let find = |key: &str| settings["settings"].as_array().unwrap().iter().find(|s| s["key"] == key).unwrap().clone();
    let sections: Vec<&str> =
        settings["sections"].as_array().unwrap().iter().map(|s| s["id"].as_str().unwrap()).collect();
    for setting in settings["settings"].as_array().unwrap() {
        assert!(sections.contains(&setting["section"].as_str().unwrap()), "{setting}");
    }
    assert_eq!(
        find("journal.days")["limits"],
        json!({ "min": 1, "max": 3660, "unit": "days", "choices": null, "entries": null })
    );
    assert_eq!(find("tls.smtp")["limits"]["choices"], json!(["off", "opportunistic", "required"]));
    assert_eq!(
        (find("store.directory")["restart"].clone(), find("smtp.port")["restart"].clone()),
        (json!(true), json!(false))
    );
    house.save(json!({ "smtp.port": 2525, "journal.days": 7 }));
    let saved = house.ok(
        "POST",
        "settings",
        json!({ "rev": 1, "fields": { "smtp.port": 2526, "store.directory": "/srv/mail" } }),
    );
    assert_eq!(
        (saved["changed"].clone(), saved["next_start"].clone()),
        (json!(["smtp.port", "store.directory"]), json!(["store.directory"]))
    );
    assert_eq!(saved["not_applied"], json!([]));
    let diff = get(&house, "settings/diff?from=1");
    assert_eq!((diff["from"].clone(), diff["to"].clone()), (json!(1), json!(2)));
    let port = &diff["changed"][0];
    assert_eq!(
        [&port["key"], &port["old"], &port["new"], &port["label"]["ru"]],
        ["smtp.port", "2525", "2526", "Порт SMTP"]
    );
    let back = get(&house, "settings/diff?from=2&to=0");
    let days = back["changed"].as_array().unwrap().iter().find(|c| c["key"] == "journal.days").unwrap();
    assert_eq!((days["new"].clone(), days["new_text"].clone()), (Value::Null, json!("90")));
    house.refused("GET", "settings/diff?from=77", Value::Null, 422);
}

#[test]
fn lists_are_searched_sorted_and_paged() {
    let house = House::start("lists");
    for domain in ["office.test", "shop.test"] {
        house.ok("POST", "domains", json!({ "name": domain }));
    }
    for (name, owner, quota) in [("ann", "Анна", 3000), ("bob", "Боб", 1000), ("carl", "", 2000)] {
        let body = json!({ "address": format!("{name}@office.test"), "password": "correct horse", "quota": quota, "owner": owner });
        house.ok("POST", "mailboxes", body);
    }
    house.ok("POST", "mailboxes", json!({ "address": "ann@shop.test", "password": "correct horse" }));
    house.deliver(house.mailbox("bob@office.test").id, b"Subject: x\r\n\r\nhello\r\n");
    let names = |path: &str| -> Vec<String> {
        let list = get(&house, path);
        list["mailboxes"].as_array().unwrap().iter().map(|m| m["address"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(names("mailboxes?search=ANN"), ["ann@office.test", "ann@shop.test"]);
    assert_eq!(names("mailboxes?search=%D0%B1%D0%BE%D0%B1"), ["bob@office.test"], "an owner in Cyrillic");
    assert_eq!(names("mailboxes?domain=shop.test"), ["ann@shop.test"]);
    assert_eq!(names("mailboxes?sort=bytes&order=down&per_page=1"), ["bob@office.test"]);
    assert_eq!(names("mailboxes?sort=quota")[0], "bob@office.test");
    let page = get(&house, "mailboxes?per_page=3&page=9");
    assert_eq!([&page["page"], &page["pages"], &page["total"]], [&json!(2), &json!(2), &json!(4)]);
    assert_eq!(page["mailboxes"][0]["address"], "carl@office.test");
    house.ok("POST", "aliases", json!({ "address": "sales@shop.test", "targets": ["carl@office.test"] }));
    assert_eq!(get(&house, "aliases?search=carl&per_page=10")["total"], 1);
    assert_eq!(get(&house, "aliases?domain=office.test")["total"], 0);
    let domains = get(&house, "domains");
    assert_eq!([&domains["domains"][0]["mailboxes"], &domains["domains"][1]["aliases"]], [&json!(3), &json!(1)]);
    for bad in ["mailboxes?sort=size", "mailboxes?order=x", "mailboxes?page=0", "mailboxes?per_page=1001"] {
        house.refused("GET", bad, Value::Null, 422);
    }
}

#[test]
fn the_system_is_shown_and_a_password_is_made_up() {
    // N3, N4
    let house = House::start("system");
    assert_eq!(
        get(&house, "interfaces")["interfaces"][0],
        json!({ "name": "lan0", "addresses": ["192.0.2.1"], "loopback": false })
    );
    let disks = get(&house, "disks");
    for disk in disks["disks"].as_array().unwrap() {
        assert!(disk["size"].as_u64().unwrap() >= disk["free"].as_u64().unwrap(), "{disk}");
    }
    let make = || house.ok("POST", "passwords", json!({}))["password"].as_str().unwrap().to_owned();
    let (one, other) = (make(), make());
    assert!(one != other && one.len() == 23, "{one}");
    house.ok("POST", "domains", json!({ "name": "office.test" }));
    house.ok("POST", "mailboxes", json!({ "address": "ann@office.test", "password": one }));
}

#[test]
fn an_error_is_said_in_two_languages_and_has_a_name() {
    let house = House::start("languages");
    let fields = json!({ "journal.days": 9999, "pop3.port": 25 });
    let error = house.refused("POST", "settings?lang=ru", json!({ "rev": 0, "fields": fields }), 422);
    let field = |key: &str| error["fields"].as_array().unwrap().iter().find(|f| f["field"] == key).unwrap().clone();
    assert_eq!(
        (&field("pop3.port")["id"], &field("journal.days")["id"]),
        (&json!("port_taken"), &json!("out_of_range"))
    );
    assert_eq!(field("journal.days")["words"]["en"], "must be from 1 to 3660, not 9999");
    assert_eq!(field("journal.days")["what"], "должно быть от 1 до 3660, а не 9999");
    let russian = "pop3.port: равен 25, а этот порт уже использует smtp.port: выберите другой";
    assert!(error["error"].as_str().unwrap().contains(russian), "{error}");
    assert!(error["words"]["en"]["error"].as_str().unwrap().contains("pop3.port is 25, which smtp.port"), "{error}");
    let error = house.refused("DELETE", "domains/none.test", Value::Null, 404);
    assert_eq!(
        [&error["error"], &error["words"]["ru"]["error"]],
        ["none.test is no domain of this server", "none.test не домен этого сервера"]
    );
}

/// Keys are made beside the request that adds a domain.
fn keys(house: &House, many: usize) -> Vec<Value> {
    for _ in 0..200 {
        let keys = get(house, "domains/office.test/dkim")["keys"].as_array().unwrap().clone();
        if keys.len() >= many {
            return keys;
        }
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    panic!("no keys were made");
}

fn stages(keys: &[Value]) -> Vec<(&str, &str)> {
    keys.iter().map(|key| (key["kind"].as_str().unwrap(), key["stage"].as_str().unwrap())).collect()
}

#[test]
fn a_domain_gets_keys_and_changes_them_with_an_overlap() {
    // E18, G3, G4
    let mut house = House::start("dkim");
    house.refused("GET", "domains/office.test/dkim", Value::Null, 404);
    house.ok("POST", "domains", json!({ "name": "office.test" }));
    let first = keys(&house, 2);
    assert_eq!(stages(&first), [("ed25519", "signing"), ("rsa", "signing")]);
    let rsa = &first[1];
    let name = format!("{}._domainkey.office.test", rsa["selector"].as_str().unwrap());
    assert_eq!(rsa["name"], json!(name));
    assert!(rsa["record"].as_str().unwrap().starts_with("v=DKIM1; k=rsa; p=MII"), "{rsa}");
    assert!(rsa["zone"].as_str().unwrap().starts_with(&format!("{name}. IN TXT ( \"v=DKIM1")), "{rsa}");
    house.refused("PUT", "domains/office.test/dkim", json!({}), 409);
    house.ok("POST", "domains/office.test/dkim", json!({}));
    house.refused("POST", "domains/office.test/dkim", json!({}), 409);
    let signing = format!("domains/office.test/dkim/{}", rsa["selector"].as_str().unwrap());
    house.refused("DELETE", &signing, Value::Null, 409);
    house.ok("PUT", "domains/office.test/dkim", json!({}));
    house.restart();
    let both = keys(&house, 4);
    let of = |stage: &str| both.iter().filter(|key| key["stage"] == stage).count();
    assert_eq!((of("old"), of("signing")), (2, 2));
    house.ok("DELETE", &signing, Value::Null);
    house.refused("DELETE", &signing, Value::Null, 404);
    assert_eq!(keys(&house, 3).len(), 3);
    house.ok("DELETE", "domains/office.test", Value::Null);
    house.ok("POST", "domains", json!({ "name": "office.test" }));
    assert_eq!(stages(&keys(&house, 2)).len(), 2, "keys of a domain that is gone do not come back");
}

#[test]
fn no_keys_are_made_while_nothing_is_signed() {
    let house = House::start("unsigned");
    house.save(json!({ "dkim.sign": false }));
    house.ok("POST", "domains", json!({ "name": "office.test" }));
    std::thread::sleep(std::time::Duration::from_millis(300));
    assert_eq!(get(&house, "domains/office.test/dkim"), json!({ "signs": false, "keys": [] }));
    house.save(json!({ "dkim.sign": true }));
    assert_eq!(keys(&house, 2).len(), 2);
}

#[test]
fn the_zone_of_a_domain_is_shown_as_wanted_beside_found() {
    // G9
    let house = House::start("zone");
    house.ok("POST", "domains", json!({ "name": "office.test" }));
    let signing = keys(&house, 2);
    let zone = get(&house, "domains/office.test/dns");
    let row = |what: &str| zone["records"].as_array().unwrap().iter().find(|row| row["what"] == what).unwrap().clone();
    assert_eq!([&row("mx")["wanted"], &row("mx")["state"]], [&json!("10 localhost."), &json!("bad")]);
    assert_eq!(row("mx")["zone"], "office.test. IN MX 10 localhost.");
    assert_eq!(row("mx")["why_words"]["ru"], "записи нет");
    let dkim = zone["records"].as_array().unwrap().iter().filter(|row| row["what"] == "dkim");
    let lines: Vec<&Value> = dkim.map(|row| &row["zone"]).collect();
    assert_eq!(lines, signing.iter().map(|key| &key["zone"]).collect::<Vec<_>>());
    house.refused("GET", "domains/else.test/dns", Value::Null, 404);
}
