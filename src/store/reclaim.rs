//! Gives the space of deleted messages back to the file system: a volume under half live is copied forward and removed.
//!
//! | state of a volume that is emptied | on the disk | a power cut leaves |
//! |---|---|---|
//! | *held* | as it was; nobody appends | the same |
//! | *copying* | records beyond the committed length of another volume, synced | octets that are cut at opening |
//! | *moved* | rows name the copies; one transaction for each step | the rest to be moved later |
//! | *forgotten* | no row names the volume | a file that is removed at opening |
//! | *removed* | - | - |
//!
//! When room is tight the volume's dead octets and those that were moved are punched out while it is emptied, so that copying
//! needs no more room than it gives.
//!
//! A record that cannot be read or is damaged is not moved: it stays where it is, and its volume with it.

use std::{
    collections::{BTreeSet, VecDeque},
    sync::Arc,
    time::Duration,
};

use redb::ReadableDatabase;

use super::{
    apply::{Applied, Change, Moved, apply},
    core::Core,
    disk::DiskFile,
    fault::Fault,
    mail::Mail,
    record::{BLOCK, HEADER, Header, SUM, blocks_end, take_trailer, whole_block},
    rows::{self, Body, KeyForm, Volume},
    space,
    volume::{Lease, VOLUME_HEADER},
    writer::settle,
};
use crate::{journal::StoreEvent, types::BodyId};

/// Octets copied in one step, between two groups of the writer.
const STEP_OCTETS: u64 = 1024 * 1024;
/// Time between two steps: at most 25 MiB a second.
pub(super) const STEP_TIME: Duration = Duration::from_millis(40);
/// Rows looked at in one step.
const STEP_ROWS: usize = 4000;
/// Records moved by one transaction.
const STEP_RECORDS: usize = 200;
/// How long it rests when there was no room to copy.
const REST: Duration = Duration::from_secs(10);
/// How long it rests after the database failed.
const LONG_REST: Duration = Duration::from_secs(600);

/// The reclaiming under way, if any.
#[derive(Default)]
pub(super) struct Reclaimer {
    work: Option<Work>,
    target: Option<(Lease, u64)>,
    stuck: BTreeSet<u32>,
    /// Of the clock that never steps.
    last: Option<Duration>,
    rest_until: Option<Duration>,
}

/// One volume that is emptied.
struct Work {
    volume: u32,
    file: Arc<dyn DiskFile>,
    size: u64,
    copied: u64,
    /// The last body number that was looked at; None when all were.
    after: Option<u64>,
    todo: VecDeque<(BodyId, Body)>,
    copy: Option<Copy>,
    moved: Vec<Moved>,
    /// Octets of the moved records.
    lengths: Vec<u64>,
    left_behind: bool,
    /// Room is tight: octets are given back as they die.
    tight: bool,
}

/// A record that is half copied.
struct Copy {
    id: BodyId,
    body: Body,
    to: u64,
    done: u64,
}

impl Reclaimer {
    /// Whether there is a next step at once.
    pub fn is_busy(&self) -> bool {
        self.work.is_some()
    }

    /// Drops what is under way (its copies are beyond the committed length), remembers what is stuck.
    pub fn let_go(&mut self) {
        self.work = None;
        self.target = None;
    }

    /// After a failure: not again for a while, or a damaged page would open and close the database all day.
    pub fn rest(&mut self, core: &Core) {
        self.let_go();
        self.rest_until = Some(core.clock.mono() + LONG_REST);
    }

    /// One small step, if it is time for one. An error means that the database or a sync failed.
    pub fn step(&mut self, core: &Core, mail: &Arc<Mail>) -> Result<(), Fault> {
        let now = core.clock.mono();
        let too_early = |last: Duration| now.saturating_sub(last) < STEP_TIME;
        if self.last.is_some_and(too_early) || self.rest_until.is_some_and(|until| now < until) {
            return Ok(());
        }
        self.last = Some(now);
        let Some(mut work) = self.work.take() else { return self.begin(core, mail) };
        let all_seen = work.look(mail)?;
        if work.tight && !all_seen {
            self.work = Some(work);
            return Ok(());
        }
        match self.copy_some(mail, &mut work) {
            Ok(()) => {}
            Err(Fault::Full) => {
                // No room to copy: what was moved stays moved, the rest waits.
                self.target = None;
                self.rest_until = Some(now + REST);
                mail.pool.release(work.volume);
                return Ok(());
            }
            Err(fault) => return Err(fault),
        }
        self.move_rows(core, mail, &mut work)?;
        if work.after.is_none() && work.todo.is_empty() && work.copy.is_none() {
            return self.finish(core, mail, &work);
        }
        self.work = Some(work);
        Ok(())
    }

    /// Chooses the volume that gives the most for the least.
    fn begin(&mut self, core: &Core, mail: &Arc<Mail>) -> Result<(), Fault> {
        self.target = None;
        if let Some(volume) = mail.pool.unnamed().into_iter().find(|number| !self.stuck.contains(number)) {
            return self.hold(core, mail, volume, false);
        }
        let room = space::room(core, mail)?;
        let worth = Worth { tight: room.is_tight(mail.pool.limit()), free: room.free, limit: mail.pool.limit() };
        let candidates = mail.pool.idle().into_iter();
        let candidates = candidates.filter(|(number, row)| !self.stuck.contains(number) && worth.it(row));
        match candidates.max_by_key(|(_, row)| (row.live == 0, dead(row))) {
            Some((volume, _)) if mail.pool.hold(volume) => self.hold(core, mail, volume, worth.tight),
            Some(_) | None => Ok(()),
        }
    }

    /// Begins to empty a volume to which nobody appends.
    fn hold(&mut self, core: &Core, mail: &Arc<Mail>, volume: u32, tight: bool) -> Result<(), Fault> {
        let Ok(file) = mail.pool.file(volume) else {
            self.stuck(core, mail, volume, "its file cannot be opened");
            return Ok(());
        };
        let (todo, moved, size) = (VecDeque::new(), Vec::new(), file.len()?);
        let empty = mail.pool.row(volume).is_some_and(|row| row.bodies == 0) && !mail.pool.unnamed().contains(&volume);
        let after = Some(0).filter(|_| !empty);
        let (copy, copied, left_behind) = (None, 0, false);
        self.work = Some(Work {
            volume,
            file,
            size,
            copied,
            after,
            todo,
            copy,
            moved,
            lengths: Vec::new(),
            left_behind,
            tight,
        });
        Ok(())
    }

    fn stuck(&mut self, core: &Core, mail: &Mail, volume: u32, why: &str) {
        self.stuck.insert(volume);
        mail.pool.release(volume);
        core.journal.tell(StoreEvent::Stuck { volume, why: why.to_owned() });
    }

    /// Copies whole blocks until the step is full.
    fn copy_some(&mut self, mail: &Arc<Mail>, work: &mut Work) -> Result<(), Fault> {
        let mut octets = 0;
        while octets < STEP_OCTETS && work.moved.len() < STEP_RECORDS {
            let copy = match work.copy.take() {
                Some(copy) => copy,
                None => match work.todo.pop_front() {
                    Some((id, body)) => Copy { id, body, to: self.room_for(mail, body.record)?, done: 0 },
                    None => break,
                },
            };
            let Some((lease, at)) = &mut self.target else { break };
            match copy.piece(work.volume, &*work.file) {
                Ok(bytes) => {
                    lease.write_at(copy.to + copy.done, &bytes)?;
                    let done = copy.done + bytes.len() as u64;
                    octets += bytes.len() as u64;
                    if done < copy.body.record {
                        work.copy = Some(Copy { done, ..copy });
                        continue;
                    }
                    *at = copy.to + copy.body.record;
                    let (from, to) = ((work.volume, copy.body.offset), (lease.number, copy.to));
                    work.lengths.push(copy.body.record);
                    work.moved.push(Moved { id: copy.id, from, to });
                }
                // The place in the target is written over by the next record.
                Err(_) => work.left_behind = true,
            }
        }
        work.copied += octets;
        Ok(())
    }

    /// Where a record of this length goes; takes another target when this one is full.
    fn room_for(&mut self, mail: &Arc<Mail>, record: u64) -> Result<u64, Fault> {
        if let Some((_, at)) = self.target.as_ref().filter(|(_, at)| at + record <= mail.pool.limit()) {
            return Ok(*at);
        }
        if let Some((lease, _)) = self.target.take() {
            lease.sync()?;
        }
        let lease = mail.pool.lend(mail.pool.limit().saturating_sub(record))?;
        let start = lease.start;
        self.target = Some((lease, start));
        Ok(start)
    }

    /// Syncs the copies and lets the rows name them.
    fn move_rows(&mut self, core: &Core, mail: &Mail, work: &mut Work) -> Result<(), Fault> {
        if work.moved.is_empty() {
            return Ok(());
        }
        if let Some((lease, _)) = &self.target {
            lease.sync()?;
        }
        mail.pool.sync_names()?;
        let lengths = std::mem::take(&mut work.lengths);
        let starts: Vec<u64> = work.moved.iter().map(|moved| moved.from.1).collect();
        change(core, mail, &Change::Moved(std::mem::take(&mut work.moved)))?;
        if work.tight {
            starts.iter().zip(lengths).for_each(|(start, len)| work.punch(*start, start + len));
        }
        Ok(())
    }

    fn finish(&mut self, core: &Core, mail: &Mail, work: &Work) -> Result<(), Fault> {
        let empty = mail.pool.row(work.volume).is_some_and(|row| row.bodies == 0 && row.live == 0);
        if work.left_behind || !empty {
            self.stuck(core, mail, work.volume, "a record in it cannot be read");
            return Ok(());
        }
        change(core, mail, &Change::Forget(work.volume))?;
        // If the file cannot be removed now, the next opening removes it: no row names it.
        mail.redo.forget(work.volume);
        let _ = mail.pool.remove(work.volume);
        let (volume, copied, freed) = (work.volume, work.copied, work.size);
        core.journal.tell(StoreEvent::Reclaimed { volume, copied, freed });
        Ok(())
    }
}

fn change(core: &Core, mail: &Mail, change: &Change) -> Result<(), Fault> {
    let next_body = core.next_body.load(std::sync::atomic::Ordering::SeqCst);
    let applied: Applied = apply(mail, &[change], core.now(), next_body)?.map_err(|aside| aside.1)?;
    settle(core, mail, &applied);
    applied.done.into_iter().try_for_each(|done| done.answer.map(|_| ()))
}

/// Octets in a volume that nobody needs.
fn dead(row: &Volume) -> u64 {
    row.committed.saturating_sub(VOLUME_HEADER).saturating_sub(row.live)
}

/// Which volumes are worth emptying.
struct Worth {
    tight: bool,
    free: u64,
    limit: u64,
}

impl Worth {
    fn it(&self, row: &Volume) -> bool {
        let dead = dead(row);
        if dead == 0 {
            return false;
        }
        if row.live == 0 && row.bodies == 0 {
            return true;
        }
        let gain = if self.tight { dead.saturating_mul(8) >= row.committed } else { dead > row.live };
        let least = if self.tight { 64 * 1024 } else { (self.limit / 4).min(1024 * 1024) };
        gain && dead >= least && (self.tight || row.live < self.free)
    }
}

impl Work {
    /// Looks for the volume's bodies in the next page of body rows; whether all rows were seen.
    fn look(&mut self, mail: &Mail) -> Result<bool, Fault> {
        let more = self.tight || self.todo.len() < STEP_RECORDS;
        let Some(after) = self.after.filter(|_| more) else { return Ok(self.after.is_none()) };
        let table = mail.db.begin_read()?.open_table(rows::BODIES)?;
        let (mut last, mut seen) = (after, 0);
        for entry in table.range(after + 1..)?.take(STEP_ROWS) {
            let (key, value) = entry?;
            (last, seen) = (key.value(), seen + 1);
            match rows::unseal::<Body>(&u64::octets(&last), value.value()) {
                Ok(body) if body.volume == self.volume => self.todo.push_back((BodyId(last), body)),
                Ok(_) => {}
                // It may be of this volume: then the volume must stay.
                Err(_) => self.left_behind = true,
            }
        }
        self.after = Some(last).filter(|_| seen == STEP_ROWS);
        if self.tight && self.after.is_none() {
            self.punch_gaps();
        }
        Ok(self.after.is_none())
    }

    /// Gives back every octet between the bodies that were found. None was added since: the volume is held.
    fn punch_gaps(&mut self) {
        self.todo.make_contiguous().sort_by_cached_key(|(_, body)| body.offset);
        if self.left_behind {
            return;
        }
        let mut from = VOLUME_HEADER;
        for (_, body) in &self.todo {
            self.punch(from, body.offset);
            from = body.offset + body.record;
        }
        self.punch(from, self.size);
    }

    /// A file system that refuses keeps its room until the file is removed.
    fn punch(&self, from: u64, to: u64) {
        if from < to {
            let _ = self.file.punch(from, to - from);
        }
    }
}

impl Copy {
    /// The next piece of the record as it is, checked: its header, one block, or its trailer.
    fn piece(&self, volume: u32, file: &dyn DiskFile) -> Result<Vec<u8>, Fault> {
        let end = blocks_end(self.body.len);
        let len = match self.done {
            0 => HEADER as u64,
            done if done < end => (end - done).min((BLOCK + SUM) as u64),
            done => self.body.record.saturating_sub(done),
        };
        let mut bytes = vec![0; usize::try_from(len).unwrap_or(0)];
        file.read_at(self.body.offset + self.done, &mut bytes)?;
        let whole = match self.done {
            0 => Header::decode(&bytes).is_some_and(|h| h.body == self.id && h.record_len() == self.body.record),
            done if done < end => {
                let number = (done - HEADER as u64) / (BLOCK + SUM) as u64;
                whole_block(self.id, number, &bytes).is_some()
            }
            _ => take_trailer(self.id, &bytes).is_some(),
        };
        let damaged = || Fault::Damaged(format!("body {} in volume {volume:06}", self.id.0));
        if whole { Ok(bytes) } else { Err(damaged()) }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::{
        journal::Journal,
        rt::{Board, SystemClock, block_on},
        store::{Delivery, NewMessage, Places, Store, volume::name_of},
        types::{FolderName, MailboxId, Uid},
    };

    fn open(places: &Places) -> Store {
        let clock = Arc::new(SystemClock::start());
        Store::open(places.clone(), clock.clone(), Journal::new(clock), Board::default()).unwrap()
    }

    async fn deliver(store: &Store, text: &[u8]) {
        let mut draft = store.draft().await.unwrap();
        draft.write(text).await.unwrap();
        let (sealed, queue) = (draft.seal().await.unwrap(), Vec::new());
        let deliveries = vec![Delivery::to_inbox(MailboxId(1))];
        store.commit(vec![NewMessage { sealed, derived: None, deliveries, queue }]).await.unwrap();
    }

    /// It was believed that a volume without a row is a draft that a power cut left. It may also be one whose row is damaged:
    /// then its bodies are wanted, and removing it would lose every one of them.
    #[test]
    fn a_volume_whose_row_is_lost_is_copied_forward_before_it_goes() {
        let dir = std::env::temp_dir().join(format!("gatepost-unnamed-{}", std::process::id()));
        let places = Places { state: dir.join("state"), mail: dir.join("mail"), reserve: 0 };
        let store = open(&places);
        block_on(async {
            for n in 0..20u8 {
                deliver(&store, &vec![n; 9000]).await;
            }
            store.close().await;
        });
        drop(store);
        let db = redb::Database::open(places.mail.join("mail.redb")).unwrap();
        let write = db.begin_write().unwrap();
        assert!(write.open_table(rows::VOLUMES).unwrap().remove(1).unwrap().is_some());
        write.commit().unwrap();
        drop(db);
        let store = open(&places);
        let mut patience = 1000;
        while places.mail.join("bodies").join(name_of(1)).exists() {
            patience -= 1;
            assert!(patience > 0);
            std::thread::sleep(Duration::from_millis(20));
        }
        block_on(async {
            let (_, rows) = store.messages(MailboxId(1), &FolderName::inbox(), Uid(0), 99).await.unwrap();
            assert_eq!(rows.len(), 20);
            for (n, row) in (0..).zip(rows) {
                let body = store.body(row.body).await.unwrap();
                assert_eq!(body.read(0, 9999).await.unwrap(), vec![n; 9000]);
            }
            assert_eq!(store.check(|_| {}).await.unwrap().problems, Vec::<String>::new());
            store.close().await;
        });
        let _ = std::fs::remove_dir_all(&dir);
    }
}
