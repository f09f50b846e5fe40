//! `status`, `journal`, `version`.

use std::{fmt::Write, thread, time::Duration};

use serde_json::{Value as Json, json};

use super::{
    Args, Context, Failure,
    client::escape,
    show::{self, cell, list, many, size, time},
};

type Done = Result<(), Failure>;

/// Between two looks of `--follow`.
const PAUSE: Duration = Duration::from_secs(1);

pub(super) fn version(context: &Context, _args: Args) -> Done {
    let version = env!("CARGO_PKG_VERSION");
    show::answer(context, &json!({ "version": version }), |_| format!("gatepost {version}"))
}

/// Exit code 1 when a line of the board is red, so that a script can watch it.
pub(super) fn status(context: &Context, _args: Args) -> Done {
    let answer = context.client.get("status")?;
    show::answer(context, &answer, words)?;
    let services = answer["services"].as_object();
    match services.and_then(|all| all.iter().find(|(_, state)| state["light"] == "red")) {
        Some((service, state)) => {
            Err(Failure::refused(format!("{service} does not work: {}", cell(&state["text"])), ""))
        }
        None => Ok(()),
    }
}

fn words(s: &Json) -> String {
    let mut out = String::new();
    let mut say = |line: String| {
        // Writing to a String cannot fail.
        let _ = writeln!(out, "{line}");
    };
    say(format!("{} - gatepost {}, running for {}", cell(&s["server_name"]), cell(&s["version"]), span(&s["uptime"])));
    let [mailboxes, aliases] = [many(&s["mailboxes"], "mailbox", "mailboxes"), many(&s["aliases"], "alias", "aliases")];
    say(format!("{mailboxes} and {aliases} in {}", many(&s["domains"], "domain", "domains")));
    let (mail, queue) = (&s["mail"], cell(&s["queue"]));
    say(format!("{}, {}; {queue} in the queue", many(&mail["messages"], "message", "messages"), size(&mail["bytes"])));
    let ports =
        ["smtp", "submission", "smtps", "pop3", "pop3s", "imap", "imaps"].map(|name| match s["ports"][name].as_u64() {
            Some(0) | None => format!("{name} off"),
            Some(port) => format!("{name} {port}"),
        });
    say(format!("ports: {}", ports.join(", ")));
    say(format!("POP3/DIMAP runs on port {}/{}", port(&s["ports"]["pop3"]), port(&s["ports"]["imap"])));
    let disk = &s["disk"];
    say(match disk["error"].as_str() {
        Some(error) => format!("mail disk {}: {error}", cell(&disk["directory"])),
        None => {
            format!("mail disk {}: {} free of {}", cell(&disk["directory"]), size(&disk["free"]), size(&disk["size"]))
        }
    });
    let process = &s["process"];
    say(format!(
        "process {}: {} of memory, {} threads",
        process["pid"],
        size(&process["rss"]),
        cell(&process["threads"])
    ));
    let services = s["services"].as_object().into_iter().flatten();
    let rows: Vec<_> =
        services.map(|(name, state)| vec![cell(&state["light"]), name.clone(), cell(&state["text"])]).collect();
    say(String::new());
    say(show::table(&["LIGHT", "SERVICE", "STATE"], &rows));
    out
}

/// A13; `off` for none.
fn port(port: &Json) -> String {
    port.as_u64().filter(|port| *port != 0).map_or("off".to_owned(), |port| port.to_string())
}

/// `3 d 4 h 5 min`, `7 s`
fn span(seconds: &Json) -> String {
    let seconds = seconds.as_u64().unwrap_or(0);
    let minutes = seconds / 60;
    match (minutes / 1440, minutes / 60 % 24, minutes % 60) {
        (0, 0, 0) => format!("{seconds} s"),
        (0, 0, minutes) => format!("{minutes} min"),
        (0, hours, minutes) => format!("{hours} h {minutes} min"),
        (days, hours, minutes) => format!("{days} d {hours} h {minutes} min"),
    }
}

pub(super) fn journal(context: &Context, args: Args) -> Done {
    let lines = args.value("lines").unwrap_or("50");
    let lines: u64 =
        lines.parse().map_err(|_| Failure::usage(format!("'{lines}' is no number of lines"), "write --lines 100"))?;
    if let Some(form) = args.value("export") {
        return export(context, args.value("day").unwrap_or("today"), form);
    }
    if args.has("follow") {
        return follow(context, lines);
    }
    if args.value("day").is_none() && args.value("search").is_none() {
        let answer = context.client.get(&format!("journal?max={lines}"))?;
        return show::answer(context, &answer, |answer| lines_or_none(list(answer, "lines").iter()));
    }
    let (day, search) = (args.value("day").unwrap_or("today"), args.value("search").unwrap_or_default());
    let query = format!("journal?day={}&search={}&per_page={lines}", escape(day), escape(search));
    let answer = context.client.get(&query)?;
    // A page has its newest line first; a terminal is read downwards.
    show::answer(context, &answer, |answer| lines_or_none(list(answer, "lines").iter().rev()))
}

fn lines_or_none<'a>(lines: impl Iterator<Item = &'a Json>) -> String {
    let lines: Vec<String> = lines.map(told).collect();
    if lines.is_empty() { "no such line".to_owned() } else { lines.join("\n") }
}

fn follow(context: &Context, lines: u64) -> Done {
    let mut after = 0;
    loop {
        let answer =
            context.client.get(&format!("journal?max={}&after={after}", if after == 0 { lines } else { 2000 }))?;
        for line in list(&answer, "lines") {
            if !show::put(&if context.json { line.to_string() } else { told(line) })? {
                return Ok(());
            }
        }
        // Below what was seen: the server was started anew, and its numbers began again.
        after = answer["newest"].as_u64().unwrap_or(after);
        thread::sleep(PAUSE);
    }
}

fn export(context: &Context, day: &str, form: &str) -> Done {
    let mut after = 0;
    loop {
        let path = format!("journal/export?day={}&form={}&after={after}", escape(day), escape(form));
        let answer = context.client.get(&path)?;
        let piece = answer["text"].as_str().unwrap_or_default();
        if !piece.is_empty() {
            show::text(piece)?;
        }
        match answer["next"].as_u64() {
            Some(next) if next > after => after = next,
            Some(_) | None => return Ok(()),
        }
    }
}

/// The line's text is safe already (`journal::safe`).
fn told(line: &Json) -> String {
    format!("{} {}: {}", time(&line["time"]), cell(&line["program"]), cell(&line["text"]))
}
