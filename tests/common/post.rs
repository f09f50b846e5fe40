//! Short ways to put messages into a store and to get them out.

use std::{path::Path, sync::Arc};

use gatepost::{
    journal::Journal,
    rt::{Board, SystemClock, block_on},
    store::{Delivery, Disk, NewMessage, Places, RealDisk, Sealed, Store, StoreError},
    types::{BodyId, FolderName, MailboxId, MessageRow, Uid},
};

pub fn places(dir: &Path, reserve: u64) -> Places {
    Places { state: dir.join("state"), mail: dir.join("mail"), reserve }
}

pub fn open(dir: &Path) -> Store {
    open_on(Arc::new(RealDisk), dir, 0).unwrap()
}

pub fn open_on(disk: Arc<dyn Disk>, dir: &Path, reserve: u64) -> Result<Store, StoreError> {
    open_at(disk, places(dir, reserve))
}

pub fn open_at(disk: Arc<dyn Disk>, places: Places) -> Result<Store, StoreError> {
    let clock = Arc::new(SystemClock::start());
    Store::open_on(disk, places, clock.clone(), Journal::new(clock), Board::default())
}

pub fn close(store: Store) {
    block_on(store.close());
}

pub async fn seal(store: &Store, body: &[u8]) -> Result<Sealed, StoreError> {
    let mut draft = store.draft().await?;
    for piece in body.chunks(7000) {
        draft.write(piece).await?;
    }
    draft.seal().await
}

pub fn message(sealed: Sealed, mailboxes: &[u32]) -> NewMessage {
    let to = |id: &u32| Delivery::to_inbox(MailboxId(*id));
    NewMessage { sealed, derived: None, deliveries: mailboxes.iter().map(to).collect(), queue: Vec::new() }
}

pub async fn deliver(store: &Store, body: &[u8], mailboxes: &[u32]) -> Result<BodyId, StoreError> {
    let sealed = seal(store, body).await?;
    let id = sealed.id();
    store.commit(vec![message(sealed, mailboxes)]).await?;
    Ok(id)
}

pub async fn list(store: &Store, mailbox: u32) -> Vec<MessageRow> {
    store.messages(MailboxId(mailbox), &FolderName::inbox(), Uid(0), usize::MAX).await.unwrap().1
}

pub async fn read(store: &Store, id: BodyId) -> Result<Vec<u8>, StoreError> {
    let body = store.body(id).await?;
    let mut all = Vec::new();
    while (all.len() as u64) < body.len() {
        let piece = body.read(all.len() as u64, 100_000).await;
        let piece = piece.map_err(|error| StoreError::Damaged(error.to_string()))?;
        assert!(!piece.is_empty());
        all.extend(piece);
    }
    Ok(all)
}

pub async fn remove(store: &Store, mailbox: u32, uids: Vec<Uid>) -> Result<usize, StoreError> {
    store.remove(MailboxId(mailbox), &FolderName::inbox(), uids).await
}

/// Bytes that differ from message to message and from block to block.
pub fn octets(seed: u64, len: usize) -> Vec<u8> {
    let mut x = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut out = Vec::with_capacity(len + 8);
    while out.len() < len {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        out.extend(x.to_le_bytes());
    }
    out.truncate(len);
    out
}
