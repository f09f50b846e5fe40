//! Opens the disk that a power cut left by the code that the house opens it with, and says what is wrong with it.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    sync::Arc,
};

use gatepost::{
    rt::block_on,
    store::{self, Disk, Places, Store},
    types::{FolderName, MailboxId, QueueId, Uid},
};

use super::{
    facts::{Fact, Truth},
    mails::{self, close, deliver, read},
    post::{Post, Token},
    recorder::Recorder,
};

/// Rows that one mailbox has at most.
const ALL: usize = 100_000;

/// What a mailbox holds: what each message is, and its unique identifier.
pub type Held = Vec<(Token, String)>;

/// Knows what was sent and where the house keeps it.
pub struct Judge {
    pub post: Post,
    pub mailboxes: Vec<(String, MailboxId)>,
    /// The state directory.
    pub state: PathBuf,
}

impl Judge {
    fn places(&self) -> Places {
        Places { state: self.state.clone(), mail: self.state.join("mail"), reserve: 0 }
    }

    /// What is wrong with the disk after a cut before which `facts` were known; None: nothing.
    pub fn wrong(&self, image: &Recorder, facts: &[Fact]) -> Option<String> {
        let truth = Truth::of(facts, &self.post);
        self.judge(image, &truth).err()
    }

    fn judge(&self, image: &Recorder, truth: &Truth) -> Result<(), String> {
        let disk: Arc<dyn Disk> = Arc::new(image.clone());
        self.check_files(&disk)?;
        let store = mails::open_at(disk, self.places()).map_err(|error| format!("it does not open: {error}"))?;
        let judged = block_on(self.examine(&store, truth));
        close(store);
        judged
    }

    /// `gatepost check` before the next start. A cut in the very first start leaves nothing to check.
    fn check_files(&self, disk: &Arc<dyn Disk>) -> Result<(), String> {
        let is_there = |dir: &Path, name: &str| disk.list(dir).is_ok_and(|names| names.iter().any(|n| n == name));
        if !is_there(&self.state, "system.redb") || !is_there(&self.places().mail, "mail.redb") {
            return Ok(());
        }
        let report = store::check(disk, &self.places(), &mut |_| {}).map_err(|error| format!("check: {error}"))?;
        report.problems.first().map_or(Ok(()), |problem| Err(format!("check before the start: {problem}")))
    }

    async fn examine(&self, store: &Store, truth: &Truth) -> Result<(), String> {
        let mut all = Vec::new();
        for (mailbox, id) in &self.mailboxes {
            let held = self.held(store, *id).await.map_err(|what| format!("{mailbox}: {what}"))?;
            all.push((mailbox.clone(), held));
        }
        compare(truth, all)?;
        self.takes_mail(store, truth).await?;
        let report = store.check(|_| {}).await.map_err(|error| format!("check: {error}"))?;
        report.problems.first().map_or(Ok(()), |problem| Err(format!("check after the start: {problem}")))
    }

    async fn held(&self, store: &Store, mailbox: MailboxId) -> Result<Held, String> {
        let (validity, rows) =
            store.messages(mailbox, &FolderName::inbox(), Uid(0), ALL).await.map_err(|e| e.to_string())?;
        let mut held = Vec::new();
        for row in rows {
            let body = read(store, row.body).await.map_err(|error| format!("UID {}: {error}", row.uid.0))?;
            let token = self.post.token(&body).map_err(|what| format!("UID {}: {what}", row.uid.0))?;
            held.push((token, format!("{validity}.{}", row.uid.0)));
        }
        Ok(held)
    }

    /// A message that comes in afterwards gets numbers that nobody ever saw.
    async fn takes_mail(&self, store: &Store, truth: &Truth) -> Result<(), String> {
        let Some((mailbox, number)) = self.mailboxes.first() else { return Ok(()) };
        let no_mail = |error| format!("no mail after the cut: {error}");
        let id = deliver(store, b"Subject: after\r\n\r\nthe cut\r\n", &[number.0]).await.map_err(no_mail)?;
        let (validity, rows) = store.messages(*number, &FolderName::inbox(), Uid(0), ALL).await.map_err(no_mail)?;
        let row = rows.iter().find(|row| row.body == id).ok_or("a message that came after the cut is not there")?;
        is_new(truth, QueueId::of(id).as_str(), (mailbox, &format!("{validity}.{}", row.uid.0)))
    }
}

/// Whether the mailboxes hold what they must and nothing that they may not.
pub fn compare(truth: &Truth, all: Vec<(String, Held)>) -> Result<(), String> {
    let mut found = BTreeSet::new();
    for (mailbox, held) in all {
        for (token, uidl) in held {
            let seen = truth.uidls.get(&(mailbox.clone(), uidl.clone()));
            if let Some(seen) = seen.filter(|seen| **seen != token) {
                return Err(format!("{mailbox}: {uidl} was {seen} and is {token} now"));
            }
            let copy = (mailbox.clone(), token);
            if !truth.may.contains(&copy) {
                return Err(format!("{mailbox} has {token}, which was deleted, refused or not sent there"));
            }
            if !found.insert(copy) {
                return Err(format!("{mailbox} has {token} twice"));
            }
        }
    }
    if let Some((mailbox, token)) = truth.must.iter().find(|copy| !found.contains(copy)) {
        return Err(format!("LOST: {token} of {mailbox}"));
    }
    // A message has all its copies and its notice, or none: they are one commit.
    for (id, copies) in &truth.together {
        let here = copies.iter().filter(|copy| found.contains(copy)).count();
        if here > 0 && here < copies.len() {
            return Err(format!("message {id} has {here} of {} copies", copies.len()));
        }
    }
    Ok(())
}

/// Whether a queue id and a unique identifier were never told to anybody.
pub fn is_new(truth: &Truth, queue_id: &str, (mailbox, uidl): (&str, &str)) -> Result<(), String> {
    if truth.queue_ids.contains(queue_id) {
        return Err(format!("queue id {queue_id} is given a second time"));
    }
    match truth.uidls.get(&(mailbox.to_owned(), uidl.to_owned())) {
        Some(token) => Err(format!("{mailbox}: {uidl} was {token} and is given again")),
        None => Ok(()),
    }
}
