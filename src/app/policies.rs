//! Policies of MTA-STS on the disk (RFC 8461 s5.1): rows of `system.redb`, one a domain, at most `limits::STS_DOMAINS`, written
//! when a policy is new.

use std::sync::Arc;

use crate::{
    journal::{Journal, RemoteEvent},
    remote::sts::{Keep, Keeping, Sts},
    store::{Row, Store, Write},
};

/// Kind of the rows.
const KIND: &str = "mta-sts";

/// With what was known before. Where it cannot be read, nothing is known: mail goes on as to a domain that is met for the first time.
pub(super) fn recall(sts: Sts, store: &Store, journal: &Journal) -> Sts {
    let rows = smol::block_on(store.rows(KIND)).unwrap_or_else(|why| {
        journal.tell(RemoteEvent::PolicyNotKept { domain: "all domains".to_owned(), why: why.to_string() });
        Vec::new()
    });
    let kept = rows.into_iter().map(|row| (row.key, String::from_utf8_lossy(&row.value).into_owned())).collect();
    smol::block_on(sts.keeping(kept, Arc::new(Rows { store: store.clone(), journal: journal.clone() })))
}

struct Rows {
    store: Store,
    journal: Journal,
}

impl Keep for Rows {
    fn keep<'a>(&'a self, domain: &'a str, text: Option<String>) -> Keeping<'a> {
        Box::pin(async move {
            let (kind, key) = (KIND.to_owned(), domain.to_owned());
            let write = match text {
                Some(text) => Write::Put(Row { kind, key, value: text.into_bytes() }),
                None => Write::Remove(kind, key),
            };
            if let Err(why) = self.store.write(vec![write]).await {
                self.journal.tell(RemoteEvent::PolicyNotKept { domain: domain.to_owned(), why: why.to_string() });
            }
        })
    }
}
