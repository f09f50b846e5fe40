//! What the benchmark does to a server, whoever wrote it.

use std::{io, net::SocketAddr, path::PathBuf, time::Duration};

/// A server under load. It has mailboxes in office.test, all with the password `bench-pass`, empty after `wipe`.
pub trait Server {
    /// Column head.
    fn name(&self) -> &'static str;
    /// Where mail goes in without a login.
    fn smtp(&self) -> SocketAddr;
    /// Where mail comes out.
    fn pop3(&self) -> SocketAddr;
    /// IMAP without TLS.
    fn imap(&self) -> SocketAddr;
    /// IMAP over TLS from the first octet.
    fn imaps(&self) -> SocketAddr;
    /// Stopped: throws away all mail.
    fn wipe(&mut self) -> io::Result<()>;
    /// Starts; gives the time until it greets on its ports.
    fn start(&mut self) -> io::Result<Duration>;
    /// Ends it as an administrator would.
    fn stop(&mut self) -> io::Result<()>;
    /// kill -9 of every process at once.
    fn kill(&mut self) -> io::Result<()>;
    /// Its processes.
    fn pids(&self) -> Vec<u32>;
    /// Messages in its mailboxes.
    fn delivered(&self) -> io::Result<u64>;
    /// Whether what it accepts arrives in mailboxes.
    fn delivers(&self) -> bool;
    /// Octets of mail on the disk.
    fn stored(&self) -> u64;
    /// A directory on the device where it writes.
    fn state(&self) -> PathBuf;
    /// What differs from its defaults, and whether a login cache is on.
    fn configuration(&self) -> io::Result<String>;
}
