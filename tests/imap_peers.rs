//! IMAP clients that nobody here wrote: imapclient, imap-tools, imapflow, mbsync, offlineimap, mutt, curl.

#![allow(dead_code, clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod common;
#[path = "imap_peers/sync.rs"]
mod sync;
#[path = "peers/tools.rs"]
mod tools;

use std::path::{Path, PathBuf};

use common::{ANN, House, TempDir};
use tools::{Tool, body, body_of, certificate, curl, deliver, message, unix};

/// A file beside this one.
fn script(name: &str) -> String {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/imap_peers").join(name).display().to_string()
}

/// Where `scripts/install-peers` put the clients of PyPI and npm.
fn installed(what: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/peers").join(what);
    assert!(path.exists(), "{} is missing; it comes with: scripts/install-peers", path.display());
    path
}

/// A subject in RFC 2047 words, and a text of letters that a search must find.
fn russian() -> String {
    message("two").replace("Subject: two", "Subject: =?utf-8?b?0J7RgtGH0ZHRgiDQt9CwINC90L7Rj9Cx0YDRjA==?=")
}

#[test]
fn imapclient_and_imap_tools_read_file_search_and_wait() {
    let house = House::start();
    for text in [message("one"), russian(), message("three")] {
        deliver(&house, ANN.0, &text);
    }
    let home = TempDir::new();
    let path = format!("PYTHONPATH={}", installed("python").display());
    let (plain, tls) = (house.ports.imap.port().to_string(), house.ports.imaps.port().to_string());
    let args = [&path, "python3", &script("clients.py"), &plain, &tls, ANN.0, ANN.1];
    let said = Tool::new("env", "coreutils", home.path()).run(&args, b"").expect_good(&house);
    assert!(said.text.contains("both are content"), "{}", said.text);
    println!("{}", said.text);
}

#[test]
fn imapflow_waits_searches_and_moves() {
    let house = House::start();
    installed("node_modules/imapflow");
    let tls = house.ports.imaps.port().to_string();
    let args = [&script("flow.mjs"), &tls, ANN.0, ANN.1];
    let said = Tool::new("node", "nodejs", &installed("")).run(&args, b"").expect_good(&house);
    assert!(said.text.contains("imapflow is content"), "{}", said.text);
}

#[test]
fn curl_lists_fetches_searches_and_appends() {
    let house = House::start();
    deliver(&house, ANN.0, &message("curl-one"));
    let at = format!("imaps://{}", house.ports.imaps);
    assert!(String::from_utf8_lossy(&curl(&house, &at, &[])).contains("\\Trash"));
    assert_eq!(body_of(&curl(&house, &format!("{at}/INBOX;MAILINDEX=1"), &[])), unix(&body("curl-one")));
    let starttls = format!("imap://{}/INBOX;UID=1;SECTION=TEXT", house.ports.imap);
    assert_eq!(unix(&String::from_utf8(curl(&house, &starttls, &["--ssl-reqd"])).unwrap()), unix(&body("curl-one")));
    let found = curl(&house, &format!("{at}/INBOX?SUBJECT%20curl-one"), &[]);
    assert_eq!(String::from_utf8_lossy(&found).trim(), "* SEARCH 1");
    let home = TempDir::new();
    let file = home.path().join("draft");
    std::fs::write(&file, message("curl-append")).unwrap();
    curl(&house, &format!("{at}/Drafts"), &["--upload-file", &file.display().to_string()]);
    assert_eq!(body_of(&curl(&house, &format!("{at}/Drafts;UID=1"), &[])), unix(&body("curl-append")));
}

#[test]
fn mutt_reads_and_saves_to_a_folder() {
    let house = House::start();
    deliver(&house, ANN.0, &message("mutt-one"));
    let home = TempDir::new();
    let out = home.path().join("read").display().to_string();
    let mutt = Tool::new("mutt", "mutt", home.path());
    let lines = [
        format!("set imap_user={} imap_pass={} ssl_verify_host=no", ANN.0, ANN.1),
        format!("set folder=imaps://127.0.0.1:{}/ spoolfile=+INBOX", house.ports.imaps.port()),
        "set certificate_file=certs ssl_force_tls=yes record='' confirmappend=no delete=yes quit=yes move=no"
            .to_owned(),
        "unset mark_old; set pager_stop wait_key=no pipe_decode=no abort_key='\\Cx'".to_owned(),
        format!("push <pipe-message>cat>{out}<enter><save-message>=Trash<enter><quit>y"),
    ];
    mutt.file(".muttrc", lines.join("\n").as_bytes());
    mutt.file("certs", certificate(house.ports.imaps).as_bytes());
    let said = Tool::new("script", "util-linux", home.path()).run(&["-qec", "mutt", "/dev/null"], b"");
    let read = std::fs::read(home.path().join("read")).unwrap_or_else(|e| panic!("{e}: {}", said.text));
    assert_eq!(body_of(&read), unix(&body("mutt-one")));
    let at = format!("imaps://{}", house.ports.imaps);
    assert_eq!(body_of(&curl(&house, &format!("{at}/Trash;UID=1"), &[])), unix(&body("mutt-one")));
    let left = String::from_utf8(curl(&house, &at, &["--request", "STATUS INBOX (MESSAGES)"])).unwrap();
    assert!(left.contains("MESSAGES 0"), "{left}");
}
