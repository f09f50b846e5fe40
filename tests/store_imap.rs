//! What IMAP needs of the store, over real files: folders, flags, copies, watchers.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs, dead_code)]

#[path = "common/post.rs"]
mod post;
#[path = "store_imap/salvage.rs"]
mod salvage;
#[path = "common/scratch.rs"]
mod scratch;

use std::{io, sync::Arc};

use gatepost::{
    rt::block_on,
    store::{
        self, Blocks, Change, Changes, Delivery, Disk, FlagEdit, Folder, How, NewMessage, RealDisk, Sieve, Store,
        StoreError, Want,
    },
    types::{Flags, FolderId, FolderName, Keyword, MailboxId, MessageRow, Special, Uid, UnixTime},
};
use post::{close, deliver, octets, open, read, seal};
use scratch::Scratch;

const ANN: MailboxId = MailboxId(1);
const BOB: MailboxId = MailboxId(2);

fn name(text: &str) -> FolderName {
    FolderName::parse(text).unwrap()
}

fn word(text: &str) -> Keyword {
    Keyword::parse(text).unwrap()
}

fn uids(numbers: impl IntoIterator<Item = u32>) -> Vec<Uid> {
    numbers.into_iter().map(Uid).collect()
}

fn edit(how: How, flags: Flags, keywords: &[&str]) -> FlagEdit {
    FlagEdit { how, flags, keywords: keywords.iter().map(|w| word(w)).collect(), unchanged_since: None }
}

async fn inbox(store: &Store) -> Folder {
    store.folder(ANN, &FolderName::inbox()).await.unwrap()
}

async fn rows(store: &Store, folder: FolderId) -> Vec<MessageRow> {
    store.page(folder, Uid(0), usize::MAX).await.unwrap()
}

async fn fill(store: &Store, count: u64) -> Folder {
    for n in 0..count {
        deliver(store, &octets(n, 100), &[1]).await.unwrap();
    }
    inbox(store).await
}

async fn whole(store: &Store) {
    assert_eq!(store.check(|_| {}).await.unwrap().problems, Vec::<String>::new());
}

fn names(folders: &[Folder]) -> Vec<&str> {
    folders.iter().map(|folder| folder.name.as_str()).collect()
}

/// It was believed that only what is refused leaves nothing behind: a keyword stayed in the folder's list for ever though every message
/// had changed since.
#[test]
fn an_edit_that_changes_nothing_leaves_no_keyword_behind() {
    let scratch = Scratch::new("imap-unchanged");
    let store = open(scratch.path());
    block_on(async {
        let folder = fill(&store, 2).await;
        store.flag(folder.id, uids([1, 2]), edit(How::Add, Flags::DELETED, &[])).await.unwrap();
        let late = FlagEdit { unchanged_since: Some(folder.modseq), ..edit(How::Add, Flags::default(), &["late"]) };
        let flagged = store.flag(folder.id, uids([1, 2]), late).await.unwrap();
        assert_eq!((flagged.modified, flagged.changed), (uids([1, 2]), None));
        store.flag(folder.id, uids([7, 8]), edit(How::Replace, Flags::default(), &["nobody"])).await.unwrap();
        assert_eq!(store.keywords(folder.id).await, Ok(vec![]));
        store.flag(folder.id, uids([2]), edit(How::Add, Flags::default(), &["now"])).await.unwrap();
        assert_eq!(store.keywords(folder.id).await, Ok(vec![word("now")]));
        whole(&store).await;
    });
}

#[test]
fn an_inbox_that_nobody_made_is_there_when_it_is_asked_for() {
    let scratch = Scratch::new("imap-inbox");
    let store = open(scratch.path());
    block_on(async {
        let folder = inbox(&store).await;
        assert_eq!((folder.special, folder.next_uid, folder.messages), (Special::Inbox, Uid(1), 0));
        assert_eq!(inbox(&store).await, folder);
        assert_eq!(store.folder(ANN, &name("Other")).await, Err(StoreError::Missing));
        assert_eq!(store.subscriptions(ANN).await.unwrap(), [FolderName::inbox()]);
    });
}

#[test]
fn a_delivery_says_where_each_copy_was_put() {
    let scratch = Scratch::new("imap-kept");
    let store = open(scratch.path());
    block_on(async {
        let appended = Delivery {
            flags: Flags::SEEN.with(Flags::DRAFT),
            keywords: vec![word("$Label1")],
            date: Some(UnixTime(77)),
            ..Delivery::plain(BOB, name("Work/2036"))
        };
        let (sealed, queue) = (seal(&store, b"hello").await.unwrap(), Vec::new());
        let deliveries = vec![Delivery::to_inbox(ANN), appended];
        let kept = store.commit(vec![NewMessage { sealed, derived: None, deliveries, queue }]).await.unwrap();
        let ann = inbox(&store).await;
        let bob = store.folder(BOB, &name("Work/2036")).await.unwrap();
        assert_eq!((kept[0].folder, kept[0].validity, kept[0].uid), (ann.id, ann.validity, Uid(1)));
        assert_eq!((kept[1].folder, kept[1].validity, kept[1].uid), (bob.id, bob.validity, Uid(1)));
        let row = rows(&store, bob.id).await[0];
        assert_eq!((row.flags, row.date, row.size), (Flags::SEEN.with(Flags::DRAFT), UnixTime(77), 5));
        let words = store.keywords(bob.id).await.unwrap();
        assert!(row.keywords.has(0) && words == [word("$label1")] && words[0].as_str() == "$Label1");
        assert_eq!(names(&store.folders(BOB).await.unwrap()), ["Work", "Work/2036"]);
        assert_eq!((bob.unseen, ann.unseen, bob.bytes), (0, 1, 5));
        whole(&store).await;
    });
}

#[test]
fn folders_are_made_with_their_levels_and_removed_without_their_children() {
    let scratch = Scratch::new("imap-folders");
    let store = open(scratch.path());
    block_on(async {
        let made = store.create_folder(ANN, &name("a/b/c"), Special::Archive).await.unwrap();
        assert_eq!((made.special, made.messages), (Special::Archive, 0));
        assert_eq!(names(&store.folders(ANN).await.unwrap()), ["a", "a/b", "a/b/c"]);
        assert_eq!(store.create_folder(ANN, &name("a/b"), Special::None).await, Err(StoreError::Exists));
        assert_eq!(store.create_folder(ANN, &name("inbox"), Special::None).await, Err(StoreError::Exists));
        store.delete_folder(ANN, &name("a/b")).await.unwrap();
        assert_eq!(names(&store.folders(ANN).await.unwrap()), ["a", "a/b/c"]);
        assert_eq!(store.delete_folder(ANN, &name("a/b")).await, Err(StoreError::Missing));
        assert_eq!(store.delete_folder(ANN, &FolderName::inbox()).await, Err(StoreError::Exists));
        let again = store.create_folder(ANN, &name("a/b"), Special::None).await.unwrap();
        assert!(again.validity > made.validity && again.id > made.id);
        // CREATE does not subscribe; a name need not exist.
        assert!(store.subscriptions(ANN).await.unwrap().is_empty());
        store.subscribe(ANN, &name("nowhere"), true).await.unwrap();
        store.subscribe(ANN, &name("a"), true).await.unwrap();
        store.subscribe(ANN, &name("a"), false).await.unwrap();
        assert_eq!(store.subscriptions(ANN).await.unwrap(), [name("nowhere")]);
        whole(&store).await;
    });
}

#[test]
fn a_rename_moves_everything_below_and_changes_no_number() {
    let scratch = Scratch::new("imap-rename");
    let store = open(scratch.path());
    block_on(async {
        let from = fill(&store, 3).await;
        let deep = store.create_folder(ANN, &name("a/deep"), Special::None).await.unwrap();
        store.create_folder(ANN, &name("ab"), Special::None).await.unwrap();
        store.copy(from.id, uids([1, 2, 3]), (ANN, name("a/deep")), false).await.unwrap();
        store.subscribe(ANN, &name("a/deep"), true).await.unwrap();
        let before = store.folder(ANN, &name("a/deep")).await.unwrap();
        assert_eq!(store.rename_folder(ANN, &name("a"), &name("ab")).await, Err(StoreError::Exists));
        assert_eq!(store.rename_folder(ANN, &name("none"), &name("x")).await, Err(StoreError::Missing));
        let long = name(&"x".repeat(253));
        assert!(matches!(store.rename_folder(ANN, &name("a"), &long).await, Err(StoreError::Limit(_))));
        store.rename_folder(ANN, &name("a"), &name("a/x")).await.unwrap();
        assert_eq!(names(&store.folders(ANN).await.unwrap()), ["INBOX", "a", "a/x", "a/x/deep", "ab"]);
        store.rename_folder(ANN, &name("a/x"), &name("new/y")).await.unwrap();
        assert_eq!(names(&store.folders(ANN).await.unwrap()), ["INBOX", "a", "ab", "new", "new/y", "new/y/deep"]);
        let after = store.folder(ANN, &name("new/y/deep")).await.unwrap();
        assert_eq!(Folder { name: before.name.clone(), ..after }, before);
        assert_eq!(rows(&store, deep.id).await.len(), 3);
        assert!(store.subscriptions(ANN).await.unwrap().contains(&name("new/y/deep")));
        assert!(!store.subscriptions(ANN).await.unwrap().contains(&name("a/deep")));
        whole(&store).await;
    });
}

#[test]
fn a_renamed_inbox_stays_and_gives_its_messages() {
    let scratch = Scratch::new("imap-rename-inbox");
    let store = open(scratch.path());
    block_on(async {
        let before = fill(&store, 3).await;
        store.create_folder(ANN, &name("INBOX/below"), Special::None).await.unwrap();
        store.rename_folder(ANN, &FolderName::inbox(), &name("Old/mail")).await.unwrap();
        let (after, old) = (inbox(&store).await, store.folder(ANN, &name("Old/mail")).await.unwrap());
        assert_eq!((after.id, after.validity, after.messages, after.bytes), (before.id, before.validity, 0, 0));
        assert_eq!((old.messages, old.unseen, old.next_uid), (3, 3, Uid(4)));
        assert!(store.folder(ANN, &name("INBOX/below")).await.is_ok());
        deliver(&store, b"new", &[1]).await.unwrap();
        assert_eq!(rows(&store, after.id).await[0].uid, Uid(4));
        whole(&store).await;
    });
}

#[test]
fn flags_change_with_one_growing_number_and_counters_follow() {
    let scratch = Scratch::new("imap-flags");
    let store = open(scratch.path());
    block_on(async {
        let folder = fill(&store, 5).await;
        let seen = edit(How::Add, Flags::SEEN, &["$Work"]);
        let done = store.flag(folder.id, uids([1, 2, 9]), seen.clone()).await.unwrap();
        assert_eq!(done.rows.iter().map(|row| row.uid.0).collect::<Vec<_>>(), [1, 2]);
        let after = inbox(&store).await;
        assert!(after.modseq > folder.modseq && done.rows.iter().all(|row| row.modseq == after.modseq));
        assert_eq!((after.unseen, after.deleted), (3, 0));
        // What is so already is no change.
        let done = store.flag(folder.id, uids([1, 2]), seen.clone()).await.unwrap();
        assert_eq!((inbox(&store).await, done.rows[0].modseq), (after.clone(), after.modseq));
        let since = FlagEdit { unchanged_since: Some(folder.modseq), ..edit(How::Replace, Flags::DELETED, &[]) };
        let done = store.flag(folder.id, uids([1, 3]), since).await.unwrap();
        assert_eq!((done.modified, done.rows[0].uid, done.rows[0].flags), (uids([1]), Uid(3), Flags::DELETED));
        store.flag(folder.id, uids([2]), edit(How::Remove, Flags::SEEN, &["$WORK", "$Never"])).await.unwrap();
        let all = rows(&store, folder.id).await;
        assert_eq!((all[1].flags, all[1].keywords.0, all[0].keywords.0), (Flags::default(), 0, 1));
        assert_eq!(store.keywords(folder.id).await.unwrap(), [word("$work")]);
        let after = inbox(&store).await;
        assert_eq!((after.unseen, after.deleted, after.messages), (4, 1, 5));
        whole(&store).await;
    });
}

#[test]
fn the_sixty_fifth_keyword_is_refused_and_changes_nothing() {
    let scratch = Scratch::new("imap-keywords");
    let store = open(scratch.path());
    block_on(async {
        let folder = fill(&store, 1).await;
        let many: Vec<String> = (0..63).map(|n| format!("k{n}")).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        store.flag(folder.id, uids([1]), edit(How::Add, Flags::default(), &many)).await.unwrap();
        let before = rows(&store, folder.id).await;
        let two = edit(How::Add, Flags::SEEN, &["one", "two"]);
        assert!(matches!(store.flag(folder.id, uids([1]), two).await, Err(StoreError::Limit(_))));
        assert_eq!((rows(&store, folder.id).await, store.keywords(folder.id).await.unwrap().len()), (before, 63));
        store.flag(folder.id, uids([1]), edit(How::Add, Flags::SEEN, &["one"])).await.unwrap();
        assert_eq!(rows(&store, folder.id).await[0].keywords.0, u64::MAX);
        whole(&store).await;
    });
}

#[test]
fn a_copy_links_and_a_move_takes_away() {
    let scratch = Scratch::new("imap-copy");
    let store = open(scratch.path());
    block_on(async {
        let from = fill(&store, 4).await;
        let target = store.create_folder(BOB, &name("Shared"), Special::None).await.unwrap();
        // Keywords have other numbers in the target: this one does not come along.
        store.flag(from.id, uids([4]), edit(How::Add, Flags::default(), &["$X"])).await.unwrap();
        store.flag(from.id, uids([2]), edit(How::Add, Flags::FLAGGED, &["$A", "$B"])).await.unwrap();
        let to = (BOB, name("Shared"));
        let copied = store.copy(from.id, uids([2, 3, 77]), to.clone(), false).await.unwrap();
        assert_eq!((copied.validity, copied.pairs), (target.validity, vec![(Uid(2), Uid(1)), (Uid(3), Uid(2))]));
        let (old, new) = (rows(&store, from.id).await, rows(&store, target.id).await);
        assert_eq!((old.len(), new[0].body, new[0].flags, new[0].date), (4, old[1].body, Flags::FLAGGED, old[1].date));
        let words = store.keywords(target.id).await.unwrap();
        let got: Vec<_> = new[0].keywords.iter().map(|n| words[n].as_str()).collect();
        assert_eq!((got, words.len()), (vec!["$A", "$B"], 2));
        assert_eq!(store.usage(BOB).await.unwrap().bytes, 200);
        let moved = store.copy(from.id, uids([1, 2]), to, true).await.unwrap();
        assert_eq!(moved.pairs, [(Uid(1), Uid(3)), (Uid(2), Uid(4))]);
        assert_eq!((inbox(&store).await.messages, store.usage(ANN).await.unwrap().messages), (2, 2));
        // Into the folder itself: new numbers behind the others.
        let within = store.copy(target.id, uids([1]), (BOB, name("Shared")), true).await.unwrap();
        assert_eq!(within.pairs, [(Uid(1), Uid(5))]);
        let missing = store.copy(from.id, uids([3]), (BOB, name("Nowhere")), true).await;
        assert_eq!(missing, Err(StoreError::Missing));
        whole(&store).await;
        for row in rows(&store, target.id).await {
            assert_eq!(read(&store, row.body).await.unwrap().len(), 100);
        }
        store.purge(ANN).await.unwrap();
        assert_eq!(read(&store, rows(&store, target.id).await[0].body).await.unwrap().len(), 100);
        whole(&store).await;
    });
}

#[test]
fn expunge_takes_what_is_deleted_and_says_what_went() {
    let scratch = Scratch::new("imap-expunge");
    let store = open(scratch.path());
    block_on(async {
        let folder = fill(&store, 5).await;
        store.flag(folder.id, uids([1, 3, 5]), edit(How::Add, Flags::DELETED, &[])).await.unwrap();
        assert_eq!(store.expunge(folder.id, Some(uids([2, 3])), true).await.unwrap(), uids([3]));
        assert_eq!(store.expunge(folder.id, None, true).await.unwrap(), uids([1, 5]));
        assert_eq!(store.expunge(folder.id, None, true).await.unwrap(), []);
        let after = inbox(&store).await;
        assert_eq!((after.messages, after.deleted, after.bytes), (2, 0, 200));
        assert_eq!(store.expunge(folder.id, Some(uids([2])), false).await.unwrap(), uids([2]));
        assert_eq!(store.expunge(FolderId(99), None, true).await, Err(StoreError::Missing));
        whole(&store).await;
    });
}

#[test]
fn who_watches_a_folder_hears_every_change_and_no_other() {
    let scratch = Scratch::new("imap-watch");
    let store = open(scratch.path());
    block_on(async {
        let folder = fill(&store, 2).await;
        store.create_folder(ANN, &name("b"), Special::None).await.unwrap();
        let other = store.folder(ANN, &name("b")).await.unwrap();
        let (watch, elsewhere) = (store.watch(folder.id), store.watch(other.id));
        deliver(&store, b"three", &[1]).await.unwrap();
        watch.changed().await;
        let flagged = store.flag(folder.id, uids([1]), edit(How::Add, Flags::SEEN, &[])).await.unwrap();
        store.copy(folder.id, uids([2]), (ANN, name("b")), true).await.unwrap();
        let after = inbox(&store).await;
        let Changes::List(heard) = watch.take() else { panic!("lost") };
        assert!(matches!(heard[0], Change::Added(Uid(3), _)));
        assert_eq!(heard[1], Change::Flags(Uid(1), flagged.rows[0].modseq));
        assert_eq!((heard[2], heard.len()), (Change::Gone(Uid(2), after.modseq), 3));
        assert!(matches!(elsewhere.take(), Changes::List(list) if matches!(list[..], [Change::Added(Uid(1), _)])));
        assert_eq!((store.peek_recent(folder.id), store.take_recent(folder.id)), (Some(Uid(1)), Some(Uid(1))));
        assert_eq!((store.take_recent(folder.id), store.take_recent(other.id)), (None, Some(Uid(1))));
        store.rename_folder(ANN, &name("b"), &name("c")).await.unwrap();
        assert_eq!(elsewhere.take(), Changes::List(Vec::new()));
        store.delete_folder(ANN, &name("c")).await.unwrap();
        assert_eq!(elsewhere.take(), Changes::List(vec![Change::FolderGone]));
        assert_eq!(store.page(other.id, Uid(0), 9).await, Err(StoreError::Missing));
    });
}

#[test]
fn a_fetch_stops_after_a_mebibyte_and_leaves_long_bodies_out() {
    let scratch = Scratch::new("imap-fetch");
    let store = open(scratch.path());
    block_on(async {
        for n in 0..40u64 {
            deliver(&store, &octets(n, 60_000), &[1]).await.unwrap();
        }
        deliver(&store, &octets(99, 100_000), &[1]).await.unwrap();
        let folder = inbox(&store).await;
        let mut wanted = uids(1..=50);
        let (mut turns, mut got) = (0, Vec::new());
        while !wanted.is_empty() {
            let page = store.fetch(folder.id, wanted.clone(), Want { bodies: true, derived: false }).await.unwrap();
            let Some(last) = page.last() else { break };
            let last = last.row.uid;
            wanted.retain(|uid| *uid > last);
            got.extend(page);
            turns += 1;
        }
        assert_eq!((got.len(), turns), (41, 3));
        for (n, one) in (0u64..).zip(&got[..40]) {
            assert!(one.body.as_deref() == Some(&octets(n, 60_000)[..]));
        }
        assert!(got[40].body.is_none() && got[40].row.size == 100_000);
        assert_eq!(store.fetch(FolderId(99), uids([1]), Want::default()).await.unwrap_err(), StoreError::Missing);
    });
}

/// Hits are messages whose octets begin like those of `seed`.
struct Begins(Vec<u8>);

impl Sieve for Begins {
    fn wants(&self) -> Want {
        Want { bodies: true, derived: false }
    }

    fn takes(&self, row: &MessageRow, _derived: Option<&[u8]>, body: &mut dyn Blocks) -> io::Result<bool> {
        let (mut all, mut pieces) = (Vec::new(), 0);
        while let Some(piece) = body.next()? {
            assert!(piece.len() <= 65_536);
            pieces += 1;
            all.extend(piece);
        }
        assert_eq!((all.len() as u64, pieces), (row.size, row.size.div_ceil(65_536)));
        Ok(all.starts_with(&self.0))
    }
}

#[test]
fn a_search_goes_in_turns_and_sees_whole_bodies() {
    let scratch = Scratch::new("imap-sift");
    let store = open(scratch.path());
    block_on(async {
        for n in 0..30u64 {
            deliver(&store, &octets(n % 3, 100_000), &[1]).await.unwrap();
        }
        let folder = inbox(&store).await;
        let sieve: Arc<dyn Sieve> = Arc::new(Begins(octets(1, 100)));
        let (mut wanted, mut hits, mut turns) = (uids(1..=30), Vec::new(), 0);
        loop {
            let turn = store.sift(folder.id, wanted.clone(), sieve.clone()).await.unwrap();
            hits.extend(turn.hits.into_iter().map(|(uid, _)| uid.0));
            turns += 1;
            let Some(next) = turn.next else { break };
            wanted.retain(|uid| *uid >= next);
        }
        assert_eq!((hits, turns), ((2..=30).step_by(3).collect(), 3));
    });
    close(store);
}

/// Q15. Believed: whoever asked for the usage knows whether a message fits. True: several ask before any of them commits.
#[test]
fn commits_that_were_weighed_alone_do_not_pass_a_limit_together() {
    let scratch = Scratch::new("imap-limit");
    let store = open(scratch.path());
    let commit = |n| {
        let limited = Delivery { limit: Some(350), ..Delivery::to_inbox(ANN) };
        let deliveries = vec![limited, Delivery::to_inbox(BOB)];
        block_on(async {
            let (sealed, queue) = (seal(&store, &octets(n, 100)).await.unwrap(), Vec::new());
            store.commit(vec![NewMessage { sealed, derived: None, deliveries, queue }]).await
        })
    };
    let commit = &commit;
    let done: Vec<_> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..8).map(|n| scope.spawn(move || commit(n))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    let refused = done.iter().filter(|done| **done == Err(StoreError::OverQuota)).count();
    let kept = done.iter().filter(|done| done.is_ok()).count();
    block_on(async {
        assert_eq!((kept, refused), (3, 5));
        let used = |usage: store::Usage| (usage.messages, usage.bytes);
        assert_eq!(used(store.usage(ANN).await.unwrap()), (3, 300));
        assert_eq!(used(store.usage(BOB).await.unwrap()), (3, 300), "a refused commit gives nobody anything");
        let from = inbox(&store).await.id;
        store.create_folder(ANN, &name("Other"), Special::None).await.unwrap();
        let other = || (ANN, name("Other"));
        assert_eq!(store.copy_within(from, uids([1]), other(), 399).await, Err(StoreError::OverQuota));
        assert_eq!(store.copy_within(from, uids([1]), other(), 400).await.unwrap().pairs, [(Uid(1), Uid(1))]);
        assert_eq!(store.copy_within(from, uids([9]), other(), 10).await.unwrap().pairs, []);
        whole(&store).await;
    });
}
