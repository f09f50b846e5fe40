//! What the store says of one message in one folder: flags, keywords, modification sequence, the small row.

use std::{
    fmt,
    hash::{Hash, Hasher},
};

use super::{BodyId, Uid, UnixTime};

/// System flags of a message as bits (RFC 3501 s2.3.2). `\Recent` is none of them: the store's hub knows it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Flags(pub u16);

impl Flags {
    /// \Seen
    pub const SEEN: Flags = Flags(1);
    /// \Answered
    pub const ANSWERED: Flags = Flags(2);
    /// \Flagged
    pub const FLAGGED: Flags = Flags(4);
    /// \Deleted
    pub const DELETED: Flags = Flags(8);
    /// \Draft
    pub const DRAFT: Flags = Flags(16);
    /// Every flag there is.
    pub const ALL: Flags = Flags(31);

    /// Whether all of `other` is set.
    pub fn has(self, other: Flags) -> bool {
        self.0 & other.0 == other.0
    }

    /// These and `other`.
    #[must_use]
    pub fn with(self, other: Flags) -> Flags {
        Flags((self.0 | other.0) & Flags::ALL.0)
    }

    /// These but for `other`.
    #[must_use]
    pub fn without(self, other: Flags) -> Flags {
        Flags(self.0 & !other.0)
    }
}

/// A flag that a client named (RFC 3501 s2.3.2): an atom of at most 64 octets, compared without case; its first spelling is kept.
#[derive(Clone, Debug)]
pub struct Keyword(Box<str>);

impl Keyword {
    /// Octets of the longest one.
    pub const LONGEST: usize = 64;

    /// Checks a name: RFC 3501 s9 `flag-keyword = atom`.
    pub fn parse(text: &str) -> Option<Keyword> {
        let atom = |b: u8| b.is_ascii_graphic() && !b"(){%*\"\\]".contains(&b);
        let good = !text.is_empty() && text.len() <= Self::LONGEST && text.bytes().all(atom);
        good.then(|| Keyword(text.into()))
    }

    /// As it was first written.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl PartialEq for Keyword {
    fn eq(&self, other: &Keyword) -> bool {
        self.0.eq_ignore_ascii_case(&other.0)
    }
}

impl Eq for Keyword {}

impl Hash for Keyword {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.bytes().for_each(|b| state.write_u8(b.to_ascii_lowercase()));
    }
}

impl fmt::Display for Keyword {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Which keywords of the folder's list a message has: bit n is keyword n of `Store::keywords`, whose list only grows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Keywords(pub u64);

impl Keywords {
    /// How many a folder may have.
    pub const MOST: usize = 64;

    /// Whether keyword `n` is set.
    pub fn has(self, n: usize) -> bool {
        n < Self::MOST && self.0 & (1 << n) != 0
    }

    /// These and keyword `n`.
    #[must_use]
    pub fn with(self, n: usize) -> Keywords {
        if n < Self::MOST { Keywords(self.0 | 1 << n) } else { self }
    }

    /// The numbers that are set, rising.
    pub fn iter(self) -> impl Iterator<Item = usize> {
        let mut rest = self.0;
        std::iter::from_fn(move || {
            let n = rest.trailing_zeros() as usize;
            rest &= rest.wrapping_sub(1);
            (n < Self::MOST).then_some(n)
        })
    }
}

/// Modification sequence (RFC 7162 s3.1): grows with each change of a folder, never given twice in it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ModSeq(pub u64);

/// One message in one folder, as a listing shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MessageRow {
    /// Number within the folder.
    pub uid: Uid,
    /// System flags.
    pub flags: Flags,
    /// Keywords of the folder's list.
    pub keywords: Keywords,
    /// When it last changed, in the folder's count.
    pub modseq: ModSeq,
    /// When it was delivered (INTERNALDATE).
    pub date: UnixTime,
    /// Octets with CRLF, as it is served.
    pub size: u64,
    /// Where its bytes are.
    pub body: BodyId,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_keyword_is_an_atom_and_compared_without_case() {
        let word = |text: &str| Keyword::parse(text);
        assert_eq!(word("$Forwarded"), word("$forwarded"));
        assert_eq!(word("NonJunk").map(|k| k.as_str().to_owned()), Some("NonJunk".into()));
        for bad in ["", "a b", "\\Seen", "a(b", "a]", "a*", "a%", "\u{421}", &"x".repeat(65)] {
            assert_eq!(word(bad), None, "{bad}");
        }
        assert!(word(&"x".repeat(64)).is_some());
    }

    #[test]
    fn flags_are_a_set() {
        let flags = Flags::SEEN.with(Flags::DRAFT);
        assert!(flags.has(Flags::DRAFT) && !flags.has(Flags::SEEN.with(Flags::DELETED)));
        assert_eq!(flags.without(Flags::SEEN.with(Flags::DELETED)), Flags::DRAFT);
        // A bit that is no flag never gets in.
        assert_eq!(flags.with(Flags(0x8000)), flags);
    }

    #[test]
    fn keywords_are_bits_of_the_folders_list() {
        let set = Keywords::default().with(0).with(63).with(64);
        assert_eq!(set.iter().collect::<Vec<_>>(), [0, 63]);
        assert!(!set.has(64) && !set.has(1));
    }
}
