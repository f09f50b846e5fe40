//! Every subcommand: its words, what comes after them, flags, help, and the hand that does it.

use super::{Args, Context, Failure, certificates, config, dkim, look, offline, people, queue, serve, tokens};

/// A flag.
pub(super) struct Flag {
    /// Without the dashes.
    pub name: &'static str,
    /// What its value is called; empty for a switch.
    pub value: &'static str,
    /// What it is for.
    help: &'static str,
}

/// A subcommand.
pub(super) struct Command {
    /// `mailbox add`
    pub words: &'static str,
    /// What comes after: `ADDRESS`, `ADDRESS TARGET...`, `[NAME]`.
    after: &'static str,
    /// Its own flags.
    flags: &'static [Flag],
    /// One line.
    about: &'static str,
    /// More lines, or empty.
    more: &'static str,
    /// The hand.
    pub run: fn(&Context, Args) -> Result<(), Failure>,
}

/// Flags of every subcommand.
const EVERYWHERE: &[Flag] = &[
    Flag { name: "state", value: "DIR", help: "state directory (default /var/lib/gatepost, or $GATEPOST_STATE)" },
    Flag { name: "json", value: "", help: "print JSON" },
];

const PASSWORD: Flag =
    Flag { name: "password-stdin", value: "", help: "the password comes from standard input (it always does)" };
const HASH: Flag = Flag { name: "hash", value: "", help: "standard input has a $5$ or $6$ hash from another system" };
const MAIL: Flag =
    Flag { name: "mail", value: "DIR", help: "mail directory (default: mail below the state directory)" };
const YES: Flag = Flag { name: "yes", value: "", help: "do not ask" };
const SEARCH: Flag =
    Flag { name: "search", value: "TEXT", help: "a part of the sender, the recipient, or the last answer" };
const SENDER: Flag = Flag { name: "sender", value: "TEXT", help: "a part of the sender; <> is the null sender" };
const TO: Flag = Flag { name: "to", value: "TEXT", help: "a part of the recipient" };
const DOMAIN: Flag = Flag { name: "domain", value: "NAME", help: "the recipient's domain" };
const IS: Flag = Flag { name: "is", value: "STATE", help: "new, deferred or held" };
const MESSAGE: Flag = Flag { name: "message", value: "NAME", help: "a message's name in the journal" };
const ALL: Flag = Flag { name: "all", value: "", help: "everything that waits" };
const TELL: Flag = Flag { name: "tell", value: "", help: "each sender gets a notice that it was not delivered" };
const MEANT: &[Flag] = &[SEARCH, SENDER, TO, DOMAIN, IS, MESSAGE, ALL];
const FROM_STDIN: &str = "The password is read from standard input, one line; on a terminal it is asked for. It is never an argument:\narguments are seen by every user of the machine.";

impl Command {
    /// The flag of that name.
    pub fn flag(&self, name: &str) -> Option<&Flag> {
        self.flags.iter().chain(EVERYWHERE).find(|flag| flag.name == name)
    }

    /// How many arguments it takes: least and most.
    pub fn counts(&self) -> (usize, usize) {
        let words: Vec<&str> = self.after.split_whitespace().collect();
        let least = words.iter().filter(|word| !word.starts_with('[')).count();
        let most = if self.after.contains("...") { usize::MAX } else { words.len() };
        (least, most)
    }

    /// What the argument at this place is called.
    pub fn argument(&self, place: usize) -> &str {
        self.after.split_whitespace().nth(place).unwrap_or_default().trim_end_matches("...")
    }

    /// One line.
    pub fn usage(&self) -> String {
        let flags = self.flags.iter().map(|flag| match flag.value {
            "" => format!(" [--{}]", flag.name),
            value => format!(" [--{} {value}]", flag.name),
        });
        let after = if self.after.is_empty() { String::new() } else { format!(" {}", self.after) };
        format!("gatepost {}{after}{}", self.words, flags.collect::<String>())
    }

    /// Everything about it.
    pub fn help(&self) -> String {
        let mut text = format!("{}\n\n{}\n", self.usage(), self.about);
        if !self.more.is_empty() {
            text += &format!("\n{}\n", self.more);
        }
        text += "\n";
        for flag in self.flags.iter().chain(EVERYWHERE) {
            let name = format!("--{} {}", flag.name, flag.value);
            text += &format!("  {name:<22} {}\n", flag.help);
        }
        text
    }
}

/// The subcommand that a command line begins with, and what comes after its words.
pub(super) fn find(words: &[String]) -> Option<(&'static Command, &[String])> {
    let matches = |command: &Command| {
        let own = command.words.split(' ').count();
        let is_it = words.len() >= own && command.words.split(' ').zip(words).all(|(a, b)| a == b);
        is_it.then_some(own)
    };
    COMMANDS.iter().find_map(|command| matches(command).map(|own| (command, &words[own..])))
}

/// Subcommands whose words begin with these.
pub(super) fn below(words: &[&String]) -> Vec<&'static Command> {
    let begins = |command: &&Command| {
        let own: Vec<&str> = command.words.split(' ').collect();
        words.len() <= own.len() && words.iter().zip(own).all(|(said, own)| *said == own)
    };
    COMMANDS.iter().filter(begins).collect()
}

/// The list for `help`.
pub(super) fn list(commands: &[&Command]) -> String {
    let mut text = "gatepost SUBCOMMAND [--state DIR] [--json]\n\n".to_owned();
    for command in commands {
        let left = format!("{} {}", command.words, command.after);
        text += &format!("  {left:<34} {}\n", command.about);
    }
    text + "\ngatepost help SUBCOMMAND tells more. Exit codes: 0 done, 1 refused, 2 wrong usage, 3 no server.\n"
}

/// A subcommand that does something with rows of the queue.
const fn of_queue(
    words: &'static str,
    flags: &'static [Flag],
    about: &'static str,
    run: fn(&Context, Args) -> Result<(), Failure>,
) -> Command {
    Command {
        words,
        after: "[ROW...]",
        flags,
        about,
        more: "Rows are named, or all that fit the flags, or --all.",
        run,
    }
}

const fn plain(
    words: &'static str,
    after: &'static str,
    about: &'static str,
    run: fn(&Context, Args) -> Result<(), Failure>,
) -> Command {
    Command { words, after, flags: &[], about, more: "", run }
}

/// In the order of help.
pub(super) static COMMANDS: &[Command] = &[
    plain("status", "", "what is so now: services, counts, room, memory", look::status),
    plain("domain add", "NAME", "make a mail domain", people::domain_add),
    Command {
        words: "domain remove",
        after: "NAME",
        flags: &[Flag { name: "purge", value: "", help: "with its mailboxes, aliases and all their mail" }, YES],
        about: "remove a mail domain",
        more: "",
        run: people::domain_remove,
    },
    plain("domain list", "", "list mail domains", people::domain_list),
    plain(
        "domain catch-all",
        "NAME ADDRESS|none",
        "who gets mail for unknown addresses of a domain",
        people::domain_catch_all,
    ),
    plain("dkim show", "DOMAIN", "the DKIM keys of a domain and their DNS records", dkim::show),
    plain("dkim make", "DOMAIN", "make the next DKIM keys, to be published", dkim::make),
    plain("dkim use", "DOMAIN", "let the next DKIM keys sign; those before are old", dkim::change),
    plain("dkim remove", "DOMAIN SELECTOR", "remove a DKIM key that does not sign", dkim::remove),
    Command {
        words: "mailbox add",
        after: "ADDRESS",
        flags: &[
            Flag { name: "quota", value: "SIZE", help: "most it may hold: 500M, 2G; no quota if not said" },
            Flag { name: "owner", value: "NAME", help: "the person it belongs to" },
            PASSWORD,
            HASH,
        ],
        about: "make a mailbox; its password comes from standard input",
        more: FROM_STDIN,
        run: people::mailbox_add,
    },
    Command {
        words: "mailbox password",
        after: "ADDRESS",
        flags: &[PASSWORD, HASH],
        about: "change a password; it comes from standard input",
        more: FROM_STDIN,
        run: people::mailbox_password,
    },
    plain("mailbox quota", "ADDRESS SIZE|none", "change a quota: 500M, 2G, none", people::mailbox_quota),
    plain("mailbox owner", "ADDRESS NAME", "change the owner", people::mailbox_owner),
    plain("mailbox enable", "ADDRESS", "allow logins again", people::mailbox_enable),
    plain("mailbox disable", "ADDRESS", "forbid logins; mail still comes in", people::mailbox_disable),
    Command {
        words: "mailbox remove",
        after: "ADDRESS",
        flags: &[YES],
        about: "remove a mailbox and all its mail",
        more: "",
        run: people::mailbox_remove,
    },
    plain("mailbox list", "", "list mailboxes with what they hold", people::mailbox_list),
    plain("mailbox folders", "ADDRESS", "list a mailbox' folders", people::mailbox_folders),
    plain("alias add", "ADDRESS TARGET...", "make an alias for addresses here or elsewhere", people::alias_add),
    plain("alias set", "ADDRESS TARGET...", "change an alias' targets", people::alias_set),
    plain("alias remove", "ADDRESS", "remove an alias", people::alias_remove),
    plain("alias list", "", "list aliases", people::alias_list),
    Command {
        words: "admin add",
        after: "NAME",
        flags: &[Flag { name: "read-only", value: "", help: "may look but not change" }, PASSWORD],
        about: "make an administrator; the password comes from standard input",
        more: FROM_STDIN,
        run: people::admin_add,
    },
    Command {
        words: "admin password",
        after: "NAME",
        flags: &[PASSWORD],
        about: "change an administrator's password; it comes from standard input",
        more: FROM_STDIN,
        run: people::admin_password,
    },
    plain("admin access", "NAME full|read-only", "what an administrator may do", people::admin_access),
    plain("admin remove", "NAME", "remove an administrator", people::admin_remove),
    plain("admin list", "", "list administrators", people::admin_list),
    plain("admin login-link", "NAME", "a link that logs an administrator in once, within a minute", tokens::link),
    Command {
        words: "token add",
        after: "NAME SCOPE...",
        flags: &[],
        about: "make a token for a program; it is printed this once",
        more: "SCOPE: read, journal, queue, directory, settings, admin, login. A program sends it as Authorization: Bearer TOKEN.\nThe scope login lets the appliance fetch one-time links (POST /api/login-links): it is as good as every administrator's password.",
        run: tokens::add,
    },
    plain("token list", "", "list tokens, without their secrets", tokens::list),
    plain("token revoke", "NAME", "take a token back, by its name or id", tokens::revoke),
    Command {
        words: "settings list",
        after: "",
        flags: &[Flag { name: "changed", value: "", help: "only those that were set" }],
        about: "list settings with their values",
        more: "",
        run: config::list,
    },
    plain("settings get", "KEY", "print one setting's value", config::get),
    plain("settings set", "KEY=VALUE...", "change settings, all or none", config::set),
    plain("settings reset", "KEY...", "go back to the defaults, all or none", config::reset),
    plain("settings versions", "", "who changed what, when, from where", config::versions),
    plain("settings rollback", "VERSION", "make an old version hold again", config::rollback),
    plain("settings help", "[KEY]", "what a setting is for, its bounds and default", config::help),
    plain("certificate list", "", "list certificates with their expiry", certificates::list),
    Command {
        words: "certificate upload",
        after: "NAME FILE...",
        flags: &[],
        about: "store a certificate, its chain and its key from PEM files",
        more: "A FILE of - is standard input. Which certificate is used: gatepost settings set tls.smtp.certificate=NAME",
        run: certificates::upload,
    },
    Command {
        words: "certificate self-signed",
        after: "[NAME]",
        flags: &[Flag {
            name: "host",
            value: "HOST",
            help: "a name or address in it; may be said again; default: the server's name",
        }],
        about: "make a certificate signed by itself",
        more: "",
        run: certificates::self_signed,
    },
    plain("certificate remove", "NAME", "remove a stored certificate that is not used", certificates::remove),
    Command {
        words: "queue list",
        after: "",
        flags: &[
            SEARCH,
            SENDER,
            TO,
            DOMAIN,
            IS,
            MESSAGE,
            Flag { name: "max", value: "N", help: "how many rows at most (default 100)" },
        ],
        about: "what waits to be sent, why, and until when",
        more: "",
        run: queue::queue_list,
    },
    plain("queue show", "ROW", "one recipient of the queue, with the head of its message", queue::queue_show),
    plain("queue tls", "", "how encryption with other servers went in the last days, and DNSSEC", queue::queue_tls),
    of_queue("queue send", MEANT, "try again now; what is held stays held", queue::queue_send),
    of_queue("queue hold", MEANT, "hold until released", queue::queue_hold),
    of_queue("queue release", MEANT, "release what is held", queue::queue_release),
    of_queue(
        "queue delete",
        &[SEARCH, SENDER, TO, DOMAIN, IS, MESSAGE, ALL, TELL, YES],
        "delete; the senders hear of it with --tell only",
        queue::queue_delete,
    ),
    Command {
        words: "journal",
        after: "",
        flags: &[
            Flag { name: "lines", value: "N", help: "how many lines (default 50)" },
            Flag { name: "day", value: "DAY", help: "a day: 2026-11-24, or today" },
            Flag { name: "search", value: "TEXT", help: "lines of the day that hold the text" },
            Flag { name: "follow", value: "", help: "go on with new lines" },
            Flag { name: "export", value: "plain|csv", help: "the whole day" },
        ],
        about: "print the journal",
        more: "",
        run: look::journal,
    },
    Command {
        words: "check",
        after: "",
        flags: &[MAIL],
        about: "read everything that is stored and say what is damaged",
        more: "Asks the running server; reads the files when there is none, and changes nothing. Exit code 1 when anything is damaged.",
        run: offline::check,
    },
    Command {
        words: "reindex",
        after: "",
        flags: &[MAIL],
        about: "make the index of messages (index.redb) again from their texts",
        more: "Asks the running server; works on the files when there is none. No message is touched.",
        run: offline::reindex,
    },
    Command {
        words: "salvage",
        after: "",
        flags: &[
            Flag { name: "to", value: "DIR", help: "state directory of the new store; made if it is not there" },
            MAIL,
        ],
        about: "make a new store of every message that is whole; the server must be stopped",
        more: "The old files are only read. Folders and flags are kept where mail.redb can still be read. What was deleted before comes back too.",
        run: offline::salvage,
    },
    Command {
        words: "serve",
        after: "",
        flags: &[
            Flag { name: "first", value: "KEY=VALUE", help: "a setting of the very first start; may be said again" },
            Flag { name: "allow-root", value: "", help: "run as root all the same" },
        ],
        about: "run the server in the foreground",
        more: "Ends at SIGTERM or SIGINT. Later starts keep what is stored and pay no heed to --first.",
        run: serve::serve,
    },
    plain("version", "", "print the version", look::version),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_subcommand_has_one_place_and_its_help() {
        for (n, command) in COMMANDS.iter().enumerate() {
            let words: Vec<String> = command.words.split(' ').map(str::to_owned).collect();
            assert!(std::ptr::eq(find(&words).unwrap().0, &COMMANDS[n]), "{}", command.words);
            assert!(command.help().contains(command.about) && command.usage().contains(command.words));
        }
    }

    #[test]
    fn counts_follow_from_the_usage() {
        let counts = |words: &str| COMMANDS.iter().find(|c| c.words == words).unwrap().counts();
        assert_eq!(counts("status"), (0, 0));
        assert_eq!(counts("alias add"), (2, usize::MAX));
        assert_eq!(counts("settings help"), (0, 1));
        assert_eq!(counts("domain catch-all"), (2, 2));
    }
}
