//! Every cap, its cost in bytes of memory, and the clause it comes from. The tests at the end add up what one connection, one
//! address and all of them together may cost:
//!
//! | who | at the worst |
//! |---|---|
//! | all connections wait for a command (TLS) | 36 MB, the budget |
//! | one stranger with all connections of his address in the middle of DATA | 32 MB, the budget |
//! | twenty users who append many messages by IMAP at once | 32 MB, the budget |
//! | all attempts to send at once, each in the middle of a message | 28 MB, within the budget; 15 MB beside others |
//! | twenty users whose clients are slow to take a page of FETCH | 44 MB |
//! | all HTTP connections with their largest requests and answers, every event stream and download | 17 MB more |
//! | strangers at every place, in the middle of DATA, with recipients, header sections and bodies as large as they like | 109 MB |

/// Octets of an SMTP command line with its CRLF: RFC 5321 s4.5.3.1.4 asks for 512, extensions raise it (AUTH: RFC 4954 s4, 12,288).
pub const SMTP_LINE: usize = 2048;
/// Octets of an AUTH answer line (RFC 4954 s4.3, SASL PLAIN with long names).
pub const SASL_LINE: usize = 12_288;
/// Recipients of one message (RFC 5321 s4.5.3.1.8: at least 100); RCPT_COST each.
pub const SMTP_RCPTS: usize = 1000;
/// Octets of memory that wishes of recipients (RFC 3461: NOTIFY, ORCPT) of one message may take; then there are too many
/// recipients. A hundred of the longest fit (RFC 5321 s4.5.3.1.8).
pub const SMTP_WISHES: usize = 56 * 1024;
/// Octets of a recipient in memory, beside its wishes (measured).
pub const RCPT_COST: usize = 128;
/// Octets of recipients with their wishes that every message may hold; what is above is held together with the header sections
/// (HEADERS_IN_MEMORY), and where there is no room the next recipient hears that there are too many, and comes later.
pub const RCPTS_FREE: usize = 2 * 1024;
/// Octets of a POP3 command line (RFC 2449 s4: 255); AUTH answers use SASL_LINE.
pub const POP3_LINE: usize = 512;
/// Octets of an IMAP command before the login, literals included (RFC 2683 s3.2.1.5 asks for 8,000).
pub const IMAP_LINE: usize = 8 * 1024;
/// The same behind the login (sets of UIDs and searches are long); READ_BUF of it are free, a command that is longer is
/// held until it is obeyed. A message of APPEND is no part of it.
pub const IMAP_COMMAND: usize = 64 * 1024;
/// Messages of one APPEND (MULTIAPPEND): each is a draft, about 300 bytes of memory and up to SMALL_BODY of it.
pub const IMAP_APPENDS: usize = 100;
/// Octets of small bodies that one APPEND of several messages holds until all are there; more are refused.
pub const IMAP_APPEND_HELD: usize = 256 * 1024;
/// Texts that one SEARCH looks for; each is looked for in every message that is read.
pub const IMAP_SEARCH_TEXTS: usize = 50;
/// Runs of numbers that the sets of one SEARCH may come to beyond a few whole folders; 12 bytes each. A set like `1:*` of a
/// folder with many gaps has as many runs as the folder.
pub const IMAP_SEARCH_RUNS: usize = 20_000;
/// Folders of one mailbox, and names it is subscribed to; about 150 bytes each while they are listed.
pub const IMAP_FOLDERS: usize = 5000;
/// Seconds an IMAP client may be silent behind the login (RFC 3501 s5.4: at least 1,800), and in IDLE.
pub const IMAP_IDLE_SECS: u64 = 1800;
/// Seconds a connection may take to log in, and a client may be silent in the middle of a command.
pub const IMAP_LOGIN_SECS: u64 = 180;
/// Octets of an IMAP command over its cap that are read and thrown away before the connection is given up. More than the
/// largest message, because a client may take it for one.
pub const IMAP_DISCARD: u64 = 256 * 1024 * 1024;
/// Levels of NOT, OR and parentheses in SEARCH: clients say `OR OR OR ...`; about 1 kB of stack each.
pub const IMAP_DEPTH: usize = 100;
/// Keys of one SEARCH; about 64 bytes each beside their texts.
pub const IMAP_SEARCH_KEYS: usize = 2000;
/// Items of one FETCH: each may be a whole message.
pub const IMAP_ITEMS: usize = 64;
/// Names of header fields in one section of FETCH.
pub const IMAP_FIELDS: usize = 200;
/// Patterns of one LIST.
pub const IMAP_PATTERNS: usize = 32;
/// Octets of a pattern in modified UTF-7; a folder's name has at most 255 in UTF-8.
pub const IMAP_PATTERN: usize = 1024;
/// Pairs of names and values in ID (RFC 2971 s3.3).
pub const IMAP_ID_PAIRS: usize = 30;
/// Octets of a command's tag.
pub const IMAP_TAG: usize = 128;
/// Seconds between two signs of life in IDLE: what is between us and the client must not forget the connection (Dovecot's
/// imap_idle_notify_interval).
pub const IMAP_STILL_HERE_SECS: u64 = 120;
/// Read buffer of a connection while it talks; none while it is idle.
pub const READ_BUF: usize = 8 * 1024;
/// A body up to this size is held in memory until it is committed.
pub const SMALL_BODY: usize = 64 * 1024;
/// Octets of a body, with the section that a notice would quote, that every message on its way in may hold in memory.
pub const BODY_FREE: usize = 4 * 1024;
/// Octets above BODY_FREE that all bodies on their way in may hold in memory together (three quarters of it for strangers);
/// beyond it the answer is 452 4.3.1.
pub const BODIES_IN_MEMORY: usize = 8 * 1024 * 1024;
/// A body up to this size is written by way of `mail.log`: one sync for all of it, but every octet twice. A longer one is synced where
/// it lies, and that while it arrives.
pub const LOGGED_BODY: u64 = 128 * 1024;
/// Bodies at once that hold up to LOGGED_BODY in memory instead of SMALL_BODY (1 MB more, of BODIES_IN_MEMORY): one alone waits for no
/// volume while it arrives.
pub const LONGER_BODIES: usize = 16;
/// Octets of `mail.log` on the disk: every small mail is written twice, and the rows when the log is full: a larger one lets more commits
/// write the same pages once, a smaller one is done again sooner after a power cut. A small disk has a smaller one.
pub const REDO_LOG: u64 = 8 * 1024 * 1024;
/// The least of it.
pub const REDO_LOG_LEAST: u64 = 256 * 1024;
/// Octets of one commit in it; a commit that is larger costs more syncs. It is held in memory while it is written.
pub const REDO_RECORD: u64 = 2 * 1024 * 1024;
/// A piece of a larger body on its way to or from the disk.
pub const CHUNK: usize = 64 * 1024;
/// Header section that is looked at; what is longer is refused (554 5.6.0). Postfix' header_size_limit is 102,400.
pub const HEADER_SECTION: usize = 256 * 1024;
/// Octets of a header section that every message may hold while its end is not seen.
pub const HEADER_FREE: usize = 16 * 1024;
/// Octets above HEADER_FREE that all messages on their way in may hold together; beyond it the answer is 452 4.3.1.
pub const HEADERS_IN_MEMORY: usize = 4 * 1024 * 1024;
/// Octets of a structure that every message on its way in may hold: about ten parts.
pub const STRUCTURE_FREE: usize = 4 * 1024;
/// Octets above STRUCTURE_FREE that all messages on their way in may hold together; beyond it a structure is found when it is asked for.
pub const STRUCTURES_IN_MEMORY: usize = 768 * 1024;
/// Octets of a message that comes back whole in a notice (Postfix' bounce_size_limit is 50,000); of a larger one only the head.
pub const NOTICE_WHOLE: usize = 64 * 1024;
/// Received lines before a loop is declared (RFC 5321 s6.3 says at least 100).
pub const RECEIVED_HOPS: usize = 100;
/// Bad commands before a session is ended (Postfix' smtpd_hard_error_limit).
pub const BAD_COMMANDS: u32 = 20;
/// Commands that do no work (NOOP, RSET, VRFY, ...) before each further one is a bad one (Postfix' smtpd_junk_command_limit).
pub const JUNK_COMMANDS: u32 = 100;
/// Octets of replies that wait for the end of a pipelined group before they are sent anyway.
pub const REPLY_GROUP: usize = 4096;
/// Failed logins before a session is ended.
pub const BAD_LOGINS: u32 = 5;
/// Seconds a client may be silent between commands (RFC 5321 s4.5.3.2.7: 300).
pub const SMTP_IDLE_SECS: u64 = 300;
/// Seconds in which the last reply of a session must be taken.
pub const LAST_WORDS_SECS: u64 = 10;
/// Octets a second at which a message must come in the long run, beyond the first SMTP_IDLE_SECS (Postfix' smtpd_min_data_rate).
pub const DATA_RATE: u64 = 500;
/// Seconds a POP3 client may be silent (RFC 1939 s3: at least 600).
pub const POP3_IDLE_SECS: u64 = 600;
/// Seconds in which a TLS handshake must end.
pub const HANDSHAKE_SECS: u64 = 30;
/// Connections of all services together; about 14 kB each while they wait (TLS). In the middle of DATA 53 kB at the
/// worst, and what BODIES_IN_MEMORY and HEADERS_IN_MEMORY lend it.
pub const CONNECTIONS: usize = 1500;
/// Connections of one address at a time (private networks: four times as many).
pub const CONNECTIONS_PER_ADDRESS: usize = 50;
/// Alias levels before expansion stops (Q23).
pub const ALIAS_LEVELS: usize = 10;
/// Destinations one address may expand to.
pub const ALIAS_TARGETS: usize = 1000;
/// Journal lines in memory (section 4 of the design); about 200 bytes each.
pub const JOURNAL_RING: usize = 2000;
/// Characters of one journal line's text; events bound their fields so that it is not reached.
pub const JOURNAL_LINE: usize = 1800;
/// Octets of one syslog message (RFC 5426 s3.2: receivers should take 2,048).
pub const SYSLOG_MESSAGE: usize = 2048;
/// Journal and syslog lines waiting for their thread; drops are counted and told.
pub const JOURNAL_QUEUE: usize = 4096;
/// Logins waiting for the hashing thread; when full the answer is 454 4.7.0.
pub const HASH_QUEUE: usize = 64;
/// Octets of a PEM text with a certificate, its chain and its key.
pub const CERTIFICATE_PEM: usize = 256 * 1024;
/// Certificates in one chain.
pub const CERTIFICATE_CHAIN: usize = 16;
/// Octets of an over-long line, or of what comes after our last reply, that are read and thrown away.
pub const LINE_DISCARD: usize = 1024 * 1024;
/// Seconds a closed connection is read on, so that the peer gets our last reply.
pub const LINGER_SECS: u64 = 2;
/// Counts of failed logins that are remembered; about 200 bytes each, 400 KiB in all.
pub const THROTTLE_ENTRIES: usize = 2048;
/// Verified logins that are remembered; about 40 bytes each.
pub const LOGIN_CACHE: usize = 1024;
/// Certificates that are read from the watched directory; about 4 KiB each.
pub const CERTIFICATES_WATCHED: usize = 200;
/// Seconds between two looks into the directory of certificates.
pub const CERTIFICATE_POLL_SECS: u64 = 5;
/// Levels of parts within parts that are told apart; what lies deeper is one opaque part. A boundary (up to MIME_BOUNDARY) a level.
pub const MIME_DEPTH: usize = 32;
/// Parts of one message that are told apart; about 300 bytes each beside their MIME_TEXT.
pub const MIME_PARTS: usize = 1000;
/// Octets of one MIME field that are read; twice that is held while a header section is scanned.
pub const MIME_FIELD: usize = 16 * 1024;
/// Octets of all MIME fields of one message that are kept.
pub const MIME_TEXT: usize = 128 * 1024;
/// Octets of all fields of one message's envelopes (its own and those of messages within it) that are kept.
pub const MIME_HEADS: usize = 64 * 1024;
/// Octets of a derived record (index.redb); what is over is left out of its texts and marked.
pub const DERIVED: usize = 64 * 1024;
/// Octets of an ENVELOPE within it; addresses beyond are left out.
pub const DERIVED_ENVELOPE: usize = 24 * 1024;
/// Octets of a boundary (RFC 2046 s5.1.1 says 70; a longer one than this is none).
pub const MIME_BOUNDARY: usize = 250;
/// Connections that only private networks may have: strangers cannot take the office's last places.
pub const CONNECTIONS_PRIVATE: usize = 200;
/// Seconds between two looks at the addresses of the interfaces, and between two tries to open a port.
pub const INTERFACE_POLL_SECS: u64 = 3;
/// Event streams of the API at one time (section 7 of the design); about 1 KiB each while nothing happens.
pub const API_STREAMS: usize = 16;
/// Downloads of the API at one time; a thread each, of which about 30 KiB are touched.
pub const API_DOWNLOADS: usize = 2;
/// Octets of an HTTP request's head (Apache: 8 KiB a field; browsers send 1 to 2 KiB).
pub const HTTP_HEAD: usize = 16 * 1024;
/// Seconds in which an HTTP head must come.
pub const HTTP_HEAD_SECS: u64 = 10;
/// Seconds an HTTP connection may wait between requests.
pub const HTTP_IDLE_SECS: u64 = 30;
/// HTTP connections together; about 14 kB each while they wait (TLS).
pub const HTTP_CONNECTIONS: usize = 64;
/// HTTP connections of one address; a browser opens six.
pub const HTTP_PER_ADDRESS: usize = 8;
/// Octets of an HTTP request's body.
pub const HTTP_BODY: usize = 1024 * 1024;
/// Octets of a body that every request may hold.
pub const HTTP_BODY_FREE: usize = 16 * 1024;
/// Octets above HTTP_BODY_FREE that all bodies may hold together; beyond it the answer is 503.
pub const HTTP_BODIES: usize = 4 * 1024 * 1024;
/// Seconds in which a body must come.
pub const HTTP_BODY_SECS: u64 = 30;
/// Exchanges with tiny_http at one time, from the network and from `admin.sock` each: its four threads are never all taken by one.
pub const HTTP_TURNS: usize = 3;
/// Seconds a request waits for its turn.
pub const HTTP_TURN_SECS: u64 = 10;
/// Seconds in which tiny_http must begin an answer to the network.
pub const HTTP_ANSWER_SECS: u64 = 120;
/// The same for a subcommand: a check reads the whole store.
pub const HTTP_LOCAL_ANSWER_SECS: u64 = 3600;
/// Octets of an answer that are held for a slow client, so that it keeps no turn.
pub const HTTP_HELD: u64 = 128 * 1024;
/// Seconds in which a client must take the piece that is sent.
pub const HTTP_TAKE_SECS: u64 = 60;
/// Seconds in which a client must take an answer above HTTP_HELD, whole: it keeps one of HTTP_TURNS as long.
pub const HTTP_PASS_SECS: u64 = 120;
/// Logins of the page at one time; about 300 bytes each.
pub const WEB_SESSIONS: usize = 64;
/// One-time links that wait to be used.
pub const LOGIN_LINKS: usize = 16;
/// Seconds a one-time link is good for.
pub const LOGIN_LINK_SECS: u64 = 60;
/// API tokens that are kept; all are read where one is shown.
pub const API_TOKENS: usize = 100;

/// Changes of a watched folder that wait for the slowest watcher, 24 octets each; one that falls further behind reads the rows again.
pub const WATCH_RING: usize = 1024;
/// Message rows or uids that one turn of a reader thread looks at; about 60 octets each.
pub const TURN_ROWS: usize = 1000;
/// The same where nothing but rows is read: 48 octets each. A FETCH of flags holds two such pages, one that is written and the next.
pub const TURN_PLAIN: usize = 5000;
/// Octets of derived records that wait in memory for `index.redb`; what does not fit is made again when it is needed.
pub const INDEX_PENDING: usize = 1024 * 1024;
/// Octets of bodies and derived records that one turn of a reader thread reads; as much is in memory until it is sent.
pub const TURN_OCTETS: usize = 1024 * 1024;

/// Questions to name servers at one time; about 4 kB each while they wait.
pub const DNS_QUESTIONS: usize = 64;
/// Seconds a name server has for one answer; it is asked twice, over UDP and then TCP.
pub const DNS_SECS: u64 = 5;
/// Answers of name servers that are remembered, by each of the two resolvers; about 1 kB each.
pub const DNS_CACHE: u64 = 512;
/// Seconds that "there is none" is remembered at most: a domain that was just set up must not wait for a day.
pub const DNS_NEGATIVE_SECS: u64 = 300;
/// Seconds that a record is remembered at most, however long its server says.
pub const DNS_POSITIVE_SECS: u64 = 3600;
/// Rows of the queue in memory that wait for their way; about 1 kB each.
pub const QUEUE_WINDOW: usize = 1000;
/// Rows of the queue in memory that wait for one way.
pub const QUEUE_LANE: usize = 100;
/// Attempts to send at one time; about 90 kB each while the message goes (TLS and a piece of it), 15 kB while it waits.
pub const QUEUE_CONNECTIONS: usize = 100;
/// Recipients of one attempt (RFC 5321 s4.5.3.1.8: every server takes 100; Postfix sends 50).
pub const QUEUE_RCPTS: usize = 50;
/// Destinations whose greylisting is remembered; about 100 bytes each.
pub const QUEUE_GAPS: usize = 1000;

/// Octets of a line that another server says (RFC 5321 s4.5.3.1.5: 512; some say more).
pub const REPLY_LINE: usize = 4096;
/// Lines of one reply.
pub const REPLY_LINES: usize = 128;
/// Characters of an answer that are kept in the queue.
pub const ANSWER_TEXT: usize = 500;
/// Seconds for a TCP connection to another server (Postfix' smtp_connect_timeout).
pub const SEND_CONNECT_SECS: u64 = 30;
/// Seconds for the greeting and the answers to EHLO, AUTH, MAIL and RCPT (RFC 5321 s4.5.3.2.1-3).
pub const SEND_REPLY_SECS: u64 = 300;
/// Seconds for the answer to DATA (RFC 5321 s4.5.3.2.4).
pub const SEND_DATA_SECS: u64 = 120;
/// Seconds in which a server takes a piece of the text (RFC 5321 s4.5.3.2.5).
pub const SEND_PIECE_SECS: u64 = 180;
/// Seconds for the answer to the final dot (RFC 5321 s4.5.3.2.6).
pub const SEND_END_SECS: u64 = 600;
/// Seconds for a goodbye, and for the last words of a server that closes.
pub const SEND_GOODBYE_SECS: u64 = 5;
/// Recipients of one message to another server (RFC 5321 s4.5.3.1.8: every server takes 100).
pub const SEND_RCPTS: usize = 100;
/// Octets of a message that an attempt holds, three times at the worst (as read, with dots doubled, as TLS sends it).
pub const SEND_PIECE: usize = 32 * 1024;
/// Chunks of BDAT, SEND_PIECE each, on their way before their answers are waited for; they are in the kernel, not in memory.
pub const SEND_CHUNKS: usize = 16;
/// Addresses that one attempt dials (Postfix' smtp_mx_address_limit is 5).
pub const SEND_ADDRESSES: usize = 6;
/// Sessions that one attempt begins (Postfix' smtp_mx_session_limit).
pub const SEND_SESSIONS: usize = 2;
/// Sessions that wait for another message; about 14 kB each (TLS).
pub const SEND_IDLE: usize = 32;
/// Seconds they wait.
pub const SEND_KEEP_SECS: u64 = 5;
/// Messages over one session.
pub const SEND_MESSAGES: u32 = 100;
/// Rounds of SCRAM that a relay may ask of us (about 0.2 s of one core).
pub const SCRAM_ITERATIONS: u32 = 1_000_000;
/// Dialogues with other servers that are kept.
pub const DIALOGUES: usize = 200;
/// Octets of all of them.
pub const DIALOGUES_IN_MEMORY: usize = 256 * 1024;
/// Lines of one of them.
pub const DIALOGUE_LINES: usize = 120;
/// Domains whose policy (MTA-STS) is remembered, and domains where that failed; about 300 bytes each.
pub const STS_DOMAINS: usize = 500;
/// Seconds until a policy that could not be fetched is fetched again (RFC 8461 s3.3: at least five minutes).
pub const STS_FAILED_SECS: u64 = 600;
/// Seconds in which a policy must come (RFC 8461 s3.3: a minute).
pub const STS_SECS: u64 = 60;
/// Octets of a policy (RFC 8461 s3.3: 64 KB).
pub const STS_OCTETS: u64 = 64 * 1024;
/// Domains and policies of a day whose encryption is counted; about 150 bytes each.
pub const TLSRPT_DOMAINS: usize = 1000;
/// Days that are counted.
pub const TLSRPT_DAYS: usize = 3;
/// Characters of one line of one of them.
pub const DIALOGUE_LINE: usize = 300;

#[cfg(test)]
mod tests {
    use super::*;

    /// Section 8 of the design, in octets: after the start, while a large message passes, with TLS connections that wait.
    const START: usize = 14_000_000;
    const WORKING: usize = 32_000_000;
    const WAITING: usize = 36_000_000;

    /// Measured: a TLS connection that waits for a command (11 kB, 4.3 kB without TLS) with its session.
    const ONE_WAITING: usize = 11_000 + 3_072;
    /// An SMTP session in the middle of DATA at the worst place: every buffer full. What is above the free part of recipients,
    /// header sections and structures is in the shared rooms.
    const ONE_TALKING: usize =
        ONE_WAITING + READ_BUF + REPLY_GROUP + RCPTS_FREE + SMALL_BODY + HEADER_FREE + STRUCTURE_FREE;

    /// An IMAP session at its worst place: a page of FETCH that the client is slow to take, with the command that asked for it.
    const ONE_FETCHING: usize = ONE_WAITING + IMAP_COMMAND + READ_BUF + TURN_OCTETS + CHUNK;
    /// An HTTP connection: its head, what every body may hold, an answer for a slow client.
    #[allow(clippy::cast_possible_truncation, reason = "a cap of some KiB")]
    const ONE_BROWSING: usize = ONE_WAITING + READ_BUF + HTTP_HEAD + HTTP_BODY_FREE + HTTP_HELD as usize;
    /// Measured: an event stream, and the touched part of a download's thread.
    const ONE_STREAM: usize = 1024;
    const ONE_DOWNLOAD: usize = 30 * 1024;

    /// An attempt to send in the middle of a message: the piece as it is read, with its dots doubled, as TLS sends it. (What is signed
    /// or put into seven bits before takes less.)
    const ONE_SENDING: usize = ONE_WAITING + REPLY_LINE + 3 * SEND_PIECE;

    /// All attempts, the sessions that wait for another message, the queue's window, and what is remembered of destinations.
    fn sending() -> usize {
        let remembered = QUEUE_GAPS * 100 + 2 * STS_DOMAINS * 300 + TLSRPT_DAYS * TLSRPT_DOMAINS * 150;
        let sessions = QUEUE_CONNECTIONS * ONE_SENDING + SEND_IDLE * ONE_WAITING;
        sessions + QUEUE_WINDOW * 1000 + DIALOGUES_IN_MEMORY + remembered
    }

    /// What is filled once, whoever talks.
    fn shared() -> usize {
        HEADERS_IN_MEMORY + STRUCTURES_IN_MEMORY + THROTTLE_ENTRIES * 200 + LOGIN_CACHE * 40 + JOURNAL_RING * 200
    }

    /// What some bodies have above SMALL_BODY.
    #[allow(clippy::cast_possible_truncation, reason = "128 KiB")]
    const LONGER: usize = LONGER_BODIES * (LOGGED_BODY as usize - SMALL_BODY);

    #[test]
    fn all_connections_may_wait_at_once() {
        let sum = START + CONNECTIONS * ONE_WAITING;
        assert!(sum <= WAITING, "{sum} octets, {WAITING} are allowed");
    }

    #[test]
    fn one_stranger_with_all_his_connections_stays_within_the_budget() {
        let sum = START + shared() + LONGER + CONNECTIONS_PER_ADDRESS * ONE_TALKING;
        assert!(sum <= WORKING, "{sum} octets, {WORKING} are allowed");
    }

    #[test]
    fn one_stranger_who_reads_with_all_his_connections_stays_within_it_too() {
        let pop3 = ONE_WAITING + POP3_LINE.max(SASL_LINE) + READ_BUF + CHUNK + CHUNK;
        let sum = START + CONNECTIONS_PER_ADDRESS * pop3;
        assert!(sum <= WORKING, "{sum} octets, {WORKING} are allowed");
    }

    #[test]
    fn twenty_users_who_append_many_messages_at_once_stay_within_the_budget() {
        let one = ONE_WAITING + IMAP_COMMAND + READ_BUF + CHUNK + SMALL_BODY + IMAP_APPEND_HELD + STRUCTURE_FREE;
        let sum = START + shared() + LONGER + 20 * one;
        assert!(sum <= WORKING, "{sum} octets, {WORKING} are allowed");
    }

    #[test]
    fn all_attempts_to_send_at_once_stay_within_the_budget() {
        let sum = START + sending();
        assert!(sum <= WORKING, "{sum} octets, {WORKING} are allowed");
        assert!(sum <= 28_900_000, "{sum} octets, 28 MB are stated");
        assert!(sending() <= 15_000_000, "{} octets, 15 MB are stated", sending());
    }

    #[test]
    fn what_twenty_slow_readers_and_the_administration_cost_is_known() {
        let slow = START + shared() + 20 * ONE_FETCHING;
        assert!(slow <= 44_000_000, "{slow} octets, 44 MB are stated");
        let streams = API_STREAMS * ONE_STREAM + API_DOWNLOADS * ONE_DOWNLOAD;
        let http = HTTP_CONNECTIONS * ONE_BROWSING + HTTP_BODIES + streams + WEB_SESSIONS * 300;
        assert!(http <= 17_000_000, "{http} octets, 17 MB are stated");
    }

    #[test]
    fn strangers_at_every_place_in_the_middle_of_data_cost_what_is_stated() {
        // Large bodies are in a shared room too; each connection has only what is free.
        let one = ONE_TALKING - SMALL_BODY + BODY_FREE;
        let sum = START + shared() + BODIES_IN_MEMORY + INDEX_PENDING + CONNECTIONS * one;
        assert!(sum <= 109_000_000, "{sum} octets, 109 MB are stated");
        let before = START + shared() + INDEX_PENDING + CONNECTIONS * ONE_TALKING;
        assert!(before - sum > 80_000_000, "the shared room of bodies saves {}", before - sum);
    }

    #[test]
    fn the_private_networks_keep_places_and_no_address_takes_all() {
        const { assert!(CONNECTIONS_PRIVATE < CONNECTIONS && 4 * CONNECTIONS_PER_ADDRESS < CONNECTIONS) };
    }
}
