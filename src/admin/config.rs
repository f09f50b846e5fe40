//! Settings over the API: the table with its values, saving, versions, going back.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Value as Json, json};

use super::{Answer, ApiError, Desk, api::Request};
use crate::settings::{Entry, FieldError, TABLE, Version, text_of};

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
    let rev = desk.save(save.rev, texts(save.fields)?, &request.caller).await?;
    Ok(json!({ "rev": rev }))
}

/// Makes the fields of an old version hold again.
pub(super) async fn rollback(desk: &Desk, mut request: Request) -> Answer {
    let back: Rollback = request.take()?;
    let rev = desk.rollback(back.rev, back.to, &request.caller).await?;
    Ok(json!({ "rev": rev }))
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
    if wrong.is_empty() { Ok(out) } else { Err(super::DeskError::Fields(wrong).into()) }
}

/// The table with its values.
pub(super) async fn settings(desk: &Desk, _request: Request) -> Answer {
    let versions = desk.versions().await?;
    let newest = versions.newest().cloned().unwrap_or_default();
    let settings = desk.house().settings.get();
    let list: Vec<Json> = TABLE.iter().map(|entry| row(entry, &(entry.get)(&settings), &newest)).collect();
    Ok(json!({ "rev": newest.rev, "settings": list }))
}

fn row(entry: &Entry, text: &str, newest: &Version) -> Json {
    json!({
        "key": entry.key,
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
            .map(|(key, old, new)| json!({ "key": key, "old": old, "new": new }))
            .collect();
        list.push(json!({ "rev": version.rev, "who": version.who, "when": version.when, "from": version.from, "changed": changed }));
        older = version.clone();
    }
    list.reverse();
    Ok(json!({ "versions": list, "damaged": versions.damaged }))
}
