//! The files of `web/`, inside the program. No build step: plain HTML, CSS and an ES module.

const FILES: &[(&str, &str, &str)] = &[
    ("/", "text/html; charset=utf-8", include_str!("../../web/index.html")),
    ("/status.js", "text/javascript; charset=utf-8", include_str!("../../web/status.js")),
    ("/words.js", "text/javascript; charset=utf-8", include_str!("../../web/words.js")),
    ("/style.css", "text/css; charset=utf-8", include_str!("../../web/style.css")),
];

/// Type and bytes of a file of the page.
pub(super) fn file(path: &str) -> Option<(&'static str, &'static [u8])> {
    FILES.iter().find(|file| file.0 == path).map(|file| (file.1, file.2.as_bytes()))
}
