//! What the appliance has, read when the page asks: network interfaces (N3) and disks (N4).

use std::{fs, path::Path};

use serde_json::{Value as Json, json};

use super::{Answer, ApiError, Desk, api::Request};

/// `interfaces`: each with its addresses; those of B4 and B5 are chosen from it.
pub(super) async fn interfaces(desk: &Desk, _request: Request) -> Answer {
    let found = (desk.house().interfaces)();
    let found = found
        .map_err(|error| ApiError::new(503, format!("the system does not say its interfaces: {error}"), "try again"))?;
    let list = found.iter().map(|(name, addresses)| {
        let addresses: Vec<String> = addresses.iter().map(ToString::to_string).collect();
        json!({ "name": name, "addresses": addresses, "loopback": name == "lo" })
    });
    Ok(json!({ "interfaces": list.collect::<Vec<_>>() }))
}

/// `disks`: partitions that are mounted and can hold mail (E10); `mail` marks the one that does.
pub(super) async fn disks(desk: &Desk, _request: Request) -> Answer {
    let text = fs::read_to_string("/proc/self/mounts");
    let text = text.map_err(|error| ApiError::new(503, format!("/proc/self/mounts: {error}"), "mount /proc"))?;
    let mounts = mounts(&text);
    let mail = fs::canonicalize(&desk.house().mail_dir).unwrap_or_else(|_| desk.house().mail_dir.clone());
    let own = mounts.iter().filter(|mount| mail.starts_with(&mount.place)).map(|mount| mount.place.len()).max();
    let list = mounts
        .iter()
        .filter_map(|mount| describe(mount, Some(mount.place.len()) == own && mail.starts_with(&mount.place)));
    Ok(json!({ "disks": list.collect::<Vec<_>>() }))
}

/// A line of /proc/self/mounts.
#[derive(Debug, PartialEq, Eq)]
struct Mount {
    device: String,
    place: String,
    kind: String,
    read_only: bool,
}

/// File systems on a device of the machine; the later one of two at one place is the one that is seen.
fn mounts(text: &str) -> Vec<Mount> {
    let mut out: Vec<Mount> = Vec::new();
    for line in text.lines() {
        let mut words = line.split(' ').map(unescape);
        let (Some(device), Some(place), Some(kind), Some(options)) =
            (words.next(), words.next(), words.next(), words.next())
        else {
            continue;
        };
        out.retain(|mount| mount.place != place);
        // squashfs and iso9660 hold firmware and cannot be written; a flash without a block layer is ubi0:name.
        let is_disk =
            device.starts_with("/dev/") || kind == "ubifs" || kind == "jffs2" || (kind == "overlay" && place == "/");
        if is_disk && Path::new(&place).is_dir() && !matches!(kind.as_str(), "squashfs" | "iso9660") {
            let read_only = options.split(',').any(|option| option == "ro");
            out.push(Mount { device, place, kind, read_only });
        }
    }
    out
}

/// The kernel writes space, tab, line break and backslash as \040, \011, \012, \134.
fn unescape(word: &str) -> String {
    [("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")]
        .iter()
        .fold(word.to_owned(), |word, (code, c)| word.replace(code, c))
}

fn describe(mount: &Mount, mail: bool) -> Option<Json> {
    let room = rustix::fs::statvfs(mount.place.as_str()).ok()?;
    Some(json!({
        "device": mount.device,
        "mount": mount.place,
        "kind": mount.kind,
        "read_only": mount.read_only,
        "size": room.f_blocks.saturating_mul(room.f_frsize),
        "free": room.f_bavail.saturating_mul(room.f_frsize),
        "mail": mail,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_disks_are_listed_and_names_are_unescaped() {
        let text = "proc /proc proc rw 0 0\n/dev/sda1 / ext4 rw,relatime 0 0\n/dev/loop0 /usr squashfs ro 0 0\n\
                    tmpfs /tmp tmpfs rw 0 0\n/dev/sdb1 /tmp ext4 ro,noatime 0 0\nhalf\n/dev/sdc1 /no\\040where ext4 rw 0 0\n";
        let places: Vec<(String, bool)> = mounts(text).into_iter().map(|m| (m.place, m.read_only)).collect();
        assert_eq!(places, [("/".to_owned(), false), ("/tmp".to_owned(), true)]);
        assert_eq!(unescape("a\\040b\\134c"), "a b\\c");
    }
}
