//! A line as syslog text (RFC 3164, RFC 5424). Pure.

use jiff::{Timestamp, Zoned, tz::TimeZone};
use syslog::{Facility, Severity as Level};

use super::Origin;
use crate::{
    journal::{Severity, Stamped},
    limits::SYSLOG_MESSAGE,
    types::{Format, UnixTime},
};

/// The mail facility's priority (RFC 5424 s6.2.1).
fn priority(severity: Severity) -> u8 {
    let level = match severity {
        Severity::Error => Level::LOG_ERR,
        Severity::Warning => Level::LOG_WARNING,
        Severity::Info => Level::LOG_INFO,
        Severity::Debug => Level::LOG_DEBUG,
    };
    Facility::LOG_MAIL as u8 | level as u8
}

fn local(at: UnixTime, zone: &TimeZone) -> Zoned {
    // Out of jiff's range (year 9999) only with a broken clock.
    Timestamp::from_second(at.0).unwrap_or(Timestamp::UNIX_EPOCH).to_zoned(zone.clone())
}

/// The first label of a host name; an address stays whole.
fn short(host: &str) -> &str {
    if host.parse::<std::net::IpAddr>().is_ok() { host } else { host.split('.').next().unwrap_or(host) }
}

/// A name as a HOSTNAME field: printable ASCII without blanks, never empty (RFC 5424 s6.2.4).
pub(super) fn token(text: &str, max: usize) -> String {
    let kept: String = text.chars().filter(char::is_ascii_graphic).take(max).collect();
    if kept.is_empty() { "-".to_owned() } else { kept }
}

/// `Nov 24 05:08:51 host program[pid]: text`, as a syslog daemon writes it into its file (Q30): what pflogsumm and fail2ban
/// read. `mail` stands for `postfix`.
pub fn plain(line: &Stamped, mail: &str, origin: &Origin) -> String {
    let at = local(line.at, &origin.zone).strftime("%b %e %H:%M:%S").to_string();
    let host = token(short(&origin.host), 255);
    format!("{at} {host} {}[{}]: {}", line.line.tag.program(mail), origin.pid, line.line.text)
}

/// For the local socket: RFC 3164 without a host, as glibc's syslog(3) writes it.
pub(super) fn for_local(line: &Stamped, mail: &str, origin: &Origin) -> String {
    let at = local(line.at, &origin.zone).strftime("%b %e %H:%M:%S").to_string();
    let program = line.line.tag.program(mail);
    let head = format!("<{}>{at} {program}[{}]: ", priority(line.line.severity), origin.pid);
    bounded(head, &line.line.text)
}

/// For a collector.
pub(super) fn for_collector(line: &Stamped, mail: &str, origin: &Origin, format: Format) -> String {
    let at = local(line.at, &origin.zone);
    let program = line.line.tag.program(mail);
    let priority = priority(line.line.severity);
    let head = match format {
        Format::Rfc3164 => {
            let at = at.strftime("%b %e %H:%M:%S");
            format!("<{priority}>{at} {} {program}[{}]: ", token(short(&origin.host), 255), origin.pid)
        }
        Format::Rfc5424 => {
            // No BOM: collectors leave it in the text, and MSG-ANY (s6.4) needs none.
            let at = at.strftime("%Y-%m-%dT%H:%M:%S%:z");
            format!("<{priority}>1 {at} {} {} {} - - ", token(&origin.host, 255), token(&program, 48), origin.pid)
        }
    };
    bounded(head, &line.line.text)
}

/// Head and text in at most SYSLOG_MESSAGE octets, cut between characters.
fn bounded(mut head: String, text: &str) -> String {
    let room = SYSLOG_MESSAGE.saturating_sub(head.len());
    if text.len() <= room {
        head.push_str(text);
    } else {
        head.push_str(&text[..text.floor_char_boundary(room.saturating_sub(3))]);
        head.push_str("...");
    }
    head
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::{Line, Tag};

    fn origin() -> Origin {
        let zone = TimeZone::posix("MSK-3").unwrap();
        Origin { host: "gw.office.test".into(), pid: 77, zone }
    }

    fn stamped(line: Line) -> Stamped {
        // 2026-11-03 21:08:51 UTC: the day of the month has one digit in UTC and in Moscow, and it is another day there.
        Stamped { number: 1, at: UnixTime(1_793_740_131), line }
    }

    #[test]
    fn rfc3164_is_in_local_time_with_a_short_host() {
        let line = stamped(Line::info(Tag::Smtpd, "connect".into()));
        assert_eq!(
            for_collector(&line, "postfix", &origin(), Format::Rfc3164),
            "<22>Nov  4 00:08:51 gw postfix/smtpd[77]: connect"
        );
        assert_eq!(for_local(&line, "mail", &origin()), "<22>Nov  4 00:08:51 mail/smtpd[77]: connect");
        assert_eq!(plain(&line, "postfix", &origin()), "Nov  4 00:08:51 gw postfix/smtpd[77]: connect");
    }

    #[test]
    fn rfc5424_has_the_offset_and_the_whole_host() {
        let line = stamped(Line::error(Tag::Dovecot, "плохо".into()));
        assert_eq!(
            for_collector(&line, "postfix", &origin(), Format::Rfc5424),
            "<19>1 2026-11-04T00:08:51+03:00 gw.office.test dovecot 77 - - error: плохо"
        );
    }

    #[test]
    fn severities_are_those_of_the_mail_facility() {
        assert_eq!(priority(Severity::Error), 2 * 8 + 3);
        assert_eq!(priority(Severity::Warning), 2 * 8 + 4);
        assert_eq!(priority(Severity::Info), 2 * 8 + 6);
        assert_eq!(priority(Severity::Debug), 2 * 8 + 7);
    }

    #[test]
    fn a_long_line_is_cut_between_characters() {
        for n in 1990..2060 {
            let text = format!("{}{}", "x".repeat(n % 7), "ж".repeat(n / 2));
            let line = stamped(Line::info(Tag::Smtpd, text));
            let out = for_local(&line, "postfix", &origin());
            assert!(out.len() <= SYSLOG_MESSAGE, "{}", out.len());
        }
    }

    #[test]
    fn a_host_without_a_usable_name_is_a_dash() {
        let mut origin = origin();
        origin.host = " \n".into();
        let line = stamped(Line::info(Tag::Gatepost, "x".into()));
        assert!(for_collector(&line, "postfix", &origin, Format::Rfc5424).contains("+03:00 - gatepost"));
        assert_eq!(short("10.1.2.3"), "10.1.2.3");
        assert_eq!(short("gw.office.test"), "gw");
    }

    #[test]
    fn a_clock_gone_mad_does_not_panic() {
        for at in [i64::MIN, -1, 0, i64::MAX] {
            let line = Stamped { number: 1, at: UnixTime(at), line: Line::info(Tag::Gatepost, "x".into()) };
            assert!(!plain(&line, "postfix", &origin()).is_empty());
        }
    }
}
