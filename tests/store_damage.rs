//! Damaged bytes: `check` finds them, `salvage` gives the rest back.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs, dead_code)]

#[path = "common/post.rs"]
mod post;
#[path = "common/scratch.rs"]
mod scratch;

use std::{
    fs,
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
    sync::Arc,
};

use gatepost::{
    rt::block_on,
    store::{Disk, RealDisk, Report, StoreError, check, salvage},
    types::{MailboxId, Uid, UnixTime},
};
use post::{close, deliver, list, octets, open, places, read, remove};
use scratch::Scratch;

fn real() -> Arc<dyn Disk> {
    Arc::new(RealDisk)
}

fn checked(dir: &Path) -> Report {
    check(&real(), &places(dir, 0), &mut |_| {}).unwrap()
}

fn flip(path: &Path, at: u64) {
    let file = fs::OpenOptions::new().read(true).write(true).open(path).unwrap();
    let mut byte = [0];
    file.read_exact_at(&mut byte, at).unwrap();
    file.write_all_at(&[byte[0] ^ 0x10], at).unwrap();
}

fn volumes(dir: &Path) -> Vec<PathBuf> {
    let mut all: Vec<_> = fs::read_dir(dir.join("mail/bodies")).unwrap().map(|e| e.unwrap().path()).collect();
    all.sort();
    all
}

/// 60 messages of up to 200,000 octets for three mailboxes, a third of them removed from the first.
fn filled(name: &str) -> Scratch {
    let scratch = Scratch::new(name);
    let store = open(scratch.path());
    block_on(async {
        for n in 0..60u64 {
            let len = (n * n * 57) as usize;
            deliver(&store, &octets(n, len), &[1, 2 + (n % 2) as u32]).await.unwrap();
        }
        let uids = (1..=20).map(|n| Uid(n * 3)).collect();
        assert_eq!(remove(&store, 1, uids).await, Ok(20));
    });
    close(store);
    scratch
}

#[test]
fn a_whole_store_has_no_problem_stopped_or_running() {
    let scratch = filled("whole");
    let report = checked(scratch.path());
    assert_eq!((report.problems.as_slice(), report.records, report.messages), (&[][..], 60, 100));
    let store = open(scratch.path());
    let running = block_on(store.check(|_| {})).unwrap();
    assert_eq!((running.problems.as_slice(), running.records, running.messages), (&[][..], 60, 100));
    // The files of a running server are not for the other check.
    let busy = check(&real(), &places(scratch.path(), 0), &mut |_| {});
    assert!(matches!(busy, Err(StoreError::Unavailable(_))));
}

#[test]
fn a_check_changes_nothing() {
    let scratch = filled("unchanged");
    let all = |dir: &Path| {
        let mut files = volumes(dir);
        files.extend([dir.join("mail/mail.redb"), dir.join("state/system.redb")]);
        files.iter().map(|path| fs::read(path).unwrap()).collect::<Vec<_>>()
    };
    // The first one waits for the lock: the last thread of the store that filled it may still be closing system.redb.
    checked(scratch.path());
    let before = all(scratch.path());
    checked(scratch.path());
    assert!(all(scratch.path()) == before);
}

#[test]
fn a_damaged_body_is_found_and_never_served_and_others_go_on() {
    let scratch = filled("body");
    let path = &volumes(scratch.path())[0];
    // The first record with octets begins behind the volume's header and one empty record.
    flip(path, 32 + 56 + 40 + 80);
    let report = checked(scratch.path());
    assert!(!report.is_whole());
    let store = open(scratch.path());
    block_on(async {
        assert!(!store.check(|_| {}).await.unwrap().is_whole());
        let (mut damaged, mut whole) = (0, 0);
        for mailbox in [2, 3] {
            for row in list(&store, mailbox).await {
                match read(&store, row.body).await {
                    Ok(octets) => whole += usize::from(octets.len() as u64 == row.size),
                    Err(StoreError::Damaged(_)) => damaged += 1,
                    Err(other) => panic!("{other}"),
                }
            }
        }
        assert_eq!((damaged, whole), (1, 59));
    });
}

#[test]
fn a_cut_volume_is_found() {
    let scratch = filled("cut");
    let path = &volumes(scratch.path())[0];
    let file = fs::OpenOptions::new().write(true).open(path).unwrap();
    file.set_len(file.metadata().unwrap().len() - 1).unwrap();
    assert!(!checked(scratch.path()).is_whole());
}

/// 200 damages of one page each in a store of 50 MB: what is served differs only if check said so.
#[test]
fn no_damage_of_a_page_is_served_without_check_seeing_it() {
    let scratch = Scratch::new("pages");
    let store = open(scratch.path());
    block_on(async {
        for n in 0..500u64 {
            deliver(&store, &octets(n, (n * 7919 % 200_000) as usize), &[1, 2 + (n % 2) as u32]).await.unwrap();
        }
        let uids = (1..=100).map(|n| Uid(n * 5)).collect();
        remove(&store, 1, uids).await.unwrap();
    });
    close(store);
    let truth = served(scratch.path());
    let (mut tried, mut found, mut octets_in_all) = (0, 0, 0);
    let mut files = volumes(scratch.path());
    files.push(scratch.path().join("mail/mail.redb"));
    for path in &files {
        let len = fs::metadata(path).unwrap().len();
        octets_in_all += len;
        let pages = len.div_ceil(4096);
        for page in (0..pages).step_by((pages / 100).max(1) as usize) {
            let whole = damaged(
                path,
                page,
                || checked(scratch.path()).is_whole(),
                || {
                    let copy = copied(scratch.path());
                    assert!(served(copy.path()) == truth, "{} page {page}", path.display());
                },
            );
            tried += 1;
            found += u32::from(!whole);
        }
    }
    println!(
        "{tried} damages in {octets_in_all} octets, {found} found by check, the others changed nothing that is served"
    );
    assert!(tried >= 200 && octets_in_all > 40_000_000);
}

/// Damages a page, checks, compares if the check found nothing, and mends the page.
fn damaged(path: &Path, page: u64, check: impl Fn() -> bool, compare: impl Fn()) -> bool {
    let file = fs::OpenOptions::new().read(true).write(true).open(path).unwrap();
    let len = (file.metadata().unwrap().len() - page * 4096).min(4096) as usize;
    let mut before = vec![0; len];
    file.read_exact_at(&mut before, page * 4096).unwrap();
    let mut bad = before.clone();
    match page % 3 {
        0 => bad.fill(0),
        1 => bad = octets(page, len),
        _ => bad[(page * 131) as usize % len] ^= 1 << (page % 8),
    }
    file.write_all_at(&bad, page * 4096).unwrap();
    let whole = check();
    if whole {
        compare();
    }
    file.write_all_at(&before, page * 4096).unwrap();
    whole
}

fn copied(dir: &Path) -> Scratch {
    let copy = Scratch::new("copy");
    for part in ["state", "mail", "mail/bodies"] {
        fs::create_dir_all(copy.path().join(part)).unwrap();
        for entry in fs::read_dir(dir.join(part)).unwrap() {
            let entry = entry.unwrap();
            if entry.file_type().unwrap().is_file() {
                fs::copy(entry.path(), copy.path().join(part).join(entry.file_name())).unwrap();
            }
        }
    }
    copy
}

type Served = Vec<(u32, u64, Vec<u8>)>;

/// Everything a client could get.
fn served(dir: &Path) -> Option<Served> {
    let store = open(dir);
    let all = block_on(async {
        let mut all = Vec::new();
        for mailbox in 1..=3 {
            let rows =
                store.messages(MailboxId(mailbox), &gatepost::types::FolderName::inbox(), Uid(0), 999).await.ok()?;
            for row in rows.1 {
                all.push((row.uid.0, row.size, read(&store, row.body).await.ok()?));
            }
        }
        Some(all)
    });
    close(store);
    all
}

#[test]
fn salvage_gives_every_whole_record_back_to_its_mailboxes() {
    let scratch = filled("salvage");
    let path = volumes(scratch.path())[0].clone();
    // One damaged body, one damaged header, and no mail.redb at all.
    flip(&path, 32 + 56 + 40 + 80);
    let bytes = fs::read(&path).unwrap();
    let third = bytes.windows(8).enumerate().filter(|(_, w)| w == b"GPRECORD").nth(3).unwrap().0;
    flip(&path, third as u64 + 20);
    fs::remove_file(scratch.path().join("mail/mail.redb")).unwrap();
    // It still has some of what came last.
    fs::remove_file(scratch.path().join("mail/mail.log")).unwrap();

    let to = Scratch::new("salvaged");
    let report =
        salvage(&real(), &places(scratch.path(), 0), &places(to.path(), 0), UnixTime(1_800_000_000), &mut |_| {});
    let report = report.unwrap();
    assert_eq!((report.bodies, report.messages, report.strays, report.damaged.len()), (58, 116, 0, 2), "{report:?}");
    assert!(checked(to.path()).is_whole());
    let store = open(to.path());
    block_on(async {
        assert_eq!(list(&store, 1).await.len(), 58);
        for row in list(&store, 2).await {
            let n = (0..60u64).find(|n| n * n * 57 == row.size).unwrap();
            assert!(read(&store, row.body).await.unwrap() == octets(n, row.size as usize));
        }
        deliver(&store, b"new mail", &[1]).await.unwrap();
        let (validity, _) =
            store.messages(MailboxId(1), &gatepost::types::FolderName::inbox(), Uid(0), 1).await.unwrap();
        assert!(validity >= 1_800_000_000);
    });
}

#[test]
fn a_store_without_its_database_is_not_taken_for_a_new_one() {
    let scratch = filled("orphans");
    fs::remove_file(scratch.path().join("mail/mail.redb")).unwrap();
    let before = volumes(scratch.path()).len();
    for known in [true, false] {
        if !known {
            fs::remove_file(scratch.path().join("state/system.redb")).unwrap();
        }
        let store = open(scratch.path());
        block_on(async {
            assert!(matches!(store.draft().await, Err(StoreError::Unavailable(_))));
            assert!(store.rows("settings").await.unwrap().is_empty());
        });
        close(store);
    }
    assert_eq!(volumes(scratch.path()).len(), before);
}
