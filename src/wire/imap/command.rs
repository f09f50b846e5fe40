//! Commands as values.

use std::fmt;

use super::{
    FetchItem, FlagList, ListQuery, Pattern, Returns, Say, SearchKey, Secret, SequenceSet, StatusItem, Verb, say,
};
use crate::{
    limits,
    types::{FolderName, ModSeq, Special},
};

/// What a client calls its command by, and hears again in the answer: printable ASCII, at most `limits::IMAP_TAG` octets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tag(Box<str>);

impl Tag {
    /// Reads a tag; more characters than RFC 3501 s9 allows, but none that could be something else in an answer.
    pub fn parse(octets: &[u8]) -> Option<Self> {
        let good = |b: &u8| b.is_ascii_graphic() && !b"+*(){%\"\\".contains(b);
        let text = std::str::from_utf8(octets).ok()?;
        let fits = !text.is_empty() && text.len() <= limits::IMAP_TAG && octets.iter().all(good);
        fits.then(|| Tag(text.into()))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What STORE does with the flags it names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StoreHow {
    /// FLAGS
    Replace,
    /// +FLAGS
    Add,
    /// -FLAGS
    Remove,
}

/// A command with its arguments. APPEND is not among them: it does not fit into one value, see [`super::Append`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// CAPABILITY
    Capability,
    /// NOOP
    Noop,
    /// LOGOUT
    Logout,
    /// ID: names and values, none for NIL.
    Id(Vec<(String, Option<String>)>),
    /// STARTTLS
    StartTls,
    /// AUTHENTICATE
    Authenticate {
        /// In capitals.
        mechanism: String,
        /// Base64, or `=` (RFC 4959 s3).
        initial: Option<Secret>,
    },
    /// LOGIN
    Login {
        /// Without control characters.
        user: String,
        /// The password.
        password: Secret,
    },
    /// ENABLE: names in capitals, known or not.
    Enable(Vec<String>),
    /// SELECT
    Select {
        /// The folder.
        name: FolderName,
        /// CONDSTORE (RFC 7162 s3.1.8).
        condstore: bool,
    },
    /// EXAMINE
    Examine {
        /// The folder.
        name: FolderName,
        /// CONDSTORE
        condstore: bool,
    },
    /// CREATE
    Create {
        /// The folder.
        name: FolderName,
        /// USE (RFC 6154 s3); `Special::None` without.
        special: Special,
    },
    /// DELETE
    Delete(FolderName),
    /// RENAME
    Rename {
        /// As it is called.
        from: FolderName,
        /// As it shall be called.
        to: FolderName,
    },
    /// SUBSCRIBE
    Subscribe(FolderName),
    /// UNSUBSCRIBE
    Unsubscribe(FolderName),
    /// LIST
    List(Box<ListQuery>),
    /// LSUB
    Lsub {
        /// The reference name, decoded.
        reference: String,
        /// The pattern.
        pattern: Pattern,
    },
    /// NAMESPACE
    Namespace,
    /// STATUS
    Status {
        /// The folder.
        name: FolderName,
        /// What is asked.
        items: Vec<StatusItem>,
    },
    /// IDLE
    Idle,
    /// GETQUOTA
    GetQuota(String),
    /// GETQUOTAROOT
    GetQuotaRoot(FolderName),
    /// SETQUOTA
    SetQuota {
        /// The root.
        root: String,
        /// Names of resources in capitals, and limits.
        limits: Vec<(String, u64)>,
    },
    /// CHECK
    Check,
    /// CLOSE
    Close,
    /// UNSELECT
    Unselect,
    /// EXPUNGE
    Expunge,
    /// UID EXPUNGE
    UidExpunge(SequenceSet),
    /// SEARCH, UID SEARCH
    Search {
        /// UIDs in the answer.
        uid: bool,
        /// In capitals.
        charset: Option<String>,
        /// What to look for.
        key: Box<SearchKey>,
        /// RETURN (RFC 4731): the answer is ESEARCH. SAVE is one of them.
        returns: Option<Returns>,
    },
    /// FETCH, UID FETCH
    Fetch {
        /// `set` has UIDs, and the answer has them.
        uid: bool,
        /// Which messages.
        set: SequenceSet,
        /// What of them, each once, at least one.
        items: Vec<FetchItem>,
        /// CHANGEDSINCE (RFC 7162 s3.1.4.1).
        changed_since: Option<ModSeq>,
    },
    /// STORE, UID STORE
    Store {
        /// `set` has UIDs.
        uid: bool,
        /// Which messages.
        set: SequenceSet,
        /// UNCHANGEDSINCE (RFC 7162 s3.1.3).
        unchanged_since: Option<ModSeq>,
        /// What to do.
        how: StoreHow,
        /// .SILENT
        silent: bool,
        /// With which flags.
        flags: FlagList,
    },
    /// COPY, UID COPY
    Copy {
        /// `set` has UIDs.
        uid: bool,
        /// Which messages.
        set: SequenceSet,
        /// Where to.
        name: FolderName,
    },
    /// MOVE, UID MOVE
    Move {
        /// `set` has UIDs.
        uid: bool,
        /// Which messages.
        set: SequenceSet,
        /// Where to.
        name: FolderName,
    },
}

/// A line that is no command, or one with bad arguments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadCommand {
    /// What the client called it; None: the answer is untagged.
    pub tag: Option<Tag>,
    /// The command it was meant to be, if that is known.
    pub verb: Option<Verb>,
    /// What the client hears: BAD, or NO where it is only the name of a folder that cannot be.
    pub say: Say<'static>,
}

impl BadCommand {
    /// A line without a tag.
    pub(super) const NO_TAG: BadCommand = BadCommand { tag: None, verb: None, say: say::NO_TAG };

    /// As it goes over the wire.
    pub fn write(&self, out: &mut Vec<u8>) {
        match &self.tag {
            Some(tag) => self.say.tagged(tag, out),
            None => self.say.untagged(out),
        }
    }
}

impl Command {
    /// Its row of the table.
    pub fn verb(&self) -> Verb {
        let or = |uid: bool, with: Verb, without: Verb| if uid { with } else { without };
        match self {
            Command::Capability => Verb::Capability,
            Command::Noop => Verb::Noop,
            Command::Logout => Verb::Logout,
            Command::Id(_) => Verb::Id,
            Command::StartTls => Verb::StartTls,
            Command::Authenticate { .. } => Verb::Authenticate,
            Command::Login { .. } => Verb::Login,
            Command::Enable(_) => Verb::Enable,
            Command::Select { .. } => Verb::Select,
            Command::Examine { .. } => Verb::Examine,
            Command::Create { .. } => Verb::Create,
            Command::Delete(_) => Verb::Delete,
            Command::Rename { .. } => Verb::Rename,
            Command::Subscribe(_) => Verb::Subscribe,
            Command::Unsubscribe(_) => Verb::Unsubscribe,
            Command::List(_) => Verb::List,
            Command::Lsub { .. } => Verb::Lsub,
            Command::Namespace => Verb::Namespace,
            Command::Status { .. } => Verb::Status,
            Command::Idle => Verb::Idle,
            Command::GetQuota(_) => Verb::GetQuota,
            Command::GetQuotaRoot(_) => Verb::GetQuotaRoot,
            Command::SetQuota { .. } => Verb::SetQuota,
            Command::Check => Verb::Check,
            Command::Close => Verb::Close,
            Command::Unselect => Verb::Unselect,
            Command::Expunge => Verb::Expunge,
            Command::UidExpunge(_) => Verb::UidExpunge,
            Command::Search { uid, .. } => or(*uid, Verb::UidSearch, Verb::Search),
            Command::Fetch { uid, .. } => or(*uid, Verb::UidFetch, Verb::Fetch),
            Command::Store { uid, .. } => or(*uid, Verb::UidStore, Verb::Store),
            Command::Copy { uid, .. } => or(*uid, Verb::UidCopy, Verb::Copy),
            Command::Move { uid, .. } => or(*uid, Verb::UidMove, Verb::Move),
        }
    }
}
