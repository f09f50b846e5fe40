//! A connection: buffered lines in, grouped replies out, TLS in the middle of it.

use std::{
    io,
    net::{SocketAddr, TcpStream},
    time::Duration,
};

use async_io::Async;
use futures_rustls::{TlsAcceptor, server::TlsStream};
use smol::io::{AsyncReadExt, AsyncWriteExt};

use super::{Acceptor, TlsInfo};
use crate::{limits, rt::timeout};

enum Wire {
    Plain(Async<TcpStream>),
    Tls(Box<TlsStream<Async<TcpStream>>>),
    Gone,
}

/// How a line ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// As it should.
    Crlf,
    /// A bare LF.
    Lf,
}

/// Why there is no line.
#[derive(Debug)]
pub enum ReadError {
    /// The peer went away.
    Closed,
    /// Nothing came in time.
    Timeout,
    /// The line was longer than allowed; it was read to its end and thrown away.
    TooLong,
    /// The socket broke.
    Io(io::Error),
}

impl From<io::Error> for ReadError {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset => ReadError::Closed,
            _ => ReadError::Io(error),
        }
    }
}

/// One client's connection. Buffers are empty, and cost nothing, while it is idle.
pub struct Conn {
    wire: Wire,
    peer: SocketAddr,
    local: SocketAddr,
    tls: Option<TlsInfo>,
    input: Vec<u8>,
    start: usize,
    output: Vec<u8>,
}

impl Conn {
    /// Wraps an accepted socket.
    pub fn plain(socket: Async<TcpStream>) -> io::Result<Self> {
        let peer = socket.get_ref().peer_addr()?;
        let local = socket.get_ref().local_addr()?;
        Ok(Conn { wire: Wire::Plain(socket), peer, local, tls: None, input: Vec::new(), start: 0, output: Vec::new() })
    }

    /// The client; an IPv4-mapped address as IPv4.
    pub fn peer(&self) -> SocketAddr {
        SocketAddr::new(self.peer.ip().to_canonical(), self.peer.port())
    }

    /// Our end.
    pub fn local(&self) -> SocketAddr {
        SocketAddr::new(self.local.ip().to_canonical(), self.local.port())
    }

    /// What TLS agreed on, if it is on.
    pub fn tls(&self) -> Option<&TlsInfo> {
        self.tls.as_ref()
    }

    /// The handshake. All buffered plaintext, in and out, is thrown away (STARTTLS injection).
    pub async fn starttls(&mut self, acceptor: &Acceptor, limit: Duration) -> Result<(), ReadError> {
        self.input = Vec::new();
        self.start = 0;
        self.output = Vec::new();
        let Wire::Plain(socket) = std::mem::replace(&mut self.wire, Wire::Gone) else {
            return Err(ReadError::Closed);
        };
        let shake = TlsAcceptor::from(acceptor.config.clone()).accept(socket);
        let stream = timeout(limit, shake).await.ok_or(ReadError::Timeout)??;
        let (_, session) = stream.get_ref();
        self.tls = Some(TlsInfo::of(session));
        self.wire = Wire::Tls(Box::new(stream));
        Ok(())
    }

    /// Input that was read and not used yet.
    pub fn buffered(&self) -> &[u8] {
        &self.input[self.start..]
    }

    /// Marks `n` octets of [`Conn::buffered`] as used.
    pub fn consume(&mut self, n: usize) {
        self.start = (self.start + n).min(self.input.len());
        if self.start == self.input.len() {
            self.input = Vec::new();
            self.start = 0;
        }
    }

    /// Reads more input behind what is buffered.
    pub async fn fill(&mut self, limit: Duration) -> Result<(), ReadError> {
        if self.start > 0 {
            self.input.drain(..self.start);
            self.start = 0;
        }
        // Wait for the first octets in a small buffer on the stack of the task: an idle connection holds no READ_BUF.
        let mut first = [0u8; 512];
        let n = timeout(limit, self.read_some(&mut first)).await.ok_or(ReadError::Timeout)??;
        if n == 0 {
            return Err(ReadError::Closed);
        }
        self.input.extend_from_slice(&first[..n]);
        if n == first.len() {
            self.take_what_waits().await?;
        }
        Ok(())
    }

    /// A full small buffer means that more waits: take up to READ_BUF of it without waiting.
    async fn take_what_waits(&mut self) -> Result<(), ReadError> {
        let mut more = vec![0u8; limits::READ_BUF];
        let got = smol::future::poll_once(self.read_some(&mut more)).await;
        if let Some(n) = got.transpose()? {
            self.input.extend_from_slice(&more[..n]);
        }
        Ok(())
    }

    async fn read_some(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match &mut self.wire {
            Wire::Plain(socket) => socket.read(buffer).await,
            Wire::Tls(stream) => stream.read(buffer).await,
            Wire::Gone => Ok(0),
        }
    }

    /// One line without its ending, at most `max` octets with it. A longer one is thrown away whole.
    pub async fn line(&mut self, max: usize, limit: Duration) -> Result<(Vec<u8>, Ending), ReadError> {
        let mut long = false;
        let mut seen = 0;
        loop {
            let fresh = self.buffered();
            if let Some(at) = fresh[seen..].iter().position(|b| *b == b'\n').map(|at| at + seen) {
                let ended_well = at > 0 && fresh[at - 1] == b'\r';
                let line = fresh[..at - usize::from(ended_well)].to_vec();
                self.consume(at + 1);
                if long || at + 1 > max {
                    return Err(ReadError::TooLong);
                }
                return Ok((line, if ended_well { Ending::Crlf } else { Ending::Lf }));
            }
            seen = fresh.len();
            if seen > max {
                long = true;
                self.consume(seen);
                seen = 0;
            }
            self.fill(limit).await?;
        }
    }

    /// Puts bytes behind those that wait to be sent.
    pub fn put(&mut self, bytes: &[u8]) {
        self.output.extend_from_slice(bytes);
    }

    /// The output buffer, to write replies into.
    pub fn output(&mut self) -> &mut Vec<u8> {
        &mut self.output
    }

    /// Sends what waits.
    pub async fn flush(&mut self, limit: Duration) -> Result<(), ReadError> {
        let bytes = std::mem::take(&mut self.output);
        if bytes.is_empty() {
            return Ok(());
        }
        let send = async {
            match &mut self.wire {
                Wire::Plain(socket) => socket.write_all(&bytes).await,
                Wire::Tls(stream) => {
                    stream.write_all(&bytes).await?;
                    stream.flush().await
                }
                Wire::Gone => Err(io::ErrorKind::NotConnected.into()),
            }
        };
        Ok(timeout(limit, send).await.ok_or(ReadError::Timeout)??)
    }

    /// Sends what waits and closes (close_notify under TLS).
    pub async fn close(mut self, limit: Duration) {
        let _ = self.flush(limit).await;
        let end = async {
            match &mut self.wire {
                Wire::Plain(socket) => socket.close().await,
                Wire::Tls(stream) => stream.close().await,
                Wire::Gone => Ok(()),
            }
        };
        let _ = timeout(limit, end).await;
    }
}
