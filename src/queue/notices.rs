//! Notices of the house: a delivery status notification goes the way of every message of ours, into the mailbox of a sender who is here
//! or into the queue, in the commit that ends what it is about.

use super::{Coming, Notices, Told};
use crate::{
    mime::{
        self,
        notice::{Action, Notice, Report},
        stamp,
    },
    pipeline::Pipeline,
    router::{self, Route},
    store::{Delivery, NewMessage, StoreError},
    types::{Address, Answer, Leaving, QueueId, ReversePath, Settled, UnixTime, Waiting},
};

/// Octets of the original that are looked at for its header section; a notice quotes 16 KiB of it.
const HEAD: usize = 20 * 1024;

impl Notices for Pipeline {
    fn tell(&self, about: Vec<(Waiting, Told)>, also: Vec<Settled>) -> Coming<'_, Result<Option<QueueId>, StoreError>> {
        Box::pin(async move {
            let notice = match about.first().map(|(row, _)| row.leaving.from.clone()) {
                Some(ReversePath::Address(sender)) => compose(self, &sender, &about).await?,
                Some(ReversePath::Null) | None => None,
            };
            let Some(notice) = notice else {
                self.store.settle(also).await?;
                return Ok(None);
            };
            let name = QueueId::of(notice.sealed.id());
            self.store.commit_also(vec![notice], also).await.map(|_| Some(name))
        })
    }
}

/// None: the sender is here no more, or nothing is to be told.
async fn compose(
    pipeline: &Pipeline,
    sender: &Address,
    about: &[(Waiting, Told)],
) -> Result<Option<NewMessage>, StoreError> {
    let (settings, now) = (pipeline.settings.get(), pipeline.clock.now());
    let (deliveries, queue) = match router::expand(&pipeline.directory.get(), &settings, sender) {
        Route::Local { here, .. } => (here.into_iter().map(|to| Delivery::to_inbox(to.mailbox)).collect(), Vec::new()),
        Route::Foreign => (Vec::new(), vec![back(sender, now)]),
        Route::Unknown => (Vec::new(), Vec::new()),
    };
    let said: Vec<String> = about.iter().map(|(_, told)| heard(told)).collect();
    let reports: Vec<Report<'_>> =
        about.iter().zip(&said).filter_map(|((row, told), said)| report(row, told, said)).collect();
    let Some((first, _)) = about.first().filter(|_| !reports.is_empty()) else { return Ok(None) };
    if deliveries.is_empty() && queue.is_empty() {
        return Ok(None);
    }
    let header = section(pipeline, first).await;
    let mut draft = pipeline.store.draft().await?;
    let id = QueueId::of(draft.id());
    let bytes = Notice {
        to: sender,
        host: &settings.server_name,
        id: id.as_str(),
        at: now,
        arrived: first.since,
        reports: &reports,
        header: &header,
    }
    .write();
    // RFC 5321 s4.4: the reverse-path of what we write ourselves is null.
    draft.write(stamp::return_path(&ReversePath::Null).as_bytes()).await?;
    draft.write(&bytes).await?;
    Ok(Some(NewMessage { sealed: draft.seal().await?, derived: None, deliveries, queue }))
}

fn back(sender: &Address, now: UnixTime) -> Leaving {
    Leaving { ours: true, ..Leaving::plain(ReversePath::Null, sender.clone(), now) }
}

/// The header section of the original; nothing where it cannot be read: the notice is sent all the same.
async fn section(pipeline: &Pipeline, row: &Waiting) -> Vec<u8> {
    let Ok(body) = pipeline.store.body(row.body).await else { return Vec::new() };
    let mut head = body.read(0, HEAD).await.unwrap_or_default();
    let end = mime::header_end(&head).unwrap_or(head.len());
    head.truncate(end);
    head
}

fn answer(told: &Told) -> &Answer {
    match told {
        Told::Failed { answer, .. } | Told::Late(answer) | Told::Relayed(answer) => answer,
    }
}

/// What the other server said, on one line.
fn heard(told: &Told) -> String {
    let answer = answer(told);
    match answer.code {
        0 => answer.text.to_string(),
        code => format!("{code} {} {}", answer.status, answer.text),
    }
}

fn report<'a>(row: &'a Waiting, told: &'a Told, diagnostic: &'a str) -> Option<Report<'a>> {
    let action = match told {
        Told::Failed { .. } => Action::Failed,
        Told::Late(_) => Action::Delayed,
        Told::Relayed(_) => return None,
    };
    let to = row.leaving.original.as_ref().unwrap_or(&row.leaving.to);
    Some(Report { to, action, status: &answer(told).status, diagnostic })
}
