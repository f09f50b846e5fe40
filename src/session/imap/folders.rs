//! Folders: made, deleted, renamed, subscribed to, listed, counted. What is listed, and how, [`super::list`] says.

use super::{
    Answer, Done, End, Session,
    list::{Listed, Tree, patterns},
};
use crate::{
    limits,
    store::{Folder, StoreError},
    types::{Flags, FolderName, MailboxId, Special, Uid},
    wire::imap::{ListQuery, Pattern, StatusItem, answer, say},
};

/// Characters of names times characters of patterns that are compared before other sessions are let run; about a millisecond.
const STEPS: usize = 200_000;

impl Session {
    /// CREATE (RFC 3501 s6.3.3), with a use (RFC 6154 s3) or with the one that its name tells, if
    /// no other folder has that (D2).
    pub(super) async fn create(&mut self, name: &FolderName, special: Special) -> Done {
        let Some(mailbox) = self.mailbox() else { return Ok(say::LOG_IN_FIRST.into()) };
        match self.use_is_taken(mailbox, special).await {
            Ok(true) => return Ok(say::USE_TAKEN.into()),
            Ok(false) => {}
            Err(error) => return Ok(self.failed("CREATE", &error).into()),
        }
        let named = if special == Special::None { name.special() } else { special };
        match self.imap.store.create_folder(mailbox, name, named).await {
            Ok(_) => Ok(say::DONE.into()),
            Err(error) => Ok(self.failed("CREATE", &error).into()),
        }
    }

    async fn use_is_taken(&self, mailbox: MailboxId, special: Special) -> Result<bool, StoreError> {
        if special == Special::None {
            return Ok(false);
        }
        let folders = self.imap.store.folders(mailbox).await?;
        Ok(folders.iter().any(|folder| folder.special == special))
    }

    /// DELETE (RFC 3501 s6.3.4): what lies below stays, and so does a subscription.
    pub(super) async fn delete(&mut self, name: &FolderName) -> Done {
        let Some(mailbox) = self.mailbox() else { return Ok(say::LOG_IN_FIRST.into()) };
        if *name == FolderName::inbox() {
            return Ok(say::INBOX_STAYS.into());
        }
        match self.imap.store.delete_folder(mailbox, name).await {
            Ok(()) => Ok(say::DONE.into()),
            Err(error) => Ok(self.failed("DELETE", &error).into()),
        }
    }

    /// RENAME (RFC 3501 s6.3.5).
    pub(super) async fn rename(&mut self, from: &FolderName, to: &FolderName) -> Done {
        let Some(mailbox) = self.mailbox() else { return Ok(say::LOG_IN_FIRST.into()) };
        match self.imap.store.rename_folder(mailbox, from, to).await {
            Ok(()) => Ok(say::DONE.into()),
            Err(error) => Ok(self.failed("RENAME", &error).into()),
        }
    }

    /// SUBSCRIBE, UNSUBSCRIBE (RFC 3501 s6.3.6, s6.3.7): the name need not exist.
    pub(super) async fn subscribe(&mut self, name: &FolderName, on: bool) -> Done {
        let Some(mailbox) = self.mailbox() else { return Ok(say::LOG_IN_FIRST.into()) };
        match self.imap.store.subscribe(mailbox, name, on).await {
            Ok(()) => Ok(say::DONE.into()),
            Err(error) => Ok(self.failed("SUBSCRIBE", &error).into()),
        }
    }

    /// NAMESPACE (RFC 2342): all is the user's own.
    pub(super) fn namespace(&mut self) -> Answer {
        answer::namespace(self.conn.output());
        say::DONE.into()
    }

    /// LIST (RFC 3501 s6.3.8, RFC 5258, RFC 5819, RFC 6154).
    pub(super) async fn list(&mut self, query: &ListQuery) -> Done {
        if !query.extended && query.patterns.iter().all(Pattern::is_empty) {
            answer::delimiter(self.conn.output(), "LIST");
            return Ok(say::DONE.into());
        }
        let tree = match self.tree().await {
            Ok(tree) => tree,
            Err(error) => return Ok(self.failed("LIST", &error).into()),
        };
        let patterns = patterns(query);
        let mut steps = 0;
        for level in tree.levels() {
            let name = tree.name(level);
            let mut fits = false;
            for pattern in &patterns {
                self.breathe(&mut steps, name.len() * pattern.as_str().len()).await?;
                fits = fits || pattern.matches(name);
            }
            if let Some(line) = tree.list(level, query.select).filter(|_| fits) {
                self.say_listed(&line, query);
                self.say_status_of(&line, &query.returns.status).await?;
                self.flush_some().await?;
            }
        }
        Ok(say::DONE.into())
    }

    /// LSUB (RFC 3501 s6.3.9).
    pub(super) async fn lsub(&mut self, reference: &str, pattern: &Pattern) -> Done {
        if pattern.is_empty() {
            answer::delimiter(self.conn.output(), "LSUB");
            return Ok(say::DONE.into());
        }
        let tree = match self.tree().await {
            Ok(tree) => tree,
            Err(error) => return Ok(self.failed("LSUB", &error).into()),
        };
        let pattern = pattern.under(reference);
        let (utf8, mut steps) = (self.speaks_utf8(), 0);
        for level in tree.levels() {
            let name = tree.name(level);
            self.breathe(&mut steps, name.len() * pattern.as_str().len()).await?;
            if let Some(line) = tree.lsub(level, &pattern).filter(|_| pattern.matches(name)) {
                answer::lsub(self.conn.output(), &line.name, line.folder.is_some(), utf8);
                self.flush_some().await?;
            }
        }
        Ok(say::DONE.into())
    }

    /// A long list of long names against long patterns must not keep the thread.
    async fn breathe(&mut self, steps: &mut usize, more: usize) -> Result<(), End> {
        *steps += more + 1;
        if *steps >= STEPS {
            *steps = 0;
            smol::future::yield_now().await;
            if self.imap.stop.is_set() {
                return Err(End::Stopping);
            }
        }
        Ok(())
    }

    async fn tree(&self) -> Result<Tree, StoreError> {
        let mailbox = self.mailbox().ok_or(StoreError::Missing)?;
        // INBOX is there from the first look on.
        self.imap.store.folder(mailbox, &FolderName::inbox()).await?;
        let folders = self.imap.store.folders(mailbox).await?;
        Ok(Tree::new(folders, self.imap.store.subscriptions(mailbox).await?))
    }

    fn say_listed(&mut self, line: &Listed, query: &ListQuery) {
        let said = answer::Listed {
            name: &line.name,
            exists: line.folder.is_some(),
            children: Some(line.has_children),
            subscribed: line.subscribed && (query.returns.subscribed || query.select.subscribed),
            special: line.special(),
            child_info: line.child_info.then_some(query.select),
        };
        let utf8 = self.speaks_utf8();
        answer::list(self.conn.output(), said, utf8);
    }

    /// LIST ... RETURN (STATUS ...) (RFC 5819 s2): none for what is no folder.
    async fn say_status_of(&mut self, line: &Listed, items: &[StatusItem]) -> Result<(), End> {
        let Some(folder) = line.folder.as_ref().filter(|_| !items.is_empty()) else { return Ok(()) };
        match self.say_status(folder, items).await {
            Ok(()) => {}
            // It was deleted since: the LIST goes on without.
            Err(error) => drop(self.failed("STATUS", &error)),
        }
        Ok(())
    }

    /// STATUS (RFC 3501 s6.3.10).
    pub(super) async fn status(&mut self, name: &FolderName, items: &[StatusItem]) -> Done {
        let Some(mailbox) = self.mailbox() else { return Ok(say::LOG_IN_FIRST.into()) };
        let folder = match self.imap.store.folder(mailbox, name).await {
            Ok(folder) => folder,
            Err(error) => return Ok(self.failed("STATUS", &error).into()),
        };
        match self.say_status(&folder, items).await {
            Ok(()) => Ok(say::DONE.into()),
            Err(error) => Ok(self.failed("STATUS", &error).into()),
        }
    }

    async fn say_status(&mut self, folder: &Folder, items: &[StatusItem]) -> Result<(), StoreError> {
        if items.contains(&StatusItem::HighestModSeq) {
            // RFC 7162 s3.1: such a client knows of MODSEQ.
            self.want_modseq();
        }
        let mut said = Vec::with_capacity(items.len());
        for item in items {
            said.push((*item, Some(self.counted(folder, *item).await?)));
        }
        let utf8 = self.speaks_utf8();
        answer::status(self.conn.output(), &folder.name, &said, utf8);
        Ok(())
    }

    async fn counted(&self, folder: &Folder, item: StatusItem) -> Result<u64, StoreError> {
        Ok(match item {
            StatusItem::Messages => folder.messages.into(),
            StatusItem::UidNext => folder.next_uid.0.into(),
            StatusItem::UidValidity => folder.validity.into(),
            StatusItem::Unseen => folder.unseen.into(),
            StatusItem::Size => folder.bytes,
            StatusItem::HighestModSeq => folder.modseq.0,
            StatusItem::Deleted => folder.deleted.into(),
            StatusItem::AppendLimit => self.imap.settings.get().max_message,
            StatusItem::Recent => match self.imap.store.peek_recent(folder.id) {
                Some(first) => self.count_rows(folder, first, |_, _| 1).await?,
                None => 0,
            },
            StatusItem::DeletedStorage if folder.deleted == 0 => 0,
            StatusItem::DeletedStorage => {
                let size = |flags: Flags, size| if flags.has(Flags::DELETED) { size } else { 0 };
                self.count_rows(folder, Uid(1), size).await?
            }
        })
    }

    /// The sum over the messages from `first` on, a page at a time.
    async fn count_rows(&self, folder: &Folder, first: Uid, of: impl Fn(Flags, u64) -> u64) -> Result<u64, StoreError> {
        let (mut sum, mut after) = (0, Uid(first.0.saturating_sub(1)));
        if first >= folder.next_uid {
            return Ok(0);
        }
        loop {
            let rows = self.imap.store.page(folder.id, after, limits::TURN_ROWS).await?;
            let Some(last) = rows.last() else { return Ok(sum) };
            after = last.uid;
            sum += rows.iter().map(|row| of(row.flags, row.size)).sum::<u64>();
        }
    }

    pub(super) fn mailbox(&self) -> Option<MailboxId> {
        self.phase.who().map(|who| who.login.mailbox)
    }

    pub(super) fn speaks_utf8(&self) -> bool {
        self.phase.who().is_some_and(|who| who.utf8)
    }
}
