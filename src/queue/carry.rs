//! The hands of the house: a parcel becomes a job of `remote::smtp`, signed where one of ours wrote it, with the login of the relay.

use std::{io, sync::Arc};

use super::{Coming, Hands, Outcome, Parcel, Route, Verdict, attempt::ours, home, routes::default_relay};
use crate::{
    journal::{Journal, QueueEvent},
    mime,
    net::{Vault, VaultError},
    pipeline::Pipeline,
    proof::{self, Keyring},
    remote::smtp::{Fields, Job, Login, Pool, Rcpt, Sign, Target},
    rt::{Clock, Shared},
    settings::Settings,
    types::{BodyReader, QueueId},
    wire::Secret,
};

/// Octets in which our Return-Path field ends.
const FIRST_FIELD: usize = 4096;
/// The setting of the relay's password.
const PASSWORD: &str = "relay.password";

/// Carries by SMTP and LMTP.
pub struct Carrier {
    /// Connections.
    pub pool: Pool,
    /// Keys of our domains.
    pub keyring: Shared<Keyring>,
    /// The relay and its login.
    pub settings: Shared<Settings>,
    /// Opens the relay's password.
    pub vault: Arc<Vault>,
    /// Hears of messages that leave unsigned.
    pub journal: Journal,
    /// Takes in what has become ours.
    pub pipeline: Arc<Pipeline>,
    /// Time.
    pub clock: Arc<dyn Clock>,
}

impl Hands for Carrier {
    fn carry(&self, parcel: Parcel) -> Coming<'_, Vec<Outcome>> {
        Box::pin(async move {
            if parcel.route == Route::Home {
                return home::deliver(&self.pipeline, parcel).await;
            }
            let ids: Vec<_> = parcel.rcpts.iter().map(|rcpt| rcpt.0).collect();
            match self.job(parcel).await {
                Ok(job) => self.pool.carry(&job).await,
                Err((status, text)) => {
                    let answer = ours(self.clock.now(), status, &text);
                    let later = |id| Outcome { id, verdict: Verdict::Later { answer: answer.clone(), reached: false } };
                    ids.into_iter().map(later).collect()
                }
            }
        })
    }
}

/// Why there is no job: our own status and words.
type NoJob = (&'static str, String);

impl Carrier {
    async fn job(&self, parcel: Parcel) -> Result<Job, NoJob> {
        let unread = |error: io::Error| ("4.3.0", format!("the message cannot be read from our disk: {error}"));
        let skip = return_path(&*parcel.body).await.map_err(unread)?;
        let signer = parcel.ours.then(|| self.signer(&parcel));
        let prefix = match &signer {
            Some(signer) => signer.fields(&*parcel.body, skip).await.map_err(unread)?,
            None => Vec::new(),
        };
        let login = self.login(&parcel.route).map_err(|error| ("4.7.0", error.to_string()))?;
        let Parcel { route, body, from, terms, rcpts, .. } = parcel;
        let target = match route {
            Route::Mx(domain) => Target::Direct(domain),
            Route::Relay(hop) => Target::Relay(hop),
            Route::Lmtp(hop) => Target::Lmtp(hop),
            Route::Discard | Route::Home => return Err(("4.3.5", "no other server has a part in this way".to_owned())),
        };
        let rcpts = rcpts.into_iter().map(|(id, to, wishes)| Rcpt { id, to, wishes }).collect();
        Ok(Job { target, login, from, terms, body, skip, prefix, signer, rcpts })
    }

    fn signer(&self, parcel: &Parcel) -> Arc<dyn Sign> {
        let (keyring, journal) = (self.keyring.clone(), self.journal.clone());
        Arc::new(Signer { keyring, journal, qid: parcel.qid.clone() })
    }

    /// B13-B15: the login belongs to the default relay, whichever rule leads there.
    fn login(&self, route: &Route) -> Result<Option<Login>, VaultError> {
        let settings = self.settings.get();
        let relay = default_relay(&settings).filter(|_| settings.relay_auth);
        let is_relay =
            |hop: &crate::types::Hop| relay.as_ref().is_some_and(|r| (&r.host, r.port) == (&hop.host, hop.port));
        match route {
            Route::Relay(hop) if is_relay(hop) => {
                let password = self.vault.open(PASSWORD, &settings.relay_password)?;
                let password = Arc::new(Secret(password.into_bytes()));
                Ok(Some(Login { name: settings.relay_login.clone(), password }))
            }
            Route::Relay(_) | Route::Mx(_) | Route::Lmtp(_) | Route::Discard | Route::Home => Ok(None),
        }
    }
}

/// Signs one message with the keys of now.
struct Signer {
    keyring: Shared<Keyring>,
    journal: Journal,
    qid: QueueId,
}

impl Sign for Signer {
    /// A key that cannot sign stops no mail: it leaves unsigned, and the journal says so. A disk that cannot be read does.
    fn fields<'a>(&'a self, text: &'a dyn BodyReader, skip: u64) -> Fields<'a> {
        Box::pin(async move {
            match proof::sign(&self.keyring.get(), text, skip).await {
                Ok(signed) => Ok(signed.fields),
                Err(error) if error.kind() == io::ErrorKind::Other => {
                    self.journal.tell(QueueEvent::Unsigned { qid: self.qid.clone(), why: error.to_string() });
                    Ok(Vec::new())
                }
                Err(error) => Err(error),
            }
        })
    }
}

/// Octets of the Return-Path field that we stamped: the last server writes it, not one on the way (RFC 5321 s4.4).
async fn return_path(body: &dyn BodyReader) -> io::Result<u64> {
    let head = body.read(0, FIRST_FIELD).await?;
    let first = mime::fields(&head).next().filter(|field| field.is("return-path"));
    Ok(first.map_or(0, |field| field.raw.len() as u64))
}
