//! `system.redb`: rows of settings, directory, certificates. On the system disk; works when the mail disk does not.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
};

use redb::{Database, ReadableDatabase, ReadableTable, TableDefinition};

use super::{
    Row, StoreError, Write,
    backend::{Gate, begin},
    disk::{Disk, LockGuard},
    fault::Fault,
    mail,
};
use crate::rt::Worker;

/// Rows by (kind, key): CRC32C over kind, key and value, then the value.
pub(super) const ROWS: TableDefinition<(&str, &str), &[u8]> = TableDefinition::new("rows");
/// Page cache, octets.
const CACHE: usize = 512 * 1024;

/// The rows alone, before the mail disk is known. Cheap to clone. One thread of its own, so that a mail disk that hangs does
/// not stop the page.
#[derive(Clone)]
pub struct System {
    inner: Arc<Inner>,
    worker: Worker,
}

struct Inner {
    disk: Arc<dyn Disk>,
    dir: PathBuf,
    open: Mutex<Option<(Database, Gate)>>,
    _lock: LockGuard,
}

fn sum(kind: &str, key: &str, value: &[u8]) -> u32 {
    let head = crc32c::crc32c_append(crc32c::crc32c(kind.as_bytes()), &[0]);
    crc32c::crc32c_append(crc32c::crc32c_append(head, key.as_bytes()), value)
}

/// The value, if its sum is right.
pub(super) fn unseal<'a>(kind: &str, key: &str, bytes: &'a [u8]) -> Result<&'a [u8], Fault> {
    bytes
        .split_first_chunk::<4>()
        .filter(|(s, value)| sum(kind, key, value) == u32::from_le_bytes(**s))
        .map(|(_, value)| value)
        .ok_or_else(|| Fault::Damaged(format!("system.redb: row {kind} {key}")))
}

impl System {
    /// Opens `system.redb` in the state directory, before a [`super::Store`] is opened over it.
    pub fn at(disk: Arc<dyn Disk>, state: PathBuf) -> Result<System, StoreError> {
        System::open(disk, state).map_err(|fault| fault.told())
    }

    /// Locks the state directory and opens the database, making both if they are not there.
    pub(super) fn open(disk: Arc<dyn Disk>, dir: PathBuf) -> Result<System, Fault> {
        disk.make_dir(&dir)?;
        let lock = mail::lock(&*disk, &dir)?;
        if !disk.list(&dir)?.iter().any(|name| name == "system.redb") {
            mail::sync_up(&*disk, &dir)?;
        }
        let inner = Inner { disk, dir, open: Mutex::new(None), _lock: lock };
        inner.with(|_| Ok(()))?;
        let worker = Worker::start("store-system", 1, 64)?;
        Ok(System { inner: Arc::new(inner), worker })
    }

    /// All rows of a kind, by key.
    pub async fn rows(&self, kind: String) -> Result<Vec<Row>, StoreError> {
        self.run(move |inner| inner.with(|db| rows_of(db, &kind))).await
    }

    /// Writes rows in one durable transaction.
    pub async fn write(&self, writes: Vec<Write>) -> Result<(), StoreError> {
        self.run(move |inner| inner.with(|db| write_all(db, &writes))).await
    }

    /// Looks at the database, on its thread.
    pub(super) async fn look<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Database) -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.run(move |inner| inner.with(work)).await
    }

    /// As [`System::rows`], on the caller's thread: one value.
    pub(super) fn value(&self, kind: &str, key: &str) -> Result<Option<Vec<u8>>, Fault> {
        self.inner.with(|db| {
            let table = db.begin_read()?.open_table(ROWS)?;
            let Some(guard) = table.get((kind, key))? else { return Ok(None) };
            unseal(kind, key, guard.value()).map(|value| Some(value.to_vec()))
        })
    }

    /// As [`System::write`], on the caller's thread.
    pub(super) fn write_now(&self, writes: &[Write]) -> Result<(), Fault> {
        self.inner.with(|db| write_all(db, writes))
    }

    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Inner) -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, StoreError> {
        let inner = self.inner.clone();
        match self.worker.run(move || work(&inner)).await {
            Ok(done) => done.map_err(|fault| fault.told()),
            Err(_) => Err(StoreError::Unavailable("system.redb stopped; it is opened again at the next use".into())),
        }
    }
}

impl Inner {
    /// Runs `work` over the open database. After a failure, ENOSPC or a panic the handle is worth nothing: the next use opens it again.
    fn with<T>(&self, work: impl FnOnce(&Database) -> Result<T, Fault>) -> Result<T, Fault> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let (db, gate) = match open.take() {
            Some(open) => open,
            None => {
                let gate = Gate::default();
                let opening = || {
                    mail::open_database(&*self.disk, (&self.dir, "system.redb"), &gate, CACHE, |db| {
                        let write = begin(db)?;
                        write.open_table(ROWS)?;
                        Ok(write.commit()?)
                    })
                };
                let db = catch_unwind(AssertUnwindSafe(opening))
                    .unwrap_or_else(|_| Err(Fault::Damaged("system.redb cannot be read".into())))?;
                (db, gate)
            }
        };
        let done = catch_unwind(AssertUnwindSafe(|| work(&db)));
        let done = done.unwrap_or_else(|_| Err(Fault::Failed("system.redb stopped; it is opened again".into())));
        match done {
            Ok(_) | Err(Fault::Missing | Fault::Exists | Fault::OverQuota | Fault::Limit(_) | Fault::Damaged(_)) => {
                *open = Some((db, gate))
            }
            Err(Fault::Full | Fault::Late | Fault::Failed(_)) => gate.shut(),
        }
        done
    }
}

fn rows_of(db: &Database, kind: &str) -> Result<Vec<Row>, Fault> {
    let table = db.begin_read()?.open_table(ROWS)?;
    let mut rows = Vec::new();
    for entry in table.range((kind, "")..)? {
        let (name, value) = entry?;
        let (this, key) = name.value();
        if this != kind {
            break;
        }
        let value = unseal(this, key, value.value())?.to_vec();
        rows.push(Row { kind: this.to_owned(), key: key.to_owned(), value });
    }
    Ok(rows)
}

fn write_all(db: &Database, writes: &[Write]) -> Result<(), Fault> {
    let transaction = begin(db)?;
    {
        let mut table = transaction.open_table(ROWS)?;
        // Every expectation is of the rows as they were, wherever it stands in the list.
        for write in writes {
            if let Write::Expect(kind, key, expected) = write {
                let value = table.get((kind.as_str(), key.as_str()))?;
                let value = value.as_ref().map(|guard| unseal(kind, key, guard.value())).transpose()?;
                if value != expected.as_deref() {
                    return Err(Fault::Missing);
                }
            }
        }
        for write in writes {
            match write {
                Write::Put(row) => {
                    let mut bytes = sum(&row.kind, &row.key, &row.value).to_le_bytes().to_vec();
                    bytes.extend(&row.value);
                    table.insert((row.kind.as_str(), row.key.as_str()), bytes.as_slice())?;
                }
                Write::Remove(kind, key) => {
                    table.remove((kind.as_str(), key.as_str()))?;
                }
                Write::Expect(..) => {}
            }
        }
    }
    Ok(transaction.commit()?)
}
