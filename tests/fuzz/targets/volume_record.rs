//! Records of a volume, damaged or made up: header, blocks, trailer.
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
});

fn summed(bytes: &[u8]) -> Vec<u8> {
    [bytes, &crc32c::crc32c(bytes).to_le_bytes()].concat()
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
