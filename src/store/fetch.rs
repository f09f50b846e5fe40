//! Pages of rows, and messages with their records and small bodies, in turns that are short and bounded.

use std::sync::Arc;

use redb::{ReadOnlyTable, ReadableDatabase};

use super::{
    core::Core,
    disk::DiskFile,
    fault::Fault,
    index::IndexLook,
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
    pub fn derived(&mut self, id: BodyId) -> Option<Vec<u8>> {
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

    /// The rows of these that are there and whole, in the order of `uids`. Neighbours are read in one walk.
    pub fn rows(&self, uids: &[Uid]) -> Result<Vec<MessageRow>, Fault> {
        let mut rows = Vec::with_capacity(uids.len());
        let (Some(first), Some(last)) = (uids.first(), uids.last()) else { return Ok(rows) };
        let span = last.0.saturating_sub(first.0) as usize;
        if span / DENSE >= uids.len() || !uids.is_sorted() {
            for uid in uids {
                rows.extend(self.row(*uid)?);
            }
            return Ok(rows);
        }
        let mut wanted = uids.iter().peekable();
        for entry in self.messages.range((self.folder.0, first.0)..=(self.folder.0, last.0))? {
            let (key, value) = entry?;
            let uid = key.value().1;
            while wanted.next_if(|wanted| wanted.0 < uid).is_some() {}
            if wanted.next_if(|wanted| wanted.0 == uid).is_some() {
                rows.extend(self.whole(uid, value.value()));
            }
        }
        Ok(rows)
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
    let (mut found, mut octets) = (Vec::new(), 0);
    for uid in uids {
        let Some(row) = look.row(*uid)? else { continue };
        let body = if want.bodies { look.small(&row)? } else { None };
        let derived = if want.derived { look.derived(row.body) } else { None };
        octets += size_of::<Fetched>() + body.as_ref().map_or(0, Vec::len) + derived.as_ref().map_or(0, Vec::len);
        found.push(Fetched { row, derived, body });
        if octets >= TURN_OCTETS {
            break;
        }
    }
    Ok(found)
}
