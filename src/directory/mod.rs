//! Domains, mailboxes, aliases, administrators: one immutable snapshot and the changes it allows. No I/O.
//!
//! `change` is the one way from a snapshot to the next, and says which rows of the store differ; `rows` reads them back; `sorted`
//! makes a snapshot cheap to copy.
//! Must not know: the store, how a password is derived, who asks.

mod change;
mod rows;
mod sorted;

pub use change::{Applied, Change, DirectoryError, ErrorKind};
pub use rows::{Loaded, ROW_KIND, RowChange};
pub use sorted::{Keyed, Sorted};

use crate::types::{Address, Credential, Domain, MailboxId, Password};

/// A domain of ours (G1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MailDomain {
    /// Its name.
    pub name: Domain,
    /// Where mail for unknown local parts goes.
    pub catch_all: Option<Address>,
}

/// A mailbox (G5, G6).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mailbox {
    /// Never used twice.
    pub id: MailboxId,
    /// Its address, which is its login.
    pub address: Address,
    /// Its password.
    pub password: Password,
    /// Octets; None = unlimited.
    pub quota: Option<u64>,
    /// The person it belongs to.
    pub owner: String,
    /// Off: no login; mail still comes in.
    pub enabled: bool,
}

/// An alias (G7, Q22).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alias {
    /// The address that is no mailbox.
    pub address: Address,
    /// One target or more.
    pub targets: Vec<Address>,
}

/// An administrator of the page and the API.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Admin {
    /// Login name.
    pub name: String,
    /// Password.
    pub credential: Credential,
    /// May look but not change.
    pub read_only: bool,
}

/// A mailbox that was removed and whose messages are still to be purged from the store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Removed {
    /// Its number.
    pub id: MailboxId,
    /// What its address was.
    pub address: Address,
}

macro_rules! keyed {
    ($item:ty, $key:ty, $field:ident) => {
        impl Keyed for $item {
            type Key = $key;

            fn key(&self) -> &$key {
                &self.$field
            }
        }
    };
}

keyed!(MailDomain, Domain, name);
keyed!(Mailbox, Address, address);
keyed!(Alias, Address, address);
keyed!(Admin, String, name);
keyed!(Removed, MailboxId, id);

/// The snapshot: copying it is cheap, and a copy shares all that it does not change.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Directory {
    /// By name.
    pub domains: Sorted<MailDomain>,
    /// By address; about 450 octets each (the whole program grows by 1.2 kB with one, measured at 10,000).
    pub mailboxes: Sorted<Mailbox>,
    /// By address.
    pub aliases: Sorted<Alias>,
    /// By name.
    pub admins: Sorted<Admin>,
    /// The next mailbox' number; only grows.
    pub next_mailbox: u32,
    /// Those whose mail is still to be purged (then [`Change::Purged`]).
    pub removed: Sorted<Removed>,
}

impl Directory {
    /// Whether mail for this domain is ours.
    pub fn is_ours(&self, domain: &Domain) -> bool {
        self.domains.contains_key(domain)
    }
}

#[cfg(test)]
mod tests;
