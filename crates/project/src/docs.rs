//! The `{% docs %}` blocks that descriptions take in.

use std::sync::LazyLock;

use regex::Regex;

use crate::jinja::Shared;
use crate::nodes::Draft;

/// The blocks that a text with Jinja calls, as `name` or `package.name`.
pub(crate) fn called(written: Option<&str>) -> Vec<String> {
    static CALL: LazyLock<Regex> = LazyLock::new(|| {
        let text = r#"['"]([^'"]+)['"]"#;
        let call = format!(r"\bdoc\(\s*{text}\s*(?:,\s*{text}\s*)?\)");
        Regex::new(&call).expect("a valid pattern")
    });
    let Some(text) = written.filter(|text| text.contains("doc(")) else {
        return Vec::new();
    };
    let calls = CALL.captures_iter(text);
    let name = |call: regex::Captures<'_>| match call.get(2) {
        Some(name) => format!("{}.{}", &call[1], name.as_str()),
        None => call[1].to_owned(),
    };
    calls.map(name).collect()
}

/// Puts ids in the place of what [`called`] has found. What is not there has been told when the text was rendered.
pub(crate) fn resolve(shared: &Shared, draft: &mut Draft) {
    let package = &draft.node.package;
    let id = |call: &String| {
        let (of, name) = match call.split_once('.') {
            Some((of, name)) => (Some(of), name),
            None => (None, call.as_str()),
        };
        let (of, _) = shared.doc(package, of, name)?;
        Some(format!("doc.{of}.{name}"))
    };
    let all = draft
        .node
        .columns
        .values_mut()
        .map(|column| &mut column.docs);
    for docs in all.chain([&mut draft.detail.docs]) {
        if !docs.is_empty() {
            *docs = docs.iter().filter_map(id).collect();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_of_a_text_in_order() {
        let text = "{{ doc('orders') }}, see {{ doc( \"shop\", \"terms\" ) }} {{ mydoc('x') }}";
        assert_eq!(called(Some(text)), ["orders", "shop.terms"]);
        assert!(called(Some("a doc")).is_empty() && called(None).is_empty());
    }
}
