//! DKIM keys (E18, G3, G4): made with the domain, shown as records, changed with an overlap. Their stages stand in `proof`.
//!
//! To change keys: make the next pair, publish its records, let it sign. The old pair's records stay until mail that it signed
//! has arrived; then it is removed.

use std::{collections::BTreeSet, sync::Arc};

use serde_json::{Value as Json, json};

use super::{Answer, ApiError, Caller, Desk, DeskError, api::Request, api::domain};
use crate::{
    journal::AdminEvent,
    proof::{DomainKey, KeyKind, KeyPair, Keyring, Stage},
    rt::Stop,
    store::{Row, StoreError, Write},
    types::{Domain, UnixTime, set_of},
};

impl Desk {
    /// Puts the stored keys into the snapshot that signs. One that cannot be used is told and signs nothing.
    pub async fn load_keys(&self) -> Result<(), StoreError> {
        let rows = self.house().store.rows(DomainKey::ROW_KIND).await?;
        let (mut keys, mut damaged) = (Vec::new(), Vec::new());
        for row in rows {
            match DomainKey::from_row(&row.key, &row.value) {
                Some(key) => keys.push(key),
                None => damaged.push(format!("DKIM key {} cannot be read", row.key)),
            }
        }
        let (ring, wrong) = Keyring::new(keys);
        damaged.extend(wrong.into_iter().map(|(which, why)| format!("DKIM key {which} cannot sign: {why}")));
        for what in damaged {
            self.house().journal.tell(AdminEvent::Damaged { what });
        }
        self.house().keyring.set(ring);
        Ok(())
    }

    /// G3: a domain without keys gets its first pair, which signs at once; keys of a domain that is gone go with it.
    async fn keep_keys(&self) -> Result<(), DeskError> {
        let _turn = self.keys.lock().await;
        let (directory, ring) = (self.house().directory.get(), self.house().keyring.get());
        let kept: BTreeSet<&Domain> = set_of(ring.all().map(|key| &key.domain));
        let gone = ring.all().filter(|key| !directory.domains.contains_key(&key.domain));
        let mut writes: Vec<Write> =
            gone.map(|key| Write::Remove(DomainKey::ROW_KIND.to_owned(), key.row_key())).collect();
        if self.house().settings.get().dkim_sign {
            for name in directory.domains.keys().filter(|name| !kept.contains(name)) {
                writes.extend(self.pair(name, Stage::Signing).await?);
                self.tell_keys(format!("DKIM keys of {name} made"), &Caller::ourselves());
            }
        }
        self.write_keys(writes).await
    }

    async fn write_keys(&self, writes: Vec<Write>) -> Result<(), DeskError> {
        if !writes.is_empty() {
            self.house().store.write(writes).await?;
            self.load_keys().await?;
        }
        Ok(())
    }

    /// Rows of a new key of each kind.
    async fn pair(&self, domain: &Domain, stage: Stage) -> Result<Vec<Write>, DeskError> {
        let (now, ring) = (self.house().clock.now(), self.house().keyring.get());
        let mut writes = Vec::new();
        for kind in KeyKind::ALL {
            let made = self.house().worker.run(move || KeyPair::make(kind)).await;
            let pair = made.map_err(|_| "the thread that makes keys is gone".to_owned());
            let pair = pair.and_then(|made| made.map_err(|e| e.to_string())).map_err(StoreError::Unavailable)?;
            let selector = free_selector(ring.of(domain), kind, now);
            let key = DomainKey { domain: domain.clone(), selector, pair, made: now, stage };
            writes.push(put(&key));
        }
        Ok(writes)
    }

    fn tell_keys(&self, what: String, caller: &Caller) {
        let Caller { who, from } = caller.clone();
        self.house().journal.tell(AdminEvent::Directory { what, who, from });
    }
}

/// Keeps keys in step with the domains until the stop sign.
pub async fn keep_keys(desk: Arc<Desk>, stop: Stop) {
    while !stop.is_set() {
        if let Err(error) = desk.keep_keys().await {
            let what = format!("DKIM keys: {error}; tried again after the next change of a domain");
            desk.house().journal.tell(AdminEvent::Damaged { what });
        }
        smol::future::or(desk.keys_due.wait(), stop.wait()).await;
    }
}

fn put(key: &DomainKey) -> Write {
    Write::Put(Row { kind: DomainKey::ROW_KIND.to_owned(), key: key.row_key(), value: key.row() })
}

/// `rsa202611`, then `rsa202611b`, ...: says how old the key is, and is never used again while its record may be remembered.
fn free_selector(taken: &[DomainKey], kind: KeyKind, now: UnixTime) -> String {
    let month: String = now.day().chars().filter(char::is_ascii_digit).take(6).collect();
    let base = format!("{}{month}", kind.word());
    let more = (b'b'..=b'z').map(|letter| format!("{base}{}", char::from(letter)));
    let all = std::iter::once(base.clone()).chain(more);
    let mut free = all.filter(|name| taken.iter().all(|key| key.selector != *name));
    // 26 changes of keys within a month: the seconds are another name.
    free.next().unwrap_or_else(|| format!("{base}-{}", now.0))
}

/// The keys of a domain.
pub(super) async fn list(desk: &Desk, request: Request) -> Answer {
    let name = known(desk, &request)?;
    Ok(shown(desk, &name))
}

/// Makes the next pair.
pub(super) async fn make(desk: &Desk, request: Request) -> Answer {
    let name = known(desk, &request)?;
    let _turn = desk.keys.lock().await;
    if desk.house().keyring.get().of(&name).iter().any(|key| key.stage == Stage::Next) {
        let error = format!("the next DKIM keys of {name} are made already");
        return Err(ApiError::new(409, error, "publish their records, then let them sign"));
    }
    let writes = desk.pair(&name, Stage::Next).await?;
    desk.write_keys(writes).await?;
    desk.tell_keys(format!("next DKIM keys of {name} made"), &request.caller);
    Ok(shown(desk, &name))
}

/// The next pair signs from now on, the one before is old.
pub(super) async fn change(desk: &Desk, request: Request) -> Answer {
    let name = known(desk, &request)?;
    let _turn = desk.keys.lock().await;
    let (ring, now) = (desk.house().keyring.get(), desk.house().clock.now());
    let keys = ring.of(&name);
    if !keys.iter().any(|key| key.stage == Stage::Next) {
        let error = format!("there are no next DKIM keys of {name}");
        return Err(ApiError::new(409, error, "make them and publish their records first"));
    }
    let moved = keys.iter().filter_map(|key| {
        let stage = match key.stage {
            Stage::Next => Stage::Signing,
            Stage::Signing => Stage::Old(now.0),
            Stage::Old(_) => return None,
        };
        Some(put(&DomainKey { stage, ..key.clone() }))
    });
    let writes = moved.collect();
    desk.write_keys(writes).await?;
    desk.tell_keys(format!("the next DKIM keys of {name} sign now"), &request.caller);
    Ok(shown(desk, &name))
}

/// Removes a key that does not sign.
pub(super) async fn remove(desk: &Desk, request: Request) -> Answer {
    let name = known(desk, &request)?;
    let _turn = desk.keys.lock().await;
    let (ring, selector) = (desk.house().keyring.get(), request.at(1));
    match ring.of(&name).iter().find(|key| key.selector == selector) {
        None => {
            let error = format!("{name} has no DKIM key {selector}");
            Err(ApiError::new(404, error, "see the list of its keys"))
        }
        Some(key) if key.stage == Stage::Signing => {
            let error = format!("the DKIM key {selector} of {name} signs");
            Err(ApiError::new(409, error, "let the next keys sign first"))
        }
        Some(key) => {
            desk.write_keys(vec![Write::Remove(DomainKey::ROW_KIND.to_owned(), key.row_key())]).await?;
            desk.tell_keys(format!("DKIM key {selector} of {name} removed"), &request.caller);
            Ok(json!({ "ok": true }))
        }
    }
}

/// The domain of the path, if it is ours.
pub(super) fn known(desk: &Desk, request: &Request) -> Result<Domain, ApiError> {
    let name = domain("domain", request.at(0))?;
    if desk.house().directory.get().domains.contains_key(&name) {
        return Ok(name);
    }
    Err(ApiError::new(404, format!("there is no domain {name}"), "see the list of domains"))
}

fn shown(desk: &Desk, name: &Domain) -> Json {
    let ring = desk.house().keyring.get();
    let keys: Vec<Json> = ring.of(name).iter().map(describe).collect();
    json!({ "signs": desk.house().settings.get().dkim_sign, "keys": keys })
}

fn describe(key: &DomainKey) -> Json {
    let old_since = match key.stage {
        Stage::Old(since) => Some(since),
        Stage::Next | Stage::Signing => None,
    };
    json!({
        "selector": key.selector,
        "kind": key.pair.kind.word(),
        "stage": key.stage.word(),
        "made": key.made.0,
        "old_since": old_since,
        "name": key.name(),
        "record": key.record(),
        "zone": key.zone_line(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_selector_says_the_month_and_is_never_one_that_is_there() {
        let now = UnixTime(1_795_000_000);
        let key = |selector: &str| DomainKey {
            domain: Domain::parse("office.test").unwrap(),
            selector: selector.to_owned(),
            pair: KeyPair { kind: KeyKind::Rsa, secret: Vec::new(), public: String::new() },
            made: now,
            stage: Stage::Next,
        };
        assert_eq!(free_selector(&[], KeyKind::Rsa, now), "rsa202611");
        assert_eq!(free_selector(&[], KeyKind::Ed25519, now), "ed25519202611");
        assert_eq!(free_selector(&[key("rsa202611"), key("rsa202611b")], KeyKind::Rsa, now), "rsa202611c");
        let many: Vec<_> = std::iter::once(key("rsa202611"))
            .chain((b'b'..=b'z').map(|c| key(&format!("rsa202611{}", char::from(c)))))
            .collect();
        assert_eq!(free_selector(&many, KeyKind::Rsa, now), "rsa202611-1795000000");
    }
}
