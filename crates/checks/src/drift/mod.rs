//! Drift: how far the values of now are from those of a reference, and whether that is too far.

mod binned;
pub mod samples;
pub mod shares;
mod special;

use forebay_core::ml::Monitor;
use forebay_core::{Diagnostic, suggest};
use serde::{Deserialize, Serialize};

use crate::profile::{ColumnProfile, Profile};

/// A distance of two profiles of a column, over the reference's bins and one for missing values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Statistic {
    Psi,
    Js,
    Kl,
    Hellinger,
}

const STATISTICS: [(&str, Statistic); 4] = [
    ("psi", Statistic::Psi),
    ("js", Statistic::Js),
    ("kl", Statistic::Kl),
    ("hellinger", Statistic::Hellinger),
];

/// What must hold of a column: `psi < 0.2`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rule {
    pub statistic: Statistic,
    /// Whether the bound itself is still allowed (`<=`).
    pub inclusive: bool,
    pub bound: f64,
}

/// One column held against its rule.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ColumnDrift {
    pub column: String,
    pub statistic: Statistic,
    pub value: f64,
    pub bound: f64,
    pub passed: bool,
}

/// Holds every column of the reference against the monitor's common rule or its own.
///
/// # Errors
/// The user's, for a rule that cannot be read or speaks of an unknown column, and for columns that
/// the current rows lack or have in another type.
pub fn compare(
    monitor: &Monitor,
    reference: &Profile,
    current: &Profile,
) -> Result<Vec<ColumnDrift>, Diagnostic> {
    let known: Vec<&str> = reference
        .columns
        .iter()
        .map(|column| column.name.as_str())
        .collect();
    if let Some(unknown) = monitor
        .columns
        .keys()
        .find(|name| !known.contains(&name.as_str()))
    {
        return Err(
            Diagnostic::error(format!("no column '{unknown}' is watched for drift"))
                .maybe_hint(suggest::nearest(unknown, known.iter().copied()))
                .hint(format!("watched columns: {}", known.join(", "))),
        );
    }
    let mut found = Vec::new();
    for column in &reference.columns {
        if let Some(rule) = monitor.columns.get(&column.name).or(monitor.drift.as_ref()) {
            found.push(Rule::parse(rule)?.judge(column, current)?);
        }
    }
    Ok(found)
}

impl Rule {
    pub fn parse(text: &str) -> Result<Self, Diagnostic> {
        let wrong = |what: String| {
            Diagnostic::error(format!("drift rule '{text}': {what}"))
                .hint("write a rule as `psi < 0.2`; statistics: psi, js, kl, hellinger")
        };
        let (name, bound) = text
            .split_once('<')
            .ok_or_else(|| wrong("it has no `<` or `<=`".to_owned()))?;
        let name = name.trim();
        let statistic = STATISTICS.iter().find(|(known, _)| *known == name);
        let (_, statistic) =
            statistic.ok_or_else(|| wrong(format!("there is no statistic '{name}'")))?;
        let (bound, inclusive) = match bound.strip_prefix('=') {
            Some(bound) => (bound.trim(), true),
            None => (bound.trim(), false),
        };
        let parsed = bound
            .parse()
            .ok()
            .filter(|bound: &f64| bound.is_finite() && *bound >= 0.0);
        Ok(Self {
            statistic: *statistic,
            inclusive,
            bound: parsed.ok_or_else(|| wrong(format!("'{bound}' is no bound")))?,
        })
    }

    fn judge(
        &self,
        reference: &ColumnProfile,
        current: &Profile,
    ) -> Result<ColumnDrift, Diagnostic> {
        let name = &reference.name;
        let current = current.column(name).ok_or_else(|| {
            Diagnostic::error(format!("the rows to compare lack the column '{name}'"))
        })?;
        let value = distance(self.statistic, reference, current).ok_or_else(|| {
            Diagnostic::error(format!(
                "column '{name}' has numbers on one side and text on the other"
            ))
        })?;
        Ok(ColumnDrift {
            column: name.clone(),
            statistic: self.statistic,
            value,
            bound: self.bound,
            passed: value < self.bound || (self.inclusive && value == self.bound),
        })
    }
}

/// The distance of two profiles of a column; 0 where either has no rows. None where one has numbers
/// and the other text.
pub fn distance(
    statistic: Statistic,
    reference: &ColumnProfile,
    current: &ColumnProfile,
) -> Option<f64> {
    let binned = binned::bin(reference, current)?;
    let (r, c) = (&binned.reference, &binned.current);
    if r.iter().chain(c).any(|share| share.is_nan()) {
        return Some(0.0);
    }
    Some(match statistic {
        Statistic::Psi => shares::psi(r, c),
        Statistic::Js => shares::js(r, c),
        Statistic::Kl => shares::kl(r, c),
        Statistic::Hellinger => shares::hellinger(r, c),
    })
}

/// Population stability index of two profiles of a column; see [`distance`].
pub fn psi(reference: &ColumnProfile, current: &ColumnProfile) -> Option<f64> {
    distance(Statistic::Psi, reference, current)
}

#[cfg(test)]
mod tests;
