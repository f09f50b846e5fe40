//! Every sentence we ever utter in SMTP. A test checks that each code and its enhanced code agree.

use super::Say;

const fn say(code: u16, status: &'static str, text: &'static str) -> Say {
    Say { code, status, text }
}

// Routing and policy.
/// A recipient of a domain that is not ours, from somebody who may not relay.
pub const RELAY_DENIED: Say = say(550, "5.7.1", "Relay access denied: log in to send to other domains");
/// A recipient of a domain that is not ours, from somebody who might, while there is no outgoing queue.
pub const NO_QUEUE: Say = say(550, "5.3.3", "This server does not send to other domains yet");
/// No such mailbox.
pub const NO_MAILBOX: Say = say(550, "5.1.1", "No such mailbox here");
/// Over quota (Q15).
pub const OVER_QUOTA: Say = say(552, "5.2.2", "The mailbox is full");
/// Over quota, when the setting makes it temporary (Q15).
pub const OVER_QUOTA_LATER: Say = say(452, "4.2.2", "The mailbox is full, try later");
/// Q14.
pub const TOO_BIG: Say = say(552, "5.3.4", "The message is larger than this server takes");

// The message.
/// RFC 5321 s6.3.
pub const LOOP: Say = say(554, "5.4.6", "Too many Received lines: the message runs in a loop");
/// Header section over the cap.
pub const HEADER_TOO_BIG: Say = say(554, "5.6.0", "The header section is too large");
/// A bare CR or LF from a stranger.
pub const BARE_NEWLINE: Say = say(550, "5.5.2", "A bare CR or LF is not allowed; lines end with CRLF");

// The disk.
/// The mail disk is absent or failing.
pub const NO_DISK: Say = say(451, "4.3.0", "Mail storage is not available now, try later");
/// Below the reserve.
pub const NO_ROOM: Say = say(452, "4.3.1", "No room to store the message now, try later");
/// Something of ours broke.
pub const OUR_FAULT: Say = say(451, "4.3.0", "A local error, try later");
