//! What is done to queue rows, inside the writer's transaction.

use redb::ReadableTable;

use super::{
    super::{
        apply::{Answer, Tables},
        fault::Fault,
        rows::{self, Writable},
    },
    Destination, Due, DueKey, Queued, Routed,
    rows::{DUE, ROUTES},
};
use crate::types::{Hold, RowId, Settled, UnixTime};

/// A job of the queue.
pub(in super::super) enum QueueWork {
    /// What became of attempts; rows that are not there (any more) are passed over.
    Settle(Vec<Settled>),
    /// Attempts that begin, each with its next try should nobody hear of it again.
    Begin(Vec<(RowId, UnixTime)>),
    Hold(Vec<RowId>, Hold),
    SendNow(Vec<RowId>, UnixTime),
    /// The clock stepped by so many seconds.
    Shift(i64),
    /// Entries of the indices that lead to no such row.
    Mend(Vec<Stray>),
}

/// An entry of the indices that a reader could not follow; None: the destination is not known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) struct Stray {
    pub key: DueKey,
    pub to: Option<u64>,
}

/// Puts a row with stored times into both indices.
fn index(
    due: &mut impl Writable<(i64, u64)>,
    routes: &mut impl Writable<(u64, i64, u64)>,
    id: u64,
    row: &Queued,
) -> Result<(), Fault> {
    let Some(keys) = row.keys(id) else { return Ok(()) };
    rows::put(due, keys.due, &Due(Destination(keys.route.0)))?;
    rows::put(routes, keys.route, &Routed)
}

impl Tables<'_> {
    /// A new row.
    pub fn enqueue(&mut self, row: Queued) -> Result<(), Fault> {
        let id = self.house.next_queue;
        self.house.next_queue += 1;
        self.rung = true;
        self.write_row(id, None, row.shifted(self.house.shift.saturating_neg()))
    }

    pub fn queue_work(&mut self, work: &QueueWork) -> Result<Answer, Fault> {
        match work {
            QueueWork::Settle(settled) => self.settle_rows(settled).map(|()| Answer::None),
            QueueWork::Begin(begun) => self.begin_rows(begun).map(Answer::Rows),
            QueueWork::Hold(ids, hold) => self.hold_rows(ids, *hold).map(Answer::Count),
            QueueWork::SendNow(ids, now) => self.hurry_rows(ids, *now).map(Answer::Count),
            QueueWork::Shift(seconds) => {
                self.house.shift = self.house.shift.saturating_add(*seconds);
                // The newest time was as wrong: kept, every later start would begin at a time that is still to come.
                self.house.newest = self.house.newest.plus((*seconds).min(0));
                self.now = self.now.plus(*seconds);
                self.rung = true;
                Ok(Answer::None)
            }
            QueueWork::Mend(strays) => strays.iter().try_for_each(|stray| self.mend(stray)).map(|()| Answer::None),
        }
    }

    /// Fails with Missing, before anything is written, unless every row is there.
    pub fn all_there(&self, settled: &[Settled]) -> Result<(), Fault> {
        for one in settled {
            let (Settled::Done(id) | Settled::Later { id, .. }) = one;
            if self.queue.get(id.0)?.is_none() {
                return Err(Fault::Missing);
            }
        }
        Ok(())
    }

    pub fn settle_rows(&mut self, settled: &[Settled]) -> Result<(), Fault> {
        for one in settled {
            match one {
                Settled::Done(id) => self.drop_row(*id)?,
                Settled::Later { id, next_try, last, told_late } => {
                    let Some(old) = self.row(*id)? else { continue };
                    let mut row = old.clone().shifted(self.house.shift);
                    row.leaving.next_try = *next_try;
                    row.told_late |= told_late;
                    row.last = last.clone().or(row.last);
                    self.write_row(id.0, Some(&old), row.shifted(self.house.shift.saturating_neg()))?;
                }
            }
        }
        Ok(())
    }

    fn begin_rows(&mut self, begun: &[(RowId, UnixTime)]) -> Result<Vec<RowId>, Fault> {
        let mut there = Vec::with_capacity(begun.len());
        for (id, next_try) in begun {
            let Some(old) = self.row(*id)?.filter(|row| row.hold == Hold::Free) else { continue };
            let mut row = Queued { tries: old.tries.saturating_add(1), ..old.clone() };
            row.leaving.next_try = self.stored(*next_try);
            self.write_row(id.0, Some(&old), row)?;
            there.push(*id);
        }
        Ok(there)
    }

    fn hold_rows(&mut self, ids: &[RowId], hold: Hold) -> Result<usize, Fault> {
        let mut count = 0;
        for id in ids {
            let Some(old) = self.row(*id)?.filter(|row| row.hold != hold) else { continue };
            self.write_row(id.0, Some(&old), Queued { hold, ..old.clone() })?;
            count += 1;
        }
        self.rung |= count > 0;
        Ok(count)
    }

    fn hurry_rows(&mut self, ids: &[RowId], now: UnixTime) -> Result<usize, Fault> {
        let (mut count, now) = (0, self.stored(now));
        for id in ids {
            let Some(old) = self.row(*id)?.filter(|row| row.hold == Hold::Free) else { continue };
            let mut row = old.clone();
            row.leaving.next_try = row.leaving.next_try.min(now);
            self.write_row(id.0, Some(&old), row)?;
            count += 1;
        }
        self.rung |= count > 0;
        Ok(count)
    }

    /// A time as rows store it.
    fn stored(&self, at: UnixTime) -> UnixTime {
        at.plus(self.house.shift.saturating_neg())
    }

    /// A row with stored times. A damaged one is as good as none here: whoever reads the index sets it aside and tells of it.
    fn row(&self, id: RowId) -> Result<Option<Queued>, Fault> {
        match rows::get(&*self.queue, id.0) {
            Err(Fault::Damaged(_)) => Ok(None),
            read => read,
        }
    }

    fn write_row(&mut self, id: u64, old: Option<&Queued>, new: Queued) -> Result<(), Fault> {
        if let Some(old) = old.filter(|old| old.keys(id) != new.keys(id)) {
            self.unindex(id, old)?;
        }
        rows::put(&mut self.queue, id, &new)?;
        index(&mut self.due, &mut self.routes, id, &new)
    }

    fn unindex(&mut self, id: u64, row: &Queued) -> Result<(), Fault> {
        if let Some(keys) = row.keys(id) {
            self.due.remove(keys.due)?;
            self.routes.remove(keys.route)?;
        }
        Ok(())
    }

    /// A damaged row goes too; the body that it named cannot be told and stays.
    fn drop_row(&mut self, id: RowId) -> Result<(), Fault> {
        let row = self.row(id)?;
        self.queue.remove(id.0)?;
        let Some(row) = row else { return Ok(()) };
        self.unindex(id.0, &row)?;
        self.unlink(row.body)
    }

    fn mend(&mut self, stray: &Stray) -> Result<(), Fault> {
        let DueKey { at, id } = stray.key;
        let row = self.row(RowId(id))?;
        let right = row.as_ref().and_then(|row| row.keys(id));
        if right.is_none_or(|right| right.due != (at, id)) {
            self.due.remove((at, id))?;
        }
        if let Some(to) = stray.to.filter(|to| right.is_none_or(|right| right.route != (*to, at, id))) {
            self.routes.remove((to, at, id))?;
        }
        row.map_or(Ok(()), |row| index(&mut self.due, &mut self.routes, id, &row))
    }
}

/// Fills the indices of a queue that had none, in the transaction of `migrate`.
pub(in super::super) fn make_indices(write: &redb::WriteTransaction) -> Result<(), Fault> {
    let (mut queue, bodies) = (write.open_table(rows::QUEUE)?, write.open_table(rows::BODIES)?);
    let (mut due, mut routes) = (write.open_table(DUE)?, write.open_table(ROUTES)?);
    let ids: Vec<u64> = queue.iter()?.map(|entry| Ok(entry?.0.value())).collect::<Result<_, redb::StorageError>>()?;
    for id in ids {
        // A damaged row stays as it is, for `check`.
        let Ok(Some(mut row)) = rows::get::<u64, Queued>(&queue, id) else { continue };
        let body = rows::get::<u64, rows::Body>(&bodies, row.body.0);
        row.size = body.ok().flatten().map_or(0, |body| body.len);
        rows::put(&mut queue, id, &row)?;
        index(&mut due, &mut routes, id, &row)?;
    }
    Ok(())
}
