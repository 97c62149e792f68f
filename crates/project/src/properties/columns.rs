//! `columns:` of a model, seed, snapshot or source table.

use forebay_core::graph::Column;
use indexmap::IndexMap;

use super::tests::{self, TestDecl};
use crate::yaml::{Doc, Fields, Unknown, Yaml};

/// The columns by name, and the tests declared on them.
pub(crate) fn read(
    doc: Doc<'_>,
    items: &[Yaml],
    owner: &str,
) -> (IndexMap<String, Column>, Vec<TestDecl>) {
    let (mut columns, mut tests) = (IndexMap::new(), Vec::new());
    for item in items {
        let Some(mut fields) = Fields::of(doc, item, format!("a column of '{owner}'")) else {
            continue;
        };
        let Some(name) = fields.required("name") else {
            continue;
        };
        fields.what = format!("column '{name}' of '{owner}'");
        let quoted = fields.flag("quote").unwrap_or(false);
        let tested = if quoted {
            forebay_core::name::quote(&name)
        } else {
            name.clone()
        };
        tests.extend(tests::read_all(doc, &mut fields, Some(&tested)));
        let column = Column {
            description: fields.text("description").unwrap_or_default(),
            data_type: fields.text("data_type"),
            name: name.clone(),
        };
        fields.ignore(&[
            "meta",
            "tags",
            "constraints",
            "policy_tags",
            "config",
            "granularity",
            "dimension",
            "entity",
            "databricks_tags",
        ]);
        let at = fields.at("name");
        fields.finish(Unknown::Warn);
        if columns.insert(name.clone(), column).is_some() {
            doc.warning(
                format!("the column '{name}' of '{owner}' is described twice"),
                at,
            );
        }
    }
    (columns, tests)
}
