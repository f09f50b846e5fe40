//! Disks that fail, vanish, or are full: nothing that was acknowledged is lost, and no restart is needed.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs, dead_code)]

#[path = "common/moody.rs"]
mod moody;
#[path = "common/post.rs"]
mod post;
#[path = "common/scratch.rs"]
mod scratch;

use std::{
    path::Path,
    process::Command,
    sync::{Arc, atomic::Ordering},
    time::{Duration, Instant},
};

use gatepost::{
    journal::Journal,
    rt::{Board, Clock, Light, SystemClock, TestClock, block_on},
    store::{Places, RealDisk, Row, Store, StoreError, Write},
    types::{MailboxId, Uid, UnixTime},
};
use moody::Moody;
use post::{close, deliver, list, octets, open_on, read, remove, seal};
use scratch::Scratch;

/// Tries until it works, as a sender does after a 451.
fn patiently<T>(mut work: impl FnMut() -> Result<T, StoreError>) -> T {
    let until = Instant::now() + Duration::from_secs(20);
    loop {
        match work() {
            Ok(done) => return done,
            Err(error) => assert!(Instant::now() < until, "{error}"),
        }
        std::thread::sleep(Duration::from_millis(100));
    }
}

#[test]
fn a_sync_that_fails_is_never_answered_ok_and_mail_goes_on_afterwards() {
    // A small body waits for no volume: it is in the log.
    for (what, sizes) in [("volume", &[200_000][..]), ("database", &[1000, 100_000, 200_000])] {
        for &size in sizes {
            let scratch = Scratch::new("sync");
            let disk = Moody::default();
            let store = open_on(Arc::new(disk.clone()), scratch.path(), 0).unwrap();
            let before = block_on(deliver(&store, &octets(1, size), &[1])).unwrap();
            let mood = if what == "volume" { &disk.0.volume_sync_fails } else { &disk.0.database_sync_fails };
            mood.store(true, Ordering::SeqCst);
            for n in 0..3 {
                let failed = block_on(deliver(&store, &octets(10 + n, size), &[1]));
                assert!(matches!(failed, Err(StoreError::Unavailable(_))), "{what} {size}: {failed:?}");
            }
            mood.store(false, Ordering::SeqCst);
            let after = patiently(|| block_on(deliver(&store, &octets(2, size), &[1])));
            close(store);
            let store = post::open(scratch.path());
            block_on(async {
                assert!(read(&store, before).await.unwrap() == octets(1, size));
                assert!(read(&store, after).await.unwrap() == octets(2, size));
                // A commit whose sync failed may be there or not, but what is there is whole.
                for row in list(&store, 1).await {
                    assert_eq!(read(&store, row.body).await.unwrap().len(), size);
                }
                assert_eq!(store.check(|_| {}).await.unwrap().problems, Vec::<String>::new());
            });
        }
    }
}

/// What the log holds outlives a volume that cannot be synced, and the log is not filled anew before it can.
#[test]
fn a_volume_whose_sync_fails_for_long_loses_nothing_that_is_in_the_log() {
    let scratch = Scratch::new("settle");
    let disk = Moody::default();
    let store = open_on(Arc::new(disk.clone()), scratch.path(), 0).unwrap();
    let mut kept = Vec::new();
    disk.0.volume_sync_fails.store(true, Ordering::SeqCst);
    for n in 0.. {
        match block_on(deliver(&store, &octets(n, 60_000), &[1])) {
            Ok(id) => kept.push((id, n)),
            Err(StoreError::Unavailable(_)) => break,
            Err(other) => panic!("{other}"),
        }
        assert!(n < 1000, "the log is never full");
    }
    assert!(kept.len() > 50, "{}", kept.len());
    for n in 0..3 {
        assert!(block_on(deliver(&store, &octets(5000 + n, 1000), &[1])).is_err());
    }
    disk.0.volume_sync_fails.store(false, Ordering::SeqCst);
    patiently(|| block_on(deliver(&store, &octets(9000, 1000), &[1])));
    block_on(async {
        for (id, n) in &kept {
            assert!(read(&store, *id).await.unwrap() == octets(*n, 60_000));
        }
        assert_eq!(list(&store, 1).await.len(), kept.len() + 1, "what was refused is not there");
        assert_eq!(store.check(|_| {}).await.unwrap().problems, Vec::<String>::new());
    });
}

#[test]
fn a_mail_disk_that_vanishes_is_told_and_comes_back_without_a_restart() {
    let scratch = Scratch::new("gone");
    let disk = Moody::default();
    disk.0.gone.store(true, Ordering::SeqCst);
    let clock = Arc::new(SystemClock::start());
    let (journal, board) = (Journal::new(clock.clone()), Board::default());
    let places = post::places(scratch.path(), 0);
    let store = Store::open_on(Arc::new(disk.clone()), places, clock, journal.clone(), board.clone()).unwrap();
    let row = Row { kind: "settings".into(), key: "a".into(), value: b"1".to_vec() };
    block_on(async {
        store.write(vec![Write::Put(row.clone())]).await.unwrap();
        assert_eq!(store.rows("settings").await.unwrap(), [row]);
        assert!(matches!(store.draft().await.err(), Some(StoreError::Unavailable(_))));
    });
    assert_eq!(board.all()["store"].light, Light::Red);
    disk.0.gone.store(false, Ordering::SeqCst);
    let id = patiently(|| block_on(deliver(&store, b"first", &[1])));
    assert_eq!(board.all()["store"].light, Light::Green);
    // It vanishes while a body arrives: that body is refused, others come after.
    let mut half = block_on(store.draft()).unwrap();
    block_on(half.write(&octets(3, 300_000))).unwrap();
    disk.0.gone.store(true, Ordering::SeqCst);
    assert!(block_on(deliver(&store, b"lost", &[1])).is_err());
    disk.0.gone.store(false, Ordering::SeqCst);
    patiently(|| block_on(deliver(&store, b"second", &[1])));
    let sealed = block_on(async {
        half.write(&octets(3, 300_000)).await?;
        let sealed = half.seal().await?;
        store.commit(vec![post::message(sealed, &[1])]).await
    });
    assert!(sealed.is_err());
    block_on(async {
        assert_eq!(read(&store, id).await.unwrap(), b"first");
        assert_eq!(store.check(|_| {}).await.unwrap().problems, Vec::<String>::new());
    });
    assert!(journal.newest(99).iter().any(|line| line.line.text.contains("the mail disk is not available")));
}

#[test]
fn an_unmounted_disk_is_not_taken_for_a_new_store() {
    let scratch = Scratch::new("unmounted");
    let store = post::open(scratch.path());
    block_on(deliver(&store, b"x", &[1])).unwrap();
    close(store);
    let (mail, aside) = (scratch.path().join("mail"), scratch.path().join("aside"));
    std::fs::rename(&mail, &aside).unwrap();
    std::fs::create_dir(&mail).unwrap();
    let store = post::open(scratch.path());
    assert!(block_on(deliver(&store, b"y", &[1])).is_err());
    std::fs::remove_dir_all(&mail).unwrap();
    std::fs::rename(&aside, &mail).unwrap();
    patiently(|| block_on(deliver(&store, b"y", &[1])));
    assert_eq!(block_on(list(&store, 1)).len(), 2);
}

#[test]
fn time_never_goes_back_below_what_was_stored() {
    let scratch = Scratch::new("time");
    let open_at = |at: i64| {
        let clock: Arc<dyn Clock> = Arc::new(TestClock::at(UnixTime(at)));
        let places = post::places(scratch.path(), 0);
        Store::open_on(Arc::new(RealDisk), places, clock.clone(), Journal::new(clock), Board::default()).unwrap()
    };
    let store = open_at(1_900_000_000);
    block_on(deliver(&store, b"x", &[1])).unwrap();
    close(store);
    let store = open_at(100);
    assert_eq!(store.newest_time(), UnixTime(1_900_000_000));
    block_on(deliver(&store, b"x", &[1])).unwrap();
    assert_eq!(store.newest_time(), UnixTime(1_900_000_000));
}

struct Tmpfs<'a>(&'a Path);

impl<'a> Tmpfs<'a> {
    fn mount(at: &'a Path, mib: u32) -> Self {
        std::fs::create_dir_all(at).unwrap();
        let size = format!("size={mib}m");
        let done = Command::new("mount").args(["-t", "tmpfs", "-o", &size, "tmpfs"]).arg(at).status();
        assert!(done.is_ok_and(|s| s.success()), "this test mounts a small tmpfs: run it as root (apt install mount)");
        Tmpfs(at)
    }
}

impl Drop for Tmpfs<'_> {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.0).status();
    }
}

#[test]
fn a_full_disk_refuses_mail_lets_delete_and_accepts_again_without_a_restart() {
    for (reserve, size) in [(8u64 << 20, 30_000), (1 << 20, 150_000)] {
        let scratch = Scratch::new("full");
        let mail = scratch.path().join("mail");
        let _tmpfs = Tmpfs::mount(&mail, 48);
        let clock = Arc::new(SystemClock::start());
        let journal = Journal::new(clock.clone());
        let places = Places { state: scratch.path().join("state"), mail: mail.clone(), reserve };
        let store = Store::open(places, clock, journal.clone(), Board::default()).unwrap();
        let mut kept = 0u64;
        let full = loop {
            match block_on(deliver(&store, &octets(kept, size), &[1])) {
                Ok(_) => kept += 1,
                Err(error) => break error,
            }
            assert!(kept < 5000);
        };
        assert_eq!(full, StoreError::NoRoom);
        let rows = block_on(list(&store, 1));
        assert_eq!(rows.len() as u64, kept, "reading goes on");
        assert!(block_on(read(&store, rows[0].body)).unwrap() == octets(0, size));
        let uids: Vec<Uid> = rows.iter().map(|row| row.uid).filter(|uid| uid.0 % 2 == 0).collect();
        let removed = uids.len();
        // POP3 deletes all of it at QUIT.
        assert_eq!(block_on(remove(&store, 1, uids)), Ok(removed));
        let mut more = 0;
        while more < kept / 4 {
            patiently(|| block_on(deliver(&store, &octets(10_000 + more, size), &[1])));
            more += 1;
        }
        block_on(async {
            for row in list(&store, 1).await {
                assert_eq!(read(&store, row.body).await.unwrap().len(), size);
            }
            assert_eq!(store.usage(MailboxId(1)).await.unwrap().messages, kept - removed as u64 + more);
            assert_eq!(store.check(|_| {}).await.unwrap().problems, Vec::<String>::new());
        });
        println!(
            "reserve {reserve}: {kept} of {size} octets fit into 48 MiB, {removed} removed, {more} accepted again"
        );
        close(store);
    }
}

#[test]
fn a_sealed_body_whose_store_is_closed_is_refused() {
    let scratch = Scratch::new("closed");
    let store = post::open(scratch.path());
    let sealed = block_on(seal(&store, &octets(1, 200_000))).unwrap();
    block_on(store.close());
    let refused = block_on(store.commit(vec![post::message(sealed, &[1])]));
    assert!(matches!(refused, Err(StoreError::Unavailable(_))));
    assert!(block_on(store.rows("settings")).is_ok());
}
