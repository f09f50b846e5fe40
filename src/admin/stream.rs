//! Files for a download. Each has a thread while it lasts, because tiny_http's writer blocks; a reader that does not read
//! holds that thread and nothing else.

use std::{
    io::{self, Write},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use super::{
    ApiError, Desk, Writing,
    reply::{self, Reply},
};
use crate::limits;

/// Octets of such a thread's stack: it formats lines and reads pages of them.
const STACK: usize = 256 * 1024;
/// Octets of one chunk, at most.
const CHUNK: usize = 8 * 1024;

/// A place among the downloads; given back when it is dropped.
pub(super) struct Place(Arc<AtomicUsize>);

impl Place {
    pub(super) fn take(downloads: &Arc<AtomicUsize>) -> Option<Place> {
        let place = Place(downloads.clone());
        let before = downloads.fetch_add(1, Ordering::SeqCst);
        (before < limits::API_DOWNLOADS).then_some(place)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

/// A file on its way: Content-Type, its name, what writes it.
pub(super) struct Download {
    pub kind: &'static str,
    pub name: String,
    pub write: Writing,
}

/// Writes it on a thread of its own.
pub(super) fn begin(request: tiny_http::Request, file: Download, desk: &Arc<Desk>) {
    let Some(place) = Place::take(&desk.downloads) else {
        let what = format!("{} downloads run already", limits::API_DOWNLOADS);
        let error = ApiError::new(503, what, "wait for one of them to end, then try again");
        let reply = Reply::error(&error, reply::language(&request));
        let _ = request.respond(reply.build(&desk.house().settings.get().http_frame_ancestors));
        return;
    };
    let thread = thread::Builder::new().name("http-download".to_owned()).stack_size(STACK);
    // Without a thread the request goes with the closure: its client sees the connection end, and may ask again.
    let _ = thread.spawn(move || {
        let _place = place;
        // The reader is gone: nobody is left to tell.
        let _ = write(request.into_writer(), file);
    });
}

fn write(mut out: Box<dyn Write + Send>, file: Download) -> io::Result<()> {
    let Download { kind, name, write } = file;
    write!(
        out,
        "HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nContent-Disposition: attachment; filename=\"{name}\"\r\n\
         Content-Security-Policy: default-src 'none'; sandbox\r\nReferrer-Policy: no-referrer\r\n\
         Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\nTransfer-Encoding: chunked\r\n\r\n"
    )?;
    let mut chunks = Chunks { out, held: Vec::new() };
    write(&mut chunks)?;
    chunks.flush()?;
    chunks.out.write_all(b"0\r\n\r\n")?;
    chunks.out.flush()
}

/// RFC 9112 s7.1: a chunk at each flush, or when one is full.
struct Chunks<W: Write> {
    out: W,
    held: Vec<u8>,
}

impl<W: Write> Chunks<W> {
    fn send(&mut self) -> io::Result<()> {
        if self.held.is_empty() {
            return Ok(());
        }
        write!(self.out, "{:x}\r\n", self.held.len())?;
        self.held.extend_from_slice(b"\r\n");
        self.out.write_all(&self.held)?;
        self.held.clear();
        Ok(())
    }
}

impl<W: Write> Write for Chunks<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let many = bytes.len().min(CHUNK - self.held.len());
        self.held.extend_from_slice(&bytes[..many]);
        if self.held.len() == CHUNK {
            self.send()?;
        }
        Ok(many)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.send()?;
        self.out.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_flush_ends_a_chunk_and_nothing_makes_none() {
        let mut chunks = Chunks { out: Vec::new(), held: Vec::new() };
        chunks.write_all(b"hello").unwrap();
        chunks.flush().unwrap();
        chunks.flush().unwrap();
        chunks.write_all(&[b'x'; CHUNK + 1]).unwrap();
        chunks.flush().unwrap();
        let text = String::from_utf8(chunks.out).unwrap();
        assert!(text.starts_with("5\r\nhello\r\n2000\r\nxxx") && text.ends_with("xx\r\n1\r\nx\r\n"), "{}", &text[..40]);
    }

    #[test]
    fn there_are_only_so_many_places_and_they_come_back() {
        let downloads = Arc::default();
        let mut places: Vec<Place> = (0..limits::API_DOWNLOADS).map(|_| Place::take(&downloads).unwrap()).collect();
        assert!(Place::take(&downloads).is_none());
        places.pop();
        assert!(Place::take(&downloads).is_some());
    }
}
