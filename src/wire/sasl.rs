//! SASL (RFC 4422) as SMTP and POP3 carry it: base64 lines, PLAIN (RFC 4616), LOGIN. SCRAM has its own file.
//!
//! Must not know: whose password it is, and which protocol the line came in.

use base64::{Engine as _, engine::general_purpose::STANDARD};

/// First prompt of LOGIN, without base64. Outlook hangs on an empty one.
pub const USERNAME: &[u8] = b"Username:";
/// Second prompt of LOGIN.
pub const PASSWORD: &[u8] = b"Password:";

/// The text is no base64 or no message of the mechanism: 501 5.5.2, -ERR.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Malformed;

/// What a client answered to a challenge.
#[derive(Clone, PartialEq, Eq)]
pub enum Answer {
    /// `*`: it does not want to log in any more (RFC 4954 s4, RFC 5034 s4).
    Cancel,
    /// The octets, maybe none.
    Data(Vec<u8>),
}

impl Answer {
    /// Reads an answer line without its CRLF.
    pub fn parse(line: &[u8]) -> Result<Self, Malformed> {
        if line == b"*" {
            return Ok(Answer::Cancel);
        }
        STANDARD.decode(line).map(Answer::Data).map_err(|_| Malformed)
    }

    /// As it goes over the wire, without CRLF.
    pub fn write(&self) -> String {
        match self {
            Answer::Cancel => "*".to_owned(),
            Answer::Data(octets) => STANDARD.encode(octets),
        }
    }
}

/// Reads the initial response that stands in the AUTH command itself; `=` is an empty one (RFC 4954 s4, RFC 5034 s4).
pub fn parse_initial(text: &[u8]) -> Result<Vec<u8>, Malformed> {
    match text {
        b"=" => Ok(Vec::new()),
        b"" => Err(Malformed),
        text => STANDARD.decode(text).map_err(|_| Malformed),
    }
}

/// Writes an initial response.
pub fn write_initial(octets: &[u8]) -> String {
    if octets.is_empty() { "=".to_owned() } else { STANDARD.encode(octets) }
}

/// Base64 of a challenge, to stand behind `334 ` or `+ `.
pub fn write_challenge(octets: &[u8]) -> String {
    STANDARD.encode(octets)
}

/// The one message of PLAIN. Has no `Debug`: it holds a password.
#[derive(Clone, PartialEq, Eq)]
pub struct Plain {
    /// Who to be; empty: the one who logs in.
    pub authzid: String,
    /// Who logs in.
    pub authcid: String,
    /// The password.
    pub password: String,
}

impl Plain {
    /// `[authzid] NUL authcid NUL passwd`, UTF-8, the last two not empty.
    pub fn parse(octets: &[u8]) -> Result<Self, Malformed> {
        let text = std::str::from_utf8(octets).map_err(|_| Malformed)?;
        let mut parts = text.split('\0').map(str::to_owned);
        match (parts.next(), parts.next(), parts.next(), parts.next()) {
            (Some(authzid), Some(authcid), Some(password), None) if !authcid.is_empty() && !password.is_empty() => {
                Ok(Plain { authzid, authcid, password })
            }
            _ => Err(Malformed),
        }
    }

    /// The octets before base64.
    pub fn write(&self) -> Vec<u8> {
        format!("{}\0{}\0{}", self.authzid, self.authcid, self.password).into_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_is_read_and_written_back() {
        for octets in [&b"\0ann\0pass"[..], b"ann\0ann\0p", "\0\u{430}nn\0\u{43f}".as_bytes()] {
            assert!(Plain::parse(octets).is_ok_and(|p| p.write() == octets), "{octets:?}");
        }
    }

    #[test]
    fn refuses_what_is_no_plain() {
        for octets in [&b""[..], b"ann", b"\0ann", b"\0\0pass", b"\0ann\0", b"\0a\0b\0c", b"\0a\0\xff"] {
            assert!(Plain::parse(octets).is_err(), "{octets:?}");
        }
    }

    #[test]
    fn a_star_cancels_and_an_equals_sign_is_an_empty_initial_response() {
        assert!(Answer::parse(b"*") == Ok(Answer::Cancel));
        assert!(Answer::parse(b"") == Ok(Answer::Data(Vec::new())));
        assert!(Answer::parse(b"QQ==") == Ok(Answer::Data(b"A".to_vec())));
        assert!(Answer::parse(b"Q").is_err() && Answer::parse(b"=").is_err() && Answer::parse(b"Q Q=").is_err());
        assert_eq!(parse_initial(b"="), Ok(Vec::new()));
        assert_eq!(parse_initial(b"QUI="), Ok(b"AB".to_vec()));
        assert_eq!(parse_initial(b""), Err(Malformed));
        assert_eq!((write_initial(b""), write_initial(b"AB")), ("=".to_owned(), "QUI=".to_owned()));
    }
}
