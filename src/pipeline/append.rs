//! A message that a client of IMAP puts into a folder itself (RFC 3501 s6.3.11): it is kept as it came, nothing is stamped on it
//! and nobody is asked where it goes. Its octets are watched for their structure like everybody's.
//!
//! What the client may append (a size, a quota, an existing folder) the session asks before the octets come.

use super::{Pipeline, watch::Watching};
use crate::{
    store::{Delivery, Draft, Kept, NewMessage, Sealed, StoreError},
    types::{Flags, FolderName, Keyword, MailboxId, UnixTime},
};

/// A message on its way into a folder. Dropping it forgets it.
pub struct Appending {
    draft: Draft,
    watching: Watching,
    newlines: Newlines,
}

/// A message that is complete, with what was said of it. Dropping it forgets it.
pub struct Filed {
    sealed: Sealed,
    derived: Option<Vec<u8>>,
    flags: Flags,
    keywords: Vec<Keyword>,
    date: Option<UnixTime>,
}

impl Pipeline {
    /// Begins a message.
    pub async fn append(&self) -> Result<Appending, StoreError> {
        let draft = self.store.draft().await?;
        Ok(Appending { draft, watching: Watching::new(&self.heads), newlines: Newlines::default() })
    }

    /// Puts complete messages into a folder, all or none, in their order: one commit, one answer for each (RFC 3502).
    /// Ok means kept on the disk (the Guarantee of `store`). `limit`: octets that the mailbox may hold with them.
    pub async fn keep(
        &self,
        (mailbox, folder): (MailboxId, FolderName),
        limit: Option<u64>,
        filed: Vec<Filed>,
    ) -> Result<Vec<Kept>, StoreError> {
        let messages = filed.into_iter().map(|f| f.into_message(mailbox, folder.clone(), limit)).collect();
        self.store.commit(messages).await
    }
}

impl Appending {
    /// Adds octets. A bare LF becomes CRLF, since a message at rest consists of lines (RFC 5321 s2.3.8); all else stays.
    pub async fn write(&mut self, bytes: &[u8]) -> Result<(), StoreError> {
        if !self.newlines.has_bare(bytes) {
            return self.put(bytes).await;
        }
        let made_good = self.newlines.make_good(bytes);
        self.put(&made_good).await
    }

    async fn put(&mut self, bytes: &[u8]) -> Result<(), StoreError> {
        self.newlines.after(bytes);
        self.watching.feed(bytes);
        self.draft.write(bytes).await
    }

    /// Ends it. `date` is its INTERNALDATE; None: now.
    pub async fn file(self, flags: Flags, keywords: Vec<Keyword>, date: Option<UnixTime>) -> Result<Filed, StoreError> {
        let derived = self.watching.finish();
        Ok(Filed { sealed: self.draft.seal().await?, derived, flags, keywords, date })
    }
}

impl Filed {
    fn into_message(self, mailbox: MailboxId, folder: FolderName, limit: Option<u64>) -> NewMessage {
        let Filed { sealed, derived, flags, keywords, date } = self;
        let delivery = Delivery { mailbox, folder, flags, keywords, date, limit };
        NewMessage { sealed, derived, deliveries: vec![delivery], queue: Vec::new() }
    }
}

/// Finds LFs without CR in octets that come in pieces.
#[derive(Default)]
struct Newlines {
    /// The last octet of the piece before was CR.
    cr: bool,
}

impl Newlines {
    fn has_bare(&self, bytes: &[u8]) -> bool {
        let first = bytes.first() == Some(&b'\n') && !self.cr;
        first || bytes.windows(2).any(|w| w[1] == b'\n' && w[0] != b'\r')
    }

    fn make_good(&self, bytes: &[u8]) -> Vec<u8> {
        let mut out = Vec::with_capacity(bytes.len() + bytes.len() / 16);
        let mut cr = self.cr;
        for &b in bytes {
            if b == b'\n' && !cr {
                out.push(b'\r');
            }
            out.push(b);
            cr = b == b'\r';
        }
        out
    }

    fn after(&mut self, bytes: &[u8]) {
        self.cr = bytes.last().map_or(self.cr, |&b| b == b'\r');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bare_lf_gets_its_cr_wherever_the_pieces_end() {
        let text = b"\na\r\nb\n\nc\r\r\nd\re\n";
        for size in 1..=text.len() {
            let (mut newlines, mut out) = (Newlines::default(), Vec::new());
            for piece in text.chunks(size) {
                let good = if newlines.has_bare(piece) { newlines.make_good(piece) } else { piece.to_vec() };
                newlines.after(&good);
                out.extend_from_slice(&good);
            }
            assert_eq!(out, b"\r\na\r\nb\r\n\r\nc\r\r\nd\re\r\n", "pieces of {size}");
        }
    }

    #[test]
    fn lines_that_are_whole_stay_as_they_are() {
        assert!(!Newlines::default().has_bare(b"a\r\nb\rc\r\n"));
        assert!(!Newlines { cr: true }.has_bare(b"\nb"));
    }
}
