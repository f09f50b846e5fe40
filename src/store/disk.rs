//! The seam to the disk: everything that volumes and databases do to files goes through [`Disk`].
//!
//! A test hands in its own disk that records every write and sync and rebuilds what a power cut would leave. Must not know: redb, records, mail.

use std::{
    any::Any,
    fs::{DirBuilder, File, OpenOptions},
    io,
    os::unix::fs::{DirBuilderExt, FileExt, OpenOptionsExt},
    path::Path,
    sync::Arc,
};

use rustix::fs::{FallocateFlags, FlockOperation};

/// Room of a file system, octets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Space {
    /// Free for us.
    pub free: u64,
    /// In all.
    pub total: u64,
}

/// Held while it lives; dropping it releases the lock.
pub type LockGuard = Box<dyn Any + Send + Sync>;

/// One open file, read and write.
pub trait DiskFile: Send + Sync {
    /// Octets.
    fn len(&self) -> io::Result<u64>;
    /// Whether there are none.
    fn is_empty(&self) -> io::Result<bool> {
        Ok(self.len()? == 0)
    }
    /// Fills `out` from `offset`; an error if the file ends before.
    fn read_at(&self, offset: u64, out: &mut [u8]) -> io::Result<()>;
    /// Writes all of `bytes` at `offset`.
    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()>;
    /// Cuts, or lengthens by zeros.
    fn set_len(&self, len: u64) -> io::Result<()>;
    /// Returns when everything written so far survives a power cut (fdatasync).
    fn sync_data(&self) -> io::Result<()>;
    /// Makes sure that writes of `len` octets from `offset` on need no more room.
    fn allocate(&self, offset: u64, len: u64) -> io::Result<()>;
    /// Gives the room of octets back that nobody needs; they are zeros afterwards. Does nothing where the file system cannot.
    fn punch(&self, offset: u64, len: u64) -> io::Result<()> {
        let _ = (offset, len);
        Ok(())
    }
}

/// A file system.
pub trait Disk: Send + Sync {
    /// Opens for reading and writing; `create` makes it if it is not there.
    fn open(&self, path: &Path, create: bool) -> io::Result<Arc<dyn DiskFile>>;
    /// Renames within a file system.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// Removes a file.
    fn remove(&self, path: &Path) -> io::Result<()>;
    /// Names of the files in a directory.
    fn list(&self, dir: &Path) -> io::Result<Vec<String>>;
    /// Makes a directory (0700); one that is there already is well.
    fn make_dir(&self, dir: &Path) -> io::Result<()>;
    /// Returns when names made, renamed or removed in `dir` survive a power cut.
    fn sync_dir(&self, dir: &Path) -> io::Result<()>;
    /// Room of the file system that holds `dir`.
    fn space(&self, dir: &Path) -> io::Result<Space>;
    /// Locks a directory against other processes and other stores; `WouldBlock` when somebody has it.
    fn lock(&self, dir: &Path) -> io::Result<LockGuard>;
}

/// The machine's own file systems.
#[derive(Clone, Copy, Debug, Default)]
pub struct RealDisk;

impl DiskFile for File {
    fn len(&self) -> io::Result<u64> {
        Ok(self.metadata()?.len())
    }

    fn read_at(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.read_exact_at(out, offset)
    }

    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.write_all_at(bytes, offset)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        File::set_len(self, len)
    }

    fn sync_data(&self) -> io::Result<()> {
        File::sync_data(self)
    }

    fn allocate(&self, offset: u64, len: u64) -> io::Result<()> {
        match rustix::fs::fallocate(self, FallocateFlags::empty(), offset, len) {
            Ok(()) => Ok(()),
            // Some flash file systems have no fallocate: writing is as good.
            Err(error) if unsupported(error) => fill(self, offset + len),
            Err(error) => Err(error.into()),
        }
    }

    fn punch(&self, offset: u64, len: u64) -> io::Result<()> {
        let flags = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
        match rustix::fs::fallocate(self, flags, offset, len) {
            Err(error) if !unsupported(error) => Err(error.into()),
            Ok(()) | Err(_) => Ok(()),
        }
    }
}

/// What a file system says that has no such call.
fn unsupported(error: rustix::io::Errno) -> bool {
    matches!(error, rustix::io::Errno::OPNOTSUPP | rustix::io::Errno::NOSYS)
}

fn fill(file: &File, len: u64) -> io::Result<()> {
    let zeros = [0u8; 4096];
    let mut at = file.metadata()?.len();
    while at < len {
        let part = usize::try_from(len - at).unwrap_or(zeros.len()).min(zeros.len());
        file.write_all_at(&zeros[..part], at)?;
        at += part as u64;
    }
    Ok(())
}

impl Disk for RealDisk {
    fn open(&self, path: &Path, create: bool) -> io::Result<Arc<dyn DiskFile>> {
        let file = OpenOptions::new().read(true).write(true).create(create).truncate(false).mode(0o600).open(path)?;
        Ok(Arc::new(file))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        std::fs::rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        std::fs::remove_file(path)
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in std::fs::read_dir(dir)? {
            // A name that is not UTF-8 is none of ours.
            if let Ok(name) = entry?.file_name().into_string() {
                names.push(name);
            }
        }
        names.sort();
        Ok(names)
    }

    fn make_dir(&self, dir: &Path) -> io::Result<()> {
        DirBuilder::new().recursive(true).mode(0o700).create(dir)
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        File::open(dir)?.sync_all()
    }

    fn space(&self, dir: &Path) -> io::Result<Space> {
        let stat = rustix::fs::statvfs(dir)?;
        let unit = stat.f_frsize;
        Ok(Space { free: stat.f_bavail.saturating_mul(unit), total: stat.f_blocks.saturating_mul(unit) })
    }

    fn lock(&self, dir: &Path) -> io::Result<LockGuard> {
        let handle = File::open(dir)?;
        rustix::fs::flock(&handle, FlockOperation::NonBlockingLockExclusive)?;
        Ok(Box::new(handle))
    }
}
