//! `queue`: what waits, and what is done with it.

use serde_json::{Value as Json, json};

use super::{
    Args, Context, Failure,
    client::escape,
    show::{self, cell, list, size, time},
    terminal::confirm,
};

type Done = Result<(), Failure>;

/// Flags that say which rows are meant; their names in the API.
const PARTS: [(&str, &str); 6] = [
    ("search", "search"),
    ("sender", "sender"),
    ("to", "recipient"),
    ("domain", "domain"),
    ("is", "state"),
    ("message", "message"),
];

fn wanted(args: &Args) -> Vec<(&'static str, String)> {
    let part = |(flag, name): (&str, &'static str)| args.value(flag).map(|value| (name, value.to_owned()));
    PARTS.into_iter().filter_map(part).collect()
}

pub(super) fn queue_list(context: &Context, args: Args) -> Done {
    let query: Vec<String> = wanted(&args).iter().map(|(name, value)| format!("&{name}={}", escape(value))).collect();
    let max = args.value("max").unwrap_or("100");
    let answer = context.client.get(&format!("queue?max={}{}", escape(max), query.concat()))?;
    show::answer(context, &answer, |answer| {
        let row = |r: &Json| {
            let said = &r["last"];
            let last = if said.is_null() {
                "-".to_owned()
            } else {
                format!("{} {}", cell(&said["code"]), cell(&said["text"]))
            };
            let [row, state, tries] = [cell(&r["row"]), cell(&r["state"]), cell(&r["tries"])];
            let (next, from) = (time(&r["next_try"]), cell(&r["sender"]));
            vec![
                row,
                cell(&r["message"]),
                state,
                size(&r["size"]),
                from,
                cell(&r["recipient"]),
                tries,
                next,
                short(&last),
            ]
        };
        let rows: Vec<_> = list(answer, "rows").iter().map(row).collect();
        let heads = ["ROW", "MESSAGE", "STATE", "SIZE", "FROM", "TO", "TRIES", "NEXT TRY", "LAST ANSWER"];
        let more = if answer["next"].is_null() { "" } else { "; there are more" };
        format!("{}\n{} wait, {} of them held{more}", show::table(&heads, &rows), answer["total"], answer["held"])
    })
}

/// An answer as long as a line of a table may be.
fn short(text: &str) -> String {
    let cut: String = text.chars().take(60).collect();
    if cut.len() < text.len() { cut + "..." } else { cut }
}

pub(super) fn queue_show(context: &Context, args: Args) -> Done {
    let answer = context.client.get(&format!("queue/{}", escape(args.at(0))))?;
    show::answer(context, &answer, |r| {
        let last = &r["last"];
        let mut rows = vec![
            ("row", cell(&r["row"])),
            ("message", cell(&r["message"])),
            ("from", cell(&r["sender"])),
            ("to", cell(&r["recipient"])),
            ("size", size(&r["size"])),
            ("state", cell(&r["state"])),
            ("waits since", time(&r["since"])),
            ("tries", cell(&r["tries"])),
            ("next try", time(&r["next_try"])),
        ];
        if !last.is_null() {
            rows.push(("last answer", format!("{} {} {}", last["code"], cell(&last["status"]), cell(&last["text"]))));
            rows.push(("it means", cell(&last["advice"]["what"]["en"])));
            rows.push(("what to do", cell(&last["advice"]["todo"]["en"])));
            rows.push(("of", cell(&last["peer"])));
            rows.push(("at", time(&last["at"])));
        }
        let rows: Vec<Vec<String>> = rows.into_iter().map(|(name, value)| vec![name.to_owned(), value]).collect();
        let said = |line: &Json| vec![cell(&line["after_ms"]) + " ms", cell(&line["who"]), cell(&line["text"])];
        let dialogue: Vec<_> = list(&r["dialogue"], "lines").iter().map(said).collect();
        // A head is foreign text: no control character of it reaches the terminal.
        let head = r["head"].as_str().unwrap_or_default();
        let head: Vec<Vec<String>> = head.lines().map(|line| vec![line.replace('\t', " ")]).collect();
        let parts = [show::table(&["", ""], &rows), show::table(&["", "", ""], &dialogue), show::table(&[""], &head)];
        let parts: Vec<&str> = parts.iter().map(|part| part.trim_start()).filter(|part| !part.is_empty()).collect();
        parts.join("\n\n")
    })
}

/// The rows that are meant: numbers, or `--all`, or a filter.
fn meant(args: &Args) -> Result<Json, Failure> {
    let numbers: Result<Vec<u64>, _> = args.rest().iter().map(|word| word.parse()).collect();
    let numbers = numbers.map_err(|_| Failure::usage("a row is a number", "see gatepost queue list"))?;
    let filter = wanted(args);
    match (numbers.is_empty(), filter.is_empty(), args.has("all")) {
        (false, true, false) => Ok(json!({ "rows": numbers })),
        (true, false, false) | (true, true, true) => {
            let mut named = serde_json::Map::new();
            named.extend(filter.into_iter().map(|(name, value)| (name.to_owned(), Json::from(value))));
            Ok(json!({ "filter": named }))
        }
        _ => Err(Failure::usage("say which rows", "name rows, or a filter, or --all")),
    }
}

fn does(context: &Context, args: &Args, path: &str, said: &str) -> Done {
    let body = meant(args)?;
    let answer = context.client.ask("POST", path, &body)?;
    show::answer(context, &answer, |answer| format!("{} {said}", answer["changed"]))
}

pub(super) fn queue_send(context: &Context, args: Args) -> Done {
    does(context, &args, "queue/send", "are tried now")
}

pub(super) fn queue_hold(context: &Context, args: Args) -> Done {
    does(context, &args, "queue/hold", "are held")
}

pub(super) fn queue_release(context: &Context, args: Args) -> Done {
    does(context, &args, "queue/release", "are released")
}

pub(super) fn queue_delete(context: &Context, args: Args) -> Done {
    let mut body = meant(&args)?;
    let telling = args.has("tell");
    body["tell"] = telling.into();
    if args.has("all") {
        let who = if telling { "the senders are told" } else { "nobody is told" };
        confirm(&format!("Everything that waits in the queue will be deleted; {who}."), "all", args.has("yes"))?;
    }
    let answer = context.client.ask("POST", "queue/delete", &body)?;
    show::answer(context, &answer, |answer| {
        let told = if telling { format!("; {} notices to senders are written", answer["told"]) } else { String::new() };
        format!("{} are deleted{told}", answer["changed"])
    })
}

/// How encryption with other servers went.
pub(super) fn queue_tls(context: &Context, _args: Args) -> Done {
    let answer = context.client.get("queue/tls")?;
    show::answer(context, &answer, |answer| {
        let why = |r: &Json| {
            let words = list(r, "failed").iter().map(|f| format!("{} {}", cell(&f["count"]), cell(&f["why"])));
            words.collect::<Vec<_>>().join(", ")
        };
        let row = |r: &Json| vec![cell(&r["domain"]), cell(&r["policy"]), cell(&r["good"]), cell(&r["bad"]), why(r)];
        let rows: Vec<_> = list(answer, "domains").iter().map(row).collect();
        let heads = ["DOMAIN", "POLICY", "ENCRYPTED", "FAILED", "WHY"];
        let dnssec = match answer["dnssec"]["text"].as_str() {
            Some(text) => format!("DNSSEC: {text}"),
            None => "DNSSEC: nothing was asked yet, or dns.dnssec is off".to_owned(),
        };
        format!("{}\n{dnssec}", show::table_or(&heads, &rows, "nothing was sent to other servers in the last days"))
    })
}
