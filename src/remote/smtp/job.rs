//! What is handed in, and what comes back.

use std::{future::Future, io, pin::Pin, sync::Arc};

use crate::{
    types::{Address, Answer, BodyReader, Domain, Hop, ReversePath, RowId, Terms, Wishes},
    wire::Secret,
};

/// Where to.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Target {
    /// The servers of a domain (RFC 5321 s5.1), or the one of an address literal.
    Direct(Domain),
    /// A server that sends it on.
    Relay(Hop),
    /// A store behind us (RFC 2033).
    Lmtp(Hop),
}

impl Target {
    /// As the page and the journal name it.
    pub fn name(&self) -> String {
        match self {
            Target::Direct(domain) => domain.to_string(),
            Target::Relay(hop) | Target::Lmtp(hop) => format!("{}:{}", hop.host, hop.port),
        }
    }
}

/// How to log in at a relay (B13-B15).
#[derive(Clone)]
pub struct Login {
    /// The name.
    pub name: String,
    /// The password, in clear.
    pub password: Arc<Secret>,
}

/// A recipient.
#[derive(Clone, Debug)]
pub struct Rcpt {
    /// Its row in the queue.
    pub id: RowId,
    /// Whom.
    pub to: Address,
    /// What the sender asked for it.
    pub wishes: Wishes,
}

/// Fields that a signer made.
pub type Fields<'a> = Pin<Box<dyn Future<Output = io::Result<Vec<u8>>> + Send + 'a>>;

/// Signs what leaves.
pub trait Sign: Send + Sync {
    /// The fields to be sent before what follows behind the first `skip` octets of `text`; none where no key of ours may speak for its
    /// author. An error is the disk's.
    fn fields<'a>(&'a self, text: &'a dyn BodyReader, skip: u64) -> Fields<'a>;
}

/// One message, one way, one or more recipients.
#[derive(Clone)]
pub struct Job {
    /// Where to.
    pub target: Target,
    /// With which login; at a relay only.
    pub login: Option<Login>,
    /// Reverse-path.
    pub from: ReversePath,
    /// What the sender asked for the message.
    pub terms: Terms,
    /// The message as it is stored.
    pub body: Arc<dyn BodyReader>,
    /// Octets at its beginning that are not sent (our Return-Path).
    pub skip: u64,
    /// What is sent before it (DKIM-Signature): whole lines.
    pub prefix: Vec<u8>,
    /// Makes them anew where the text must be said in another form; None: they are not signatures of ours.
    pub signer: Option<Arc<dyn Sign>>,
    /// Recipients.
    pub rcpts: Vec<Rcpt>,
}

/// What became of a recipient.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It was taken.
    Delivered {
        /// What was said.
        answer: Answer,
        /// The server knows DSN and was told what the sender asked for.
        passed_on: bool,
    },
    /// Not now.
    Later {
        /// Why.
        answer: Answer,
        /// A server had a hand in it: the same by another way would only repeat it, or deliver twice. Otherwise nobody was reached.
        reached: bool,
    },
    /// Never.
    Never(Answer),
}

impl Verdict {
    /// What was said.
    pub fn answer(&self) -> &Answer {
        match self {
            Verdict::Delivered { answer, .. } | Verdict::Later { answer, .. } | Verdict::Never(answer) => answer,
        }
    }
}

/// A recipient with its verdict.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// Its row.
    pub id: RowId,
    /// What became of it.
    pub verdict: Verdict,
}
