//! A mail disk that is not there at the start, and one that vanishes: mail is put off, the page says so, it comes back.

use std::{
    path::Path,
    process::Command,
    sync::{Arc, atomic::Ordering},
    time::{Duration, Instant},
};

use gatepost::app::{House as App, Options};
use serde_json::Value as Json;

use crate::{
    client,
    common::{ANN, House, TempDir},
    mail::{fetch_all, message, until_accepted},
    moody::Moody,
    mount::Bound,
};

/// `gatepost status --json` and its exit code.
fn status(state: &Path) -> (Json, i32) {
    let done =
        Command::new(env!("CARGO_BIN_EXE_gatepost")).args(["status", "--json", "--state"]).arg(state).output().unwrap();
    (serde_json::from_slice(&done.stdout).unwrap(), done.status.code().unwrap())
}

fn is_away(house: &House) {
    let mut smtp = client::smtp(house.ports.smtp).unwrap();
    let said = smtp.send(ANN.0, &message(99, 2000)).unwrap();
    assert!(said.starts_with("451 4.3.0"), "{said}");
    let said = client::Client::plain(house.ports.pop3).unwrap().login(ANN).unwrap();
    assert!(said.starts_with("-ERR [SYS/TEMP]"), "{said}");
    let (status, code) = status(&house.dir.path().join("state"));
    assert_eq!((&status["services"]["store"]["light"], code), (&Json::from("red"), 1), "{status}");
    assert!(status["disk"]["error"].is_string(), "{status}");
}

fn is_back(house: &House, number: u64, expected: &[u64]) -> Duration {
    let waited = until_accepted(house.ports.smtp, ANN.0, number, 2000, Duration::from_secs(20));
    assert_eq!(fetch_all(&mut client::pop3(house.ports.pop3, ANN)), expected);
    let (status, code) = status(&house.dir.path().join("state"));
    assert_eq!((&status["services"]["store"]["light"], code), (&Json::from("green"), 0), "{status}");
    waited
}

#[test]
fn a_mail_disk_that_is_not_mounted_at_the_start_is_told_and_used_once_it_is_there() {
    let dir = TempDir::new();
    let (disk, place) = (dir.path().join("disk"), dir.path().join("place"));
    std::fs::create_dir(&disk).unwrap();
    let bound = Bound::mount(&disk, &place);
    let mut house = House::with(&[("store.directory", place.join("mail").to_str().unwrap())]);
    until_accepted(house.ports.smtp, ANN.0, 1, 2000, Duration::from_secs(1));
    house.app.take().unwrap().stop("the disk is taken out");
    drop(bound);
    let mut options = Options::at(&house.dir.path().join("state"));
    options.dev_log = house.dir.path().join("no-dev-log");
    let began = Instant::now();
    house.app = Some(App::start(options).unwrap());
    let started = began.elapsed();
    is_away(&house);
    let left: Vec<_> = std::fs::read_dir(&place).unwrap().collect();
    assert!(left.is_empty(), "nothing is made where the disk should be: {left:?}");
    let _bound = Bound::mount(&disk, &place);
    let waited = is_back(&house, 2, &[1, 2]);
    println!("without its disk the house stood after {started:?}; mail was accepted {waited:?} after the disk came");
}

#[test]
fn a_mail_disk_that_vanishes_costs_451_and_sys_temp_and_comes_back_without_a_restart() {
    let disk = Moody::default();
    let handed = disk.clone();
    let house = House::built(&[], |options| options.disk = Arc::new(handed));
    until_accepted(house.ports.smtp, ANN.0, 1, 2000, Duration::from_secs(1));
    let mut running = client::pop3(house.ports.pop3, ANN);
    let mut half = client::smtp(house.ports.smtp).unwrap();
    half.write(format!("MAIL FROM:<x@far.test>\r\nRCPT TO:<{}>\r\nDATA\r\nSubject: half\r\n\r\n", ANN.0).as_bytes())
        .unwrap();
    for _ in 0..3 {
        half.reply().unwrap();
    }
    disk.0.gone.store(true, Ordering::SeqCst);
    // A message that is being said is taken to its end and refused there.
    half.write(format!("{}.\r\n", "word word word word\r\n".repeat(10_000)).as_bytes()).unwrap();
    let said = half.reply().unwrap();
    assert!(said.starts_with("451 4.3.0"), "{said}");
    let said = running.ask("RETR 1").unwrap();
    assert!(said.starts_with("-ERR [SYS/TEMP]"), "{said}");
    is_away(&house);
    disk.0.gone.store(false, Ordering::SeqCst);
    let waited = is_back(&house, 2, &[1, 2]);
    // The session from before goes on.
    assert!(running.retr(1).unwrap().contains("X-Number: 1"));
    assert!(running.ask("QUIT").unwrap().starts_with("+OK"));
    println!("mail was accepted again {waited:?} after the disk came back");
}
