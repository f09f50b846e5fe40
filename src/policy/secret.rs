//! The boot key: names and passwords are remembered in memory only as keyed hashes that no other process could recompute.

use std::io;

use ring::hmac;

use crate::{
    types::{Credential, Password},
    wire::scram,
};

/// A keyed hash, cut to 128 bits.
pub type Tag = [u8; 16];

/// Made anew at every start, kept nowhere.
pub struct BootKey(hmac::Key);

impl BootKey {
    /// A random key; the error is that the system has no randomness.
    pub fn make() -> io::Result<Self> {
        let octets = scram::random::<32>().ok_or_else(|| io::Error::other("the system gives no random octets"))?;
        Ok(BootKey(hmac::Key::new(hmac::HMAC_SHA256, &octets)))
    }

    /// The tag of an account's name.
    pub fn account(&self, name: &str) -> Tag {
        cut(self.sign(&[b"account", name.as_bytes()]))
    }

    /// The tag of a password as it was said for an account while it had this credential: with the credential it changes.
    pub fn password(&self, account: &Tag, said: &str, kept: &Password) -> Tag {
        cut(match kept {
            Password::Scram(Credential { salt, stored_key, server_key, iterations: _ }) => {
                self.sign(&[b"password", account, said.as_bytes(), salt, stored_key, server_key])
            }
            Password::Imported(hash) => self.sign(&[b"password", account, said.as_bytes(), hash.as_str().as_bytes()]),
        })
    }

    /// The credential of somebody who is not there: always the same for one name until the next start, and no password
    /// fits it. So an unknown name costs the same time as a known one, and SCRAM shows it a salt like any other.
    pub fn nobody(&self, account: &Tag, iterations: u32) -> Credential {
        Credential {
            salt: cut(self.sign(&[b"salt", account])).to_vec(),
            iterations,
            stored_key: self.sign(&[b"stored", account]),
            server_key: self.sign(&[b"server", account]),
        }
    }

    /// Each part with its length before it, so that no two lists of parts give one text.
    fn sign(&self, parts: &[&[u8]]) -> [u8; 32] {
        let mut context = hmac::Context::with_key(&self.0);
        for part in parts {
            context.update(&(part.len() as u64).to_be_bytes());
            context.update(part);
        }
        let tag = context.sign();
        std::array::from_fn(|n| tag.as_ref().get(n).copied().unwrap_or(0))
    }
}

fn cut(long: [u8; 32]) -> Tag {
    std::array::from_fn(|n| long[n])
}
