//! A parcel for a domain that has become ours: the pipeline takes it in and ends its rows with the same commit, so that what the loop
//! writes of them afterwards finds them gone.

use super::{Outcome, Parcel, Verdict, attempt::ours};
use crate::{
    pipeline::Pipeline,
    types::{Answer, Envelope, Rcpt, RowId, UnixTime},
};

/// What is named where another server would be.
const HERE: &str = "local";

/// Takes it in.
pub(super) async fn deliver(pipeline: &Pipeline, parcel: Parcel) -> Vec<Outcome> {
    let Parcel { body, from, terms, ours, rcpts, .. } = parcel;
    let ids: Vec<RowId> = rcpts.iter().map(|rcpt| rcpt.0).collect();
    let mut rcpts = rcpts.into_iter().map(|(_, to, wishes)| Rcpt::new(to, wishes));
    let Some(first) = rcpts.next() else { return Vec::new() };
    let mut envelope = Envelope::new(from, terms, first);
    rcpts.for_each(|rcpt| envelope.add(rcpt));
    let done = pipeline.come_home(&*body, envelope, ours, ids.clone()).await;
    let now = pipeline.clock.now();
    let verdict = match done {
        // Whoever wanted to hear of it was told with the same commit.
        Ok(accepted) => {
            let text = format!("the domain is ours now: taken in as {}", accepted.qid);
            Verdict::Delivered { answer: here(now, 250, "2.0.0", &text), passed_on: true }
        }
        Err(refusal) => {
            let say = refusal.say;
            let answer = here(now, say.code, say.status, &say.lines.join(" "));
            if say.code < 500 { Verdict::Later { answer, reached: true } } else { Verdict::Never(answer) }
        }
    };
    ids.into_iter().map(|id| Outcome { id, verdict: verdict.clone() }).collect()
}

fn here(at: UnixTime, code: u16, status: &str, text: &str) -> Answer {
    Answer { peer: HERE.into(), code, ..ours(at, status, text) }
}
