//! Reading: pages of rows in short read transactions, bodies block by block with their sums.

use std::{collections::BTreeMap, io, sync::Arc};

use redb::ReadableDatabase;

use super::{
    StoreError, Usage,
    apply::folders_of,
    core::Core,
    disk::DiskFile,
    fault::Fault,
    folders::{Folder, names_of},
    mail::Mail,
    record::{BLOCK, SUM, block_start, whole_block},
    rows::{self, Body, KeyForm, Message, Words},
};
use crate::types::{
    BodyId, BodyReader, BytesBody, FolderId, FolderName, Keyword, MailboxId, MessageRow, ReadFuture, Uid,
};

/// Octets of one piece at most.
const PIECE: usize = 1024 * 1024;

/// UIDVALIDITY and a page of rows. A damaged row is told of and left out: it must not hide the others.
pub(super) fn messages(
    core: &Core,
    mail: &Mail,
    mailbox: MailboxId,
    name: &FolderName,
    after: Uid,
    max: usize,
) -> Result<(u32, Vec<MessageRow>), Fault> {
    let read = mail.db.begin_read()?;
    let folders = read.open_table(rows::FOLDERS)?;
    let Some(folder) = rows::get::<(u32, &str), rows::Folder>(&folders, (mailbox.0, name.as_str()))? else {
        // Every mailbox has an INBOX, also before its first message.
        return if *name == FolderName::inbox() { Ok((0, Vec::new())) } else { Err(Fault::Missing) };
    };
    let Some(first) = after.0.checked_add(1) else { return Ok((folder.validity, Vec::new())) };
    let mut page = Vec::new();
    for entry in read.open_table(rows::MESSAGES)?.range((folder.id, first)..=(folder.id, u32::MAX))?.take(max) {
        let (key, value) = entry?;
        let key = key.value();
        match rows::unseal::<Message>(&<(u32, u32)>::octets(&key), value.value()) {
            Ok(message) => page.push(message.listed(key.1)),
            Err(fault) => {
                drop(core.heard(&fault.at(&format!("mailbox {} {} UID {}", mailbox.0, name.as_str(), key.1))))
            }
        }
    }
    Ok((folder.validity, page))
}

/// A mailbox' folders, by name.
pub(super) fn folders(mail: &Mail, mailbox: MailboxId) -> Result<Vec<Folder>, Fault> {
    let found = folders_of(&mail.db.begin_read()?.open_table(rows::FOLDERS)?, mailbox)?;
    Ok(found.into_iter().filter_map(|(name, row)| Some(Folder::of(FolderName::parse(&name)?, &row))).collect())
}

/// One folder.
pub(super) fn folder(mail: &Mail, mailbox: MailboxId, name: &FolderName) -> Result<Folder, Fault> {
    let row = rows::get(&mail.db.begin_read()?.open_table(rows::FOLDERS)?, (mailbox.0, name.as_str()))?;
    row.map(|row| Folder::of(name.clone(), &row)).ok_or(Fault::Missing)
}

/// Names a mailbox is subscribed to.
pub(super) fn subscriptions(mail: &Mail, mailbox: MailboxId) -> Result<Vec<FolderName>, Fault> {
    let names = names_of(&mail.db.begin_read()?.open_table(rows::SUBSCRIPTIONS)?, mailbox)?;
    Ok(names.iter().filter_map(|name| FolderName::parse(name)).collect())
}

/// A folder's keywords, in the order of their bits.
pub(super) fn keywords(mail: &Mail, folder: FolderId) -> Result<Vec<Keyword>, Fault> {
    let words: Option<Words> = rows::get(&mail.db.begin_read()?.open_table(rows::KEYWORDS)?, folder.0)?;
    Ok(words.map(|words| words.0).unwrap_or_default())
}

/// What every mailbox holds that ever held something.
pub(super) fn usages(mail: &Mail) -> Result<BTreeMap<MailboxId, Usage>, Fault> {
    let mut out = BTreeMap::new();
    for row in mail.db.begin_read()?.open_table(rows::USAGE)?.range(0..)? {
        let (key, value) = row?;
        // A damaged row must not hide the others; whoever asks for that mailbox alone hears of it.
        if let Ok(usage) = rows::unseal::<Usage>(&<u32>::octets(&key.value()), value.value()) {
            out.insert(MailboxId(key.value()), usage);
        }
    }
    Ok(out)
}

/// What a mailbox holds.
pub(super) fn usage(mail: &Mail, mailbox: MailboxId) -> Result<Usage, Fault> {
    Ok(rows::get(&mail.db.begin_read()?.open_table(rows::USAGE)?, mailbox.0)?.unwrap_or_default())
}

/// A body: a small one is read and checked whole, a long one is read piece by piece.
pub(super) fn body(core: &Arc<Core>, mail: &Mail, id: BodyId) -> Result<Arc<dyn BodyReader>, Fault> {
    let record = record(mail, id)?;
    if record.row.len <= BLOCK as u64 {
        return Ok(Arc::new(BytesBody(record.octets_wherever(mail, 0, BLOCK)?)));
    }
    Ok(Arc::new(LongBody { core: core.clone(), record: Arc::new(record) }))
}

/// Where a body is now.
fn record(mail: &Mail, id: BodyId) -> Result<Record, Fault> {
    let row: Option<Body> = rows::get(&mail.db.begin_read()?.open_table(rows::BODIES)?, id.0)?;
    let row = row.ok_or(Fault::Missing)?;
    let file = mail.pool.file(row.volume).map_err(|fault| lost(&row, id, &fault.told().to_string()))?;
    Ok(Record { file, id, row })
}

fn lost(row: &Body, id: BodyId, why: &str) -> Fault {
    Fault::Damaged(format!("body {} in volume {:06} at {}: {why}", id.0, row.volume, row.offset))
}

/// A record that is read. It keeps its volume open: one that is emptied meanwhile is still read to the end.
pub(super) struct Record {
    pub file: Arc<dyn DiskFile>,
    pub id: BodyId,
    pub row: Body,
}

impl Record {
    /// Up to `max` octets (at most 1 MiB) from `offset`; every block they stand in has its right sum.
    pub fn octets(&self, offset: u64, max: usize) -> Result<Vec<u8>, Fault> {
        let len = self.row.len;
        let end = len.min(offset.saturating_add(max.min(PIECE) as u64));
        if offset >= end {
            return Ok(Vec::new());
        }
        let (first, last) = (offset / BLOCK as u64, (end - 1) / BLOCK as u64);
        let stop = len.min((last + 1) * BLOCK as u64);
        let span = block_start(last) + (stop - last * BLOCK as u64) + SUM as u64 - block_start(first);
        let mut bytes = vec![0; usize::try_from(span).unwrap_or(usize::MAX)];
        self.file.read_at(self.row.offset + block_start(first), &mut bytes).map_err(|error| self.unread(error))?;
        let mut octets = Vec::with_capacity(usize::try_from(end - offset).unwrap_or(0));
        for (number, block) in (first..).zip(bytes.chunks(BLOCK + SUM)) {
            let whole = whole_block(self.id, number, block)
                .ok_or_else(|| lost(&self.row, self.id, &format!("block {number} has a wrong sum")))?;
            let from = offset.saturating_sub(number * BLOCK as u64);
            let to = (end - number * BLOCK as u64).min(whole.len() as u64);
            octets.extend_from_slice(&whole[usize::try_from(from).unwrap_or(0)..usize::try_from(to).unwrap_or(0)]);
        }
        Ok(octets)
    }

    /// As [`Record::octets`]; but what looks damaged may have been moved since its row was read, and its old place given back
    /// (`reclaim`, when room is tight): then it is read where it is now.
    pub fn octets_wherever(&self, mail: &Mail, offset: u64, max: usize) -> Result<Vec<u8>, Fault> {
        match self.octets(offset, max) {
            Err(fault @ Fault::Damaged(_)) => match record(mail, self.id) {
                Ok(moved) if moved.row != self.row => moved.octets(offset, max),
                Ok(_) | Err(_) => Err(fault),
            },
            done => done,
        }
    }

    /// One place that cannot be read is damage; a volume whose head cannot be read either is a disk that is gone.
    fn unread(&self, error: io::Error) -> Fault {
        let is_gone = error.kind() != io::ErrorKind::UnexpectedEof && self.file.read_at(0, &mut [0; 32]).is_err();
        if is_gone { Fault::Failed(error.to_string()) } else { lost(&self.row, self.id, &error.to_string()) }
    }
}

struct LongBody {
    core: Arc<Core>,
    record: Arc<Record>,
}

impl BodyReader for LongBody {
    fn len(&self) -> u64 {
        self.record.row.len
    }

    fn read(&self, offset: u64, max: usize) -> ReadFuture<'_> {
        Box::pin(async move {
            let (core, record) = (self.core.clone(), self.record.clone());
            let work = move || record.octets_wherever(&*core.mail()?, offset, max);
            let read = self.core.readers.run(work).await;
            match read {
                Ok(Ok(octets)) => Ok(octets),
                Ok(Err(fault)) => Err(told(self.core.heard(&fault))),
                Err(_) => Err(io::Error::other("the reader stopped")),
            }
        })
    }
}

fn told(error: StoreError) -> io::Error {
    match error {
        StoreError::Damaged(_) => io::Error::new(io::ErrorKind::InvalidData, error),
        StoreError::Missing => io::Error::new(io::ErrorKind::NotFound, error),
        StoreError::NoRoom | StoreError::Unavailable(_) => io::Error::other(error),
        StoreError::Exists | StoreError::OverQuota | StoreError::Limit(_) => io::Error::other(error),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::{
        journal::Journal,
        rt::{Board, SystemClock, block_on},
        store::{Delivery, NewMessage, Places, Store},
    };

    /// It was believed that a reader that holds its volume open reads to the end whatever becomes of it. When room is tight
    /// the old place of a body that was moved is punched out, so a slow reader met zeros and told of damage.
    #[test]
    fn a_body_that_was_moved_while_it_is_read_is_read_where_it_is_now() {
        let dir = std::env::temp_dir().join(format!("gatepost-moved-{}", std::process::id()));
        let places = Places { state: dir.join("state"), mail: dir.join("mail"), reserve: 0 };
        let clock = Arc::new(SystemClock::start());
        let store = Store::open(places, clock.clone(), Journal::new(clock), Board::default()).unwrap();
        let read = block_on(async {
            let mut draft = store.draft().await.unwrap();
            draft.write(&[7; 3 * BLOCK]).await.unwrap();
            let (id, sealed) = (draft.id(), draft.seal().await.unwrap());
            let deliveries = vec![Delivery::to_inbox(MailboxId(1))];
            store.commit(vec![NewMessage { sealed, derived: None, deliveries, queue: vec![] }]).await.unwrap();
            let core = store.core.clone();
            let looked = core.read(move |mail| {
                let now = record(mail, id)?;
                let stale = Record { row: Body { offset: now.row.offset + 8, ..now.row }, file: now.file.clone(), id };
                assert!(matches!(stale.octets(0, 100), Err(Fault::Damaged(_))));
                let found = stale.octets_wherever(mail, 0, 100)?;
                // Damage where it is now stays damage.
                let other = Record { id: BodyId(id.0 + 1), ..now };
                assert!(matches!(other.octets_wherever(mail, 0, 100), Err(Fault::Damaged(_))));
                Ok(found)
            });
            let read = looked.await.unwrap();
            store.close().await;
            read
        });
        let _ = std::fs::remove_dir_all(&dir);
        assert_eq!(read, vec![7; 100]);
    }
}
