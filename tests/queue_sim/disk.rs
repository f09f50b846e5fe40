//! The real disk without its syncs: what dies here is the loop, not the power.

use std::{io, path::Path, sync::Arc};

use gatepost::store::{Disk, DiskFile, LockGuard, RealDisk, Space};

pub struct Quick(pub RealDisk);

struct QuickFile(Arc<dyn DiskFile>);

impl DiskFile for QuickFile {
    fn len(&self) -> io::Result<u64> {
        self.0.len()
    }
    fn read_at(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.0.read_at(offset, out)
    }
    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.0.write_at(offset, bytes)
    }
    fn set_len(&self, len: u64) -> io::Result<()> {
        self.0.set_len(len)
    }
    fn sync_data(&self) -> io::Result<()> {
        Ok(())
    }
    fn allocate(&self, offset: u64, len: u64) -> io::Result<()> {
        self.0.allocate(offset, len)
    }
}

impl Disk for Quick {
    fn open(&self, path: &Path, create: bool) -> io::Result<Arc<dyn DiskFile>> {
        Ok(Arc::new(QuickFile(self.0.open(path, create)?)))
    }
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.0.rename(from, to)
    }
    fn remove(&self, path: &Path) -> io::Result<()> {
        self.0.remove(path)
    }
    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        self.0.list(dir)
    }
    fn make_dir(&self, dir: &Path) -> io::Result<()> {
        self.0.make_dir(dir)
    }
    fn sync_dir(&self, _dir: &Path) -> io::Result<()> {
        Ok(())
    }
    fn space(&self, dir: &Path) -> io::Result<Space> {
        self.0.space(dir)
    }
    fn lock(&self, dir: &Path) -> io::Result<LockGuard> {
        self.0.lock(dir)
    }
}
