//! `certificate`.

use std::{
    fs,
    io::{self, Read},
};

use serde_json::{Value as Json, json};

use super::{
    Args, Context, Failure,
    client::{escape, nothing},
    show::{self, cell, list as rows_of, time},
};

type Done = Result<(), Failure>;

pub(super) fn list(context: &Context, _args: Args) -> Done {
    let answer = context.client.get("certificates")?;
    show::answer(context, &answer, |answer| {
        let row = |c: &Json| {
            let left = c["days_left"].as_i64().map_or("-".to_owned(), |days| format!("{days} days"));
            let trouble = c["trouble"].as_str().unwrap_or_default().to_owned();
            let [name, names, used] = [cell(&c["name"]), cell(&c["names"]), cell(&c["used_by"])];
            vec![name, names, time(&c["not_after"]), left, used, trouble]
        };
        let rows: Vec<_> = rows_of(answer, "certificates").iter().map(row).collect();
        show::table(&["CERTIFICATE", "FOR", "VALID UNTIL", "LEFT", "USED BY", ""], &rows)
    })
}

pub(super) fn upload(context: &Context, args: Args) -> Done {
    let mut pem = String::new();
    for file in &args.rest()[1..] {
        pem += &read(file)?;
        pem += "\n";
    }
    let answer = context.client.ask("POST", "certificates", &json!({ "name": args.at(0), "pem": pem }))?;
    show::answer(context, &answer, told)
}

fn read(file: &str) -> Result<String, Failure> {
    let mut text = String::new();
    let limit = crate::limits::CERTIFICATE_PEM as u64 + 1;
    let read = match file {
        "-" => io::stdin().lock().take(limit).read_to_string(&mut text),
        path => fs::File::open(path).and_then(|open| open.take(limit).read_to_string(&mut text)),
    };
    read.map(|_| text).map_err(|error| match error.kind() {
        io::ErrorKind::InvalidData => Failure::refused(
            format!("{file} is not text"),
            "convert it to PEM first: openssl x509 -inform der, openssl pkcs12",
        ),
        _ => Failure::file(file, &error),
    })
}

pub(super) fn self_signed(context: &Context, args: Args) -> Done {
    let mut body = json!({ "hosts": args.values("host") });
    if !args.at(0).is_empty() {
        body["name"] = json!(args.at(0));
    }
    let answer = context.client.ask("POST", "self-signed", &body)?;
    show::answer(context, &answer, told)
}

fn told(answer: &Json) -> String {
    let (name, names, until) = (cell(&answer["name"]), cell(&answer["names"]), time(&answer["not_after"]));
    match answer["used_by"].as_array() {
        Some(used) if !used.is_empty() => {
            format!(
                "certificate {name} stored, for {names}, valid until {until}; used by {} at once",
                cell(&answer["used_by"])
            )
        }
        Some(_) | None => format!(
            "certificate {name} stored, for {names}, valid until {until}\nto use it: gatepost settings set \
             tls.smtp.certificate={name} tls.pop3.certificate={name}"
        ),
    }
}

pub(super) fn remove(context: &Context, args: Args) -> Done {
    let answer = context.client.ask("DELETE", &format!("certificates/{}", escape(args.at(0))), &nothing())?;
    show::answer(context, &answer, |_| format!("certificate {} removed", args.at(0)))
}
