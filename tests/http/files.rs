//! The page's files as a browser gets them.

use crate::{binary::Served, curl::curl};

#[test]
fn the_page_comes_packed_and_is_not_fetched_twice() {
    let served = Served::start(&[]);
    let base = format!("http://{}", served.ports.http);
    let index = curl(&["--compressed"], &format!("{base}/"));
    assert_eq!(
        (index.status, index.field("Content-Encoding"), index.field("Cache-Control")),
        (200, Some("gzip"), Some("no-cache"))
    );
    let name = index.body.split('"').find(|part| part.starts_with("v/") && part.ends_with(".css")).unwrap();
    let style = curl(&["--compressed"], &format!("{base}/{name}"));
    assert_eq!((style.status, style.field("Content-Type")), (200, Some("text/css; charset=utf-8")));
    assert!(style.field("Cache-Control").unwrap().contains("immutable"), "{}", style.head);
    let plain = curl(&[], &format!("{base}/{name}"));
    assert_eq!((plain.field("Content-Encoding"), plain.body.len()), (None, style.body.len()));
    let known = format!("If-None-Match: {}", index.field("ETag").unwrap());
    let again = curl(&["--compressed", "-H", &known], &format!("{base}/"));
    assert_eq!((again.status, again.body.as_str()), (304, ""));
    let head = curl(&["--head"], &format!("{base}/style.css"));
    assert_eq!((head.status, head.body.as_str()), (200, ""));
    assert_eq!(head.field("Content-Length").unwrap(), plain.field("Content-Length").unwrap());
}

#[test]
fn every_answer_lets_in_nothing_foreign() {
    let served = Served::start(&[]);
    let base = format!("http://{}", served.ports.http);
    served.say(&["settings", "set", "http.frame_ancestors=https://gateway.example:8443"], "");
    for path in ["", "api/session", "healthz", "nothing", "api/nothing"] {
        let got = curl(&[], &format!("{base}/{path}"));
        let policy = got.field("Content-Security-Policy").unwrap();
        assert!(
            policy.starts_with("default-src 'self'; frame-ancestors 'self' https://gateway.example:8443;"),
            "{policy}"
        );
        assert_eq!(got.field("X-Content-Type-Options"), Some("nosniff"));
        assert_eq!(got.field("Referrer-Policy"), Some("no-referrer"));
        assert_eq!(got.field("Cross-Origin-Resource-Policy"), Some("same-origin"));
        assert!(path.is_empty() || got.field("Cache-Control") == Some("no-store"), "{path}: {}", got.head);
        assert_eq!(got.field("Server"), None);
    }
    let person = ["-H", "Accept: text/html,*/*"];
    let nothing = curl(&person, &format!("{base}/nothing"));
    assert_eq!((nothing.status, nothing.field("Content-Type")), (404, Some("text/html; charset=utf-8")));
    for (path, allow) in [("style.css", "GET, HEAD"), ("api/login", "POST"), ("api/admins/x", "PUT, DELETE")] {
        let other = if path.starts_with("api") { "GET" } else { "DELETE" };
        let refused = curl(&["-X", other], &format!("{base}/{path}"));
        assert_eq!((refused.status, refused.field("Allow")), (405, Some(allow)), "{path}: {}", refused.head);
    }
    assert_eq!(curl(&person, &format!("{base}/../../etc/passwd")).status, 404);
}
