//! Reads one criterion: `2+tag:nightly+`.

use forebay_core::Diagnostic;

use super::spec::Indirect;

/// Steps in one direction: `None` is all of them.
pub(super) type Depth = Option<usize>;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Criterion {
    /// As it was written, for messages.
    pub text: String,
    pub method: Option<String>,
    pub value: String,
    pub parents: Option<Depth>,
    pub children: Option<Depth>,
    /// `@x`: descendants, and everything that these need.
    pub children_with_parents: bool,
    /// Where a YAML selector says so; else what the command line says.
    pub indirect: Option<Indirect>,
}

impl Criterion {
    /// Without operators around it.
    pub fn plain(method: Option<&str>, value: &str) -> Self {
        Self {
            text: value.to_owned(),
            method: method.map(str::to_owned),
            value: value.to_owned(),
            parents: None,
            children: None,
            children_with_parents: false,
            indirect: None,
        }
    }

    pub fn parse(text: &str) -> Result<Self, Diagnostic> {
        let (children_with_parents, rest) = match text.strip_prefix('@') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let (parents, rest) = before(rest);
        let (children, rest) = after(rest);
        let method = rest.split_once(':').filter(|(method, _)| is_method(method));
        let (method, value) = method.map_or((None, rest), |(method, value)| {
            (Some(method.to_owned()), value)
        });
        if value.is_empty() || (children_with_parents && children.is_some()) {
            return Err(
                Diagnostic::error(format!("'{text}' cannot be read as a selection"))
                    .hint("such as: name, +name, name+2, @name, tag:nightly, path:models/staging"),
            );
        }
        Ok(Self {
            text: text.to_owned(),
            method,
            value: value.to_owned(),
            parents,
            children,
            children_with_parents,
            indirect: None,
        })
    }
}

fn is_method(text: &str) -> bool {
    text.chars()
        .all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-'))
}

/// `+` or `2+` in front.
fn before(text: &str) -> (Option<Depth>, &str) {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    match text[digits..].strip_prefix('+') {
        Some(rest) => (Some(text[..digits].parse().ok()), rest),
        None => (None, text),
    }
}

/// `+` or `+2` behind.
fn after(text: &str) -> (Option<Depth>, &str) {
    let digits = text.bytes().rev().take_while(u8::is_ascii_digit).count();
    let (head, count) = text.split_at(text.len() - digits);
    match head.strip_suffix('+') {
        Some(rest) => (Some(count.parse().ok()), rest),
        None => (None, text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operators() {
        let read = |text: &str| {
            let c = Criterion::parse(text).unwrap();
            (
                c.method,
                c.value,
                c.parents,
                c.children,
                c.children_with_parents,
            )
        };
        let name = |value: &str| (None, value.to_owned());
        assert_eq!(read("orders").0, None);
        let (method, value) = name("orders");
        assert_eq!(
            read("2+orders+1"),
            (method, value, Some(Some(2)), Some(Some(1)), false)
        );
        let (method, value) = name("v2");
        assert_eq!(read("+v2+"), (method, value, Some(None), Some(None), false));
        let tag = Some("tag".to_owned());
        assert_eq!(
            read("@tag:nightly"),
            (tag, "nightly".to_owned(), None, None, true)
        );
        assert_eq!(
            read("config.materialized:view").0.as_deref(),
            Some("config.materialized")
        );
        assert!(Criterion::parse("+").is_err());
        assert!(Criterion::parse("tag:").is_err());
        assert!(Criterion::parse("@x+").is_err());
    }
}
