//! Settings put into effect: ports, certificates, syslog targets, day files. Running sessions keep what they began with.

use std::{path::PathBuf, sync::Arc, time::Duration};

use super::sending;
use crate::{
    admin::{Apply, Live, Precheck},
    journal::{Journal, ServiceEvent, Syslog, SyslogConfig},
    listen::{
        Guests, Handler, Listeners, Spec, Wanted,
        http::{Front, Origin},
    },
    net::{Acceptor, Certificates, Conn, Tickets, Vault, dns::DnsConfig},
    pipeline::Pipeline,
    policy::{Network, Policy, Renewal, Service},
    rt::{Board, Light, Receiver, Shared, Stop},
    session::{
        imap::{self, Imap},
        pop3::{self, Pop3},
        smtp::{self, Smtp},
    },
    settings::{FieldError, Settings, TlsMode, name_server},
    store::{Days, Store},
    types::{Collector, ZoneKey},
};

/// The line of the board about signatures of DNS.
pub(super) const DNSSEC: &str = "dnssec";

/// What the doors are made of.
pub(super) struct Parts {
    pub settings: Shared<Settings>,
    pub store: Store,
    pub vault: Arc<Vault>,
    pub policy: Arc<Policy>,
    pub pipeline: Arc<Pipeline>,
    pub listeners: Listeners,
    pub certificates: Certificates,
    pub syslog: Arc<Syslog>,
    pub dev_log: PathBuf,
    pub days: Days,
    /// Whom the resolver asks.
    pub names: Shared<DnsConfig>,
    pub front: Arc<Front>,
    pub journal: Journal,
    pub board: Board,
    pub stop: Stop,
}

/// The certificate of a family of services, as its two kinds of door see it.
struct Keys {
    /// For STARTTLS and STLS; None when TLS is off or no certificate can be used.
    offered: Shared<Option<Acceptor>>,
    /// For the ports that begin with TLS.
    implicit: Shared<Option<Acceptor>>,
}

impl Keys {
    fn none() -> Self {
        Keys { offered: Shared::new(None), implicit: Shared::new(None) }
    }
}

/// The house's doors.
pub(super) struct Doors {
    parts: Parts,
    smtp: Keys,
    pop3: Keys,
    imap: Keys,
    http: Keys,
}

impl Doors {
    pub(super) fn new(parts: Parts) -> Self {
        let none = Keys::none;
        Doors { parts, smtp: none(), pop3: none(), imap: none(), http: none() }
    }

    /// The sockets' keeper.
    pub(super) fn listeners(&self) -> Listeners {
        self.parts.listeners.clone()
    }

    /// How many connections each service has.
    pub(super) fn live(&self) -> Live {
        let listeners = self.listeners();
        Arc::new(move || listeners.live())
    }

    /// Where HTTP connections go.
    pub(super) fn front(&self) -> Arc<Front> {
        self.parts.front.clone()
    }

    /// Who decides about logins.
    pub(super) fn policy(&self) -> Arc<Policy> {
        self.parts.policy.clone()
    }

    /// The way in for messages of ours.
    pub(super) fn pipeline(&self) -> Arc<Pipeline> {
        self.parts.pipeline.clone()
    }

    /// Logins by imported hashes, for whoever writes the directory.
    pub(super) fn renewals(&self) -> Receiver<Renewal> {
        self.parts.policy.renewals()
    }

    /// Puts settings into effect; returns when every port was tried once.
    pub(super) async fn open(&self, settings: &Settings) {
        self.parts.syslog.configure(syslog_config(settings, &self.parts.dev_log));
        self.parts.days.keep(settings.journal_days);
        self.parts.names.set(names(settings));
        if !settings.dns_secure {
            self.parts.board.wipe(DNSSEC);
        }
        let dir = Some(&settings.certificate_dir).filter(|d| !d.is_empty()).map(PathBuf::from);
        self.parts.certificates.set_directory(dir);
        self.parts.certificates.scan().await;
        self.turn_keys(settings);
        sending::tell_password(settings, &self.parts.vault, &self.parts.board);
        // Perhaps what did not answer is reached by the new ones.
        self.parts.store.queue_bell().ring();
        self.parts.listeners.apply(self.wanted(settings)).await;
    }

    /// Closes every port and waits for the sessions, at most `limit`.
    pub(super) async fn close(&self, limit: Duration) {
        self.parts.listeners.apply(Vec::new()).await;
        let permits = (self.parts.listeners.permits(), self.parts.listeners.http_permits());
        smol::future::zip(permits.0.idle(limit), permits.1.idle(limit)).await;
    }

    /// What the desk does with saved settings.
    pub(super) fn apply(self: Arc<Self>) -> Apply {
        Arc::new(move |settings| smol::block_on(self.open(settings)))
    }

    /// What the desk asks before it saves: can the ports be opened, is the certificate there (Q27)?
    pub(super) fn precheck(self: Arc<Self>) -> Precheck {
        Arc::new(move |settings| {
            let specs: Vec<Spec> = specs(settings).into_iter().collect();
            let mut errors: Vec<FieldError> = smol::block_on(self.parts.listeners.precheck(&specs))
                .into_iter()
                .map(|(service, at, why)| {
                    FieldError::new(port_key(service), format!("cannot be opened at {at}: {why}"))
                })
                .collect();
            errors.extend(self.missing_certificates(settings));
            errors
        })
    }

    fn missing_certificates(&self, settings: &Settings) -> Vec<FieldError> {
        let needed = |mode| settings.ssl || mode != TlsMode::Off;
        let wanted = [
            (needed(settings.smtp_tls), "tls.smtp.certificate", &settings.smtp_certificate),
            (needed(settings.readers_tls()), "tls.pop3.certificate", &settings.pop3_certificate),
            (settings.https_port() != 0, "tls.http.certificate", &settings.http_certificate),
        ];
        wanted
            .into_iter()
            .filter(|(needed, _, name)| *needed && self.parts.certificates.identity(name).is_none())
            .map(|(_, key, name)| {
                let what = format!("names the certificate {name}, which is not there or cannot be used; `gatepost certificate list` shows those that can");
                FieldError::new(key, what)
            })
            .collect()
    }

    /// New certificates are picked up while sessions run.
    pub(super) async fn follow_certificates(self: Arc<Self>, stop: Stop) {
        let changed = self.parts.certificates.changed();
        while !stop.is_set() {
            smol::future::or(changed.wait(), stop.wait()).await;
            self.turn_keys(&self.parts.settings.get());
        }
    }

    fn turn_keys(&self, settings: &Settings) {
        self.turn(&self.smtp, &settings.smtp_certificate, settings.smtp_tls);
        self.turn(&self.pop3, &settings.pop3_certificate, settings.pop3_tls);
        self.turn(&self.imap, &settings.pop3_certificate, settings.imap_tls);
        self.turn(&self.http, &settings.http_certificate, settings.http_tls);
    }

    /// The book says on the board how a certificate is; here only that one is named which is not there at all.
    fn turn(&self, keys: &Keys, name: &str, mode: TlsMode) {
        let acceptor = match self.parts.certificates.identity(name) {
            None => Err("is not there or cannot be used: no TLS; upload one or choose another".to_owned()),
            // No tickets anywhere: Microsoft's senders drop the connection on them, and readers stay connected or poll.
            Some(identity) => Acceptor::new(&identity, Tickets::None).map_err(|e| e.to_string()),
        };
        let acceptor = acceptor.map_err(|why| self.no_key(name, why)).ok();
        keys.implicit.set(acceptor.clone());
        keys.offered.set(acceptor.filter(|_| mode != TlsMode::Off));
    }

    fn no_key(&self, name: &str, why: String) {
        let text = format!("the certificate {name} {why}");
        self.parts.journal.tell(ServiceEvent::Note { grave: true, text });
        self.parts.board.put(&format!("certificate:{name}"), Light::Red, why);
    }

    fn wanted(&self, settings: &Settings) -> Vec<Wanted> {
        let networks = settings.http_networks.iter().filter_map(|text| Network::parse(text).ok()).collect();
        let chosen = Guests::Chosen(networks);
        specs(settings).into_iter().map(|spec| self.door(spec, &chosen)).collect()
    }

    fn door(&self, spec: Spec, chosen: &Guests) -> Wanted {
        let (tls, handler) = match spec.service {
            Service::Smtp | Service::Submission => (None, self.smtp_door(spec.service)),
            Service::Smtps => (Some(self.smtp.implicit.clone()), self.smtp_door(spec.service)),
            Service::Pop3 => (None, self.pop3_door(spec.service)),
            Service::Pop3s => (Some(self.pop3.implicit.clone()), self.pop3_door(spec.service)),
            Service::Imap => (None, self.imap_door(spec.service)),
            Service::Imaps => (Some(self.imap.implicit.clone()), self.imap_door(spec.service)),
            Service::Http => (None, self.http_door()),
            Service::Https => (Some(self.http.implicit.clone()), self.http_door()),
        };
        let guests = match spec.service {
            Service::Http | Service::Https => chosen.clone(),
            Service::Smtp | Service::Submission | Service::Smtps => Guests::All,
            Service::Pop3 | Service::Pop3s | Service::Imap | Service::Imaps => Guests::All,
        };
        Wanted { spec, tls, guests, handler }
    }

    fn smtp_door(&self, service: Service) -> Handler {
        let parts = &self.parts;
        let session = Smtp {
            service,
            settings: parts.settings.clone(),
            tls: self.smtp.offered.clone(),
            policy: parts.policy.clone(),
            pipeline: parts.pipeline.clone(),
            journal: parts.journal.clone(),
            stop: parts.stop.clone(),
        };
        Arc::new(move |conn: Conn, _seat| Box::pin(smtp::serve(session.clone(), conn)))
    }

    fn http_door(&self) -> Handler {
        let front = self.parts.front.clone();
        Arc::new(move |conn: Conn, seat| {
            let front = front.clone();
            let from = Origin::Net { ip: conn.peer().ip(), tls: conn.tls().is_some() };
            Box::pin(async move { front.serve(conn, from, Some(seat)).await })
        })
    }

    fn pop3_door(&self, service: Service) -> Handler {
        let parts = &self.parts;
        let session = Pop3 {
            service,
            settings: parts.settings.clone(),
            tls: self.pop3.offered.clone(),
            policy: parts.policy.clone(),
            store: parts.store.clone(),
            journal: parts.journal.clone(),
            stop: parts.stop.clone(),
        };
        Arc::new(move |conn: Conn, _seat| Box::pin(pop3::serve(session.clone(), conn)))
    }

    fn imap_door(&self, service: Service) -> Handler {
        let parts = &self.parts;
        let session = Imap {
            service,
            settings: parts.settings.clone(),
            tls: self.imap.offered.clone(),
            policy: parts.policy.clone(),
            pipeline: parts.pipeline.clone(),
            store: parts.store.clone(),
            journal: parts.journal.clone(),
            stop: parts.stop.clone(),
        };
        Arc::new(move |conn: Conn, _seat| Box::pin(imap::serve(session.clone(), conn)))
    }
}

fn specs(settings: &Settings) -> [Spec; 9] {
    let (smtp, readers) = (&settings.smtp_interfaces, &settings.pop3_interfaces);
    let https = https_interfaces(settings);
    let spec = |service, key, interfaces: &Vec<String>| Spec {
        service,
        port: settings.open_port(key),
        interfaces: interfaces.clone(),
    };
    [
        spec(Service::Smtp, "smtp.port", smtp),
        spec(Service::Submission, "smtp.submission.port", smtp),
        spec(Service::Smtps, "smtp.ssl.port", smtp),
        spec(Service::Pop3, "pop3.port", readers),
        spec(Service::Pop3s, "pop3.ssl.port", readers),
        spec(Service::Imap, "imap.port", readers),
        spec(Service::Imaps, "imap.ssl.port", readers),
        spec(Service::Http, "http.port", &settings.http_interfaces),
        spec(Service::Https, "http.ssl.port", &https),
    ]
}

/// While only this machine may administer, no other one sees an open port.
fn https_interfaces(settings: &Settings) -> Vec<String> {
    let nobody_else = settings.https_interfaces.is_empty() && settings.http_networks.is_empty();
    if nobody_else { vec!["127.0.0.1".to_owned()] } else { settings.https_interfaces.clone() }
}

/// The setting that names a service's port.
fn port_key(service: &str) -> &'static str {
    match service {
        "smtp" => "smtp.port",
        "submission" => "smtp.submission.port",
        "smtps" => "smtp.ssl.port",
        "pop3" => "pop3.port",
        "pop3s" => "pop3.ssl.port",
        "imap" => "imap.port",
        "http" => "http.port",
        "https" => "http.ssl.port",
        // Only the table's own names come here.
        _ => "imap.ssl.port",
    }
}

/// How names are asked for.
pub(super) fn names(settings: &Settings) -> DnsConfig {
    let servers = settings.dns_servers.iter().filter_map(|server| name_server(server)).collect();
    // Settings::check has read them already.
    let anchors = settings.dns_anchors.iter().filter_map(|key| ZoneKey::parse(key).ok()).collect();
    DnsConfig { servers, dnssec: settings.dns_secure, anchors }
}

fn syslog_config(settings: &Settings, dev_log: &std::path::Path) -> SyslogConfig {
    SyslogConfig {
        local: settings.syslog_local.then(|| dev_log.to_owned()),
        // Settings::check has read them already.
        collectors: settings.syslog_collectors.iter().filter_map(|text| Collector::parse(text).ok()).collect(),
        mail_tag: settings.syslog_mail_tag.clone(),
    }
}
