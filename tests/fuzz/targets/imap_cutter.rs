//! A stream of IMAP commands, cut into feeds of any size.
//!
//! Oracles: any cut gives the same commands; none is longer than its cap; octets are used up to the last one; a refused APPEND
//! gives no command that the same APPEND, taken, would not give; the octets of a literal are never a command.
//!
//! The first octet chooses: after the login or before, messages taken or refused. An octet 0x01 stands for 2,000 letters, so
//! that the caps are within reach.
#![no_main]

use gatepost::{
    limits,
    wire::imap::{Append, AppendPart, Command, Cut, Cutter},
};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Some((&mode, data)) = data.split_first() else { return };
    let stream = grown(data);
    let whole = cuts(&stream, mode, || usize::MAX);
    if stream.len() < 20_000 {
        assert_eq!(cuts(&stream, mode, || 1), whole);
    }
    let mut state = data.len() as u32;
    let random = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as usize % 31 + 1
    };
    assert_eq!(cuts(&stream, mode, random), whole);
    for cut in &whole {
        read(cut);
    }
});

fn grown(data: &[u8]) -> Vec<u8> {
    let mut room = 50;
    let mut stream = Vec::new();
    for octet in data {
        if *octet == 1 && room > 0 {
            room -= 1;
            stream.extend_from_slice(&[b'x'; 2000]);
        } else {
            stream.push(*octet);
        }
    }
    stream
}

/// As a session does it.
fn cuts(stream: &[u8], mode: u8, mut next: impl FnMut() -> usize) -> Vec<Cut> {
    let (mut cutter, mut all, mut message) = (Cutter::default(), Vec::new(), 0u64);
    let most = if mode & 1 == 0 { limits::IMAP_LINE } else { limits::IMAP_COMMAND };
    if mode & 1 != 0 {
        cutter.logged_in();
    }
    let mut rest = stream;
    while !rest.is_empty() {
        let (mut piece, behind) = rest.split_at(next().clamp(1, rest.len()));
        rest = behind;
        loop {
            let skip = usize::try_from(message).map_or(piece.len(), |m| m.min(piece.len()));
            message -= skip as u64;
            piece = &piece[skip..];
            if message > 0 {
                break;
            }
            let fed = cutter.feed(piece);
            assert!(fed.used <= piece.len());
            piece = &piece[fed.used..];
            match fed.cut {
                Cut::Need => {
                    assert!(piece.is_empty());
                    break;
                }
                Cut::Hopeless => {
                    all.push(Cut::Hopeless);
                    return all;
                }
                Cut::Append { octets, sync, .. } if mode & 2 != 0 => {
                    all.extend(cutter.refuse(if sync { 0 } else { octets }, sync).then_some(Cut::Refused));
                }
                cut => {
                    match &cut {
                        Cut::Append { octets, head, .. } => {
                            message = *octets;
                            assert!(head.len() <= most);
                        }
                        Cut::Command(raw) => {
                            assert!(raw.len() <= most);
                            assert!(cutter.is_fresh());
                        }
                        Cut::Need | Cut::Continue | Cut::AppendEnd { .. } | Cut::TooLong(_) | Cut::Refused | Cut::Hopeless => {}
                    }
                    all.push(cut);
                }
            }
        }
    }
    all
}

fn read(cut: &Cut) {
    match cut {
        Cut::Command(raw) => {
            let _ = (Command::parse(raw, false), Command::parse(raw, true));
        }
        Cut::Append { head, .. } => {
            let _ = (Append::parse(head, false), Append::parse(head, true), AppendPart::parse(head));
        }
        Cut::Need | Cut::Continue | Cut::AppendEnd { .. } | Cut::TooLong(_) | Cut::Refused | Cut::Hopeless => {}
    }
}
