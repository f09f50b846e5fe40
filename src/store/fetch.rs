//! Pages of rows, and messages with their records and small bodies, in turns that are short and bounded.

use std::{iter::Peekable, slice, sync::Arc};

use redb::{Range, ReadOnlyTable, ReadableDatabase};

use super::{
    core::Core,
    disk::DiskFile,
    fault::Fault,
    index::{IndexLook, Octets},
    mail::Mail,
    reader::Record,
    record::BLOCK,
    rows::{self, Body, KeyForm, Message},
};
use crate::{
    limits::TURN_OCTETS,
    types::{BodyId, FolderId, MessageRow, Uid},
};

/// Rows are read in one walk when at least one of so many is wanted.
const DENSE: usize = 4;

/// What is read besides the row.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Want {
    /// The record of `index.redb`.
    pub derived: bool,
    /// The body.
    pub bodies: bool,
}

/// A message and what was wanted of it.
#[derive(Clone, Debug)]
pub struct Fetched {
    /// The row.
    pub row: MessageRow,
    /// Its record; None when there is none (yet), or it was not wanted.
    pub derived: Option<Vec<u8>>,
    /// All its octets when it has at most 64 KiB; a longer or a damaged one is read by `Store::body`, which says why.
    pub body: Option<Vec<u8>>,
}

/// One read transaction over a folder, with the volume that was read last.
pub(super) struct Look<'a> {
    core: &'a Core,
    mail: &'a Mail,
    folder: FolderId,
    messages: ReadOnlyTable<(u32, u32), &'static [u8]>,
    bodies: ReadOnlyTable<u64, &'static [u8]>,
    file: Option<(u32, Arc<dyn DiskFile>)>,
    index: Option<IndexLook<'a>>,
}

impl<'a> Look<'a> {
    /// Missing when the folder is gone.
    pub fn at(core: &'a Core, mail: &'a Mail, folder: FolderId) -> Result<Look<'a>, Fault> {
        let read = mail.db.begin_read()?;
        if read.open_table(rows::PLACES)?.get(folder.0)?.is_none() {
            return Err(Fault::Missing);
        }
        let (messages, bodies) = (read.open_table(rows::MESSAGES)?, read.open_table(rows::BODIES)?);
        Ok(Look { core, mail, folder, messages, bodies, file: None, index: None })
    }

    /// The record of a body, if there is one that can be read.
    pub fn derived(&mut self, id: BodyId) -> Option<Octets> {
        self.index.get_or_insert_with(|| self.core.index.look(self.core, self.mail)).get(id)
    }

    /// Up to `max` rows behind `after`. A damaged one is told of and left out: it must not hide the others.
    pub fn page(&self, after: Uid, max: usize) -> Result<Vec<MessageRow>, Fault> {
        let Some(first) = after.0.checked_add(1) else { return Ok(Vec::new()) };
        let mut page = Vec::new();
        for entry in self.messages.range((self.folder.0, first)..=(self.folder.0, u32::MAX))?.take(max) {
            let (key, value) = entry?;
            page.extend(self.whole(key.value().1, value.value()));
        }
        Ok(page)
    }

    /// Begins a walk over these messages.
    pub fn walk<'u>(&self, uids: &'u [Uid]) -> Result<Walk<'u>, Fault> {
        let (first, last) = (uids.first().map_or(0, |uid| uid.0), uids.last().map_or(0, |uid| uid.0));
        let span = last.saturating_sub(first) as usize;
        if span / DENSE >= uids.len() || !uids.is_sorted_by(|one, next| one < next) {
            return Ok(Walk::Apart(uids.iter()));
        }
        // Without an end: to see it here is cheaper than to have it compared with every key.
        let rows = self.messages.range((self.folder.0, first)..)?;
        let chosen = (span + 1 > uids.len()).then(|| uids.iter().peekable());
        Ok(Walk::Beside { last, chosen, rows: Box::new(rows) })
    }

    /// One row, if it is there and whole.
    pub fn row(&self, uid: Uid) -> Result<Option<MessageRow>, Fault> {
        let value = self.messages.get((self.folder.0, uid.0))?;
        Ok(value.and_then(|value| self.whole(uid.0, value.value())))
    }

    fn whole(&self, uid: u32, bytes: &[u8]) -> Option<MessageRow> {
        match rows::unseal::<Message>(&<(u32, u32)>::octets(&(self.folder.0, uid)), bytes) {
            Ok(message) => Some(message.listed(uid)),
            Err(fault) => {
                drop(self.core.heard(&fault.at(&format!("folder {} UID {uid}", self.folder.0))));
                None
            }
        }
    }

    /// A body's record, to be read.
    pub fn record(&mut self, id: BodyId) -> Result<Record, Fault> {
        let row: Body = rows::get(&self.bodies, id.0)?.ok_or(Fault::Missing)?;
        let file = match &self.file {
            Some((number, file)) if *number == row.volume => file.clone(),
            Some(_) | None => self.mail.pool.file(row.volume)?,
        };
        self.file = Some((row.volume, file.clone()));
        Ok(Record { file, id, row })
    }

    /// A small body; None when it is long, gone or damaged.
    fn small(&mut self, row: &MessageRow) -> Result<Option<Vec<u8>>, Fault> {
        if row.size > BLOCK as u64 {
            return Ok(None);
        }
        let mail = self.mail;
        match self.record(row.body).and_then(|record| record.octets_wherever(mail, 0, BLOCK)) {
            Ok(octets) => Ok(Some(octets)),
            Err(fault @ (Fault::Damaged(_) | Fault::Missing)) => {
                self.core.heard(&fault);
                Ok(None)
            }
            Err(fault) => Err(fault),
        }
    }
}

/// A walk over messages, in the order in which they are asked for.
pub(super) enum Walk<'u> {
    /// Each is searched for.
    Apart(slice::Iter<'u, Uid>),
    /// All from the first to the last are read; they are few more.
    Beside {
        last: u32,
        /// Those that are asked for; None: all.
        chosen: Option<Peekable<slice::Iter<'u, Uid>>>,
        rows: Box<Range<'static, (u32, u32), &'static [u8]>>,
    },
}

impl Walk<'_> {
    /// The next message that is there and whole.
    pub fn next(&mut self, look: &Look<'_>) -> Result<Option<MessageRow>, Fault> {
        match self {
            Walk::Apart(uids) => {
                for uid in uids {
                    if let Some(row) = look.row(*uid)? {
                        return Ok(Some(row));
                    }
                }
            }
            Walk::Beside { last, chosen, rows } => {
                for entry in rows {
                    let (key, value) = entry?;
                    let (folder, uid) = key.value();
                    if folder != look.folder.0 || uid > *last {
                        break;
                    }
                    if chosen.as_mut().is_none_or(|chosen| is_chosen(chosen, uid))
                        && let Some(row) = look.whole(uid, value.value())
                    {
                        return Ok(Some(row));
                    }
                }
            }
        }
        Ok(None)
    }
}

fn is_chosen(chosen: &mut Peekable<slice::Iter<'_, Uid>>, uid: u32) -> bool {
    while chosen.next_if(|chosen| chosen.0 < uid).is_some() {}
    chosen.next_if(|chosen| chosen.0 == uid).is_some()
}

/// A page of rows.
pub(super) fn page(
    core: &Core,
    mail: &Mail,
    folder: FolderId,
    after: Uid,
    max: usize,
) -> Result<Vec<MessageRow>, Fault> {
    Look::at(core, mail, folder)?.page(after, max)
}

/// Messages in the order of `uids`; stops after about 1 MiB, but has at least one that is there.
pub(super) fn fetch(
    core: &Core,
    mail: &Mail,
    folder: FolderId,
    uids: &[Uid],
    want: Want,
) -> Result<Vec<Fetched>, Fault> {
    let mut look = Look::at(core, mail, folder)?;
    let mut walk = look.walk(uids)?;
    let (mut found, mut octets) = (Vec::new(), 0);
    while let Some(row) = walk.next(&look)? {
        let body = if want.bodies { look.small(&row)? } else { None };
        let derived = if want.derived { look.derived(row.body).map(Octets::into_vec) } else { None };
        octets += size_of::<Fetched>() + body.as_ref().map_or(0, Vec::len) + derived.as_ref().map_or(0, Vec::len);
        found.push(Fetched { row, derived, body });
        if octets >= TURN_OCTETS {
            break;
        }
    }
    Ok(found)
}

/// The rows of messages, in the order of `uids`.
pub(super) fn rows(core: &Core, mail: &Mail, folder: FolderId, uids: &[Uid]) -> Result<Vec<MessageRow>, Fault> {
    let look = Look::at(core, mail, folder)?;
    let mut walk = look.walk(uids)?;
    let mut rows = Vec::with_capacity(uids.len());
    while let Some(row) = walk.next(&look)? {
        rows.push(row);
    }
    Ok(rows)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::{
        journal::Journal,
        rt::{Board, SystemClock, block_on},
        store::{Delivery, NewMessage, Places, Store},
        types::{FolderName, MailboxId},
    };

    async fn deliver(store: &Store, messages: u32) {
        for _ in 0..messages {
            let mut draft = store.draft().await.unwrap();
            draft.write(b"Subject: x\r\n\r\n").await.unwrap();
            let (sealed, deliveries) = (draft.seal().await.unwrap(), vec![Delivery::to_inbox(MailboxId(1))]);
            store.commit(vec![NewMessage { sealed, derived: None, deliveries, queue: vec![] }]).await.unwrap();
        }
    }

    #[test]
    fn rows_come_in_the_order_of_the_question_however_far_apart_they_are() {
        let dir = std::env::temp_dir().join(format!("gatepost-walk-{}", std::process::id()));
        let places = Places { state: dir.join("state"), mail: dir.join("mail"), reserve: 0 };
        let clock = Arc::new(SystemClock::start());
        let store = Store::open(places, clock.clone(), Journal::new(clock), Board::default()).unwrap();
        block_on(async {
            deliver(&store, 60).await;
            let folder = store.folder(MailboxId(1), &FolderName::inbox()).await.unwrap().id;
            let gone: Vec<Uid> = [2, 30, 31].map(Uid).into();
            assert_eq!(store.expunge(folder, Some(gone.clone()), false).await, Ok(gone.clone()));
            for uids in [
                (1..=60).collect::<Vec<u32>>(),
                (1..=70).filter(|uid| uid % 3 != 0).collect(),
                vec![],
                vec![2],
                vec![60],
                vec![1, 2, 59, 60],
                vec![31, 60, 200],
                vec![60, 1, 30, 7],
                vec![5, 5, 7],
                vec![58, 59, 60],
                vec![5, u32::MAX],
            ] {
                let uids: Vec<Uid> = uids.into_iter().map(Uid).collect();
                let there = |uid: &Uid| (1..=60).contains(&uid.0) && !gone.contains(uid);
                let expected: Vec<Uid> = uids.iter().copied().filter(there).collect();
                let rows = store.listed(folder, uids.clone()).await.unwrap();
                assert_eq!(rows.iter().map(|row| row.uid).collect::<Vec<_>>(), expected);
                let fetched = store.fetch(folder, uids, Want { derived: false, bodies: true }).await.unwrap();
                assert_eq!(fetched.iter().map(|fetched| fetched.row).collect::<Vec<_>>(), rows);
                assert!(fetched.iter().all(|fetched| fetched.body.is_some()));
            }
            store.close().await;
        });
        let _ = std::fs::remove_dir_all(&dir);
    }
}
