//! `token`, `admin login-link`.

use serde_json::{Value as Json, json};

use super::{
    Args, Context, Failure,
    client::{escape, nothing},
    show::{self, cell, time},
};

type Done = Result<(), Failure>;

pub(super) fn add(context: &Context, args: Args) -> Done {
    let body = json!({ "name": args.at(0), "scopes": args.rest()[1..] });
    let answer = context.client.ask("POST", "tokens", &body)?;
    show::answer(context, &answer, |answer| cell(&answer["token"]))
}

pub(super) fn list(context: &Context, _args: Args) -> Done {
    show::answer(context, &context.client.get("tokens")?, |answer| {
        let row = |t: &Json| {
            let [name, id, scopes, by] = [&t["name"], &t["id"], &t["scopes"], &t["made_by"]].map(cell);
            vec![name, id, scopes, time(&t["made"]), by]
        };
        let rows: Vec<_> = show::list(answer, "tokens").iter().map(row).collect();
        show::table_or(&["TOKEN", "ID", "SCOPES", "MADE", "BY"], &rows, "no token yet: gatepost token add NAME SCOPE")
    })
}

pub(super) fn revoke(context: &Context, args: Args) -> Done {
    let answer = context.client.ask("DELETE", &format!("tokens/{}", escape(args.at(0))), &nothing())?;
    show::answer(context, &answer, |_| format!("token {} revoked", args.at(0)))
}

pub(super) fn link(context: &Context, args: Args) -> Done {
    let answer = context.client.ask("POST", "login-links", &json!({ "admin": args.at(0) }))?;
    show::answer(context, &answer, |answer| cell(&answer["url"]))
}
