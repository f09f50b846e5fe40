//! The journal over the API: the newest lines from memory, pages of a day from its file, export (M1-M6, Q30).

use std::{io, sync::Arc};

use serde_json::{Value as Json, json};

use super::{Answer, ApiError, Desk, Source, Stream, Writing, api::Request};
use crate::{
    journal::{Line, Severity},
    limits,
    store::{Day, Export},
};

/// Lines of a page, where nobody says how many.
const PAGE: u64 = 100;

/// `journal?max=N&after=NUMBER`: the newest lines, oldest first; numbers begin again at each start.
/// `journal?day=2026-11-24&page=1&per_page=N&search=TEXT`: a page of a day, newest first; `day=today` too.
/// `journal?day=2026-11-24&below=0&per_page=N&search=TEXT`: a piece of a search; the next has `below=LEFT+1`.
pub(super) async fn journal(desk: &Desk, request: Request) -> Answer {
    let has = |name| request.query.contains_key(name);
    match (has("day"), request.number("below")?) {
        (true, Some(below)) => look(desk, &request, below).await,
        (true, None) => page(desk, &request).await,
        (false, None) => newest(desk, &request),
        (false, Some(_)) => Err(ApiError::field("day", "must be there")),
    }
}

/// The days that have a file, newest first.
pub(super) async fn days(desk: &Desk, _request: Request) -> Answer {
    let days = desk.house().days.days().await?;
    Ok(json!({ "days": days.iter().map(Day::to_string).collect::<Vec<_>>() }))
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
    let found = desk.house().days.page(day, page, per_page, request.text("search")).await?;
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

async fn look(desk: &Desk, request: &Request, below: u64) -> Answer {
    let day = day(desk, request)?;
    let max = usize::try_from(request.number("per_page")?.unwrap_or(PAGE)).unwrap_or(usize::MAX);
    let found = desk.house().days.look(day, below, max, request.text("search")).await?;
    let mail = desk.house().settings.get().syslog_mail_tag.clone();
    let lines = found.lines.iter().map(|told| line(told.number, told.at.0, &told.line, &mail));
    Ok(json!({
        "day": day.to_string(),
        "left": found.left,
        "total": found.total,
        "lines": lines.collect::<Vec<_>>(),
    }))
}

/// `next` is null behind the last piece.
pub(super) async fn export(desk: &Desk, request: Request) -> Answer {
    let day = day(desk, &request)?;
    let form = form(&request)?;
    let after = request.number("after")?.unwrap_or(0);
    let mail = desk.house().settings.get().syslog_mail_tag.clone();
    let (text, next) = desk.house().days.export(day, after, form, &mail).await?;
    Ok(json!({ "text": text, "next": next }))
}

/// `journal/file`: a whole day as a file for a download (M6, Q30).
pub(super) fn file(desk: &Arc<Desk>, request: &Request) -> Result<Stream, ApiError> {
    let (day, form) = (day(desk, request)?, form(request)?);
    let (kind, end) = match form {
        Export::Plain => ("text/plain; charset=utf-8", "log"),
        Export::Csv => ("text/csv; charset=utf-8", "csv"),
    };
    let (days, mail) = (desk.house().days.clone(), desk.house().settings.get().syslog_mail_tag.clone());
    let write: Writing = Box::new(move |out| {
        let mut after = Some(0);
        while let Some(from) = after {
            let (text, next) = smol::block_on(days.export(day, from, form, &mail)).map_err(io::Error::other)?;
            out.write_all(text.as_bytes())?;
            after = next;
        }
        Ok(())
    });
    Ok(Stream { kind, source: Source::File(format!("mail-{day}.{end}"), write) })
}

fn form(request: &Request) -> Result<Export, ApiError> {
    match request.text("form") {
        "" | "plain" => Ok(Export::Plain),
        "csv" => Ok(Export::Csv),
        _ => Err(ApiError::field("form", "must be plain or csv")),
    }
}

fn day(desk: &Desk, request: &Request) -> Result<Day, ApiError> {
    match request.query.get("day").map(String::as_str) {
        None | Some("" | "today") => Ok(desk.house().days.today()),
        Some(text) => Day::parse(text).ok_or_else(|| ApiError::field("day", "must look like 2026-11-24")),
    }
}

/// A line as the API gives it.
pub(super) fn line(number: u64, time: i64, line: &Line, mail: &str) -> Json {
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
