//! Sequence sets (RFC 3501 s9 sequence-set): ranges as they were said, never unrolled into numbers.

use std::fmt;

use super::{
    say,
    scan::{Parsed, Scan},
};

/// The number that stands for `*`: no message has it.
const STAR: u32 = 0;

/// Numbers of messages, or UIDs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SequenceSet {
    /// `$`: what the last SEARCH saved (RFC 5182 s2).
    Saved,
    /// One range or more.
    Ranges(Ranges),
}

/// Ranges in the order in which they were said; neighbours are one. 8 bytes each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ranges(Vec<(u32, u32)>);

impl SequenceSet {
    pub(super) fn scan(scan: &mut Scan<'_>) -> Parsed<Self> {
        if scan.take(b'$') {
            return Ok(SequenceSet::Saved);
        }
        let mut ranges = Vec::new();
        loop {
            let from = number(scan)?;
            let to = if scan.take(b':') { number(scan)? } else { from };
            put(&mut ranges, (from, to));
            if !scan.take(b',') {
                break;
            }
        }
        ranges.shrink_to_fit();
        Ok(SequenceSet::Ranges(Ranges(ranges)))
    }
}

impl Ranges {
    /// These numbers in this order, neighbours in ranges: for COPYUID and its like.
    pub fn of_numbers(numbers: impl IntoIterator<Item = u32>) -> Self {
        let mut all = Vec::new();
        for number in numbers {
            put(&mut all, (number, number));
        }
        Ranges(all)
    }

    /// Which numbers are meant when the highest is `highest` (0: there are none): ranges in rising order that neither touch
    /// nor overlap. `7:*` means the highest number also when that is below 7 (RFC 3501 s9).
    pub fn resolve(&self, highest: u32) -> Vec<(u32, u32)> {
        let number = |n: u32| if n == STAR { highest } else { n };
        let mut all: Vec<(u32, u32)> = self
            .0
            .iter()
            .map(|(a, b)| (number(*a), number(*b)))
            .map(|(a, b)| (a.min(b), a.max(b)))
            .filter(|(_, to)| *to > 0)
            .map(|(from, to)| (from.max(1), to))
            .collect();
        all.sort_unstable();
        let mut merged: Vec<(u32, u32)> = Vec::with_capacity(all.len());
        for (from, to) in all {
            match merged.last_mut() {
                Some(last) if from <= last.1.saturating_add(1) => last.1 = last.1.max(to),
                Some(_) | None => merged.push((from, to)),
            }
        }
        merged
    }

    /// The largest number that was said, but for `*`; None if only `*` was.
    pub fn largest(&self) -> Option<u32> {
        self.0.iter().flat_map(|(a, b)| [*a, *b]).filter(|n| *n != STAR).max()
    }

    /// Whether `*` stands in it.
    pub fn has_star(&self) -> bool {
        self.0.iter().any(|(a, b)| *a == STAR || *b == STAR)
    }
}

/// `5,6` is `5:6`: a client that lists ten thousand numbers costs one range.
fn put(ranges: &mut Vec<(u32, u32)>, (from, to): (u32, u32)) {
    match ranges.last_mut() {
        Some(last)
            if last.0 != STAR
                && last.1 != STAR
                && last.0 <= last.1
                && from <= to
                && last.1.checked_add(1) == Some(from) =>
        {
            last.1 = to;
        }
        Some(_) | None => ranges.push((from, to)),
    }
}

fn number(scan: &mut Scan<'_>) -> Parsed<u32> {
    if scan.take(b'*') {
        return Ok(STAR);
    }
    match scan.number() {
        Ok(STAR) | Err(_) => Err(say::BAD_SET),
        Ok(number) => Ok(number),
    }
}

impl fmt::Display for SequenceSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SequenceSet::Saved => f.write_str("$"),
            SequenceSet::Ranges(ranges) => ranges.fmt(f),
        }
    }
}

impl fmt::Display for Ranges {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let one = |f: &mut fmt::Formatter<'_>, n: u32| if n == STAR { f.write_str("*") } else { write!(f, "{n}") };
        for (at, (from, to)) in self.0.iter().enumerate() {
            f.write_str(if at > 0 { "," } else { "" })?;
            one(f, *from)?;
            if from != to {
                f.write_str(":")?;
                one(f, *to)?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Parsed<SequenceSet> {
        let mut scan = Scan::new(text.as_bytes());
        let set = SequenceSet::scan(&mut scan)?;
        scan.end()?;
        Ok(set)
    }

    fn resolve(text: &str, highest: u32) -> Vec<(u32, u32)> {
        match parse(text).unwrap() {
            SequenceSet::Ranges(ranges) => ranges.resolve(highest),
            SequenceSet::Saved => panic!("{text}"),
        }
    }

    #[test]
    fn is_read_as_it_is_written() {
        for text in ["1", "*", "1:*", "*:4", "7:3", "1,3,5:9", "$", "2:4,*", "4294967295", "4294967294:4294967295,1"] {
            assert_eq!(parse(text).map(|s| s.to_string()), Ok(text.to_owned()));
        }
    }

    #[test]
    fn a_long_list_of_neighbours_is_one_range() {
        let list: Vec<_> = (1..=10_000).map(|n: u32| n.to_string()).collect();
        assert_eq!(parse(&list.join(",")), Ok(SequenceSet::Ranges(Ranges::of_numbers(1..=10_000))));
        assert_eq!(parse("9,8,8,9:*,10").unwrap().to_string(), "9,8,8,9:*,10");
    }

    #[test]
    fn star_is_the_highest_even_below_the_beginning() {
        assert_eq!(resolve("7:*", 5), [(5, 7)]);
        assert_eq!(resolve("*", 5), [(5, 5)]);
        assert_eq!(resolve("*:2,1,9", 4), [(1, 4), (9, 9)]);
        assert_eq!(resolve("3:1,2:8,9", 100), [(1, 9)]);
        assert_eq!(resolve("1:4294967295", 7), [(1, u32::MAX)]);
    }

    #[test]
    fn in_an_empty_folder_star_is_nobody() {
        assert_eq!(resolve("*", 0), []);
        assert_eq!(resolve("1:*", 0), [(1, 1)]);
    }

    #[test]
    fn refuses_what_is_no_set() {
        for text in ["", "0", "1:0", "1,", ",1", "1:", "a", "-1", "4294967296", "1:2:3", "$,1", "1 2"] {
            assert!(parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn knows_its_largest_number_and_its_star() {
        let SequenceSet::Ranges(ranges) = parse("3,9:*").unwrap() else { panic!() };
        assert_eq!((ranges.largest(), ranges.has_star()), (Some(9), true));
    }
}
