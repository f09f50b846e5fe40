//! What is so now: services, counts, room, the process; the journal; the check of the store.

use std::fs;

use serde_json::{Value as Json, json};

use super::{
    Answer, ApiError, Desk,
    api::{Method, Request, not_allowed},
};
use crate::{
    journal::{Severity, Stamped},
    limits,
    rt::Light,
};

/// Lines of the journal in one answer.
const LINES: u64 = limits::JOURNAL_RING as u64;

/// `status` (A2-A16 as far as they exist).
pub(super) async fn status(desk: &Desk) -> Answer {
    let house = desk.house();
    let (settings, directory) = (house.settings.get(), house.directory.get());
    let services: serde_json::Map<String, Json> = house
        .board
        .all()
        .into_iter()
        .map(|(service, state)| (service, json!({ "light": light(state.light), "text": state.text })))
        .collect();
    let mut mail = crate::store::Usage::default();
    for mailbox in directory.mailboxes.values() {
        let usage = house.store.usage(mailbox.id).await.unwrap_or_default();
        mail.bytes += usage.bytes;
        mail.messages += usage.messages;
    }
    Ok(json!({
        "version": env!("CARGO_PKG_VERSION"),
        "server_name": settings.server_name,
        "time": house.clock.now().0,
        "uptime": house.clock.mono().as_secs(),
        "domains": directory.domains.len(),
        "mailboxes": directory.mailboxes.len(),
        "aliases": directory.aliases.len(),
        "ports": {
            "smtp": settings.smtp_port,
            "submission": settings.submission_port,
            "smtps": if settings.ssl { settings.smtps_port } else { 0 },
            "pop3": settings.pop3_port,
            "pop3s": if settings.ssl { settings.pop3s_port } else { 0 },
        },
        "encryption": { "smtp": settings.smtp_tls.word(), "pop3": settings.pop3_tls.word(), "ssl": settings.ssl },
        "mail": { "bytes": mail.bytes, "messages": mail.messages },
        "disk": room(&house.mail_dir),
        "process": process(),
        "services": services,
    }))
}

fn light(light: Light) -> &'static str {
    match light {
        Light::Green => "green",
        Light::Yellow => "yellow",
        Light::Red => "red",
        Light::Off => "off",
    }
}

/// Octets of the mail disk; null when it is not there.
fn room(dir: &std::path::Path) -> Json {
    match rustix::fs::statvfs(dir) {
        Ok(at) => json!({
            "directory": dir.display().to_string(),
            "free": at.f_bavail.saturating_mul(at.f_frsize),
            "size": at.f_blocks.saturating_mul(at.f_frsize),
        }),
        Err(error) => json!({ "directory": dir.display().to_string(), "error": error.to_string() }),
    }
}

/// What the kernel says of this process: memory in octets, threads, open files.
fn process() -> Json {
    let text = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let field = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
        line.split_whitespace().next()?.parse::<u64>().ok()
    };
    let files = fs::read_dir("/proc/self/fd").map_or(0, |entries| entries.count().saturating_sub(1));
    json!({
        "pid": std::process::id(),
        "rss": field("VmRSS").map(|kb| kb * 1024),
        "rss_peak": field("VmHWM").map(|kb| kb * 1024),
        "threads": field("Threads"),
        "files": files,
    })
}

/// `journal?max=N&after=NUMBER`: the newest lines, oldest first. Numbers begin again at each start.
pub(super) async fn journal(desk: &Desk, request: &Request) -> Answer {
    let max = request.number("max")?.unwrap_or(100).min(LINES);
    let after = request.number("after")?.unwrap_or(0);
    let mut lines = desk.house().journal.newest(limits::JOURNAL_RING);
    lines.retain(|line| line.number > after);
    let skip = lines.len().saturating_sub(usize::try_from(max).unwrap_or(usize::MAX));
    Ok(json!({ "lines": lines[skip..].iter().map(line).collect::<Vec<_>>() }))
}

fn line(stamped: &Stamped) -> Json {
    json!({
        "number": stamped.number,
        "time": stamped.at.0,
        "severity": severity(stamped.line.severity),
        "program": stamped.line.tag.program("postfix"),
        "text": stamped.line.text,
    })
}

fn severity(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Info => "info",
        Severity::Debug => "debug",
    }
}

/// `check` (POST).
pub(super) async fn check(_desk: &Desk, request: &Request) -> Answer {
    match request.method {
        Method::Post => {
            Err(ApiError::new(501, "the check of the store is not built in", "stop the server and run gatepost check"))
        }
        Method::Get | Method::Put | Method::Delete => Err(not_allowed()),
    }
}
