//! What is so now: services, counts, room, the process; the check of the store.

use std::fs;

use serde_json::{Value as Json, json};

use super::{Answer, Desk, api::Request};
use crate::{journal::AdminEvent, rt::Light, store::Report};

/// `status` (A2-A16 as far as they exist).
pub(super) async fn status(desk: &Desk, _request: Request) -> Answer {
    let house = desk.house();
    let (settings, directory) = (house.settings.get(), house.directory.get());
    let states = house.board.all().into_iter();
    let mut services = serde_json::Map::new();
    services
        .extend(states.map(|(service, state)| (service, json!({ "light": light(state.light), "text": state.text }))));
    let mut mail = crate::store::Usage::default();
    for usage in house.store.usages().await.unwrap_or_default().values() {
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
            "imap": settings.imap_port,
            "imaps": if settings.ssl { settings.imaps_port } else { 0 },
        },
        "encryption": {
            "smtp": settings.smtp_tls.word(),
            "pop3": settings.pop3_tls.word(),
            "imap": settings.imap_tls.word(),
            "ssl": settings.ssl,
        },
        "mail": { "bytes": mail.bytes, "messages": mail.messages },
        "queue": house.store.queue_len().await.ok(),
        "disk": room(desk).await,
        "process": process(),
        "services": services,
    }))
}

pub(super) fn light(light: Light) -> &'static str {
    match light {
        Light::Green => "green",
        Light::Yellow => "yellow",
        Light::Red => "red",
        Light::Off => "off",
    }
}

/// Octets of the mail disk, or why it is not there. `dead` can be reclaimed; below `reserve` new mail is put off.
pub(super) async fn room(desk: &Desk) -> Json {
    let dir = desk.house().mail_dir.display().to_string();
    let room = match desk.house().store.room().await {
        Ok(room) => room,
        Err(error) => return json!({ "directory": dir, "error": error.to_string() }),
    };
    let size = rustix::fs::statvfs(&desk.house().mail_dir).map(|at| at.f_blocks.saturating_mul(at.f_frsize));
    json!({
        "directory": dir,
        "free": room.free,
        "dead": room.dead,
        "reserve": room.reserve,
        "short": room.is_short(),
        "size": size.ok(),
    })
}

/// What the kernel says of this process: memory in octets, threads, open files.
pub(super) fn process() -> Json {
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

/// `check` (POST): reads everything that is stored. One at a time; how far it is stands on the board.
pub(super) async fn check(desk: &Desk, _request: Request) -> Answer {
    let _alone = desk.begin_check()?;
    let board = &desk.house().board;
    let checked = desk
        .house()
        .store
        .check(|octets| board.put(CHECK, Light::Green, format!("running: {octets} octets read")))
        .await;
    board.wipe(CHECK);
    let report = checked?;
    if !report.is_whole() {
        let many = report.problems.len() as u64 + report.unnamed;
        board.put(
            CHECK,
            Light::Red,
            format!("the last check found {many} problems: run gatepost check, then gatepost salvage"),
        );
    }
    desk.house().journal.tell(AdminEvent::Checked {
        messages: report.messages,
        problems: report.problems.len() as u64 + report.unnamed,
        first: report.problems.first().cloned(),
    });
    Ok(report_json(&report))
}

/// The line of the board.
const CHECK: &str = "check";

/// A report as the API and `gatepost check` give it.
pub fn report_json(report: &Report) -> Json {
    json!({
        "whole": report.is_whole(),
        "messages": report.messages,
        "records": report.records,
        "derived": report.derived,
        "octets": report.octets,
        "problems": report.problems,
        "unnamed": report.unnamed,
        "notes": report.notes,
    })
}
