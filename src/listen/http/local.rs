//! `admin.sock`: the front's door for the subcommands. Who opens it is this program's user or root, by its mode.

use std::{
    fs, io,
    os::unix::{
        fs::{FileTypeExt, PermissionsExt},
        net::{UnixListener, UnixStream},
    },
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use async_io::Async;

use super::{Front, Origin, slots::Slots};
use crate::{
    journal::ServiceEvent,
    limits,
    net::Conn,
    rt::{Executor, Task, unpanicked},
};

const PAUSE: Duration = Duration::from_millis(500);

/// The open socket. Dropping it removes it; connections go on until they end, or until the stop sign.
pub struct Local {
    path: PathBuf,
    _accepting: Task<()>,
}

impl Local {
    /// Opens it with mode 0600. A socket that another program serves is an error; one that nobody serves (the plug was pulled)
    /// is replaced.
    pub fn open(path: PathBuf, front: Arc<Front>, executor: &Executor) -> io::Result<Self> {
        let listener = Async::new(bind(&path)?)?;
        let accepting = executor.spawn(accept(listener, front, executor.clone()));
        Ok(Local { path, _accepting: accepting })
    }
}

impl Drop for Local {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path);
    }
}

/// The directory is 0700, and the mode is set before anybody is told.
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

async fn accept(listener: Async<UnixListener>, front: Arc<Front>, executor: Executor) {
    let places = Slots::new(limits::HTTP_CONNECTIONS);
    loop {
        smol::future::yield_now().await;
        match listener.accept().await {
            Ok((socket, _)) => {
                // Above the cap the caller sees the connection end, and may ask again.
                let Some(place) = places.take(1) else { continue };
                let Some(from) = origin(&socket) else { continue };
                let front = front.clone();
                let session = async move {
                    // A panic costs this connection; what it was about is told where it happened.
                    let _ = unpanicked(front.serve(Conn::unix(socket), from, None)).await;
                    drop(place);
                };
                // Detached: it ends by itself, or at the stop sign that the front holds.
                executor.spawn(session).detach();
            }
            Err(error) => {
                let why = error.to_string();
                front.means.journal.tell(ServiceEvent::Exhausted { service: "admin", why });
                smol::Timer::after(PAUSE).await;
            }
        }
    }
}

/// Who opened the connection, by the kernel's word (SO_PEERCRED).
fn origin(socket: &Async<UnixStream>) -> Option<Origin> {
    let who = rustix::net::sockopt::socket_peercred(socket.get_ref()).ok()?;
    Some(Origin::Local { uid: who.uid.as_raw() })
}
