//! The program in the foreground: umask, root, signals.

use std::{io, process::ExitCode};

use async_signal::{Signal, Signals};
use rustix::{
    fs::Mode,
    process::{geteuid, umask},
};
use smol::stream::StreamExt;

use super::{House, Options};
use crate::{journal::hear_libraries, rt};

/// Runs until SIGTERM or SIGINT. 0 after a clean end, 1 when the house could not be built (the reason is on stderr).
pub fn run(options: Options, allow_root: bool) -> ExitCode {
    if geteuid().is_root() && !allow_root {
        eprintln!(
            "gatepost: does not run as root: start it as its own user (ports below 1024 need CAP_NET_BIND_SERVICE), or insist with --allow-root"
        );
        return ExitCode::FAILURE;
    }
    // Section 7: files 0600, directories 0700.
    umask(Mode::RWXG | Mode::RWXO);
    // Refused, it is only slower.
    let _ = rt::keep_some();
    let signals = match Signals::new([Signal::Term, Signal::Int]) {
        Ok(signals) => signals,
        Err(error) => return failed(&format!("signals cannot be caught: {error}")),
    };
    match House::start(options) {
        Ok(house) => {
            hear_libraries(house.journal.clone());
            println!("gatepost: ready");
            let why = house.work_until(first(signals));
            house.stop(&why);
            ExitCode::SUCCESS
        }
        Err(error) => failed(&error.to_string()),
    }
}

async fn first(mut signals: Signals) -> String {
    match signals.next().await {
        Some(Ok(signal)) => format!("signal {signal:?}"),
        Some(Err(error)) => error.to_string(),
        None => io::Error::from(io::ErrorKind::UnexpectedEof).to_string(),
    }
}

fn failed(why: &str) -> ExitCode {
    eprintln!("gatepost: {why}");
    ExitCode::FAILURE
}
