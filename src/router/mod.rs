//! Where does this address live? Pure, over a snapshot of the directory.
//!
//! [`srs`]: reverse-paths of forwarded messages.
//! Must not know: the store (whether a mailbox is full or has a folder is asked later), who sends.

mod srs;

pub use srs::{Back, Srs};

use crate::{
    directory::{Directory, Mailbox},
    limits,
    settings::Settings,
    types::{Address, FolderName, LocalPart, MailboxId, UnixTime},
};

/// One copy in one mailbox.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Destination {
    /// The mailbox.
    pub mailbox: MailboxId,
    /// Its address.
    pub address: Address,
    /// Octets it may hold.
    pub quota: Option<u64>,
    /// INBOX, also for `ann+lists@`: POP3 shows no other folder, so mail that was put elsewhere would look lost.
    pub folder: FolderName,
}

/// What an address expands to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Route {
    /// Mailboxes of ours, each once (and addresses elsewhere, for the queue).
    Local {
        /// Copies here.
        here: Vec<Destination>,
        /// Addresses elsewhere.
        elsewhere: Vec<Address>,
    },
    /// The domain is not ours.
    Foreign,
    /// The domain is ours, the address is nobody's.
    Unknown,
}

/// As [`expand`]; but an address of ours that we once wrote into a reverse-path (SRS) stands for its sender, wherever he lives.
pub fn resolve(directory: &Directory, settings: &Settings, srs: &Srs, to: &Address, now: UnixTime) -> Route {
    let taken = directory.mailboxes.contains_key(to) || directory.aliases.contains_key(to);
    if taken || !directory.is_ours(&to.domain) {
        return expand(directory, settings, to);
    }
    match srs.back(to, now) {
        Back::Other => expand(directory, settings, to),
        Back::Forged => Route::Unknown,
        Back::To(sender) => match expand(directory, settings, &sender) {
            Route::Foreign => Route::Local { here: Vec::new(), elsewhere: vec![sender] },
            route @ (Route::Local { .. } | Route::Unknown) => route,
        },
    }
}

/// Expands an address: exact mailbox, exact alias, the part before the plus, catch-all (G5-G7, Q22, Q23); what is left of
/// postmaster@ and abuse@ goes to somebody in any case (RFC 5321 s4.5.1).
pub fn expand(directory: &Directory, settings: &Settings, to: &Address) -> Route {
    let ours = directory.is_ours(&to.domain) || is_the_server_itself(settings, to);
    if !ours {
        return Route::Foreign;
    }
    let mut walk = Walk { directory, settings, here: Vec::new(), elsewhere: Vec::new(), way: Vec::new() };
    walk.go(to);
    if walk.here.is_empty()
        && walk.elsewhere.is_empty()
        && let Some(mailbox) = somebody(directory, settings, to)
    {
        walk.put(mailbox);
    }
    if walk.here.is_empty() && walk.elsewhere.is_empty() {
        return Route::Unknown;
    }
    Route::Local { here: walk.here, elsewhere: walk.elsewhere }
}

/// The roles that RFC 5321 s4.5.1 and RFC 2142 s4 want answered.
fn is_role(to: &Address) -> bool {
    matches!(to.local.key().as_str(), "postmaster" | "abuse")
}

/// `postmaster@` the name in our greeting is for us, also when no mailbox lives in that domain.
fn is_the_server_itself(settings: &Settings, to: &Address) -> bool {
    is_role(to) && to.domain.as_str() == settings.server_name
}

/// Who reads a role's mail: the setting's mailbox, else the oldest mailbox of the domain, else the oldest of all.
fn somebody<'a>(directory: &'a Directory, settings: &Settings, to: &Address) -> Option<&'a Mailbox> {
    if !is_role(to) {
        return None;
    }
    let named = Address::parse(&settings.postmaster).ok().and_then(|address| directory.mailboxes.get(&address));
    let oldest = |same_domain: bool| {
        let boxes = directory.mailboxes.values().filter(|m| !same_domain || m.address.domain == to.domain);
        boxes.min_by_key(|mailbox| mailbox.id)
    };
    named.or_else(|| oldest(true)).or_else(|| oldest(false))
}

/// One expansion under way.
struct Walk<'a> {
    directory: &'a Directory,
    settings: &'a Settings,
    here: Vec<Destination>,
    elsewhere: Vec<Address>,
    /// Every alias that was expanded, each once: a cycle that is in the rows all the same (another firmware, a damaged row)
    /// is cut, and a list that is in two lists costs one walk.
    way: Vec<(Address, usize)>,
}

impl Walk<'_> {
    /// Level by level, so that the shortest way to an address counts for the limit of levels.
    fn go(&mut self, to: &Address) {
        self.one(to, 0);
        let mut next = 0;
        while let Some((alias, level)) = self.way.get(next).cloned() {
            next += 1;
            let Some(alias) = self.directory.aliases.get(&alias) else { continue };
            for target in &alias.targets {
                self.one(target, level + 1);
            }
        }
    }

    fn one(&mut self, to: &Address, level: usize) {
        if level > limits::ALIAS_LEVELS || self.here.len() + self.elsewhere.len() >= limits::ALIAS_TARGETS {
            return;
        }
        if !self.directory.is_ours(&to.domain) {
            if level > 0 && !self.elsewhere.contains(to) {
                self.elsewhere.push(to.clone());
            }
            return;
        }
        let catch_all = || self.directory.domains.get(&to.domain).and_then(|domain| domain.catch_all.clone());
        if self.exact(to, level) || self.before_the_plus(to).is_some_and(|plain| self.exact(&plain, level)) {
            return;
        }
        // When this finds nobody either, expand() says Unknown, unless another target was found.
        if let Some(all) = catch_all() {
            self.exact(&all, level);
        }
    }

    fn exact(&mut self, to: &Address, level: usize) -> bool {
        if let Some(mailbox) = self.directory.mailboxes.get(to) {
            self.put(mailbox);
            return true;
        }
        let known = self.directory.aliases.contains_key(to);
        if known && !self.way.iter().any(|(seen, _)| seen == to) {
            self.way.push((to.clone(), level));
        }
        known
    }

    fn before_the_plus(&self, to: &Address) -> Option<Address> {
        let delimiter = self.settings.plus_delimiter.chars().next()?;
        let (plain, _) = to.local.as_str().split_once(delimiter)?;
        Some(Address { local: LocalPart::parse(plain).ok()?, domain: to.domain.clone() })
    }

    fn put(&mut self, mailbox: &Mailbox) {
        if self.here.iter().any(|there| there.mailbox == mailbox.id) {
            return;
        }
        self.here.push(Destination {
            mailbox: mailbox.id,
            address: mailbox.address.clone(),
            quota: mailbox.quota,
            folder: FolderName::inbox(),
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        directory::{Alias, Change},
        types::{Credential, Domain},
    };

    fn a(text: &str) -> Address {
        Address::parse(text).unwrap()
    }

    fn d(text: &str) -> Domain {
        Domain::parse(text).unwrap()
    }

    fn office() -> Directory {
        let credential = Credential { salt: vec![1], iterations: 1, stored_key: [0; 32], server_key: [0; 32] };
        let mailbox = |text: &str| Change::AddMailbox {
            address: a(text),
            password: credential.clone().into(),
            quota: None,
            owner: String::new(),
        };
        let changes = vec![
            Change::AddDomain(d("office.test")),
            Change::AddDomain(d("empty.test")),
            mailbox("bob@office.test"),
            mailbox("ann@office.test"),
            mailbox("c+d@office.test"),
            Change::AddAlias(a("sales@office.test"), vec![a("ann@office.test"), a("bob@office.test")]),
            Change::AddAlias(a("all@office.test"), vec![a("sales@office.test"), a("ann@office.test")]),
        ];
        changes.into_iter().fold(Directory::default(), |old, change| old.apply(change).unwrap().directory)
    }

    /// The local parts that an address comes to, or the sort of the refusal.
    fn comes_to(directory: &Directory, settings: &Settings, to: &str) -> String {
        match expand(directory, settings, &a(to)) {
            Route::Foreign => "foreign".into(),
            Route::Unknown => "unknown".into(),
            Route::Local { here, elsewhere } => {
                let here = here.iter().map(|h| h.address.local.to_string());
                here.chain(elsewhere.iter().map(Address::to_string)).collect::<Vec<_>>().join(" ")
            }
        }
    }

    fn plainly(to: &str) -> String {
        comes_to(&office(), &Settings::default(), to)
    }

    #[test]
    fn a_mailbox_gets_its_mail_whatever_the_case() {
        assert_eq!(plainly("Ann@Office.test"), "ann");
    }

    #[test]
    fn an_alias_goes_to_each_mailbox_once_through_all_levels() {
        assert_eq!(plainly("sales@office.test"), "ann bob");
        assert_eq!(plainly("all@office.test"), "ann bob");
    }

    #[test]
    fn what_is_not_ours_is_foreign_and_what_is_nobodys_is_unknown() {
        assert_eq!(plainly("ann@else.test"), "foreign");
        assert_eq!(plainly("nobody@office.test"), "unknown");
    }

    #[test]
    fn the_part_before_the_plus_counts_only_when_the_whole_is_nobodys() {
        assert_eq!(plainly("ann+lists@office.test"), "ann");
        assert_eq!(plainly("c+d@office.test"), "c+d");
        assert_eq!(plainly("sales+x@office.test"), "ann bob");
        assert_eq!(plainly("+x@office.test"), "unknown");
        let off = Settings { plus_delimiter: String::new(), ..Settings::default() };
        assert_eq!(comes_to(&office(), &off, "ann+lists@office.test"), "unknown");
    }

    #[test]
    fn catch_all_comes_last() {
        let to = Some(a("bob@office.test"));
        let directory = office().apply(Change::SetCatchAll { domain: d("office.test"), to }).unwrap().directory;
        let settings = Settings::default();
        assert_eq!(comes_to(&directory, &settings, "nobody@office.test"), "bob");
        assert_eq!(comes_to(&directory, &settings, "postmaster@office.test"), "bob");
        assert_eq!(comes_to(&directory, &settings, "ann+x@office.test"), "ann");
    }

    #[test]
    fn postmaster_and_abuse_are_always_read_by_somebody() {
        // RFC 5321 s4.5.1; bob is older than ann.
        assert_eq!(plainly("postmaster@office.test"), "bob");
        assert_eq!(plainly("ABUSE@empty.test"), "bob");
        let settings = Settings {
            postmaster: "ann@office.test".into(),
            server_name: "mail.office.test".into(),
            ..Settings::default()
        };
        assert_eq!(comes_to(&office(), &settings, "Postmaster@office.test"), "ann");
        assert_eq!(comes_to(&office(), &settings, "postmaster@mail.office.test"), "ann");
        assert_eq!(comes_to(&office(), &settings, "ann@mail.office.test"), "foreign");
        assert_eq!(comes_to(&Directory::default(), &settings, "postmaster@mail.office.test"), "unknown");
    }

    #[test]
    fn a_cycle_that_is_in_the_rows_all_the_same_is_cut() {
        let mut directory = office();
        let mut put = |from: &str, to: &[&str]| {
            let targets = to.iter().map(|t| a(t)).collect();
            directory.aliases.put(Alias { address: a(from), targets });
        };
        put("x@office.test", &["y@office.test", "ann@office.test"]);
        put("y@office.test", &["x@office.test"]);
        put("only@office.test", &["only@office.test"]);
        assert_eq!(comes_to(&directory, &Settings::default(), "y@office.test"), "ann");
        assert_eq!(comes_to(&directory, &Settings::default(), "only@office.test"), "unknown");
    }

    #[test]
    fn expansion_stops_at_ten_levels() {
        let mut directory = office();
        for n in 1..=12 {
            let (from, below) = (a(&format!("l{n}@office.test")), a(&format!("l{}@office.test", n - 1)));
            let to = if n == 1 { a("ann@office.test") } else { below };
            directory.aliases.put(Alias { address: from, targets: vec![to] });
        }
        assert_eq!(comes_to(&directory, &Settings::default(), "l10@office.test"), "ann");
        assert_eq!(comes_to(&directory, &Settings::default(), "l11@office.test"), "unknown");
    }

    #[test]
    fn what_comes_back_to_a_rewritten_sender_goes_on_to_him() {
        let (directory, settings, srs) = (office(), Settings::default(), Srs::new(b"secret"));
        let now = UnixTime(1_795_503_600);
        let back = |sender: &str, via: &str| {
            let out = srs.forward(&a(sender), &d(via), now).unwrap();
            resolve(&directory, &settings, &srs, &out, now)
        };
        let far = Route::Local { here: Vec::new(), elsewhere: vec![a("carl@far.test")] };
        assert_eq!(back("carl@far.test", "office.test"), far);
        assert!(matches!(back("ann@office.test", "office.test"), Route::Local { here, .. } if here.len() == 1));
        assert_eq!(back("carl@far.test", "not-ours.test"), Route::Foreign);
        let forged = a("SRS0=AAAA=AA=far.test=carl@office.test");
        assert_eq!(resolve(&directory, &settings, &srs, &forged, now), Route::Unknown);
        assert_eq!(resolve(&directory, &settings, &srs, &a("x@else.test"), now), Route::Foreign);
    }

    #[test]
    fn targets_elsewhere_are_kept_for_the_queue() {
        let mut directory = office();
        let targets = vec![a("x@else.test"), a("ann@office.test"), a("x@else.test")];
        directory.aliases.put(Alias { address: a("out@office.test"), targets });
        assert_eq!(comes_to(&directory, &Settings::default(), "out@office.test"), "ann x@else.test");
    }
}
