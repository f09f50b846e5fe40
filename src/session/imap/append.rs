//! APPEND (RFC 3501 s6.3.11), of several messages at once too (RFC 3502): all are kept, or none is.
//!
//! A message goes from the connection to the pipeline piece by piece. What is known to be refused is refused before its octets
//! are asked for; a literal that waits for nobody goes by unread.

use super::{Answer, End, Session, TO_LOG_IN, unless_stopped};
use crate::{
    limits,
    pipeline::{Appending, Filed},
    store::StoreError,
    types::{FolderName, MailboxId},
    wire::imap::{Append, AppendPart, Cut, Ranges, Verb, answer, say, say::Say},
};

/// The messages of one APPEND.
struct Batch {
    mailbox: MailboxId,
    name: FolderName,
    filed: Vec<Filed>,
    /// Octets of all that came and of what the mailbox held before.
    octets: u64,
    /// Octets of the small ones, which stay in memory until the last has come.
    held: u64,
}

/// What the cutter said of a message that follows.
#[derive(Clone, Copy)]
pub(super) struct Literal {
    pub octets: u64,
    pub sync: bool,
    /// It stands in `UTF8 (...)`.
    pub utf8: bool,
}

impl Session {
    /// APPEND, from the head of its first message to its tagged answer.
    pub(super) async fn append(&mut self, head: &[u8], literal: Literal) -> Result<(), End> {
        let (tag, append) = match Append::parse(head, self.speaks_utf8()) {
            Ok(parsed) => parsed,
            Err(bad) => {
                let answer = self.abuse(bad.say)?;
                self.wave_by(literal.unread()).await?;
                self.bad(bad.tag.as_ref(), &answer);
                return Ok(());
            }
        };
        if let Some(refusal) = self.may(Verb::Append)? {
            self.wave_by(literal.unread()).await?;
            return self.finish(&tag, Verb::Append, &refusal).await;
        }
        let answer = match self.batch(append.name).await {
            Ok(batch) => self.take_all(batch, append.part, literal).await?,
            Err(say) => {
                self.wave_by(literal.unread()).await?;
                say.into()
            }
        };
        self.finish(&tag, Verb::Append, &answer).await
    }

    async fn batch(&self, name: FolderName) -> Result<Batch, Say<'static>> {
        let mailbox = self.mailbox().ok_or(say::LOG_IN_FIRST)?;
        self.is_there(mailbox, &name).await?;
        let usage = self.usage().await.map_err(|error| self.failed("APPEND", &error))?;
        Ok(Batch { mailbox, name, filed: Vec::new(), octets: usage.bytes, held: 0 })
    }

    async fn is_there(&self, mailbox: MailboxId, name: &FolderName) -> Result<(), Say<'static>> {
        match self.imap.store.folder(mailbox, name).await {
            Ok(_) => Ok(()),
            Err(StoreError::Missing) => Err(say::TRY_CREATE),
            Err(error) => Err(self.failed("APPEND", &error)),
        }
    }

    /// All messages, one after another, and then all into the folder.
    async fn take_all(&mut self, mut batch: Batch, part: AppendPart, literal: Literal) -> Result<Answer, End> {
        let (mut part, mut literal) = (part, literal);
        loop {
            let taken = match self.refusal(&batch, literal) {
                Some(say) => Err((say, literal.unread())),
                None => self.take(&mut batch, part, literal).await?,
            };
            if let Err((say, left)) = taken {
                self.wave_by(left).await?;
                return Ok(say.into());
            }
            match self.cut().await? {
                Cut::Append { head, octets, sync, utf8 } => {
                    literal = Literal { octets, sync, utf8 };
                    part = match AppendPart::parse(&head) {
                        Ok(part) => part,
                        Err(say) => {
                            self.wave_by(literal.unread()).await?;
                            return self.abuse(say);
                        }
                    };
                }
                Cut::AppendEnd { clean: true } => return Ok(self.keep(batch).await),
                Cut::AppendEnd { clean: false } => return self.abuse(say::SYNTAX),
                // Nothing else comes of the cutter within an APPEND but its end.
                Cut::Hopeless => return Err(End::Hopeless),
                Cut::Command(_) | Cut::TooLong(_) | Cut::Refused | Cut::Need | Cut::Continue => {
                    return self.abuse(say::TOO_LONG);
                }
            }
        }
    }

    /// What is wrong with a message before it comes.
    fn refusal(&self, batch: &Batch, literal: Literal) -> Option<Say<'static>> {
        let octets = literal.octets;
        let held = batch.held + octets;
        let is_small = octets <= limits::SMALL_BODY as u64;
        if octets == 0 {
            Some(say::APPEND_CANCELLED)
        } else if literal.utf8 && !self.speaks_utf8() {
            // RFC 6855 s4. Raw 8-bit octets in an ordinary literal are taken all the same: old mail in koi8-r comes so.
            Some(say::ENABLE_UTF8_FIRST)
        } else if octets > self.imap.settings.get().max_message {
            Some(say::TOO_BIG)
        } else if self.quota().is_some_and(|quota| batch.octets.saturating_add(octets) > quota) {
            Some(say::OVER_QUOTA)
        } else if batch.filed.len() == limits::IMAP_APPENDS
            || is_small && !batch.filed.is_empty() && held > limits::IMAP_APPEND_HELD as u64
        {
            Some(say::TOO_MANY_MESSAGES)
        } else {
            None
        }
    }

    /// One message. The inner error: the sentence, and what of the message is still to come.
    async fn take(
        &mut self,
        batch: &mut Batch,
        part: AppendPart,
        literal: Literal,
    ) -> Result<Result<(), (Say<'static>, Unread)>, End> {
        let mut appending = match self.imap.pipeline.append().await {
            Ok(appending) => appending,
            Err(error) => return Ok(Err((self.failed("APPEND", &error), literal.unread()))),
        };
        if literal.sync {
            answer::go_on(self.conn.output(), "OK");
        }
        let mut left = literal.octets;
        if let Err(error) = self.receive(&mut appending, &mut left).await? {
            return Ok(Err((self.failed("APPEND", &error), Unread { octets: left, sync: false })));
        }
        match appending.file(part.flags.flags, part.flags.keywords, part.date).await {
            Ok(filed) => batch.filed.push(filed),
            Err(error) => return Ok(Err((self.failed("APPEND", &error), Unread { octets: 0, sync: false }))),
        }
        batch.octets += literal.octets;
        if literal.octets <= limits::SMALL_BODY as u64 {
            batch.held += literal.octets;
        }
        Ok(Ok(()))
    }

    /// The octets of a message; `left` says how many are still to come.
    async fn receive(&mut self, appending: &mut Appending, left: &mut u64) -> Result<Result<(), StoreError>, End> {
        while *left > 0 {
            if self.conn.buffered().is_empty() {
                self.flush().await?;
                self.more_of_it().await?;
            }
            let most = usize::try_from(*left).unwrap_or(usize::MAX).min(limits::CHUNK);
            let piece = self.conn.buffered();
            let piece = &piece[..piece.len().min(most)];
            let written = appending.write(piece).await;
            let used = piece.len();
            self.conn.consume(used);
            self.counts.read += used as u64;
            *left -= used as u64;
            if let Err(error) = written {
                return Ok(Err(error));
            }
        }
        Ok(Ok(()))
    }

    /// As much of a message as is there; a client must not fall silent in the middle of it.
    async fn more_of_it(&mut self) -> Result<(), End> {
        let (conn, limit) = (&mut self.conn, TO_LOG_IN.min(self.idle));
        unless_stopped(&self.imap.stop, async { Ok(conn.fill_bulk(limit).await?) }).await
    }

    async fn keep(&mut self, batch: Batch) -> Answer {
        // RFC 3501 s6.3.11: a folder that was deleted while the messages came is not made again by them.
        if let Err(say) = self.is_there(batch.mailbox, &batch.name).await {
            return say.into();
        }
        let kept = self.imap.pipeline.keep((batch.mailbox, batch.name), self.quota(), batch.filed).await;
        match kept {
            Ok(kept) => {
                let validity = kept.first().map_or(0, |kept| kept.validity);
                let uids = Ranges::of_numbers(kept.iter().map(|kept| kept.uid.0));
                Answer::Appended(say::DONE, validity, uids)
            }
            Err(error) => self.failed("APPEND", &error).into(),
        }
    }

    /// Lets the rest of a refused APPEND go by.
    async fn wave_by(&mut self, rest: Unread) -> Result<(), End> {
        if self.cutter.refuse(rest.octets, rest.sync) {
            return Ok(());
        }
        loop {
            match self.cut().await? {
                Cut::Refused => return Ok(()),
                // What nobody can throw away must not be taken for commands either.
                Cut::Hopeless => return Err(End::Hopeless),
                Cut::Append { .. } | Cut::AppendEnd { .. } | Cut::Command(_) => {}
                Cut::TooLong(_) | Cut::Need | Cut::Continue => {}
            }
        }
    }
}

/// What of a message that is refused is still to come.
#[derive(Clone, Copy)]
struct Unread {
    octets: u64,
    /// It waits for a `+` that will not be said.
    sync: bool,
}

impl Literal {
    fn unread(self) -> Unread {
        Unread { octets: if self.sync { 0 } else { self.octets }, sync: self.sync }
    }
}
