//! What becomes of mail that leaves. Wording: Postfix' smtp, lmtp, discard, error, qmgr and bounce, which pflogsumm counts.

use std::time::Duration;

use super::{Count, Line, Tag, safe, safe_field};
use crate::types::{Address, Answer, QueueId, ReversePath};

/// Which program of Postfix would have done it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Carrier {
    /// To the world or a relay.
    Smtp,
    /// To a store behind us.
    Lmtp,
    /// Nowhere.
    Discard,
    /// Into mailboxes here.
    Local,
    /// Nobody: put off or given up without an attempt.
    Nobody,
}

/// What became of a recipient.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sent {
    /// `status=sent`
    Sent,
    /// `status=deferred`
    Deferred,
    /// `status=bounced`
    Bounced,
}

/// Events of `queue`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum QueueEvent {
    /// `QID: to=<...>, relay=mx.example.org[192.0.2.1]:25, delay=1.2, delays=0/0/0/1.2, dsn=2.0.0, status=sent (250 2.0.0 ok)`
    Tried {
        /// The message.
        qid: QueueId,
        /// Who carried it.
        carrier: Carrier,
        /// The recipient.
        to: Address,
        /// As the sender knows it, when another.
        orig_to: Option<Address>,
        /// Seconds in the queue before this attempt.
        waited: i64,
        /// How long the attempt took.
        took: Duration,
        /// What became of it.
        sent: Sent,
        /// What was said.
        answer: Answer,
    },
    /// `QID: from=<...>, status=expired, returned to sender`
    Expired {
        /// The message.
        qid: QueueId,
        /// Its sender.
        from: ReversePath,
    },
    /// `QID: sender non-delivery notification: QID2`, or `delay`, `delivery status`.
    Told {
        /// The message.
        qid: QueueId,
        /// What the sender was told: `sender non-delivery`, ...
        what: &'static str,
        /// The notice.
        notice: QueueId,
    },
    /// A key of ours could not sign it: it leaves unsigned.
    Unsigned {
        /// The message.
        qid: QueueId,
        /// What was wrong.
        why: String,
    },
    /// A message without a sender cannot go back: nobody is told.
    DoubleBounce {
        /// The message.
        qid: QueueId,
        /// Its recipient.
        to: Address,
    },
    /// `QID: removed`
    Removed {
        /// The message.
        qid: QueueId,
    },
    /// The queue cannot be read or written; told once an outage.
    Trouble {
        /// What the store said.
        why: String,
    },
    /// A destination does not answer, or answers again.
    Closed {
        /// `example.org`, `relay.test:25`
        way: String,
        /// What the last attempt said; None: it is back.
        why: Option<String>,
    },
}

impl From<QueueEvent> for Line {
    fn from(event: QueueEvent) -> Line {
        match event {
            QueueEvent::Tried { qid, carrier, to, orig_to, waited, took, sent, answer } => {
                let orig =
                    orig_to.map_or(String::new(), |o| format!(" orig_to=<{}>,", safe_field(&o.to_string(), 330)));
                let (waited, took) = (waited.max(0).unsigned_abs(), took.as_millis());
                let took = (took / 1000, took % 1000 / 10);
                let (to, relay) = (safe_field(&to.to_string(), 330), relay(&answer));
                let (status, said) = (status(sent), said(sent, &answer));
                let text = format!(
                    "{qid}: to=<{to}>,{orig} relay={relay}, delay={}.{:02}, delays={waited}/0/0/{}.{:02}, dsn={}, status={status} ({said})",
                    u128::from(waited) + took.0,
                    took.1,
                    took.0,
                    took.1,
                    safe_field(&answer.status, 12),
                );
                Line::info(tag(carrier), text).counted(Count::Outgoing(sent))
            }
            QueueEvent::Expired { qid, from } => {
                let from = safe_field(&from.to_string(), 330);
                Line::info(Tag::Qmgr, format!("{qid}: from=<{from}>, status=expired, returned to sender"))
            }
            QueueEvent::Told { qid, what, notice } => {
                Line::info(Tag::Bounce, format!("{qid}: {what} notification: {notice}"))
            }
            QueueEvent::DoubleBounce { qid, to } => {
                let to = safe_field(&to.to_string(), 330);
                Line::warning(Tag::Bounce, format!("{qid}: undeliverable notification for <{to}> discarded"))
            }
            QueueEvent::Unsigned { qid, why } => {
                Line::warning(Tag::Smtp, format!("{qid}: leaves without a DKIM signature: {}", safe(&why, 300)))
            }
            QueueEvent::Removed { qid } => Line::info(Tag::Qmgr, format!("{qid}: removed")),
            QueueEvent::Trouble { why } => {
                Line::error(Tag::Qmgr, format!("the queue cannot go on: {}; trying again", safe(&why, 300)))
            }
            QueueEvent::Closed { way, why: Some(why) } => {
                let (way, why) = (safe(&way, 260), safe(&why, 300));
                Line::warning(Tag::Qmgr, format!("{way} does not answer, its mail is put off: {why}"))
            }
            QueueEvent::Closed { way, why: None } => {
                Line::info(Tag::Qmgr, format!("{} answers again", safe(&way, 260)))
            }
        }
    }
}

fn tag(carrier: Carrier) -> Tag {
    match carrier {
        Carrier::Smtp => Tag::Smtp,
        Carrier::Lmtp => Tag::Lmtp,
        Carrier::Discard => Tag::Discard,
        Carrier::Local => Tag::Local,
        Carrier::Nobody => Tag::Error,
    }
}

fn status(sent: Sent) -> &'static str {
    match sent {
        Sent::Sent => "sent",
        Sent::Deferred => "deferred",
        Sent::Bounced => "bounced",
    }
}

fn relay(answer: &Answer) -> String {
    if answer.peer.is_empty() { "none".to_owned() } else { safe_field(&answer.peer, 300) }
}

/// `250 2.0.0 ok`; `host mx.example.org[192.0.2.1] said: 550 5.1.1 no such user`; or what happened.
fn said(sent: Sent, answer: &Answer) -> String {
    if answer.code == 0 {
        return safe(&answer.text, 500);
    }
    // Some give the text with its code, some without.
    let status = if answer.text.starts_with(&*answer.status) { "" } else { &*answer.status };
    let words: Vec<String> = [answer.code.to_string(), status.to_owned(), answer.text.to_string()]
        .into_iter()
        .filter(|w| !w.is_empty())
        .collect();
    let words = safe(&words.join(" "), 500);
    let host = answer.peer.rsplit_once(':').map_or(&*answer.peer, |(host, _)| host);
    if sent == Sent::Sent || host.is_empty() { words } else { format!("host {} said: {words}", safe_field(host, 300)) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::{BodyId, UnixTime};

    fn tried(sent: Sent, answer: Answer) -> QueueEvent {
        QueueEvent::Tried {
            qid: QueueId::of(BodyId(7)),
            carrier: Carrier::Smtp,
            to: Address::parse("ann@example.org").unwrap(),
            orig_to: None,
            waited: 10_800,
            took: Duration::from_millis(1234),
            sent,
            answer,
        }
    }

    fn answer(code: u16, status: &str, text: &str) -> Answer {
        Answer {
            at: UnixTime(0),
            peer: "mx.example.org[192.0.2.1]:25".into(),
            code,
            status: status.into(),
            text: text.into(),
        }
    }

    #[test]
    fn the_words_are_postfix_own() {
        assert_eq!(
            Line::from(tried(Sent::Sent, answer(250, "2.0.0", "2.0.0 Ok: queued as 1"))).text,
            "0000000007: to=<ann@example.org>, relay=mx.example.org[192.0.2.1]:25, delay=10801.23, \
             delays=10800/0/0/1.23, dsn=2.0.0, status=sent (250 2.0.0 Ok: queued as 1)"
        );
        let line = Line::from(tried(Sent::Bounced, answer(550, "5.1.1", "no such user")));
        assert!(line.text.ends_with("status=bounced (host mx.example.org[192.0.2.1] said: 550 5.1.1 no such user)"));
        let nobody = Answer { peer: "".into(), ..answer(0, "4.4.1", "connect to mx.example.org: timed out") };
        let line = Line::from(tried(Sent::Deferred, nobody));
        assert!(line.text.contains("relay=none,") && line.text.ends_with("(connect to mx.example.org: timed out)"));
    }

    #[test]
    fn a_server_cannot_forge_a_line() {
        let evil = "ok)\r\nNov 24 host postfix/smtp[1]: 0: to=<x>, status=sent (";
        for event in [
            tried(Sent::Sent, Answer { peer: evil.into(), status: evil.into(), ..answer(250, "", evil) }),
            QueueEvent::Closed { way: evil.into(), why: Some(evil.into()) },
            QueueEvent::Trouble { why: evil.into() },
        ] {
            let line = Line::from(event);
            assert!(!line.text.contains(['\r', '\n']), "{}", line.text);
        }
    }
}
