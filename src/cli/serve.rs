//! `serve`: hands the command line to `app`. Nothing here is a mail setting but those of the very first start.

use std::collections::BTreeMap;

use super::{Args, Context, Failure};
use crate::{
    app::{self, Options},
    settings::{FieldError, Settings},
    types::Domain,
};

/// Runs until SIGTERM or SIGINT.
pub(super) fn serve(context: &Context, args: Args) -> Result<(), Failure> {
    let mut options = Options::at(&context.state);
    options.first = first_settings(&args.values("first"))?;
    if app::run(options, args.has("allow-root")) == std::process::ExitCode::SUCCESS {
        return Ok(());
    }
    // app has said why.
    Err(Failure::silent())
}

/// Checked before anything is touched. The server's name is this machine's, unless it is said (E1).
fn first_settings(pairs: &[&str]) -> Result<BTreeMap<String, String>, Failure> {
    let mut fields = BTreeMap::new();
    for pair in pairs {
        let Some((key, value)) = pair.split_once('=') else {
            return Err(Failure::usage(format!("'{pair}' has no ="), "write --first KEY=VALUE"));
        };
        fields.insert(key.trim().to_owned(), value.to_owned());
    }
    if let Some(name) = machine() {
        fields.entry("smtp.server_name".to_owned()).or_insert(name);
    }
    match Settings::check(&fields) {
        Ok(_) => Ok(fields),
        Err(errors) => {
            let words: Vec<String> = errors.iter().map(FieldError::to_string).collect();
            Err(Failure::refused(
                format!("the first settings cannot be: {}", words.join("; ")),
                "gatepost settings help",
            ))
        }
    }
}

/// This machine's name, if it can be a server's.
fn machine() -> Option<String> {
    let name = rustix::system::uname().nodename().to_string_lossy().into_owned();
    Domain::parse(&name).ok().filter(|domain| !domain.is_literal()).map(|domain| domain.as_str().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_settings_are_checked_before_anything_is_touched() {
        let good = first_settings(&["smtp.port=2525", "smtp.server_name=mail.office.test"]).unwrap();
        assert_eq!(good["smtp.server_name"], "mail.office.test");
        assert!(first_settings(&["smtp.port=99999"]).is_err() && first_settings(&["nonsense"]).is_err());
    }
}
