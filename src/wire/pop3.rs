//! POP3 (RFC 1939): commands and replies.
