//! The one loop: wakes by the store's bell, by time, or by an attempt that ended; reads what is due, begins what has a place, writes
//! what came of it. One commit a turn holds the next tries of what begins and the fate of what ended.

use std::{collections::HashMap, sync::Arc, time::Duration};

use super::{
    Means, Route, Verdict,
    attempt::{Begun, Ended, attempt, ours},
    early::{Gaps, looks_put_off},
    floor::{Floor, Load, Place},
    routes::Routes,
    settle::{Batch, Rules},
};
use crate::{
    journal::{Carrier, QueueEvent, Sent},
    limits,
    rt::{Bell, Light, Receiver, Sender, Task, bounded, stepped, timeout},
    settings::Settings,
    store::{Destination, StoreError},
    types::{Answer, QueueId, ReversePath, RowId, UnixTime, Waiting},
};

/// Rows of one read.
const PAGE: usize = 100;
/// Reads of one turn.
const PAGES: usize = 4;
/// Between two tries while the disk is away, and the shortest sleep, seconds.
const AGAIN: i64 = 5;
/// Between two looks at what is kept of idle lanes, and the longest sleep: the clock may step.
const TIDY: Duration = Duration::from_secs(60);
/// Between two changes of the board's line.
const TELL: Duration = Duration::from_secs(5);
/// How long attempts may go on when the house ends; the house waits for five seconds.
const GOODBYE: Duration = Duration::from_secs(3);
/// Names of destinations on the board.
const NAMED: usize = 3;

/// So many seconds before its own time a row was hurried by hand, not by the length of a look.
const HURRIED: i64 = 60;

/// The line of the board.
const LINE: &str = "queue";

/// What the loop wakes for.
enum News {
    Ended(Ended),
    /// Rows came in, were released or hurried.
    Bell,
    Time,
    Stop,
}

/// The queue's runner.
pub struct Queue {
    means: Means,
    bell: Bell,
    /// The settings of this turn.
    known: Arc<Settings>,
    floor: Floor,
    gaps: Gaps,
    batch: Batch,
    /// Attempts under way, with their rows.
    tasks: HashMap<u64, (Task<()>, Vec<RowId>)>,
    begun: u64,
    /// The queue is to be looked through.
    look: bool,
    /// What the store said last, while it cannot.
    trouble: Option<StoreError>,
    ended: (Sender<Ended>, Receiver<Ended>),
    tidied: Duration,
    /// Both clocks at the last turn.
    seen: (UnixTime, Duration),
    told: Option<Duration>,
    /// The board's line may be an old one.
    stale: bool,
}

impl Queue {
    /// A runner that knows nothing yet.
    pub fn new(means: Means) -> Self {
        let (bell, tidied) = (means.store.queue_bell(), means.clock.mono());
        let seen = (means.clock.now(), tidied);
        let (ended, known) = (bounded(limits::QUEUE_CONNECTIONS), means.settings.get());
        Queue {
            known,
            means,
            bell,
            floor: Floor::default(),
            gaps: Gaps::default(),
            batch: Batch::default(),
            tasks: HashMap::new(),
            begun: 0,
            look: true,
            trouble: None,
            ended,
            tidied,
            seen,
            told: None,
            stale: false,
        }
    }

    /// Runs until the stop sign; what is under way then has some seconds to end. What does not end is tried again at the time that
    /// was written before it began.
    pub async fn run(mut self) {
        while !self.means.stop.is_set() {
            self.turn().await;
            match self.news().await {
                News::Ended(ended) => self.take_in(ended),
                News::Bell => self.look = true,
                News::Time => self.look = true,
                News::Stop => break,
            }
            while let Ok(ended) = self.ended.1.try_recv() {
                self.take_in(ended);
            }
        }
        self.goodbye().await;
    }

    async fn turn(&mut self) {
        let (now, settings) = (self.means.clock.mono(), self.means.settings.get());
        if !Arc::ptr_eq(&settings, &self.known) {
            self.known = settings;
            self.floor.reopen_all();
        }
        let seen = (self.means.clock.now(), now);
        if stepped(std::mem::replace(&mut self.seen, seen), seen).is_some() {
            // The rows on the disk moved with it, those that were read did not: they would be over, or wait, for as long as it was wrong.
            self.floor.forget_waiting();
            self.look = true;
        }
        if now.saturating_sub(self.tidied) >= TIDY {
            self.floor.tidy(now);
            self.tidied = now;
        }
        match self.read().await {
            Ok(()) => self.well(),
            Err(why) => self.unwell(why),
        }
        self.begin().await;
        self.tell_board().await;
    }

    fn most(&self) -> usize {
        usize::try_from(self.known.queue_concurrency).unwrap_or(1)
    }

    // Reading.

    async fn read(&mut self) -> Result<(), StoreError> {
        // What was delivered and cannot be written must not be followed by more of its kind.
        if self.trouble.is_some() && !self.batch.is_empty() {
            return Ok(());
        }
        let now = self.means.clock.now();
        let routes = Routes::of(&self.known, self.means.directory.get());
        let wants = self.floor.wants();
        self.look |= wants.look;
        for to in wants.of {
            let rows = self.means.store.due_of(to, now, limits::QUEUE_LANE).await?;
            let more = rows.len() == limits::QUEUE_LANE;
            self.offer_all(rows, &routes, more.then_some(to));
        }
        let mut after = None;
        for _ in 0..PAGES {
            if !self.look || self.floor.is_full() {
                break;
            }
            let page = self.means.store.due(now, after, self.floor.passed(), PAGE).await?;
            self.offer_all(page.rows, &routes, None);
            after = page.next;
            self.look = after.is_some();
        }
        Ok(())
    }

    fn offer_all(&mut self, rows: Vec<Waiting>, routes: &Routes, more: Option<Destination>) {
        for row in rows {
            let ways = routes.ways(&row.leaving.from, &row.leaving.to.domain);
            let lane = ways.first().cloned();
            if self.is_hurried(&row) {
                self.floor.reopen(&ways);
            }
            match self.floor.offer(row, ways, self.means.clock.mono()) {
                Place::Taken | Place::Passed => {}
                Place::Closed(row, why) => self.put_off(*row, &why),
            }
            // There may be more on the disk than was asked for.
            if let (Some(to), Some(lane)) = (more, &lane) {
                self.floor.pass(lane, to);
            }
        }
    }

    /// Whether somebody asked for it by hand: its own time has not come yet.
    fn is_hurried(&self, row: &Waiting) -> bool {
        let pace = Rules::of(&self.known).pace;
        let planned = |last: &Answer| pace.next_try(row.since, last.at);
        !looks_early(row) && row.last.as_ref().is_some_and(|last| planned(last).since(self.means.clock.now()) > HURRIED)
    }

    /// A row whose destination does not answer now: as if it had been tried, without the wait.
    fn put_off(&mut self, row: Waiting, why: &Answer) {
        let now = self.means.clock.now();
        let text = format!("delivery temporarily suspended: {}", why.text);
        let answer = Answer { peer: why.peer.clone(), ..ours(now, &why.status, &text) };
        self.floor.hold(row.id);
        self.decide(row, &Verdict::Later { answer, reached: false }, (now, Duration::ZERO), "", Carrier::Nobody);
    }

    // Beginning.

    /// Writes what ended and the next tries of what begins, then lets it go.
    async fn begin(&mut self) {
        let loads = match self.trouble {
            None => self.floor.take(self.most(), self.means.clock.mono()),
            Some(_) => Vec::new(),
        };
        let began = self.means.clock.now();
        let pace = Rules::of(&self.known).pace;
        let next = |row: &Waiting| (row.id, pace.next_try(row.since, began));
        let begun: Vec<(RowId, UnixTime)> = loads.iter().flat_map(|load| load.rows.iter().map(next)).collect();
        let batch = std::mem::take(&mut self.batch);
        let started = async { if begun.is_empty() { Ok(Vec::new()) } else { self.means.store.begin(begun).await } };
        let (there, written) = smol::future::zip(started, batch.write(&self.means)).await;
        self.floor.forget(written.rows);
        self.batch.join(written.left);
        if let Some(why) = written.trouble {
            self.unwell(why);
        }
        match there {
            Ok(there) => loads.into_iter().for_each(|load| self.start(load, &there, began)),
            Err(why) => {
                loads.into_iter().for_each(|load| self.start(load, &[], began));
                self.unwell(why);
            }
        }
    }

    /// Starts a load with those of its rows that may be tried.
    fn start(&mut self, mut load: Load, there: &[RowId], began: UnixTime) {
        let lost: Vec<RowId> = load.rows.iter().map(|row| row.id).filter(|id| !there.contains(id)).collect();
        load.rows.retain(|row| there.contains(&row.id));
        self.floor.forget(lost);
        load.rows.iter_mut().for_each(|row| row.tries += 1);
        if load.rows.is_empty() {
            if let Some(lane) = load.ways.first() {
                self.floor.ended(lane, None, None, (1, self.means.clock.mono()));
            }
            self.look = true;
            return;
        }
        self.begun += 1;
        let (number, means, done) = (self.begun, self.means.clone(), self.ended.0.clone());
        let rows = load.rows.iter().map(|row| row.id).collect();
        let begun = Begun { number, load, began };
        let task = self.means.executor.spawn(async move {
            let ended = attempt(&means, begun).await;
            // The loop is gone: so is the house.
            let _ = done.send(ended).await;
        });
        self.tasks.insert(number, (task, rows));
    }

    // What came of it.

    fn take_in(&mut self, ended: Ended) {
        let Ended { number, lane, met, began, took, rows } = ended;
        // The clock may have been set back meanwhile: the next try is counted from now.
        let began = began.min(self.means.clock.now());
        drop(self.tasks.remove(&number));
        let why = rows.iter().map(|(_, verdict, _)| verdict.answer()).find(|answer| answer.code == 0).cloned();
        let place = (self.most(), self.means.clock.mono());
        let was_closed = self.floor.is_closed(&lane);
        let back = self.floor.ended(&lane, met, why.as_ref(), place);
        let is_closed = self.floor.is_closed(&lane);
        if was_closed != is_closed {
            let why = why.filter(|_| is_closed).map(|why| why.text.to_string());
            self.means.journal.tell(QueueEvent::Closed { way: lane.to_string(), why });
        }
        for (row, verdict, way) in rows {
            let name = way.to_string();
            if let (Verdict::Delivered { .. }, Some(last)) = (&verdict, &row.last)
                && looks_put_off(last)
            {
                self.gaps.learn(&name, row.since, began);
            }
            // An attempt that was never made says nothing of its server.
            let carrier = if met.is_some() { carrier(&way) } else { Carrier::Nobody };
            self.decide(row, &verdict, (began, took), &name, carrier);
        }
        let routes = Routes::of(&self.known, self.means.directory.get());
        self.offer_all(back, &routes, None);
    }

    fn decide(
        &mut self,
        row: Waiting,
        verdict: &Verdict,
        (began, took): (UnixTime, Duration),
        way: &str,
        carrier: Carrier,
    ) {
        let rules = Rules::of(&self.known);
        let fate = rules.fate(&row, verdict, began, &self.gaps, way);
        let (qid, leaving) = (QueueId::of(row.body), &row.leaving);
        let is_over = matches!((&fate.0, verdict), (crate::types::Settled::Done(_), Verdict::Later { .. }));
        let sent = match verdict {
            Verdict::Delivered { .. } => Sent::Sent,
            Verdict::Never(_) => Sent::Bounced,
            Verdict::Later { .. } => Sent::Deferred,
        };
        let journal = &self.means.journal;
        journal.tell(QueueEvent::Tried {
            qid: qid.clone(),
            carrier,
            to: leaving.to.clone(),
            orig_to: leaving.original.clone(),
            waited: began.since(row.since),
            took,
            sent,
            answer: verdict.answer().clone(),
        });
        if is_over {
            journal.tell(QueueEvent::Expired { qid: qid.clone(), from: leaving.from.clone() });
        }
        if leaving.from == ReversePath::Null && (is_over || sent == Sent::Bounced) {
            journal.tell(QueueEvent::DoubleBounce { qid, to: leaving.to.clone() });
        }
        let instead = rules.pace.next_try(row.since, began);
        self.batch.add(row, fate, instead);
    }

    // Waiting.

    async fn news(&mut self) -> News {
        let works = self.trouble.is_none();
        if works && (self.look && !self.floor.is_full() || !self.batch.is_empty()) {
            return self.ended.1.try_recv().map_or(News::Time, News::Ended);
        }
        let now = self.means.clock.now();
        let next = match self.means.store.next_due(self.floor.known()).await {
            Ok(next) if works => next,
            Ok(_) | Err(_) => Some(now.plus(AGAIN)),
        };
        let longest = if self.stale { TELL } else { TIDY };
        let longest = now.plus(i64::try_from(longest.as_secs()).unwrap_or(AGAIN));
        let at = next.unwrap_or(longest).min(longest).max(now.plus(1));
        let Means { alarm, stop, .. } = &self.means;
        let ended = async { self.ended.1.recv().await.map_or(News::Stop, News::Ended) };
        let bell = async {
            self.bell.wait().await;
            News::Bell
        };
        let time = async {
            alarm.at(at, self.floor.under_way()).await;
            News::Time
        };
        let stopped = async {
            stop.wait().await;
            News::Stop
        };
        smol::future::or(stopped, smol::future::or(ended, smol::future::or(bell, time))).await
    }

    async fn goodbye(&mut self) {
        let until = self.means.clock.mono() + GOODBYE;
        while self.floor.under_way() > 0 {
            let left = until.saturating_sub(self.means.clock.mono());
            match timeout(left, self.ended.1.recv()).await {
                Some(Ok(ended)) => self.take_in(ended),
                Some(Err(_)) | None => break,
            }
        }
        // What ended in time is not sent again because its news came late.
        while let Ok(ended) = self.ended.1.try_recv() {
            self.take_in(ended);
        }
        // What was cut off was not delivered, or nobody can know: it need not wait for its next look.
        let again = self.means.clock.now().plus(AGAIN);
        for (_, (task, rows)) in self.tasks.drain() {
            drop(task);
            rows.into_iter().for_each(|row| self.batch.put_back(row, again));
        }
        // What cannot be written now was told by the store; the rows stay.
        let _ = std::mem::take(&mut self.batch).write(&self.means).await;
    }

    // Telling.

    fn well(&mut self) {
        if self.batch.is_empty() && self.trouble.take().is_some() {
            self.told = None;
        }
    }

    fn unwell(&mut self, why: StoreError) {
        if self.trouble.is_none() {
            self.means.journal.tell(QueueEvent::Trouble { why: why.to_string() });
            self.told = None;
        }
        self.trouble = Some(why);
    }

    async fn tell_board(&mut self) {
        let now = self.means.clock.mono();
        self.stale = self.told.is_some_and(|told| now.saturating_sub(told) < TELL);
        if self.stale {
            return;
        }
        self.told = Some(now);
        let (light, text) = match &self.trouble {
            Some(why) => (Light::Red, format!("the queue cannot go on: {why}")),
            None => self.line(now).await,
        };
        self.means.board.put(LINE, light, text);
    }

    async fn line(&self, now: Duration) -> (Light, String) {
        let closed = self.floor.closed(now);
        let names = closed.iter().take(NAMED).map(|(way, _)| way.to_string()).collect::<Vec<_>>().join(", ");
        // A server of ours that is away is somebody's to mend; one of the world's is not.
        let own = closed.iter().find(|(way, _)| matches!(way, Route::Relay(_) | Route::Lmtp(_)));
        if let Some((way, why)) = own {
            return (Light::Yellow, format!("{way} does not answer: {}", why.text));
        }
        match self.means.store.queue_count().await {
            Ok(count) if count.total == 0 => (Light::Green, "nothing waits".to_owned()),
            Ok(count) if closed.is_empty() => (Light::Green, format!("{} recipients wait", count.total)),
            Ok(count) => (Light::Green, format!("{} recipients wait; no answer from {names}", count.total)),
            Err(why) => (Light::Red, format!("the queue cannot go on: {why}")),
        }
    }
}

/// Whether its last answer led to an early try.
fn looks_early(row: &Waiting) -> bool {
    row.last.as_ref().is_some_and(looks_put_off)
}

fn carrier(way: &Route) -> Carrier {
    match way {
        Route::Mx(_) | Route::Relay(_) => Carrier::Smtp,
        Route::Lmtp(_) => Carrier::Lmtp,
        Route::Discard => Carrier::Discard,
        Route::Home => Carrier::Local,
    }
}
