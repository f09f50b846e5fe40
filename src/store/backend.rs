//! redb over the seam: one database file, its gate, and the way a database is opened here.

use std::{
    io,
    sync::{Arc, PoisonError, RwLock},
};

use redb::{Builder, Database, Durability, StorageBackend, WriteTransaction};

use super::{disk::DiskFile, fault::Fault};

/// Shut once, for good: a handle of an epoch that was given up must not write a byte more, whoever still holds it.
#[derive(Clone, Default)]
pub(super) struct Gate(Arc<RwLock<bool>>);

impl Gate {
    /// Waits for writes that are under way, then refuses all later ones.
    pub fn shut(&self) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = true;
    }

    /// Runs `write` unless the gate is shut; shutting waits for it.
    pub fn pass<T>(&self, write: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
        let shut = self.0.read().unwrap_or_else(PoisonError::into_inner);
        if *shut { Err(io::ErrorKind::StaleNetworkFileHandle.into()) } else { write() }
    }
}

/// Locks are not offered: the directory's lock (`Disk::lock`) keeps other processes out of both databases and all volumes.
struct Backend {
    file: Arc<dyn DiskFile>,
    gate: Gate,
}

impl std::fmt::Debug for Backend {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Backend")
    }
}

impl StorageBackend for Backend {
    fn len(&self) -> io::Result<u64> {
        self.file.len()
    }
    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.file.read_at(offset, out)
    }
    fn set_len(&self, len: u64) -> io::Result<()> {
        self.gate.pass(|| self.file.set_len(len))
    }
    fn sync_data(&self) -> io::Result<()> {
        self.gate.pass(|| self.file.sync_data())
    }
    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.gate.pass(|| self.file.write_at(offset, data))
    }
}

/// Opens or makes a database with a cache of `cache` octets.
pub(super) fn database(file: Arc<dyn DiskFile>, gate: Gate, cache: usize) -> Result<Database, Fault> {
    let mut builder = Builder::new();
    builder.set_cache_size(cache);
    Ok(builder.create_with_backend(Backend { file, gate })?)
}

/// Begins a write that survives a power cut once it is committed, and lets the file open at once after one.
pub(super) fn begin(db: &Database) -> Result<WriteTransaction, Fault> {
    let mut write = db.begin_write()?;
    endure(&mut write)?;
    Ok(write)
}

/// Makes a write one that survives a power cut.
pub(super) fn endure(write: &mut WriteTransaction) -> Result<(), Fault> {
    write.set_quick_repair(true);
    Ok(write.set_durability(Durability::Immediate)?)
}

/// Makes a write one that is in memory only: whatever it did is in `mail.log`.
pub(super) fn hold(write: &mut WriteTransaction) -> Result<(), Fault> {
    Ok(write.set_durability(Durability::None)?)
}
