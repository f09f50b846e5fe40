//! ENVELOPE and BODYSTRUCTURE (RFC 3501 s7.4.2) as text that is ready to send, written once when a message comes.
//!
//! Two forms: ASCII, in which raw 8-bit text of headers is shown as RFC 2047 words, for clients that did not ENABLE
//! UTF8=ACCEPT (RFC 6855 s3); and UTF-8. Encoded words that the sender wrote stay as they are in both. Neither form ever needs
//! a literal: CR, LF and NUL are taken out of what headers say, all else may stand in a quoted string.

mod body;
mod envelope;
mod pen;
mod tree;

pub(super) use body::structure;
pub(super) use envelope::envelope;
pub(super) use pen::Form;
pub(super) use tree::{Node, basic, read};

/// A text and whether something had to be left out of it.
pub(super) struct Text {
    pub bytes: Vec<u8>,
    pub cut: bool,
}
