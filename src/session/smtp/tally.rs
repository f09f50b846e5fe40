//! What is counted in a session: commands for the journal, errors and idle talk for its end.

use std::fmt::Write;

use crate::{
    limits,
    wire::smtp::{RULES, Reply, Verb},
};

/// Lines in the journal about one client that does not wait.
const HURRIES_TOLD: u32 = 3;

/// Good ones and all of them.
#[derive(Clone, Copy, Debug, Default)]
struct Count {
    good: u32,
    all: u32,
}

/// The counters of one session.
#[derive(Debug)]
pub struct Tally {
    /// By verb; the last one: lines that are no command.
    counts: [Count; RULES.len() + 1],
    errors: u32,
    junk: u32,
    bad_logins: u32,
    hurried: u32,
    after: &'static str,
}

impl Default for Tally {
    fn default() -> Self {
        Tally { counts: Default::default(), errors: 0, junk: 0, bad_logins: 0, hurried: 0, after: "CONNECT" }
    }
}

impl Tally {
    /// Notes where the session is, in Postfix' words (`CONNECT`, `RCPT`, `END-OF-MESSAGE`).
    pub fn set_after(&mut self, after: &'static str) {
        self.after = after;
    }

    /// The last command, or CONNECT.
    pub fn after(&self) -> &'static str {
        self.after
    }

    /// Whether no line was heard yet.
    pub fn is_silent(&self) -> bool {
        self.counts.iter().all(|c| c.all == 0)
    }

    /// Counts a command (None: a line that is none) by its last reply. `blame`: a permanent refusal is an error of the client.
    pub fn count(&mut self, verb: Option<Verb>, reply: &Reply, blame: bool) {
        let at = verb.map_or(RULES.len(), |v| v as usize);
        self.counts[at].all += 1;
        self.counts[at].good += u32::from(reply.is_good());
        if verb.is_some_and(|v| v.rule().junk) {
            self.junk += 1;
        }
        let refused = !reply.is_good() && !reply.is_temporary();
        if (refused && blame) || self.junk > limits::JUNK_COMMANDS {
            self.errors += 1;
        }
    }

    /// A message was taken: an honest client's slips are forgotten.
    pub fn message_taken(&mut self) {
        self.errors = 0;
        self.junk = 0;
    }

    /// The client did not wait where it must; whether that is worth a line. The first times are, then it is known: what costs
    /// a client nothing must not fill the journal.
    pub fn hurries(&mut self) -> bool {
        self.hurried = self.hurried.saturating_add(1);
        self.hurried <= HURRIES_TOLD
    }

    /// A login failed; whether that was one too many.
    pub fn login_failed(&mut self) -> bool {
        self.bad_logins += 1;
        self.bad_logins >= limits::BAD_LOGINS
    }

    /// Whether there were too many errors.
    pub fn is_enough(&self) -> bool {
        self.errors >= limits::BAD_COMMANDS
    }

    /// Postfix' form: `ehlo=1 auth=0/1 mail=1 quit=1 commands=3/4`, only what occurred.
    pub fn text(&self) -> String {
        let names = RULES.iter().map(|r| r.name.to_ascii_lowercase()).chain(["unknown".to_owned()]);
        let mut text = String::new();
        let mut sum = Count::default();
        for (name, count) in names.zip(&self.counts) {
            if count.all > 0 {
                put(&mut text, &name, *count);
            }
            sum.good += count.good;
            sum.all += count.all;
        }
        put(&mut text, "commands", sum);
        text.trim_start().to_owned()
    }
}

fn put(text: &mut String, name: &str, count: Count) {
    // Writing to a String does not fail.
    // Postfix shows `commands=0/0` for somebody who said nothing.
    let _ = if count.good == count.all && count.all > 0 {
        write!(text, " {name}={}", count.all)
    } else {
        write!(text, " {name}={}/{}", count.good, count.all)
    };
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::smtp::say;

    #[test]
    fn counts_read_as_in_postfix() {
        let mut tally = Tally::default();
        assert_eq!((tally.text().as_str(), tally.is_silent()), ("commands=0/0", true));
        let ok = Reply::from(say::OK);
        for verb in [Verb::Ehlo, Verb::Mail, Verb::Rcpt, Verb::Data, Verb::Quit] {
            tally.count(Some(verb), &ok, true);
        }
        tally.count(Some(Verb::Auth), &say::WRONG_LOGIN.into(), true);
        tally.count(None, &say::UNKNOWN_COMMAND.into(), true);
        assert_eq!(tally.text(), "ehlo=1 auth=0/1 mail=1 rcpt=1 data=1 quit=1 unknown=0/1 commands=5/7");
    }

    #[test]
    fn idle_talk_becomes_an_error_after_a_hundred() {
        let mut tally = Tally::default();
        for _ in 0..limits::JUNK_COMMANDS + limits::BAD_COMMANDS - 1 {
            tally.count(Some(Verb::Noop), &say::OK.into(), true);
        }
        assert!(!tally.is_enough());
        tally.count(Some(Verb::Noop), &say::OK.into(), true);
        assert!(tally.is_enough());
        tally.message_taken();
        assert!(!tally.is_enough());
    }

    #[test]
    fn temporary_refusals_and_those_without_blame_are_no_errors() {
        let mut tally = Tally::default();
        for _ in 0..2 * limits::BAD_COMMANDS {
            tally.count(Some(Verb::Rcpt), &say::NO_DISK.into(), true);
            tally.count(Some(Verb::Rcpt), &say::NO_MAILBOX.into(), false);
        }
        assert!(!tally.is_enough());
    }
}
