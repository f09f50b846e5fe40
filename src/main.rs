//! The `gatepost` program: one binary, its subcommands in `cli`.

use std::process::ExitCode;

fn main() -> ExitCode {
    gatepost::cli::main()
}
