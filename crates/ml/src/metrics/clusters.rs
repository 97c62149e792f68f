//! How close rows lie to their clusters' centres.

use std::collections::BTreeMap;

pub const NAMES: [&str; 3] = ["clusters_used", "largest_share", "mean_squared_distance"];

/// Every metric by name; at least one row. `nearest` are by row its cluster and the squared distance
/// to the centre, in standardised inputs.
pub fn all(nearest: &[(u32, f64)]) -> BTreeMap<String, f64> {
    let mut counts: BTreeMap<u32, u64> = BTreeMap::new();
    for (cluster, _) in nearest {
        *counts.entry(*cluster).or_default() += 1;
    }
    let rows = nearest.len() as f64;
    let largest = counts.values().max().copied().unwrap_or_default();
    let distance: f64 = nearest.iter().map(|(_, distance)| distance).sum();
    let values = [counts.len() as f64, largest as f64 / rows, distance / rows];
    NAMES
        .iter()
        .map(|name| (*name).to_owned())
        .zip(values)
        .collect()
}
