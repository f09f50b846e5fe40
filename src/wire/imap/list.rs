//! LIST with all its options (RFC 3501 s6.3.8, 5258, 5819, 6154), and the items of STATUS.

use super::{
    Pattern, name, say,
    scan::{Parsed, Scan},
    text,
};
use crate::limits;

/// An item of STATUS (RFC 3501 s6.3.10, 7162 s3.1.7, 7889 s5, 8438 s4, 9208 s4.1.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StatusItem {
    /// MESSAGES
    Messages,
    /// RECENT
    Recent,
    /// UIDNEXT
    UidNext,
    /// UIDVALIDITY
    UidValidity,
    /// UNSEEN
    Unseen,
    /// SIZE: octets of all messages.
    Size,
    /// HIGHESTMODSEQ
    HighestModSeq,
    /// DELETED: messages with \Deleted.
    Deleted,
    /// DELETED-STORAGE: octets that expunging them would free.
    DeletedStorage,
    /// APPENDLIMIT
    AppendLimit,
}

const ITEMS: [(StatusItem, &str); 10] = [
    (StatusItem::Messages, "MESSAGES"),
    (StatusItem::Recent, "RECENT"),
    (StatusItem::UidNext, "UIDNEXT"),
    (StatusItem::UidValidity, "UIDVALIDITY"),
    (StatusItem::Unseen, "UNSEEN"),
    (StatusItem::Size, "SIZE"),
    (StatusItem::HighestModSeq, "HIGHESTMODSEQ"),
    (StatusItem::Deleted, "DELETED"),
    (StatusItem::DeletedStorage, "DELETED-STORAGE"),
    (StatusItem::AppendLimit, "APPENDLIMIT"),
];

impl StatusItem {
    /// Its word.
    pub fn name(self) -> &'static str {
        ITEMS.iter().find(|(item, _)| *item == self).map_or("", |(_, name)| name)
    }

    /// A list in parentheses; one that stands twice is one.
    pub(super) fn scan_list(scan: &mut Scan<'_>) -> Parsed<Vec<Self>> {
        let named = scan.list(2 * ITEMS.len(), |scan| {
            let word = scan.word();
            let item = ITEMS.iter().find(|(_, name)| name.as_bytes().eq_ignore_ascii_case(word));
            item.map(|(item, _)| *item).ok_or(say::BAD_ITEM)
        })?;
        let mut items = Vec::new();
        for item in named {
            if !items.contains(&item) {
                items.push(item);
            }
        }
        Ok(items)
    }

    pub(super) fn write_list(items: &[Self], out: &mut Vec<u8>) {
        let names: Vec<_> = items.iter().map(|i| i.name()).collect();
        out.extend_from_slice(format!("({})", names.join(" ")).as_bytes());
    }
}

/// Which folders are selected (RFC 5258 s3.1, 6154 s2).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ListSelect {
    /// SUBSCRIBED: names that are subscribed, whether they exist or not.
    pub subscribed: bool,
    /// REMOTE: there are none.
    pub remote: bool,
    /// RECURSIVEMATCH: also names that have a child that is selected.
    pub recursive_match: bool,
    /// SPECIAL-USE: only folders with a use.
    pub special_use: bool,
}

/// What is told of each (RFC 5258 s3.2, 5819 s2, 6154 s2).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ListReturn {
    /// SUBSCRIBED
    pub subscribed: bool,
    /// CHILDREN; we tell it always.
    pub children: bool,
    /// SPECIAL-USE; we tell it always.
    pub special_use: bool,
    /// STATUS (...): a STATUS answer for each; empty for none.
    pub status: Vec<StatusItem>,
}

/// LIST and what it asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListQuery {
    /// Selection options.
    pub select: ListSelect,
    /// The reference name, decoded.
    pub reference: String,
    /// One or more.
    pub patterns: Vec<Pattern>,
    /// Return options.
    pub returns: ListReturn,
    /// It has the form of RFC 5258: options, or a list of patterns.
    pub extended: bool,
}

impl ListQuery {
    /// What stands behind LIST.
    pub(super) fn scan(scan: &mut Scan<'_>, utf8: bool) -> Parsed<Self> {
        let mut extended = scan.peek() == Some(b'(');
        let mut select = ListSelect::default();
        if extended {
            select = ListSelect::scan(scan)?;
            scan.space()?;
        }
        let reference = reference(scan, utf8)?;
        scan.space()?;
        let patterns = if scan.peek() == Some(b'(') {
            extended = true;
            scan.list(limits::IMAP_PATTERNS, |scan| pattern(scan, utf8))?
        } else {
            vec![pattern(scan, utf8)?]
        };
        let mut returns = ListReturn::default();
        if scan.more() {
            extended = true;
            if !scan.keyword("RETURN") {
                return Err(say::BAD_OPTION);
            }
            scan.space()?;
            returns = ListReturn::scan(scan)?;
        }
        if patterns.is_empty() || select.recursive_match && !select.subscribed && !select.special_use {
            return Err(say::BAD_OPTION);
        }
        Ok(ListQuery { select, reference, patterns, returns, extended })
    }

    /// What stands behind LIST, with the blank in front.
    pub(super) fn write(&self, utf8: bool, out: &mut Vec<u8>) {
        if self.extended {
            out.push(b' ');
            self.select.write(out);
        }
        out.push(b' ');
        write_name(&self.reference, utf8, out);
        out.extend_from_slice(if self.extended { b" (" } else { b" " });
        for (n, pattern) in self.patterns.iter().enumerate() {
            out.extend_from_slice(if n > 0 { b" " } else { b"" });
            write_name(pattern.as_str(), utf8, out);
        }
        if self.extended {
            out.extend_from_slice(b") RETURN ");
            self.returns.write(out);
        }
    }
}

impl ListSelect {
    fn scan(scan: &mut Scan<'_>) -> Parsed<Self> {
        let mut select = ListSelect::default();
        scan.list(10, |scan| {
            let word = scan.word().to_ascii_uppercase();
            match word.as_slice() {
                b"SUBSCRIBED" => select.subscribed = true,
                b"REMOTE" => select.remote = true,
                b"RECURSIVEMATCH" => select.recursive_match = true,
                b"SPECIAL-USE" => select.special_use = true,
                _ => return Err(say::BAD_OPTION),
            }
            Ok(())
        })?;
        Ok(select)
    }

    fn write(self, out: &mut Vec<u8>) {
        let words = [
            (self.subscribed, "SUBSCRIBED"),
            (self.remote, "REMOTE"),
            (self.recursive_match, "RECURSIVEMATCH"),
            (self.special_use, "SPECIAL-USE"),
        ];
        write_words(&words, out);
    }
}

impl ListReturn {
    fn scan(scan: &mut Scan<'_>) -> Parsed<Self> {
        let mut returns = ListReturn::default();
        scan.list(10, |scan| {
            let word = scan.word().to_ascii_uppercase();
            match word.as_slice() {
                b"SUBSCRIBED" => returns.subscribed = true,
                b"CHILDREN" => returns.children = true,
                b"SPECIAL-USE" => returns.special_use = true,
                b"STATUS" => {
                    scan.space()?;
                    returns.status = StatusItem::scan_list(scan)?;
                }
                _ => return Err(say::BAD_OPTION),
            }
            Ok(())
        })?;
        Ok(returns)
    }

    fn write(&self, out: &mut Vec<u8>) {
        let mut status = Vec::new();
        StatusItem::write_list(&self.status, &mut status);
        let status = format!("STATUS {}", String::from_utf8_lossy(&status));
        let words = [
            (self.subscribed, "SUBSCRIBED"),
            (self.children, "CHILDREN"),
            (self.special_use, "SPECIAL-USE"),
            (!self.status.is_empty(), &status),
        ];
        write_words(&words, out);
    }
}

fn write_words(words: &[(bool, &str)], out: &mut Vec<u8>) {
    let words: Vec<_> = words.iter().filter(|(on, _)| *on).map(|(_, word)| *word).collect();
    out.extend_from_slice(format!("({})", words.join(" ")).as_bytes());
}

fn write_name(text: &str, utf8: bool, out: &mut Vec<u8>) {
    text::client_string(out, name::spell(text, utf8).as_bytes());
}

/// A reference name: a folder's, or the beginning of one.
pub(super) fn reference(scan: &mut Scan<'_>, utf8: bool) -> Parsed<String> {
    name::read(&scan.astring()?, utf8).ok_or(say::BAD_PATTERN)
}

/// A pattern. Its cap counts the one spelling that is strict, so that it holds for every way to write it.
pub(super) fn pattern(scan: &mut Scan<'_>, utf8: bool) -> Parsed<Pattern> {
    let text = name::read(&scan.astring()?, utf8).ok_or(say::BAD_PATTERN)?;
    let pattern = Pattern::new(&text);
    let fits = name::encode(pattern.as_str()).len() <= limits::IMAP_PATTERN;
    if fits { Ok(pattern) } else { Err(say::BAD_PATTERN) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Parsed<ListQuery> {
        let mut scan = Scan::new(text.as_bytes());
        let query = ListQuery::scan(&mut scan, false)?;
        scan.end()?;
        Ok(query)
    }

    fn written(text: &str) -> String {
        let mut out = Vec::new();
        parse(text).unwrap_or_else(|e| panic!("{text}: {e:?}")).write(false, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn the_plain_form() {
        assert_eq!(written("\"\" *"), " \"\" \"*\"");
        assert_eq!(written("work/ \"&BD8-%\""), " \"work/\" \"&BD8-%\"");
        assert!(!parse("\"\" \"\"").unwrap().extended);
        assert!(parse("\"\" \"\"").unwrap().patterns[0].is_empty());
    }

    #[test]
    fn the_extended_form() {
        let all = " (SUBSCRIBED REMOTE RECURSIVEMATCH SPECIAL-USE) \"\" (\"INBOX\" \"work/%\") \
                   RETURN (SUBSCRIBED CHILDREN SPECIAL-USE STATUS (MESSAGES UNSEEN))";
        assert_eq!(written(all.trim_start()), all);
        assert_eq!(written("\"\" \"%\" RETURN (children)"), " () \"\" (\"%\") RETURN (CHILDREN)");
        assert_eq!(written("\"\" (INBOX)"), " () \"\" (\"INBOX\") RETURN ()");
        assert_eq!(
            written("(subscribed)\"\" * return(status(size))"),
            " (SUBSCRIBED) \"\" (\"*\") RETURN (STATUS (SIZE))"
        );
    }

    #[test]
    fn refuses_what_means_nothing() {
        for text in
            ["", "\"\"", "(RECURSIVEMATCH) \"\" *", "(XLIST) \"\" *", "\"\" * RETURN (X)", "\"\" ()", "\"\" * x"]
        {
            assert!(parse(text).is_err(), "{text}");
        }
        let long = format!("\"\" {}", "a".repeat(limits::IMAP_PATTERN + 1));
        assert_eq!(parse(&long), Err(say::BAD_PATTERN));
    }

    #[test]
    fn every_status_item_is_read_as_it_is_written() {
        for (item, word) in ITEMS {
            let text = format!("({0} {0})", word.to_lowercase());
            assert_eq!(StatusItem::scan_list(&mut Scan::new(text.as_bytes())), Ok(vec![item]));
        }
        assert_eq!(StatusItem::scan_list(&mut Scan::new(b"(X)")), Err(say::BAD_ITEM));
    }
}
