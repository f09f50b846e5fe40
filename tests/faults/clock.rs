//! Boards boot in 1970 and jump to today at the first NTP answer, with mail in the store.

use std::{
    path::Path,
    sync::{Arc, atomic::Ordering},
    time::{Duration, Instant},
};

use gatepost::{
    app::{House as App, Options},
    rt::{Clock, SystemClock, TestClock},
    store::Disk,
    types::{FolderName, MailboxId, MessageRow, Uid, UnixTime},
};

use crate::{
    binary::Served,
    client::{self, Client},
    common::{ANN, BOB, House},
    mail::{fetch_all, message, until_accepted},
    moody::Moody,
};

/// 2026-11-24 12:00 UTC.
const TODAY: i64 = 1_795_521_600;
const DAY: i64 = 86_400;
/// A board without a battery.
const BOOT: i64 = 100;

fn at(seconds: i64) -> Arc<TestClock> {
    Arc::new(TestClock::at(UnixTime(seconds)))
}

/// Ends the house and starts it anew in the same directory with the same ports.
fn again(house: &mut House, clock: Arc<TestClock>, change: impl FnOnce(&mut Options)) {
    house.app.take().unwrap().stop("the plug is pulled");
    let mut options = Options::at(&house.dir.path().join("state"));
    options.dev_log = house.dir.path().join("no-dev-log");
    options.clock = clock;
    change(&mut options);
    house.app = Some(App::start(options).unwrap());
}

fn accept(house: &House, number: u64) {
    let said = client::smtp(house.ports.smtp).unwrap().send(ANN.0, &message(number, 3000)).unwrap();
    assert!(said.starts_with("250"), "{said}");
}

/// The messages of the only mailbox that gets any.
fn rows(house: &House) -> Vec<MessageRow> {
    let store = &house.app().store;
    let all = (1..9).flat_map(|id| {
        smol::block_on(store.messages(MailboxId(id), &FolderName::inbox(), Uid(0), 1000)).unwrap_or_default().1
    });
    all.collect()
}

fn until_told(house: &House, text: &str) {
    let until = Instant::now() + Duration::from_secs(30);
    while !house.journal().iter().any(|line| line.contains(text)) {
        assert!(Instant::now() < until, "never told: {text}\n{:#?}", house.journal());
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn day_file(house: &House, day: &str) -> std::path::PathBuf {
    house.dir.path().join("state/mail/journal").join(format!("{day}.redb"))
}

fn wait_for(file: &Path) {
    let until = Instant::now() + Duration::from_secs(20);
    while !file.exists() {
        assert!(Instant::now() < until, "{} is not there", file.display());
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn a_house_with_mail_boots_in_1970_goes_on_from_its_newest_time_and_follows_ntp() {
    let first = at(TODAY);
    let mut house = House::built(&[("journal.days", "2")], |options| options.clock = first.clone());
    (1..=2).for_each(|n| accept(&house, n));
    // Files of the days before, one of them as old as may be kept.
    let clock = at(BOOT);
    again(&mut house, clock.clone(), |_| {});
    for day in ["2026-11-22", "2026-11-23"] {
        std::fs::copy(day_file(&house, "2026-11-24"), day_file(&house, day)).unwrap();
    }
    again(&mut house, clock.clone(), |_| {});
    assert_eq!(fetch_all(&mut client::pop3(house.ports.pop3, ANN)), [1, 2]);
    accept(&house, 3);
    clock.advance(60);
    accept(&house, 4);
    let dates: Vec<i64> = rows(&house).iter().map(|row| row.date.0).collect();
    assert_eq!(dates, [TODAY, TODAY, TODAY, TODAY + 60], "time goes on where it was");
    let text = client::pop3(house.ports.pop3, ANN).retr(3).unwrap();
    assert!(text.split("\r\n\r\n").next().unwrap().contains(" 24 Nov 2026 "), "{text}");
    // The first NTP answer comes eight hours later; nothing that is within two days goes.
    clock.step_to(UnixTime(TODAY + 8 * 3600));
    until_told(&house, "the clock stepped");
    accept(&house, 5);
    assert_eq!(rows(&house).last().unwrap().date, UnixTime(TODAY + 8 * 3600));
    assert_eq!(fetch_all(&mut client::pop3(house.ports.pop3, ANN)), [1, 2, 3, 4, 5]);
    // Two more looks of the watch: it is told once.
    std::thread::sleep(Duration::from_secs(11));
    let told = house.journal().iter().filter(|line| line.contains("the clock stepped")).count();
    assert_eq!(told, 1, "{:#?}", house.journal());
    for day in ["2026-11-22", "2026-11-23", "2026-11-24"] {
        assert!(day_file(&house, day).exists(), "the journal of {day} is gone");
    }
}

#[test]
fn the_very_first_start_may_be_in_1970_with_its_certificate_logins_and_journal() {
    let clock = at(BOOT);
    let house = House::built(&[("journal.days", "2")], |options| options.clock = clock.clone());
    until_told(&house, "nothing expires until it is set");
    accept(&house, 1);
    let mut logged_in = client::pop3(house.ports.pop3, ANN);
    // Bob's phone guesses; the board's clock jumps; only time that really passes forgives.
    let guess = |password: &str| Client::tls(house.ports.pop3s).unwrap().login((BOB.0, password)).unwrap();
    (0..7).for_each(|n| assert!(guess(&format!("wrong-{n}")).starts_with("-ERR")));
    assert!(guess(BOB.1).starts_with("-ERR"), "after seven guesses one has to wait");
    clock.step_to(UnixTime(TODAY));
    until_told(&house, "the clock stepped");
    assert!(guess(BOB.1).starts_with("-ERR"), "a step of the wall clock is no waiting");
    clock.advance(3700);
    assert!(guess(BOB.1).starts_with("+OK"), "{:#?}", house.journal());
    // What was logged in stays so, and the password that was remembered still is right.
    assert_eq!(fetch_all(&mut logged_in), [1]);
    let mut tls = Client::tls(house.ports.pop3s).unwrap();
    assert!(tls.login(ANN).unwrap().starts_with("+OK"));
    accept(&house, 2);
    assert_eq!(fetch_all(&mut client::pop3(house.ports.pop3, ANN)), [1, 2]);
    let dates: Vec<i64> = rows(&house).iter().map(|row| row.date.0).collect();
    assert_eq!(dates, [BOOT, TODAY + 3700]);
    wait_for(&day_file(&house, "2026-11-24"));
}

/// It was believed that the floor of time is known at the start; a mail disk may come later than the board.
#[test]
fn a_mail_disk_that_comes_after_a_boot_in_1970_brings_the_time_with_it() {
    let mut house = House::built(&[], |options| options.clock = at(TODAY));
    accept(&house, 1);
    let (clock, disk) = (at(BOOT), Moody::default());
    disk.0.gone.store(true, Ordering::SeqCst);
    let handed: Arc<dyn Disk> = Arc::new(disk.clone());
    again(&mut house, clock.clone(), |options| options.disk = handed);
    std::thread::sleep(Duration::from_secs(2));
    disk.0.gone.store(false, Ordering::SeqCst);
    // The store tries again every three seconds of the house's own time, which stands in a test.
    clock.advance(10);
    until_accepted(house.ports.smtp, ANN.0, 2, 3000, Duration::from_secs(20));
    let dates: Vec<i64> = rows(&house).iter().map(|row| row.date.0).collect();
    assert!(dates.iter().all(|date| *date >= TODAY), "{dates:?}");
    // Received lines and the journal follow within seconds.
    let until = Instant::now() + Duration::from_secs(20);
    for number in 3.. {
        accept(&house, number);
        let text = client::pop3(house.ports.pop3, ANN).retr(number as usize).unwrap();
        if text.split("\r\n\r\n").next().unwrap().contains(" 24 Nov 2026 ") {
            break;
        }
        assert!(Instant::now() < until, "{text}");
        std::thread::sleep(Duration::from_millis(200));
    }
    assert!(house.app().store.newest_time().since(UnixTime(TODAY)) < DAY);
}

/// The same through the system's own clock, as libc tells it.
#[test]
fn the_real_program_boots_in_1970_with_mail_in_its_store() {
    let mut served = Served::start(&[]);
    until_accepted(served.ports.smtp, ANN.0, 1, 3000, Duration::from_secs(10));
    let stored = served.status()["time"].as_i64().unwrap();
    // The time between the last message and the boot is what such a board cannot know.
    std::thread::sleep(Duration::from_secs(3));
    served.kill_and_start_at("1970-01-01 00:01:40");
    let time = served.status()["time"].as_i64().unwrap();
    let true_time = SystemClock::start().now().0;
    assert!(time >= stored - 1 && time < true_time - 1, "stored {stored}, now {time}, in truth {true_time}");
    until_accepted(served.ports.smtp, ANN.0, 2, 3000, Duration::from_secs(10));
    let mut pop3 = Client::tls(served.ports.pop3s).unwrap();
    assert!(pop3.login(ANN).unwrap().starts_with("+OK"));
    let text = pop3.retr(2).unwrap();
    assert!(!text.split("\r\n\r\n").next().unwrap().contains(" 1970 "), "{text}");
    assert_eq!(fetch_all(&mut pop3), [1, 2]);
    served.kill_and_start();
    assert_eq!(fetch_all(&mut client::pop3(served.ports.pop3, ANN)), [1, 2]);
}
