//! How good predicted numbers are.

use std::collections::BTreeMap;

use super::CalibrationBin;

pub const NAMES: [&str; 4] = ["bias", "mae", "r2", "rmse"];

/// Every metric by name; at least one row. Without any spread of the truth, R² is NaN.
pub fn all(labels: &[f64], answers: &[f64]) -> BTreeMap<String, f64> {
    let count = labels.len() as f64;
    let errors: Vec<f64> = answers
        .iter()
        .zip(labels)
        .map(|(answer, label)| answer - label)
        .collect();
    let squares: f64 = errors.iter().map(|error| error * error).sum();
    let mean = labels.iter().sum::<f64>() / count;
    let spread: f64 = labels.iter().map(|label| (label - mean).powi(2)).sum();
    let values = [
        errors.iter().sum::<f64>() / count,
        errors.iter().map(|error| error.abs()).sum::<f64>() / count,
        if spread > 0.0 {
            1.0 - squares / spread
        } else {
            f64::NAN
        },
        (squares / count).sqrt(),
    ];
    NAMES
        .iter()
        .map(|name| (*name).to_owned())
        .zip(values)
        .collect()
}

/// Rows in ascending order of the answer cut into runs of about equal size: the means of answers
/// and truths.
pub fn calibration(labels: &[f64], answers: &[f64], bins: usize) -> Vec<CalibrationBin> {
    let mut rows: Vec<usize> = (0..labels.len()).collect();
    rows.sort_by(|a, b| answers[*a].total_cmp(&answers[*b]));
    let bin = |index: usize| {
        let rows = &rows[rows.len() * index / bins..rows.len() * (index + 1) / bins];
        let mean =
            |values: &[f64]| rows.iter().map(|row| values[*row]).sum::<f64>() / rows.len() as f64;
        (!rows.is_empty()).then(|| CalibrationBin {
            predicted: mean(answers),
            observed: mean(labels),
            rows: rows.len() as u64,
        })
    };
    (0..bins).filter_map(bin).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Expected values: scikit-learn's `r2_score`, `mean_absolute_error`, `root_mean_squared_error`.
    #[test]
    fn agrees_with_scikit_learn() {
        let found = all(&[3.0, -0.5, 2.0, 7.0], &[2.5, 0.0, 2.0, 8.0]);
        for (name, expected) in [
            ("bias", 0.25),
            ("mae", 0.5),
            ("r2", 0.9486081370449679),
            ("rmse", 0.6123724356957945),
        ] {
            assert!(
                (found[name] - expected).abs() < 1e-14,
                "{name} {}",
                found[name]
            );
        }
        assert!(all(&[1.0, 1.0], &[1.0, 2.0])["r2"].is_nan());
    }
}
