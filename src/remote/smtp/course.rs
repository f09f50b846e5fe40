//! The course of one job: over a session that is still open, then from server to server until every recipient has its verdict.

use std::{net::SocketAddr, sync::Arc};

use super::{
    Job, Means, Outcome, Target, Verdict,
    hand::hand,
    hello::{self, Closed, Door, Guard},
    hosts::{self, Host},
    session::{Session, answer},
    seven,
    tape::Tape,
};
use crate::{limits, types::Answer};

pub(super) struct Course<'a> {
    means: &'a Arc<Means>,
    job: &'a Job,
    /// Recipients without a verdict, by their place in the job.
    left: Vec<usize>,
    done: Vec<(usize, Verdict)>,
    /// What to say of those that are left when no server takes them.
    last: Option<Answer>,
    /// Every server that was asked refuses us for good.
    always: bool,
    /// Connections, and sessions that got as far as a message.
    dialled: usize,
    sessions: usize,
}

impl<'a> Course<'a> {
    pub fn of(means: &'a Arc<Means>, job: &'a Job) -> Self {
        let left = (0..job.rcpts.len()).collect();
        Course { means, job, left, done: Vec::new(), last: None, always: true, dialled: 0, sessions: 0 }
    }

    /// Runs it.
    pub async fn run(mut self) -> Vec<Outcome> {
        if let Some(mut session) = self.means.idle.take(&self.job.target) {
            session.tape = self.tape();
            session.tape.note(&format!("the connection to {} is used again", session.peer));
            // It may have been closed meanwhile: that is no answer.
            self.ride(session).await;
            (self.last, self.always) = (None, true);
        }
        if !self.left.is_empty() {
            match hosts::find(self.means, &self.job.target).await {
                Ok(hosts) => self.visit(hosts).await,
                Err(verdict) => {
                    let mut tape = self.tape();
                    tape.note(&verdict.answer().text);
                    self.done.extend(self.left.drain(..).map(|n| (n, verdict.clone())));
                }
            }
        }
        self.outcomes()
    }

    fn tape(&self) -> Tape {
        let rows = self.job.rcpts.iter().map(|rcpt| rcpt.id).collect();
        Tape::new(self.means, &self.job.target.name(), rows)
    }

    async fn visit(&mut self, hosts: Vec<Host>) {
        let own = self.means.dialer.own_addresses().await;
        let (mut nowhere, mut gone) = (true, None);
        for host in hosts {
            if self.is_over() {
                break;
            }
            match hosts::addresses(self.means, &host).await {
                Ok((found, validated)) => {
                    nowhere = false;
                    if found.iter().any(|at| hosts::is_own(self.means, &own, *at)) {
                        // We, and with us who stands behind us.
                        gone = Some(answer(self.means, "", 0, "5.4.6", &hosts::loops(&self.job.target)));
                        break;
                    }
                    let host = Host { validated: host.validated && validated, ..host };
                    for at in found {
                        if !self.is_over() {
                            gone = self.call(&host, at).await.or(gone);
                        }
                    }
                }
                Err((text, absent)) => {
                    nowhere &= absent;
                    let status = if absent { "4.4.4" } else { "4.4.3" };
                    self.met(answer(self.means, "", 0, status, &text), false);
                }
            }
        }
        self.conclude(nowhere, gone);
    }

    fn is_over(&self) -> bool {
        self.left.is_empty() || self.dialled >= limits::SEND_ADDRESSES || self.sessions >= limits::SEND_SESSIONS
    }

    /// One address; an answer for good where it is ourselves.
    async fn call(&mut self, host: &Host, at: SocketAddr) -> Option<Answer> {
        let demand = match self.means.demand(&self.job.target, host).await {
            Ok(demand) => demand,
            Err(answer) => {
                self.met(answer, false);
                return None;
            }
        };
        let mut opened = self.open(host, at, demand.guard.clone()).await;
        if let (Err(Closed::Handshake(..)), Guard::Maybe(_)) = (&opened, &demand.guard) {
            self.means.count(&demand, &opened);
            opened = self.open(host, at, Guard::Never).await;
        } else {
            self.means.count(&demand, &opened);
        }
        match opened {
            Ok(session) => {
                self.sessions += 1;
                self.ride(session).await;
            }
            Err(Closed::Always(answer)) => self.met(answer, true),
            Err(Closed::Now(answer) | Closed::NoTls(answer) | Closed::Handshake(answer, _)) => self.met(answer, false),
            Err(Closed::Ourselves(answer)) => return Some(answer),
        }
        None
    }

    async fn open(&mut self, host: &Host, at: SocketAddr, guard: Guard) -> Result<Session, Closed> {
        self.dialled += 1;
        let settings = self.means.settings.get();
        let (lmtp, direct) = match self.job.target {
            Target::Direct(_) => (false, true),
            Target::Relay(_) => (false, false),
            Target::Lmtp(_) => (true, false),
        };
        let not = direct.then_some(settings.server_name.as_str());
        let login = self.job.login.as_ref();
        hello::open(self.means, &Door { host: &host.name, at, guard, lmtp, login, not }, self.tape()).await
    }

    /// As many transactions as it takes.
    async fn ride(&mut self, mut session: Session) {
        let most = session.offered.most_rcpts.unwrap_or(limits::SEND_RCPTS).clamp(1, limits::SEND_RCPTS);
        let fitted = match seven::fit(&mut session, self.job).await {
            Ok(fitted) => fitted,
            Err(verdict) => {
                self.done.extend(self.left.drain(..).map(|n| (n, verdict.clone())));
                None
            }
        };
        let job = fitted.as_ref().unwrap_or(self.job);
        while !self.left.is_empty() && !session.over {
            let now: Vec<usize> = self.left.drain(..self.left.len().min(most)).collect();
            let handed = hand(&mut session, job, &now).await;
            let stuck = handed.done.is_empty() && handed.spent.is_none();
            self.done.extend(handed.done);
            self.left.splice(..0, handed.left);
            if let Some(answer) = handed.spent {
                self.met(answer, false);
                break;
            }
            if stuck {
                break;
            }
        }
        self.means.keep(self.job, session);
    }

    /// What a server said weighs more than that one was not reached.
    fn met(&mut self, answer: Answer, always: bool) {
        self.always &= always;
        if answer.code != 0 || self.last.as_ref().is_none_or(|last| last.code == 0) {
            self.last = Some(answer);
        }
    }

    /// The verdict of those that nobody took. A mail does not come back because the settings name a wrong relay.
    fn conclude(&mut self, nowhere: bool, ourselves: Option<Answer>) {
        let direct = matches!(self.job.target, Target::Direct(_));
        let verdict = match (self.last.take(), ourselves) {
            (None, Some(answer)) if direct => Verdict::Never(answer),
            (None, Some(answer)) => {
                Verdict::Later { answer: Answer { status: "4.4.6".into(), ..answer }, reached: false }
            }
            (Some(answer), _) if direct && nowhere && answer.status.as_ref() == "4.4.4" => {
                Verdict::Never(Answer { status: "5.4.4".into(), ..answer })
            }
            (Some(answer), None) if self.always => Verdict::Never(answer),
            (Some(answer), _) => Verdict::Later { reached: answer.code != 0, answer },
            (None, None) => {
                let text = "no server took the message, and none said why";
                Verdict::Later { answer: answer(self.means, "", 0, "4.4.1", text), reached: false }
            }
        };
        self.done.extend(self.left.drain(..).map(|n| (n, verdict.clone())));
    }

    fn outcomes(self) -> Vec<Outcome> {
        let id = |n: usize| self.job.rcpts.get(n).map(|rcpt| rcpt.id);
        self.done.into_iter().filter_map(|(n, verdict)| Some(Outcome { id: id(n)?, verdict })).collect()
    }
}
