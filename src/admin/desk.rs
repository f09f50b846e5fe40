//! The desk: every change of settings, directory and certificates goes over it, one at a time. Each is checked, written
//! durably, then put into the snapshots that the sessions read, then told to the journal with who and from where.

use std::{
    collections::BTreeMap,
    fmt, io,
    net::IpAddr,
    path::PathBuf,
    sync::{Arc, atomic::AtomicUsize},
};

use smol::lock::{Mutex, MutexGuard};

use super::{ApiError, events::Hub, gate::Gate, lodge::Lodge, metrics::Told, sealed::merged};
use crate::{
    directory::{self, Change, Directory, DirectoryError, Loaded, RowChange},
    journal::{AdminEvent, Journal},
    net::{Certificates, Vault, dns::Resolver},
    pipeline::Pipeline,
    policy::Policy,
    proof::Keyring,
    remote::{Tap, TlsReports},
    rt::{Bell, Board, Clock, Shared, Worker},
    settings::{self, FieldError, Settings, TlsMode, Version, Versions},
    store::{Days, Row, Store, StoreError, Write},
    types::{FolderName, Special, map_of},
};

/// Says what the outside has against settings.
pub type Precheck = Arc<dyn Fn(&Settings) -> Vec<FieldError> + Send + Sync>;
/// Puts settings into effect.
pub type Apply = Arc<dyn Fn(&Settings) + Send + Sync>;

/// Says how many connections each service has.
pub type Live = Arc<dyn Fn() -> BTreeMap<&'static str, usize> + Send + Sync>;
/// Names of network interfaces with their addresses.
pub type Interfaces = Arc<dyn Fn() -> io::Result<BTreeMap<String, Vec<IpAddr>>> + Send + Sync>;

/// What `app` hands in.
pub struct House {
    /// The disk.
    pub store: Store,
    /// State directory, where the socket is.
    pub state_dir: PathBuf,
    /// Directory of the mail store, for the room on its disk.
    pub mail_dir: PathBuf,
    /// The snapshot that sessions read; replaced after a save.
    pub settings: Shared<Settings>,
    /// The same for the directory.
    pub directory: Shared<Directory>,
    /// Asks name servers.
    pub resolver: Arc<dyn Resolver>,
    /// DKIM keys that sign.
    pub keyring: Shared<Keyring>,
    /// A thread for what takes long: it makes keys.
    pub worker: Worker,
    /// State of the services.
    pub board: Board,
    /// The journal, of which it has the newest lines.
    pub journal: Journal,
    /// The journal's files.
    pub days: Days,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// The last dialogues with other servers.
    pub tap: Tap,
    /// How encryption with other servers went.
    pub tls: Arc<TlsReports>,
    /// Certificates that can be used now; it wakes whoever makes handshakes when one changes.
    pub certificates: Certificates,
    /// What the outside says before settings are saved: whether ports can be bound, directories are there.
    pub precheck: Precheck,
    /// Writes notices to senders.
    pub pipeline: Arc<Pipeline>,
    /// Who is it: passwords of administrators, with the throttle of all logins.
    pub policy: Arc<Policy>,
    /// Keeps passwords for other servers.
    pub vault: Arc<Vault>,
    /// Where the front brings requests.
    pub gate: Gate,
    /// Puts saved settings into effect; what came of it goes to the board.
    pub apply: Apply,
    /// Connections that are open now, by service.
    pub live: Live,
    /// Asks the system for its network interfaces (N3); blocks for a moment.
    pub interfaces: Interfaces,
}

/// Who asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// A name.
    pub who: String,
    /// `socket`, or an address.
    pub from: String,
}

impl Caller {
    /// The program itself (first start).
    pub fn ourselves() -> Self {
        Caller { who: "gatepost".to_owned(), from: "first start".to_owned() }
    }
}

/// Why a change did not happen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DeskError {
    /// The directory does not allow it.
    Directory(DirectoryError),
    /// Settings that cannot be; every field that is wrong.
    Fields(Vec<FieldError>),
    /// Another change of the settings came first; the version that holds now.
    Stale(u64),
    /// The disk did not take it.
    Store(StoreError),
}

impl fmt::Display for DeskError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DeskError::Directory(error) => error.fmt(f),
            DeskError::Fields(errors) => {
                let words: Vec<String> = errors.iter().map(FieldError::to_string).collect();
                f.write_str(&words.join("; "))
            }
            DeskError::Stale(rev) => write!(f, "the settings were changed meanwhile: version {rev} holds now"),
            DeskError::Store(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for DeskError {}

impl From<StoreError> for DeskError {
    fn from(error: StoreError) -> Self {
        DeskError::Store(error)
    }
}

/// Settings and directory as the rows say, for the start; what is damaged is told and left out.
pub async fn load(store: &Store, journal: &Journal) -> Result<(Settings, Directory), StoreError> {
    let versions = versions(store).await?;
    for key in &versions.damaged {
        journal.tell(AdminEvent::Damaged { what: format!("version {key} of the settings cannot be read") });
    }
    let fields = versions.newest().map(|v| v.fields.clone()).unwrap_or_default();
    let (settings, errors) = Settings::tolerant(&fields);
    for error in errors {
        journal.tell(AdminEvent::Damaged { what: format!("stored settings: {error}; its default holds") });
    }
    let rows = store.rows(directory::ROW_KIND).await?;
    let Loaded { directory, damage } = Directory::from_rows(rows.iter().map(|r| (r.key.as_str(), r.value.as_slice())));
    for what in damage {
        journal.tell(AdminEvent::Damaged { what });
    }
    Ok((settings, directory))
}

async fn versions(store: &Store) -> Result<Versions, StoreError> {
    let rows = store.rows(settings::ROW_KIND).await?;
    Ok(Versions::from_rows(rows.iter().map(|row| (row.key.as_str(), row.value.as_slice()))))
}

/// Everything an administrator may change.
pub struct Desk {
    house: House,
    /// One change at a time: each reads a snapshot, writes rows, and replaces the snapshot.
    turn: Mutex<()>,
    /// Held while DKIM keys change.
    pub(super) keys: Mutex<()>,
    /// Domains or the switch of signing changed.
    pub(super) keys_due: Bell,
    /// Mailboxes were removed.
    pub(super) purges_due: Bell,
    /// Held by a check of the store: it reads the whole disk, and holds one of the two threads that answer.
    check: Mutex<()>,
    /// Downloads that are written now; each holds a thread.
    pub(super) downloads: Arc<AtomicUsize>,
    /// Who is logged in.
    lodge: Lodge,
    /// Wakes the event streams.
    pub(super) hub: Arc<Hub>,
    /// What the journal told since the start, counted.
    pub(super) told: Arc<Told>,
}

impl Desk {
    /// A desk in this house.
    pub fn new(house: House) -> Self {
        let hub = Arc::new(Hub::new(house.clock.now()));
        house.journal.add_sink(hub.clone());
        let told = Arc::new(Told::default());
        house.journal.add_sink(told.clone());
        let (turn, keys, check) = (Mutex::new(()), Mutex::new(()), Mutex::new(()));
        Desk {
            house,
            turn,
            keys,
            keys_due: Bell::default(),
            purges_due: Bell::default(),
            check,
            downloads: Arc::default(),
            lodge: Lodge::default(),
            hub,
            told,
        }
    }

    /// What was handed in.
    pub fn house(&self) -> &House {
        &self.house
    }

    /// Who is logged in.
    pub(super) fn lodge(&self) -> &Lodge {
        &self.lodge
    }

    /// The right to run a check or a reindex, unless one runs.
    pub(super) fn begin_check(&self) -> Result<MutexGuard<'_, ()>, ApiError> {
        let todo = "wait for it: gatepost status shows how far it is";
        self.check.try_lock().ok_or_else(|| ApiError::new(409, "a check or a reindex is running already", todo))
    }

    /// Changes the directory: durable before it is seen. Folders of a new mailbox are made first (D2), so that a mailbox
    /// without them cannot be left behind; mail of a removed one is deleted afterwards ([`super::keep_purging`]).
    pub async fn change(&self, change: Change, caller: &Caller) -> Result<(), DeskError> {
        self.change_all(vec![change], caller).await
    }

    /// The same for several changes: all of them in one durable transaction, or none.
    pub async fn change_all(&self, changes: Vec<Change>, caller: &Caller) -> Result<(), DeskError> {
        let turn = self.turn.lock().await;
        let old = self.house.directory.get();
        let done: Vec<String> = changes.iter().filter_map(describe).collect();
        let applied = old.apply_all(changes).map_err(DeskError::Directory)?;
        self.house.store.make_folders_of(applied.added, self.first_folders()).await?;
        self.write_directory(applied.directory, applied.rows).await?;
        drop(turn);
        if !applied.removed.is_empty() {
            self.purges_due.ring();
        }
        for what in done {
            let Caller { who, from } = caller.clone();
            self.house.journal.tell(AdminEvent::Directory { what, who, from });
        }
        Ok(())
    }

    async fn write_directory(&self, directory: Directory, rows: Vec<RowChange>) -> Result<(), StoreError> {
        let kind = || directory::ROW_KIND.to_owned();
        let writes: Vec<Write> = rows
            .into_iter()
            .map(|row| match row {
                RowChange::Put { key, value } => Write::Put(Row { kind: kind(), key, value }),
                RowChange::Remove { key } => Write::Remove(kind(), key),
            })
            .collect();
        if !writes.is_empty() {
            self.house.store.write(writes).await?;
        }
        self.house.directory.set(directory);
        self.keys_due.ring();
        Ok(())
    }

    /// D2: INBOX and the folders of the setting, each with its special use.
    fn first_folders(&self) -> Vec<(FolderName, Special)> {
        let settings = self.house.settings.get();
        let named = settings.mailbox_folders.iter().filter_map(|name| FolderName::parse(name));
        std::iter::once(FolderName::inbox()).chain(named).map(|name| (name.clone(), name.special())).collect()
    }

    /// Takes rows out whose work is done.
    pub(super) async fn forget(&self, done: Vec<Change>) -> Result<(), DeskError> {
        let _turn = self.turn.lock().await;
        let applied = self.house.directory.get().apply_all(done).map_err(DeskError::Directory)?;
        Ok(self.write_directory(applied.directory, applied.rows).await?)
    }

    /// Every version of the settings, oldest first, and the number of the newest (0: none yet).
    pub async fn versions(&self) -> Result<Versions, DeskError> {
        Ok(versions(&self.house.store).await?)
    }

    /// Saves settings on top of version `rev` (compare-and-set): `Some` text sets, `None` goes back to the default. Gives
    /// the version that holds afterwards; the same when nothing differs.
    pub async fn save(
        &self,
        rev: u64,
        changes: BTreeMap<String, Option<String>>,
        caller: &Caller,
    ) -> Result<u64, DeskError> {
        let _turn = self.turn.lock().await;
        let versions = self.versions().await?;
        let current = versions.newest().cloned().unwrap_or_default();
        if current.rev != rev {
            return Err(DeskError::Stale(current.rev));
        }
        let fields = merged(&self.house.vault, &current.fields, changes)?;
        self.store_version(&versions, current, fields, caller).await
    }

    /// Makes the fields of an old version hold again, as a new version on top of `rev`.
    pub async fn rollback(&self, rev: u64, to: u64, caller: &Caller) -> Result<u64, DeskError> {
        let _turn = self.turn.lock().await;
        let versions = self.versions().await?;
        let current = versions.newest().cloned().unwrap_or_default();
        if current.rev != rev {
            return Err(DeskError::Stale(current.rev));
        }
        // Version 0 is how it was before anybody saved anything: all defaults.
        let fields = match versions.get(to) {
            Some(old) => old.fields.clone(),
            None if to == 0 => BTreeMap::new(),
            None => {
                let what = format!("{to} is not kept (any more); see the list of versions");
                return Err(DeskError::Fields(vec![FieldError::new("version", what)]));
            }
        };
        self.store_version(&versions, current, fields, caller).await
    }

    async fn store_version(
        &self,
        versions: &Versions,
        current: Version,
        fields: BTreeMap<String, String>,
        caller: &Caller,
    ) -> Result<u64, DeskError> {
        let settings = Settings::check(&fields).map_err(DeskError::Fields)?;
        let texts = settings.texts();
        let text_of = |key: String| texts.get(key.as_str()).cloned().map(|text| (key, text));
        let fields = map_of(fields.into_keys().filter_map(text_of));
        if fields == current.fields {
            return Ok(current.rev);
        }
        let mut errors = self.no_certificate(&settings);
        let outside = (self.house.precheck)(&settings);
        errors
            .extend(outside.into_iter().filter(|new| !errors.iter().any(|old| old.key == new.key)).collect::<Vec<_>>());
        if !errors.is_empty() {
            return Err(DeskError::Fields(errors));
        }
        let Caller { who, from } = caller.clone();
        let next = Version { rev: versions.next_rev(), fields, who, when: self.house.clock.now().0, from };
        self.write_version(versions, &next).await?;
        for (key, old, new) in next.differs_from(&current) {
            let seen = |text: Option<String>| text.map(|text| settings::shown(&key, &text));
            let (old, new) = (seen(old), seen(new));
            let Caller { who, from } = caller.clone();
            self.house.journal.tell(AdminEvent::Setting { rev: next.rev, key, old, new, who, from });
        }
        self.house.settings.set(settings.clone());
        (self.house.apply)(&settings);
        self.keys_due.ring();
        Ok(next.rev)
    }

    /// Q27: where TLS is on, the certificate that is named must be there and usable.
    fn no_certificate(&self, settings: &Settings) -> Vec<FieldError> {
        let services = [
            ("tls.smtp.certificate", &settings.smtp_certificate, settings.smtp_tls),
            ("tls.pop3.certificate", &settings.pop3_certificate, settings.readers_tls()),
            ("tls.http.certificate", &settings.http_certificate, settings.http_tls),
        ];
        let missing = services.into_iter().filter(|(_, name, mode)| {
            let is_used = settings.ssl || *mode != TlsMode::Off;
            is_used && !name.is_empty() && self.house.certificates.identity(name).is_none()
        });
        missing
            .map(|(key, name, _)| {
                let what = format!(
                    "names the certificate '{name}', which is not there or cannot be used: see the list of certificates"
                );
                FieldError::new(key, what)
            })
            .collect()
    }

    async fn write_version(&self, versions: &Versions, next: &Version) -> Result<(), DeskError> {
        let kind = || settings::ROW_KIND.to_owned();
        let mut writes = vec![
            Write::Expect(kind(), next.key(), None),
            Write::Put(Row { kind: kind(), key: next.key(), value: next.value() }),
        ];
        writes.extend(versions.too_old().into_iter().map(|key| Write::Remove(kind(), key)));
        match self.house.store.write(writes).await {
            Ok(()) => Ok(()),
            Err(StoreError::Missing) => Err(DeskError::Stale(next.rev)),
            Err(error) => Err(error.into()),
        }
    }
}

/// What was done, for the journal; never a password.
fn describe(change: &Change) -> Option<String> {
    let quota =
        |quota: &Option<u64>| quota.map_or("no quota".to_owned(), |octets| format!("a quota of {octets} octets"));
    let list = |targets: &[crate::types::Address]| {
        targets.iter().map(crate::types::Address::to_string).collect::<Vec<_>>().join(", ")
    };
    Some(match change {
        Change::AddDomain(name) => format!("domain {name} added"),
        Change::RemoveDomain { name, purge: false } => format!("domain {name} removed"),
        Change::RemoveDomain { name, purge: true } => {
            format!("domain {name} removed with its mailboxes and their mail")
        }
        Change::SetCatchAll { domain, to: Some(to) } => format!("unknown mail of {domain} goes to {to}"),
        Change::SetCatchAll { domain, to: None } => format!("unknown mail of {domain} is refused"),
        Change::AddMailbox { address, quota: octets, .. } => format!("mailbox {address} added with {}", quota(octets)),
        Change::Renew { address, .. } => {
            format!("the imported hash of mailbox {address} is replaced after its first login")
        }
        Change::SetPassword(address, _) => format!("password of mailbox {address} changed"),
        Change::SetQuota(address, octets) => format!("mailbox {address} has {} now", quota(octets)),
        Change::SetEnabled(address, true) => format!("mailbox {address} may log in again"),
        Change::SetEnabled(address, false) => format!("mailbox {address} may not log in any more"),
        Change::SetOwner(address, owner) => format!("mailbox {address} belongs to {owner} now"),
        Change::RemoveMailbox(address) => format!("mailbox {address} removed with its mail"),
        Change::AddAlias(address, targets) => format!("alias {address} added, to {}", list(targets)),
        Change::SetAlias(address, targets) => format!("alias {address} goes to {} now", list(targets)),
        Change::RemoveAlias(address) => format!("alias {address} removed"),
        Change::AddAdmin(admin) => format!("administrator {} added", admin.name),
        Change::SetAdminPassword(name, _) => format!("password of administrator {name} changed"),
        Change::SetAdminReadOnly(name, true) => format!("administrator {name} may only look now"),
        Change::SetAdminReadOnly(name, false) => format!("administrator {name} may change things now"),
        Change::RemoveAdmin(name) => format!("administrator {name} removed"),
        Change::Purged(_) => return None,
    })
}
