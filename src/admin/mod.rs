//! The page and its JSON API, for browsers, scripts and the subcommands; the door of tiny_http.
//!
//! `http` takes requests from the front through the `gate`; `lodge` says who asks (`sessions`, `tokens`) and what he may (`roles`);
//! `reply` puts these together. `operations` is the table of everything that can be asked, `openapi` writes it down for others;
//! `people`, `config`, `certificates`, `lines`, `queue`, `unqueue`, `encryption`, `status` are the hands, and everything that changes goes over the `desk`.
//! Must not know: sockets of strangers (that is `listen`), how settings are put
//! into effect (that is `app`, which hands in a function).

mod answer;
mod api;
mod certificates;
mod config;
mod desk;
mod dkim;
mod dns;
mod encryption;
mod events;
mod files;
pub mod gate;
mod http;
mod language;
mod lines;
mod lodge;
mod mailboxes;
mod metrics;
mod openapi;
mod operations;
mod paging;
mod password;
mod people;
mod purges;
mod queue;
mod refused;
mod reindex;
mod reply;
mod roles;
mod sealed;
mod secret;
mod sessions;
mod start;
mod status;
mod stream;
mod system;
mod tokens;
mod unqueue;

pub use answer::{Answer, ApiError, Body, Source, Stream, Writing};
pub use certificates::{CERTIFICATE_ROWS, load_certificates};
pub use desk::{Apply, Caller, Desk, DeskError, House, Interfaces, Live, Precheck, load};
pub use dkim::keep_keys;
pub use gate::{Events, Gate, Peer};
pub use http::{Admin, SOCKET};
pub use lodge::{How, Visitor};
pub use operations::{Area, Scope};
pub use password::credential;
pub use purges::keep_purging;
pub use refused::refused;
pub use reindex::{derive, reindexed_json};
pub use roles::Rights;
pub use sealed::seal_all;
pub use status::report_json;
