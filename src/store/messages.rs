//! Messages in a folder: flags, copies, moves, removal, inside the writer's transaction. Each is one change: all of it or nothing.

use redb::ReadableTable;

use super::{
    apply::{Answer, Tables},
    fault::Fault,
    rows::{self, KeyForm, Message, Words},
    watch,
};
use crate::types::{Flags, FolderId, FolderName, Keyword, Keywords, MailboxId, MessageRow, ModSeq, Uid};

/// What STORE does with the flags it names (RFC 3501 s6.4.6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum How {
    /// `FLAGS`
    Replace,
    /// `+FLAGS`
    Add,
    /// `-FLAGS`
    Remove,
}

/// One change of flags, for many messages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FlagEdit {
    /// What is done with them.
    pub how: How,
    /// System flags.
    pub flags: Flags,
    /// Keywords; new ones are added to the folder's list.
    pub keywords: Vec<Keyword>,
    /// RFC 7162 s3.1.3: a message that changed after this is left alone.
    pub unchanged_since: Option<ModSeq>,
}

/// What a [`FlagEdit`] did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Flagged {
    /// The messages as they are now, also those that had the flags already; not those in `modified`.
    pub rows: Vec<MessageRow>,
    /// Messages that changed after `unchanged_since`.
    pub modified: Vec<Uid>,
    /// The modification sequence of this change; None when nothing was another than it is now.
    pub changed: Option<ModSeq>,
}

/// What a copy or a move did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Copied {
    /// UIDVALIDITY of the target.
    pub validity: u32,
    /// Old UID and new UID of each message that was there.
    pub pairs: Vec<(Uid, Uid)>,
}

/// What is done to messages of one folder.
pub(super) enum MessageWork {
    Flag(Vec<Uid>, FlagEdit),
    Copy { uids: Vec<Uid>, to: (MailboxId, FolderName), take_away: bool, limit: Option<u64> },
    Expunge { uids: Option<Vec<Uid>>, only_deleted: bool },
}

impl FlagEdit {
    fn on(&self, message: &Message, bits: Keywords) -> (Flags, Keywords) {
        let (flags, keywords) = (message.flags, message.keywords);
        match self.how {
            How::Replace => (self.flags, bits),
            How::Add => (flags.with(self.flags), Keywords(keywords.0 | bits.0)),
            How::Remove => (flags.without(self.flags), Keywords(keywords.0 & !bits.0)),
        }
    }
}

impl Words {
    /// The bits of `words`, and how many there was no place for; those that are new are added when `learn`.
    fn bits(&mut self, words: &[Keyword], learn: bool) -> (Keywords, usize) {
        let (mut bits, mut over) = (Keywords::default(), 0);
        for word in words {
            match self.0.iter().position(|old| old == word) {
                Some(n) => bits = bits.with(n),
                None if !learn => {}
                None if self.0.len() < Keywords::MOST => {
                    bits = bits.with(self.0.len());
                    self.0.push(word.clone());
                }
                None => over += 1,
            }
        }
        (bits, over)
    }
}

/// What becomes of the bodies of rows that are dropped.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Links {
    /// Each has one link less.
    Cut,
    /// A row elsewhere took the link over.
    Moved,
}

impl Tables<'_> {
    pub fn message_work(&mut self, folder: FolderId, work: &MessageWork) -> Result<Answer, Fault> {
        match work {
            MessageWork::Flag(uids, edit) => self.flag(folder, uids, edit).map(Answer::Flagged),
            MessageWork::Copy { uids, to, take_away, limit } => {
                let target = self.find(to.0, &to.1)?.ok_or(Fault::Missing)?;
                let uids: Vec<u32> = uids.iter().map(|uid| uid.0).collect();
                if let Some(limit) = limit {
                    self.fit_copies(folder, &uids, to.0, *limit)?;
                }
                self.copy_messages(folder, target, &uids, *take_away).map(Answer::Copied)
            }
            MessageWork::Expunge { uids, only_deleted } => {
                self.expunge(folder, uids.as_deref(), *only_deleted).map(Answer::Gone)
            }
        }
    }

    /// A message that can be read; a damaged row is as good as none here, `check` tells of it.
    fn message(&self, folder: FolderId, uid: u32) -> Result<Option<Message>, Fault> {
        match rows::get(&*self.messages, (folder.0, uid)) {
            Err(Fault::Damaged(_)) => Ok(None),
            read => read,
        }
    }

    /// Up to `max` UIDs of a folder, rising.
    pub fn uids(&self, folder: FolderId, max: usize) -> Result<Vec<u32>, Fault> {
        let mut uids = Vec::new();
        for entry in self.messages.range((folder.0, 0)..=(folder.0, u32::MAX))?.take(max) {
            uids.push(entry?.0.value().1);
        }
        Ok(uids)
    }

    /// The bits of keywords in the folder's list, to which new ones are added; what has no place there is left out.
    pub fn learn(&mut self, folder: FolderId, words: &[Keyword]) -> Result<Keywords, Fault> {
        if words.is_empty() {
            return Ok(Keywords::default());
        }
        let mut list: Words = rows::get(&*self.keywords, folder.0)?.unwrap_or_default();
        let known = list.0.len();
        let bits = list.bits(words, true).0;
        if list.0.len() > known {
            rows::put(&mut self.keywords, folder.0, &list)?;
        }
        Ok(bits)
    }

    /// The bits that an edit names; refused, with nothing written, when the folder's list has no place for a new one.
    fn bits_of(&mut self, folder: FolderId, edit: &FlagEdit) -> Result<Keywords, Fault> {
        let learn = edit.how != How::Remove;
        let mut list: Words = rows::get(&*self.keywords, folder.0)?.unwrap_or_default();
        let (bits, over) = list.bits(&edit.keywords, learn);
        if over > 0 {
            return Err(Fault::Limit("a folder has at most 64 keywords"));
        }
        if learn { self.learn(folder, &edit.keywords) } else { Ok(bits) }
    }

    fn flag(&mut self, folder: FolderId, uids: &[Uid], edit: &FlagEdit) -> Result<Flagged, Fault> {
        let modseq = self.opened(folder)?.row.modseq + 1;
        let (mut flagged, mut known) = (Flagged::default(), None);
        for uid in uids {
            let Some(old) = self.message(folder, uid.0)? else { continue };
            if edit.unchanged_since.is_some_and(|since| old.modseq > since.0) {
                flagged.modified.push(*uid);
                continue;
            }
            // Not before there is a message that gets it: what changes nothing leaves no keyword behind.
            let bits = known.map_or_else(|| self.bits_of(folder, edit), Ok)?;
            known = Some(bits);
            let (flags, keywords) = edit.on(&old, bits);
            let mut new = Message { flags, keywords, ..old };
            if new != old {
                new.modseq = modseq;
                self.replace(folder, *uid, &old, &new)?;
                flagged.changed = Some(ModSeq(modseq));
            }
            flagged.rows.push(new.listed(uid.0));
        }
        if flagged.changed.is_some() {
            self.opened(folder)?.row.modseq = modseq;
        }
        Ok(flagged)
    }

    fn replace(&mut self, folder: FolderId, uid: Uid, old: &Message, new: &Message) -> Result<(), Fault> {
        rows::put(&mut self.messages, (folder.0, uid.0), new)?;
        let row = &mut self.opened(folder)?.row;
        row.count_out(old);
        row.count_in(new);
        self.told.push((folder, watch::Change::Flags(uid, ModSeq(new.modseq))));
        Ok(())
    }

    /// Q15: copies count like the messages they are made of.
    fn fit_copies(&mut self, from: FolderId, uids: &[u32], mailbox: MailboxId, limit: u64) -> Result<(), Fault> {
        let mut octets = 0u64;
        for uid in uids {
            octets = octets.saturating_add(self.message(from, *uid)?.map_or(0, |message| message.size));
        }
        if octets == 0 { Ok(()) } else { self.has_room(mailbox, octets, limit) }
    }

    /// Links bodies into another folder (or the same one) with flags, keywords and date; takes the old rows away for a move.
    /// A source that is gone has no messages.
    pub fn copy_messages(
        &mut self,
        from: FolderId,
        to: FolderId,
        uids: &[u32],
        take_away: bool,
    ) -> Result<Copied, Fault> {
        let target = self.opened(to)?;
        let (validity, modseq) = (target.row.validity, target.row.modseq + 1);
        let mut copied = Copied { validity, pairs: Vec::new() };
        if self.opened(from).is_err_and(|fault| fault == Fault::Missing) {
            return Ok(copied);
        }
        let words: Words = rows::get(&*self.keywords, from.0)?.unwrap_or_default();
        for uid in uids {
            let Some(old) = self.message(from, *uid)? else { continue };
            let keywords = self.carry(&words, old.keywords, to)?;
            if !take_away {
                self.link(old.body)?;
            }
            self.opened(to)?.row.modseq = modseq;
            let kept = self.add(to, &Message { modseq, keywords, ..old })?;
            copied.pairs.push((Uid(*uid), kept.uid));
        }
        if take_away {
            let gone: Vec<u32> = copied.pairs.iter().map(|(old, _)| old.0).collect();
            self.drop_messages(from, &gone, Links::Moved)?;
        }
        Ok(copied)
    }

    /// The bits in the target's list; what has no place there any more is left behind.
    fn carry(&mut self, words: &Words, bits: Keywords, to: FolderId) -> Result<Keywords, Fault> {
        let words: Vec<Keyword> = bits.iter().filter_map(|n| words.0.get(n).cloned()).collect();
        self.learn(to, &words)
    }

    fn expunge(&mut self, folder: FolderId, uids: Option<&[Uid]>, only_deleted: bool) -> Result<Vec<Uid>, Fault> {
        if only_deleted && self.opened(folder)?.row.deleted == 0 {
            return Ok(Vec::new());
        }
        let mut uids = match uids {
            Some(uids) => uids.iter().map(|uid| uid.0).collect(),
            None => self.uids(folder, usize::MAX)?,
        };
        if only_deleted {
            let mut deleted = Vec::new();
            for uid in uids {
                if self.message(folder, uid)?.is_some_and(|message| message.is_deleted()) {
                    deleted.push(uid);
                }
            }
            uids = deleted;
        }
        let gone = self.drop_messages(folder, &uids, Links::Cut)?;
        Ok(gone.into_iter().map(Uid).collect())
    }

    /// By name, as POP3 removes; gives how many were there.
    pub fn remove(&mut self, mailbox: MailboxId, name: &FolderName, uids: &[Uid]) -> Result<usize, Fault> {
        let Some(folder) = self.find(mailbox, name)? else { return Ok(0) };
        self.expunge(folder, Some(uids), false).map(|gone| gone.len())
    }

    /// Removes rows and the links of their bodies; gives those that were there.
    pub fn drop_messages(&mut self, folder: FolderId, uids: &[u32], links: Links) -> Result<Vec<u32>, Fault> {
        let opened = self.opened(folder)?;
        let (mailbox, modseq) = (opened.place.mailbox, opened.row.modseq + 1);
        let (mut gone, mut damaged) = (Vec::new(), false);
        for uid in uids {
            let key = (folder.0, *uid);
            let Some(bytes) = self.messages.remove(key)? else { continue };
            gone.push(*uid);
            self.told.push((folder, watch::Change::Gone(Uid(*uid), ModSeq(modseq))));
            // A damaged row can be deleted too; its body stays until `salvage`.
            let Ok(message) = rows::unseal::<Message>(&<(u32, u32)>::octets(&key), &bytes) else {
                damaged = true;
                continue;
            };
            self.opened(folder)?.row.count_out(&message);
            let usage = self.usage(mailbox)?;
            usage.messages = usage.messages.saturating_sub(1);
            usage.bytes = usage.bytes.saturating_sub(message.size);
            if links == Links::Cut {
                self.unlink(message.body)?;
            }
        }
        if !gone.is_empty() {
            self.opened(folder)?.row.modseq = modseq;
        }
        if damaged {
            self.count_again(folder)?;
        }
        Ok(gone)
    }

    /// What a damaged row counted for is not known: the folder is counted from its rows, and the mailbox by the difference.
    fn count_again(&mut self, folder: FolderId) -> Result<(), Fault> {
        let opened = self.opened(folder)?;
        let (mailbox, old) = (opened.place.mailbox, opened.row);
        let mut new = rows::Folder { messages: 0, bytes: 0, unseen: 0, deleted: 0, ..old };
        for entry in self.messages.range((folder.0, 0)..=(folder.0, u32::MAX))? {
            let (key, value) = entry?;
            match rows::unseal::<Message>(&<(u32, u32)>::octets(&key.value()), value.value()) {
                Ok(message) => new.count_in(&message),
                Err(_) => new.messages += 1,
            }
        }
        self.opened(folder)?.row = new;
        let usage = self.usage(mailbox)?;
        usage.messages = (usage.messages + new.messages).saturating_sub(old.messages);
        usage.bytes = (usage.bytes + new.bytes).saturating_sub(old.bytes);
        Ok(())
    }
}
