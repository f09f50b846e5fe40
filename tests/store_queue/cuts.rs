//! Power cuts while two runners send, begin, settle and bounce: no row is lost, none is there twice, a bounce and the end of what it
//! is about are never apart.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    sync::Arc,
};

use super::*;
use crate::{
    post::{octets, open_on},
    recorder::{Loss, Op, Recorder},
};

const PLACE: &str = "/disk";
/// Messages of one runner, each to one recipient; every third bounces, every third is delivered, the others wait.
const MESSAGES: usize = 9;

/// How often the log was filled anew.
fn fillings(disk: &Recorder) -> usize {
    disk.log().iter().filter(|op| matches!(op, Op::Write(_, 0, octets) if octets.starts_with(b"GPREDO02"))).count()
}

fn open_recorded(disk: &Recorder) -> Store {
    open_on(Arc::new(disk.clone()), Path::new(PLACE), 0).unwrap()
}

fn name_of(runner: usize, n: usize) -> String {
    format!("r{runner}-{n}@d{}.test", n % 2)
}

fn text(name: &str) -> Vec<u8> {
    let seed = name.bytes().fold(7u64, |seed, b| seed.wrapping_mul(31) + u64::from(b));
    [name.as_bytes(), b"\n", &octets(seed, if seed % 4 == 0 { 70_000 } else { 500 })].concat()
}

async fn run(store: &Store, disk: &Recorder, runner: usize, early: bool) {
    for n in 0..MESSAGES {
        let name = name_of(runner, n);
        let new = message(store, &text(&name), vec![to(&name, at(0))]).await;
        if early {
            disk.mark(format!("sent {name}"));
        }
        store.commit(vec![new]).await.unwrap();
        disk.mark(format!("sent {name}"));
        let row = everything(store).await.into_iter().find(|row| row.leaving.to.to_string() == name).unwrap();
        assert_eq!(store.begin(vec![(row.id, at(30))]).await.unwrap(), [row.id]);
        disk.mark(format!("begun {name}"));
        match n % 3 {
            0 => {
                let bounce = format!("bounce of {name}");
                let bounce = message(store, &text(&bounce), vec![to("ann@office.test", at(0))]).await;
                disk.mark(format!("ending {name}"));
                store.commit_also(vec![bounce], vec![Settled::Done(row.id)]).await.unwrap();
                disk.mark(format!("bounced {name}"));
            }
            1 => {
                disk.mark(format!("ending {name}"));
                store.settle(vec![Settled::Done(row.id)]).await.unwrap();
                disk.mark(format!("ended {name}"));
            }
            _ => {
                let last = Some(answer("later"));
                let later = Settled::Later { id: row.id, next_try: at(300), last, told_late: false };
                store.settle(vec![later]).await.unwrap();
                disk.mark(format!("late {name}"));
            }
        }
    }
}

fn work(disk: &Recorder, early: bool) {
    let store = open_recorded(disk);
    let runners = [0, 1].map(|runner| {
        let (store, disk) = (store.clone(), disk.clone());
        std::thread::spawn(move || block_on(run(&store, &disk, runner, early)))
    });
    runners.into_iter().for_each(|runner| runner.join().unwrap());
    close(store);
}

/// What was said of each name, in order.
fn said(marks: &[String]) -> BTreeMap<String, BTreeSet<String>> {
    let mut said: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for mark in marks {
        let (word, name) = mark.split_once(' ').unwrap();
        said.entry(name.into()).or_default().insert(word.into());
    }
    said
}

async fn wrong(store: &Store, marks: &[String]) -> Option<String> {
    let mut bodies: BTreeMap<String, Vec<Waiting>> = BTreeMap::new();
    for row in everything(store).await {
        let octets = match read(store, row.body).await {
            Ok(octets) => octets,
            Err(error) => return Some(format!("{}: {error}", row.leaving.to)),
        };
        let name = String::from_utf8_lossy(octets.split(|b| *b == b'\n').next().unwrap()).into_owned();
        if octets != text(&name) {
            return Some(format!("the octets of {name} are others"));
        }
        bodies.entry(name).or_default().push(row);
    }
    if let Some((name, _)) = bodies.iter().find(|(_, rows)| rows.len() > 1) {
        return Some(format!("{name} is there twice"));
    }
    for (name, words) in said(marks) {
        let has = |word: &str| words.contains(word);
        let (row, bounce) = (bodies.get(&name), bodies.get(&format!("bounce of {name}")));
        let row = row.map(|rows| &rows[0]);
        let fault = match (row, bounce) {
            (Some(_), Some(_)) => Some("it is there and bounced"),
            (None, Some(_)) if !has("ending") => Some("it bounced before its time"),
            (None, None) if has("sent") && !has("ending") => Some("it is lost"),
            (None, None) if has("bounced") => Some("its bounce is lost"),
            (Some(_), None) if has("ended") || has("bounced") => Some("it ended and came back"),
            (Some(row), None) if has("begun") && (row.tries == 0 || row.leaving.next_try < at(30)) => {
                Some("its attempt was begun and nobody knows")
            }
            (Some(row), None) if has("late") && row.last.is_none() => Some("its answer is lost"),
            // A delivered one ends without a bounce, a bounced one never.
            (None, None) if has("ending") && !has("ended") && name.contains("-0@") => Some("it went without a bounce"),
            _ => None,
        };
        if let Some(fault) = fault {
            return Some(format!("{name}: {fault}"));
        }
    }
    let report = store.check(|_| {}).await.unwrap();
    report.problems.first().map(|problem| format!("check: {problem}"))
}

fn cut(disk: &Recorder, points: &[usize], losses: &dyn Fn(usize) -> Vec<Loss>) -> (usize, Option<String>) {
    let mut tried = 0;
    for at in points {
        for loss in losses(*at) {
            tried += 1;
            let store = open_recorded(&disk.image(*at, loss));
            let found = block_on(wrong(&store, &disk.marks(*at)));
            close(store);
            if let Some(what) = found {
                return (tried, Some(format!("cut {at} of {}, {loss:?}: {what}", disk.len())));
            }
        }
    }
    (tried, None)
}

#[test]
fn a_power_cut_loses_no_row_repeats_none_and_parts_no_bounce_from_its_end() {
    let disk = Recorder::default();
    disk.slow_down(Duration::from_millis(2));
    work(&disk, false);
    let points: Vec<usize> = (0..=disk.len()).filter(|at| disk.is_turning_point(*at) || at % 7 == 0).collect();
    let losses = |at: usize| vec![Loss::Everything, Loss::Some(at as u64)];
    let (tried, bad) = cut(&disk, &points, &losses);
    println!("{} operations, {tried} images, {} fillings of the log", disk.len(), fillings(&disk));
    assert_eq!(bad, None);
    // Among what settles and bounces.
    assert!(fillings(&disk) > 1, "{}", fillings(&disk));
    assert!(tried >= 200, "{tried}");
}

/// A second cut while the log is redone, or behind it: what is redone in part is redone again.
#[test]
fn a_cut_while_the_log_is_redone_parts_nothing_either() {
    let disk = Recorder::default();
    work(&disk, false);
    let mut tried = 0;
    for first in (0..=disk.len()).filter(|at| disk.is_turning_point(*at)).step_by(23) {
        let again = disk.image(first, Loss::Some(first as u64));
        close(open_recorded(&again));
        for second in (0..=again.len()).filter(|at| again.is_turning_point(*at) || at % 5 == 0) {
            let store = open_recorded(&again.image(second, Loss::Some(second as u64)));
            let found = block_on(wrong(&store, &disk.marks(first)));
            close(store);
            assert_eq!(found, None, "cut {first}, then {second} of {}", again.len());
            tried += 1;
        }
    }
    println!("{tried} second cuts");
    assert!(tried >= 200, "{tried}");
}

/// The simulation must see what it is for.
#[test]
fn an_answer_that_came_too_early_is_seen() {
    let disk = Recorder::default();
    work(&disk, true);
    let points: Vec<usize> = (0..=disk.len()).filter(|at| disk.is_turning_point(*at)).collect();
    assert!(cut(&disk, &points, &|_| vec![Loss::Everything]).1.is_some());
}
