//! Damaged rows, lost indices, a lost database, and rows of an older program.

use std::{fs, path::Path};

use gatepost::store::{RealDisk, check, salvage};
use redb::{Database, ReadableTable, TableDefinition};

use super::*;
use crate::post::{deliver, places};

const HOUSE: TableDefinition<u8, &[u8]> = TableDefinition::new("house");
const QUEUE: TableDefinition<u64, &[u8]> = TableDefinition::new("queue");
const DUE: TableDefinition<(i64, u64), &[u8]> = TableDefinition::new("queue_due");
const ROUTES: TableDefinition<(u64, i64, u64), &[u8]> = TableDefinition::new("queue_routes");

fn problems(dir: &Path) -> Vec<String> {
    let disk: std::sync::Arc<dyn gatepost::store::Disk> = std::sync::Arc::new(RealDisk);
    check(&disk, &places(dir, 0), &mut |_| {}).unwrap().problems
}

fn on_the_rows(dir: &Path, work: impl FnOnce(&redb::WriteTransaction)) {
    let db = Database::open(dir.join("mail/mail.redb")).unwrap();
    let write = db.begin_write().unwrap();
    work(&write);
    write.commit().unwrap();
}

fn salvaged(from: &Path, to: &Path) -> gatepost::store::Salvaged {
    let disk: std::sync::Arc<dyn gatepost::store::Disk> = std::sync::Arc::new(RealDisk);
    salvage(&disk, &places(from, 0), &places(to, 0), NOW, &mut |_| {}).unwrap()
}

#[test]
fn a_damaged_row_is_set_aside_and_the_others_go_on() {
    let scratch = Scratch::new("queue-damaged");
    let store = open(scratch.path());
    block_on(send(&store, b"x", &[("a@x.test", 0), ("b@x.test", 1), ("c@x.test", 2)]));
    let bad = block_on(everything(&store))[1].id;
    close(store);
    on_the_rows(scratch.path(), |write| {
        let mut table = write.open_table(QUEUE).unwrap();
        let mut row = table.get(bad.0).unwrap().unwrap().value().to_vec();
        row[20] ^= 1;
        table.insert(bad.0, row.as_slice()).unwrap();
    });
    assert!(problems(scratch.path()).contains(&format!("queue row {} is damaged", bad.0)));
    let store = open(scratch.path());
    block_on(async {
        assert_eq!(store.begin(vec![(bad, at(30))]).await, Ok(vec![]));
        assert_eq!(names(&due(&store, 5).await), ["a@x.test", "c@x.test"]);
        let rest: Vec<_> = due(&store, 5).await.iter().map(|row| (row.id, at(30))).collect();
        store.begin(rest).await.unwrap();
        // It is not looked at again and again.
        assert_eq!(store.next_due(HashSet::new()).await, Ok(Some(at(30))));
        let count = store.queue_count().await.unwrap();
        assert_eq!((count.total, count.held), (3, 1));
        assert!(matches!(store.waiting_one(bad).await, Err(StoreError::Damaged(_))));
        store.settle(vec![Settled::Done(bad)]).await.unwrap();
        assert_eq!(store.waiting_one(bad).await, Err(StoreError::Missing));
        assert_eq!(names(&everything(&store).await), ["a@x.test", "c@x.test"]);
    });
}

#[test]
fn wrong_entries_of_the_indices_are_found_and_mended() {
    let scratch = Scratch::new("queue-indices");
    let store = open(scratch.path());
    block_on(send(&store, b"x", &[("a@x.test", 5), ("b@y.test", 6)]));
    let ids: Vec<u64> = block_on(everything(&store)).iter().map(|row| row.id.0).collect();
    close(store);
    // One entry too early, one of a row that is not there.
    on_the_rows(scratch.path(), |write| {
        let mut table = write.open_table(DUE).unwrap();
        let right = table.remove((at(5).0, ids[0])).unwrap().unwrap().value().to_vec();
        table.insert((at(1).0, ids[0]), right.as_slice()).unwrap();
        table.insert((at(2).0, 999), right.as_slice()).unwrap();
    });
    assert!(!problems(scratch.path()).is_empty());
    let store = open(scratch.path());
    block_on(async {
        assert_eq!(names(&due(&store, 3).await), Vec::<String>::new());
        assert_eq!(store.next_due(HashSet::new()).await, Ok(Some(at(5))));
        assert_eq!(names(&due(&store, 6).await), ["a@x.test", "b@y.test"]);
        is_whole(&store).await;
    });
}

#[test]
fn the_queue_of_an_older_program_is_brought_up() {
    let scratch = Scratch::new("queue-format-2");
    let store = open(scratch.path());
    block_on(send(&store, b"octets", &[("a@x.test", 5), ("b@y.test", 6)]));
    close(store);
    let summed = |table: &str, key: &[u8], octets: &[u8]| {
        let sum = [table.as_bytes(), key, octets].iter().fold(0, |sum, part| crc32c::crc32c_append(sum, part));
        [octets, &sum.to_le_bytes()].concat()
    };
    // Nor had it a log.
    std::fs::remove_file(scratch.path().join("mail/mail.log")).unwrap();
    on_the_rows(scratch.path(), |write| {
        assert!(write.delete_table(DUE).unwrap() && write.delete_table(ROUTES).unwrap());
        let mut table = write.open_table(QUEUE).unwrap();
        let rows: Vec<(u64, Vec<u8>)> = table
            .iter()
            .unwrap()
            .map(|entry| entry.map(|(key, value)| (key.value(), value.value().to_vec())).unwrap())
            .collect();
        for (id, row) in rows {
            let end = row.windows(7).position(|part| part == b"@x.test" || part == b"@y.test").unwrap() + 7;
            table.insert(id, summed("queue", &id.to_le_bytes(), &row[..end]).as_slice()).unwrap();
        }
        let mut table = write.open_table(HOUSE).unwrap();
        let mut row = table.get(0).unwrap().unwrap().value().to_vec();
        row.truncate(row.len() - 4 - 9 - 8);
        row[..4].copy_from_slice(&2u32.to_le_bytes());
        table.insert(0, summed("house", &[0], &row).as_slice()).unwrap();
    });
    let store = open(scratch.path());
    block_on(async {
        let rows = due(&store, 6).await;
        assert_eq!(names(&rows), ["a@x.test", "b@y.test"]);
        assert_eq!(
            (rows[0].size, rows[0].since, rows[0].leaving.from.to_string().as_str()),
            (6, at(5), "ann@office.test")
        );
        store.shift_queue(60).await.unwrap();
        assert_eq!(store.next_due(HashSet::new()).await, Ok(Some(at(6))));
        is_whole(&store).await;
    });
}

/// Format 3 had another log: of pages of `mail.redb`. One that holds something is nothing that this program can read.
#[test]
fn a_log_of_an_older_program_that_holds_commits_is_not_thrown_away() {
    let scratch = Scratch::new("log-format-3");
    let store = open(scratch.path());
    block_on(send(&store, b"octets", &[("a@x.test", 5)]));
    close(store);
    on_the_rows(scratch.path(), |write| {
        let mut table = write.open_table(HOUSE).unwrap();
        let mut row = table.get(0).unwrap().unwrap().value().to_vec();
        row.truncate(row.len() - 4 - 9);
        row[..4].copy_from_slice(&3u32.to_le_bytes());
        let sum = [&b"house"[..], &[0], &row].iter().fold(0, |sum, part| crc32c::crc32c_append(sum, part));
        table.insert(0, [&row[..], &sum.to_le_bytes()].concat().as_slice()).unwrap();
    });
    let log = |mark: u64, record: u64| {
        let mut octets = vec![0; 1 << 20];
        for (at, magic, number) in [(0, b"GPFILL01", mark), (4096, b"GPFILL01", mark - 1), (8192, b"GPREDO01", record)]
        {
            octets[at..at + 16].copy_from_slice(&[magic.as_slice(), &number.to_le_bytes()].concat());
        }
        std::fs::write(scratch.path().join("mail/mail.log"), octets).unwrap();
    };
    log(7, 7);
    let store = open(scratch.path());
    let refused = block_on(store.draft()).err().unwrap().to_string();
    assert!(refused.contains("start that one once more and stop it"), "{refused}");
    close(store);
    // It was closed: what lies there is of the filling before.
    log(8, 7);
    let store = open(scratch.path());
    block_on(async {
        assert_eq!(names(&due(&store, 6).await), ["a@x.test"]);
        is_whole(&store).await;
    });
}

/// a is delivered, b waits with an answer, c is held; d's message is in a folder here too.
fn used(name: &str) -> Scratch {
    let scratch = Scratch::new(name);
    let store = open(scratch.path());
    block_on(async {
        send(&store, b"one", &[("a@x.test", 0)]).await;
        send(&store, b"two", &[("b@x.test", 0), ("c@y.test", 3)]).await;
        deliver(&store, b"mine", &[1]).await.unwrap();
        let rows = everything(&store).await;
        store.begin(rows.iter().map(|row| (row.id, at(30))).collect()).await.unwrap();
        let later = Settled::Later { id: rows[1].id, next_try: at(200), last: Some(answer("grey")), told_late: true };
        store.settle(vec![Settled::Done(rows[0].id), later]).await.unwrap();
        store.hold(QueueRows::Ids(vec![rows[2].id]), Hold::Held).await.unwrap();
    });
    close(store);
    scratch
}

#[test]
fn salvage_sends_nothing_twice_while_the_rows_can_be_read() {
    let (scratch, new) = (used("queue-salvage"), Scratch::new("queue-salvaged"));
    let report = salvaged(scratch.path(), new.path());
    assert_eq!((report.queued, report.held, report.messages), (2, 1, 1));
    let store = open(new.path());
    block_on(async {
        let rows = everything(&store).await;
        assert_eq!(names(&rows), ["b@x.test", "c@y.test"]);
        assert_eq!((rows[0].tries, rows[0].leaving.next_try, rows[0].told_late), (1, at(200), true));
        assert_eq!((rows[0].last.as_ref(), rows[0].hold), (Some(&answer("grey")), Hold::Free));
        assert_eq!(rows[1].hold, Hold::Held);
        assert!(rows[1].leaving.ours);
        is_whole(&store).await;
    });
}

#[test]
fn salvage_without_a_database_holds_what_may_have_been_delivered() {
    let (scratch, new) = (used("queue-lost"), Scratch::new("queue-found"));
    fs::remove_file(scratch.path().join("mail/mail.redb")).unwrap();
    let report = salvaged(scratch.path(), new.path());
    assert_eq!((report.queued, report.held), (3, 3));
    let store = open(new.path());
    block_on(async {
        assert_eq!(names(&everything(&store).await), ["a@x.test", "b@x.test", "c@y.test"]);
        assert_eq!(store.next_due(HashSet::new()).await, Ok(None));
        assert_eq!(store.hold(QueueRows::Fitting(QueueFilter::default()), Hold::Free).await, Ok(3));
        assert_eq!(due(&store, 3).await.len(), 3);
        is_whole(&store).await;
    });
}
