//! The checksum of a contract, by dbt's rule: it compares ours with those of its own manifests.
//!
//! dbt hashes how Python prints the constraints, field by field.

use std::fmt::Write;

use forebay_core::Node;
use forebay_core::contract::Constraint;
use forebay_core::graph::Model;
use serde_json::{Value as Json, json};

use crate::jinja::python_repr;

pub(super) fn checksum(node: &Node, model: &Model) -> String {
    let mut columns: Vec<_> = node.columns.values().collect();
    columns.sort_by(|a, b| a.name.cmp(&b.name));
    let mut state = String::new();
    for column in columns {
        let kind = column.data_type.as_deref().unwrap_or("None");
        let constraints = list("ColumnLevelConstraint", &column.constraints);
        let written = write!(state, "|{}{kind}{constraints}", column.name);
        written.expect("writing to a string cannot fail");
    }
    let enforced = ["table", "incremental"].contains(&model.materialized.as_str());
    if enforced {
        state.push_str(model.materialized.as_str());
        state.push_str(&list("ModelLevelConstraint", &model.contract.constraints));
    }
    forebay_core::digest::hex(state.as_bytes())
}

fn list(class: &str, constraints: &[Constraint]) -> String {
    let all = constraints
        .iter()
        .map(|constraint| printed(class, constraint));
    format!("[{}]", all.collect::<Vec<_>>().join(", "))
}

fn printed(class: &str, constraint: &Constraint) -> String {
    let kind = constraint.kind.as_str();
    let python = |value: Json| python_repr(&value);
    let mut fields = vec![
        format!("type=<ConstraintType.{kind}: '{kind}'>"),
        format!("name={}", python(json!(constraint.name))),
        format!("expression={}", python(json!(constraint.expression))),
        format!(
            "warn_unenforced={}",
            python(json!(constraint.warn_unenforced))
        ),
        format!(
            "warn_unsupported={}",
            python(json!(constraint.warn_unsupported))
        ),
        format!("to={}", python(json!(constraint.to))),
        format!("to_columns={}", python(json!(constraint.to_columns))),
    ];
    if class == "ModelLevelConstraint" {
        fields.push(format!("columns={}", python(json!(constraint.columns))));
    }
    format!("{class}({})", fields.join(", "))
}
