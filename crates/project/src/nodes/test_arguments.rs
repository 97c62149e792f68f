//! The arguments of generic tests: what they are, and what their Jinja renders to.

use std::sync::Arc;

use indexmap::IndexMap;
use minijinja::Value;
use serde_json::Value as Json;

use super::generic_tests::Target;
use super::{Detail, TestDetail};
use crate::jinja::{Engine, Failure, Mode, NodeScope, Record, Shared, collections};
use crate::properties::{Argument, TestDecl};
use crate::render::has_jinja;

/// Those that are written, the column, and the node that it is declared on.
pub(super) fn of(target: &Target<'_>, decl: &TestDecl) -> Vec<(String, Argument)> {
    let text = |value: String| Argument {
        value: Json::String(value),
        at: decl.at.clone(),
    };
    let model = format!("{{{{ get_where_subquery({}) }}}}", target.call);
    let mut all: IndexMap<String, Argument> = decl.arguments.clone();
    if let Some(column) = &decl.column {
        all.insert("column_name".to_owned(), text(column.clone()));
    }
    all.insert("model".to_owned(), text(model));
    all.into_iter().collect()
}

/// Renders a test: its arguments first, then its macro with them.
pub(crate) fn run(
    engine: &Engine,
    shared: &Arc<Shared>,
    detail: &Detail,
    scope: &Arc<NodeScope>,
    mode: &Mode,
) -> Result<(String, Record), Failure> {
    let template = detail.template.as_deref().unwrap_or_default();
    let Some(test) = &detail.test else {
        return engine.render(template, shared, scope, mode);
    };
    let (value, first) = arguments(engine, shared, test, scope, mode)?;
    let mut scope = NodeScope::clone(scope);
    scope.test_arguments = Some(value);
    let (sql, record) = engine.render(template, shared, &Arc::new(scope), mode)?;
    Ok((sql, first.and(record)))
}

/// The arguments with their Jinja rendered: `ref('x')` becomes the relation itself.
pub(crate) fn arguments(
    engine: &Engine,
    shared: &Arc<Shared>,
    test: &TestDetail,
    scope: &Arc<NodeScope>,
    mode: &Mode,
) -> Result<(Value, Record), Failure> {
    let mut record = Record::default();
    let mut values: Vec<(String, Value)> = Vec::new();
    for (name, argument) in &test.arguments {
        let mut evaluate = |source: &str| {
            let evaluated = engine.evaluate(source, shared, scope, mode);
            let (value, more) = evaluated.map_err(|failure| failure.placed(&argument.at))?;
            record = std::mem::take(&mut record).and(more);
            Ok(value)
        };
        let value = rendered(name, &argument.value, &mut evaluate)?;
        values.push((name.clone(), value));
    }
    Ok((Value::from_pairs(values), record))
}

/// Jinja may also be within lists and mappings.
fn rendered(
    name: &str,
    value: &Json,
    evaluate: &mut dyn FnMut(&str) -> Result<Value, Failure>,
) -> Result<Value, Failure> {
    Ok(match value {
        Json::Array(items) => {
            let items = items.iter().map(|item| rendered("", item, evaluate));
            collections::list(items.collect::<Result<Vec<_>, _>>()?)
        }
        Json::Object(map) => {
            let pairs = map
                .iter()
                .map(|(key, item)| Ok((Value::from(key.as_str()), rendered("", item, evaluate)?)));
            collections::dict(pairs.collect::<Result<Vec<_>, Failure>>()?)
        }
        plain => match expression(name, plain) {
            None => collections::from_json(plain),
            Some(source) => evaluate(&source)?,
        },
    })
}

/// The Jinja of an argument, if it is any: written with braces, or as a bare call.
pub(super) fn expression(name: &str, value: &Json) -> Option<String> {
    let text = value.as_str()?;
    if has_jinja(text) {
        return Some(text.to_owned());
    }
    let trimmed = text.trim();
    let called = ["env_var", "ref", "var", "source", "doc"]
        .iter()
        .any(|function| {
            trimmed
                .strip_prefix(function)
                .is_some_and(|rest| rest.trim_start().starts_with('('))
        });
    (name != "column_name" && called && trimmed.ends_with(')'))
        .then(|| format!("{{{{ {trimmed} }}}}"))
}
