//! Settings over the API: the table with its values, saving, versions, going back.

use std::{collections::BTreeMap, sync::Arc};

use serde::Deserialize;
use serde_json::{Value as Json, json};

use super::{Answer, ApiError, Caller, Desk, DeskError, api::Request, start};
use crate::{
    rt::{Light, State},
    settings::{Entry, FieldError, SECTIONS, Settings, TABLE, Version, entry, section, shown, text_of},
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Save {
    rev: u64,
    fields: BTreeMap<String, Json>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Rollback {
    rev: u64,
    to: u64,
}

/// Saves what is named, on top of the version that the caller looked at.
pub(super) async fn save(desk: &Desk, mut request: Request) -> Answer {
    let save: Save = request.take()?;
    let before = Before::of(desk);
    let rev = desk.save(save.rev, texts(save.fields)?, &request.caller).await?;
    Ok(before.saved(desk, rev))
}

/// Makes the fields of an old version hold again.
pub(super) async fn rollback(desk: &Desk, mut request: Request) -> Answer {
    let back: Rollback = request.take()?;
    let before = Before::of(desk);
    let rev = desk.rollback(back.rev, back.to, &request.caller).await?;
    Ok(before.saved(desk, rev))
}

/// Sets one key on top of whatever holds now: a switch of the start page has seen no version.
pub(super) async fn set_now(desk: &Desk, key: &str, text: &str, caller: &Caller) -> Answer {
    let before = Before::of(desk);
    loop {
        let rev = desk.versions().await?.newest().map_or(0, |version| version.rev);
        match desk.save(rev, [(key.to_owned(), Some(text.to_owned()))].into(), caller).await {
            // Somebody came between the two; each round is another's save, so that this ends.
            Err(DeskError::Stale(_)) => {}
            done => return Ok(before.saved(desk, done?)),
        }
    }
}

/// How it was before a save, so that its answer can say what came of it.
struct Before {
    settings: Arc<Settings>,
    board: BTreeMap<String, State>,
}

impl Before {
    fn of(desk: &Desk) -> Self {
        Before { settings: desk.house().settings.get(), board: desk.house().board.all() }
    }

    /// What changed, what of it does not work, and what waits for the next start. The new settings were put into effect
    /// before the save returned: every port was tried once.
    fn saved(&self, desk: &Desk, rev: u64) -> Json {
        let now = desk.house().settings.get();
        let changed: Vec<&Entry> = TABLE.iter().filter(|e| (e.get)(&self.settings) != (e.get)(&now)).collect();
        let board = desk.house().board.all();
        let is_worse = |(service, state): &(&String, &State)| {
            matches!(state.light, Light::Red | Light::Yellow) && self.board.get(*service) != Some(*state)
        };
        let failed = board.iter().filter(is_worse).map(|(service, state)| start::told(service, state));
        let later = changed.iter().filter(|entry| entry.needs_restart()).map(|entry| entry.key);
        json!({
            "rev": rev,
            "changed": changed.iter().map(|entry| entry.key).collect::<Vec<_>>(),
            "not_applied": failed.collect::<Vec<_>>(),
            "next_start": later.collect::<Vec<_>>(),
        })
    }
}

/// `settings/diff?from=3&to=7`: what differs between two versions; 0 is all defaults, and without `to` the newest.
pub(super) async fn diff(desk: &Desk, request: Request) -> Answer {
    let versions = desk.versions().await?;
    let newest = versions.newest().map_or(0, |version| version.rev);
    let (from, to) = (request.number("from")?.unwrap_or(0), request.number("to")?.unwrap_or(newest));
    let find = |name: &str, rev: u64| match versions.get(rev) {
        Some(version) => Ok(version.clone()),
        None if rev == 0 => Ok(Version::default()),
        None => Err(ApiError::field(name, format!("is {rev}, which is not kept (any more): see the list of versions"))),
    };
    let (old, new) = (find("from", from)?, find("to", to)?);
    let changed = new.differs_from(&old).into_iter().map(|(key, old, new)| {
        let entry = entry(&key);
        let seen = |text: Option<String>| text.map(|text| shown(&key, &text));
        let (old, new) = (seen(old), seen(new));
        let text = |text: &Option<String>| text.clone().or_else(|| entry.map(Entry::default));
        let label = entry.map(|entry| json!({ "en": entry.label[0], "ru": entry.label[1] }));
        json!({ "old_text": text(&old), "new_text": text(&new), "key": key, "label": label, "old": old, "new": new })
    });
    Ok(json!({ "from": from, "to": to, "changed": changed.collect::<Vec<_>>() }))
}

/// null: back to the default.
fn texts(fields: BTreeMap<String, Json>) -> Result<BTreeMap<String, Option<String>>, ApiError> {
    let mut out = BTreeMap::new();
    let mut wrong = Vec::new();
    for (key, value) in fields {
        match text_of(&value) {
            Some(text) => drop(out.insert(key, Some(text))),
            None if value.is_null() => drop(out.insert(key, None)),
            None => wrong.push(FieldError::new(&key, "must be a text, a number, true or false, or a list".to_owned())),
        }
    }
    if wrong.is_empty() { Ok(out) } else { Err(DeskError::Fields(wrong).into()) }
}

/// The table with its values.
pub(super) async fn settings(desk: &Desk, _request: Request) -> Answer {
    let versions = desk.versions().await?;
    let newest = versions.newest().cloned().unwrap_or_default();
    let settings = desk.house().settings.get();
    let list: Vec<Json> = TABLE.iter().map(|entry| row(entry, &entry.shown(&settings), &newest)).collect();
    let sections = SECTIONS.iter().map(|s| json!({ "id": s.id, "label": { "en": s.label[0], "ru": s.label[1] } }));
    Ok(json!({ "rev": newest.rev, "sections": sections.collect::<Vec<_>>(), "settings": list }))
}

fn row(entry: &Entry, text: &str, newest: &Version) -> Json {
    json!({
        "key": entry.key,
        "section": section(entry.key),
        "restart": entry.needs_restart(),
        "limits": entry.kind.limits(),
        "type": entry.kind.name(),
        "bounds": entry.kind.bounds(),
        "value": entry.kind.json(text),
        "text": text,
        "default": entry.kind.json(&entry.default()),
        "set": newest.fields.contains_key(entry.key),
        "label": { "en": entry.label[0], "ru": entry.label[1] },
        "help": { "en": entry.help[0], "ru": entry.help[1] },
        "requirement": entry.requirement,
    })
}

/// Every version that is kept, newest first, with what it changed.
pub(super) async fn versions(desk: &Desk, _request: Request) -> Answer {
    let versions = desk.versions().await?;
    let mut older = Version::default();
    let mut list = Vec::new();
    for version in &versions.list {
        let changed: Vec<Json> = version
            .differs_from(&older)
            .into_iter()
            .map(|(key, old, new)| {
                let seen = |text: Option<String>| text.map(|text| shown(&key, &text));
                json!({ "key": key, "old": seen(old), "new": seen(new) })
            })
            .collect();
        list.push(json!({ "rev": version.rev, "who": version.who, "when": version.when, "from": version.from, "changed": changed }));
        older = version.clone();
    }
    list.reverse();
    Ok(json!({ "versions": list, "damaged": versions.damaged }))
}
