//! Names nobody can guess (sessions, tokens, one-time links), and the form in which they are remembered.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD as BASE64};
use ring::digest;

use crate::wire::scram;

/// 256 random bits in 43 characters of base64url. None when the system has no randomness.
pub fn ticket() -> Option<String> {
    scram::random::<32>().map(|octets| BASE64.encode(octets))
}

/// SHA-256. What has 256 random bits needs no salt and no rounds: whoever reads the hash cannot go back.
pub fn digest(text: &[u8]) -> [u8; 32] {
    let mut out = [0; 32];
    out.copy_from_slice(digest::digest(&digest::SHA256, text).as_ref());
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_tickets_are_alike_and_their_digest_is_sha_256() {
        let (one, two) = (ticket().unwrap(), ticket().unwrap());
        assert_eq!(one.len(), 43);
        assert_ne!(one, two);
        assert_eq!(digest(b"abc")[..4], [0xba, 0x78, 0x16, 0xbf]);
    }
}
