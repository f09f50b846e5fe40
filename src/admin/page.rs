//! The files of `web/`, inside the program. No build step: plain HTML, CSS and ES modules.

const HTML: &str = "text/html; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";
const STYLE: &str = "text/css; charset=utf-8";
const IMAGE: &str = "image/svg+xml";

const FILES: &[(&str, &str, &str)] = &[
    ("/", HTML, include_str!("../../web/index.html")),
    ("/app/admins.js", SCRIPT, include_str!("../../web/app/admins.js")),
    ("/app/alias.js", SCRIPT, include_str!("../../web/app/alias.js")),
    ("/app/api.js", SCRIPT, include_str!("../../web/app/api.js")),
    ("/app/board.js", SCRIPT, include_str!("../../web/app/board.js")),
    ("/app/certificates.js", SCRIPT, include_str!("../../web/app/certificates.js")),
    ("/app/domain.js", SCRIPT, include_str!("../../web/app/domain.js")),
    ("/app/events.js", SCRIPT, include_str!("../../web/app/events.js")),
    ("/app/graph.js", SCRIPT, include_str!("../../web/app/graph.js")),
    ("/app/history.js", SCRIPT, include_str!("../../web/app/history.js")),
    ("/app/icons.js", SCRIPT, include_str!("../../web/app/icons.js")),
    ("/app/journal.js", SCRIPT, include_str!("../../web/app/journal.js")),
    ("/app/lib.js", SCRIPT, include_str!("../../web/app/lib.js")),
    ("/app/lines.js", SCRIPT, include_str!("../../web/app/lines.js")),
    ("/app/list.js", SCRIPT, include_str!("../../web/app/list.js")),
    ("/app/login.js", SCRIPT, include_str!("../../web/app/login.js")),
    ("/app/mail.js", SCRIPT, include_str!("../../web/app/mail.js")),
    ("/app/mailbox.js", SCRIPT, include_str!("../../web/app/mailbox.js")),
    ("/app/main.js", SCRIPT, include_str!("../../web/app/main.js")),
    ("/app/menu.js", SCRIPT, include_str!("../../web/app/menu.js")),
    ("/app/notfound.js", SCRIPT, include_str!("../../web/app/notfound.js")),
    ("/app/route.js", SCRIPT, include_str!("../../web/app/route.js")),
    ("/app/services.js", SCRIPT, include_str!("../../web/app/services.js")),
    ("/app/setting.js", SCRIPT, include_str!("../../web/app/setting.js")),
    ("/app/settings.js", SCRIPT, include_str!("../../web/app/settings.js")),
    ("/app/shell.js", SCRIPT, include_str!("../../web/app/shell.js")),
    ("/app/start.js", SCRIPT, include_str!("../../web/app/start.js")),
    ("/app/state.js", SCRIPT, include_str!("../../web/app/state.js")),
    ("/app/tokens.js", SCRIPT, include_str!("../../web/app/tokens.js")),
    ("/app/ui.js", SCRIPT, include_str!("../../web/app/ui.js")),
    ("/app/values.js", SCRIPT, include_str!("../../web/app/values.js")),
    ("/app/words.js", SCRIPT, include_str!("../../web/app/words.js")),
    ("/icon.svg", IMAGE, include_str!("../../web/icon.svg")),
    ("/style.css", STYLE, include_str!("../../web/style.css")),
    ("/vendor/hooks.js", SCRIPT, include_str!("../../web/vendor/hooks.js")),
    ("/vendor/htm.js", SCRIPT, include_str!("../../web/vendor/htm.js")),
    ("/vendor/preact.js", SCRIPT, include_str!("../../web/vendor/preact.js")),
    ("/words/en.js", SCRIPT, include_str!("../../web/words/en.js")),
    ("/words/ru.js", SCRIPT, include_str!("../../web/words/ru.js")),
];

/// Type and bytes of a file of the page.
pub(super) fn file(path: &str) -> Option<(&'static str, &'static [u8])> {
    FILES.iter().find(|file| file.0 == path).map(|file| (file.1, file.2.as_bytes()))
}
