//! Certificates over the API: list with expiry, upload, make one, remove. Which one is used is a setting (E2, E3).

use serde::Deserialize;
use serde_json::{Value as Json, json};

use super::{Answer, ApiError, Caller, Desk, DeskError, api::Request, language::words};
use crate::{
    journal::AdminEvent,
    net::{Certificates, Identity, Listed, Source},
    store::{Row, Store, StoreError, Write},
    types::UnixTime,
};

/// The kind of certificate rows: key = name, value = PEM of the chain and its key.
pub const CERTIFICATE_ROWS: &str = "certificate";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Upload {
    name: String,
    /// Chain and key, in any order.
    pem: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SelfSigned {
    #[serde(default)]
    name: Option<String>,
    /// Host names and addresses; the server's name if none.
    #[serde(default)]
    hosts: Vec<String>,
}

/// Puts the stored certificates into the book: at the start, and after each change.
pub async fn load_certificates(store: &Store, book: &Certificates) -> Result<(), StoreError> {
    let rows = store.rows(CERTIFICATE_ROWS).await?;
    book.set_stored(rows.into_iter().map(|row| (row.key, String::from_utf8_lossy(&row.value).into_owned())));
    Ok(())
}

impl Desk {
    /// Stores a certificate (chain and key as PEM) under a name, replacing an older one; it is in use at once.
    pub async fn put_certificate(&self, name: &str, pem: String, caller: &Caller) -> Result<(), DeskError> {
        let row = Row { kind: CERTIFICATE_ROWS.to_owned(), key: name.to_owned(), value: pem.into_bytes() };
        self.house().store.write(vec![Write::Put(row)]).await?;
        load_certificates(&self.house().store, &self.house().certificates).await?;
        self.tell_certificate(format!("certificate {name} stored"), caller);
        Ok(())
    }

    fn tell_certificate(&self, what: String, caller: &Caller) {
        let Caller { who, from } = caller.clone();
        self.house().journal.tell(AdminEvent::Certificate { what, who, from });
    }
}

/// Those that are stored and those of the watched directory.
pub(super) async fn list(desk: &Desk, _request: Request) -> Answer {
    let list = desk.house().certificates.list();
    Ok(json!({ "certificates": list.iter().map(|one| describe(desk, one)).collect::<Vec<_>>() }))
}

/// Stores one under a name.
pub(super) async fn upload(desk: &Desk, mut request: Request) -> Answer {
    let new: Upload = request.take()?;
    let now = desk.house().clock.now();
    let bad = |error| ApiError::field("pem", format!("cannot be used: {error}"));
    Identity::from_pem(&new.pem, "").and_then(|identity| identity.check_dates(now)).map_err(bad)?;
    store(desk, &request, &new.name, new.pem).await
}

/// Makes one that nobody else has signed.
pub(super) async fn self_signed(desk: &Desk, mut request: Request) -> Answer {
    let new: SelfSigned = request.take()?;
    let server = desk.house().settings.get().server_name.clone();
    let hosts = if new.hosts.is_empty() { vec![server] } else { new.hosts };
    let bad = |error| ApiError::field("hosts", format!("cannot be used: {error}"));
    let (chain, key) = Identity::self_signed(&hosts, desk.house().clock.now()).map_err(bad)?;
    let name = new.name.unwrap_or_else(|| "self-signed".to_owned());
    store(desk, &request, &name, chain + &key).await
}

/// One that cannot be read is listed with its trouble, so that it can be removed.
fn describe(desk: &Desk, one: &Listed) -> Json {
    let source = match one.source {
        Source::Stored => "stored",
        Source::Watched => "directory",
    };
    let mut out =
        json!({ "name": one.name, "source": source, "trouble": one.trouble, "used_by": users(desk, &one.name) });
    out["trouble_words"] = one.trouble.as_deref().map_or(Json::Null, words);
    out["state"] = json!(state(one, desk.house().clock.now()));
    if let Some(info) = &one.info {
        out["names"] = json!(info.names);
        out["issuer"] = json!(info.issuer);
        out["not_before"] = json!(info.not_before.0);
        out["not_after"] = json!(info.not_after.0);
        out["days_left"] = json!(info.days_left(desk.house().clock.now()));
        out["fingerprint"] = json!(info.fingerprint);
        out["self_signed"] = json!(info.self_signed);
    }
    out
}

/// Days before the end at which the book of certificates begins to warn.
const SOON: i64 = 30;

/// What of it matters most: broken, early, expired, soon, good.
fn state(one: &Listed, now: UnixTime) -> &'static str {
    match &one.info {
        None => "broken",
        Some(info) if info.not_before > now => "early",
        Some(info) if info.days_left(now) < 0 => "expired",
        Some(info) if info.days_left(now) <= SOON => "soon",
        Some(_) => "good",
    }
}

/// The settings that choose this certificate.
fn users(desk: &Desk, name: &str) -> Vec<&'static str> {
    let settings = desk.house().settings.get();
    let all = [
        ("tls.smtp.certificate", &settings.smtp_certificate),
        ("tls.pop3.certificate", &settings.pop3_certificate),
        ("tls.http.certificate", &settings.http_certificate),
    ];
    all.into_iter().filter(|(_, chosen)| *chosen == name).map(|(key, _)| key).collect()
}

async fn store(desk: &Desk, request: &Request, name: &str, pem: String) -> Answer {
    let good = (1..=64).contains(&name.len())
        && !name.starts_with('.')
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'));
    if !good {
        return Err(ApiError::field("name", "must have 1 to 64 letters, digits, '-', '_' or '.'"));
    }
    desk.put_certificate(name, pem, &request.caller).await?;
    let listed = desk.house().certificates.list();
    let one = listed.iter().find(|one| one.name == name && one.source == Source::Stored);
    Ok(one.map_or(Json::Null, |one| describe(desk, one)))
}

/// Q27: a certificate that is used is not removed, unless a file of the same name stands in for it.
pub(super) async fn remove(desk: &Desk, request: Request) -> Answer {
    let name = request.at(0);
    let house = desk.house();
    let listed = house.certificates.list();
    let is_watched = listed.iter().any(|one| one.name == name && one.source == Source::Watched && one.info.is_some());
    if let [key, ..] = users(desk, name).as_slice()
        && !is_watched
    {
        let error = format!("the certificate {name} is used by the setting {key}");
        return Err(ApiError::new(409, error, "choose another certificate there first"));
    }
    if !house.store.rows(CERTIFICATE_ROWS).await?.iter().any(|row| row.key == name) {
        let todo = "see the list of certificates; one of the watched directory is removed by removing its file";
        return Err(ApiError::new(404, format!("there is no stored certificate {name}"), todo));
    }
    house.store.write(vec![Write::Remove(CERTIFICATE_ROWS.to_owned(), name.to_owned())]).await?;
    load_certificates(&house.store, &house.certificates).await?;
    desk.tell_certificate(format!("certificate {name} removed"), &request.caller);
    Ok(json!({ "ok": true }))
}
