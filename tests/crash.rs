//! Power cuts under the whole house (issue 2): clients send and fetch over real sockets while every operation on volumes and databases is
//! recorded; then the disk is rebuilt as a cut at each of many points would leave it, and opened. Every acknowledged message must be there,
//! whole and once; nothing else may be.
//!
//! The seed of the messages is fixed or taken from GATEPOST_CRASH_SEED; threads and sockets make each recording different all the same.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs, dead_code)]

#[path = "crash/again.rs"]
mod again;
#[path = "crash/clients.rs"]
mod clients;
mod common;
#[path = "crash/facts.rs"]
mod facts;
#[path = "crash/faults.rs"]
mod faults;
#[path = "crash/judge.rs"]
mod judge;
#[path = "common/post.rs"]
mod mails;
#[path = "crash/post.rs"]
mod post;
#[path = "common/recorder.rs"]
mod recorder;

use std::{
    collections::BTreeSet,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use facts::{Fact, Truth};
use faults::Files;
use gatepost::types::Address;
use judge::Judge;
use post::{ANN, BOB, CAT, FULL, Post, Rng};
use recorder::{Loss, Op, Recorder};

/// Connections that send.
const SENDERS: u32 = 5;
/// Messages of each.
const LETTERS: u32 = 16;
/// Sessions of each reader.
const FETCHES: u32 = 6;
/// Threads that judge images.
const JUDGES: usize = 2;
const LOGINS: [(&str, &str); 3] = [common::ANN, common::BOB, (CAT, "cat-pass-1")];

/// What a run of the house left.
struct Recording {
    disk: Recorder,
    judge: Judge,
    seed: u64,
    dir: common::TempDir,
}

fn seed() -> u64 {
    std::env::var("GATEPOST_CRASH_SEED").ok().and_then(|text| text.parse().ok()).unwrap_or(20_261_124)
}

/// Runs the house on a recording disk while clients work, and ends it.
fn record() -> Recording {
    let (seed, disk) = (seed(), Recorder::default());
    disk.slow_down(Duration::from_millis(2));
    let settings = [("smtp.max_size_mb", "1"), ("store.reserve_mb", "4"), ("quota.warnings", "")];
    let mut house = common::House::built(&settings, |options| {
        // The socket of the API and the journal's days are on the real disk.
        std::fs::create_dir_all(options.state.join("mail")).unwrap();
        options.disk = Arc::new(disk.clone());
    });
    house.mailbox(CAT, "cat-pass-1", None);
    house.mailbox(FULL, "full-pass-1", Some(10));
    let post = Post::new(seed, SENDERS + 1, LETTERS);
    work(&house, &post, &disk);
    let directory = house.app().desk.house().directory.get();
    let id = |address: &str| directory.mailboxes[&Address::parse(address).unwrap()].id;
    let mailboxes = [ANN, BOB, CAT, FULL].map(|address| (address.to_owned(), id(address))).to_vec();
    let state = house.dir.path().join("state");
    let dir = std::mem::replace(&mut house.dir, common::TempDir::new());
    house.stop();
    Recording { disk, judge: Judge { post, mailboxes, state }, seed, dir }
}

fn work(house: &common::House, post: &Post, disk: &Recorder) {
    let (smtp, pop3) = (house.ports.smtp, house.ports.pop3);
    let mut all: Vec<Box<dyn FnOnce() + Send>> = Vec::new();
    for client in 0..SENDERS {
        all.push(Box::new(move || clients::send_all(smtp, post.of(client), disk)));
    }
    for (n, login) in (0..).zip(LOGINS) {
        all.push(Box::new(move || {
            let mut rng = Rng(post.of(0).len() as u64 + n);
            for _ in 0..FETCHES {
                std::thread::sleep(Duration::from_millis(100 + rng.next() % 100));
                clients::fetch_some(pop3, login, (post, disk), &mut rng);
            }
        }));
    }
    clients::all_at_once(all);
    // Time for reclaiming: its steps are cut points too.
    std::thread::sleep(Duration::from_millis(1500));
    // One by itself: its acknowledgement hangs on the last sync of `mail.log` and nothing else.
    clients::send_all(smtp, post.of(SENDERS)[..1].to_vec(), disk);
}

/// What became of many images.
#[derive(Default)]
struct Trial {
    images: usize,
    bad: Vec<String>,
}

/// Rebuilds and judges the given images on as many threads as the machine of the issue has cores, until the first that is bad.
fn judge_all(recording: &Recording, disk: &Recorder, images: &[(usize, Loss)]) -> Trial {
    let (next, bad_yet) = (AtomicUsize::new(0), AtomicBool::new(false));
    let end = disk.len();
    let facts = disk.marks_at(end).into_iter().map(|(at, word)| (at, Fact::parse(&word))).collect::<Vec<_>>();
    let one = || {
        let mut trial = Trial::default();
        while !bad_yet.load(Ordering::SeqCst) {
            let Some((at, loss)) = images.get(next.fetch_add(1, Ordering::SeqCst)) else { break };
            let known: Vec<Fact> = facts.iter().take_while(|(n, _)| n < at).map(|(_, fact)| fact.clone()).collect();
            trial.images += 1;
            if let Some(what) = recording.judge.wrong(&disk.image(*at, *loss), &known) {
                bad_yet.store(true, Ordering::SeqCst);
                trial.bad.push(format!("seed {}, cut {at} of {end}, {loss:?}: {what}", recording.seed));
            }
        }
        trial
    };
    std::thread::scope(|scope| {
        let judges: Vec<_> = (0..JUDGES).map(|_| scope.spawn(one)).collect();
        judges.into_iter().fold(Trial::default(), |mut all, judge| {
            let trial = judge.join().unwrap();
            all.images += trial.images;
            all.bad.extend(trial.bad);
            all
        })
    })
}

/// Whether promises change before or behind cut point `at`: a sync, or an acknowledgement.
fn is_turning(log: &[Op], at: usize) -> bool {
    let turns = |op: Option<&Op>| match op {
        Some(Op::Mark(word)) => matches!(Fact::parse(word), Fact::Kept(..) | Fact::Gone(..)),
        Some(Op::Sync(..) | Op::SyncDir(..)) => true,
        _ => false,
    };
    at.checked_sub(1).is_some_and(|before| turns(log.get(before)))
}

/// Cut points and what survives at each: all places where promises change, and some between them.
fn images(log: &[Op], seed: u64) -> (usize, Vec<(usize, Loss)>) {
    let mut rng = Rng(seed);
    let turning: Vec<usize> = (0..=log.len()).filter(|at| is_turning(log, *at)).collect();
    let between: BTreeSet<usize> = (0..120).map(|_| rng.below(log.len() + 1)).collect();
    let mut images = Vec::new();
    for (n, at) in turning.iter().enumerate() {
        images.push((*at, if n % 3 == 0 { Loss::Octets } else { Loss::Everything }));
        images.push((*at, Loss::Some(rng.next())));
    }
    for (n, at) in between.iter().enumerate() {
        images.push((*at, if n % 2 == 0 { Loss::Nothing } else { Loss::Everything }));
        images.push((*at, Loss::Some(rng.next())));
    }
    let points = turning.iter().chain(&between).collect::<BTreeSet<_>>().len();
    (points, images)
}

#[test]
fn a_power_cut_loses_nothing_that_was_acknowledged() {
    let begin = Instant::now();
    let recording = record();
    let recorded = begin.elapsed().as_secs_f32();
    let (points, images) = images(&recording.disk.log(), recording.seed);
    println!("seed {}: {} operations in {recorded:.1} s", recording.seed, recording.disk.len());
    let trial = judge_all(&recording, &recording.disk, &images);
    println!("{points} cut points, {} images, {:.1} s", trial.images, begin.elapsed().as_secs_f32());
    assert!(trial.bad.is_empty(), "{:#?}", trial.bad);
    assert!(points >= 300, "only {points} cut points");
}

/// The whole house on what a cut left: its sessions find what the judge finds in the store.
#[test]
fn the_house_starts_again_after_a_cut() {
    let recording = record();
    let log = recording.disk.log();
    let mut rng = Rng(recording.seed);
    let quiet = log.len() / 2;
    for loss in [Loss::Everything, Loss::Octets, Loss::Some(rng.next()), Loss::Some(rng.next()), Loss::Nothing] {
        let at = quiet + rng.below(log.len() - quiet);
        let facts: Vec<Fact> = recording.disk.marks(at).iter().map(|word| Fact::parse(word)).collect();
        let truth = Truth::of(&facts, &recording.judge.post);
        let found = again::sessions_find(&recording, &recording.disk.image(at, loss), &truth);
        assert_eq!(found, Ok(()), "seed {}, cut {at} of {}, {loss:?}", recording.seed, log.len());
    }
}

/// Each place where promises change in `range`, with everything lost that was not synced.
fn losses(log: &[Op], range: std::ops::Range<usize>) -> Vec<(usize, Loss)> {
    range.filter(|at| is_turning(log, *at)).map(|at| (at, Loss::Everything)).collect()
}

/// The judge must see what it is for: what it says of a faulty recording.
fn seen(fault: &str, recording: &Recording, disk: &Recorder, images: &[(usize, Loss)]) -> String {
    let trial = judge_all(recording, disk, images);
    println!("{fault}: {} of {} images, {:?}", trial.images, images.len(), trial.bad);
    assert!(!trial.bad.is_empty(), "{fault} was not seen (seed {})", recording.seed);
    trial.bad[0].clone()
}

#[test]
fn a_reply_before_the_commit_is_seen() {
    let recording = record();
    let disk = recording.disk.edited(faults::reply_before_commit);
    let log = disk.log();
    let what = seen("a reply before the commit", &recording, &disk, &losses(&log, 0..log.len()));
    assert!(what.contains("LOST"), "{what}");
}

#[test]
fn rows_before_bodies_are_seen() {
    let recording = record();
    let files = Files::of(&recording.disk, &recording.disk.log());
    let disk = recording.disk.edited(|log| faults::rows_before_bodies(&files, log));
    let log = disk.log();
    seen("rows before bodies", &recording, &disk, &losses(&log, 0..log.len()));
}

/// The rows stay in memory, and what lies in a volume beyond its committed length counts for nothing.
#[test]
fn volumes_that_are_written_before_the_record_is_synced_do_no_harm() {
    let recording = record();
    let files = Files::of(&recording.disk, &recording.disk.log());
    let disk = recording.disk.edited(|log| faults::files_before_record(&files, log));
    let mut rng = Rng(recording.seed);
    let cuts = faults::before_late_syncs(&files, &disk.log());
    // What is lost must be some of the files, and the record.
    let images: Vec<(usize, Loss)> = (0..4).flat_map(|_| &cuts).map(|at| (*at, Loss::Some(rng.next()))).collect();
    println!("{} late syncs", cuts.len());
    assert!(cuts.len() >= 10);
    let trial = judge_all(&recording, &disk, &images);
    assert!(trial.bad.is_empty(), "{:#?}", trial.bad);
}

#[test]
fn one_skipped_sync_of_a_volume_is_seen() {
    let recording = record();
    let files = Files::of(&recording.disk, &recording.disk.log());
    let candidates = faults::candidates(&files, &recording.disk.log(), |ino| files.volumes.contains(&ino));
    skipped("one skipped sync of a volume", &recording, &candidates);
}

#[test]
fn one_skipped_sync_of_the_log_is_seen() {
    let recording = record();
    let files = Files::of(&recording.disk, &recording.disk.log());
    let candidates = faults::candidates(&files, &recording.disk.log(), |ino| ino == files.log);
    let what = skipped("one skipped sync of mail.log", &recording, &candidates);
    assert!(what.contains("LOST"), "{what}");
}

#[test]
fn a_log_that_is_filled_anew_before_the_rows_are_synced_is_seen() {
    let recording = record();
    let files = Files::of(&recording.disk, &recording.disk.log());
    let settlings = faults::settlings(&files, &recording.disk.log());
    skipped("one skipped sync of mail.redb", &recording, &settlings);
}

/// Skips one sync on which an acknowledgement hangs, from the middle on. Of some the recording alone does not tell whether a later
/// one of another file covers them: the next is tried.
fn skipped(fault: &str, recording: &Recording, candidates: &[faults::Skip]) -> String {
    println!("{} syncs could be skipped", candidates.len());
    let middle = candidates.len() / 2;
    let is_seen = |skip: &&faults::Skip| {
        let disk = recording.disk.edited(|log| faults::skip(log, **skip));
        !judge_all(recording, &disk, &losses(&disk.log(), skip.at..skip.until)).bad.is_empty()
    };
    let skip = *candidates[middle..].iter().chain(&candidates[..middle]).find(is_seen).unwrap_or(&candidates[middle]);
    let disk = recording.disk.edited(|log| faults::skip(log, skip));
    seen(fault, recording, &disk, &losses(&disk.log(), skip.at..skip.until))
}
