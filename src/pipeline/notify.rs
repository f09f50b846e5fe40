//! What a message causes: a notice to its sender, a warning to a mailbox that fills up. They ride in the same commit.

use super::{Pipeline, watch};
use crate::{
    journal::PipelineEvent,
    limits,
    mime::{
        advice,
        notice::{self, Action},
        stamp,
    },
    router::{Destination, Route},
    store::{Delivery, Draft, NewMessage, Sealed, StoreError},
    types::{Address, Answer, Leaving, Orcpt, QueueId, Rcpt, Ret, ReversePath, Terms, UnixTime, Wishes},
};

/// The message that a notice is about.
pub(super) struct Original<'a> {
    pub from: &'a ReversePath,
    pub terms: &'a Terms,
    /// One of ours wrote it.
    pub ours: bool,
    /// Its header section, or the head of it.
    pub section: &'a [u8],
    /// All of it as it is stored, where it is small enough to come back.
    pub whole: Option<&'a [u8]>,
    pub arrived: UnixTime,
}

/// What became of a recipient.
pub(super) struct News {
    pub to: Address,
    pub original: Option<Address>,
    pub orcpt: Option<Orcpt>,
    pub action: Action,
    pub answer: Answer,
    pub until: Option<UnixTime>,
}

impl News {
    /// Of a recipient here.
    pub fn of(rcpt: &Rcpt, action: Action, answer: Answer) -> News {
        News { to: rcpt.to.clone(), original: None, orcpt: rcpt.wishes().orcpt, action, answer, until: None }
    }

    fn report(&self) -> notice::Report<'_> {
        notice::Report {
            to: &self.to,
            original: self.original.as_ref(),
            orcpt: self.orcpt.as_ref(),
            action: self.action,
            answer: &self.answer,
            until: self.until,
        }
    }
}

/// A delivery status notification (RFC 3464) to the sender, who may be here or elsewhere. None when there is nothing to tell, or the
/// sender is null (RFC 5321 s6.1), or lives here no more. It bypasses quotas and checks: DSNs are never refused by us.
pub(super) async fn notice(
    pipeline: &Pipeline,
    original: &Original<'_>,
    news: Vec<News>,
) -> Result<Option<NewMessage>, StoreError> {
    let ReversePath::Address(sender) = original.from else { return Ok(None) };
    if news.is_empty() {
        return Ok(None);
    }
    let Some(Ways { to, deliveries, queue }) = ways(pipeline, sender) else { return Ok(None) };
    let settings = pipeline.settings.get();
    let draft = pipeline.store.draft().await?;
    let reports: Vec<_> = news.iter().map(News::report).collect();
    let bytes = notice::Notice {
        to: &to,
        host: &settings.server_name,
        id: QueueId::of(draft.id()).as_str(),
        at: pipeline.clock.now(),
        arrived: original.arrived,
        envid: original.terms.envid.as_deref(),
        reports: &reports,
        original: original.returned(&news),
    }
    .write();
    count_unknown(pipeline, &news);
    let (sealed, derived) = seal(draft, &bytes).await?;
    Ok(Some(NewMessage { sealed, derived, deliveries, queue }))
}

impl Original<'_> {
    /// RFC 3461 s4.3: the whole message comes back with a failure only, where the sender wants it, or where he is one of ours and did
    /// not say; and only up to a size.
    fn returned(&self, news: &[News]) -> notice::Original<'_> {
        let failed = news.iter().any(|n| n.action == Action::Failed);
        let wanted = match self.terms.ret {
            Some(Ret::Full) => true,
            Some(Ret::Headers) => false,
            None => self.ours,
        };
        match self.whole.filter(|whole| failed && wanted && whole.len() <= limits::NOTICE_WHOLE) {
            Some(whole) => notice::Original::Whole(without_return_path(whole)),
            None => notice::Original::Header(self.section),
        }
    }
}

/// The field that we put on top of what is stored belongs to the delivery, not to the message.
pub(super) fn without_return_path(stored: &[u8]) -> &[u8] {
    if !stored.starts_with(b"Return-Path:") {
        return stored;
    }
    let end = stored.windows(2).position(|w| w == b"\r\n").map_or(0, |at| at + 2);
    &stored[end..]
}

/// Where a notice goes.
struct Ways {
    /// Who the sender truly is: a rewritten reverse-path is read back.
    to: Address,
    deliveries: Vec<Delivery>,
    queue: Vec<Leaving>,
}

fn ways(pipeline: &Pipeline, sender: &Address) -> Option<Ways> {
    let (here, elsewhere, to) = match pipeline.route(sender) {
        Route::Local { here, elsewhere } => {
            let only = elsewhere.first().filter(|_| here.is_empty() && elsewhere.len() == 1).cloned();
            (here, elsewhere, only.unwrap_or_else(|| sender.clone()))
        }
        Route::Foreign => (Vec::new(), vec![sender.clone()], sender.clone()),
        Route::Unknown => return None,
    };
    let utf8 = !to.local.is_ascii();
    let row = |to| Leaving {
        from: ReversePath::Null,
        to,
        original: None,
        wishes: Wishes::default(),
        terms: Terms { utf8, ..Terms::default() },
        ours: true,
        next_try: pipeline.clock.now(),
    };
    let deliveries = here.into_iter().map(into_inbox).collect();
    Some(Ways { to, deliveries, queue: elsewhere.into_iter().map(row).collect() })
}

/// An answer that the table of advice does not know is worth a row there.
fn count_unknown(pipeline: &Pipeline, news: &[News]) {
    let bad = news.iter().filter(|n| n.action == Action::Failed && advice::is_unknown(&n.answer));
    for News { answer: Answer { code, status, text, .. }, .. } in bad {
        let answer = format!("{code} {status} {text}");
        pipeline.journal.tell(PipelineEvent::NoAdvice { answer });
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
) -> Result<NewMessage, StoreError> {
    let settings = pipeline.settings.get();
    let draft = pipeline.store.draft().await?;
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

async fn seal(mut draft: Draft, bytes: &[u8]) -> Result<(Sealed, Option<Vec<u8>>), StoreError> {
    // RFC 5321 s4.4: the reverse-path of what we write ourselves is null.
    let path = stamp::return_path(&ReversePath::Null);
    draft.write(path.as_bytes()).await?;
    draft.write(bytes).await?;
    let derived = watch::of(&[path.as_bytes(), bytes]);
    Ok((draft.seal().await?, Some(derived)))
}
