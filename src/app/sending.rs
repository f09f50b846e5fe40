//! What sends: the queue's loop with its hands in the world.

use std::sync::Arc;

use super::policies;
use crate::{
    journal::Journal,
    net::{Dialer, Vault, dns::Resolver},
    pipeline::Pipeline,
    proof::Keyring,
    queue::{Carrier, Means, Queue, WallAlarm},
    remote::{
        Https, Tap, TlsReports,
        smtp::{Patience, Pool, Seams},
        sts::Sts,
    },
    rt::{Board, Clock, Executor, Light, Shared, Stop, Task, Worker},
    settings::Settings,
    store::Store,
};

/// The port of the world's servers (RFC 5321 s4.5.4.2).
const SMTP: u16 = 25;

/// What it is built of.
pub(super) struct Parts {
    pub settings: Shared<Settings>,
    pub store: Store,
    pub pipeline: Arc<Pipeline>,
    pub resolver: Arc<dyn Resolver>,
    pub keyring: Shared<Keyring>,
    pub vault: Arc<Vault>,
    pub journal: Journal,
    pub board: Board,
    pub clock: Arc<dyn Clock>,
    pub worker: Worker,
    pub executor: Executor,
    pub stop: Stop,
    pub tap: Tap,
    pub reports: Arc<TlsReports>,
}

/// Starts the loop; it ends by the stop sign.
pub(super) fn start(parts: Parts) -> Task<()> {
    let Parts {
        settings,
        store,
        pipeline,
        resolver,
        keyring,
        vault,
        journal,
        board,
        clock,
        worker,
        executor,
        stop,
        tap,
        reports,
    } = parts;
    let chosen = settings.clone();
    let sts = policies::recall(Sts::new(Arc::new(Https::default()), clock.clone()), &store, &journal);
    let pool = Pool::new(Seams {
        dns: resolver,
        dialer: Dialer::new(Arc::new(move || chosen.get().smtp_interfaces.clone()), worker.clone()),
        settings: settings.clone(),
        clock: clock.clone(),
        worker,
        executor: executor.clone(),
        tap,
        sts: Some(Arc::new(sts)),
        reports,
        patience: Patience::default(),
        port: SMTP,
    })
    .telling(journal.clone());
    let hands = Carrier {
        pool,
        keyring,
        settings: settings.clone(),
        vault,
        journal: journal.clone(),
        pipeline: pipeline.clone(),
        clock: clock.clone(),
    };
    let means = Means {
        settings,
        directory: pipeline.directory.clone(),
        store,
        hands: Arc::new(hands),
        notices: pipeline,
        journal,
        board,
        alarm: Arc::new(WallAlarm(clock.clone())),
        clock,
        executor: executor.clone(),
        stop,
    };
    executor.spawn(Queue::new(means).run())
}

/// The line of the board about the relay's password (section 7 of the design: the loss of the key file is named).
pub(super) fn tell_password(settings: &Settings, vault: &Vault, board: &Board) {
    let is_used = settings.relay_auth && !settings.relay_password.is_empty();
    match vault.open("relay.password", &settings.relay_password) {
        Err(why) if is_used => board.put("relay", Light::Red, format!("no login at the relay: {why}")),
        Ok(_) | Err(_) => board.wipe("relay"),
    }
}
