//! Where does this address live? Pure, over a snapshot of the directory.

use crate::{
    directory::Directory,
    settings::Settings,
    types::{Address, FolderName, MailboxId},
};

/// One copy in one mailbox.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Destination {
    /// The mailbox.
    pub mailbox: MailboxId,
    /// Its address.
    pub address: Address,
    /// Octets it may hold.
    pub quota: Option<u64>,
    /// INBOX, or the folder named after the plus if there is one.
    pub folder: FolderName,
}

/// What an address expands to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Route {
    /// Mailboxes of ours, each once (and addresses elsewhere, for the queue).
    Local {
        /// Copies here.
        here: Vec<Destination>,
        /// Addresses elsewhere.
        elsewhere: Vec<Address>,
    },
    /// The domain is not ours.
    Foreign,
    /// The domain is ours, the address is nobody's.
    Unknown,
}

/// Expands an address: exact mailbox, exact alias, the part before the plus, catch-all (G5-G7, Q22, Q23).
pub fn expand(_directory: &Directory, _settings: &Settings, _to: &Address) -> Route {
    Route::Unknown
}
