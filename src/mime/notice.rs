//! Messages that the server writes itself: delivery status notifications (RFC 3464) and warnings about a full mailbox (Q15).
//!
//! The caller sends them from the null reverse-path, so that a notice never makes a notice. Every octet is 7-bit and every line
//! short, whatever stood in the message that failed; but to somebody whose address is not ASCII `To:` is in UTF-8 (RFC 6532).

use super::{
    advice::{self, Both},
    fields, stamp,
    text::{base64_lines, folded, host, printable, quoted_printable},
    words,
};
use crate::types::{Address, UnixTime};

/// Octets of the original header section that a notice carries: enough for any real one, no amplifier for a made-up one.
const HEADER_MAX: usize = 16 * 1024;
/// Characters of an answer that are repeated.
const DIAGNOSTIC_MAX: usize = 500;

/// What became of a recipient (RFC 3464 s2.3.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Given up.
    Failed,
    /// Still being tried.
    Delayed,
}

impl Action {
    fn word(self) -> &'static str {
        match self {
            Action::Failed => "failed",
            Action::Delayed => "delayed",
        }
    }
}

/// One recipient's part of a notice.
#[derive(Clone, Debug)]
pub struct Report<'a> {
    /// The recipient, as the sender wrote it.
    pub to: &'a Address,
    /// What became of it.
    pub action: Action,
    /// Enhanced status code (RFC 3463): `5.1.1`.
    pub status: &'a str,
    /// The SMTP reply that was the reason, ours or another server's: `550 5.1.1 No such mailbox here`. Any text.
    pub diagnostic: &'a str,
}

/// A delivery status notification.
#[derive(Clone, Debug)]
pub struct Notice<'a> {
    /// Whoever sent the message: its reverse-path.
    pub to: &'a Address,
    /// Our server name (E1).
    pub host: &'a str,
    /// A name never used before (the notice's own queue id); goes into Message-ID and boundary.
    pub id: &'a str,
    /// Now.
    pub at: UnixTime,
    /// When the message arrived here.
    pub arrived: UnixTime,
    /// The recipients it is about.
    pub reports: &'a [Report<'a>],
    /// The header section of the message; its first 16 KiB are quoted.
    pub header: &'a [u8],
}

impl Notice<'_> {
    /// The whole message with its header section.
    pub fn write(&self) -> Vec<u8> {
        let failed = self.reports.iter().any(|r| r.action == Action::Failed);
        let (title, opening) =
            if failed { (advice::FAILED, advice::FAILED_OPENING) } else { (advice::DELAYED, advice::DELAYED_OPENING) };
        let header = self.quoted_header();
        let boundary = boundary(self.id, &header);
        let mut out = self.letter().head(title);
        out.push_str(&format!(
            "Content-Type: multipart/report; report-type=delivery-status;\r\n boundary=\"{boundary}\"\r\n\r\n"
        ));
        out.push_str("This is a delivery status notification (RFC 3464).\r\n\r\n");
        for part in [human_part(&self.words(opening)), self.status_part(), header] {
            out.push_str(&format!("--{boundary}\r\n{part}\r\n"));
        }
        out.push_str(&format!("--{boundary}--\r\n"));
        out.into_bytes()
    }

    fn letter(&self) -> Letter<'_> {
        Letter { to: self.to, host: self.host, id: self.id, at: self.at }
    }

    /// What a person reads: both languages, one after the other.
    fn words(&self, opening: Both) -> String {
        let one = |pick: fn(Both) -> &'static str, signature: String| {
            let mut text = format!("{}\r\n", pick(opening));
            for r in self.reports {
                let said = printable(r.diagnostic, DIAGNOSTIC_MAX);
                text.push_str(&format!("\r\n  {}\r\n", r.to));
                if r.action == Action::Failed {
                    text.push_str(&format!("    {}\r\n", pick(advice::advice(r.status))));
                }
                text.push_str(&format!("    {} {said}\r\n", r.status));
            }
            format!("{text}\r\n{signature}\r\n")
        };
        let host = host(self.host);
        let ru = one(|b| b.ru, format!("Это сообщение составил почтовый сервер {host}. Отвечать на него не нужно."));
        let en = one(|b| b.en, format!("This notice was written by the mail server {host}. Please do not answer it."));
        format!("{ru}\r\n--------\r\n\r\n{en}")
    }

    /// message/delivery-status (RFC 3464 s2): the fields of the message, then a block for each recipient.
    fn status_part(&self) -> String {
        let mut out =
            String::from("Content-Type: message/delivery-status\r\nContent-Description: Delivery report\r\n\r\n");
        out.push_str(&format!("Reporting-MTA: dns; {}\r\n", host(self.host)));
        out.push_str(&format!("Arrival-Date: {}\r\n", stamp::date(self.arrived)));
        for r in self.reports {
            let said = printable(r.diagnostic, DIAGNOSTIC_MAX);
            out.push_str(&format!("\r\nFinal-Recipient: {}\r\n", recipient(r.to)));
            out.push_str(&format!("Action: {}\r\nStatus: {}\r\n", r.action.word(), status(r)));
            if !said.trim().is_empty() {
                out.push_str(&folded("Diagnostic-Code", &format!("smtp; {said}")));
            }
            out.push_str(&format!("Last-Attempt-Date: {}\r\n", stamp::date(self.at)));
        }
        out
    }

    /// The original's header section as text/rfc822-headers, whole fields only. RFC 6522 s4: quoted-printable is for
    /// sections that are not 7-bit or have lines that are too long.
    fn quoted_header(&self) -> String {
        let mut kept = 0;
        for f in fields(self.header) {
            if kept + f.raw.len() > HEADER_MAX {
                break;
            }
            kept += f.raw.len();
        }
        let section = &self.header[..kept];
        let short = section.split(|&b| b == b'\n').all(|l| l.len() <= 900);
        let crlf = section.iter().filter(|&&b| b == b'\r').count()
            == section.windows(2).filter(|w| w == b"\r\n").count()
            && section.iter().filter(|&&b| b == b'\n').count() == section.windows(2).filter(|w| w == b"\r\n").count();
        let clean = short && crlf && section.is_ascii() && !section.contains(&0);
        let head = "Content-Type: text/rfc822-headers\r\nContent-Description: Undelivered message headers\r\n";
        if clean {
            return format!("{head}\r\n{}", String::from_utf8_lossy(section));
        }
        format!("{head}Content-Transfer-Encoding: quoted-printable\r\n\r\n{}", quoted_printable(section))
    }
}

/// An address as message/delivery-status has it: what is not ASCII as RFC 6533 s3 (utf-8-addr-xtext) writes it in 7 bits.
fn recipient(to: &Address) -> String {
    if to.local.is_ascii() {
        return format!("rfc822; {to}");
    }
    let plain = |c: char| c.is_ascii_graphic() && !matches!(c, '+' | '=' | '\\');
    let text = to.to_string();
    let text = text.chars().map(|c| if plain(c) { c.to_string() } else { format!("\\x{{{:X}}}", u32::from(c)) });
    format!("utf-8; {}", text.collect::<String>())
}

/// A report's status code, or the general one of its class when it is none (`digit.number.number`, RFC 3463 s2).
fn status(report: &Report<'_>) -> String {
    let parts: Vec<_> = report.status.split('.').collect();
    let digits = |p: &&str| (1..=3).contains(&p.len()) && p.bytes().all(|b| b.is_ascii_digit());
    if parts.len() == 3 && parts.iter().all(digits) {
        return report.status.to_owned();
    }
    match report.action {
        Action::Failed => "5.0.0".into(),
        Action::Delayed => "4.0.0".into(),
    }
}

/// A warning to a user whose mailbox fills up (Q15: at 80, 90 and 95 %).
#[derive(Clone, Debug)]
pub struct QuotaWarning<'a> {
    /// The mailbox.
    pub to: &'a Address,
    /// Our server name (E1).
    pub host: &'a str,
    /// A name never used before.
    pub id: &'a str,
    /// Now.
    pub at: UnixTime,
    /// The mark that was passed.
    pub percent: u8,
    /// Octets in use.
    pub used: u64,
    /// Octets that may be used.
    pub quota: u64,
}

impl QuotaWarning<'_> {
    /// The whole message with its header section.
    pub fn write(&self) -> Vec<u8> {
        let QuotaWarning { to, percent, .. } = self;
        let (used, quota) = (mib(self.used), mib(self.quota));
        let ru = format!("Почтовый ящик {to} заполнен на {percent} %: занято {used} из {quota} МиБ.");
        let en = format!("The mailbox {to} is {percent} % full: {used} of {quota} MiB are in use.");
        let (do_ru, do_en) = (advice::FULL_ADVICE.ru, advice::FULL_ADVICE.en);
        let body = format!("{ru}\r\n{do_ru}\r\n\r\n--------\r\n\r\n{en}\r\n{do_en}\r\n");
        let letter = Letter { to: self.to, host: self.host, id: self.id, at: self.at };
        let mut out = letter.head(advice::ALMOST_FULL);
        out.push_str(&human_part(&body));
        out.into_bytes()
    }
}

/// Mebibytes with one digit behind the point, in integers.
fn mib(octets: u64) -> String {
    let tenths = octets.saturating_mul(10) / 1_048_576;
    format!("{}.{}", tenths / 10, tenths % 10)
}

/// What all our messages begin with.
struct Letter<'a> {
    to: &'a Address,
    host: &'a str,
    id: &'a str,
    at: UnixTime,
}

impl Letter<'_> {
    fn head(&self, subject: Both) -> String {
        let host = host(self.host);
        let subject = words::encode(&format!("{} / {}", subject.ru, subject.en));
        format!(
            "From: Mail Delivery System <MAILER-DAEMON@{host}>\r\n\
             To: <{}>\r\n\
             Subject: {subject}\r\n\
             Date: {}\r\n\
             Message-ID: {}\r\n\
             Auto-Submitted: auto-replied\r\n\
             MIME-Version: 1.0\r\n",
            self.to,
            stamp::date(self.at),
            stamp::new_message_id(self.at, self.id, &host),
        )
    }
}

fn human_part(text: &str) -> String {
    let head = "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n\r\n";
    format!("{head}{}", base64_lines(text.as_bytes()))
}

/// A boundary that does not occur in `text` (a sender may guess the id and write it into a header).
fn boundary(id: &str, text: &str) -> String {
    let id: String = id.chars().filter(char::is_ascii_alphanumeric).take(32).collect();
    let mut n = 0u32;
    loop {
        let boundary = format!("=_gatepost_{id}_{n}");
        if !text.contains(&boundary) {
            return boundary;
        }
        n += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mime::header_end;

    const AT: UnixTime = UnixTime(1_795_503_600);

    fn check(message: &[u8]) -> String {
        let text = String::from_utf8(message.to_vec()).unwrap();
        assert!(text.is_ascii());
        assert_eq!(text.matches('\n').count(), text.matches("\r\n").count());
        assert_eq!(text.matches('\r').count(), text.matches("\r\n").count());
        assert!(text.split("\r\n").all(|l| l.len() < 998));
        assert!(header_end(message).is_some());
        text
    }

    fn notice(header: &[u8], diagnostic: &str) -> String {
        let to = Address::parse("ann@office.test").unwrap();
        let bad = Address::parse("bob@office.test").unwrap();
        let reports = [Report { to: &bad, action: Action::Failed, status: "5.1.1", diagnostic }];
        let n = Notice { to: &to, host: "m.test", id: "2A", at: AT, arrived: AT, reports: &reports, header };
        check(&n.write())
    }

    #[test]
    fn a_notice_says_who_what_and_why() {
        let text = notice(b"Subject: hi\r\n\r\n", "550 5.1.1 No such mailbox");
        for want in [
            "To: <ann@office.test>\r\n",
            "Auto-Submitted: auto-replied\r\n",
            "Reporting-MTA: dns; m.test\r\n",
            "Final-Recipient: rfc822; bob@office.test\r\n",
            "Action: failed\r\nStatus: 5.1.1\r\n",
            "Diagnostic-Code: smtp; 550 5.1.1 No such mailbox\r\n",
            "Subject: hi\r\n",
        ] {
            assert!(text.contains(want), "{want} in {text}");
        }
    }

    #[test]
    fn a_recipient_of_another_script_is_named_in_seven_bits() {
        let one = |text: &str| recipient(&Address::parse(text).unwrap());
        assert_eq!(one("ann@почта.рф"), "rfc822; ann@xn--80a1acny.xn--p1ai");
        assert_eq!(one("я+x@o.t"), "utf-8; \\x{44F}\\x{2B}x@o.t");
    }

    #[test]
    fn hostile_originals_and_answers_stay_inside_their_part() {
        let text = notice(b"X: --=_gatepost_2A_0\r\n", "550 a\r\nAction: delivered\r\n\r\nx");
        assert!(text.contains("boundary=\"=_gatepost_2A_1\""), "{text}");
        assert_eq!(text.matches("\r\nAction: ").count(), 1);
        let mut long = b"X: ".to_vec();
        long.extend(std::iter::repeat_n(b'y', 5000));
        long.extend_from_slice("\r\nТема: да\r\n--=_gatepost_2A_0\r\nbare\rcr\r\n".as_bytes());
        assert!(notice(&long, "").contains("quoted-printable"));
    }

    #[test]
    fn a_huge_header_is_cut_between_fields() {
        let header = "Received: from a by b\r\n".repeat(5000);
        let text = notice(header.as_bytes(), "");
        assert!(text.len() < HEADER_MAX + 4000);
        assert!(text.contains("from a by b\r\n\r\n--=_gatepost_2A_0--\r\n"));
    }

    #[test]
    fn warns_about_a_full_mailbox() {
        let to = Address::parse("ann@office.test").unwrap();
        let (used, quota) = (900 * 1_048_576, 1_048_576_000);
        let w = QuotaWarning { to: &to, host: "m.test", id: "7", at: AT, percent: 90, used, quota };
        let text = check(&w.write());
        assert!(text.contains("Subject: =?UTF-8?B?"));
        assert_eq!((mib(used), mib(1_572_864)), ("900.0".into(), "1.5".into()));
    }
}
