//! The book of certificates: those that were handed in from rows and those of a watched directory (N2), by name.
//!
//! A file that cannot be used, or is gone, never takes away what is in use: a half-done copy must not stop TLS. Of two with
//! one name the file counts, because it is the one that something renews.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use smol::future::FutureExt;

use super::{
    CertificateInfo, Identity,
    identity::WRITTEN,
    watch::{self, Files},
};
use crate::{
    journal::{CertificateNews, Journal, ServiceEvent},
    limits,
    rt::{Bell, Board, Clock, Light, Stop, Worker},
    types::set_of,
};

/// Where a certificate comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// Handed in: uploaded or made here.
    Stored,
    /// A file of the watched directory.
    Watched,
}

/// A line of the list of certificates.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// Its name in the settings.
    pub name: String,
    /// Where it comes from.
    pub source: Source,
    /// What stands in the one that is used; None when there is none that could be.
    pub info: Option<CertificateInfo>,
    /// What is wrong with the newest one, if it cannot be used.
    pub trouble: Option<String>,
}

/// Cheap to clone; every clone is the same book.
#[derive(Clone)]
pub struct Certificates(Arc<Inner>);

struct Inner {
    clock: Arc<dyn Clock>,
    journal: Journal,
    board: Board,
    worker: Worker,
    changed: Bell,
    rescan: Bell,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    stored: BTreeMap<String, Entry>,
    watched: BTreeMap<String, Entry>,
    directory: Option<PathBuf>,
    /// The directory that `watched` was read from.
    scanned: Option<PathBuf>,
    /// The directory could not be read, and that was told.
    unreadable: bool,
    /// Names with a line on the board.
    shown: BTreeSet<String>,
}

/// One certificate.
#[derive(Default)]
struct Entry {
    identity: Option<Identity>,
    trouble: Option<String>,
    /// The files as they were when they were read; none yet for a new one.
    read: Option<Files>,
    /// The files as they were at the last look.
    seen: Option<Files>,
    /// The least number of days of [`STEPS`] that was told.
    told: Option<i64>,
}

/// Days before the end at which a certificate is spoken of; the last one means that it has expired.
const STEPS: [i64; 4] = [30, 7, 1, -1];

impl Certificates {
    /// An empty book. Files are read on `worker`.
    pub fn new(clock: Arc<dyn Clock>, journal: Journal, board: Board, worker: Worker) -> Self {
        let (changed, rescan, state) = (Bell::default(), Bell::default(), Mutex::default());
        Certificates(Arc::new(Inner { clock, journal, board, worker, changed, rescan, state }))
    }

    /// Rung whenever an identity was added, replaced or removed; for one waiter.
    pub fn changed(&self) -> Bell {
        self.0.changed.clone()
    }

    /// Replaces what was handed in: names and PEM texts (chain and key in one). A text that cannot be used is listed with
    /// its trouble, and what was there before under its name serves on.
    pub fn set_stored(&self, rows: impl IntoIterator<Item = (String, String)>) {
        let mut state = self.state();
        let mut old = std::mem::take(&mut state.stored);
        let mut changed = false;
        for (name, pem) in rows {
            let mut entry = old.remove(&name).unwrap_or_default();
            changed |= self.take(&name, &mut entry, Identity::from_pem(&pem, "").map_err(|e| e.to_string()));
            state.stored.insert(name, entry);
        }
        changed |= !old.is_empty();
        self.show(&mut state);
        drop(state);
        if changed {
            self.0.changed.ring();
        }
    }

    /// Which directory is watched from now on; None for none. Its first reading comes at once where [`Certificates::run`]
    /// runs.
    pub fn set_directory(&self, directory: Option<PathBuf>) {
        self.state().directory = directory;
        self.0.rescan.ring();
    }

    /// The certificate of that name that can be used.
    pub fn identity(&self, name: &str) -> Option<Identity> {
        let state = self.state();
        let of = |map: &BTreeMap<String, Entry>| map.get(name).and_then(|entry| entry.identity.clone());
        of(&state.watched).or_else(|| of(&state.stored))
    }

    /// Every certificate, by name; a stored one that a file stands before is listed too.
    pub fn list(&self) -> Vec<Listed> {
        let state = self.state();
        let both = [(Source::Stored, &state.stored), (Source::Watched, &state.watched)];
        let mut all: Vec<Listed> = both
            .into_iter()
            .flat_map(|(source, map)| map.iter().map(move |(name, entry)| entry.listed(name, source)))
            .collect();
        all.sort_by_cached_key(|listed| listed.name.clone());
        all
    }

    /// Looks into the directory every few seconds, and at the calendar, until `stop`.
    pub async fn run(self, stop: Stop) {
        let pause = Duration::from_secs(limits::CERTIFICATE_POLL_SECS);
        while !stop.is_set() {
            self.scan().await;
            let timer = async {
                smol::Timer::after(pause).await;
            };
            timer.or(self.0.rescan.wait()).or(stop.wait()).await;
        }
    }

    /// One look: what is new or has changed is read. A file that changed is read when it has stood still from one look to
    /// the next; at the first look at a directory at once, because the services wait for it.
    pub async fn scan(&self) {
        let directory = self.state().directory.clone();
        let Some(directory) = directory else {
            self.forget_directory();
            return;
        };
        let dir = directory.clone();
        let listed = self.0.worker.run(move || watch::list(&dir).map_err(|error| error.to_string())).await;
        let files = match listed.unwrap_or_else(|_| Err("the reading thread is gone".into())) {
            Ok(files) => files,
            Err(why) => return self.unreadable(&directory, why),
        };
        let due = self.due(&directory, &files);
        let read = move || due.into_iter().map(|(name, files)| (name, watch::read(&files), files)).collect::<Vec<_>>();
        let fresh = self.0.worker.run(read).await.unwrap_or_default();
        self.settle(directory, files, fresh);
    }

    /// Notes what was seen; gives the certificates that must be read now.
    fn due(&self, directory: &Path, files: &BTreeMap<String, Files>) -> Vec<(String, Files)> {
        let mut state = self.state();
        let first = state.scanned.as_deref() != Some(directory);
        let mut due = Vec::new();
        for (name, now) in files {
            let entry = state.watched.entry(name.clone()).or_default();
            let still = entry.seen.as_ref() == Some(now);
            if first || (still && entry.read.as_ref() != Some(now)) {
                due.push((name.clone(), now.clone()));
            }
            entry.seen = Some(now.clone());
        }
        due
    }

    fn settle(
        &self,
        directory: PathBuf,
        files: BTreeMap<String, Files>,
        fresh: Vec<(String, Result<Identity, String>, Files)>,
    ) {
        let mut state = self.state();
        let mut changed = false;
        if state.scanned.as_deref() != Some(directory.as_path()) {
            let before = state.watched.len();
            state.watched.retain(|name, _| files.contains_key(name));
            changed |= state.watched.len() != before;
            state.scanned = Some(directory);
        }
        for (name, identity, read) in fresh {
            let entry = state.watched.entry(name.clone()).or_default();
            entry.read = Some(read);
            changed |= self.take(&name, entry, identity);
        }
        let gone: Vec<String> = state.watched.keys().filter(|name| !files.contains_key(*name)).cloned().collect();
        for name in gone {
            changed |= self.lost(&mut state, &name);
        }
        state.unreadable = false;
        self.0.board.wipe(DIRECTORY);
        self.show(&mut state);
        drop(state);
        if changed {
            self.0.changed.ring();
        }
    }

    /// A file is gone. What was read from it serves until the next start, unless a stored one has the name.
    fn lost(&self, state: &mut State, name: &str) -> bool {
        let stored = state.stored.get(name).is_some_and(|entry| entry.identity.is_some());
        let Some(entry) = state.watched.get_mut(name) else { return false };
        if stored || entry.identity.is_none() {
            state.watched.remove(name);
            return stored;
        }
        (entry.read, entry.seen) = (None, None);
        if entry.trouble.is_none() {
            let why = "its file is gone from the directory of certificates".to_owned();
            self.tell(name, CertificateNews::Bad { why: why.clone(), kept: true });
            entry.trouble = Some(why);
        }
        false
    }

    /// Puts a new reading into an entry; says whether its identity is another now.
    fn take(&self, name: &str, entry: &mut Entry, new: Result<Identity, String>) -> bool {
        match new {
            Ok(identity) => {
                let same = entry.identity.as_ref().is_some_and(|old| old.key().cert == identity.key().cert);
                let was_bad = entry.trouble.take().is_some();
                if same && !was_bad {
                    return false;
                }
                let info = identity.info();
                self.tell(name, CertificateNews::Loaded { names: info.names.clone(), until: info.not_after });
                entry.identity = Some(identity);
                entry.told = None;
                !same
            }
            Err(why) => {
                if entry.trouble.as_ref() != Some(&why) {
                    self.tell(name, CertificateNews::Bad { why: why.clone(), kept: entry.identity.is_some() });
                }
                entry.trouble = Some(why);
                false
            }
        }
    }

    fn forget_directory(&self) {
        let mut state = self.state();
        let had = !state.watched.is_empty();
        state.watched.clear();
        state.scanned = None;
        self.0.board.wipe(DIRECTORY);
        self.show(&mut state);
        drop(state);
        if had {
            self.0.changed.ring();
        }
    }

    fn unreadable(&self, directory: &Path, why: String) {
        let mut state = self.state();
        let path = directory.display().to_string();
        let text = format!("{path} cannot be read: {why}. Certificates that were read before stay in use.");
        self.0.board.put(DIRECTORY, Light::Yellow, text);
        if !std::mem::replace(&mut state.unreadable, true) {
            self.0.journal.tell(ServiceEvent::CertificateDirectory { path, why });
        }
        self.show(&mut state);
    }

    /// Writes the board, and speaks of certificates that come to their end.
    fn show(&self, state: &mut State) {
        let State { stored, watched, shown, .. } = state;
        let mut lines = Vec::new();
        for (name, entry) in watched.iter_mut() {
            let spare = stored.get(name).is_some_and(|entry| entry.identity.is_some());
            lines.push(self.line(name, entry, spare));
        }
        for (name, entry) in stored.iter_mut().filter(|(name, _)| !watched.contains_key(*name)) {
            lines.push(self.line(name, entry, false));
        }
        let now = set_of(lines.iter().map(|line| line.0.clone()));
        for name in shown.difference(&now) {
            self.0.board.wipe(name);
        }
        for (name, light, text) in lines {
            self.0.board.put(&name, light, text);
        }
        *shown = now;
    }

    /// `spare`: there is a stored one of that name beside the file.
    fn line(&self, name: &str, entry: &mut Entry, spare: bool) -> (String, Light, String) {
        let service = format!("certificate:{name}");
        let Some(info) = entry.identity.as_ref().map(|identity| identity.info().clone()) else {
            return match &entry.trouble {
                None => (service, Light::Yellow, "its files are still being written".into()),
                Some(why) if spare => {
                    (service, Light::Yellow, format!("its file cannot be used: {why}; the stored one is used"))
                }
                Some(why) => (service, Light::Red, format!("cannot be used: {why}")),
            };
        };
        let (step, days) = self.step(&info);
        let newly = step.filter(|step| entry.told.is_none_or(|told| *step < told));
        if newly.is_some() {
            self.tell(name, CertificateNews::Expires { days, until: info.not_after });
            entry.told = step;
        }
        let until = info.not_after.day();
        let (light, text) = match step {
            Some(-1) => (Light::Red, format!("expired on {until}: upload a new one, or renew its file")),
            Some(_) => (Light::Yellow, format!("expires in {days} days, on {until}: get a new one")),
            None => (Light::Green, format!("valid until {until}")),
        };
        match &entry.trouble {
            Some(why) if light != Light::Red => {
                (service, Light::Yellow, format!("{text}; the newest one cannot be used: {why}"))
            }
            Some(why) => (service, light, format!("{text}; the newest one cannot be used: {why}")),
            None => (service, light, text),
        }
    }

    /// The smallest step that was reached, if any, and the days that are left. Nothing expires while the clock cannot be
    /// right.
    fn step(&self, info: &CertificateInfo) -> (Option<i64>, i64) {
        let now = self.0.clock.now();
        let days = info.days_left(now);
        if now.0 < WRITTEN {
            return (None, days);
        }
        (STEPS.into_iter().rev().find(|step| days <= *step), days)
    }

    fn tell(&self, name: &str, what: CertificateNews) {
        self.0.journal.tell(ServiceEvent::Certificate { name: name.to_owned(), what });
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The directory's own line on the board.
const DIRECTORY: &str = "certificates";

impl Entry {
    fn listed(&self, name: &str, source: Source) -> Listed {
        let info = self.identity.as_ref().map(|identity| identity.info().clone());
        Listed { name: name.to_owned(), source, info, trouble: self.trouble.clone() }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use smol::block_on;

    use super::*;
    use crate::{rt::TestClock, types::UnixTime};

    const NOW: UnixTime = UnixTime(1_800_000_000);
    const DAY: i64 = 86_400;

    struct Setup {
        book: Certificates,
        clock: Arc<TestClock>,
        journal: Journal,
        board: Board,
        dir: PathBuf,
    }

    impl Setup {
        fn new(name: &str) -> Self {
            let dir = std::env::temp_dir().join(format!("gatepost-book-{name}-{}", std::process::id()));
            let _ = fs::remove_dir_all(&dir);
            fs::create_dir_all(&dir).unwrap();
            let clock = Arc::new(TestClock::at(NOW));
            let (journal, board) = (Journal::new(clock.clone()), Board::default());
            let worker = Worker::start("read", 1, 4).unwrap();
            let book = Certificates::new(clock.clone(), journal.clone(), board.clone(), worker);
            Setup { book, clock, journal, board, dir }
        }

        fn scan(&self) {
            block_on(self.book.scan());
        }

        fn light(&self, service: &str) -> Option<Light> {
            self.board.all().get(service).map(|state| state.light)
        }

        fn told(&self, words: &str) -> usize {
            self.journal.newest(1000).iter().filter(|line| line.line.text.contains(words)).count()
        }

        fn rung(&self) -> bool {
            block_on(smol::future::poll_once(self.book.changed().wait())).is_some()
        }

        fn fingerprint(&self, name: &str) -> String {
            self.book.identity(name).unwrap().info().fingerprint.clone()
        }
    }

    impl Drop for Setup {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.dir);
        }
    }

    fn made(name: &str) -> (String, String) {
        Identity::self_signed(&[name.to_owned()], NOW).unwrap()
    }

    fn combined(name: &str) -> String {
        let (chain, key) = made(name);
        chain + &key
    }

    #[test]
    fn stored_certificates_are_listed_used_and_taken_away() {
        let s = Setup::new("stored");
        s.book.set_stored([("mail".into(), combined("mail.test")), ("bad".into(), "nonsense".into())]);
        assert!(s.rung());
        assert_eq!(s.book.identity("mail").unwrap().info().names, ["mail.test"]);
        assert!(s.book.identity("bad").is_none());
        let list = s.book.list();
        assert_eq!(list.iter().map(|l| l.name.as_str()).collect::<Vec<_>>(), ["bad", "mail"]);
        assert!(list[0].trouble.is_some() && list[1].trouble.is_none());
        assert_eq!((s.light("certificate:bad"), s.light("certificate:mail")), (Some(Light::Red), Some(Light::Green)));
        s.book.set_stored([]);
        assert!(s.rung());
        assert!(s.book.identity("mail").is_none() && s.board.all().is_empty());
    }

    #[test]
    fn every_layout_of_files_is_read_at_the_first_look() {
        let s = Setup::new("layouts");
        let (chain, key) = made("b.test");
        fs::write(s.dir.join("a.pem"), combined("a.test")).unwrap();
        fs::write(s.dir.join("b.crt"), &chain).unwrap();
        fs::write(s.dir.join("b.key"), &key).unwrap();
        fs::create_dir(s.dir.join("c")).unwrap();
        fs::write(s.dir.join("c/fullchain.pem"), &chain).unwrap();
        fs::write(s.dir.join("c/privkey.pem"), &key).unwrap();
        fs::write(s.dir.join(".hidden.pem"), &chain).unwrap();
        fs::write(s.dir.join("README"), "words").unwrap();
        rustix::fs::mkfifoat(rustix::fs::CWD, s.dir.join("pipe.pem"), rustix::fs::Mode::RUSR).unwrap();
        s.book.set_directory(Some(s.dir.clone()));
        s.scan();
        assert!(s.rung());
        assert_eq!(s.book.list().iter().map(|l| l.name.as_str()).collect::<Vec<_>>(), ["a", "b", "c"]);
        assert!(s.book.list().iter().all(|l| l.info.is_some() && l.source == Source::Watched));
    }

    #[test]
    fn a_changed_file_is_swapped_in_when_it_stands_still_and_a_bad_one_is_not() {
        let s = Setup::new("swap");
        let file = s.dir.join("mail.pem");
        fs::write(&file, combined("one.test")).unwrap();
        s.book.set_directory(Some(s.dir.clone()));
        s.scan();
        let first = s.fingerprint("mail");
        assert!(s.rung());
        let whole = combined("two.test");
        fs::write(&file, &whole[..300]).unwrap();
        s.scan();
        assert_eq!(
            (s.light("certificate:mail"), s.told("cannot be used")),
            (Some(Light::Green), 0),
            "half-written: waits"
        );
        s.scan();
        s.scan();
        assert_eq!(s.light("certificate:mail"), Some(Light::Yellow));
        assert_eq!(s.told("cannot be used"), 1, "told once");
        assert_eq!(s.fingerprint("mail"), first);
        assert!(!s.rung());
        fs::write(&file, &whole).unwrap();
        s.scan();
        assert_eq!(s.fingerprint("mail"), first);
        s.scan();
        assert_ne!(s.fingerprint("mail"), first);
        assert!(s.rung());
        assert_eq!(s.light("certificate:mail"), Some(Light::Green));
        s.scan();
        assert!(!s.rung(), "nothing changed");
    }

    #[test]
    fn a_file_that_goes_away_does_not_stop_tls() {
        let s = Setup::new("gone");
        fs::write(s.dir.join("mail.pem"), combined("file.test")).unwrap();
        s.book.set_directory(Some(s.dir.clone()));
        s.scan();
        fs::remove_file(s.dir.join("mail.pem")).unwrap();
        s.scan();
        s.scan();
        assert!(s.book.identity("mail").is_some());
        assert_eq!((s.light("certificate:mail"), s.told("is gone")), (Some(Light::Yellow), 1));
        fs::remove_dir(&s.dir).unwrap();
        s.scan();
        s.scan();
        assert!(s.book.identity("mail").is_some());
        assert_eq!((s.light(DIRECTORY), s.told("cannot be read")), (Some(Light::Yellow), 1));
        s.book.set_stored([("mail".into(), combined("stored.test"))]);
        fs::create_dir(&s.dir).unwrap();
        s.scan();
        assert_eq!(s.book.identity("mail").unwrap().info().names, ["stored.test"]);
        assert_eq!(s.light(DIRECTORY), None);
        s.book.set_directory(None);
        s.scan();
        assert_eq!(s.book.list().len(), 1);
    }

    #[test]
    fn a_file_stands_before_a_stored_certificate_of_its_name_unless_it_is_bad() {
        let s = Setup::new("both");
        s.book.set_stored([("mail".into(), combined("stored.test"))]);
        fs::write(s.dir.join("mail.pem"), "nonsense").unwrap();
        s.book.set_directory(Some(s.dir.clone()));
        s.scan();
        assert_eq!(s.book.identity("mail").unwrap().info().names, ["stored.test"]);
        assert_eq!(s.light("certificate:mail"), Some(Light::Yellow));
        fs::write(s.dir.join("mail.pem"), combined("file.test")).unwrap();
        s.scan();
        s.scan();
        assert_eq!(s.book.identity("mail").unwrap().info().names, ["file.test"]);
        assert_eq!(s.book.list().len(), 2);
    }

    #[test]
    fn the_end_is_announced_once_at_30_7_and_1_days_and_never_by_a_clock_in_1970() {
        let s = Setup::new("expiry");
        s.clock.step_to(UnixTime(100));
        s.book.set_stored([("mail".into(), combined("mail.test"))]);
        assert_eq!(s.told("expire"), 0);
        let end = s.book.identity("mail").unwrap().info().not_after;
        for (before, told, light) in [
            (31 * DAY + 5, 0, Light::Green),
            (30 * DAY + 5, 1, Light::Yellow),
            (29 * DAY, 1, Light::Yellow),
            (7 * DAY + 5, 2, Light::Yellow),
            (DAY + 5, 3, Light::Yellow),
            (5, 3, Light::Yellow),
            (-5, 4, Light::Red),
            (-3 * DAY, 4, Light::Red),
        ] {
            s.clock.step_to(end.plus(-before));
            s.scan();
            assert_eq!((s.told("expire"), s.light("certificate:mail")), (told, Some(light)), "{before}");
        }
    }
}
