//! The table. Each entry is said once and becomes a field of [`Settings`], its default, and a row of [`TABLE`].

use super::{
    TlsMode,
    kind::{Kind, Value},
    rules::Rule,
};
use crate::types::HopTls;

/// A row of the table.
pub struct Entry {
    /// The name in the API, the command line and stored versions.
    pub key: &'static str,
    /// Type and bounds.
    pub kind: Kind,
    /// The requirement it comes from.
    pub requirement: &'static str,
    /// Label in English and Russian (the Russian one is the specification's where it has one).
    pub label: [&'static str; 2],
    /// Help in English and Russian.
    pub help: [&'static str; 2],
    /// The value's text.
    pub get: fn(&Settings) -> String,
    /// Sets the value from text; the error ends a sentence that begins with the key.
    pub set: fn(&mut Settings, &str) -> Result<(), String>,
}

impl Entry {
    /// Whether it takes effect at the next start only.
    pub fn needs_restart(&self) -> bool {
        self.key == "store.directory"
    }

    /// The value's text as anybody may see it.
    pub fn shown(&self, settings: &Settings) -> String {
        self.kind.shown(&(self.get)(settings)).to_owned()
    }

    /// The default's text.
    pub fn default(&self) -> String {
        (self.get)(&Settings::default())
    }
}

macro_rules! table {
    ($( $(#[doc = $doc:literal])+ $field:ident: $type:ty = $default:expr; $key:literal $kind:expr; $requirement:literal
        $label_en:literal $label_ru:literal $help_en:literal $help_ru:literal )+) => {
        /// A snapshot of all settings, checked.
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub struct Settings { $( $(#[doc = $doc])+ pub $field: $type, )+ }

        impl Default for Settings {
            fn default() -> Self {
                Settings { $( $field: $default, )+ }
            }
        }

        /// Every setting, in the order of the page.
        pub const TABLE: &[Entry] = &[ $( Entry {
            key: $key,
            kind: $kind,
            requirement: $requirement,
            label: [$label_en, $label_ru],
            help: [$help_en, $help_ru],
            get: |settings| Value::text(&settings.$field, $kind),
            set: |settings, text| <$type as Value>::read(text, $kind).map(|value| settings.$field = value),
        }, )+ ];
    };
}

const fn text(rule: Rule) -> Kind {
    Kind::Text { rule, empty: true }
}

const fn number(min: u64, max: u64, unit: &'static str) -> Kind {
    Kind::Number { min, max, unit }
}

const INTERFACES: Kind = Kind::List { rule: Rule::Interface, most: 64 };
const MODE: Kind = Kind::Choice(TlsMode::WORDS);

table! {
    /// A2; off: no port is open.
    mail_enabled: bool = true; "server.enabled" Kind::Switch; "A2, A23"
    "Mail server" "Почтовый сервер"
    "Off: no mail service listens. Sessions that run end by themselves; this page stays up."
    "Выключен: почтовые службы не слушают порты. Начатые сеансы завершаются сами; эта страница работает."

    /// A14, N8.
    smtp_enabled: bool = true; "smtp.enabled" Kind::Switch; "A14, A23, N8"
    "SMTP service" "Служба SMTP"
    "Whether the ports of SMTP listen: mail from other servers, and from clients that send."
    "Слушать ли порты SMTP: почта других серверов и клиентов, которые отправляют письма."

    /// A13, N8.
    pop3_enabled: bool = true; "pop3.enabled" Kind::Switch; "A13, A23, N8"
    "POP3 service" "Служба POP3"
    "Whether the ports of POP3 listen."
    "Слушать ли порты POP3."

    /// A13, N8.
    imap_enabled: bool = true; "imap.enabled" Kind::Switch; "A13, A23, N8"
    "IMAP service" "Служба IMAP"
    "Whether the ports of IMAP listen."
    "Слушать ли порты IMAP."

    /// B1, port 25; 0 = not listening.
    smtp_port: u16 = 25; "smtp.port" Kind::Port; "B1"
    "SMTP port" "Порт SMTP"
    "Where mail from other servers and from devices without TLS comes in. 0: not listening."
    "Порт, на который приходит почта других серверов и устройств без TLS. 0: не слушать."

    /// Q12, port 587; 0 = off.
    submission_port: u16 = 587; "smtp.submission.port" Kind::Port; "Q12"
    "Submission port" "Порт отправки почты"
    "Where mail clients hand in mail after a login (STARTTLS). 0: off."
    "Порт, на который почтовые клиенты сдают письма после входа (STARTTLS). 0: выключен."

    /// E6, port 465; 0 = off.
    smtps_port: u16 = 465; "smtp.ssl.port" Kind::Port; "E6"
    "SMTP SSL port" "Порт SMTP SSL"
    "Where mail clients hand in mail over TLS from the first byte. Listens while SSL is allowed. 0: off."
    "Порт отправки с TLS с первого байта. Слушается, пока разрешён SSL. 0: выключен."

    /// B2, port 110.
    pop3_port: u16 = 110; "pop3.port" Kind::Port; "B2"
    "POP3 port" "Порт POP3"
    "Where mail clients fetch mail (STLS). 0: off."
    "Порт, с которого почтовые клиенты забирают письма (STLS). 0: выключен."

    /// E7, port 995.
    pop3s_port: u16 = 995; "pop3.ssl.port" Kind::Port; "E7"
    "POP3 SSL port" "Порт POP3 SSL"
    "Where mail clients fetch mail over TLS from the first byte. Listens while SSL is allowed. 0: off."
    "Порт POP3 с TLS с первого байта. Слушается, пока разрешён SSL. 0: выключен."

    /// B3, port 143.
    imap_port: u16 = 143; "imap.port" Kind::Port; "B3"
    "IMAP port" "Порт IMAP"
    "Where mail clients read and file mail (STARTTLS). 0: off."
    "Порт, на котором почтовые клиенты читают и раскладывают письма (STARTTLS). 0: выключен."

    /// E8, port 993; 0 = off.
    imaps_port: u16 = 993; "imap.ssl.port" Kind::Port; "E8"
    "IMAP SSL port" "Порт IMAP SSL"
    "Where mail clients read and file mail over TLS from the first byte. Listens while SSL is allowed. 0: off."
    "Порт IMAP с TLS с первого байта. Слушается, пока разрешён SSL. 0: выключен."

    /// B4: interface names or addresses; empty = all.
    smtp_interfaces: Vec<String> = Vec::new(); "smtp.interfaces" INTERFACES; "B4"
    "SMTP interfaces" "Интерфейсы для SMTP"
    "Interfaces or addresses where SMTP listens. Empty: all."
    "Интерфейсы или адреса, на которых работает SMTP. Пусто: все."

    /// B5.
    pop3_interfaces: Vec<String> = Vec::new(); "pop3.interfaces" INTERFACES; "B5"
    "POP3/IMAP interfaces" "Интерфейсы для POP3/IMAP"
    "Interfaces or addresses where POP3 and IMAP listen. Empty: all."
    "Интерфейсы или адреса, на которых работают POP3 и IMAP. Пусто: все."

    /// The page without TLS; 0 = off.
    http_port: u16 = 8480; "http.port" Kind::Port; "section 7"
    "HTTP port of the administration" "Порт HTTP управления"
    "Where the administration page and the API answer without encryption. 0: off."
    "Порт страницы управления и API без шифрования. 0: выключен."

    /// The page over TLS; 0 = off.
    https_port: u16 = 8443; "http.ssl.port" Kind::Port; "section 7"
    "HTTPS port of the administration" "Порт HTTPS управления"
    "Where the administration page and the API answer over TLS. 0: off."
    "Порт страницы управления и API по TLS. 0: выключен."

    /// Where the page is without TLS.
    http_interfaces: Vec<String> = vec!["127.0.0.1".to_owned()]; "http.interfaces" INTERFACES; "section 7"
    "HTTP interfaces" "Интерфейсы для HTTP"
    "Interfaces or addresses where the administration answers without encryption. Empty: all."
    "Интерфейсы или адреса, на которых управление доступно без шифрования. Пусто: все."

    /// Where the page is over TLS.
    https_interfaces: Vec<String> = Vec::new(); "http.ssl.interfaces" INTERFACES; "section 7"
    "HTTPS interfaces" "Интерфейсы для HTTPS"
    "Interfaces or addresses where the administration answers over TLS. Empty: all; only 127.0.0.1 while no network is chosen."
    "Интерфейсы или адреса, на которых управление доступно по TLS. Пусто: все; пока не выбраны сети, только 127.0.0.1."

    /// Who may reach the page, beside this machine.
    http_networks: Vec<String> = Vec::new(); "http.networks" Kind::List { rule: Rule::Network, most: 64 }; "section 7"
    "Networks allowed to administer" "Сети, из которых разрешено управление"
    "IP addresses and networks that reach the administration page and the API; this machine always does."
    "IP-адреса и сети, которым доступны страница управления и API; сама машина — всегда."

    /// Other names by which the page is called.
    http_allowed_hosts: Vec<String> = Vec::new(); "http.allowed_hosts" Kind::List { rule: Rule::Host, most: 32 }; "section 7"
    "Other names of the administration" "Другие имена страницы управления"
    "Names in the address bar beside the server's name and its addresses; any other is refused (DNS rebinding)."
    "Имена в адресной строке, кроме имени сервера и его адресов; остальные отклоняются (защита от DNS rebinding)."

    /// Origins that may show the page in a frame (CSP frame-ancestors).
    http_frame_ancestors: Vec<String> = Vec::new(); "http.frame_ancestors" Kind::List { rule: Rule::Origin, most: 16 }; "section 7"
    "Pages that may embed the administration" "Страницы, в которые можно встроить управление"
    "Origins such as https://gateway.example that may show the page in a frame. Empty: only this server itself."
    "Источники вида https://gateway.example, которым можно показывать страницу во фрейме. Пусто: только сам сервер."

    /// Minutes a login of the page lives without a request.
    http_idle_minutes: u32 = 30; "http.idle_minutes" number(1, 1440, "minutes"); "section 7"
    "Log out after idle (min)" "Выход при бездействии (мин.)"
    "How long a login of the page lives without a request."
    "Сколько минут вход на страницу действует без запросов."

    /// Hours a login of the page lives at most.
    http_session_hours: u32 = 12; "http.session_hours" number(1, 720, "hours"); "section 7"
    "Longest login (hours)" "Максимальное время входа (ч)"
    "How long a login of the page lives at most."
    "Сколько часов вход на страницу действует самое большее."

    /// Who may read /metrics without a token.
    metrics_networks: Vec<String> = vec!["127.0.0.1".to_owned(), "::1".to_owned()]; "http.metrics_networks" Kind::List { rule: Rule::Network, most: 64 }; "section 7"
    "Networks that read metrics" "Сети, которым видны метрики"
    "Who may read /metrics without a token, among those who reach the administration. Empty: nobody."
    "Кто может читать /metrics без токена, если ему доступно управление. Пусто: никто."

    /// B6 in octets (Q14).
    max_message: u64 = 100 * 1_048_576; "smtp.max_size_mb" Kind::Megabytes { min: 1, max: 2048 }; "B6"
    "Maximum message size (MB)" "Максимальный размер письма (МБ)"
    "The whole message with its encoded attachments, in MB of 1,048,576 octets. A file of about 73 % of it fits."
    "Письмо целиком вместе с кодированными вложениями, МБ по 1 048 576 байт. Файл может занимать около 73 % этого размера."

    /// E1; never empty (the host's name is put in at the first start).
    server_name: String = "localhost".to_owned(); "smtp.server_name" Kind::Text { rule: Rule::Host, empty: false }; "E1"
    "Server name for SMTP" "Имя сервера для SMTP"
    "The name in the greeting and in Received lines; others expect it to resolve to this server's address."
    "Имя в приветствии и в строках Received; другие серверы ждут, что оно указывает на адрес этого сервера."

    /// RFC 5321 s4.5.1: who reads mail for postmaster and abuse; empty = the domain's oldest mailbox.
    postmaster: String = String::new(); "smtp.postmaster" text(Rule::Address); "RFC 5321 s4.5.1"
    "Mailbox of the postmaster" "Ящик администратора почты"
    "Who gets mail for postmaster@ and abuse@ of every domain that has no such mailbox, alias or catch-all. Empty: the domain's oldest mailbox."
    "Кто получает письма на postmaster@ и abuse@ доменов, где нет такого ящика, ссылки или ящика для всех. Пусто: самый старый ящик домена."

    /// C1 entries that are an IP or a CIDR: may relay without login (Q31).
    relay_networks: Vec<String> = Vec::new(); "smtp.relay_networks" Kind::List { rule: Rule::Network, most: 256 }; "C1, Q31"
    "Addresses allowed to relay" "Адреса, с которых разрешена пересылка"
    "IP addresses and networks of scanners, cameras and programs that send without a login."
    "IP-адреса и сети сканеров, камер и программ, которые отправляют почту без входа."

    /// Q13: messages of one login an hour; 0: no limit.
    user_hour: u32 = 300; "users.messages_hour" number(0, 1_000_000, "messages"); "Q13"
    "Messages of a user an hour" "Писем от пользователя в час"
    "Messages that one login may send in an hour; further ones are put off (450). 0: no limit."
    "Сколько писем может отправить за час один вошедший; остальные откладываются (450). 0: без ограничения."

    /// Q13: messages of one login a day; 0: no limit.
    user_day: u32 = 2000; "users.messages_day" number(0, 10_000_000, "messages"); "Q13"
    "Messages of a user a day" "Писем от пользователя в сутки"
    "Messages that one login may send in a day; further ones are put off (450). 0: no limit."
    "Сколько писем может отправить за сутки один вошедший; остальные откладываются (450). 0: без ограничения."

    /// Q13: recipients of one message of a login; 0: no limit but that of the server.
    user_recipients: u32 = 200; "users.recipients" number(0, 1000, "recipients"); "Q13"
    "Recipients of a user's message" "Получателей в письме пользователя"
    "Recipients that one message of a login may have. 0: as many as the server takes."
    "Сколько получателей может быть в письме вошедшего. 0: сколько принимает сервер."

    /// Whether a login may use its own addresses only.
    user_own_sender: bool = true; "users.own_sender" Kind::Switch; "Q13"
    "The sender must match the login" "Отправитель должен соответствовать входу"
    "A login sends by its own address and by aliases that lead to it (553 otherwise)."
    "Вошедший отправляет со своего адреса и со ссылок, которые ведут к нему (иначе 553)."

    /// B8, minutes.
    queue_interval: u32 = 30; "queue.interval_minutes" number(1, 1440, "minutes"); "B8"
    "Interval between attempts to send (min)" "Интервал между попытками отправки (мин.)"
    "How often the queue is looked through for messages whose waiting time is over."
    "Как часто очередь просматривается в поисках писем, время ожидания которых прошло."

    /// B9, minutes.
    queue_min: u32 = 180; "queue.min_minutes" number(1, 10_080, "minutes"); "B9"
    "Waiting time in the queue from (min)" "Время ожидания в очереди от (мин.)"
    "The least time until a message is tried again; not less than the interval."
    "Наименьшее время до следующей попытки; не меньше интервала."

    /// B10, minutes.
    queue_max: u32 = 300; "queue.max_minutes" number(1, 43_200, "minutes"); "B10"
    "Waiting time in the queue up to (min)" "Время ожидания в очереди до (мин.)"
    "The longest time until a message is tried again. In between it waits as long as it is old."
    "Наибольшее время до следующей попытки. Между ними письмо ждёт столько, сколько уже пролежало."

    /// B11, minutes.
    queue_lifetime: u32 = 5760; "queue.lifetime_minutes" number(1, 129_600, "minutes"); "B11"
    "Longest time of a message in the queue (min)" "Максимальное время нахождения письма в очереди (мин.)"
    "Then it is tried once more and goes back to its sender. 5760 is four days."
    "Затем делается последняя попытка, и письмо возвращается отправителю. 5760 — четверо суток."

    /// Whether what looks like greylisting is tried again after minutes.
    queue_early: bool = true; "queue.early_retry" Kind::Switch; "B9, issue 5"
    "Try again early after greylisting" "Ранний повтор при серых списках"
    "A server that puts strangers off for minutes is tried again after minutes, not after the waiting time above."
    "Если сервер откладывает письма незнакомцев на минуты, попытка повторяется через минуты, а не через время ожидания выше."

    /// Hours; 0 = never.
    queue_delay_notice: u32 = 4; "queue.delay_notice_hours" number(0, 168, "hours"); "issue 5"
    "Tell the sender of a delay after (hours)" "Сообщать отправителю о задержке через (ч)"
    "When a sender hears that the message waits. 0: never."
    "Через сколько часов отправитель узнаёт, что письмо ждёт в очереди. 0: никогда."

    /// Connections to one destination at a time.
    queue_concurrency: u32 = 20; "queue.concurrency" number(1, 64, "connections"); "issue 5"
    "Connections to one destination" "Соединений с одним получателем"
    "The most connections to one domain or relay at a time; it begins with fewer and grows while all goes well."
    "Сколько соединений с одним доменом или релеем открывается одновременно самое большее; начинается с меньшего и растёт, пока всё хорошо."

    /// Routes, see `types::RouteRule`.
    queue_routes: Vec<String> = Vec::new(); "queue.routes" Kind::List { rule: Rule::Route, most: 256 }; "issue 5"
    "Routes" "Маршруты"
    "Whose mail goes where, before the default relay: example.org=mx, .example.org=relay:HOST:PORT:TLS, from:office.example=relay:HOST, store.example=lmtp:HOST:PORT, void.example=discard. After | stands what is tried where nobody was reached: *=mx|relay:HOST."
    "Куда уходит чья почта, раньше релея по умолчанию: example.org=mx, .example.org=relay:ХОСТ:ПОРТ:TLS, from:office.example=relay:ХОСТ, store.example=lmtp:ХОСТ:ПОРТ, void.example=discard. После | — запасной путь, если никто не ответил: *=mx|relay:ХОСТ."

    /// B12: host; empty = straight to the world.
    relay_host: String = String::new(); "relay.host" text(Rule::Server); "B12"
    "Default relay" "Релей по умолчанию"
    "The server through which all outgoing mail goes. Empty: this server delivers by itself."
    "Сервер, через который уходит вся исходящая почта. Пусто: сервер доставляет сам."

    /// B12: port.
    relay_port: u16 = 25; "relay.port" Kind::Port; "B12"
    "Port of the relay" "Порт релея"
    "Often 25, 587 or 465."
    "Обычно 25, 587 или 465."

    /// Encryption towards the relay.
    relay_tls: HopTls = HopTls::Opportunistic; "relay.tls" Kind::Choice(HopTls::WORDS); "B12, B13"
    "Encryption to the relay" "Шифрование до релея"
    "off; opportunistic: where it is offered; required: nothing without TLS; verified: the certificate must be good too; ssl: TLS from the first byte (465), verified."
    "off: нет; opportunistic: если предлагается; required: только по TLS; verified: и сертификат должен быть верным; ssl: TLS с первого байта (465), с проверкой."

    /// B13.
    relay_auth: bool = false; "relay.auth" Kind::Switch; "B13"
    "Use SMTP authorization" "Использовать SMTP-авторизацию"
    "Whether this server logs in at the relay. A password is only sent over TLS, or to a private network."
    "Входить ли на релей с логином и паролем. Пароль передаётся только по TLS или в частную сеть."

    /// B14.
    relay_login: String = String::new(); "relay.login" text(Rule::Login); "B14"
    "Login" "Логин"
    "The name at the relay."
    "Имя на релее."

    /// B15, sealed by `net::Vault`.
    relay_password: String = String::new(); "relay.password" Kind::Secret; "B15"
    "Password" "Пароль"
    "Kept encrypted on this machine and never shown again."
    "Хранится на этой машине зашифрованным и больше не показывается."

    /// E18.
    dkim_sign: bool = true; "dkim.sign" Kind::Switch; "E18, G3"
    "Sign outgoing mail (DKIM)" "Создавать DKIM-подпись"
    "Mail of our domains is signed when it leaves. Each domain gets keys; their records must stand in its DNS zone."
    "Письма наших доменов подписываются при отправке. Каждый домен получает ключи; их записи должны быть в его зоне DNS."

    /// Whom we ask for names; empty = the system's.
    dns_servers: Vec<String> = Vec::new(); "dns.servers" Kind::List { rule: Rule::NameServer, most: 4 }; "E18, section 3"
    "Name servers" "Серверы имён"
    "Who is asked where mail of a domain goes. Empty: the system's (/etc/resolv.conf)."
    "У кого спрашивать, куда идёт почта домена. Пусто: как в системе (/etc/resolv.conf)."

    /// DNSSEC.
    dns_secure: bool = true; "dns.dnssec" Kind::Switch; "issue 5"
    "Check signatures of DNS (DNSSEC)" "Проверять подписи DNS (DNSSEC)"
    "Where the name servers let signatures through they are checked, and certificates named in DNS (DANE) count."
    "Если серверы имён пропускают подписи, они проверяются, и учитываются сертификаты, названные в DNS (DANE)."

    /// RFC 4035 s4.4: what signatures may begin with beside the keys of the root that are built in.
    dns_anchors: Vec<String> = Vec::new(); "dns.anchors" Kind::List { rule: Rule::ZoneKey, most: 16 }; "issue 5"
    "More keys to believe (DNSSEC)" "Дополнительные доверенные ключи (DNSSEC)"
    "DNSKEY records, one a line, believed beside the keys of the root that are built in: a new key of the root, or all keys (256 and 257) of a signed zone inside the office. Others do not need it."
    "Записи DNSKEY, по одной в строке, которым верят наряду со встроенными ключами корня: новый ключ корня или все ключи (256 и 257) подписанной зоны внутри организации. Обычно не нужны."

    /// E4, Q10 for SMTP.
    smtp_tls: TlsMode = TlsMode::Opportunistic; "tls.smtp" MODE; "E4, Q10"
    "Encryption of SMTP" "Шифрование SMTP"
    "off; opportunistic: STARTTLS is offered, a password without TLS only from private networks; required: no login without TLS."
    "off: нет; opportunistic: STARTTLS предлагается, пароль без TLS только из частных сетей; required: вход только по TLS."

    /// E4, Q10 for POP3.
    pop3_tls: TlsMode = TlsMode::Opportunistic; "tls.pop3" MODE; "E4, Q10"
    "Encryption of POP3" "Шифрование POP3"
    "off; opportunistic: STLS is offered, a password without TLS only from private networks; required: no login without TLS."
    "off: нет; opportunistic: STLS предлагается, пароль без TLS только из частных сетей; required: вход только по TLS."

    /// E4, Q10 for IMAP.
    imap_tls: TlsMode = TlsMode::Opportunistic; "tls.imap" MODE; "E4, Q10"
    "Encryption of IMAP" "Шифрование IMAP"
    "off; opportunistic: STARTTLS is offered, a password without TLS only from private networks; required: no login without TLS."
    "off: нет; opportunistic: STARTTLS предлагается, пароль без TLS только из частных сетей; required: вход только по TLS."

    /// Encryption of the page and the API.
    http_tls: TlsMode = TlsMode::Opportunistic; "tls.http" MODE; "section 7"
    "Encryption of the administration" "Шифрование управления"
    "off: HTTP only; opportunistic: HTTP and HTTPS, a login over HTTP only from private networks; required: HTTP sends to HTTPS."
    "off: только HTTP; opportunistic: HTTP и HTTPS, вход по HTTP только из частных сетей; required: HTTP перенаправляет на HTTPS."

    /// E5: the TLS ports E6, E7, E8 listen.
    ssl: bool = true; "tls.ssl" Kind::Switch; "E5"
    "Allow SSL" "Разрешить SSL"
    "Whether the SSL ports of SMTP, POP3 and IMAP listen."
    "Слушать ли порты SMTP SSL, POP3 SSL и IMAP SSL."

    /// E2: name of a certificate in the store.
    smtp_certificate: String = "self-signed".to_owned(); "tls.smtp.certificate" text(Rule::Name); "E2, Q27"
    "SMTP certificate" "Сертификат для SMTP"
    "The name of a certificate that `certificate list` shows."
    "Имя сертификата из списка сертификатов."

    /// E3: one for both protocols.
    pop3_certificate: String = "self-signed".to_owned(); "tls.pop3.certificate" text(Rule::Name); "E3, Q27"
    "POP3/IMAP certificate" "Сертификат для POP3/IMAP"
    "The name of a certificate that `certificate list` shows."
    "Имя сертификата из списка сертификатов."

    /// Certificate of the page and the API.
    http_certificate: String = "self-signed".to_owned(); "tls.http.certificate" text(Rule::Name); "section 7, Q27"
    "Certificate of the administration" "Сертификат для управления"
    "The name of a certificate that `certificate list` shows."
    "Имя сертификата из списка сертификатов."

    /// N2: directory that is watched for PEM files; empty = none.
    certificate_dir: String = String::new(); "tls.certificate_directory" text(Rule::Path); "N2"
    "Watched certificate directory" "Каталог сертификатов"
    "PEM files in it are offered as certificates and are taken up again when they change. Empty: none."
    "PEM-файлы из этого каталога становятся сертификатами и перечитываются при изменении. Пусто: нет."

    /// D1.
    login_domain: String = String::new(); "login.domain" text(Rule::Host); "D1"
    "Default domain for login" "Домен по умолчанию для авторизации"
    "Added to a login that has no @."
    "Добавляется к имени входа без @."

    /// Least characters of a new password.
    password_min: u32 = 8; "login.password_min" number(1, 128, "characters"); "section 7"
    "Shortest password" "Минимальная длина пароля"
    "Characters that a new password must have."
    "Сколько знаков должно быть в новом пароле."

    /// Section 7: PBKDF2 rounds for new passwords (RFC 7677 s4: at least 4096).
    scram_iterations: u32 = 100_000; "login.scram_iterations" number(4096, 1_000_000, "rounds"); "section 7"
    "Password hashing rounds" "Число итераций хеша пароля"
    "Rounds of PBKDF2 for new passwords: more are slower to guess, and slower to log in."
    "Итерации PBKDF2 для новых паролей: больше — труднее подобрать, но и вход медленнее."

    /// Minutes a verified login is remembered.
    login_cache_minutes: u32 = 10; "login.cache_minutes" number(0, 1440, "minutes"); "section 7"
    "Remember a login (min)" "Помнить вход (мин.)"
    "How long a verified password is known in memory without hashing again. 0: never."
    "Сколько минут проверенный пароль принимается без нового хеширования. 0: не помнить."

    /// D2.
    mailbox_folders: Vec<String> = ["Sent", "Drafts", "Junk", "Trash"].map(str::to_owned).to_vec(); "mailbox.folders" Kind::List { rule: Rule::Folder, most: 32 }; "D2"
    "Folders created automatically with a mailbox" "При создании ящика автоматически создавать папки"
    "Russian names are known too (Отправленные, Черновики, Спам, Корзина). INBOX is always there."
    "Русские имена тоже узнаются (Отправленные, Черновики, Спам, Корзина). INBOX есть всегда."

    /// Plus-addressing delimiter; empty = off.
    plus_delimiter: String = "+".to_owned(); "mailbox.plus" text(Rule::Delimiter); "G5"
    "Delimiter of sub-addresses" "Разделитель в адресе"
    "ann+lists@ comes to ann@. Empty: off."
    "Письмо на ann+lists@ приходит на ann@. Пусто: выключено."

    /// Q15: 452 instead of 552.
    quota_temporary: bool = false; "quota.temporary" Kind::Switch; "G6, Q15"
    "A full mailbox is a temporary error" "Переполненный ящик — временная ошибка"
    "on: the sender's server tries again later (452); off: the sender is told at once (552)."
    "on: сервер отправителя попробует позже (452); off: отправитель узнаёт сразу (552)."

    /// Q15: percentages at which the user is warned.
    quota_warnings: Vec<u8> = vec![80, 90, 95]; "quota.warnings" Kind::List { rule: Rule::Percent, most: 8 }; "Q15"
    "Quota warnings (%)" "Предупреждения о квоте (%)"
    "How full a mailbox is when its user gets a warning. Empty: no warnings."
    "При каком заполнении ящика пользователь получает предупреждение. Пусто: без предупреждений."

    /// E10: directory of the mail store; empty = under the state directory.
    mail_dir: String = String::new(); "store.directory" text(Rule::Path); "E10"
    "Hard disk for mail storage" "Жесткий диск для хранения почты"
    "Directory of the mail store; takes effect at the next start. Empty: under the state directory."
    "Каталог хранилища почты; действует со следующего запуска. Пусто: в каталоге состояния."

    /// MiB that stay free for the system.
    reserve_mib: u64 = 64; "store.reserve_mb" number(1, 1_048_576, "MB"); "section 4"
    "Room that stays free (MB)" "Оставлять свободным (МБ)"
    "Below it new mail is put off (452); reading and deleting go on."
    "Если места меньше, новая почта откладывается (452); чтение и удаление работают."

    /// Days of journal files that are kept.
    journal_days: u32 = 90; "journal.days" number(1, 3660, "days"); "M5"
    "Keep the journal (days)" "Хранить журнал (дней)"
    "Older journal files are removed."
    "Более старые файлы журнала удаляются."

    /// Collectors: `udp://host:514`, `tcp://host:514?framing=octet&format=5424`.
    syslog_collectors: Vec<String> = Vec::new(); "syslog.collectors" Kind::List { rule: Rule::Collector, most: 8 }; "N10"
    "Syslog collectors" "Серверы syslog"
    "Where journal lines are sent: udp://HOST:PORT or tcp://HOST:PORT, with ?framing=lf|octet&format=3164|5424."
    "Куда отправлять строки журнала: udp://HOST:PORT или tcp://HOST:PORT, с ?framing=lf|octet&format=3164|5424."

    /// Whether lines go to /dev/log.
    syslog_local: bool = true; "syslog.local" Kind::Switch; "N10"
    "Local syslog" "Локальный syslog"
    "Whether journal lines go to /dev/log too."
    "Писать ли строки журнала также в /dev/log."

    /// First part of mail tags (`postfix` in `postfix/smtpd`).
    syslog_mail_tag: String = "postfix".to_owned(); "syslog.mail_tag" Kind::Text { rule: Rule::Name, empty: false }; "section 6"
    "Program name in mail lines" "Имя программы в строках почты"
    "pflogsumm and fail2ban look for postfix."
    "pflogsumm и fail2ban ищут postfix."
}
