//! What works without a running server: `check` and `reindex` on the files, `salvage`. The first two ask the server where one runs.

use std::{
    io::{self, IsTerminal},
    path::{Path, PathBuf},
    sync::Arc,
};

use serde_json::{Value as Json, json};

use super::{
    Args, Context, Failure,
    show::{self, cell, list, many, size},
};
use crate::{
    admin::{derive, reindexed_json, report_json},
    rt::{Clock, SystemClock},
    store::{self, Disk, Places, RealDisk, StoreError},
};

type Done = Result<(), Failure>;

/// Octets between two lines of progress.
const STEP: u64 = 256 * 1024 * 1024;

/// Exit code 1 when anything is damaged.
pub(super) fn check(context: &Context, args: Args) -> Done {
    let answer = match context.client.ask("POST", "check", &json!({})) {
        // Nobody listens: the files may be read. A server that is there but stuck holds their lock.
        Err(failure) if failure.code == 3 => on_files(context, &args)?,
        other => other?,
    };
    show::answer(context, &answer, report)?;
    if answer["whole"] == true {
        return Ok(());
    }
    Err(Failure::refused(
        "the store is damaged",
        "stop the server, then gatepost salvage --to DIR brings out every message that is whole",
    ))
}

fn on_files(context: &Context, args: &Args) -> Result<Json, Failure> {
    let disk: Arc<dyn Disk> = Arc::new(RealDisk);
    let places = Places { state: context.state.clone(), mail: mail_dir(context, args), reserve: 0 };
    is_there(&places.state)?;
    let report = store::check(&disk, &places, &mut progress(context.json)).map_err(|error| cannot(&error))?;
    Ok(report_json(&report))
}

fn report(answer: &Json) -> String {
    let mut lines = vec![format!(
        "{}, {}, {} in the index, {}: {}",
        many(&answer["messages"], "message", "messages"),
        many(&answer["records"], "record", "records"),
        answer["derived"],
        size(&answer["octets"]),
        if answer["whole"] == true { "all whole" } else { "DAMAGED" }
    )];
    lines.extend(list(answer, "problems").iter().map(|problem| format!("damaged: {}", cell(problem))));
    if answer["unnamed"].as_u64().is_some_and(|more| more > 0) {
        lines.push(format!("damaged: {}", many(&answer["unnamed"], "more place", "more places")));
    }
    lines.extend(list(answer, "notes").iter().map(|note| format!("note: {}", cell(note))));
    lines.join("\n")
}

/// Exit code 1 when a message cannot be read.
pub(super) fn reindex(context: &Context, args: Args) -> Done {
    let answer = match context.client.ask("POST", "reindex", &json!({})) {
        Err(failure) if failure.code == 3 => reindex_files(context, &args)?,
        other => other?,
    };
    show::answer(context, &answer, |answer| {
        format!(
            "{} made from {}; {} cannot be read",
            many(&answer["records"], "record", "records"),
            size(&answer["octets"]),
            many(&answer["unread"], "message", "messages")
        )
    })?;
    if answer["unread"] == 0 {
        return Ok(());
    }
    Err(Failure::refused("messages cannot be read", "gatepost check names them"))
}

fn reindex_files(context: &Context, args: &Args) -> Result<Json, Failure> {
    let disk: Arc<dyn Disk> = Arc::new(RealDisk);
    let places = Places { state: context.state.clone(), mail: mail_dir(context, args), reserve: 0 };
    is_there(&places.state)?;
    is_there(&places.mail)?;
    let done = store::reindex(&disk, &places, &*derive(), &mut progress(context.json));
    Ok(reindexed_json(&done.map_err(|error| cannot(&error))?))
}

pub(super) fn salvage(context: &Context, args: Args) -> Done {
    let Some(to) = args.value("to").map(PathBuf::from) else {
        return Err(Failure::usage(
            "--to DIR is missing",
            "name a directory for the new store, on a disk with room for all mail",
        ));
    };
    let disk: Arc<dyn Disk> = Arc::new(RealDisk);
    let from = Places { state: context.state.clone(), mail: mail_dir(context, &args), reserve: 0 };
    is_there(&from.mail)?;
    let new = Places { state: to.clone(), mail: to.join("mail"), reserve: 0 };
    let now = SystemClock::start().now();
    let done = store::salvage(&disk, &from, &new, now, &mut progress(context.json)).map_err(|error| cannot(&error))?;
    let answer = json!({ "volumes": done.volumes, "bodies": done.bodies, "messages": done.messages, "queued": done.queued, "held": done.held,
        "octets": done.octets, "strays": done.strays, "damaged": done.damaged, "to": to.display().to_string() });
    show::answer(context, &answer, |answer| {
        let mut lines = vec![format!(
            "{} brought out of {}, {}; the new store is in {}",
            many(&answer["messages"], "message", "messages"),
            many(&answer["volumes"], "volume", "volumes"),
            size(&answer["octets"]),
            to.display()
        )];
        if done.held > 0 {
            lines.push(format!(
                "{} recipients in the queue are held: whether they had their copy cannot be told (gatepost queue list)",
                done.held
            ));
        }
        if done.strays > 0 {
            lines.push(format!(
                "{} more without a readable recipient: recovered/*.eml in the new mail directory",
                done.strays
            ));
        }
        lines.extend(done.damaged.iter().map(|what| format!("damaged: {what}")));
        lines.push(format!("to use it: gatepost serve --state {}", to.display()));
        lines.join("\n")
    })
}

/// `--mail`, else where the server keeps it when no setting says otherwise.
fn mail_dir(context: &Context, args: &Args) -> PathBuf {
    args.value("mail").map_or_else(|| context.state.join("mail"), PathBuf::from)
}

/// The disk makes directories that are missing: a misspelled one must not become an empty, whole store.
fn is_there(dir: &Path) -> Result<(), Failure> {
    if dir.is_dir() {
        return Ok(());
    }
    Err(Failure::refused(format!("there is no directory {}", dir.display()), "name the right one by --state or --mail"))
}

/// Lines of progress, where a person watches.
fn progress(json: bool) -> impl FnMut(u64) {
    let (loud, mut next) = (!json && io::stderr().is_terminal(), STEP);
    move |octets| {
        if loud && octets >= next {
            eprintln!("{} read", size(&json!(octets)));
            next = octets + STEP;
        }
    }
}

fn cannot(error: &StoreError) -> Failure {
    let todo = match error {
        StoreError::Unavailable(_) => "stop the server first, and see whether the directories are there",
        StoreError::NoRoom => "name a directory with more room",
        StoreError::Damaged(_) | StoreError::Missing | StoreError::Exists => "name another state or mail directory",
        StoreError::OverQuota | StoreError::Limit(_) => "name another state or mail directory",
    };
    Failure::refused(error.to_string(), todo)
}
