//! The envelope of a message, and what folders are called.

use super::{Address, ReversePath, Terms, Wishes};

/// A recipient, and what the sender wants to be told of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rcpt {
    /// The address of RCPT.
    pub to: Address,
    /// Boxed: most senders ask for nothing, and there may be a thousand recipients in each session.
    wishes: Option<Box<Wishes>>,
}

impl Rcpt {
    /// A recipient.
    pub fn new(to: Address, wishes: Wishes) -> Self {
        let asked = wishes != Wishes::default();
        Rcpt { to, wishes: asked.then(|| Box::new(wishes)) }
    }

    /// What was asked; nothing where nothing was.
    pub fn wishes(&self) -> Wishes {
        self.wishes.as_deref().cloned().unwrap_or_default()
    }

    /// Octets of memory that what was asked takes.
    fn weight(&self) -> usize {
        let orcpt = |o: &super::Orcpt| o.kind.len() + o.address.len();
        self.wishes.as_ref().map_or(0, |w| size_of::<Wishes>() + w.orcpt.as_ref().map_or(0, orcpt))
    }
}

/// Who sent it and for whom (RFC 5321 s2.3.1): one recipient or more by construction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Envelope {
    /// The reverse-path, `<>` for bounces.
    pub from: ReversePath,
    /// What the sender asked for the whole message.
    pub terms: Terms,
    first: Rcpt,
    more: Vec<Rcpt>,
}

impl Envelope {
    /// An envelope with its first recipient.
    pub fn new(from: ReversePath, terms: Terms, first: Rcpt) -> Self {
        Envelope { from, terms, first, more: Vec::new() }
    }

    /// Adds a recipient; one that is there already is not added twice, and what was asked for it first holds.
    pub fn add(&mut self, rcpt: Rcpt) {
        if self.first.to != rcpt.to && !self.more.iter().any(|there| there.to == rcpt.to) {
            self.more.push(rcpt);
        }
    }

    /// The recipients in the order of RCPT.
    pub fn rcpts(&self) -> impl Iterator<Item = &Rcpt> {
        std::iter::once(&self.first).chain(&self.more)
    }

    /// Their addresses, in the order of RCPT.
    pub fn recipients(&self) -> impl Iterator<Item = &Address> {
        self.rcpts().map(|rcpt| &rcpt.to)
    }

    /// How many recipients: one or more.
    pub fn count(&self) -> usize {
        1 + self.more.len()
    }

    /// Octets of memory that the wishes of all recipients take.
    pub fn wishes_weight(&self) -> usize {
        self.rcpts().map(Rcpt::weight).sum()
    }
}

/// What a folder is for (RFC 6154), independent of the language of its name (D2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Special {
    /// An ordinary folder.
    None,
    /// INBOX.
    Inbox,
    /// \Sent
    Sent,
    /// \Drafts
    Drafts,
    /// \Junk
    Junk,
    /// \Trash
    Trash,
    /// \Archive
    Archive,
}

/// A folder's name in UTF-8 (INBOX in capitals, levels divided by `/`); at most 255 octets, no control characters, no empty level.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FolderName(Box<str>);

impl FolderName {
    /// INBOX, which every mailbox has.
    pub fn inbox() -> Self {
        FolderName("INBOX".into())
    }

    /// Checks a name. `inbox` in any case becomes `INBOX` (RFC 3501 s5.1).
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let bad = text.is_empty()
            || text.len() > Self::LONGEST
            || text.chars().any(char::is_control)
            || text.split('/').any(str::is_empty);
        if bad {
            return None;
        }
        if text.eq_ignore_ascii_case("inbox") {
            return Some(Self::inbox());
        }
        // What lies below INBOX is found whatever case its first level was written in.
        match text.split_once('/') {
            Some((first, rest)) if first.eq_ignore_ascii_case("inbox") => {
                Some(FolderName(format!("INBOX/{rest}").into()))
            }
            Some(_) | None => Some(FolderName(text.into())),
        }
    }

    /// Octets of the longest name.
    pub const LONGEST: usize = 255;

    /// The levels above, from the top: `a`, `a/b` for `a/b/c`.
    pub fn above(&self) -> impl Iterator<Item = FolderName> {
        self.0.match_indices('/').map(|(at, _)| FolderName(self.0[..at].into()))
    }

    /// The same name with `from`, which it lies below or is, replaced by `to`; None when it would be too long or does not.
    pub fn moved(&self, from: &FolderName, to: &FolderName) -> Option<FolderName> {
        let rest = self.0.strip_prefix(&*from.0).filter(|rest| rest.is_empty() || rest.starts_with('/'))?;
        FolderName::parse(&format!("{}{rest}", to.0))
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What a folder of this name is for: English and Russian names that clients and the specification use (D2).
    pub fn special(&self) -> Special {
        match self.0.to_lowercase().as_str() {
            "inbox" => Special::Inbox,
            "sent" | "sent items" | "sent messages" | "отправленные" => Special::Sent,
            "drafts" | "черновики" => Special::Drafts,
            "junk" | "spam" | "junk e-mail" | "спам" | "нежелательная почта" => Special::Junk,
            "trash" | "deleted items" | "deleted messages" | "корзина" | "удаленные" | "удалённые" => {
                Special::Trash
            }
            "archive" | "archives" | "архив" => Special::Archive,
            _ => Special::None,
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn name(text: &str) -> FolderName {
        FolderName::parse(text).unwrap()
    }

    #[test]
    fn inbox_is_inbox_in_any_case_and_so_is_what_lies_below_it() {
        assert_eq!(name("inBox"), FolderName::inbox());
        assert_eq!(name("inbox/Sub").as_str(), "INBOX/Sub");
        assert_eq!(name("inboxes").as_str(), "inboxes");
        for bad in ["", "a//b", "/a", "a/", "a\nb", &"x".repeat(256)] {
            assert_eq!(FolderName::parse(bad).map(|n| n.as_str().len()), None, "{bad:?}");
        }
    }

    #[test]
    fn levels_above_come_from_the_top() {
        let above = |text: &str| name(text).above().map(|n| n.as_str().to_owned()).collect::<Vec<_>>();
        assert_eq!(above("a/b/c"), ["a", "a/b"]);
        assert!(above("a").is_empty());
    }

    #[test]
    fn a_name_moves_with_what_it_lies_below() {
        assert_eq!(name("a/b").moved(&name("a"), &name("x/y")), Some(name("x/y/b")));
        assert_eq!(name("a").moved(&name("a"), &name("b")), Some(name("b")));
        assert_eq!(name("ab/c").moved(&name("a"), &name("b")), None);
        assert_eq!(name("a/b").moved(&name("a"), &name(&"x".repeat(254))), None);
    }
}
