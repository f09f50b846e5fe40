//! Passwords for other servers (relay, collector) at rest: encrypted under a key that never leaves this machine.
//!
//! The key is a file of its own in the state directory (section 7 of the design), 0600, made at its first use, in no export and
//! in no backup of the settings: who gets hold of `system.redb` alone learns no password. Where it is lost the passwords are
//! lost with it; that is said on the board, and typing them in again mends it.
//!
//! A sealed text is `sealed:1:` and the base64 of nonce, AES-256-GCM ciphertext and tag (ring). What it belongs to is
//! authenticated with it, so that one setting's secret cannot be put in another's place.

use std::{
    fmt,
    fs::{self, File},
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

use base64::prelude::{BASE64_STANDARD_NO_PAD, Engine};
use ring::{
    aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey},
    hmac,
};

use crate::{settings::SEALED, wire::scram};

/// The file's name in the state directory.
const FILE: &str = "secret.key";
/// Octets of the key.
const KEY: usize = 32;

/// Why a secret cannot be read or kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum VaultError {
    /// The key file is not there, or another than the one it was sealed with.
    Lost,
    /// The key file can be neither read nor made; what the system said.
    Unusable(String),
}

impl fmt::Display for VaultError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            VaultError::Lost => {
                f.write_str("the key file secret.key is lost or was replaced: enter the password again")
            }
            VaultError::Unusable(why) => write!(f, "the key file secret.key cannot be used: {why}"),
        }
    }
}

impl std::error::Error for VaultError {}

/// Seals and opens secrets. The key is read at its first use and kept in memory.
pub struct Vault {
    path: PathBuf,
    key: Mutex<Option<[u8; KEY]>>,
}

impl Vault {
    /// The vault of a state directory; touches nothing yet.
    pub fn at(state: &Path) -> Self {
        Vault { path: state.join(FILE), key: Mutex::new(None) }
    }

    /// Seals a secret that belongs to `what` (a setting's key). Makes the key file where there is none.
    pub fn seal(&self, what: &str, secret: &str) -> Result<String, VaultError> {
        let key = cipher(&self.key(true)?)?;
        let nonce = scram::random::<NONCE_LEN>().ok_or_else(no_randomness)?;
        let mut octets = secret.as_bytes().to_vec();
        key.seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::from(what.as_bytes()), &mut octets)
            .map_err(|_| VaultError::Unusable("the secret is too long".to_owned()))?;
        Ok(format!("{SEALED}{}", BASE64_STANDARD_NO_PAD.encode([&nonce[..], &octets].concat())))
    }

    /// The secret of a sealed text; a text that is not sealed (the first start's settings) is the secret itself.
    pub fn open(&self, what: &str, text: &str) -> Result<String, VaultError> {
        let Some(coded) = text.strip_prefix(SEALED) else { return Ok(text.to_owned()) };
        let octets = BASE64_STANDARD_NO_PAD.decode(coded).map_err(|_| VaultError::Lost)?;
        let (nonce, sealed) = octets.split_at_checked(NONCE_LEN).ok_or(VaultError::Lost)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| VaultError::Lost)?;
        let mut sealed = sealed.to_vec();
        let key = cipher(&self.key(false)?)?;
        let plain = key.open_in_place(nonce, Aad::from(what.as_bytes()), &mut sealed).map_err(|_| VaultError::Lost)?;
        String::from_utf8(plain.to_vec()).map_err(|_| VaultError::Lost)
    }

    /// A key for another use (the tags of rewritten addresses), derived from the same file: `label` keeps uses apart. Makes the
    /// key file where there is none.
    pub fn derived(&self, label: &str) -> Result<[u8; KEY], VaultError> {
        let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &self.key(true)?), label.as_bytes());
        Ok(std::array::from_fn(|n| tag.as_ref().get(n).copied().unwrap_or(0)))
    }

    fn key(&self, make: bool) -> Result<[u8; KEY], VaultError> {
        let mut kept = self.key.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(key) = *kept {
            return Ok(key);
        }
        let key = match read(&self.path) {
            Ok(key) => key,
            Err(error) if error.kind() == io::ErrorKind::NotFound && make => write(&self.path)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(VaultError::Lost),
            Err(error) => return Err(VaultError::Unusable(error.to_string())),
        };
        *kept = Some(key);
        Ok(key)
    }
}

fn no_randomness() -> VaultError {
    VaultError::Unusable("the system gives no random octets".to_owned())
}

fn cipher(key: &[u8; KEY]) -> Result<LessSafeKey, VaultError> {
    let key =
        UnboundKey::new(&AES_256_GCM, key).map_err(|_| VaultError::Unusable("it has a wrong length".to_owned()))?;
    Ok(LessSafeKey::new(key))
}

fn read(path: &Path) -> io::Result<[u8; KEY]> {
    let wrong = |_| io::Error::new(io::ErrorKind::InvalidData, "it has a wrong length");
    fs::read(path)?.try_into().map_err(wrong)
}

/// Whole and on the disk before anything is sealed with it: a key that a power cut takes back would take the passwords with it.
fn write(path: &Path) -> Result<[u8; KEY], VaultError> {
    let key = scram::random::<KEY>().ok_or_else(no_randomness)?;
    let new = path.with_extension("new");
    let done = (|| {
        let mut file = File::options().write(true).create(true).truncate(true).mode(0o600).open(&new)?;
        file.write_all(&key)?;
        file.sync_all()?;
        fs::rename(&new, path)?;
        path.parent().map_or(Ok(()), |dir| File::open(dir)?.sync_all())
    })();
    done.map_err(|error: io::Error| VaultError::Unusable(error.to_string()))?;
    Ok(key)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn place(name: &str) -> PathBuf {
        let dir = std::env::temp_dir().join(format!("gatepost-vault-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&dir);
        fs::create_dir_all(&dir).unwrap();
        dir
    }

    #[test]
    fn a_secret_comes_back_also_after_a_restart_and_only_in_its_own_place() {
        let dir = place("back");
        let sealed = Vault::at(&dir).seal("relay.password", "s3cr\u{e9}t ").unwrap();
        assert!(sealed.starts_with(SEALED) && !sealed.contains("s3cr"));
        let again = Vault::at(&dir);
        assert_eq!(again.open("relay.password", &sealed).unwrap(), "s3cr\u{e9}t ");
        assert_eq!(again.open("other.password", &sealed), Err(VaultError::Lost));
        assert_ne!(again.seal("relay.password", "x").unwrap(), again.seal("relay.password", "x").unwrap());
        assert_eq!(fs::metadata(dir.join(FILE)).unwrap().permissions().mode() & 0o777, 0o600);
        let _ = fs::remove_dir_all(dir);
    }

    #[test]
    fn a_lost_or_replaced_key_file_is_told() {
        let dir = place("lost");
        let sealed = Vault::at(&dir).seal("a", "b").unwrap();
        fs::remove_file(dir.join(FILE)).unwrap();
        assert_eq!(Vault::at(&dir).open("a", &sealed), Err(VaultError::Lost));
        Vault::at(&dir).seal("a", "c").unwrap();
        assert_eq!(Vault::at(&dir).open("a", &sealed), Err(VaultError::Lost));
        fs::write(dir.join(FILE), "short").unwrap();
        assert!(matches!(Vault::at(&dir).open("a", &sealed), Err(VaultError::Unusable(_))));
        let _ = fs::remove_dir_all(dir);
    }

    #[test]
    fn what_is_damaged_is_no_secret_and_what_was_never_sealed_is_one() {
        let dir = place("damaged");
        let vault = Vault::at(&dir);
        let sealed = vault.seal("a", "b").unwrap();
        for cut in 0..sealed.len() - SEALED.len() {
            assert_eq!(vault.open("a", &sealed[..SEALED.len() + cut]), Err(VaultError::Lost));
        }
        assert_eq!(vault.open("a", "plain").unwrap(), "plain");
        assert_ne!(vault.derived("x").unwrap(), vault.derived("y").unwrap());
        assert_eq!(vault.derived("x"), Vault::at(&dir).derived("x"));
        let _ = fs::remove_dir_all(dir);
    }
}
