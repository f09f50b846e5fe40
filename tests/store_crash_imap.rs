//! Power cuts while folders and flags change: after an OK a change is there whole, before it whole or not at all.
//!
//! Two clients at once, each with two mailboxes of its own. What a client saw after each change is remembered; what is there
//! after a cut must be exactly what it saw after its last acknowledged change, or after the one it had begun: every folder with
//! its numbers, every message with its flags, keywords, modification sequence and octets. So no move loses or doubles one.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs, dead_code)]

#[path = "common/post.rs"]
mod post;
#[path = "common/recorder.rs"]
mod recorder;
#[path = "common/scratch.rs"]
mod scratch;

use std::{collections::HashMap, fmt::Write, path::Path, sync::Arc};

use gatepost::{
    rt::block_on,
    store::{Delivery, Disk, FlagEdit, How, NewMessage, Store, StoreError},
    types::{Flags, FolderId, FolderName, Keyword, MailboxId, Special, Uid, UnixTime},
};
use post::{close, octets, open_on, read, seal};
use recorder::{Loss, Recorder};
use redb::{Database, ReadableDatabase, ReadableTable, TableDefinition};
use scratch::Scratch;

const PLACE: &str = "/disk";

fn open(disk: &Recorder) -> Result<Store, StoreError> {
    open_on(Arc::new(disk.clone()), Path::new(PLACE), 0)
}

/// One change. Folders are named; `true` as the first of a pair: the client's second mailbox.
enum Step {
    Append(&'static str, u64),
    Create(&'static str),
    Delete(&'static str),
    Rename(&'static str, &'static str),
    Subscribe(&'static str, bool),
    Flag(&'static str, &'static [u32], How, u16, &'static [&'static str]),
    Copy(&'static str, &'static [u32], (bool, &'static str), bool),
    Expunge(&'static str),
    Remove(&'static [u32]),
}

use Step::*;

const STEPS: &[Step] = &[
    Append("INBOX", 1),
    Append("INBOX", 2),
    Append("INBOX", 70_000),
    Append("INBOX", 4),
    Create("work/deep/deeper"),
    Append("work", 5),
    Flag("INBOX", &[1, 2, 3], How::Add, 1, &["$One", "$Two"]),
    Copy("INBOX", &[1, 2, 3], (false, "work/deep"), false),
    Copy("INBOX", &[2, 3], (true, "INBOX"), true),
    Rename("work", "home/moved"),
    Flag("home/moved/deep", &[1, 2, 3], How::Replace, 8, &["$Three"]),
    Subscribe("home", true),
    Expunge("home/moved/deep"),
    Copy("INBOX", &[1, 4], (false, "home/moved/deep/deeper"), true),
    Append("INBOX", 6),
    Flag("home/moved/deep/deeper", &[4, 5], How::Remove, 1, &["$One"]),
    Rename("INBOX", "old"),
    Append("INBOX", 7),
    Copy("old", &[1], (false, "old"), true),
    Delete("home/moved/deep/deeper"),
    Subscribe("home", false),
    Remove(&[6]),
    Append("INBOX", 8),
    Delete("old"),
];

fn name(text: &str) -> FolderName {
    FolderName::parse(text).unwrap()
}

fn uids(numbers: &[u32]) -> Vec<Uid> {
    numbers.iter().copied().map(Uid).collect()
}

async fn id(store: &Store, mailbox: MailboxId, folder: &str) -> FolderId {
    store.folder(mailbox, &name(folder)).await.unwrap().id
}

async fn take(store: &Store, first: u32, step: &Step) {
    let (here, there) = (MailboxId(first), MailboxId(first + 1));
    match step {
        Append(folder, seed) => {
            let sealed = seal(store, &octets(*seed, 100 + *seed as usize)).await.unwrap();
            let deliveries = vec![
                Delivery {
                    keywords: vec![Keyword::parse("$New").unwrap()],
                    date: Some(UnixTime(*seed as i64)),
                    ..Delivery::plain(here, name(folder))
                },
                Delivery::to_inbox(there),
            ];
            let derived = Some(octets(*seed, 500));
            store.commit(vec![NewMessage { sealed, derived, deliveries, queue: Vec::new() }]).await.unwrap();
        }
        Create(folder) => drop(store.create_folder(here, &name(folder), Special::Archive).await.unwrap()),
        Delete(folder) => store.delete_folder(here, &name(folder)).await.unwrap(),
        Rename(from, to) => store.rename_folder(here, &name(from), &name(to)).await.unwrap(),
        Subscribe(folder, on) => store.subscribe(here, &name(folder), *on).await.unwrap(),
        Flag(folder, numbers, how, flags, words) => {
            let keywords = words.iter().map(|word| Keyword::parse(word).unwrap()).collect();
            let edit = FlagEdit { how: *how, flags: Flags(*flags), keywords, unchanged_since: None };
            store.flag(id(store, here, folder).await, uids(numbers), edit).await.unwrap();
        }
        Copy(folder, numbers, (second, to), take_away) => {
            let to = (if *second { there } else { here }, name(to));
            store.copy(id(store, here, folder).await, uids(numbers), to, *take_away).await.unwrap();
        }
        Expunge(folder) => drop(store.expunge(id(store, here, folder).await, None, true).await.unwrap()),
        Remove(numbers) => drop(store.remove(here, &FolderName::inbox(), uids(numbers)).await.unwrap()),
    }
}

/// Everything that is in a client's mailboxes, as a text.
async fn sight(store: &Store, first: u32) -> Result<String, StoreError> {
    let mut seen = String::new();
    for mailbox in [MailboxId(first), MailboxId(first + 1)] {
        for folder in store.folders(mailbox).await? {
            let words = store.keywords(folder.id).await?;
            writeln!(seen, "{} {folder:?}", mailbox.0).unwrap();
            for row in store.page(folder.id, Uid(0), usize::MAX).await? {
                let mut named: Vec<_> = row.keywords.iter().map(|n| words[n].as_str()).collect();
                named.sort_unstable();
                let sum = read(store, row.body).await?.iter().fold(0u32, |sum, o| sum.rotate_left(5) ^ u32::from(*o));
                writeln!(seen, "  {row:?} {named:?} {sum}").unwrap();
            }
        }
        writeln!(seen, "{:?} {:?}", store.subscriptions(mailbox).await?, store.usage(mailbox).await?).unwrap();
    }
    Ok(seen)
}

/// What a client saw before its first change and after each.
type Sights = HashMap<u32, Vec<String>>;

async fn client(store: &Store, disk: &Recorder, first: u32, early: bool) -> Vec<String> {
    let mut sights = vec![sight(store, first).await.unwrap()];
    for step in STEPS {
        disk.mark(format!("{} {first}", if early { "done" } else { "begun" }));
        take(store, first, step).await;
        if !early {
            disk.mark(format!("done {first}"));
        }
        sights.push(sight(store, first).await.unwrap());
    }
    sights
}

fn work(disk: &Recorder, early: bool) -> Sights {
    let store = open(disk).unwrap();
    let clients: Vec<_> = [1, 11]
        .map(|first| {
            let (store, disk) = (store.clone(), disk.clone());
            std::thread::spawn(move || (first, block_on(client(&store, &disk, first, early))))
        })
        .into();
    let sights = clients.into_iter().map(|client| client.join().unwrap()).collect();
    close(store);
    sights
}

/// What is wrong with what the cut left.
fn wrong(image: &Recorder, marks: &[String], sights: &Sights) -> Option<String> {
    let store = match open(image) {
        Ok(store) => store,
        Err(error) => return Some(format!("it does not open: {error}")),
    };
    let found = block_on(examine(&store, marks, sights));
    close(store);
    found
}

async fn examine(store: &Store, marks: &[String], sights: &Sights) -> Option<String> {
    for (first, sights) in sights {
        let count = |word: &str| marks.iter().filter(|mark| **mark == format!("{word} {first}")).count();
        let (done, begun) = (count("done"), count("begun"));
        let seen = match sight(store, *first).await {
            Ok(seen) => seen,
            Err(error) => return Some(format!("client {first}: {error}")),
        };
        if !sights[done..=begun.max(done)].contains(&seen) {
            return Some(format!("client {first} after {done} changes:\n{seen}\nwas:\n{}", sights[done]));
        }
    }
    let problems = store.check(|_| {}).await.unwrap().problems;
    problems.first().map(|problem| format!("check: {problem}"))
}

/// Cuts at these points on two threads; gives how many images there were and the first thing that was wrong.
fn cut(disk: &Recorder, points: &[usize], sights: &Sights, loss: fn(usize) -> Loss) -> (usize, Option<String>) {
    let half = |odd: usize| {
        let mut tried = 0;
        for at in points.iter().skip(odd).step_by(2) {
            tried += 1;
            if let Some(what) = wrong(&disk.image(*at, loss(*at)), &disk.marks(*at), sights) {
                return (tried, Some(format!("cut {at} of {}, {:?}: {what}", disk.len(), loss(*at))));
            }
        }
        (tried, None)
    };
    std::thread::scope(|scope| {
        let other = scope.spawn(|| half(1));
        let ((tried, bad), (more, worse)) = (half(0), other.join().unwrap());
        (tried + more, bad.or(worse))
    })
}

fn some_loss(at: usize) -> Loss {
    match at % 4 {
        0 => Loss::Everything,
        1 => Loss::Nothing,
        _ => Loss::Some(at as u64),
    }
}

#[test]
fn a_cut_at_any_write_leaves_each_change_whole_or_undone() {
    let disk = Recorder::default();
    let sights = work(&disk, false);
    let every: Vec<usize> = (0..=disk.len()).filter(|at| disk.is_turning_point(*at) || at % 5 == 0).collect();
    let (tried, bad) = cut(&disk, &every, &sights, some_loss);
    println!("{} operations, {tried} images", disk.len());
    assert_eq!(bad, None);
    assert!(tried >= 300, "{tried}");
}

/// The simulation must see what it is for.
#[test]
fn seeded_faults_are_seen() {
    for fault in ["early answer", "log syncs"] {
        let disk = Recorder::default();
        if fault == "log syncs" {
            disk.ignore_syncs_of("mail.log");
        }
        let sights = work(&disk, fault == "early answer");
        let turning: Vec<usize> = (0..=disk.len()).filter(|at| disk.is_turning_point(*at)).collect();
        assert!(cut(&disk, &turning, &sights, |_| Loss::Everything).1.is_some(), "{fault}");
    }
}

const HOUSE: TableDefinition<u8, &[u8]> = TableDefinition::new("house");
const FOLDERS: TableDefinition<(u32, &str), &[u8]> = TableDefinition::new("folders");

fn summed(table: &str, key: &[u8], octets: &[u8]) -> Vec<u8> {
    let sum = [table.as_bytes(), key, octets].iter().fold(0, |sum, part| crc32c::crc32c_append(sum, part));
    [octets, &sum.to_le_bytes()].concat()
}

/// Makes rows of format 1 of those of format 3: no tables for IMAP, no indices of the queue, folder rows without the last two counts,
/// a house without the queue's shift. Message rows with keywords are none of format 1 and must not be there.
fn bring_down(file: &Path) {
    let db = Database::open(file).unwrap();
    let write = db.begin_write().unwrap();
    for table in ["places", "keywords", "subscriptions"] {
        let gone = match table {
            "subscriptions" => write.delete_table(TableDefinition::<(u32, &str), &[u8]>::new(table)),
            _ => write.delete_table(TableDefinition::<u32, &[u8]>::new(table)),
        };
        assert!(gone.unwrap());
    }
    assert!(write.delete_table(TableDefinition::<(i64, u64), &[u8]>::new("queue_due")).unwrap());
    assert!(write.delete_table(TableDefinition::<(u64, i64, u64), &[u8]>::new("queue_routes")).unwrap());
    {
        let mut table = write.open_table(FOLDERS).unwrap();
        let rows: Vec<_> = table
            .iter()
            .unwrap()
            .map(|entry| {
                let (key, value) = entry.unwrap();
                let (mailbox, name) = key.value();
                (mailbox, name.to_owned(), value.value().to_vec())
            })
            .collect();
        for (mailbox, name, row) in rows {
            let key = [&mailbox.to_le_bytes(), name.as_bytes()].concat();
            let old = summed("folders", &key, &row[..row.len() - 4 - 16]);
            table.insert((mailbox, name.as_str()), old.as_slice()).unwrap();
        }
        let mut table = write.open_table(HOUSE).unwrap();
        let mut row = table.get(0).unwrap().unwrap().value().to_vec();
        row.truncate(row.len() - 4 - 9 - 8);
        row[..4].copy_from_slice(&1u32.to_le_bytes());
        table.insert(0, summed("house", &[0], &row).as_slice()).unwrap();
    }
    write.commit().unwrap();
}

fn format_of(file: &Path) -> u32 {
    let db = Database::open(file).unwrap();
    let row = db.begin_read().unwrap().open_table(HOUSE).unwrap().get(0).unwrap().unwrap().value().to_vec();
    u32::from_le_bytes(row[..4].try_into().unwrap())
}

#[test]
fn a_store_of_format_1_is_brought_up_whole_wherever_the_power_is_cut() {
    let scratch = Scratch::new("format-1");
    let store = post::open(scratch.path());
    let before = block_on(async {
        for n in 0..30 {
            let sealed = seal(&store, &octets(n, 300)).await.unwrap();
            let flags = Flags(if n % 3 == 0 { 1 } else { 0 });
            let deliveries = vec![
                Delivery { flags, ..Delivery::plain(MailboxId(1), name("INBOX")) },
                Delivery { flags: Flags(8), ..Delivery::plain(MailboxId(2), name("\u{421}/x")) },
            ];
            store.commit(vec![NewMessage { sealed, derived: None, deliveries, queue: Vec::new() }]).await.unwrap();
        }
        sight(&store, 1).await.unwrap()
    });
    close(store);
    bring_down(&scratch.path().join("mail/mail.redb"));
    assert_eq!(format_of(&scratch.path().join("mail/mail.redb")), 1);

    // Onto the recording disk, as if it had always been there.
    let old = Recorder::default();
    for file in ["state/system.redb", "mail/mail.redb", "mail/bodies/000001"] {
        let octets = std::fs::read(scratch.path().join(file)).unwrap();
        old.open(&scratch.path().join(file), true).unwrap().write_at(0, &octets).unwrap();
    }
    let disk = old.image(old.len(), Loss::Nothing);
    let open = |disk: &Recorder| open_on(Arc::new(disk.clone()), scratch.path(), 0).unwrap();
    let store = open(&disk);
    assert_eq!(block_on(sight(&store, 1)).unwrap(), before);
    close(store);
    for at in 0..=disk.len() {
        let store = open(&disk.image(at, some_loss(at)));
        assert_eq!(block_on(sight(&store, 1)).unwrap(), before, "cut {at} of {}", disk.len());
        assert_eq!(block_on(store.check(|_| {})).unwrap().problems, Vec::<String>::new(), "cut {at}");
        close(store);
    }
    println!("{} cuts", disk.len());

    // The same on real files; the second opening has nothing to do. Format 1 had no log.
    std::fs::remove_file(scratch.path().join("mail/mail.log")).unwrap();
    for _ in 0..2 {
        let store = post::open(scratch.path());
        assert_eq!(block_on(sight(&store, 1)).unwrap(), before);
        close(store);
        assert_eq!(format_of(&scratch.path().join("mail/mail.redb")), 4);
    }
}
