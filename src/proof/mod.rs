//! Who says so? DKIM: keys, their records, signatures on what leaves. The door of mail-auth and rsa.
//!
//! Must not know: where keys are kept (rows come and go as bytes), what is a queue, who may send.

mod key;
mod keyring;
mod sign;

pub use key::{KeyError, KeyKind, KeyPair};
pub use keyring::{DomainKey, Keyring, Stage};
pub use sign::{Signed, sign};
