//! A message on its way in: octets are counted, the header section is stamped, the rest streams to the disk.

use std::time::Duration;

use super::{
    Accepted, Origin, Pipeline, deliver, disk_refusal,
    head::{BadHead, Head, Stamp, Whole},
    refuse,
    room::{Held, Purpose},
    watch::Watching,
};
use crate::{
    journal::PipelineEvent,
    policy::Refusal,
    router::Route,
    store::Draft,
    types::{Address, Envelope, QueueId},
    wire::smtp::say,
};

/// Octets of the header section that are kept for a notice, which quotes the whole fields within 16 KiB.
const KEPT_SECTION: usize = 20 * 1024;

/// How far a message is.
enum Stage {
    /// Its header section is not whole yet.
    Head(Head),
    /// Its body streams by.
    Body,
    /// It was refused; what still comes is thrown away.
    Refused(Refusal),
}

/// A message on its way in. Dropping it forgets it.
pub struct Incoming {
    pipeline: Pipeline,
    origin: Origin,
    envelope: Envelope,
    draft: Draft,
    stage: Stage,
    held: Held,
    /// What of the body is in memory.
    body: Held,
    watching: Watching,
    octets: u64,
    limit: u64,
    /// The head of the header section as it came: a notice to the sender shows it.
    section: Vec<u8>,
    began: Duration,
}

impl Incoming {
    pub(super) fn new(pipeline: Pipeline, origin: Origin, envelope: Envelope, draft: Draft) -> Self {
        let limit = pipeline.settings.get().max_message;
        let began = pipeline.clock.mono();
        let stage = Stage::Head(Head::default());
        let held = Held::none(pipeline.heads.clone(), Purpose::Section);
        let body = Held::none(pipeline.heads.clone(), Purpose::Body { ours: is_ours(&origin) });
        let watching = Watching::new(&pipeline.heads);
        Incoming {
            pipeline,
            origin,
            envelope,
            draft,
            stage,
            held,
            body,
            watching,
            octets: 0,
            limit,
            section: Vec::new(),
            began,
        }
    }

    /// The message's name.
    pub fn qid(&self) -> QueueId {
        QueueId::of(self.draft.id())
    }

    /// Adds octets, without dot-stuffing, lines ending in CRLF. After a refusal the session reads on and throws away;
    /// [`Incoming::finish`] then gives the same refusal.
    pub async fn write(&mut self, bytes: &[u8]) -> Result<(), Refusal> {
        let done = self.write_inner(bytes).await;
        if let Err(refusal) = &done {
            self.stage = Stage::Refused(refusal.clone());
            self.held.release();
            self.body.release();
        }
        done
    }

    async fn write_inner(&mut self, bytes: &[u8]) -> Result<(), Refusal> {
        self.octets += bytes.len() as u64;
        let whole = match &mut self.stage {
            Stage::Refused(refusal) => return Err(refusal.clone()),
            // Q14: octets with CRLF, without dot-stuffing and without what we stamp.
            Stage::Head(_) | Stage::Body if self.octets > self.limit => {
                return Err(refuse(say::TOO_BIG, &format!("size {} exceeds {}", self.octets, self.limit)));
            }
            Stage::Body => return self.put(bytes).await,
            Stage::Head(head) => head.take(bytes).map_err(bad_head)?,
        };
        match whole {
            Some(whole) => self.begin_body(whole).await,
            None if self.held.hold(usize::try_from(self.octets).unwrap_or(usize::MAX)) => Ok(()),
            None => Err(refuse(say::NO_ROOM, "too many large header sections at a time")),
        }
    }

    async fn begin_body(&mut self, whole: Whole) -> Result<(), Refusal> {
        let qid = self.qid();
        let settings = self.pipeline.settings.get();
        let forwarder = self.forwarder();
        let stamp = Stamp {
            origin: &self.origin,
            forwarder: forwarder.as_ref(),
            envelope: &self.envelope,
            qid: &qid,
            server: &settings.server_name,
            at: self.pipeline.clock.now(),
        };
        let bytes = whole.stamped(&stamp).map_err(bad_head)?;
        self.pipeline.journal.tell(PipelineEvent::MessageId { qid, message_id: whole.message_id() });
        // Held while the body streams by, on each connection: as much as a notice quotes, not the whole cap.
        let section = whole.section();
        self.section = section[..section.len().min(KEPT_SECTION)].to_vec();
        self.stage = Stage::Body;
        self.held.release();
        self.put(&bytes).await
    }

    /// The only recipient, if it is an alias that leads to other servers: it is noted on the message, which is known by it when
    /// it comes back. One of several is not noted, because the others would read of it.
    fn forwarder(&self) -> Option<Address> {
        let only = self.envelope.recipients().next().filter(|_| self.envelope.count() == 1)?;
        match self.pipeline.route(only) {
            Route::Local { elsewhere, .. } if !elsewhere.is_empty() => Some(only.clone()),
            Route::Local { .. } | Route::Foreign | Route::Unknown => None,
        }
    }

    /// Octets as they are stored.
    async fn put(&mut self, bytes: &[u8]) -> Result<(), Refusal> {
        self.watching.feed(bytes);
        self.draft.write(bytes).await.map_err(|e| disk_refusal(&e))?;
        match self.body.hold(self.draft.in_memory() + self.section.len()) {
            true => Ok(()),
            false => Err(refuse(say::NO_ROOM, "too many messages on their way in at a time")),
        }
    }

    /// Ends it: Ok means kept on the disk (the Guarantee of `store`).
    pub async fn finish(mut self) -> Result<Accepted, Refusal> {
        if let Stage::Head(head) = &mut self.stage {
            let whole = head.end();
            self.begin_body(whole).await?;
        }
        if let Stage::Refused(refusal) = self.stage {
            return Err(refusal);
        }
        let derived = self.watching.finish();
        let sealed = self.draft.seal().await.map_err(|e| disk_refusal(&e))?;
        let (envelope, section, began) = (self.envelope, self.section, self.began);
        let (logged_in, ours) = (logged_in(&self.origin), relays(&self.origin));
        let whole = deliver::Whole { sealed, derived, envelope, section, began, logged_in, ours };
        let done = deliver::deliver(&self.pipeline, whole, Vec::new()).await;
        // Until it was committed the body was in memory.
        drop(self.body);
        done
    }
}

/// Whether the client is one of ours: it has room for its body when strangers have none left.
fn is_ours(origin: &Origin) -> bool {
    match origin {
        Origin::Smtp { complete, .. } => *complete,
        Origin::Ours => true,
    }
}

/// A18: whether one of our users sent it; our own notices count for nothing.
fn logged_in(origin: &Origin) -> Option<bool> {
    match origin {
        Origin::Smtp { login, .. } => Some(login.is_some()),
        Origin::Ours => None,
    }
}

/// Whether one of ours wrote it: it may go to other domains, and is signed when it does.
fn relays(origin: &Origin) -> bool {
    match origin {
        Origin::Smtp { relays, .. } => *relays,
        Origin::Ours => true,
    }
}

fn bad_head(bad: BadHead) -> Refusal {
    match bad {
        BadHead::TooBig => refuse(say::HEADER_TOO_BIG, "header section over the limit"),
        BadHead::Loop => refuse(say::LOOP, "too many hops"),
        BadHead::Again => refuse(say::LOOP, "mail forwarding loop: it was forwarded by this address before"),
    }
}
