//! In what state a session is, and which commands it allows. Pure.

use super::{uids::Uids, view::View};
use crate::{
    policy::{LoggedIn, Mechanism},
    store::Watch,
    types::{FolderId, Keyword, ModSeq},
    wire::imap::{Say, Verb, When, say},
};

/// RFC 3501 s3. Leaving a state drops what belonged to it.
pub enum Phase {
    /// Not authenticated.
    Fresh,
    /// Authenticated.
    Authenticated(Box<Who>),
    /// Selected.
    Selected(Box<Who>, Box<Selected>),
}

/// What a login brings, until the connection ends.
pub struct Who {
    /// Whose mailbox.
    pub login: LoggedIn,
    /// MODSEQ is told with flags (RFC 7162 s3.1: after ENABLE CONDSTORE or a command that says as much).
    pub condstore: bool,
    /// ENABLE UTF8=ACCEPT (RFC 6855 s3).
    pub utf8: bool,
}

impl Who {
    /// As the login left it.
    pub fn new(login: LoggedIn) -> Self {
        Who { login, condstore: false, utf8: false }
    }
}

/// A folder that is open.
pub struct Selected {
    /// Which. Its name may change meanwhile, this does not.
    pub folder: FolderId,
    /// SELECT, not EXAMINE.
    pub writable: bool,
    /// What the client believes.
    pub view: View,
    /// What happens to the folder.
    pub watch: Watch,
    /// Its keywords as the client was told: the n-th is bit n of a row.
    pub keywords: Vec<Keyword>,
    /// `$` (RFC 5182): the messages of the last SEARCH that saved.
    pub saved: Uids,
    /// The newest change that the view knows.
    pub seen: ModSeq,
}

/// What else decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Facts {
    /// The connection is encrypted.
    pub tls: bool,
    /// There is a certificate, and this service begins without TLS and may go over to it.
    pub can_starttls: bool,
    /// A password may be said (Q10).
    pub may_login: bool,
}

impl Phase {
    /// Who logged in.
    pub fn who(&self) -> Option<&Who> {
        match self {
            Phase::Fresh => None,
            Phase::Authenticated(who) | Phase::Selected(who, _) => Some(who),
        }
    }

    /// As [`Phase::who`].
    pub fn who_mut(&mut self) -> Option<&mut Who> {
        match self {
            Phase::Fresh => None,
            Phase::Authenticated(who) | Phase::Selected(who, _) => Some(who),
        }
    }

    /// The open folder.
    pub fn selected(&self) -> Option<&Selected> {
        match self {
            Phase::Fresh | Phase::Authenticated(_) => None,
            Phase::Selected(_, selected) => Some(selected),
        }
    }

    /// As [`Phase::selected`].
    pub fn selected_mut(&mut self) -> Option<&mut Selected> {
        match self {
            Phase::Fresh | Phase::Authenticated(_) => None,
            Phase::Selected(_, selected) => Some(selected),
        }
    }

    /// Closes the open folder, if there is one, and says whether there was.
    pub fn leave(&mut self) -> bool {
        match std::mem::replace(self, Phase::Fresh) {
            Phase::Selected(who, _) => {
                *self = Phase::Authenticated(who);
                true
            }
            kept @ (Phase::Fresh | Phase::Authenticated(_)) => {
                *self = kept;
                false
            }
        }
    }

    /// Opens a folder in the place of another. Before a login nothing is opened.
    pub fn enter(&mut self, selected: Selected) {
        *self = match std::mem::replace(self, Phase::Fresh) {
            Phase::Fresh => Phase::Fresh,
            Phase::Authenticated(who) | Phase::Selected(who, _) => Phase::Selected(who, Box::new(selected)),
        };
    }
}

/// Whether a command may be obeyed now, by its row of the table.
pub fn allows(phase: &Phase, verb: Verb, facts: Facts) -> Result<(), Say<'static>> {
    let rule = verb.rule();
    match (rule.when, phase) {
        (When::Fresh, Phase::Authenticated(_) | Phase::Selected(..)) => return Err(say::LOGGED_IN_ALREADY),
        (When::Authenticated | When::Selected, Phase::Fresh) => return Err(say::LOG_IN_FIRST),
        (When::Selected, Phase::Authenticated(_)) => return Err(say::SELECT_FIRST),
        (When::Any, _)
        | (When::Fresh, Phase::Fresh)
        | (When::Authenticated, Phase::Authenticated(_) | Phase::Selected(..))
        | (When::Selected, Phase::Selected(..)) => {}
    }
    if rule.changes && phase.selected().is_some_and(|selected| !selected.writable) {
        return Err(say::READ_ONLY);
    }
    // What needs a login is behind one already: only the login itself is meant.
    if !rule.before_tls && matches!(phase, Phase::Fresh) && !facts.may_login {
        return Err(say::NEEDS_TLS);
    }
    match verb {
        Verb::StartTls if facts.tls => Err(say::TLS_ALREADY),
        Verb::StartTls if !facts.can_starttls => Err(say::NO_TLS),
        _ => Ok(()),
    }
}

/// What AUTHENTICATE takes here. LOGIN is for Outlook.
pub const MECHANISMS: [Mechanism; 3] = [Mechanism::Plain, Mechanism::Login, Mechanism::ScramSha256];

/// In every state.
const ALWAYS: [&str; 6] = ["IMAP4rev1", "LITERAL+", "SASL-IR", "ID", "ENABLE", "IDLE"];

/// Behind the login.
const LOGGED_IN: [&str; 18] = [
    "NAMESPACE",
    "UIDPLUS",
    "MOVE",
    "UNSELECT",
    "CHILDREN",
    "SPECIAL-USE",
    "CREATE-SPECIAL-USE",
    "QUOTA",
    "QUOTA=RES-STORAGE",
    "STATUS=SIZE",
    "LIST-EXTENDED",
    "LIST-STATUS",
    "ESEARCH",
    "SEARCHRES",
    "WITHIN",
    "MULTIAPPEND",
    "UTF8=ACCEPT",
    "CONDSTORE",
];

/// CAPABILITY: what is offered now. `largest`: octets of the largest message that APPEND takes (RFC 7889).
pub fn capabilities(phase: &Phase, facts: Facts, largest: u64) -> Vec<String> {
    let mut words: Vec<String> = ALWAYS.map(str::to_owned).to_vec();
    match phase {
        Phase::Fresh => {
            if facts.can_starttls && !facts.tls {
                words.push("STARTTLS".to_owned());
            }
            match facts.may_login {
                true => words.extend(MECHANISMS.map(|mechanism| format!("AUTH={}", mechanism.name()))),
                false => words.push("LOGINDISABLED".to_owned()),
            }
        }
        Phase::Authenticated(_) | Phase::Selected(..) => {
            words.extend(LOGGED_IN.map(str::to_owned));
            words.push(format!("APPENDLIMIT={largest}"));
        }
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        types::{Address, MailboxId},
        wire::imap::RULES,
    };

    fn facts(tls: bool, can_starttls: bool, may_login: bool) -> Facts {
        Facts { tls, can_starttls, may_login }
    }

    fn somebody() -> Phase {
        let address = Address::parse("ann@office.test").unwrap();
        Phase::Authenticated(Box::new(Who::new(LoggedIn { mailbox: MailboxId(1), address, mechanism: "PLAIN" })))
    }

    #[test]
    fn a_command_waits_for_its_state() {
        for rule in &RULES {
            let fresh = allows(&Phase::Fresh, rule.verb, facts(false, true, true));
            assert_eq!(fresh.is_ok(), matches!(rule.when, When::Any | When::Fresh), "{rule:?}");
            let inside = allows(&somebody(), rule.verb, facts(false, true, true));
            assert_eq!(inside.is_ok(), matches!(rule.when, When::Any | When::Authenticated), "{rule:?}");
        }
    }

    #[test]
    fn where_no_password_may_be_said_only_tls_helps() {
        let bare = facts(false, true, false);
        for verb in [Verb::Login, Verb::Authenticate] {
            assert_eq!(allows(&Phase::Fresh, verb, bare), Err(say::NEEDS_TLS));
        }
        assert_eq!(allows(&Phase::Fresh, Verb::StartTls, bare), Ok(()));
        let words = capabilities(&Phase::Fresh, bare, 1).join(" ");
        assert!(words.contains("STARTTLS LOGINDISABLED") && !words.contains("AUTH="), "{words}");
    }

    #[test]
    fn over_tls_logins_are_offered_and_starttls_is_not() {
        let words = capabilities(&Phase::Fresh, facts(true, true, true), 1).join(" ");
        assert!(words.ends_with("AUTH=PLAIN AUTH=LOGIN AUTH=SCRAM-SHA-256"), "{words}");
        assert!(!words.contains("STARTTLS"), "{words}");
        assert_eq!(allows(&Phase::Fresh, Verb::StartTls, facts(true, true, true)), Err(say::TLS_ALREADY));
        assert_eq!(allows(&Phase::Fresh, Verb::StartTls, facts(false, false, true)), Err(say::NO_TLS));
    }

    #[test]
    fn behind_the_login_all_is_named_and_no_login_is() {
        let words = capabilities(&somebody(), facts(true, false, true), 77).join(" ");
        assert!(words.contains("UTF8=ACCEPT CONDSTORE APPENDLIMIT=77") && !words.contains("AUTH="), "{words}");
    }

    #[test]
    fn leaving_what_was_never_entered_changes_nothing() {
        let mut phase = somebody();
        assert!(!phase.leave() && phase.who().is_some());
        let mut phase = Phase::Fresh;
        assert!(!phase.leave() && phase.who().is_none());
    }
}
