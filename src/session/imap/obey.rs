//! The dispatcher: each command to its file, what others did, then the tagged answer.

use super::{Answer, Done, End, HANDSHAKE, Phase, Session, phase, search::Search};
use crate::{
    limits,
    store::{FlagEdit, How},
    wire::imap::{Command, StoreHow, Tag, Verb, answer, say},
};

impl Session {
    /// One command, to its tagged answer.
    pub(super) async fn command(&mut self, tag: &Tag, command: Command) -> Result<(), End> {
        let verb = command.verb();
        let answer = match self.may(verb)? {
            Some(refusal) => refusal,
            None if verb == Verb::Logout => return self.logout(tag),
            None if verb == Verb::StartTls => return Box::pin(self.starttls(tag)).await,
            None => self.obey(tag, command).await?,
        };
        self.finish(tag, verb, &answer).await
    }

    /// What keeps a command from being obeyed now.
    pub(super) fn may(&mut self, verb: Verb) -> Result<Option<Answer>, End> {
        if let Err(refusal) = phase::allows(&self.phase, verb, self.facts()) {
            if refusal == say::NEEDS_TLS {
                self.visit.offers_in_plaintext();
            }
            return self.abuse(refusal).map(Some);
        }
        if verb.rule().junk && matches!(self.phase, Phase::Fresh) {
            self.junk += 1;
            if self.junk > limits::JUNK_COMMANDS {
                self.visit.bad_command()?;
            }
        }
        Ok(None)
    }

    /// News, then the tagged line.
    ///
    /// EXPUNGE moves numbers. It is not said while FETCH, STORE or SEARCH by number runs (RFC 3501 s7.4.1); and what the
    /// client sent already, without waiting, means the old numbers, so it is not said then either, but for a command that
    /// removes.
    pub(super) async fn finish(&mut self, tag: &Tag, verb: Verb, answer: &Answer) -> Result<(), End> {
        let removes = matches!(verb, Verb::Expunge | Verb::UidExpunge | Verb::Move | Verb::UidMove);
        let expunge = !verb.rule().freezes && (removes || self.conn.buffered().is_empty());
        self.tell_news(expunge).await?;
        // Before the login nothing is forgiven.
        if answer.is_ok() && self.phase.who().is_some() {
            self.visit.forgive();
        }
        answer.write(tag, self.conn.output());
        self.flush_some().await
    }

    fn logout(&mut self, tag: &Tag) -> Result<(), End> {
        say::BYE.untagged(self.conn.output());
        say::LOGGED_OUT.tagged(tag, self.conn.output());
        Err(End::Logout)
    }

    /// STARTTLS (RFC 3501 s6.2.1): the connection throws away what came before the handshake.
    async fn starttls(&mut self, tag: &Tag) -> Result<(), End> {
        let acceptor = self.imap.tls.get();
        let Some(acceptor) = acceptor.as_ref() else {
            let answer = self.abuse(say::NO_TLS)?;
            answer.write(tag, self.conn.output());
            return Ok(());
        };
        say::BEGIN_TLS.tagged(tag, self.conn.output());
        self.flush().await?;
        self.conn.starttls(acceptor, HANDSHAKE).await.map_err(|_| End::Handshake)?;
        self.visit.client.tls = true;
        Ok(())
    }

    /// What is large has a box of its own: a session that waits pays for none of it.
    async fn obey(&mut self, tag: &Tag, command: Command) -> Done {
        match command {
            Command::Capability => Ok(self.capability()),
            Command::Noop | Command::Check => Ok(say::DONE.into()),
            Command::Id(_) => Ok(self.id()),
            Command::Authenticate { mechanism, initial } => Box::pin(self.authenticate(&mechanism, initial)).await,
            Command::Login { user, password } => Box::pin(self.login(&user, &password)).await,
            Command::Enable(names) => Ok(self.enable(&names)),
            Command::Select { name, condstore } => Box::pin(self.select(&name, condstore, true)).await,
            Command::Examine { name, condstore } => Box::pin(self.select(&name, condstore, false)).await,
            Command::Idle => Box::pin(self.idle()).await,
            Command::Close => Box::pin(self.close()).await,
            Command::Unselect => self.unselect(),
            Command::Expunge => Box::pin(self.expunge(None)).await,
            Command::UidExpunge(set) => Box::pin(self.expunge(Some(&set))).await,
            Command::Fetch { uid, set, items, changed_since } => {
                Box::pin(self.fetch(uid, &set, items, changed_since)).await
            }
            Command::Store { uid, set, unchanged_since, how, silent, flags } => {
                let how = match how {
                    StoreHow::Replace => How::Replace,
                    StoreHow::Add => How::Add,
                    StoreHow::Remove => How::Remove,
                };
                let edit = FlagEdit { how, flags: flags.flags, keywords: flags.keywords, unchanged_since };
                Box::pin(self.store(uid, &set, edit, silent)).await
            }
            Command::Copy { uid, set, name } => Box::pin(self.copy(uid, &set, name, false)).await,
            Command::Move { uid, set, name } => Box::pin(self.copy(uid, &set, name, true)).await,
            Command::Create { name, special } => Box::pin(self.create(&name, special)).await,
            Command::Delete(name) => Box::pin(self.delete(&name)).await,
            Command::Rename { from, to } => Box::pin(self.rename(&from, &to)).await,
            Command::Subscribe(name) => Box::pin(self.subscribe(&name, true)).await,
            Command::Unsubscribe(name) => Box::pin(self.subscribe(&name, false)).await,
            Command::List(query) => Box::pin(self.list(&query)).await,
            Command::Lsub { reference, pattern } => Box::pin(self.lsub(&reference, &pattern)).await,
            Command::Namespace => Ok(self.namespace()),
            Command::Status { name, items } => Box::pin(self.status(&name, &items)).await,
            Command::GetQuota(root) => Box::pin(self.get_quota(&root)).await,
            Command::GetQuotaRoot(name) => Box::pin(self.get_quota_root(&name)).await,
            Command::SetQuota { .. } => Ok(say::QUOTA_IS_ADMINS.into()),
            Command::Search { uid, charset, key, returns } => {
                let search = Search { uid, charset: charset.as_deref(), key: &key, returns };
                Box::pin(self.search(tag, search)).await
            }
            // `command` has done them.
            Command::Logout | Command::StartTls => Ok(say::DONE.into()),
        }
    }

    fn capability(&mut self) -> Answer {
        let words = self.capabilities();
        answer::capability(self.conn.output(), &words);
        say::DONE.into()
    }

    /// What is offered now.
    pub(super) fn capabilities(&self) -> String {
        phase::capabilities(&self.phase, self.facts(), self.imap.settings.get().max_message).join(" ")
    }

    /// ID (RFC 2971): who we are, and no more than that.
    fn id(&mut self) -> Answer {
        answer::id(self.conn.output(), &[("name", "Gatepost")]);
        say::DONE.into()
    }

    /// ENABLE (RFC 5161): what is not known is passed over in silence.
    fn enable(&mut self, names: &[String]) -> Answer {
        let named = |name: &str| names.iter().any(|n| n == name);
        let mut enabled = Vec::new();
        if named("CONDSTORE") {
            self.want_modseq();
            enabled.push("CONDSTORE");
        }
        if named("UTF8=ACCEPT")
            && let Some(who) = self.phase.who_mut()
        {
            who.utf8 = true;
            enabled.push("UTF8=ACCEPT");
        }
        answer::enabled(self.conn.output(), &enabled);
        say::DONE.into()
    }
}
