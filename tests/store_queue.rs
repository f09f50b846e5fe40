//! The queue on the disk: what waits is found when its time comes, by nobody twice, and neither a power cut nor damage loses a row.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs, dead_code)]

#[path = "store_queue/cuts.rs"]
mod cuts;
#[path = "store_queue/damage.rs"]
mod damage;
#[path = "store_queue/many.rs"]
mod many;
#[path = "common/post.rs"]
mod post;
#[path = "common/recorder.rs"]
mod recorder;
#[path = "common/scratch.rs"]
mod scratch;

use std::collections::HashSet;

use gatepost::{
    rt::{block_on, timeout},
    store::{Destination, NewMessage, QueueFilter, QueueOrder, QueueRows, QueueStage, Store, StoreError},
    types::{Address, Answer, BodyId, Domain, Hold, Leaving, ReversePath, RowId, Settled, UnixTime, Waiting},
};
use post::{close, open, read, seal};
use scratch::Scratch;
use std::time::Duration;

pub const NOW: UnixTime = UnixTime(1_800_000_000);

pub fn at(minutes: i64) -> UnixTime {
    NOW.plus(minutes * 60)
}

pub fn to(address: &str, next_try: UnixTime) -> Leaving {
    let from = ReversePath::Address(Address::parse("ann@office.test").unwrap());
    Leaving { ours: true, ..Leaving::plain(from, Address::parse(address).unwrap(), next_try) }
}

pub async fn message(store: &Store, body: &[u8], queue: Vec<Leaving>) -> NewMessage {
    NewMessage { sealed: seal(store, body).await.unwrap(), derived: None, deliveries: Vec::new(), queue }
}

/// A message for each of these addresses, tried at the minute that stands beside it.
async fn send(store: &Store, body: &[u8], to_whom: &[(&str, i64)]) -> BodyId {
    let queue = to_whom.iter().map(|(address, minute)| to(address, at(*minute))).collect();
    let message = message(store, body, queue).await;
    let id = message.sealed.id();
    store.commit(vec![message]).await.unwrap();
    id
}

pub fn names(rows: &[Waiting]) -> Vec<String> {
    rows.iter().map(|row| row.leaving.to.to_string()).collect()
}

fn destination(domain: &str) -> Destination {
    Destination::of(&Domain::parse(domain).unwrap())
}

fn skip(domains: &[&str]) -> HashSet<Destination> {
    domains.iter().map(|domain| destination(domain)).collect()
}

pub async fn due(store: &Store, minute: i64) -> Vec<Waiting> {
    store.due(at(minute), None, HashSet::new(), 1000).await.unwrap().rows
}

pub async fn everything(store: &Store) -> Vec<Waiting> {
    store.waiting(QueueFilter::default(), QueueOrder::Oldest, None, 100_000).await.unwrap().rows
}

pub fn answer(text: &str) -> Answer {
    Answer { at: NOW, peer: "mx.x.test[192.0.2.1]:25".into(), code: 451, status: "4.7.1".into(), text: text.into() }
}

pub async fn is_whole(store: &Store) {
    assert_eq!(store.check(|_| {}).await.unwrap().problems, Vec::<String>::new());
}

#[test]
fn what_is_due_comes_in_the_order_of_its_next_try_and_busy_destinations_are_passed_over() {
    let scratch = Scratch::new("queue-due");
    let store = open(scratch.path());
    block_on(async {
        send(&store, b"one", &[("a@x.test", 5), ("b@y.test", 3), ("c@x.test", 1)]).await;
        send(&store, b"two", &[("d@z.test", 2), ("e@X.test", 30)]).await;
        assert_eq!(names(&due(&store, 0).await), Vec::<String>::new());
        assert_eq!(names(&due(&store, 5).await), ["c@x.test", "d@z.test", "b@y.test", "a@x.test"]);
        let page = store.due(at(5), None, skip(&["x.test"]), 10).await.unwrap();
        assert_eq!((names(&page.rows), page.next), (vec!["d@z.test".to_owned(), "b@y.test".into()], None));
        // In pages of two.
        let first = store.due(at(60), None, HashSet::new(), 2).await.unwrap();
        let second = store.due(at(60), first.next, HashSet::new(), 2).await.unwrap();
        let third = store.due(at(60), second.next, HashSet::new(), 2).await.unwrap();
        assert_eq!(names(&first.rows), ["c@x.test", "d@z.test"]);
        assert_eq!(names(&second.rows), ["b@y.test", "a@x.test"]);
        assert_eq!((names(&third.rows), third.next), (vec!["e@x.test".to_owned()], None));
        assert_eq!(names(&store.due_of(destination("x.test"), at(5), 9).await.unwrap()), ["c@x.test", "a@x.test"]);
        assert_eq!(store.next_due(HashSet::new()).await, Ok(Some(at(1))));
        assert_eq!(store.next_due(skip(&["x.test", "z.test"])).await, Ok(Some(at(3))));
        assert_eq!(store.next_due(skip(&["x.test", "y.test", "z.test"])).await, Ok(None));
        is_whole(&store).await;
    });
}

/// So many rows of one busy destination that the walk gives up and asks the others.
#[test]
fn ten_thousand_rows_of_a_busy_destination_hide_nobody() {
    let scratch = Scratch::new("queue-busy");
    let store = open(scratch.path());
    block_on(async {
        for n in 0..10 {
            let many = (0..1000).map(|k| to(&format!("u{n}-{k}@busy.test"), at(0))).collect();
            let many = message(&store, b"many", many).await;
            store.commit(vec![many]).await.unwrap();
        }
        for n in 0..30 {
            send(&store, b"few", &[(&format!("v{n}@d{}.test", n % 7), 1 + n % 3)]).await;
        }
        let busy = skip(&["busy.test"]);
        let all = store.due(at(2), None, busy.clone(), 100).await.unwrap();
        assert_eq!((all.rows.len(), all.next), (20, None));
        assert!(all.rows.is_sorted_by_key(|row| (row.leaving.next_try, row.id)));
        let mut paged = Vec::new();
        let mut after = None;
        loop {
            let page = store.due(at(2), after, busy.clone(), 7).await.unwrap();
            paged.extend(names(&page.rows));
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        assert_eq!(paged, names(&all.rows));
        assert_eq!(store.next_due(busy).await, Ok(Some(at(1))));
        assert_eq!(store.queue_len().await, Ok(10_030));
        is_whole(&store).await;
    });
}

#[test]
fn the_next_try_is_written_before_the_attempt_and_what_became_of_it_behind() {
    let scratch = Scratch::new("queue-settle");
    let store = open(scratch.path());
    let (delivered, late) = block_on(async {
        let body = send(&store, b"octets", &[("a@x.test", 0), ("b@x.test", 0), ("c@x.test", 0)]).await;
        let rows = due(&store, 0).await;
        let ids: Vec<RowId> = rows.iter().map(|row| row.id).collect();
        assert_eq!((rows[0].body, rows[0].size, rows[0].tries), (body, 6, 0));
        store.hold(QueueRows::Ids(vec![ids[2]]), Hold::Held).await.unwrap();
        let begun = ids.iter().chain([&RowId(999)]).map(|id| (*id, at(30))).collect();
        assert_eq!(store.begin(begun).await, Ok(ids[..2].to_vec()));
        assert_eq!(names(&due(&store, 29).await), Vec::<String>::new());
        let later = Settled::Later { id: ids[1], next_try: at(300), last: Some(answer("try later")), told_late: true };
        store.settle(vec![Settled::Done(ids[0]), later]).await.unwrap();
        (ids[0], ids[1])
    });
    close(store);
    let store = open(scratch.path());
    block_on(async {
        assert_eq!(store.waiting_one(delivered).await, Err(StoreError::Missing));
        let row = store.waiting_one(late).await.unwrap();
        assert_eq!((row.tries, row.leaving.next_try, row.told_late), (1, at(300), true));
        assert_eq!(row.last, Some(answer("try later")));
        assert_eq!(read(&store, row.body).await.unwrap(), b"octets");
        is_whole(&store).await;
        // The last row takes the body with it.
        let rest: Vec<Settled> = everything(&store).await.iter().map(|row| Settled::Done(row.id)).collect();
        assert_eq!(rest.len(), 2);
        store.settle(rest.clone()).await.unwrap();
        store.settle(rest).await.unwrap();
        assert!(matches!(store.body(row.body).await, Err(StoreError::Missing)));
        assert_eq!(store.queue_len().await, Ok(0));
        is_whole(&store).await;
    });
}

#[test]
fn a_bounce_is_kept_with_the_end_of_its_row_or_not_at_all() {
    let scratch = Scratch::new("queue-bounce");
    let store = open(scratch.path());
    block_on(async {
        send(&store, b"lost", &[("a@x.test", 0)]).await;
        let id = due(&store, 0).await[0].id;
        let bounce = message(&store, b"bounce", vec![to("ann@office.test", at(0))]).await;
        store.commit_also(vec![bounce], vec![Settled::Done(id)]).await.unwrap();
        assert_eq!(names(&everything(&store).await), ["ann@office.test"]);
        // Somebody was quicker: no second bounce.
        let again = message(&store, b"bounce", vec![to("ann@office.test", at(0))]).await;
        assert_eq!(store.commit_also(vec![again], vec![Settled::Done(id)]).await, Err(StoreError::Missing));
        assert_eq!(store.queue_len().await, Ok(1));
        is_whole(&store).await;
    });
}

#[test]
fn held_rows_wait_for_an_administrator_and_hurried_ones_do_not_wait() {
    let scratch = Scratch::new("queue-hold");
    let store = open(scratch.path());
    block_on(async {
        send(&store, b"one", &[("a@x.test", 10), ("b@y.test", 20), ("c@x.test", 0)]).await;
        let x = QueueFilter { domain: Some(Domain::parse("x.test").unwrap()), ..QueueFilter::default() };
        assert_eq!(store.hold(QueueRows::Fitting(x.clone()), Hold::Held).await, Ok(2));
        assert_eq!(store.hold(QueueRows::Fitting(x), Hold::Held).await, Ok(0));
        let count = store.queue_count().await.unwrap();
        assert_eq!((count.total, count.held, count.next_try), (3, 2, Some(at(20))));
        assert_eq!(store.send_now(QueueRows::Fitting(QueueFilter::default()), at(1)).await, Ok(1));
        assert_eq!(names(&due(&store, 1).await), ["b@y.test"]);
        let held = QueueFilter { stage: Some(QueueStage::Held), ..QueueFilter::default() };
        assert_eq!(store.hold(QueueRows::Fitting(held), Hold::Free).await, Ok(2));
        assert_eq!(names(&due(&store, 10).await), ["c@x.test", "b@y.test", "a@x.test"]);
        is_whole(&store).await;
    });
}

#[test]
fn the_bell_rings_for_what_its_runner_has_to_look_at() {
    let scratch = Scratch::new("queue-bell");
    let store = open(scratch.path());
    let bell = store.queue_bell();
    let rung = || block_on(timeout(Duration::from_millis(200), bell.wait())).is_some();
    block_on(async {
        assert!(rung(), "the disk was opened");
        post::deliver(&store, b"for one of ours", &[1]).await.unwrap();
        assert!(!rung());
        send(&store, b"one", &[("a@x.test", 10)]).await;
        assert!(rung());
        let id = everything(&store).await[0].id;
        store.begin(vec![(id, at(30))]).await.unwrap();
        store.hold(QueueRows::Ids(vec![id, RowId(77)]), Hold::Free).await.unwrap();
        assert!(!rung());
        store.send_now(QueueRows::Ids(vec![id]), at(0)).await.unwrap();
        assert!(rung());
        store.settle(vec![Settled::Done(id)]).await.unwrap();
        assert!(!rung());
    });
}

#[test]
fn an_administrator_sees_pages_from_either_end() {
    let scratch = Scratch::new("queue-pages");
    let store = open(scratch.path());
    block_on(async {
        for n in 0..25 {
            send(&store, b"x", &[(&format!("u{n}@d{}.test", n % 2), 0)]).await;
        }
        let filter = QueueFilter { text: Some("@D1.test".into()), ..QueueFilter::default() };
        for (order, first) in [(QueueOrder::Newest, "u23@d1.test"), (QueueOrder::Oldest, "u1@d1.test")] {
            let (mut all, mut after) = (Vec::new(), None);
            loop {
                let page = store.waiting(filter.clone(), order, after, 5).await.unwrap();
                all.extend(names(&page.rows));
                after = page.next;
                if after.is_none() {
                    break;
                }
            }
            assert_eq!((all.len(), all[0].as_str()), (12, first));
            assert_eq!(all.iter().collect::<HashSet<_>>().len(), 12);
        }
    });
}

#[test]
fn a_step_of_the_clock_moves_the_whole_queue() {
    let scratch = Scratch::new("queue-shift");
    let store = open(scratch.path());
    block_on(async {
        send(&store, b"one", &[("a@x.test", 10), ("b@x.test", 20)]).await;
        let before = everything(&store).await;
        let later =
            Settled::Later { id: before[1].id, next_try: at(40), last: Some(answer("not now")), told_late: false };
        store.settle(vec![later]).await.unwrap();
        store.shift_queue(-3600).await.unwrap();
        store.shift_queue(86_400 * 365).await.unwrap();
        let by = 86_400 * 365 - 3600;
        let rows = everything(&store).await;
        assert_eq!(rows[0].since, before[0].since.plus(by));
        assert_eq!(rows[0].leaving.next_try, at(10).plus(by));
        assert_eq!(rows[1].last.as_ref().unwrap().at, NOW.plus(by));
        assert_eq!(store.next_due(HashSet::new()).await, Ok(Some(at(10).plus(by))));
        let page = store.due(at(11).plus(by), None, HashSet::new(), 9).await.unwrap();
        assert_eq!(names(&page.rows), ["a@x.test"]);
        // What comes behind the step is not moved by it.
        send(&store, b"two", &[("c@x.test", 5)]).await;
        assert_eq!(names(&due(&store, 5).await), ["c@x.test"]);
        store.begin(vec![(rows[0].id, at(7))]).await.unwrap();
        assert_eq!(names(&due(&store, 7).await), ["c@x.test", "a@x.test"]);
        is_whole(&store).await;
    });
}
