//! Versions of the settings: every change is kept with who made it, when, from where; a save is refused when another came first.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::types::set_of;

/// The kind of the rows in `system.redb`.
pub const ROW_KIND: &str = "settings";

/// Versions that are kept; the oldest go first.
pub const KEEP_VERSIONS: usize = 200;

/// One version. Its row's key is the revision in ten digits, its value this as JSON.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Version {
    /// Counts up from 1.
    pub rev: u64,
    /// Settings that were set; the others have their defaults.
    pub fields: BTreeMap<String, String>,
    /// Who made it.
    pub who: String,
    /// Seconds since 1970 UTC.
    pub when: i64,
    /// From where: `socket uid 0`, an address.
    pub from: String,
}

impl Version {
    /// The row's key.
    pub fn key(&self) -> String {
        key_of(self.rev)
    }

    /// The row's value.
    pub fn value(&self) -> Vec<u8> {
        // A map of texts always has a JSON form.
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// What differs from an older version: key, then its text there and here (None: default).
    pub fn differs_from(&self, older: &Version) -> Vec<(String, Option<String>, Option<String>)> {
        let keys = self.fields.keys().chain(older.fields.keys());
        set_of(keys)
            .into_iter()
            .map(|key| (key.clone(), older.fields.get(key).cloned(), self.fields.get(key).cloned()))
            .filter(|(_, old, new)| old != new)
            .collect()
    }
}

/// The key of a revision's row: ten digits, so that keys sort as numbers do.
fn key_of(rev: u64) -> String {
    format!("{rev:010}")
}

/// The versions that can be read, oldest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Versions {
    /// Oldest first.
    pub list: Vec<Version>,
    /// Keys of rows that cannot be read; they are left alone and told.
    pub damaged: Vec<String>,
    /// The highest revision that any row's key names, readable or not.
    highest: u64,
}

impl Versions {
    /// From rows (key, value).
    pub fn from_rows<'a>(rows: impl IntoIterator<Item = (&'a str, &'a [u8])>) -> Self {
        let mut versions = Versions::default();
        for (key, value) in rows {
            versions.highest = versions.highest.max(key.parse().unwrap_or(0));
            match serde_json::from_slice::<Version>(value) {
                Ok(version) if version.key() == key => versions.list.push(version),
                Ok(_) | Err(_) => versions.damaged.push(key.to_owned()),
            }
        }
        versions.list.sort_by_cached_key(|version| version.rev);
        versions
    }

    /// The newest that can be read.
    pub fn newest(&self) -> Option<&Version> {
        self.list.last()
    }

    /// The one with this number.
    pub fn get(&self, rev: u64) -> Option<&Version> {
        self.list.iter().find(|version| version.rev == rev)
    }

    /// The number for the next one: above every row's key, so that a damaged row is never written over.
    pub fn next_rev(&self) -> u64 {
        self.highest + 1
    }

    /// Keys of the versions to remove when one more is added.
    pub fn too_old(&self) -> Vec<String> {
        let over = (self.list.len() + 1).saturating_sub(KEEP_VERSIONS);
        self.list.iter().take(over).map(Version::key).collect()
    }
}
