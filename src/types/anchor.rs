//! A key that signatures of DNS may begin with (a trust anchor, RFC 4033 s2), as settings hold it: a DNSKEY record on a line.

use std::fmt;

use base64::{Engine as _, engine::general_purpose::STANDARD};

use super::Domain;

/// One key of one zone. Its `Display` is the settings string again, in its one form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ZoneKey {
    /// Lower case without the last dot; empty for the root.
    pub zone: Box<str>,
    /// 257 for a key that signs keys, 256 for one that signs records (RFC 4034 s2.1.1).
    pub flags: u16,
    /// RFC 8624 s3.1; those that we can check.
    pub algorithm: u8,
    /// As it stands in the record (RFC 3110, RFC 6605, RFC 8080).
    pub key: Vec<u8>,
}

/// RFC 4034 s2.1.1: the key is one of a zone.
const OF_A_ZONE: u16 = 0x0100;
/// RFC 5011 s3: it counts no more.
const REVOKED: u16 = 0x0080;
/// Octets of the longest key: RSA with 4096 bits, its exponent, and some room.
const LONGEST: usize = 1024;

impl ZoneKey {
    /// Reads `ZONE [TTL] [IN] DNSKEY FLAGS 3 ALGORITHM KEY`, as zone files and `dig` have it. The error is the end of a sentence that
    /// begins with the setting's name.
    pub fn parse(text: &str) -> Result<Self, String> {
        let bare = text.split(';').next().unwrap_or_default();
        let mut words = bare.split_ascii_whitespace().filter(|word| !matches!(*word, "(" | ")")).peekable();
        let zone = words.next().and_then(zone).ok_or("must begin with the name of a zone, or a dot for the root")?;
        words.next_if(|word| word.bytes().all(|b| b.is_ascii_digit()));
        words.next_if(|word| word.eq_ignore_ascii_case("IN"));
        if !words.next().is_some_and(|word| word.eq_ignore_ascii_case("DNSKEY")) {
            return Err("must be a DNSKEY record; a DS record is not enough".to_owned());
        }
        let mut number = || words.next().and_then(|word| word.parse::<u16>().ok());
        let (flags, protocol, algorithm) = (number(), number(), number());
        let flags = flags.filter(|flags| flags & OF_A_ZONE != 0 && flags & REVOKED == 0);
        let flags = flags.ok_or("must have the flags 256 or 257 behind DNSKEY, and not be revoked")?;
        if protocol != Some(3) {
            return Err("must have the protocol 3 (RFC 4034 s2.1.2)".to_owned());
        }
        let algorithm = algorithm.and_then(|n| u8::try_from(n).ok()).filter(|n| matches!(n, 8 | 10 | 13 | 14 | 15));
        let algorithm = algorithm.ok_or("must have one of the algorithms 8, 10, 13, 14, 15")?;
        let key = STANDARD.decode(words.collect::<String>()).ok().filter(|key| fits(algorithm, key.len()));
        let key = key.ok_or("must end with the whole key in base64")?;
        Ok(ZoneKey { zone, flags, algorithm, key })
    }
}

fn zone(word: &str) -> Option<Box<str>> {
    if word == "." {
        return Some("".into());
    }
    Domain::parse(word).ok().filter(|name| !name.is_literal()).map(|name| name.as_str().into())
}

/// RFC 6605 s4, RFC 8080 s3; of RSA at least 1024 bits (RFC 5702 s2).
fn fits(algorithm: u8, octets: usize) -> bool {
    match algorithm {
        13 => octets == 64,
        14 => octets == 96,
        15 => octets == 32,
        _ => (129..=LONGEST).contains(&octets),
    }
}

impl fmt::Display for ZoneKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ZoneKey { zone, flags, algorithm, key } = self;
        write!(f, "{zone}. IN DNSKEY {flags} 3 {algorithm} {}", STANDARD.encode(key))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 8080 s6.1.
    const EXAMPLE: &str =
        "example.com. 3600 IN DNSKEY 257 3 15 (\n             l02Woi0iS8Aa25FQkUd9RMzZHJpBoRQwAQEX1SxZJA4= )";

    #[test]
    fn a_key_is_read_as_zone_files_write_it_and_written_in_one_form() {
        let key = ZoneKey::parse(EXAMPLE).unwrap();
        assert_eq!((&*key.zone, key.flags, key.algorithm, key.key.len()), ("example.com", 257, 15, 32));
        let text = "example.com. IN DNSKEY 257 3 15 l02Woi0iS8Aa25FQkUd9RMzZHJpBoRQwAQEX1SxZJA4=";
        assert_eq!(key.to_string(), text);
        assert_eq!(ZoneKey::parse(text), Ok(key.clone()));
        let spoken = "EXAMPLE.com dnskey 257 3 15 l02Woi0iS8Aa25FQkUd9 RMzZHJpBoRQwAQEX1SxZJA4= ;{id = 3613 (ksk)}";
        assert_eq!(ZoneKey::parse(spoken), Ok(key));
        let root = ZoneKey::parse(". IN DNSKEY 257 3 15 l02Woi0iS8Aa25FQkUd9RMzZHJpBoRQwAQEX1SxZJA4=").unwrap();
        assert!(root.zone.is_empty() && root.to_string().starts_with(". IN DNSKEY 257 "), "{root}");
    }

    #[test]
    fn what_is_no_key_is_told_apart() {
        for (text, why) in [
            ("", "name of a zone"),
            ("[192.0.2.1] IN DNSKEY 257 3 15 AAAA", "name of a zone"),
            (". IN DS 20326 8 2 E06D44B80B8F1D39A95C0B0D7C65D08458E880409BBC683457104237C7F8EC8D", "DS record"),
            (". IN DNSKEY 0 3 15 l02Woi0iS8Aa25FQkUd9RMzZHJpBoRQwAQEX1SxZJA4=", "flags"),
            (". IN DNSKEY 385 3 15 l02Woi0iS8Aa25FQkUd9RMzZHJpBoRQwAQEX1SxZJA4=", "revoked"),
            (". IN DNSKEY 257 2 15 l02Woi0iS8Aa25FQkUd9RMzZHJpBoRQwAQEX1SxZJA4=", "protocol"),
            (". IN DNSKEY 257 3 5 l02Woi0iS8Aa25FQkUd9RMzZHJpBoRQwAQEX1SxZJA4=", "algorithms"),
            (". IN DNSKEY 257 3 13 l02Woi0iS8Aa25FQkUd9RMzZHJpBoRQwAQEX1SxZJA4=", "whole key"),
            (". IN DNSKEY 257 3 15 l02Woi0iS8Aa25FQkUd9RMzZHJpBoRQwAQEX1Sx", "whole key"),
            (". IN DNSKEY 257 3 8 AQAB", "whole key"),
        ] {
            let said = ZoneKey::parse(text).unwrap_err();
            assert!(said.contains(why), "{text}: {said}");
        }
    }
}
