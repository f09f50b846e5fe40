//! Paths of MAIL and RCPT (RFC 5321 s4.1.2): `<addr>`, `<>`, `<@relay:addr>`, `<postmaster>`.

use crate::types::{Address, AddressError, Domain};

/// How much of the grammar is forgiven.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lenience {
    /// RFC 5321 to the letter: strangers.
    Strict,
    /// A space behind the colon and missing brackets are forgiven: logged-in and private clients (Outlook, scanners, scripts).
    Forgiving,
}

/// Splits `<path> params` into what stands in the brackets and the rest, `None` if that is no path.
pub(super) fn split(text: &str, lenience: Lenience) -> Option<(&str, &str)> {
    let text = match lenience {
        Lenience::Strict => text,
        Lenience::Forgiving => text.trim_start_matches(' '),
    };
    let Some(inside) = text.strip_prefix('<') else {
        return match lenience {
            Lenience::Strict => None,
            Lenience::Forgiving => bare(text),
        };
    };
    let end = closing(inside)?;
    let rest = &inside[end + 1..];
    let ends_here = rest.is_empty() || rest.starts_with(' ');
    ends_here.then(|| (&inside[..end], rest.trim_matches(' ')))
}

/// `ann@office.test SIZE=5` without brackets: the path ends at the first space outside quotes.
fn bare(text: &str) -> Option<(&str, &str)> {
    let mut scan = Scan::default();
    let end = text.bytes().position(|b| scan.outside(b) && b == b' ').unwrap_or(text.len());
    let (path, rest) = text.split_at(end);
    (!path.is_empty() && !path.contains('>')).then(|| (path, rest.trim_matches(' ')))
}

/// Where the `>` is that ends the path; one in quotes does not.
fn closing(inside: &str) -> Option<usize> {
    let mut scan = Scan::default();
    inside.bytes().position(|b| scan.outside(b) && b == b'>')
}

/// Walks over a text and knows what stands in quotes (RFC 5321 s4.1.2 Quoted-string).
#[derive(Default)]
struct Scan {
    quoted: bool,
    escaped: bool,
}

impl Scan {
    /// Takes the next octet; whether it stands outside quotes.
    fn outside(&mut self, octet: u8) -> bool {
        if self.escaped {
            self.escaped = false;
            return false;
        }
        match octet {
            b'"' => {
                self.quoted = !self.quoted;
                false
            }
            b'\\' if self.quoted => {
                self.escaped = true;
                false
            }
            _ => !self.quoted,
        }
    }
}

/// Reads what stands in the brackets; a source route is checked and dropped (RFC 5321 s3.6.1, appendix C).
pub(super) fn address(inside: &str) -> Result<Address, AddressError> {
    let Some(route) = inside.strip_prefix('@') else {
        return Address::parse(inside);
    };
    const ROUTE: AddressError = AddressError("the source route is malformed");
    let (hosts, address) = route.split_once(':').ok_or(ROUTE)?;
    for (n, host) in hosts.split(',').enumerate() {
        let host = if n == 0 { host } else { host.strip_prefix('@').ok_or(ROUTE)? };
        Domain::parse(host).map_err(|_| ROUTE)?;
    }
    Address::parse(address)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_forgiving_read_a_space_and_a_missing_bracket() {
        for (text, strict, forgiving) in [
            ("<a@b.c>", Some(("a@b.c", "")), Some(("a@b.c", ""))),
            ("<>", Some(("", "")), Some(("", ""))),
            ("<a@b.c> SIZE=5", Some(("a@b.c", "SIZE=5")), Some(("a@b.c", "SIZE=5"))),
            ("<\"a>b\"@c.d>", Some(("\"a>b\"@c.d", "")), Some(("\"a>b\"@c.d", ""))),
            ("<\"a\\\">b\"@c.d>", Some(("\"a\\\">b\"@c.d", "")), Some(("\"a\\\">b\"@c.d", ""))),
            (" <a@b.c>", None, Some(("a@b.c", ""))),
            ("a@b.c SIZE=5", None, Some(("a@b.c", "SIZE=5"))),
            ("<a@b.c", None, None),
            ("a@b.c>", None, None),
            ("<a@b.c>x", None, None),
            ("", None, None),
        ] {
            assert_eq!(split(text, Lenience::Strict), strict, "{text}");
            assert_eq!(split(text, Lenience::Forgiving), forgiving, "{text}");
        }
    }

    #[test]
    fn a_source_route_is_dropped() {
        let plain = Address::parse("a@b.c");
        assert_eq!(address("@x.y,@z:a@b.c"), plain);
        assert_eq!(address("@x.y:a@b.c"), plain);
        for bad in ["@x.y,z:a@b.c", "@x.y", "@:a@b.c", "@x y:a@b.c"] {
            assert!(address(bad).is_err(), "{bad}");
        }
    }
}
