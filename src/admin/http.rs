//! The door of tiny_http: a 0600 Unix socket in the state directory that only `listen`'s front opens, never a stranger
//! (section 7 of the design).
//!
//! tiny_http brings an accepting thread and a pool of four that read heads; one thread here answers. While it is busy another
//! one takes its place, up to CREW, so that a request that takes long (a check, the removal of much mail) or hangs keeps no
//! other one waiting; a thread that is not needed any more ends.

use std::{
    fs, io,
    os::unix::{fs::PermissionsExt, net::UnixListener},
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use super::{
    ApiError, Desk,
    gate::Gate,
    reply::{self, Out, Reply},
    stream,
};
use crate::journal::AdminEvent;

/// The name of the subcommands' socket in the state directory; `listen` owns it.
pub const SOCKET: &str = "admin.sock";
/// Between two tries to open the socket again.
const RETRY: Duration = Duration::from_secs(1);
/// A stop waits for downloads: 200 times 5 ms.
const FAREWELL: u32 = 200;
const PAUSE: Duration = Duration::from_millis(5);
/// Threads that answer, at most.
const CREW: usize = 4;

/// The API while it listens. Dropping it ends its threads and removes the socket.
pub struct Admin(Arc<Door>);

/// The listening server, which is replaced when its accepting thread has ended, and who answers there.
struct Door {
    gate: Gate,
    desk: Arc<Desk>,
    current: Mutex<Arc<tiny_http::Server>>,
    over: AtomicBool,
    crew: Mutex<Crew>,
}

/// The threads that answer.
#[derive(Default)]
struct Crew {
    /// To wait for at the end; also of threads that have left already.
    threads: Vec<JoinHandle<()>>,
    /// Those that have not left.
    here: usize,
    /// Of these: those that answer now.
    busy: usize,
}

impl Admin {
    /// Listens at the gate, in place of whatever an earlier run left there.
    pub fn start(desk: Arc<Desk>) -> io::Result<Self> {
        let gate = desk.house().gate.clone();
        let current = Mutex::new(Arc::new(open(&gate.socket)?));
        let door = Arc::new(Door { gate, desk, current, over: AtomicBool::new(false), crew: Mutex::default() });
        Door::hire(&door, &mut door.crew())?;
        Ok(Admin(door))
    }

    /// Ends it: requests under way are answered, then the socket is gone.
    pub fn stop(self) {}
}

impl Drop for Admin {
    fn drop(&mut self) {
        self.0.over.store(true, Ordering::SeqCst);
        let crew = std::mem::take(&mut self.0.crew().threads);
        // Each of them wakes one.
        crew.iter().for_each(|_| self.0.current().unblock());
        for thread in crew {
            let _ = thread.join();
        }
        self.0.desk.hub.end();
        // A download holds the disk; one whose reader does not read cannot be waited for.
        let downloads = &self.0.desk.downloads;
        (0..FAREWELL).take_while(|_| downloads.load(Ordering::SeqCst) > 0).for_each(|_| thread::sleep(PAUSE));
        let _ = fs::remove_file(&self.0.gate.socket);
    }
}

impl Door {
    fn current(&self) -> Arc<tiny_http::Server> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn crew(&self) -> MutexGuard<'_, Crew> {
        self.crew.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_over(&self) -> bool {
        self.over.load(Ordering::SeqCst)
    }

    /// One more thread that answers, unless there are enough.
    fn hire(door: &Arc<Door>, crew: &mut Crew) -> io::Result<()> {
        crew.threads.retain(|thread| !thread.is_finished());
        if crew.here < CREW && !door.is_over() {
            let at = door.clone();
            let first = crew.here == 0;
            let thread = thread::Builder::new().name("http".to_owned());
            crew.threads.push(thread.spawn(move || at.serve(&at, first))?);
            crew.here += 1;
        }
        Ok(())
    }

    /// A thread has something to answer: another one waits in its place.
    fn begins(door: &Arc<Door>) {
        let mut crew = door.crew();
        crew.busy += 1;
        if crew.busy >= crew.here {
            // Without another thread the next request waits for this one.
            let _ = Door::hire(door, &mut crew);
        }
    }

    /// It has answered; whether it leaves, because another one waits already.
    fn ends(&self, first: bool) -> bool {
        let mut crew = self.crew();
        crew.busy -= 1;
        let leaves = !first && crew.busy + 1 < crew.here;
        crew.here -= usize::from(leaves);
        leaves
    }

    /// Answers until the house stops; the first thread of the crew stays, the others leave when nobody waits for them.
    fn serve(&self, door: &Arc<Door>, first: bool) {
        while !self.is_over() {
            let failed = match self.current().recv() {
                Ok(request) => {
                    Door::begins(door);
                    self.one(request);
                    if self.ends(first) {
                        return;
                    }
                    continue;
                }
                // It was unblocked, because the house stops or there is a new server.
                Err(error) if error.kind() == io::ErrorKind::Other => continue,
                Err(error) => error,
            };
            self.desk.house().journal.tell(AdminEvent::Closed { why: failed.to_string() });
            while !self.is_over() && self.replace().is_err() {
                thread::sleep(RETRY);
            }
        }
    }

    /// tiny_http stops accepting for good at the first error of accept (out of descriptors): a new one takes its place.
    fn replace(&self) -> io::Result<()> {
        let fresh = Arc::new(open(&self.gate.socket)?);
        let old = std::mem::replace(&mut *self.current.lock().unwrap_or_else(PoisonError::into_inner), fresh);
        (0..CREW).for_each(|_| old.unblock());
        Ok(())
    }

    /// One request; a panic costs this request and one red line.
    fn one(&self, mut request: tiny_http::Request) {
        let name = format!("{} {}", request.method(), request.url().split('?').next().unwrap_or_default());
        let desk = &self.desk;
        // A thread of ours waits here; nothing of the executor does.
        let answer = || smol::block_on(reply::reply(&mut request, desk));
        let reply = match catch_unwind(AssertUnwindSafe(answer)) {
            Ok(Out::Whole(reply)) => reply,
            Ok(Out::Download(file)) => return stream::begin(request, file, desk),
            Err(_) => {
                desk.house().journal.tell(AdminEvent::Broken { request: name });
                Reply::error(
                    &ApiError::new(500, "something of ours broke", "look into the journal, and report it"),
                    reply::language(&request),
                )
            }
        };
        let framed_by = desk.house().settings.get().http_frame_ancestors.clone();
        // The client may be gone: nobody is left to tell.
        let _ = request.respond(reply.build(&framed_by));
    }
}

/// Opens the socket with mode 0600. The state directory is locked by us, so that what is there is left over.
fn open(path: &Path) -> io::Result<tiny_http::Server> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        Ok(()) | Err(_) => {}
    }
    let listener = UnixListener::bind(path)?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o600))?;
    tiny_http::Server::from_listener(listener, None).map_err(io::Error::other)
}
