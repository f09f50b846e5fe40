//! Thunderbird, under an X server of its own, at a mailbox of ours for a day.

#![allow(dead_code, clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod common;
#[path = "peers/tools.rs"]
mod tools;

use std::{
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use common::{ANN, BOB, House};
use tools::{body_of, certificate, curl, deliver, mailbox, message};

/// The whole day, program start and end included.
const DAY: Duration = Duration::from_secs(120);

/// The driver and all that it started: one process group, which ends with this value.
struct Driver(Child);

impl Drop for Driver {
    fn drop(&mut self) {
        let _ = Command::new("kill").args(["-9", "--", &format!("-{}", self.0.id())]).stderr(Stdio::null()).status();
        let _ = self.0.wait();
    }
}

/// Letters that a search must find, in a body of another charset than the search's: koi8-r in base64.
fn russian() -> String {
    "From: Bob <bob@office.test>\r\nTo: Ann <ann@office.test>\r\n\
     Subject: =?utf-8?b?0J7RgtGH0ZHRgiDQt9CwINC90L7Rj9Cx0YDRjA==?=\r\nMessage-ID: <two@office.test>\r\n\
     Date: Tue, 24 Nov 2026 12:00:00 +0000\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=koi8-r\r\n\
     Content-Transfer-Encoding: base64\r\n\r\n98/UINPNxdTBIM7BIM7P0cLS2C4NCg==\r\n"
        .to_owned()
}

/// Where logs and pictures stay for whoever wants to see them.
fn desk() -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("thunderbird");
    let _ = std::fs::remove_dir_all(&path);
    std::fs::create_dir_all(&path).unwrap();
    path
}

/// Runs the driver to its end, and gives what it said.
fn drive(house: &House, work: &Path, certificate: &str) -> String {
    let drive = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/thunderbird/drive.py");
    let ports = [house.ports.imap, house.ports.submission, house.ports.smtp].map(|at| at.port().to_string());
    let said = std::fs::File::create(work.join("drive.log")).unwrap();
    let mut command = Command::new("python3");
    command.arg(drive).arg(work).args(ports).args([ANN.0, ANN.1, certificate]);
    command.env("PYTHONIOENCODING", "utf-8").env("PYTHONDONTWRITEBYTECODE", "1").process_group(0);
    command.stdin(Stdio::null()).stdout(said.try_clone().unwrap()).stderr(said);
    let child = command.spawn().unwrap_or_else(|e| panic!("python3: {e}; it comes with: apt-get install python3"));
    let (mut driver, began) = (Driver(child), Instant::now());
    let ended = loop {
        match driver.0.try_wait().unwrap() {
            Some(status) => break Some(status),
            None if began.elapsed() > DAY => break None,
            None => std::thread::sleep(Duration::from_millis(50)),
        }
    };
    drop(driver);
    let text = std::fs::read_to_string(work.join("drive.log")).unwrap();
    assert!(ended.is_some_and(|status| status.success()), "{ended:?}\n{text}\njournal: {:#?}", house.journal());
    text
}

/// What IMAP says, by curl.
fn asked(house: &House, url: &str, more: &[&str]) -> String {
    String::from_utf8(curl(house, &format!("imaps://{}/{url}", house.ports.imaps), more)).unwrap()
}

#[test]
fn thunderbird_reads_files_searches_is_told_and_sends() {
    let house = House::start();
    for text in [message("one"), russian(), message("three")] {
        deliver(&house, ANN.0, &text);
    }
    let pem = certificate(house.ports.imaps);
    // DER in base64 is what stands between the first line and the last.
    let der: String = pem.lines().filter(|line| !line.starts_with("-----")).collect();
    let said = drive(&house, &desk(), &der);
    println!("{said}");
    assert!(said.contains("Thunderbird is content"), "{said}");
    // What it did is on the server, and not only on its screen.
    let flags = asked(&house, "INBOX", &["--request", "FETCH 1:* FLAGS"]);
    let flags: Vec<&str> = flags.lines().filter(|line| line.starts_with("* ")).collect();
    assert!(
        flags[0].starts_with("* 1 ") && flags[0].contains("\\Flagged") && flags[0].contains("$label1"),
        "{flags:?}"
    );
    assert_eq!(flags[1..], ["* 2 FETCH (FLAGS ())"], "what IDLE told stays unread");
    let list = asked(&house, "", &["--request", "STATUS &BBQENQQ7BDA- (MESSAGES UNSEEN)"]);
    assert!(list.contains("MESSAGES 1 UNSEEN 0"), "{list}");
    assert!(asked(&house, "Trash;MAILINDEX=1", &[]).contains("Subject: three"));
    let copy = asked(&house, "Sent;MAILINDEX=1", &[]);
    let got = mailbox(&house, BOB);
    assert_eq!(got.len(), 1, "{:#?}", house.journal());
    assert!(body_of(&got[0]).starts_with("\u{441}\u{43c}\u{435}\u{442}\u{430}"), "{got:?}");
    assert!(copy.contains("\u{441}\u{43c}\u{435}\u{442}\u{430}"), "{copy}");
}
