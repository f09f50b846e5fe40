//! The directory as rows of the store: `domain/NAME`, `mailbox/ADDRESS`, `alias/ADDRESS`, `admin/NAME`, `removed/ID`,
//! `next-mailbox`; each value is JSON. A row that cannot be read is set aside and told, and the rest goes on.

use serde_json::{Value as Json, json};

use super::{Admin, Alias, Directory, Keyed, MailDomain, Mailbox, Removed, Sorted};
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
                self.domains.put(MailDomain { name, catch_all });
            }
            "mailbox" => self.mailboxes.put(mailbox(Address::parse(name).ok()?, json)?),
            "alias" => {
                let address = Address::parse(name).ok()?;
                let targets: Option<Vec<Address>> =
                    json["targets"].as_array()?.iter().map(|t| Address::parse(t.as_str()?).ok()).collect();
                self.aliases.put(Alias { address, targets: targets? });
            }
            "admin" => {
                let credential = Credential::parse(json["credential"].as_str()?)?;
                let read_only = json["read_only"].as_bool()?;
                self.admins.put(Admin { name: name.to_owned(), credential, read_only });
            }
            "removed" => {
                let address = Address::parse(json["address"].as_str()?).ok()?;
                self.removed.put(Removed { id: MailboxId(name.parse().ok()?), address });
            }
            _ => return None,
        }
        Some(())
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
                directory.domains.put(MailDomain { name, catch_all: None });
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
    let mut rows = Vec::new();
    changes(&old.domains, &new.domains, &mut rows);
    changes(&old.mailboxes, &new.mailboxes, &mut rows);
    changes(&old.aliases, &new.aliases, &mut rows);
    changes(&old.admins, &new.admins, &mut rows);
    changes(&old.removed, &new.removed, &mut rows);
    if new.next_mailbox != old.next_mailbox {
        rows.push(RowChange::Put { key: NEXT.to_owned(), value: new.next_mailbox.to_string().into_bytes() });
    }
    rows
}

fn changes<V: Stored>(old: &Sorted<V>, new: &Sorted<V>, rows: &mut Vec<RowChange>) {
    rows.extend(new.differences(old).into_iter().map(|(key, now)| match now {
        Some(item) => RowChange::Put { key: V::row(key), value: item.json().to_string().into_bytes() },
        None => RowChange::Remove { key: V::row(key) },
    }));
}

/// An item that has a row of its own.
trait Stored: Keyed {
    /// The row's key.
    fn row(key: &Self::Key) -> String;
    /// The row's value.
    fn json(&self) -> Json;
}

impl Stored for MailDomain {
    fn row(name: &Domain) -> String {
        format!("domain/{name}")
    }

    fn json(&self) -> Json {
        json!({ "catch_all": self.catch_all.as_ref().map(Address::to_string) })
    }
}

impl Stored for Mailbox {
    fn row(address: &Address) -> String {
        format!("mailbox/{}", name_of(address))
    }

    fn json(&self) -> Json {
        json!({ "id": self.id.0, "credential": self.password.encode(), "quota": self.quota, "owner": self.owner,
            "enabled": self.enabled })
    }
}

impl Stored for Alias {
    fn row(address: &Address) -> String {
        format!("alias/{}", name_of(address))
    }

    fn json(&self) -> Json {
        json!({ "targets": self.targets.iter().map(Address::to_string).collect::<Vec<_>>() })
    }
}

impl Stored for Admin {
    fn row(name: &String) -> String {
        format!("admin/{name}")
    }

    fn json(&self) -> Json {
        json!({ "credential": self.credential.encode(), "read_only": self.read_only })
    }
}

impl Stored for Removed {
    fn row(id: &MailboxId) -> String {
        format!("removed/{}", id.0)
    }

    fn json(&self) -> Json {
        json!({ "address": self.address.to_string() })
    }
}
