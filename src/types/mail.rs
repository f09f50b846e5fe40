//! The envelope of a message, and the small row that the store keeps for each copy in a folder.

use super::{Address, BodyId, ReversePath, Uid, UnixTime};

/// Who sent it and for whom (RFC 5321 s2.3.1): one recipient or more by construction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Envelope {
    /// The reverse-path, `<>` for bounces.
    pub from: ReversePath,
    first: Address,
    more: Vec<Address>,
}

impl Envelope {
    /// An envelope with its first recipient.
    pub fn new(from: ReversePath, first: Address) -> Self {
        Envelope { from, first, more: Vec::new() }
    }

    /// Adds a recipient; one that is there already is not added twice.
    pub fn add(&mut self, to: Address) {
        if self.first != to && !self.more.contains(&to) {
            self.more.push(to);
        }
    }

    /// The recipients in the order of RCPT.
    pub fn recipients(&self) -> impl Iterator<Item = &Address> {
        std::iter::once(&self.first).chain(&self.more)
    }

    /// How many recipients: one or more.
    pub fn count(&self) -> usize {
        1 + self.more.len()
    }
}

/// System flags of a message as bits (RFC 3501 s2.3.2).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Flags(pub u16);

impl Flags {
    /// \Seen
    pub const SEEN: Flags = Flags(1);
    /// \Deleted
    pub const DELETED: Flags = Flags(8);

    /// Whether all of `other` is set.
    pub fn has(self, other: Flags) -> bool {
        self.0 & other.0 == other.0
    }
}

/// One message in one folder, as a listing shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MessageRow {
    /// Number within the folder.
    pub uid: Uid,
    /// Flags.
    pub flags: Flags,
    /// When it was delivered.
    pub date: UnixTime,
    /// Octets with CRLF, as it is served.
    pub size: u64,
    /// Where its bytes are.
    pub body: BodyId,
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
}

/// A folder's name in UTF-8 (INBOX in capitals); at most 255 octets, no control characters, no empty level.
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
            || text.len() > 255
            || text.chars().any(char::is_control)
            || text.split('/').any(str::is_empty);
        if bad {
            return None;
        }
        if text.eq_ignore_ascii_case("inbox") {
            return Some(Self::inbox());
        }
        Some(FolderName(text.into()))
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
            _ => Special::None,
        }
    }
}
