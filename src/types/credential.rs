//! The one form in which a password is kept (people, mailboxes, admins): SCRAM-SHA-256 (RFC 5802 s3, RFC 5803).

/// Salt, iterations and the two keys. The derivation is in `wire::scram`. Its `Debug` shows none of them.
#[derive(Clone, PartialEq, Eq)]
pub struct Credential {
    /// 16 random octets.
    pub salt: Vec<u8>,
    /// PBKDF2 rounds.
    pub iterations: u32,
    /// H(ClientKey)
    pub stored_key: [u8; 32],
    /// HMAC(SaltedPassword, "Server Key")
    pub server_key: [u8; 32],
}

impl std::fmt::Debug for Credential {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Credential(..)")
    }
}
