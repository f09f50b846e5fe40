//! IDLE (RFC 2177): what happens to the open folder is told as it happens, until DONE.

use std::time::Duration;

use super::{Done, End, Session, phase::Phase, unless_stopped};
use crate::{
    limits,
    rt::timeout,
    wire::imap::{answer, say},
};

/// Signs of life while a client is patiently waited for: what is between us and the client must not forget the connection.
const SIGNS: u32 = (limits::IMAP_IDLE_SECS / limits::IMAP_STILL_HERE_SECS) as u32;
/// Octets of a line that may be DONE.
const LINE: usize = 64;

/// What ended a wait.
enum Woken {
    /// The client says something.
    Said,
    /// The folder changed.
    News,
    /// Nothing, for a while.
    Silence,
}

impl Session {
    /// From the "+" to the line that ends it. Everything may be told in between, EXPUNGE too.
    pub(super) async fn idle(&mut self) -> Done {
        let begin = self.imap.policy.clock.mono();
        answer::go_on(self.conn.output(), "idling");
        loop {
            self.tell_news(true).await?;
            // DONE may stand in the buffer already.
            if !self.conn.buffered().is_empty() {
                break;
            }
            self.flush().await?;
            let left = self.idle.saturating_sub(self.imap.policy.clock.mono().saturating_sub(begin));
            let pause = self.idle / SIGNS;
            match self.wait(left.min(pause)).await? {
                Woken::Said | Woken::News => {}
                Woken::Silence if left <= pause => return Err(End::Idle),
                Woken::Silence => say::STILL_HERE.untagged(self.conn.output()),
            }
        }
        match self.line(LINE).await? {
            Some(line) if line.eq_ignore_ascii_case(b"DONE") => Ok(say::IDLE_DONE.into()),
            Some(_) | None => self.abuse(say::DONE_EXPECTED),
        }
    }

    /// Until the client says something, the folder changes, or `limit` is over.
    async fn wait(&mut self, limit: Duration) -> Result<Woken, End> {
        let Session { conn, phase, imap, .. } = self;
        let said = async { conn.fill(limit.saturating_mul(2)).await.map(|()| Woken::Said).map_err(End::from) };
        let news = async {
            match phase {
                Phase::Selected(_, selected) => selected.watch.changed().await,
                Phase::Fresh | Phase::Authenticated(_) => std::future::pending().await,
            }
            Ok(Woken::News)
        };
        let first = unless_stopped(&imap.stop, smol::future::or(said, news));
        timeout(limit, first).await.unwrap_or(Ok(Woken::Silence))
    }
}
