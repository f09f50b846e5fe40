//! Ports of loopback that nobody else takes: below those that the kernel gives to clients, and each with a lock file that this
//! process holds until its end, so that suites can run side by side.

use std::{
    fs::File,
    net::{TcpListener, UdpSocket},
    sync::Mutex,
};

/// Linux gives clients ports from 32,768.
const FIRST: u16 = 10_000;
const COUNT: u16 = 22_000;

static HELD: Mutex<Vec<File>> = Mutex::new(Vec::new());

/// One that is free for TCP and UDP now, and ours until this process ends.
#[allow(dead_code)]
pub fn free_port() -> u16 {
    let dir = std::env::temp_dir().join("gatepost-ports");
    std::fs::create_dir_all(&dir).unwrap();
    let mut held = HELD.lock().unwrap();
    let from = std::process::id().wrapping_mul(101) % u32::from(COUNT);
    for n in 0..u32::from(COUNT) {
        let port = FIRST + ((from + n) % u32::from(COUNT)) as u16;
        let lock = File::options().create(true).append(true).open(dir.join(port.to_string())).unwrap();
        let is_free = || TcpListener::bind(("0.0.0.0", port)).is_ok() && UdpSocket::bind(("0.0.0.0", port)).is_ok();
        if lock.try_lock().is_ok() && is_free() {
            held.push(lock);
            return port;
        }
    }
    panic!("no port is free");
}

/// Several, all different.
#[allow(dead_code)]
pub fn free_ports<const N: usize>() -> [u16; N] {
    std::array::from_fn(|_| free_port())
}
