//! `domain`, `mailbox`, `alias`, `admin`.

use serde_json::{Value as Json, json};

use super::{
    Args, Context, Failure,
    client::{escape, nothing},
    show::{self, cell, list, size},
    terminal::{confirm, password},
};

type Done = Result<(), Failure>;

fn does(context: &Context, method: &str, path: &str, body: &Json, said: String) -> Done {
    let answer = context.client.ask(method, path, body)?;
    show::answer(context, &answer, |_| said)
}

/// The mail goes a little later; who removed much learns how to see that it does.
fn removes(context: &Context, path: &str, said: &str) -> Done {
    let answer = context.client.ask("DELETE", path, &nothing())?;
    show::answer(context, &answer, |answer| match answer["purging"].as_u64() {
        Some(left) if left > 1 => {
            format!("{said}; the mail of {left} mailboxes is being deleted: gatepost status shows how many are left")
        }
        Some(_) | None => said.to_owned(),
    })
}

pub(super) fn domain_add(context: &Context, args: Args) -> Done {
    let said = format!("domain {} added", args.at(0));
    does(context, "POST", "domains", &json!({ "name": args.at(0) }), said)
}

pub(super) fn domain_remove(context: &Context, args: Args) -> Done {
    let name = args.at(0);
    let purge = args.has("purge");
    if purge {
        confirm(&format!("All mailboxes of {name} and their mail will be deleted."), name, args.has("yes"))?;
    }
    let path = format!("domains/{}{}", escape(name), if purge { "?purge=1" } else { "" });
    removes(context, &path, &format!("domain {name} removed"))
}

pub(super) fn domain_list(context: &Context, _args: Args) -> Done {
    let answer = context.client.get("domains")?;
    show::answer(context, &answer, |answer| {
        let row = |d: &Json| vec![cell(&d["name"]), cell(&d["mailboxes"]), cell(&d["aliases"]), cell(&d["catch_all"])];
        let rows: Vec<_> = list(answer, "domains").iter().map(row).collect();
        show::table_or(
            &["DOMAIN", "MAILBOXES", "ALIASES", "CATCH-ALL"],
            &rows,
            "no domain yet: gatepost domain add NAME",
        )
    })
}

pub(super) fn domain_catch_all(context: &Context, args: Args) -> Done {
    let to = Some(args.at(1)).filter(|to| *to != "none");
    let said = match to {
        Some(to) => format!("unknown mail of {} goes to {to}", args.at(0)),
        None => format!("unknown mail of {} is refused", args.at(0)),
    };
    does(context, "PUT", &format!("domains/{}", escape(args.at(0))), &json!({ "catch_all": to }), said)
}

pub(super) fn mailbox_add(context: &Context, args: Args) -> Done {
    let quota = args.value("quota").map(show::parse_size).transpose()?.flatten();
    let owner = args.value("owner").unwrap_or_default();
    let mut body = json!({ "address": args.at(0), "quota": quota, "owner": owner });
    body[secret(&args)] = password()?.into();
    does(context, "POST", "mailboxes", &body, format!("mailbox {} added", args.at(0)))
}

/// The field that standard input is for.
fn secret(args: &Args) -> &'static str {
    if args.has("hash") { "password_hash" } else { "password" }
}

fn edit(context: &Context, args: &Args, body: &Json, said: &str) -> Done {
    let path = format!("mailboxes/{}", escape(args.at(0)));
    does(context, "PUT", &path, body, format!("mailbox {}: {said}", args.at(0)))
}

pub(super) fn mailbox_password(context: &Context, args: Args) -> Done {
    edit(context, &args, &json!({ secret(&args): password()? }), "the password is changed")
}

pub(super) fn mailbox_quota(context: &Context, args: Args) -> Done {
    let quota = show::parse_size(args.at(1))?;
    edit(context, &args, &json!({ "quota": quota }), &format!("the quota is {} now", args.at(1)))
}

pub(super) fn mailbox_owner(context: &Context, args: Args) -> Done {
    edit(context, &args, &json!({ "owner": args.at(1) }), &format!("belongs to {} now", args.at(1)))
}

pub(super) fn mailbox_enable(context: &Context, args: Args) -> Done {
    edit(context, &args, &json!({ "enabled": true }), "may log in again")
}

pub(super) fn mailbox_disable(context: &Context, args: Args) -> Done {
    edit(context, &args, &json!({ "enabled": false }), "may not log in any more; its mail still comes in")
}

pub(super) fn mailbox_remove(context: &Context, args: Args) -> Done {
    let address = args.at(0);
    confirm(&format!("The mailbox {address} and all its mail will be deleted."), address, args.has("yes"))?;
    let path = format!("mailboxes/{}", escape(address));
    removes(context, &path, &format!("mailbox {address} removed with its mail"))
}

pub(super) fn mailbox_list(context: &Context, _args: Args) -> Done {
    let answer = context.client.get("mailboxes")?;
    show::answer(context, &answer, |answer| {
        let row = |m: &Json| {
            let login = if m["enabled"] == true { "yes" } else { "no" }.to_owned();
            let [messages, bytes, quota] = [cell(&m["messages"]), size(&m["bytes"]), size(&m["quota"])];
            vec![cell(&m["address"]), messages, bytes, quota, login, cell(&m["owner"])]
        };
        let rows: Vec<_> = list(answer, "mailboxes").iter().map(row).collect();
        show::table_or(
            &["MAILBOX", "MESSAGES", "SIZE", "QUOTA", "LOGIN", "OWNER"],
            &rows,
            "no mailbox yet: gatepost mailbox add ADDRESS",
        )
    })
}

pub(super) fn mailbox_folders(context: &Context, args: Args) -> Done {
    let answer = context.client.get(&format!("mailboxes/{}/folders", escape(args.at(0))))?;
    show::answer(context, &answer, |answer| {
        let rows: Vec<_> = list(answer, "folders").iter().map(|f| vec![cell(&f["name"]), cell(&f["use"])]).collect();
        show::table(&["FOLDER", "USE"], &rows)
    })
}

pub(super) fn alias_add(context: &Context, args: Args) -> Done {
    let body = json!({ "address": args.at(0), "targets": args.rest()[1..] });
    does(context, "POST", "aliases", &body, format!("alias {} added", args.at(0)))
}

pub(super) fn alias_set(context: &Context, args: Args) -> Done {
    let body = json!({ "targets": args.rest()[1..] });
    does(context, "PUT", &format!("aliases/{}", escape(args.at(0))), &body, format!("alias {} changed", args.at(0)))
}

pub(super) fn alias_remove(context: &Context, args: Args) -> Done {
    let path = format!("aliases/{}", escape(args.at(0)));
    does(context, "DELETE", &path, &nothing(), format!("alias {} removed", args.at(0)))
}

pub(super) fn alias_list(context: &Context, _args: Args) -> Done {
    let answer = context.client.get("aliases")?;
    show::answer(context, &answer, |answer| {
        let rows: Vec<_> =
            list(answer, "aliases").iter().map(|a| vec![cell(&a["address"]), cell(&a["targets"])]).collect();
        show::table_or(&["ALIAS", "TARGETS"], &rows, "no alias yet: gatepost alias add ADDRESS TARGET")
    })
}

pub(super) fn admin_add(context: &Context, args: Args) -> Done {
    let body = json!({ "name": args.at(0), "password": password()?, "read_only": args.has("read-only") });
    does(context, "POST", "admins", &body, format!("administrator {} added", args.at(0)))
}

pub(super) fn admin_password(context: &Context, args: Args) -> Done {
    let path = format!("admins/{}", escape(args.at(0)));
    let said = format!("administrator {}: the password is changed", args.at(0));
    does(context, "PUT", &path, &json!({ "password": password()? }), said)
}

pub(super) fn admin_access(context: &Context, args: Args) -> Done {
    let read_only = match args.at(1) {
        "full" => false,
        "read-only" => true,
        other => return Err(Failure::usage(format!("'{other}' is no access"), "write full or read-only")),
    };
    let path = format!("admins/{}", escape(args.at(0)));
    let said = format!("administrator {}: access is {} now", args.at(0), args.at(1));
    does(context, "PUT", &path, &json!({ "read_only": read_only }), said)
}

pub(super) fn admin_remove(context: &Context, args: Args) -> Done {
    let path = format!("admins/{}", escape(args.at(0)));
    does(context, "DELETE", &path, &nothing(), format!("administrator {} removed", args.at(0)))
}

pub(super) fn admin_list(context: &Context, _args: Args) -> Done {
    let answer = context.client.get("admins")?;
    show::answer(context, &answer, |answer| {
        let access = |a: &Json| if a["read_only"] == true { "read-only" } else { "full" }.to_owned();
        let rows: Vec<_> = list(answer, "admins").iter().map(|a| vec![cell(&a["name"]), access(a)]).collect();
        show::table_or(&["ADMINISTRATOR", "ACCESS"], &rows, "no administrator yet: gatepost admin add NAME")
    })
}
