//! The key of the Sender Rewriting Scheme: made at the first start, kept in `system.redb`, so that what we rewrote last week is still
//! known after a restart.

use crate::{
    router::Srs,
    store::{Row, Store, StoreError, Write},
    wire::scram,
};

/// Kind and key of its row.
const ROW: (&str, &str) = ("srs", "secret");

/// Reads the key, or makes it. Without random octets nothing is rewritten until the next start.
pub(super) async fn load(store: &Store) -> Result<Srs, StoreError> {
    let (kind, key) = ROW;
    let kept = store.rows(kind).await?.into_iter().find(|row| row.key == key);
    if let Some(row) = kept {
        return Ok(Srs::new(&row.value));
    }
    let Some(secret) = scram::random::<32>() else { return Ok(Srs::default()) };
    let row = Row { kind: kind.to_owned(), key: key.to_owned(), value: secret.to_vec() };
    store.write(vec![Write::Put(row)]).await?;
    Ok(Srs::new(&secret))
}
