//! Opens everything, applies settings, owns every task, stops everything.
//!
//! The order of a start: state directory, `system.redb`, snapshots, mail store, certificates, doors, the API's socket, the
//! day files. What an administrator can mend while we run (a port in use, no mail disk) is a line on the board, not an end.

mod allowance;
mod build;
mod doors;
mod house;
mod policies;
mod run;
mod sending;
mod srs;
mod time;

pub use house::{AppError, House, Options};
pub use run::run;
