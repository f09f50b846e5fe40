//! Mailboxes over the API: pages of them with what they hold, their passwords, quotas, folders (G5, G6, D2).

use serde::{Deserialize, Deserializer};
use serde_json::{Value as Json, json};

use super::{
    Answer, ApiError, Desk,
    api::{Request, address},
    paging::{Needle, Paging},
    password::new_password,
    people::removed,
};
use crate::{
    directory::{Change, Mailbox},
    store::Usage,
    types::{Address, Special},
};

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

/// Tells null from absent.
fn given<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Option<u64>>, D::Error> {
    Option::<u64>::deserialize(from).map(Some)
}

/// A page of them; `search` is looked for in address and owner, `sort` is one of address, owner, bytes, messages, quota.
pub(super) async fn mailboxes(desk: &Desk, request: Request) -> Answer {
    let (paging, needle, down) = (Paging::of(&request)?, Needle::of(&request), is_down(&request)?);
    let directory = desk.house().directory.get();
    // One turn for all of them; null while the mail disk is not there.
    let usages = desk.house().store.usages().await.ok();
    let fits = directory.mailboxes.values().filter(|mailbox| {
        needle.of_domain(&mailbox.address.domain)
            && (needle.is_in(&mailbox.address.to_string()) || needle.is_in(&mailbox.owner))
    });
    let usage = |mailbox: &Mailbox| usages.as_ref().map(|all| all.get(&mailbox.id).copied().unwrap_or_default());
    let mut list: Vec<(&Mailbox, Option<Usage>)> = fits.map(|mailbox| (mailbox, usage(mailbox))).collect();
    let mut by = |number: fn(&Mailbox, Usage) -> u64| {
        list.sort_by_cached_key(|(mailbox, usage)| number(mailbox, usage.unwrap_or_default()));
    };
    match request.text("sort") {
        "" | "address" => {}
        "owner" => list.sort_by_cached_key(|(mailbox, _)| mailbox.owner.to_lowercase()),
        "bytes" => by(|_, usage| usage.bytes),
        "messages" => by(|_, usage| usage.messages),
        // No quota is the largest.
        "quota" => by(|mailbox, _| mailbox.quota.unwrap_or(u64::MAX)),
        _ => return Err(ApiError::field("sort", "must be address, owner, bytes, messages or quota")),
    }
    if down {
        list.reverse();
    }
    let (part, mut out) = paging.cut(list);
    out["mailboxes"] = part.into_iter().map(|(mailbox, usage)| row(mailbox, usage)).collect();
    Ok(out)
}

fn is_down(request: &Request) -> Result<bool, ApiError> {
    match request.text("order") {
        "" | "up" => Ok(false),
        "down" => Ok(true),
        _ => Err(ApiError::field("order", "must be up or down")),
    }
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

/// Removes one; its mail follows.
pub(super) async fn remove_mailbox(desk: &Desk, request: Request) -> Answer {
    removed(desk, Change::RemoveMailbox(address("address", request.at(0))?), &request).await
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

async fn mailbox_json(desk: &Desk, mailbox: &Mailbox) -> Json {
    row(mailbox, desk.house().store.usage(mailbox.id).await.ok())
}

/// `bytes` and `messages` are null while the mail disk is not there.
fn row(mailbox: &Mailbox, usage: Option<Usage>) -> Json {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn absent_null_and_a_number_are_three_quotas() {
        let quota = |text: &str| serde_json::from_str::<EditMailbox>(text).unwrap().quota;
        assert_eq!((quota("{}"), quota("{\"quota\":null}"), quota("{\"quota\":5}")), (None, Some(None), Some(Some(5))));
    }
}
