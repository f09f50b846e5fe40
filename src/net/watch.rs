//! The directory of PEM files (N2): which are there, whether one changed, what is in it. Blocking: runs on a worker thread.

use std::{
    collections::BTreeMap,
    fs::{self, File, Metadata},
    io::{self, Read},
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use super::Identity;
use crate::limits;

/// By what a change of a file is seen. A copy may keep the times of its original, but never ctime and inode.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Stamp {
    size: u64,
    modified: (i64, i64),
    changed: (i64, i64),
    inode: u64,
}

/// The files of one certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Files {
    /// Certificates, and perhaps the key.
    chain: Option<(PathBuf, Stamp)>,
    /// The key, when it has a file of its own.
    key: Option<(PathBuf, Stamp)>,
}

/// What lies in `dir`, by name: `NAME.pem`, or `NAME.crt` (`.cer`) with `NAME.key`, or `NAME/fullchain.pem` with
/// `NAME/privkey.pem` as ACME clients lay them. At most CERTIFICATES_WATCHED.
pub(super) fn list(dir: &Path) -> io::Result<BTreeMap<String, Files>> {
    let mut found: BTreeMap<String, Files> = BTreeMap::new();
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        // A link is followed; one that leads nowhere, or a file that is gone again, is passed over.
        let Ok(meta) = fs::metadata(&path) else { continue };
        let Some(name) = stem(&path, &meta) else { continue };
        if found.len() == limits::CERTIFICATES_WATCHED && !found.contains_key(&name) {
            continue;
        }
        let files = found.entry(name).or_insert(Files { chain: None, key: None });
        if meta.is_dir() {
            files.chain = stamped(path.join("fullchain.pem"));
            files.key = stamped(path.join("privkey.pem"));
        } else if path.extension().is_some_and(|e| e == "key") {
            files.key = stamped(path);
        } else {
            files.chain = stamped(path);
        }
    }
    found.retain(|_, files| files.chain.is_some());
    Ok(found)
}

/// Reads and checks one certificate; a sentence when it cannot be used.
pub(super) fn read(files: &Files) -> Result<Identity, String> {
    let text = |file: &Option<(PathBuf, Stamp)>| file.as_ref().map_or(Ok(String::new()), |(path, _)| text_of(path));
    Identity::from_pem(&text(&files.chain)?, &text(&files.key)?).map_err(|error| error.to_string())
}

fn text_of(path: &Path) -> Result<String, String> {
    let mut text = Vec::new();
    let all = File::open(path).and_then(|f| f.take(limits::CERTIFICATE_PEM as u64 + 1).read_to_end(&mut text));
    all.map_err(|error| format!("{}: {error}; the user that runs gatepost must be able to read it", path.display()))?;
    // Text outside the BEGIN and END lines may be in any encoding.
    Ok(String::from_utf8_lossy(&text).into_owned())
}

/// The name of the certificate that a file belongs to. Only regular files and directories: opening a pipe would block.
fn stem(path: &Path, meta: &Metadata) -> Option<String> {
    let whole = path.file_name()?.to_str()?;
    let name = if meta.is_dir() {
        whole
    } else if meta.is_file() {
        let (name, end) = whole.rsplit_once('.')?;
        ["pem", "crt", "cer", "key"].contains(&end).then_some(name)?
    } else {
        return None;
    };
    let fits = !name.is_empty() && !name.starts_with('.') && name.len() <= 64 && !name.chars().any(char::is_control);
    fits.then(|| name.to_owned())
}

fn stamped(path: PathBuf) -> Option<(PathBuf, Stamp)> {
    let meta = fs::metadata(&path).ok().filter(Metadata::is_file)?;
    let stamp = Stamp {
        size: meta.size(),
        modified: (meta.mtime(), meta.mtime_nsec()),
        changed: (meta.ctime(), meta.ctime_nsec()),
        inode: meta.ino(),
    };
    Some((path, stamp))
}
