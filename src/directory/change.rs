//! Changes of the directory: each is checked against the snapshot, and either gives the next one or says why not.

use std::{collections::BTreeSet, fmt};

use super::{
    Admin, Alias, Directory, MailDomain, Mailbox, Removed,
    rows::{self, RowChange},
};
use crate::{
    limits,
    types::{Address, Credential, CryptHash, Domain, MailboxId, Password, set_of},
};

/// Octets of an owner's name.
const OWNER: usize = 200;

/// One change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// G1, G2.
    AddDomain(Domain),
    /// Refused while it has mailboxes, unless `purge`: then they go with their mail.
    RemoveDomain {
        /// The domain.
        name: Domain,
        /// Whether its mailboxes and aliases go too.
        purge: bool,
    },
    /// Where mail for unknown addresses of a domain goes; None: it is refused.
    SetCatchAll {
        /// The domain.
        domain: Domain,
        /// A mailbox or alias of ours.
        to: Option<Address>,
    },
    /// G5, G6.
    AddMailbox {
        /// Its address.
        address: Address,
        /// Its password.
        password: Password,
        /// Octets; None = unlimited.
        quota: Option<u64>,
        /// The person.
        owner: String,
    },
    /// A new password.
    SetPassword(Address, Password),
    /// Somebody logged in by an imported hash: a credential of ours takes its place, if it still holds.
    Renew {
        /// The mailbox.
        address: Address,
        /// What was logged in by.
        imported: CryptHash,
        /// Derived from the same password.
        credential: Credential,
    },
    /// A new quota in octets.
    SetQuota(Address, Option<u64>),
    /// Whether it may log in.
    SetEnabled(Address, bool),
    /// Another owner.
    SetOwner(Address, String),
    /// With its mail.
    RemoveMailbox(Address),
    /// A new alias (G7, Q22).
    AddAlias(Address, Vec<Address>),
    /// Other targets of an alias that is there.
    SetAlias(Address, Vec<Address>),
    /// An alias goes.
    RemoveAlias(Address),
    /// A new administrator.
    AddAdmin(Admin),
    /// An administrator's new password.
    SetAdminPassword(String, Credential),
    /// Whether an administrator may only look.
    SetAdminReadOnly(String, bool),
    /// An administrator goes; the last one who may change things stays.
    RemoveAdmin(String),
    /// The messages of a removed mailbox are gone from the store.
    Purged(MailboxId),
}

/// Why a change was refused: what is so, and what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DirectoryError {
    /// Whether the thing is there already, or another thing stands in the way (409), rather than absent (404) or wrong (400).
    pub kind: ErrorKind,
    /// What is so.
    pub what: String,
    /// What to do about it.
    pub remedy: String,
}

/// The sort of a [`DirectoryError`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// What was named is not there.
    Absent,
    /// What is there stands in the way.
    Conflict,
    /// What was asked for cannot be.
    Wrong,
}

impl fmt::Display for DirectoryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.what, self.remedy)
    }
}

impl std::error::Error for DirectoryError {}

/// What came of a change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Applied {
    /// The next snapshot.
    pub directory: Directory,
    /// Rows to write in one transaction.
    pub rows: Vec<RowChange>,
    /// Mailboxes whose folders are to be made in the store before.
    pub added: Vec<MailboxId>,
    /// Mailboxes whose messages are to be purged from the store afterwards.
    pub removed: Vec<MailboxId>,
}

type Result<T> = std::result::Result<T, DirectoryError>;

fn absent(what: String, remedy: &str) -> DirectoryError {
    DirectoryError { kind: ErrorKind::Absent, what, remedy: remedy.to_owned() }
}

fn conflict(what: String, remedy: &str) -> DirectoryError {
    DirectoryError { kind: ErrorKind::Conflict, what, remedy: remedy.to_owned() }
}

fn wrong(what: String, remedy: &str) -> DirectoryError {
    DirectoryError { kind: ErrorKind::Wrong, what, remedy: remedy.to_owned() }
}

impl Directory {
    /// The snapshot after a change and the rows that differ; this snapshot stays as it is. Costs what the change touches.
    pub fn apply(&self, change: Change) -> Result<Applied> {
        self.apply_all([change])
    }

    /// The same for several changes in their order: all of them, or none.
    pub fn apply_all(&self, changes: impl IntoIterator<Item = Change>) -> Result<Applied> {
        let mut next = self.clone();
        for change in changes {
            next.take(change)?;
        }
        let rows = rows::differences(self, &next);
        // Numbers only grow.
        let added = (self.next_mailbox.max(1)..next.next_mailbox).map(MailboxId).collect();
        let gone = next.removed.differences(&self.removed);
        let removed = gone.into_iter().filter_map(|(id, now)| now.map(|_| *id)).collect();
        Ok(Applied { directory: next, rows, added, removed })
    }

    fn take(&mut self, change: Change) -> Result<()> {
        match change {
            Change::AddDomain(name) => self.add_domain(name),
            Change::RemoveDomain { name, purge } => self.remove_domain(&name, purge),
            Change::SetCatchAll { domain, to } => self.set_catch_all(&domain, to),
            Change::AddMailbox { address, password, quota, owner } => self.add_mailbox(address, password, quota, owner),
            Change::SetPassword(address, password) => self.mailbox(&address).map(|m| m.password = password),
            Change::Renew { address, imported, credential } => {
                let old = Password::Imported(imported);
                let still = self.mailboxes.edit(&address).filter(|m| m.password == old);
                still.into_iter().for_each(|m| m.password = credential.clone().into());
                Ok(())
            }
            Change::SetQuota(address, quota) => {
                let quota = good_quota(quota)?;
                self.mailbox(&address).map(|m| m.quota = quota)
            }
            Change::SetEnabled(address, enabled) => self.mailbox(&address).map(|m| m.enabled = enabled),
            Change::SetOwner(address, owner) => {
                let owner = good_owner(owner)?;
                self.mailbox(&address).map(|m| m.owner = owner)
            }
            Change::RemoveMailbox(address) => self.remove_mailbox(&address),
            Change::AddAlias(address, targets) => self.add_alias(address, targets),
            Change::SetAlias(address, targets) => self.set_alias(address, targets),
            Change::RemoveAlias(address) => self.remove_alias(&address),
            Change::AddAdmin(admin) => self.add_admin(admin),
            Change::SetAdminPassword(name, credential) => self.admin(&name).map(|a| a.credential = credential),
            Change::SetAdminReadOnly(name, read_only) => self.set_admin_read_only(&name, read_only),
            Change::RemoveAdmin(name) => self.remove_admin(&name),
            Change::Purged(id) => {
                self.removed.remove(&id);
                Ok(())
            }
        }
    }

    fn add_domain(&mut self, name: Domain) -> Result<()> {
        if name.is_literal() {
            return Err(wrong(format!("{name} is an address literal"), "name a domain such as office.example"));
        }
        if self.is_ours(&name) {
            return Err(conflict(format!("the domain {name} is there already"), "nothing is to be done"));
        }
        self.domains.put(MailDomain { name, catch_all: None });
        Ok(())
    }

    fn remove_domain(&mut self, name: &Domain, purge: bool) -> Result<()> {
        self.domain(name)?;
        let boxes: Vec<Address> = self.mailboxes.keys().filter(|a| a.domain == *name).cloned().collect();
        let aliases: Vec<Address> = self.aliases.keys().filter(|a| a.domain == *name).cloned().collect();
        let is_used = !boxes.is_empty() || !aliases.is_empty();
        if is_used && !purge {
            let what = format!("the domain {name} has mailboxes ({}) and aliases ({})", boxes.len(), aliases.len());
            return Err(conflict(what, "remove them first, or remove the domain with purge, which deletes their mail"));
        }
        // Catch-all and aliases of the domain itself go first: only what stays behind may hold on to a mailbox.
        self.domains.remove(name);
        for alias in &aliases {
            self.aliases.remove(alias);
        }
        self.nobody_needs(&set_of(boxes.iter().chain(&aliases)))?;
        for gone in &boxes {
            self.drop_mailbox(gone);
        }
        Ok(())
    }

    fn set_catch_all(&mut self, domain: &Domain, to: Option<Address>) -> Result<()> {
        if let Some(to) = &to {
            self.domain(domain)?;
            self.must_be_here(to)?;
        }
        self.domain(domain)?.catch_all = to;
        Ok(())
    }

    fn add_mailbox(&mut self, address: Address, password: Password, quota: Option<u64>, owner: String) -> Result<()> {
        self.domain(&address.domain)?;
        self.must_be_free(&address)?;
        let (quota, owner) = (good_quota(quota)?, good_owner(owner)?);
        let id = MailboxId(self.next_mailbox.max(1));
        self.next_mailbox = id.0.checked_add(1).ok_or_else(|| {
            wrong("all mailbox numbers are used up".to_owned(), "no mailbox can be added to this installation any more")
        })?;
        self.mailboxes.put(Mailbox { id, address, password, quota, owner, enabled: true });
        Ok(())
    }

    fn remove_mailbox(&mut self, address: &Address) -> Result<()> {
        self.mailbox(address)?;
        self.nobody_needs(&set_of([address]))?;
        self.drop_mailbox(address);
        Ok(())
    }

    fn drop_mailbox(&mut self, address: &Address) {
        if let Some(gone) = self.mailboxes.remove(address) {
            self.removed.put(Removed { id: gone.id, address: gone.address.clone() });
        }
    }

    fn add_alias(&mut self, address: Address, targets: Vec<Address>) -> Result<()> {
        self.domain(&address.domain)?;
        self.must_be_free(&address)?;
        self.put_alias(address, targets)
    }

    fn set_alias(&mut self, address: Address, targets: Vec<Address>) -> Result<()> {
        // As it was written first, in whatever case it is said now: its row is named by it.
        let stored = self.aliases.get(&address).map(|alias| alias.address.clone());
        let address = stored.ok_or_else(|| absent(format!("there is no alias {address}"), "add it first"))?;
        self.put_alias(address, targets)
    }

    fn put_alias(&mut self, address: Address, targets: Vec<Address>) -> Result<()> {
        let mut unique: Vec<Address> = Vec::new();
        for target in targets {
            if target == address {
                return Err(wrong(format!("the alias {address} would point to itself"), "choose another target"));
            }
            // What lies elsewhere is forwarded.
            if self.is_ours(&target.domain) {
                self.must_be_here(&target)?;
            }
            if !unique.contains(&target) {
                unique.push(target);
            }
        }
        if unique.is_empty() {
            return Err(wrong(format!("the alias {address} has no target"), "name one mailbox or more"));
        }
        if unique.len() > limits::ALIAS_TARGETS {
            let what = format!("the alias {address} has {} targets", unique.len());
            return Err(wrong(what, &format!("at most {} fit", limits::ALIAS_TARGETS)));
        }
        self.aliases.put(Alias { address: address.clone(), targets: unique });
        self.no_loop(&address, &mut Vec::new(), &mut BTreeSet::new())?;
        self.not_too_deep()?;
        self.not_too_wide(&address)
    }

    fn remove_alias(&mut self, address: &Address) -> Result<()> {
        if self.aliases.remove(address).is_none() {
            return Err(absent(format!("there is no alias {address}"), "see the list of aliases"));
        }
        self.nobody_needs(&set_of([address]))
    }

    /// Q23: a loop is refused when saved. Every loop that a save could close goes through the saved alias.
    /// `clear` holds what was walked to its end before, so that lists of lists are not walked again and again.
    fn no_loop(&self, at: &Address, way: &mut Vec<Address>, clear: &mut BTreeSet<Address>) -> Result<()> {
        if way.contains(at) {
            way.push(at.clone());
            let words: Vec<String> = way.iter().map(Address::to_string).collect();
            let what = format!("the aliases would run in a loop: {}", words.join(" -> "));
            return Err(conflict(what, "take one of these targets out"));
        }
        if way.len() > limits::ALIAS_LEVELS {
            return Err(too_deep());
        }
        let Some(alias) = self.aliases.get(at).filter(|_| !clear.contains(at)) else {
            return Ok(());
        };
        way.push(at.clone());
        for target in &alias.targets {
            self.no_loop(target, way, clear)?;
        }
        way.pop();
        clear.insert(at.clone());
        Ok(())
    }

    /// Q23: expansion stops at ten levels, so a longer chain would lose mail silently: it is refused when saved.
    /// Goes level by level from the mailboxes upwards, so that wide lists cost no more than their targets.
    fn not_too_deep(&self) -> Result<()> {
        let mut open: BTreeSet<&Address> = set_of(self.aliases.keys());
        for _level in 0..limits::ALIAS_LEVELS {
            let next = open.iter().copied().filter(|a| self.aliases[*a].targets.iter().any(|t| open.contains(t)));
            let higher: BTreeSet<&Address> = set_of(next);
            if higher.is_empty() {
                return Ok(());
            }
            open = higher;
        }
        Err(too_deep())
    }

    /// The router stops at ALIAS_TARGETS addresses, so a wider list would lose mail silently: it is refused when saved, also
    /// when it is a list above the saved one that grows too wide.
    fn not_too_wide(&self, saved: &Address) -> Result<()> {
        let above = closure(saved, |at| self.aliases.values().filter(|a| a.targets.contains(at)).map(|a| &a.address));
        for list in above {
            let all = closure(list, |at| self.aliases.get(at).into_iter().flat_map(|alias| &alias.targets));
            let ends = all.iter().filter(|at| !self.aliases.contains_key(**at)).count();
            if ends > limits::ALIAS_TARGETS {
                let what = format!("the alias {list} would go to {ends} addresses");
                return Err(wrong(what, &format!("at most {} fit: divide the list", limits::ALIAS_TARGETS)));
            }
        }
        Ok(())
    }

    fn add_admin(&mut self, admin: Admin) -> Result<()> {
        let name = &admin.name;
        let good = (1..=64).contains(&name.len())
            && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_' | b'@'));
        if !good {
            let what = "an administrator's name has 1 to 64 letters, digits, '.', '-', '_' or '@'";
            return Err(wrong(what.to_owned(), "choose another name"));
        }
        if self.admins.contains_key(name) {
            return Err(conflict(format!("the administrator {name} is there already"), "change the password instead"));
        }
        self.admins.put(admin);
        Ok(())
    }

    fn set_admin_read_only(&mut self, name: &str, read_only: bool) -> Result<()> {
        self.admin(name)?.read_only = read_only;
        if read_only { self.somebody_may_change(name) } else { Ok(()) }
    }

    fn remove_admin(&mut self, name: &str) -> Result<()> {
        let gone = self.admin(name)?.clone();
        self.admins.remove(name);
        if gone.read_only { Ok(()) } else { self.somebody_may_change(name) }
    }

    fn somebody_may_change(&self, name: &str) -> Result<()> {
        if self.admins.values().any(|admin| !admin.read_only) {
            return Ok(());
        }
        let what = format!("{name} is the last administrator who may change things");
        Err(conflict(what, "add another one first"))
    }

    fn domain(&mut self, name: &Domain) -> Result<&mut MailDomain> {
        self.domains.edit(name).ok_or_else(|| absent(format!("{name} is no domain of this server"), "add it first"))
    }

    fn mailbox(&mut self, address: &Address) -> Result<&mut Mailbox> {
        self.mailboxes
            .edit(address)
            .ok_or_else(|| absent(format!("there is no mailbox {address}"), "see the list of mailboxes"))
    }

    fn admin(&mut self, name: &str) -> Result<&mut Admin> {
        self.admins
            .edit(name)
            .ok_or_else(|| absent(format!("there is no administrator {name}"), "see the list of administrators"))
    }

    fn must_be_free(&self, address: &Address) -> Result<()> {
        if self.mailboxes.contains_key(address) {
            return Err(conflict(format!("{address} is a mailbox already"), "choose another address"));
        }
        if self.aliases.contains_key(address) {
            return Err(conflict(format!("{address} is an alias already"), "remove the alias first"));
        }
        Ok(())
    }

    fn must_be_here(&self, target: &Address) -> Result<()> {
        if !self.is_ours(&target.domain) {
            let what = format!("{target} is outside the domains of this server");
            return Err(wrong(what, "name an address here, or an alias that leads there"));
        }
        if self.mailboxes.contains_key(target) || self.aliases.contains_key(target) {
            return Ok(());
        }
        Err(absent(format!("{target} is neither a mailbox nor an alias"), "add it first"))
    }

    /// Nothing may point to addresses that go.
    fn nobody_needs(&self, gone: &BTreeSet<&Address>) -> Result<()> {
        for MailDomain { name, catch_all } in self.domains.values() {
            if let Some(address) = catch_all.as_ref().filter(|to| gone.contains(to)) {
                let what = format!("{address} gets all unknown mail of {name}");
                return Err(conflict(what, "change the catch-all first"));
            }
        }
        for alias in self.aliases.values() {
            if let Some(address) = alias.targets.iter().find(|to| gone.contains(to)) {
                let what = format!("the alias {} points to {address}", alias.address);
                return Err(conflict(what, "change or remove the alias first"));
            }
        }
        Ok(())
    }
}

/// Everything that can be reached from `start`, itself too.
fn closure<'a, I: IntoIterator<Item = &'a Address>>(
    start: &'a Address,
    next: impl Fn(&'a Address) -> I,
) -> BTreeSet<&'a Address> {
    let mut seen = set_of([start]);
    let mut open = vec![start];
    while let Some(at) = open.pop() {
        open.extend(next(at).into_iter().filter(|there| seen.insert(*there)));
    }
    seen
}

fn too_deep() -> DirectoryError {
    let what = format!("aliases would be nested more than {} levels", limits::ALIAS_LEVELS);
    wrong(what, "let the alias point to the mailboxes themselves")
}

fn good_quota(quota: Option<u64>) -> Result<Option<u64>> {
    match quota {
        Some(0) => Err(wrong("a quota of nothing would refuse all mail".to_owned(), "name a size, or no quota at all")),
        Some(_) | None => Ok(quota),
    }
}

fn good_owner(owner: String) -> Result<String> {
    let owner = owner.trim().to_owned();
    if owner.len() > OWNER || owner.chars().any(char::is_control) {
        let what = format!("the owner's name is longer than {OWNER} octets or has control characters");
        return Err(wrong(what, "shorten it"));
    }
    Ok(owner)
}
