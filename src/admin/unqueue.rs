//! Rows of the queue are deleted (K3, K5): silently, or with a notice to whoever sent them.
//!
//! A notice and the end of the rows that it is about are one transaction, so that a crash leaves both or neither. A row whose message
//! is on its way to a server in this moment can still be delivered by that attempt.

use serde::Deserialize;
use serde_json::json;

use super::{
    Answer, ApiError, Caller, Desk,
    api::Request,
    queue::{Meant, Wanted, named, tell},
};
use crate::{
    journal::QueueEvent,
    pipeline::{Fate, ReportOf},
    store::{QueueFilter, QueueOrder, QueueRows, StoreError},
    types::{Answer as Said, QueueId, RowId, Settled, UnixTime, Waiting},
};

/// Rows that are deleted in one transaction, or told of in one notice.
const STEP: usize = 500;
/// Deleted rows that have a line each in the journal; of more only their number is told.
const NAMED: usize = 100;
/// What a notice says; the table of advice knows these words.
const WHY: &str = "deleted from the queue by the administrator";

/// Which rows are deleted, and whether their senders hear of it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wish {
    rows: Option<Vec<u64>>,
    filter: Option<Wanted>,
    #[serde(default)]
    tell: bool,
}

/// What was done.
#[derive(Default)]
struct Done {
    changed: usize,
    /// Notices.
    told: usize,
}

/// Rows are deleted.
pub(super) async fn delete(desk: &Desk, mut request: Request) -> Answer {
    let Wish { rows, filter, tell: telling } = request.take()?;
    let mut work = Work { desk, caller: &request.caller, telling, done: Done::default() };
    match (Meant { rows, filter }).rows()? {
        QueueRows::Ids(ids) => work.these(&ids).await?,
        QueueRows::Fitting(filter) => work.fitting(filter).await?,
    }
    let Done { changed, told } = work.done;
    if changed > 0 {
        let senders = if telling { format!(", {told} notices written") } else { String::new() };
        tell(desk, &format!("{changed} deleted{senders}"), &request.caller);
    }
    Ok(json!({ "changed": changed, "told": told }))
}

struct Work<'a> {
    desk: &'a Desk,
    caller: &'a Caller,
    telling: bool,
    done: Done,
}

impl Work<'_> {
    async fn these(&mut self, ids: &[RowId]) -> Result<(), ApiError> {
        for some in ids.chunks(STEP) {
            let (mut rows, mut damaged) = (Vec::with_capacity(some.len()), Vec::new());
            for id in some {
                match self.desk.house().store.waiting_one(*id).await {
                    Ok(row) => rows.push(row),
                    Err(StoreError::Missing) => {}
                    // A damaged row can be deleted: nothing else can be done with it, and nobody knows whom to tell.
                    Err(StoreError::Damaged(_)) => damaged.push(*id),
                    Err(error) => return Err(error.into()),
                }
            }
            damaged.iter().for_each(|id| tell(self.desk, &format!("damaged row {} deleted", id.0), self.caller));
            self.done.changed += damaged.len();
            self.silently(damaged).await?;
            self.rows(rows).await?;
        }
        Ok(())
    }

    /// Rows that are there now: a notice of ours that waits to leave would fit too.
    async fn fitting(&mut self, filter: QueueFilter) -> Result<(), ApiError> {
        let store = &self.desk.house().store;
        let newest = store.waiting(QueueFilter::default(), QueueOrder::Newest, None, 1).await?;
        let Some(newest) = newest.rows.first().map(|row| row.id) else { return Ok(()) };
        let mut behind = None;
        loop {
            let mut page = store.waiting(filter.clone(), QueueOrder::Oldest, behind, STEP).await?;
            page.rows.retain(|row| row.id <= newest);
            self.rows(page.rows).await?;
            behind = page.next.filter(|next| *next < newest);
            if behind.is_none() {
                return Ok(());
            }
        }
    }

    async fn rows(&mut self, rows: Vec<Waiting>) -> Result<(), ApiError> {
        for row in rows.iter().take(NAMED.saturating_sub(self.done.changed)) {
            tell(self.desk, &format!("{} deleted", named(row)), self.caller);
        }
        if !self.telling {
            self.done.changed += rows.len();
            return self.silently(rows.iter().map(|row| row.id).collect()).await;
        }
        for rows in by_message(rows) {
            self.with_notice(rows).await?;
        }
        Ok(())
    }

    async fn silently(&self, ids: Vec<RowId>) -> Result<(), ApiError> {
        let settled = ids.into_iter().map(Settled::Done).collect();
        self.desk.house().store.settle(settled).await.map_err(ApiError::from)
    }

    /// Rows of one message, with one notice about those whose sender wants to hear of it.
    async fn with_notice(&mut self, mut rows: Vec<Waiting>) -> Result<(), ApiError> {
        let house = self.desk.house();
        while let Some(first) = rows.first() {
            let qid = QueueId::of(first.body);
            let now = house.clock.now();
            let about = rows.iter().map(|row| given_up(row, now)).collect();
            let also = rows.iter().map(|row| Settled::Done(row.id)).collect();
            match house.pipeline.report(about, also).await {
                Ok(notice) => {
                    self.done.changed += rows.len();
                    self.done.told += usize::from(notice.is_some());
                    if let Some(notice) = notice {
                        let what = "sender non-delivery";
                        house.journal.tell(QueueEvent::Told { qid, what, notice });
                    }
                    return Ok(());
                }
                // One of them was delivered or deleted meanwhile: nothing was written, and the others are told of without it.
                Err(StoreError::Missing) => rows = self.still_there(rows).await,
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    /// Fewer than there were, whatever the store says: the loop above ends.
    async fn still_there(&self, rows: Vec<Waiting>) -> Vec<Waiting> {
        let (before, mut there) = (rows.len(), Vec::with_capacity(rows.len()));
        for row in rows {
            if self.desk.house().store.waiting_one(row.id).await.is_ok() {
                there.push(row);
            }
        }
        there.truncate(before.saturating_sub(1));
        there
    }
}

/// Rows of each message together, in the order in which the messages were met.
fn by_message(rows: Vec<Waiting>) -> Vec<Vec<Waiting>> {
    let mut groups: Vec<Vec<Waiting>> = Vec::new();
    for row in rows {
        match groups.iter_mut().find(|group| group.first().is_some_and(|first| first.body == row.body)) {
            Some(group) => group.push(row),
            None => groups.push(vec![row]),
        }
    }
    groups
}

/// What the sender reads: why, and what was answered last, if anything was.
fn given_up(row: &Waiting, now: UnixTime) -> ReportOf {
    let text = match &row.last {
        Some(last) => format!("{WHY}; the last answer was: {}{}", code(last), last.text),
        None => WHY.to_owned(),
    };
    let text = text.chars().take(crate::limits::ANSWER_TEXT).collect::<String>().into();
    let answer = Said { at: now, peer: "".into(), code: 0, status: "5.3.0".into(), text };
    ReportOf { row: row.clone(), fate: Fate::Failed, answer }
}

fn code(said: &Said) -> String {
    let Said { code, status, .. } = said;
    if *code == 0 { String::new() } else { format!("{code} {status} ") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        mime::advice,
        types::{Address, BodyId, Hold, Leaving, ReversePath},
    };

    fn row(id: u64, body: u64, last: Option<Said>) -> Waiting {
        let to = Address::parse("b@far.test").unwrap();
        let (leaving, size) = (Leaving::plain(ReversePath::Null, to, UnixTime(0)), 10);
        let (since, tries, hold, told_late) = (UnixTime(0), 1, Hold::Free, false);
        Waiting { id: RowId(id), body: BodyId(body), size, since, leaving, tries, hold, told_late, last }
    }

    #[test]
    fn one_notice_is_about_all_rows_of_a_message() {
        let rows = vec![row(1, 7, None), row(2, 8, None), row(3, 7, None)];
        let ids: Vec<Vec<u64>> = by_message(rows).iter().map(|g| g.iter().map(|row| row.id.0).collect()).collect();
        assert_eq!(ids, [vec![1, 3], vec![2]]);
    }

    #[test]
    fn the_sender_reads_who_deleted_it_and_what_was_answered_last() {
        let said = |code, text: &str| Said {
            at: UnixTime(0),
            peer: "mx.far.test".into(),
            code,
            status: "4.7.1".into(),
            text: text.into(),
        };
        let text = |last| given_up(&row(1, 7, last), UnixTime(9)).answer.text;
        assert_eq!(&*text(None), WHY);
        assert_eq!(&*text(Some(said(450, "Greylisted"))), format!("{WHY}; the last answer was: 450 4.7.1 Greylisted"));
        assert_eq!(&*text(Some(said(0, "no route"))), format!("{WHY}; the last answer was: no route"));
        // The advice is about the deletion, whatever the other server said before.
        let gone = given_up(&row(1, 7, Some(said(550, "spam, see sender.office.com, dmarc"))), UnixTime(9)).answer;
        assert!(advice::of(&gone).what.en.contains("administrator"), "{}", advice::of(&gone).what.en);
        let long = given_up(&row(1, 7, Some(said(450, &"x".repeat(600)))), UnixTime(9)).answer;
        assert_eq!(long.text.chars().count(), crate::limits::ANSWER_TEXT);
    }
}
