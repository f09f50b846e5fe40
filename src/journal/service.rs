//! What `app`, `listen` and `net` tell: ports, connections that were turned away, certificates, starts and stops.
//! Wording: Postfix' master, anvil and smtpd, and Dovecot's logins, where they have a line for it.

use std::net::{IpAddr, SocketAddr};

use super::{Line, Tag, safe};
use crate::types::UnixTime;

/// Events of `app`, `listen`, `net`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ServiceEvent {
    /// The program is up.
    Started {
        /// `0.1.0`
        version: String,
        /// Where its state is.
        state: String,
    },
    /// The program ends.
    Stopping {
        /// `signal 15`
        why: String,
    },
    /// A port is open.
    Listening {
        /// `smtp`, `pop3s`, ...
        service: &'static str,
        /// Where.
        at: SocketAddr,
    },
    /// A port is closed again; sessions that run go on.
    Closed {
        /// `smtp`, `pop3s`, ...
        service: &'static str,
        /// Where.
        at: SocketAddr,
    },
    /// A port cannot be opened; it is tried again until it can.
    NotListening {
        /// `smtp`, `pop3s`, ...
        service: &'static str,
        /// Where.
        at: SocketAddr,
        /// What is so, and what to do.
        why: String,
    },
    /// An interface of the settings is not there, or has no address (B4, B5).
    InterfaceMissing {
        /// `smtp`, `pop3s`, ...
        service: &'static str,
        /// Its name.
        interface: String,
    },
    /// accept failed for want of descriptors or memory; it is tried again in a moment.
    Exhausted {
        /// `smtp`, `pop3s`, ...
        service: &'static str,
        /// What the system said.
        why: String,
    },
    /// Something that befell one client's connection before or beside its session.
    Client {
        /// Who signs.
        tag: Tag,
        /// `smtp`, `pop3s`, ...
        service: &'static str,
        /// The client.
        ip: IpAddr,
        /// What befell it.
        what: ClientTrouble,
    },
    /// News of a certificate.
    Certificate {
        /// Its name in the settings.
        name: String,
        /// The news.
        what: CertificateNews,
    },
    /// The directory of certificates cannot be read (N2).
    CertificateDirectory {
        /// Which.
        path: String,
        /// What the system said.
        why: String,
    },
    /// The wall clock stepped by an hour or more (boards boot in 1970).
    ClockStepped {
        /// From here.
        from: UnixTime,
        /// To here.
        to: UnixTime,
    },
    /// Something that has no event of its own.
    Note {
        /// Whether somebody should look.
        grave: bool,
        /// Words; made safe here.
        text: String,
    },
}

/// What befell a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClientTrouble {
    /// Its address has too many: this would be number N.
    TooManyOfOne(usize),
    /// All places are taken.
    TooManyInAll,
    /// The TLS handshake failed; what the library said.
    Handshake(String),
    /// What it asked for over HTTP was refused before anybody looked at it; fixed words.
    RequestRefused(String),
    /// The session panicked, a bug of ours that cost this connection; what it said.
    Panicked(String),
}

/// What is new with a certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CertificateNews {
    /// It can be used from now on.
    Loaded {
        /// What it is valid for.
        names: Vec<String>,
        /// Until when.
        until: UnixTime,
    },
    /// What came cannot be used.
    Bad {
        /// What is wrong with it, and what to do.
        why: String,
        /// Whether an older one of that name serves on.
        kept: bool,
    },
    /// It expires soon, or has expired.
    Expires {
        /// Whole days; negative when it has.
        days: i64,
        /// When.
        until: UnixTime,
    },
}

impl From<ServiceEvent> for Line {
    fn from(event: ServiceEvent) -> Line {
        use ServiceEvent as E;
        const US: Tag = Tag::Gatepost;
        match event {
            E::Started { version, state } => {
                let (version, state) = (safe(&version, 40), safe(&state, 200));
                Line::info(US, format!("daemon started -- version {version}, state in {state}"))
            }
            E::Stopping { why } => Line::info(US, format!("terminating on {}", safe(&why, 100))),
            E::Listening { service, at } => Line::info(US, format!("{service}: listening on {at}")),
            E::Closed { service, at } => Line::info(US, format!("{service}: no longer listening on {at}")),
            E::NotListening { service, at, why } => {
                Line::error(US, format!("{service}: cannot listen on {at}: {}", safe(&why, 300)))
            }
            E::InterfaceMissing { service, interface } => {
                let name = safe(&interface, 64);
                Line::warning(US, format!("{service}: interface {name} is not there or has no address; waiting for it"))
            }
            E::Exhausted { service, why } => {
                Line::error(US, format!("{service}: accept: {}; trying again in a moment", safe(&why, 200)))
            }
            E::Client { tag, service, ip, what } => client(tag, service, ip, what),
            E::Certificate { name, what } => certificate(&safe(&name, 64), what),
            E::CertificateDirectory { path, why } => {
                let (path, why) = (safe(&path, 200), safe(&why, 200));
                Line::warning(US, format!("directory of certificates {path} cannot be read: {why}"))
            }
            E::ClockStepped { from, to } => {
                let (seconds, day) = (to.since(from), to.day());
                Line::warning(US, format!("the clock stepped by {seconds} seconds, from {} to {day}", from.day()))
            }
            E::Note { grave: true, text } => Line::error(US, safe(&text, 500)),
            E::Note { grave: false, text } => Line::info(US, safe(&text, 500)),
        }
    }
}

/// Wording: Postfix' smtpd, and Dovecot's login processes for a handshake on POP3.
fn client(tag: Tag, service: &str, ip: IpAddr, what: ClientTrouble) -> Line {
    match what {
        ClientTrouble::TooManyOfOne(count) => {
            let text =
                format!("Connection concurrency limit exceeded: {count} from unknown[{ip}] for service {service}");
            Line::warning(tag, text)
        }
        ClientTrouble::TooManyInAll => {
            Line::warning(tag, format!("all connections are taken: unknown[{ip}] turned away from service {service}"))
        }
        ClientTrouble::Handshake(why) if tag == Tag::Dovecot => {
            let (login, why) = (service.trim_end_matches('s'), safe(&why, 200));
            let text = format!(
                "{login}-login: Disconnected: TLS handshaking: SSL_accept() failed: {why} (no auth attempts): user=<>, rip={ip}"
            );
            Line::info(tag, text)
        }
        ClientTrouble::Handshake(why) => {
            Line::info(tag, format!("SSL_accept error from unknown[{ip}]: {}", safe(&why, 200)))
        }
        ClientTrouble::RequestRefused(why) => {
            Line::warning(tag, format!("{service}: a request from {ip} was refused: {}", safe(&why, 200)))
        }
        ClientTrouble::Panicked(said) => {
            let said = safe(&said, 300);
            Line::error(tag, format!("session of service {service} with unknown[{ip}] broke off by a bug: {said}"))
        }
    }
}

/// `name` is safe already.
fn certificate(name: &str, what: CertificateNews) -> Line {
    const US: Tag = Tag::Gatepost;
    match what {
        CertificateNews::Loaded { names, until } => {
            let names = safe(&names.join(", "), 200);
            Line::info(US, format!("certificate {name} for {names} is valid until {}", until.day()))
        }
        CertificateNews::Bad { why, kept } => {
            let rest = if kept { "; the one from before is still used" } else { "" };
            Line::error(US, format!("certificate {name} cannot be used: {}{rest}", safe(&why, 300)))
        }
        CertificateNews::Expires { days, until } if days < 0 => {
            Line::error(US, format!("certificate {name} expired on {}: get a new one", until.day()))
        }
        CertificateNews::Expires { days, until } => {
            Line::warning(US, format!("certificate {name} expires in {days} days, on {}", until.day()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_and_a_certificate_cannot_forge_a_line() {
        let evil = "x\r\nNov 24 host postfix/smtpd[1]: fake".to_owned();
        let ip = IpAddr::from([192, 0, 2, 1]);
        let event = |what| ServiceEvent::Client { tag: Tag::Smtps, service: "smtps", ip, what };
        for event in [
            event(ClientTrouble::Handshake(evil.clone())),
            event(ClientTrouble::Panicked(evil.clone())),
            ServiceEvent::Note { grave: true, text: evil.clone() },
            ServiceEvent::Certificate {
                name: evil.clone(),
                what: CertificateNews::Bad { why: evil.clone(), kept: true },
            },
        ] {
            let line = Line::from(event);
            assert!(!line.text.contains(['\r', '\n']), "{}", line.text);
        }
    }

    #[test]
    fn the_words_are_postfix_own() {
        let ip = IpAddr::from([192, 0, 2, 1]);
        let what = ClientTrouble::TooManyOfOne(51);
        let line = Line::from(ServiceEvent::Client { tag: Tag::Smtpd, service: "smtp", ip, what });
        assert_eq!(
            line.text,
            "warning: Connection concurrency limit exceeded: 51 from unknown[192.0.2.1] for service smtp"
        );
    }
}
