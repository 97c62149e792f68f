//! Parameter lists of macros: `model, column_name, quote=true`.

/// One parameter of a macro.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Param {
    pub name: String,
    pub optional: bool,
    /// The default, where it names a parameter before it: the engine evaluates the last one first.
    pub computed: Option<String>,
}

/// Splits the text between a macro's brackets. Commas inside brackets and quotes do not separate.
pub(crate) fn params(signature: &str) -> Vec<Param> {
    let mut found: Vec<Param> = Vec::new();
    for part in split(signature).into_iter().map(str::trim) {
        if part.is_empty() {
            continue;
        }
        let (name, default) = match part.split_once('=') {
            Some((name, default)) => (name.trim(), Some(default.trim())),
            None => (part, None),
        };
        let computed = default.filter(|text| found.iter().any(|before| names(text, &before.name)));
        found.push(Param {
            name: name.to_owned(),
            optional: default.is_some(),
            computed: computed.map(str::to_owned),
        });
    }
    found
}

/// Whether an expression has the name as a word of its own: not as an attribute, and not in a text.
fn names(text: &str, name: &str) -> bool {
    let (mut rest, mut before, mut quote) = (text, ' ', None);
    while let Some(c) = rest.chars().next() {
        let word = rest
            .find(|c: char| !c.is_alphanumeric() && c != '_')
            .unwrap_or(rest.len());
        let mut length = c.len_utf8();
        match quote {
            Some(open) => quote = (c != open).then_some(open),
            None if word > 0 => {
                if &rest[..word] == name && before != '.' {
                    return true;
                }
                length = word;
            }
            None => quote = matches!(c, '\'' | '"').then_some(c),
        }
        before = rest[..length].chars().last().unwrap_or(c);
        rest = &rest[length..];
    }
    false
}

fn split(text: &str) -> Vec<&str> {
    let (mut parts, mut start, mut depth, mut quote) = (Vec::new(), 0, 0usize, None);
    for (at, c) in text.char_indices() {
        match (quote, c) {
            (Some(open), _) => quote = (c != open).then_some(open),
            (None, '\'' | '"') => quote = Some(c),
            (None, '(' | '[' | '{') => depth += 1,
            (None, ')' | ']' | '}') => depth = depth.saturating_sub(1),
            (None, ',') if depth == 0 => {
                parts.push(&text[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&text[start..]);
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_may_hold_commas() {
        let found = params("model, values=['a,', 'b'], quote = true, x={'a': (1, 2)},");
        let names: Vec<_> = found
            .iter()
            .map(|p| (p.name.as_str(), p.optional))
            .collect();
        assert_eq!(
            names,
            [
                ("model", false),
                ("values", true),
                ("quote", true),
                ("x", true)
            ]
        );
        assert!(params("  ").is_empty());
    }

    #[test]
    fn defaults_that_name_parameters_before_them_are_computed() {
        let found = params("a, b='a', c=a ~ '_x', d=x.a, e=[f(c)], f=g, g=1");
        let computed: Vec<_> = found.iter().map(|p| p.computed.as_deref()).collect();
        let none = None;
        assert_eq!(
            computed,
            [
                none,
                none,
                Some("a ~ '_x'"),
                none,
                Some("[f(c)]"),
                none,
                none
            ]
        );
    }
}
