//! `ref(...)` and `source(...)` as values: what a template asks for by name.

use std::fmt;

/// One `ref(...)` or `source(...)` as it was called.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum RefCall {
    Ref {
        package: Option<String>,
        name: String,
        /// As text: `2` of `v=2`.
        version: Option<String>,
    },
    Source {
        source: String,
        table: String,
    },
    Function {
        package: Option<String>,
        name: String,
    },
}

impl RefCall {
    /// Reads a call out of a YAML text, with braces or without.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let text = text
            .strip_prefix("{{")
            .and_then(|text| text.strip_suffix("}}"))
            .unwrap_or(text)
            .trim();
        let (function, rest) = text.split_once('(')?;
        let mut names = Vec::new();
        let mut version = None;
        for argument in rest.trim_end().strip_suffix(')')?.split(',') {
            match argument.split_once('=') {
                Some((key, value)) if matches!(key.trim(), "v" | "version") => {
                    let value = value.trim();
                    version = Some(unquote(value).unwrap_or_else(|| value.to_owned()));
                }
                _ => names.push(unquote(argument)?),
            }
        }
        let mut names = names.into_iter();
        let call = match (function.trim(), names.next()?, names.next(), version) {
            ("ref", name, None, version) => RefCall::Ref {
                package: None,
                name,
                version,
            },
            ("ref", package, Some(name), version) => RefCall::Ref {
                package: Some(package),
                name,
                version,
            },
            ("source", source, Some(table), None) => RefCall::Source { source, table },
            ("function", name, None, None) => RefCall::Function {
                package: None,
                name,
            },
            ("function", package, Some(name), None) => RefCall::Function {
                package: Some(package),
                name,
            },
            _ => return None,
        };
        names.next().is_none().then_some(call)
    }
}

fn unquote(text: &str) -> Option<String> {
    let text = text.trim();
    let inner = ['\'', '"']
        .iter()
        .find_map(|q| text.strip_prefix(*q)?.strip_suffix(*q))?;
    Some(inner.to_owned())
}

/// As it is written in a template.
impl fmt::Display for RefCall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RefCall::Source { source, table } => write!(f, "source('{source}', '{table}')"),
            RefCall::Function {
                package: Some(package),
                name,
            } => write!(f, "function('{package}', '{name}')"),
            RefCall::Function { name, .. } => write!(f, "function('{name}')"),
            RefCall::Ref {
                package,
                name,
                version,
            } => {
                f.write_str("ref(")?;
                if let Some(package) = package {
                    write!(f, "'{package}', ")?;
                }
                write!(f, "'{name}'")?;
                if let Some(version) = version {
                    write!(f, ", version='{version}'")?;
                }
                f.write_str(")")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_with_and_without_braces() {
        let parse = RefCall::parse;
        let arrivals = RefCall::Ref {
            package: None,
            name: "arrivals".into(),
            version: None,
        };
        assert_eq!(parse("ref('arrivals')"), Some(arrivals.clone()));
        assert_eq!(parse("{{ ref( \"arrivals\" ) }}"), Some(arrivals));
        let source = RefCall::Source {
            source: "raw".into(),
            table: "flights".into(),
        };
        assert_eq!(parse("source('raw', 'flights')"), Some(source));
        assert_eq!(parse("arrivals"), None);
        assert_eq!(parse("ref(arrivals)"), None);
        assert_eq!(parse("ref('a', 'b', 'c')"), None);
    }

    #[test]
    fn a_call_reads_back_as_it_prints() {
        for text in [
            "ref('a')",
            "ref('p', 'a')",
            "ref('a', version='2')",
            "source('s', 't')",
        ] {
            assert_eq!(RefCall::parse(text).unwrap().to_string(), text);
        }
        let short = RefCall::parse("ref('a', v=2)").unwrap();
        assert_eq!(short.to_string(), "ref('a', version='2')");
    }
}
