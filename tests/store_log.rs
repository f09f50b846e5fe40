//! `mail.log` after a stop that was not clean: `check` and `salvage` know what it holds, damage in it is told, and a commit that outgrew it
//! is whole or not there.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs, dead_code)]

#[path = "common/post.rs"]
mod post;
#[path = "common/recorder.rs"]
mod recorder;

use std::{
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use gatepost::{
    journal::Journal,
    rt::{Board, SystemClock, block_on},
    store::{Disk, Places, Report, Store, check, salvage},
    types::UnixTime,
};
use post::{close, deliver, list, octets, open_on, places, read};
use recorder::{Loss, Recorder};

const PLACE: &str = "/disk";

fn open(disk: &Recorder) -> Store {
    open_on(Arc::new(disk.clone()), Path::new(PLACE), 0).unwrap()
}

/// Messages of many sizes, all told Ok; then everything that was not synced is lost.
fn cut(count: u64) -> Recorder {
    let disk = Recorder::default();
    let store = open(&disk);
    for n in 0..count {
        block_on(deliver(&store, &octets(n, size(n)), &[1])).unwrap();
    }
    let image = disk.image(disk.len(), Loss::Everything);
    close(store);
    image
}

fn size(n: u64) -> usize {
    [300, 5000, 70_000, 140_000][n as usize % 4] + n as usize
}

fn arc(disk: &Recorder) -> Arc<dyn Disk> {
    Arc::new(disk.clone())
}

fn checked(disk: &Recorder) -> Report {
    check(&arc(disk), &places(Path::new(PLACE), 0), &mut |_| {}).unwrap()
}

fn holds(store: &Store, count: u64) {
    block_on(async {
        let rows = list(store, 1).await;
        assert_eq!(rows.len() as u64, count);
        for row in rows {
            let n = (0..count).find(|n| size(*n) as u64 == row.size).unwrap();
            assert!(read(store, row.body).await.unwrap() == octets(n, row.size as usize));
        }
        assert_eq!(store.check(|_| {}).await.unwrap().problems, Vec::<String>::new());
    });
}

#[test]
fn check_knows_what_the_log_holds_and_writes_nothing() {
    let disk = cut(9);
    let before = disk.len();
    let report = checked(&disk);
    assert_eq!((report.problems, report.messages, report.records), (Vec::new(), 9, 9));
    assert_eq!(disk.len(), before, "a check changes nothing");
    holds(&open(&disk), 9);
}

#[test]
fn salvage_gives_back_what_only_the_log_holds() {
    let disk = cut(9);
    let to = Places { state: "/new/state".into(), mail: "/new/mail".into(), reserve: 0 };
    let report = salvage(&arc(&disk), &places(Path::new(PLACE), 0), &to, UnixTime(1_800_000_000), &mut |_| {}).unwrap();
    assert_eq!((report.bodies, report.messages, report.damaged), (9, 9, Vec::new()));
    let store = open_on(arc(&disk), Path::new("/new"), 0).unwrap();
    holds(&store, 9);
}

/// Places of records in the log.
fn records(disk: &Recorder) -> Vec<u64> {
    let log = disk.open(&Path::new(PLACE).join("mail/mail.log"), false).unwrap();
    let magic = |at: &u64| {
        let mut octets = [0; 8];
        log.read_at(*at, &mut octets).unwrap();
        octets == *b"GPREDO01"
    };
    (0..log.len().unwrap()).step_by(4096).filter(magic).collect()
}

#[test]
fn a_damaged_record_is_told_by_check_and_in_the_journal() {
    let disk = cut(6);
    let at = records(&disk)[3];
    let log = disk.open(&Path::new(PLACE).join("mail/mail.log"), false).unwrap();
    log.write_at(at + 50, &[0x55; 9]).unwrap();
    let told = format!("mail.log: no record at {at}");
    let report = checked(&disk);
    assert!(report.problems.iter().any(|problem| problem.contains(&told)), "{report:?}");
    let clock = Arc::new(SystemClock::start());
    let journal = Journal::new(clock.clone());
    let places = places(Path::new(PLACE), 0);
    let store = Store::open_on(arc(&disk), places, clock, journal.clone(), Board::default()).unwrap();
    close(store);
    assert!(journal.newest(99).iter().any(|line| line.line.text.contains(&told)));
}

#[test]
fn an_unclean_stop_is_told_and_a_clean_one_leaves_nothing_to_redo() {
    let disk = cut(5);
    for (round, said) in [(1, true), (2, false)] {
        let clock = Arc::new(SystemClock::start());
        let journal = Journal::new(clock.clone());
        let places = places(Path::new(PLACE), 0);
        let store = Store::open_on(arc(&disk), places, clock, journal.clone(), Board::default()).unwrap();
        holds(&store, 5);
        close(store);
        let told = journal.newest(99).iter().any(|line| line.line.text.contains("written again from mail.log"));
        assert_eq!(told, said, "opening {round}");
    }
}

/// A new database begins with a new log: pages of another one must never come into it.
#[test]
fn a_log_without_its_database_is_not_redone_into_a_new_one() {
    let disk = cut(5);
    let mail = Path::new(PLACE).join("mail");
    disk.remove(&mail.join("mail.redb")).unwrap();
    for name in disk.list(&mail.join("bodies")).unwrap() {
        disk.remove(&mail.join("bodies").join(name)).unwrap();
    }
    disk.remove(&Path::new(PLACE).join("state/system.redb")).unwrap();
    let store = open(&disk);
    holds(&store, 0);
    block_on(deliver(&store, &octets(0, size(0)), &[1])).unwrap();
    holds(&store, 1);
}

/// One commit that outgrows the log: twenty messages.
async fn outgrow(store: &Store, first: u64) {
    let mut messages = Vec::new();
    for n in first..first + 20 {
        messages.push(post::message(post::seal(store, &octets(n, 60_000)).await.unwrap(), &[1]));
    }
    store.commit(messages).await.unwrap();
}

/// It was believed that the second mark comes to the disk with the first record. A commit that outgrew the log is in no record: the
/// second mark was an old one for as long, and with a damaged first one the old filling was written over what had been kept since.
#[test]
fn a_damaged_mark_lets_no_old_filling_be_redone_over_a_commit_that_outgrew_the_log() {
    let disk = Recorder::default();
    let store = open(&disk);
    for n in 0..3 {
        block_on(deliver(&store, &octets(n, size(n)), &[1])).unwrap();
    }
    block_on(outgrow(&store, 100));
    let image = disk.image(disk.len(), Loss::Everything);
    close(store);
    let log = image.open(&Path::new(PLACE).join("mail/mail.log"), false).unwrap();
    log.write_at(9, &[0x55]).unwrap();
    let store = open(&image);
    assert_eq!(block_on(list(&store, 1)).len(), 23);
    assert_eq!(block_on(store.check(|_| {})).unwrap().problems, Vec::<String>::new());
}

#[test]
fn a_log_that_was_cut_is_told_and_made_anew() {
    for len in [0, 100, 5000, 8192, 12_288] {
        let disk = cut(0);
        disk.open(&Path::new(PLACE).join("mail/mail.log"), false).unwrap().set_len(len).unwrap();
        let clock = Arc::new(SystemClock::start());
        let journal = Journal::new(clock.clone());
        let places = places(Path::new(PLACE), 0);
        let store = Store::open_on(arc(&disk), places, clock, journal.clone(), Board::default()).unwrap();
        for n in 0..4 {
            block_on(deliver(&store, &octets(n, size(n)), &[1])).unwrap();
        }
        holds(&store, 4);
        let again = disk.image(disk.len(), Loss::Everything);
        close(store);
        holds(&open(&again), 4);
        // Of one that has nothing left nobody can say that it was ever longer.
        let told = journal.newest(99).iter().any(|line| line.line.text.contains("mail.log"));
        assert_eq!(told, len > 0, "{len} octets");
    }
}

/// It was believed that a failed sync concerns whoever syncs. The system tells of octets that it could not write once and forgets
/// them: a draft heard of small bodies that lay in its volume behind the log, said nothing, and the log was filled anew over them.
#[test]
fn a_sync_that_failed_for_a_draft_is_not_made_good_by_the_next_one() {
    let disk = Recorder::default();
    let store = open(&disk);
    for n in 0..5 {
        block_on(deliver(&store, &octets(n, 300 + n as usize), &[1])).unwrap();
    }
    // The group's volume is given back when nothing comes for a second; a long body borrows it.
    std::thread::sleep(Duration::from_millis(1500));
    disk.fail_next_sync_of("bodies/");
    block_on(deliver(&store, &octets(99, 300_000), &[1])).unwrap_err();
    assert!(disk.has_failed());
    let (mut kept, until) = (5, Instant::now() + Duration::from_secs(30));
    while kept < 45 {
        match block_on(deliver(&store, &octets(kept, 60_000), &[2])) {
            Ok(_) => kept += 1,
            Err(error) => assert!(Instant::now() < until, "{error}"),
        }
    }
    let image = disk.image(disk.len(), Loss::Everything);
    close(store);
    let store = open(&image);
    block_on(async {
        let rows = list(&store, 1).await;
        assert_eq!((rows.len(), list(&store, 2).await.len()), (5, 40));
        for (n, row) in (0..).zip(rows) {
            assert_eq!(read(&store, row.body).await, Ok(octets(n, 300 + n as usize)), "message {n} was acknowledged");
        }
        assert_eq!(store.check(|_| {}).await.unwrap().problems, Vec::<String>::new());
    });
}

/// Forty bodies are more than the log takes in one record: they are written as if there were none.
#[test]
fn a_commit_that_outgrew_the_log_is_whole_or_not_there_wherever_the_power_is_cut() {
    let disk = Recorder::default();
    let store = open(&disk);
    let mut known = vec![(0, 0)];
    for round in 0..3 {
        block_on(outgrow(&store, round * 20));
        known.push((disk.len(), (round as usize + 1) * 20));
        block_on(deliver(&store, b"between", &[2])).unwrap();
    }
    let end = disk.len();
    close(store);
    let points: Vec<usize> = (known[1].0..=end).filter(|at| disk.is_turning_point(*at) || at % 3 == 0).collect();
    for at in &points {
        for loss in [Loss::Everything, Loss::Some(*at as u64), Loss::Nothing] {
            let store = open(&disk.image(*at, loss));
            let here = block_on(list(&store, 1)).len();
            let least = known.iter().filter(|(n, _)| n <= at).map(|(_, count)| *count).max().unwrap();
            assert!(here == least || here == least + 20, "cut {at} of {end}, {loss:?}: {here} of {least}");
            assert_eq!(block_on(store.check(|_| {})).unwrap().problems, Vec::<String>::new(), "cut {at}, {loss:?}");
            close(store);
        }
    }
    println!("{} cut points of {end} operations", points.len());
}
