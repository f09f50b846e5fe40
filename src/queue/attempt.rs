//! One load on its way: the body is opened, the ways are tried in their order, and every row gets its outcome.

use std::{sync::Arc, time::Duration};

use super::{Hands, Means, Outcome, Parcel, Verdict, feedback::Met, floor::Load, routes::Route};
use crate::{
    rt::unpanicked,
    types::{Answer, BodyReader, QueueId, UnixTime, Waiting},
};

/// A load whose next tries are written.
pub(super) struct Begun {
    /// Of the loop's own counting.
    pub number: u64,
    pub load: Load,
    /// When it began, and when it is tried next if it fails.
    pub began: UnixTime,
}

/// How it ended.
pub(super) struct Ended {
    pub number: u64,
    /// The lane it came from.
    pub lane: Route,
    /// None: it was never made.
    pub met: Option<Met>,
    pub began: UnixTime,
    pub took: Duration,
    /// Every row with what became of it.
    pub rows: Vec<(Waiting, Verdict, Route)>,
}

/// Makes the attempt.
pub(super) async fn attempt(means: &Means, begun: Begun) -> Ended {
    let Begun { number, load: Load { ways, rows }, began } = begun;
    let lane = ways.first().cloned().unwrap_or(Route::Discard);
    let start = means.clock.mono();
    let made = match open(means, &rows).await {
        Ok(body) => unpanicked(by_ways(means, &body, ways, rows.clone()))
            .await
            .map_err(|said| format!("this program broke off by a bug: {said}")),
        Err(why) => Err(why),
    };
    let took = means.clock.mono().saturating_sub(start);
    let (met, rows) = match made {
        Ok((met, rows)) => (Some(met), rows),
        Err(text) => {
            let answer = ours(means.clock.now(), "4.3.0", &text);
            let later = |row| (row, Verdict::Later { answer: answer.clone(), reached: true }, lane.clone());
            (None, rows.into_iter().map(later).collect())
        }
    };
    Ended { number, lane, met, began, took, rows }
}

async fn open(means: &Means, rows: &[Waiting]) -> Result<Arc<dyn BodyReader>, String> {
    let body = rows.first().map(|row| row.body).ok_or("it has no recipient")?;
    means.store.body(body).await.map_err(|why| format!("the message cannot be read from our disk: {why}"))
}

/// An answer that nobody else gave.
pub(super) fn ours(at: UnixTime, status: &str, text: &str) -> Answer {
    Answer {
        at,
        peer: "".into(),
        code: 0,
        status: status.into(),
        text: text.chars().take(500).collect::<String>().into(),
    }
}

/// What nobody was reached for goes by the next way. What the first way met is what its lane learns.
async fn by_ways(
    means: &Means,
    body: &Arc<dyn BodyReader>,
    ways: Vec<Route>,
    mut rows: Vec<Waiting>,
) -> (Met, Vec<(Waiting, Verdict, Route)>) {
    let (mut met, mut done) = (None, Vec::new());
    let last = ways.len().saturating_sub(1);
    for (n, way) in ways.into_iter().enumerate() {
        let outcomes = carry(means, &way, body, &rows).await;
        let verdicts = paired(rows, outcomes, means.clock.now());
        met.get_or_insert_with(|| what_was_met(verdicts.iter().map(|(_, verdict)| verdict)));
        let (again, ended): (Vec<_>, Vec<_>) =
            verdicts.into_iter().partition(|(_, verdict)| n < last && is_nobody(verdict));
        done.extend(ended.into_iter().map(|(row, verdict)| (row, verdict, way.clone())));
        rows = again.into_iter().map(|(row, _)| row).collect();
        if rows.is_empty() {
            break;
        }
    }
    (met.unwrap_or(Met::Server), done)
}

async fn carry(means: &Means, way: &Route, body: &Arc<dyn BodyReader>, rows: &[Waiting]) -> Vec<Outcome> {
    let Some(first) = rows.first() else { return Vec::new() };
    if *way == Route::Discard {
        let answer =
            || Answer { code: 250, ..ours(means.clock.now(), "2.0.0", "discarded by a route of the settings") };
        let gone =
            |row: &Waiting| Outcome { id: row.id, verdict: Verdict::Delivered { answer: answer(), passed_on: false } };
        return rows.iter().map(gone).collect();
    }
    let leaving = &first.leaving;
    let parcel = Parcel {
        route: way.clone(),
        body: body.clone(),
        from: leaving.from.clone(),
        terms: leaving.terms.clone(),
        ours: leaving.ours,
        rcpts: rows.iter().map(|row| (row.id, row.leaving.to.clone(), row.leaving.wishes.clone())).collect(),
        qid: QueueId::of(first.body),
    };
    let hands: &dyn Hands = &*means.hands;
    hands.carry(parcel).await
}

/// Every row with its verdict; one that got none is tried later.
fn paired(rows: Vec<Waiting>, outcomes: Vec<Outcome>, now: UnixTime) -> Vec<(Waiting, Verdict)> {
    let verdict = |row: &Waiting| {
        let found = outcomes.iter().find(|outcome| outcome.id == row.id).map(|outcome| outcome.verdict.clone());
        found.unwrap_or_else(|| {
            let answer = ours(now, "4.3.0", "nothing was said of this recipient");
            Verdict::Later { answer, reached: true }
        })
    };
    rows.into_iter().map(|row| (verdict(&row), row)).map(|(verdict, row)| (row, verdict)).collect()
}

fn is_nobody(verdict: &Verdict) -> bool {
    matches!(verdict, Verdict::Later { reached: false, .. })
}

fn what_was_met<'a>(verdicts: impl Iterator<Item = &'a Verdict>) -> Met {
    let mut met = Met::Nobody;
    for verdict in verdicts {
        match verdict {
            Verdict::Later { reached: false, .. } => {}
            // It said that it has too much to do, or broke off.
            Verdict::Later { answer, .. } if matches!(answer.code, 0 | 421) => met = Met::Crowd,
            Verdict::Later { .. } | Verdict::Never(_) | Verdict::Delivered { .. } => return Met::Server,
        }
    }
    met
}
