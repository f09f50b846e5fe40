//! Records of a volume and of the log, damaged or made up: header, blocks, trailer; notes and bodies.
//!
//! Oracles: what is read is written again as the same octets (a trailer: in one turn, since addresses are written in their
//! one form); no flipped bit is read. Each part is tried as it came and with its sums made right, because no fuzzer guesses a
//! CRC.
#![no_main]

use gatepost::store::probe;
use libfuzzer_sys::fuzz_target;

const HEADER: usize = 56;

fuzz_target!(|data: &[u8]| {
    header(data);
    if data.len() >= HEADER {
        header(&summed(&data[..HEADER - 4]));
    }
    if let Some((number, octets)) = data.split_first_chunk::<8>() {
        let number = u64::from_le_bytes(*number);
        block(number, octets);
        trailer(number, octets);
        let sum = crc32c::crc32c_append(crc32c::crc32c(&number.to_le_bytes()), octets);
        trailer(number, &[octets, &sum.to_le_bytes()].concat());
    }
    log_record(data);
    log_record(&of_the_log(data));
});

fn summed(bytes: &[u8]) -> Vec<u8> {
    [bytes, &crc32c::crc32c(bytes).to_le_bytes()].concat()
}

/// A record of the log whose length and sum are right: numbers, octets of notes and bodies as they came, and what they hold.
fn of_the_log(data: &[u8]) -> Vec<u8> {
    let (numbers, rest) = data.split_at(data.len().min(24));
    let mut head = [0; 24];
    head[..numbers.len()].copy_from_slice(numbers);
    let len = 36 + rest.len() + 4;
    let record = [b"GPREDO02", &head[..16], &(len as u32).to_le_bytes(), &head[16..], rest].concat();
    summed(&record)
}

fn log_record(bytes: &[u8]) {
    let Some((again, notes)) = probe::log_record(bytes) else { return };
    assert_eq!(again.len() % 4096, 0);
    assert_eq!(probe::log_record(&again), Some((again.clone(), notes)));
    let len = u32::from_le_bytes([again[24], again[25], again[26], again[27]]) as usize;
    assert_eq!(again[..len], bytes[..len]);
    let mut damaged = again;
    damaged[len / 2] ^= 1;
    assert!(probe::log_record(&damaged).is_none(), "a damaged record was read");
}

fn header(bytes: &[u8]) {
    let Some((again, whole)) = probe::header(bytes) else { return };
    assert_eq!(again, bytes[..HEADER]);
    assert!(whole >= HEADER as u64);
    for at in [0, 9, 20, 30, 40, HEADER - 1] {
        let mut damaged = again.clone();
        damaged[at] ^= 1 << (at % 8);
        assert!(probe::header(&damaged).is_none(), "a damaged header was read");
    }
}

fn block(body: u64, octets: &[u8]) {
    if let Some(again) = probe::block(body, 0, octets) {
        assert_eq!(again, octets);
    }
    let whole = [octets, &probe::sum(body, 1, octets).to_le_bytes()].concat();
    assert_eq!(probe::block(body, 1, &whole).as_deref(), Some(&whole[..]));
    assert!(probe::block(body, 2, &whole).is_none(), "a misplaced block was read");
    assert!(probe::block(body ^ 1, 1, &whole).is_none(), "another body's block was read");
}

fn trailer(body: u64, bytes: &[u8]) {
    let Some(again) = probe::trailer(body, bytes) else { return };
    assert_eq!(probe::trailer(body, &again).as_ref(), Some(&again));
    assert!(probe::trailer(body ^ 1, &again).is_none(), "another body's recipients were read");
    let mut damaged = again.clone();
    let at = body as usize % damaged.len();
    damaged[at] ^= 1;
    assert!(probe::trailer(body, &damaged).is_none(), "a damaged trailer was read");
}
