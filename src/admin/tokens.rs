//! API tokens: `gp_ID_SECRET`. Rows of `system.redb` hold the hash of the secret; the secret is shown once.

use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};

use super::{Answer, ApiError, Desk, Visitor, api::Request, roles::Rights, secret};
use crate::{
    journal::AdminEvent,
    limits,
    store::{Row, StoreError, Write},
};

/// The kind of the rows in `system.redb`.
pub const ROW_KIND: &str = "token";
const PREFIX: &str = "gp_";

/// A token as it is kept; the key of its row is its id.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Token {
    name: String,
    scopes: Vec<String>,
    /// SHA-256 of the secret, hex.
    hash: String,
    made: i64,
    made_by: String,
}

impl Token {
    /// A scope that an older program does not know gives nothing.
    fn rights(&self) -> Rights {
        let mut rights = Rights::default();
        for word in &self.scopes {
            rights.add(word);
        }
        rights
    }

    fn json(&self, id: &str) -> Json {
        json!({ "id": id, "name": self.name, "scopes": self.scopes, "made": self.made, "made_by": self.made_by })
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewToken {
    name: String,
    scopes: Vec<String>,
}

/// A token's id, its name, and what it may; None for one that is not there (any more).
pub(super) async fn find(desk: &Desk, text: &str) -> Result<Option<(String, String, Rights)>, StoreError> {
    let Some((id, secret)) = text.strip_prefix(PREFIX).and_then(|rest| rest.split_once('_')) else {
        return Ok(None);
    };
    let found = all(desk).await?.into_iter().find(|(there, _)| there == id);
    let token = found.filter(|(_, token)| secret::same(&token.hash, &secret::hex(&secret::hash(secret))));
    Ok(token.map(|(id, token)| (id, token.name.clone(), token.rights())))
}

/// Whether a token was not revoked; while the disk does not say, it is taken for good.
pub(super) async fn is_there(desk: &Desk, id: &str) -> bool {
    all(desk).await.map_or(true, |all| all.iter().any(|(there, _)| there == id))
}

/// A row that cannot be read is no token.
async fn all(desk: &Desk) -> Result<Vec<(String, Token)>, StoreError> {
    let rows = desk.house().store.rows(ROW_KIND).await?;
    let read = |row: Row| serde_json::from_slice(&row.value).ok().map(|token| (row.key, token));
    Ok(rows.into_iter().filter_map(read).collect())
}

/// `tokens` (GET)
pub(super) async fn list(desk: &Desk, _request: Request) -> Answer {
    let list = all(desk).await?;
    Ok(json!({ "tokens": list.iter().map(|(id, token)| token.json(id)).collect::<Vec<_>>() }))
}

/// `tokens` (POST)
pub(super) async fn add(desk: &Desk, mut request: Request) -> Answer {
    let new: NewToken = request.take()?;
    make(desk, &request.visitor, new).await
}

async fn make(desk: &Desk, by: &Visitor, new: NewToken) -> Answer {
    let name = new.name.trim().to_owned();
    if name.is_empty() || name.chars().count() > 64 || name.chars().any(char::is_control) {
        return Err(ApiError::field("name", "must have 1 to 64 characters"));
    }
    let list = all(desk).await?;
    if list.len() >= limits::API_TOKENS {
        return Err(ApiError::new(409, "there are too many tokens", "revoke one that is not used"));
    }
    if list.iter().any(|(_, token)| token.name == name) {
        return Err(ApiError::field("name", "is the name of another token"));
    }
    let rights = rights(&new.scopes)?;
    if !by.rights.covers(rights) {
        return Err(ApiError::new(403, "a token cannot have rights that you have not", "leave those scopes out"));
    }
    let no_random = || ApiError::new(500, "this machine gives no random numbers", "try again later");
    let secret = secret::fresh().ok_or_else(no_random)?;
    let id = secret::hex(&secret::hash(&secret::fresh().ok_or_else(no_random)?)[..6]);
    let scopes = rights.words().into_iter().map(str::to_owned).collect();
    let hash = secret::hex(&secret::hash(&secret));
    let made_by = by.caller.who.clone();
    let token = Token { name, scopes, hash, made: desk.house().clock.now().0, made_by };
    let value = serde_json::to_vec(&token).map_err(|e| ApiError::new(500, e.to_string(), "report it"))?;
    let (kind, key) = (ROW_KIND.to_owned(), id.clone());
    let fresh = Write::Expect(kind.clone(), key.clone(), None);
    desk.house().store.write(vec![fresh, Write::Put(Row { kind, key, value })]).await?;
    tell(desk, by, format!("API token {} made with {}", token.name, token.scopes.join(", ")));
    let mut answer = token.json(&id);
    answer["token"] = json!(format!("{PREFIX}{id}_{secret}"));
    Ok(answer)
}

fn rights(words: &[String]) -> Result<Rights, ApiError> {
    let mut rights = Rights::default();
    if words.is_empty() || !words.iter().all(|word| rights.add(word)) {
        return Err(ApiError::field("scopes", format!("must be one or more of {}", Rights::known())));
    }
    Ok(rights)
}

/// `tokens/ID` (DELETE); a name will do, as names are given once.
pub(super) async fn revoke(desk: &Desk, request: Request) -> Answer {
    let (by, wanted) = (&request.visitor, request.at(0));
    let found = all(desk).await?.into_iter().find(|(id, token)| id == wanted || token.name == wanted);
    let (id, token) = found.ok_or_else(|| ApiError::new(404, "there is no such token", "see the list of tokens"))?;
    desk.house().store.write(vec![Write::Remove(ROW_KIND.to_owned(), id)]).await?;
    tell(desk, by, format!("API token {} revoked", token.name));
    Ok(json!({ "ok": true }))
}

fn tell(desk: &Desk, by: &Visitor, what: String) {
    let (who, from) = (by.caller.who.clone(), by.caller.from.clone());
    desk.house().journal.tell(AdminEvent::Directory { what, who, from });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scopes_are_words_that_are_known_and_at_least_one() {
        let read = |words: &[&str]| rights(&words.iter().map(|w| (*w).to_owned()).collect::<Vec<_>>());
        assert_eq!(read(&["read", "journal", "read"]).unwrap().words(), ["read", "journal"]);
        for bad in [&[][..], &["root"], &["read", ""]] {
            assert_eq!(read(bad).unwrap_err().status, 422, "{bad:?}");
        }
    }
}
