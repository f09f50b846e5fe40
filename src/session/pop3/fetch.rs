//! The TRANSACTION and UPDATE states: listing, sending, marking, removing.

use std::{io, sync::Arc};

use super::{End, Phase, Session, login::disk_sentence, maildrop::Maildrop};
use crate::{
    limits,
    store::{Store, StoreError},
    types::{BodyId, BodyReader, FolderName},
    wire::pop3::{Say, Status, Stuffing, Top, say},
};

impl Session {
    fn maildrop(&mut self) -> Result<&mut Maildrop, Say> {
        match &mut self.phase {
            Phase::Transaction(drop) => Ok(drop),
            // `phase::allows` let nobody come here.
            Phase::Fresh | Phase::Named(_) => Err(say::LOG_IN_FIRST),
        }
    }

    /// An answer of one line, made from the maildrop.
    fn answer(&mut self, make: impl FnOnce(&mut Maildrop) -> Result<Status, Say>) {
        match self.maildrop().and_then(make) {
            Ok(status) => self.status(&status),
            Err(say) => self.say(say),
        }
    }

    pub(super) fn stat(&mut self) {
        self.answer(|drop| {
            let (messages, octets) = drop.stat();
            Ok(Status::ok(format!("{messages} {octets}")))
        });
    }

    pub(super) fn mark(&mut self, number: u32) {
        let verdict = self.maildrop().and_then(|drop| drop.mark(number));
        self.say(verdict.map_or_else(|say| say, |()| say::MARKED));
    }

    pub(super) fn unmark(&mut self) {
        let verdict = self.maildrop().map(Maildrop::unmark_all);
        self.say(verdict.map_or_else(|say| say, |()| say::RESET));
    }

    pub(super) async fn list(&mut self, number: Option<u32>) -> Result<(), End> {
        if let Some(number) = number {
            self.answer(|drop| drop.get(number).map(|e| Status::ok(format!("{number} {}", e.size))));
            return Ok(());
        }
        self.answer(|drop| {
            let (messages, octets) = drop.stat();
            Ok(Status::ok(format!("{messages} messages ({octets} octets)")))
        });
        self.table(|drop, number| drop.get(number).ok().map(|e| format!("{number} {}\r\n", e.size))).await
    }

    pub(super) async fn uidl(&mut self, number: Option<u32>) -> Result<(), End> {
        if let Some(number) = number {
            self.answer(|drop| drop.get(number).map(|e| Status::ok(format!("{number} {}", drop.uidl(e)))));
            return Ok(());
        }
        self.say(say::UIDS);
        self.table(|drop, number| drop.get(number).ok().map(|e| format!("{number} {}\r\n", drop.uidl(e)))).await
    }

    /// A line for each message that is not marked, sent in pieces: a long list never stands in memory whole.
    async fn table(&mut self, line: impl Fn(&Maildrop, u32) -> Option<String>) -> Result<(), End> {
        let last = self.maildrop().map_or(0, |drop| drop.last());
        for number in 1..=last {
            if let Some(text) = self.maildrop().ok().and_then(|drop| line(drop, number)) {
                self.conn.put(text.as_bytes());
            }
            if self.conn.output().len() >= limits::CHUNK {
                self.conn.flush(self.idle).await?;
            }
        }
        self.conn.put(b".\r\n");
        Ok(())
    }

    /// RETR, or TOP with its lines. A text that cannot be read to its end is not ended: the connection is.
    pub(super) async fn send(&mut self, number: u32, lines: Option<u32>) -> Result<(), End> {
        let entry = match self.maildrop().and_then(|drop| drop.get(number)) {
            Ok(entry) => entry,
            Err(say) => {
                self.say(say);
                return Ok(());
            }
        };
        // The first piece is read before anything is said: an error can still be told then.
        let (body, piece) = match open(&self.pop3.store, entry.body).await {
            Ok(opened) => opened,
            Err(error) => {
                self.failed(number, &error);
                self.say(disk_sentence(&error));
                return Ok(());
            }
        };
        match lines {
            None => self.status(&Status::ok(format!("{} octets", body.len()))),
            Some(_) => self.say(say::TOP),
        }
        let sent = self.stream(&*body, piece, lines.map(Top::new)).await;
        let octets = match sent {
            Ok(octets) => octets,
            Err(Broken::Peer(end)) => return Err(end),
            Err(Broken::Disk(error)) => {
                self.failed(number, &StoreError::Damaged(error.to_string()));
                return Err(End::BrokenText);
            }
        };
        if let Ok(drop) = self.maildrop() {
            let counts = &mut drop.counts;
            let (messages, sum) = match lines {
                None => (&mut counts.retrieved, &mut counts.retrieved_octets),
                Some(_) => (&mut counts.tops, &mut counts.top_octets),
            };
            *messages += 1;
            *sum += octets;
            if lines.is_none() {
                drop.was_read(number);
            }
        }
        Ok(())
    }

    /// Writes a text in pieces, of which one is in memory; gives its octets.
    async fn stream(&mut self, body: &dyn BodyReader, first: Vec<u8>, top: Option<Top>) -> Result<u64, Broken> {
        let (mut stuffing, mut top, mut piece) = (Stuffing::default(), top, first);
        let (mut offset, mut octets) = (0, 0);
        loop {
            offset += piece.len() as u64;
            let wanted = top.as_mut().map_or(piece.len(), |top| top.take(&piece));
            stuffing.put(&piece[..wanted], self.conn.output());
            octets += wanted as u64;
            if offset >= body.len() || top.as_ref().is_some_and(Top::is_over) {
                break;
            }
            drop(piece);
            self.conn.flush(self.idle).await.map_err(|e| Broken::Peer(e.into()))?;
            piece = body.read(offset, limits::CHUNK).await.map_err(Broken::Disk)?;
            if piece.is_empty() {
                return Err(Broken::Disk(io::ErrorKind::UnexpectedEof.into()));
            }
        }
        stuffing.end(self.conn.output());
        Ok(octets)
    }

    /// What another client deleted meanwhile is nobody's fault; the rest is told.
    fn failed(&mut self, number: u32, error: &StoreError) {
        let Ok(who) = self.maildrop().map(|drop| drop.who.address.to_string()) else { return };
        if *error != StoreError::Missing {
            self.trouble(&who, &format!("message {number}: {error}"));
        }
    }

    /// What was given out becomes \Seen. A disk that refuses costs no more than that.
    pub(super) async fn keep_seen(&mut self) {
        let store = self.pop3.store.clone();
        let Ok(drop) = self.maildrop() else { return };
        let who = drop.who.address.to_string();
        match drop.keep_seen(&store).await {
            Ok(()) | Err(StoreError::Missing) => {}
            Err(error) => self.trouble(&who, &format!("what was read stays unseen: {error}")),
        }
    }

    /// QUIT: after the login, the UPDATE state. "+OK" is said only when the removal is durable.
    pub(super) async fn quit(&mut self) -> End {
        let store = self.pop3.store.clone();
        let Ok(drop) = self.maildrop() else {
            self.say(say::BYE);
            return End::Logout;
        };
        drop.forget_marked();
        let uids = drop.marked();
        let removed = match uids.is_empty() {
            true => Ok(0),
            false => store.remove(drop.who.mailbox, &FolderName::inbox(), uids).await,
        };
        match removed {
            // Fewer than marked: the others were deleted by somebody else, which is what was wanted (RFC 1939 s6).
            Ok(n) => {
                drop.counts.deleted = n as u64;
                self.status(&Status::ok(format!("Bye, {n} messages deleted")));
            }
            Err(StoreError::Missing) => self.say(say::BYE),
            Err(error) => {
                let who = drop.who.address.to_string();
                self.trouble(&who, &format!("QUIT removes nothing: {error}"));
                self.say(say::NOT_REMOVED);
            }
        }
        End::Logout
    }
}

/// Why a text broke off.
enum Broken {
    Peer(End),
    Disk(io::Error),
}

/// A body and its first piece.
async fn open(store: &Store, body: BodyId) -> Result<(Arc<dyn BodyReader>, Vec<u8>), StoreError> {
    let body = store.body(body).await?;
    let piece = body.read(0, limits::CHUNK).await.map_err(|error| match error.kind() {
        io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof => StoreError::Damaged(error.to_string()),
        io::ErrorKind::NotFound => StoreError::Missing,
        _ => StoreError::Unavailable(error.to_string()),
    })?;
    Ok((body, piece))
}
