//! One record of `mail.log`: what a commit changed in the rows (`noted`), and octets of bodies with where each belongs. Values and bytes only.
//!
//! Head (magic, filling, number, octets in all, octets of notes, bodies), the notes, the bodies, CRC32C over all of it. A record begins at a
//! page and has its pages for itself: writing the next one touches nothing that counts already.

use std::borrow::Cow;

use super::super::codec::{In, Out};

/// Octets of a page of the log.
pub const PAGE: u64 = 4096;
const MAGIC: u64 = u64::from_le_bytes(*b"GPREDO02");
/// Octets of a record's head.
const HEAD: usize = 36;
/// Octets of the head of a body.
const BODY: usize = 16;
/// A body of so many octets is a part by itself.
const LONG: usize = 8 * 1024;
/// Octets of a sum.
const SUM: usize = 4;

/// Octets of a volume.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Piece<'a> {
    pub volume: u32,
    pub at: u64,
    pub octets: &'a [u8],
}

/// What one commit did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record<'a> {
    /// Which filling of the log it is of.
    pub filling: u64,
    /// Its place in it, from 0 on.
    pub number: u64,
    /// What became of the rows.
    pub notes: &'a [u8],
    /// Bodies that came with it.
    pub bodies: Vec<Piece<'a>>,
}

fn count(len: usize) -> u32 {
    u32::try_from(len).unwrap_or(u32::MAX)
}

fn padded(len: u64) -> u64 {
    len.div_ceil(PAGE) * PAGE
}

impl<'a> Record<'a> {
    fn len(&self) -> usize {
        let bodies: usize = self.bodies.iter().map(|body| BODY + body.octets.len()).sum();
        HEAD + self.notes.len() + bodies + SUM
    }

    /// Octets that it takes up in the log.
    pub fn size(&self) -> u64 {
        padded(self.len() as u64)
    }

    /// Whole pages, in parts that are written one after the other: long bodies are not copied.
    pub fn parts(&self) -> Vec<Cow<'a, [u8]>> {
        let (mut parts, mut sum) = (Vec::new(), 0);
        let mut out = self.head();
        for body in &self.bodies {
            out.u32(body.volume);
            out.u64(body.at);
            out.u32(count(body.octets.len()));
            if body.octets.len() < LONG {
                out.0.extend(body.octets);
                continue;
            }
            sum = crc32c::crc32c_append(crc32c::crc32c_append(sum, &out.0), body.octets);
            parts.extend([std::mem::take(&mut out.0).into(), Cow::Borrowed(body.octets)]);
        }
        sum = crc32c::crc32c_append(sum, &out.0);
        out.u32(sum);
        let rest = self.size() - self.len() as u64;
        out.0.extend(std::iter::repeat_n(0, usize::try_from(rest).unwrap_or(0)));
        parts.push(out.0.into());
        parts
    }

    /// The same in one piece.
    pub fn encode(&self) -> Vec<u8> {
        self.parts().concat()
    }

    fn head(&self) -> Out {
        let mut out = Out::default();
        out.u64(MAGIC);
        out.u64(self.filling);
        out.u64(self.number);
        out.u32(count(self.len()));
        out.u32(count(self.notes.len()));
        out.u32(count(self.bodies.len()));
        out.0.extend(self.notes);
        out
    }

    /// None when it is torn, damaged or none. What lies behind it is not looked at.
    pub fn decode(bytes: &'a [u8]) -> Option<Record<'a>> {
        let head = Head::decode(bytes)?;
        let (part, sum) = bytes.get(..head.len as usize)?.split_last_chunk::<SUM>()?;
        if crc32c::crc32c(part) != u32::from_le_bytes(*sum) {
            return None;
        }
        let mut from = In(part.get(HEAD..)?);
        let notes = from.bytes(head.notes as usize)?;
        let bodies = (0..head.bodies).map(|_| piece(&mut from)).collect::<Option<Vec<_>>>()?;
        from.end()?;
        Some(Record { filling: head.filling, number: head.number, notes, bodies })
    }
}

fn piece<'a>(from: &mut In<'a>) -> Option<Piece<'a>> {
    let (volume, at, len) = (from.u32()?, from.u64()?, from.u32()?);
    Some(Piece { volume, at, octets: from.bytes(len as usize)? })
}

/// How a record begins; its sum was not looked at.
#[derive(Clone, Copy, Debug)]
pub struct Head {
    pub filling: u64,
    pub number: u64,
    len: u32,
    notes: u32,
    bodies: u32,
}

impl Head {
    /// None when no record begins here.
    pub fn decode(bytes: &[u8]) -> Option<Head> {
        let mut from = In(bytes.get(..HEAD)?);
        (from.u64()? == MAGIC).then_some(())?;
        let (filling, number, len) = (from.u64()?, from.u64()?, from.u32()?);
        let head = Head { filling, number, len, notes: from.u32()?, bodies: from.u32()? };
        // Also so that a count that is nonsense asks for no memory.
        let least = (HEAD + SUM) as u64 + u64::from(head.notes) + u64::from(head.bodies) * BODY as u64;
        (u64::from(head.len) >= least).then_some(head)
    }

    /// Octets that the record takes up in the log.
    pub fn size(&self) -> u64 {
        padded(self.len.into())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn octets(seed: u64, len: usize) -> Vec<u8> {
        let mut x = seed | 1;
        let next = || {
            x = x.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (x >> 56) as u8
        };
        std::iter::repeat_with(next).take(len).collect()
    }

    /// Records of many shapes by their number.
    fn with<T>(n: u64, work: impl FnOnce(Record<'_>) -> T) -> T {
        let texts: Vec<Vec<u8>> = (0..n % 7).map(|k| octets(n * 31 + k, (n * k * 97 % 9000) as usize)).collect();
        let notes = octets(n, (n * 37 % 3000) as usize);
        let bodies = (0..).zip(&texts).map(|(k, text)| Piece { volume: k as u32, at: k * PAGE + n, octets: text });
        work(Record { filling: n, number: n / 3, notes: &notes, bodies: bodies.collect() })
    }

    #[test]
    fn what_is_written_is_read() {
        for n in 0..300 {
            with(n, |record| {
                let bytes = record.encode();
                assert_eq!(bytes.len() as u64, record.size());
                assert_eq!(bytes.len() as u64 % PAGE, 0);
                assert_eq!(Head::decode(&bytes).unwrap().size(), record.size());
                assert_eq!(Record::decode(&bytes).unwrap(), record);
                assert!(record.parts().iter().all(|part| !part.is_empty()));
            });
        }
    }

    #[test]
    fn no_torn_and_no_flipped_record_is_read() {
        for n in (1..60).step_by(7) {
            with(n, |record| {
                let bytes = record.encode();
                let len = Head::decode(&bytes).unwrap().len as usize;
                for cut in (0..len).step_by(13) {
                    assert_eq!(Record::decode(&bytes[..cut]), None);
                    let mut torn = bytes.clone();
                    torn[cut..].fill(0);
                    assert!(Record::decode(&torn).is_none_or(|read| read == record));
                }
                for bit in (0..len * 8).step_by(101) {
                    let mut bad = bytes.clone();
                    bad[bit / 8] ^= 1 << (bit % 8);
                    assert_eq!(Record::decode(&bad), None, "bit {bit}");
                }
            });
        }
    }

    #[test]
    fn nonsense_is_no_record_and_asks_for_no_memory() {
        for n in 0..2000u64 {
            let mut bytes = octets(n, (n % 300) as usize);
            assert_eq!(Record::decode(&bytes), None);
            if bytes.len() > 8 {
                bytes[..8].copy_from_slice(&MAGIC.to_le_bytes());
                assert_eq!(Record::decode(&bytes), None);
            }
        }
    }
}
