//! Domains, mailboxes, aliases, administrators over the API. Passwords come in, credentials are kept, nothing goes out.

use serde::{Deserialize, Deserializer};
use serde_json::{Value as Json, json};

use super::{
    Answer, ApiError, Desk,
    api::{Method, Request, address, domain, not_allowed},
};
use crate::{
    directory::{Admin, Alias, Change, Mailbox},
    settings::Settings,
    types::{Address, Credential, CryptHash, Password, Special},
    wire::scram,
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewDomain {
    name: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct EditDomain {
    catch_all: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewMailbox {
    address: String,
    password: Option<String>,
    /// A `$5$` or `$6$` hash in place of a password.
    password_hash: Option<String>,
    #[serde(default)]
    quota: Option<u64>,
    #[serde(default)]
    owner: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct EditMailbox {
    password: Option<String>,
    password_hash: Option<String>,
    /// Absent: stays; null: no quota.
    #[serde(default, deserialize_with = "given")]
    quota: Option<Option<u64>>,
    owner: Option<String>,
    enabled: Option<bool>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewAlias {
    address: String,
    targets: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct EditAlias {
    targets: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewAdmin {
    name: String,
    password: String,
    #[serde(default)]
    read_only: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct EditAdmin {
    password: Option<String>,
    read_only: Option<bool>,
}

/// Tells null from absent.
fn given<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Option<u64>>, D::Error> {
    Option::<u64>::deserialize(from).map(Some)
}

/// `domains`, `domains/NAME` (DELETE with `?purge=1`).
pub(super) async fn domains(desk: &Desk, mut request: Request, rest: &[&str]) -> Answer {
    let change = match (request.method, rest) {
        (Method::Get, []) => return Ok(list_domains(desk)),
        (Method::Post, []) => {
            let new: NewDomain = request.take()?;
            Change::AddDomain(domain("name", &new.name)?)
        }
        (Method::Put, [name]) => {
            let edit: EditDomain = request.take()?;
            let to = edit.catch_all.filter(|to| !to.is_empty());
            let to = to.map(|to| address("catch_all", &to)).transpose()?;
            Change::SetCatchAll { domain: domain("domain", name)?, to }
        }
        (Method::Delete, [name]) => {
            Change::RemoveDomain { name: domain("domain", name)?, purge: request.switch("purge") }
        }
        (Method::Get | Method::Post | Method::Put | Method::Delete, _) => return Err(not_allowed()),
    };
    desk.change(change, &request.caller).await?;
    Ok(json!({ "ok": true }))
}

fn list_domains(desk: &Desk) -> Json {
    let directory = desk.house().directory.get();
    let list = directory.domains.values().map(|domain| {
        let mailboxes = directory.mailboxes.keys().filter(|a| a.domain == domain.name).count();
        let aliases = directory.aliases.keys().filter(|a| a.domain == domain.name).count();
        let catch_all = domain.catch_all.as_ref().map(Address::to_string);
        json!({ "name": domain.name.as_str(), "catch_all": catch_all, "mailboxes": mailboxes, "aliases": aliases })
    });
    json!({ "domains": list.collect::<Vec<_>>() })
}

/// `mailboxes`, `mailboxes/ADDRESS`, `mailboxes/ADDRESS/folders`.
pub(super) async fn mailboxes(desk: &Desk, mut request: Request, rest: &[&str]) -> Answer {
    match (request.method, rest) {
        (Method::Get, []) => list_mailboxes(desk).await,
        (Method::Get, [one]) => Ok(mailbox_json(desk, &find(desk, one)?).await),
        (Method::Get, [one, "folders"]) => folders(desk, &find(desk, one)?).await,
        (Method::Post, []) => {
            let new: NewMailbox = request.take()?;
            let at = address("address", &new.address)?;
            let password = new_password(desk, new.password, new.password_hash, &at)?;
            let password = password.ok_or_else(|| ApiError::field("password", "must be there"))?;
            let change = Change::AddMailbox { address: at.clone(), password, quota: new.quota, owner: new.owner };
            desk.change(change, &request.caller).await?;
            Ok(mailbox_json(desk, &find(desk, &at.to_string())?).await)
        }
        (Method::Put, [one]) => {
            let at = find(desk, one)?.address;
            let edit: EditMailbox = request.take()?;
            desk.change_all(edits(desk, &at, edit)?, &request.caller).await?;
            Ok(mailbox_json(desk, &find(desk, one)?).await)
        }
        (Method::Delete, [one]) => {
            desk.change(Change::RemoveMailbox(address("address", one)?), &request.caller).await?;
            Ok(json!({ "ok": true }))
        }
        (Method::Get | Method::Post | Method::Put | Method::Delete, _) => Err(not_allowed()),
    }
}

fn edits(desk: &Desk, at: &Address, edit: EditMailbox) -> Result<Vec<Change>, ApiError> {
    let mut changes = Vec::new();
    if let Some(password) = new_password(desk, edit.password, edit.password_hash, at)? {
        changes.push(Change::SetPassword(at.clone(), password));
    }
    if let Some(quota) = edit.quota {
        changes.push(Change::SetQuota(at.clone(), quota));
    }
    if let Some(owner) = edit.owner {
        changes.push(Change::SetOwner(at.clone(), owner));
    }
    if let Some(enabled) = edit.enabled {
        changes.push(Change::SetEnabled(at.clone(), enabled));
    }
    if changes.is_empty() {
        return Err(ApiError::new(422, "nothing to change was named", "name password, quota, owner or enabled"));
    }
    Ok(changes)
}

fn find(desk: &Desk, text: &str) -> Result<Mailbox, ApiError> {
    let at = address("address", text)?;
    let found = desk.house().directory.get().mailboxes.get(&at).cloned();
    found.ok_or_else(|| ApiError::new(404, format!("there is no mailbox {at}"), "see the list of mailboxes"))
}

async fn list_mailboxes(desk: &Desk) -> Answer {
    let directory = desk.house().directory.get();
    let mut list = Vec::with_capacity(directory.mailboxes.len());
    for mailbox in directory.mailboxes.values() {
        list.push(mailbox_json(desk, mailbox).await);
    }
    Ok(json!({ "mailboxes": list }))
}

/// `bytes` and `messages` are null while the mail disk is not there.
async fn mailbox_json(desk: &Desk, mailbox: &Mailbox) -> Json {
    let usage = desk.house().store.usage(mailbox.id).await.ok();
    json!({
        "address": mailbox.address.to_string(),
        "owner": mailbox.owner,
        "enabled": mailbox.enabled,
        "quota": mailbox.quota,
        "bytes": usage.map(|u| u.bytes),
        "messages": usage.map(|u| u.messages),
    })
}

async fn folders(desk: &Desk, mailbox: &Mailbox) -> Answer {
    let list = desk.house().store.folders(mailbox.id).await?;
    let list = list.iter().map(|(name, special)| json!({ "name": name.as_str(), "use": special_word(*special) }));
    Ok(json!({ "folders": list.collect::<Vec<_>>() }))
}

/// RFC 6154 s2, without the backslash.
fn special_word(special: Special) -> Option<&'static str> {
    match special {
        Special::None => None,
        Special::Inbox => Some("Inbox"),
        Special::Sent => Some("Sent"),
        Special::Drafts => Some("Drafts"),
        Special::Junk => Some("Junk"),
        Special::Trash => Some("Trash"),
    }
}

/// `aliases`, `aliases/ADDRESS`.
pub(super) async fn aliases(desk: &Desk, mut request: Request, rest: &[&str]) -> Answer {
    let change = match (request.method, rest) {
        (Method::Get, []) => {
            let directory = desk.house().directory.get();
            return Ok(json!({ "aliases": directory.aliases.values().map(alias_json).collect::<Vec<_>>() }));
        }
        (Method::Post, []) => {
            let new: NewAlias = request.take()?;
            Change::AddAlias(address("address", &new.address)?, targets(&new.targets)?)
        }
        (Method::Put, [one]) => {
            let edit: EditAlias = request.take()?;
            Change::SetAlias(address("address", one)?, targets(&edit.targets)?)
        }
        (Method::Delete, [one]) => Change::RemoveAlias(address("address", one)?),
        (Method::Get | Method::Post | Method::Put | Method::Delete, _) => return Err(not_allowed()),
    };
    desk.change(change, &request.caller).await?;
    Ok(json!({ "ok": true }))
}

fn alias_json(alias: &Alias) -> Json {
    let targets: Vec<String> = alias.targets.iter().map(Address::to_string).collect();
    json!({ "address": alias.address.to_string(), "targets": targets })
}

fn targets(texts: &[String]) -> Result<Vec<Address>, ApiError> {
    texts.iter().map(|text| address("targets", text)).collect()
}

/// `admins`, `admins/NAME`.
pub(super) async fn admins(desk: &Desk, mut request: Request, rest: &[&str]) -> Answer {
    let settings = desk.house().settings.get();
    let changes = match (request.method, rest) {
        (Method::Get, []) => {
            let directory = desk.house().directory.get();
            let list = directory.admins.values().map(|a| json!({ "name": a.name, "read_only": a.read_only }));
            return Ok(json!({ "admins": list.collect::<Vec<_>>() }));
        }
        (Method::Post, []) => {
            let NewAdmin { name, password, read_only } = request.take()?;
            let credential = credential(&settings, &password, &name)?;
            vec![Change::AddAdmin(Admin { name, credential, read_only })]
        }
        (Method::Put, [name]) => {
            let edit: EditAdmin = request.take()?;
            let mut changes = Vec::new();
            if let Some(password) = edit.password {
                changes.push(Change::SetAdminPassword((*name).to_owned(), credential(&settings, &password, name)?));
            }
            changes.extend(edit.read_only.map(|read_only| Change::SetAdminReadOnly((*name).to_owned(), read_only)));
            changes
        }
        (Method::Delete, [name]) => vec![Change::RemoveAdmin((*name).to_owned())],
        (Method::Get | Method::Post | Method::Put | Method::Delete, _) => return Err(not_allowed()),
    };
    desk.change_all(changes, &request.caller).await?;
    Ok(json!({ "ok": true }))
}

/// A password, or the hash that another system has of it (section 7 of the design).
fn new_password(
    desk: &Desk,
    password: Option<String>,
    hash: Option<String>,
    at: &Address,
) -> Result<Option<Password>, ApiError> {
    match (password, hash) {
        (Some(_), Some(_)) => Err(ApiError::field("password_hash", "cannot be given beside a password")),
        (Some(password), None) => {
            credential(&desk.house().settings.get(), &password, &at.to_string()).map(|c| Some(c.into()))
        }
        (None, Some(hash)) => {
            CryptHash::parse(hash.trim()).map(|hash| Some(Password::Imported(hash))).ok_or_else(|| {
                ApiError::field("password_hash", "is no $5$ or $6$ hash of crypt(5) with at most 500000 rounds")
            })
        }
        (None, None) => Ok(None),
    }
}

/// The credential of a new password, if the password is not too weak. Hashes: about 22 ms at the default rounds.
pub fn credential(settings: &Settings, password: &str, name: &str) -> Result<Credential, ApiError> {
    good_password(settings, password, name).map_err(|what| ApiError::field("password", what))?;
    let salt = scram::random::<{ scram::SALT }>()
        .ok_or_else(|| ApiError::new(500, "this machine gives no random numbers", "try again later"))?;
    Ok(scram::derive(password, &salt, settings.scram_iterations))
}

/// Refuses what is guessed first: short ones, the name itself, one character over and over, a run of digits.
fn good_password(settings: &Settings, password: &str, name: &str) -> Result<(), String> {
    if password.is_empty() {
        return Err("must not be empty".to_owned());
    }
    if let Err(why) = scram::check_password(password) {
        return Err(format!("cannot be used: {why}"));
    }
    if let Some(least) = settings.password_too_short(password) {
        return Err(format!("is too short: it needs {least} characters or more"));
    }
    let (lower, name) = (password.to_lowercase(), name.to_lowercase());
    let local = name.split('@').next().unwrap_or_default();
    if lower == name || lower == local {
        return Err("must not be the name itself".to_owned());
    }
    let first = lower.chars().next();
    let is_run = "01234567890123456789".contains(&lower) || "98765432109876543210".contains(&lower);
    if is_run || lower.chars().all(|c| Some(c) == first) {
        return Err("is guessed at the first try: choose another".to_owned());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(password: &str) -> bool {
        good_password(&Settings::default(), password, "annabell@office.test").is_err()
    }

    #[test]
    fn a_weak_password_is_refused_with_a_sentence() {
        for weak in
            ["", "short", "annabell", "Annabell@office.test", "aaaaaaaaaa", "12345678", "87654321", "tab\tinside"]
        {
            assert!(refused(weak), "{weak}");
        }
        for good in ["correct horse", "пароль подлиннее", "x7-Kq2m9"] {
            assert!(!refused(good), "{good}");
        }
        let error = credential(&Settings::default(), "short", "ann@office.test").unwrap_err();
        assert_eq!(error.error, "password is too short: it needs 8 characters or more");
        assert_eq!(error.json()["field"], "password");
    }

    #[test]
    fn absent_null_and_a_number_are_three_quotas() {
        let quota = |text: &str| serde_json::from_str::<EditMailbox>(text).unwrap().quota;
        assert_eq!((quota("{}"), quota("{\"quota\":null}"), quota("{\"quota\":5}")), (None, Some(None), Some(Some(5))));
    }
}
