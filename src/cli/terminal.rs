//! Standard input: passwords and questions. A password is never echoed and never an argument.

use std::io::{self, BufRead, IsTerminal, Read, Write};

use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};

use super::Failure;

/// Octets of a line of standard input.
const LINE: u64 = 4096;

/// A password: the first line of standard input; from a terminal without echo, asked twice.
pub(super) fn password() -> Result<String, Failure> {
    let stdin = io::stdin();
    if !stdin.is_terminal() {
        return line();
    }
    let quiet = Quiet::begin();
    let first = asked("Password: ")?;
    let second = asked("Once more: ")?;
    drop(quiet);
    if first == second { Ok(first) } else { Err(Failure::refused("the two are not the same", "try again")) }
}

/// Lets a person on a terminal confirm what cannot be undone, by typing the name; a script is not asked.
pub(super) fn confirm(what: &str, name: &str, yes: bool) -> Result<(), Failure> {
    if yes || !io::stdin().is_terminal() {
        return Ok(());
    }
    eprint!("{what} This cannot be undone. Type {name} to go on: ");
    if line()?.trim() == name {
        Ok(())
    } else {
        Err(Failure::refused("nothing was done", "type the name exactly, or add --yes"))
    }
}

fn asked(prompt: &str) -> Result<String, Failure> {
    eprint!("{prompt}");
    let _ = io::stderr().flush();
    let said = line();
    eprintln!();
    said
}

fn line() -> Result<String, Failure> {
    let mut bytes = Vec::new();
    let read = io::stdin().lock().take(LINE).read_until(b'\n', &mut bytes);
    read.map_err(|error| {
        Failure::refused(format!("standard input cannot be read: {error}"), "send the password as one line")
    })?;
    let text = bytes.strip_suffix(b"\n").unwrap_or(&bytes);
    let text = text.strip_suffix(b"\r").unwrap_or(text);
    String::from_utf8(text.to_vec())
        .map_err(|_| Failure::refused("standard input is not UTF-8", "send the password in UTF-8"))
}

/// No echo until it is dropped.
struct Quiet(Option<Termios>);

impl Quiet {
    fn begin() -> Self {
        let Ok(before) = tcgetattr(io::stdin()) else {
            return Quiet(None);
        };
        let mut without = before.clone();
        without.local_modes.remove(LocalModes::ECHO);
        let _ = tcsetattr(io::stdin(), OptionalActions::Flush, &without);
        Quiet(Some(before))
    }
}

impl Drop for Quiet {
    fn drop(&mut self) {
        if let Some(before) = &self.0 {
            let _ = tcsetattr(io::stdin(), OptionalActions::Now, before);
        }
    }
}
