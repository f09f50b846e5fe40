//! The one table of IMAP commands: a row a command, its rules in the columns. The parser, the order of commands, the moment at
//! which EXPUNGE may be said and the counting of abuse all read it.

/// A command's name; those behind `UID` are commands of their own (RFC 3501 s7.4.1 lets EXPUNGE be said in them).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verb {
    /// RFC 3501 s6.1.1
    Capability,
    /// RFC 3501 s6.1.2
    Noop,
    /// RFC 3501 s6.1.3
    Logout,
    /// RFC 2971 s3.1
    Id,
    /// RFC 3501 s6.2.1
    StartTls,
    /// RFC 3501 s6.2.2
    Authenticate,
    /// RFC 3501 s6.2.3
    Login,
    /// RFC 5161 s3.1
    Enable,
    /// RFC 3501 s6.3.1
    Select,
    /// RFC 3501 s6.3.2
    Examine,
    /// RFC 3501 s6.3.3
    Create,
    /// RFC 3501 s6.3.4
    Delete,
    /// RFC 3501 s6.3.5
    Rename,
    /// RFC 3501 s6.3.6
    Subscribe,
    /// RFC 3501 s6.3.7
    Unsubscribe,
    /// RFC 3501 s6.3.8, RFC 5258
    List,
    /// RFC 3501 s6.3.9
    Lsub,
    /// RFC 2342 s5
    Namespace,
    /// RFC 3501 s6.3.10
    Status,
    /// RFC 3501 s6.3.11
    Append,
    /// RFC 2177
    Idle,
    /// RFC 9208 s4.1.2
    GetQuota,
    /// RFC 9208 s4.1.3
    GetQuotaRoot,
    /// RFC 9208 s4.1.1
    SetQuota,
    /// RFC 3501 s6.4.1
    Check,
    /// RFC 3501 s6.4.2
    Close,
    /// RFC 3691 s2
    Unselect,
    /// RFC 3501 s6.4.3
    Expunge,
    /// RFC 4315 s2.1
    UidExpunge,
    /// RFC 3501 s6.4.4
    Search,
    /// RFC 3501 s6.4.8
    UidSearch,
    /// RFC 3501 s6.4.5
    Fetch,
    /// RFC 3501 s6.4.8
    UidFetch,
    /// RFC 3501 s6.4.6
    Store,
    /// RFC 3501 s6.4.8
    UidStore,
    /// RFC 3501 s6.4.7
    Copy,
    /// RFC 3501 s6.4.8
    UidCopy,
    /// RFC 6851 s3.1
    Move,
    /// RFC 6851 s3.2
    UidMove,
}

/// The least state a command needs (RFC 3501 s3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum When {
    /// Always.
    Any,
    /// Only before the login.
    Fresh,
    /// After the login.
    Authenticated,
    /// With a folder selected.
    Selected,
}

/// A row of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rule {
    /// The command.
    pub verb: Verb,
    /// As it is written, in capitals.
    pub name: &'static str,
    /// The state it needs.
    pub when: When,
    /// Allowed before TLS where TLS is demanded (Q10).
    pub before_tls: bool,
    /// EXPUNGE must not be said while it runs (RFC 3501 s7.4.1): its message numbers stay as they were.
    pub freezes: bool,
    /// It changes the selected folder: refused after EXAMINE.
    pub changes: bool,
    /// Does no work for mail: many of them before the login are abuse.
    pub junk: bool,
}

const YES: bool = true;
const NO: bool = false;

const fn row(verb: Verb, name: &'static str, when: When, columns: [bool; 4]) -> Rule {
    let [before_tls, freezes, changes, junk] = columns;
    Rule { verb, name, when, before_tls, freezes, changes, junk }
}

/// The table, in the order of [`Verb`].
#[rustfmt::skip]
pub static RULES: [Rule; 39] = [
    //                                                         before_tls freezes changes junk
    row(Verb::Capability,   "CAPABILITY",   When::Any,           [YES,    NO,     NO,     YES]),
    row(Verb::Noop,         "NOOP",         When::Any,           [YES,    NO,     NO,     YES]),
    row(Verb::Logout,       "LOGOUT",       When::Any,           [YES,    NO,     NO,     NO]),
    row(Verb::Id,           "ID",           When::Any,           [YES,    NO,     NO,     YES]),
    row(Verb::StartTls,     "STARTTLS",     When::Fresh,         [YES,    NO,     NO,     NO]),
    row(Verb::Authenticate, "AUTHENTICATE", When::Fresh,         [NO,     NO,     NO,     NO]),
    row(Verb::Login,        "LOGIN",        When::Fresh,         [NO,     NO,     NO,     NO]),
    row(Verb::Enable,       "ENABLE",       When::Authenticated, [NO,     NO,     NO,     NO]),
    row(Verb::Select,       "SELECT",       When::Authenticated, [NO,     NO,     NO,     NO]),
    row(Verb::Examine,      "EXAMINE",      When::Authenticated, [NO,     NO,     NO,     NO]),
    row(Verb::Create,       "CREATE",       When::Authenticated, [NO,     NO,     NO,     NO]),
    row(Verb::Delete,       "DELETE",       When::Authenticated, [NO,     NO,     NO,     NO]),
    row(Verb::Rename,       "RENAME",       When::Authenticated, [NO,     NO,     NO,     NO]),
    row(Verb::Subscribe,    "SUBSCRIBE",    When::Authenticated, [NO,     NO,     NO,     NO]),
    row(Verb::Unsubscribe,  "UNSUBSCRIBE",  When::Authenticated, [NO,     NO,     NO,     NO]),
    row(Verb::List,         "LIST",         When::Authenticated, [NO,     NO,     NO,     NO]),
    row(Verb::Lsub,         "LSUB",         When::Authenticated, [NO,     NO,     NO,     NO]),
    row(Verb::Namespace,    "NAMESPACE",    When::Authenticated, [NO,     NO,     NO,     NO]),
    row(Verb::Status,       "STATUS",       When::Authenticated, [NO,     NO,     NO,     NO]),
    row(Verb::Append,       "APPEND",       When::Authenticated, [NO,     NO,     NO,     NO]),
    row(Verb::Idle,         "IDLE",         When::Authenticated, [NO,     NO,     NO,     NO]),
    row(Verb::GetQuota,     "GETQUOTA",     When::Authenticated, [NO,     NO,     NO,     NO]),
    row(Verb::GetQuotaRoot, "GETQUOTAROOT", When::Authenticated, [NO,     NO,     NO,     NO]),
    row(Verb::SetQuota,     "SETQUOTA",     When::Authenticated, [NO,     NO,     NO,     NO]),
    row(Verb::Check,        "CHECK",        When::Selected,      [NO,     NO,     NO,     NO]),
    row(Verb::Close,        "CLOSE",        When::Selected,      [NO,     NO,     NO,     NO]),
    row(Verb::Unselect,     "UNSELECT",     When::Selected,      [NO,     NO,     NO,     NO]),
    row(Verb::Expunge,      "EXPUNGE",      When::Selected,      [NO,     NO,     YES,    NO]),
    row(Verb::UidExpunge,   "UID EXPUNGE",  When::Selected,      [NO,     NO,     YES,    NO]),
    row(Verb::Search,       "SEARCH",       When::Selected,      [NO,     YES,    NO,     NO]),
    row(Verb::UidSearch,    "UID SEARCH",   When::Selected,      [NO,     NO,     NO,     NO]),
    row(Verb::Fetch,        "FETCH",        When::Selected,      [NO,     YES,    NO,     NO]),
    row(Verb::UidFetch,     "UID FETCH",    When::Selected,      [NO,     NO,     NO,     NO]),
    row(Verb::Store,        "STORE",        When::Selected,      [NO,     YES,    YES,    NO]),
    row(Verb::UidStore,     "UID STORE",    When::Selected,      [NO,     NO,     YES,    NO]),
    row(Verb::Copy,         "COPY",         When::Selected,      [NO,     NO,     NO,     NO]),
    row(Verb::UidCopy,      "UID COPY",     When::Selected,      [NO,     NO,     NO,     NO]),
    row(Verb::Move,         "MOVE",         When::Selected,      [NO,     NO,     YES,    NO]),
    row(Verb::UidMove,      "UID MOVE",     When::Selected,      [NO,     NO,     YES,    NO]),
];

impl Verb {
    /// Its row.
    pub fn rule(self) -> &'static Rule {
        &RULES[self as usize]
    }

    /// As it is written, in capitals.
    pub fn name(self) -> &'static str {
        self.rule().name
    }

    /// The command of that name, in any case.
    pub fn named(name: &[u8]) -> Option<Verb> {
        RULES.iter().find(|r| r.name.as_bytes().eq_ignore_ascii_case(name)).map(|r| r.verb)
    }

    /// The command that this word names behind `UID`.
    pub fn behind_uid(name: &[u8]) -> Option<Verb> {
        let named = |r: &&Rule| r.name.strip_prefix("UID ").is_some_and(|n| n.as_bytes().eq_ignore_ascii_case(name));
        RULES.iter().find(named).map(|r| r.verb)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_stands_at_its_verb() {
        for (n, rule) in RULES.iter().enumerate() {
            assert_eq!(rule.verb as usize, n);
            assert_eq!(Verb::named(rule.name.to_lowercase().as_bytes()), Some(rule.verb));
        }
        assert_eq!(Verb::behind_uid(b"fetch"), Some(Verb::UidFetch));
        assert_eq!((Verb::named(b"XLIST"), Verb::behind_uid(b"NOOP")), (None, None));
    }

    #[test]
    fn numbers_are_frozen_in_fetch_store_and_search_only() {
        let frozen: Vec<_> = RULES.iter().filter(|r| r.freezes).map(|r| r.verb).collect();
        assert_eq!(frozen, [Verb::Search, Verb::Fetch, Verb::Store]);
    }

    #[test]
    fn no_password_may_be_said_before_tls_and_nothing_that_needs_a_login() {
        for rule in &RULES {
            let password = matches!(rule.verb, Verb::Login | Verb::Authenticate);
            assert_eq!(rule.before_tls, rule.when <= When::Fresh && !password, "{rule:?}");
        }
    }
}
