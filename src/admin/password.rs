//! Passwords: what is too weak, the credential of a good one, the hash that came from elsewhere, one that we make up.

use serde_json::json;

use super::{Answer, ApiError, Desk, api::Request};
use crate::{
    settings::Settings,
    types::{Address, Credential, CryptHash, Password},
    wire::scram,
};

/// Characters of a password that we make up: 20 of 32 are 100 bits.
const MADE_UP: usize = 20;
/// Without 0, O, 1, l and I, which look alike on paper.
const LETTERS: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";

/// `passwords`: one that nobody knows yet. It is not stored: whoever asked gives it to a mailbox.
pub(super) async fn make(_desk: &Desk, _request: Request) -> Answer {
    let random = scram::random::<MADE_UP>().ok_or_else(no_random)?;
    let letter = |byte: &u8| char::from(LETTERS[usize::from(*byte) % LETTERS.len()]);
    let words: Vec<String> = random.chunks(5).map(|part| part.iter().map(letter).collect()).collect();
    Ok(json!({ "password": words.join("-") }))
}

fn no_random() -> ApiError {
    ApiError::new(500, "this machine gives no random numbers", "try again later")
}

/// A password, or the hash that another system has of it (section 7 of the design).
pub(super) fn new_password(
    desk: &Desk,
    password: Option<String>,
    hash: Option<String>,
    at: &Address,
) -> Result<Option<Password>, ApiError> {
    match (password, hash) {
        (Some(_), Some(_)) => Err(ApiError::field("password_hash", "cannot be given beside a password")),
        (Some(password), None) => {
            credential(&desk.house().settings.get(), &password, &at.to_string()).map(|c| Some(c.into()))
        }
        (None, Some(hash)) => {
            CryptHash::parse(hash.trim()).map(|hash| Some(Password::Imported(hash))).ok_or_else(|| {
                ApiError::field("password_hash", "is no $5$ or $6$ hash of crypt(5) with at most 500000 rounds")
            })
        }
        (None, None) => Ok(None),
    }
}

/// The credential of a new password, if the password is not too weak. Hashes: about 22 ms at the default rounds.
pub fn credential(settings: &Settings, password: &str, name: &str) -> Result<Credential, ApiError> {
    good_password(settings, password, name).map_err(|what| ApiError::field("password", what))?;
    let salt = scram::random::<{ scram::SALT }>().ok_or_else(no_random)?;
    Ok(scram::derive(password, &salt, settings.scram_iterations))
}

/// Refuses what is guessed first: short ones, the name itself, one character over and over, a run of digits.
fn good_password(settings: &Settings, password: &str, name: &str) -> Result<(), String> {
    if password.is_empty() {
        return Err("must not be empty".to_owned());
    }
    if let Err(why) = scram::check_password(password) {
        return Err(format!("cannot be used: {why}"));
    }
    if let Some(least) = settings.password_too_short(password) {
        return Err(format!("is too short: it needs {least} characters or more"));
    }
    let (lower, name) = (password.to_lowercase(), name.to_lowercase());
    let local = name.split('@').next().unwrap_or_default();
    if lower == name || lower == local {
        return Err("must not be the name itself".to_owned());
    }
    let first = lower.chars().next();
    let is_run = "01234567890123456789".contains(&lower) || "98765432109876543210".contains(&lower);
    if is_run || lower.chars().all(|c| Some(c) == first) {
        return Err("is guessed at the first try: choose another".to_owned());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(password: &str) -> bool {
        good_password(&Settings::default(), password, "annabell@office.test").is_err()
    }

    #[test]
    fn a_weak_password_is_refused_with_a_sentence() {
        for weak in
            ["", "short", "annabell", "Annabell@office.test", "aaaaaaaaaa", "12345678", "87654321", "tab\tinside"]
        {
            assert!(refused(weak), "{weak}");
        }
        for good in ["correct horse", "пароль подлиннее", "x7-Kq2m9"] {
            assert!(!refused(good), "{good}");
        }
        let error = credential(&Settings::default(), "short", "ann@office.test").unwrap_err();
        assert_eq!(error.error, "password is too short: it needs 8 characters or more");
        assert_eq!(error.json()["field"], "password");
    }
}
