//! SELECT, EXAMINE, CLOSE, UNSELECT, and what follows from a client that wants MODSEQ.

use super::{
    Done, Session,
    phase::{Phase, Selected},
    uids::Uids,
    view::View,
};
use crate::{
    limits,
    store::{Store, StoreError},
    types::{Flags, FolderName, MailboxId, Uid},
    wire::imap::{Code, Say, SequenceSet, answer, say},
};

/// A folder that was opened, and what SELECT tells of it.
struct Opened {
    selected: Selected,
    validity: u32,
    next: Uid,
    /// Number of the first message without \Seen.
    unseen: Option<u32>,
}

impl Session {
    /// SELECT and EXAMINE (RFC 3501 s6.3.1, s6.3.2). When it fails, nothing is selected.
    pub(super) async fn select(&mut self, name: &FolderName, condstore: bool, writable: bool) -> Done {
        if self.phase.leave() {
            say::CLOSED.untagged(self.conn.output());
        }
        let Some(who) = self.phase.who_mut() else { return Ok(say::LOG_IN_FIRST.into()) };
        who.condstore |= condstore;
        let mailbox = who.login.mailbox;
        let opened = match open(&self.imap.store, mailbox, name, writable).await {
            Ok(opened) => opened,
            Err(error) => return Ok(self.failed("opening a folder", &error).into()),
        };
        let Opened { selected, validity, next, unseen } = opened;
        let (exists, recent, seen) = (selected.view.exists(), selected.view.recent(), selected.seen);
        self.phase.enter(selected);
        self.say_keywords();
        let out = self.conn.output();
        answer::exists(out, exists);
        answer::recent(out, recent);
        if let Some(number) = unseen {
            say::FIRST_UNSEEN.with(Code::Unseen(number)).untagged(out);
        }
        say::VALID.with(Code::UidValidity(validity)).untagged(out);
        say::NEXT.with(Code::UidNext(next)).untagged(out);
        say::HIGHEST.with(Code::HighestModSeq(seen)).untagged(out);
        Ok(if writable { say::SELECTED.into() } else { say::EXAMINED.into() })
    }

    /// CLOSE (RFC 3501 s6.4.2): what is marked \Deleted goes, without a word of it.
    pub(super) async fn close(&mut self) -> Done {
        let Phase::Selected(_, selected) = &self.phase else { return Ok(say::SELECT_FIRST.into()) };
        let (folder, writable) = (selected.folder, selected.writable);
        let expunged = match writable {
            true => self.imap.store.expunge(folder, None, true).await,
            false => Ok(Vec::new()),
        };
        self.phase.leave();
        match expunged {
            Ok(gone) => self.counts.expunged += gone.len() as u64,
            // Somebody deleted the folder: there is nothing left to do.
            Err(StoreError::Missing) => {}
            Err(error) => return Ok(self.failed("CLOSE removes nothing", &error).into()),
        }
        Ok(say::DONE.into())
    }

    /// UNSELECT (RFC 3691).
    pub(super) fn unselect(&mut self) -> Done {
        self.phase.leave();
        Ok(say::DONE.into())
    }

    /// A command showed that the client knows MODSEQ: it is told of it from now on, and what the open folder's is
    /// (RFC 7162 s3.1).
    pub(super) fn want_modseq(&mut self) {
        let Some(who) = self.phase.who_mut().filter(|who| !who.condstore) else { return };
        who.condstore = true;
        if let Some(seen) = self.phase.selected().map(|selected| selected.seen) {
            say::HIGHEST.with(Code::HighestModSeq(seen)).untagged(self.conn.output());
        }
    }

    /// The messages that a set names in the client's picture. UIDs that are not there are nobody; a number beyond the last
    /// is an error (RFC 3501 s9 seq-number), but `7:*` is forgiven it.
    pub(super) fn resolve(&self, uid: bool, set: &SequenceSet) -> Result<Uids, Say<'static>> {
        let Some(selected) = self.phase.selected() else { return Err(say::SELECT_FIRST) };
        let told = selected.view.told();
        let ranges = match set {
            SequenceSet::Saved => return Ok(told.both(&selected.saved)),
            SequenceSet::Ranges(ranges) => ranges,
        };
        let mut wanted = Uids::default();
        let mut want = |found: Uids| found.ranges().for_each(|(first, last)| wanted.add_range(first, last));
        if uid {
            let highest = told.last().map_or(0, |uid| uid.0);
            ranges.resolve(highest).into_iter().for_each(|(from, to)| want(told.between(Uid(from), Uid(to))));
            return Ok(wanted);
        }
        let exists = selected.view.exists();
        if !ranges.has_star() && ranges.largest().is_some_and(|largest| largest > exists) {
            return Err(say::NO_NUMBER);
        }
        for (from, to) in ranges.resolve(exists) {
            if let Some((first, last)) = selected.view.uid(from).zip(selected.view.uid(to.min(exists))) {
                want(told.between(first, last));
            }
        }
        Ok(wanted)
    }
}

/// Watches first and reads the rows then: what happens between is heard.
async fn open(store: &Store, mailbox: MailboxId, name: &FolderName, writable: bool) -> Result<Opened, StoreError> {
    let folder = store.folder(mailbox, name).await?;
    let watch = store.watch(folder.id);
    let keywords = store.keywords(folder.id).await?;
    let (mut found, mut after, mut unseen, mut seen) = (Uids::default(), Uid(0), None, folder.modseq);
    loop {
        let rows = store.page(folder.id, after, limits::TURN_ROWS).await?;
        let Some(last) = rows.last() else { break };
        after = last.uid;
        if unseen.is_none() {
            let first = rows.iter().position(|row| !row.flags.has(Flags::SEEN));
            unseen = first.map(|at| found.len() + at as u32 + 1);
        }
        for row in &rows {
            found.add(row.uid);
            seen = seen.max(row.modseq);
        }
    }
    let mut view = View::new(found);
    let recent = if writable { store.take_recent(folder.id) } else { store.peek_recent(folder.id) };
    if let Some(first) = recent {
        view.mark_recent(first);
    }
    let next = folder.next_uid.max(Uid(view.highest().0.saturating_add(1)));
    let selected = Selected { folder: folder.id, writable, view, watch, keywords, saved: Uids::default(), seen };
    Ok(Opened { selected, validity: folder.validity, next, unseen })
}
