//! The one thread that changes the mail disk: group commit.
//!
//! A turn takes every job that waits (bounded), gives the small bodies and the ends of the long ones their places, syncs the names of new
//! volumes, changes all rows in ONE transaction, which is kept with these octets by one record of the log (`redo`), and only then
//! answers. Whatever fails before the commit leaves octets beyond the committed length, which are cut; whatever fails in the commit
//! closes the database and opens it again, because only the disk knows then what became of it. Nobody is told Ok in between.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use super::{
    NewMessage, StoreError,
    appender::Appender,
    apply::{Answer, Applied, Aside, Change, apply},
    core::Core,
    fault::Fault,
    keeper::Keeper,
    mail::Mail,
    reclaim::{Reclaimer, STEP_TIME},
};
use crate::{
    journal::StoreEvent,
    limits::LOGGED_BODY,
    rt::{Receiver, Sender, block_on, timeout},
    types::Settled,
};

/// Jobs in one group.
const GROUP_JOBS: usize = 128;
/// Octets of bodies in the log of one group.
const GROUP_BYTES: u64 = 1024 * 1024;
/// How long the writer sleeps while nothing is to do.
const TICK: Duration = Duration::from_secs(1);

/// What is asked of the writer.
pub(super) enum Job {
    Commit(Vec<NewMessage>, Vec<Settled>),
    /// Only changes rows.
    Rows(Change),
    /// Closes the mail disk for good.
    Close,
}

/// Where a job's answer goes.
pub(super) type Reply = Sender<Result<Answer, StoreError>>;

/// A job and where its answer goes.
pub(super) struct Order {
    pub job: Job,
    pub answer: Reply,
}

impl Order {
    /// Whoever asked may be gone.
    fn tell(answer: &Reply, result: Result<Answer, StoreError>) {
        let _ = answer.try_send(result);
    }

    fn held(&self) -> u64 {
        match &self.job {
            Job::Commit(messages, _) => messages.iter().map(|m| m.sealed.len).filter(|len| *len <= LOGGED_BODY).sum(),
            Job::Rows(_) | Job::Close => 0,
        }
    }
}

/// A change that waits for its transaction.
struct Pending {
    change: Change,
    answer: Reply,
}

/// The writer's own things.
pub(super) struct Writer {
    core: Arc<Core>,
    appender: Appender,
    reclaimer: Reclaimer,
    keeper: Keeper,
    backlog: Vec<Pending>,
}

impl Writer {
    /// Opens the mail disk if it can be opened; otherwise tries again while it runs.
    pub fn new(core: Arc<Core>) -> Writer {
        let mut keeper = Keeper::new(core.clone());
        keeper.open();
        Writer { core, appender: Appender::default(), reclaimer: Reclaimer::default(), keeper, backlog: Vec::new() }
    }

    /// Works until the last handle is dropped or the store is closed.
    pub fn run(mut self, orders: &Receiver<Order>) {
        loop {
            let busy = self.reclaimer.is_busy() || !self.backlog.is_empty();
            let first = block_on(timeout(if busy { STEP_TIME } else { TICK }, orders.recv()));
            let group = match first {
                Some(Ok(first)) => gather(first, orders),
                Some(Err(_)) => break,
                None => {
                    // Nothing comes: the group's volume is given back, so that it can be emptied like any other.
                    self.appender = Appender::default();
                    Vec::new()
                }
            };
            if let Some(closing) = self.turn(group) {
                self.close();
                // An order that slipped in behind would wait in the channel for ever: nobody else lets go of it.
                orders.close();
                while orders.try_recv().is_ok() {}
                Order::tell(&closing, Ok(Answer::None));
                return;
            }
            self.background();
        }
        self.close();
    }

    fn close(&mut self) {
        self.let_go();
        self.keeper.close();
    }

    fn let_go(&mut self) {
        self.appender = Appender::default();
        self.reclaimer.let_go();
    }

    /// Closes the mail disk and opens it again.
    fn reopen(&mut self, why: &str) {
        self.let_go();
        self.keeper.reopen(why);
    }

    /// One group. Gives the answer of a `Close` that was among the jobs.
    fn turn(&mut self, orders: Vec<Order>) -> Option<Reply> {
        let mut closing = None;
        let mut work = Vec::new();
        for order in orders {
            match order.job {
                Job::Close => closing = Some(order.answer),
                job => work.push(Order { job, answer: order.answer }),
            }
        }
        if work.is_empty() && self.backlog.is_empty() {
            return closing;
        }
        // A panic drops the jobs and with them their answers: everyone hears Unavailable.
        if catch_unwind(AssertUnwindSafe(|| self.group(work))).is_err() {
            self.core.journal.tell(StoreEvent::Panicked { place: "writing" });
            self.reopen("the database stopped while it was written");
        }
        closing
    }

    fn group(&mut self, orders: Vec<Order>) {
        let mail = match self.core.mail() {
            Ok(mail) => mail,
            Err(fault) => {
                let waiting = orders.iter().map(|order| &order.answer).chain(self.backlog.iter().map(|p| &p.answer));
                waiting.for_each(|answer| Order::tell(answer, Err(fault.told())));
                self.backlog.clear();
                return;
            }
        };
        let _ = mail.pool.sweep();
        let mut pending = std::mem::take(&mut self.backlog);
        let mut fault = None;
        for order in orders {
            match self.prepare(&mail, order.job) {
                Ok(change) => pending.push(Pending { change, answer: order.answer }),
                Err(this) => {
                    Order::tell(&order.answer, Err(this.told()));
                    fault = Some(this).filter(|f| matches!(f, Fault::Failed(_))).or(fault);
                }
            }
        }
        if let Err(this) = mail.pool.sync_names() {
            self.appender = Appender::default();
            pending.retain(|one| refuse_commit(one, &this));
            fault = Some(this).filter(|f| *f != Fault::Full).or(fault);
        }
        if let Some(fault) = fault {
            pending.iter().for_each(|one| Order::tell(&one.answer, Err(fault.told())));
            drop((pending, mail));
            return self.reopen(&fault.told().to_string());
        }
        self.commit(mail, pending);
    }

    /// Appends a commit's bodies; other jobs only change rows.
    fn prepare(&mut self, mail: &Arc<Mail>, job: Job) -> Result<Change, Fault> {
        Ok(match job {
            Job::Commit(messages, settled) => {
                if self.core.full.load(Ordering::SeqCst) {
                    return Err(Fault::Full);
                }
                Change::Commit(self.appender.place_all(mail, messages, self.core.now())?, settled)
            }
            Job::Rows(change) => change,
            Job::Close => Change::Ids,
        })
    }

    /// The transaction, and the answers.
    fn commit(&mut self, mut mail: Arc<Mail>, mut pending: Vec<Pending>) {
        let mut tried_with_reserve = false;
        while !pending.is_empty() {
            match self.transact(&mail, pending.iter().map(|one| &one.change).collect()) {
                Ok(Ok(applied)) => return self.answer(pending, applied),
                Ok(Err(Aside(n, fault))) => {
                    // One that cannot be done does not stop the others.
                    let one = pending.remove(n);
                    Order::tell(&one.answer, Err(self.core.heard(&fault)));
                }
                Err(Fault::Full) if !tried_with_reserve => {
                    tried_with_reserve = true;
                    pending.retain(|one| refuse_commit(one, &Fault::Full));
                    drop(mail);
                    self.let_go();
                    self.keeper.free_reserve();
                    self.keeper.reopen("the disk was full");
                    match self.core.mail() {
                        Ok(again) => mail = again,
                        Err(fault) => return pending.iter().for_each(|p| Order::tell(&p.answer, Err(fault.told()))),
                    }
                }
                Err(fault) => {
                    pending.iter().for_each(|one| Order::tell(&one.answer, Err(fault.told())));
                    drop((pending, mail));
                    return self.reopen(&fault.told().to_string());
                }
            }
        }
    }

    fn transact(&mut self, mail: &Mail, changes: Vec<&Change>) -> Result<Result<Applied, Aside>, Fault> {
        let next_body = self.core.next_body.load(Ordering::SeqCst);
        let applied = apply(mail, &changes, self.core.now(), next_body)?;
        Ok(applied.inspect(|applied| settle(&self.core, mail, applied)))
    }

    /// Watchers hear of a change before whoever made it hears that it is done.
    fn answer(&mut self, mut pending: Vec<Pending>, applied: Applied) {
        pending.iter_mut().for_each(|one| keep_derived(&self.core, &mut one.change));
        self.core.hub.publish(&applied.told);
        if applied.rung {
            self.core.queue_bell.ring();
        }
        for (one, done) in pending.into_iter().zip(applied.done) {
            if done.more {
                self.backlog.push(one);
            } else {
                Order::tell(&one.answer, done.answer.map_err(|fault| fault.told()));
            }
        }
    }

    /// Between groups: room, the way back to a disk that was away, one small step of reclaiming.
    fn background(&mut self) {
        if self.core.broken.load(Ordering::SeqCst) {
            self.reopen("the database failed while it was read");
        }
        self.keeper.tick();
        let Ok(mail) = self.core.mail() else { return };
        let _ = mail.pool.sweep();
        self.core.index.tick(&self.core);
        let core = self.core.clone();
        let step = catch_unwind(AssertUnwindSafe(|| self.reclaimer.step(&core, &mail)));
        drop(mail);
        match step {
            Ok(Ok(())) => {}
            Ok(Err(fault)) => {
                if fault == Fault::Full {
                    self.keeper.free_reserve();
                }
                self.reclaimer.rest(&self.core);
                self.reopen(&fault.told().to_string());
            }
            Err(_) => {
                self.core.journal.tell(StoreEvent::Panicked { place: "reclaiming" });
                self.reclaimer.rest(&self.core);
                self.reopen("the database stopped while a volume was emptied");
            }
        }
    }
}

/// The records that came with messages, now that these are kept.
fn keep_derived(core: &Core, change: &mut Change) {
    let Change::Commit(placed, _) = change else { return };
    for one in placed {
        if let Some(record) = one.derived.take() {
            core.index.put(core, one.id, record);
        }
    }
}

/// Memory follows the disk.
pub(super) fn settle(core: &Core, mail: &Mail, applied: &Applied) {
    core.commits.fetch_add(1, Ordering::SeqCst);
    mail.pool.settle(&applied.volumes);
    core.ids_until.store(applied.ids_until, Ordering::SeqCst);
    core.newest.store(applied.newest.0, Ordering::SeqCst);
    core.index.remove(core, &applied.gone);
}

/// Everything that waits, bounded.
fn gather(first: Order, orders: &Receiver<Order>) -> Vec<Order> {
    let mut held = first.held();
    let mut group = vec![first];
    while group.len() < GROUP_JOBS && held < GROUP_BYTES {
        let Ok(next) = orders.try_recv() else { break };
        held += next.held();
        group.push(next);
    }
    group
}

/// Tells a commit that it failed and lets it go; keeps what only changes rows.
fn refuse_commit(one: &Pending, fault: &Fault) -> bool {
    let commit = matches!(one.change, Change::Commit(..));
    if commit {
        Order::tell(&one.answer, Err(fault.told()));
    }
    !commit
}
