//! Recipients that waited for another server, and whose domain has become ours meanwhile: they get their mail here.
//!
//! The message is written anew, so that what it becomes is what any message becomes: aliases, filters, quotas, notices. That, and the
//! end of the rows it was, are one transaction: a crash leaves the rows, or the mail in the mailboxes, never both and never neither.

use super::{
    Accepted, Pipeline,
    deliver::{self, Whole},
    disk_refusal, notify, refuse,
    room::{Held, Purpose},
    watch::Watching,
};
use crate::{
    limits, mime,
    policy::Refusal,
    types::{BodyReader, Envelope, RowId, Settled},
    wire::smtp::say,
};

/// Octets of the head of a stored message that a notice may quote.
const HEAD: usize = 24 * 1024;

impl Pipeline {
    /// Delivers a stored message to recipients here, and ends these rows of the queue, which are all that its envelope names. Ok: both
    /// are on the disk. A refusal: nothing was written; of 4xx now, of 5xx ever. `ours`: one of ours wrote it.
    pub async fn come_home(
        &self,
        body: &dyn BodyReader,
        envelope: Envelope,
        ours: bool,
        rows: Vec<RowId>,
    ) -> Result<Accepted, Refusal> {
        let began = self.clock.mono();
        let mut draft = self.store.draft().await.map_err(|e| disk_refusal(&e))?;
        let mut watching = Watching::new(&self.heads);
        let mut held = Held::none(self.heads.clone(), Purpose::Body { ours });
        let mut section = Vec::new();
        let mut at = 0;
        loop {
            let unread = |error: std::io::Error| refuse(say::OUR_FAULT, &format!("it cannot be read: {error}"));
            let piece = body.read(at, limits::CHUNK).await.map_err(unread)?;
            if piece.is_empty() {
                break;
            }
            at += piece.len() as u64;
            section.extend_from_slice(&piece[..piece.len().min(HEAD.saturating_sub(section.len()))]);
            watching.feed(&piece);
            draft.write(&piece).await.map_err(|e| disk_refusal(&e))?;
            if !held.hold(draft.in_memory() + section.len()) {
                return Err(refuse(say::NO_ROOM, "too many messages on their way in at a time"));
            }
        }
        let section = without_body(&section);
        let sealed = draft.seal().await.map_err(|e| disk_refusal(&e))?;
        let derived = watching.finish();
        let whole = Whole { sealed, derived, envelope, section, began, logged_in: None, ours };
        let also = rows.into_iter().map(Settled::Done).collect();
        deliver::deliver(self, whole, also).await
    }
}

/// The header section as its sender wrote it.
fn without_body(head: &[u8]) -> Vec<u8> {
    let head = notify::without_return_path(head);
    head[..mime::header_end(head).unwrap_or(head.len())].to_vec()
}
