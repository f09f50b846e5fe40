//! The end of the way: where each recipient lives, who has room, one commit for the message and for what it causes.

use std::{collections::BTreeMap, time::Duration};

use super::{Accepted, Pipeline, disk_refusal, leave, notify, refuse};
use crate::{
    journal::{PipelineEvent, Way},
    mime::notice::Action,
    policy::Refusal,
    router::{Destination, Route},
    store::{Delivery, NewMessage, Sealed},
    types::{Address, Answer, Envelope, Leaving, MailboxId, QueueId, Rcpt, Settled},
    wire::smtp::say,
};

/// A message whose bytes are complete.
pub(super) struct Whole {
    pub sealed: Sealed,
    /// What IMAP will show of it.
    pub derived: Option<Vec<u8>>,
    pub envelope: Envelope,
    pub section: Vec<u8>,
    pub began: Duration,
    /// Whether one of our users sent it; None: we ourselves, and it counts for nothing.
    pub logged_in: Option<bool>,
    /// One of ours wrote it: a user, or a device that may send to other domains.
    pub ours: bool,
}

/// A recipient that does not get it.
struct Failed {
    rcpt: Rcpt,
    /// What the sender would have heard.
    refusal: Refusal,
}

/// A copy that will be made.
struct Copy {
    destination: Destination,
    /// The recipient of RCPT that led here.
    rcpt: Rcpt,
}

#[derive(Default)]
struct Plan {
    copies: BTreeMap<MailboxId, Copy>,
    leaving: Vec<Leaving>,
    failed: Vec<Failed>,
    /// What becomes of those whose sender wants to hear of success here.
    asked: Vec<(Rcpt, Action)>,
}

/// Routes and commits, with `also` in the same transaction. Q32: one recipient that can take it is enough for a 250; the others get a
/// notice.
pub(super) async fn deliver(pipeline: &Pipeline, whole: Whole, also: Vec<Settled>) -> Result<Accepted, Refusal> {
    let qid = QueueId::of(whole.sealed.id());
    let size = whole.sealed.len();
    let mut plan = route(pipeline, &whole);
    let warnings = weigh(pipeline, &mut plan, size).await?;
    if plan.copies.is_empty() && plan.leaving.is_empty() {
        let first = plan.failed.into_iter().next().map(|f| f.refusal);
        return Err(first.unwrap_or_else(|| refuse(say::NO_MAILBOX, "no recipient is left")));
    }
    let notice = notify::notice(pipeline, &original(pipeline, &whole), news(pipeline, &plan)).await;
    let notice = notice.map_err(|e| disk_refusal(&e))?;
    let notice_id = notice.as_ref().map(|n| QueueId::of(n.sealed.id()));
    let deliveries = plan.copies.values().map(delivery).collect();
    let Whole { sealed, derived, envelope, began, logged_in, .. } = whole;
    let mut messages = vec![NewMessage { sealed, derived, deliveries, queue: plan.leaving.clone() }];
    messages.extend(notice);
    for (destination, percent, used) in warnings {
        let warning = notify::quota(pipeline, &destination, percent, used).await;
        messages.push(warning.map_err(|e| disk_refusal(&e))?);
    }
    pipeline.store.commit_also(messages, also).await.map_err(|e| disk_refusal(&e))?;
    let (here, away) = (!plan.copies.is_empty(), !plan.leaving.is_empty());
    let way = logged_in.map(|logged_in| Way::of(logged_in, here, away));
    tell(pipeline, &Told { qid: &qid, size, envelope: &envelope, began, way, notice: notice_id }, &plan);
    Ok(Accepted { qid })
}

fn delivery(copy: &Copy) -> Delivery {
    let destination = &copy.destination;
    Delivery { limit: destination.quota, ..Delivery::plain(destination.mailbox, destination.folder.clone()) }
}

/// Where everybody lives now: the directory may have changed since RCPT.
fn route(pipeline: &Pipeline, whole: &Whole) -> Plan {
    let mut plan = Plan::default();
    let leave = leave::Leave::new(pipeline, whole);
    for rcpt in whole.envelope.rcpts() {
        match pipeline.route(&rcpt.to) {
            Route::Local { here, elsewhere } => plan.take(&leave, rcpt, here, elsewhere),
            Route::Foreign if whole.ours => plan.leave(leave.directly(rcpt)),
            Route::Foreign => plan.fail(rcpt, refuse(say::RELAY_DENIED, "the domain is not ours")),
            Route::Unknown => plan.fail(rcpt, refuse(say::NO_MAILBOX, "no such mailbox")),
        }
    }
    plan
}

impl Plan {
    fn take(&mut self, leave: &leave::Leave<'_>, rcpt: &Rcpt, here: Vec<Destination>, elsewhere: Vec<Address>) {
        let several = here.len() + elsewhere.len() > 1;
        if rcpt.wishes().notify().success {
            match (elsewhere.is_empty(), several) {
                (true, _) => self.asked.push((rcpt.clone(), Action::Delivered)),
                (false, true) => self.asked.push((rcpt.clone(), Action::Expanded)),
                // The next server tells of it, or the queue.
                (false, false) => {}
            }
        }
        for destination in here {
            // Q6: a mailbox gets at most one copy of a message.
            self.copies.entry(destination.mailbox).or_insert(Copy { destination, rcpt: rcpt.clone() });
        }
        for to in elsewhere {
            self.leave(leave.by_alias(rcpt, to, several));
        }
    }

    fn leave(&mut self, leaving: Leaving) {
        if !self.leaving.iter().any(|there| there.to == leaving.to) {
            self.leaving.push(leaving);
        }
    }

    fn fail(&mut self, rcpt: &Rcpt, refusal: Refusal) {
        self.failed.push(Failed { rcpt: rcpt.clone(), refusal });
    }
}

fn original<'a>(pipeline: &Pipeline, whole: &'a Whole) -> notify::Original<'a> {
    let Whole { envelope, section, sealed, ours, .. } = whole;
    notify::Original {
        from: &envelope.from,
        terms: &envelope.terms,
        ours: *ours,
        section,
        whole: sealed.in_memory(),
        arrived: pipeline.clock.now(),
    }
}

/// What the sender is told at once, as far as he wants to hear it.
fn news(pipeline: &Pipeline, plan: &Plan) -> Vec<notify::News> {
    let now = pipeline.clock.now();
    let failed = plan.failed.iter().filter(|f| f.rcpt.wishes().notify().failure).map(|failed| {
        let say = &failed.refusal.say;
        let (status, text) = (say.status.into(), say.lines.join(" ").into());
        let answer = Answer { at: now, peer: "".into(), code: say.code, status, text };
        notify::News::of(&failed.rcpt, Action::Failed, answer)
    });
    let is_failed = |rcpt: &Rcpt| plan.failed.iter().any(|f| f.rcpt.to == rcpt.to);
    let good = plan.asked.iter().filter(|(rcpt, _)| !is_failed(rcpt)).map(|(rcpt, action)| {
        let answer = Answer { at: now, peer: "".into(), code: 0, status: "2.0.0".into(), text: "".into() };
        notify::News::of(rcpt, *action, answer)
    });
    failed.chain(good).collect()
}

type Warnings = Vec<(Destination, u8, u64)>;

/// Q15: who is over quota is taken out; who crosses 80, 90 or 95 % with this message is warned.
async fn weigh(pipeline: &Pipeline, plan: &mut Plan, size: u64) -> Result<Warnings, Refusal> {
    let settings = pipeline.settings.get();
    let full = if settings.quota_temporary { say::OVER_QUOTA_LATER } else { say::OVER_QUOTA };
    let mut warnings = Vec::new();
    let mut over = Vec::new();
    for (id, copy) in &plan.copies {
        let Some(quota) = copy.destination.quota else { continue };
        let used = pipeline.store.usage(*id).await.map_err(|e| disk_refusal(&e))?.bytes;
        if used.saturating_add(size) > quota {
            over.push(*id);
            continue;
        }
        let crossed = settings.quota_warnings.iter().copied().filter(|p| crosses(used, size, quota, *p)).max();
        if let Some(percent) = crossed {
            warnings.push((copy.destination.clone(), percent, used + size));
        }
    }
    for id in over {
        if let Some(copy) = plan.copies.remove(&id) {
            let refusal = refuse(full, &format!("{} is over quota", copy.destination.address));
            plan.failed.push(Failed { rcpt: copy.rcpt, refusal });
        }
    }
    Ok(warnings)
}

/// Whether `percent` of the quota lies between what is used and what will be.
fn crosses(used: u64, size: u64, quota: u64, percent: u8) -> bool {
    let mark = u128::from(quota) * u128::from(percent) / 100;
    u128::from(used) < mark && u128::from(used + size) >= mark
}

struct Told<'a> {
    qid: &'a QueueId,
    size: u64,
    envelope: &'a Envelope,
    began: Duration,
    way: Option<Way>,
    notice: Option<QueueId>,
}

fn tell(pipeline: &Pipeline, told: &Told<'_>, plan: &Plan) {
    let journal = &pipeline.journal;
    let qid = told.qid;
    let millis = u64::try_from((pipeline.clock.mono().saturating_sub(told.began)).as_millis()).unwrap_or(u64::MAX);
    journal.tell(PipelineEvent::Active {
        qid: qid.clone(),
        from: told.envelope.from.clone(),
        size: told.size,
        recipients: told.envelope.count(),
        counts: told.way.zip(told.envelope.recipients().next().cloned()),
    });
    for copy in plan.copies.values() {
        let to = copy.destination.address.clone();
        let orig_to = Some(copy.rcpt.to.clone()).filter(|r| *r != to);
        let why = "delivered to mailbox".to_owned();
        journal.tell(PipelineEvent::Delivered {
            qid: qid.clone(),
            to,
            orig_to,
            millis,
            status: "sent",
            dsn: "2.0.0",
            why,
        });
    }
    for failed in &plan.failed {
        journal.tell(PipelineEvent::Delivered {
            qid: qid.clone(),
            to: failed.rcpt.to.clone(),
            orig_to: None,
            millis,
            status: "bounced",
            dsn: failed.refusal.say.status,
            why: failed.refusal.log.clone(),
        });
    }
    if let Some(notice) = &told.notice {
        let what = if plan.failed.is_empty() { "sender delivery status" } else { "sender non-delivery" };
        journal.tell(PipelineEvent::Notified { qid: qid.clone(), what, notice: notice.clone() });
    }
    // What still waits for another server is removed by the queue.
    if plan.leaving.is_empty() {
        journal.tell(PipelineEvent::Removed { qid: qid.clone() });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_warning_is_given_once_when_its_mark_is_crossed() {
        assert!(crosses(79, 1, 100, 80));
        assert!(!crosses(80, 1, 100, 80), "crossed before");
        assert!(!crosses(10, 69, 100, 80), "not there yet");
        assert!(crosses(0, 100, 100, 95));
    }
}
