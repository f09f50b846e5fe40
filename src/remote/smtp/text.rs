//! The message as it leaves: what we put before it, then the stored octets without our Return-Path, every line in CRLF.

use std::io;

use super::Job;
use crate::{limits, wire::smtp::Lines};

/// Octets that leave, before dots are doubled. The store holds whole lines in CRLF, so that nothing is added on the way.
pub(super) fn size(job: &Job) -> u64 {
    job.prefix.len() as u64 + job.body.len().saturating_sub(job.skip)
}

/// Whether the header section is ASCII only: then a server without SMTPUTF8 can take it, whatever was asked (RFC 6531 s3.2).
pub(super) async fn has_ascii_head(job: &Job) -> io::Result<bool> {
    let mut at = job.skip;
    let mut tail = [0u8; 2];
    while at < job.skip + limits::HEADER_SECTION as u64 {
        let piece = job.body.read(at, limits::READ_BUF).await?;
        if piece.is_empty() {
            break;
        }
        for octet in &piece {
            if *octet == b'\n' && tail == *b"\n\r" {
                return Ok(true);
            }
            if !octet.is_ascii() {
                return Ok(false);
            }
            tail = [tail[1], *octet];
        }
        at += piece.len() as u64;
    }
    Ok(true)
}

/// Reads it in pieces.
pub(super) struct Text<'a> {
    job: &'a Job,
    lines: Lines,
    /// None: the prefix is still to come.
    at: Option<u64>,
    ended: bool,
}

impl<'a> Text<'a> {
    pub fn of(job: &'a Job) -> Self {
        Text { job, lines: Lines::of_bdat(), at: None, ended: false }
    }

    /// The next piece, none empty, None behind the last. An error is one of our disk.
    pub async fn next(&mut self) -> io::Result<Option<Vec<u8>>> {
        let mut out = Vec::new();
        while out.is_empty() && !self.ended {
            match self.at {
                None => {
                    self.lines.feed(&self.job.prefix, &mut out);
                    self.at = Some(self.job.skip);
                }
                Some(at) => {
                    let piece = self.job.body.read(at, limits::SEND_PIECE).await?;
                    self.at = Some(at + piece.len() as u64);
                    self.lines.feed(&piece, &mut out);
                    if piece.is_empty() {
                        self.lines.finish(&mut out);
                        self.ended = true;
                    }
                }
            }
        }
        Ok(Some(out).filter(|out| !out.is_empty()))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::{
        remote::smtp::Target,
        rt::block_on,
        types::{BytesBody, Domain, ReversePath, Terms},
    };

    fn job(prefix: &str, skip: u64, body: &[u8]) -> Job {
        Job {
            target: Target::Direct(Domain::parse("example.test").unwrap()),
            login: None,
            from: ReversePath::Null,
            terms: Terms::default(),
            body: Arc::new(BytesBody(body.to_vec())),
            skip,
            prefix: prefix.as_bytes().to_vec(),
            signer: None,
            rcpts: Vec::new(),
        }
    }

    fn whole(job: &Job) -> Vec<u8> {
        block_on(async {
            let (mut text, mut all) = (Text::of(job), Vec::new());
            while let Some(piece) = text.next().await.unwrap() {
                assert!(!piece.is_empty());
                all.extend(piece);
            }
            all
        })
    }

    #[test]
    fn the_return_path_stays_and_the_signature_goes_before() {
        let job = job("DKIM-Signature: x\r\n", 17, b"Return-Path: <>\r\nSubject: a\r\n\r\nb\r\n");
        assert_eq!(whole(&job), b"DKIM-Signature: x\r\nSubject: a\r\n\r\nb\r\n");
        assert_eq!(size(&job), whole(&job).len() as u64);
    }

    #[test]
    fn a_bare_newline_never_leaves() {
        assert_eq!(whole(&job("", 0, b"a\nb\rc\r\r\n.\nd")), b"a\r\nb\r\nc\r\n\r\n.\r\nd\r\n");
        assert_eq!(whole(&job("", 0, b"")), b"");
        let large = b"0123456789\r\n".repeat(20_000);
        assert!(whole(&job("", 12, &large)) == large[12..]);
    }

    #[test]
    fn only_the_header_must_be_ascii() {
        let ascii = |body: &str| block_on(has_ascii_head(&job("", 0, body.as_bytes()))).unwrap();
        assert!(ascii("Subject: a\r\n\r\n\u{43f}\r\n"));
        assert!(!ascii("Subject: \u{43f}\r\n\r\na\r\n"));
        assert!(ascii("Subject: a\r\n") && ascii(""));
        assert!(!ascii(&format!("X: {}\r\n\r\n", "a".repeat(10_000) + "\u{43f}")));
    }
}
