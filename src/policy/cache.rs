//! Verified logins, remembered for minutes: a client that fetches every minute costs one slow hash in ten minutes.
//!
//! Holds keyed hashes only ([`super::secret`]); a changed password has another hash, so it needs no word from anybody.

use std::{collections::HashMap, time::Duration};

use super::secret::Tag;
use crate::limits;

/// Bounded by [`limits::LOGIN_CACHE`].
#[derive(Default)]
pub struct Cache {
    until: HashMap<Tag, Duration>,
}

impl Cache {
    /// Whether this login was verified and is not too old.
    pub fn knows(&self, login: &Tag, now: Duration) -> bool {
        self.until.get(login).is_some_and(|until| now < *until)
    }

    /// Remembers a login that was verified by its hash. It is not prolonged by use.
    pub fn remember(&mut self, login: Tag, now: Duration, keep: Duration) {
        if keep.is_zero() {
            return;
        }
        if self.until.len() >= limits::LOGIN_CACHE {
            self.until.retain(|_, until| now < *until);
        }
        if self.until.len() >= limits::LOGIN_CACHE {
            let oldest = self.until.iter().min_by_key(|(_, until)| **until).map(|(tag, _)| *tag);
            oldest.map(|tag| self.until.remove(&tag));
        }
        self.until.insert(login, now + keep);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    fn tag(n: u64) -> Tag {
        u128::from(n).to_be_bytes()
    }

    #[test]
    fn forgets_after_its_time() {
        let mut cache = Cache::default();
        cache.remember(tag(1), Duration::ZERO, MINUTE);
        assert!(cache.knows(&tag(1), MINUTE / 2) && !cache.knows(&tag(2), MINUTE / 2));
        assert!(!cache.knows(&tag(1), MINUTE));
        cache.remember(tag(3), Duration::ZERO, Duration::ZERO);
        assert!(!cache.knows(&tag(3), Duration::ZERO));
    }

    #[test]
    fn stays_within_its_bound_and_drops_the_oldest() {
        let mut cache = Cache::default();
        for n in 0..limits::LOGIN_CACHE as u64 + 10 {
            cache.remember(tag(n), Duration::from_millis(n), MINUTE);
        }
        let now = Duration::from_secs(10);
        assert_eq!(cache.until.len(), limits::LOGIN_CACHE);
        assert!(!cache.knows(&tag(9), now) && cache.knows(&tag(10), now));
    }
}
