//! STORE (RFC 3501 s6.4.6, RFC 7162 s3.1.3).

use super::{Answer, Done, End, Session, uids::Uids};
use crate::{
    limits,
    store::{FlagEdit, Flagged, How, StoreError},
    types::{Flags, MessageRow, ModSeq, Uid},
    wire::imap::{Ranges, SequenceSet, say},
};

/// What STORE came to so far.
#[derive(Default)]
struct Stored {
    /// Kept as they are by UNCHANGEDSINCE.
    modified: Uids,
    /// Some are not there any more.
    vanished: bool,
}

impl Session {
    /// STORE, a page of messages at a time. `silent`: the client knows what comes of it.
    pub(super) async fn store(&mut self, uid: bool, set: &SequenceSet, edit: FlagEdit, silent: bool) -> Done {
        let wanted = match self.resolve(uid, set) {
            Ok(wanted) => wanted,
            Err(sentence) => return self.abuse(sentence),
        };
        if edit.unchanged_since.is_some() {
            self.want_modseq();
        }
        self.absorb().await;
        let (mut stored, mut after) = (Stored::default(), Uid(0));
        loop {
            let page = wanted.page(after, limits::TURN_ROWS);
            let Some(last) = page.last().copied() else { break };
            after = last;
            if let Err(error) = self.store_page(page, &edit, silent, &mut stored).await? {
                return Ok(self.failed("STORE", &error).into());
            }
        }
        Ok(self.stored(uid, silent, &stored))
    }

    fn stored(&self, uid: bool, silent: bool, stored: &Stored) -> Answer {
        if !stored.modified.is_empty() {
            let number = |at: Uid| self.phase.selected().and_then(|selected| selected.view.number(at));
            let named = stored.modified.iter().filter_map(|at| if uid { Some(at.0) } else { number(at) });
            return Answer::Modified(say::SOME_MODIFIED, Ranges::of_numbers(named));
        }
        // RFC 2180 s4.2: silence about them is allowed where the client asked for it, or named UIDs.
        if stored.vanished && !uid && !silent { say::VANISHED.into() } else { say::DONE.into() }
    }

    async fn store_page(
        &mut self,
        page: Vec<Uid>,
        edit: &FlagEdit,
        silent: bool,
        stored: &mut Stored,
    ) -> Result<Result<(), StoreError>, End> {
        let Some(selected) = self.phase.selected_mut() else { return Ok(Ok(())) };
        let asked = page.len();
        let flagged = match self.imap.store.flag(selected.folder, page, edit.clone()).await {
            Ok(flagged) => flagged,
            Err(error) => return Ok(Err(error)),
        };
        if edit.flags.has(Flags::DELETED) && edit.how != How::Remove {
            self.counts.deleted += flagged.rows.len() as u64;
        }
        stored.vanished |= flagged.rows.len() + flagged.modified.len() < asked;
        flagged.modified.iter().for_each(|uid| stored.modified.add(*uid));
        self.tell_stored(&flagged, silent).await?;
        Ok(Ok(()))
    }

    /// The client learns what came of its own change, and what others did to the same messages is no news any more.
    async fn tell_stored(&mut self, flagged: &Flagged, silent: bool) -> Result<(), End> {
        let store = self.imap.store.clone();
        let Some(selected) = self.phase.selected_mut() else { return Ok(()) };
        if let Err(error) = selected.absorb_after(&store, flagged, silent).await {
            self.failed("reading the folder again", &error);
        }
        let rows = &flagged.rows;
        self.know_keywords(rows).await?;
        let modseq = self.phase.who().is_some_and(|who| who.condstore);
        match silent {
            false => self.say_flags(rows),
            // RFC 7162 s3.1.3: MODSEQ is told even then.
            true if modseq => self.say_modseqs(rows),
            true => {}
        }
        self.flush_some().await
    }

    fn say_modseqs(&mut self, rows: &[MessageRow]) {
        let Some(selected) = self.phase.selected() else { return };
        for row in rows {
            let Some(number) = selected.view.number(row.uid) else { continue };
            let (uid, ModSeq(modseq)) = (row.uid.0, row.modseq);
            self.conn.put(format!("* {number} FETCH (UID {uid} MODSEQ ({modseq}))\r\n").as_bytes());
        }
    }
}
