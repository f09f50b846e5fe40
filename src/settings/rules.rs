//! What single values must look like, and which values go together.

use std::net::{IpAddr, SocketAddr};

use super::{FieldError, Settings, TlsMode};
use crate::types::{Address, Collector, Domain, FolderName, Hop, RouteRule, ZoneKey};

/// The look of a text or of an entry of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// A host name, no address literal.
    Host,
    /// A host name or an IP address: a server of others.
    Server,
    /// Whose mail goes where; see [`RouteRule`].
    Route,
    /// A name server: an IP address, or one with a port.
    NameServer,
    /// A key of a DNS zone: a DNSKEY record.
    ZoneKey,
    /// A name at another server.
    Login,
    /// `local@domain`
    Address,
    /// The name of a network interface, or an IP address.
    Interface,
    /// An IP address or a network `a.b.c.d/n`.
    Network,
    /// A folder's name.
    Folder,
    /// `udp://host:port` or `tcp://host:port`, with `?framing=lf|octet&format=3164|5424`.
    Collector,
    /// An absolute path.
    Path,
    /// A short name: letters, digits, `-`, `_`, `.`.
    Name,
    /// One character that may divide a local part.
    Delimiter,
    /// A percentage below 100.
    Percent,
    /// `https://host` or `https://host:port` (RFC 6454 s6.2).
    Origin,
}

impl Rule {
    /// In words, for help.
    pub fn words(self) -> &'static str {
        match self {
            Rule::Host => "a host name",
            Rule::Server => "a host name or an IP address",
            Rule::Route => {
                "WHOSE=WAY: a domain, .domain, from:domain or *, then mx, relay:HOST:PORT:TLS, lmtp:HOST:PORT or discard (other ways behind a bar)"
            }
            Rule::NameServer => "an IP address, or one with a port: 192.0.2.53, 192.0.2.53:5353, [2001:db8::53]:53",
            Rule::ZoneKey => "a DNSKEY record on a line: ZONE. IN DNSKEY 257 3 ALGORITHM KEY",
            Rule::Login => "a name of at most 255 characters",
            Rule::Address => "a mail address",
            Rule::Interface => "the name of an interface or an IP address",
            Rule::Network => "an IP address or a network such as 192.168.0.0/24",
            Rule::Folder => "a folder's name",
            Rule::Collector => "udp://HOST:PORT or tcp://HOST:PORT, then maybe ?framing=lf|octet&format=3164|5424",
            Rule::Path => "a directory, from the root",
            Rule::Name => "letters, digits, '-', '_' and '.'",
            Rule::Delimiter => "one of + - = # _",
            Rule::Percent => "a percentage from 1 to 99",
            Rule::Origin => "http:// or https://, a host, and maybe a port",
        }
    }

    /// The value in its one form; the error ends a sentence.
    pub(super) fn check(self, text: &str) -> Result<String, String> {
        let good = match self {
            Rule::Host => Domain::parse(text).ok().filter(|d| !d.is_literal()).map(|d| d.as_str().to_owned()),
            Rule::Server => Hop::host(text).map(String::from),
            Rule::Route => RouteRule::parse(text).map(|rule| rule.to_string()),
            Rule::NameServer => name_server(text).map(|_| text.to_owned()),
            Rule::ZoneKey => return ZoneKey::parse(text).map(|key| key.to_string()),
            Rule::Login => (text.chars().count() <= 255).then(|| text.to_owned()),
            Rule::Address => Address::parse(text).ok().map(|a| a.to_string()),
            Rule::Interface => interface(text).then(|| text.to_owned()),
            Rule::Network => return network(text),
            Rule::Folder => return folder(text),
            Rule::Collector => return collector(text),
            Rule::Path => path(text).then(|| text.to_owned()),
            Rule::Name => name(text).then(|| text.to_owned()),
            Rule::Delimiter => (text.len() == 1 && "+-=#_".contains(text)).then(|| text.to_owned()),
            Rule::Origin => origin(text).then(|| text.to_ascii_lowercase()),
            Rule::Percent => text.parse::<u8>().ok().filter(|n| (1..=99).contains(n)).map(|n| n.to_string()),
        };
        good.ok_or_else(|| format!("must be {}", self.words()))
    }
}

/// A name server as [`Rule::NameServer`] has it; port 53 where none is written.
pub fn name_server(text: &str) -> Option<SocketAddr> {
    let bare = text.parse::<IpAddr>().ok().map(|ip| SocketAddr::new(ip, 53));
    bare.or_else(|| text.parse().ok().filter(|server: &SocketAddr| server.port() != 0))
}

/// An interface name of Linux: up to 15 octets without space or slash.
fn interface(text: &str) -> bool {
    let named = text.len() <= 15 && text.bytes().all(|b| b.is_ascii_graphic() && b != b'/' && b != b':');
    named || text.parse::<IpAddr>().is_ok()
}

/// Q31: an entry gives the right to send onwards without a login, so more than anybody's own network is refused: the largest
/// private ones are 10.0.0.0/8 and fc00::/7 (RFC 1918, RFC 4193). Believed: /0 is the danger. True: 10.0.0.0/1, which somebody
/// types for /16, is half of the Internet.
fn network(text: &str) -> Result<String, String> {
    let words = || format!("must be {}", Rule::Network.words());
    let (ip, bits) = text.split_once('/').map_or((text, None), |(ip, bits)| (ip, Some(bits)));
    let ip: IpAddr = ip.parse().map_err(|_| words())?;
    let most = if ip.is_ipv4() { 32 } else { 128 };
    let Some(bits) = bits else {
        return Ok(ip.to_string());
    };
    let bits: u8 = bits.parse().ok().filter(|b| *b <= most).ok_or_else(words)?;
    let least = if ip.is_ipv4() { 8 } else { 7 };
    if bits < least {
        return Err("would let much of the Internet send through this server (an open relay)".to_owned());
    }
    Ok(format!("{ip}/{bits}"))
}

/// It becomes a part of a header: nothing may stand in it that ends one there.
fn origin(text: &str) -> bool {
    let Some((scheme, rest)) = text.split_once("://") else { return false };
    let (host, port) = rest.rsplit_once(':').unwrap_or((rest, "443"));
    let named = Domain::parse(host).is_ok_and(|host| !host.is_literal()) || host.parse::<IpAddr>().is_ok();
    matches!(scheme, "http" | "https") && host.is_ascii() && named && port.parse::<u16>().is_ok()
}

fn folder(text: &str) -> Result<String, String> {
    let name = FolderName::parse(text).ok_or_else(|| format!("must be {}", Rule::Folder.words()))?;
    if name == FolderName::inbox() {
        return Err("need not be listed: every mailbox has its INBOX".to_owned());
    }
    Ok(name.as_str().to_owned())
}

/// The parser that syslog uses, so that a string that was saved is one that works.
fn collector(text: &str) -> Result<String, String> {
    match Collector::parse(text) {
        Ok(_) => Ok(text.trim().to_owned()),
        Err(why) => Err(format!("must be {}: {why}", Rule::Collector.words())),
    }
}

fn path(text: &str) -> bool {
    text.starts_with('/') && text.len() <= 1024 && !text.split('/').any(|part| part == "..")
}

fn name(text: &str) -> bool {
    text.len() <= 64
        && !text.starts_with('.')
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
}

/// What must hold between settings.
pub(super) fn together(s: &Settings) -> Vec<FieldError> {
    let mut errors = ports(s);
    errors.extend(certificates(s));
    errors.extend(administration(s));
    errors.extend(sending(s));
    errors
}

/// Settings that name a port.
const PORTS: [&str; 9] = [
    "smtp.port",
    "smtp.submission.port",
    "smtp.ssl.port",
    "pop3.port",
    "pop3.ssl.port",
    "imap.port",
    "imap.ssl.port",
    "http.port",
    "http.ssl.port",
];

/// No two services on one port.
fn ports(s: &Settings) -> Vec<FieldError> {
    let all = PORTS.map(|key| (key, s.open_port(key)));
    let mut errors = Vec::new();
    for (n, (key, port)) in all.iter().enumerate() {
        let earlier = all[..n].iter().find(|(_, other)| other == port && *port != 0);
        if let Some((other, _)) = earlier {
            errors.push(FieldError::new(key, format!("is {port}, which {other} uses already: choose another port")));
        }
    }
    errors
}

/// The administration must not be locked away by a setting: HTTPS that is demanded must be there.
fn administration(s: &Settings) -> Vec<FieldError> {
    let mut errors = Vec::new();
    if s.http_tls == TlsMode::Required && s.https_port == 0 {
        let what = "must not be 0 while tls.http is required: choose a port, or set tls.http to opportunistic";
        errors.push(FieldError::new("http.ssl.port", what.to_owned()));
    }
    if s.https_port() != 0 && s.http_certificate.is_empty() {
        let what = "must not be empty while HTTPS is on: choose a certificate, or set tls.http to off";
        errors.push(FieldError::new("tls.http.certificate", what.to_owned()));
    }
    errors
}

/// B8-B15: the times of the queue stand in order, and a relay that wants a login gets one.
fn sending(s: &Settings) -> Vec<FieldError> {
    let mut errors = Vec::new();
    let mut less = |low: (&str, u32), high: (&str, u32)| {
        if low.1 > high.1 {
            let what = format!("must be at least {} ({}), not {}", low.1, low.0, high.1);
            errors.push(FieldError::new(high.0, what));
        }
    };
    less(("queue.interval_minutes", s.queue_interval), ("queue.min_minutes", s.queue_min));
    less(("queue.min_minutes", s.queue_min), ("queue.max_minutes", s.queue_max));
    let mut needs = |wrong: bool, key: &str, what: &str| {
        if wrong {
            errors.push(FieldError::new(key, what.to_owned()));
        }
    };
    let relay = !s.relay_host.is_empty();
    needs(relay && s.relay_port == 0, "relay.port", "must not be 0 while relay.host is set: choose a port");
    needs(s.relay_auth && !relay, "relay.host", "must not be empty while relay.auth is on: name the relay");
    needs(s.relay_auth && s.relay_login.is_empty(), "relay.login", "must not be empty while relay.auth is on");
    needs(s.relay_auth && s.relay_password.is_empty(), "relay.password", "must not be empty while relay.auth is on");
    errors
}

/// Q27: TLS that is switched on needs a certificate.
fn certificates(s: &Settings) -> Vec<FieldError> {
    let mut errors: Vec<FieldError> = Vec::new();
    let services = [
        ("tls.smtp.certificate", &s.smtp_certificate, s.smtp_tls, s.smtps_port, "tls.smtp"),
        ("tls.pop3.certificate", &s.pop3_certificate, s.pop3_tls, s.pop3s_port, "tls.pop3"),
        // E3: one certificate for both.
        ("tls.pop3.certificate", &s.pop3_certificate, s.imap_tls, s.imaps_port, "tls.imap"),
    ];
    for (key, certificate, mode, port, mode_key) in services {
        if !certificate.is_empty() || errors.iter().any(|error| error.key == key) {
            continue;
        }
        if s.ssl && port != 0 {
            let what = "must not be empty while tls.ssl is on: choose a certificate, or switch tls.ssl off";
            errors.push(FieldError::new(key, what.to_owned()));
        } else if mode == TlsMode::Required {
            let what = format!(
                "must not be empty while {mode_key} is required: choose a certificate, or set {mode_key} to off"
            );
            errors.push(FieldError::new(key, what));
        }
    }
    errors
}
