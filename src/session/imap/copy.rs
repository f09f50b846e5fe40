//! COPY, MOVE (RFC 6851), EXPUNGE, UID EXPUNGE (RFC 4315).

use super::{Answer, Done, Session, answer::Copy, uids::Uids};
use crate::{
    limits,
    store::{StoreError, Want},
    types::{FolderId, FolderName, Uid},
    wire::imap::{Ranges, SequenceSet, say},
};

impl Session {
    /// COPY, all or nothing (RFC 3501 s6.4.7), and MOVE.
    pub(super) async fn copy(&mut self, uid: bool, set: &SequenceSet, to: FolderName, take_away: bool) -> Done {
        let wanted = match self.resolve(uid, set) {
            Ok(wanted) => wanted,
            Err(sentence) => return self.abuse(sentence),
        };
        self.absorb().await;
        let (Some(who), Some(selected)) = (self.phase.who(), self.phase.selected()) else {
            return Ok(say::SELECT_FIRST.into());
        };
        // RFC 2180 s4.4.1: a number that names nobody any more cannot be copied. A UID that is gone is nobody's.
        if !uid && !wanted.both(selected.view.gone()).is_empty() {
            return Ok(say::VANISHED.into());
        }
        let (folder, target) = (selected.folder, (who.login.mailbox, to));
        match self.has_room(folder, &wanted, take_away).await {
            Ok(true) => {}
            Ok(false) => return Ok(say::OVER_QUOTA.into()),
            Err(error) => return Ok(self.failed("COPY", &error).into()),
        }
        let copied = match self.imap.store.copy(folder, wanted.iter().collect(), target, take_away).await {
            Ok(copied) => copied,
            Err(StoreError::Missing) => return Ok(say::TRY_CREATE.into()),
            Err(error) => return Ok(self.failed("COPY", &error).into()),
        };
        if copied.pairs.is_empty() {
            return Ok(say::DONE.into());
        }
        let code = Copy {
            validity: copied.validity,
            from: Ranges::of_numbers(copied.pairs.iter().map(|(from, _)| from.0)),
            to: Ranges::of_numbers(copied.pairs.iter().map(|(_, to)| to.0)),
        };
        if !take_away {
            return Ok(Answer::Copied(say::DONE, code));
        }
        // RFC 6851 s4.3: before the EXPUNGEs, which the tagged answer follows.
        say::MOVED.with(code.code()).untagged(self.conn.output());
        self.went(copied.pairs.into_iter().map(|(from, _)| from));
        Ok(say::DONE.into())
    }

    /// Whether the copies fit into the quota (Q15); a move needs no room. Sizes are summed a page at a time.
    async fn has_room(&self, folder: FolderId, wanted: &Uids, take_away: bool) -> Result<bool, StoreError> {
        let Some(quota) = self.quota().filter(|_| !take_away) else { return Ok(true) };
        let (mut used, mut after) = (self.usage().await?.bytes, Uid(0));
        loop {
            let page = wanted.page(after, limits::TURN_ROWS);
            let Some(last) = page.last().copied().filter(|_| used <= quota) else { return Ok(used <= quota) };
            after = last;
            let rows = match self.imap.store.fetch(folder, page, Want::default()).await {
                // The folder is gone: nothing is copied.
                Err(StoreError::Missing) => Vec::new(),
                rows => rows?,
            };
            used = rows.iter().fold(used, |used, fetched| used.saturating_add(fetched.row.size));
        }
    }

    /// EXPUNGE, or UID EXPUNGE of some.
    pub(super) async fn expunge(&mut self, set: Option<&SequenceSet>) -> Done {
        let some = match set.map(|set| self.resolve(true, set)).transpose() {
            Ok(some) => some.map(|uids| uids.iter().collect()),
            Err(sentence) => return self.abuse(sentence),
        };
        let Some(folder) = self.phase.selected().map(|selected| selected.folder) else {
            return Ok(say::SELECT_FIRST.into());
        };
        match self.imap.store.expunge(folder, some, true).await {
            Ok(gone) => {
                self.counts.expunged += gone.len() as u64;
                self.went(gone.into_iter());
                Ok(say::DONE.into())
            }
            Err(error) => Ok(self.failed("EXPUNGE", &error).into()),
        }
    }

    /// These are gone by the client's own wish; it is told at the end of the command.
    fn went(&mut self, gone: impl Iterator<Item = Uid>) {
        if let Some(selected) = self.phase.selected_mut() {
            gone.for_each(|uid| selected.view.hear_gone(uid));
        }
    }
}
