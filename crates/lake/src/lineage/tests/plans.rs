//! The two resolvers against each other.

use std::collections::BTreeSet;

use super::super::statement::{from_syntax, lineage};
use super::super::{ColumnLineage, Kind, Output, Subtype, plan};
use super::grade::{Cases, grade};
use super::schemas;

/// Cases whose plan is not what the statement means, and why.
const PLANNED_OTHERWISE: &[(&str, &str)] = &[
    (
        "j10",
        "the engine's merged key of RIGHT JOIN USING is the left one",
    ),
    (
        "o12",
        "the engine's merged key of FULL JOIN USING is the left one",
    ),
    (
        "o17",
        "the engine drops PARTITION BY of a named window that another extends",
    ),
    (
        "o06",
        "the engine names unnamed outputs by their expressions",
    ),
];

type Direct = BTreeSet<(String, String, Subtype)>;

fn direct(lineage: &ColumnLineage) -> Vec<Direct> {
    let of_output = |output: &Output| {
        let edges = output.inputs.iter();
        edges
            .filter(|edge| edge.kind == Kind::Direct)
            .map(|edge| (edge.table.clone(), edge.column.clone(), edge.subtype))
            .collect()
    };
    lineage.outputs.iter().map(of_output).collect()
}

#[test]
fn syntax_and_plan_agree_wherever_both_answer() {
    let mut planned = 0;
    let mut faults = Vec::new();
    for file in ["cases.json", "own_cases.json"] {
        let cases = Cases::read(file);
        let known = cases.schemas();
        for case in &cases.cases {
            let syntax = from_syntax(&case.sql, &known).expect("every case resolves");
            let Ok(plan) = plan::lineage(&case.sql, &known) else {
                continue;
            };
            planned += 1;
            let grade = grade(case, &plan);
            let right = grade.is_clean() && direct(&plan) == direct(&syntax);
            let otherwise = PLANNED_OTHERWISE.iter().any(|(id, _)| *id == case.id);
            if right == otherwise {
                faults.push(format!("{}: {grade:?}\n{plan:#?}", case.id));
            }
        }
    }
    assert!(faults.is_empty(), "\n{}", faults.join("\n"));
    assert!(
        planned >= 75,
        "the engine plans only {planned} of the cases"
    );
}

#[test]
fn the_plan_answers_where_the_syntax_gives_up() {
    let known = schemas(&[(
        "crm.orders",
        "id bigint, status text, amount double precision",
    )]);
    let sql = "SELECT * FROM crm.orders
        |> WHERE status = 'paid'
        |> AGGREGATE sum(amount) AS total GROUP BY id";
    assert!(from_syntax(sql, &known).is_err());
    let found = lineage(sql, &known).expect("the engine plans pipe operators");
    let edges = |edges: &[super::super::Edge]| -> Vec<String> {
        let text = |edge: &super::super::Edge| {
            format!("{}.{} {}", edge.table, edge.column, edge.subtype.as_str())
        };
        edges.iter().map(text).collect()
    };
    assert_eq!(found.outputs.len(), 2);
    assert_eq!(edges(&found.outputs[0].inputs), ["crm.orders.id IDENTITY"]);
    assert_eq!(
        edges(&found.outputs[1].inputs),
        ["crm.orders.amount AGGREGATION"]
    );
    assert_eq!(
        edges(&found.dataset),
        ["crm.orders.id GROUP_BY", "crm.orders.status FILTER"]
    );
}
