//! The settings table: key, type, bounds, default, help; and the typed snapshot that is checked as a whole.
//!
//! No I/O: `store` keeps the versions, `app` applies them.

/// Off, offered, or demanded (Q10).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TlsMode {
    /// No TLS on this service.
    Off,
    /// STARTTLS is offered; plaintext login only from private networks.
    Opportunistic,
    /// Nothing but EHLO, NOOP, QUIT, STARTTLS (STLS) before TLS... for logins; strangers' mail on 25 is still taken.
    Required,
}

/// A snapshot of all settings, checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// B1, port 25; 0 = not listening.
    pub smtp_port: u16,
    /// Q12, port 587; 0 = off.
    pub submission_port: u16,
    /// E6, port 465; 0 = off.
    pub smtps_port: u16,
    /// B2, port 110.
    pub pop3_port: u16,
    /// E7, port 995.
    pub pop3s_port: u16,
    /// B4: interface names or addresses; empty = all.
    pub smtp_interfaces: Vec<String>,
    /// B5.
    pub pop3_interfaces: Vec<String>,
    /// B6 in octets (Q14).
    pub max_message: u64,
    /// E1; never empty (the host's name by default).
    pub server_name: String,
    /// E4, Q10 for SMTP.
    pub smtp_tls: TlsMode,
    /// E4, Q10 for POP3 (and IMAP).
    pub pop3_tls: TlsMode,
    /// E5: the TLS ports E6, E7 listen.
    pub ssl: bool,
    /// E2: name of a certificate in the store.
    pub smtp_certificate: String,
    /// E3.
    pub pop3_certificate: String,
    /// N2: directory that is watched for PEM files; empty = none.
    pub certificate_dir: String,
    /// D1.
    pub login_domain: String,
    /// D2.
    pub mailbox_folders: Vec<String>,
    /// Plus-addressing delimiter; empty = off.
    pub plus_delimiter: String,
    /// Q15: 452 instead of 552.
    pub quota_temporary: bool,
    /// Q15: percentages at which the user is warned.
    pub quota_warnings: Vec<u8>,
    /// C1 entries that are an IP or a CIDR: may relay without login (Q31).
    pub relay_networks: Vec<String>,
    /// Section 7: PBKDF2 rounds for new passwords.
    pub scram_iterations: u32,
    /// Minutes a verified login is remembered.
    pub login_cache_minutes: u32,
    /// Collectors: `udp://host:514`, `tcp://host:514?framing=octet&format=5424`.
    pub syslog_collectors: Vec<String>,
    /// Whether lines go to /dev/log.
    pub syslog_local: bool,
    /// First part of mail tags (`postfix` in `postfix/smtpd`).
    pub syslog_mail_tag: String,
    /// Days of journal files that are kept.
    pub journal_days: u32,
    /// E10: directory of the mail store; empty = under the state directory.
    pub mail_dir: String,
    /// MiB that stay free for the system.
    pub reserve_mib: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            smtp_port: 25,
            submission_port: 587,
            smtps_port: 465,
            pop3_port: 110,
            pop3s_port: 995,
            smtp_interfaces: Vec::new(),
            pop3_interfaces: Vec::new(),
            max_message: 100 * 1_048_576,
            server_name: "localhost".into(),
            smtp_tls: TlsMode::Opportunistic,
            pop3_tls: TlsMode::Opportunistic,
            ssl: true,
            smtp_certificate: "self-signed".into(),
            pop3_certificate: "self-signed".into(),
            certificate_dir: String::new(),
            login_domain: String::new(),
            mailbox_folders: ["Sent", "Drafts", "Junk", "Trash"].map(str::to_owned).to_vec(),
            plus_delimiter: "+".into(),
            quota_temporary: false,
            quota_warnings: vec![80, 90, 95],
            relay_networks: Vec::new(),
            scram_iterations: 100_000,
            login_cache_minutes: 10,
            syslog_collectors: Vec::new(),
            syslog_local: true,
            syslog_mail_tag: "postfix".into(),
            journal_days: 90,
            mail_dir: String::new(),
            reserve_mib: 64,
        }
    }
}
