//! Quotas (RFC 9208): one root, named `""`, of a mailbox that has a limit. They are set by the administrator.

use super::{Done, Session};
use crate::{
    store::{StoreError, Usage},
    types::FolderName,
    wire::imap::{answer, say},
};

/// STORAGE is counted in these octets (RFC 9208 s5.1).
const UNIT: u64 = 1024;

/// The name of the only root.
const ROOT: &str = "";

impl Session {
    /// GETQUOTA (RFC 9208 s4.1.2).
    pub(super) async fn get_quota(&mut self, root: &str) -> Done {
        let Some(quota) = self.quota().filter(|_| root == ROOT) else { return Ok(say::NO_QUOTA_ROOT.into()) };
        self.say_quota(quota).await
    }

    /// GETQUOTAROOT (RFC 9208 s4.1.3): the folder need not exist; without a limit there is no root.
    pub(super) async fn get_quota_root(&mut self, name: &FolderName) -> Done {
        let (utf8, quota) = (self.speaks_utf8(), self.quota());
        let roots: &[&str] = if quota.is_some() { &[ROOT] } else { &[] };
        answer::quota_root(self.conn.output(), name, roots, utf8);
        match quota {
            Some(quota) => self.say_quota(quota).await,
            None => Ok(say::DONE.into()),
        }
    }

    /// The limit of the user's mailbox, octets.
    pub(super) fn quota(&self) -> Option<u64> {
        let who = self.phase.who()?;
        self.imap.policy.directory.get().mailboxes.get(&who.login.address)?.quota
    }

    /// What the user's mailbox holds.
    pub(super) async fn usage(&self) -> Result<Usage, StoreError> {
        let mailbox = self.mailbox().ok_or(StoreError::Missing)?;
        match self.imap.store.usage(mailbox).await {
            // One that never got a message.
            Err(StoreError::Missing) => Ok(Usage::default()),
            usage => usage,
        }
    }

    async fn say_quota(&mut self, quota: u64) -> Done {
        match self.usage().await {
            Ok(usage) => {
                let (used, limit) = (usage.bytes.div_ceil(UNIT), quota.div_ceil(UNIT));
                answer::quota(self.conn.output(), ROOT, &[("STORAGE", used, limit)]);
                Ok(say::DONE.into())
            }
            Err(error) => Ok(self.failed("GETQUOTA", &error).into()),
        }
    }
}
