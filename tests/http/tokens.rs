//! Tokens of programs: made, shown once, kept as a hash, bounded by their scopes, taken back. Metrics and health.

use std::{fs, net::TcpListener};

use serde_json::json;

use crate::{
    binary::Served,
    curl::{Got, curl},
};

fn with(token: &str, args: &[&str], url: &str) -> Got {
    let bearer = format!("Authorization: Bearer {token}");
    curl(&[&["-H", bearer.as_str()], args].concat(), url)
}

#[test]
fn a_token_does_what_its_scopes_say_until_it_is_taken_back() {
    let served = Served::start(&[]);
    let base = format!("http://{}/api", served.ports.http);
    let made = served.say(&["token", "add", "monitor", "read", "directory"], "").trim().to_owned();
    assert!(made.starts_with("gp_") && made.len() > 50, "{made}");
    let post = ["-H", "Content-Type: application/json", "-d", "{\"name\":\"made.test\"}"];
    assert_eq!(with(&made, &[], &format!("{base}/status")).status, 200);
    assert_eq!(with(&made, &post, &format!("{base}/domains")).status, 200);
    assert_eq!(with(&made, &[], &format!("{base}/journal")).status, 403);
    assert_eq!(
        with(&made, &["-X", "DELETE", "-H", "Content-Type: application/json"], &format!("{base}/admins/x")).status,
        403
    );
    let session = with(&made, &[], &format!("{base}/session")).json();
    assert_eq!((&session["how"], &session["scopes"]), (&json!("token"), &json!(["read", "directory"])));
    let lie =
        ["-H", "Content-Type: application/json", "-H", "Origin: https://evil.test", "-d", "{\"name\":\"e.test\"}"];
    assert_eq!(with(&made, &lie, &format!("{base}/domains")).status, 403, "a browser of another site");
    for bad in ["gp_000000000000_x", &format!("{made}x"), "", "gp_", "root"] {
        assert_eq!(with(bad, &[], &format!("{base}/status")).status, 401, "{bad}");
    }
    let listed = served.say(&["token", "list", "--json"], "");
    let secret = made.rsplit('_').next().unwrap();
    assert!(listed.contains("monitor") && !listed.contains(&made[20..]) && !listed.contains("hash"), "{listed}");
    let database = fs::read(served.state().join("system.redb")).unwrap();
    assert!(
        !database.windows(20).any(|octets| octets == &made.as_bytes()[made.len() - 20..]),
        "{secret} is on the disk"
    );
    served.say(&["token", "revoke", "monitor"], "");
    assert_eq!(with(&made, &[], &format!("{base}/status")).status, 401);
    let journal = served.say(&["journal"], "");
    for line in [
        "API token monitor made with read, directory (by ",
        "web-login: Login: user=<monitor>, method=TOKEN, rip=127.0.0.1",
        "domain made.test added (by token monitor, from 127.0.0.1)",
        "web-login: Aborted login (auth failed, unknown token): user=<>, rip=127.0.0.1",
        "API token monitor revoked (by ",
    ] {
        assert!(journal.contains(line), "{line}: {journal}");
    }
    assert_eq!(journal.matches("method=TOKEN").count(), 1, "told once an hour");
}

#[test]
fn nobody_makes_a_token_that_may_more_than_he() {
    let served = Served::start(&[]);
    let base = format!("http://{}/api/tokens", served.ports.http);
    let small = served.say(&["token", "add", "small", "admin"], "").trim().to_owned();
    let ask = |name: &str, scopes: &str| {
        let body = format!("{{\"name\":\"{name}\",\"scopes\":[{scopes}]}}");
        with(&small, &["-H", "Content-Type: application/json", "-d", &body], &base)
    };
    assert_eq!(ask("more", "\"settings\"").status, 403);
    assert_eq!(ask("same", "\"admin\"").status, 200);
    assert_eq!((ask("same", "\"admin\"").status, ask("x", "\"root\"").status, ask("x", "").status), (422, 422, 422));
}

#[test]
fn metrics_are_for_chosen_networks_and_tokens() {
    let served = Served::start(&[]);
    let url = format!("http://{}/metrics", served.ports.http);
    let open = curl(&[], &url);
    assert_eq!(open.status, 200);
    assert!(open.field("Content-Type").unwrap().starts_with("application/openmetrics-text"));
    assert!(open.body.ends_with("# EOF\n"), "{}", open.body);
    for name in [
        "uptime_seconds",
        "memory_resident_bytes",
        "threads",
        "queue_messages",
        "store_commits_total",
        "messages_total{way=\"received\"} 0",
        "connections{service=\"http\"} 1",
        "disk_free_bytes",
        "mailboxes 1",
    ] {
        assert!(open.body.contains(&format!("\ngatepost_{name}")), "{name}: {}", open.body);
    }
    served.say(&["settings", "set", "http.metrics_networks="], "");
    assert_eq!(curl(&[], &url).status, 401);
    let token = served.say(&["token", "add", "prometheus", "read"], "");
    assert_eq!(with(token.trim(), &[], &url).status, 200);
    let other = served.say(&["token", "add", "other", "login"], "");
    assert_eq!(with(other.trim(), &[], &url).status, 401);
}

#[test]
fn a_watchdog_hears_what_is_wrong() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let served = Served::start(&[("smtp.submission.port", &port)]);
    let url = format!("http://{}/healthz", served.ports.http);
    let bad = curl(&[], &url);
    assert_eq!(bad.status, 503);
    assert!(bad.body.contains("submission") && bad.body.contains("another program uses this port"), "{}", bad.body);
    drop(taken);
    let until = std::time::Instant::now() + std::time::Duration::from_secs(15);
    while curl(&[], &url).status != 200 {
        assert!(std::time::Instant::now() < until, "{}", curl(&[], &url).body);
        std::thread::sleep(std::time::Duration::from_millis(200));
    }
}
