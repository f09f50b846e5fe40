//! The office that sends: fills the queue over weeks, kills the loop, deletes by hand, and judges at the end.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use gatepost::{
    journal::Journal,
    queue::{Coming, Means, Notices, Queue, Told},
    rt::{Board, Clock, Executor, Shared, Stop, block_on},
    settings::Settings,
    store::{Delivery, NewMessage, Places, QueueFilter, QueueOrder, RealDisk, Store, StoreError},
    types::{Address, FolderName, Leaving, MailboxId, QueueId, ReversePath, Settled, Uid, UnixTime, Waiting},
};

use super::{
    disk::Quick,
    far::{Far, Kind, mixed},
    time::Time,
};

const START: UnixTime = UnixTime(1_800_000_000);
/// Messages that come at one time, and the time until the next ones come, seconds.
const BURST: u64 = 50;
const PAUSE: i64 = 27_000;
/// Domains of each kind.
const DOMAINS: u64 = 12;

pub struct Plan {
    pub seed: u64,
    pub messages: u64,
    pub kinds: &'static [Kind],
    pub kills: u64,
    pub deletions: u64,
}

pub struct Office {
    pub far: Arc<Far>,
    time: Time,
    store: Store,
    dir: PathBuf,
    kills: AtomicU64,
}

/// Notices go into mailbox 1, in the commit that ends what they are about.
struct Post(Store);

impl Notices for Post {
    fn tell(&self, about: Vec<(Waiting, Told)>, also: Vec<Settled>) -> Coming<'_, Result<Option<QueueId>, StoreError>> {
        Box::pin(async move {
            let mut text = String::new();
            for (row, told) in &about {
                let word = match told {
                    Told::Failed { .. } => "failed",
                    Told::Late(_) => "late",
                    Told::Relayed(_) => "relayed",
                };
                text += &format!("{word} {}\r\n", row.leaving.to);
            }
            let mut draft = self.0.draft().await?;
            draft.write(text.as_bytes()).await?;
            let sealed = draft.seal().await?;
            let id = QueueId::of(sealed.id());
            let deliveries = vec![Delivery::to_inbox(MailboxId(1))];
            let notice = NewMessage { sealed, derived: None, deliveries, queue: Vec::new() };
            self.0.commit_also(vec![notice], also).await.map(|_| Some(id))
        })
    }
}

impl Office {
    pub fn run(plan: Plan) -> Office {
        let dir = std::env::temp_dir().join(format!("gatepost-queue-{}-{}", std::process::id(), plan.seed));
        let _ = std::fs::remove_dir_all(&dir);
        std::fs::create_dir_all(&dir).unwrap();
        let time = Time::at(START, 1);
        let clock: Arc<dyn Clock> = time.clock.clone();
        let (journal, board) = (Journal::new(clock.clone()), Board::default());
        let places = Places { state: dir.join("state"), mail: dir.join("mail"), reserve: 0 };
        let store =
            Store::open_on(Arc::new(Quick(RealDisk)), places, clock.clone(), journal.clone(), board.clone()).unwrap();
        let kill_at: BTreeSet<u64> = (0..plan.kills).map(|n| 3 + mixed(plan.seed ^ n) % (plan.messages * 3)).collect();
        let far = Arc::new(Far::new(plan.seed, time.clone(), kill_at));
        let executor = Executor::start(0).unwrap();
        let means = Means {
            settings: Shared::new(Settings::default()),
            directory: Shared::default(),
            store: store.clone(),
            hands: far.clone(),
            notices: Arc::new(Post(store.clone())),
            journal,
            board,
            clock,
            alarm: Arc::new(time.clone()),
            executor: executor.clone(),
            stop: Stop::default(),
        };
        let office = Office { far, time, store, dir, kills: AtomicU64::new(0) };
        let stop = means.stop.clone();
        executor.work_until(smol::future::zip(office.live(means), office.feed(&plan, &stop)));
        office
    }

    /// The loop, again and again.
    async fn live(&self, means: Means) {
        while !means.stop.is_set() {
            let killed = async {
                self.far.kill.wait().await;
                true
            };
            let ran = async {
                Queue::new(means.clone()).run().await;
                false
            };
            // Sometimes what was just delivered is on its way to the disk, sometimes it is not.
            let even = self.kills.load(Ordering::SeqCst).is_multiple_of(2);
            let dead = if even { smol::future::or(killed, ran).await } else { smol::future::or(ran, killed).await };
            if dead {
                self.kills.fetch_add(1, Ordering::SeqCst);
                self.note_what_nobody_knows().await;
            }
        }
    }

    /// What was delivered and whose row is still there may be delivered again.
    async fn note_what_nobody_knows(&self) {
        // The writer may be in the middle of what the dead loop asked for.
        self.store.commit(Vec::new()).await.unwrap();
        let mut after = None;
        loop {
            let page = self.store.waiting(QueueFilter::default(), QueueOrder::Oldest, after, 500).await.unwrap();
            for row in &page.rows {
                let mut all = self.far.seen();
                let seen = all.get_mut(&row.leaving.to.to_string()).unwrap();
                seen.unknown |= seen.delivered > 0;
            }
            let Some(next) = page.next else { return };
            after = Some(next);
        }
    }

    async fn feed(&self, plan: &Plan, stop: &Stop) {
        let mut deletions = plan.deletions;
        let mut next = 0;
        while next < plan.messages {
            let burst: Vec<u64> = (next..plan.messages.min(next + BURST)).collect();
            next += BURST;
            self.send(plan, &burst).await;
            self.time.sleep(PAUSE).await;
            for _ in 0..deletions.min(3) {
                deletions -= u64::from(self.delete(mixed(plan.seed ^ deletions ^ next)).await);
            }
        }
        while self.store.queue_len().await.unwrap() > 0 {
            self.time.sleep(3600).await;
        }
        stop.set();
    }

    async fn send(&self, plan: &Plan, burst: &[u64]) {
        let mut messages = Vec::new();
        for n in burst {
            let mut draft = self.store.draft().await.unwrap();
            let text = format!("Message-ID: <{}>\r\n\r\nbody\r\n", QueueId::of(draft.id()));
            draft.write(text.as_bytes()).await.unwrap();
            let sealed = draft.seal().await.unwrap();
            let from = ReversePath::Address(Address::parse("ann@office.test").unwrap());
            let queue: Vec<Leaving> = (0..1 + mixed(*n) % 3)
                .map(|m| {
                    let dice = mixed(plan.seed ^ (n << 8) ^ m);
                    let kind = plan.kinds[usize::try_from(dice % plan.kinds.len() as u64).unwrap()];
                    let domain = dice / 64 % DOMAINS;
                    let to = Address::parse(&format!("m{n}-{m}@d{domain}.{}.test", kind.word())).unwrap();
                    Leaving::plain(from.clone(), to, self.time.clock.now())
                })
                .collect();
            for row in &queue {
                let seen = super::far::Seen { queued: self.time.clock.now(), ..Default::default() };
                self.far.seen().insert(row.to.to_string(), seen);
            }
            messages.push(NewMessage { sealed, derived: None, deliveries: Vec::new(), queue });
        }
        self.store.commit(messages).await.unwrap();
    }

    /// An administrator deletes one row; whether there was one.
    async fn delete(&self, dice: u64) -> bool {
        let page = self.store.waiting(QueueFilter::default(), QueueOrder::Oldest, None, 200).await.unwrap();
        let Some(row) = page.rows.get(usize::try_from(dice % 200).unwrap() % page.rows.len().max(1)) else {
            return false;
        };
        self.store.settle(vec![Settled::Done(row.id)]).await.unwrap();
        self.far.seen().get_mut(&row.leaving.to.to_string()).unwrap().deleted = true;
        true
    }

    pub fn days(&self) -> i64 {
        self.time.clock.now().since(START) / 86_400
    }

    pub fn kills(&self) -> u64 {
        self.kills.load(Ordering::SeqCst)
    }

    pub fn deleted(&self) -> usize {
        self.far.seen().values().filter(|seen| seen.deleted).count()
    }

    /// How often each recipient was told of, by word.
    fn notices(&self) -> BTreeMap<(String, String), u32> {
        let mut told = BTreeMap::new();
        let rows = block_on(self.store.messages(MailboxId(1), &FolderName::inbox(), Uid(0), usize::MAX)).unwrap().1;
        for row in rows {
            let body = block_on(async { self.store.body(row.body).await.unwrap().read(0, 1 << 20).await.unwrap() });
            for line in String::from_utf8(body).unwrap().lines() {
                let (word, to) = line.split_once(' ').unwrap();
                *told.entry((word.to_owned(), to.to_owned())).or_default() += 1;
            }
        }
        told
    }

    pub fn judge(&self) {
        let told = self.notices();
        let count = |word: &str, to: &str| told.get(&(word.to_owned(), to.to_owned())).copied().unwrap_or(0);
        let mut bad = Vec::new();
        for (to, seen) in &*self.far.seen() {
            let (failed, late) = (count("failed", to), count("late", to));
            let once = match (seen.deleted, seen.unknown) {
                // It may have been under way, or delivered before a kill.
                (true, false) => seen.delivered <= 1 && failed == 0,
                (true, true) => seen.delivered >= 1 && failed == 0,
                (false, false) => seen.delivered + failed == 1,
                // RFC 5321 s6.1: more than once, but never not at all, and given up at most once.
                (false, true) => seen.delivered >= 1 && failed <= 1,
            };
            if !once || late > 1 {
                bad.push(format!("{to}: {seen:?}, {failed} bounces, {late} delays"));
            }
        }
        assert!(bad.is_empty(), "{} of {}:\n{}", bad.len(), self.far.seen().len(), bad[..bad.len().min(20)].join("\n"));
        assert!(!told.is_empty() || self.far.seen().values().all(|seen| seen.delivered > 0));
    }
}

impl Drop for Office {
    fn drop(&mut self) {
        block_on(self.store.close());
        let _ = std::fs::remove_dir_all(&self.dir);
    }
}
