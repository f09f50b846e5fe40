//! SASL messages: PLAIN (RFC 4616), LOGIN, base64 lines.
