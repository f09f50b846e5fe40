//! The JSON API on the Unix socket, for the subcommands and the page; the door of tiny_http.
