//! One IMAP command, and the things it is made of.
//!
//! Oracles: what is read is written, cut out of the stream again and read as the same; every spelling of a folder's name has
//! one that is strict; a set resolved is in order; a pattern fits as the plainest matcher says; no answer of ours has more
//! lines than it should.
#![no_main]

use gatepost::{
    types::UnixTime,
    wire::imap::{
        Append, AppendPart, Code, Command, Cut, Cutter, Pattern, Say, SequenceSet, Status, Tag, name, parse_moment, text,
        write_moment,
    },
};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Some((&mode, data)) = data.split_first() else { return };
    let utf8 = mode & 1 != 0;
    command(data, utf8);
    append(data, utf8);
    names(data);
    strings(data, utf8);
    if let Ok(text) = std::str::from_utf8(data) {
        pattern(text);
        moment(text);
        sentence(text);
    }
});

fn cut(stream: &[u8]) -> Cut {
    let mut cutter = Cutter::default();
    cutter.logged_in();
    let fed = cutter.feed(stream);
    if let Cut::Command(_) = fed.cut {
        assert_eq!(fed.used, stream.len());
    }
    fed.cut
}

fn command(data: &[u8], utf8: bool) {
    let Ok((tag, command)) = Command::parse(data, utf8) else { return };
    assert_eq!(command.verb().rule().verb, command.verb());
    let mut out = Vec::new();
    command.write(&tag, utf8, &mut out);
    match cut(&out) {
        Cut::Command(raw) => assert_eq!(Command::parse(&raw, utf8).as_ref(), Ok(&(tag, command))),
        // Names of a byte each are literals of eight when they are written.
        other => assert!(out.len() > gatepost::limits::IMAP_COMMAND, "{other:?} of {}", out.escape_ascii()),
    }
    out.clear();
    let (Command::Fetch { set, .. } | Command::Copy { set, .. } | Command::UidExpunge(set)) = command_of(data, utf8) else {
        return;
    };
    let SequenceSet::Ranges(ranges) = set else { return };
    for highest in [0, 1, 7, u32::MAX] {
        let resolved = ranges.resolve(highest);
        assert!(resolved.iter().all(|(a, b)| 0 < *a && a <= b));
        assert!(resolved.windows(2).all(|w| w[0].1 < w[1].0 && w[0].1 + 1 < w[1].0));
    }
}

fn command_of(data: &[u8], utf8: bool) -> Command {
    Command::parse(data, utf8).map_or(Command::Noop, |(_, command)| command)
}

fn append(data: &[u8], utf8: bool) {
    if let Ok((tag, append)) = Append::parse(data, utf8) {
        let mut out = Vec::new();
        append.write(&tag, utf8, 9, &mut out);
        let Cut::Append { head, octets: 9, sync: false, utf8: false } = cut(&out) else { panic!("{}", out.escape_ascii()) };
        assert_eq!(Append::parse(&head, utf8), Ok((tag, append)));
    }
    if let Ok(part) = AppendPart::parse(data) {
        let mut out = Vec::new();
        part.write(9, &mut out);
        assert_eq!(out.strip_suffix(b"{9+}\r\n").map(AppendPart::parse), Some(Ok(part)));
    }
}

fn names(data: &[u8]) {
    for utf8 in [false, true] {
        let Some(text) = name::read(data, utf8) else { continue };
        let encoded = name::encode(&text);
        assert_eq!(name::strict(&encoded).as_ref(), Some(&text));
        assert_eq!(name::read(encoded.as_bytes(), false).as_ref(), Some(&text));
        assert!(encoded.bytes().all(|b| (b' '..=b'~').contains(&b)));
    }
    if let Some(decoded) = std::str::from_utf8(data).ok().and_then(name::strict) {
        assert_eq!(name::encode(&decoded).as_bytes(), data, "two spellings are strict");
    }
}

/// What we say as a string is read as that string, by way of a command.
fn strings(data: &[u8], utf8: bool) {
    if data.contains(&0) || data.len() > 4000 {
        return;
    }
    let mut out = b"a SEARCH TEXT ".to_vec();
    text::string(&mut out, data, utf8);
    let Ok((_, Command::Search { key, .. })) = Command::parse(&out, utf8) else { panic!("{}", out.escape_ascii()) };
    assert_eq!(*key, gatepost::wire::imap::SearchKey::Text(data.into()));
}

fn pattern(text: &str) {
    let Some((pattern, name)) = text.split_once('\n') else { return };
    // The plainest matcher takes (name's length)^(wildcards) steps: with nine of them one input took its ten seconds.
    let wildcards = pattern.bytes().filter(|b| matches!(b, b'*' | b'%')).count();
    if wildcards > 4 || pattern.len() > 12 || name.len() > 40 {
        let _ = Pattern::new(pattern).matches(name);
        return;
    }
    let plain: Vec<char> = pattern.chars().collect();
    let name_chars: Vec<char> = name.chars().collect();
    if name != "INBOX" && !name.starts_with("INBOX/") {
        assert_eq!(Pattern::new(pattern).matches(name), fits(&plain, &name_chars), "{pattern:?} {name:?}");
    }
}

fn fits(pattern: &[char], name: &[char]) -> bool {
    match pattern.split_first() {
        None => name.is_empty(),
        Some(('*', rest)) => (0..=name.len()).any(|n| fits(rest, &name[n..])),
        Some(('%', rest)) => {
            let level = name.iter().position(|c| *c == '/').unwrap_or(name.len());
            (0..=level).any(|n| fits(rest, &name[n..]))
        }
        Some((c, rest)) => name.first() == Some(c) && fits(rest, &name[1..]),
    }
}

fn moment(text: &str) {
    if let Some(time) = parse_moment(text) {
        for east in [0, 3 * 3600, -19_800] {
            let written = write_moment(time, east);
            // The first and the last day of the calendar have no other zone.
            assert!(parse_moment(&written) == Some(time) || !(-62_000_000_000..253_000_000_000).contains(&time.0), "{written}");
        }
    }
    let _ = write_moment(UnixTime(text.len() as i64), 0);
}

fn sentence(text: &str) {
    let mut out = Vec::new();
    let tag = Tag::parse(b"a").expect("a tag");
    Say { status: Status::No, code: Some(Code::Capability(text)), text }.tagged(&tag, &mut out);
    assert_eq!(out.iter().filter(|b| matches!(b, b'\r' | b'\n')).count(), 2);
    assert!(out.ends_with(b"\r\n"));
}
