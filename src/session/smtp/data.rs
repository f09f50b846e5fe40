//! A message on its way in: octets from the connection through the decoder to the pipeline, in bounded pieces.
//!
//! A refusal in the middle forgets the message at once and lets the rest go by: the client hears of it when it has said all
//! (RFC 5321 s4.1.1.4, RFC 3030 s2).

use std::time::Duration;

use crate::{
    journal::SmtpFact,
    limits,
    pipeline::{Accepted, Incoming, Origin},
    policy::Refusal,
    types::{Address, QueueId, ReversePath},
    wire::smtp::{Chunk, Fed, Lines, Reply, Say, say},
};

use super::{
    phase::{Greeting, Phase},
    serve::{End, Session, Spot},
};

/// A message that is being said.
pub struct Arriving {
    /// None once it was refused.
    incoming: Option<Incoming>,
    refusal: Option<Refusal>,
    lines: Lines,
    /// A bare CR or LF is forgiven.
    forgiving: bool,
    qid: QueueId,
    from: ReversePath,
    /// The recipient, if there is one only.
    to: Option<String>,
}

impl Arriving {
    fn refuse(&mut self, refusal: Refusal) {
        self.incoming = None;
        self.refusal.get_or_insert(refusal);
    }

    /// Takes octets by `feed` and hands them on at once: the draft gathers them into blocks, and a client that drips into a
    /// thousand connections must not find a second buffer in each.
    async fn take(&mut self, input: &[u8], feed: impl FnOnce(&mut Lines, &[u8], &mut Vec<u8>) -> Fed) -> Fed {
        let mut ready = Vec::with_capacity(input.len());
        let fed = feed(&mut self.lines, input, &mut ready);
        if self.lines.saw_bare() && !self.forgiving {
            self.refuse(Refusal::of(say::BARE_NEWLINE, "a bare CR or LF from a stranger"));
        }
        if let Some(incoming) = &mut self.incoming
            && !ready.is_empty()
            && let Err(refusal) = incoming.write(&ready).await
        {
            self.refuse(refusal);
        }
        fed
    }

    /// Ok only when it is kept on the disk.
    async fn finish(self) -> Result<Accepted, Refusal> {
        match (self.incoming, self.refusal) {
            (Some(incoming), None) => incoming.finish().await,
            (_, Some(refusal)) => Err(refusal),
            // Incoming is dropped only together with a refusal.
            (None, None) => Err(Refusal::of(say::OUR_FAULT, "a message without an end")),
        }
    }
}

/// A client that drips must not hold its connection and our draft for ever: besides the time limit of each read, the whole
/// must come at a least speed.
struct Pace {
    began: Duration,
    octets: u64,
}

impl Pace {
    /// How long the next read may take; `idle` at most.
    fn limit(&self, now: Duration, idle: Duration) -> Duration {
        let due = self.began + idle + Duration::from_secs(self.octets / limits::DATA_RATE);
        due.saturating_sub(now).min(idle)
    }
}

impl Session {
    fn pace(&self) -> Pace {
        Pace { began: self.smtp.policy.clock.mono(), octets: 0 }
    }

    /// Waits for more of a message.
    async fn more(&mut self, pace: &mut Pace) -> Result<(), End> {
        self.flush().await?;
        let limit = pace.limit(self.smtp.policy.clock.mono(), self.idle);
        // The header section comes first, and is copied about while it is stamped: as little else as can be comes with it.
        match pace.octets {
            0 => self.conn.fill(limit).await?,
            _ => self.conn.fill_bulk(limit).await?,
        }
        pace.octets += self.conn.buffered().len() as u64;
        Ok(())
    }

    /// DATA: 354, the message, its answer.
    pub(super) async fn data(&mut self) -> Result<Reply, End> {
        let mut arriving = match self.open(Lines::of_data(), "DATA").await {
            Ok(arriving) => arriving,
            Err(reply) => return Ok(reply),
        };
        self.put(&say::GO_ON.into());
        let mut pace = self.pace();
        loop {
            let fed = arriving.take(self.conn.buffered(), Lines::feed).await;
            self.conn.consume(fed.used);
            if fed.ended {
                return Ok(self.settle(arriving).await);
            }
            self.more(&mut pace).await?;
        }
    }

    /// BDAT: a chunk and its answer; with the last one the message's.
    pub(super) async fn chunk(&mut self, octets: u64, last: bool) -> Result<Reply, End> {
        let arriving = match std::mem::take(&mut self.phase) {
            Phase::Chunks(greeting, arriving) => {
                self.phase = Phase::Greeted(greeting);
                Ok(*arriving)
            }
            phase => {
                self.phase = phase;
                self.open(Lines::of_bdat(), "BDAT").await
            }
        };
        let mut arriving = match arriving {
            Ok(arriving) => arriving,
            Err(reply) => {
                self.discard(octets).await?;
                return Ok(reply);
            }
        };
        let (mut chunk, mut pace) = (Chunk::new(octets, last), self.pace());
        loop {
            let fed = arriving.take(self.conn.buffered(), |lines, input, out| chunk.feed(input, lines, out)).await;
            self.conn.consume(fed.used);
            if fed.ended {
                break;
            }
            self.more(&mut pace).await?;
        }
        if last || arriving.refusal.is_some() {
            return Ok(self.settle(arriving).await);
        }
        if let Phase::Greeted(greeting) = std::mem::take(&mut self.phase) {
            self.phase = Phase::Chunks(greeting, Box::new(arriving));
        }
        Ok(say::chunk(octets))
    }

    /// A chunk that may not come: its octets are read, since what follows them is the next command (RFC 3030 s2).
    pub(super) async fn skip(&mut self, octets: u64, sentence: Say) -> Result<Reply, End> {
        self.discard(octets).await?;
        Ok(sentence.into())
    }

    async fn discard(&mut self, octets: u64) -> Result<(), End> {
        let (mut chunk, mut pace) = (Chunk::new(octets, false), self.pace());
        loop {
            let used = chunk.skip(self.conn.buffered().len());
            self.conn.consume(used);
            if chunk.is_done() {
                return Ok(());
            }
            self.more(&mut pace).await?;
        }
    }

    /// Takes the envelope out of the phase and begins a message; Err is what the client hears.
    async fn open(&mut self, lines: Lines, stage: &'static str) -> Result<Arriving, Reply> {
        let Phase::Rcpts(greeting, envelope, _) = std::mem::take(&mut self.phase) else {
            // `step` lets DATA and BDAT through only here.
            return Err(say::OUR_FAULT.into());
        };
        self.phase = Phase::Greeted(greeting.clone());
        let from = envelope.from.clone();
        if let Err(refusal) = self.smtp.policy.begin_message(&self.client) {
            return Err(self.reject(refusal, Spot { stage, from: Some(from), ..Spot::default() }));
        }
        let forgiving = self.is_trusted();
        let to = envelope.recipients().next().filter(|_| envelope.count() == 1).map(Address::to_string);
        let origin = self.origin(&greeting, forgiving, envelope.terms.utf8);
        match self.smtp.pipeline.open(origin, envelope).await {
            Ok(incoming) => {
                let login = self.client.login.as_ref().map(|l| (l.mechanism, l.address.clone()));
                let qid = incoming.qid();
                self.tell(SmtpFact::Client { qid: qid.clone(), login });
                Ok(Arriving { incoming: Some(incoming), refusal: None, lines, forgiving, qid, from, to })
            }
            Err(refusal) => {
                self.smtp.policy.message_refused(&self.client);
                Err(self.reject(refusal, Spot { stage, from: Some(from), to, qid: None }))
            }
        }
    }

    fn origin(&self, greeting: &Greeting, complete: bool, utf8: bool) -> Origin {
        Origin::Smtp {
            ip: self.client.ip,
            helo: greeting.name.as_str().to_owned(),
            with: with(greeting.extended, utf8, self.client.tls, self.client.login.is_some()),
            tls: self.conn.tls().map(|t| format!("{} with cipher {}", t.version, t.cipher)),
            login: self.client.login.as_ref().map(|l| l.address.clone()),
            complete,
            relays: self.smtp.policy.may_relay(&self.client),
        }
    }

    async fn settle(&mut self, arriving: Arriving) -> Reply {
        let (qid, from, to) = (arriving.qid.clone(), arriving.from.clone(), arriving.to.clone());
        match arriving.finish().await {
            Ok(accepted) => {
                self.tally.message_taken();
                self.tally.set_after("END-OF-MESSAGE");
                say::queued(accepted.qid.as_str())
            }
            Err(refusal) => {
                self.smtp.policy.message_refused(&self.client);
                let spot = Spot { stage: "END-OF-MESSAGE", qid: Some(qid), from: Some(from), to };
                self.reject(refusal, spot)
            }
        }
    }
}

/// RFC 3848, RFC 6531 s4.3. HELO with TLS has no name of its own there; such a client is an ESMTP client by what it did.
fn with(extended: bool, utf8: bool, tls: bool, login: bool) -> &'static str {
    match (utf8, tls, login) {
        (true, true, true) => "UTF8SMTPSA",
        (true, true, false) => "UTF8SMTPS",
        (true, false, true) => "UTF8SMTPA",
        (true, false, false) => "UTF8SMTP",
        (false, true, true) => "ESMTPSA",
        (false, true, false) => "ESMTPS",
        (false, false, true) => "ESMTPA",
        (false, false, false) if extended => "ESMTP",
        (false, false, false) => "SMTP",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_protocols_follow_rfc_3848_and_6531() {
        let all = |extended, utf8| {
            [(false, false), (true, false), (false, true), (true, true)]
                .map(|(tls, login)| with(extended, utf8, tls, login))
        };
        assert_eq!(all(true, false), ["ESMTP", "ESMTPS", "ESMTPA", "ESMTPSA"]);
        assert_eq!(all(false, false)[0], "SMTP");
        assert_eq!(all(true, true), ["UTF8SMTP", "UTF8SMTPS", "UTF8SMTPA", "UTF8SMTPSA"]);
    }

    #[test]
    fn a_dripping_client_runs_out_of_time() {
        let idle = Duration::from_secs(300);
        let at = |octets, seconds| Pace { began: Duration::ZERO, octets }.limit(Duration::from_secs(seconds), idle);
        assert_eq!(at(0, 0), idle);
        assert_eq!(at(0, 299), Duration::from_secs(1));
        assert_eq!(at(10, 300), Duration::ZERO);
        // 100 MB over a slow line are no dripping.
        assert_eq!(at(100 << 20, 3600), idle);
    }
}
