//! What a message causes: a notice to its sender, a warning to a mailbox that fills up. They ride in the same commit.

use super::{Pipeline, deliver::Failed, disk_refusal, watch};
use crate::{
    mime::{notice, stamp},
    policy::Refusal,
    router::{self, Destination, Route},
    store::{Delivery, Draft, NewMessage, Sealed},
    types::{Envelope, Leaving, QueueId, ReversePath},
};

/// The message that a notice is about.
pub(super) struct Original<'a> {
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
            let row = Leaving::plain(ReversePath::Null, sender.clone(), pipeline.clock.now());
            let row = Leaving { ours: true, ..row };
            (Vec::new(), vec![row])
        }
        Route::Unknown => (Vec::new(), Vec::new()),
    };
    if deliveries.is_empty() && queue.is_empty() {
        return Ok(None);
    }
    let draft = pipeline.store.draft().await.map_err(|e| disk_refusal(&e))?;
    let said: Vec<String> = failed.iter().map(heard).collect();
    let reports: Vec<_> = failed.iter().zip(&said).map(|(failed, said)| report(failed, said)).collect();
    let now = pipeline.clock.now();
    let bytes = notice::Notice {
        to: sender,
        host: &settings.server_name,
        id: QueueId::of(draft.id()).as_str(),
        at: now,
        arrived: now,
        reports: &reports,
        header: original.section,
    }
    .write();
    let (sealed, derived) = seal(draft, &bytes).await?;
    Ok(Some(NewMessage { sealed, derived, deliveries, queue }))
}

/// The reply that the sender would have heard, on one line.
fn heard(failed: &Failed) -> String {
    let say = &failed.refusal.say;
    format!("{} {} {}", say.code, say.status, say.lines.join(" "))
}

fn report<'a>(failed: &'a Failed, said: &'a str) -> notice::Report<'a> {
    notice::Report {
        to: &failed.recipient,
        action: notice::Action::Failed,
        status: failed.refusal.say.status,
        diagnostic: said,
    }
}

fn into_inbox(destination: Destination) -> Delivery {
    Delivery::to_inbox(destination.mailbox)
}

/// Q15: the warning at 80, 90, 95 %; it goes in even where the quota is nearly used up.
pub(super) async fn quota(
    pipeline: &Pipeline,
    destination: &Destination,
    percent: u8,
    used: u64,
) -> Result<NewMessage, Refusal> {
    let settings = pipeline.settings.get();
    let draft = pipeline.store.draft().await.map_err(|e| disk_refusal(&e))?;
    let bytes = notice::QuotaWarning {
        to: &destination.address,
        host: &settings.server_name,
        id: QueueId::of(draft.id()).as_str(),
        at: pipeline.clock.now(),
        percent,
        used,
        quota: destination.quota.unwrap_or(u64::MAX),
    }
    .write();
    let deliveries = vec![into_inbox(destination.clone())];
    let (sealed, derived) = seal(draft, &bytes).await?;
    Ok(NewMessage { sealed, derived, deliveries, queue: Vec::new() })
}

async fn seal(mut draft: Draft, bytes: &[u8]) -> Result<(Sealed, Option<Vec<u8>>), Refusal> {
    // RFC 5321 s4.4: the reverse-path of what we write ourselves is null.
    let path = stamp::return_path(&ReversePath::Null);
    draft.write(path.as_bytes()).await.map_err(|e| disk_refusal(&e))?;
    draft.write(bytes).await.map_err(|e| disk_refusal(&e))?;
    let derived = watch::of(&[path.as_bytes(), bytes]);
    let sealed = draft.seal().await.map_err(|e| disk_refusal(&e))?;
    Ok((sealed, Some(derived)))
}
