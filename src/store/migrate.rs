//! Brings a `mail.redb` of an older format to format 4, in place: one durable transaction, so that a power cut leaves the one or the
//! other.
//!
//! Format 3 had another log. Format 2 had no indices of the queue. Format 1 had no numbers that lead to folders, no keywords, no subscriptions, and did not count unseen and deleted messages. Message
//! rows are the same in both, so that a store of a million messages writes its folders' rows only.

use std::path::Path;

use redb::{Database, ReadableDatabase, ReadableTable, WriteTransaction};

use super::{
    backend::begin,
    disk::Disk,
    fault::Fault,
    queue,
    redo::{self, first_filling},
    rows::{self, Folder, House, KeyForm, Message, Place, Subscribed},
};
use crate::types::{FolderName, MailboxId};

/// Gives how many messages were counted; None when the rows are of this program's format (or a newer one).
pub(super) fn bring_up(
    db: &Database,
    has_old_commits: impl FnOnce() -> Result<bool, Fault>,
) -> Result<Option<u64>, Fault> {
    let house: Option<House> = rows::get(&db.begin_read()?.open_table(rows::HOUSE)?, 0)?;
    // A missing first row is told of by who opens it.
    let Some(house) = house.filter(|house| house.format < rows::FORMAT) else { return Ok(None) };
    if has_old_commits()? {
        return Err(Fault::Failed(
            "mail.log holds commits that the earlier program wrote: start that one once more and stop it, nothing was touched".into(),
        ));
    }
    let write = begin(db)?;
    let counted = if house.format == 1 { lead_to_folders(&write)? } else { 0 };
    if house.format < 3 {
        queue::make_indices(&write)?;
    }
    rows::put(
        &mut write.open_table(rows::HOUSE)?,
        0,
        &House { format: rows::FORMAT, filling: first_filling()?, ..house },
    )?;
    write.commit()?;
    Ok(Some(counted))
}

/// Whether the log of format 3 holds commits: of pages of `mail.redb`, behind the mark of their filling.
pub(super) fn has_old_commits(disk: &dyn Disk, dir: &Path) -> Result<bool, Fault> {
    if !disk.list(dir)?.iter().any(|name| name == redo::NAME) {
        return Ok(false);
    }
    let log = disk.open(&dir.join(redo::NAME), false)?;
    let read = |at: u64, magic: &[u8]| -> Result<Option<u64>, Fault> {
        let mut octets = [0; 16];
        if log.len()? < at + octets.len() as u64 {
            return Ok(None);
        }
        log.read_at(at, &mut octets)?;
        let number = octets.strip_prefix(magic).and_then(|rest| rest.first_chunk::<8>());
        Ok(number.map(|number| u64::from_le_bytes(*number)))
    };
    let marks = [read(0, b"GPFILL01")?, read(4096, b"GPFILL01")?];
    let first = read(2 * 4096, b"GPREDO01")?;
    Ok(first.is_some() && marks.into_iter().max().flatten() == first)
}

/// What format 2 had beside format 1.
fn lead_to_folders(write: &WriteTransaction) -> Result<u64, Fault> {
    let mut counted = 0;
    let mut folders = write.open_table(rows::FOLDERS)?;
    let messages = write.open_table(rows::MESSAGES)?;
    let mut places = write.open_table(rows::PLACES)?;
    write.open_table(rows::KEYWORDS)?;
    let mut subscriptions = write.open_table(rows::SUBSCRIPTIONS)?;
    for (mailbox, name, row) in all(&folders)? {
        let row = count(&messages, row)?;
        counted += row.messages;
        folders.remove((mailbox.0, name.as_str()))?;
        let name = new_name(&folders, mailbox, &name)?;
        let key = (mailbox.0, name.as_str());
        rows::put(&mut folders, key, &row)?;
        rows::put(&mut subscriptions, key, &Subscribed)?;
        rows::put(&mut places, row.id, &Place { mailbox, name: name.clone() })?;
    }
    Ok(counted)
}

type Found = (MailboxId, String, Folder);

/// Every folder whose row is whole; a damaged one stays as it is, for `check`.
fn all(table: &impl ReadableTable<(u32, &'static str), &'static [u8]>) -> Result<Vec<Found>, Fault> {
    let mut found = Vec::new();
    for entry in table.iter()? {
        let (key, value) = entry?;
        let (mailbox, name) = key.value();
        let octets = <(u32, &'static str)>::octets(&(mailbox, name));
        if let Ok(row) = rows::unseal(&octets, value.value()) {
            found.push((MailboxId(mailbox), name.to_owned(), row));
        }
    }
    Ok(found)
}

/// What format 1 did not count.
fn count(messages: &impl ReadableTable<(u32, u32), &'static [u8]>, mut folder: Folder) -> Result<Folder, Fault> {
    for entry in messages.range((folder.id, 0)..=(folder.id, u32::MAX))? {
        let (key, value) = entry?;
        if let Ok(message) = rows::unseal::<Message>(&<(u32, u32)>::octets(&key.value()), value.value()) {
            folder.unseen += u64::from(message.is_unseen());
            folder.deleted += u64::from(message.is_deleted());
        }
    }
    Ok(folder)
}

/// Format 1 let `Inbox/x` stand beside `INBOX/x`; one of two such folders gets another name.
fn new_name(
    folders: &impl ReadableTable<(u32, &'static str), &'static [u8]>,
    mailbox: MailboxId,
    old: &str,
) -> Result<FolderName, Fault> {
    let bad = || Fault::Damaged(format!("mail.redb: mailbox {}: a folder's name", mailbox.0));
    let name = FolderName::parse(old).ok_or_else(bad)?;
    let mut free = name.clone();
    let mut number = 1;
    while folders.get((mailbox.0, free.as_str()))?.is_some() {
        number += 1;
        free = FolderName::parse(&format!("{}-{number}", name.as_str())).ok_or_else(bad)?;
    }
    Ok(free)
}
