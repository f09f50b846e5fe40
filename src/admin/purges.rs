//! The mail of removed mailboxes: deleted beside the requests, some mailboxes at a time, so that a domain of ten thousand holds
//! up neither the request that removed it nor another change nor a delivery.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use super::{Desk, DeskError};
use crate::{
    directory::{Change, Removed},
    journal::AdminEvent,
    rt::{Light, Stop, timeout},
    store::{StoreError, Usage},
    types::MailboxId,
};

/// Mailboxes that go in one transaction...
const GROUP: usize = 64;
/// ... and their messages: a delivery waits for no more of them. A larger mailbox goes alone, in steps of the store.
const MESSAGES: u64 = 2000;
/// What could not be deleted is tried again after so long, or with the next removal.
const RETRY: Duration = Duration::from_secs(600);
/// The line of the board.
const LINE: &str = "purge";

/// Deletes the mail of mailboxes that are removed, those of earlier runs too, until the stop sign.
pub async fn keep_purging(desk: Arc<Desk>, stop: Stop) {
    let mut told = BTreeSet::new();
    while !stop.is_set() {
        let failed = desk.purge_removed(&stop, &mut told).await;
        let due = async {
            match failed {
                true => drop(timeout(RETRY, desk.purges_due.wait()).await),
                false => desk.purges_due.wait().await,
            }
        };
        smol::future::or(due, stop.wait()).await;
    }
}

impl Desk {
    /// One round over all of them; whether some could not be deleted. `told`: whose failure stands in the journal already.
    async fn purge_removed(&self, stop: &Stop, told: &mut BTreeSet<MailboxId>) -> bool {
        let waiting: Vec<Removed> = self.house().directory.get().removed.values().cloned().collect();
        let mut left = waiting.len();
        if left == 0 {
            return false;
        }
        let usages = self.house().store.usages().await.unwrap_or_default();
        let mut failure = None;
        for group in groups(&waiting, &usages) {
            if stop.is_set() {
                return true;
            }
            if waiting.len() > GROUP {
                let text = format!("the mail of {left} removed mailboxes is being deleted");
                self.house().board.put(LINE, Light::Green, text);
            }
            left -= group.len();
            failure = self.purge(group, told).await.or(failure);
            // Without its disk no other one can be deleted either.
            if matches!(failure, Some(DeskError::Store(StoreError::Unavailable(_)))) {
                break;
            }
        }
        match &failure {
            None => self.house().board.wipe(LINE),
            Some(why) => {
                let left = self.house().directory.get().removed.len();
                let text = format!("the mail of {left} removed mailboxes is not deleted yet: {why}");
                self.house().board.put(LINE, Light::Yellow, text);
            }
        }
        failure.is_some()
    }

    /// Purges some and forgets them in one transaction; whose row stays is purged again, which finds nothing then. Gives the
    /// last failure.
    async fn purge(&self, some: &[Removed], told: &mut BTreeSet<MailboxId>) -> Option<DeskError> {
        let done = self.house().store.purge_all(some.iter().map(|one| one.id).collect()).await;
        let (mut gone, mut failure) = (Vec::new(), None);
        for (one, done) in some.iter().zip(done) {
            match done {
                Ok(()) | Err(StoreError::Missing) => gone.push(one),
                Err(why) => failure = Some(self.not_purged(one, why.into(), told)),
            }
        }
        if gone.is_empty() {
            return failure;
        }
        if let Err(why) = self.forget(gone.iter().map(|one| Change::Purged(one.id)).collect()).await {
            return Some(self.not_purged(gone[0], why, told));
        }
        for one in gone {
            told.remove(&one.id);
            self.house().journal.tell(AdminEvent::Purged { address: one.address.to_string() });
        }
        failure
    }

    fn not_purged(&self, one: &Removed, why: DeskError, told: &mut BTreeSet<MailboxId>) -> DeskError {
        if told.insert(one.id) {
            let address = one.address.to_string();
            self.house().journal.tell(AdminEvent::NotPurged { address, why: why.to_string() });
        }
        why
    }
}

/// Cuts the list where a group would have too many mailboxes or messages.
fn groups<'a>(waiting: &'a [Removed], usages: &BTreeMap<MailboxId, Usage>) -> Vec<&'a [Removed]> {
    let messages = |one: &Removed| usages.get(&one.id).map_or(0, |usage| usage.messages);
    let (mut groups, mut rest) = (Vec::new(), waiting);
    while !rest.is_empty() {
        let mut sum = 0_u64;
        let fits = rest.iter().take(GROUP).take_while(|one| {
            sum = sum.saturating_add(messages(one));
            sum <= MESSAGES
        });
        let (group, behind) = rest.split_at(fits.count().max(1));
        groups.push(group);
        rest = behind;
    }
    groups
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::Address;

    #[test]
    fn a_group_has_so_many_mailboxes_and_messages_and_a_large_mailbox_goes_alone() {
        let waiting: Vec<Removed> = (1..=150)
            .map(|n| Removed { id: MailboxId(n), address: Address::parse(&format!("box{n}@office.test")).unwrap() })
            .collect();
        let sizes = |held: &[(u32, u64)]| {
            let usage =
                |(id, messages): &(u32, u64)| (MailboxId(*id), Usage { messages: *messages, ..Usage::default() });
            let groups = groups(&waiting, &held.iter().map(usage).collect());
            assert_eq!(groups.concat(), waiting);
            groups.iter().map(|group| group.len()).collect::<Vec<_>>()
        };
        assert_eq!(sizes(&[]), [64, 64, 22]);
        assert_eq!(sizes(&[(1, 1_000_000), (3, 1500), (4, 1500)]), [1, 2, 64, 64, 19]);
        assert!(groups(&[], &BTreeMap::new()).is_empty());
    }
}
