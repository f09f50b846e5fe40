//! SCRAM-SHA-256 (RFC 5802, 7677): messages, derivation, proofs.
