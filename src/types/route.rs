//! Where mail for others goes next: to the world, to a relay, to a store behind us. Plain values and the text that settings hold.

use std::fmt;

use super::{Address, Domain};

/// How a connection to a named server is encrypted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum HopTls {
    /// Not at all.
    Off,
    /// STARTTLS where it is offered, plain where it is not or fails.
    Opportunistic,
    /// STARTTLS; nothing is sent without it. The certificate is not asked.
    Required,
    /// STARTTLS, and the certificate must be good for the server's name.
    Verified,
    /// TLS from the first octet (port 465, RFC 8314 s3.3), and the certificate must be good.
    Implicit,
}

impl HopTls {
    /// The words of settings, in the order of the variants.
    pub const WORDS: &'static [&'static str] = &["off", "opportunistic", "required", "verified", "ssl"];

    const ALL: [HopTls; 5] = [HopTls::Off, HopTls::Opportunistic, HopTls::Required, HopTls::Verified, HopTls::Implicit];

    /// The word of settings.
    pub fn word(self) -> &'static str {
        match self {
            HopTls::Off => "off",
            HopTls::Opportunistic => "opportunistic",
            HopTls::Required => "required",
            HopTls::Verified => "verified",
            HopTls::Implicit => "ssl",
        }
    }

    /// Reads the word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|mode| mode.word() == word)
    }
}

/// A server that settings name: its addresses are looked up, its MX is not.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Hop {
    /// A host name in lower case, or an IP address without brackets.
    pub host: Box<str>,
    /// TCP port, not 0.
    pub port: u16,
    /// Encryption.
    pub tls: HopTls,
}

impl Hop {
    /// Reads `HOST`, `HOST:PORT`, `HOST:PORT:TLS`; an IPv6 address stands in brackets. None: it is none.
    pub fn parse(text: &str, port: u16, tls: HopTls) -> Option<Self> {
        let (host, rest) = match text.strip_prefix('[') {
            Some(inner) => inner.split_once(']')?,
            None => text.split_once(':').map_or((text, ""), |(host, _)| (host, &text[host.len()..])),
        };
        let host = Self::host(host)?;
        let mut parts = rest.strip_prefix(':').map(|rest| rest.splitn(2, ':')).into_iter().flatten();
        let port = parts.next().map_or(Some(port), |port| port.parse().ok().filter(|port| *port != 0))?;
        let tls = parts.next().map_or(Some(tls), HopTls::parse)?;
        (rest.is_empty() || rest.starts_with(':')).then_some(Hop { host, port, tls })
    }

    /// A host name in its one form, or an IP address without brackets; None: it is neither.
    pub fn host(text: &str) -> Option<Box<str>> {
        if let Ok(ip) = text.parse::<std::net::IpAddr>() {
            return Some(ip.to_string().into());
        }
        // An address that is not whole is no name (RFC 1123 s2.1).
        let name = Domain::parse(text).ok().filter(|name| !name.is_literal())?;
        let last = name.as_str().rsplit('.').next().unwrap_or_default();
        (!last.bytes().all(|b| b.is_ascii_digit())).then(|| name.as_str().into())
    }
}

impl fmt::Display for Hop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Hop { host, port, tls } = self;
        if host.contains(':') {
            write!(f, "[{host}]:{port}:{}", tls.word())
        } else {
            write!(f, "{host}:{port}:{}", tls.word())
        }
    }
}

/// A way that a message can leave by.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum NextHop {
    /// The servers of the recipient's domain (MX, RFC 5321 s5.1).
    Direct,
    /// A server that sends it on.
    Relay(Hop),
    /// A store behind us, by LMTP (RFC 2033).
    Lmtp(Hop),
    /// Nowhere: it counts as delivered.
    Discard,
}

impl NextHop {
    fn parse(text: &str) -> Option<Self> {
        match text.split_once(':') {
            None if text == "mx" => Some(NextHop::Direct),
            None if text == "discard" => Some(NextHop::Discard),
            Some(("relay", hop)) => Hop::parse(hop, 25, HopTls::Opportunistic).map(NextHop::Relay),
            // LMTP has no port of its own; 24 is IANA's for "any private mail system" and what Dovecot's manual shows.
            Some(("lmtp", hop)) => Hop::parse(hop, 24, HopTls::Off).map(NextHop::Lmtp),
            Some(_) | None => None,
        }
    }
}

impl fmt::Display for NextHop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NextHop::Direct => f.write_str("mx"),
            NextHop::Relay(hop) => write!(f, "relay:{hop}"),
            NextHop::Lmtp(hop) => write!(f, "lmtp:{hop}"),
            NextHop::Discard => f.write_str("discard"),
        }
    }
}

/// Whose mail a rule is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Whose {
    /// Recipients of this domain.
    To(Domain),
    /// Recipients of domains below this one.
    Below(Domain),
    /// Senders of this domain.
    From(Domain),
    /// All others.
    Rest,
}

/// Whose mail goes where: `example.org=mx`, `.example.org=relay:10.0.0.2:25:off`, `from:office.example=relay:...`, `*=mx|relay:...`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RouteRule {
    /// Whose.
    pub whose: Whose,
    /// The ways: the next one is taken where nobody was reached by the one before. One or more.
    pub hops: Vec<NextHop>,
}

/// Ways that one rule may name.
const MOST_HOPS: usize = 4;

impl RouteRule {
    /// Reads a rule; None: it is none.
    pub fn parse(text: &str) -> Option<Self> {
        let (whose, hops) = text.split_once('=')?;
        let hops: Vec<NextHop> = hops.split('|').map(|hop| NextHop::parse(hop.trim())).collect::<Option<_>>()?;
        // What is thrown away cannot be tried elsewhere.
        let discards = hops.contains(&NextHop::Discard);
        let fits = hops.len() <= MOST_HOPS && (!discards || hops.len() == 1);
        fits.then_some(RouteRule { whose: Whose::parse(whose.trim())?, hops })
    }

    /// How exactly it fits a message; None: not at all. The highest one holds; a recipient's domain comes before the sender's.
    pub fn fits(&self, from: Option<&Address>, to: &Domain) -> Option<usize> {
        match &self.whose {
            Whose::To(domain) => (domain == to).then_some(1000),
            Whose::Below(domain) => {
                let rest = to.as_str().strip_suffix(domain.as_str())?;
                rest.ends_with('.').then(|| 300 + domain.as_str().len())
            }
            Whose::From(domain) => from.is_some_and(|from| from.domain == *domain).then_some(2),
            Whose::Rest => Some(1),
        }
    }
}

impl Whose {
    fn parse(text: &str) -> Option<Self> {
        if text == "*" {
            return Some(Whose::Rest);
        }
        if let Some(domain) = text.strip_prefix("from:") {
            return Domain::parse(domain).ok().map(Whose::From);
        }
        match text.strip_prefix('.') {
            Some(domain) => Domain::parse(domain).ok().filter(|domain| !domain.is_literal()).map(Whose::Below),
            None => Domain::parse(text).ok().map(Whose::To),
        }
    }
}

impl fmt::Display for RouteRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.whose {
            Whose::To(domain) => write!(f, "{domain}=")?,
            Whose::Below(domain) => write!(f, ".{domain}=")?,
            Whose::From(domain) => write!(f, "from:{domain}=")?,
            Whose::Rest => f.write_str("*=")?,
        }
        let hops: Vec<String> = self.hops.iter().map(NextHop::to_string).collect();
        f.write_str(&hops.join("|"))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn rules_are_read_and_written_in_one_form() {
        for (text, form) in [
            ("Example.ORG = mx", "example.org=mx"),
            (".example.org=relay:10.0.0.2", ".example.org=relay:10.0.0.2:25:opportunistic"),
            ("from:office.test=relay:[fd00::1]:587:verified", "from:office.test=relay:[fd00::1]:587:verified"),
            ("*=mx | relay:Backup.test:2525", "*=mx|relay:backup.test:2525:opportunistic"),
            ("old.test=lmtp:10.0.0.5", "old.test=lmtp:10.0.0.5:24:off"),
            ("void.test=discard", "void.test=discard"),
        ] {
            let rule = RouteRule::parse(text).unwrap();
            assert_eq!(rule.to_string(), form);
            assert_eq!(RouteRule::parse(form), Some(rule));
        }
    }

    #[test]
    fn what_is_no_rule_is_none() {
        for bad in [
            "",
            "=mx",
            "example.org",
            "example.org=",
            "example.org=mx|",
            "a b=mx",
            "x.test=relay:",
            "x.test=relay:h:0",
            "x.test=relay:h:70000",
            "x.test=relay:h:25:tls",
            "x.test=relay:[::1",
            "x.test=relay:10.0.0",
            "x.test=discard|mx",
            "x.test=mx|mx|mx|mx|mx",
            "..test=mx",
            "from:=mx",
            "x.test=relay:[::1]x",
        ] {
            assert_eq!(RouteRule::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn the_most_exact_rule_fits_best() {
        let rules = ["example.org=mx", ".org=mx", ".example.org=mx", "from:office.test=mx", "*=mx"];
        let rules: Vec<RouteRule> = rules.iter().map(|rule| RouteRule::parse(rule).unwrap()).collect();
        let from = Address::parse("ann@office.test").unwrap();
        let best = |to: &str| {
            let to = Domain::parse(to).unwrap();
            let fit = |rule: &RouteRule| rule.fits(Some(&from), &to);
            rules.iter().filter(|rule| fit(rule).is_some()).max_by_key(|rule| fit(rule)).unwrap().to_string()
        };
        assert_eq!(best("example.org"), "example.org=mx");
        assert_eq!(best("mail.example.org"), ".example.org=mx");
        assert_eq!(best("else.org"), ".org=mx");
        assert_eq!(best("notexample.org"), ".org=mx");
        assert_eq!(best("else.test"), "from:office.test=mx");
        assert_eq!(rules[3].fits(None, &Domain::parse("x.test").unwrap()), None);
    }
}
