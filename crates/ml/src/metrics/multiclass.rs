//! How good the probabilities of several classes are.

use std::collections::BTreeMap;

pub const NAMES: [&str; 4] = ["accuracy", "log_loss", "macro_f1", "roc_auc"];

/// Every metric by name; at least one row. `shares` are by row the probability of each class.
/// `roc_auc` is the mean of each class against the rest, over the classes that are there.
pub fn all(labels: &[usize], shares: &[Vec<f64>]) -> BTreeMap<String, f64> {
    let confusion = confusion(labels, shares);
    let right: u64 = (0..confusion.len())
        .map(|class| confusion[class][class])
        .sum();
    let count = labels.len() as f64;
    let loss: f64 = labels
        .iter()
        .zip(shares)
        .map(|(label, shares)| -shares[*label].clamp(f64::EPSILON, 1.0).ln())
        .sum();
    let values = [
        right as f64 / count,
        loss / count,
        macro_f1(&confusion),
        roc_auc(labels, shares),
    ];
    NAMES
        .iter()
        .map(|name| (*name).to_owned())
        .zip(values)
        .collect()
}

/// Rows by true class, then by the class of the highest probability (the first of equals).
pub fn confusion(labels: &[usize], shares: &[Vec<f64>]) -> Vec<Vec<u64>> {
    let classes = shares.first().map_or(0, Vec::len);
    let mut counts = vec![vec![0; classes]; classes];
    for (label, shares) in labels.iter().zip(shares) {
        let mut answer = 0;
        for (class, share) in shares.iter().enumerate() {
            if *share > shares[answer] {
                answer = class;
            }
        }
        counts[*label][answer] += 1;
    }
    counts
}

/// The mean over classes that are there or were answered.
fn macro_f1(confusion: &[Vec<u64>]) -> f64 {
    let f1 = |class: usize| {
        let of_class: u64 = confusion[class].iter().sum();
        let answered: u64 = confusion.iter().map(|row| row[class]).sum();
        let both = of_class + answered;
        (both > 0).then(|| 2.0 * confusion[class][class] as f64 / both as f64)
    };
    mean((0..confusion.len()).filter_map(f1))
}

fn roc_auc(labels: &[usize], shares: &[Vec<f64>]) -> f64 {
    let classes = shares.first().map_or(0, Vec::len);
    let auc = |class: usize| {
        let truth: Vec<bool> = labels.iter().map(|label| *label == class).collect();
        let scores: Vec<f64> = shares.iter().map(|shares| shares[class]).collect();
        Some(super::roc_auc(&truth, &scores)).filter(|auc| !auc.is_nan())
    };
    mean((0..classes).filter_map(auc))
}

/// NaN of nothing.
fn mean(values: impl Iterator<Item = f64>) -> f64 {
    let (mut sum, mut count) = (0.0, 0.0);
    for value in values {
        sum += value;
        count += 1.0;
    }
    sum / count
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Expected values by hand: classes 0, 1, 2 with rows 2, 1, 1; the third row is taken for class 0.
    #[test]
    fn hand_counted() {
        let shares = [
            vec![0.8, 0.1, 0.1],
            vec![0.5, 0.4, 0.1],
            vec![0.6, 0.3, 0.1],
            vec![0.2, 0.2, 0.6],
        ];
        let found = all(&[0, 0, 1, 2], &shares);
        assert_eq!(found["accuracy"], 0.75);
        let loss = -(0.8_f64.ln() + 0.5_f64.ln() + 0.3_f64.ln() + 0.6_f64.ln()) / 4.0;
        assert!((found["log_loss"] - loss).abs() < 1e-15);
        // Class 0: 2*2/(2+3); class 1: 0; class 2: 1.
        assert!((found["macro_f1"] - (0.8 + 0.0 + 1.0) / 3.0).abs() < 1e-15);
        // Class 0: one of four pairs is wrong (0.5 < 0.6); class 1: 0.3 beats 0.1, 0.2, not 0.4.
        let auc = (0.75 + 2.0 / 3.0 + 1.0) / 3.0;
        assert!((found["roc_auc"] - auc).abs() < 1e-15);
    }
}
