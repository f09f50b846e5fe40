//! Settings as a form, a file or a stored version brings them: lines of `key=value`.
//!
//! Oracles: the check never panics and names only fields that were given or stand in the table; an accepted map gives texts
//! that are accepted again as the same settings; a tolerant reading of what is accepted is the same; a stored version is
//! read back.
#![no_main]

use std::collections::BTreeMap;

use gatepost::settings::{self, Settings, Versions};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let text = String::from_utf8_lossy(data);
    let fields: BTreeMap<String, String> = text
        .split('\n')
        .filter_map(|line| line.split_once('='))
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .collect();
    match Settings::check(&fields) {
        Ok(settings) => accepted(&fields, &settings),
        Err(errors) => {
            assert!(!errors.is_empty());
            for error in &errors {
                assert!(fields.contains_key(&error.key) || settings::entry(&error.key).is_some(), "{error}");
                assert!(!error.to_string().contains(['\n', '\r']), "an error is one line");
            }
        }
    }
    let (tolerated, _) = Settings::tolerant(&fields);
    let _ = tolerated.texts();
    let _ = settings::nearest(&text);
    let _ = Versions::from_rows([(text.as_ref(), data), ("1", data), ("00000000000000000001", data)]).newest();
});

fn accepted(fields: &BTreeMap<String, String>, settings: &Settings) {
    assert_eq!(&Settings::tolerant(fields).0, settings);
    let texts: BTreeMap<String, String> = settings.texts().into_iter().map(|(k, v)| (k.to_owned(), v)).collect();
    let again = Settings::check(&texts);
    assert_eq!(again.as_ref(), Ok(settings), "the texts of accepted settings are not accepted");
}
