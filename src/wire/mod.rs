//! Bytes to values and back, nothing else: no sockets, no clock, no policy. Both directions of a type stand in one file.

pub mod pop3;
pub mod sasl;
pub mod scram;
pub mod smtp;
