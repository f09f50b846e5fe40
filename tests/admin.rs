//! The administration over its socket: a real store, real requests, and what a hostile client may try.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs, dead_code)]

#[path = "admin_parts/client.rs"]
mod client;
#[path = "admin_parts/house.rs"]
mod house;
#[path = "admin_parts/removal.rs"]
mod removal;
#[path = "common/scratch.rs"]
mod scratch;
#[path = "admin_parts/shape.rs"]
mod shape;

use client::raw;
use house::House;
use serde_json::{Value, json};

/// office.test, ann with a password.
fn office(name: &str) -> House {
    let house = House::start(name);
    house.ok("POST", "domains", json!({ "name": "office.test" }));
    house.ok(
        "POST",
        "mailboxes",
        json!({ "address": "ann@office.test", "password": "correct horse", "quota": 1_000_000 }),
    );
    house
}

fn settings(house: &House) -> (u64, Value) {
    let all = house.ok("GET", "settings", Value::Null);
    (all["rev"].as_u64().unwrap(), all["settings"].clone())
}

fn value(house: &House, key: &str) -> Value {
    let (_, all) = settings(house);
    all.as_array().unwrap().iter().find(|entry| entry["key"] == key).unwrap()["value"].clone()
}

#[test]
fn a_new_mailbox_has_its_folders_and_a_credential_and_no_answer_shows_a_password() {
    // D2, G5, G6
    let house = office("mailbox");
    let folders = house.ok("GET", "mailboxes/ann@office.test/folders", Value::Null);
    let mut found: Vec<(String, String)> = folders["folders"]
        .as_array()
        .unwrap()
        .iter()
        .map(|f| (f["name"].as_str().unwrap().to_owned(), f["use"].as_str().unwrap_or_default().to_owned()))
        .collect();
    found.sort();
    let want = [("Drafts", "Drafts"), ("INBOX", "Inbox"), ("Junk", "Junk"), ("Sent", "Sent"), ("Trash", "Trash")];
    assert_eq!(found, want.map(|(a, b)| (a.to_owned(), b.to_owned())));
    assert!(gatepost::wire::scram::verify_password(&house.credential("ann@office.test"), "correct horse"));
    for path in ["mailboxes", "mailboxes/ann@office.test", "journal?max=2000", "settings", "admins", "status"] {
        let all = house.ok("GET", path, Value::Null).to_string();
        assert!(!all.contains("correct horse") && !all.contains("SCRAM"), "{path}: {all}");
    }
}

#[test]
fn russian_folders_are_made_with_their_use() {
    let house = House::start("russian");
    house.save(json!({ "mailbox.folders": ["Отправленные", "Черновики", "Спам", "Корзина"] }));
    house.ok("POST", "domains", json!({ "name": "office.test" }));
    house.ok("POST", "mailboxes", json!({ "address": "ann@office.test", "password": "correct horse" }));
    let folders = house.ok("GET", "mailboxes/ann@office.test/folders", Value::Null);
    let of = |name: &str| {
        let all = folders["folders"].as_array().unwrap();
        all.iter().find(|f| f["name"] == name).unwrap()["use"].clone()
    };
    assert_eq!([of("Отправленные"), of("Черновики"), of("Спам"), of("Корзина")], ["Sent", "Drafts", "Junk", "Trash"]);
}

#[test]
fn what_was_changed_is_there_after_a_restart() {
    let mut house = office("restart");
    house.ok("POST", "aliases", json!({ "address": "sales@office.test", "targets": ["ann@office.test"] }));
    house.ok("PUT", "domains/office.test", json!({ "catch_all": "sales@office.test" }));
    house.ok("POST", "admins", json!({ "name": "root", "password": "correct horse" }));
    house.ok("PUT", "mailboxes/ann@office.test", json!({ "quota": null, "enabled": false, "owner": "Анна" }));
    house.save(json!({ "pop3.port": 1100, "quota.temporary": true }));
    let before: Vec<Value> = ["domains", "mailboxes", "aliases", "admins", "settings"]
        .iter()
        .map(|path| house.ok("GET", path, Value::Null))
        .collect();
    house.restart();
    let after: Vec<Value> = ["domains", "mailboxes", "aliases", "admins", "settings"]
        .iter()
        .map(|path| house.ok("GET", path, Value::Null))
        .collect();
    assert_eq!(before, after);
    assert_eq!(after[1]["mailboxes"][0]["owner"], "Анна");
    assert_eq!(after[1]["mailboxes"][0]["quota"], Value::Null);
}

#[test]
fn several_changes_of_a_mailbox_happen_together_or_not_at_all() {
    let house = office("together");
    house.refused("PUT", "mailboxes/ann@office.test", json!({ "password": "another horse", "quota": 0 }), 422);
    let kept = house.credential("ann@office.test");
    assert!(gatepost::wire::scram::verify_password(&kept, "correct horse"));
    house.ok("PUT", "mailboxes/ann@office.test", json!({ "password": "another horse", "quota": 5_000_000 }));
    assert_eq!(house.ok("GET", "mailboxes/ann@office.test", Value::Null)["quota"], 5_000_000);
}

#[test]
fn settings_are_saved_by_compare_and_set_and_applied_at_once() {
    let house = House::start("settings");
    assert_eq!(settings(&house).0, 0);
    let saved =
        house.ok("POST", "settings", json!({ "rev": 0, "fields": { "smtp.port": 2525, "smtp.max_size_mb": "25" } }));
    assert_eq!(saved["rev"], 1);
    assert_eq!((value(&house, "smtp.port"), value(&house, "smtp.max_size_mb")), (json!(2525), json!(25)));
    assert_eq!(house.desk().house().settings.get().smtp_port, 2525);
    assert_eq!(house.applied(), [2525]);
    // Another administrator looked at version 0.
    let late = house.refused("POST", "settings", json!({ "rev": 0, "fields": { "smtp.port": 2526 } }), 409);
    assert_eq!(late["error"], "the settings were changed meanwhile: version 1 holds now");
    // Nothing differs: no new version, nothing applied.
    let same = house.ok("POST", "settings", json!({ "rev": 1, "fields": { "smtp.port": "2525" } }));
    assert_eq!((same["rev"].clone(), house.applied().len()), (json!(1), 1));
    // Back to the default.
    let reset = house.ok("POST", "settings", json!({ "rev": 1, "fields": { "smtp.port": null } }));
    assert_eq!((reset["rev"].clone(), value(&house, "smtp.port")), (json!(2), json!(25)));
}

#[test]
fn wrong_settings_are_refused_all_at_once_and_nothing_is_saved() {
    let house = House::start("wrong");
    let fields = json!({ "smtp.port": 99999, "smpt.port": 1, "tls.pop3": "maybe", "journal.days": {} });
    let error = house.refused("POST", "settings", json!({ "rev": 0, "fields": fields }), 422);
    assert_eq!(error["field"], "journal.days", "a value that is no text, number or list");
    let fields = json!({ "smtp.port": 99999, "smpt.port": 1, "tls.pop3": "maybe" });
    let error = house.refused("POST", "settings", json!({ "rev": 0, "fields": fields }), 422);
    let named: Vec<&str> = error["fields"].as_array().unwrap().iter().map(|f| f["field"].as_str().unwrap()).collect();
    assert_eq!(named, ["smpt.port", "smtp.port", "tls.pop3"]);
    assert!(error["error"].as_str().unwrap().contains("did you mean smtp.port?"), "{error}");
    // What the outside says (here: port 13 cannot be bound) counts too.
    let error = house.refused("POST", "settings", json!({ "rev": 0, "fields": { "smtp.port": 13 } }), 422);
    assert_eq!(error["field"], "smtp.port");
    // Q27: a certificate that is not there.
    let error =
        house.refused("POST", "settings", json!({ "rev": 0, "fields": { "tls.smtp.certificate": "nowhere" } }), 422);
    assert_eq!(error["field"], "tls.smtp.certificate");
    assert_eq!((settings(&house).0, house.applied().len()), (0, 0));
}

#[test]
fn every_version_is_kept_with_who_and_from_where_and_an_old_one_can_hold_again() {
    let house = House::start("versions");
    house.save(json!({ "smtp.port": 2525 }));
    house.save(json!({ "smtp.port": 2526, "pop3.port": 1100 }));
    house.ok("POST", "settings/rollback", json!({ "rev": 2, "to": 1 }));
    assert_eq!((value(&house, "smtp.port"), value(&house, "pop3.port")), (json!(2525), json!(110)));
    let versions = house.ok("GET", "settings/versions", Value::Null)["versions"].clone();
    let revs: Vec<u64> = versions.as_array().unwrap().iter().map(|v| v["rev"].as_u64().unwrap()).collect();
    assert_eq!(revs, [3, 2, 1]);
    assert_eq!((versions[0]["who"].clone(), versions[0]["from"].clone()), (json!("tester"), json!("socket")));
    assert_eq!(versions[0]["changed"][0], json!({ "key": "pop3.port", "old": "1100", "new": null }));
    house.refused("POST", "settings/rollback", json!({ "rev": 3, "to": 77 }), 422);
    house.ok("POST", "settings/rollback", json!({ "rev": 3, "to": 0 }));
    assert_eq!(value(&house, "smtp.port"), json!(25));
    let lines = house.ok("GET", "journal?max=100", Value::Null).to_string();
    assert!(
        lines.contains("setting smtp.port changed from '2525' to '2526', version 2 (by tester, from socket)"),
        "{lines}"
    );
}

#[test]
fn certificates_are_made_uploaded_listed_and_not_removed_while_they_are_used() {
    let house = House::start("certificates");
    let made = house.ok("POST", "self-signed", json!({ "name": "spare", "hosts": ["mail.office.test"] }));
    assert_eq!((made["names"].clone(), made["self_signed"].clone()), (json!(["mail.office.test"]), json!(true)));
    assert!(made["days_left"].as_i64().unwrap() > 3000, "{made}");
    house.save(json!({ "tls.smtp.certificate": "spare" }));
    let (chain, key) = gatepost::net::Identity::self_signed(&["up.test".to_owned()], house.now()).unwrap();
    house.ok("POST", "certificates", json!({ "name": "uploaded", "pem": key.clone() + &chain }));
    let error = house.refused("POST", "certificates", json!({ "name": "half", "pem": chain }), 422);
    assert!(error["error"].as_str().unwrap().starts_with("pem cannot be used: no private key found"), "{error}");
    let error = house.refused("POST", "certificates", json!({ "name": "../x", "pem": key + &made.to_string() }), 422);
    assert_eq!(error["field"], "pem");
    // Q27
    let error = house.refused("DELETE", "certificates/spare", Value::Null, 409);
    assert_eq!(error["error"], "the certificate spare is used by the setting tls.smtp.certificate");
    house.ok("DELETE", "certificates/uploaded", Value::Null);
    house.refused("DELETE", "certificates/uploaded", Value::Null, 404);
    let all = house.ok("GET", "certificates", Value::Null);
    let names: Vec<&str> =
        all["certificates"].as_array().unwrap().iter().map(|c| c["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["self-signed", "spare"]);
    assert!(!all.to_string().contains("PRIVATE"), "a key never comes out");
}

#[test]
fn errors_say_what_is_so_and_what_to_do() {
    let house = office("errors");
    for (method, path, body, status, words) in [
        (
            "POST",
            "mailboxes",
            json!({ "address": "bob@office.test", "password": "short" }),
            422,
            "password is too short",
        ),
        ("POST", "mailboxes", json!({ "address": "bob", "password": "correct horse" }), 422, "there is no @"),
        (
            "POST",
            "mailboxes",
            json!({ "address": "bob@else.test", "password": "correct horse" }),
            404,
            "no domain of this server",
        ),
        (
            "POST",
            "mailboxes",
            json!({ "address": "ann@office.test", "password": "correct horse" }),
            409,
            "is a mailbox already",
        ),
        (
            "POST",
            "mailboxes",
            json!({ "address": "bob@office.test", "password": "correct horse", "quotta": 1 }),
            422,
            "unknown field `quotta`",
        ),
        ("POST", "mailboxes", json!({ "address": "bob@office.test" }), 422, "password must be there"),
        (
            "POST",
            "aliases",
            json!({ "address": "x@office.test", "targets": ["nobody@office.test"] }),
            404,
            "neither a mailbox nor an alias",
        ),
        ("PUT", "mailboxes/ann@office.test", json!({}), 422, "nothing to change"),
        ("DELETE", "mailboxes/bob@office.test", Value::Null, 404, "there is no mailbox bob@office.test"),
        ("GET", "nothing", Value::Null, 404, "no such resource"),
        ("PUT", "status", json!({}), 405, "does not know that method"),
        ("GET", "journal?max=x", Value::Null, 422, "must be a whole number"),
        ("GET", "journal?day=yesterday", Value::Null, 422, "must look like 2026-11-24"),
    ] {
        let error = house.refused(method, path, body, status);
        assert!(error["error"].as_str().unwrap().contains(words), "{method} {path}: {error}");
        assert!(!error["todo"].as_str().unwrap().is_empty(), "{method} {path}: {error}");
    }
}

#[test]
fn the_status_shows_counts_ports_room_and_the_process() {
    let house = office("status");
    let status = house.ok("GET", "status", Value::Null);
    assert_eq!([&status["domains"], &status["mailboxes"], &status["aliases"]], [&json!(1), &json!(1), &json!(0)]);
    assert_eq!([&status["ports"]["pop3s"], &status["ports"]["imaps"]], [&json!(995), &json!(993)]);
    assert!(status["disk"]["free"].as_u64().unwrap() > 0, "{status}");
    assert!(status["process"]["rss"].as_u64().unwrap() > 0 && status["process"]["threads"].as_u64().unwrap() > 0);
    assert_eq!(status["queue"], 0);
}

#[test]
fn the_journal_is_read_by_day_and_searched() {
    let house = office("journal");
    let page = house.ok("GET", "journal?day=today&search=mailbox%20ann", Value::Null);
    assert_eq!(page["total"], 1);
    assert!(page["lines"][0]["text"].as_str().unwrap().starts_with("mailbox ann@office.test added"), "{page}");
    let text = house.ok("GET", "journal/export", Value::Null)["text"].as_str().unwrap().to_owned();
    assert!(text.contains("domain office.test added"), "{text}");
}

#[test]
fn the_page_comes_with_a_policy_that_lets_in_nothing_foreign() {
    let house = House::start("page");
    for (path, kind) in [
        ("/", "text/html"),
        ("/app/main.js", "text/javascript"),
        ("/words/ru.js", "text/javascript"),
        ("/style.css", "text/css"),
    ] {
        let answer =
            raw(&house.socket(), format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").as_bytes());
        assert!(answer.starts_with("HTTP/1.1 200") && answer.contains(kind), "{path}: {answer}");
        assert!(answer.contains("Content-Security-Policy: default-src 'self'"), "{answer}");
        let body = answer.split_once("\r\n\r\n").unwrap().1;
        for bad in ["innerHTML", "insertAdjacentHTML", "document.write", "eval(", " onclick=", "style=\"", "<script>"] {
            assert!(!body.contains(bad), "{path} has {bad}");
        }
    }
    assert!(
        raw(&house.socket(), b"GET /../Cargo.toml HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            .starts_with("HTTP/1.1 404")
    );
}

#[test]
fn a_request_of_another_site_or_of_a_form_is_refused() {
    let house = House::start("csrf");
    let ask = |heads: &str| {
        let body = "{\"name\":\"evil.test\"}";
        let request = format!(
            "POST /api/domains HTTP/1.1\r\nHost: gw\r\nConnection: close\r\n{heads}Content-Length: {}\r\n\r\n{body}",
            body.len()
        );
        raw(&house.socket(), request.as_bytes())
    };
    assert!(ask("Content-Type: application/json\r\nOrigin: http://evil.test\r\n").starts_with("HTTP/1.1 403"));
    assert!(ask("Content-Type: text/plain\r\n").starts_with("HTTP/1.1 415"));
    assert!(ask("").starts_with("HTTP/1.1 415"));
    assert!(ask("Content-Type: application/json\r\nOrigin: http://gw\r\n").starts_with("HTTP/1.1 200"));
}

#[test]
fn bad_requests_are_answered_and_the_next_good_one_too() {
    let house = House::start("hostile");
    let json = "Host: x\r\nConnection: close\r\nContent-Type: application/json\r\n";
    for (bytes, status) in [
        (format!("POST /api/domains HTTP/1.1\r\n{json}Content-Length: 9\r\n\r\n{{\"name\": "), "400"),
        (format!("POST /api/domains HTTP/1.1\r\n{json}Content-Length: 2\r\n\r\n[]"), "422"),
        (format!("POST /api/domains HTTP/1.1\r\n{json}Content-Length: 2000000\r\n\r\n"), "413"),
        (format!("GET /api/mailboxes/%ff HTTP/1.1\r\n{json}\r\n"), "400"),
        (format!("PATCH /api/domains HTTP/1.1\r\n{json}\r\n"), "405"),
        ("nonsense\r\n\r\n".to_owned(), "400"),
    ] {
        let answer = raw(&house.socket(), bytes.as_bytes());
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{bytes}: {answer}");
    }
    let deep = "[".repeat(100_000);
    let request = format!("POST /api/domains HTTP/1.1\r\n{json}Content-Length: {}\r\n\r\n{deep}", deep.len());
    assert!(raw(&house.socket(), request.as_bytes()).starts_with("HTTP/1.1 400"), "deep nesting is no stack overflow");
    house.ok("POST", "domains", json!({ "name": "office.test" }));
}

#[test]
fn the_socket_is_for_this_user_only_and_a_left_over_one_is_replaced() {
    use std::os::unix::fs::PermissionsExt;
    let mut house = House::start("socket");
    let mode = std::fs::metadata(house.socket()).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    // A second server must not take the socket of one that runs.
    assert!(house.second().is_err());
    house.stop();
    assert!(!house.socket().exists());
    // What a pulled plug leaves behind.
    drop(std::os::unix::net::UnixListener::bind(house.socket()).unwrap());
    house.restart();
    house.ok("GET", "status", Value::Null);
}

#[test]
fn many_requests_at_once_are_all_answered() {
    let house = office("many");
    std::thread::scope(|scope| {
        for n in 0..16 {
            let house = &house;
            scope.spawn(move || {
                for m in 0..10 {
                    let address = format!("u{n}-{m}@office.test");
                    house.ok("POST", "aliases", json!({ "address": address, "targets": ["ann@office.test"] }));
                }
            });
        }
    });
    assert_eq!(house.ok("GET", "aliases", Value::Null)["aliases"].as_array().unwrap().len(), 160);
}

#[test]
fn the_document_names_every_resource_and_only_those() {
    let house = office("document");
    let document = house.ok("GET", "openapi.json", Value::Null);
    assert_eq!(document["openapi"], "3.1.0");
    let paths = document["paths"].as_object().unwrap();
    assert!(paths.len() >= 20, "{}", paths.len());
    for (template, methods) in paths {
        let path = template.strip_prefix("/api/").unwrap().replace("{address}", "no@no.test").replace("{name}", "no");
        for method in ["GET", "POST", "PUT", "DELETE"] {
            let is_stream = methods["get"]["responses"]["200"]["content"].get("application/json").is_none();
            if method == "GET" && is_stream && methods.get("get").is_some() {
                continue;
            }
            let (status, _) = house.ask(method, &path, &json!({}));
            assert_eq!(status == 405, methods.get(method.to_lowercase()).is_none(), "{method} {path}: {status}");
        }
    }
    let error = house.refused("GET", "status?fields=all", Value::Null, 422);
    assert_eq!(error["field"], "fields", "a parameter that is not in the document");
}

#[test]
fn a_day_is_saved_as_a_file_and_no_cell_is_calculated() {
    let house = office("file");
    house.ok("PUT", "mailboxes/ann@office.test", json!({ "owner": "=1+1" }));
    let get = |path: &str| {
        let request = format!("GET /api/{path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        raw(&house.socket(), request.as_bytes())
    };
    let csv = get("journal/file?day=today&form=csv");
    assert!(csv.starts_with("HTTP/1.1 200 OK") && csv.contains("Content-Type: text/csv"), "{csv}");
    assert!(csv.contains("attachment; filename=\"mail-20") && csv.contains("time,severity,program,message"), "{csv}");
    assert!(csv.contains("mailbox ann@office.test belongs to =1+1 now") && csv.ends_with("0\r\n\r\n"), "{csv}");
    assert!(get("journal/file").contains("domain office.test added"));
    assert!(get("journal/file?form=pdf").starts_with("HTTP/1.1 422"));
}
