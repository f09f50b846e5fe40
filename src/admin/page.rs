//! The list of `web/`'s files, inside the program. No build step: plain HTML, CSS and ES modules. `files` sends them.

const HTML: &str = "text/html; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";
const STYLE: &str = "text/css; charset=utf-8";
const IMAGE: &str = "image/svg+xml";

/// Path, media type, octets.
pub(super) const FILES: &[(&str, &str, &[u8])] = &[
    ("/", HTML, include_bytes!("../../web/index.html")),
    ("/app/admins.js", SCRIPT, include_bytes!("../../web/app/admins.js")),
    ("/app/alias.js", SCRIPT, include_bytes!("../../web/app/alias.js")),
    ("/app/api.js", SCRIPT, include_bytes!("../../web/app/api.js")),
    ("/app/board.js", SCRIPT, include_bytes!("../../web/app/board.js")),
    ("/app/certificates.js", SCRIPT, include_bytes!("../../web/app/certificates.js")),
    ("/app/dns.js", SCRIPT, include_bytes!("../../web/app/dns.js")),
    ("/app/domain.js", SCRIPT, include_bytes!("../../web/app/domain.js")),
    ("/app/encryption.js", SCRIPT, include_bytes!("../../web/app/encryption.js")),
    ("/app/events.js", SCRIPT, include_bytes!("../../web/app/events.js")),
    ("/app/graph.js", SCRIPT, include_bytes!("../../web/app/graph.js")),
    ("/app/history.js", SCRIPT, include_bytes!("../../web/app/history.js")),
    ("/app/icons.js", SCRIPT, include_bytes!("../../web/app/icons.js")),
    ("/app/journal.js", SCRIPT, include_bytes!("../../web/app/journal.js")),
    ("/app/lib.js", SCRIPT, include_bytes!("../../web/app/lib.js")),
    ("/app/lines.js", SCRIPT, include_bytes!("../../web/app/lines.js")),
    ("/app/list.js", SCRIPT, include_bytes!("../../web/app/list.js")),
    ("/app/login.js", SCRIPT, include_bytes!("../../web/app/login.js")),
    ("/app/mail.js", SCRIPT, include_bytes!("../../web/app/mail.js")),
    ("/app/mailbox.js", SCRIPT, include_bytes!("../../web/app/mailbox.js")),
    ("/app/main.js", SCRIPT, include_bytes!("../../web/app/main.js")),
    ("/app/menu.js", SCRIPT, include_bytes!("../../web/app/menu.js")),
    ("/app/notfound.js", SCRIPT, include_bytes!("../../web/app/notfound.js")),
    ("/app/password.js", SCRIPT, include_bytes!("../../web/app/password.js")),
    ("/app/queue.js", SCRIPT, include_bytes!("../../web/app/queue.js")),
    ("/app/route.js", SCRIPT, include_bytes!("../../web/app/route.js")),
    ("/app/search.js", SCRIPT, include_bytes!("../../web/app/search.js")),
    ("/app/services.js", SCRIPT, include_bytes!("../../web/app/services.js")),
    ("/app/setting.js", SCRIPT, include_bytes!("../../web/app/setting.js")),
    ("/app/settings.js", SCRIPT, include_bytes!("../../web/app/settings.js")),
    ("/app/shell.js", SCRIPT, include_bytes!("../../web/app/shell.js")),
    ("/app/start.js", SCRIPT, include_bytes!("../../web/app/start.js")),
    ("/app/state.js", SCRIPT, include_bytes!("../../web/app/state.js")),
    ("/app/tokens.js", SCRIPT, include_bytes!("../../web/app/tokens.js")),
    ("/app/ui.js", SCRIPT, include_bytes!("../../web/app/ui.js")),
    ("/app/values.js", SCRIPT, include_bytes!("../../web/app/values.js")),
    ("/app/words.js", SCRIPT, include_bytes!("../../web/app/words.js")),
    ("/app/zone.js", SCRIPT, include_bytes!("../../web/app/zone.js")),
    ("/icon.svg", IMAGE, include_bytes!("../../web/icon.svg")),
    ("/style.css", STYLE, include_bytes!("../../web/style.css")),
    ("/vendor/hooks.js", SCRIPT, include_bytes!("../../web/vendor/hooks.js")),
    ("/vendor/htm.js", SCRIPT, include_bytes!("../../web/vendor/htm.js")),
    ("/vendor/preact.js", SCRIPT, include_bytes!("../../web/vendor/preact.js")),
    ("/words/en.js", SCRIPT, include_bytes!("../../web/words/en.js")),
    ("/words/ru.js", SCRIPT, include_bytes!("../../web/words/ru.js")),
];

#[cfg(test)]
mod tests {
    use std::{collections::BTreeSet, fs, path::Path};

    use super::*;

    fn below(directory: &Path, found: &mut BTreeSet<String>) {
        for entry in fs::read_dir(directory).unwrap().map(Result::unwrap) {
            match entry.file_type().unwrap().is_dir() {
                true => below(&entry.path(), found),
                false => drop(found.insert(entry.path().display().to_string())),
            }
        }
    }

    #[test]
    fn every_file_that_a_browser_can_use_is_in_the_list() {
        let web = Path::new(env!("CARGO_MANIFEST_DIR")).join("web");
        let mut there = BTreeSet::new();
        below(&web, &mut there);
        there.retain(|file| [".html", ".js", ".css", ".svg"].iter().any(|end| file.ends_with(end)));
        let name = |path: &str| web.join(if path == "/" { "index.html" } else { &path[1..] }).display().to_string();
        let listed: BTreeSet<String> = FILES.iter().map(|file| name(file.0)).collect();
        assert_eq!(listed, there);
    }
}
