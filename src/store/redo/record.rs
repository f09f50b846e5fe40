//! One record of `mail.log`: octets, and where each of them belongs. Values and bytes only.
//!
//! Head (magic, filling, number, octets in all, octets of `mail.redb`, pieces), the pieces, CRC32C over all of it. A record begins at a
//! page and has its pages for itself: writing the next one touches nothing that counts already.

use super::super::codec::{In, Out};

/// Octets of a page, of the log and of `mail.redb`.
pub const PAGE: u64 = 4096;
const MAGIC: u64 = u64::from_le_bytes(*b"GPREDO01");
/// What begins a filling has another one: no record is taken for it.
const MARK: u64 = u64::from_le_bytes(*b"GPFILL01");
/// Octets of a record's head.
const HEAD: usize = 40;
/// Octets that are looked at together.
const WORD: usize = 16;
/// Octets of a piece's head.
const PIECE: usize = 20;
/// Octets of a sum.
const SUM: usize = 4;

/// A file of the mail directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Target {
    /// `mail.redb`
    Rows,
    /// A volume, by its number; they begin with 1.
    Volume(u32),
}

/// Octets that belong together. Zeros at the end are counted, not written: half of a page of rows is empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Piece<'a> {
    pub target: Target,
    pub at: u64,
    octets: &'a [u8],
    zeros: u32,
}

impl<'a> Piece<'a> {
    /// All of `octets`, from `at` on.
    pub fn new(target: Target, at: u64, octets: &'a [u8]) -> Piece<'a> {
        // By words first: this is done to every page of every commit.
        let words = octets.rchunks_exact(WORD).take_while(|word| **word == [0; WORD]).count();
        let rest = &octets[..octets.len() - words * WORD];
        let kept = rest.iter().rposition(|octet| *octet != 0).map_or(0, |last| last + 1);
        let (octets, empty) = octets.split_at(kept);
        Piece { target, at, octets, zeros: u32::try_from(empty.len()).unwrap_or(u32::MAX) }
    }

    /// All of them, the zeros too.
    pub fn whole(&self) -> Vec<u8> {
        let mut whole = self.octets.to_vec();
        whole.resize(whole.len() + self.zeros as usize, 0);
        whole
    }
}

/// What one commit wrote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record<'a> {
    /// Which filling of the log it is of.
    pub filling: u64,
    /// Its place in it, from 0 on.
    pub number: u64,
    /// Octets that `mail.redb` has at least.
    pub rows: u64,
    pub pieces: Vec<Piece<'a>>,
}

/// Octets that a record of these pieces takes up in the log.
pub fn size(pieces: &[Piece<'_>]) -> u64 {
    let octets: usize = pieces.iter().map(|piece| PIECE + piece.octets.len()).sum();
    padded((HEAD + octets + SUM) as u64)
}

fn padded(len: u64) -> u64 {
    len.div_ceil(PAGE) * PAGE
}

impl<'a> Record<'a> {
    /// Whole pages.
    pub fn encode(&self) -> Vec<u8> {
        let room = size(&self.pieces);
        let mut out = Out(Vec::with_capacity(usize::try_from(room).unwrap_or(0)));
        let octets: usize = self.pieces.iter().map(|piece| PIECE + piece.octets.len()).sum();
        out.u64(MAGIC);
        out.u64(self.filling);
        out.u64(self.number);
        out.u32(u32::try_from(HEAD + octets + SUM).unwrap_or(u32::MAX));
        out.u64(self.rows);
        out.u32(u32::try_from(self.pieces.len()).unwrap_or(u32::MAX));
        for piece in &self.pieces {
            out.u32(if let Target::Volume(number) = piece.target { number } else { 0 });
            out.u64(piece.at);
            out.u32(u32::try_from(piece.octets.len()).unwrap_or(u32::MAX));
            out.u32(piece.zeros);
            out.0.extend(piece.octets);
        }
        let sum = crc32c::crc32c(&out.0);
        out.u32(sum);
        out.0.resize(usize::try_from(room).unwrap_or(0), 0);
        out.0
    }

    /// None when it is torn, damaged or none. What lies behind it is not looked at.
    pub fn decode(bytes: &'a [u8]) -> Option<Record<'a>> {
        let head = Head::decode(bytes)?;
        let (part, sum) = bytes.get(..head.len as usize)?.split_last_chunk::<SUM>()?;
        if crc32c::crc32c(part) != u32::from_le_bytes(*sum) {
            return None;
        }
        let mut from = In(part.get(HEAD..)?);
        let pieces = (0..head.pieces).map(|_| piece(&mut from)).collect::<Option<Vec<_>>>()?;
        from.end()?;
        Some(Record { filling: head.filling, number: head.number, rows: head.rows, pieces })
    }
}

fn piece<'a>(from: &mut In<'a>) -> Option<Piece<'a>> {
    let target = match from.u32()? {
        0 => Target::Rows,
        number => Target::Volume(number),
    };
    let (at, len, zeros) = (from.u64()?, from.u32()?, from.u32()?);
    Some(Piece { target, at, octets: from.bytes(len as usize)?, zeros })
}

/// How a record begins; its sum was not looked at.
#[derive(Clone, Copy, Debug)]
pub struct Head {
    pub filling: u64,
    pub number: u64,
    rows: u64,
    len: u32,
    pieces: u32,
}

impl Head {
    /// None when no record begins here.
    pub fn decode(bytes: &[u8]) -> Option<Head> {
        let mut from = In(bytes.get(..HEAD)?);
        (from.u64()? == MAGIC).then_some(())?;
        let (filling, number, len) = (from.u64()?, from.u64()?, from.u32()?);
        let head = Head { filling, number, len, rows: from.u64()?, pieces: from.u32()? };
        // Also so that a count that is nonsense asks for no memory.
        (head.len as usize >= HEAD + SUM + head.pieces as usize * PIECE).then_some(head)
    }

    /// Octets that the record takes up in the log.
    pub fn size(&self) -> u64 {
        padded(self.len.into())
    }
}

/// What stands twice at the beginning of the log: the filling that counts.
pub fn encode_mark(filling: u64) -> Vec<u8> {
    let mut out = Out::default();
    out.u64(MARK);
    out.u64(filling);
    let sum = crc32c::crc32c(&out.0);
    out.u32(sum);
    out.0
}

/// None when it is damaged or none.
pub fn decode_mark(bytes: &[u8]) -> Option<u64> {
    let (part, sum) = bytes.get(..20)?.split_last_chunk::<SUM>()?;
    let mut from = In(part);
    (from.u64()? == MARK && crc32c::crc32c(part) == u32::from_le_bytes(*sum)).then_some(())?;
    from.u64()
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
        let mut texts: Vec<Vec<u8>> = (0..n % 7).map(|k| octets(n * 31 + k, (n * k * 97 % 9000) as usize)).collect();
        texts.iter_mut().step_by(2).for_each(|text| text.resize(text.len() + (n % 5) as usize * 300, 0));
        let target = |k: u64| if k.is_multiple_of(3) { Target::Rows } else { Target::Volume(k as u32) };
        let pieces = (0..).zip(&texts).map(|(k, text)| Piece::new(target(k), k * PAGE + n, text)).collect();
        work(Record { filling: n, number: n / 3, rows: n << 12, pieces })
    }

    #[test]
    fn what_is_written_is_read() {
        for n in 0..300 {
            with(n, |record| {
                let bytes = record.encode();
                assert_eq!(bytes.len() as u64, size(&record.pieces));
                assert_eq!(Head::decode(&bytes).unwrap().size(), size(&record.pieces));
                let read = Record::decode(&bytes).unwrap();
                assert_eq!(read, record);
                assert!(read.pieces.iter().zip(&record.pieces).all(|(a, b)| a.whole() == b.whole()));
            });
        }
    }

    #[test]
    fn zeros_at_the_end_take_no_room_and_come_back() {
        let page = [&[7; 100][..], &[0; 3996]].concat();
        let record = Record { filling: 1, number: 0, rows: 0, pieces: vec![Piece::new(Target::Rows, 0, &page)] };
        assert_eq!(record.pieces[0].octets.len(), 100);
        assert_eq!(Record::decode(&record.encode()).unwrap().pieces[0].whole(), page);
        for (some, none) in (0..40).flat_map(|some| (0..40).map(move |none| (some, none))) {
            let octets = [vec![9; some], vec![0; none]].concat();
            let piece = Piece::new(Target::Volume(1), 7, &octets);
            assert_eq!((piece.octets.len(), piece.zeros as usize), (some, none));
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

    #[test]
    fn a_mark_is_no_record_and_no_flipped_one_is_read() {
        let mark = encode_mark(77);
        assert_eq!(decode_mark(&mark), Some(77));
        assert!(Head::decode(&[mark.clone(), vec![0; 100]].concat()).is_none());
        for bit in 0..mark.len() * 8 {
            let mut bad = mark.clone();
            bad[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(decode_mark(&bad), None);
        }
    }
}
