//! Addresses as networks: which are private, which a setting names, and which one host of a stranger stands for.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// An address range, as `relay_networks` writes it: `10.1.0.0/16`, `2001:db8::/32`, or a single address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    first: IpAddr,
    bits: u8,
}

impl Network {
    /// Reads an IP or a CIDR. The error is a sentence for a person.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let (ip, bits) = text.split_once('/').map_or((text, None), |(ip, bits)| (ip, Some(bits)));
        let ip: IpAddr = ip.parse().map_err(|_| "not an IP address")?;
        let most = if ip.is_ipv4() { 32 } else { 128 };
        let bits = match bits {
            None => most,
            Some(n) if n.len() <= 3 && n.bytes().all(|b| b.is_ascii_digit()) => {
                n.parse().ok().filter(|n| *n <= most).ok_or("the prefix is longer than the address")?
            }
            Some(_) => return Err("the prefix behind the / is not a number"),
        };
        if bits == 0 {
            return Err("a prefix of 0 bits would be the whole Internet");
        }
        Ok(Network { first: masked(ip, bits), bits })
    }

    /// Whether `ip` lies in it (an IPv4-mapped address counts as IPv4).
    pub fn contains(&self, ip: IpAddr) -> bool {
        let ip = ip.to_canonical();
        ip.is_ipv4() == self.first.is_ipv4() && masked(ip, self.bits) == self.first
    }
}

/// Whether any entry names `ip`. An entry that is no network names nobody; `settings` has told the administrator.
pub fn listed(entries: &[String], ip: IpAddr) -> bool {
    entries.iter().any(|e| Network::parse(e.trim()).is_ok_and(|n| n.contains(ip)))
}

/// Whether nobody outside can have it (Q10): RFC 1918, loopback, link-local, unique local (RFC 4193).
pub fn is_private(ip: IpAddr) -> bool {
    match ip.to_canonical() {
        IpAddr::V4(v4) => v4.is_private() || v4.is_loopback() || v4.is_link_local(),
        IpAddr::V6(v6) => v6.is_loopback() || v6.is_unique_local() || v6.is_unicast_link_local(),
    }
}

/// What one customer of a provider owns: an IPv4 address, or a /64 of IPv6.
pub fn household(ip: IpAddr) -> IpAddr {
    match ip.to_canonical() {
        v4 @ IpAddr::V4(_) => v4,
        v6 @ IpAddr::V6(_) => masked(v6, 64),
    }
}

fn masked(ip: IpAddr, bits: u8) -> IpAddr {
    match ip {
        IpAddr::V4(v4) => {
            let mask = u32::MAX.checked_shl(32 - u32::from(bits)).unwrap_or(0);
            Ipv4Addr::from_bits(v4.to_bits() & mask).into()
        }
        IpAddr::V6(v6) => {
            let mask = u128::MAX.checked_shl(128 - u32::from(bits)).unwrap_or(0);
            Ipv6Addr::from_bits(v6.to_bits() & mask).into()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn a_network_holds_its_addresses_and_no_others() {
        for (network, inside, outside) in [
            ("10.1.2.3/16", "10.1.255.255", "10.2.0.0"),
            ("192.0.2.7", "192.0.2.7", "192.0.2.8"),
            ("192.0.2.0/32", "::ffff:192.0.2.0", "::c000:200"),
            ("2001:db8::/33", "2001:db8:7fff::1", "2001:db8:8000::1"),
            ("128.0.0.0/1", "255.0.0.1", "127.0.0.1"),
            ("2001:db8::1", "2001:db8::1", "10.0.0.1"),
        ] {
            let parsed = Network::parse(network).unwrap();
            assert!(parsed.contains(ip(inside)) && !parsed.contains(ip(outside)), "{network}");
        }
    }

    #[test]
    fn refuses_what_is_no_network() {
        for text in ["", "10.0.0.0/33", "10.0.0/8", "::/129", "0.0.0.0/0", "::/0", "10.0.0.0/", "10.0.0.0/+8", "host"] {
            assert!(Network::parse(text).is_err(), "{text}");
        }
        assert!(!listed(&["host".into(), "10.0.0.0/33".into()], ip("10.0.0.1")));
        assert!(listed(&["host".into(), " 10.0.0.0/8".into()], ip("10.0.0.1")));
    }

    #[test]
    fn knows_private_addresses() {
        for text in ["10.0.0.1", "172.31.9.9", "192.168.1.1", "127.0.0.1", "169.254.1.1", "::1", "fd00::1", "fe80::1"] {
            assert!(is_private(ip(text)), "{text}");
        }
        for text in ["172.32.0.1", "8.8.8.8", "100.64.0.1", "2001:db8::1", "0.0.0.0", "::"] {
            assert!(!is_private(ip(text)), "{text}");
        }
        assert!(is_private(ip("::ffff:10.0.0.1")));
    }

    #[test]
    fn a_stranger_cannot_hide_in_his_64() {
        assert_eq!(household(ip("2001:db8:1:2::5")), household(ip("2001:db8:1:2:ffff::6")));
        assert_ne!(household(ip("2001:db8:1:2::5")), household(ip("2001:db8:1:3::5")));
        assert_ne!(household(ip("192.0.2.1")), household(ip("192.0.2.2")));
    }
}
