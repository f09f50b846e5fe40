//! What became of attempts, written down: one transaction with the notice that it causes.
//!
//! A notice that cannot be written now (no room) keeps its row: the row waits for the next try that was written before the attempt.
//! A row that is done and cannot be written (the disk vanished) is kept in memory and written when the disk is back, because it would
//! be delivered twice otherwise.

use super::{Means, Told, Verdict, early::Gaps, schedule::Pace};
use crate::{
    journal::QueueEvent,
    rt::is_plausible,
    settings::Settings,
    store::StoreError,
    types::{BodyId, QueueId, ReversePath, RowId, Settled, UnixTime, Waiting, map_of},
};

/// Seconds in an hour.
const HOUR: i64 = 3600;

/// What the settings say of retries and notices.
pub(super) struct Rules {
    pub pace: Pace,
    early: bool,
    /// Seconds until a sender hears of a delay; None: never.
    late_after: Option<i64>,
}

impl Rules {
    /// Of the settings.
    pub fn of(settings: &Settings) -> Self {
        let hours = i64::from(settings.queue_delay_notice);
        Rules { pace: Pace::of(settings), early: settings.queue_early, late_after: (hours > 0).then_some(hours * HOUR) }
    }

    /// What is to be written of a row, and what its sender is told. `began`: when the attempt did; `way`: the name under which its
    /// destination's gap is known.
    pub fn fate(
        &self,
        row: &Waiting,
        verdict: &Verdict,
        began: UnixTime,
        gaps: &Gaps,
        way: &str,
    ) -> (Settled, Option<Told>) {
        let done = Settled::Done(row.id);
        let notify = row.leaving.wishes.notify();
        let heard = row.leaving.from != ReversePath::Null;
        let tell = |wanted: bool, told: Told| (wanted && heard).then_some(told);
        match verdict {
            Verdict::Delivered { answer, passed_on } => {
                (done, tell(notify.success && !passed_on, Told::Relayed(answer.clone())))
            }
            Verdict::Never(answer) => {
                (done, tell(notify.failure, Told::Failed { answer: answer.clone(), expired: false }))
            }
            // Nothing expires until the time is plausible (boards boot in 1970).
            Verdict::Later { answer, .. } if is_plausible(began) && self.pace.is_over(row.since, began) => {
                (done, tell(notify.failure, Told::Failed { answer: answer.clone(), expired: true }))
            }
            Verdict::Later { answer, .. } => {
                let planned = self.pace.next_try(row.since, began);
                let early = gaps.next_try(way, row.since, began, answer).filter(|_| self.early);
                let next_try = early.map_or(planned, |early| early.min(planned));
                let is_late = self.late_after.is_some_and(|after| began.since(row.since) >= after);
                let told = tell(is_late && notify.delay && !row.told_late, Told::Late(answer.clone()));
                let told_late = row.told_late || told.is_some();
                (Settled::Later { id: row.id, next_try, last: Some(answer.clone()), told_late }, told)
            }
        }
    }
}

/// One notice with what is written beside it.
struct Notice {
    about: Vec<(Waiting, Told)>,
    also: Vec<Settled>,
    /// What is written instead where the notice cannot be.
    instead: Vec<Settled>,
}

/// What waits to be written.
#[derive(Default)]
pub(super) struct Batch {
    settled: Vec<Settled>,
    notices: Vec<Notice>,
    /// Messages whose rows are done.
    done: Vec<(RowId, BodyId)>,
}

/// What was written, and what could not be.
pub(super) struct Written {
    pub rows: Vec<RowId>,
    pub left: Batch,
    pub trouble: Option<StoreError>,
}

impl Batch {
    /// Adds a row. `instead` is its next try, should its notice not be written.
    pub fn add(&mut self, row: Waiting, fate: (Settled, Option<Told>), instead: UnixTime) {
        let (settled, told) = fate;
        if matches!(settled, Settled::Done(_)) {
            self.done.push((row.id, row.body));
        }
        let Some(told) = told else { return self.settled.push(settled) };
        let last = match &told {
            Told::Failed { answer, .. } | Told::Late(answer) | Told::Relayed(answer) => Some(answer.clone()),
        };
        let instead = match &told {
            // It was delivered: its notice is lost rather than the message sent twice.
            Told::Relayed(_) => Settled::Done(row.id),
            Told::Failed { .. } | Told::Late(_) => {
                Settled::Later { id: row.id, next_try: instead, last, told_late: row.told_late }
            }
        };
        let fits = |notice: &&mut Notice| {
            notice.about.first().is_some_and(|(first, other)| first.body == row.body && kind(other) == kind(&told))
        };
        match self.notices.iter_mut().find(fits) {
            Some(notice) => {
                notice.about.push((row, told));
                notice.also.push(settled);
                notice.instead.push(instead);
            }
            None => self.notices.push(Notice { about: vec![(row, told)], also: vec![settled], instead: vec![instead] }),
        }
    }

    /// Adds a row whose attempt was cut off.
    pub fn put_back(&mut self, row: RowId, next_try: UnixTime) {
        self.settled.push(Settled::Later { id: row, next_try, last: None, told_late: false });
    }

    /// Adds what could not be written before.
    pub fn join(&mut self, other: Batch) {
        self.settled.extend(other.settled);
        self.notices.extend(other.notices);
        self.done.extend(other.done);
    }

    /// Whether there is nothing to write.
    pub fn is_empty(&self) -> bool {
        self.settled.is_empty() && self.notices.is_empty()
    }

    /// Writes it.
    pub async fn write(self, means: &Means) -> Written {
        let Batch { mut settled, notices, done } = self;
        let mut written = Written { rows: Vec::new(), left: Batch::default(), trouble: None };
        for notice in notices {
            match notice.write(means).await {
                Ok(rows) => written.rows.extend(rows),
                Err((why, instead)) => {
                    means.journal.tell(QueueEvent::Trouble { why: format!("a notice cannot be written: {why}") });
                    settled.extend(instead);
                }
            }
        }
        match means.store.settle(settled.clone()).await {
            Ok(()) => written.rows.extend(settled.iter().map(id)),
            Err(why) => {
                written.left.settled = settled;
                written.trouble = Some(why);
            }
        }
        let (gone, left) = done.into_iter().partition(|(row, _)| written.rows.contains(row));
        written.left.done = left;
        tell_removed(means, gone).await;
        written
    }
}

impl Notice {
    /// Gives the rows that are written, or why not and what is to be written instead.
    async fn write(self, means: &Means) -> Result<Vec<RowId>, (StoreError, Vec<Settled>)> {
        let Notice { about, also, instead } = self;
        let rows: Vec<RowId> = also.iter().map(id).collect();
        let first = about.first().map(|(row, told)| (QueueId::of(row.body), words(told)));
        let mut told = means.notices.tell(about.clone(), also.clone()).await;
        if told == Err(StoreError::Missing) {
            // Somebody deleted a row meanwhile: nobody is told of that one.
            let mut there = Vec::new();
            for (about, also) in about.into_iter().zip(also) {
                if means.store.waiting_one(about.0.id).await.is_ok() {
                    there.push((about, also));
                }
            }
            let (about, also): (Vec<_>, Vec<_>) = there.into_iter().unzip();
            told = if also.is_empty() { Ok(None) } else { means.notices.tell(about, also).await };
        }
        match told {
            Ok(notice) => {
                if let (Some(notice), Some((qid, what))) = (notice, first) {
                    means.journal.tell(QueueEvent::Told { qid, what, notice });
                }
                Ok(rows)
            }
            Err(why) => Err((why, instead)),
        }
    }
}

/// `QID: removed` when a message has no row left.
async fn tell_removed(means: &Means, gone: Vec<(RowId, BodyId)>) {
    if gone.is_empty() {
        return;
    }
    // A line that is missing harms nobody.
    let gone = map_of(gone.into_iter().map(|(row, body)| (body, row)));
    for body in means.store.left_queue(gone).await.unwrap_or_default() {
        means.journal.tell(QueueEvent::Removed { qid: QueueId::of(body) });
    }
}

fn id(settled: &Settled) -> RowId {
    match settled {
        Settled::Done(id) | Settled::Later { id, .. } => *id,
    }
}

fn kind(told: &Told) -> u8 {
    match told {
        Told::Failed { .. } => 0,
        Told::Late(_) => 1,
        Told::Relayed(_) => 2,
    }
}

/// Postfix' words.
fn words(told: &Told) -> &'static str {
    match told {
        Told::Failed { .. } => "sender non-delivery",
        Told::Late(_) => "sender delay",
        Told::Relayed(_) => "sender delivery status",
    }
}
