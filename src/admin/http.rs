//! The door of tiny_http: a 0600 Unix socket in the state directory, never a stranger (section 7 of the design).
//!
//! tiny_http brings an accepting thread and a pool of four that read heads; one thread here answers, and lends what takes
//! long (a check, the removal of much mail) a thread of its own while it lasts. Whoever can open the
//! socket is this user or root: what it says of itself (`X-Gatepost-User`) goes to the journal and gives no rights.

use std::{
    collections::BTreeMap,
    fs, io,
    io::Read,
    os::unix::{
        fs::{FileTypeExt, PermissionsExt},
        net::{UnixListener, UnixStream},
    },
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use serde_json::Value as Json;

use super::{ApiError, Body, Caller, Desk, Stream, api, page, stream};
use crate::journal::AdminEvent;

/// The socket's name in the state directory.
pub const SOCKET: &str = "admin.sock";
/// Octets of a request's body.
const BODY: usize = 1024 * 1024;
/// Between two tries to open the socket again.
const RETRY: Duration = Duration::from_secs(1);
/// Requests that take long, at one time.
const SLOW: usize = 2;

/// The API while it listens. Dropping it ends its threads and removes the socket.
pub struct Admin {
    door: Arc<Door>,
    thread: Option<JoinHandle<()>>,
}

/// The listening server, which is replaced when its accepting thread has ended.
struct Door {
    path: PathBuf,
    current: Mutex<Arc<tiny_http::Server>>,
    over: AtomicBool,
}

impl Admin {
    /// Listens on `admin.sock` in the state directory. A socket that another program serves is an error; one that nobody
    /// serves (the plug was pulled) is replaced.
    pub fn start(desk: Arc<Desk>) -> io::Result<Self> {
        let path = desk.house().state_dir.join(SOCKET);
        let current = Mutex::new(Arc::new(open(&path)?));
        let door = Arc::new(Door { path, current, over: AtomicBool::new(false) });
        let thread = thread::Builder::new().name("http".to_owned());
        let (at, slow) = (door.clone(), Arc::new(AtomicUsize::new(0)));
        let thread = Some(thread.spawn(move || serve(&at, &desk, &slow))?);
        Ok(Admin { door, thread })
    }

    /// Ends it: requests under way are answered, then the socket is gone.
    pub fn stop(self) {}
}

impl Drop for Admin {
    fn drop(&mut self) {
        self.door.over.store(true, Ordering::SeqCst);
        self.door.current().unblock();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
        let _ = fs::remove_file(&self.door.path);
    }
}

impl Door {
    fn current(&self) -> Arc<tiny_http::Server> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn is_over(&self) -> bool {
        self.over.load(Ordering::SeqCst)
    }

    /// tiny_http stops accepting for good at the first error of accept (out of descriptors): a new one takes its place.
    fn replace(&self) -> io::Result<()> {
        match fs::remove_file(&self.path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            Ok(()) | Err(_) => {}
        }
        let fresh = Arc::new(open(&self.path)?);
        *self.current.lock().unwrap_or_else(PoisonError::into_inner) = fresh;
        Ok(())
    }
}

fn open(path: &Path) -> io::Result<tiny_http::Server> {
    tiny_http::Server::from_listener(bind(path)?, None).map_err(io::Error::other)
}

/// Binds with mode 0600 from the first moment: the directory is 0700, and the mode is set before anybody is told.
fn bind(path: &Path) -> io::Result<UnixListener> {
    match fs::symlink_metadata(path) {
        Ok(there) if !there.file_type().is_socket() => {
            let what = format!("{} is there and is no socket: remove it", path.display());
            return Err(io::Error::new(io::ErrorKind::AlreadyExists, what));
        }
        Ok(_) if UnixStream::connect(path).is_ok() => {
            let what = format!("another gatepost serves {}: stop it first", path.display());
            return Err(io::Error::new(io::ErrorKind::AddrInUse, what));
        }
        Ok(_) => fs::remove_file(path)?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    let listener = UnixListener::bind(path)?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o600))?;
    Ok(listener)
}

fn serve(door: &Door, desk: &Arc<Desk>, slow: &Arc<AtomicUsize>) {
    while !door.is_over() {
        let failed = match door.current().recv() {
            Ok(request) if takes_long(&request) => {
                aside(request, desk, slow);
                continue;
            }
            Ok(request) => {
                one(request, desk);
                continue;
            }
            // It was unblocked, because the house stops.
            Err(error) if error.kind() == io::ErrorKind::Other => continue,
            Err(error) => error,
        };
        desk.house().journal.tell(AdminEvent::Closed { why: failed.to_string() });
        while !door.is_over() && door.replace().is_err() {
            thread::sleep(RETRY);
        }
    }
}

/// A check reads the whole disk; a removal deletes all mail of a mailbox.
fn takes_long(request: &tiny_http::Request) -> bool {
    *request.method() == tiny_http::Method::Delete || request.url().starts_with("/api/check")
}

/// Answers on a thread of its own, unless enough of them run.
fn aside(request: tiny_http::Request, desk: &Arc<Desk>, slow: &Arc<AtomicUsize>) {
    if slow.fetch_add(1, Ordering::SeqCst) >= SLOW {
        slow.fetch_sub(1, Ordering::SeqCst);
        return one(request, desk);
    }
    let (at, count) = (desk.clone(), slow.clone());
    let thread = thread::Builder::new().name("http-slow".to_owned()).spawn(move || {
        one(request, &at);
        count.fetch_sub(1, Ordering::SeqCst);
    });
    if thread.is_err() {
        // The request went with the closure: its client sees the connection end, and may ask again.
        slow.fetch_sub(1, Ordering::SeqCst);
    }
}

/// One request; a panic costs this request and one red line.
fn one(mut request: tiny_http::Request, desk: &Arc<Desk>) {
    let name = format!("{} {}", request.method(), request.url().split('?').next().unwrap_or_default());
    let done = catch_unwind(AssertUnwindSafe(|| reply(&mut request, desk)));
    let response = match done {
        Ok(Out::Whole(reply)) => reply,
        Ok(Out::Stream(stream)) => return stream::begin(request, stream, desk),
        Err(_) => {
            desk.house().journal.tell(AdminEvent::Broken { request: name });
            Reply::error(&ApiError::new(500, "something of ours broke", "look into the journal, and report it"))
        }
    };
    // The client may be gone: nobody is left to tell.
    let _ = request.respond(response.build());
}

/// What came of a request.
enum Out {
    /// All of it is here.
    Whole(Reply),
    /// It comes bit by bit.
    Stream(Stream),
}

/// What goes out.
struct Reply {
    status: u16,
    kind: &'static str,
    body: Vec<u8>,
}

impl Reply {
    fn json(status: u16, body: &Json) -> Self {
        Reply { status, kind: "application/json", body: body.to_string().into_bytes() }
    }

    fn error(error: &ApiError) -> Self {
        Reply::json(error.status, &error.json())
    }

    fn build(self) -> tiny_http::Response<io::Cursor<Vec<u8>>> {
        let heads = [
            ("Content-Type", self.kind),
            (
                "Content-Security-Policy",
                "default-src 'self'; frame-ancestors 'self'; base-uri 'none'; form-action 'self'",
            ),
            ("X-Content-Type-Options", "nosniff"),
            ("Referrer-Policy", "no-referrer"),
            ("Cache-Control", "no-store"),
        ];
        let mut response =
            tiny_http::Response::from_data(self.body).with_status_code(self.status).with_chunked_threshold(usize::MAX);
        for (name, value) in heads {
            if let Ok(header) = tiny_http::Header::from_bytes(name, value) {
                response.add_header(header);
            }
        }
        response
    }
}

fn reply(request: &mut tiny_http::Request, desk: &Arc<Desk>) -> Out {
    let path = request.url().split(['?', '#']).next().unwrap_or_default().to_owned();
    if !path.starts_with("/api/") {
        return Out::Whole(match page::file(&path).filter(|_| *request.method() == tiny_http::Method::Get) {
            Some((kind, bytes)) => Reply { status: 200, kind, body: bytes.to_vec() },
            None => Reply::error(&ApiError::no_such_path()),
        });
    }
    match answer(request, desk) {
        Ok(Body::Json(body)) => Out::Whole(Reply::json(200, &body)),
        Ok(Body::Stream(stream)) => Out::Stream(stream),
        Err(error) => Out::Whole(Reply::error(&error)),
    }
}

fn answer(request: &mut tiny_http::Request, desk: &Arc<Desk>) -> Result<Body, ApiError> {
    let understood = understand(request)?;
    // A thread of ours waits here; nothing of the executor does.
    smol::block_on(api::answer(desk, understood))
}

fn understand(request: &mut tiny_http::Request) -> Result<api::Request, ApiError> {
    let method = match request.method() {
        tiny_http::Method::Get => api::Method::Get,
        tiny_http::Method::Post => api::Method::Post,
        tiny_http::Method::Put => api::Method::Put,
        tiny_http::Method::Delete => api::Method::Delete,
        _ => return Err(ApiError::no_such_method("GET, POST, PUT, DELETE")),
    };
    let (path, query) = target(request.url())?;
    let caller = Caller {
        who: header(request, "X-Gatepost-User").unwrap_or("administrator").to_owned(),
        from: "socket".to_owned(),
    };
    let body = body(request, method)?;
    Ok(api::Request { method, path, query, body, caller })
}

fn header<'a>(request: &'a tiny_http::Request, name: &'static str) -> Option<&'a str> {
    request.headers().iter().find(|header| header.field.equiv(name)).map(|header| header.value.as_str())
}

/// `/api/a/b%40c?x=1` in its parts.
fn target(url: &str) -> Result<(Vec<String>, BTreeMap<String, String>), ApiError> {
    let bad = || ApiError::new(400, "the path has a broken % escape", "write each octet as % and two hex digits");
    let (path, query) = url.split_once('?').unwrap_or((url, ""));
    let path = path.strip_prefix("/api/").unwrap_or_default();
    let path = path.split('/').filter(|part| !part.is_empty()).map(|part| unescape(part).ok_or_else(bad));
    let mut pairs = BTreeMap::new();
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        pairs.insert(unescape(name).ok_or_else(bad)?, unescape(value).ok_or_else(bad)?);
    }
    Ok((path.collect::<Result<_, _>>()?, pairs))
}

/// RFC 3986 s2.1. `+` is itself: addresses have it.
fn unescape(text: &str) -> Option<String> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            out.push(byte);
            continue;
        }
        let digit = |b: u8| (b as char).to_digit(16);
        let (high, low) = (digit(rest.next()?)?, digit(rest.next()?)?);
        out.push(u8::try_from(high * 16 + low).ok()?);
    }
    String::from_utf8(out).ok()
}

/// The JSON body. Unsafe methods need application/json, and Origin equal to Host where a browser says it (section 7).
fn body(request: &mut tiny_http::Request, method: api::Method) -> Result<Json, ApiError> {
    if method == api::Method::Get {
        return Ok(Json::Null);
    }
    let host = header(request, "Host").unwrap_or_default();
    let is_foreign =
        header(request, "Origin").is_some_and(|origin| origin.split_once("://").is_none_or(|(_, o)| o != host));
    if is_foreign {
        return Err(ApiError::new(403, "the request comes from another site", "use the page of this server"));
    }
    if !header(request, "Content-Type").is_some_and(|kind| kind.starts_with("application/json")) {
        return Err(ApiError::new(415, "the request must be application/json", "say so in Content-Type"));
    }
    if request.body_length().is_some_and(|length| length > BODY) {
        return Err(too_large());
    }
    let mut bytes = Vec::new();
    let limit = u64::try_from(BODY + 1).unwrap_or(u64::MAX);
    let read = request.as_reader().take(limit).read_to_end(&mut bytes);
    read.map_err(|error| ApiError::new(400, format!("the body cannot be read: {error}"), "send it again"))?;
    if bytes.len() > BODY {
        return Err(too_large());
    }
    if bytes.is_empty() {
        return Ok(Json::Null);
    }
    serde_json::from_slice(&bytes)
        .map_err(|error| ApiError::new(400, format!("the body is no JSON: {error}"), "correct it"))
}

fn too_large() -> ApiError {
    ApiError::new(413, format!("the request is larger than {BODY} octets"), "send less at once")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_path_is_cut_and_unescaped_and_a_plus_is_itself() {
        let (path, query) = target("/api/mailboxes/a%2Bb+c%40office.test?purge=1&x=%D0%B0").unwrap();
        assert_eq!(path, ["mailboxes", "a+b+c@office.test"]);
        assert_eq!(query.into_iter().collect::<Vec<_>>(), [("purge".into(), "1".into()), ("x".into(), "а".into())]);
        for bad in ["/api/%", "/api/%4", "/api/%zz", "/api/%ff", "/api/x?%"] {
            assert!(target(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn an_error_says_what_is_so_and_what_to_do() {
        let body = json!({ "error": "there is no such resource", "todo": "see `gatepost help`" });
        assert_eq!(ApiError::no_such_path().json(), body);
    }
}
