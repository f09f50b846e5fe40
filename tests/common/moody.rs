//! The real disk, with moods: syncs that fail, a disk that is gone.

use std::{
    io,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use gatepost::store::{Disk, DiskFile, LockGuard, RealDisk, Space};

/// Switches; all off at first.
#[derive(Default)]
pub struct Moods {
    /// fdatasync of volumes is EIO.
    pub volume_sync_fails: AtomicBool,
    /// fdatasync of mail.log and mail.redb is EIO.
    pub database_sync_fails: AtomicBool,
    /// Everything under the mail directory is EIO.
    pub gone: AtomicBool,
}

#[derive(Clone, Default)]
pub struct Moody(pub Arc<Moods>);

struct File {
    inner: Arc<dyn DiskFile>,
    moods: Arc<Moods>,
    volume: bool,
    mail: bool,
}

fn eio() -> io::Error {
    io::Error::from_raw_os_error(5)
}

impl File {
    fn there(&self) -> io::Result<()> {
        if self.mail && self.moods.gone.load(Ordering::SeqCst) { Err(eio()) } else { Ok(()) }
    }
}

impl DiskFile for File {
    fn len(&self) -> io::Result<u64> {
        self.there()?;
        self.inner.len()
    }
    fn read_at(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.there()?;
        self.inner.read_at(offset, out)
    }
    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.there()?;
        self.inner.write_at(offset, bytes)
    }
    fn set_len(&self, len: u64) -> io::Result<()> {
        self.there()?;
        self.inner.set_len(len)
    }
    fn sync_data(&self) -> io::Result<()> {
        self.there()?;
        let fails = if self.volume { &self.moods.volume_sync_fails } else { &self.moods.database_sync_fails };
        if self.mail && fails.load(Ordering::SeqCst) {
            return Err(eio());
        }
        self.inner.sync_data()
    }
    fn punch(&self, offset: u64, len: u64) -> io::Result<()> {
        self.there()?;
        self.inner.punch(offset, len)
    }
    fn allocate(&self, offset: u64, len: u64) -> io::Result<()> {
        self.there()?;
        self.inner.allocate(offset, len)
    }
}

impl Moody {
    fn there(&self, path: &Path) -> io::Result<()> {
        let mail = path.components().any(|part| part.as_os_str() == "mail");
        if mail && self.0.gone.load(Ordering::SeqCst) { Err(eio()) } else { Ok(()) }
    }
}

impl Disk for Moody {
    fn open(&self, path: &Path, create: bool) -> io::Result<Arc<dyn DiskFile>> {
        self.there(path)?;
        let part = |name: &str| path.components().any(|part| part.as_os_str() == name);
        let (volume, mail) = (part("bodies"), part("mail"));
        Ok(Arc::new(File { inner: RealDisk.open(path, create)?, moods: self.0.clone(), volume, mail }))
    }
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.there(from)?;
        RealDisk.rename(from, to)
    }
    fn remove(&self, path: &Path) -> io::Result<()> {
        self.there(path)?;
        RealDisk.remove(path)
    }
    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        self.there(dir)?;
        RealDisk.list(dir)
    }
    fn make_dir(&self, dir: &Path) -> io::Result<()> {
        self.there(dir)?;
        RealDisk.make_dir(dir)
    }
    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        self.there(dir)?;
        RealDisk.sync_dir(dir)
    }
    fn space(&self, dir: &Path) -> io::Result<Space> {
        self.there(dir)?;
        RealDisk.space(dir)
    }
    fn lock(&self, dir: &Path) -> io::Result<LockGuard> {
        self.there(dir)?;
        RealDisk.lock(dir)
    }
}
