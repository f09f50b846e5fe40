//! The start page (A2-A24): a line for each service that exists, counts, today's counters, the graph, the feed; the switches.

use serde::Deserialize;
use serde_json::{Value as Json, json};

use super::{
    Answer, ApiError, Desk,
    api::Request,
    config,
    language::{say, words},
    status::{light, room},
};
use crate::{
    journal::{Passed, Way},
    rt::{Light, State},
    settings::{Settings, TlsMode},
    store::{Day, Hours},
    types::UnixTime,
};

/// A service with a switch (A23, N8).
struct Service {
    id: &'static str,
    /// The setting of its switch.
    switch: &'static str,
    is_on: fn(&Settings) -> bool,
    /// Names of its ports as on the board, and their settings.
    ports: &'static [(&'static str, &'static str)],
}

const SERVICES: [Service; 3] = [
    Service {
        id: "smtp",
        switch: "smtp.enabled",
        is_on: |settings| settings.smtp_enabled,
        ports: &[("smtp", "smtp.port"), ("submission", "smtp.submission.port"), ("smtps", "smtp.ssl.port")],
    },
    Service {
        id: "pop3",
        switch: "pop3.enabled",
        is_on: |settings| settings.pop3_enabled,
        ports: &[("pop3", "pop3.port"), ("pop3s", "pop3.ssl.port")],
    },
    Service {
        id: "imap",
        switch: "imap.enabled",
        is_on: |settings| settings.imap_enabled,
        ports: &[("imap", "imap.port"), ("imaps", "imap.ssl.port")],
    },
];
/// The switch of all of them (A2).
const SERVER: (&str, &str) = ("server", "server.enabled");

/// The board as this page reads it.
type Board = std::collections::BTreeMap<String, State>;

/// `start`
pub(super) async fn start(desk: &Desk, _request: Request) -> Answer {
    let house = desk.house();
    let (settings, directory, board) = (house.settings.get(), house.directory.get(), house.board.all());
    let mut lines: Vec<Json> = SERVICES.iter().filter_map(|service| line(service, &settings, &board)).collect();
    lines.insert(0, server(&settings, &lines));
    lines.push(encryption(desk, &settings, &board));
    let today = house.days.hours(1).await.ok().and_then(|days| days.into_iter().next());
    let trouble = board.iter().filter(|(_, state)| matches!(state.light, Light::Red | Light::Yellow));
    Ok(json!({
        "time": house.clock.now().0,
        "zone": house.days.zone(),
        "server_name": settings.server_name,
        "version": env!("CARGO_PKG_VERSION"),
        "lines": lines,
        "counts": {
            "mailboxes": directory.mailboxes.len(),
            "aliases": directory.aliases.len(),
            "domains": directory.domains.len(),
            "queue": house.store.queue_len().await.ok(),
        },
        "today": today.map(|(day, hours)| counters(day, &hours)),
        "disk": room(desk).await,
        "trouble": trouble.map(|(service, state)| told(service, state)).collect::<Vec<_>>(),
    }))
}

/// A line of the board.
pub(super) fn told(service: &str, state: &State) -> Json {
    let since = state.since.map(|at| at.0);
    json!({
        "service": service, "light": light(state.light), "text": state.text, "text_ru": say(&state.text).russian, "since": since,
    })
}

fn counters(day: Day, hours: &Hours) -> Json {
    let mut out = json!({ "day": day.to_string() });
    for way in Way::COUNTERS {
        out[way.word()] = json!(hours.sum(way));
    }
    out
}

/// A service that has no line on the board does not exist in this program.
fn line(service: &Service, settings: &Settings, board: &Board) -> Option<Json> {
    let own: Vec<(&str, &State)> = board
        .iter()
        .map(|(key, state)| (key.split_once(':').map_or(key.as_str(), |(name, _)| name), state))
        .filter(|(name, _)| service.ports.iter().any(|(port, _)| port == name))
        .collect();
    if own.is_empty() {
        return None;
    }
    let ports: Vec<Json> = service
        .ports
        .iter()
        .map(|(name, key)| {
            let open = own.iter().any(|(own, state)| own == name && is_open(state));
            json!({ "name": name, "port": settings.open_port(key), "key": key, "open": open })
        })
        .collect();
    let worst = own.iter().map(|(_, state)| *state).filter(|state| state.light != Light::Green).collect::<Vec<_>>();
    let is_on = settings.mail_enabled && (service.is_on)(settings);
    let why: Vec<&str> = worst.iter().filter(|s| s.light != Light::Off).map(|s| s.text.as_str()).collect();
    Some(json!({
        "id": service.id,
        "on": (service.is_on)(settings),
        "running": own.iter().any(|(_, state)| is_open(state)),
        "light": light(if is_on { grave(own.iter().map(|(_, state)| state.light)) } else { Light::Off }),
        "why": if why.is_empty() { Json::Null } else { words(&why.join("; ")) },
        "since": own.iter().filter(|(_, state)| is_open(state)).filter_map(|(_, state)| state.since).min().map(|at| at.0),
        "ports": ports,
        "can_switch": true,
        "key": service.switch,
        "section": "network",
    }))
}

/// The board's text ends with the places where a service listens, also while others are waited for.
fn is_open(state: &State) -> bool {
    state.light == Light::Green || state.text.contains("listening on ")
}

/// The gravest of some colours.
fn grave(lights: impl Iterator<Item = Light>) -> Light {
    let rank = |light: &Light| match light {
        Light::Off => 0,
        Light::Green => 1,
        Light::Yellow => 2,
        Light::Red => 3,
    };
    lights.max_by_key(rank).unwrap_or(Light::Off)
}

/// A2: the whole.
fn server(settings: &Settings, lines: &[Json]) -> Json {
    let running = lines.iter().any(|line| line["running"] == true);
    let since = lines.iter().filter_map(|line| line["since"].as_i64()).min();
    let shine = match (settings.mail_enabled, running) {
        (false, _) => Light::Off,
        (true, true) => Light::Green,
        (true, false) => Light::Red,
    };
    let why = (settings.mail_enabled && !running).then(|| words("no service listens"));
    json!({
        "id": SERVER.0, "on": settings.mail_enabled, "running": running, "light": light(shine), "why": why, "since": since,
        "ports": [], "can_switch": true, "key": SERVER.1, "section": "services",
    })
}

/// A12: on when any port offers TLS; it runs when the certificates can be used.
fn encryption(desk: &Desk, settings: &Settings, board: &Board) -> Json {
    let on =
        settings.ssl || [settings.smtp_tls, settings.pop3_tls, settings.imap_tls].iter().any(|m| *m != TlsMode::Off);
    let names = [&settings.smtp_certificate, &settings.pop3_certificate];
    let running = on && names.iter().all(|name| desk.house().certificates.identity(name).is_some());
    let states: Vec<&State> = names.iter().filter_map(|name| board.get(&format!("certificate:{name}"))).collect();
    let worst = states.iter().find(|state| state.light != Light::Green);
    let shine = match (on, running) {
        (false, _) => Light::Off,
        (true, false) => Light::Red,
        (true, true) => worst.map_or(Light::Green, |state| state.light),
    };
    json!({
        "id": "encryption", "on": on, "running": running, "light": light(shine),
        "why": worst.filter(|_| on).map(|state| words(&state.text)),
        "since": states.iter().filter_map(|state| state.since).max().map(|at| at.0),
        "ports": [], "can_switch": false, "key": null, "section": "encryption",
    })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Switch {
    on: bool,
}

/// `services/{id}`: a change of a setting like any other, with its version.
pub(super) async fn switch(desk: &Desk, mut request: Request) -> Answer {
    let switch: Switch = request.take()?;
    let id = request.at(0);
    let keys = SERVICES.iter().map(|service| (service.id, service.switch)).chain([SERVER]);
    let key = keys.into_iter().find(|(own, _)| *own == id).map(|(_, key)| key).ok_or_else(|| {
        ApiError::new(404, format!("there is no service {id} that can be switched"), "see the lines of start")
    })?;
    config::set_now(desk, key, if switch.on { "on" } else { "off" }, &request.caller).await
}

/// `series?span=today|7|30&step=hour|day` (A24, Q29). Labels are in the appliance's time.
pub(super) async fn series(desk: &Desk, request: Request) -> Answer {
    let days = match request.text("span") {
        "" | "today" => 1,
        "7" => 7,
        "30" => 30,
        _ => return Err(ApiError::field("span", "must be today, 7 or 30")),
    };
    let by_hour = match request.text("step") {
        "" => days == 1,
        "hour" => true,
        "day" => false,
        _ => return Err(ApiError::field("step", "must be hour or day")),
    };
    let days = desk.house().days.hours(days).await?;
    let points: Vec<(String, Vec<u64>)> = days.iter().flat_map(|(day, hours)| points(*day, hours, by_hour)).collect();
    let mut out = json!({ "step": if by_hour { "hour" } else { "day" } });
    out["labels"] = points.iter().map(|(label, _)| label.as_str()).collect();
    for (n, way) in Way::COUNTERS.iter().enumerate() {
        out[way.word()] = points.iter().map(|(_, counts)| counts[n]).collect();
    }
    Ok(out)
}

fn points(day: Day, hours: &Hours, by_hour: bool) -> Vec<(String, Vec<u64>)> {
    if !by_hour {
        return vec![(day.to_string(), Way::COUNTERS.map(|way| hours.sum(way)).to_vec())];
    }
    let point = |hour| (format!("{day} {hour:02}:00"), Way::COUNTERS.map(|way| hours.at(way, hour)).to_vec());
    (0..24).map(point).collect()
}

/// `feed?max=50` (A20): newest first.
pub(super) async fn feed(desk: &Desk, request: Request) -> Answer {
    let max = usize::try_from(request.number("max")?.unwrap_or(50)).unwrap_or(usize::MAX);
    let feed = desk.house().days.feed(max).await?;
    Ok(json!({ "feed": feed.iter().map(|row| feed_row(row.at, &row.passed)).collect::<Vec<_>>() }))
}

/// A row of the feed; `from` is empty for the null sender.
pub(super) fn feed_row(at: UnixTime, passed: &Passed) -> Json {
    json!({
        "time": at.0, "way": passed.way.word(), "from": passed.from, "to": passed.to, "more": passed.more, "size": passed.size,
    })
}
