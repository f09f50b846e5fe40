//! The subcommands: they ask the running server over its socket (`client`), or read the files when it is stopped.
//!
//! `table` lists every subcommand with its words, flags and help; `args` reads a command line by it; the hands are in
//! `people`, `queue`, `tokens`, `config`, `certificates`, `look`, `offline`, `serve`. Exit codes: 0 done, 1 refused, 2 wrong usage, 3 no server.

mod args;
mod certificates;
mod client;
mod config;
mod dkim;
mod failure;
mod look;
mod offline;
mod people;
mod queue;
mod serve;
mod show;
mod table;
mod terminal;
mod tokens;

use std::{ffi::OsString, path::PathBuf, process::ExitCode};

use args::Args;
use client::Client;
use failure::Failure;
use table::Command;

/// Where the state is when nobody says.
const STATE: &str = "/var/lib/gatepost";

/// What every hand gets.
struct Context {
    /// The server.
    client: Client,
    /// State directory.
    state: PathBuf,
    /// Whether the answer is printed as JSON.
    json: bool,
}

/// Reads the arguments and does what they say.
pub fn main() -> ExitCode {
    let words: Result<Vec<String>, OsString> = std::env::args_os().skip(1).map(OsString::into_string).collect();
    let Ok(words) = words else {
        return Failure::usage("an argument is not UTF-8", "write it in UTF-8").exit(false);
    };
    let json = words.iter().take_while(|word| *word != "--").any(|word| word == "--json");
    match run(words) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.exit(json),
    }
}

/// Flags that stand before the subcommand go behind it.
fn in_order(mut words: Vec<String>) -> Vec<String> {
    let is_valued = |word: &String| word == "--state";
    let mut first = 0;
    while words.get(first).is_some_and(|word| word.starts_with("--state") || word == "--json") {
        first += if is_valued(&words[first]) { 2 } else { 1 };
    }
    let many = words.len();
    words.rotate_left(first.min(many));
    words
}

fn run(words: Vec<String>) -> Result<(), Failure> {
    let words = in_order(words);
    let Some((command, rest)) = table::find(&words) else {
        return help(&words);
    };
    if rest.iter().take_while(|word| *word != "--").any(|word| word == "--help" || word == "-h") {
        return show::text(&command.help());
    }
    let args = args::read(command, rest)?;
    let state =
        args.value("state").map(PathBuf::from).or_else(|| std::env::var_os("GATEPOST_STATE").map(PathBuf::from));
    let state = state.unwrap_or_else(|| PathBuf::from(STATE));
    let context = Context { client: Client::at(&state), state, json: args.has("json") };
    (command.run)(&context, args)
}

/// `help`, `help WORDS`, nothing, or something unknown.
fn help(words: &[String]) -> Result<(), Failure> {
    let asked: Vec<&String> = words.iter().filter(|word| !word.starts_with('-') && *word != "help").collect();
    let is_help = words.is_empty() || words.iter().any(|w| matches!(w.as_str(), "help" | "-h" | "--help"));
    if words.iter().any(|word| word == "--version") {
        return show::text(&format!("gatepost {}", env!("CARGO_PKG_VERSION")));
    }
    let found: Vec<&Command> = table::below(&asked);
    match found.as_slice() {
        [] => {
            let said = asked.iter().map(|w| w.as_str()).collect::<Vec<_>>().join(" ");
            Err(Failure::usage(format!("there is no subcommand '{said}'"), "gatepost help lists them all"))
        }
        [one] if is_help => show::text(&one.help()),
        some if is_help => show::text(&table::list(some)),
        some => {
            let todo = format!("one of these:\n{}", table::list(some).trim_end());
            Err(Failure::usage("the subcommand is not complete", todo))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_may_stand_before_the_subcommand() {
        let ordered = |line: &str| in_order(line.split(' ').map(str::to_owned).collect()).join(" ");
        assert_eq!(ordered("--json --state /x mailbox list"), "mailbox list --json --state /x");
        assert_eq!(ordered("--state=/x status"), "status --state=/x");
        assert_eq!(ordered("status --json"), "status --json");
        assert_eq!(ordered("--state"), "--state");
    }
}
