//! Times and durations as protobuf's JSON writes them: `2013-01-01T00:00:00.250Z`, `1.500s`.

use chrono::{DateTime, SecondsFormat};

use super::Problem;

pub fn time(ms: i64) -> String {
    let time = DateTime::from_timestamp_millis(ms).unwrap_or_default();
    time.to_rfc3339_opts(SecondsFormat::AutoSi, true)
}

/// In milliseconds since the epoch.
pub fn read_time(name: &str, text: &str) -> Result<i64, Problem> {
    let time = DateTime::parse_from_rfc3339(text);
    let time = time.map_err(|_| {
        Problem::invalid(format!(
            "'{name}' is a time such as 2013-01-01T00:00:00Z, not '{text}'"
        ))
    })?;
    Ok(time.timestamp_millis())
}

pub fn duration(ms: i64) -> String {
    let sign = if ms < 0 { "-" } else { "" };
    let (seconds, rest) = (ms.unsigned_abs() / 1000, ms.unsigned_abs() % 1000);
    match rest {
        0 => format!("{sign}{seconds}s"),
        rest => format!("{sign}{seconds}.{rest:03}s"),
    }
}

/// In milliseconds.
pub fn read_duration(name: &str, text: &str) -> Result<i64, Problem> {
    let seconds = text.strip_suffix('s').and_then(|s| s.parse::<f64>().ok());
    match seconds.filter(|seconds| seconds.is_finite()) {
        Some(seconds) => Ok((seconds * 1000.0).round() as i64),
        None => Err(Problem::invalid(format!(
            "'{name}' is a duration such as 1.5s, not '{text}'"
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_and_durations_come_back() {
        for (ms, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (1_795_754_333_837, "2026-11-27T04:38:53.837Z"),
        ] {
            assert_eq!((time(ms).as_str(), read_time("t", text)), (text, Ok(ms)));
        }
        for (ms, text) in [
            (0, "0s"),
            (587, "0.587s"),
            (61_000, "61s"),
            (-20, "-0.020s"),
        ] {
            assert_eq!(
                (duration(ms).as_str(), read_duration("d", text)),
                (text, Ok(ms))
            );
        }
        assert!(read_time("t", "soon").is_err() && read_duration("d", "1 s").is_err());
        assert!(read_duration("d", "NaNs").is_err());
    }
}
