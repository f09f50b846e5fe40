//! What the other rooms ask of the queue.

use std::{
    collections::{BTreeMap, HashSet},
    sync::Arc,
};

use super::{
    super::{
        Kept, NewMessage, Store, StoreError,
        apply::{Answer, Change},
        writer::Job,
    },
    Destination, DueKey, DuePage, QueueCount, QueueFilter, QueueOrder, QueuePage, QueueRows, QueueWork,
    look::{self, Strays},
};
use crate::{
    rt::Bell,
    types::{BodyId, Hold, RowId, Settled, UnixTime, Waiting},
};

/// Rows of one transaction where very many are changed, so that commits of others go in between.
const STEP: usize = 1000;

impl Store {
    /// Keeps messages as [`Store::commit`] does, and in the SAME transaction writes what became of queue rows: a bounce and the end
    /// of what it is about are never apart. Missing, and nothing is done, when one of the rows is not there any more (somebody
    /// deleted it meanwhile). Without messages this is [`Store::settle`].
    pub async fn commit_also(&self, messages: Vec<NewMessage>, settled: Vec<Settled>) -> Result<Vec<Kept>, StoreError> {
        if messages.is_empty() {
            return self.settle(settled).await.map(|()| Vec::new());
        }
        match self.ask(Job::Commit(messages, settled)).await? {
            Answer::Kept(kept) => Ok(kept),
            other => Err(other.unfit()),
        }
    }

    /// Writes what became of queue rows, durably, also on a full disk. Rows that are not there (any more) are passed over.
    pub async fn settle(&self, settled: Vec<Settled>) -> Result<(), StoreError> {
        if settled.is_empty() {
            return Ok(());
        }
        self.queue_work(QueueWork::Settle(settled)).await.map(|_| ())
    }

    /// Writes durably that attempts begin, each with the next try that holds should nobody hear of it again. Gives the rows that may
    /// be tried: those that are still there and not held.
    pub async fn begin(&self, begun: Vec<(RowId, UnixTime)>) -> Result<Vec<RowId>, StoreError> {
        match self.queue_work(QueueWork::Begin(begun)).await? {
            Answer::Rows(rows) => Ok(rows),
            other => Err(other.unfit()),
        }
    }

    /// Up to `max` rows whose next try is not after `now`, in the order of their next tries, but those of `skip`. A row whose
    /// attempt was begun is due again only at the next try that was written then, or when an administrator hurries it: who tries
    /// rows remembers which are on their way. A damaged row is told of once and set aside.
    pub async fn due(
        &self,
        now: UnixTime,
        after: Option<DueKey>,
        skip: HashSet<Destination>,
        max: usize,
    ) -> Result<DuePage, StoreError> {
        let (page, strays) = self.core.read(move |mail| look::due(mail, now, after, &skip, max)).await?;
        self.mend(strays).await?;
        Ok(page)
    }

    /// Up to `max` rows of one destination whose next try is not after `now`, in the order of their next tries.
    pub async fn due_of(&self, to: Destination, now: UnixTime, max: usize) -> Result<Vec<Waiting>, StoreError> {
        let (rows, strays) = self.core.read(move |mail| look::due_of(mail, to, now, max)).await?;
        self.mend(strays).await?;
        Ok(rows)
    }

    /// The earliest next try, but of rows of `skip`; it may have passed. None: nothing waits for its time.
    pub async fn next_due(&self, skip: HashSet<Destination>) -> Result<Option<UnixTime>, StoreError> {
        self.core.read(move |mail| look::next_due(mail, &skip)).await
    }

    /// Up to `max` rows that fit, behind the row `after`.
    pub async fn waiting(
        &self,
        filter: QueueFilter,
        order: QueueOrder,
        after: Option<RowId>,
        max: usize,
    ) -> Result<QueuePage, StoreError> {
        let filter = Arc::new(filter);
        let mut page = QueuePage { rows: Vec::new(), next: after };
        loop {
            let (filter, place, left) = (filter.clone(), (order, page.next), max - page.rows.len());
            let (rows, next) = self.core.read(move |mail| look::list(mail, &filter, place, left)).await?;
            page.rows.extend(rows);
            page.next = next;
            if next.is_none() || page.rows.len() >= max {
                return Ok(page);
            }
        }
    }

    /// One row.
    pub async fn waiting_one(&self, id: RowId) -> Result<Waiting, StoreError> {
        self.core.read(move |mail| look::one(mail, id)).await
    }

    /// Those of these messages that have no row left; of each one row's number that it had.
    pub async fn left_queue(&self, gone: BTreeMap<BodyId, RowId>) -> Result<Vec<BodyId>, StoreError> {
        self.core.read(move |mail| look::left(mail, &gone)).await
    }

    /// How many rows there are and when the first of them is tried.
    pub async fn queue_count(&self) -> Result<QueueCount, StoreError> {
        self.core.read(look::count).await
    }

    /// How many rows there are.
    pub async fn queue_len(&self) -> Result<u64, StoreError> {
        Ok(self.queue_count().await?.total)
    }

    /// Holds rows or releases them; a released row is tried when its time comes. Gives how many were changed. Very many are changed
    /// in several transactions.
    pub async fn hold(&self, which: QueueRows, hold: Hold) -> Result<usize, StoreError> {
        self.each(which, |ids| QueueWork::Hold(ids, hold)).await
    }

    /// The next try of rows that are not held is `now`, where it is later. Gives how many they are.
    pub async fn send_now(&self, which: QueueRows, now: UnixTime) -> Result<usize, StoreError> {
        self.each(which, |ids| QueueWork::SendNow(ids, now)).await
    }

    /// The clock stepped: every time in the queue moves by so many seconds with it. One small row is written.
    pub async fn shift_queue(&self, seconds: i64) -> Result<(), StoreError> {
        self.queue_work(QueueWork::Shift(seconds)).await.map(|_| ())
    }

    /// Rings when rows came in, were released, hurried or shifted, or the mail disk was opened. For one waiter: the queue's runner.
    pub fn queue_bell(&self) -> Bell {
        self.core.queue_bell.clone()
    }

    async fn queue_work(&self, work: QueueWork) -> Result<Answer, StoreError> {
        self.change(Change::Queue(work)).await
    }

    async fn each(&self, which: QueueRows, work: impl Fn(Vec<RowId>) -> QueueWork) -> Result<usize, StoreError> {
        match which {
            QueueRows::Ids(ids) => self.step(&ids, &work).await,
            QueueRows::Fitting(filter) => {
                let (mut count, mut after) = (0, None);
                loop {
                    let page = self.waiting(filter.clone(), QueueOrder::Oldest, after, STEP).await?;
                    let ids: Vec<RowId> = page.rows.iter().map(|row| row.id).collect();
                    drop(page.rows);
                    count += self.step(&ids, &work).await?;
                    let Some(next) = page.next else { return Ok(count) };
                    after = Some(next);
                }
            }
        }
    }

    async fn step(&self, ids: &[RowId], work: &impl Fn(Vec<RowId>) -> QueueWork) -> Result<usize, StoreError> {
        let mut count = 0;
        for some in ids.chunks(STEP) {
            match self.queue_work(work(some.to_vec())).await? {
                Answer::Count(changed) => count += changed,
                other => return Err(other.unfit()),
            }
        }
        Ok(count)
    }

    async fn mend(&self, strays: Strays) -> Result<(), StoreError> {
        if strays.is_empty() {
            return Ok(());
        }
        strays.iter().for_each(|(_, why)| drop(self.core.heard(why)));
        let strays = strays.into_iter().map(|(stray, _)| stray).collect();
        self.queue_work(QueueWork::Mend(strays)).await.map(|_| ())
    }
}
