//! `settings`.

use serde_json::{Map, Value as Json, json};

use super::{
    Args, Context, Failure,
    show::{self, cell, list as rows_of, time},
};
use crate::settings::{self, Entry, TABLE};

type Done = Result<(), Failure>;

pub(super) fn list(context: &Context, args: Args) -> Done {
    let mut answer = context.client.get("settings")?;
    if args.has("changed")
        && let Some(all) = answer["settings"].as_array_mut()
    {
        all.retain(|one| one["set"] == true);
    }
    show::answer(context, &answer, |answer| {
        let row = |one: &Json| {
            let mark = if one["set"] == true { "*" } else { "" }.to_owned();
            vec![mark, cell(&one["key"]), cell(&one["value"]), cell(&one["label"][language()])]
        };
        let rows: Vec<_> = rows_of(answer, "settings").iter().map(row).collect();
        show::table_or(&["", "SETTING", "VALUE", "MEANING"], &rows, "every setting has its default")
    })
}

pub(super) fn get(context: &Context, args: Args) -> Done {
    known(args.at(0))?;
    let answer = context.client.get("settings")?;
    let one = rows_of(&answer, "settings").iter().find(|one| one["key"] == args.at(0)).cloned().unwrap_or_default();
    show::answer(context, &one, |one| one["text"].as_str().unwrap_or_default().to_owned())
}

pub(super) fn set(context: &Context, args: Args) -> Done {
    let mut fields = Map::new();
    for pair in args.rest() {
        let Some((key, value)) = pair.split_once('=') else {
            return Err(Failure::usage(format!("'{pair}' has no ="), "write gatepost settings set KEY=VALUE"));
        };
        fields.insert(key.trim().to_owned(), json!(value));
    }
    save(context, fields)
}

pub(super) fn reset(context: &Context, args: Args) -> Done {
    for key in args.rest() {
        known(key)?;
    }
    let mut fields = Map::new();
    fields.extend(args.rest().iter().map(|key| (key.clone(), Json::Null)));
    save(context, fields)
}

/// On top of the version that holds now: whoever saves between the two requests makes this one fail, and nothing is lost.
fn save(context: &Context, fields: Map<String, Json>) -> Done {
    let rev = context.client.get("settings")?["rev"].clone();
    let answer = context.client.ask("POST", "settings", &json!({ "rev": rev, "fields": fields }))?;
    show::answer(context, &answer, |answer| {
        if answer["rev"] == rev { "nothing differs".to_owned() } else { format!("saved as version {}", answer["rev"]) }
    })
}

pub(super) fn versions(context: &Context, _args: Args) -> Done {
    let answer = context.client.get("settings/versions")?;
    show::answer(context, &answer, |answer| {
        let row = |v: &Json| {
            let changed = |c: &Json| match c["new"].as_str() {
                Some(new) => format!("{}={new}", cell(&c["key"])),
                None => format!("{} reset", cell(&c["key"])),
            };
            let changed: Vec<String> = rows_of(v, "changed").iter().map(changed).collect();
            vec![cell(&v["rev"]), time(&v["when"]), cell(&v["who"]), cell(&v["from"]), changed.join("; ")]
        };
        let rows: Vec<_> = rows_of(answer, "versions").iter().map(row).collect();
        show::table_or(&["VERSION", "WHEN", "WHO", "FROM", "CHANGED"], &rows, "no version yet: all defaults hold")
    })
}

pub(super) fn rollback(context: &Context, args: Args) -> Done {
    let to: u64 = args.at(0).parse().map_err(|_| {
        Failure::usage(format!("'{}' is no version", args.at(0)), "gatepost settings versions lists them")
    })?;
    let rev = context.client.get("settings")?["rev"].clone();
    let answer = context.client.ask("POST", "settings/rollback", &json!({ "rev": rev, "to": to }))?;
    show::answer(context, &answer, |answer| format!("version {to} holds again, as version {}", answer["rev"]))
}

/// Needs no server: the table is in the program.
pub(super) fn help(context: &Context, args: Args) -> Done {
    let chosen: Vec<&Entry> = match args.rest() {
        [] => TABLE.iter().collect(),
        keys => keys.iter().map(|key| known(key)).collect::<Result<_, _>>()?,
    };
    let answer: Vec<Json> = chosen
        .iter()
        .map(|e| {
            json!({ "key": e.key, "type": e.kind.name(), "bounds": e.kind.bounds(), "default": e.kind.json(&e.default()),
                "label": { "en": e.label[0], "ru": e.label[1] }, "help": { "en": e.help[0], "ru": e.help[1] },
                "requirement": e.requirement })
        })
        .collect();
    show::answer(context, &json!(answer), |_| chosen.iter().map(|e| words(e)).collect::<Vec<_>>().join("\n\n"))
}

fn words(entry: &Entry) -> String {
    let n = usize::from(language() == "ru");
    let default = match entry.default() {
        text if text.is_empty() => "(empty)".to_owned(),
        text => text,
    };
    format!(
        "{}  ({})\n  {}\n  {}; default: {default}; {}",
        entry.key,
        entry.label[n],
        entry.help[n],
        entry.kind.bounds(),
        entry.requirement
    )
}

fn known(key: &str) -> Result<&'static Entry, Failure> {
    settings::entry(key).ok_or_else(|| {
        let near = settings::nearest(key).map(|near| format!("did you mean {near}?"));
        Failure::refused(
            format!("{key} is no setting"),
            near.unwrap_or_else(|| "gatepost settings list shows all".to_owned()),
        )
    })
}

/// Russian where the locale says so.
fn language() -> &'static str {
    let set =
        ["LC_ALL", "LC_MESSAGES", "LANG"].iter().find_map(|name| std::env::var(name).ok().filter(|v| !v.is_empty()));
    if set.is_some_and(|locale| locale.starts_with("ru")) { "ru" } else { "en" }
}
