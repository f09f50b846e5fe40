//! The name in Host (RFC 9110 s7.2): an address or a name, and maybe a port.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Whom a request names as its server, without the port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Host {
    /// An address: a page that an attacker's name was rebound to does not send one.
    Ip(IpAddr),
    /// A name, in lower case, without the dot at its end.
    Name(String),
}

impl Host {
    /// Reads `name`, `name:port`, `192.0.2.1:8443`, `[2001:db8::1]:8443`.
    pub fn parse(text: &str) -> Option<Self> {
        if let Some(rest) = text.strip_prefix('[') {
            let (inner, port) = rest.split_once(']')?;
            let ip: Ipv6Addr = inner.parse().ok()?;
            return is_port(port).then_some(Host::Ip(ip.into()));
        }
        let name = text.split(':').next().unwrap_or_default();
        if !is_port(&text[name.len()..]) {
            return None;
        }
        if let Ok(ip) = name.parse::<Ipv4Addr>() {
            return Some(Host::Ip(ip.into()));
        }
        let name = name.strip_suffix('.').unwrap_or(name);
        let good = !name.is_empty()
            && name.len() <= 253
            && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_'));
        good.then(|| Host::Name(name.to_ascii_lowercase()))
    }
}

/// Nothing, or a colon and a port (which may be empty: RFC 3986 s3.2.3).
fn is_port(text: &str) -> bool {
    match text.strip_prefix(':') {
        Some(port) => port.len() <= 5 && port.bytes().all(|b| b.is_ascii_digit()),
        None => text.is_empty(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_addresses_are_told_apart() {
        let ip = |text: &str| Some(Host::Ip(text.parse().unwrap()));
        let name = |text: &str| Some(Host::Name(text.to_owned()));
        assert_eq!(Host::parse("Mail.Office.test.:8443"), name("mail.office.test"));
        assert_eq!(Host::parse("192.0.2.1:80"), ip("192.0.2.1"));
        assert_eq!(Host::parse("[2001:db8::1]:8443"), ip("2001:db8::1"));
        assert_eq!(Host::parse("[::1]"), ip("::1"));
        assert_eq!(Host::parse("localhost:"), name("localhost"));
    }

    #[test]
    fn what_is_no_host_is_none() {
        for bad in ["", ":80", "a b", "a@b", "a/b", "[::1", "[::1]x", "::1", "a:b", "a:123456", "[192.0.2.1]", "ä.test"]
        {
            assert_eq!(Host::parse(bad), None, "{bad}");
        }
    }
}
