//! `/healthz` for a watchdog and `/metrics` for Prometheus.

use std::{
    fmt::Write,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use super::{ApiError, Area, Desk, Scope, Visitor, reply::Reply, status};
use crate::{
    journal::{Count, Sent, Severity, Sink, Stamped, Tag, Way},
    policy::Network,
    rt::Light,
};

/// OpenMetrics 1.0 s3.
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// What was told since the start, counted; the journal's sink. A restart begins at 0, as counters may (OpenMetrics 1.0 s5.1).
#[derive(Default)]
pub(super) struct Told {
    received: AtomicU64,
    sent: AtomicU64,
    refused: AtomicU64,
    delivered: AtomicU64,
    deferred: AtomicU64,
    bounced: AtomicU64,
    failed_logins: AtomicU64,
    errors: AtomicU64,
    warnings: AtomicU64,
    without_advice: AtomicU64,
}

impl Sink for Told {
    fn take(&self, stamped: &Arc<Stamped>) {
        let line = &stamped.line;
        let add = |counter: &AtomicU64, many: u64| {
            counter.fetch_add(many, Ordering::Relaxed);
        };
        match line.passed.as_ref().map(|passed| passed.way) {
            Some(Way::Received) => add(&self.received, 1),
            Some(Way::Sent) => add(&self.sent, 1),
            Some(Way::Within) => {
                add(&self.received, 1);
                add(&self.sent, 1);
            }
            None => {}
        }
        match line.counts {
            Some(Count::Refused) => add(&self.refused, 1),
            Some(Count::FailedLogins(many)) => add(&self.failed_logins, many.into()),
            Some(Count::Outgoing(Sent::Sent)) => add(&self.delivered, 1),
            Some(Count::Outgoing(Sent::Deferred)) => add(&self.deferred, 1),
            Some(Count::Outgoing(Sent::Bounced)) => add(&self.bounced, 1),
            None => {}
        }
        if line.tag == Tag::Bounce && line.text.starts_with("no advice for: ") {
            add(&self.without_advice, 1);
        }
        match line.severity {
            Severity::Error => add(&self.errors, 1),
            Severity::Warning => add(&self.warnings, 1),
            Severity::Info | Severity::Debug => {}
        }
    }
}

impl Told {
    fn write(&self, out: &mut String) {
        let of = |counter: &AtomicU64| float(counter.load(Ordering::Relaxed));
        let ways = [(label("way", "received"), of(&self.received)), (label("way", "sent"), of(&self.sent))];
        family(
            out,
            "messages",
            "counter",
            "Messages for our mailboxes, and messages of our users and devices; one between two users is both.",
            &ways,
        );
        let refused = [(String::new(), of(&self.refused))];
        family(out, "messages_refused", "counter", "Recipients and messages that were refused.", &refused);
        let left = [("sent", &self.delivered), ("deferred", &self.deferred), ("bounced", &self.bounced)]
            .map(|(status, counter)| (label("status", status), of(counter)));
        family(out, "deliveries", "counter", "Attempts of recipients elsewhere, by what came of them.", &left);
        let failed = [(String::new(), of(&self.failed_logins))];
        family(out, "logins_failed", "counter", "Logins that failed: SMTP, POP3, IMAP, the administration.", &failed);
        let unknown = [(String::new(), of(&self.without_advice))];
        let help = "Final refusals of other servers that the table of advice does not know.";
        family(out, "answers_without_advice", "counter", help, &unknown);
        let lines =
            [(label("severity", "error"), of(&self.errors)), (label("severity", "warning"), of(&self.warnings))];
        family(out, "journal_lines", "counter", "Lines of the journal that somebody should look at.", &lines);
    }
}

/// 200 while mail can be taken and no line of the board is red; else 503 and why.
pub(super) async fn health(desk: &Desk) -> Reply {
    let board = desk.house().board.all();
    let mut why: Vec<String> = board
        .iter()
        .filter(|(_, state)| state.light == Light::Red)
        .map(|(service, state)| format!("{service}: {}", state.text))
        .collect();
    match desk.house().store.room().await {
        Ok(room) if room.is_short() => why.push("mail disk: no room for new mail".to_owned()),
        Ok(_) => {}
        Err(error) => why.push(format!("mail disk: {error}")),
    }
    let (status, body) = if why.is_empty() { (200, "ok\n".to_owned()) } else { (503, why.join("\n") + "\n") };
    Reply { status, kind: "text/plain; charset=utf-8", body: body.into_bytes(), heads: Vec::new() }
}

/// OpenMetrics, for those who may look, and for the networks of the setting.
pub(super) async fn metrics(desk: &Desk, visitor: &Visitor) -> Result<Reply, ApiError> {
    let settings = desk.house().settings.get();
    let chosen = |ip| settings.metrics_networks.iter().any(|n| Network::parse(n).is_ok_and(|n| n.contains(ip)));
    if !visitor.rights.allow(Scope::Look(Area::Status)) && !visitor.ip.is_some_and(chosen) {
        let todo = "send a token with the right 'read', or add your address to http.metrics_networks";
        return Err(ApiError::new(401, "metrics are not for everybody", todo));
    }
    let mut out = String::new();
    numbers(desk, &mut out).await;
    out.push_str("# EOF\n");
    Ok(Reply { status: 200, kind: OPEN_METRICS, body: out.into_bytes(), heads: Vec::new() })
}

/// A family with its samples: `(labels, value)`.
fn family(out: &mut String, name: &str, kind: &str, help: &str, samples: &[(String, f64)]) {
    if samples.is_empty() {
        return;
    }
    let suffix = if kind == "counter" { "_total" } else { "" };
    // Writing to a String cannot fail.
    let _ = writeln!(out, "# TYPE gatepost_{name} {kind}\n# HELP gatepost_{name} {help}");
    for (labels, value) in samples {
        let _ = writeln!(out, "gatepost_{name}{suffix}{labels} {value}");
    }
}

fn gauge(out: &mut String, name: &str, help: &str, value: Option<f64>) {
    let samples: Vec<(String, f64)> = value.into_iter().map(|value| (String::new(), value)).collect();
    family(out, name, "gauge", help, &samples);
}

/// `{name="value"}`, escaped as OpenMetrics 1.0 s5.
fn label(name: &str, value: &str) -> String {
    let value = value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
    format!("{{{name}=\"{value}\"}}")
}

#[allow(clippy::cast_precision_loss, reason = "a gauge of octets is right to 53 bits")]
fn float(number: u64) -> f64 {
    number as f64
}

async fn numbers(desk: &Desk, out: &mut String) {
    let house = desk.house();
    let directory = house.directory.get();
    let process = status::process();
    let number = |name: &str| process[name].as_u64().map(float);
    gauge(out, "uptime_seconds", "Time since the start.", Some(house.clock.mono().as_secs_f64().floor()));
    gauge(out, "memory_resident_bytes", "Memory of the process.", number("rss"));
    gauge(out, "memory_resident_peak_bytes", "The most memory the process had.", number("rss_peak"));
    gauge(out, "threads", "Threads of the process.", number("threads"));
    gauge(out, "open_files", "Open files of the process.", number("files"));
    let many = |number: usize| Some(float(u64::try_from(number).unwrap_or(u64::MAX)));
    gauge(out, "domains", "Mail domains.", many(directory.domains.len()));
    gauge(out, "mailboxes", "Mailboxes.", many(directory.mailboxes.len()));
    gauge(out, "aliases", "Aliases.", many(directory.aliases.len()));
    gauge(out, "queue_messages", "Messages in the queue.", house.store.queue_len().await.ok().map(float));
    desk.told.write(out);
    let commits = [(String::new(), float(house.store.commits()))];
    family(out, "store_commits", "counter", "Durable commits of the mail store.", &commits);
    let count = |many: usize| float(u64::try_from(many).unwrap_or(u64::MAX));
    let live: Vec<(String, f64)> =
        (house.live)().iter().map(|(name, many)| (label("service", name), count(*many))).collect();
    family(out, "connections", "gauge", "Connections that are open now.", &live);
    if let Ok(room) = house.store.room().await {
        gauge(out, "disk_free_bytes", "Free room of the mail disk.", Some(float(room.free)));
        gauge(out, "disk_dead_bytes", "Room of the mail disk that can be reclaimed.", Some(float(room.dead)));
        gauge(out, "disk_short", "1 while new mail is put off for want of room.", Some(room.is_short().into()));
    }
    let lights: Vec<(String, f64)> = house
        .board
        .all()
        .iter()
        .filter(|(_, state)| state.light != Light::Off)
        .map(|(service, state)| (label("service", service), f64::from(u8::from(state.light != Light::Red))))
        .collect();
    family(out, "service_up", "gauge", "1 unless the service's line on the board is red.", &lights);
    let now = house.clock.now();
    let days: Vec<(String, f64)> = house
        .certificates
        .list()
        .iter()
        .filter_map(|listed| listed.info.as_ref().map(|info| (&listed.name, info)))
        .map(|(name, info)| (label("name", name), float(info.not_after.since(now).max(0).unsigned_abs())))
        .collect();
    family(out, "certificate_expiry_seconds", "gauge", "Time until a certificate expires.", &days);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        journal::{Journal, LoginPeer, NoLogin, Pop3Event, Reject, SmtpEvent, SmtpFact, Tried},
        rt::TestClock,
        types::UnixTime,
        wire::smtp::say,
    };

    #[test]
    fn events_are_counted_whatever_words_somebody_puts_into_them() {
        let journal = Journal::new(Arc::new(TestClock::at(UnixTime(1_800_000_000))));
        let told = Arc::new(Told::default());
        journal.add_sink(told.clone());
        let smtp = |what| SmtpEvent { tag: Tag::Smtpd, ip: "192.0.2.7".parse().unwrap(), what };
        let reject = Reject {
            qid: None,
            stage: "RCPT",
            say: say::NO_MAILBOX.into(),
            log: String::new(),
            from: None,
            to: Some("auth failed@x.test".into()),
            proto: "ESMTP",
            helo: Some("authentication failed: reject: ".into()),
        };
        journal.tell(smtp(SmtpFact::Reject(Box::new(reject))));
        journal.tell(smtp(SmtpFact::NotSmtp { line: b"x: reject: auth failed".to_vec() }));
        journal.tell(smtp(SmtpFact::LoginFailed { mechanism: "PLAIN".into(), why: "wrong", user: None }));
        let peer = LoginPeer {
            rip: "192.0.2.7".parse().unwrap(),
            lip: "192.0.2.1".parse().unwrap(),
            tls: true,
            session: "s".into(),
        };
        for (tried, user) in [(Tried::Failed(3), "ann"), (Tried::Nothing, "auth failed")] {
            let reason = "Connection closed";
            let (user, method, peer) = (user.to_owned(), None, peer.clone());
            journal.tell(Pop3Event::NoLogin(NoLogin { reason, tried, secs: 1, user, method, peer }));
        }
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        assert_eq!((count(&told.refused), count(&told.failed_logins)), (1, 4));
    }

    #[test]
    fn a_family_is_written_as_openmetrics_wants_it() {
        let mut out = String::new();
        family(&mut out, "a", "counter", "Things.", &[(label("x", "a\"b\\c\nd"), 3.0)]);
        gauge(&mut out, "b", "Others.", Some(1.5));
        gauge(&mut out, "c", "Not known.", None);
        assert_eq!(
            out,
            "# TYPE gatepost_a counter\n# HELP gatepost_a Things.\ngatepost_a_total{x=\"a\\\"b\\\\c\\nd\"} 3\n\
             # TYPE gatepost_b gauge\n# HELP gatepost_b Others.\ngatepost_b 1.5\n"
        );
    }
}
