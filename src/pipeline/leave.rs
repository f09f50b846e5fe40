//! Rows for the queue: recipients elsewhere, named by a client that may, or reached by an alias of ours (RFC 3461 s5.2.7).

use super::{Pipeline, deliver::Whole};
use crate::types::{Address, Leaving, Notify, Orcpt, Rcpt, ReversePath, UnixTime, Wishes};

/// What all rows of one message have in common.
pub(super) struct Leave<'a> {
    pipeline: &'a Pipeline,
    whole: &'a Whole,
    now: UnixTime,
}

impl<'a> Leave<'a> {
    pub fn new(pipeline: &'a Pipeline, whole: &'a Whole) -> Self {
        Leave { pipeline, whole, now: pipeline.clock.now() }
    }

    /// A recipient of RCPT.
    pub fn directly(&self, rcpt: &Rcpt) -> Leaving {
        self.row(self.whole.envelope.from.clone(), rcpt.to.clone(), None, rcpt.wishes())
    }

    /// An address that an alias stands for; `several`: it stands for others too, so that success is told here, once.
    pub fn by_alias(&self, rcpt: &Rcpt, to: Address, several: bool) -> Leaving {
        let Wishes { notify, orcpt } = rcpt.wishes();
        let notify = notify.map(|notify| Notify { success: notify.success && !several, ..notify });
        let orcpt = orcpt.or_else(|| Some(named(&rcpt.to)));
        self.row(self.reverse_path(rcpt), to, Some(rcpt.to.clone()), Wishes { notify, orcpt })
    }

    fn row(&self, from: ReversePath, to: Address, original: Option<Address>, wishes: Wishes) -> Leaving {
        let Whole { envelope, ours, .. } = self.whole;
        let terms = envelope.terms.clone();
        Leaving { from, to, original, wishes, terms, ours: *ours, next_try: self.now }
    }

    /// A stranger's message leaves in the name of the domain that forwards it; the sender of a domain of ours is good as he is.
    fn reverse_path(&self, rcpt: &Rcpt) -> ReversePath {
        let from = &self.whole.envelope.from;
        let stranger = from.address().filter(|sender| !self.pipeline.directory.get().is_ours(&sender.domain));
        let rewritten = stranger.and_then(|sender| self.pipeline.srs.forward(sender, &rcpt.to.domain, self.now));
        rewritten.map_or_else(|| from.clone(), ReversePath::Address)
    }
}

fn named(to: &Address) -> Orcpt {
    let kind = if to.local.is_ascii() { "rfc822" } else { "utf-8" };
    Orcpt { kind: kind.into(), address: to.to_string().into() }
}
