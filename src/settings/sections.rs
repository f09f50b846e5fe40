//! The sections of the settings page, and which setting stands in which.

/// A section.
pub struct Section {
    /// Its name in the API.
    pub id: &'static str,
    /// Its heading in English and Russian.
    pub label: [&'static str; 2],
    /// Keys that begin like this stand in it.
    keys: &'static [&'static str],
}

const fn new(id: &'static str, label: [&'static str; 2], keys: &'static [&'static str]) -> Section {
    Section { id, label, keys }
}

/// In the order of the page; the first one that fits a key has it.
pub const SECTIONS: &[Section] = &[
    new("services", ["Services", "Службы"], &["server.enabled", "smtp.enabled", "pop3.enabled", "imap.enabled"]),
    new("relay", ["Relaying", "Пересылка"], &["smtp.relay_networks", "users."]),
    new("sending", ["Sending and queue", "Отправка и очередь"], &["queue.", "relay.", "dkim."]),
    new("encryption", ["Encryption", "Шифрование"], &["tls.", "smtp.ssl.", "pop3.ssl.", "imap.ssl."]),
    new("network", ["Network and limits", "Сеть и ограничения"], &["smtp.", "pop3.", "imap.", "dns."]),
    new("login", ["Login and passwords", "Вход и пароли"], &["login."]),
    new("mailboxes", ["Mailboxes", "Почтовые ящики"], &["mailbox.", "quota."]),
    new("storage", ["Mail storage", "Хранение почты"], &["store."]),
    new("journal", ["Journal", "Журнал"], &["journal.", "syslog."]),
    new("page", ["Administration page", "Страница управления"], &[""]),
];

/// The section of a setting.
pub fn section(key: &str) -> &'static str {
    let fits = |section: &&Section| section.keys.iter().any(|start| key.starts_with(start));
    SECTIONS.iter().find(fits).map_or("page", |section| section.id)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::TABLE;

    #[test]
    fn settings_stand_where_they_are_looked_for() {
        for (key, id) in [
            ("smtp.enabled", "services"),
            ("smtp.relay_networks", "relay"),
            ("imap.ssl.port", "encryption"),
            ("pop3.port", "network"),
            ("relay.password", "sending"),
            ("dkim.sign", "sending"),
            ("dns.servers", "network"),
            ("quota.warnings", "mailboxes"),
            ("syslog.local", "journal"),
        ] {
            assert_eq!(section(key), id);
        }
    }

    #[test]
    fn sections_have_words_in_two_languages_and_a_name_each() {
        let ids: std::collections::BTreeSet<&str> = SECTIONS.iter().map(|section| section.id).collect();
        assert_eq!(ids.len(), SECTIONS.len());
        for section in SECTIONS {
            assert!(section.label[0].is_ascii() && !section.label[1].is_ascii(), "{}", section.id);
        }
        assert!(TABLE.iter().all(|entry| ids.contains(section(entry.key))));
    }
}
