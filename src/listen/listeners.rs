//! The open sockets: made to be what is wanted, and kept so.

use std::{
    collections::{BTreeMap, BTreeSet},
    io,
    net::SocketAddr,
    sync::Arc,
    time::Duration,
};

use async_io::Async;
use smol::{future::FutureExt, lock::Mutex};

use super::{
    Permits, Spec, Wanted, accept,
    bind::{self, advice},
    name,
    plan::{Interfaces, Step, Target, literal, plan, targets},
};
use crate::{
    journal::{Journal, ServiceEvent},
    limits,
    policy::Service,
    rt::{Board, Clock, Executor, Light, Shared, Stop, Task, Worker},
    types::{map_of, set_of},
};

/// What listening works with.
#[derive(Clone)]
pub struct Means {
    /// Where accept loops and sessions run.
    pub executor: Executor,
    /// Where the system is asked for interfaces.
    pub worker: Worker,
    /// For what is told.
    pub journal: Journal,
    /// `smtp:25`, `pop3s:995`, ...
    pub board: Board,
    /// Time.
    pub clock: Arc<dyn Clock>,
}

/// Every listening socket of the house. Cheap to clone; every clone is the same.
#[derive(Clone)]
pub struct Listeners(Arc<Inner>);

/// Asks the system for its interfaces; blocks.
pub(super) type Look = Arc<dyn Fn() -> io::Result<Interfaces> + Send + Sync>;

struct Inner {
    means: Means,
    look: Look,
    permits: Permits,
    /// Those of the HTTP(S) ports.
    http: Permits,
    wanted: Shared<Vec<Wanted>>,
    /// The newest answer of the system: one that fails must not close a port.
    interfaces: Shared<Interfaces>,
    /// Held while sockets are opened and closed, so that two changes cannot mix.
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    open: Vec<Open>,
    failed: Vec<Failed>,
    /// Interfaces whose absence was told.
    absent: BTreeSet<(&'static str, String)>,
    /// Lines on the board.
    shown: BTreeSet<String>,
}

/// An open socket; its accept loop ends with the task.
struct Open {
    target: Target,
    task: Task<()>,
}

/// A socket that could not be opened.
struct Failed {
    target: Target,
    why: String,
    /// The address is not there: it may come (an interface that starts, a redial).
    waits: bool,
    tries: u32,
}

impl Listeners {
    /// Nothing is open yet.
    pub fn new(means: Means) -> Self {
        Self::looking(means, Arc::new(bind::interfaces))
    }

    pub(super) fn looking(means: Means, look: Look) -> Self {
        Listeners(Arc::new(Inner {
            means,
            look,
            permits: Permits::default(),
            http: Permits::http(),
            wanted: Shared::new(Vec::new()),
            interfaces: Shared::new(Interfaces::new()),
            state: Mutex::default(),
        }))
    }

    /// The connections of the mail services.
    pub fn permits(&self) -> &Permits {
        &self.0.permits
    }

    /// The connections of the HTTP(S) ports.
    pub fn http_permits(&self) -> &Permits {
        &self.0.http
    }

    /// Connections that are open now, by the name of their service.
    pub fn live(&self) -> BTreeMap<&'static str, usize> {
        let mut live = self.permits().by_service();
        live.extend(self.http_permits().by_service());
        live
    }

    fn permits_of(&self, service: Service) -> Permits {
        let permits = match service {
            Service::Smtp | Service::Submission | Service::Smtps | Service::Pop3 | Service::Pop3s => self.permits(),
            Service::Imap | Service::Imaps => self.permits(),
            Service::Http | Service::Https => self.http_permits(),
        };
        permits.clone()
    }

    /// What should be open from now on; at most one entry a service. Returns when every socket was tried once; the board
    /// says what is open and what is not. Running sessions are not touched, also not by an empty list.
    pub async fn apply(&self, wanted: Vec<Wanted>) {
        self.0.wanted.set(wanted);
        self.keep().await;
    }

    /// Follows the addresses of interfaces and tries again what could not be opened, until `stop`; then closes everything.
    pub async fn run(self, stop: Stop) {
        let pause = Duration::from_secs(limits::INTERFACE_POLL_SECS);
        while !stop.is_set() {
            let timer = async {
                smol::Timer::after(pause).await;
            };
            timer.or(stop.wait()).await;
            if !stop.is_set() {
                self.keep().await;
            }
        }
        self.apply(Vec::new()).await;
    }

    /// Which ports of new settings could not be opened, with what to do: `(service, where, why)`. What is open already, or
    /// would be closed to make room, counts as free; an address that is absent is waited for, so it is no error.
    pub async fn precheck(&self, specs: &[Spec]) -> Vec<(&'static str, SocketAddr, String)> {
        let interfaces = self.interfaces(specs).await;
        let state = self.0.state.lock().await;
        let mut troubles = Vec::new();
        for target in specs.iter().flat_map(|spec| targets(spec, &interfaces).0) {
            if state.open.iter().any(|open| open.target.at.port() == target.at.port()) {
                continue;
            }
            match bind::try_bind(target.at) {
                Err(error) if error.kind() != io::ErrorKind::AddrNotAvailable => {
                    troubles.push((name(target.service), target.at, advice(&error)));
                }
                Ok(()) | Err(_) => {}
            }
        }
        troubles
    }

    /// One round: opens and closes what the plan says, tells what is new.
    pub(super) async fn keep(&self) {
        let wanted = self.0.wanted.get();
        let specs: Vec<Spec> = wanted.iter().map(|door| door.spec.clone()).collect();
        let interfaces = self.interfaces(&specs).await;
        let mut state = self.0.state.lock().await;
        let all: Vec<(Vec<Target>, Vec<String>)> = specs.iter().map(|spec| targets(spec, &interfaces)).collect();
        let want: Vec<Target> = all.iter().flat_map(|(targets, _)| targets.iter().copied()).collect();
        // An accept loop never ends by itself; one that a bug ended is started anew.
        state.open.retain(|open| !open.task.is_finished());
        let open: Vec<Target> = state.open.iter().map(|open| open.target).collect();
        for step in plan(&open, &want) {
            match step {
                Step::Start(target) => self.start(&mut state, target),
                Step::Stop(target) => self.stop(&mut state, target).await,
            }
        }
        state.failed.retain(|failed| want.contains(&failed.target));
        let missing = specs
            .iter()
            .zip(&all)
            .flat_map(|(spec, (_, missing))| missing.iter().map(|interface| (name(spec.service), interface.clone())));
        self.tell_absent(&mut state, set_of(missing));
        self.show(&mut state, &wanted);
    }

    fn start(&self, state: &mut State, target: Target) {
        let Inner { means, wanted, .. } = &*self.0;
        let permits = self.permits_of(target.service);
        match bind::bind(target.at).and_then(Async::new_nonblocking) {
            Ok(listener) => {
                let loops = accept::accept(listener, target.service, wanted.clone(), permits, means.clone());
                state.open.push(Open { target, task: means.executor.spawn(loops) });
                state.failed.retain(|failed| failed.target != target);
                means.journal.tell(ServiceEvent::Listening { service: name(target.service), at: target.at });
            }
            Err(error) => self.failed(state, target, &error),
        }
    }

    /// An address that is just coming up (IPv6 looks first whether another has it) is told at the second try only.
    fn failed(&self, state: &mut State, target: Target, error: &io::Error) {
        let (why, waits) = (advice(error), error.kind() == io::ErrorKind::AddrNotAvailable);
        let old = state.failed.iter().position(|failed| failed.target == target).map(|at| state.failed.remove(at));
        let tries = old.as_ref().filter(|old| old.why == why).map_or(1, |old| old.tries.saturating_add(1));
        if tries == if waits { 2 } else { 1 } {
            let service = name(target.service);
            self.0.means.journal.tell(ServiceEvent::NotListening { service, at: target.at, why: why.clone() });
        }
        state.failed.push(Failed { target, why, waits, tries });
    }

    async fn stop(&self, state: &mut State, target: Target) {
        let Some(at) = state.open.iter().position(|open| open.target == target) else { return };
        let open = state.open.remove(at);
        // Waits until the socket is closed: the next step may need its port.
        open.task.cancel().await;
        self.0.means.journal.tell(ServiceEvent::Closed { service: name(target.service), at: target.at });
    }

    fn tell_absent(&self, state: &mut State, absent: BTreeSet<(&'static str, String)>) {
        for (service, interface) in absent.difference(&state.absent) {
            self.0.means.journal.tell(ServiceEvent::InterfaceMissing { service, interface: interface.clone() });
        }
        state.absent = absent;
    }

    fn show(&self, state: &mut State, wanted: &[Wanted]) {
        let lines = map_of(wanted.iter().map(|door| (door.spec.line(), line(state, door))));
        for old in state.shown.iter().filter(|old| !lines.contains_key(*old)) {
            self.0.means.board.wipe(old);
        }
        state.shown = set_of(lines.keys().cloned());
        for (service, (light, text)) in lines {
            self.0.means.board.put(&service, light, text);
        }
    }

    /// Asks the system only when a name of an interface must be looked up.
    async fn interfaces(&self, specs: &[Spec]) -> Arc<Interfaces> {
        let named = specs.iter().any(|spec| spec.interfaces.iter().any(|entry| literal(entry).is_none()));
        let look = self.0.look.clone();
        if named && let Ok(Ok(now)) = self.0.means.worker.run(move || look()).await {
            self.0.interfaces.set(now);
        }
        self.0.interfaces.get()
    }
}

/// The board's line of one service.
fn line(state: &State, door: &Wanted) -> (Light, String) {
    let spec = &door.spec;
    if spec.port == 0 {
        return (Light::Off, "switched off".into());
    }
    let open = state.open.iter().filter(|open| open.target.service == spec.service);
    let places: Vec<String> = open.map(|open| open.target.at.to_string()).collect();
    let failed = state.failed.iter().filter(|failed| failed.target.service == spec.service);
    let (waiting, broken): (Vec<&Failed>, Vec<&Failed>) = failed.partition(|failed| failed.waits);
    let absent = state.absent.iter().filter(|(service, _)| *service == name(spec.service));
    let mut words: Vec<String> =
        broken.iter().chain(&waiting).map(|f| format!("cannot listen on {}: {}", f.target.at, f.why)).collect();
    let missing: Vec<&str> = absent.map(|(_, interface)| interface.as_str()).collect();
    if !missing.is_empty() {
        words.push(format!("waiting for interface {}, which is not there or has no address", missing.join(", ")));
    }
    let bare = door.tls.as_ref().is_some_and(|tls| tls.get().is_none());
    if bare {
        words.push("there is no certificate, so that nobody can connect: choose one in the settings".into());
    }
    let light = if !broken.is_empty() || bare {
        Light::Red
    } else if words.is_empty() {
        Light::Green
    } else {
        Light::Yellow
    };
    if !places.is_empty() {
        words.push(format!("listening on {}", places.join(", ")));
    }
    (light, words.join("; "))
}
