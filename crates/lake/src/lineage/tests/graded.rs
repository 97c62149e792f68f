//! The graded cases: every tier of every case.

use super::super::Schemas;
use super::super::statement::from_syntax;
use super::grade::{Case, Cases, grade};

fn faults(case: &Case, schemas: &Schemas) -> Vec<String> {
    let id = &case.id;
    match from_syntax(&case.sql, schemas) {
        Err(diagnostic) => vec![format!("{id}: {diagnostic}")],
        Ok(lineage) => {
            let grade = grade(case, &lineage);
            let tiers = [("A", grade.a), ("B", grade.b), ("C", grade.c)];
            let fault = |(tier, faults): (&str, Vec<String>)| {
                let of_tier = |fault| format!("{id} {tier} {fault}");
                faults.into_iter().map(of_tier).collect::<Vec<_>>()
            };
            tiers.into_iter().flat_map(fault).collect()
        }
    }
}

fn all_pass(file: &str, cases: usize) {
    let file = Cases::read(file);
    let schemas = file.schemas();
    assert_eq!(file.cases.len(), cases);
    let faults: Vec<String> = file
        .cases
        .iter()
        .flat_map(|c| faults(c, &schemas))
        .collect();
    assert!(faults.is_empty(), "\n{}", faults.join("\n"));
}

#[test]
fn the_shared_cases_pass_every_tier() {
    all_pass("cases.json", 51);
}

#[test]
fn our_own_cases_pass_every_tier() {
    all_pass("own_cases.json", 49);
}
