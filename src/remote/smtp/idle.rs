//! Sessions between two messages: kept for a moment, because mail for one destination often comes in rows.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use super::{Target, session::Session};
use crate::limits;

struct Kept {
    target: Target,
    session: Session,
    since: Duration,
}

/// The sessions.
#[derive(Default)]
pub(super) struct Idle(Mutex<Vec<Kept>>);

impl Idle {
    /// A session with this target; it is the caller's now.
    pub fn take(&self, target: &Target) -> Option<Session> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let at = kept.iter().rposition(|kept| kept.target == *target)?;
        Some(kept.swap_remove(at).session)
    }

    /// Keeps one; gives the oldest back where there are too many.
    pub fn put(&self, target: Target, session: Session, now: Duration) -> Option<Session> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.push(Kept { target, session, since: now });
        (kept.len() > limits::SEND_IDLE).then(|| {
            let oldest = kept.iter().enumerate().min_by_key(|(_, kept)| kept.since).map_or(0, |(n, _)| n);
            kept.swap_remove(oldest).session
        })
    }

    /// Whether none waits.
    pub fn is_empty(&self) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).is_empty()
    }

    /// Those that waited for `limit` or longer.
    pub fn expired(&self, now: Duration, limit: Duration) -> Vec<Session> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (old, young): (Vec<Kept>, Vec<Kept>) =
            kept.drain(..).partition(|kept| now.saturating_sub(kept.since) >= limit);
        *kept = young;
        old.into_iter().map(|kept| kept.session).collect()
    }
}
