//! message/delivery-status (RFC 3464 s2) and message/global-delivery-status (RFC 6533 s4): the fields that programs read.

use super::{Action, Notice, Report, SAID_MAX};
use crate::{
    mime::{
        stamp,
        text::{folded, host, printable, quoted_printable, readable},
    },
    types::{Address, Orcpt},
};

/// The part with its head: the fields of the message, then a block for each recipient.
pub(super) fn part(notice: &Notice<'_>, global: bool) -> String {
    let mut fields = format!("Reporting-MTA: dns; {}\r\n", host(notice.host));
    if let Some(envid) = notice.envid {
        fields.push_str(&format!("Original-Envelope-Id: {}\r\n", printable(envid, 100)));
    }
    fields.push_str(&format!("Arrival-Date: {}\r\n", stamp::date(notice.arrived)));
    for report in notice.reports {
        fields.push_str(&block(report, notice, global));
    }
    let description = "Content-Description: Delivery report\r\n";
    if global {
        let head = "Content-Type: message/global-delivery-status\r\nContent-Transfer-Encoding: quoted-printable\r\n";
        return format!("{head}{description}\r\n{}", quoted_printable(fields.as_bytes()));
    }
    format!("Content-Type: message/delivery-status\r\n{description}\r\n{fields}")
}

fn block(report: &Report<'_>, notice: &Notice<'_>, global: bool) -> String {
    let answer = report.answer;
    let mut out = String::from("\r\n");
    // RFC 3461 s6.3: only where the sender said it.
    if let Some(orcpt) = report.orcpt {
        out.push_str(&format!("Original-Recipient: {}\r\n", original(orcpt, global)));
    }
    out.push_str(&format!("Final-Recipient: {}\r\n", recipient(report.to, global)));
    out.push_str(&format!("Action: {}\r\nStatus: {}\r\n", report.action.words().0, status(report)));
    let name = answer.peer.split(['[', ':', ' ']).next().unwrap_or_default();
    if !name.is_empty() {
        out.push_str(&format!("Remote-MTA: dns; {}\r\n", host(name)));
    }
    let said = if global { readable(&answer.text, SAID_MAX) } else { printable(&answer.text, SAID_MAX) };
    if !said.trim().is_empty() {
        // What no server said is of a type of our own.
        let kind = if answer.code == 0 { "X-Gatepost" } else { "smtp" };
        out.push_str(&folded("Diagnostic-Code", &format!("{kind}; {}{said}", report.codes())));
    }
    let last = if answer.at.0 > 0 { answer.at } else { notice.at };
    out.push_str(&format!("Last-Attempt-Date: {}\r\n", stamp::date(last)));
    if let Some(until) = report.until {
        out.push_str(&format!("Will-Retry-Until: {}\r\n", stamp::date(until)));
    }
    out
}

/// An address: what is not ASCII as RFC 6533 s3 (utf-8-addr-xtext) writes it in 7 bits, or as it is.
fn recipient(to: &Address, global: bool) -> String {
    if to.local.is_ascii() {
        return format!("rfc822; {to}");
    }
    let name = to.to_string();
    format!("utf-8; {}", if global { name } else { xtext(&name) })
}

/// As [`recipient`]; another type of address keeps its name.
fn original(orcpt: &Orcpt, global: bool) -> String {
    let address = match (&*orcpt.kind, global) {
        ("utf-8", true) => orcpt.address.to_string(),
        ("utf-8", false) => xtext(&orcpt.address),
        (_other, _) => printable(&orcpt.address, 500),
    };
    format!("{}; {address}", orcpt.kind)
}

fn xtext(text: &str) -> String {
    let plain = |c: char| c.is_ascii_graphic() && !matches!(c, '+' | '=' | '\\');
    text.chars().map(|c| if plain(c) { c.to_string() } else { format!("\\x{{{:02X}}}", u32::from(c)) }).collect()
}

/// A report's status code, or the general one of its class when it is none (`digit.number.number`, RFC 3463 s2).
fn status(report: &Report<'_>) -> String {
    let class = match report.action {
        Action::Failed => ["5", "4"],
        Action::Delayed => ["4", "4"],
        Action::Delivered | Action::Relayed | Action::Expanded => ["2", "2"],
    };
    let parts: Vec<_> = report.answer.status.split('.').collect();
    let digits = |p: &&str| (1..=3).contains(&p.len()) && p.bytes().all(|b| b.is_ascii_digit());
    if parts.len() == 3 && parts.iter().all(digits) && class.contains(&parts[0]) {
        return report.answer.status.to_string();
    }
    format!("{}.0.0", class[0])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_recipient_of_another_script_is_named_in_seven_bits_or_as_he_is() {
        let one = |text: &str, global| recipient(&Address::parse(text).unwrap(), global);
        assert_eq!(one("ann@почта.рф", false), "rfc822; ann@xn--80a1acny.xn--p1ai");
        assert_eq!(one("я+x@o.t", false), "utf-8; \\x{44F}\\x{2B}x@o.t");
        assert_eq!(one("я+x@o.t", true), "utf-8; я+x@o.t");
        let orcpt = |kind: &str, address: &str| Orcpt { kind: kind.into(), address: address.into() };
        assert_eq!(original(&orcpt("rfc822", "a+b@c.d"), true), "rfc822; a+b@c.d");
        assert_eq!(original(&orcpt("utf-8", "я@c.d"), false), "utf-8; \\x{44F}@c.d");
        assert_eq!(original(&orcpt("x400", "a\r\nb"), false), "x400; a??b");
    }
}
