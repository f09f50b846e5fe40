//! `index.redb`: what is known of a message without its text. Derived: whatever is missing or damaged is made again by whoever
//! needs it, so nothing here ever stops the store, and no start waits for it.
//!
//! | state | records are | leaves by |
//! |---|---|---|
//! | *untried* | those in memory | the first need, or the writer's first quiet moment |
//! | *absent* | those in memory | the first batch, which makes the file |
//! | *open* | in memory and in the file | a failure, or closing |
//! | *resting* | those in memory | a minute later |
//! | *closed* | none | - |
//!
//! A damaged file is set aside (`index.redb.damaged`) and made anew. Reader threads do the work, the writer only says when.
//! Bodies that are gone are told by the writer; those that a power cut made it forget are found by a sweep after the next start.

mod file;
mod pending;

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use super::{core::Core, fault::Fault, mail::Mail};
use crate::{journal::StoreEvent, types::BodyId};
pub(super) use file::{IndexFile, NAME, Octets, Records};
pub(super) use pending::Batch;
use pending::Pending;

/// How long it rests after a failure of the disk.
const REST: Duration = Duration::from_secs(60);
/// Time between two pages of a sweep.
const SWEEP_PAUSE: Duration = Duration::from_secs(1);

/// The records of one store. What waits survives when the mail disk is opened again.
#[derive(Default)]
pub(super) struct Index {
    pending: Mutex<Pending>,
    slot: Mutex<Slot>,
    /// Held by whoever writes the file.
    work: Mutex<()>,
    /// A reader thread was asked to work.
    asked: AtomicBool,
    sweep: Mutex<Sweep>,
}

#[derive(Default)]
enum Slot {
    #[default]
    Untried,
    Absent,
    Open(Arc<IndexFile>),
    /// Until then, by the clock that never steps.
    Resting(Duration),
    Closed,
}

/// A sweep that is under way: behind which body it goes on, and when its last page was.
#[derive(Default)]
struct Sweep {
    after: Option<u64>,
    last: Duration,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Runs what may meet a damaged database; a panic is damage.
fn net<T>(work: impl FnOnce() -> Result<T, Fault>) -> Result<T, Fault> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|_| Err(Fault::Damaged("it cannot be read".into())))
}

impl Index {
    /// A record, to be written with others.
    pub fn put(&self, core: &Core, id: BodyId, record: Vec<u8>) {
        lock(&self.pending).put(id, record, core.clock.mono());
    }

    /// Bodies that lost their last link.
    pub fn remove(&self, core: &Core, ids: &[BodyId]) {
        if !ids.is_empty() {
            lock(&self.pending).remove(ids, core.clock.mono());
        }
    }

    /// What the writer does between its groups: asks a reader thread to work when there is something to do.
    pub fn tick(&self, core: &Arc<Core>) {
        let now = core.clock.mono();
        let untried = matches!(*lock(&self.slot), Slot::Untried);
        let sweeping = {
            let sweep = lock(&self.sweep);
            sweep.after.is_some() && now.saturating_sub(sweep.last) >= SWEEP_PAUSE
        };
        if !(untried || sweeping || lock(&self.pending).is_due(now)) || self.asked.swap(true, Ordering::SeqCst) {
            return;
        }
        let work = core.clone();
        let offered = core.readers.offer(move || {
            work.index.work(&work);
            work.index.asked.store(false, Ordering::SeqCst);
        });
        if offered.is_err() {
            self.asked.store(false, Ordering::SeqCst);
        }
    }

    /// On a reader thread.
    fn work(&self, core: &Core) {
        let Ok(mail) = core.mail() else { return };
        let _ = self.file(core, &mail, false);
        if lock(&self.pending).is_due(core.clock.mono()) {
            self.flush(core, &mail);
        }
        self.sweep(core, &mail);
    }

    /// Writes everything that waits.
    pub fn flush(&self, core: &Core, mail: &Mail) {
        let _alone = lock(&self.work);
        let batch = lock(&self.pending).take();
        let file = self.file(core, mail, !batch.rows.is_empty());
        let well = match &file {
            Some(file) => self.guard(core, file, || file.write(&mail.db, &batch)).is_some(),
            // Without a file there is nothing to be removed from it.
            None => matches!(*lock(&self.slot), Slot::Absent),
        };
        lock(&self.pending).written(&batch, well);
    }

    /// Writes a batch that never waited.
    pub fn write(&self, core: &Core, mail: &Mail, batch: &Batch) -> Result<(), Fault> {
        let _alone = lock(&self.work);
        let file = self.file(core, mail, true);
        let written = file.and_then(|file| self.guard(core, &file, || file.write(&mail.db, batch)));
        written.ok_or_else(|| Fault::Damaged("index.redb cannot be written; the journal says why".into()))
    }

    /// Throws the file away and makes an empty one.
    pub fn start_anew(&self, core: &Core, mail: &Mail) -> Result<(), Fault> {
        let _alone = lock(&self.work);
        {
            let mut slot = lock(&self.slot);
            if let Slot::Closed = *slot {
                return Err(Fault::Late);
            }
            if let Slot::Open(file) = std::mem::replace(&mut *slot, Slot::Absent) {
                file.shut();
            }
            let dir = &core.places.mail;
            if core.disk.list(dir)?.iter().any(|name| name == NAME) {
                core.disk.remove(&dir.join(NAME))?;
                core.disk.sync_dir(dir)?;
            }
        }
        self.file(core, mail, true).map(|_| ()).ok_or_else(|| Fault::Damaged("index.redb cannot be made".into()))
    }

    fn sweep(&self, core: &Core, mail: &Mail) {
        let now = core.clock.mono();
        let after = {
            let mut sweep = lock(&self.sweep);
            let due = sweep.after.filter(|_| now.saturating_sub(sweep.last) >= SWEEP_PAUSE);
            sweep.last = if due.is_some() { now } else { sweep.last };
            due
        };
        let (Some(after), Some(file)) = (after, self.file(core, mail, false)) else { return };
        if let Some((orphans, next)) = self.guard(core, &file, || file.orphans(mail, after)) {
            self.remove(core, &orphans);
            lock(&self.sweep).after = next;
        }
    }

    /// The open file, opened if it is time for that; made when it is not there and `make`.
    pub fn file(&self, core: &Core, mail: &Mail, make: bool) -> Option<Arc<IndexFile>> {
        let mut slot = lock(&self.slot);
        match &*slot {
            Slot::Open(file) => return Some(file.clone()),
            Slot::Closed => return None,
            Slot::Absent if !make => return None,
            Slot::Resting(until) if core.clock.mono() < *until => return None,
            Slot::Untried | Slot::Absent | Slot::Resting(_) => {}
        }
        // Only while the mail disk is open: its lock covers this file too.
        core.mail().ok()?;
        let there = core.disk.list(&core.places.mail).is_ok_and(|names| names.iter().any(|name| name == NAME));
        if !there && !make {
            *slot = Slot::Absent;
            return None;
        }
        let open = || net(|| IndexFile::open(&*core.disk, &core.places.mail, mail.mark));
        let opened = match open() {
            Err(Fault::Damaged(why)) => set_aside(core, &why).and_then(|()| open()),
            opened => opened,
        };
        match opened {
            Ok((file, clean)) => {
                let file = Arc::new(file);
                *slot = Slot::Open(file.clone());
                lock(&self.sweep).after = if clean { None } else { Some(0) };
                Some(file)
            }
            Err(fault) => {
                *slot = rest(core, &fault);
                None
            }
        }
    }

    /// Work over the file; what fails gives the file up and nothing else.
    pub fn guard<T>(&self, core: &Core, file: &Arc<IndexFile>, work: impl FnOnce() -> Result<T, Fault>) -> Option<T> {
        let fault = match net(work) {
            Ok(done) => return Some(done),
            Err(fault) => fault,
        };
        file.shut();
        let mut slot = lock(&self.slot);
        // Somebody else may have given it up already.
        if matches!(&*slot, Slot::Open(open) if Arc::ptr_eq(open, file)) {
            *slot = match &fault {
                Fault::Damaged(why) if set_aside(core, why).is_ok() => Slot::Absent,
                other => rest(core, other),
            };
        }
        None
    }

    /// A look at the records at one moment.
    pub fn look<'a>(&'a self, core: &'a Core, mail: &Mail) -> IndexLook<'a> {
        let file = self.file(core, mail, false);
        let records = file.as_ref().and_then(|file| self.guard(core, file, || file.records()));
        IndexLook { index: self, core, file, records }
    }

    /// The mail disk is given up: so is this opening. What waits in memory stays.
    pub fn give_up(&self) {
        let mut slot = lock(&self.slot);
        if let Slot::Open(file) = &*slot {
            file.shut();
        }
        if !matches!(*slot, Slot::Closed) {
            *slot = Slot::Untried;
        }
    }

    /// Writes what waits and closes for good.
    pub fn close(&self, core: &Core, mail: &Mail) {
        if !lock(&self.pending).is_empty() {
            self.flush(core, mail);
        }
        let _alone = lock(&self.work);
        let slot = std::mem::replace(&mut *lock(&self.slot), Slot::Closed);
        if let Slot::Open(file) = slot {
            let clean = !lock(&self.pending).forgot() && lock(&self.sweep).after.is_none();
            let _ = net(|| file.settle(clean));
            file.shut();
        }
    }
}

/// Records at one moment, those in memory first.
pub(super) struct IndexLook<'a> {
    index: &'a Index,
    core: &'a Core,
    file: Option<Arc<IndexFile>>,
    records: Option<Records>,
}

impl IndexLook<'_> {
    /// The record of a body; None when there is none that can be read.
    pub fn get(&mut self, id: BodyId) -> Option<Octets> {
        if let Some(waiting) = lock(&self.index.pending).get(id) {
            return Some(Octets::Held(waiting));
        }
        let (file, records) = (self.file.as_ref()?, self.records.as_mut()?);
        self.index.guard(self.core, file, || records.get(id))?
    }
}

fn set_aside(core: &Core, why: &str) -> Result<(), Fault> {
    let dir = &core.places.mail;
    core.journal.tell(StoreEvent::IndexAside { why: why.to_owned() });
    core.disk.rename(&dir.join(NAME), &dir.join(format!("{NAME}.damaged")))?;
    Ok(core.disk.sync_dir(dir)?)
}

fn rest(core: &Core, fault: &Fault) -> Slot {
    match fault {
        // The mail disk was given up meanwhile.
        Fault::Late => Slot::Untried,
        other => {
            core.journal.tell(StoreEvent::IndexRests { why: other.told().to_string() });
            Slot::Resting(core.clock.mono() + REST)
        }
    }
}
