//! A full mail disk: new mail is put off, reading and deleting go on, deleting is enough.

use std::{
    fs::File,
    io::Write,
    net::SocketAddr,
    path::Path,
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
    time::{Duration, Instant},
};

use crate::{
    client::{self, Client},
    common::{ANN, House},
    mail::{Ledger, fetch_all, message, number_of, until_accepted},
    mount::Tmpfs,
};

/// Octets of message `number`: from notes to attachments. Two at a time, so that every second one is half of the octets.
fn size(number: u64) -> usize {
    [2_000, 9_000, 40_000, 64_000, 70_000, 150_000, 600_000, 2_500_000][number as usize / 2 % 8]
}

fn house(dir: &Path, reserve: &str) -> House {
    House::with(&[("store.directory", dir.to_str().unwrap()), ("store.reserve_mb", reserve)])
}

/// Sends from four connections while `go_on` says so of each reply.
fn pour(to: SocketAddr, next: &AtomicU64, go_on: impl Fn(&str) -> bool + Sync) -> Ledger {
    let one = || {
        let (mut ledger, mut smtp) = (Ledger::default(), client::smtp(to).unwrap());
        loop {
            let number = next.fetch_add(1, Ordering::SeqCst);
            let said = smtp.send(ANN.0, &message(number, size(number))).unwrap_or_else(|error| error.to_string());
            if !ledger.note(number, &said) {
                // Refused again and again, a session is ended; a sender comes again.
                std::thread::sleep(Duration::from_millis(5));
                smtp = client::smtp(to).unwrap();
            }
            if !go_on(&said) {
                return ledger;
            }
        }
    };
    std::thread::scope(|scope| {
        let all: Vec<_> = (0..4).map(|_| scope.spawn(one)).collect();
        let mut ledger = Ledger::default();
        all.into_iter().for_each(|thread| ledger.join(thread.join().unwrap()));
        ledger
    })
}

/// Every second message goes; gives the numbers of those that stay.
fn delete_half(house: &House, fetched: &[u64]) -> Vec<u64> {
    let mut pop3 = client::pop3(house.ports.pop3, ANN);
    for n in (1..=fetched.len()).step_by(2) {
        assert!(pop3.ask(&format!("DELE {n}")).unwrap().starts_with("+OK"));
    }
    let said = pop3.ask("QUIT").unwrap();
    assert!(said.starts_with("+OK"), "deleting on a full disk: {said}\n{:#?}", house.journal());
    fetched.iter().skip(1).step_by(2).copied().collect()
}

fn is_whole(house: &House, expected: &[u64]) {
    let mut there = fetch_all(&mut client::pop3(house.ports.pop3, ANN));
    let mut expected = expected.to_vec();
    there.sort_unstable();
    expected.sort_unstable();
    assert_eq!(there, expected, "{:#?}", house.journal());
    let report = smol::block_on(house.app().store.check(|_| {})).unwrap();
    assert_eq!((report.problems, report.messages), (Vec::new(), there.len() as u64));
}

#[test]
fn a_disk_of_160_mb_is_filled_half_is_deleted_over_pop3_and_mail_is_accepted_again_without_a_restart() {
    let dir = crate::common::TempDir::new();
    let disk = dir.path().join("disk");
    let _tmpfs = Tmpfs::mount(&disk, 160);
    let house = house(&disk.join("mail"), "32");
    let next = AtomicU64::new(0);
    let ledger = pour(house.ports.smtp, &next, |said| said.starts_with("250"));
    let said: Vec<_> = ledger.refused.keys().collect();
    assert!(said.iter().all(|said| said.starts_with("452 4.3.1")), "{said:?}");
    let fetched = fetch_all(&mut client::pop3(house.ports.pop3, ANN));
    assert_eq!(fetched.len(), ledger.kept.len());
    assert!(fetched.iter().all(|number| ledger.kept.contains(number)));
    let mut expected = delete_half(&house, &fetched);
    let first = next.fetch_add(1, Ordering::SeqCst);
    let waited = until_accepted(house.ports.smtp, ANN.0, first, 2_500_000, Duration::from_secs(20));
    expected.push(first);
    // As much again as a quarter of what was there; a 452 while room is reclaimed is tried again, as senders do.
    let more = ledger.kept.len() as u64 / 4;
    let mut slowest = waited;
    for _ in 0..more {
        let number = next.fetch_add(1, Ordering::SeqCst);
        let limit = Duration::from_secs(20);
        slowest = slowest.max(until_accepted(house.ports.smtp, ANN.0, number, size(number), limit));
        expected.push(number);
    }
    is_whole(&house, &expected);
    println!(
        "160 MB: {} messages said 250, then {said:?}; {} left after deleting half; 2.5 MB accepted again after {waited:?}, \
         then {more} more, the slowest after {slowest:?}",
        ledger.kept.len(),
        expected.len() as u64 - more - 1,
    );
}

/// Takes every octet of the disk's room and gives how many that were.
fn fill_to_the_last_octet(file: &mut File) -> u64 {
    let mut taken = 0;
    for piece in [1 << 20, 4096, 1] {
        let zeros = vec![0; piece];
        while let Ok(written) = file.write(&zeros) {
            taken += written as u64;
        }
    }
    taken
}

#[test]
fn another_file_takes_the_last_octet_in_the_middle_of_commits_and_deleting_is_still_enough() {
    let dir = crate::common::TempDir::new();
    let disk = dir.path().join("disk");
    let _tmpfs = Tmpfs::mount(&disk, 64);
    let house = house(&disk.join("mail"), "4");
    let (next, stop) = (AtomicU64::new(0), AtomicBool::new(false));
    let mut filler = File::create(disk.join("filler")).unwrap();
    let mut taken = 0;
    let ledger = std::thread::scope(|scope| {
        let pouring = scope.spawn(|| pour(house.ports.smtp, &next, |_| !stop.load(Ordering::SeqCst)));
        while next.load(Ordering::SeqCst) < 40 {
            std::thread::sleep(Duration::from_millis(10));
        }
        let until = Instant::now() + Duration::from_secs(3);
        while Instant::now() < until {
            taken += fill_to_the_last_octet(&mut filler);
            std::thread::sleep(Duration::from_millis(10));
        }
        stop.store(true, Ordering::SeqCst);
        pouring.join().unwrap()
    });
    assert!(ledger.refused.keys().all(|said| said.starts_with("452 4.3.1") || said.starts_with("451 4.3.0")));
    assert!(ledger.refused.keys().any(|said| said.starts_with("452 4.3.1")), "{:?}", ledger.refused);
    let mut pop3 = client::pop3(house.ports.pop3, ANN);
    let many = pop3.count();
    assert!(many > 0 && ledger.kept.contains(&number_of(&pop3.retr(1).unwrap())));
    drop(pop3);
    let fetched = fetch_all(&mut client::pop3(house.ports.pop3, ANN));
    let mut there = fetched.clone();
    there.sort_unstable();
    // What was refused is not there; what was acknowledged is, once.
    assert_eq!(there, ledger.kept.iter().copied().collect::<Vec<_>>());
    let mut expected = delete_half(&house, &fetched);
    let first = next.fetch_add(1, Ordering::SeqCst);
    let waited = until_accepted(house.ports.smtp, ANN.0, first, 40_000, Duration::from_secs(30));
    expected.push(first);
    is_whole(&house, &expected);
    println!(
        "another file took {taken} of 64 MB while mail came in: {} messages said 250, then {:?}; after deleting half \
         accepted again after {waited:?}, the other file still there",
        ledger.kept.len(),
        ledger.refused,
    );
    quietly_ends(house, Client::plain);
}

/// The house can be stopped and says so in time also on such a disk.
fn quietly_ends(house: House, dial: impl Fn(SocketAddr) -> std::io::Result<Client>) {
    let port = house.ports.pop3;
    house.stop();
    assert!(dial(port).is_err());
}
