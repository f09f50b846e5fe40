//! Searching: rows, records and bodies are looked at on a reader thread, in bounded turns, never on the executor.
//!
//! One search has a turn at a time, so that the other reader thread is always there for everybody else.

use std::{io, sync::Arc};

use super::{
    core::Core,
    fault::Fault,
    fetch::{Look, Want},
    index::Octets,
    mail::Mail,
    reader::Record,
};
use crate::{
    limits::{CHUNK, TURN_OCTETS, TURN_PLAIN},
    types::{FolderId, MessageRow, ModSeq, Uid},
};

/// Octets for which a row counts, whatever else is read of its message: a turn is short with messages of any size.
const ROW: u64 = (TURN_OCTETS / TURN_PLAIN) as u64;

/// What a search looks for. Called on a reader thread; it must not wait for anything but the blocks it is given.
pub trait Sieve: Send + Sync {
    /// What it needs beside the row.
    fn wants(&self) -> Want;

    /// Whether the message is a hit. An error of the blocks makes it none.
    fn takes(&self, row: &MessageRow, derived: Option<&[u8]>, body: &mut dyn Blocks) -> io::Result<bool>;
}

/// The octets of a body, piece by piece.
pub trait Blocks {
    /// The next piece, at most 64 KiB; None at the end.
    fn next(&mut self) -> io::Result<Option<Vec<u8>>>;

    /// Begins anew: what comes next is the first piece again.
    fn rewind(&mut self);
}

/// What one turn found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sifted {
    /// Hits, in the order of the UIDs that were asked for.
    pub hits: Vec<(Uid, ModSeq)>,
    /// The first UID that was not looked at; None: all were.
    pub next: Option<Uid>,
}

/// A body that is opened when its first block is wanted.
struct Lazy<'l, 'a> {
    look: &'l mut Look<'a>,
    row: MessageRow,
    record: Option<Record>,
    at: u64,
    /// Octets that were read, some perhaps twice.
    read: u64,
}

impl Lazy<'_, '_> {
    fn piece(&mut self) -> Result<Vec<u8>, Fault> {
        let record = match self.record.take() {
            Some(record) => record,
            None => self.look.record(self.row.body)?,
        };
        let piece = record.octets(self.at, CHUNK);
        self.record = Some(record);
        piece
    }
}

impl Blocks for Lazy<'_, '_> {
    fn next(&mut self) -> io::Result<Option<Vec<u8>>> {
        if self.at >= self.row.size {
            return Ok(None);
        }
        let piece = self.piece().map_err(|fault| io::Error::other(fault.told()))?;
        self.at += piece.len() as u64;
        self.read += piece.len() as u64;
        Ok(Some(piece).filter(|piece| !piece.is_empty()))
    }

    fn rewind(&mut self) {
        self.at = 0;
    }
}

/// One turn over `uids`: at least one message, about 1 MiB of bodies and records, or 5,000 rows.
pub(super) fn sift(
    core: &Core,
    mail: &Mail,
    folder: FolderId,
    uids: &[Uid],
    sieve: &Arc<dyn Sieve>,
) -> Result<Sifted, Fault> {
    let mut look = Look::at(core, mail, folder)?;
    let want = sieve.wants();
    let (mut sifted, mut octets) = (Sifted::default(), 0);
    let (now, later) = uids.split_at(uids.len().min(TURN_PLAIN));
    sifted.next = later.first().copied();
    let mut walk = look.walk(now)?;
    while let Some(row) = walk.next(&look)? {
        if octets >= TURN_OCTETS as u64 {
            sifted.next = Some(row.uid);
            break;
        }
        let derived = if want.derived { look.derived(row.body) } else { None };
        let record = derived.as_ref().map(Octets::bytes);
        let mut body = Lazy { look: &mut look, row, record: None, at: 0, read: 0 };
        // What cannot be read is no hit; whoever fetches the message hears what is wrong with it.
        if sieve.takes(&row, record, &mut body).unwrap_or(false) {
            sifted.hits.push((row.uid, row.modseq));
        }
        octets += ROW + body.read + record.map_or(0, |record| record.len() as u64);
    }
    Ok(sifted)
}
