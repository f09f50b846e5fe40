//! A syslog collector as a settings string, parsed once: `udp://host:514`, `tcp://host:514?framing=octet&format=5424`.

use std::{fmt, net::IpAddr};

use super::Domain;

/// Where a TCP message ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// A line feed ends it (RFC 6587 s3.4.2).
    Lf,
    /// Its length stands before it (RFC 6587 s3.4.1).
    Octet,
}

/// How lines travel to a collector.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// One datagram a line (RFC 5426).
    Udp,
    /// One connection (RFC 6587).
    Tcp(Framing),
}

/// How a line is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// `<22>Nov 24 05:08:51 host program[pid]: text`, local time.
    Rfc3164,
    /// `<22>1 2026-11-24T05:08:51+03:00 host program pid - - text`.
    Rfc5424,
}

/// One collector. Its `Display` is the settings string again, with every default written out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Collector {
    /// A name or an IP address without brackets.
    pub host: String,
    /// Its port; 514 by default.
    pub port: u16,
    /// UDP or TCP.
    pub transport: Transport,
    /// RFC 3164 by default.
    pub format: Format,
}

impl Collector {
    /// Reads a settings string. The error is a sentence for a person.
    pub fn parse(text: &str) -> Result<Self, String> {
        let text = text.trim();
        let Some((scheme, rest)) = text.split_once("://") else {
            return Err(format!("`{text}`: write a collector as udp://host:514 or tcp://host:514"));
        };
        let mut transport = match scheme.to_ascii_lowercase().as_str() {
            "udp" => Transport::Udp,
            "tcp" => Transport::Tcp(Framing::Lf),
            other => return Err(format!("`{text}`: `{other}` is not a way to a collector; write udp or tcp")),
        };
        let (place, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (host, port) =
            Self::place(place.strip_suffix('/').unwrap_or(place)).map_err(|e| format!("`{text}`: {e}"))?;
        let mut format = Format::Rfc3164;
        for pair in query.split('&').filter(|p| !p.is_empty()) {
            match pair.split_once('=').unwrap_or((pair, "")) {
                ("format", "3164") => format = Format::Rfc3164,
                ("format", "5424") => format = Format::Rfc5424,
                ("framing", "lf") if transport != Transport::Udp => transport = Transport::Tcp(Framing::Lf),
                ("framing", "octet") if transport != Transport::Udp => transport = Transport::Tcp(Framing::Octet),
                ("framing", "lf" | "octet") => return Err(format!("`{text}`: framing belongs to tcp, not to udp")),
                ("framing", _) => return Err(format!("`{text}`: framing is lf or octet")),
                ("format", _) => return Err(format!("`{text}`: format is 3164 or 5424")),
                (key, _) => return Err(format!("`{text}`: `{key}` is not known; write framing= or format=")),
            }
        }
        Ok(Collector { host, port, transport, format })
    }

    /// `host`, `host:port`, `[v6]`, `[v6]:port`, or a bare IPv6 address.
    fn place(place: &str) -> Result<(String, u16), String> {
        if place.parse::<std::net::Ipv6Addr>().is_ok() {
            return Ok((place.to_ascii_lowercase(), 514));
        }
        let (host, port) = match place.strip_prefix('[') {
            Some(inner) => {
                let (host, after) = inner.split_once(']').ok_or("the bracket of the IPv6 address is not closed")?;
                host.parse::<std::net::Ipv6Addr>().map_err(|_| "what stands in brackets is not an IPv6 address")?;
                match after.strip_prefix(':') {
                    Some(port) => (host, Some(port)),
                    None if after.is_empty() => (host, None),
                    None => return Err("after the bracket only :port may follow".into()),
                }
            }
            None => place.split_once(':').map_or((place, None), |(h, p)| (h, Some(p))),
        };
        let port = match port {
            None => 514,
            Some(text) => match text.parse::<u16>() {
                Ok(port) if port > 0 && text.bytes().all(|b| b.is_ascii_digit()) => port,
                _ => return Err("the port is a number from 1 to 65535".into()),
            },
        };
        if host.parse::<IpAddr>().is_err() {
            if host.starts_with('[') {
                return Err("the host is not a name and not an IP address".into());
            }
            let name = Domain::parse(host).map_err(|e| format!("the host is not a name: {e}"))?;
            return Ok((name.as_str().to_owned(), port));
        }
        Ok((host.to_ascii_lowercase(), port))
    }
}

impl fmt::Display for Collector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (scheme, framing) = match self.transport {
            Transport::Udp => ("udp", ""),
            Transport::Tcp(Framing::Lf) => ("tcp", "framing=lf&"),
            Transport::Tcp(Framing::Octet) => ("tcp", "framing=octet&"),
        };
        let format = match self.format {
            Format::Rfc3164 => "3164",
            Format::Rfc5424 => "5424",
        };
        let (open, close) = if self.host.contains(':') { ("[", "]") } else { ("", "") };
        write!(f, "{scheme}://{open}{}{close}:{}?{framing}format={format}", self.host, self.port)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn collector(host: &str, port: u16, transport: Transport, format: Format) -> Collector {
        Collector { host: host.into(), port, transport, format }
    }

    #[test]
    fn reads_every_form_and_writes_it_again() {
        for (text, want) in [
            ("udp://logs.office.test", collector("logs.office.test", 514, Transport::Udp, Format::Rfc3164)),
            ("UDP://10.0.0.1:1514/", collector("10.0.0.1", 1514, Transport::Udp, Format::Rfc3164)),
            ("tcp://Logs", collector("logs", 514, Transport::Tcp(Framing::Lf), Format::Rfc3164)),
            (
                "tcp://[2001:db8::1]:601?framing=octet&format=5424",
                collector("2001:db8::1", 601, Transport::Tcp(Framing::Octet), Format::Rfc5424),
            ),
            ("udp://[::1]?format=5424", collector("::1", 514, Transport::Udp, Format::Rfc5424)),
            ("udp://fe80::1", collector("fe80::1", 514, Transport::Udp, Format::Rfc3164)),
            (" tcp://h:1?framing=lf&format=3164 ", collector("h", 1, Transport::Tcp(Framing::Lf), Format::Rfc3164)),
        ] {
            let got = Collector::parse(text).unwrap();
            assert_eq!(got, want, "{text}");
            assert_eq!(Collector::parse(&got.to_string()).unwrap(), got, "{got}");
        }
    }

    #[test]
    fn refuses_with_a_sentence() {
        for (text, why) in [
            ("", "write a collector as"),
            ("logs:514", "write a collector as"),
            ("http://logs", "is not a way"),
            ("udp://", "the domain is empty"),
            ("udp://:514", "the domain is empty"),
            ("udp://logs:0", "port is a number"),
            ("udp://logs:+5", "port is a number"),
            ("udp://logs:70000", "port is a number"),
            ("udp://logs:", "port is a number"),
            ("udp://[::1", "not closed"),
            ("udp://[logs]:5", "not an IPv6"),
            ("udp://[::1]5", "only :port"),
            ("udp://lo gs", "forbidden character"),
            ("udp://logs?framing=lf", "framing belongs to tcp"),
            ("tcp://logs?framing=nul", "framing is lf or octet"),
            ("tcp://logs?format=rfc", "format is 3164 or 5424"),
            ("tcp://logs?tls=yes", "`tls` is not known"),
        ] {
            let got = Collector::parse(text).unwrap_err();
            assert!(got.contains(why), "{text}: {got}");
        }
    }
}
