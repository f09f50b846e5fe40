//! COPY, MOVE (RFC 6851), EXPUNGE, UID EXPUNGE (RFC 4315).

use super::{Answer, Done, Session, answer::Copy};
use crate::{
    store::StoreError,
    types::{FolderName, Uid},
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
        let (folder, uids, target) = (selected.folder, wanted.iter().collect(), (who.login.mailbox, to));
        let store = &self.imap.store;
        // Q15: a copy counts, a move does not.
        let copied = match self.quota().filter(|_| !take_away) {
            Some(quota) => store.copy_within(folder, uids, target, quota).await,
            None => store.copy(folder, uids, target, take_away).await,
        };
        let copied = match copied {
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
