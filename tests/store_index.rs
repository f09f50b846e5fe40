//! `index.redb`: records come with messages or later, go with them, and nothing that befalls the file costs more than making it again.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs, dead_code)]

#[path = "common/post.rs"]
mod post;
#[path = "common/recorder.rs"]
mod recorder;
#[path = "common/scratch.rs"]
mod scratch;

use std::{path::Path, sync::Arc, time::Duration};

use gatepost::{
    rt::block_on,
    store::{self, Blocks, Disk, NewMessage, RealDisk, Store, Want},
    types::{BodyId, FolderName, MailboxId, Uid},
};
use post::{close, message, octets, open, open_on, places, remove, seal};
use recorder::{Loss, Recorder};
use scratch::Scratch;

fn record(n: u64) -> Vec<u8> {
    octets(n + 1000, 200 + n as usize)
}

/// Messages 0..count, each with its record.
async fn fill(store: &Store, count: u64) -> Vec<BodyId> {
    let mut ids = Vec::new();
    for n in 0..count {
        let sealed = seal(store, &octets(n, 300)).await.unwrap();
        ids.push(sealed.id());
        store.commit(vec![NewMessage { derived: Some(record(n)), ..message(sealed, &[1]) }]).await.unwrap();
    }
    ids
}

fn index(scratch: &Scratch) -> std::path::PathBuf {
    scratch.path().join("mail/index.redb")
}

async fn have(store: &Store, ids: &[BodyId]) -> usize {
    let mut found = 0;
    for (n, id) in (0..).zip(ids) {
        let got = store.derived(*id).await;
        assert!(got.is_none() || got == Some(record(n)), "a record is another one");
        found += usize::from(got.is_some());
    }
    found
}

#[test]
fn a_record_is_there_at_once_and_after_reopening() {
    let scratch = Scratch::new("index-there");
    let store = open(scratch.path());
    let ids = block_on(fill(&store, 20));
    block_on(async {
        assert_eq!(have(&store, &ids).await, 20);
        let folder = store.folder(MailboxId(1), &FolderName::inbox()).await.unwrap();
        let want = Want { derived: true, bodies: false };
        let fetched = store.fetch(folder.id, (1..=20).map(Uid).collect(), want).await.unwrap();
        assert!((0..).zip(&fetched).all(|(n, one)| one.derived == Some(record(n)) && one.body.is_none()));
    });
    assert!(!index(&scratch).exists(), "nothing is written for a handful of records");
    close(store);
    assert!(index(&scratch).exists());
    let store = open(scratch.path());
    block_on(async {
        assert_eq!(have(&store, &ids).await, 20);
        // One that was made later takes the place of the first.
        store.put_derived(ids[3], b"new".to_vec());
        assert_eq!(store.derived(ids[3]).await, Some(b"new".to_vec()));
        let report = store.check(|_| {}).await.unwrap();
        assert_eq!((report.derived, report.problems.len(), report.notes.len()), (20, 0, 0));
    });
    close(store);
    let store = open(scratch.path());
    assert_eq!(block_on(store.derived(ids[3])), Some(b"new".to_vec()));
}

#[test]
fn much_is_written_while_the_store_runs_and_memory_stays_bounded() {
    let scratch = Scratch::new("index-much");
    let store = open(scratch.path());
    let ids = block_on(fill(&store, 1));
    for n in 0..4000u64 {
        store.put_derived(ids[0], octets(n, 1000));
        store.put_derived(BodyId(100_000 + n), octets(n, 1000));
    }
    let until = std::time::Instant::now() + Duration::from_secs(10);
    while !index(&scratch).exists() {
        assert!(std::time::Instant::now() < until);
        std::thread::sleep(Duration::from_millis(50));
    }
    close(store);
    let store = open(scratch.path());
    // Records of bodies that are not there are not kept.
    assert_eq!(block_on(store.check(|_| {})).unwrap().derived, 1);
}

#[test]
fn a_message_that_goes_takes_its_record_with_it() {
    let scratch = Scratch::new("index-gone");
    let store = open(scratch.path());
    let ids = block_on(fill(&store, 10));
    close(store);
    let store = open(scratch.path());
    block_on(remove(&store, 1, (1..=4).map(Uid).collect())).unwrap();
    close(store);
    let store = open(scratch.path());
    assert_eq!((block_on(have(&store, &ids)), block_on(store.check(|_| {})).unwrap().derived), (6, 6));
}

/// Whatever the file is: the store opens, serves, and has a whole one afterwards.
#[test]
fn a_file_that_is_damaged_foreign_or_nonsense_is_set_aside_and_made_anew() {
    let other = Scratch::new("index-other");
    let store = open(other.path());
    block_on(fill(&store, 5));
    close(store);
    let foreign = std::fs::read(index(&other)).unwrap();
    let cut = foreign[..foreign.len() / 2].to_vec();
    let mut torn = foreign.clone();
    torn[..4096].fill(0);
    for (what, octets) in [("foreign", foreign), ("cut", cut), ("torn", torn), ("nonsense", vec![7; 100_000])] {
        let scratch = Scratch::new(&format!("index-{what}"));
        let store = open(scratch.path());
        let ids = block_on(fill(&store, 10));
        close(store);
        std::fs::write(index(&scratch), octets).unwrap();
        let store = open(scratch.path());
        block_on(async {
            assert_eq!(have(&store, &ids).await, 0, "{what}");
            (0..).zip(&ids).for_each(|(n, id)| store.put_derived(*id, record(n)));
            assert_eq!(have(&store, &ids).await, 10, "{what}");
        });
        close(store);
        assert!(scratch.path().join("mail/index.redb.damaged").exists(), "{what}");
        let store = open(scratch.path());
        assert_eq!((block_on(have(&store, &ids)), block_on(post::list(&store, 1)).len()), (10, 10), "{what}");
        assert_eq!(block_on(store.check(|_| {})).unwrap().problems, Vec::<String>::new());
    }
}

#[test]
fn no_flipped_octet_makes_another_record_of_one() {
    let scratch = Scratch::new("index-flip");
    let store = open(scratch.path());
    let ids = block_on(fill(&store, 60));
    close(store);
    let whole = std::fs::read(index(&scratch)).unwrap();
    for at in (0..whole.len()).step_by(whole.len() / 40) {
        let mut bad = whole.clone();
        bad[at..(at + 64).min(whole.len())].iter_mut().for_each(|octet| *octet ^= 0x55);
        std::fs::write(index(&scratch), bad).unwrap();
        let store = open(scratch.path());
        // `have` fails on a record that is another one; none is well.
        block_on(have(&store, &ids));
        assert_eq!(block_on(post::list(&store, 1)).len(), 60, "octet {at}");
        close(store);
    }
}

fn derive(body: &mut dyn Blocks) -> std::io::Result<Vec<u8>> {
    let mut made = b"made ".to_vec();
    while let Some(block) = body.next()? {
        made.extend(block.iter().take(20));
    }
    Ok(made)
}

fn made(n: u64) -> Vec<u8> {
    [b"made ", &octets(n, 300)[..20]].concat()
}

#[test]
fn reindex_makes_every_record_again_running_or_stopped() {
    let scratch = Scratch::new("index-again");
    let store = open(scratch.path());
    let ids = block_on(fill(&store, 450));
    block_on(async {
        let mut heard = 0;
        let done = store.reindex(Arc::new(derive), |octets| heard = octets).await.unwrap();
        assert_eq!((done.records, done.octets, done.unread, heard), (450, 450 * 300, 0, 450 * 300));
        for (n, id) in (0..).zip(&ids) {
            // What came with the message and still waits is as good.
            let got = store.derived(*id).await;
            assert!(got == Some(made(n)) || got == Some(record(n)));
        }
    });
    close(store);
    let disk: Arc<dyn Disk> = Arc::new(RealDisk);
    let mail = std::fs::read(scratch.path().join("mail/mail.redb")).unwrap();
    let done = store::reindex(&disk, &places(scratch.path(), 0), &derive, &mut |_| {}).unwrap();
    assert_eq!((done.records, done.unread), (450, 0));
    assert!(std::fs::read(scratch.path().join("mail/mail.redb")).unwrap() == mail, "nothing else is changed");
    let report = store::check(&disk, &places(scratch.path(), 0), &mut |_| {}).unwrap();
    assert_eq!((report.derived, report.problems, report.notes), (450, Vec::new(), Vec::new()));
    let store = open(scratch.path());
    block_on(async {
        for (n, id) in (0..).zip(&ids) {
            assert_eq!(store.derived(*id).await, Some(made(n)));
        }
        let again = store::reindex(&disk, &places(scratch.path(), 0), &derive, &mut |_| {});
        assert!(matches!(again, Err(store::StoreError::Unavailable(_))), "a server runs on the files");
    });
}

#[test]
fn what_a_power_cut_made_it_forget_is_swept_out_after_the_next_start() {
    let disk = Recorder::default();
    let open = |disk: &Recorder| open_on(Arc::new(disk.clone()), Path::new("/disk"), 0).unwrap();
    let store = open(&disk);
    let ids = block_on(fill(&store, 10));
    close(store);
    let store = open(&disk);
    assert_eq!(block_on(have(&store, &ids)), 10);
    block_on(remove(&store, 1, (1..=4).map(Uid).collect())).unwrap();
    let image = disk.image(disk.len(), Loss::Everything);
    close(store);
    let store = open(&image);
    assert_eq!(block_on(store.check(|_| {})).unwrap().derived, 10);
    // The writer's quiet moments, one a second: the sweep, then the next batch or the closing writes what it found.
    std::thread::sleep(Duration::from_secs(4));
    close(store);
    let store = open(&image);
    assert_eq!((block_on(store.check(|_| {})).unwrap().derived, block_on(have(&store, &ids))), (6, 6));
}
