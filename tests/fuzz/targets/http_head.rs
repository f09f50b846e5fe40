//! Heads of HTTP requests and answers, and the name in Host.
//!
//! Oracles: a head is cut at the same place however its octets come; what is read is written and read again as the same; what
//! is written holds no line that the reader did not see.
#![no_main]

use gatepost::wire::http::{AnswerHead, Host, RequestHead, head_end};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let whole = head_end(data, 0);
    for cut in [data.len() / 2, data.len().saturating_sub(1)] {
        match head_end(&data[..cut], 0) {
            Ok(None) => assert_eq!(head_end(data, cut), whole, "cut at {cut}"),
            early => assert_eq!(early, whole, "cut at {cut}"),
        }
    }
    if let Ok(Some(end)) = whole {
        assert!(data[..end].ends_with(b"\r\n\r\n"));
        request(&data[..end]);
        answer(&data[..end]);
    }
    if let Ok(text) = std::str::from_utf8(data) {
        let _ = Host::parse(text);
    }
});

fn request(head: &[u8]) {
    let Ok(read) = RequestHead::parse(head) else { return };
    assert!(read.target.starts_with('/') && Host::parse(&read.host).is_some());
    let mut out = Vec::new();
    read.write(&mut out);
    assert_eq!(head_end(&out, 0), Ok(Some(out.len())), "a head within a head");
    // What we add (Host, a length) may be the field that is one too many.
    if read.fields.len() < 96 {
        assert_eq!(RequestHead::parse(&out).as_ref(), Ok(&read));
    }
}

fn answer(head: &[u8]) {
    let Some(read) = AnswerHead::parse(head) else { return };
    let mut out = Vec::new();
    read.write(false, &mut out);
    assert_eq!(head_end(&out, 0), Ok(Some(out.len())), "a head within a head");
    let again = AnswerHead::parse(&out).expect("what was written is read");
    assert_eq!((again.status, again.fields), (read.status, read.fields));
}
