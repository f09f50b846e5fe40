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
    cut_of((0..count).map(size))
}

fn cut_of(sizes: impl Iterator<Item = usize>) -> Recorder {
    let disk = Recorder::default();
    let store = open(&disk);
    for (n, size) in (0..).zip(sizes) {
        block_on(deliver(&store, &octets(n, size), &[1])).unwrap();
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
        octets == *b"GPREDO02"
    };
    (0..log.len().unwrap()).step_by(4096).filter(magic).collect()
}

#[test]
fn a_damaged_record_is_told_by_check_and_in_the_journal() {
    let disk = cut_of((0..6).map(|n| 300 + n));
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
        let told = journal.newest(99).iter().any(|line| line.line.text.contains("done again from mail.log"));
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

/// Rows that were put back from a copy know nothing of what came since: opening them would cut that off.
#[test]
fn rows_that_are_older_than_the_log_are_not_opened_and_lose_nothing() {
    let disk = Recorder::default();
    let rows = Path::new(PLACE).join("mail/mail.redb");
    let whole = |disk: &Recorder| {
        let file = disk.open(&rows, false).unwrap();
        let mut octets = vec![0; file.len().unwrap() as usize];
        file.read_at(0, &mut octets).unwrap();
        octets
    };
    close(open(&disk));
    let old = whole(&disk);
    let store = open(&disk);
    for n in 0..6 {
        block_on(deliver(&store, &octets(n, size(n)), &[1])).unwrap();
    }
    let image = disk.image(disk.len(), Loss::Everything);
    close(store);
    let new = whole(&image);
    let put_back = |octets: &[u8]| {
        let file = image.open(&rows, false).unwrap();
        file.set_len(octets.len() as u64).unwrap();
        file.write_at(0, octets).unwrap();
    };
    put_back(&old);
    let why = "mail.redb is older than mail.log";
    let refused = block_on(deliver(&open(&image), b"more", &[1])).unwrap_err().to_string();
    assert!(refused.contains(why), "{refused}");
    assert!(checked(&image).problems.iter().any(|problem| problem.contains(why)));
    put_back(&new);
    holds(&open(&image), 6);
}

/// What was kept last is in the log alone: without it the volumes would be cut.
#[test]
fn a_store_that_was_not_closed_is_not_opened_without_its_log() {
    for len in [None, Some(0), Some(100), Some(5000), Some(12_288)] {
        let disk = cut(9);
        let log = Path::new(PLACE).join("mail/mail.log");
        match len {
            Some(len) => disk.open(&log, false).unwrap().set_len(len).unwrap(),
            None => disk.remove(&log).unwrap(),
        }
        let refused = block_on(deliver(&open(&disk), b"more", &[1])).unwrap_err().to_string();
        assert!(refused.contains("the last stop was not clean, and mail.log"), "{refused}");
        assert!(refused.contains("gatepost salvage"), "{refused}");
        assert!(checked(&disk).problems.iter().any(|problem| problem.contains("mail.log")));
    }
}

#[test]
fn a_store_that_was_closed_needs_no_log_and_makes_one() {
    for len in [None, Some(0), Some(5000)] {
        let disk = cut(5);
        close(open(&disk));
        let log = Path::new(PLACE).join("mail/mail.log");
        match len {
            Some(len) => disk.open(&log, false).unwrap().set_len(len).unwrap(),
            None => disk.remove(&log).unwrap(),
        }
        assert_eq!(checked(&disk).problems, Vec::<String>::new());
        let store = open(&disk);
        block_on(deliver(&store, &octets(5, size(5)), &[1])).unwrap();
        let again = disk.image(disk.len(), Loss::Everything);
        close(store);
        holds(&open(&again), 6);
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

/// One commit that outgrows the log: twenty messages.
async fn outgrow(store: &Store, first: u64) {
    let mut messages = Vec::new();
    for n in first..first + 20 {
        messages.push(post::message(post::seal(store, &octets(n, 60_000)).await.unwrap(), &[1]));
    }
    store.commit(messages).await.unwrap();
}

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
