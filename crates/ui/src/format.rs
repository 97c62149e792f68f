//! Numbers and times as people read them. All times are UTC and given in milliseconds since 1970.

use chrono::{DateTime, Utc};

use crate::markup::{Markup, Text};

/// What stands where there is no value.
pub const NONE: &str = "\u{2013}";

/// `336776` as `336,776`.
pub fn count(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// `count` with its noun: `1 row`, `2 rows`.
pub fn counted(n: u64, one: &str, many: &str) -> String {
    format!("{} {}", count(n), if n == 1 { one } else { many })
}

/// Bytes in units of 1024: `12.4 MiB`.
pub fn bytes(n: u64) -> String {
    const UNITS: [&str; 5] = ["KiB", "MiB", "GiB", "TiB", "PiB"];
    if n < 1024 {
        return format!("{n} B");
    }
    let mut value = n as f64 / 1024.0;
    let mut unit = 0;
    while value >= 1023.95 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    format!("{value:.1} {}", UNITS[unit])
}

/// A length of time: `820 ms`, `4.2 s`, `3 min 12 s`, `2 h 05 min`.
pub fn duration(ms: i64) -> String {
    match ms.max(0) {
        ms if ms < 1_000 => format!("{ms} ms"),
        ms if ms < 59_950 => format!("{:.1} s", ms as f64 / 1e3),
        ms if ms < 3_600_000 => {
            let s = ms / 1000;
            format!("{} min {:02} s", s / 60, s % 60)
        }
        ms if ms < 172_800_000 => {
            let min = ms / 60_000;
            format!("{} h {:02} min", min / 60, min % 60)
        }
        ms => format!("{} days", ms / 86_400_000),
    }
}

/// A delay given in milliseconds, as precise as it matters: `0.18 ms`, `4.2 ms`, `31 ms`.
pub fn delay(ms: f64) -> String {
    match ms {
        ms if !ms.is_finite() => NONE.to_owned(),
        ms if ms < 1.0 => format!("{ms:.2} ms"),
        ms if ms < 10.0 => format!("{ms:.1} ms"),
        ms => format!("{ms:.0} ms"),
    }
}

/// Four significant digits: `0.7214`, `12.35`, `244600`.
pub fn number(x: f64) -> String {
    if !x.is_finite() {
        return x.to_string();
    }
    if x == 0.0 {
        return "0".to_owned();
    }
    let magnitude = x.abs().log10().floor();
    if !(-5.0..15.0).contains(&magnitude) {
        return format!("{x:.3e}");
    }
    let decimals = (3.0 - magnitude).max(0.0) as usize;
    let text = format!("{x:.decimals$}");
    match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => text,
    }
}

/// A metric: four decimals, so that a column of them lines up.
pub fn metric(x: f64) -> String {
    match x {
        x if !x.is_finite() => x.to_string(),
        x if x.abs() >= 1_000.0 => number(x),
        // A learning rate is not nothing.
        x if x != 0.0 && x.abs() < 0.001 => number(x),
        x => format!("{x:.4}"),
    }
}

/// A written number with more digits than anyone reads, as [`number`]; None of what is short or no number.
pub fn rounded(text: &str) -> Option<String> {
    let is_long = text.len() > 10 && text.contains('.');
    let value: f64 = text.parse().ok().filter(|_| is_long)?;
    value.is_finite().then(|| number(value))
}

/// A difference with its sign: `+0.0041`, `−0.0041`, `±0`.
pub fn change(x: f64) -> String {
    match x {
        x if x.abs() < 0.000_05 => "\u{b1}0".to_owned(),
        x if x < 0.0 => format!("\u{2212}{}", metric(-x)),
        x => format!("+{}", metric(x)),
    }
}

/// `0.1234` as `12.3 %`.
pub fn percent(x: f64) -> String {
    format!("{:.1}\u{202f}%", x * 100.0)
}

/// `2013-12-31 23:00:05`.
pub fn instant(ms: i64) -> String {
    write(ms, "%Y-%m-%d %H:%M:%S")
}

/// `23:05`.
pub fn clock(ms: i64) -> String {
    write(ms, "%H:%M")
}

fn write(ms: i64, pattern: &str) -> String {
    DateTime::<Utc>::from_timestamp_millis(ms)
        .map_or_else(|| ms.to_string(), |t| t.format(pattern).to_string())
}

/// An instant as a `<time>` element that machines can read too.
pub fn time(ms: i64) -> Markup {
    let machine = write(ms, "%Y-%m-%dT%H:%M:%SZ");
    let text = instant(ms);
    Markup::trusted(format!(
        "<time datetime=\"{}\">{}</time>",
        Text(&machine),
        Text(&text)
    ))
}

/// Eight characters that tell an id from others: the first, but the last of a UUID, whose first
/// ones are the time.
pub fn short(id: &str) -> &str {
    match id.contains('-') {
        true => id
            .char_indices()
            .rev()
            .nth(7)
            .map_or(id, |(at, _)| &id[at..]),
        false => id.char_indices().nth(8).map_or(id, |(at, _)| &id[..at]),
    }
}

/// At most `limit` characters, the last one an ellipsis where something was cut.
pub fn clip(text: &str, limit: usize) -> String {
    if text.chars().count() <= limit {
        return text.to_owned();
    }
    let mut out: String = text.chars().take(limit.saturating_sub(1)).collect();
    out.push('\u{2026}');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_and_sizes() {
        assert_eq!(count(336_776), "336,776");
        assert_eq!(count(1_000), "1,000");
        assert_eq!(count(12), "12");
        assert_eq!(counted(1, "row", "rows"), "1 row");
        assert_eq!(bytes(1023), "1023 B");
        assert_eq!(bytes(13_002_342), "12.4 MiB");
    }

    #[test]
    fn lengths_of_time() {
        assert_eq!(duration(820), "820 ms");
        assert_eq!(duration(4_230), "4.2 s");
        assert_eq!(duration(192_000), "3 min 12 s");
        assert_eq!(duration(7_500_000), "2 h 05 min");
        assert_eq!(delay(0.184), "0.18 ms");
        assert_eq!(delay(31.4), "31 ms");
    }

    #[test]
    fn numbers_keep_what_matters() {
        assert_eq!(number(0.0), "0");
        assert_eq!(number(0.721_431), "0.7214");
        assert_eq!(number(1048.0), "1048");
        assert_eq!(number(0.000_001_5), "1.500e-6");
        assert_eq!(
            (metric(0.7), metric(0.0)),
            ("0.7000".into(), "0.0000".into())
        );
        assert_eq!(metric(0.000_03), "0.00003");
        assert_eq!(rounded("0.00020621366858310").unwrap(), "0.0002062");
        assert_eq!((rounded("0.1"), rounded("20240115103000")), (None, None));
        assert_eq!(change(-0.004_1), "\u{2212}0.0041");
        assert_eq!(change(0.000_01), "\u{b1}0");
    }

    #[test]
    fn times_are_utc_and_never_fail() {
        assert_eq!(instant(1_388_530_805_000), "2013-12-31 23:00:05");
        assert_eq!(instant(i64::MAX), i64::MAX.to_string());
        assert_eq!(clip("late_arrival", 5), "late\u{2026}");
        assert_eq!(short("\u{fc}bergrosse_id"), "\u{fc}bergros");
        assert_eq!(short("0198c2f4-1d2e-7c3b-a4f5-6b7c8d9e0f1a"), "8d9e0f1a");
    }
}
