//! Domains, mailboxes, aliases, administrators over the API. Passwords come in, credentials are kept, nothing goes out.

use serde::{Deserialize, Deserializer};
use serde_json::{Value as Json, json};

use super::{
    Answer, ApiError, Desk,
    api::{Request, address, domain},
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

async fn done(desk: &Desk, change: Change, request: &Request) -> Answer {
    desk.change(change, &request.caller).await?;
    Ok(json!({ "ok": true }))
}

/// Every domain with its counts.
pub(super) async fn domains(desk: &Desk, _request: Request) -> Answer {
    let directory = desk.house().directory.get();
    let list = directory.domains.values().map(|domain| {
        let mailboxes = directory.mailboxes.keys().filter(|a| a.domain == domain.name).count();
        let aliases = directory.aliases.keys().filter(|a| a.domain == domain.name).count();
        let catch_all = domain.catch_all.as_ref().map(Address::to_string);
        json!({ "name": domain.name.as_str(), "catch_all": catch_all, "mailboxes": mailboxes, "aliases": aliases })
    });
    Ok(json!({ "domains": list.collect::<Vec<_>>() }))
}

/// Adds one.
pub(super) async fn add_domain(desk: &Desk, mut request: Request) -> Answer {
    let new: NewDomain = request.take()?;
    done(desk, Change::AddDomain(domain("name", &new.name)?), &request).await
}

/// Where its unknown mail goes.
pub(super) async fn edit_domain(desk: &Desk, mut request: Request) -> Answer {
    let edit: EditDomain = request.take()?;
    let to = edit.catch_all.filter(|to| !to.is_empty());
    let to = to.map(|to| address("catch_all", &to)).transpose()?;
    done(desk, Change::SetCatchAll { domain: domain("domain", request.at(0))?, to }, &request).await
}

/// Removes one, with its mailboxes if `?purge=1`.
pub(super) async fn remove_domain(desk: &Desk, request: Request) -> Answer {
    let name = domain("domain", request.at(0))?;
    done(desk, Change::RemoveDomain { name, purge: request.switch("purge")? }, &request).await
}

/// All of them.
pub(super) async fn mailboxes(desk: &Desk, _request: Request) -> Answer {
    let directory = desk.house().directory.get();
    let mut list = Vec::with_capacity(directory.mailboxes.len());
    for mailbox in directory.mailboxes.values() {
        list.push(mailbox_json(desk, mailbox).await);
    }
    Ok(json!({ "mailboxes": list }))
}

/// One.
pub(super) async fn mailbox(desk: &Desk, request: Request) -> Answer {
    Ok(mailbox_json(desk, &find(desk, request.at(0))?).await)
}

/// Adds one, with the folders of D2.
pub(super) async fn add_mailbox(desk: &Desk, mut request: Request) -> Answer {
    let new: NewMailbox = request.take()?;
    let at = address("address", &new.address)?;
    let password = new_password(desk, new.password, new.password_hash, &at)?;
    let password = password.ok_or_else(|| ApiError::field("password", "must be there"))?;
    let change = Change::AddMailbox { address: at.clone(), password, quota: new.quota, owner: new.owner };
    desk.change(change, &request.caller).await?;
    Ok(mailbox_json(desk, &find(desk, &at.to_string())?).await)
}

/// Changes what is named.
pub(super) async fn edit_mailbox(desk: &Desk, mut request: Request) -> Answer {
    let at = find(desk, request.at(0))?.address;
    let edit: EditMailbox = request.take()?;
    desk.change_all(edits(desk, &at, edit)?, &request.caller).await?;
    Ok(mailbox_json(desk, &find(desk, request.at(0))?).await)
}

/// Removes one with its mail.
pub(super) async fn remove_mailbox(desk: &Desk, request: Request) -> Answer {
    done(desk, Change::RemoveMailbox(address("address", request.at(0))?), &request).await
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

/// Its folders with their special use.
pub(super) async fn folders(desk: &Desk, request: Request) -> Answer {
    let list = desk.house().store.folders(find(desk, request.at(0))?.id).await?;
    let list = list.iter().map(|f| json!({ "name": f.name.as_str(), "use": special_word(f.special) }));
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
        Special::Archive => Some("Archive"),
    }
}

/// All of them.
pub(super) async fn aliases(desk: &Desk, _request: Request) -> Answer {
    let directory = desk.house().directory.get();
    Ok(json!({ "aliases": directory.aliases.values().map(alias_json).collect::<Vec<_>>() }))
}

/// Adds one.
pub(super) async fn add_alias(desk: &Desk, mut request: Request) -> Answer {
    let new: NewAlias = request.take()?;
    done(desk, Change::AddAlias(address("address", &new.address)?, targets(&new.targets)?), &request).await
}

/// Other targets.
pub(super) async fn edit_alias(desk: &Desk, mut request: Request) -> Answer {
    let edit: EditAlias = request.take()?;
    done(desk, Change::SetAlias(address("address", request.at(0))?, targets(&edit.targets)?), &request).await
}

/// Removes one.
pub(super) async fn remove_alias(desk: &Desk, request: Request) -> Answer {
    done(desk, Change::RemoveAlias(address("address", request.at(0))?), &request).await
}

fn alias_json(alias: &Alias) -> Json {
    let targets: Vec<String> = alias.targets.iter().map(Address::to_string).collect();
    json!({ "address": alias.address.to_string(), "targets": targets })
}

fn targets(texts: &[String]) -> Result<Vec<Address>, ApiError> {
    texts.iter().map(|text| address("targets", text)).collect()
}

/// Who may administer.
pub(super) async fn admins(desk: &Desk, _request: Request) -> Answer {
    let directory = desk.house().directory.get();
    let list = directory.admins.values().map(|a| json!({ "name": a.name, "read_only": a.read_only }));
    Ok(json!({ "admins": list.collect::<Vec<_>>() }))
}

/// Adds one.
pub(super) async fn add_admin(desk: &Desk, mut request: Request) -> Answer {
    let NewAdmin { name, password, read_only } = request.take()?;
    let credential = credential(&desk.house().settings.get(), &password, &name)?;
    done(desk, Change::AddAdmin(Admin { name, credential, read_only }), &request).await
}

/// Changes what is named.
pub(super) async fn edit_admin(desk: &Desk, mut request: Request) -> Answer {
    let edit: EditAdmin = request.take()?;
    let (settings, name) = (desk.house().settings.get(), request.at(0).to_owned());
    let mut changes = Vec::new();
    if let Some(password) = edit.password {
        changes.push(Change::SetAdminPassword(name.clone(), credential(&settings, &password, &name)?));
    }
    changes.extend(edit.read_only.map(|read_only| Change::SetAdminReadOnly(name, read_only)));
    if changes.is_empty() {
        return Err(ApiError::new(422, "nothing to change was named", "name password or read_only"));
    }
    desk.change_all(changes, &request.caller).await?;
    Ok(json!({ "ok": true }))
}

/// Removes one; the last who may change things stays.
pub(super) async fn remove_admin(desk: &Desk, request: Request) -> Answer {
    done(desk, Change::RemoveAdmin(request.at(0).to_owned()), &request).await
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
