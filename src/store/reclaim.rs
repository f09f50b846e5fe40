//! Gives the space of deleted messages back to the file system.

use std::sync::Arc;

use super::{core::Core, fault::Fault, mail::Mail};

/// The reclaiming under way, if any.
#[derive(Default)]
pub(super) struct Reclaimer {}

impl Reclaimer {
    /// Whether there is a next step at once.
    pub fn is_busy(&self) -> bool {
        false
    }

    /// One small step.
    pub fn step(&mut self, _core: &Arc<Core>, _mail: &Arc<Mail>) -> Result<(), Fault> {
        Ok(())
    }
}
