//! What a template's text calls, as far as names tell: nothing is run.

use std::sync::LazyLock;

use regex::Regex;

/// `name(...)`, or `package.name(...)`, whatever the first word is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Call<'a> {
    pub package: Option<&'a str>,
    pub name: &'a str,
}

/// `adapter.dispatch('name', 'namespace')`.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Dispatch {
    pub name: String,
    pub namespace: Option<String>,
    /// The namespace is given by its name, and is no text that can be read here.
    pub unread: bool,
    /// The byte where it is written.
    pub at: usize,
}

/// The text with blanks for all but the insides of its tags: for comments, what is raw, and what stands in quotes.
pub(crate) fn code(text: &str) -> String {
    static RAW: LazyLock<Regex> =
        LazyLock::new(|| Regex::new(r"^\{%[-+]?\s*raw\s*[-+]?%\}").expect("a valid pattern"));
    static END: LazyLock<Regex> =
        LazyLock::new(|| Regex::new(r"\{%[-+]?\s*endraw\s*[-+]?%\}").expect("a valid pattern"));
    let mut out = vec![b' '; text.len()];
    let mut at = 0;
    while let Some(open) = next_tag(text, at) {
        let rest = &text[open..];
        at = if rest.starts_with("{#") {
            open + rest.find("#}").map_or(rest.len(), |end| end + 2)
        } else if let Some(raw) = RAW.find(rest) {
            let end = END.find_at(rest, raw.end());
            open + end.map_or(rest.len(), |end| end.end())
        } else {
            copy_tag(text, open, &mut out)
        };
    }
    String::from_utf8(out).expect("whole characters are copied")
}

fn next_tag(text: &str, from: usize) -> Option<usize> {
    let opens = ["{{", "{%", "{#"].into_iter();
    let found = opens.filter_map(|open| text[from..].find(open));
    found.min().map(|at| from + at)
}

/// Copies what stands in the tag that opens there, and gives where it ends.
fn copy_tag(text: &str, open: usize, out: &mut [u8]) -> usize {
    let close = match text[open..].starts_with("{{") {
        true => "}}",
        false => "%}",
    };
    let (mut quote, mut braces, mut escaped) = (None, 0_u32, false);
    for (at, c) in text[open + 2..].char_indices() {
        let at = open + 2 + at;
        if let Some(mark) = quote {
            match c {
                _ if escaped => escaped = false,
                '\\' => escaped = true,
                c if c == mark => quote = None,
                _ => {}
            }
            continue;
        }
        if braces == 0 && text[at..].starts_with(close) {
            return at + 2;
        }
        match c {
            '\'' | '"' => quote = Some(c),
            '{' => braces += 1,
            '}' => braces = braces.saturating_sub(1),
            _ => {}
        }
        if quote.is_none() {
            let end = at + c.len_utf8();
            out[at..end].copy_from_slice(&text.as_bytes()[at..end]);
        }
    }
    text.len()
}

/// What stands before each opening bracket. Filters, tests and what belongs to a longer path are no calls of macros.
pub(crate) fn calls(code: &str) -> impl Iterator<Item = Call<'_>> {
    code.match_indices('(').filter_map(|(at, _)| {
        let (name, before) = last_word(&code[..at])?;
        let (package, before) = match before.strip_suffix('.') {
            Some(before) => {
                let (package, before) = last_word(before)?;
                (Some(package), before)
            }
            None => (None, before),
        };
        let is_part = before.ends_with(['.', '|']);
        let is_head = ["macro", "test", "materialization", "is", "is not"];
        let is_head = || {
            is_head.iter().any(|word| {
                before
                    .strip_suffix(word)
                    .is_some_and(|rest| rest.ends_with(|c: char| !in_name(c)))
            })
        };
        (!is_part && !is_head()).then_some(Call { package, name })
    })
}

/// The first argument that a call is given twice by its name, and where.
pub(crate) fn repeated(code: &str) -> Option<(usize, &str)> {
    let mut open: Vec<Vec<&str>> = Vec::new();
    let mut signs = code.char_indices().peekable();
    while let Some((at, c)) = signs.next() {
        match c {
            '(' | '[' | '{' => open.push(Vec::new()),
            ')' | ']' | '}' => drop(open.pop()),
            '=' if code[at + 1..].starts_with('=') => drop(signs.next()),
            '=' if !code[..at].ends_with(['!', '<', '>']) => {
                let Some((given, (name, before))) = open.last_mut().zip(last_word(&code[..at]))
                else {
                    continue;
                };
                if !before.ends_with(['(', ',']) {
                    continue;
                }
                if given.contains(&name) {
                    return Some((code[..at].trim_end().len() - name.len(), name));
                }
                given.push(name);
            }
            _ => {}
        }
    }
    None
}

fn in_name(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// The word that a text ends with, and what comes before it, both without blanks between.
fn last_word(text: &str) -> Option<(&str, &str)> {
    let text = text.trim_end();
    let before = text.trim_end_matches(in_name);
    let word = &text[before.len()..];
    (!word.is_empty()).then_some((word, before.trim_end()))
}

/// The dispatches of constant names in a text, whose code is given beside it.
pub(crate) fn dispatches(text: &str, code: &str) -> Vec<Dispatch> {
    static ARGUMENTS: LazyLock<Regex> = LazyLock::new(|| {
        let text = r#"['"]([\w.]+)['"]"#;
        let namespace = format!(r"(?:,\s*(macro_namespace\s*=\s*)?(?:{text}|[^\s)]))?");
        let pattern = format!(r"^\(\s*(?:macro_name\s*=\s*)?{text}\s*{namespace}");
        Regex::new(&pattern).expect("a valid pattern")
    });
    const CALLED: &str = "adapter.dispatch";
    let found = code.match_indices(CALLED).filter_map(|(at, _)| {
        let arguments = text[at + CALLED.len()..].trim_start();
        let found = ARGUMENTS.captures(arguments)?;
        let namespace = found.get(3).map(|text| text.as_str().to_owned());
        Some(Dispatch {
            name: found[1].to_owned(),
            unread: found.get(2).is_some() && namespace.is_none(),
            namespace,
            at,
        })
    });
    found.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(text: &str) -> Vec<String> {
        let code = code(text);
        let name = |call: Call<'_>| match call.package {
            Some(package) => format!("{package}.{}", call.name),
            None => call.name.to_owned(),
        };
        calls(&code).map(name).collect()
    }

    #[test]
    fn only_what_is_called_in_tags_counts() {
        let text = "{% macro a(x) %} b(1) {{ c('d(', {'e': f(2)}) }} {# g() #} {{ x.h() }} {{ x.y.i() }}\
            {{ k | l(1) }} {% if m is n(1) %}{% raw %}{{ o() }}{% endraw %}{% endif %}{% endmacro %}";
        assert_eq!(named(text), ["c", "f", "x.h"]);
    }

    #[test]
    fn a_name_is_given_once() {
        let text = "{{ f(a=1, b=g(a=2), c=[a == 1], a = 3) }}";
        assert_eq!(repeated(&code(text)), Some((32, "a")));
        assert_eq!(
            repeated(&code("{{ f(a=1) }}{{ f(a=1, b='a=') }}{% set a = 1 %}")),
            None
        );
    }

    #[test]
    fn dispatches_say_where_they_look() {
        let text = "{{ adapter.dispatch('a', 'p')() }}{{ adapter.dispatch(macro_name='b', macro_namespace=c)() }}\
            {{ adapter.dispatch('d', packages)() }}{# adapter.dispatch('e') #}{{ adapter.dispatch('f')() }}";
        let found = dispatches(text, &code(text));
        let found = found
            .iter()
            .map(|found| (&*found.name, found.namespace.as_deref(), found.unread));
        let wanted = [
            ("a", Some("p"), false),
            ("b", None, true),
            ("d", None, false),
            ("f", None, false),
        ];
        assert_eq!(found.collect::<Vec<_>>(), wanted);
    }
}
