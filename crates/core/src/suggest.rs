//! "Did you mean": the nearest of the valid names.

/// `did you mean 'x'?` for the nearest candidate, if one is near enough to be meant.
pub fn nearest<'a>(wrong: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<String> {
    let limit = (wrong.chars().count() / 3).max(1) + 1;
    candidates
        .into_iter()
        .map(|candidate| (distance(wrong, candidate), candidate))
        .filter(|(d, _)| *d <= limit)
        .min()
        .map(|(_, candidate)| format!("did you mean '{candidate}'?"))
}

/// Levenshtein distance over characters, ASCII case ignored.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let substitute = diagonal + usize::from(!x.eq_ignore_ascii_case(y));
            diagonal = row[j + 1];
            row[j + 1] = substitute.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_the_nearest_and_only_when_it_is_near() {
        let keys = ["materialized", "unique_key", "tags"];
        assert_eq!(
            nearest("materialised", keys).as_deref(),
            Some("did you mean 'materialized'?")
        );
        assert_eq!(nearest("colour", keys), None);
    }
}
