//! Parameter lists of macros: `model, column_name, quote=true`.

/// One parameter of a macro.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Param {
    pub name: String,
    pub optional: bool,
}

/// Splits the text between a macro's brackets. Commas inside brackets and quotes do not separate.
pub(crate) fn params(signature: &str) -> Vec<Param> {
    split(signature)
        .into_iter()
        .map(str::trim)
        .filter(|part| !part.is_empty())
        .map(|part| {
            let (name, default) = part
                .split_once('=')
                .map_or((part, None), |(name, default)| (name, Some(default)));
            Param {
                name: name.trim().to_owned(),
                optional: default.is_some(),
            }
        })
        .collect()
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
}
