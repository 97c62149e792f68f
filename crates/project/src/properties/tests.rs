//! `data_tests:` (and `tests:`): generic tests declared on a node or on a column of it.

use forebay_core::{Diagnostic, Location};
use indexmap::IndexMap;
use serde_json::Value as Json;

use crate::config::{Config, from_yaml, merge};
use crate::yaml::{Doc, Entry, Fields, Value, Yaml};

/// One declared test, before it is attached to its node.
#[derive(Clone, Debug)]
pub(crate) struct TestDecl {
    /// The package of its macro: `dbt_utils.equality`.
    pub namespace: Option<String>,
    /// The generic test: `not_null`.
    pub test: String,
    /// The name that the project gives it.
    pub name: Option<String>,
    pub description: String,
    pub column: Option<String>,
    /// It is declared on it.
    pub of_column: bool,
    /// Those of the column: the test has them too.
    pub column_tags: Vec<String>,
    pub arguments: IndexMap<String, Argument>,
    /// Not rendered yet: it may hold Jinja that only the test can read.
    pub config: Config,
    pub at: Location,
}

#[derive(Clone, Debug)]
pub(crate) struct Argument {
    pub value: Json,
    pub at: Location,
}

/// Settings that may stand among the arguments, in the order in which dbt writes them.
pub(crate) const INLINE: &[&str] = &[
    "severity",
    "tags",
    "enabled",
    "where",
    "limit",
    "warn_if",
    "error_if",
    "fail_calc",
    "store_failures",
    "store_failures_as",
    "meta",
    "database",
    "schema",
    "alias",
];

/// What is no argument wherever it stands.
const OF_THE_TEST: &[&str] = &["config", "description", "name"];

/// Tests under either key.
pub(crate) fn read_all(
    doc: Doc<'_>,
    fields: &mut Fields<'_>,
    column: Option<&str>,
) -> Vec<TestDecl> {
    let lists = [fields.list("data_tests"), fields.list("tests")];
    if lists.iter().all(|list| !list.is_empty()) {
        let message = format!("{} has both 'data_tests' and 'tests'", fields.what);
        fields.error(message, fields.at("tests"));
    }
    let items = lists.into_iter().flatten();
    items.filter_map(|item| read(doc, item, column)).collect()
}

fn read(doc: Doc<'_>, yaml: &Yaml, column: Option<&str>) -> Option<TestDecl> {
    let at = yaml.at.in_file(doc.file);
    match &yaml.value {
        Value::Scalar(scalar) if scalar.json.is_string() => Some(decl(&scalar.text, column, at)),
        Value::Scalar(_) => {
            let message = format!(
                "a test is a name, or a name with arguments, not {}",
                yaml.kind()
            );
            doc.error(message, yaml.at);
            None
        }
        Value::Map(entries) => match entries.as_slice() {
            [entry] => with_arguments(doc, entry, column),
            entries => by_test_name(doc, yaml, entries, column),
        },
        Value::List(_) => {
            doc.error("a test is a name, or a name with arguments", yaml.at);
            None
        }
    }
}

fn decl(test: &str, column: Option<&str>, at: Location) -> TestDecl {
    let (namespace, test) = match test.split_once('.') {
        Some((namespace, test)) => (Some(namespace.to_owned()), test),
        None => (None, test),
    };
    TestDecl {
        namespace,
        test: test.to_owned(),
        name: None,
        description: String::new(),
        column: column.map(str::to_owned),
        of_column: column.is_some(),
        column_tags: Vec::new(),
        arguments: IndexMap::new(),
        config: Config::new(),
        at,
    }
}

/// `accepted_values: {values: [...]}`.
fn with_arguments(doc: Doc<'_>, entry: &Entry, column: Option<&str>) -> Option<TestDecl> {
    let decl = decl(&entry.key, column, entry.key_at.in_file(doc.file));
    if entry.value.is_null() {
        return Some(decl);
    }
    let fields = Fields::of(doc, &entry.value, format!("the test '{}'", entry.key))?;
    Some(fill(doc, decl, fields))
}

/// `{name: mine, test_name: accepted_values, values: [...]}`.
fn by_test_name(
    doc: Doc<'_>,
    yaml: &Yaml,
    entries: &[Entry],
    column: Option<&str>,
) -> Option<TestDecl> {
    let mut fields = Fields::of(doc, yaml, "a test")?;
    let Some(test) = fields.text("test_name") else {
        let keys: Vec<&str> = entries.iter().map(|entry| entry.key.as_str()).collect();
        doc.problems.push(
            Diagnostic::error(format!(
                "a test has one name, not {}: {}",
                keys.len(),
                keys.join(", ")
            ))
            .at(yaml.at.in_file(doc.file))
            .hint("indent its arguments below its name"),
        );
        return None;
    };
    let decl = decl(&test, column, yaml.at.in_file(doc.file));
    Some(fill(doc, decl, fields))
}

/// Settings that are texts where they are said, with their Jinja.
const TEXTS: &[&str] = &["error_if", "fail_calc", "severity", "warn_if", "where"];

/// What dbt refuses of a test: a setting that is said twice or is no text, an argument that is its own.
fn check(doc: Doc<'_>, fields: &Fields<'_>) {
    let what = fields.what.clone();
    let config = fields.peek("config");
    for key in INLINE {
        let (beside, within) = (fields.peek(key), config.and_then(|config| config.get(key)));
        if let (Some(beside), Some(_)) = (beside, within) {
            doc.error(format!("{what} has two settings '{key}'"), beside.at);
        }
        let texts = TEXTS.contains(key);
        for value in [beside, within].into_iter().flatten().filter(|_| texts) {
            if !value.is_null() && !value.to_json().is_string() {
                let message = format!("'{key}' of {what} must be a text, not {}", value.kind());
                doc.error(message, value.at);
            }
        }
    }
    if let Some(model) = fields.peek("model") {
        let message =
            format!("'model' of {what} is what the test is declared on, and cannot be given");
        doc.error(message, model.at);
    }
    if let Some(name) = fields
        .peek("name")
        .filter(|name| !name.to_json().is_string())
    {
        doc.error(
            format!("'name' of {what} must be a text, not {}", name.kind()),
            name.at,
        );
    }
    let name = fields.peek("name").and_then(Yaml::as_text);
    if name.is_some_and(|name| name.contains(' ')) {
        doc.error(
            format!("'name' of {what} must have no blanks"),
            fields.at("name"),
        );
    }
}

fn fill(doc: Doc<'_>, mut decl: TestDecl, mut fields: Fields<'_>) -> TestDecl {
    check(doc, &fields);
    let block = fields.map("arguments");
    // As in dbt, what stands among the arguments is laid over what stands beside them.
    let own = |key: &str| {
        block
            .iter()
            .find(|entry| entry.key == key)
            .map(|entry| &entry.value)
    };
    let text = |yaml: Option<&Yaml>| yaml.and_then(Yaml::as_text).map(str::to_owned);
    decl.name = text(own("name")).or(fields.text("name"));
    let description = text(own("description")).or(fields.text("description"));
    decl.description = description.unwrap_or_default();
    let beside = fields.map("config");
    let config = own("config").map_or(beside, |yaml| yaml.as_map().unwrap_or_default());
    let config = from_yaml(doc, config);
    let block = block
        .iter()
        .filter(|entry| !OF_THE_TEST.contains(&&*entry.key));
    let (inline, arguments): (Vec<_>, Vec<_>) = fields
        .rest()
        .chain(block)
        .partition(|entry| INLINE.contains(&entry.key.as_str()));
    decl.config = from_yaml(doc, inline);
    merge(&mut decl.config, config);
    for entry in arguments {
        let argument = Argument {
            value: entry.value.to_json(),
            at: entry.value.at.in_file(doc.file),
        };
        decl.arguments.insert(entry.key.clone(), argument);
    }
    if let Some(Json::String(column)) = decl.arguments.get("column_name").map(|a| &a.value) {
        decl.column.get_or_insert_with(|| column.clone());
    }
    decl
}
