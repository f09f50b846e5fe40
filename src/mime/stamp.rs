//! What we write on top of a message that passes: Received, Return-Path, Date, Message-ID. Strangers' words in them are made
//! harmless here, so that no HELO can write a header field of its own.

use std::net::IpAddr;

use jiff::{Timestamp, fmt::rfc2822::DateTimePrinter, tz::TimeZone};

use super::text::{host, printable};
use crate::types::{Address, QueueId, ReversePath, UnixTime};

/// The trace field of one hop (RFC 5321 s4.4).
#[derive(Clone, Copy, Debug)]
pub struct Received<'a> {
    /// What the client said in HELO or EHLO; any text.
    pub helo: &'a str,
    /// The client's address.
    pub ip: IpAddr,
    /// Our server name (E1).
    pub by: &'a str,
    /// `SMTP`, `ESMTP`, `ESMTPSA`, ... (RFC 3848).
    pub with: &'a str,
    /// What TLS agreed on: `TLSv1.3 with cipher TLS_AES_128_GCM_SHA256`.
    pub tls: Option<&'a str>,
    /// The message's name in the journal.
    pub qid: &'a QueueId,
    /// The recipient, only where there is exactly one (RFC 5321 s7.2: never betray the others).
    pub for_: Option<&'a Address>,
    /// Who logged in. That somebody did is told, who it was is not: readers of the message need not learn a login name.
    pub login: Option<&'a Address>,
    /// When the message came.
    pub at: UnixTime,
}

impl Received<'_> {
    /// The folded field with its CRLF; every line is far below 998 octets whatever the client said.
    pub fn write(&self) -> String {
        let ip = match self.ip.to_canonical() {
            IpAddr::V4(ip) => ip.to_string(),
            IpAddr::V6(ip) => format!("IPv6:{ip}"),
        };
        let mut out = format!("Received: from {} (unknown [{ip}])\r\n", host(self.helo));
        if let Some(how) = self.comment() {
            out.push_str(&format!("\t({how})\r\n"));
        }
        let with = printable(self.with, 20);
        out.push_str(&format!("\tby {} (Gatepost) with {with} id {}", host(self.by), self.qid));
        match self.for_ {
            Some(to) => out.push_str(&format!("\r\n\tfor <{to}>; ")),
            None => out.push_str(";\r\n\t"),
        }
        out.push_str(&date(self.at));
        out.push_str("\r\n");
        out
    }

    fn comment(&self) -> Option<String> {
        // A parenthesis within the comment would have to be balanced or quoted: there is none in what TLS says.
        let tls = self.tls.map(|t| format!("using {}", printable(t, 120).replace(['(', ')', '\\'], "?")));
        match (self.login, tls) {
            (None, tls) => tls,
            (Some(_), None) => Some("authenticated".into()),
            (Some(_), Some(tls)) => Some(format!("authenticated, {tls}")),
        }
    }
}

/// `Return-Path: <...>` with CRLF, written at final delivery (RFC 5321 s4.4).
pub fn return_path(from: &ReversePath) -> String {
    format!("Return-Path: <{from}>\r\n")
}

/// `Tue, 24 Nov 2026 10:00:00 +0300` (RFC 5322 s3.3) in the appliance's zone; for Received and for `Date:`.
pub fn date(at: UnixTime) -> String {
    date_in(at, TimeZone::system())
}

/// Seconds by which the appliance's clocks are ahead of UTC at a time: for INTERNALDATE, and for the days of SEARCH.
pub fn seconds_east(at: UnixTime) -> i32 {
    let at = Timestamp::from_second(at.0).unwrap_or(Timestamp::UNIX_EPOCH);
    TimeZone::system().to_offset(at).seconds()
}

fn date_in(at: UnixTime, zone: TimeZone) -> String {
    // A time that no calendar holds (a clock gone mad) is written as 1970, which every reader understands as "unknown".
    let at = Timestamp::from_second(at.0).unwrap_or(Timestamp::UNIX_EPOCH);
    let printer = DateTimePrinter::new();
    printer
        .zoned_to_string(&at.to_zoned(zone))
        .or_else(|_| printer.timestamp_to_string(&at))
        .unwrap_or_else(|_| "Thu, 1 Jan 1970 00:00:00 +0000".into())
}

/// `<20261124070000.ID@host>`: unique because `id` (a queue id) is never used twice by one host.
pub fn new_message_id(at: UnixTime, id: &str, domain: &str) -> String {
    let at = Timestamp::from_second(at.0).unwrap_or(Timestamp::UNIX_EPOCH);
    let id: String = id.chars().filter(char::is_ascii_alphanumeric).take(64).collect();
    format!("<{}.{id}@{}>", at.strftime("%Y%m%d%H%M%S"), host(domain))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::BodyId;

    /// 2026-11-24 07:00:00 UTC
    const AT: UnixTime = UnixTime(1_795_503_600);

    fn address(text: &str) -> Address {
        Address::parse(text).unwrap()
    }

    #[test]
    fn dates_are_of_rfc_5322() {
        let msk = TimeZone::fixed(jiff::tz::offset(3));
        assert_eq!(date_in(AT, msk), "Tue, 24 Nov 2026 10:00:00 +0300");
        assert_eq!(date_in(UnixTime(0), TimeZone::UTC), "Thu, 1 Jan 1970 00:00:00 +0000");
        assert_eq!(date_in(UnixTime(i64::MAX), TimeZone::UTC), "Thu, 1 Jan 1970 00:00:00 +0000");
        // A year before Christ has no RFC 5322 form.
        assert!(date_in(UnixTime(-100_000_000_000), TimeZone::UTC).contains("1970"));
    }

    #[test]
    fn writes_a_received_field() {
        let (qid, ann) = (QueueId::of(BodyId(0x2A)), address("ann@office.test"));
        let mut received = Received {
            helo: "pc7.lan",
            ip: "192.0.2.1".parse().unwrap(),
            by: "mail.office.test",
            with: "ESMTPS",
            tls: Some("TLSv1.3 with cipher TLS_AES_128_GCM_SHA256"),
            qid: &qid,
            for_: Some(&ann),
            login: None,
            at: AT,
        };
        let want = format!(
            "Received: from pc7.lan (unknown [192.0.2.1])\r\n\
             \t(using TLSv1.3 with cipher TLS_AES_128_GCM_SHA256)\r\n\
             \tby mail.office.test (Gatepost) with ESMTPS id 000000002A\r\n\
             \tfor <ann@office.test>; {}\r\n",
            date(AT)
        );
        assert_eq!(received.write(), want);
        received = Received { ip: "2001:db8::1".parse().unwrap(), tls: None, for_: None, ..received };
        let want = format!(
            "Received: from pc7.lan (unknown [IPv6:2001:db8::1])\r\n\
             \tby mail.office.test (Gatepost) with ESMTPS id 000000002A;\r\n\t{}\r\n",
            date(AT)
        );
        assert_eq!(received.write(), want);
        received.login = Some(&ann);
        let text = received.write();
        assert!(text.contains("\t(authenticated)\r\n") && !text.contains("ann"), "{text}");
    }

    #[test]
    fn a_helo_cannot_write_a_header_field_or_a_long_line() {
        let qid = QueueId::of(BodyId(1));
        for helo in ["a\r\nX-Evil: 1", "a\n\n", "x (y", "(((((", "[1.2.3.4", "\u{202e}дом", &"h".repeat(3000)] {
            let ip = "192.0.2.1".parse().unwrap();
            let by = "m.test";
            let r = Received { helo, ip, by, with: "SMTP", tls: None, qid: &qid, for_: None, login: None, at: AT };
            let text = r.write();
            assert_eq!(super::super::fields(text.as_bytes()).count(), 1, "{text}");
            assert!(text.is_ascii() && text.lines().count() == 3 && text.lines().all(|l| l.len() < 400), "{text}");
            assert_eq!(text.matches('(').count(), 2, "{text}");
        }
    }

    #[test]
    fn the_return_path_of_a_bounce_is_empty() {
        assert_eq!(return_path(&ReversePath::Null), "Return-Path: <>\r\n");
        let quoted = ReversePath::Address(address("\"a b\"@x.test"));
        assert_eq!(return_path(&quoted), "Return-Path: <\"a b\"@x.test>\r\n");
    }

    #[test]
    fn message_ids_carry_time_and_name() {
        assert_eq!(
            new_message_id(AT, "000000002A", "mail.office.test"),
            "<20261124070000.000000002A@mail.office.test>"
        );
        assert_eq!(new_message_id(AT, "a>b\r\n", "x y"), "<20261124070000.ab@x?y>");
    }
}
