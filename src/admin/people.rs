//! Domains, aliases, administrators over the API. Passwords come in, credentials are kept, nothing goes out.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Value as Json, json};

use super::{
    Answer, ApiError, Desk,
    api::{Request, address, domain},
    paging::{Needle, Paging},
    password::credential,
};
use crate::{
    directory::{Admin, Alias, Change},
    types::{Address, Domain},
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

async fn done(desk: &Desk, change: Change, request: &Request) -> Answer {
    desk.change(change, &request.caller).await?;
    Ok(json!({ "ok": true }))
}

/// The mail of what was removed is deleted beside the request: ten thousand mailboxes take longer than one should wait.
pub(super) async fn removed(desk: &Desk, change: Change, request: &Request) -> Answer {
    desk.change(change, &request.caller).await?;
    Ok(json!({ "ok": true, "purging": desk.house().directory.get().removed.len() }))
}

/// Every domain with its counts.
pub(super) async fn domains(desk: &Desk, _request: Request) -> Answer {
    let directory = desk.house().directory.get();
    let (mailboxes, aliases) = (tally(directory.mailboxes.keys()), tally(directory.aliases.keys()));
    let list = directory.domains.values().map(|domain| {
        let of = |counts: &BTreeMap<&Domain, u64>| counts.get(&domain.name).copied().unwrap_or(0);
        let catch_all = domain.catch_all.as_ref().map(Address::to_string);
        json!({ "name": domain.name.as_str(), "catch_all": catch_all, "mailboxes": of(&mailboxes), "aliases": of(&aliases) })
    });
    Ok(json!({ "domains": list.collect::<Vec<_>>() }))
}

/// How many addresses each domain has.
fn tally<'a>(addresses: impl Iterator<Item = &'a Address>) -> BTreeMap<&'a Domain, u64> {
    let mut counts = BTreeMap::new();
    addresses.for_each(|address| *counts.entry(&address.domain).or_default() += 1);
    counts
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
    removed(desk, Change::RemoveDomain { name, purge: request.switch("purge")? }, &request).await
}

/// A page of them; `search` is looked for in the address and the targets, `domain` is the address' own.
pub(super) async fn aliases(desk: &Desk, request: Request) -> Answer {
    let (paging, needle) = (Paging::of(&request)?, Needle::of(&request));
    let directory = desk.house().directory.get();
    let all = directory.aliases.values().filter(|alias| needle.of_domain(&alias.address.domain));
    let fits = all.filter(|alias| {
        needle.is_in(&alias.address.to_string()) || alias.targets.iter().any(|target| needle.is_in(&target.to_string()))
    });
    let (part, mut out) = paging.cut(fits.collect());
    out["aliases"] = part.into_iter().map(alias_json).collect();
    Ok(out)
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
