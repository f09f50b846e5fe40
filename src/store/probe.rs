//! The formats of records, of volumes and of the log, as a fuzz target sees it: octets are read and what was read is written again. Nothing else of the format
//! leaves this room, and nothing in the house calls this.

use super::{
    noted,
    record::{Header, block_sum, put_block, put_trailer, take_trailer, whole_block},
    redo,
};
use crate::types::BodyId;

/// A header read and written again, and the octets of its whole record; None when it is refused.
#[must_use]
pub fn header(bytes: &[u8]) -> Option<(Vec<u8>, u64)> {
    Header::decode(bytes).map(|header| (header.encode(), header.record_len()))
}

/// A block of body `body` read and written again; None when its sum is wrong.
#[must_use]
pub fn block(body: u64, number: u64, bytes: &[u8]) -> Option<Vec<u8>> {
    let octets = whole_block(BodyId(body), number, bytes)?;
    let mut out = Vec::new();
    put_block(&mut out, BodyId(body), number, octets);
    Some(out)
}

/// The sum that makes `octets` a block.
#[must_use]
pub fn sum(body: u64, number: u64, octets: &[u8]) -> u32 {
    block_sum(BodyId(body), number, octets)
}

/// A trailer of body `body` read and written again; None when it is damaged.
#[must_use]
pub fn trailer(body: u64, bytes: &[u8]) -> Option<Vec<u8>> {
    take_trailer(BodyId(body), bytes).map(|t| put_trailer(BodyId(body), &t.deliveries, t.queue.iter()))
}

/// A record of `mail.log` read and written again, and how many whole notes it has; None when it is torn, damaged or none.
#[must_use]
pub fn log_record(bytes: &[u8]) -> Option<(Vec<u8>, usize)> {
    let record = redo::Record::decode(bytes)?;
    Some((record.encode(), noted::notes(record.notes).flatten().count()))
}
