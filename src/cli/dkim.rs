//! `dkim`.

use serde_json::Value as Json;

use super::{
    Args, Context, Failure,
    client::{escape, nothing},
    show::{self, cell, list as rows_of, time},
};

type Done = Result<(), Failure>;

fn path(args: &Args) -> String {
    format!("domains/{}/dkim", escape(args.at(0)))
}

pub(super) fn show(context: &Context, args: Args) -> Done {
    let answer = context.client.get(&path(&args))?;
    show::answer(context, &answer, keys)
}

/// A table of keys, then the records ready to copy.
fn keys(answer: &Json) -> String {
    let keys = rows_of(answer, "keys");
    if keys.is_empty() {
        return "no keys yet: they are made within a second while dkim.sign is on".to_owned();
    }
    let row = |key: &Json| vec![cell(&key["selector"]), cell(&key["kind"]), cell(&key["stage"]), time(&key["made"])];
    let rows: Vec<_> = keys.iter().map(row).collect();
    let mut text = show::table(&["SELECTOR", "KIND", "STAGE", "MADE"], &rows);
    text += "\nrecords for the DNS zone:\n";
    for key in keys {
        text += &format!("\n{}\n", cell(&key["zone"]));
    }
    if answer["signs"] == Json::Bool(false) {
        text += "\nnothing is signed: dkim.sign is off\n";
    }
    text
}

pub(super) fn make(context: &Context, args: Args) -> Done {
    let answer = context.client.ask("POST", &path(&args), &nothing())?;
    show::answer(context, &answer, |answer| {
        format!("{}\npublish the records of the next keys, then: gatepost dkim use {}", keys(answer), args.at(0))
    })
}

pub(super) fn change(context: &Context, args: Args) -> Done {
    let answer = context.client.ask("PUT", &path(&args), &nothing())?;
    show::answer(context, &answer, |answer| {
        format!("{}\nleave the records of the old keys published for a week, then remove both", keys(answer))
    })
}

pub(super) fn remove(context: &Context, args: Args) -> Done {
    let path = format!("{}/{}", path(&args), escape(args.at(1)));
    let answer = context.client.ask("DELETE", &path, &nothing())?;
    show::answer(context, &answer, |_| {
        format!("DKIM key {} of {} removed; its record may go too", args.at(1), args.at(0))
    })
}
