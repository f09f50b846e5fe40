//! Who is it? Names, credentials, the throttle before the hash, the cache beside it, and the exchanges of the mechanisms.
//!
//! A name nobody has and a mailbox that is switched off go the whole way with a credential that no password fits: the
//! peer cannot tell them from a wrong password, neither by the answer nor by its time.

use std::{
    io,
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use super::{
    AdminRefusal, Client, LoggedIn, LoginRefusal, LoginStep, Mechanism,
    cache::Cache,
    imported::{self, Renewal},
    secret::{BootKey, Tag},
    throttle::{Admission, Outcome, Throttle, Try},
};
use crate::{
    directory::{Admin, Directory, Mailbox},
    limits,
    rt::{Clock, Receiver, Sender, Shared, Worker, bounded},
    settings::Settings,
    types::{Address, Credential, Password},
    wire::{
        sasl,
        scram::{self, ClientFinal, ClientFirst, ServerFinal, ServerFirst},
    },
};

/// Everything a login needs; `Policy` owns one.
pub(super) struct Logins {
    settings: Shared<Settings>,
    directory: Shared<Directory>,
    clock: Arc<dyn Clock>,
    hashing: Worker,
    key: BootKey,
    throttle: Mutex<Throttle>,
    cache: Mutex<Cache>,
    renewed: Sender<Renewal>,
    renewals: Receiver<Renewal>,
}

/// Somebody who wants in: a mailbox of ours, or nobody in disguise.
struct Account {
    /// None: there is no such mailbox, or it is switched off.
    address: Option<(crate::types::MailboxId, Address)>,
    password: Password,
    tag: Tag,
}

impl Account {
    fn logged_in(&self, mechanism: &'static str) -> LoginStep {
        match &self.address {
            Some((mailbox, address)) => {
                LoginStep::Done(LoggedIn { mailbox: *mailbox, address: address.clone(), mechanism })
            }
            None => LoginStep::Refused(LoginRefusal::Wrong),
        }
    }
}

/// A try that the throttle let in. Dropped before its end, it was not judged.
struct Attempt<'a> {
    logins: &'a Logins,
    who: Try,
    outcome: Outcome,
}

impl Drop for Attempt<'_> {
    fn drop(&mut self) {
        let now = self.logins.clock.mono();
        lock(&self.logins.throttle).judged(now, self.who, self.outcome);
    }
}

impl Logins {
    /// Starts the hashing thread. Fails when there is no thread or no randomness.
    pub fn new(settings: Shared<Settings>, directory: Shared<Directory>, clock: Arc<dyn Clock>) -> io::Result<Self> {
        let hashing = Worker::start("hash", 1, limits::HASH_QUEUE)?;
        let key = BootKey::make()?;
        let (throttle, cache) = (Mutex::default(), Mutex::default());
        let (renewed, renewals) = bounded(imported::WAITING);
        Ok(Logins { settings, directory, clock, hashing, key, throttle, cache, renewed, renewals })
    }

    /// What logins by imported hashes leave to be written.
    pub fn renewals(&self) -> Receiver<Renewal> {
        self.renewals.clone()
    }

    /// A name and its password.
    pub async fn password(&self, client: &Client, name: &str, password: &str, mechanism: &'static str) -> LoginStep {
        let account = self.account(name);
        match self.judge(client.ip, &account, password).await {
            Ok(()) => account.logged_in(mechanism),
            Err(refusal) => LoginStep::Refused(refusal),
        }
    }

    /// An administrator's name and password: the throttle, thread and cache of everybody else.
    pub async fn admin(&self, ip: IpAddr, name: &str, password: &str) -> Result<Admin, AdminRefusal> {
        let tag = self.key.account(&format!("\0administrator/{name}"));
        let admin = self.directory.get().admins.get(name).cloned();
        let kept = match &admin {
            Some(admin) => admin.credential.clone(),
            None => self.key.nobody(&tag, self.settings.get().scram_iterations),
        };
        let account = Account { address: None, password: kept.into(), tag };
        let judged = self.judge(ip, &account, password).await;
        judged.and_then(|()| admin.ok_or(LoginRefusal::Wrong)).map_err(|why| AdminRefusal {
            why,
            wait: lock(&self.throttle).wait(self.clock.mono(), Try { ip, account: tag }),
        })
    }

    async fn judge(&self, ip: IpAddr, account: &Account, password: &str) -> Result<(), LoginRefusal> {
        let login = self.key.password(&account.tag, password, &account.password);
        let mut attempt = self.admit(ip, account.tag, Some(login))?;
        let now = self.clock.mono();
        let known = lock(&self.cache).knows(&login, now);
        if !known {
            match self.check(account, password).await {
                None => return Err(LoginRefusal::Busy),
                Some(false) => {
                    attempt.outcome = Outcome::Wrong(Some(login));
                    return Err(LoginRefusal::Wrong);
                }
                Some(true) => {
                    let keep = Duration::from_secs(60 * u64::from(self.settings.get().login_cache_minutes));
                    lock(&self.cache).remember(login, self.clock.mono(), keep);
                }
            }
        }
        attempt.outcome = Outcome::Right;
        Ok(())
    }

    /// Whether a password fits, on the hashing thread; None when its queue is full. An imported hash that fits leaves a renewal.
    async fn check(&self, account: &Account, password: &str) -> Option<bool> {
        let password = password.to_owned();
        match account.password.clone() {
            Password::Scram(credential) => {
                self.hashing.try_run(move || scram::verify_password(&credential, &password)).await.ok()
            }
            Password::Imported(hash) => {
                let (iterations, address) = (self.settings.get().scram_iterations, account.address.clone());
                let renewal = move || {
                    let fits = imported::fits(&hash, &password);
                    let salt = fits.then(scram::random::<{ scram::SALT }>).flatten();
                    let credential = salt.map(|salt| scram::derive(&password, &salt, iterations));
                    let renewal = address.zip(credential).map(|((_, address), credential)| Renewal {
                        address,
                        imported: hash,
                        credential,
                    });
                    (fits, renewal)
                };
                let (fits, renewal) = self.hashing.try_run(renewal).await.ok()?;
                // No place is no loss: the hash stays good, and the next login tries again.
                renewal.into_iter().for_each(|renewal| drop(self.renewed.try_send(renewal)));
                Some(fits)
            }
        }
    }

    fn admit(&self, ip: IpAddr, account: Tag, password: Option<Tag>) -> Result<Attempt<'_>, LoginRefusal> {
        let who = Try { ip, account };
        match lock(&self.throttle).admit(self.clock.mono(), who, password) {
            Admission::Go => Ok(Attempt { logins: self, who, outcome: Outcome::Unjudged }),
            Admission::Wait => Err(LoginRefusal::Throttled),
            Admission::KnownWrong => Err(LoginRefusal::Wrong),
        }
    }

    /// Finds the mailbox of a login name, or makes up a nobody that looks like one.
    fn account(&self, name: &str) -> Account {
        let (settings, directory) = (self.settings.get(), self.directory.get());
        let address = login_address(name, &settings.login_domain);
        // One throttle count for `ann`, `Ann` and `ann@office.test`.
        let tag = match &address {
            Some(address) => self.key.account(&throttled(address)),
            None => self.key.account(name),
        };
        match address.as_ref().and_then(|a| directory.mailboxes.get(a)) {
            Some(Mailbox { id, address, password, enabled: true, .. }) => {
                Account { address: Some((*id, address.clone())), password: password.clone(), tag }
            }
            Some(_) | None => {
                Account { address: None, password: self.key.nobody(&tag, settings.scram_iterations).into(), tag }
            }
        }
    }

    /// Whether both names are one account: an authorization identity must be empty or one's own.
    fn is_own(&self, authzid: &str, name: &str) -> bool {
        authzid.is_empty() || self.account(authzid).tag == self.account(name).tag
    }
}

/// The address of a login name: whole, or the part before the `@` with the default domain behind it (D1).
fn login_address(name: &str, login_domain: &str) -> Option<Address> {
    if name.contains('@') || login_domain.is_empty() {
        return Address::parse(name).ok();
    }
    Address::parse(&format!("{name}@{login_domain}")).ok()
}

/// Letters of every script in lower case, as the directory compares them. Believed: those of ASCII are enough. True: each way
/// to write a name of other letters had free guesses of its own.
fn throttled(address: &Address) -> String {
    format!("{}@{}", address.local.key(), address.domain)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Where an exchange is.
enum Turn<'a> {
    /// Nothing was said yet.
    Start,
    /// LOGIN: the name is asked for.
    Name,
    /// LOGIN: the password of this name is asked for.
    Password(String),
    /// SCRAM: server-first was sent.
    Proof(Box<Proving<'a>>),
    /// SCRAM: server-final was sent; the client may still dislike it.
    Shown(LoggedIn),
    /// It was refused or is over.
    Ended,
}

struct Proving<'a> {
    account: Account,
    credential: Credential,
    attempt: Attempt<'a>,
    first: ClientFirst,
    server_first: ServerFirst,
}

/// One login under way. Bytes in and out are those inside base64.
pub struct LoginExchange<'a> {
    logins: &'a Logins,
    client: Client,
    mechanism: Mechanism,
    name: Option<String>,
    turn: Turn<'a>,
}

impl<'a> LoginExchange<'a> {
    pub(super) fn new(logins: &'a Logins, client: &Client, mechanism: Mechanism, allowed: bool) -> Self {
        let turn = if allowed { Turn::Start } else { Turn::Ended };
        LoginExchange { logins, client: client.clone(), mechanism, name: None, turn }
    }

    /// Who is said to log in, once that was said; a stranger's text, for the journal.
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// One turn; None at the start means that there was no initial response.
    pub async fn step(&mut self, input: Option<&[u8]>) -> LoginStep {
        match (std::mem::replace(&mut self.turn, Turn::Ended), input) {
            (Turn::Start, None) => self.begin(),
            (Turn::Start, Some(octets)) => self.first(octets).await,
            (Turn::Name, Some(octets)) => self.ask_password(octets),
            (Turn::Password(name), Some(octets)) => {
                let password = String::from_utf8_lossy(octets);
                self.logins.password(&self.client, &name, &password, self.mechanism.name()).await
            }
            (Turn::Proof(proving), Some(octets)) => self.proof(*proving, octets),
            (Turn::Shown(who), Some(b"")) => LoginStep::Done(who),
            (Turn::Name | Turn::Password(_) | Turn::Proof(_) | Turn::Shown(_), _) => {
                LoginStep::Refused(LoginRefusal::Malformed)
            }
            (Turn::Ended, _) => LoginStep::Refused(LoginRefusal::Wrong),
        }
    }

    fn begin(&mut self) -> LoginStep {
        match self.mechanism {
            Mechanism::Plain | Mechanism::ScramSha256 => {
                self.turn = Turn::Start;
                LoginStep::Challenge(Vec::new())
            }
            Mechanism::Login => {
                self.turn = Turn::Name;
                LoginStep::Challenge(sasl::USERNAME.to_vec())
            }
        }
    }

    async fn first(&mut self, octets: &[u8]) -> LoginStep {
        match self.mechanism {
            Mechanism::Plain => self.plain(octets).await,
            Mechanism::Login => self.ask_password(octets),
            Mechanism::ScramSha256 => self.scram_first(octets),
        }
    }

    async fn plain(&mut self, octets: &[u8]) -> LoginStep {
        let Ok(plain) = sasl::Plain::parse(octets) else {
            return LoginStep::Refused(LoginRefusal::Malformed);
        };
        self.name = Some(plain.authcid.clone());
        if !self.logins.is_own(&plain.authzid, &plain.authcid) {
            return LoginStep::Refused(LoginRefusal::Wrong);
        }
        self.logins.password(&self.client, &plain.authcid, &plain.password, self.mechanism.name()).await
    }

    fn ask_password(&mut self, octets: &[u8]) -> LoginStep {
        let name = String::from_utf8_lossy(octets).into_owned();
        self.name = Some(name.clone());
        self.turn = Turn::Password(name);
        LoginStep::Challenge(sasl::PASSWORD.to_vec())
    }

    fn scram_first(&mut self, octets: &[u8]) -> LoginStep {
        let Ok(first) = ClientFirst::parse(octets) else {
            return LoginStep::Refused(LoginRefusal::Malformed);
        };
        self.name = Some(first.user.clone());
        if !self.logins.is_own(first.authzid.as_deref().unwrap_or(""), &first.user) {
            return LoginStep::Refused(LoginRefusal::Wrong);
        }
        let account = self.logins.account(&first.user);
        let attempt = match self.logins.admit(self.client.ip, account.tag, None) {
            Ok(attempt) => attempt,
            Err(refusal) => return LoginStep::Refused(refusal),
        };
        let Some(ours) = scram::nonce() else {
            return LoginStep::Refused(LoginRefusal::Busy);
        };
        let credential = match &account.password {
            Password::Scram(credential) => credential.clone(),
            // Nothing can be proved of an imported hash: it looks like a wrong password, and a client goes on with PLAIN.
            Password::Imported(_) => self.logins.key.nobody(&account.tag, self.logins.settings.get().scram_iterations),
        };
        let server_first = ServerFirst {
            nonce: format!("{}{ours}", first.nonce),
            salt: credential.salt.clone(),
            iterations: credential.iterations,
        };
        let challenge = server_first.write().into_bytes();
        self.turn = Turn::Proof(Box::new(Proving { account, credential, attempt, first, server_first }));
        LoginStep::Challenge(challenge)
    }

    fn proof(&mut self, proving: Proving<'a>, octets: &[u8]) -> LoginStep {
        let Proving { account, credential, mut attempt, first, server_first } = proving;
        let Ok(last) = ClientFinal::parse(octets) else {
            return LoginStep::Refused(LoginRefusal::Malformed);
        };
        // RFC 5802 s5.1: both must come back as they were sent.
        if last.nonce != server_first.nonce || last.gs2 != first.gs2() {
            return LoginStep::Refused(LoginRefusal::Malformed);
        }
        let message = scram::auth_message(first.bare(), &server_first.write(), last.without_proof());
        if !scram::verify_proof(&credential, &message, &last.proof) {
            // A proof does not show which password it was made of: here the same wrong one counts every time.
            attempt.outcome = Outcome::Wrong(None);
            return LoginStep::Refused(LoginRefusal::Wrong);
        }
        attempt.outcome = Outcome::Right;
        match account.logged_in(self.mechanism.name()) {
            LoginStep::Done(who) => {
                self.turn = Turn::Shown(who);
                let signature = scram::server_signature(&credential, &message);
                LoginStep::Challenge(ServerFinal::Verifier(signature).write().into_bytes())
            }
            other @ (LoginStep::Challenge(_) | LoginStep::Refused(_)) => other,
        }
    }
}
