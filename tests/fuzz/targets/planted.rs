//! A planted bug behind the SMTP parser. scripts/fuzz fails unless the fuzzer finds it: a build whose coverage does not
//! reach the library would pass every other target and find nothing.
//!
//! Two steps that no chance makes: the parser must be led to a local part of four letters (the seeds have none), and the four
//! must be one number of 2^32, which only the recorded operands of comparisons betray.
#![no_main]

use gatepost::wire::smtp::{Command, Lenience, Recipient};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let line = [b"RCPT TO:<", data, b"@x.y>"].concat();
    let Ok(Command::Rcpt { to: Recipient::Address(to), .. }) = Command::parse(&line, Lenience::Strict) else { return };
    let Ok(letters) = <[u8; 4]>::try_from(to.local.as_str().as_bytes()) else { return };
    if u32::from_le_bytes(letters) == u32::from_le_bytes(*b"q9/W") {
        panic!("the planted bug was found");
    }
});
