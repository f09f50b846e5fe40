//! A body while it arrives: *draft* until its group has committed.
//!
//! | state | where its octets are | dropped |
//! |---|---|---|
//! | up to 64 KiB; up to 128 KiB while few are so long | in memory | nothing was written |
//! | longer | blocks in a borrowed volume, beyond the committed length, and the last block in memory | the volume is cut |
//! | sealed | the same, complete; what is too long for the log is synced | the same |
//! | committed | *kept*: a record with header and trailer, and rows | - |

use std::sync::{Arc, atomic::Ordering};

use super::{
    Store, StoreError,
    apply::Change,
    core::Core,
    fault::Fault,
    record::{BLOCK, SUM, block_start, put_block},
    volume::Lease,
};
use crate::{
    limits::{LOGGED_BODY, LONGER_BODIES, SMALL_BODY},
    types::BodyId,
};

/// Blocks after which a long body is synced while it arrives (16 MiB), so that no sync keeps a reader thread for long.
const SYNC_BLOCKS: u64 = 256;

/// Where the octets are.
pub(super) enum Content {
    /// All of them in memory.
    Held(Vec<u8>),
    /// All whole blocks in a borrowed volume, from the lease's start.
    Lent(Arc<Lease>),
}

/// One of the places for drafts that hold more than a block.
pub(super) struct Longer(Arc<Core>);

impl Longer {
    fn get(core: &Arc<Core>) -> Option<Longer> {
        let more = |taken: usize| (taken < LONGER_BODIES).then_some(taken + 1);
        core.longer.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more).ok().map(|_| Longer(core.clone()))
    }
}

impl Drop for Longer {
    fn drop(&mut self) {
        self.0.longer.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A body while it arrives. Dropping it forgets it.
pub struct Draft {
    core: Arc<Core>,
    id: BodyId,
    len: u64,
    digest: u32,
    lease: Option<Arc<Lease>>,
    buffer: Vec<u8>,
    longer: Option<Longer>,
    broken: Option<StoreError>,
}

/// A body that is complete but not kept yet. Dropping it forgets it.
pub struct Sealed {
    pub(super) id: BodyId,
    pub(super) len: u64,
    pub(super) digest: u32,
    pub(super) content: Content,
    /// Held for as long as the octets are.
    pub(super) longer: Option<Longer>,
}

impl Draft {
    /// Takes a number. Numbers are set aside on the disk first, so that none is ever given twice.
    pub(super) async fn begin(store: &Store) -> Result<Draft, StoreError> {
        let core = store.core.clone();
        core.mail().map_err(|fault| fault.told())?;
        if core.full.load(Ordering::SeqCst) {
            return Err(StoreError::NoRoom);
        }
        let id = BodyId(core.next_body.fetch_add(1, Ordering::SeqCst));
        if id.0 >= core.ids_until.load(Ordering::SeqCst) {
            store.change(Change::Ids).await?;
        }
        Ok(Draft { core, id, len: 0, digest: 0, lease: None, buffer: Vec::new(), longer: None, broken: None })
    }

    /// The number it will have.
    pub fn id(&self) -> BodyId {
        self.id
    }

    /// Octets so far.
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Octets of it that are in memory: at most a block, or [`LOGGED_BODY`].
    pub fn in_memory(&self) -> usize {
        self.buffer.len()
    }

    /// Whether nothing was written yet.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Adds bytes; beyond 64 KiB (128 KiB while few are so long) they go to a borrowed volume. After an error every later call gives the same error.
    pub async fn write(&mut self, bytes: &[u8]) -> Result<(), StoreError> {
        if let Some(error) = &self.broken {
            return Err(error.clone());
        }
        let mut rest = bytes;
        while !rest.is_empty() {
            if self.buffer.len() >= self.most() {
                // Remembered first: a caller that drops this future half-way must not leave a draft with a hole.
                self.broken = Some(StoreError::Unavailable("the writing of this body was interrupted".into()));
                let spilled = self.spill().await;
                self.broken = spilled.as_ref().err().cloned();
                spilled?;
            }
            let (part, later) = rest.split_at(rest.len().min(self.most() - self.buffer.len()));
            self.buffer.extend_from_slice(part);
            self.digest = crc32c::crc32c_append(self.digest, part);
            self.len += part.len() as u64;
            rest = later;
        }
        Ok(())
    }

    /// Ends it. What is too long for the log is synced here, so that its group does not wait for the disk to take 100 MB.
    pub async fn seal(mut self) -> Result<Sealed, StoreError> {
        if let Some(error) = self.broken {
            return Err(error);
        }
        let content = if self.lease.is_some() {
            self.spill().await?;
            let lease = self.lease.take().ok_or(StoreError::Missing)?;
            if self.len > LOGGED_BODY {
                let (core, synced) = (self.core.clone(), lease.clone());
                run(&self.core, move || sync(&core, &synced)).await?;
            }
            Content::Lent(lease)
        } else {
            Content::Held(self.buffer)
        };
        Ok(Sealed { id: self.id, len: self.len, digest: self.digest, content, longer: self.longer })
    }

    /// Octets that it may hold now: what the log takes needs no volume while it arrives.
    fn most(&mut self) -> usize {
        if self.buffer.len() == BLOCK && self.lease.is_none() && self.longer.is_none() {
            self.longer = Longer::get(&self.core);
        }
        if self.longer.is_some() { LOGGED_BODY as usize } else { BLOCK }
    }

    /// Writes the buffered blocks to the borrowed volume, borrowing it first.
    async fn spill(&mut self) -> Result<(), StoreError> {
        let octets = std::mem::take(&mut self.buffer);
        let (id, first) = (self.id, (self.len - octets.len() as u64) / BLOCK as u64);
        let (core, lease) = (self.core.clone(), self.lease.clone());
        let (lease, mut buffer) = run(&self.core, move || {
            let lease = match lease {
                Some(lease) => lease,
                None => {
                    let pool = core.mail()?.pool.clone();
                    // Half full at most: the body's length is not known yet.
                    Arc::new(pool.lend(pool.limit() / 2)?)
                }
            };
            for (number, block) in (first..).zip(octets.chunks(BLOCK)) {
                let mut bytes = Vec::with_capacity(block.len() + SUM);
                put_block(&mut bytes, id, number, block);
                lease.write_at(lease.start + block_start(number), &bytes)?;
                if number % SYNC_BLOCKS == SYNC_BLOCKS - 1 {
                    sync(&core, &lease)?;
                }
            }
            Ok((lease, octets))
        })
        .await?;
        buffer.clear();
        buffer.shrink_to(BLOCK);
        self.buffer = buffer;
        self.longer = None;
        self.lease = Some(lease);
        Ok(())
    }
}

/// A sync that fails may be of small bodies that were written there behind the log: the disk is opened again, which writes them again.
fn sync(core: &Core, lease: &Lease) -> Result<(), Fault> {
    let done = lease.sync();
    if matches!(done, Err(Fault::Failed(_))) {
        core.broken.store(true, Ordering::SeqCst);
    }
    done
}

async fn run<T: Send + 'static>(
    core: &Arc<Core>,
    work: impl FnOnce() -> Result<T, Fault> + Send + 'static,
) -> Result<T, StoreError> {
    let done = core.readers.run(work).await;
    let done = done.unwrap_or_else(|_| Err(Fault::Failed("the disk thread stopped".into())));
    // A volume that fails is not appended to any more; whether the database works the writer finds out.
    done.map_err(|fault| fault.told())
}

impl Sealed {
    /// Its number.
    pub fn id(&self) -> BodyId {
        self.id
    }

    /// Octets.
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Whether it is empty.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// All its octets, where it is short enough to be in memory.
    pub fn in_memory(&self) -> Option<&[u8]> {
        match &self.content {
            Content::Held(octets) => Some(octets),
            Content::Lent(_) => None,
        }
    }
}

const _: () = assert!(SMALL_BODY == BLOCK, "a body that fits a block is held in memory");
const _: () = assert!(LOGGED_BODY.is_multiple_of(BLOCK as u64), "what is spilled is whole blocks, but for the last");
