//! Which answer means what. The first row that fits counts, so what is exact stands above what is general.

use super::{Advice, admin as a, sender as s};

/// For which replies a row is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum When {
    /// 5xx only.
    Permanent,
    /// 4xx, and where nobody was reached.
    Temporary,
    /// Both.
    Any,
}

/// A row.
#[derive(Clone, Copy, Debug)]
pub(super) struct Row {
    pub when: When,
    /// Enhanced code without its class (`7.1`); empty: any, and none.
    pub detail: &'static str,
    /// What must stand in the answer, all of it, in lower case.
    pub words: &'static [&'static str],
    pub advice: &'static Advice,
}

const A: When = When::Any;
const P: When = When::Permanent;
const T: When = When::Temporary;

const fn row(when: When, detail: &'static str, words: &'static [&'static str], advice: &'static Advice) -> Row {
    Row { when, detail, words, advice }
}

/// Every row, in their order.
pub(super) fn rows() -> impl Iterator<Item = &'static Row> {
    [OURS, GOOGLE, MICROSOFT, OTHERS, LISTS, TEXTS, CODES].into_iter().flatten()
}

/// What we ourselves did; another server's words may stand behind it.
#[rustfmt::skip]
const OURS: &[Row] = &[
    row(P, "3.0", &["deleted from the queue by the administrator"], &s::DELETED),
];

/// Gmail and Google Workspace (support.google.com/a/answer/3726730).
#[rustfmt::skip]
const GOOGLE: &[Row] = &[
    row(A, "7.26", &["dmarc"], &a::DMARC),
    row(A, "7.26", &[], &a::UNAUTHENTICATED),
    row(A, "7.27", &["spf"], &a::SPF),
    row(A, "7.30", &["dkim"], &a::DKIM),
    row(A, "7.32", &["from"], &a::DMARC),
    row(A, "7.25", &[], &a::NO_PTR),
    row(A, "7.23", &["ptr"], &a::NO_PTR),
    row(A, "7.29", &[], &a::TLS_REQUIRED),
    row(A, "7.28", &[], &a::THROTTLED),
    row(A, "7.40", &["dmarc"], &a::DMARC),
    row(A, "", &["support.google.com", "p=unsolicitedmessageerror"], &a::REPUTATION),
    row(A, "", &["unusual rate of unsolicited mail"], &a::THROTTLED),
    row(A, "", &["suspicious due to the very low reputation"], &a::REPUTATION),
    row(A, "", &["this message is likely unsolicited mail"], &a::REPUTATION),
    row(A, "", &["does not meet ipv6 sending guidelines"], &a::NO_PTR),
    row(A, "", &["content presents a potential security issue"], &s::TYPE),
    row(A, "", &["receiving mail too quickly"], &s::RECEIVES_TOO_MUCH),
    row(A, "", &["receiving mail at a rate that"], &s::RECEIVES_TOO_MUCH),
    row(A, "", &["email account that you tried to reach is inactive"], &s::DISABLED),
    row(A, "", &["email account that you tried to reach is over quota"], &s::FULL),
    row(A, "", &["email account that you tried to reach does not exist"], &s::NO_MAILBOX),
    row(A, "", &["not rfc 5322 compliant"], &s::MALFORMED),
    row(A, "", &["multiple addresses in from"], &s::MANY_FROMS),
];

/// Outlook.com and Microsoft 365.
#[rustfmt::skip]
const MICROSOFT: &[Row] = &[
    row(A, "", &["s3140"], &a::MS_BLOCKED),
    row(A, "", &["s3150"], &a::MS_NETWORK),
    row(A, "", &["banned sending ip"], &a::MS_DELIST),
    row(A, "", &["delist.office.com"], &a::MS_DELIST),
    row(A, "", &["sender.office.com"], &a::MS_DELIST),
    row(A, "7.606", &[], &a::MS_DELIST),
    row(A, "7.511", &[], &a::MS_DELIST),
    row(A, "7.508", &[], &a::THROTTLED),
    row(A, "7.515", &[], &a::UNAUTHENTICATED),
    row(A, "7.509", &[], &a::DMARC),
    row(A, "", &["rp-001"], &a::THROTTLED),
    row(A, "", &["rp-002"], &a::THROTTLED),
    row(A, "", &["rp-003"], &a::THROTTLED),
    row(A, "", &["(s77719)"], &a::THROTTLED),
    row(A, "", &["(s775)"], &a::THROTTLED),
    row(A, "", &["server busy", "as(4321"], &a::THROTTLED),
    row(A, "", &["recipientnotfound"], &s::NO_MAILBOX),
    row(A, "4.1", &["recipient address rejected: access denied"], &s::NO_MAILBOX),
    row(A, "7.64", &[], &a::RELAY_DENIED),
    row(A, "7.133", &[], &s::MEMBERS_ONLY),
    row(A, "7.134", &[], &s::MEMBERS_ONLY),
    row(A, "7.136", &[], &s::MEMBERS_ONLY),
    row(A, "", &["resolver.rst.notauthorized"], &s::MEMBERS_ONLY),
    row(A, "", &["resolver.rst.auth"], &s::MEMBERS_ONLY),
    row(A, "", &["transport.rules.reject"], &a::POLICY),
    row(A, "2.121", &[], &s::RECEIVES_TOO_MUCH),
    row(A, "2.122", &[], &s::RECEIVES_TOO_MUCH),
    row(A, "7.124", &[], &s::MEMBERS_ONLY),
];

/// Yahoo, Mail.ru, Yandex and some filters.
#[rustfmt::skip]
const OTHERS: &[Row] = &[
    row(A, "", &["tss04"], &a::YAHOO),
    row(A, "", &["tss09"], &a::YAHOO),
    row(A, "", &["tss11"], &a::YAHOO),
    row(A, "", &["[ts01]"], &a::YAHOO),
    row(A, "", &["[ts02]"], &a::YAHOO),
    row(A, "", &["[ts03]"], &a::YAHOO),
    row(A, "", &["message not accepted for policy reasons"], &a::DMARC),
    row(A, "", &["[bl21]"], &a::SPAMHAUS),
    row(A, "", &["[bl23]"], &a::SPAMHAUS),
    row(A, "", &["help.mail.ru/notspam"], &a::MAILRU),
    row(A, "", &["mail.ru", "blocked"], &a::MAILRU),
    row(A, "", &["spam message rejected", "mail.ru"], &a::MAILRU_SPAM),
    row(A, "", &["spam message discarded"], &s::SPAM),
    row(A, "", &["under suspicion of spam"], &a::YANDEX_SPAM),
    row(A, "", &["ya.cc/"], &a::YANDEX_SPAM),
    row(A, "", &["policy rejection on the target address"], &s::NO_MAILBOX),
    row(T, "", &["the service is currently unavailable. please come back later"], &s::GREYLISTED),
    row(A, "", &["icloud", "[cs01]"], &a::REPUTATION),
    row(A, "", &["proofpoint"], &a::REPUTATION),
    row(A, "", &["mimecast"], &a::POLICY),
    row(A, "", &["cloudmark"], &a::REPUTATION),
];

/// Block lists.
#[rustfmt::skip]
const LISTS: &[Row] = &[
    row(A, "", &["spamhaus", "pbl"], &a::DYNAMIC),
    row(A, "", &["spamhaus", "dbl"], &a::DOMAIN_LISTED),
    row(A, "", &["spamhaus"], &a::SPAMHAUS),
    row(A, "", &["barracuda"], &a::BARRACUDA),
    row(A, "", &["spamcop"], &a::SPAMCOP),
    row(A, "", &["surbl"], &a::DOMAIN_LISTED),
    row(A, "", &["uribl"], &a::DOMAIN_LISTED),
    row(A, "", &["sorbs", "dul"], &a::DYNAMIC),
    row(A, "", &["sorbs"], &a::LISTED),
    row(A, "", &["uceprotect"], &a::LISTED),
    row(A, "", &["psbl"], &a::LISTED),
    row(A, "", &["mailspike"], &a::LISTED),
    row(A, "", &["senderscore"], &a::REPUTATION),
    row(A, "", &["abuseat"], &a::SPAMHAUS),
    row(A, "", &["dnswl"], &a::REPUTATION),
    row(A, "", &["dynamic ip"], &a::DYNAMIC),
    row(A, "", &["dynamic address"], &a::DYNAMIC),
    row(A, "", &["residential"], &a::DYNAMIC),
    row(A, "", &["blocked using"], &a::LISTED),
    row(A, "", &["blacklist"], &a::LISTED),
    row(A, "", &["block list"], &a::LISTED),
    row(A, "", &["blocklist"], &a::LISTED),
    row(A, "", &["dnsbl"], &a::LISTED),
    row(A, "", &["rbl"], &a::LISTED),
    row(A, "", &["чёрном списке"], &a::LISTED),
    row(A, "", &["черном списке"], &a::LISTED),
    row(A, "", &["poor reputation"], &a::REPUTATION),
    row(A, "", &["bad reputation"], &a::REPUTATION),
];

/// What servers of every make say.
#[rustfmt::skip]
const TEXTS: &[Row] = &[
    row(A, "", &["our disk"], &a::OURS),
    row(A, "", &["by a bug"], &a::OURS),
    row(T, "", &["greylist"], &s::GREYLISTED),
    row(T, "", &["graylist"], &s::GREYLISTED),
    row(T, "", &["grey-list"], &s::GREYLISTED),
    row(T, "", &["grey listed"], &s::GREYLISTED),
    row(T, "", &["серый список"], &s::GREYLISTED),
    row(T, "", &["серые списки"], &s::GREYLISTED),
    row(T, "", &["try again in"], &s::GREYLISTED),
    row(A, "", &["reverse dns"], &a::NO_PTR),
    row(A, "", &["ptr record"], &a::NO_PTR),
    row(A, "", &["cannot find your hostname"], &a::NO_PTR),
    row(A, "", &["cannot find your reverse hostname"], &a::NO_PTR),
    row(A, "", &["fcrdns"], &a::NO_PTR),
    row(A, "", &["helo command rejected"], &a::BAD_HELO),
    row(A, "", &["invalid helo"], &a::BAD_HELO),
    row(A, "", &["bad helo"], &a::BAD_HELO),
    row(A, "", &["need fully-qualified hostname"], &a::BAD_HELO),
    row(A, "", &["dmarc"], &a::DMARC),
    row(A, "7.23", &[], &a::SPF),
    row(A, "7.24", &[], &a::SPF),
    row(A, "", &["spf"], &a::SPF),
    row(A, "7.20", &[], &a::DKIM),
    row(A, "7.21", &[], &a::DKIM),
    row(A, "", &["dkim"], &a::DKIM),
    row(A, "", &["starttls"], &a::TLS_REQUIRED),
    row(A, "", &["tls required"], &a::TLS_REQUIRED),
    row(A, "", &["encryption required"], &a::TLS_REQUIRED),
    row(A, "7.10", &[], &a::TLS_REQUIRED),
    row(A, "7.5", &["tlsa"], &a::DANE),
    row(A, "7.5", &[], &a::TLS_FAILED),
    row(A, "", &["certificate"], &a::TLS_FAILED),
    row(A, "", &["handshake"], &a::TLS_FAILED),
    row(A, "7.8", &[], &a::LOGIN_WRONG),
    row(A, "", &["authentication failed"], &a::LOGIN_WRONG),
    row(A, "", &["authentication required"], &a::LOGIN_REQUIRED),
    row(A, "", &["relay access denied"], &a::RELAY_DENIED),
    row(A, "", &["relaying denied"], &a::RELAY_DENIED),
    row(A, "", &["unable to relay"], &a::RELAY_DENIED),
    row(A, "", &["relay not permitted"], &a::RELAY_DENIED),
    row(A, "", &["not permitted to relay"], &a::RELAY_DENIED),
    row(A, "", &["virus"], &s::VIRUS),
    row(A, "", &["malware"], &s::VIRUS),
    row(A, "", &["вирус"], &s::VIRUS),
    row(A, "", &["attachment"], &s::TYPE),
    row(A, "", &["file type"], &s::TYPE),
    row(A, "", &["вложени"], &s::TYPE),
    row(A, "", &["mailbox is full"], &s::FULL),
    row(A, "", &["mailbox full"], &s::FULL),
    row(A, "", &["over quota"], &s::FULL),
    row(A, "", &["quota exceeded"], &s::FULL),
    row(A, "", &["exceeded storage"], &s::FULL),
    row(A, "", &["переполнен"], &s::FULL),
    row(A, "", &["квот"], &s::FULL),
    row(A, "", &["message size exceeds"], &s::TOO_BIG),
    row(A, "", &["message too large"], &s::TOO_BIG),
    row(A, "", &["too big"], &s::TOO_BIG),
    row(A, "", &["слишком больш"], &s::TOO_BIG),
    row(A, "", &["too many hops"], &a::LOOP),
    row(A, "", &["loop"], &a::LOOP),
    row(A, "", &["account disabled"], &s::DISABLED),
    row(A, "", &["mailbox disabled"], &s::DISABLED),
    row(A, "", &["account is disabled"], &s::DISABLED),
    row(A, "", &["inactive"], &s::DISABLED),
    row(A, "", &["suspended"], &s::DISABLED),
    row(A, "", &["заблокирован"], &s::DISABLED),
    row(A, "", &["отключен"], &s::DISABLED),
    row(P, "", &["user unknown"], &s::NO_MAILBOX),
    row(P, "", &["unknown user"], &s::NO_MAILBOX),
    row(P, "", &["no such user"], &s::NO_MAILBOX),
    row(P, "", &["user not found"], &s::NO_MAILBOX),
    row(P, "", &["no such mailbox"], &s::NO_MAILBOX),
    row(P, "", &["mailbox not found"], &s::NO_MAILBOX),
    row(P, "", &["mailbox unavailable"], &s::NO_MAILBOX),
    row(P, "", &["does not exist"], &s::NO_MAILBOX),
    row(P, "", &["invalid mailbox"], &s::NO_MAILBOX),
    row(P, "", &["invalid recipient"], &s::NO_MAILBOX),
    row(P, "", &["recipient unknown"], &s::NO_MAILBOX),
    row(P, "", &["recipient not found"], &s::NO_MAILBOX),
    row(P, "", &["address unknown"], &s::NO_MAILBOX),
    row(P, "", &["не найден"], &s::NO_MAILBOX),
    row(P, "", &["не существует"], &s::NO_MAILBOX),
    row(P, "", &["нет такого"], &s::NO_MAILBOX),
    row(A, "", &["domain of sender"], &a::SENDER_DOMAIN),
    row(A, "", &["sender address rejected: domain not found"], &a::SENDER_DOMAIN),
    row(A, "", &["sender domain"], &a::SENDER_DOMAIN),
    row(A, "", &["sender verify failed"], &a::SENDER_CHECK),
    row(A, "", &["callout"], &a::SENDER_CHECK),
    row(A, "", &["callback"], &a::SENDER_CHECK),
    row(A, "", &["sender address rejected: undeliverable"], &a::SENDER_CHECK),
    row(A, "", &["only members"], &s::MEMBERS_ONLY),
    row(A, "", &["not allowed to send to"], &s::MEMBERS_ONLY),
    row(A, "", &["not subscribed"], &s::MEMBERS_ONLY),
    row(A, "", &["too many recipients"], &s::TOO_MANY_RECIPIENTS),
    row(A, "", &["rate limit"], &a::THROTTLED),
    row(A, "", &["ratelimit"], &a::THROTTLED),
    row(A, "", &["too many connections"], &a::THROTTLED),
    row(A, "", &["too many messages"], &a::THROTTLED),
    row(A, "", &["too much mail"], &a::THROTTLED),
    row(A, "", &["throttl"], &a::THROTTLED),
    row(A, "", &["sending limit"], &a::THROTTLED),
    row(A, "", &["превышен"], &a::THROTTLED),
    row(P, "", &["spam"], &s::SPAM),
    row(P, "", &["unsolicited"], &s::SPAM),
    row(P, "", &["junk"], &s::SPAM),
    row(P, "", &["спам"], &s::SPAM),
    row(T, "", &["insufficient system storage"], &s::NO_SPACE),
    row(T, "", &["disk full"], &s::NO_SPACE),
    row(T, "", &["timed out"], &s::TIMED_OUT),
    row(T, "", &["timeout"], &s::TIMED_OUT),
];

/// What the enhanced code alone says (RFC 3463, RFC 7372, RFC 7505).
#[rustfmt::skip]
const CODES: &[Row] = &[
    row(A, "1.1", &[], &s::NO_MAILBOX),
    row(A, "1.2", &[], &s::NO_DOMAIN),
    row(A, "1.3", &[], &s::BAD_ADDRESS),
    row(A, "1.4", &[], &s::BAD_ADDRESS),
    row(A, "1.6", &[], &s::MOVED),
    row(A, "1.7", &[], &a::SENDER_DOMAIN),
    row(A, "1.8", &[], &a::SENDER_DOMAIN),
    row(A, "1.10", &[], &s::NULL_MX),
    row(A, "2.0", &[], &s::DISABLED),
    row(A, "2.1", &[], &s::DISABLED),
    row(A, "2.2", &[], &s::FULL),
    row(A, "2.3", &[], &s::TOO_BIG_FOR_BOX),
    row(A, "2.4", &[], &a::CONFIGURATION),
    row(A, "3.1", &[], &s::NO_SPACE),
    row(A, "3.2", &[], &s::BUSY),
    row(A, "3.4", &[], &s::TOO_BIG),
    row(A, "3.5", &[], &a::CONFIGURATION),
    row(T, "4.1", &[], &s::UNREACHABLE),
    row(T, "4.2", &[], &s::TIMED_OUT),
    row(T, "4.3", &[], &s::DNS_TROUBLE),
    row(P, "4.4", &[], &s::NO_DOMAIN),
    row(T, "4.4", &[], &s::DNS_TROUBLE),
    row(A, "4.5", &[], &s::BUSY),
    row(A, "4.6", &[], &a::LOOP),
    row(A, "4.7", &[], &s::EXPIRED),
    row(A, "5.3", &[], &s::TOO_MANY_RECIPIENTS),
    row(A, "6.0", &[], &s::MALFORMED),
    row(A, "6.1", &[], &s::TYPE),
    row(A, "6.3", &[], &s::NEEDS_EIGHT_BITS),
    row(A, "6.7", &[], &s::NEEDS_UTF8),
    row(A, "6.9", &[], &s::HEAD_NEEDS_UTF8),
    row(A, "7.2", &[], &s::MEMBERS_ONLY),
    row(A, "7.15", &[], &s::UNWANTED),
    row(A, "7.17", &[], &s::MOVED),
    row(A, "7.27", &[], &s::NULL_MX),
    row(P, "7.0", &[], &a::POLICY),
    row(P, "7.1", &[], &a::POLICY),
    row(T, "7.0", &[], &a::THROTTLED),
    row(T, "7.1", &[], &s::GREYLISTED),
    row(T, "3.0", &[], &s::BUSY),
];
