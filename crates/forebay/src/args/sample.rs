//! `--sample`: the span of time that rows are read of, as dbt writes it.

use chrono::{DateTime, Utc};
use forebay_core::Diagnostic;
use forebay_core::incremental::{Batch, BatchSize, moment};

/// `3 days` before now, or `{start: 2024-01-01, end: 2024-02-01}`; without a zone in UTC.
///
/// # Errors
/// The text is neither.
pub fn window(text: &str, now: DateTime<Utc>) -> Result<Batch, Diagnostic> {
    let found = match text.trim_start().starts_with('{') {
        true => between(text)?,
        false => before(text, now),
    };
    found
        .filter(|window| window.start < window.end)
        .ok_or_else(|| {
            Diagnostic::error(format!("--sample '{text}' is no span of time"))
                .hint("write it like '3 days', or '{start: 2024-01-01, end: 2024-02-01}'")
                .hint("it is counted in hours, days, months or years")
        })
}

fn between(text: &str) -> Result<Option<Batch>, Diagnostic> {
    let ends = forebay_project::parse_mapping("--sample", text)?;
    let end = |key: &str| moment(ends.get(key)?.as_str()?);
    Ok(end("start")
        .zip(end("end"))
        .map(|(start, end)| Batch { start, end }))
}

fn before(text: &str, end: DateTime<Utc>) -> Option<Batch> {
    let (number, size) = text.trim().split_once(' ')?;
    let number: i32 = number.parse().ok()?;
    let size = size.trim().to_lowercase();
    let size = BatchSize::named(size.trim_end_matches('s'))?;
    let start = size.moved(end, number.checked_neg()?);
    Some(Batch { start, end })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_end_now_or_where_they_say() {
        let now = moment("2024-03-31T12:30:00").unwrap();
        for (text, start, end) in [
            ("3 days", "2024-03-28T12:30:00", "2024-03-31T12:30:00"),
            ("1 month", "2024-02-29T12:30:00", "2024-03-31T12:30:00"),
            (
                "{start: 2024-01-01, end: '2024-01-02 06:00:00'}",
                "2024-01-01",
                "2024-01-02T06:00:00",
            ),
        ] {
            let expected = Batch {
                start: moment(start).unwrap(),
                end: moment(end).unwrap(),
            };
            assert_eq!(window(text, now).unwrap(), expected, "{text}");
        }
        for text in [
            "nonsense",
            "3 weeks",
            "x days",
            "{start: 2024-01-01}",
            "-1 day",
        ] {
            assert!(window(text, now).is_err(), "{text}");
        }
    }
}
