//! Writes records for the writer's groups: small bodies one after another in the group's volume, ends of long ones where they lie.

use std::sync::Arc;

use super::{
    NewMessage, Sealed,
    apply::Placed,
    draft::Content,
    fault::Fault,
    mail::Mail,
    queue::Queued,
    record::{BLOCK, HEADER, Header, blocks_end, put_block, put_trailer},
    rows::Body,
    volume::{Lease, Pool},
};
use crate::types::UnixTime;

/// The group's volume and what must be synced. Dropping it gives the volume back, cut to its committed length.
#[derive(Default)]
pub(super) struct Appender {
    current: Option<(Arc<Lease>, u64)>,
    /// The current volume has unsynced octets.
    dirty: bool,
    borrowed: Vec<Arc<Lease>>,
}

impl Appender {
    /// Writes the records of one commit. After an error nothing of it is kept: its octets stay beyond the committed length or are written over.
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
        let NewMessage { sealed, derived, deliveries, queue } = message;
        let trailer = put_trailer(sealed.id, &deliveries, queue.iter());
        let header = Header {
            mark: mail.mark,
            trailer: u32::try_from(trailer.len()).map_err(|_| Fault::Missing)?,
            body: sealed.id,
            len: sealed.len,
            date: now,
            digest: sealed.digest,
        };
        let (volume, offset) = match &sealed.content {
            Content::Held(octets) => self.append(&mail.pool, &whole_record(&header, octets, &trailer))?,
            Content::Lent(lease) => self.complete(&mail.pool, lease, &header, &trailer)?,
        };
        let Sealed { id, len, digest, content } = sealed;
        let body = Body { volume, offset, len, record: header.record_len(), links: 0, digest };
        let queue = queue.into_iter().map(|leaving| Queued::new(id, len, now, leaving)).collect();
        Ok(Placed { id, body, deliveries, queue, date: now, derived, _content: content })
    }

    /// A whole record into the group's volume.
    fn append(&mut self, pool: &Arc<Pool>, record: &[u8]) -> Result<(u32, u64), Fault> {
        let fits = |at: u64| at + record.len() as u64 <= pool.limit();
        if !self.current.as_ref().is_some_and(|(lease, at)| lease.is_of(pool) && fits(*at)) {
            self.sync_current()?;
            self.current = None;
            let lease = Arc::new(pool.lend(pool.limit().saturating_sub(record.len() as u64))?);
            let start = lease.start;
            self.current = Some((lease, start));
        }
        let Some((lease, at)) = &mut self.current else { return Err(Fault::Missing) };
        let offset = *at;
        lease.write_at(offset, record)?;
        self.dirty = true;
        *at += record.len() as u64;
        Ok((lease.number, offset))
    }

    /// Trailer and header of a record whose blocks lie in a borrowed volume.
    fn complete(
        &mut self,
        pool: &Arc<Pool>,
        lease: &Arc<Lease>,
        header: &Header,
        trailer: &[u8],
    ) -> Result<(u32, u64), Fault> {
        if !lease.is_of(pool) {
            return Err(Fault::Late);
        }
        lease.write_at(lease.start + blocks_end(header.len), trailer)?;
        lease.write_at(lease.start, &header.encode())?;
        self.borrowed.push(lease.clone());
        Ok((lease.number, lease.start))
    }

    fn sync_current(&mut self) -> Result<(), Fault> {
        if let Some((lease, _)) = self.current.as_ref().filter(|_| self.dirty) {
            lease.sync()?;
        }
        self.dirty = false;
        Ok(())
    }

    /// Hands every volume that was touched to the commit that comes now; syncs the names of new ones.
    pub fn arm(&mut self, mail: &Mail) -> Result<(), Fault> {
        let current = self.current.as_ref().filter(|_| self.dirty).map(|(lease, _)| lease.clone());
        self.dirty = false;
        mail.alongside.arm(current.into_iter().chain(self.borrowed.drain(..)));
        mail.pool.sync_names()
    }
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
