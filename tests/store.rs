//! The store over real files.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs, dead_code)]

#[path = "common/post.rs"]
mod post;
#[path = "common/scratch.rs"]
mod scratch;

use gatepost::{
    rt::block_on,
    store::{Row, StoreError, Write},
    types::{BodyId, FolderName, MailboxId, Special, Uid},
};
use post::{close, deliver, list, message, octets, open, read, remove, seal};
use scratch::Scratch;

#[test]
fn what_was_committed_is_there_after_reopening() {
    let scratch = Scratch::new("reopen");
    let sizes = [0, 1, 4096, 65_536, 65_537, 1_000_000];
    let ids: Vec<BodyId> = {
        let store = open(scratch.path());
        let ids = sizes.iter().map(|n| block_on(deliver(&store, &octets(*n as u64, *n), &[1, 2])).unwrap()).collect();
        close(store);
        ids
    };
    let store = open(scratch.path());
    block_on(async {
        for (id, n) in ids.iter().zip(sizes) {
            assert!(read(&store, *id).await.unwrap() == octets(n as u64, n), "{n} octets");
        }
        let rows = list(&store, 2).await;
        assert_eq!(rows.iter().map(|r| r.size as usize).collect::<Vec<_>>(), sizes);
        assert_eq!(rows.iter().map(|r| r.uid.0).collect::<Vec<_>>(), (1..=6).collect::<Vec<_>>());
        let usage = store.usage(MailboxId(1)).await.unwrap();
        assert_eq!((usage.messages, usage.bytes), (6, sizes.iter().sum::<usize>() as u64));
        // Nothing of an id is ever used twice.
        assert!(store.draft().await.unwrap().id() > ids[5]);
    });
}

#[test]
fn a_body_can_be_read_from_anywhere() {
    let scratch = Scratch::new("anywhere");
    let store = open(scratch.path());
    let body = octets(5, 300_000);
    block_on(async {
        let id = deliver(&store, &body, &[1]).await.unwrap();
        let reader = store.body(id).await.unwrap();
        for (from, max) in [(0, 1), (65_535, 2), (65_536, 65_536), (200_000, 200_000), (299_999, 9), (300_000, 9)] {
            let end = (from + max).min(body.len());
            assert!(reader.read(from as u64, max).await.unwrap() == body[from..end], "{from} {max}");
        }
    });
}

#[test]
fn groups_commit_together_and_every_message_is_there_once() {
    let scratch = Scratch::new("group");
    let store = open(scratch.path());
    let threads: Vec<_> = (0..20u64)
        .map(|t| {
            let store = store.clone();
            std::thread::spawn(move || {
                for n in 0..20 {
                    let seed = t * 100 + n;
                    block_on(deliver(&store, &octets(seed, 500 + (seed * 97 % 90_000) as usize), &[7])).unwrap();
                }
            })
        })
        .collect();
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    block_on(async {
        let rows = list(&store, 7).await;
        assert_eq!(rows.len(), 400);
        let mut bodies: Vec<_> = rows.iter().map(|r| r.body).collect();
        bodies.sort();
        bodies.dedup();
        assert_eq!(bodies.len(), 400);
        for row in rows {
            assert_eq!(read(&store, row.body).await.unwrap().len() as u64, row.size);
        }
    });
}

/// Sixteen of them may be in memory as a whole; the others, and those that come to be longer, lie in volumes while they arrive.
#[test]
fn many_bodies_of_more_than_a_block_at_once_are_each_whole() {
    let scratch = Scratch::new("longer");
    let store = open(scratch.path());
    block_on(async {
        for round in 0..2u64 {
            let mut drafts = Vec::new();
            let size = |n: u64| 60_000 + (n * 5_003) as usize;
            for n in 0..20u64 {
                let mut draft = store.draft().await.unwrap();
                draft.write(&octets(n, size(n))[..70_000.min(size(n))]).await.unwrap();
                drafts.push(draft);
            }
            assert_eq!(drafts.iter().filter(|draft| draft.in_memory() > 65_536).count(), 16);
            let mut messages = Vec::new();
            for (n, mut draft) in (0..).zip(drafts) {
                draft.write(&octets(n, size(n))[70_000.min(size(n))..]).await.unwrap();
                messages.push(message(draft.seal().await.unwrap(), &[1]));
            }
            store.commit(messages).await.unwrap();
            let rows = list(&store, 1).await;
            for (n, row) in (0..20u64).zip(&rows[round as usize * 20..]) {
                assert!(read(&store, row.body).await.unwrap() == octets(n, size(n)), "message {n}");
            }
        }
        assert!(store.check(|_| {}).await.unwrap().problems.is_empty());
    });
}

#[test]
fn a_dropped_draft_leaves_nothing() {
    let scratch = Scratch::new("dropped");
    let store = open(scratch.path());
    block_on(async {
        drop(seal(&store, &octets(1, 3_000_000)).await.unwrap());
        let mut half = store.draft().await.unwrap();
        half.write(&octets(2, 500_000)).await.unwrap();
        drop(half);
        deliver(&store, b"small", &[1]).await.unwrap();
        deliver(&store, b"small", &[1]).await.unwrap();
    });
    close(store);
    let bytes: u64 = std::fs::read_dir(scratch.path().join("mail/bodies"))
        .unwrap()
        .map(|e| e.unwrap().metadata().unwrap().len())
        .sum();
    assert!(bytes < 1000, "{bytes}");
}

#[test]
fn removed_messages_are_gone_and_their_uids_never_come_back() {
    let scratch = Scratch::new("remove");
    let store = open(scratch.path());
    block_on(async {
        let both = deliver(&store, b"both", &[1, 2]).await.unwrap();
        deliver(&store, b"second", &[1]).await.unwrap();
        assert_eq!(remove(&store, 1, vec![Uid(1), Uid(2), Uid(9)]).await, Ok(2));
        assert_eq!(store.usage(MailboxId(1)).await.unwrap().messages, 0);
        assert_eq!(read(&store, both).await.unwrap(), b"both");
        deliver(&store, b"third", &[1]).await.unwrap();
        assert_eq!(list(&store, 1).await[0].uid, Uid(3));
        assert_eq!(remove(&store, 2, vec![Uid(1)]).await, Ok(1));
        assert_eq!(read(&store, both).await, Err(StoreError::Missing));
    });
}

#[test]
fn a_purged_mailbox_comes_back_with_another_uidvalidity() {
    let scratch = Scratch::new("purge");
    let store = open(scratch.path());
    block_on(async {
        for _ in 0..3 {
            deliver(&store, b"x", &[1]).await.unwrap();
        }
        let sent = FolderName::parse("Отправленные").unwrap();
        store.make_folders(MailboxId(1), vec![(sent.clone(), Special::Sent)]).await.unwrap();
        let folders = store.folders(MailboxId(1)).await.unwrap();
        let folders: Vec<_> = folders.into_iter().map(|f| (f.name, f.special)).collect();
        assert_eq!(folders, [(FolderName::inbox(), Special::Inbox), (sent, Special::Sent)]);
        let (first, _) = store.messages(MailboxId(1), &FolderName::inbox(), Uid(0), 9).await.unwrap();
        store.purge(MailboxId(1)).await.unwrap();
        assert!(store.folders(MailboxId(1)).await.unwrap().is_empty());
        deliver(&store, b"x", &[1]).await.unwrap();
        let (second, rows) = store.messages(MailboxId(1), &FolderName::inbox(), Uid(0), 9).await.unwrap();
        assert!(second > first && rows.len() == 1);
    });
}

#[test]
fn rows_of_the_system_compare_and_set() {
    let scratch = Scratch::new("rows");
    let store = open(scratch.path());
    let row = |value: &[u8]| Row { kind: "settings".into(), key: "current".into(), value: value.into() };
    let expect = |value: Option<&[u8]>| Write::Expect("settings".into(), "current".into(), value.map(Into::into));
    block_on(async {
        store.write(vec![expect(None), Write::Put(row(b"1"))]).await.unwrap();
        assert_eq!(store.write(vec![Write::Put(row(b"2")), expect(None)]).await, Err(StoreError::Missing));
        assert_eq!(store.rows("settings").await.unwrap(), [row(b"1")]);
        store.write(vec![expect(Some(b"1")), Write::Remove("settings".into(), "current".into())]).await.unwrap();
        assert!(store.rows("settings").await.unwrap().is_empty());
        assert!(store.rows("setting").await.unwrap().is_empty());
    });
}

#[test]
fn two_stores_never_share_a_directory() {
    let scratch = Scratch::new("lock");
    let store = open(scratch.path());
    let second = post::open_on(std::sync::Arc::new(gatepost::store::RealDisk), scratch.path(), 0);
    assert!(matches!(second, Err(StoreError::Unavailable(_))));
    block_on(async {
        let sealed = seal(&store, b"still here").await.unwrap();
        store.commit(vec![message(sealed, &[1])]).await.unwrap();
    });
}

fn octets_of_volumes(dir: &std::path::Path) -> u64 {
    std::fs::read_dir(dir.join("mail/bodies")).unwrap().map(|e| e.unwrap().metadata().unwrap().len()).sum()
}

#[test]
fn deleting_gives_the_file_system_its_space_back() {
    let scratch = Scratch::new("reclaim");
    let store = open(scratch.path());
    block_on(async {
        for n in 0..300u64 {
            deliver(&store, &octets(n, 50_000), &[1]).await.unwrap();
        }
        deliver(&store, &octets(1000, 2_000_000), &[1]).await.unwrap();
        let before = octets_of_volumes(scratch.path());
        // Every message but each tenth: the big one goes too.
        let uids = list(&store, 1).await.into_iter().map(|row| row.uid).filter(|uid| uid.0 % 10 != 0).collect();
        remove(&store, 1, uids).await.unwrap();
        let until = std::time::Instant::now() + std::time::Duration::from_secs(20);
        while octets_of_volumes(scratch.path()) > before / 5 {
            assert!(std::time::Instant::now() < until, "{} of {before}", octets_of_volumes(scratch.path()));
            std::thread::sleep(std::time::Duration::from_millis(50));
        }
        for row in list(&store, 1).await {
            assert!(read(&store, row.body).await.unwrap() == octets(u64::from(row.uid.0) - 1, 50_000));
        }
        assert_eq!(store.check(|_| {}).await.unwrap().problems, Vec::<String>::new());
    });
}

#[test]
fn a_body_that_is_being_read_is_read_to_its_end() {
    let scratch = Scratch::new("pinned");
    let store = open(scratch.path());
    block_on(async {
        let id = deliver(&store, &octets(1, 3_000_000), &[1]).await.unwrap();
        let reader = store.body(id).await.unwrap();
        assert!(reader.read(0, 10).await.is_ok());
        remove(&store, 1, vec![Uid(1)]).await.unwrap();
        let until = std::time::Instant::now() + std::time::Duration::from_secs(10);
        while octets_of_volumes(scratch.path()) > 1000 {
            assert!(std::time::Instant::now() < until);
            std::thread::sleep(std::time::Duration::from_millis(50));
        }
        assert!(reader.read(2_999_000, 1000).await.unwrap() == octets(1, 3_000_000)[2_999_000..]);
    });
}
