//! The running time: clock, bells, stop signs, shared snapshots, worker threads, the executor, the board.
//!
//! Knows nothing of mail. Everything here is handed in at the top by `app`; nothing is global.

mod board;
mod clock;
mod exec;
mod guard;
mod shared;
mod signal;
mod trim;
mod worker;

pub use board::{Board, Light, State};
pub use clock::{Clock, FloorClock, SystemClock, TestClock, is_plausible, stepped};
pub use exec::{Executor, Task};
pub use guard::{timeout, unpanicked};
pub use shared::Shared;
pub use signal::{Bell, Stop};
pub use trim::{give_back, keep_some};
pub use worker::{Busy, Worker};

/// A bounded queue between tasks and threads, the way a thread waits for a future, and a lock that is held across a wait
/// (smol's; only this room names smol for them).
pub use smol::{
    block_on,
    channel::{Receiver, Sender, bounded},
    lock::Mutex as Turns,
};
