//! What comes back of the message: its header section or all of it (RFC 3461 s4.3, RFC 6522 s4).

use super::Original;
use crate::mime::{fields, text::quoted_printable};

/// Octets of the original header section that a notice carries: enough for any real one, no amplifier for a made-up one.
pub(super) const HEADER_MAX: usize = 16 * 1024;

/// The part with its head.
pub(super) fn part(original: Original<'_>, global: bool) -> Vec<u8> {
    match original {
        Original::Header(section) => header(section, global).into_bytes(),
        Original::Whole(message) => {
            let kind = if global { "message/global" } else { "message/rfc822" };
            let encoding = if message.is_ascii() { "" } else { "Content-Transfer-Encoding: 8bit\r\n" };
            let head = format!("Content-Type: {kind}\r\nContent-Description: Undelivered message\r\n{encoding}\r\n");
            [head.as_bytes(), message].concat()
        }
    }
}

/// Whole fields only. RFC 6522 s4: quoted-printable is for sections that are not 7-bit or have lines that are too long.
fn header(section: &[u8], global: bool) -> String {
    let mut kept = 0;
    for f in fields(section) {
        if kept + f.raw.len() > HEADER_MAX {
            break;
        }
        kept += f.raw.len();
    }
    let section = &section[..kept];
    let short = section.split(|&b| b == b'\n').all(|l| l.len() <= 900);
    let pairs = section.windows(2).filter(|w| w == b"\r\n").count();
    let single = |octet| section.iter().filter(|&&b| b == octet).count();
    let crlf = single(b'\r') == pairs && single(b'\n') == pairs;
    let clean = short && crlf && section.is_ascii() && !section.contains(&0);
    let kind = if global { "message/global-headers" } else { "text/rfc822-headers" };
    let head = format!("Content-Type: {kind}\r\nContent-Description: Undelivered message headers\r\n");
    if clean {
        return format!("{head}\r\n{}", String::from_utf8_lossy(section));
    }
    format!("{head}Content-Transfer-Encoding: quoted-printable\r\n\r\n{}", quoted_printable(section))
}
