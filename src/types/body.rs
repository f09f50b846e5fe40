//! The Body reader: how a room reads a message's bytes without knowing where they lie.

use std::{future::Future, io, pin::Pin};

/// What [`BodyReader::read`] returns.
pub type ReadFuture<'a> = Pin<Box<dyn Future<Output = io::Result<Vec<u8>>> + Send + 'a>>;

/// Bytes of one message, readable at any offset, in pieces of at most 1 MiB.
pub trait BodyReader: Send + Sync {
    /// Octets in all.
    fn len(&self) -> u64;

    /// Whether there are none.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Up to `max` octets from `offset`; empty only at the end. An error names the record and what is wrong with it.
    fn read(&self, offset: u64, max: usize) -> ReadFuture<'_>;
}

/// A body that is in memory (small drafts, tests, messages we make ourselves).
pub struct BytesBody(pub Vec<u8>);

impl BodyReader for BytesBody {
    fn len(&self) -> u64 {
        self.0.len() as u64
    }

    fn read(&self, offset: u64, max: usize) -> ReadFuture<'_> {
        let from = usize::try_from(offset).unwrap_or(usize::MAX).min(self.0.len());
        let to = from.saturating_add(max).min(self.0.len());
        let part = self.0[from..to].to_vec();
        Box::pin(async move { Ok(part) })
    }
}
