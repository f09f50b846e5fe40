//! The JSON API on the Unix socket, for the subcommands and the page; the door of tiny_http.
//!
//! `http` cuts requests, `operations` is the table of everything that can be asked, `openapi` writes it down for others, `people`, `config`, `certificates`, `lines`, `status` are the hands, and everything
//! that changes goes over the `desk`. Must not know: sessions, sockets of strangers (that is `listen`), how settings are put
//! into effect (that is `app`, which hands in a function).

mod answer;
mod api;
mod certificates;
mod config;
mod desk;
mod http;
mod lines;
mod openapi;
mod operations;
mod page;
mod people;
mod status;
mod stream;

pub use answer::{Answer, ApiError, Body, Stream, Writing};
pub use certificates::{CERTIFICATE_ROWS, load_certificates};
pub use desk::{Apply, Caller, Desk, DeskError, House, Precheck, load};
pub use http::{Admin, SOCKET};
pub use operations::{Area, Scope};
pub use people::credential;
pub use status::report_json;
