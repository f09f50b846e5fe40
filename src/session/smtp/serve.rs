//! The conversation: reads lines, asks [`phase`](super::phase) what they mean and policy whether they may be, acts, answers,
//! counts.
//!
//! Replies are sent in groups (RFC 2920 s3.2): when no further command waits, and behind a command that ends a group.

use std::time::Duration;

use smol::future::FutureExt;

use crate::{
    journal::{Reject, SmtpEvent, SmtpFact},
    limits,
    net::{Conn, Ending, ReadError},
    pipeline::Held,
    policy::{Client, Refusal, Service},
    settings::TlsMode,
    types::{Address, Domain, LocalPart, QueueId, Rcpt, ReversePath, Wishes},
    wire::smtp::{BadCommand, Command, Lenience, MailParams, Recipient, Reply, Verb, say},
};

use super::{
    Smtp,
    data::Arriving,
    ehlo,
    phase::{Act, Door, Phase, Tls, step},
    tally::Tally,
};

/// A connection and all that is known of it.
pub(super) struct Session {
    pub smtp: Smtp,
    pub conn: Conn,
    pub client: Client,
    pub phase: Phase<Box<Arriving>>,
    pub tally: Tally,
    /// Memory for recipients.
    rcpts: Held,
    /// How long a client may be silent.
    pub idle: Duration,
}

/// Why a session ends.
pub(super) enum End {
    /// The last reply was one behind which nothing can follow: 221, 421, 521.
    LastWord,
    /// The connection.
    Read(ReadError),
    /// Too many errors.
    Errors,
    /// The house goes down.
    Stopping,
}

impl From<ReadError> for End {
    fn from(error: ReadError) -> End {
        End::Read(error)
    }
}

/// A reply, and whether the client has it already.
enum Said {
    Now(Reply),
    Before(Reply),
}

/// What a refusal is about, for the journal.
#[derive(Default)]
pub(super) struct Spot {
    pub stage: &'static str,
    pub qid: Option<QueueId>,
    pub from: Option<ReversePath>,
    pub to: Option<String>,
}

impl Session {
    pub fn new(smtp: Smtp, conn: Conn, idle: Duration) -> Self {
        let client = Client { ip: conn.peer().ip(), service: smtp.service, tls: conn.tls().is_some(), login: None };
        let rcpts = smtp.pipeline.heads.rcpts();
        Session { smtp, conn, client, phase: Phase::Fresh, tally: Tally::default(), rcpts, idle }
    }

    /// The whole session, from the greeting to the last line in the journal.
    pub async fn run(mut self) {
        self.tell(SmtpFact::Connect);
        self.tell_tls();
        let end = self.talk().await;
        self.last_words(&end);
        self.conn.close(self.idle.min(Duration::from_secs(limits::LAST_WORDS_SECS))).await;
    }

    async fn talk(&mut self) -> End {
        if let Err(end) = self.greet().await {
            return end;
        }
        loop {
            if let Err(end) = self.turn().await {
                return end;
            }
        }
    }

    fn last_words(&mut self, end: &End) {
        let after = self.tally.after();
        match end {
            End::LastWord => {}
            End::Stopping => self.put(&say::SHUTTING_DOWN.into()),
            End::Errors => {
                self.tell(SmtpFact::TooManyErrors { after });
                self.put(&say::TOO_MANY_ERRORS.into());
            }
            End::Read(ReadError::Timeout) => {
                self.tell(SmtpFact::Timeout { after });
                self.put(&say::TIMEOUT.into());
            }
            End::Read(ReadError::Closed | ReadError::TooLong | ReadError::Io(_)) => {
                self.tell(SmtpFact::Lost { after });
            }
        }
        self.tell(SmtpFact::Disconnect { counts: self.tally.text() });
    }

    /// Those who talk before they are greeted are programs that do not listen: noted, not punished.
    async fn greet(&mut self) -> Result<(), End> {
        if !self.client.tls {
            match self.conn.fill(Duration::ZERO).await {
                Ok(()) if self.is_trusted() => {}
                Ok(()) => self.tell_pipelining(),
                Err(ReadError::Timeout) => {}
                Err(error) => return Err(error.into()),
            }
        }
        self.put(&say::greeting(&self.smtp.settings.get().server_name));
        self.flush().await
    }

    /// One command and its answer.
    async fn turn(&mut self) -> Result<(), End> {
        let read = match self.line(limits::SASL_LINE).await {
            Ok((line, _)) if self.tally.is_silent() && is_http(&line) => {
                self.tell(SmtpFact::NotSmtp { line: without_query(line) });
                Err(BadCommand { verb: None, say: say::NOT_HTTP.into() })
            }
            Ok((line, ending)) => {
                let read = self.read(&line, ending);
                if matches!(&read, Err(bad) if bad.verb == Some(Verb::Bdat)) {
                    self.tell(SmtpFact::MalformedBdat);
                }
                read
            }
            Err(End::Read(ReadError::TooLong)) => Err(BadCommand { verb: None, say: say::LINE_TOO_LONG.into() }),
            Err(end) => return Err(end),
        };
        let verb = match &read {
            Ok(command) => Some(command.verb()),
            Err(bad) => bad.verb,
        };
        self.tally.set_after(verb.map_or("UNKNOWN", Verb::name));
        let said = match read {
            Ok(command) => self.obey(command).await,
            Err(bad) => Ok(Said::Now(bad.say)),
        };
        if let Some(weight) = self.phase.weight() {
            // What is over is refused at the next recipient.
            self.rcpts.hold(weight);
        }
        self.answer(verb, said).await
    }

    /// Reads a command; the grammar is forgiving for some, the ending of lines and their length too.
    fn read(&self, line: &[u8], ending: Ending) -> Result<Command, BadCommand> {
        let bad = |say: Reply| Err(BadCommand { verb: None, say });
        let lenience = if self.is_trusted() { Lenience::Forgiving } else { Lenience::Strict };
        if ending == Ending::Lf && lenience == Lenience::Strict {
            return bad(say::LINE_ENDING.into());
        }
        // RFC 4954 s4: only AUTH, with its initial response, may be longer.
        if line.len() + 2 > limits::SMTP_LINE && !line[..4].eq_ignore_ascii_case(b"AUTH") {
            return bad(say::LINE_TOO_LONG.into());
        }
        Command::parse(line, lenience)
    }

    async fn answer(&mut self, verb: Option<Verb>, said: Result<Said, End>) -> Result<(), End> {
        let reply = match said {
            Ok(Said::Before(reply)) => reply,
            Ok(Said::Now(reply)) => {
                self.put(&reply);
                reply
            }
            Err(end) => {
                self.tally.count(verb, &say::OUR_FAULT.into(), false);
                return Err(end);
            }
        };
        // An employee with an old distribution list is no harvester.
        let blame = verb != Some(Verb::Rcpt) || !self.is_trusted();
        self.tally.count(verb, &reply, blame);
        if matches!(reply.code, 221 | 421 | 521) {
            return Err(End::LastWord);
        }
        if self.tally.is_enough() {
            return Err(End::Errors);
        }
        let ends_group = verb.is_none_or(|v| v.rule().ends_group);
        if ends_group || self.conn.output().len() >= limits::REPLY_GROUP {
            self.flush().await?;
        }
        Ok(())
    }

    /// The futures of the rare and large acts are boxed: a session that waits for a command must stay small.
    async fn obey(&mut self, command: Command) -> Result<Said, End> {
        self.watch_pipelining(command.verb());
        let reply = match step(&self.phase, &self.door(), command) {
            Act::Answer(reply) => reply,
            Act::Skip(octets, sentence) => self.skip(octets, sentence).await?,
            Act::Greet(greeting) => {
                let extended = greeting.extended;
                self.phase = Phase::Greeted(greeting.into());
                let settings = self.smtp.settings.get();
                let keywords = if extended { ehlo::keywords(&self.door(), settings.max_message) } else { Vec::new() };
                say::hello(&settings.server_name, keywords)
            }
            Act::Reset => {
                self.phase = std::mem::take(&mut self.phase).reset();
                say::OK.into()
            }
            Act::StartTls => return Box::pin(self.encrypt()).await,
            Act::Login(mechanism, initial) => Box::pin(self.login(mechanism, initial)).await?,
            Act::Sender(from, params) => self.sender(from, params),
            Act::Recipient(to, wishes) => Box::pin(self.recipient(to, wishes)).await,
            Act::Data => Box::pin(self.data()).await?,
            Act::Chunk { octets, last } => Box::pin(self.chunk(octets, last)).await?,
            Act::Quit => say::BYE.into(),
        };
        Ok(Said::Now(reply))
    }

    fn sender(&mut self, from: ReversePath, params: MailParams) -> Reply {
        if let Err(refusal) = self.smtp.policy.sender(&self.client, &from, params.size) {
            return self.reject(refusal, Spot { stage: "MAIL", from: Some(from), ..Spot::default() });
        }
        if let Some(greeting) = self.phase.greeting() {
            self.phase = Phase::Sender(greeting.clone(), from, params);
        }
        say::SENDER_OK.into()
    }

    async fn recipient(&mut self, to: Recipient, wishes: Wishes) -> Reply {
        let room = self.rcpts.hold(self.phase.weight().unwrap_or(0));
        if !room || !self.smtp.policy.one_more_recipient(&self.client, self.phase.recipients()) {
            return say::TOO_MANY_RCPTS.into();
        }
        let named = to.to_string();
        let verdict = match self.resolve(to) {
            Some(to) => {
                let announced = self.phase.size();
                self.smtp.policy.recipient(&self.client, &to, announced).await.map(|()| to)
            }
            None => Err(Refusal::of(say::NO_MAILBOX, "there is no domain of ours yet")),
        };
        match verdict {
            Ok(to) => {
                self.phase = std::mem::take(&mut self.phase).with_recipient(Rcpt::new(to, wishes));
                say::RECIPIENT_OK.into()
            }
            Err(refusal) => {
                let from = self.phase.sender().cloned();
                self.reject(refusal, Spot { stage: "RCPT", from, to: Some(named), ..Spot::default() })
            }
        }
    }

    /// `<postmaster>` is the postmaster of the login domain, or of the first domain of ours (RFC 5321 s4.5.1).
    fn resolve(&self, to: Recipient) -> Option<Address> {
        match to {
            Recipient::Address(address) => Some(address),
            Recipient::Postmaster => {
                let directory = self.smtp.policy.directory.get();
                let login = Domain::parse(&self.smtp.settings.get().login_domain).ok();
                let domain = login.filter(|d| directory.domains.contains_key(d));
                let domain = domain.or_else(|| directory.domains.keys().next().cloned())?;
                Some(Address { local: LocalPart::parse("postmaster").ok()?, domain })
            }
        }
    }

    /// STARTTLS: what came in plaintext behind it is thrown away by `Conn`, and nothing said before counts (RFC 3207 s4.2).
    async fn encrypt(&mut self) -> Result<Said, End> {
        let Some(acceptor) = self.smtp.tls.get().as_ref().clone() else {
            return Ok(Said::Now(say::NO_TLS.into()));
        };
        self.put(&say::READY_FOR_TLS.into());
        self.flush().await?;
        let limit = Duration::from_secs(limits::HANDSHAKE_SECS);
        if let Err(error) = self.conn.starttls(&acceptor, limit).await {
            self.tell(SmtpFact::TlsFailed { why: error.to_string() });
            return Err(error.into());
        }
        self.phase = Phase::Fresh;
        self.client.tls = true;
        self.client.login = None;
        self.tell_tls();
        Ok(Said::Before(say::READY_FOR_TLS.into()))
    }

    /// What the door asks of the client now (Q10, Q12).
    pub fn door(&self) -> Door {
        let mode = self.smtp.settings.get().smtp_tls;
        let tls = match mode {
            TlsMode::Off | TlsMode::Opportunistic | TlsMode::Required if self.client.tls => Tls::On,
            TlsMode::Off => Tls::Off,
            TlsMode::Opportunistic | TlsMode::Required if self.smtp.tls.get().is_none() => Tls::Missing,
            TlsMode::Opportunistic | TlsMode::Required => Tls::Offered,
        };
        let for_users = match self.smtp.service {
            Service::Submission | Service::Smtps => true,
            Service::Smtp | Service::Pop3 | Service::Pop3s | Service::Imap | Service::Imaps => false,
            Service::Http | Service::Https => false,
        };
        Door {
            tls,
            // RFC 3207 s4: a server that strangers send to must not demand TLS of them.
            needs_tls: for_users && mode == TlsMode::Required && !self.client.tls,
            needs_login: for_users && self.client.login.is_none(),
            may_login: self.smtp.policy.may_login(&self.client),
            logged_in: self.client.login.is_some(),
        }
    }

    pub fn is_trusted(&self) -> bool {
        self.smtp.policy.is_trusted(&self.client)
    }

    pub fn put(&mut self, reply: &Reply) {
        reply.write(self.conn.output());
    }

    pub async fn flush(&mut self) -> Result<(), End> {
        Ok(self.conn.flush(self.idle).await?)
    }

    /// The next line; what is to be said goes out first if the client waits for it. The house going down ends the wait.
    pub async fn line(&mut self, max: usize) -> Result<(Vec<u8>, Ending), End> {
        if self.smtp.stop.is_set() {
            return Err(End::Stopping);
        }
        if !self.conn.buffered().contains(&b'\n') {
            self.flush().await?;
        }
        let stop = self.smtp.stop.clone();
        let stopped = async {
            stop.wait().await;
            Err(End::Stopping)
        };
        let line = async { self.conn.line(max, self.idle).await.map_err(End::Read) };
        line.or(stopped).await
    }

    pub fn tell(&self, what: SmtpFact) {
        self.smtp.journal.tell(SmtpEvent { tag: self.client.service.tag(), ip: self.client.ip, what });
    }

    /// Tells a refusal and gives what the client hears.
    pub fn reject(&self, refusal: Refusal, spot: Spot) -> Reply {
        let greeting = self.phase.greeting();
        self.tell(SmtpFact::Reject(Box::new(Reject {
            qid: spot.qid,
            stage: spot.stage,
            say: refusal.say.clone(),
            log: refusal.log,
            from: spot.from,
            to: spot.to,
            proto: if greeting.is_some_and(|g| g.extended) { "ESMTP" } else { "SMTP" },
            helo: greeting.map(|g| g.name.as_str().to_owned()),
        })));
        refusal.say
    }

    fn tell_tls(&self) {
        if let Some(tls) = self.conn.tls() {
            self.tell(SmtpFact::TlsUp { version: tls.version, cipher: tls.cipher.clone() });
        }
    }

    /// A stranger that does not wait where it must (RFC 2920 s3.1) does not listen. Programs in our own network do it out of
    /// simplicity, but not behind STARTTLS. Idle talk and QUIT harm nobody.
    fn watch_pipelining(&mut self, verb: Verb) {
        let harmless = matches!(verb, Verb::Quit | Verb::Noop | Verb::Vrfy | Verb::Expn | Verb::Help);
        let must_wait = verb.rule().ends_group && !harmless;
        if must_wait && !self.conn.buffered().is_empty() && (verb == Verb::Starttls || !self.is_trusted()) {
            self.tell_pipelining();
        }
    }

    /// Only the name of a command is told: what came too early may be a password or the text of a message.
    fn tell_pipelining(&mut self) {
        if !self.tally.hurries() {
            return;
        }
        let early = self.conn.buffered();
        let word = early.split(|b| *b == b' ' || *b == b'\r' || *b == b'\n').next().unwrap_or(early);
        let early = Verb::named(word).map_or("", Verb::name);
        self.tell(SmtpFact::Pipelining { after: self.tally.after(), early });
    }
}

/// A first line that only a web client sends, or a page that makes a browser talk to a mail port.
fn is_http(line: &[u8]) -> bool {
    const METHODS: [&[u8]; 9] =
        [b"GET", b"HEAD", b"POST", b"PUT", b"DELETE", b"CONNECT", b"OPTIONS", b"TRACE", b"PATCH"];
    let mut words = line.split(|b| *b == b' ');
    words.next().is_some_and(|w| METHODS.contains(&w)) && words.any(|w| w.starts_with(b"HTTP/"))
}

/// What stands behind a `?` may be anybody's secret.
fn without_query(mut line: Vec<u8>) -> Vec<u8> {
    let end = line.iter().position(|b| *b == b'?').unwrap_or(line.len());
    line.truncate(end);
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a client that says nothing costs besides its socket; an octet here is 1,500 at `limits::CONNECTIONS`.
    #[test]
    fn a_waiting_session_is_small() {
        fn size<A, F: Future>(_: impl Fn(A) -> F) -> usize {
            size_of::<F>()
        }
        let size = size(|session: Session| session.run());
        assert!(size <= 3072, "{size} octets");
    }

    #[test]
    fn knows_a_web_client_by_its_first_line() {
        for line in [&b"GET / HTTP/1.1"[..], b"POST /x y HTTP/1.0", b"OPTIONS * HTTP/1.1"] {
            assert!(is_http(line), "{}", line.escape_ascii());
        }
        for line in [&b"GET /"[..], b"HELO HTTP/1.1", b"get / HTTP/1.1", b"", b" HTTP/1.1"] {
            assert!(!is_http(line), "{}", line.escape_ascii());
        }
    }
}
