//! The directory as rows of the store: `domain/NAME`, `mailbox/ADDRESS`, `alias/ADDRESS`, `admin/NAME`, `removed/ID`,
//! `next-mailbox`; each value is JSON. A row that cannot be read is set aside and told, and the rest goes on.

use std::collections::BTreeMap;

use serde_json::{Value as Json, json};

use super::{Admin, Alias, Directory, MailDomain, Mailbox};
use crate::types::{Address, Credential, Domain, MailboxId, Password};

/// The kind of the rows in `system.redb`.
pub const ROW_KIND: &str = "directory";

/// By how much the mailbox counter jumps when its own row is lost: numbers of removed mailboxes must not come back.
const LOST_COUNTER_GAP: u32 = 1000;

/// One row that differs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RowChange {
    /// Insert or replace.
    Put {
        /// Key within the kind [`ROW_KIND`].
        key: String,
        /// JSON.
        value: Vec<u8>,
    },
    /// Remove.
    Remove {
        /// Key within the kind [`ROW_KIND`].
        key: String,
    },
}

/// What was read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Loaded {
    /// The snapshot.
    pub directory: Directory,
    /// One sentence for each row that was set aside or mended, for the journal.
    pub damage: Vec<String>,
}

impl Directory {
    /// Reads rows (key, value).
    pub fn from_rows<'a>(rows: impl IntoIterator<Item = (&'a str, &'a [u8])>) -> Loaded {
        let mut loaded = Loaded::default();
        for (key, value) in rows {
            let read = serde_json::from_slice(value).ok().and_then(|json| loaded.directory.read(key, &json));
            if read.is_none() {
                loaded.damage.push(format!("the directory row {key} cannot be read and is set aside"));
            }
        }
        loaded.mend();
        loaded
    }

    fn read(&mut self, key: &str, json: &Json) -> Option<()> {
        if key == NEXT {
            self.next_mailbox = u32::try_from(json.as_u64()?).ok()?;
            return Some(());
        }
        let (sort, name) = key.split_once('/')?;
        match sort {
            "domain" => {
                let name = Domain::parse(name).ok()?;
                // A catch-all that cannot be read is none; the domain itself must not be lost for it.
                let catch_all = json["catch_all"].as_str().and_then(|text| Address::parse(text).ok());
                self.domains.insert(name.clone(), MailDomain { name, catch_all });
            }
            "mailbox" => {
                let mailbox = mailbox(Address::parse(name).ok()?, json)?;
                self.mailboxes.insert(mailbox.address.clone(), mailbox);
            }
            "alias" => {
                let address = Address::parse(name).ok()?;
                let targets: Option<Vec<Address>> =
                    json["targets"].as_array()?.iter().map(|t| Address::parse(t.as_str()?).ok()).collect();
                self.aliases.insert(address.clone(), Alias { address, targets: targets? });
            }
            "admin" => {
                let credential = Credential::parse(json["credential"].as_str()?)?;
                let read_only = json["read_only"].as_bool()?;
                self.admins.insert(name.to_owned(), Admin { name: name.to_owned(), credential, read_only });
            }
            "removed" => {
                let address = Address::parse(json["address"].as_str()?).ok()?;
                self.removed.insert(MailboxId(name.parse().ok()?), address);
            }
            _ => return None,
        }
        Some(())
    }

    /// The rows of the whole snapshot.
    fn to_rows(&self) -> BTreeMap<String, Json> {
        let mut rows = BTreeMap::new();
        for domain in self.domains.values() {
            let catch_all = domain.catch_all.as_ref().map(Address::to_string);
            rows.insert(format!("domain/{}", domain.name), json!({ "catch_all": catch_all }));
        }
        for m in self.mailboxes.values() {
            let value = json!({ "id": m.id.0, "credential": m.password.encode(), "quota": m.quota, "owner": m.owner,
                "enabled": m.enabled });
            rows.insert(format!("mailbox/{}", name_of(&m.address)), value);
        }
        for alias in self.aliases.values() {
            let targets: Vec<String> = alias.targets.iter().map(Address::to_string).collect();
            rows.insert(format!("alias/{}", name_of(&alias.address)), json!({ "targets": targets }));
        }
        for admin in self.admins.values() {
            let value = json!({ "credential": admin.credential.encode(), "read_only": admin.read_only });
            rows.insert(format!("admin/{}", admin.name), value);
        }
        for (id, address) in &self.removed {
            rows.insert(format!("removed/{}", id.0), json!({ "address": address.to_string() }));
        }
        rows.insert(NEXT.to_owned(), json!(self.next_mailbox));
        rows
    }
}

const NEXT: &str = "next-mailbox";

/// In lower case, so that `Ann@` and `ann@` can never be two rows.
fn name_of(address: &Address) -> String {
    address.to_string().to_ascii_lowercase()
}

fn mailbox(address: Address, json: &Json) -> Option<Mailbox> {
    let quota = match &json["quota"] {
        Json::Null => None,
        other => Some(other.as_u64()?),
    };
    Some(Mailbox {
        id: MailboxId(u32::try_from(json["id"].as_u64()?).ok()?),
        address,
        password: Password::parse(json["credential"].as_str()?)?,
        quota,
        owner: json["owner"].as_str().unwrap_or_default().to_owned(),
        enabled: json["enabled"].as_bool()?,
    })
}

impl Loaded {
    /// Makes good what a lost row would break: a domain without its row, a counter that is behind.
    fn mend(&mut self) {
        let directory = &mut self.directory;
        let lost: Vec<Domain> =
            directory.mailboxes.keys().map(|a| a.domain.clone()).filter(|d| !directory.is_ours(d)).collect();
        for name in lost {
            if !directory.is_ours(&name) {
                self.damage
                    .push(format!("the domain {name} has mailboxes but no row: it is taken as a domain of ours"));
                directory.domains.insert(name.clone(), MailDomain { name, catch_all: None });
            }
        }
        let used = directory.mailboxes.values().map(|m| m.id.0).chain(directory.removed.keys().map(|id| id.0)).max();
        let behind = used.filter(|highest| directory.next_mailbox <= *highest);
        if let Some(highest) = behind {
            directory.next_mailbox = highest.saturating_add(LOST_COUNTER_GAP);
            self.damage.push(format!("the counter of mailboxes was lost and goes on at {}", directory.next_mailbox));
        }
    }
}

/// The rows that lead from one snapshot to another.
pub(super) fn differences(old: &Directory, new: &Directory) -> Vec<RowChange> {
    let (old, new) = (old.to_rows(), new.to_rows());
    let put = new
        .iter()
        .filter(|(key, value)| old.get(*key) != Some(*value))
        .map(|(key, value)| RowChange::Put { key: key.clone(), value: value.to_string().into_bytes() });
    let gone = old.keys().filter(|key| !new.contains_key(*key)).map(|key| RowChange::Remove { key: key.clone() });
    put.chain(gone).collect()
}
