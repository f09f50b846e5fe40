//! Gives records their places: small bodies one after another in the group's volume, longer ones where they lie. It writes nothing: the
//! octets are kept by the commit that names them (`redo`), but for those that are synced already.

use std::sync::Arc;

use super::{
    NewMessage, Sealed,
    apply::Placed,
    draft::Content,
    fault::Fault,
    mail::Mail,
    queue::Queued,
    record::{BLOCK, HEADER, Header, SUM, block_start, blocks_end, put_block, put_trailer, whole_block},
    rows::Body,
    volume::{Lease, Pool},
};
use crate::{limits::LOGGED_BODY, types::UnixTime};

/// The group's volume. Dropping it gives the volume back, cut to its committed length.
#[derive(Default)]
pub(super) struct Appender {
    current: Option<(Arc<Lease>, u64)>,
}

impl Appender {
    /// Places the records of one commit. After an error their places are given again.
    pub fn place_all(
        &mut self,
        mail: &Arc<Mail>,
        messages: Vec<NewMessage>,
        now: UnixTime,
    ) -> Result<Vec<Placed>, Fault> {
        let before = self.current.as_ref().map(|(lease, at)| (lease.number, *at));
        let placed: Result<Vec<Placed>, Fault> =
            messages.into_iter().map(|message| self.place(mail, message, now)).collect();
        if placed.is_err()
            && let Some((lease, at)) = &mut self.current
        {
            *at = before.filter(|(number, _)| *number == lease.number).map_or(lease.start, |(_, at)| at);
        }
        placed
    }

    fn place(&mut self, mail: &Arc<Mail>, message: NewMessage, now: UnixTime) -> Result<Placed, Fault> {
        let NewMessage { sealed: Sealed { id, len, digest, content, longer }, derived, deliveries, queue } = message;
        let trailer = put_trailer(id, &deliveries, queue.iter());
        let trailer_len = u32::try_from(trailer.len()).map_err(|_| Fault::Missing)?;
        let header = Header { mark: mail.mark, trailer: trailer_len, body: id, len, date: now, digest };
        let record = header.record_len();
        let (volume, offset, octets, lease) = match content {
            Content::Held(octets) => {
                let (volume, offset) = self.append(&mail.pool, record)?;
                (volume, offset, vec![(offset, Arc::new(whole_record(&header, &octets, &trailer)))], None)
            }
            Content::Lent(lease) if !lease.is_of(&mail.pool) => return Err(Fault::Late),
            Content::Lent(lease) => {
                let start = lease.start;
                let pieces = if len > LOGGED_BODY {
                    vec![(start, header.encode()), (start + blocks_end(len), trailer)]
                } else {
                    vec![(start, [header.encode(), blocks_of(&lease, &header)?, trailer].concat())]
                };
                let octets = pieces.into_iter().map(|(at, octets)| (at, Arc::new(octets))).collect();
                (lease.number, start, octets, Some(lease))
            }
        };
        drop(longer);
        let body = Body { volume, offset, len, record, links: 0, digest };
        let queue = queue.into_iter().map(|leaving| Queued::new(id, len, now, leaving)).collect();
        Ok(Placed { id, body, deliveries, queue, date: now, derived, octets, _lease: lease })
    }

    /// A place for `record` octets in the group's volume.
    fn append(&mut self, pool: &Arc<Pool>, record: u64) -> Result<(u32, u64), Fault> {
        let fits = |at: u64| at + record <= pool.limit();
        if !self.current.as_ref().is_some_and(|(lease, at)| lease.is_of(pool) && fits(*at)) {
            self.current = None;
            let lease = Arc::new(pool.lend(pool.limit().saturating_sub(record))?);
            let start = lease.start;
            self.current = Some((lease, start));
        }
        let Some((lease, at)) = &mut self.current else { return Err(Fault::Missing) };
        let offset = *at;
        *at += record;
        Ok((lease.number, offset))
    }
}

/// The blocks of a body that lies in its volume, not synced: they are read from memory, if it is right what is told of it.
fn blocks_of(lease: &Lease, header: &Header) -> Result<Vec<u8>, Fault> {
    let end = usize::try_from(blocks_end(header.len)).map_err(|_| Fault::Missing)?;
    let mut blocks = vec![0; end.saturating_sub(HEADER)];
    lease.read_at(lease.start + block_start(0), &mut blocks)?;
    let mut all = (0..).zip(blocks.chunks(BLOCK + SUM));
    let whole = all.all(|(number, block)| whole_block(header.body, number, block).is_some());
    if whole { Ok(blocks) } else { Err(Fault::Failed("a body is not what was written of it".into())) }
}

fn whole_record(header: &Header, octets: &[u8], trailer: &[u8]) -> Vec<u8> {
    let mut record = Vec::with_capacity(HEADER + octets.len() + 8 + trailer.len());
    record.extend(header.encode());
    for (number, block) in octets.chunks(BLOCK).enumerate() {
        put_block(&mut record, header.body, number as u64, block);
    }
    record.extend(trailer);
    record
}
