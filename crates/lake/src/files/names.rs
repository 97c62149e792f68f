//! What the columns of a file are called.

use crate::functions::without_accents;

/// The words that DuckDB does not leave as names of columns when it normalises them.
const KEYWORDS: &str = include_str!("keywords.txt");

/// Names without one are numbered, and those that occur again.
pub(super) fn of_header(first: &[String], normalizes: bool) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for (at, name) in first.iter().enumerate() {
        let name = match name.trim() {
            "" => format!("column{at}"),
            _ if normalizes => normalized(name),
            name => name.to_owned(),
        };
        let mut unique = name.clone();
        let mut count = 0;
        while names
            .iter()
            .any(|taken| taken.eq_ignore_ascii_case(&unique))
        {
            count += 1;
            unique = format!("{name}_{count}");
        }
        names.push(unique);
    }
    names
}

/// As `normalize_names` has it: small letters, digits and `_`, which also stands for blanks.
fn normalized(name: &str) -> String {
    let plain = without_accents(name);
    let kept = plain.chars().filter_map(|c| match c {
        c if c.is_ascii_alphanumeric() || c == '_' => Some(c.to_ascii_lowercase()),
        c if c.is_whitespace() => Some(' '),
        _ => None,
    });
    let kept: String = kept.collect();
    let name = kept.split_whitespace().collect::<Vec<_>>().join("_");
    let is_taken = KEYWORDS.split_whitespace().any(|word| word == name);
    match name.as_bytes().first() {
        Some(first) if is_taken || first.is_ascii_digit() => format!("_{name}"),
        Some(_) => name,
        None => "_".to_owned(),
    }
}
