//! `mail.log`: a commit is ONE record of a log, written and synced once. It must not know: what notes of rows and bodies mean.
//!
//! Beside its record a commit costs no sync: redb keeps the rows in memory (and may write them when it likes, where nothing counts), the
//! octets of small bodies go into their volumes. When the log is full, all of it is made durable at once, by the two syncs that redb
//! orders, and it is filled anew; when the store is opened after a stop that was not clean, what the records say is done again.
//!
//! | state of what a transaction changes | where it is | a power cut leaves |
//! |---|---|---|
//! | *gathered* | in memory | nothing |
//! | *recorded* | its volumes, and a record that is written, not synced | nothing, or all of it; nobody was told Ok |
//! | *kept* | the same, the record is synced, and then redb's memory | all of it |
//! | *settled* | volumes, synced, and then a durable commit of `mail.redb` that names the next filling | all of it |
//! | *direct* | the same, at once: its record is too long for what is left of the log | all of it or nothing |
//!
//! **What makes it safe.** Which records count is said by the rows themselves: they name the filling that comes behind them (`House`), and a
//! durable commit has everything that was done before it. So records are done again over exactly the rows that they were made over.
//! Doing one again over what came of it changes nothing: notes are of whole rows, in their order. For volumes:
//! - A record has octets only below the committed length that it sets itself (`apply`), and these never change. Who
//!   writes to a volume directly (a long draft, the reclaimer) does so beyond it. Holes are punched where no body is: at worst
//!   dead octets come back.
//! - A volume's name is synced before a record names it (`Pool::sync_names`), so one that is not there was removed, behind the record that
//!   forgot it; and its number is never given again.

mod record;
mod replay;

use std::{
    collections::BTreeMap,
    io,
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

pub(super) use record::{Piece, Record};
pub(super) use replay::{Found, Volumes, opened, redo, volume, walk};

use super::{
    disk::{Disk, DiskFile},
    fault::Fault,
};
use crate::{
    limits::{REDO_LOG, REDO_LOG_LEAST, REDO_RECORD},
    wire::scram,
};

/// The log's name in the mail directory.
pub(super) const NAME: &str = "mail.log";
/// The database's.
pub(super) const ROWS: &str = "mail.redb";
/// Octets that are written at once while the log is made.
const ZEROS: usize = 64 * 1024;

/// The log of one opening. Changed by the writer thread alone; the gate is its callers' matter.
pub(super) struct Redo {
    log: Arc<dyn DiskFile>,
    size: u64,
    state: Mutex<State>,
}

struct State {
    filling: u64,
    /// The next record.
    number: u64,
    /// And its place.
    at: u64,
    /// Volumes that were written behind the log since it was begun.
    volumes: BTreeMap<u32, Arc<dyn DiskFile>>,
}

/// How far commits of an opening were kept: of later ones nobody was told Ok.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Told {
    pub filling: u64,
    pub commits: u64,
}

/// Octets of a volume that a commit makes count, below its new committed length.
pub(super) struct Octets {
    pub volume: u32,
    pub file: Arc<dyn DiskFile>,
    pub at: u64,
    pub octets: Arc<Vec<u8>>,
}

impl Redo {
    /// Opens the log to fill it; makes it if there is none, or not enough of it. What it held was done again by now, or nobody needs it.
    pub fn open(disk: &dyn Disk, dir: &Path, filling: u64) -> Result<Redo, Fault> {
        let log = disk.open(&dir.join(NAME), true)?;
        if log.len()? < REDO_LOG_LEAST {
            make(&*log, (disk.space(dir)?.total / 32).clamp(REDO_LOG_LEAST, REDO_LOG))?;
            disk.sync_dir(dir)?;
        }
        let state = State { filling, number: 0, at: 0, volumes: BTreeMap::new() };
        Ok(Redo { size: log.len()?, log, state: Mutex::new(state) })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes a commit's bodies, and its record, which is synced. False: it is too long for what is left of the log, nothing was done.
    pub fn record(&self, notes: &[u8], bodies: &[Octets]) -> io::Result<bool> {
        let mut state = self.state();
        let pieces =
            bodies.iter().map(|body| Piece { volume: body.volume, at: body.at, octets: &body.octets }).collect();
        let record = Record { filling: state.filling, number: state.number, notes, bodies: pieces };
        let size = record.size();
        if size > self.most() || state.at + size > self.size {
            return Ok(false);
        }
        // Beyond the committed length they count for nothing yet; behind the sync they would fail where there is no room.
        write_bodies(bodies, &mut state)?;
        let mut at = state.at;
        for part in record.parts() {
            self.log.write_at(at, &part)?;
            at += part.len() as u64;
        }
        self.log.sync_data()?;
        state.at += size;
        Ok(true)
    }

    /// The commit of the last record is done: from now on it is told of.
    pub fn kept(&self) {
        self.state().number += 1;
    }

    /// What was kept so far.
    pub fn told(&self) -> Told {
        let state = self.state();
        Told { filling: state.filling, commits: state.number }
    }

    /// Writes these bodies, and syncs every volume that was written behind the log: what is committed durably now needs no record.
    pub fn settle(&self, bodies: &[Octets]) -> io::Result<()> {
        let mut state = self.state();
        write_bodies(bodies, &mut state)?;
        state.volumes.values().try_for_each(|file| file.sync_data())?;
        state.volumes.clear();
        Ok(())
    }

    /// The rows, durably committed, name this filling: it is begun.
    pub fn begin(&self, filling: u64) {
        let mut state = self.state();
        (state.filling, state.number, state.at) = (filling, 0, 0);
    }

    /// A volume is removed: its room is free when nobody has it open.
    pub fn forget(&self, volume: u32) {
        self.state().volumes.remove(&volume);
    }

    /// Octets of the longest record.
    fn most(&self) -> u64 {
        REDO_RECORD.min(self.size / 4)
    }
}

fn write_bodies(bodies: &[Octets], state: &mut State) -> io::Result<()> {
    for body in bodies {
        body.file.write_at(body.at, &body.octets)?;
        state.volumes.insert(body.volume, body.file.clone());
    }
    Ok(())
}

/// Where a store begins to count fillings: no two count alike, so that the log of one is never taken for another's.
pub(super) fn first_filling() -> Result<u64, Fault> {
    let random = scram::random::<6>().ok_or_else(|| Fault::Failed("the system has no random numbers".into()))?;
    Ok(random.iter().fold(1, |all, octet| all << 8 | u64::from(*octet)))
}

/// Zeros are written, so that no later sync has a length or a place on the disk to note.
fn make(log: &dyn DiskFile, size: u64) -> Result<(), Fault> {
    log.set_len(0)?;
    let zeros = vec![0; ZEROS];
    for at in (0..size).step_by(ZEROS) {
        log.write_at(at, &zeros[..usize::try_from(size - at).unwrap_or(ZEROS).min(ZEROS)])?;
    }
    Ok(log.sync_data()?)
}
