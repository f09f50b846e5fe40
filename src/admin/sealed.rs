//! A save on top of the fields that hold: secrets are sealed before they are stored anywhere.

use std::collections::BTreeMap;

use super::DeskError;
use crate::{
    net::Vault,
    settings::{FieldError, HIDDEN, Kind, SEALED, Settings, entry},
};

/// The fields after these changes (`None`: back to the default). A secret that comes back as it was shown stays as it is.
pub(super) fn merged(
    vault: &Vault,
    fields: &BTreeMap<String, String>,
    changes: BTreeMap<String, Option<String>>,
) -> Result<BTreeMap<String, String>, DeskError> {
    let mut fields = fields.clone();
    for (key, change) in changes {
        match change {
            None => drop(fields.remove(&key)),
            Some(text) if !is_secret(&key) => drop(fields.insert(key, text)),
            Some(text) if text == HIDDEN => {}
            Some(text) => {
                let sealed = sealed(vault, &key, text).map_err(|error| DeskError::Fields(vec![error]))?;
                fields.insert(key, sealed);
            }
        }
    }
    Ok(fields)
}

/// The first start's fields, sealed.
pub fn seal_all(vault: &Vault, fields: BTreeMap<String, String>) -> Result<BTreeMap<String, String>, Vec<FieldError>> {
    let (mut out, mut errors) = (BTreeMap::new(), Vec::new());
    for (key, text) in fields {
        match if is_secret(&key) { sealed(vault, &key, text) } else { Ok(text) } {
            Ok(text) => drop(out.insert(key, text)),
            Err(error) => errors.push(error),
        }
    }
    if errors.is_empty() { Ok(out) } else { Err(errors) }
}

fn is_secret(key: &str) -> bool {
    entry(key).is_some_and(|entry| entry.kind == Kind::Secret)
}

/// Checked before it is sealed: afterwards nobody can see what is in it.
fn sealed(vault: &Vault, key: &str, text: String) -> Result<String, FieldError> {
    if text.is_empty() {
        return Ok(text);
    }
    let error = |what: String| FieldError::new(key, what);
    if text.starts_with(SEALED) {
        return Err(error("must not begin like a password that is encrypted already".to_owned()));
    }
    let set = entry(key).map(|entry| (entry.set)(&mut Settings::default(), &text));
    set.transpose().map_err(error)?;
    vault.seal(key, &text).map_err(|why| error(why.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(text: &str) -> BTreeMap<String, Option<String>> {
        BTreeMap::from([("relay.password".to_owned(), Some(text.to_owned()))])
    }

    #[test]
    fn a_password_is_sealed_and_stays_when_it_comes_back_as_it_was_shown() {
        let dir = std::env::temp_dir().join(format!("gatepost-sealed-{}", std::process::id()));
        std::fs::create_dir_all(&dir).unwrap();
        let vault = Vault::at(&dir);
        let first = merged(&vault, &BTreeMap::new(), one("geheim")).unwrap();
        assert!(first["relay.password"].starts_with(SEALED) && !first["relay.password"].contains("geheim"));
        assert_eq!(merged(&vault, &first, one(HIDDEN)).unwrap(), first);
        assert_eq!(merged(&vault, &first, one("")).unwrap()["relay.password"], "");
        assert_eq!(vault.open("relay.password", &first["relay.password"]).unwrap(), "geheim");
        for bad in [&format!("{SEALED}x"), &"x".repeat(300), "a\u{0}b"] {
            assert!(merged(&vault, &first, one(bad)).is_err(), "{bad}");
        }
        let _ = std::fs::remove_dir_all(dir);
    }
}
