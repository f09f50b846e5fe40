//! A command line, read by the table: `--flag value`, `--flag=value`, switches, and the rest in order.

use super::{Failure, table::Command};

/// What was said.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Args {
    rest: Vec<String>,
    flags: Vec<(String, String)>,
}

impl Args {
    /// Arguments that are no flags, in order. The table has checked how many there are.
    pub fn rest(&self) -> &[String] {
        &self.rest
    }

    /// The argument at this place, or empty.
    pub fn at(&self, n: usize) -> &str {
        self.rest.get(n).map_or("", String::as_str)
    }

    /// Whether the switch was said.
    pub fn has(&self, flag: &str) -> bool {
        self.flags.iter().any(|(name, _)| name == flag)
    }

    /// The flag's value, the last one if it was said twice.
    pub fn value(&self, flag: &str) -> Option<&str> {
        self.flags.iter().rev().find(|(name, _)| name == flag).map(|(_, value)| value.as_str())
    }

    /// All values of a flag that may be said again and again.
    pub fn values(&self, flag: &str) -> Vec<&str> {
        self.flags.iter().filter(|(name, _)| name == flag).map(|(_, value)| value.as_str()).collect()
    }
}

/// Reads what comes after the subcommand's own words.
pub(super) fn read(command: &Command, words: &[String]) -> Result<Args, Failure> {
    let usage = || format!("usage: {}", command.usage());
    let mut args = Args::default();
    let mut words = words.iter();
    while let Some(word) = words.next() {
        if word == "--" {
            args.rest.extend(words.by_ref().cloned());
            break;
        }
        let Some(flag) = word.strip_prefix("--") else {
            args.rest.push(word.clone());
            continue;
        };
        let (name, given) = flag.split_once('=').map_or((flag, None), |(name, value)| (name, Some(value.to_owned())));
        let Some(known) = command.flag(name) else {
            return Err(Failure::usage(format!("there is no flag --{name} here"), usage()));
        };
        let value = match (known.value.is_empty(), given) {
            (true, None) => String::new(),
            (true, Some(_)) => return Err(Failure::usage(format!("--{name} takes no value"), usage())),
            (false, Some(value)) => value,
            (false, None) => {
                let next = words.next().cloned();
                next.ok_or_else(|| Failure::usage(format!("--{name} needs a value"), usage()))?
            }
        };
        args.flags.push((name.to_owned(), value));
    }
    let (least, most) = command.counts();
    if args.rest.len() < least {
        return Err(Failure::usage(format!("{} is missing", command.argument(args.rest.len())), usage()));
    }
    if args.rest.len() > most {
        return Err(Failure::usage(format!("'{}' is too much", args.at(most)), usage()));
    }
    Ok(args)
}

#[cfg(test)]
mod tests {
    use super::{super::table, *};

    fn args(line: &str) -> Result<Args, Failure> {
        let words: Vec<String> = line.split(' ').map(str::to_owned).collect();
        let (command, rest) = table::find(&words).unwrap();
        read(command, rest)
    }

    #[test]
    fn flags_and_arguments_may_come_in_any_order() {
        let said = args("mailbox add --quota 2G ann@office.test --owner=Ann --json").unwrap();
        assert_eq!(
            (said.at(0), said.value("quota"), said.value("owner")),
            ("ann@office.test", Some("2G"), Some("Ann"))
        );
        assert!(said.has("json") && !said.has("password-stdin"));
    }

    #[test]
    fn what_comes_after_two_dashes_is_no_flag() {
        assert_eq!(args("domain add -- --odd").unwrap().rest(), ["--odd"]);
    }

    #[test]
    fn wrong_usage_is_told_with_the_right_one() {
        for (line, what) in [
            ("mailbox add", "ADDRESS is missing"),
            ("alias add sales@office.test", "TARGET is missing"),
            ("settings set", "KEY=VALUE is missing"),
            ("admin access ann", "full|read-only is missing"),
            ("domain add a b", "'b' is too much"),
            ("domain add a --quota 5", "there is no flag --quota here"),
            ("mailbox add a --quota", "--quota needs a value"),
            ("domain add a --json=1", "--json takes no value"),
        ] {
            let failure = args(line).unwrap_err();
            assert_eq!((failure.what.as_str(), failure.code), (what, 2), "{line}");
            assert!(failure.todo.starts_with("usage: gatepost "), "{line}");
        }
    }

    #[test]
    fn a_password_is_never_an_argument() {
        assert_eq!(args("mailbox add ann@office.test secret").unwrap_err().code, 2);
        assert_eq!(args("mailbox add ann@office.test --password secret").unwrap_err().code, 2);
    }
}
