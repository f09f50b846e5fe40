//! What happens to a message. Wording: Postfix' cleanup, qmgr, local, bounce.

use super::{Line, Passed, Tag, Way, safe, safe_field};
use crate::types::{Address, QueueId, ReversePath};

/// Events of `pipeline`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PipelineEvent {
    /// `QID: message-id=<...>`
    MessageId {
        /// The message.
        qid: QueueId,
        /// Its Message-ID with brackets, as it came; empty if none.
        message_id: String,
    },
    /// `QID: from=<...>, size=N, nrcpt=N (queue active)`
    Active {
        /// The message.
        qid: QueueId,
        /// Reverse-path.
        from: ReversePath,
        /// Octets.
        size: u64,
        /// Recipients.
        recipients: usize,
        /// The first of them, and what the message counts for; None: for nothing (our own notices).
        counts: Option<(Way, Address)>,
    },
    /// `QID: to=<...>, orig_to=<...>, relay=local, delay=0.02, delays=..., dsn=2.0.0, status=sent (delivered to mailbox)`
    Delivered {
        /// The message.
        qid: QueueId,
        /// Mailbox it went to.
        to: Address,
        /// Recipient of RCPT, when another.
        orig_to: Option<Address>,
        /// Milliseconds since MAIL.
        millis: u64,
        /// `sent`, `bounced`, `deferred`.
        status: &'static str,
        /// Enhanced status code.
        dsn: &'static str,
        /// The words in parentheses.
        why: String,
    },
    /// `QID: removed`
    Removed {
        /// The message.
        qid: QueueId,
    },
    /// `QID: sender non-delivery notification: QID2`
    Notified {
        /// The message.
        qid: QueueId,
        /// `sender non-delivery`, `sender delivery status`.
        what: &'static str,
        /// The notification.
        notice: QueueId,
    },
    /// A failure that nobody can be told of.
    Lost {
        /// The message.
        qid: QueueId,
        /// Whom it did not reach.
        to: Address,
        /// Its reverse-path is null: it was a notice itself (RFC 5321 s6.1).
        double: bool,
    },
    /// An answer that the table of advice has no row for.
    NoAdvice {
        /// Code, status, text.
        answer: String,
    },
}

impl From<PipelineEvent> for Line {
    fn from(event: PipelineEvent) -> Line {
        match event {
            PipelineEvent::MessageId { qid, message_id } => {
                // The brackets are ours: what a stranger wrote must not end the field and go on with `from=<...>, size=`.
                let inner = message_id.strip_prefix('<').unwrap_or(&message_id);
                let inner = safe_field(inner.strip_suffix('>').unwrap_or(inner), 300);
                Line::info(Tag::Cleanup, format!("{qid}: message-id=<{inner}>"))
            }
            PipelineEvent::Active { qid, from, size, recipients, counts } => {
                let from = safe_field(&from.to_string(), 330);
                let text = format!("{qid}: from=<{from}>, size={size}, nrcpt={recipients} (queue active)");
                let more = u32::try_from(recipients.saturating_sub(1)).unwrap_or(u32::MAX);
                let passed = counts
                    .map(|(way, to)| Box::new(Passed { way, from, to: safe_field(&to.to_string(), 330), more, size }));
                Line { passed, ..Line::info(Tag::Qmgr, text) }
            }
            PipelineEvent::Delivered { qid, to, orig_to, millis, status, dsn, why } => {
                let orig =
                    orig_to.map_or(String::new(), |o| format!(" orig_to=<{}>,", safe_field(&o.to_string(), 330)));
                let delay = format!("{}.{:02}", millis / 1000, millis % 1000 / 10);
                let to = safe_field(&to.to_string(), 330);
                let why = safe(&why, 400);
                Line::info(
                    Tag::Local,
                    format!(
                        "{qid}: to=<{to}>,{orig} relay=local, delay={delay}, delays={delay}/0/0/0, dsn={dsn}, status={status} ({why})"
                    ),
                )
            }
            PipelineEvent::Removed { qid } => Line::info(Tag::Qmgr, format!("{qid}: removed")),
            PipelineEvent::Notified { qid, what, notice } => {
                Line::info(Tag::Bounce, format!("{qid}: {what} notification: {notice}"))
            }
            PipelineEvent::Lost { qid, to, double } => {
                let to = safe_field(&to.to_string(), 330);
                let why = if double { "its sender is null" } else { "its sender has no mailbox here any more" };
                Line::warning(Tag::Bounce, format!("{qid}: to=<{to}>: undeliverable, and nobody can be told: {why}"))
            }
            PipelineEvent::NoAdvice { answer } => {
                Line::info(Tag::Bounce, format!("no advice for: {}", safe(&answer, 500)))
            }
        }
    }
}
