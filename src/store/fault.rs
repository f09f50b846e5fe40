//! What went wrong inside, before it is told to a caller.

use std::io;

use super::StoreError;

/// An error with the one distinction that decides what the store does next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// ENOSPC, EDQUOT.
    Full,
    /// The disk or the database failed: close and open again.
    Failed(String),
    /// Of an opening of the mail disk that was given up: for the caller as Failed, but no reason to open again.
    Late,
    /// Bytes are not what they were.
    Damaged(String),
    /// Not there.
    Missing,
    /// A folder of that name is there.
    Exists,
    /// A mailbox would be over its limit.
    OverQuota,
    /// A cap is reached; which.
    Limit(&'static str),
}

impl Fault {
    /// What the caller hears.
    pub fn told(&self) -> StoreError {
        match self {
            Fault::Full => StoreError::NoRoom,
            Fault::Failed(why) => StoreError::Unavailable(why.clone()),
            Fault::Late => StoreError::Unavailable("the mail disk was opened again meanwhile".into()),
            Fault::Damaged(what) => StoreError::Damaged(what.clone()),
            Fault::Missing => StoreError::Missing,
            Fault::Exists => StoreError::Exists,
            Fault::OverQuota => StoreError::OverQuota,
            Fault::Limit(which) => StoreError::Limit(which),
        }
    }

    /// Puts the place before the words.
    pub fn at(self, place: &str) -> Fault {
        match self {
            Fault::Failed(why) => Fault::Failed(format!("{place}: {why}")),
            Fault::Damaged(what) => Fault::Damaged(format!("{place}: {what}")),
            Fault::Full | Fault::Late | Fault::Missing | Fault::Exists | Fault::OverQuota | Fault::Limit(_) => self,
        }
    }
}

impl From<io::Error> for Fault {
    fn from(error: io::Error) -> Fault {
        match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Fault::Full,
            io::ErrorKind::StaleNetworkFileHandle => Fault::Late,
            _ => Fault::Failed(error.to_string()),
        }
    }
}

impl From<redb::Error> for Fault {
    fn from(error: redb::Error) -> Fault {
        match error {
            // So it calls a file that is no database.
            redb::Error::Io(error) if error.kind() == io::ErrorKind::InvalidData => Fault::Damaged(error.to_string()),
            redb::Error::Io(error) => error.into(),
            redb::Error::Corrupted(what) => Fault::Damaged(what),
            other => Fault::Failed(other.to_string()),
        }
    }
}

macro_rules! through_redb_error {
    ($($kind:ident),*) => { $(
        impl From<redb::$kind> for Fault {
            fn from(error: redb::$kind) -> Fault {
                redb::Error::from(error).into()
            }
        }
    )* };
}
through_redb_error!(StorageError, TableError, TransactionError, CommitError, DatabaseError, SetDurabilityError);
