//! Sentences about the table and the check.

use std::collections::BTreeMap;

use serde_json::json;

use super::*;

fn fields(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect()
}

fn errors(pairs: &[(&str, &str)]) -> Vec<String> {
    Settings::check(&fields(pairs)).err().unwrap_or_default().iter().map(FieldError::to_string).collect()
}

#[test]
fn every_default_is_read_as_it_is_written() {
    let texts: BTreeMap<String, String> =
        Settings::default().texts().into_iter().map(|(k, v)| (k.to_owned(), v)).collect();
    assert_eq!(texts.len(), TABLE.len(), "two settings have one key");
    assert_eq!(Settings::check(&texts), Ok(Settings::default()));
    assert_eq!(Settings::check(&BTreeMap::new()), Ok(Settings::default()));
}

#[test]
fn every_row_of_the_table_has_its_words_in_two_languages() {
    for entry in TABLE {
        for text in entry.label.iter().chain(&entry.help) {
            assert!(!text.is_empty(), "{}", entry.key);
        }
        assert!(entry.label[0].is_ascii() && !entry.label[1].is_ascii(), "{}", entry.key);
        assert!(!entry.requirement.is_empty() && !entry.kind.bounds().is_empty(), "{}", entry.key);
        assert_ne!(entry.kind.json(&entry.default()), json!(null), "{}", entry.key);
    }
}

#[test]
fn typed_json_and_text_mean_the_same() {
    for entry in TABLE {
        let text = entry.default();
        let typed = entry.kind.json(&text);
        assert_eq!(text_of(&typed).as_deref(), Some(text.as_str()), "{}", entry.key);
    }
    assert_eq!(text_of(&json!({"a": 1})), None);
    assert_eq!(text_of(&json!([[1]])), None);
}

#[test]
fn all_errors_come_at_once() {
    let all = errors(&[("smtp.port", "70000"), ("tls.smtp", "maybe"), ("pop3.port", "x"), ("journal.days", "0")]);
    assert_eq!(
        all,
        [
            "journal.days must be from 1 to 3660, not 0",
            "pop3.port must be a whole number from 0 to 65535",
            "smtp.port must be from 0 to 65535, not 70000",
            "tls.smtp must be one of off, opportunistic, required",
        ]
    );
}

#[test]
fn an_unknown_key_is_refused_with_the_nearest_one() {
    assert_eq!(errors(&[("smpt.port", "25")]), ["smpt.port is no setting; did you mean smtp.port?"]);
    assert_eq!(
        errors(&[("completely.other.thing", "1")]),
        ["completely.other.thing is no setting; `gatepost settings list` shows all"]
    );
}

#[test]
fn two_services_cannot_share_a_port() {
    assert_eq!(errors(&[("pop3.port", "25")]), ["pop3.port is 25, which smtp.port uses already: choose another port"]);
    assert!(errors(&[("smtp.port", "0"), ("pop3.port", "0")]).is_empty(), "0 is off, not a port");
    assert!(errors(&[("tls.ssl", "off"), ("smtp.ssl.port", "25")]).is_empty(), "without SSL its port is not used");
}

#[test]
fn ssl_without_a_certificate_is_refused() {
    // Q27
    let all = errors(&[("tls.smtp.certificate", "")]);
    assert_eq!(all.len(), 1);
    assert!(all[0].starts_with("tls.smtp.certificate must not be empty while tls.ssl is on"), "{all:?}");
    assert!(errors(&[("tls.smtp.certificate", ""), ("tls.ssl", "off")]).is_empty(), "STARTTLS is then not offered");
    assert_eq!(errors(&[("tls.pop3.certificate", ""), ("tls.ssl", "off"), ("tls.pop3", "required")]).len(), 1);
}

#[test]
fn sizes_are_said_in_megabytes_and_held_in_octets() {
    let settings = Settings::check(&fields(&[("smtp.max_size_mb", "25")])).unwrap();
    assert_eq!(settings.max_message, 26_214_400);
    assert_eq!(settings.texts()["smtp.max_size_mb"], "25");
}

#[test]
fn the_whole_internet_is_no_relay_network() {
    assert!(errors(&[("smtp.relay_networks", "10.0.0.0/8, 192.168.1.7, fd00::/8")]).is_empty());
    for bad in [
        "0.0.0.0/0",
        "::/0",
        "10.0.0.0/7",
        "128.0.0.0/1",
        "2000::/3",
        "10.0.0.0/33",
        "printer.office.test",
        "10.0.0.0/8/8",
        "1.2.3",
    ] {
        assert_eq!(errors(&[("smtp.relay_networks", bad)]).len(), 1, "{bad}");
    }
}

#[test]
fn lists_are_checked_entry_by_entry() {
    let settings = Settings::check(&fields(&[("mailbox.folders", "Отправленные,Спам\nArchive/2026")])).unwrap();
    assert_eq!(settings.mailbox_folders, ["Отправленные", "Спам", "Archive/2026"]);
    for bad in ["Sent, sent", "INBOX", "a//b"] {
        assert_eq!(errors(&[("mailbox.folders", bad)]).len(), 1, "{bad}");
    }
    for bad in ["100", "0", "x"] {
        assert_eq!(errors(&[("quota.warnings", bad)]).len(), 1, "{bad}");
    }
}

#[test]
fn collectors_have_a_scheme_a_host_and_a_port() {
    for good in
        ["udp://10.0.0.1:514", "tcp://log.office.test:601?framing=octet&format=5424", "udp://[fd00::1]:514", "udp://x"]
    {
        assert!(errors(&[("syslog.collectors", good)]).is_empty(), "{good}");
    }
    for bad in ["10.0.0.1", "http://x:1", "udp://x:0", "udp://x?framing=lf", "tcp://x:1?framing=none", "udp://a b:5"] {
        assert_eq!(errors(&[("syslog.collectors", bad)]).len(), 1, "{bad}");
    }
}

#[test]
fn hostile_texts_are_refused_and_never_panic() {
    for entry in TABLE {
        for text in ["\u{0}", "a\u{1b}[31m", &"x".repeat(100_000), "\u{202e}", "-1", "1e9", "99999999999999999999"] {
            let mut settings = Settings::default();
            let _ = (entry.set)(&mut settings, text);
        }
    }
    assert_eq!(errors(&[("login.domain", "a\u{0}b")]), ["login.domain has a control character in it"]);
}

#[test]
fn a_stored_version_with_a_bad_field_still_gives_settings() {
    // One broken record never stops a boot: the rest of the version holds, the field has its default.
    let (settings, told) =
        Settings::tolerant(&fields(&[("smtp.port", "2525"), ("from.the.future", "x"), ("tls.ssl", "?")]));
    assert_eq!((settings.smtp_port, settings.ssl), (2525, true));
    assert_eq!(told.len(), 2);
}

#[test]
fn versions_are_numbered_above_every_row_even_a_damaged_one() {
    let first = Version { rev: 1, fields: fields(&[("smtp.port", "2525")]), who: "root".into(), ..Version::default() };
    let (key, value) = (first.key(), first.value());
    let rows = [(key.as_str(), value.as_slice()), ("0000000002", b"{broken".as_slice())];
    let versions = Versions::from_rows(rows);
    assert_eq!(versions.newest(), Some(&first));
    assert_eq!(versions.damaged, ["0000000002"]);
    assert_eq!(versions.next_rev(), 3);
}

#[test]
fn only_the_newest_versions_are_kept() {
    let all: Vec<(String, Vec<u8>)> = (1..=KEEP_VERSIONS as u64 + 2)
        .map(|rev| Version { rev, ..Version::default() })
        .map(|v| (v.key(), v.value()))
        .collect();
    let versions = Versions::from_rows(all.iter().map(|(k, v)| (k.as_str(), v.as_slice())));
    assert_eq!(versions.too_old(), ["0000000001", "0000000002", "0000000003"]);
}

#[test]
fn a_version_tells_what_it_changed() {
    let old = Version { rev: 1, fields: fields(&[("a", "1"), ("b", "2")]), ..Version::default() };
    let new = Version { rev: 2, fields: fields(&[("a", "1"), ("c", "3")]), ..Version::default() };
    assert_eq!(
        new.differs_from(&old),
        [("b".to_owned(), Some("2".to_owned()), None), ("c".to_owned(), None, Some("3".to_owned()))]
    );
}

/// Found by fuzzing: a key with a CR in it broke the line of its error.
#[test]
fn an_error_is_one_line_whatever_the_key_is() {
    let fields = BTreeMap::from([("a\r\n\u{1b}[31m".to_owned(), "1".to_owned()), ("x".repeat(9000), String::new())]);
    for error in Settings::check(&fields).unwrap_err() {
        let text = error.to_string();
        assert!(!text.contains(char::is_control) && text.len() < 200, "{text}");
    }
}

#[test]
fn the_times_of_the_queue_stand_in_order() {
    // B8-B11: interval <= from <= up to.
    assert_eq!(
        errors(&[("queue.interval_minutes", "200")]),
        ["queue.min_minutes must be at least 200 (queue.interval_minutes), not 180"]
    );
    assert_eq!(
        errors(&[("queue.max_minutes", "60")]),
        ["queue.max_minutes must be at least 180 (queue.min_minutes), not 60"]
    );
    assert!(errors(&[("queue.min_minutes", "30"), ("queue.max_minutes", "30")]).is_empty());
}

#[test]
fn a_relay_with_a_login_needs_its_host_its_name_and_its_password() {
    let all = errors(&[("relay.auth", "on")]);
    assert_eq!(all.len(), 3, "{all:?}");
    let whole =
        [("relay.auth", "on"), ("relay.host", "smtp.isp.test"), ("relay.login", "us"), ("relay.password", " p ")];
    let settings = Settings::check(&fields(&whole)).unwrap();
    assert_eq!(settings.relay_password, " p ", "blanks belong to a password");
    for bad in ["10.0.0", "a b", "[::1]"] {
        assert_eq!(errors(&[("relay.host", bad)]).len(), 1, "{bad}");
    }
}

#[test]
fn a_secret_is_never_shown() {
    let entry = entry("relay.password").unwrap();
    let settings = Settings::check(&fields(&[("relay.password", "geheim")])).unwrap();
    assert_eq!((entry.shown(&settings), entry.kind.json("geheim")), (HIDDEN.to_owned(), json!(HIDDEN)));
    assert_eq!(entry.shown(&Settings::default()), "");
}

#[test]
fn routes_are_kept_in_one_form() {
    let settings = Settings::check(&fields(&[("queue.routes", "A.test=mx, *=relay:10.0.0.1|mx")])).unwrap();
    assert_eq!(settings.queue_routes, ["a.test=mx", "*=relay:10.0.0.1:25:opportunistic|mx"]);
    assert_eq!(errors(&[("queue.routes", "a.test=fax")]).len(), 1);
}

#[test]
fn keys_of_zones_are_read_as_they_are_pasted() {
    let key = "l02Woi0iS8Aa25FQkUd9RMzZHJpBoRQwAQEX1SxZJA4=";
    let pasted =
        format!(".\t86400\tIN\tDNSKEY\t257 3 15 {key}\nOffice.test.\tIN\tDNSKEY\t256 3 15 {key} ; key id = 3613");
    let settings = Settings::check(&fields(&[("dns.anchors", &pasted)])).unwrap();
    let each = [format!(". IN DNSKEY 257 3 15 {key}"), format!("office.test. IN DNSKEY 256 3 15 {key}")];
    assert_eq!(settings.dns_anchors, each);
    assert_eq!(errors(&[("dns.anchors", ". IN DS 20326 8 2 E06D44B8")]).len(), 1);
}
