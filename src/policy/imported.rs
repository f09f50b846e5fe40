//! Hashes that were brought from elsewhere: checked once, then replaced by a credential of ours. The door of sha-crypt.
//!
//! Policy cannot write the directory; it hands each renewal to whoever may (`app` gives it to the desk).

use sha_crypt::{PasswordVerifier, ShaCrypt};

use crate::types::{Address, Credential, CryptHash};

/// Renewals that wait to be written; one that finds no place comes again with the next login.
pub(super) const WAITING: usize = 64;

/// A login by an imported hash went well.
#[derive(Clone, Debug)]
pub struct Renewal {
    /// The mailbox.
    pub address: Address,
    /// What it was logged in by.
    pub imported: CryptHash,
    /// What takes its place.
    pub credential: Credential,
}

/// Whether the password fits. Slow on purpose: up to 0.3 s at the most rounds that are taken.
pub(super) fn fits(hash: &CryptHash, password: &str) -> bool {
    ShaCrypt::default().verify_password(password.as_bytes(), hash.as_str()).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Made by the C library's crypt, by way of Python's crypt module.
    const HASHES: [&str; 3] = [
        "$5$saltsalt$0isE1Uv9JKgMDYAUwESwdd5MWRhWSKU350MCK/JB8E1",
        "$6$saltsalt$vcnMFm.hJIDhsoPyEXzXzyDRW.CGVJrg1zQ1VQEIDaYkHipyAkAf8ZXzzBLqmSJpp9p03DdMqo4Xothxu8.aJ1",
        "$6$rounds=1000$roundzero$LUgu4Jz7M3JaSTAC6JuM7yT16VkNTre5QnosEmhZ9.8Gv/9/wP./tXlnQ0y7K1QejtGaiH/LtJenjQF7CxQg70",
    ];

    #[test]
    fn hashes_of_the_c_library_know_their_password() {
        for text in HASHES {
            let hash = CryptHash::parse(text).unwrap();
            assert!(fits(&hash, "ann-pass-1"), "{text}");
            assert!(!fits(&hash, "ann-pass-2") && !fits(&hash, ""), "{text}");
        }
    }
}
