//! A disk in memory that records every write and sync in order and rebuilds what a power cut at any point would leave.
//!
//! What is promised once a `sync_data` has returned: octets written to the file before it began; once a `sync_dir` has returned: names
//! made, renamed or removed in the directory before it began. Everything else may be there, be lost, or be there in part (sectors of
//! 512 octets or pages of 4096), in any mixture.
//! `mark` puts a word of the test (a message was acknowledged) into the same order.

use std::{
    any::Any,
    collections::{BTreeMap, BTreeSet},
    io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use gatepost::store::{Disk, DiskFile, LockGuard, Space};

pub type Ino = usize;

/// One operation of the log. A sync is two: where it began and where it returned, with one number.
#[derive(Clone, Debug)]
pub enum Op {
    Write(Ino, u64, Arc<[u8]>),
    SetLen(Ino, u64),
    Begin(u64),
    Sync(Ino, u64),
    /// A sync that failed: what it was to keep is forgotten by the system, which tells of it once; it comes to the disk only if it is
    /// written again.
    Failed(Ino, u64),
    Make(PathBuf, Ino),
    Rename(PathBuf, PathBuf),
    Remove(PathBuf),
    SyncDir(PathBuf, u64),
    Mark(String),
}

/// What becomes of everything that was not synced.
#[derive(Clone, Copy, Debug)]
pub enum Loss {
    /// All of it is there (a killed process).
    Nothing,
    /// None of it is there.
    Everything,
    /// No octets of it are there, but all names.
    Octets,
    /// Each write, or each sector of it, is there or not, by this seed.
    Some(u64),
}

#[derive(Default)]
struct Model {
    files: Vec<Vec<u8>>,
    names: BTreeMap<PathBuf, Ino>,
    locks: BTreeSet<PathBuf>,
    log: Vec<Op>,
    syncs: u64,
    /// How long a sync takes.
    slow: Duration,
    deaf: Vec<&'static str>,
    /// The next sync of a file whose path contains it fails.
    failing: Option<&'static str>,
    /// What `space` says is free, if it was set.
    free: Option<u64>,
    /// Files and names as they were when the recording began: all of it is on the disk.
    first: (Vec<Vec<u8>>, BTreeMap<PathBuf, Ino>),
}

/// Cheap to clone; every clone is the same disk.
#[derive(Clone, Default)]
pub struct Recorder(Arc<Mutex<Model>>);

struct Rng(u64);

impl Rng {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut x = self.0;
        x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        x ^ (x >> 31)
    }
    fn half(&mut self) -> bool {
        self.next() & 1 == 0
    }
}

impl Recorder {
    fn model(&self) -> MutexGuard<'_, Model> {
        self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// A seeded fault: syncs of files whose path contains `part` are answered but not done.
    pub fn ignore_syncs_of(&self, part: &'static str) {
        self.model().deaf.push(part);
    }

    /// The next sync of a file whose path contains `part` is EIO.
    pub fn fail_next_sync_of(&self, part: &'static str) {
        self.model().failing = Some(part);
    }

    /// Whether the sync that was to fail has failed.
    pub fn has_failed(&self) -> bool {
        self.model().failing.is_none()
    }

    /// Syncs take so long from now on: others work meanwhile, and groups form.
    pub fn slow_down(&self, sync: Duration) {
        self.model().slow = sync;
    }

    /// The same recording with another log: a seeded fault.
    pub fn edited(&self, edit: impl FnOnce(Vec<Op>) -> Vec<Op>) -> Recorder {
        let model = self.model();
        let (log, first) = (edit(model.log.clone()), model.first.clone());
        let files = vec![Vec::new(); model.files.len()];
        Recorder(Arc::new(Mutex::new(Model { files, log, first, ..Model::default() })))
    }

    /// Every operation so far.
    pub fn log(&self) -> Vec<Op> {
        self.model().log.clone()
    }

    /// Every name that a file ever had.
    pub fn names_of(&self, ino: Ino) -> Vec<PathBuf> {
        let model = self.model();
        let mut names: Vec<PathBuf> =
            model.first.1.iter().filter(|(_, i)| **i == ino).map(|(p, _)| p.clone()).collect();
        for op in &model.log {
            match op {
                Op::Make(path, i) if *i == ino => names.push(path.clone()),
                Op::Rename(from, to) if names.contains(from) => names.push(to.clone()),
                _ => {}
            }
        }
        names
    }

    /// What `space` says from now on (1 GiB at first).
    pub fn set_free(&self, octets: u64) {
        self.model().free = Some(octets);
    }

    fn begin(&self) -> u64 {
        let (number, slow) = {
            let mut model = self.model();
            model.syncs += 1;
            let number = model.syncs;
            model.log.push(Op::Begin(number));
            (number, model.slow)
        };
        std::thread::sleep(slow);
        number
    }

    /// A word of the test in the order of the disk's operations.
    pub fn mark(&self, word: impl Into<String>) {
        self.model().log.push(Op::Mark(word.into()));
    }

    /// Operations and marks so far: cut points are `0..=len()`.
    pub fn len(&self) -> usize {
        self.model().log.len()
    }

    /// Whether the operation before cut point `at` is a sync or a mark: where the promises change.
    pub fn is_turning_point(&self, at: usize) -> bool {
        let model = self.model();
        let turning = |op: &Op| matches!(op, Op::Sync(..) | Op::SyncDir(..) | Op::Mark(_));
        at == 0 || turning(&model.log[at - 1]) || model.log.get(at).is_some_and(turning)
    }

    /// Files removed so far whose path contains `part`.
    pub fn removed(&self, part: &str) -> usize {
        let removed = |op: &&Op| matches!(op, Op::Remove(path) if path.to_string_lossy().contains(part));
        self.model().log.iter().filter(removed).count()
    }

    /// Octets that came to the disk so far of files whose path contains `part`: pages that were written, each once between two
    /// syncs of its file, as the system writes them.
    pub fn written(&self, part: &str) -> u64 {
        let model = self.model();
        let named = |ino: &Ino| {
            model
                .log
                .iter()
                .any(|op| matches!(op, Op::Make(path, i) if i == ino && path.to_string_lossy().contains(part)))
        };
        let inos: BTreeSet<Ino> = (0..model.files.len()).filter(named).collect();
        let (mut dirty, mut pages) = (BTreeSet::new(), 0);
        for op in &model.log {
            match op {
                Op::Write(ino, at, bytes) if inos.contains(ino) && !bytes.is_empty() => {
                    let last = (at + bytes.len() as u64).div_ceil(4096);
                    dirty.extend((at / 4096..last).map(|page| (*ino, page)));
                }
                Op::Sync(ino, _) => {
                    let before = dirty.len();
                    dirty.retain(|(file, _)| file != ino);
                    pages += before - dirty.len();
                }
                _ => {}
            }
        }
        (pages + dirty.len()) as u64 * 4096
    }

    /// Marks before cut point `at`.
    pub fn marks(&self, at: usize) -> Vec<String> {
        let word = |op: &Op| if let Op::Mark(word) = op { Some(word.clone()) } else { None };
        self.model().log[..at].iter().filter_map(word).collect()
    }

    /// Marks before cut point `at`, each with its place.
    pub fn marks_at(&self, at: usize) -> Vec<(usize, String)> {
        let model = self.model();
        let word = |(n, op): (usize, &Op)| if let Op::Mark(word) = op { Some((n, word.clone())) } else { None };
        model.log[..at].iter().enumerate().filter_map(word).collect()
    }

    /// The disk as a power cut at `at` leaves it, as a new recording.
    pub fn image(&self, at: usize, loss: Loss) -> Recorder {
        let model = self.model();
        let (mut files, mut names) = model.first.clone();
        files.resize(model.files.len(), Vec::new());
        let log = &model.log[..at];
        let (synced_file, synced_dir) = promises(log);
        let forgotten = forgotten(log);
        let mut rng = Rng(if let Loss::Some(seed) = loss { seed } else { 0 });
        let mut kept = |promised: bool| match loss {
            Loss::Nothing => true,
            Loss::Everything | Loss::Octets => promised,
            Loss::Some(_) => promised || rng.half(),
        };
        let unit = if let Loss::Some(seed) = loss
            && seed % 2 == 1
        {
            4096
        } else {
            512
        };
        let mut torn = Rng(if let Loss::Some(seed) = loss { !seed } else { 0 });
        for (n, op) in log.iter().enumerate() {
            let file = |ino: &Ino| synced_file.get(ino).is_some_and(|at| *at > n);
            let dir = |path: &Path| {
                matches!(loss, Loss::Octets) || synced_dir.get(path.parent().unwrap()).is_some_and(|at| *at > n)
            };
            match op {
                Op::Write(ino, ..) if !matches!(loss, Loss::Nothing) && is_in(&forgotten, *ino, n) => {}
                Op::Write(ino, offset, bytes) => {
                    let promised = file(ino);
                    if promised || !matches!(loss, Loss::Some(_)) {
                        if kept(promised) {
                            write(&mut files[*ino], *offset, bytes);
                        }
                    } else if kept(false) {
                        let tear = torn.half();
                        for (at, sector) in sectors(*offset, bytes, unit) {
                            if !tear || torn.half() {
                                write(&mut files[*ino], at, sector);
                            }
                        }
                    }
                }
                Op::SetLen(ino, len) if kept(file(ino)) => files[*ino].resize(*len as usize, 0),
                Op::Make(path, ino) if kept(dir(path)) => drop(names.insert(path.clone(), *ino)),
                Op::Rename(from, to) if kept(dir(to)) => {
                    if let Some(ino) = names.remove(from) {
                        names.insert(to.clone(), ino);
                    }
                }
                Op::Remove(path) if kept(dir(path)) => drop(names.remove(path)),
                _ => {}
            }
        }
        let first = (files.clone(), names.clone());
        Recorder(Arc::new(Mutex::new(Model { files, names, first, ..Model::default() })))
    }
}

/// For each file and directory: operations before this place are on the disk.
fn promises(log: &[Op]) -> (BTreeMap<Ino, usize>, BTreeMap<&Path, usize>) {
    let (mut began, mut files, mut dirs) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
    for (n, op) in log.iter().enumerate() {
        match op {
            Op::Begin(number) => drop(began.insert(*number, n)),
            Op::Sync(ino, number) => {
                let place = files.entry(*ino).or_default();
                *place = began[number].max(*place);
            }
            Op::SyncDir(dir, number) => {
                let place = dirs.entry(dir.as_path()).or_default();
                *place = began[number].max(*place);
            }
            _ => {}
        }
    }
    (files, dirs)
}

/// For each file the places between a sync that was good and one that failed.
fn forgotten(log: &[Op]) -> Vec<(Ino, std::ops::Range<usize>)> {
    let (mut began, mut good, mut lost) = (BTreeMap::new(), BTreeMap::new(), Vec::new());
    for (n, op) in log.iter().enumerate() {
        match op {
            Op::Begin(number) => drop(began.insert(*number, n)),
            Op::Sync(ino, number) => drop(good.insert(*ino, began[number])),
            Op::Failed(ino, number) => lost.push((*ino, good.get(ino).copied().unwrap_or(0)..began[number])),
            _ => {}
        }
    }
    lost
}

fn is_in(forgotten: &[(Ino, std::ops::Range<usize>)], ino: Ino, n: usize) -> bool {
    forgotten.iter().any(|(file, places)| *file == ino && places.contains(&n))
}

/// The parts of a write that lie in one sector (or page) of the disk each.
fn sectors(offset: u64, bytes: &[u8], unit: u64) -> impl Iterator<Item = (u64, &[u8])> {
    let mut rest = bytes;
    let mut at = offset;
    std::iter::from_fn(move || {
        let room = (unit - at % unit) as usize;
        let (part, later) = rest.split_at(room.min(rest.len()));
        let here = (at, part);
        rest = later;
        at += part.len() as u64;
        (!part.is_empty()).then_some(here)
    })
}

fn write(file: &mut Vec<u8>, offset: u64, bytes: &[u8]) {
    let end = offset as usize + bytes.len();
    if file.len() < end {
        file.resize(end, 0);
    }
    file[offset as usize..end].copy_from_slice(bytes);
}

struct Open {
    disk: Recorder,
    ino: Ino,
    path: PathBuf,
    deaf: bool,
}

impl DiskFile for Open {
    fn len(&self) -> io::Result<u64> {
        Ok(self.disk.model().files[self.ino].len() as u64)
    }

    fn read_at(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let model = self.disk.model();
        let from = model.files[self.ino].get(offset as usize..offset as usize + out.len());
        out.copy_from_slice(from.ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }

    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let mut model = self.disk.model();
        write(&mut model.files[self.ino], offset, bytes);
        model.log.push(Op::Write(self.ino, offset, bytes.into()));
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        let mut model = self.disk.model();
        model.files[self.ino].resize(len as usize, 0);
        model.log.push(Op::SetLen(self.ino, len));
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        let number = self.disk.begin();
        let mut model = self.disk.model();
        if model.failing.take_if(|part| self.path.to_string_lossy().contains(*part)).is_some() {
            model.log.push(Op::Failed(self.ino, number));
            return Err(io::Error::from_raw_os_error(5));
        }
        drop(model);
        if !self.deaf {
            self.disk.model().log.push(Op::Sync(self.ino, number));
        }
        Ok(())
    }

    fn punch(&self, offset: u64, len: u64) -> io::Result<()> {
        let end = self.len()?.min(offset + len);
        self.write_at(offset, &vec![0; end.saturating_sub(offset) as usize])
    }

    fn allocate(&self, offset: u64, len: u64) -> io::Result<()> {
        if self.len()? < offset + len {
            self.set_len(offset + len)?;
        }
        Ok(())
    }
}

struct Held(Recorder, PathBuf);

impl Drop for Held {
    fn drop(&mut self) {
        self.0.model().locks.remove(&self.1);
    }
}

impl Disk for Recorder {
    fn open(&self, path: &Path, create: bool) -> io::Result<Arc<dyn DiskFile>> {
        let mut model = self.model();
        let ino = match model.names.get(path) {
            Some(ino) => *ino,
            None if create => {
                model.files.push(Vec::new());
                let ino = model.files.len() - 1;
                model.names.insert(path.to_owned(), ino);
                model.log.push(Op::Make(path.to_owned(), ino));
                ino
            }
            None => return Err(io::ErrorKind::NotFound.into()),
        };
        let deaf = model.deaf.iter().any(|part| path.to_string_lossy().contains(part));
        Ok(Arc::new(Open { disk: self.clone(), ino, path: path.to_owned(), deaf }))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut model = self.model();
        let ino = model.names.remove(from).ok_or(io::ErrorKind::NotFound)?;
        model.names.insert(to.to_owned(), ino);
        model.log.push(Op::Rename(from.to_owned(), to.to_owned()));
        Ok(())
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let mut model = self.model();
        model.names.remove(path).ok_or(io::ErrorKind::NotFound)?;
        model.log.push(Op::Remove(path.to_owned()));
        Ok(())
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        let model = self.model();
        let here = model.names.keys().filter(|path| path.parent() == Some(dir));
        Ok(here.map(|path| path.file_name().unwrap().to_string_lossy().into_owned()).collect())
    }

    fn make_dir(&self, _dir: &Path) -> io::Result<()> {
        Ok(())
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        let number = self.begin();
        self.model().log.push(Op::SyncDir(dir.to_owned(), number));
        Ok(())
    }

    fn space(&self, _dir: &Path) -> io::Result<Space> {
        Ok(Space { free: self.model().free.unwrap_or(1 << 30), total: 1 << 23 })
    }

    fn lock(&self, dir: &Path) -> io::Result<LockGuard> {
        if !self.model().locks.insert(dir.to_owned()) {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let held: Box<dyn Any + Send + Sync> = Box::new(Held(self.clone(), dir.to_owned()));
        Ok(held)
    }
}
