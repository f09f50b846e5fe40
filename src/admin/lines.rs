//! The journal over the API: the newest lines from memory, pages of a day from its file, export (M1-M6, Q30).

use serde_json::{Value as Json, json};

use super::{
    Answer, ApiError, Desk,
    api::{Request, not_allowed},
};
use crate::{
    journal::{Line, Severity},
    limits,
    store::{Day, Export},
};

/// Lines of a page, where nobody says how many.
const PAGE: u64 = 100;

/// `journal?max=N&after=NUMBER`: the newest lines, oldest first; numbers begin again at each start.
/// `journal?day=2026-11-24&page=1&per_page=N&search=TEXT`: a page of a day, newest first; `day=today` too.
/// `journal/days`: the days that have a file. `journal/export?day=...&form=plain|csv&after=NUMBER`: a piece of a day as text.
pub(super) async fn journal(desk: &Desk, request: &Request, rest: &[&str]) -> Answer {
    match rest {
        [] if request.query.contains_key("day") => page(desk, request).await,
        [] => newest(desk, request),
        ["days"] => {
            let days = desk.house().days.days().await?;
            Ok(json!({ "days": days.iter().map(Day::to_string).collect::<Vec<_>>() }))
        }
        ["export"] => export(desk, request).await,
        _ => Err(not_allowed()),
    }
}

fn newest(desk: &Desk, request: &Request) -> Answer {
    let max = request.number("max")?.unwrap_or(PAGE);
    let after = request.number("after")?.unwrap_or(0);
    let mail = desk.house().settings.get().syslog_mail_tag.clone();
    let mut lines = desk.house().journal.newest(limits::JOURNAL_RING);
    let newest = lines.last().map_or(0, |line| line.number);
    lines.retain(|line| line.number > after);
    let skip = lines.len().saturating_sub(usize::try_from(max).unwrap_or(usize::MAX));
    let lines = lines[skip..].iter().map(|told| line(told.number, told.at.0, &told.line, &mail));
    Ok(json!({ "lines": lines.collect::<Vec<_>>(), "newest": newest }))
}

async fn page(desk: &Desk, request: &Request) -> Answer {
    let day = day(desk, request)?;
    let number =
        |name, default| request.number(name).map(|n| usize::try_from(n.unwrap_or(default)).unwrap_or(usize::MAX));
    let (page, per_page) = (number("page", 1)?, number("per_page", PAGE)?);
    let search = request.query.get("search").map_or("", String::as_str);
    let found = desk.house().days.page(day, page, per_page, search).await?;
    let mail = desk.house().settings.get().syslog_mail_tag.clone();
    let lines = found.lines.iter().map(|told| line(told.number, told.at.0, &told.line, &mail));
    Ok(json!({
        "day": day.to_string(),
        "page": found.page,
        "pages": found.pages,
        "total": found.total,
        "lines": lines.collect::<Vec<_>>(),
    }))
}

/// `next` is null behind the last piece.
async fn export(desk: &Desk, request: &Request) -> Answer {
    let day = day(desk, request)?;
    let form = match request.query.get("form").map_or("plain", String::as_str) {
        "plain" => Export::Plain,
        "csv" => Export::Csv,
        _ => return Err(ApiError::field("form", "must be plain or csv")),
    };
    let after = request.number("after")?.unwrap_or(0);
    let mail = desk.house().settings.get().syslog_mail_tag.clone();
    let (text, next) = desk.house().days.export(day, after, form, &mail).await?;
    Ok(json!({ "text": text, "next": next }))
}

fn day(desk: &Desk, request: &Request) -> Result<Day, ApiError> {
    match request.query.get("day").map(String::as_str) {
        None | Some("" | "today") => Ok(desk.house().days.today()),
        Some(text) => Day::parse(text).ok_or_else(|| ApiError::field("day", "must look like 2026-11-24")),
    }
}

fn line(number: u64, time: i64, line: &Line, mail: &str) -> Json {
    json!({
        "number": number,
        "time": time,
        "severity": severity(line.severity),
        "program": line.tag.program(mail),
        "text": line.text,
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
