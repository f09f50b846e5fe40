//! The page's files as a browser gets them: packed, with a tag, and under a name that changes with them.
//!
//! No tool is needed to make the page: plain HTML, CSS and ES modules in `web/`, which `scripts/build.rs` packs into the program.
//! `index.html` names the others as `v/VERSION/...`, VERSION being a hash over all of them: these are kept for a year and
//! never asked for again, and a new program is seen at once. Under their own names they are asked for each time.

use miniz_oxide::inflate::decompress_to_vec;

use super::{ApiError, language::Language, reply::Reply};

const HTML: &str = "text/html; charset=utf-8";
/// Octets before and after the deflated ones (RFC 1952, as `scripts/build.rs` writes it).
const AROUND: (usize, usize) = (10, 8);

/// A file of the page, gzipped.
struct File {
    path: &'static str,
    kind: &'static str,
    packed: &'static [u8],
}

include!(concat!(env!("OUT_DIR"), "/page.rs"));

/// The page's file at this path. It holds nothing of this server: whoever reaches the port may have it. `accepts` and `known` are
/// Accept-Encoding and If-None-Match.
pub(super) fn reply(path: &str, accepts: Option<&str>, known: Option<&str>) -> Result<Reply, ApiError> {
    let (path, is_this_version) = named(path);
    let file = FILES.iter().find(|file| file.path == path).ok_or_else(ApiError::no_such_path)?;
    let packed = accepts.is_some_and(takes_gzip);
    // RFC 9110 s8.8.1: two codings of one file are two representations.
    let tag = format!("\"{VERSION}{}\"", if packed { "-gzip" } else { "" });
    let is_known = known.is_some_and(|known| known.split(',').any(|one| one.trim().trim_start_matches("W/") == tag));
    let body = match (is_known, packed) {
        (true, _) => Vec::new(),
        (false, true) => file.packed.to_vec(),
        (false, false) => plain(file),
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
    (&rest[at..], &rest[..at] == VERSION)
}

/// For the few that do not take gzip. What the build packed can be unpacked (a test does it with every file).
fn plain(file: &File) -> Vec<u8> {
    inflated(&file.packed[AROUND.0..file.packed.len() - AROUND.1])
}

/// Octets that the build packed (RFC 1951).
pub(super) fn inflated(deflated: &[u8]) -> Vec<u8> {
    decompress_to_vec(deflated).unwrap_or_default()
}

/// RFC 9110 s12.5.3: named, and not with a weight of zero.
fn takes_gzip(accepts: &str) -> bool {
    accepts.split(',').any(|one| {
        let (name, weight) = one.split_once(';').unwrap_or((one, ""));
        let none = weight.trim().strip_prefix("q=").is_some_and(|q| q.trim_matches(['0', '.']).is_empty());
        name.trim().eq_ignore_ascii_case("gzip") && !none
    })
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeMap, fs, io::Write, path::Path, process::Command, process::Stdio};

    use super::*;

    fn get(path: &str, accepts: Option<&str>, known: Option<&str>) -> Reply {
        reply(path, accepts, known)
            .unwrap_or_else(|error| Reply::error(&error, super::super::language::Language::default()))
    }

    fn head<'a>(reply: &'a Reply, name: &str) -> Option<&'a str> {
        reply.heads.iter().find(|(n, _)| *n == name).map(|(_, value)| value.as_str())
    }

    /// What gzip, a program that nobody here wrote, makes of it.
    fn unpacked(packed: &[u8]) -> Vec<u8> {
        let mut child = Command::new("gzip")
            .arg("-dc")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("gzip is there");
        let mut stdin = child.stdin.take().unwrap();
        let packed = packed.to_vec();
        let writer = std::thread::spawn(move || stdin.write_all(&packed));
        let out = child.wait_with_output().unwrap();
        writer.join().unwrap().unwrap();
        assert!(out.status.success());
        out.stdout
    }

    /// Each file of `web/` that a browser can use, and the path of it.
    fn web(directory: &Path, prefix: &str, found: &mut BTreeMap<String, Vec<u8>>) {
        for path in fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()) {
            let name = format!("{prefix}/{}", path.file_name().unwrap().to_str().unwrap());
            match path.is_dir() {
                true => web(&path, &name, found),
                false if [".html", ".js", ".css", ".svg"].iter().any(|end| name.ends_with(end)) => {
                    found.insert(name, fs::read(path).unwrap());
                }
                false => {}
            }
        }
    }

    #[test]
    fn every_file_that_a_browser_can_use_is_sent_packed_and_plain() {
        let mut files = BTreeMap::new();
        web(&Path::new(env!("CARGO_MANIFEST_DIR")).join("web"), "", &mut files);
        assert_eq!(files.len(), FILES.len());
        for (name, bytes) in files {
            let path = if name == "/index.html" { "/" } else { &name };
            let (packed, plain) = (get(path, Some("br, gzip"), None), get(path, None, None));
            assert_eq!((head(&packed, "Content-Encoding"), head(&plain, "Content-Encoding")), (Some("gzip"), None));
            assert!(packed.body.len() < plain.body.len(), "{name}");
            assert_eq!(unpacked(&packed.body), plain.body, "{name}");
            let as_written = String::from_utf8(plain.body).unwrap().replace(&format!("v/{VERSION}/"), "");
            assert_eq!(as_written.as_bytes(), bytes, "{name}");
        }
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
        let named = format!("v/{VERSION}/app/main.js");
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
        let all: usize = FILES.iter().map(|file| get(file.path, Some("gzip"), None).body.len()).sum();
        println!("all files of the page, packed: {all} octets");
        assert!(all <= 100_000, "{all} octets");
    }
}
