//! Every operation of the API: ONE table, from which routing, the right that is needed, and the OpenAPI document come.
//!
//! A path without a row is not answered; a row without a hand cannot be written. Shapes of bodies stand in `schemas.json`,
//! by name; `tests/api.rs` holds real answers against them.

use std::{future::Future, pin::Pin, sync::Arc};

use super::{
    Answer, ApiError, Desk,
    answer::{Entered, Stream},
    api::{Method, Request},
    certificates, config, dkim, dns, encryption, events, lines, lodge, mailboxes, openapi, password, people, queue,
    reindex, start, status, system, tokens, unqueue,
};

/// What a caller must be allowed. The front asks [`find`] and compares before anything is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Anybody who reaches the page, before the login too.
    Open,
    /// To look.
    Look(Area),
    /// To change.
    Change(Area),
}

/// A part of the administration, as tokens name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Area {
    /// State, counters, disks, interfaces, the check.
    Status,
    /// The journal and the feed: who writes to whom.
    Journal,
    /// What waits to be sent.
    Queue,
    /// Domains, mailboxes, aliases.
    Directory,
    /// Settings and services.
    Settings,
    /// Certificates.
    Certificates,
    /// Administrators and tokens.
    Admins,
    /// One-time links: who may change these logs any administrator in. For the appliance's token.
    Login,
}

impl Area {
    /// Every one.
    pub const ALL: [Area; 8] = [
        Area::Status,
        Area::Journal,
        Area::Queue,
        Area::Directory,
        Area::Settings,
        Area::Certificates,
        Area::Admins,
        Area::Login,
    ];

    /// Its word in the API.
    pub fn word(self) -> &'static str {
        match self {
            Area::Status => "status",
            Area::Journal => "journal",
            Area::Queue => "queue",
            Area::Directory => "directory",
            Area::Settings => "settings",
            Area::Certificates => "certificates",
            Area::Admins => "admins",
            Area::Login => "login",
        }
    }
}

impl Scope {
    /// `open`, `journal:read`, `settings:write`.
    pub fn word(self) -> String {
        match self {
            Scope::Open => "open".to_owned(),
            Scope::Look(area) => format!("{}:read", area.word()),
            Scope::Change(area) => format!("{}:write", area.word()),
        }
    }
}

/// An answer on its way.
pub(super) type Coming<'a> = Pin<Box<dyn Future<Output = Answer> + 'a>>;

/// The same, of a login or a logout.
pub(super) type Entering<'a> = Pin<Box<dyn Future<Output = Result<Entered, ApiError>> + 'a>>;

/// Who answers.
#[derive(Clone, Copy)]
pub(super) enum Hand {
    /// A value.
    Json(for<'a> fn(&'a Desk, Request) -> Coming<'a>),
    /// A value, and what the cookie becomes.
    Enter(for<'a> fn(&'a Desk, Request) -> Entering<'a>),
    /// Octets that come one by one.
    Stream(fn(&Arc<Desk>, &Request) -> Result<Stream, ApiError>),
}

/// A row of the table.
#[derive(Clone, Copy)]
pub(super) struct Operation {
    /// The method.
    pub(super) method: Method,
    /// The path below `/api/`; `{name}` stands for one part.
    pub(super) path: &'static str,
    /// The right that is needed.
    pub(super) scope: Scope,
    /// One sentence.
    pub(super) about: &'static str,
    /// Names of its query parameters (`schemas.json`).
    pub(super) query: &'static [&'static str],
    /// Shape of the request's body.
    pub(super) takes: Option<&'static str>,
    /// Shape of a good answer; of a stream its media types.
    pub(super) gives: &'static str,
    pub(super) hand: Hand,
}

impl Operation {
    /// The parameters of a path that this row is about.
    fn matches(&self, path: &[String]) -> Option<Vec<String>> {
        let mut at = Vec::new();
        let mut parts = self.path.split('/');
        for given in path {
            let own = parts.next()?;
            if own.starts_with('{') {
                at.push(given.clone());
            } else if own != given {
                return None;
            }
        }
        parts.next().is_none().then_some(at)
    }
}

/// The row for a request and its path's parameters; 404 when no row has the path, 405 when none has it with this method.
pub(super) fn find(method: Method, path: &[String]) -> Result<(&'static Operation, Vec<String>), ApiError> {
    let rows = || TABLE.iter().filter_map(|operation| Some((operation, operation.matches(path)?)));
    // `queue/send` is never the row `send` of `queue/{row}`, whatever the method is.
    let fewest = rows().map(|(_, at)| at.len()).min();
    let mut known = Vec::new();
    for (operation, at) in rows().filter(|(_, at)| Some(at.len()) == fewest) {
        if operation.method == method {
            return Ok((operation, at));
        }
        // Who gives an answer gives its head too.
        known.push(if operation.method == Method::Get { "GET, HEAD" } else { operation.method.word() });
    }
    if known.is_empty() { Err(ApiError::no_such_path()) } else { Err(ApiError::no_such_method(&known.join(", "))) }
}

/// A row: method, path, `[query]`, right, shape of the request or `-`, shape of the answer (a literal: the media types of a
/// stream; in brackets: the cookie changes too), who answers, one sentence.
macro_rules! table {
    ($( $method:ident $path:literal [$($query:ident)*] $right:ident($($area:ident)?) $takes:tt => $gives:tt $hand:path, $about:literal; )+) => {
        /// Every operation; where a fixed part and a parameter stand at one place, the fixed one comes first.
        pub(super) const TABLE: &[Operation] = &[ $( Operation {
            method: Method::$method,
            path: $path,
            scope: Scope::$right $((Area::$area))?,
            about: $about,
            query: &[$(stringify!($query)),*],
            takes: takes!($takes),
            gives: gives!($gives),
            hand: hand!($gives $hand),
        }, )+ ];
    };
}

macro_rules! takes {
    (-) => {
        None
    };
    ($shape:ident) => {
        Some(stringify!($shape))
    };
}

macro_rules! gives {
    ($kinds:literal) => {
        $kinds
    };
    ($shape:ident) => {
        stringify!($shape)
    };
    ([$shape:ident]) => {
        stringify!($shape)
    };
}

macro_rules! hand {
    ($kinds:literal $hand:path) => {
        Hand::Stream($hand)
    };
    ([$shape:ident] $hand:path) => {
        Hand::Enter(|desk, request| Box::pin($hand(desk, request)))
    };
    ($shape:ident $hand:path) => {
        Hand::Json(|desk, request| Box::pin($hand(desk, request)))
    };
}

table! {
    Get    "openapi.json" [] Open() - => Document openapi::document, "This document.";
    Get    "session" [] Open() - => Session lodge::session, "Who am I, and what may I?";
    Post   "login" [] Open() NewLogin => [Session] lodge::login, "Logs an administrator in; the cookie is the session.";
    Post   "logout" [] Open() - => [Ended] lodge::logout, "Ends this session.";
    Post   "logout-everywhere" [] Open() - => [Ended] lodge::logout_everywhere, "Ends every session of this administrator.";
    Post   "password" [] Open() OwnPassword => [Session] lodge::password, "Changes one's own password; every other session ends.";
    Post   "login-links" [] Change(Login) NewLink => Link lodge::link, "A link that logs an administrator in once, within a minute.";
    Get    "tokens" [] Look(Admins) - => Tokens tokens::list, "API tokens, without their secrets.";
    Post   "tokens" [] Change(Admins) NewToken => FreshToken tokens::add, "Makes a token; its secret is shown this once.";
    Delete "tokens/{name}" [] Change(Admins) - => Ok tokens::revoke, "Revokes a token by its id or name.";

    Get    "start" [] Look(Status) - => Start start::start, "The start page: services, counts, today's counters, the disk (A2-A18).";
    Put    "services/{id}" [] Change(Settings) Switch => Saved start::switch, "Switches a service on or off: a new version of the settings (A23, N8).";
    Get    "series" [span step] Look(Status) - => Series start::series, "What was received and sent, by hour or by day (A24, Q29).";
    Get    "feed" [max] Look(Journal) - => Feed start::feed, "The newest messages (A20).";
    Get    "events" [last] Look(Journal) - => "text/event-stream" events::events, "Journal lines, feed rows and changes of state as they come (A20, A21).";
    Get    "interfaces" [] Look(Status) - => Interfaces system::interfaces, "Network interfaces with their addresses (N3).";
    Get    "disks" [] Look(Status) - => Disks system::disks, "Partitions that can hold mail (N4).";
    Get    "status" [] Look(Status) - => Status status::status, "What is so now: services, counts, room, the process.";
    Post   "check" [] Change(Status) - => Report status::check, "Reads everything that is stored.";
    Post   "reindex" [] Change(Status) - => Reindexed reindex::reindex, "Makes the index of messages again from their texts.";

    Get    "journal" [max after day page per_page search below] Look(Journal) - => Journal lines::journal, "Journal lines: the newest from memory, a page of a day, or a piece of a search in it (M1-M4).";
    Get    "journal/days" [] Look(Journal) - => Days lines::days, "The days that have a journal (M5).";
    Get    "journal/export" [day form after] Look(Journal) - => Piece lines::export, "A piece of a day as text.";
    Get    "journal/file" [day form] Look(Journal) - => "text/plain, text/csv" lines::file, "A day as a file (M6, Q30).";

    Get    "queue" [search sender recipient domain state message order behind max] Look(Queue) - => Queue queue::list, "What waits to be sent, and why (K1, K2).";
    Get    "queue/{row}" [] Look(Queue) - => QueueRow queue::row, "One recipient of the queue, with the head of its message (K2).";
    Get    "queue/tls" [] Look(Queue) - => Encryption encryption::list, "How encryption with the servers that we send to went, by destination, in the last days (TLS-RPT), and whether DNSSEC is checked.";
    Post   "queue/send" [] Change(Queue) QueueRows => Changed queue::send, "Tries rows of the queue now (K4, K5); those that are held stay so.";
    Post   "queue/hold" [] Change(Queue) QueueRows => Changed queue::hold, "Holds rows of the queue until they are released.";
    Post   "queue/release" [] Change(Queue) QueueRows => Changed queue::release, "Releases rows of the queue that are held.";
    Post   "queue/delete" [] Change(Queue) QueueDelete => QueueDeleted unqueue::delete, "Deletes rows of the queue (K3, K5); tell: their senders get a delivery status notification each, written with the deletion.";

    Get    "domains" [] Look(Directory) - => Domains people::domains, "Domains with their counts (G1).";
    Post   "domains" [] Change(Directory) NewDomain => Ok people::add_domain, "Adds a domain (G2).";
    Put    "domains/{name}" [] Change(Directory) EditDomain => Ok people::edit_domain, "Where mail for unknown addresses goes.";
    Delete "domains/{name}" [purge] Change(Directory) - => Gone people::remove_domain, "Removes a domain; purge: with its mailboxes, and their mail soon after.";

    Get    "domains/{name}/dkim" [] Look(Directory) - => DkimKeys dkim::list, "The DKIM keys of a domain with their records (G4).";
    Post   "domains/{name}/dkim" [] Change(Directory) - => DkimKeys dkim::make, "Makes the next DKIM keys; their records are to be published.";
    Put    "domains/{name}/dkim" [] Change(Directory) - => DkimKeys dkim::change, "The next DKIM keys sign from now on; those before are old.";
    Delete "domains/{name}/dkim/{selector}" [] Change(Directory) - => Ok dkim::remove, "Removes a DKIM key that does not sign.";

    Get    "domains/{name}/dns" [] Look(Directory) - => Zone dns::check, "What the DNS zone of a domain should have, beside what it has (G9).";

    Get    "mailboxes" [page per_page search domain sort order] Look(Directory) - => Mailboxes mailboxes::mailboxes, "Mailboxes with what they hold (G5).";
    Post   "mailboxes" [] Change(Directory) NewMailbox => Mailbox mailboxes::add_mailbox, "Adds a mailbox with its folders (D2).";
    Get    "mailboxes/{address}" [] Look(Directory) - => Mailbox mailboxes::mailbox, "One mailbox.";
    Put    "mailboxes/{address}" [] Change(Directory) EditMailbox => Mailbox mailboxes::edit_mailbox, "Changes what is named; all of it or nothing.";
    Delete "mailboxes/{address}" [] Change(Directory) - => Gone mailboxes::remove_mailbox, "Removes a mailbox, and its mail soon after.";
    Get    "mailboxes/{address}/folders" [] Look(Directory) - => Folders mailboxes::folders, "The folders of a mailbox.";

    Post   "passwords" [] Change(Directory) - => MadeUp password::make, "Makes up a password; it is not stored.";

    Get    "aliases" [page per_page search domain] Look(Directory) - => Aliases people::aliases, "Aliases (G7).";
    Post   "aliases" [] Change(Directory) NewAlias => Ok people::add_alias, "Adds an alias; a loop is refused (Q23).";
    Put    "aliases/{address}" [] Change(Directory) EditAlias => Ok people::edit_alias, "Other targets of an alias.";
    Delete "aliases/{address}" [] Change(Directory) - => Ok people::remove_alias, "Removes an alias.";

    Get    "admins" [] Look(Admins) - => Admins people::admins, "Administrators.";
    Post   "admins" [] Change(Admins) NewAdmin => Ok people::add_admin, "Adds an administrator.";
    Put    "admins/{name}" [] Change(Admins) EditAdmin => Ok people::edit_admin, "Changes an administrator.";
    Delete "admins/{name}" [] Change(Admins) - => Ok people::remove_admin, "Removes an administrator.";

    Get    "settings" [] Look(Settings) - => Settings config::settings, "Every setting with its value, words and bounds.";
    Post   "settings" [] Change(Settings) Save => Saved config::save, "Saves settings on top of the version that was looked at.";
    Get    "settings/diff" [from to] Look(Settings) - => Diff config::diff, "What differs between two versions.";
    Get    "settings/versions" [] Look(Settings) - => Versions config::versions, "Versions, newest first: who, when, from where, what.";
    Post   "settings/rollback" [] Change(Settings) Rollback => Saved config::rollback, "Makes an old version hold again, as a new one.";

    Get    "certificates" [] Look(Certificates) - => Certificates certificates::list, "Certificates with their expiry.";
    Post   "certificates" [] Change(Certificates) Upload => Certificate certificates::upload, "Stores a certificate; it is in use at once.";
    Post   "self-signed" [] Change(Certificates) SelfSigned => Certificate certificates::self_signed, "Makes a self-signed certificate.";
    Delete "certificates/{name}" [] Change(Certificates) - => Ok certificates::remove, "Removes a stored certificate (Q27).";
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn at(method: Method, path: &str) -> Result<(&'static str, Vec<String>), u16> {
        let path: Vec<String> = path.split('/').map(str::to_owned).collect();
        find(method, &path).map(|(operation, at)| (operation.path, at)).map_err(|error| error.status)
    }

    #[test]
    fn a_path_is_found_with_its_parameters_or_says_404_or_405() {
        assert_eq!(at(Method::Get, "status"), Ok(("status", vec![])));
        assert_eq!(at(Method::Put, "mailboxes/a@b.test"), Ok(("mailboxes/{address}", vec!["a@b.test".into()])));
        assert_eq!(at(Method::Get, "mailboxes/x/folders"), Ok(("mailboxes/{address}/folders", vec!["x".into()])));
        assert_eq!(at(Method::Post, "self-signed"), Ok(("self-signed", vec![])));
        assert_eq!((at(Method::Get, "nothing"), at(Method::Get, "status/x")), (Err(404), Err(404)));
        assert_eq!((at(Method::Put, "status"), at(Method::Get, "queue/send")), (Err(405), Err(405)));
    }

    #[test]
    fn no_row_is_hidden_by_another() {
        let mut seen = BTreeSet::new();
        for operation in TABLE {
            assert!(seen.insert((operation.method.word(), operation.path)), "{}", operation.path);
            let path: Vec<String> = operation.path.split('/').map(str::to_owned).collect();
            assert_eq!(find(operation.method, &path).map(|found| found.0.path), Ok(operation.path));
        }
    }

    #[test]
    fn who_only_looks_changes_nothing() {
        for operation in TABLE {
            let looks = operation.method == Method::Get;
            match operation.scope {
                // To log in, out, or to change one's own password is nobody else's business.
                Scope::Open => {}
                Scope::Look(_) => assert!(looks, "{}", operation.path),
                Scope::Change(_) => assert!(!looks, "{}", operation.path),
            }
        }
    }
}
