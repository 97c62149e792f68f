//! `require-dbt-version`: which versions of dbt a project was written for.

use std::cmp::Ordering;

/// Numbers of a version, and what follows a hyphen or letter: `1.11.0-rc1`.
#[derive(Debug, PartialEq, Eq)]
struct Version {
    numbers: [u64; 3],
    /// Before the release itself.
    early: Option<String>,
}

/// Whether the version fits all requirements, each such as `>=1.3.0` or `<2.0.0`.
///
/// # Errors
/// A requirement that cannot be read.
pub(crate) fn fits(version: &str, requirements: &[String]) -> Result<bool, String> {
    let version = parse(version).ok_or_else(|| version.to_owned())?;
    let mut fits = true;
    for requirement in requirements.iter().flat_map(|text| text.split(',')) {
        let requirement = requirement.trim();
        let digits = requirement.find(|c: char| c.is_ascii_digit());
        let (operator, wanted) = requirement.split_at(digits.unwrap_or(requirement.len()));
        let wanted = parse(wanted).ok_or_else(|| requirement.to_owned())?;
        let order = compare(&version, &wanted);
        fits &= match operator.trim() {
            "" | "=" | "==" => order == Ordering::Equal,
            ">" => order == Ordering::Greater,
            ">=" => order != Ordering::Less,
            "<" => order == Ordering::Less,
            "<=" => order != Ordering::Greater,
            _ => return Err(requirement.to_owned()),
        };
    }
    Ok(fits)
}

fn parse(text: &str) -> Option<Version> {
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.');
    let (numbers, early) = text.split_at(end.unwrap_or(text.len()));
    let mut parsed = [0; 3];
    let mut parts = numbers.trim_end_matches('.').split('.');
    for number in &mut parsed {
        match parts.next() {
            Some(part) => *number = part.parse().ok()?,
            None => break,
        }
    }
    let early = early.trim_start_matches(['-', '.']);
    Some(Version {
        numbers: parsed,
        early: (!early.is_empty()).then(|| early.to_owned()),
    })
}

fn compare(a: &Version, b: &Version) -> Ordering {
    a.numbers
        .cmp(&b.numbers)
        .then_with(|| match (&a.early, &b.early) {
            (Some(a), Some(b)) => a.cmp(b),
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (None, None) => Ordering::Equal,
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requirements_are_ranges() {
        let fits = |all: &[&str]| {
            let all: Vec<String> = all.iter().map(|text| (*text).to_owned()).collect();
            fits("1.11.16", &all)
        };
        assert_eq!(fits(&[">=1.3.0", "<2.0.0"]), Ok(true));
        assert_eq!(fits(&[">=1.3.0,<1.11.0"]), Ok(false));
        assert_eq!(fits(&[">= 1.11.16-rc1"]), Ok(true));
        assert_eq!(fits(&["=1.11"]), Ok(false));
        assert_eq!(fits(&[">1"]), Ok(true));
        assert_eq!(fits(&["~1.2"]), Err("~1.2".to_owned()));
        assert_eq!(fits(&[]), Ok(true));
    }
}
