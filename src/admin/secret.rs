//! Tickets of the administration: made, hashed, compared.

use crate::policy;

/// 256 random bits as text; None when the system has no randomness.
pub(super) fn fresh() -> Option<String> {
    policy::ticket()
}

/// The form in which a ticket is remembered.
pub(super) fn hash(ticket: &str) -> [u8; 32] {
    policy::digest(ticket.as_bytes())
}

/// Whether two secrets are the same. Their hashes are compared: how far two of them agree tells nothing of the secrets.
pub(super) fn same(one: &str, other: &str) -> bool {
    hash(one) == hash(other)
}

/// Lower-case hex.
pub(super) fn hex(octets: &[u8]) -> String {
    octets.iter().map(|octet| format!("{octet:02x}")).collect()
}
