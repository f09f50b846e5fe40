//! What the queue has to tell a sender: one notice about rows of one message, in one transaction with what becomes of the rows.

use std::sync::Arc;

use super::{
    Pipeline,
    notify::{self, News, Original},
};
use crate::{
    journal::PipelineEvent,
    limits,
    mime::{self, notice::Action},
    store::StoreError,
    types::{Answer, BodyId, BodyReader, QueueId, ReversePath, Settled, UnixTime, Waiting},
};

/// Octets of the head of a stored message that are read for its header section.
const HEAD: usize = 24 * 1024;

/// What became of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It is given up.
    Failed,
    /// It is late, and tried until then.
    Late {
        /// When it is given up.
        until: UnixTime,
    },
    /// It went on to a server that tells nothing of it (RFC 3461 s5.2.2).
    Relayed,
}

/// A row that a sender is told of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReportOf {
    /// The row as it was.
    pub row: Waiting,
    /// What became of it.
    pub fate: Fate,
    /// What was said last.
    pub answer: Answer,
}

impl ReportOf {
    /// RFC 3461 s4.1.
    fn is_wanted(&self) -> bool {
        let notify = self.row.leaving.wishes.notify();
        match self.fate {
            Fate::Failed => notify.failure,
            Fate::Late { .. } => notify.delay,
            Fate::Relayed => notify.success,
        }
    }

    fn news(self) -> News {
        let ReportOf { row, fate, answer } = self;
        let (action, until) = match fate {
            Fate::Failed => (Action::Failed, None),
            Fate::Late { until } => (Action::Delayed, Some(until)),
            Fate::Relayed => (Action::Relayed, None),
        };
        let (to, original) = (row.leaving.to, row.leaving.original);
        News { to, original, orcpt: row.leaving.wishes.orcpt, action, answer, until }
    }
}

impl Pipeline {
    /// Writes one notice about rows of one message (those whose sender wants to hear of it), and `also`, in ONE transaction. Gives its
    /// name; None where nobody is to be told (`also` is written all the same): a null sender, or one that lives here no more, which is
    /// told to the journal. Missing, and nothing is written: one of the rows of `also` is not there any more.
    pub async fn report(&self, about: Vec<ReportOf>, also: Vec<Settled>) -> Result<Option<QueueId>, StoreError> {
        let failed = about.iter().any(|of| of.fate == Fate::Failed);
        let wanted: Vec<ReportOf> = about.into_iter().filter(ReportOf::is_wanted).collect();
        let Some(row) = wanted.first().map(|of| of.row.clone()) else {
            return self.store.settle(also).await.map(|()| None);
        };
        let stored = self.stored(row.body).await?;
        let original = Original {
            from: &row.leaving.from,
            terms: &row.leaving.terms,
            ours: row.leaving.ours,
            section: stored.section(),
            whole: stored.whole(),
            arrived: row.since,
        };
        let news = wanted.into_iter().map(ReportOf::news).collect();
        let Some(notice) = notify::notice(self, &original, news).await? else {
            self.store.settle(also).await?;
            if failed {
                let (qid, to) = (QueueId::of(row.body), row.leaving.to);
                let double = row.leaving.from == ReversePath::Null;
                self.journal.tell(PipelineEvent::Lost { qid, to, double });
            }
            return Ok(None);
        };
        let name = QueueId::of(notice.sealed.id());
        self.store.commit_also(vec![notice], also).await?;
        Ok(Some(name))
    }

    /// What of a message may come back. One that cannot be read comes back without: its sender is told all the same.
    async fn stored(&self, id: BodyId) -> Result<Stored, StoreError> {
        match self.store.body(id).await {
            Ok(body) => Ok(Stored::read(&body).await),
            Err(StoreError::Damaged(_) | StoreError::Missing) => Ok(Stored::default()),
            Err(
                error @ (StoreError::Unavailable(_)
                | StoreError::NoRoom
                | StoreError::OverQuota
                | StoreError::Exists
                | StoreError::Limit(_)),
            ) => Err(error),
        }
    }
}

/// A stored message, or its head.
#[derive(Default)]
struct Stored {
    octets: Vec<u8>,
    is_whole: bool,
}

impl Stored {
    async fn read(body: &Arc<dyn BodyReader>) -> Stored {
        let is_whole = body.len() <= limits::NOTICE_WHOLE as u64;
        let max = if is_whole { limits::NOTICE_WHOLE } else { HEAD };
        // A record that turns out damaged is told of by who reads it to send it.
        body.read(0, max).await.map_or_else(|_| Stored::default(), |octets| Stored { octets, is_whole })
    }

    fn section(&self) -> &[u8] {
        let octets = notify::without_return_path(&self.octets);
        &octets[..mime::header_end(octets).unwrap_or(octets.len())]
    }

    fn whole(&self) -> Option<&[u8]> {
        Some(self.octets.as_slice()).filter(|octets| self.is_whole && !octets.is_empty())
    }
}
