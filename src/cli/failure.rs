//! Why a subcommand did not do it: what happened, what to do, and the exit code.

use std::{io, process::ExitCode};

use serde_json::{Value as Json, json};

/// A failure; its words go to standard error.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Failure {
    /// 1 refused, 2 wrong usage, 3 no server.
    pub code: u8,
    /// What happened, and where.
    pub what: String,
    /// What to do.
    pub todo: String,
    /// The server's own words, for `--json`.
    pub body: Option<Json>,
}

impl Failure {
    /// The command line is wrong.
    pub fn usage(what: impl Into<String>, todo: impl Into<String>) -> Self {
        Failure { code: 2, what: what.into(), todo: todo.into(), body: None }
    }

    /// It was understood, and cannot be done.
    pub fn refused(what: impl Into<String>, todo: impl Into<String>) -> Self {
        Failure { code: 1, what: what.into(), todo: todo.into(), body: None }
    }

    /// Nobody answers.
    pub fn unreachable(what: impl Into<String>, todo: impl Into<String>) -> Self {
        Failure { code: 3, what: what.into(), todo: todo.into(), body: None }
    }

    /// A file cannot be read.
    pub fn file(path: &str, error: &io::Error) -> Self {
        Failure::refused(format!("{path} cannot be read: {error}"), "name a file that is there and may be read")
    }

    /// It was told already.
    pub fn silent() -> Self {
        Failure::refused("", "")
    }

    /// Tells, and gives the exit code.
    pub fn exit(self, json: bool) -> ExitCode {
        if self.what.is_empty() {
            return ExitCode::from(self.code);
        }
        if json {
            let body = self.body.unwrap_or_else(|| json!({ "error": self.what, "todo": self.todo }));
            eprintln!("{body}");
        } else {
            eprintln!("gatepost: {}", self.what);
            if !self.todo.is_empty() {
                eprintln!("what to do: {}", self.todo);
            }
        }
        ExitCode::from(self.code)
    }
}
