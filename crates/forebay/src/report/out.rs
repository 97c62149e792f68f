//! The last step of everything that is said: no secret of the environment gets past it.

use std::io::{Result, Write};
use std::sync::LazyLock;

/// Values of `DBT_ENV_SECRET_*`, the longest first: one may hold another.
static SECRETS: LazyLock<Vec<String>> = LazyLock::new(|| {
    let named = |(name, _): &(String, String)| name.starts_with("DBT_ENV_SECRET_");
    let variables = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
    let mut secrets: Vec<String> = variables.filter(named).map(|(_, value)| value).collect();
    secrets.retain(|secret| !secret.is_empty());
    secrets.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
    secrets
});

/// Writes a line to stdout.
///
/// # Errors
/// The reader went away.
pub fn line(text: &str) -> Result<()> {
    writeln!(std::io::stdout().lock(), "{}", veil(text))
}

/// Writes a line to stderr, where somebody reads it.
pub fn error_line(text: &str) {
    let _ = writeln!(std::io::stderr().lock(), "{}", veil(text));
}

/// The text as it may be shown.
pub fn veil(text: &str) -> String {
    veiled(text, &SECRETS)
}

fn veiled(text: &str, secrets: &[String]) -> String {
    let veil = |text: String, secret: &String| text.replace(secret.as_str(), "*****");
    secrets.iter().fold(text.to_owned(), veil)
}

#[cfg(test)]
mod tests {
    #[test]
    fn secrets_are_veiled_whole() {
        let secrets = ["topsecret".to_owned(), "secret".to_owned()];
        let said = super::veiled("topsecret, secret and public", &secrets);
        assert_eq!(said, "*****, ***** and public");
    }
}
