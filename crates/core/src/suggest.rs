//! "Did you mean": the nearest of the valid names.

/// `did you mean 'x'?` for the nearest candidate, the first of them by name, if one is near enough to be meant:
/// a third of the letters may be wrong, and something of the word must be right. The word itself is no other one.
pub fn nearest<'a>(wrong: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<String> {
    let length = wrong.chars().count();
    let limit = (length / 3).max(1);
    candidates
        .into_iter()
        .filter(|candidate| *candidate != wrong)
        .map(|candidate| (distance(wrong, candidate), candidate))
        .filter(|(d, _)| *d <= limit && *d < length)
        .min()
        .map(|(_, candidate)| format!("did you mean '{candidate}'?"))
}

/// Characters to put in, leave out, change or swap with their neighbour (the restricted distance of Damerau and
/// Levenshtein), ASCII case ignored.
fn distance(a: &str, b: &str) -> usize {
    let letters =
        |text: &str| -> Vec<char> { text.chars().map(|c| c.to_ascii_lowercase()).collect() };
    let (a, b) = (letters(a), letters(b));
    let mut rows: [Vec<usize>; 3] = [
        vec![0; b.len() + 1],
        (0..=b.len()).collect(),
        vec![0; b.len() + 1],
    ];
    for i in 1..=a.len() {
        let [older, last, row] = &mut rows;
        row[0] = i;
        for j in 1..=b.len() {
            let change = last[j - 1] + usize::from(a[i - 1] != b[j - 1]);
            row[j] = change.min(last[j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                row[j] = row[j].min(older[j - 2] + 1);
            }
        }
        rows.rotate_left(1);
    }
    rows[1][b.len()]
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
        assert_eq!(
            nearest("tgas", keys).as_deref(),
            Some("did you mean 'tags'?")
        );
        assert_eq!(nearest("colour", keys), None);
        assert_eq!(nearest("tags", keys), None);
        assert_eq!(nearest("b", ["a"]), None);
        assert_eq!(
            nearest("ab", ["b", "a"]).as_deref(),
            Some("did you mean 'a'?")
        );
    }
}
