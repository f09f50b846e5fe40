//! Logins of the page: cookies, other sites, throttling, ends of sessions, one-time links, who may only look.

use std::{fs, process::Command};

use serde_json::{Value, json};

use crate::{
    binary::Served,
    curl::{Browser, curl},
};

const PASSWORD: &str = "correct horse";

fn served() -> (Served, String) {
    let served = Served::start(&[]);
    served.say(&["admin", "add", "admin"], PASSWORD);
    let base = format!("http://{}", served.ports.http);
    (served, base)
}

#[test]
fn an_administrator_logs_in_works_and_logs_out() {
    let (served, base) = served();
    let browser = Browser::new(&base, served.dir.path(), "a");
    assert_eq!(browser.get("api/session").status, 401);
    assert_eq!(browser.get("api/domains").status, 401);
    let wrong = browser.login("admin", "wrong horse");
    assert_eq!((wrong.status, wrong.field("Set-Cookie")), (401, None), "{}", wrong.body);
    let unknown = browser.login("nobody", "wrong horse");
    assert_eq!((unknown.status, unknown.body), (401, wrong.body), "an unknown name looks like a wrong password");
    let login = browser.login("admin", PASSWORD);
    assert_eq!((login.status, &login.json()["name"]), (200, &json!("admin")), "{}", login.body);
    let cookie = login.field("Set-Cookie").unwrap();
    assert!(
        cookie.starts_with("gatepost=") && cookie.contains("HttpOnly") && cookie.contains("SameSite=Strict"),
        "{cookie}"
    );
    assert!(!login.body.contains(&cookie[9..30]), "the ticket is in the cookie only");
    assert_eq!(browser.get("api/session").json()["read_only"], false);
    assert_eq!(browser.ask("POST", "api/domains", &json!({ "name": "made.test" })).status, 200);
    assert_eq!(browser.ask("POST", "api/logout", &json!({})).json()["ended"], 1);
    assert_eq!(browser.get("api/session").status, 401);
    let ticket = format!("Cookie: {}", cookie.split(';').next().unwrap());
    assert_eq!(curl(&["-H", &ticket], &format!("{base}/api/session")).status, 401, "the old cookie is worth nothing");
    let journal = served.say(&["journal"], "");
    for line in [
        "web-login: Login: user=<admin>, method=PASSWORD, rip=127.0.0.1",
        "domain made.test added (by admin, from 127.0.0.1)",
        "web-login: Logged out: user=<admin>, rip=127.0.0.1",
        "web-login: Aborted login (auth failed): user=<nobody>, rip=127.0.0.1",
    ] {
        assert!(journal.contains(line), "{line}: {journal}");
    }
}

#[test]
fn another_site_and_a_form_can_do_nothing() {
    let (served, base) = served();
    let browser = Browser::new(&base, served.dir.path(), "b");
    let login = browser.login("admin", PASSWORD);
    let cookie = format!("Cookie: {}", login.field("Set-Cookie").unwrap().split(';').next().unwrap());
    let json = "Content-Type: application/json";
    let own = format!("Origin: {base}");
    let post = |heads: &[&str]| {
        let mut args = vec!["-d", "{\"name\":\"evil.test\"}", "-H", &cookie];
        heads.iter().for_each(|head| args.extend(["-H", *head]));
        curl(&args, &format!("{base}/api/domains")).status
    };
    assert_eq!(post(&[json, "Origin: https://evil.test"]), 403);
    assert_eq!(post(&[json, "Origin: null"]), 403);
    assert_eq!(post(&[json]), 403, "a browser says where it comes from");
    assert_eq!(post(&[&own]), 415, "a form");
    assert_eq!(post(&[&own, "Content-Type: text/plain"]), 415);
    assert_eq!(post(&[&own, json]), 200);
    let foreign = curl(
        &["-H", "Origin: https://evil.test", "-H", json, "-d", "{\"name\":\"admin\",\"password\":\"correct horse\"}"],
        &format!("{base}/api/login"),
    );
    assert_eq!((foreign.status, foreign.field("Set-Cookie")), (403, None));
}

#[test]
fn guessing_is_slowed_down_and_fail2ban_sees_it() {
    let (served, base) = served();
    let browser = Browser::new(&base, served.dir.path(), "c");
    let all: Vec<u16> = (0..7).map(|n| browser.login("admin", &format!("guess {n}")).status).collect();
    assert_eq!(all, [401, 401, 401, 401, 401, 429, 429]);
    let late = browser.login("admin", PASSWORD);
    assert_eq!(late.status, 429, "the right one waits too");
    let wait: u64 = late.field("Retry-After").unwrap().parse().unwrap();
    assert!((1..=4).contains(&wait), "{wait}");
    std::thread::sleep(std::time::Duration::from_secs(wait));
    assert_eq!(browser.login("admin", PASSWORD).status, 200);
    // The filter as README has it, over the lines as syslog has them.
    let readme = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/README.md")).unwrap();
    let filter =
        readme.lines().find_map(|line| line.trim().strip_prefix("failregex = ")).expect("README has the filter");
    let log = served.dir.path().join("mail.log");
    fs::write(&log, served.say(&["journal", "--export", "plain"], "")).unwrap();
    let out = Command::new("fail2ban-regex")
        .arg(&log)
        .arg(filter)
        .output()
        .expect("fail2ban is missing: apt install fail2ban");
    let said = String::from_utf8_lossy(&out.stdout).into_owned();
    assert!(said.contains("8 matched") || said.contains("Failregex: 8 total"), "{said}");
}

#[test]
fn sessions_end_everywhere_and_with_the_password() {
    let (served, base) = served();
    let [one, two, three] = ["d1", "d2", "d3"].map(|name| Browser::new(&base, served.dir.path(), name));
    for browser in [&one, &two, &three] {
        assert_eq!(browser.login("admin", PASSWORD).status, 200);
    }
    assert_eq!(one.ask("POST", "api/logout-everywhere", &json!({})).json()["ended"], 3);
    assert!([&one, &two, &three].iter().all(|browser| browser.get("api/session").status == 401));
    for browser in [&one, &two] {
        assert_eq!(browser.login("admin", PASSWORD).status, 200);
    }
    let change = |old: &str| one.ask("POST", "api/password", &json!({ "old": old, "new": "another horse" }));
    assert_eq!(change("not mine").status, 422);
    assert_eq!(change(PASSWORD).status, 200);
    assert_eq!((one.get("api/session").status, two.get("api/session").status), (200, 401));
    assert_eq!((two.login("admin", PASSWORD).status, two.login("admin", "another horse").status), (401, 200));
    served.say(&["admin", "password", "admin"], "third horse");
    assert!([&one, &two].iter().all(|browser| browser.get("api/session").status == 401));
    assert_eq!(one.login("admin", "third horse").status, 200);
    served.say(&["admin", "add", "other"], PASSWORD);
    served.say(&["admin", "remove", "admin"], "");
    assert_eq!(one.get("api/session").status, 401, "an administrator who is no more");
}

#[test]
fn who_may_only_look_changes_nothing() {
    let (served, base) = served();
    served.say(&["admin", "add", "looker", "--read-only"], PASSWORD);
    let browser = Browser::new(&base, served.dir.path(), "e");
    assert_eq!(browser.login("looker", PASSWORD).json()["read_only"], true);
    let document = browser.get("api/openapi.json").json();
    let mut changes = 0;
    for (path, methods) in document["paths"].as_object().unwrap() {
        let path = path.trim_start_matches('/').replace("{address}", "ann@office.test").replace("{name}", "admin");
        for (method, operation) in methods.as_object().unwrap() {
            let scope = operation["x-scope"].as_str().unwrap();
            if !scope.ends_with(":write") {
                continue;
            }
            changes += 1;
            let answer = browser.ask(&method.to_uppercase(), &path, &json!({}));
            assert_eq!(answer.status, 403, "{method} {path}: {}", answer.body);
        }
    }
    assert!(changes > 15, "the document names {changes} changes only");
    assert_eq!(browser.get("api/domains").status, 200);
    // Without a log-out: what he may is looked up at each request.
    served.say(&["admin", "access", "looker", "full"], "");
    assert_eq!(browser.ask("POST", "api/domains", &json!({ "name": "made.test" })).status, 200);
}

#[test]
fn the_appliance_logs_its_administrator_in_by_a_link_that_is_good_once() {
    let (served, base) = served();
    let token = served.say(&["token", "add", "appliance", "login"], "").trim().to_owned();
    let bearer = format!("Authorization: Bearer {token}");
    let args = ["-H", &bearer, "-H", "Content-Type: application/json", "-d", "{\"admin\":\"admin\"}"];
    let link = curl(&args, &format!("{base}/api/login-links")).json();
    let url = link["url"].as_str().unwrap();
    assert!(url.starts_with(&format!("{base}/link/")) && link["seconds"] == 60, "{link}");
    let browser = Browser::new(&base, served.dir.path(), "f");
    let path = link["path"].as_str().unwrap().trim_start_matches('/');
    assert_eq!(curl(&["--head"], url).status, 405, "a preview does not use it up");
    let first = browser.get(path);
    assert_eq!((first.status, first.field("Location")), (303, Some("/")), "{}", first.body);
    assert!(first.field("Referrer-Policy") == Some("no-referrer") && first.field("Cache-Control") == Some("no-store"));
    assert_eq!(browser.get("api/session").json()["name"], "admin");
    assert_eq!(Browser::new(&base, served.dir.path(), "g").get(path).status, 403, "it was used");
    assert_eq!(curl(&["-H", &bearer], &format!("{base}/api/domains")).status, 403, "the token can do nothing else");
    let nobody = ["-H", &bearer, "-H", "Content-Type: application/json", "-d", "{\"admin\":\"nobody\"}"];
    assert_eq!(curl(&nobody, &format!("{base}/api/login-links")).status, 422);
    let by_hand = served.say(&["admin", "login-link", "admin"], "");
    assert_eq!(curl(&[], by_hand.trim()).status, 303, "{by_hand}");
    let journal = served.say(&["journal"], "");
    for line in [
        "web-login: One-time link made: user=<admin>, by=<token:appliance>, rip=127.0.0.1",
        "web-login: Login: user=<admin>, method=LINK, rip=127.0.0.1",
        "web-login: Aborted login (auth failed, bad link): user=<>, rip=127.0.0.1",
    ] {
        assert!(journal.contains(line), "{line}: {journal}");
    }
    assert!(!journal.contains(&token[16..]) && !journal.contains(&path[5..]), "secrets are in no line");
    let _: Value = link;
}
