//! What a message causes: a notice to its sender, a warning to a mailbox that fills up. They ride in the same commit.

use super::{Pipeline, deliver::Failed, disk_refusal};
use crate::{
    mime::notice,
    policy::Refusal,
    router::{self, Destination, Route},
    store::{Delivery, NewMessage, QueueRow, Sealed},
    types::{Address, Envelope, Flags, FolderName, QueueId, ReversePath},
};

/// The message that a notice is about.
pub(super) struct Original<'a> {
    pub qid: &'a QueueId,
    pub envelope: &'a Envelope,
    pub section: &'a [u8],
}

/// A delivery status notification (RFC 3464) to the sender, who may be here or elsewhere. None when nothing failed, or the
/// sender is null (RFC 5321 s6.1), or lives here no more. It bypasses quotas and checks: DSNs are never refused by us.
pub(super) async fn failure(
    pipeline: &Pipeline,
    original: &Original<'_>,
    failed: &[Failed],
) -> Result<Option<NewMessage>, Refusal> {
    let ReversePath::Address(sender) = &original.envelope.from else { return Ok(None) };
    if failed.is_empty() {
        return Ok(None);
    }
    let settings = pipeline.settings.get();
    let (deliveries, queue) = match router::expand(&pipeline.directory.get(), &settings, sender) {
        Route::Local { here, .. } => (here.into_iter().map(into_inbox).collect::<Vec<_>>(), Vec::new()),
        Route::Foreign => {
            let row = QueueRow { from: ReversePath::Null, to: sender.clone(), next_try: pipeline.clock.now() };
            (Vec::new(), vec![row])
        }
        Route::Unknown => (Vec::new(), Vec::new()),
    };
    if deliveries.is_empty() && queue.is_empty() {
        return Ok(None);
    }
    let now = pipeline.clock.now();
    let bytes = notice::Notice {
        server: &settings.server_name,
        sender,
        qid: original.qid.as_str(),
        at: now,
        failed: failed.iter().map(line).collect(),
        section: original.section,
    }
    .write();
    Ok(Some(NewMessage { sealed: seal(pipeline, &bytes).await?, deliveries, queue }))
}

fn line(failed: &Failed) -> notice::Failure<'_> {
    let say = &failed.refusal.say;
    notice::Failure { recipient: &failed.recipient, status: say.status, code: say.code, text: say.lines.join(" ") }
}

fn into_inbox(destination: Destination) -> Delivery {
    Delivery { mailbox: destination.mailbox, folder: FolderName::inbox(), flags: Flags::default() }
}

/// Q15: the warning at 80, 90, 95 %; it goes in even where the quota is nearly used up.
pub(super) async fn quota(
    pipeline: &Pipeline,
    destination: &Destination,
    percent: u8,
    used: u64,
) -> Result<NewMessage, Refusal> {
    let settings = pipeline.settings.get();
    let to: &Address = &destination.address;
    let quota = destination.quota.unwrap_or(u64::MAX);
    let bytes = notice::quota_warning(&settings.server_name, to, percent, used, quota, pipeline.clock.now());
    let deliveries = vec![into_inbox(destination.clone())];
    Ok(NewMessage { sealed: seal(pipeline, &bytes).await?, deliveries, queue: Vec::new() })
}

async fn seal(pipeline: &Pipeline, bytes: &[u8]) -> Result<Sealed, Refusal> {
    let mut draft = pipeline.store.draft().await.map_err(|e| disk_refusal(&e))?;
    draft.write(bytes).await.map_err(|e| disk_refusal(&e))?;
    draft.seal().await.map_err(|e| disk_refusal(&e))
}
