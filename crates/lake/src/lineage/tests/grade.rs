//! The grader: the rules that `cases.json` states, on one case.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

use super::super::{ColumnLineage, Edge, Kind, Output, Schemas};

/// Source (`table.column`) to accepted subtypes.
pub type Sources = BTreeMap<String, Vec<String>>;

#[derive(Deserialize)]
pub struct Cases {
    pub schemas: serde_json::Map<String, serde_json::Value>,
    pub cases: Vec<Case>,
}

#[derive(Deserialize)]
pub struct Case {
    pub id: String,
    pub sql: String,
    pub target: Option<String>,
    pub outputs: Vec<Expected>,
    pub dataset: Sources,
    #[serde(default)]
    pub optional_dataset: Sources,
}

#[derive(Deserialize)]
pub struct Expected {
    pub name: String,
    pub direct: Sources,
    #[serde(default)]
    pub indirect: Sources,
    #[serde(default)]
    pub optional_direct: Sources,
    #[serde(default)]
    pub optional_indirect: Sources,
}

/// What is wrong with a case, by tier. All empty is a pass.
#[derive(Debug, Default)]
pub struct Grade {
    /// Outputs and direct sources.
    pub a: Vec<String>,
    /// Subtypes of direct edges.
    pub b: Vec<String>,
    /// Indirect sources: none missing, none without reason, and each with an accepted subtype.
    pub c: Vec<String>,
}

impl Grade {
    pub fn is_clean(&self) -> bool {
        self.a.is_empty() && self.b.is_empty() && self.c.is_empty()
    }
}

impl Cases {
    /// The cases of a file in `tests/lineage_cases`.
    pub fn read(file: &str) -> Self {
        let path = format!("{}/tests/lineage_cases/{file}", env!("CARGO_MANIFEST_DIR"));
        let text = std::fs::read_to_string(&path).expect("the cases are part of the crate");
        serde_json::from_str(&text).expect("the cases are as the grader reads them")
    }

    pub fn schemas(&self) -> Schemas {
        let columns = |table: &serde_json::Value| {
            let columns = table.as_object().expect("a table has columns");
            let column = |(name, sql_type): (&String, &serde_json::Value)| {
                (name.clone(), sql_type.as_str().unwrap_or("text").to_owned())
            };
            columns.iter().map(column).collect()
        };
        let tables = self.schemas.iter();
        Schemas(
            tables
                .map(|(name, table)| (name.clone(), columns(table)))
                .collect(),
        )
    }
}

fn source(edge: &Edge) -> String {
    format!("{}.{}", edge.table, edge.column)
}

fn sources(output: &Output, kind: Kind) -> BTreeSet<String> {
    let edges = output.inputs.iter().filter(|edge| edge.kind == kind);
    edges.map(source).collect()
}

pub fn grade(case: &Case, got: &ColumnLineage) -> Grade {
    let mut grade = Grade::default();
    let expected: Vec<&str> = case.outputs.iter().map(|o| o.name.as_str()).collect();
    let names: Vec<&str> = got.outputs.iter().map(|o| o.name.as_str()).collect();
    if names != expected || got.target != case.target {
        grade
            .a
            .push(format!("outputs {names:?} of {:?}", got.target));
        return grade;
    }
    for (expected, output) in case.outputs.iter().zip(&got.outputs) {
        grade_direct(expected, output, &mut grade);
        grade_indirect(case, expected, output, &got.dataset, &mut grade);
    }
    if case.outputs.is_empty() {
        let nothing = Expected {
            name: "(rows)".to_owned(),
            direct: Sources::new(),
            indirect: Sources::new(),
            optional_direct: Sources::new(),
            optional_indirect: Sources::new(),
        };
        let output = Output {
            name: nothing.name.clone(),
            inputs: Vec::new(),
        };
        grade_indirect(case, &nothing, &output, &got.dataset, &mut grade);
    }
    grade
}

fn grade_direct(expected: &Expected, output: &Output, grade: &mut Grade) {
    let got = sources(output, Kind::Direct);
    let name = &output.name;
    for missing in expected
        .direct
        .keys()
        .filter(|source| !got.contains(*source))
    {
        grade.a.push(format!("{name}: {missing} is missing"));
    }
    for edge in output
        .inputs
        .iter()
        .filter(|edge| edge.kind == Kind::Direct)
    {
        let source = source(edge);
        let accepted = expected.direct.get(&source);
        match accepted.or(expected.optional_direct.get(&source)) {
            None => grade.a.push(format!("{name}: {source} is no source")),
            Some(accepted) if !accepted.iter().any(|s| s == edge.subtype.as_str()) => {
                grade
                    .b
                    .push(format!("{name}: {source} is no {}", edge.subtype.as_str()));
            }
            Some(_) => {}
        }
    }
}

fn grade_indirect(
    case: &Case,
    expected: &Expected,
    output: &Output,
    dataset: &[Edge],
    grade: &mut Grade,
) {
    let indirect = output
        .inputs
        .iter()
        .filter(|edge| edge.kind == Kind::Indirect);
    let effective: Vec<&Edge> = indirect.chain(dataset).collect();
    let name = &output.name;
    for (wanted, accepted) in expected.indirect.iter().chain(&case.dataset) {
        let mut found = effective
            .iter()
            .filter(|edge| source(edge) == *wanted)
            .peekable();
        if found.peek().is_none() {
            grade.c.push(format!("{name}: {wanted} does not steer it"));
        } else if !found.any(|edge| accepted.iter().any(|s| s == edge.subtype.as_str())) {
            grade.c.push(format!(
                "{name}: {wanted} does not steer it by {accepted:?}"
            ));
        }
    }
    let allowed: BTreeSet<&String> = case
        .outputs
        .iter()
        .flat_map(|o| o.indirect.keys().chain(o.optional_indirect.keys()))
        .chain(case.dataset.keys())
        .chain(case.optional_dataset.keys())
        .chain(expected.direct.keys())
        .chain(expected.optional_direct.keys())
        .collect();
    for edge in effective {
        let source = source(edge);
        if !allowed.contains(&source) {
            let how = edge.subtype.as_str();
            grade.c.push(format!("{name}: {source} steers it by {how}"));
        }
    }
}
