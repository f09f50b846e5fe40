//! The one table of SMTP commands: a row a command, its rules in the columns. Parser, order of commands, grouping of replies,
//! counting of abuse and the HELP text all read it.

/// A command's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verb {
    /// RFC 5321 s4.1.1.1
    Helo,
    /// RFC 5321 s4.1.1.1
    Ehlo,
    /// RFC 3207
    Starttls,
    /// RFC 4954
    Auth,
    /// RFC 5321 s4.1.1.2
    Mail,
    /// RFC 5321 s4.1.1.3
    Rcpt,
    /// RFC 5321 s4.1.1.4
    Data,
    /// RFC 3030 s2
    Bdat,
    /// RFC 5321 s4.1.1.5
    Rset,
    /// RFC 5321 s4.1.1.9
    Noop,
    /// RFC 5321 s4.1.1.6
    Vrfy,
    /// RFC 5321 s4.1.1.7
    Expn,
    /// RFC 5321 s4.1.1.8
    Help,
    /// RFC 5321 s4.1.1.10
    Quit,
}

/// A row of the table.
#[derive(Clone, Copy, Debug)]
pub struct Rule {
    /// The command.
    pub verb: Verb,
    /// As it is written, in capitals.
    pub name: &'static str,
    /// Refused before HELO or EHLO (RFC 5321 s4.1.4).
    pub needs_greeting: bool,
    /// Allowed before TLS where TLS is demanded (RFC 3207 s4).
    pub before_tls: bool,
    /// Allowed before login where login is demanded (RFC 4954 s6).
    pub before_login: bool,
    /// Must be the last of a pipelined group (RFC 2920 s3.1; RFC 3207 s4; RFC 4954 s4): its answer is sent at once.
    pub ends_group: bool,
    /// Does no work for mail: many of them are abuse (Postfix' smtpd_junk_command_limit).
    pub junk: bool,
}

const YES: bool = true;
const NO: bool = false;

const fn row(verb: Verb, name: &'static str, columns: [bool; 5]) -> Rule {
    let [needs_greeting, before_tls, before_login, ends_group, junk] = columns;
    Rule { verb, name, needs_greeting, before_tls, before_login, ends_group, junk }
}

/// The table, in the order of [`Verb`].
#[rustfmt::skip]
pub static RULES: [Rule; 14] = [
    //                              greeting before_tls before_login ends_group junk
    row(Verb::Helo,     "HELO",     [NO,     YES,       YES,         YES,       YES]),
    row(Verb::Ehlo,     "EHLO",     [NO,     YES,       YES,         YES,       YES]),
    row(Verb::Starttls, "STARTTLS", [YES,    YES,       YES,         YES,       NO]),
    row(Verb::Auth,     "AUTH",     [YES,    NO,        YES,         YES,       NO]),
    row(Verb::Mail,     "MAIL",     [YES,    NO,        NO,          NO,        NO]),
    row(Verb::Rcpt,     "RCPT",     [YES,    NO,        NO,          NO,        NO]),
    row(Verb::Data,     "DATA",     [YES,    NO,        NO,          YES,       NO]),
    row(Verb::Bdat,     "BDAT",     [YES,    NO,        NO,          NO,        NO]),
    row(Verb::Rset,     "RSET",     [NO,     YES,       YES,         NO,        YES]),
    row(Verb::Noop,     "NOOP",     [NO,     YES,       YES,         YES,       YES]),
    row(Verb::Vrfy,     "VRFY",     [NO,     NO,        NO,          YES,       YES]),
    row(Verb::Expn,     "EXPN",     [NO,     NO,        NO,          YES,       YES]),
    row(Verb::Help,     "HELP",     [NO,     YES,       YES,         YES,       YES]),
    row(Verb::Quit,     "QUIT",     [NO,     YES,       YES,         YES,       NO]),
];

impl Verb {
    /// Its row.
    #[must_use]
    pub fn rule(self) -> &'static Rule {
        &RULES[self as usize]
    }

    /// As it is written, in capitals.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.rule().name
    }

    /// The command of that name, in any case (RFC 5321 s2.4).
    #[must_use]
    pub fn named(name: &[u8]) -> Option<Verb> {
        RULES.iter().find(|r| r.name.as_bytes().eq_ignore_ascii_case(name)).map(|r| r.verb)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_stands_at_its_verb() {
        for (n, rule) in RULES.iter().enumerate() {
            assert_eq!(rule.verb as usize, n);
            assert_eq!(rule.verb.rule().name, rule.name);
            assert_eq!(Verb::named(rule.name.to_lowercase().as_bytes()), Some(rule.verb));
        }
        assert_eq!(Verb::named(b"XCLIENT"), None);
    }
}
