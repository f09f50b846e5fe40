//! The page's files as a browser gets them: packed, with a tag, and under a name that changes with them.
//!
//! `index.html` names the others as `v/VERSION/...`, VERSION being a hash over all of them: these are kept for a year and
//! never asked for again, and a new program is seen at once. Under their own names they are asked for each time.

use std::sync::OnceLock;

use miniz_oxide::deflate::compress_to_vec;

use super::{ApiError, language::Language, page::FILES, reply::Reply, secret};
use crate::policy;

/// zlib's best: a file is packed once in the life of the process.
const LEVEL: u8 = 9;
const HTML: &str = "text/html; charset=utf-8";

/// A file that was asked for once.
struct File {
    kind: &'static str,
    plain: Vec<u8>,
    packed: Vec<u8>,
}

/// The page's file at this path. It holds nothing of this server: whoever reaches the port may have it. `accepts` and `known` are
/// Accept-Encoding and If-None-Match.
pub(super) fn reply(path: &str, accepts: Option<&str>, known: Option<&str>) -> Result<Reply, ApiError> {
    let (path, is_this_version) = named(path);
    let file = file(path).ok_or_else(ApiError::no_such_path)?;
    let packed = accepts.is_some_and(takes_gzip) && file.packed.len() < file.plain.len();
    // RFC 9110 s8.8.1: two codings of one file are two representations.
    let tag = format!("\"{}{}\"", version(), if packed { "-gzip" } else { "" });
    let is_known = known.is_some_and(|known| known.split(',').any(|one| one.trim().trim_start_matches("W/") == tag));
    let body = match (is_known, packed) {
        (true, _) => Vec::new(),
        (false, true) => file.packed.clone(),
        (false, false) => file.plain.clone(),
    };
    let keep = if is_this_version { "public, max-age=31536000, immutable" } else { "no-cache" };
    let mut heads = vec![("ETag", tag), ("Cache-Control", keep.to_owned()), ("Vary", "Accept-Encoding".to_owned())];
    heads.extend((packed && !is_known).then(|| ("Content-Encoding", "gzip".to_owned())));
    Ok(Reply { status: if is_known { 304 } else { 200 }, kind: file.kind, body, heads })
}

/// What a person sees who came to a place that is none.
pub(super) fn sorry(error: &ApiError, language: Language) -> Reply {
    let said = error.json_in(language);
    let text = |name: &str| said[name].as_str().unwrap_or_default().replace('&', "&amp;").replace('<', "&lt;");
    let words = format!(
        "<!doctype html>\n<html lang=\"{}\"><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\">\
         <title>{2}</title><h1>{1}: {2}</h1><p>{3}</p><p><a href=\"/\">Gatepost</a></p></html>\n",
        language.tag(),
        error.status,
        text("error"),
        text("todo"),
    );
    Reply { status: error.status, kind: HTML, body: words.into_bytes(), heads: Vec::new() }
}

/// `/v/VERSION/app/main.js` is `/app/main.js`, and whether this is the version that runs: a tab that was left open over an
/// upgrade gets what there is now.
fn named(path: &str) -> (&str, bool) {
    let Some(rest) = path.strip_prefix("/v/") else { return (path, false) };
    let at = rest.find('/').unwrap_or(rest.len());
    (&rest[at..], &rest[..at] == version())
}

/// A hash over all files.
fn version() -> &'static str {
    static VERSION: OnceLock<String> = OnceLock::new();
    VERSION.get_or_init(|| {
        let sums: Vec<u8> = FILES.iter().flat_map(|(_, _, bytes)| policy::digest(bytes)).collect();
        secret::hex(&policy::digest(&sums)[..8])
    })
}

/// Packed when it is asked for, not at the start: the board is up at once.
fn file(path: &str) -> Option<&'static File> {
    static READY: [OnceLock<File>; FILES.len()] = [const { OnceLock::new() }; FILES.len()];
    let at = FILES.iter().position(|file| file.0 == path)?;
    let (path, kind, bytes) = FILES[at];
    Some(READY[at].get_or_init(|| {
        let plain = if path == "/" { with_versions(bytes) } else { bytes.to_vec() };
        File { kind, packed: gzip(&plain), plain }
    }))
}

/// `index.html` with the versions of the files that it names.
fn with_versions(index: &[u8]) -> Vec<u8> {
    let mut text = String::from_utf8_lossy(index).into_owned();
    for (path, _, _) in FILES.iter().filter(|file| file.0 != "/") {
        text = text.replace(&format!("\"{}\"", &path[1..]), &format!("\"v/{}{path}\"", version()));
    }
    text.into_bytes()
}

/// RFC 9110 s12.5.3: named, and not with a weight of zero.
fn takes_gzip(accepts: &str) -> bool {
    accepts.split(',').any(|one| {
        let (name, weight) = one.split_once(';').unwrap_or((one, ""));
        let none = weight.trim().strip_prefix("q=").is_some_and(|q| q.trim_matches(['0', '.']).is_empty());
        name.trim().eq_ignore_ascii_case("gzip") && !none
    })
}

/// RFC 1952: ten octets of head, deflated octets, their sum and length.
fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut out = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 2, 255];
    out.extend(compress_to_vec(bytes, LEVEL));
    out.extend(crc32(bytes).to_le_bytes());
    let length = u32::try_from(bytes.len() & 0xffff_ffff).unwrap_or(0);
    out.extend(length.to_le_bytes());
    out
}

/// RFC 1952 s8: the sum of gzip (CRC-32 of IEEE, not crc32c's).
fn crc32(bytes: &[u8]) -> u32 {
    let step = |sum: u32, byte: &u8| {
        (0..8).fold(sum ^ u32::from(*byte), |sum, _| (sum >> 1) ^ (0xedb8_8320 & (sum & 1).wrapping_neg()))
    };
    !bytes.iter().fold(u32::MAX, step)
}

#[cfg(test)]
mod tests {
    use std::{io::Write, process::Command, process::Stdio};

    use super::*;

    fn get(path: &str, accepts: Option<&str>, known: Option<&str>) -> Reply {
        reply(path, accepts, known)
            .unwrap_or_else(|error| Reply::error(&error, super::super::language::Language::default()))
    }

    fn head<'a>(reply: &'a Reply, name: &str) -> Option<&'a str> {
        reply.heads.iter().find(|(n, _)| *n == name).map(|(_, value)| value.as_str())
    }

    #[test]
    fn a_packed_file_is_what_gzip_unpacks() {
        let reply = get("/style.css", Some("br, gzip"), None);
        assert_eq!(head(&reply, "Content-Encoding"), Some("gzip"));
        let mut child = Command::new("gzip")
            .arg("-dc")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("gzip is there");
        let mut stdin = child.stdin.take().unwrap();
        let packed = reply.body.clone();
        let writer = std::thread::spawn(move || stdin.write_all(&packed));
        let out = child.wait_with_output().unwrap();
        writer.join().unwrap().unwrap();
        assert!(out.status.success());
        assert_eq!(out.stdout, file("/style.css").unwrap().plain);
        assert_eq!(crc32(b"123456789"), 0xcbf4_3926);
    }

    #[test]
    fn what_does_not_take_gzip_gets_the_file_itself_and_a_known_one_is_not_sent_again() {
        for plain in [None, Some("identity"), Some("gzip;q=0"), Some("gzip; q=0.0, br")] {
            let reply = get("/icon.svg", plain, None);
            assert_eq!((head(&reply, "Content-Encoding"), reply.status), (None, 200), "{plain:?}");
        }
        let first = get("/style.css", Some("gzip;q=0.5"), None);
        let tag = head(&first, "ETag").unwrap();
        let again = get("/style.css", Some("gzip"), Some(&format!("\"x\", W/{tag}")));
        assert_eq!((again.status, again.body.len()), (304, 0));
        assert_eq!(get("/style.css", None, Some(tag)).status, 200, "another coding is another file");
    }

    #[test]
    fn the_first_page_names_versions_that_are_kept_for_ever() {
        let index = String::from_utf8(get("/", None, None).body).unwrap();
        let named = format!("v/{}/app/main.js", version());
        assert!(index.contains(&format!("\"{named}\"")), "{index}");
        let main = get(&format!("/{named}"), None, None);
        assert!(main.status == 200 && head(&main, "Cache-Control").unwrap().ends_with("immutable"));
        for other in ["/app/main.js", "/v/old/app/main.js", "/"] {
            assert_eq!(head(&get(other, None, None), "Cache-Control"), Some("no-cache"), "{other}");
        }
        assert_eq!((get("/v/x", None, None).status, get("/../Cargo.toml", None, None).status), (404, 404));
    }

    /// Section 8's sister: issue 4 asks for 100 KB at most at the first load.
    #[test]
    fn the_first_load_is_small() {
        let all: usize = FILES.iter().map(|file| get(file.0, Some("gzip"), None).body.len()).sum();
        println!("all files of the page, packed: {all} octets");
        assert!(all <= 100_000, "{all} octets");
    }
}
