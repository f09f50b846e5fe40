//! Logins of the page: in memory only, by the hash of the ticket in the cookie. A restart ends them all.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use super::secret;
use crate::{
    directory::{Admin, Directory},
    limits,
    types::Credential,
};

type Hash = [u8; 32];

/// How long a session lives.
#[derive(Clone, Copy, Debug)]
pub(super) struct Life {
    /// Without a request.
    pub idle: Duration,
    /// At most.
    pub whole: Duration,
}

struct Session {
    name: String,
    /// As it was at the login: another password ends the session.
    credential: Credential,
    since: Duration,
    used: Duration,
}

/// Every login of the page. Times are monotonic.
#[derive(Default)]
pub(super) struct Sessions(Mutex<HashMap<Hash, Session>>);

impl Sessions {
    /// Begins a session and gives its ticket; None when the system has no randomness. Where there are too many, the one that
    /// was used least recently ends.
    pub fn begin(&self, admin: &Admin, now: Duration) -> Option<String> {
        let ticket = secret::fresh()?;
        let mut all = self.all();
        if all.len() >= limits::WEB_SESSIONS {
            let oldest = all.iter().min_by_key(|(_, session)| session.used).map(|(hash, _)| *hash);
            oldest.map(|hash| all.remove(&hash));
        }
        let (name, credential) = (admin.name.clone(), admin.credential.clone());
        all.insert(secret::hash(&ticket), Session { name, credential, since: now, used: now });
        Some(ticket)
    }

    /// Whose session it is, as the directory has him now. `renew`: this is a request of his own, not something that a page
    /// does by itself.
    pub fn find(&self, ticket: &str, now: Duration, life: Life, directory: &Directory, renew: bool) -> Option<Admin> {
        let hash = secret::hash(ticket);
        let mut all = self.all();
        let session = all.get_mut(&hash)?;
        let admin = directory.admins.get(&session.name).filter(|admin| admin.credential == session.credential);
        let alive = now.saturating_sub(session.since) < life.whole && now.saturating_sub(session.used) < life.idle;
        match admin.filter(|_| alive) {
            Some(admin) => {
                if renew {
                    session.used = now;
                }
                Some(admin.clone())
            }
            None => {
                all.remove(&hash);
                None
            }
        }
    }

    /// Ends one.
    pub fn end(&self, ticket: &str) {
        self.all().remove(&secret::hash(ticket));
    }

    /// Ends all of an administrator; says how many these were.
    pub fn end_all(&self, name: &str) -> usize {
        let mut all = self.all();
        let before = all.len();
        all.retain(|_, session| session.name != name);
        before - all.len()
    }

    fn all(&self) -> MutexGuard<'_, HashMap<Hash, Session>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One-time links: a minute from being made to being used.
#[derive(Default)]
pub(super) struct Links(Mutex<HashMap<Hash, (String, Duration)>>);

impl Links {
    /// Makes a code that logs this administrator in once; None when the system has no randomness, or too many wait.
    pub fn make(&self, name: &str, now: Duration) -> Option<String> {
        let code = secret::fresh()?;
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|_, (_, until)| now < *until);
        if all.len() >= limits::LOGIN_LINKS {
            return None;
        }
        all.insert(secret::hash(&code), (name.to_owned(), now + Duration::from_secs(limits::LOGIN_LINK_SECS)));
        Some(code)
    }

    /// Whom a code logs in; it is used up.
    pub fn take(&self, code: &str, now: Duration) -> Option<String> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (name, until) = all.remove(&secret::hash(code))?;
        (now < until).then_some(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::scram;

    const LIFE: Life = Life { idle: Duration::from_secs(60), whole: Duration::from_secs(300) };

    fn admin(password: &str) -> Admin {
        Admin { name: "ann".into(), credential: scram::derive(password, b"salt", 4096), read_only: false }
    }

    fn directory(admin: &Admin) -> Directory {
        let mut directory = Directory::default();
        directory.admins.put(admin.clone());
        directory
    }

    fn secs(n: u64) -> Duration {
        Duration::from_secs(n)
    }

    #[test]
    fn a_session_ends_when_it_is_idle_and_when_it_is_old() {
        let (sessions, ann) = (Sessions::default(), admin("one"));
        let here = directory(&ann);
        let ticket = sessions.begin(&ann, secs(0)).unwrap();
        let find = |at, renew| sessions.find(&ticket, secs(at), LIFE, &here, renew).is_some();
        assert!(find(59, true) && find(118, false), "used");
        assert!(!find(119, false) && !find(1, true), "a look by the page itself does not prolong it");
        let ticket = sessions.begin(&ann, secs(0)).unwrap();
        let lived = (0..400).take_while(|at| sessions.find(&ticket, secs(*at), LIFE, &here, true).is_some()).count();
        assert_eq!(lived, 300);
    }

    #[test]
    fn another_password_ends_it_and_so_do_its_owner_and_his_removal() {
        let (sessions, ann) = (Sessions::default(), admin("one"));
        let begin = || sessions.begin(&ann, secs(0)).unwrap();
        let find = |ticket: &str, directory: &Directory| sessions.find(ticket, secs(1), LIFE, directory, true);
        let (first, second, third) = (begin(), begin(), begin());
        assert_eq!(find(&first, &directory(&admin("two"))), None);
        assert_eq!(find(&first, &directory(&ann)), None, "it does not come back");
        sessions.end(&second);
        assert_eq!(find(&second, &directory(&ann)), None);
        assert_eq!(find(&third, &Directory::default()), None);
        let (one, _two) = (begin(), begin());
        assert_eq!(sessions.end_all("ann"), 2);
        assert_eq!(find(&one, &directory(&ann)), None);
    }

    #[test]
    fn there_are_never_more_than_fit_and_the_oldest_goes() {
        let (sessions, ann) = (Sessions::default(), admin("one"));
        let tickets: Vec<String> =
            (0..=limits::WEB_SESSIONS as u64).map(|n| sessions.begin(&ann, secs(n)).unwrap()).collect();
        let life = Life { idle: secs(10_000), whole: secs(10_000) };
        let find = |ticket: &str| sessions.find(ticket, secs(300), life, &directory(&ann), true).is_some();
        assert!(!find(&tickets[0]) && find(&tickets[1]));
    }

    #[test]
    fn a_link_is_good_once_and_for_a_minute() {
        let links = Links::default();
        let code = links.make("ann", secs(0)).unwrap();
        assert_eq!(links.take("guess", secs(1)), None);
        assert_eq!((links.take(&code, secs(59)).as_deref(), links.take(&code, secs(59))), (Some("ann"), None));
        let late = links.make("ann", secs(0)).unwrap();
        assert_eq!(links.take(&late, secs(60)), None);
        let many = (0..100).filter(|_| links.make("ann", secs(100)).is_some()).count();
        assert_eq!(many, limits::LOGIN_LINKS);
    }
}
