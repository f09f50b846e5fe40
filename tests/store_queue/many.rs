//! 100,000 rows: what is asked every second costs milliseconds, whatever waits.

use std::time::Instant;

use super::*;

const ROWS: u32 = 100_000;
/// Destinations; the first has nine rows of ten, all of them due before the others.
const PLACES: u32 = 500;

/// The longest of five, after one that fills the caches.
fn longest(what: &str, mut ask: impl FnMut()) -> Duration {
    ask();
    let took = (0..5).map(|_| {
        let began = Instant::now();
        ask();
        began.elapsed()
    });
    let longest = took.max().unwrap();
    println!("{what}: {longest:?}");
    longest
}

fn place(n: u32) -> u32 {
    if n.is_multiple_of(10) { n / 10 % PLACES } else { 0 }
}

#[test]
fn a_hundred_thousand_rows_cost_milliseconds_a_look() {
    let scratch = Scratch::new("queue-many");
    let store = open(scratch.path());
    block_on(async {
        let began = Instant::now();
        for first in (0..ROWS).step_by(1000) {
            let rows = (first..first + 1000)
                .map(|n| to(&format!("u{n}@d{}.test", place(n)), at(if place(n) == 0 { 0 } else { 5 })));
            let one = message(&store, b"many", rows.collect()).await;
            store.commit(vec![one]).await.unwrap();
        }
        println!("{ROWS} rows put in: {:?}", began.elapsed());
        let busy = skip(&["d0.test"]);
        let looks = [
            longest("count", || assert_eq!(block_on(store.queue_count()).unwrap().total, u64::from(ROWS))),
            longest("due, 100 of all", || {
                assert_eq!(block_on(store.due(at(200), None, HashSet::new(), 100)).unwrap().rows.len(), 100);
            }),
            longest("due, 100 but of the busy destination", || {
                let page = block_on(store.due(at(200), None, busy.clone(), 100)).unwrap();
                assert_eq!(page.rows.len(), 100);
            }),
            longest("due, nothing yet", || {
                assert!(block_on(store.due(at(-1), None, busy.clone(), 100)).unwrap().rows.is_empty());
            }),
            longest("next of the others", || {
                assert_eq!(block_on(store.next_due(busy.clone())).unwrap(), Some(at(5)));
            }),
            longest("a page of the newest", || {
                let page = store.waiting(QueueFilter::default(), QueueOrder::Newest, None, 100);
                assert_eq!(block_on(page).unwrap().rows.len(), 100);
            }),
        ];
        assert!(looks.iter().all(|took| *took < Duration::from_millis(500)), "{looks:?}");
        let filter = QueueFilter { recipient: Some("u99999@".into()), ..QueueFilter::default() };
        longest("one row by a part of its address", || {
            let found = store.waiting(filter.clone(), QueueOrder::Oldest, None, 100);
            assert_eq!(block_on(found).unwrap().rows.len(), 1);
        });
        let began = Instant::now();
        assert_eq!(store.hold(QueueRows::Fitting(QueueFilter::default()), Hold::Held).await, Ok(ROWS as usize));
        println!("all held: {:?}", began.elapsed());
    });
}
