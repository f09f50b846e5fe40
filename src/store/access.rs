//! What IMAP asks of the handle: folders by name, and what is in a folder by its number, so that a rename does not disturb.

use std::sync::Arc;

use super::{
    Copied, Fetched, FlagEdit, Flagged, Folder, Sieve, Sifted, Store, StoreError, Want, Watch,
    apply::{Answer, Change},
    fetch,
    folders::FolderWork,
    index::Octets,
    messages::MessageWork,
    reader, sift,
};
use crate::types::{BodyId, FolderId, FolderName, Keyword, MailboxId, MessageRow, Special, Uid};

/// Mailboxes whose folders are made in one group of the writer.
const TOGETHER: usize = 64;

impl Store {
    /// A mailbox' folders by name, with their counts.
    pub async fn folders(&self, mailbox: MailboxId) -> Result<Vec<Folder>, StoreError> {
        self.core.read(move |mail| reader::folders(mail, mailbox)).await
    }

    /// One folder with its counts; Missing when it is not there. INBOX is made on first need.
    pub async fn folder(&self, mailbox: MailboxId, name: &FolderName) -> Result<Folder, StoreError> {
        let wanted = name.clone();
        match self.core.read(move |mail| reader::folder(mail, mailbox, &wanted)).await {
            Err(StoreError::Missing) if *name == FolderName::inbox() => {
                let inbox = vec![(name.clone(), Special::Inbox)];
                self.folder_of(Change::Folders(mailbox, FolderWork::Make(inbox))).await
            }
            found => found,
        }
    }

    async fn folder_of(&self, change: Change) -> Result<Folder, StoreError> {
        match self.change(change).await? {
            Answer::Folder(folder) => Ok(folder),
            other => Err(other.unfit()),
        }
    }

    /// Makes folders that are not there, and subscribes to them (D2).
    pub async fn make_folders(
        &self,
        mailbox: MailboxId,
        folders: Vec<(FolderName, Special)>,
    ) -> Result<(), StoreError> {
        self.change(Change::Folders(mailbox, FolderWork::Make(folders))).await.map(|_| ())
    }

    /// The same for several mailboxes, together; the first error.
    pub async fn make_folders_of(
        &self,
        mailboxes: Vec<MailboxId>,
        folders: Vec<(FolderName, Special)>,
    ) -> Result<(), StoreError> {
        for some in mailboxes.chunks(TOGETHER) {
            let make = |mailbox: &MailboxId| Change::Folders(*mailbox, FolderWork::Make(folders.clone()));
            let done = self.change_each(some.iter().map(make).collect()).await;
            done.into_iter().collect::<Result<Vec<_>, _>>()?;
        }
        Ok(())
    }

    /// A new folder and the levels above it. Exists, or Limit.
    pub async fn create_folder(
        &self,
        mailbox: MailboxId,
        name: &FolderName,
        special: Special,
    ) -> Result<Folder, StoreError> {
        self.folder_of(Change::Folders(mailbox, FolderWork::Create(name.clone(), special))).await
    }

    /// Removes a folder and its messages; what lies below it stays. Missing, or Exists for INBOX.
    pub async fn delete_folder(&self, mailbox: MailboxId, name: &FolderName) -> Result<(), StoreError> {
        self.change(Change::Folders(mailbox, FolderWork::Delete(name.clone()))).await.map(|_| ())
    }

    /// Renames a folder with all below it, in one transaction: numbers, UIDs and UIDVALIDITY stay, subscriptions follow. INBOX
    /// stays and gives its messages to the new folder (RFC 3501 s6.3.5). Missing, Exists, or Limit.
    pub async fn rename_folder(
        &self,
        mailbox: MailboxId,
        from: &FolderName,
        to: &FolderName,
    ) -> Result<(), StoreError> {
        self.change(Change::Folders(mailbox, FolderWork::Rename(from.clone(), to.clone()))).await.map(|_| ())
    }

    /// Subscribes or unsubscribes; the folder need not exist. Limit.
    pub async fn subscribe(&self, mailbox: MailboxId, name: &FolderName, on: bool) -> Result<(), StoreError> {
        self.change(Change::Folders(mailbox, FolderWork::Subscribe(name.clone(), on))).await.map(|_| ())
    }

    /// Names the mailbox is subscribed to.
    pub async fn subscriptions(&self, mailbox: MailboxId) -> Result<Vec<FolderName>, StoreError> {
        self.core.read(move |mail| reader::subscriptions(mail, mailbox)).await
    }

    /// A folder's keywords: number n is bit n of a row. The list only grows.
    pub async fn keywords(&self, folder: FolderId) -> Result<Vec<Keyword>, StoreError> {
        self.core.read(move |mail| reader::keywords(mail, folder)).await
    }

    /// Up to `max` rows with a UID above `after`, rising. Missing when the folder is gone.
    pub async fn page(&self, folder: FolderId, after: Uid, max: usize) -> Result<Vec<MessageRow>, StoreError> {
        let core = self.core.clone();
        self.core.read(move |mail| fetch::page(&core, mail, folder, after, max)).await
    }

    /// Messages in the order of `uids`, without those that are gone. Stops after about 1 MiB, but gives at least one that is
    /// there: whoever asks goes on behind the last UID it got, until it gets none.
    pub async fn fetch(&self, folder: FolderId, uids: Vec<Uid>, want: Want) -> Result<Vec<Fetched>, StoreError> {
        let core = self.core.clone();
        self.core.read(move |mail| fetch::fetch(&core, mail, folder, &uids, want)).await
    }

    /// The rows of messages in the order of `uids`, without those that are gone. One turn of a reader thread: at most
    /// `limits::TURN_PLAIN` of them are asked for.
    pub async fn listed(&self, folder: FolderId, uids: Vec<Uid>) -> Result<Vec<MessageRow>, StoreError> {
        let core = self.core.clone();
        self.core.read(move |mail| fetch::rows(&core, mail, folder, &uids)).await
    }

    /// Changes flags in one transaction. Missing when the folder is gone; Limit when it has no place for a new keyword.
    pub async fn flag(&self, folder: FolderId, uids: Vec<Uid>, edit: FlagEdit) -> Result<Flagged, StoreError> {
        match self.change(Change::Messages(folder, MessageWork::Flag(uids, edit))).await? {
            Answer::Flagged(flagged) => Ok(flagged),
            other => Err(other.unfit()),
        }
    }

    /// Copies messages with flags, keywords and dates in one transaction, and takes them away from here for a move (RFC 6851). No octet
    /// is copied. Missing when the target is not there; a source that is gone has no messages.
    pub async fn copy(
        &self,
        folder: FolderId,
        uids: Vec<Uid>,
        to: (MailboxId, FolderName),
        take_away: bool,
    ) -> Result<Copied, StoreError> {
        self.carry(folder, MessageWork::Copy { uids, to, take_away, limit: None }).await
    }

    /// As [`Store::copy`], for a mailbox that may hold `limit` octets: OverQuota, and nothing is copied, where it would hold more.
    pub async fn copy_within(
        &self,
        folder: FolderId,
        uids: Vec<Uid>,
        to: (MailboxId, FolderName),
        limit: u64,
    ) -> Result<Copied, StoreError> {
        self.carry(folder, MessageWork::Copy { uids, to, take_away: false, limit: Some(limit) }).await
    }

    async fn carry(&self, folder: FolderId, work: MessageWork) -> Result<Copied, StoreError> {
        match self.change(Change::Messages(folder, work)).await? {
            Answer::Copied(copied) => Ok(copied),
            other => Err(other.unfit()),
        }
    }

    /// Removes messages durably: these or all, with \Deleted only or any. Gives what really went. Missing when the folder is gone.
    pub async fn expunge(
        &self,
        folder: FolderId,
        uids: Option<Vec<Uid>>,
        only_deleted: bool,
    ) -> Result<Vec<Uid>, StoreError> {
        match self.change(Change::Messages(folder, MessageWork::Expunge { uids, only_deleted })).await? {
            Answer::Gone(gone) => Ok(gone),
            other => Err(other.unfit()),
        }
    }

    /// One turn of a search on a reader thread; `Sifted::next` says where to go on. Missing when the folder is gone.
    pub async fn sift(&self, folder: FolderId, uids: Vec<Uid>, sieve: Arc<dyn Sieve>) -> Result<Sifted, StoreError> {
        let _turn = self.core.sifting.lock().await;
        let core = self.core.clone();
        self.core.read(move |mail| sift::sift(&core, mail, folder, &uids, &sieve)).await
    }

    /// Keeps the record of a body, which was made from its text. Never on the disk at once: one that is lost is made again.
    pub fn put_derived(&self, body: BodyId, record: Vec<u8>) {
        self.core.index.put(&self.core, body, record);
    }

    /// The record of a body; None: there is none that can be read (yet), make it from the text.
    pub async fn derived(&self, body: BodyId) -> Option<Vec<u8>> {
        let core = self.core.clone();
        self.core
            .read(move |mail| Ok(core.index.look(&core, mail).get(body).map(Octets::into_vec)))
            .await
            .ok()
            .flatten()
    }

    /// Watches a folder. Watch first, then read its rows: nothing is missed then.
    pub fn watch(&self, folder: FolderId) -> Watch {
        self.core.hub.watch(folder)
    }

    /// The first message that is \Recent, which it is no longer for anybody else (SELECT). None: nothing is.
    pub fn take_recent(&self, folder: FolderId) -> Option<Uid> {
        self.core.hub.take_recent(folder)
    }

    /// The first message that is \Recent and stays so (EXAMINE, STATUS).
    pub fn peek_recent(&self, folder: FolderId) -> Option<Uid> {
        self.core.hub.peek_recent(folder)
    }
}
