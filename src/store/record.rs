//! A body's record in a volume: bytes to values and back. No I/O.
//!
//! ```text
//! header   56  magic "GPRECORD" | mark of the store u64 | version u16 | flags u16 | trailer octets u32 | body id u64 | octets u64 | date i64
//!              | digest u32 (CRC32C of all octets) | CRC32C of the header u32
//! blocks       64 KiB of octets (the last one shorter) | CRC32C over body id, block number and octets u32
//! trailer      deliveries and queue rows at the time of commit (for `salvage`); when a delivery has keywords or a date of its own,
//!              or there are queue rows, those of every delivery; what else there is of every queue row (`queue::rows`); old
//!              trailers end sooner | CRC32C over body id and the trailer u32
//! ```
//!
//! A block's own CRC lets a reader begin anywhere and never hand out a damaged octet. The mark is random: a message that
//! contains the bytes of a record cannot make `salvage` believe in it.

use super::{
    Delivery,
    codec::{In, Out},
    queue::{put_more, take_more},
};
use crate::types::{Address, BodyId, Flags, FolderName, Keyword, Leaving, MailboxId, ReversePath, UnixTime};

/// First octets of a record.
pub(super) const MAGIC: &[u8; 8] = b"GPRECORD";
/// Octets of a header.
pub(super) const HEADER: usize = 56;
/// Octets of a block, without its CRC.
pub(super) const BLOCK: usize = 64 * 1024;
/// Octets of a block's CRC.
pub(super) const SUM: usize = 4;
/// Format version that is written.
const VERSION: u16 = 1;
/// A trailer longer than this is none of ours (1,000 recipients, each with two paths, the address before and ORCPT).
const TRAILER_MAX: usize = 4 * 1024 * 1024;

/// A record's header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header {
    /// The store it was written by.
    pub mark: u64,
    /// Octets of the trailer with its CRC.
    pub trailer: u32,
    /// The body's number.
    pub body: BodyId,
    /// Octets of the body.
    pub len: u64,
    /// When it was committed.
    pub date: UnixTime,
    /// CRC32C of all octets.
    pub digest: u32,
}

impl Header {
    /// Writes it.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Out::default();
        out.0.extend(MAGIC);
        out.u64(self.mark);
        out.u16(VERSION);
        out.u16(0);
        out.u32(self.trailer);
        out.u64(self.body.0);
        out.u64(self.len);
        out.i64(self.date.0);
        out.u32(self.digest);
        let sum = crc32c::crc32c(&out.0);
        out.u32(sum);
        out.0
    }

    /// Reads it; None when it is no whole header of a version we know.
    pub fn decode(bytes: &[u8]) -> Option<Header> {
        let bytes = bytes.get(..HEADER)?;
        let rest = bytes.strip_prefix(MAGIC)?;
        if crc32c::crc32c(&bytes[..HEADER - 4]) != u32::from_le_bytes(bytes[HEADER - 4..].try_into().ok()?) {
            return None;
        }
        let mut from = In(rest);
        let mark = from.u64()?;
        if from.u16()? != VERSION || from.u16()? != 0 {
            return None;
        }
        let trailer = from.u32().filter(|n| (SUM..=TRAILER_MAX).contains(&(*n as usize)))?;
        let (body, len, date, digest) = (BodyId(from.u64()?), from.u64()?, UnixTime(from.i64()?), from.u32()?);
        // Keeps every later sum of lengths within u64.
        (len < 1 << 48).then_some(Header { mark, trailer, body, len, date, digest })
    }

    /// Octets of the whole record.
    pub fn record_len(&self) -> u64 {
        blocks_end(self.len) + u64::from(self.trailer)
    }
}

/// Where the blocks of a body of `len` octets end, from the record's start.
pub(super) fn blocks_end(len: u64) -> u64 {
    HEADER as u64 + len + len.div_ceil(BLOCK as u64) * SUM as u64
}

/// Where block `number` begins, from the record's start.
pub(super) fn block_start(number: u64) -> u64 {
    HEADER as u64 + number * (BLOCK + SUM) as u64
}

/// The sum of a block, bound to its body and place so that a misplaced block is found too.
pub(super) fn block_sum(body: BodyId, number: u64, octets: &[u8]) -> u32 {
    let sum = crc32c::crc32c(&body.0.to_le_bytes());
    crc32c::crc32c_append(crc32c::crc32c_append(sum, &number.to_le_bytes()), octets)
}

/// A block with its sum.
pub(super) fn put_block(out: &mut Vec<u8>, body: BodyId, number: u64, octets: &[u8]) {
    out.extend(octets);
    out.extend(block_sum(body, number, octets).to_le_bytes());
}

/// The octets of a block, if its sum is right.
pub(super) fn whole_block(body: BodyId, number: u64, bytes: &[u8]) -> Option<&[u8]> {
    let (octets, sum) = bytes.split_last_chunk::<SUM>()?;
    (block_sum(body, number, octets) == u32::from_le_bytes(*sum)).then_some(octets)
}

/// Who a body was for when it was committed.
#[derive(Clone, Debug, Default)]
pub(super) struct Trailer {
    /// Copies here.
    pub deliveries: Vec<Delivery>,
    /// Copies elsewhere.
    pub queue: Vec<Leaving>,
}

/// Writes a trailer.
pub(super) fn put_trailer<'a>(
    body: BodyId,
    deliveries: &[Delivery],
    queue: impl ExactSizeIterator<Item = &'a Leaving> + Clone,
) -> Vec<u8> {
    let mut out = Out::default();
    out.u32(u32::try_from(deliveries.len()).unwrap_or(u32::MAX));
    for delivery in deliveries {
        out.u32(delivery.mailbox.0);
        out.u16(delivery.flags.0);
        out.text(delivery.folder.as_str());
    }
    out.u32(u32::try_from(queue.len()).unwrap_or(u32::MAX));
    for row in queue.clone() {
        out.text(&row.from.to_string());
        out.text(&row.to.to_string());
        out.i64(row.next_try.0);
    }
    if deliveries.iter().any(has_more) || queue.len() > 0 {
        deliveries.iter().for_each(|delivery| put_own(&mut out, delivery));
        queue.for_each(|row| put_more(&mut out, row));
    }
    let sum = crc32c::crc32c_append(crc32c::crc32c(&body.0.to_le_bytes()), &out.0);
    out.u32(sum);
    out.0
}

/// Whether a delivery has what most have not.
fn has_more(delivery: &Delivery) -> bool {
    delivery.date.is_some() || !delivery.keywords.is_empty()
}

fn put_own(out: &mut Out, delivery: &Delivery) {
    out.u8(u8::from(delivery.date.is_some()));
    out.i64(delivery.date.unwrap_or_default().0);
    out.u8(u8::try_from(delivery.keywords.len()).unwrap_or(u8::MAX));
    delivery.keywords.iter().take(usize::from(u8::MAX)).for_each(|word| out.text(word.as_str()));
}

fn take_own(from: &mut In<'_>, delivery: &mut Delivery) -> Option<()> {
    let (dated, date) = (from.u8()?, UnixTime(from.i64()?));
    delivery.date = match (dated, date) {
        (0, UnixTime(0)) => None,
        (1, date) => Some(date),
        _ => return None,
    };
    for _ in 0..from.u8()? {
        delivery.keywords.push(Keyword::parse(from.text()?)?);
    }
    Some(())
}

/// Reads a trailer; None when it is damaged.
pub(super) fn take_trailer(body: BodyId, bytes: &[u8]) -> Option<Trailer> {
    let (part, sum) = bytes.split_last_chunk::<SUM>()?;
    if crc32c::crc32c_append(crc32c::crc32c(&body.0.to_le_bytes()), part) != u32::from_le_bytes(*sum) {
        return None;
    }
    let mut from = In(part);
    let mut trailer = Trailer::default();
    for _ in 0..from.u32()? {
        let (mailbox, flags) = (MailboxId(from.u32()?), Flags(from.u16()?));
        let folder = FolderName::parse(from.text()?)?;
        trailer.deliveries.push(Delivery { flags, ..Delivery::plain(mailbox, folder) });
    }
    for _ in 0..from.u32()? {
        let (path, to, next_try) = (from.text()?, from.text()?, UnixTime(from.i64()?));
        trailer.queue.push(Leaving::plain(reverse_path(path)?, Address::parse(to).ok()?, next_try));
    }
    if from.end().is_none() {
        trailer.deliveries.iter_mut().try_for_each(|delivery| take_own(&mut from, delivery))?;
        (trailer.deliveries.iter().any(has_more) || !trailer.queue.is_empty()).then_some(())?;
    }
    if from.end().is_none() {
        trailer.queue.iter_mut().try_for_each(|row| take_more(&mut from, row))?;
    }
    from.end().map(|()| trailer)
}

/// Reads a reverse-path as its `Display` wrote it.
pub(super) fn reverse_path(text: &str) -> Option<ReversePath> {
    if text.is_empty() { Some(ReversePath::Null) } else { Address::parse(text).ok().map(ReversePath::Address) }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::types::{Notify, Orcpt, Ret, Terms, Wishes};

    fn header() -> Header {
        Header { mark: 77, trailer: 12, body: BodyId(5), len: 70_000, date: UnixTime(9), digest: 0xdead_beef }
    }

    #[test]
    fn a_header_comes_back_and_no_flipped_bit_passes() {
        let bytes = header().encode();
        assert_eq!(bytes.len(), HEADER);
        assert_eq!(Header::decode(&bytes), Some(header()));
        for bit in 0..HEADER * 8 {
            let mut bad = bytes.clone();
            bad[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(Header::decode(&bad), None, "bit {bit}");
        }
    }

    #[test]
    fn a_block_is_bound_to_its_body_and_place() {
        let mut bytes = Vec::new();
        put_block(&mut bytes, BodyId(1), 2, b"octets");
        assert_eq!(whole_block(BodyId(1), 2, &bytes), Some(&b"octets"[..]));
        assert_eq!(whole_block(BodyId(2), 2, &bytes), None);
        assert_eq!(whole_block(BodyId(1), 3, &bytes), None);
        bytes[0] ^= 1;
        assert_eq!(whole_block(BodyId(1), 2, &bytes), None);
    }

    #[test]
    fn a_trailer_comes_back() {
        let plain = Delivery::plain(MailboxId(3), FolderName::parse("\u{421}").unwrap());
        let deliveries = vec![Delivery { flags: Flags::SEEN, ..plain.clone() }];
        let queue =
            [leaving(), Leaving::plain(ReversePath::Null, Address::parse("\"a b\"@x.test").unwrap(), UnixTime(4))];
        let bytes = put_trailer(BodyId(1), &deliveries, queue.iter());
        let back = take_trailer(BodyId(1), &bytes).unwrap();
        assert_eq!(back.deliveries[0].folder, deliveries[0].folder);
        assert_eq!(back.queue, queue);
        assert!(take_trailer(BodyId(2), &bytes).is_none());
        let keywords = vec![Keyword::parse("$Done").unwrap(), Keyword::parse("x").unwrap()];
        let deliveries = vec![plain, Delivery { keywords, date: Some(UnixTime(-5)), ..deliveries[0].clone() }];
        let bytes = put_trailer(BodyId(1), &deliveries, queue.iter());
        let back = take_trailer(BodyId(1), &bytes).unwrap().deliveries;
        assert_eq!(back.iter().map(|d| d.date).collect::<Vec<_>>(), [None, Some(UnixTime(-5))]);
        assert_eq!((&back[0].keywords, &back[1].keywords), (&Vec::new(), &deliveries[1].keywords));
    }

    /// With everything that can be asked for.
    fn leaving() -> Leaving {
        let notify = Some(Notify { success: true, failure: false, delay: true });
        let orcpt = Some(Orcpt { kind: "rfc822".into(), address: "old@x.test".into() });
        Leaving {
            original: Some(Address::parse("list@x.test").unwrap()),
            wishes: Wishes { notify, orcpt },
            terms: Terms { ret: Some(Ret::Headers), envid: Some("a b".into()), utf8: true },
            ours: true,
            ..Leaving::plain(ReversePath::Null, Address::parse("u@x.test").unwrap(), UnixTime(-1))
        }
    }

    /// What f020c43 wrote: queue rows end with the next try, and deliveries say more only when they have more.
    #[test]
    fn a_trailer_of_an_older_program_is_read() {
        let mut out = Out::default();
        out.u32(1);
        out.u32(3);
        out.u16(0);
        out.text("INBOX");
        out.u32(1);
        out.text("ann@x.test");
        out.text("bob@y.test");
        out.i64(77);
        for more in [&[][..], &[1, 5, 0, 0, 0, 0, 0, 0, 0, 0]] {
            let mut bytes = [&out.0, more].concat();
            let sum = crc32c::crc32c_append(crc32c::crc32c(&9u64.to_le_bytes()), &bytes);
            bytes.extend(sum.to_le_bytes());
            let Trailer { deliveries, queue } = take_trailer(BodyId(9), &bytes).unwrap();
            let (from, to) = ("ann@x.test", "bob@y.test");
            let from = ReversePath::Address(Address::parse(from).unwrap());
            assert_eq!(queue, [Leaving::plain(from, Address::parse(to).unwrap(), UnixTime(77))]);
            assert_eq!(deliveries[0].date, (!more.is_empty()).then_some(UnixTime(5)));
        }
    }

    #[test]
    fn lengths_agree_with_what_is_written() {
        for len in [0u64, 1, BLOCK as u64, BLOCK as u64 + 1, 3 * BLOCK as u64] {
            let mut bytes = vec![0; HEADER];
            let body = vec![7u8; usize::try_from(len).unwrap()];
            for (n, block) in body.chunks(BLOCK).enumerate() {
                assert_eq!(block_start(n as u64), bytes.len() as u64);
                put_block(&mut bytes, BodyId(1), n as u64, block);
            }
            assert_eq!(blocks_end(len), bytes.len() as u64);
        }
    }
}
