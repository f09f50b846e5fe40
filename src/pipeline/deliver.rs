//! The end of the way: where each recipient lives, who has room, one commit for the message and for what it causes.

use std::{collections::BTreeMap, time::Duration};

use super::{Accepted, Pipeline, disk_refusal, notify, refuse};
use crate::{
    journal::{PipelineEvent, Way},
    policy::Refusal,
    router::{self, Destination, Route},
    store::{Delivery, NewMessage, Sealed},
    types::{Address, Envelope, Leaving, MailboxId, QueueId},
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
    /// One of ours sent it: it may leave.
    pub ours: bool,
}

/// A recipient that does not get it.
pub(super) struct Failed {
    /// As the sender knows it.
    pub recipient: Address,
    /// What the sender would have heard.
    pub refusal: Refusal,
}

/// A copy that will be made.
struct Copy {
    destination: Destination,
    /// The recipient of RCPT that led here.
    recipient: Address,
}

#[derive(Default)]
struct Plan {
    copies: BTreeMap<MailboxId, Copy>,
    /// Recipients elsewhere.
    leaving: Vec<Leaving>,
    failed: Vec<Failed>,
}

/// Routes and commits. Q32: one recipient that can take it is enough for a 250; the others get a notice.
pub(super) async fn deliver(pipeline: &Pipeline, whole: Whole) -> Result<Accepted, Refusal> {
    let qid = QueueId::of(whole.sealed.id());
    let size = whole.sealed.len();
    // RCPT asked for that too, but the directory may have changed since.
    let mut plan = route(pipeline, &whole.envelope, whole.ours);
    let warnings = weigh(pipeline, &mut plan, size).await?;
    if plan.copies.is_empty() && plan.leaving.is_empty() {
        let first = plan.failed.into_iter().next().map(|f| f.refusal);
        return Err(first.unwrap_or_else(|| refuse(say::NO_MAILBOX, "no recipient is left")));
    }
    let deliveries = plan.copies.values().map(delivery).collect();
    let queue = plan.leaving.clone();
    let mut messages = vec![NewMessage { sealed: whole.sealed, derived: whole.derived, deliveries, queue }];
    let original = notify::Original { envelope: &whole.envelope, section: &whole.section };
    let notice = notify::failure(pipeline, &original, &plan.failed).await?;
    let notice_id = notice.as_ref().map(|n| QueueId::of(n.sealed.id()));
    messages.extend(notice);
    for (destination, percent, used) in warnings {
        messages.push(notify::quota(pipeline, &destination, percent, used).await?);
    }
    let away = messages.first().is_some_and(|message| !message.queue.is_empty());
    pipeline.store.commit(messages).await.map_err(|e| disk_refusal(&e))?;
    let (began, here) = (whole.began, !plan.copies.is_empty());
    let way = whole.logged_in.map(|logged_in| Way::of(logged_in, here, away));
    tell(pipeline, &Told { qid: &qid, size, envelope: &whole.envelope, began, way, notice: notice_id }, &plan);
    Ok(Accepted { qid })
}

fn delivery(copy: &Copy) -> Delivery {
    let destination = &copy.destination;
    Delivery { limit: destination.quota, ..Delivery::plain(destination.mailbox, destination.folder.clone()) }
}

/// Where everybody lives now: the directory may have changed since RCPT.
fn route(pipeline: &Pipeline, envelope: &Envelope, ours: bool) -> Plan {
    let (directory, settings) = (pipeline.directory.get(), pipeline.settings.get());
    let mut plan = Plan::default();
    let now = pipeline.clock.now();
    for rcpt in envelope.rcpts() {
        let recipient = &rcpt.to;
        let fail = |refusal| Failed { recipient: recipient.clone(), refusal };
        match router::expand(&directory, &settings, recipient) {
            Route::Local { here, elsewhere } => {
                for destination in here {
                    let copy = Copy { destination, recipient: recipient.clone() };
                    // Q6: a mailbox gets at most one copy of a message.
                    plan.copies.entry(copy.destination.mailbox).or_insert(copy);
                }
                if !elsewhere.is_empty() {
                    plan.failed.push(fail(refuse(say::NO_QUEUE, "the alias leads to another domain")));
                }
            }
            Route::Foreign if ours => plan.leaving.push(Leaving {
                from: envelope.from.clone(),
                to: recipient.clone(),
                original: None,
                wishes: rcpt.wishes(),
                terms: envelope.terms.clone(),
                ours,
                next_try: now,
            }),
            Route::Foreign => plan.failed.push(fail(refuse(say::RELAY_DENIED, "the domain is not ours"))),
            Route::Unknown => plan.failed.push(fail(refuse(say::NO_MAILBOX, "no such mailbox"))),
        }
    }
    plan
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
            plan.failed.push(Failed { recipient: copy.recipient, refusal });
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
        let orig_to = Some(copy.recipient.clone()).filter(|r| *r != to);
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
            to: failed.recipient.clone(),
            orig_to: None,
            millis,
            status: "bounced",
            dsn: failed.refusal.say.status,
            why: failed.refusal.log.clone(),
        });
    }
    if let Some(notice) = &told.notice {
        journal.tell(PipelineEvent::Bounced { qid: qid.clone(), notice: notice.clone() });
    }
    // The queue tells the end of what it has.
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
