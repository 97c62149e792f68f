//! Distances of two distributions over the same bins, given as shares that sum to 1.
//!
//! Definitions are those of the usual monitoring tools (Evidently 0.7): natural logarithms, and for
//! PSI and KL an empty bin's share replaced by a small one.

/// Population stability index: the sum of `(r - c) ln(r / c)`.
pub fn psi(reference: &[f64], current: &[f64]) -> f64 {
    let (reference, current) = (without_zeros(reference), without_zeros(current));
    reference
        .iter()
        .zip(&current)
        .map(|(r, c)| (r - c) * (r / c).ln())
        .sum()
}

/// Kullback-Leibler divergence of the current from the reference: the sum of `r ln(r / c)`.
pub fn kl(reference: &[f64], current: &[f64]) -> f64 {
    let (reference, current) = (without_zeros(reference), without_zeros(current));
    relative_entropy(&normalised(&reference), &normalised(&current))
}

/// Jensen-Shannon distance: the root of the divergence, from 0 to the root of ln 2.
pub fn js(reference: &[f64], current: &[f64]) -> f64 {
    let middle: Vec<f64> = reference
        .iter()
        .zip(current)
        .map(|(r, c)| (r + c) / 2.0)
        .collect();
    let divergence = relative_entropy(reference, &middle) + relative_entropy(current, &middle);
    (divergence / 2.0).max(0.0).sqrt()
}

/// Hellinger distance: `sqrt(1 - sum sqrt(r c))`, from 0 to 1.
pub fn hellinger(reference: &[f64], current: &[f64]) -> f64 {
    let overlap: f64 = reference
        .iter()
        .zip(current)
        .map(|(r, c)| (r * c).sqrt())
        .sum();
    (1.0 - overlap.clamp(0.0, 1.0)).sqrt()
}

/// Counts as shares.
pub fn shares(counts: &[f64]) -> Vec<f64> {
    normalised(counts)
}

fn normalised(values: &[f64]) -> Vec<f64> {
    let sum: f64 = values.iter().sum();
    values.iter().map(|value| value / sum).collect()
}

fn relative_entropy(p: &[f64], q: &[f64]) -> f64 {
    let term = |(p, q): (&f64, &f64)| if *p == 0.0 { 0.0 } else { p * (p / q).ln() };
    p.iter().zip(q).map(term).sum()
}

/// Zeros become 0.0001, or a millionth of the smallest other share where that is no larger.
fn without_zeros(shares: &[f64]) -> Vec<f64> {
    const SMALL: f64 = 1e-4;
    let least = shares
        .iter()
        .copied()
        .filter(|share| *share > 0.0)
        .fold(f64::INFINITY, f64::min);
    let stand_in = if least <= SMALL { least / 1e6 } else { SMALL };
    shares
        .iter()
        .map(|share| if *share == 0.0 { stand_in } else { *share })
        .collect()
}
