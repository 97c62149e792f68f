//! Shell patterns: `*` any characters, `?` one, `[abc]` one of these.

/// Whether the whole text fits.
pub(crate) fn matches(pattern: &str, text: &str) -> bool {
    let pattern: Vec<char> = pattern.chars().collect();
    let text: Vec<char> = text.chars().collect();
    fits(&pattern, &text)
}

/// The same for paths: `*` stays within a folder, `**` stands for any number of folders.
pub(crate) fn matches_path(pattern: &str, path: &str) -> bool {
    let pattern: Vec<&str> = pattern.split('/').collect();
    let path: Vec<&str> = path.split('/').collect();
    fits_path(&pattern, &path)
}

fn fits_path(pattern: &[&str], path: &[&str]) -> bool {
    match (pattern, path) {
        ([], path) => path.is_empty(),
        (["**", rest @ ..], path) => (0..=path.len()).any(|at| fits_path(rest, &path[at..])),
        ([first, rest @ ..], [name, below @ ..]) => matches(first, name) && fits_path(rest, below),
        _ => false,
    }
}

/// Remembers the last star, so that the time grows with the product of the lengths at worst.
fn fits(pattern: &[char], text: &[char]) -> bool {
    let (mut p, mut t) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while t < text.len() {
        if pattern.get(p) == Some(&'*') {
            star = Some((p, t));
            p += 1;
            continue;
        }
        if let Some(width) = one(&pattern[p..], text[t]) {
            (p, t) = (p + width, t + 1);
            continue;
        }
        let Some((at, from)) = star else {
            return false;
        };
        star = Some((at, from + 1));
        (p, t) = (at + 1, from + 1);
    }
    pattern[p..].iter().all(|c| *c == '*')
}

/// How many characters of the pattern stand for that one of the text.
fn one(pattern: &[char], c: char) -> Option<usize> {
    match pattern {
        ['?', ..] => Some(1),
        ['[', rest @ ..] => {
            let close = rest.iter().position(|c| *c == ']')?;
            class(&rest[..close], c).then_some(close + 2)
        }
        [first, ..] => (*first == c).then_some(1),
        [] => None,
    }
}

/// `abc`, `a-c`, `!abc`.
fn class(members: &[char], c: char) -> bool {
    let (wanted, members) = match members {
        ['!', rest @ ..] => (false, rest),
        all => (true, all),
    };
    let mut at = 0;
    let mut found = false;
    while at < members.len() {
        if let [low, '-', high, ..] = &members[at..] {
            found |= (*low..=*high).contains(&c);
            at += 3;
        } else {
            found |= members[at] == c;
            at += 1;
        }
    }
    found == wanted
}

#[cfg(test)]
mod tests {
    use super::{matches, matches_path};

    #[test]
    fn patterns() {
        for (pattern, text, fit) in [
            ("stg_*", "stg_orders", true),
            ("*_orders", "stg_orders", true),
            ("s*g*s", "stg_orders", true),
            ("stg_?rders", "stg_orders", true),
            ("v[1-3]", "v2", true),
            ("v[!1-3]", "v2", false),
            ("stg", "stg_orders", false),
            ("*", "", true),
            ("?", "", false),
            ("[", "[", false),
        ] {
            assert_eq!(matches(pattern, text), fit, "{pattern} {text}");
        }
    }

    #[test]
    fn patterns_of_paths() {
        for (pattern, path, fit) in [
            ("models/*", "models/staging", true),
            ("models/*", "models/staging/a.sql", false),
            ("models/**/a.sql", "models/staging/raw/a.sql", true),
            ("models/**/a.sql", "models/a.sql", true),
            ("models", "models/a.sql", false),
        ] {
            assert_eq!(matches_path(pattern, path), fit, "{pattern} {path}");
        }
    }
}
