//! Models with several versions, contracts, access.

use forebay_core::contract::ConstraintKind;
use forebay_core::graph::{Access, Model};
use forebay_core::{Node, NodeId, Spec};
use forebay_project::Project;

use crate::support::{parents, problems, project, sql};

const VERSIONED: &str = "--- models/marts/dim_v1.sql
select 1 as id
--- models/marts/dim_two.sql
select 1 as id
--- models/marts/dim.sql
select 1 as id
--- models/reader.sql
select * from {{ ref('dim') }} join {{ ref('dim', v=1) }} join {{ ref('shop', 'dim', version='2') }}
--- models/schema.yml
models:
  - name: dim
    description: of all
    latest_version: 3
    columns:
      - {name: id, data_tests: [unique]}
      - {name: country}
    data_tests: [{unique: {column_name: country}}]
    versions:
      - v: 1
        columns: [{include: all, exclude: [country]}, {name: region}]
        data_tests: []
      - {v: 2, defined_in: dim_two, description: of two, config: {alias: second}}
      - v: 3
";

fn model<'a>(project: &'a Project, id: &str) -> (&'a Node, &'a Model) {
    let node = project
        .graph
        .get(&NodeId::new(id))
        .expect("the model is in the graph");
    match &node.spec {
        Spec::Model(model) => (node, model),
        other => panic!("{other:?}"),
    }
}

#[test]
fn each_version_is_a_node() {
    let project = project(VERSIONED);
    let (one, model_one) = model(&project, "model.shop.dim.v1");
    assert_eq!(one.name, "dim");
    assert_eq!(one.fqn, ["shop", "marts", "dim", "v1"]);
    assert_eq!(one.relation.as_ref().unwrap().name, "dim_v1");
    assert_eq!(one.columns.keys().collect::<Vec<_>>(), ["id", "region"]);
    assert!(!model_one.version.as_ref().unwrap().is_latest());
    let (two, _) = model(&project, "model.shop.dim.v2");
    assert_eq!(two.description, "of two");
    assert_eq!(two.relation.as_ref().unwrap().name, "second");
    let (three, model_three) = model(&project, "model.shop.dim.v3");
    assert_eq!(three.description, "of all");
    assert_eq!(three.location.file.to_str(), Some("models/marts/dim.sql"));
    assert!(model_three.version.as_ref().unwrap().is_latest());
}

#[test]
fn a_ref_names_a_version_or_means_the_latest() {
    let project = project(VERSIONED);
    assert_eq!(
        parents(&project, "model.shop.reader"),
        [
            "model.shop.dim.v3",
            "model.shop.dim.v1",
            "model.shop.dim.v2"
        ]
    );
    assert_eq!(
        sql(&project, "reader"),
        r#"select * from "forebay"."main"."dim_v3" join "forebay"."main"."dim_v1" join "forebay"."main"."second""#
    );
}

#[test]
fn tests_are_declared_on_every_version() {
    let project = project(VERSIONED);
    let mut tests: Vec<String> = project
        .graph
        .nodes
        .values()
        .filter(|node| matches!(node.spec, Spec::Test(_)))
        .map(|node| format!("{} on {}", node.name, node.depends_on[0]))
        .collect();
    tests.sort();
    assert_eq!(
        tests,
        [
            "unique_dim_v1_id on model.shop.dim.v1",
            "unique_dim_v2_country on model.shop.dim.v2",
            "unique_dim_v2_id on model.shop.dim.v2",
            "unique_dim_v3_country on model.shop.dim.v3",
            "unique_dim_v3_id on model.shop.dim.v3",
        ]
    );
}

#[test]
fn mistakes_in_versions_are_named() {
    let found = problems(
        "--- models/dim_v1.sql
select 1
--- models/plain.sql
select * from {{ ref('dim', v=7) }} join {{ ref('other', v=1) }}
--- models/other.sql
select 1
--- models/schema.yml
models:
  - name: dim
    latest_version: 9
    versions: [{v: 1}, {v: 1}, {v: 2}]
",
    );
    for expected in [
        "model 'dim' has two versions 1",
        "latest_version 9 is not one of the versions of model 'dim'\n  --> models/schema.yml:3:21\n  hint: it has: 1, 2",
        "there is no model 'dim_v2' to describe",
        "the model 'dim' has no version 7\n  --> models/plain.sql:1:18\n  hint: it has: 1",
        "the model 'other' has no version 1\n  --> models/plain.sql:1:45\n  hint: it has no versions at all",
    ] {
        assert!(found.contains(expected), "{expected}\nis not in\n{found}");
    }
}

#[test]
fn contracts_and_constraints_are_plain_data() {
    let project = project(
        "--- models/a.sql
select 1 as id
--- models/schema.yml
groups: [{name: finance, owner: {name: Ada}}]
models:
  - name: a
    access: private
    group: finance
    config: {contract: {enforced: true}}
    constraints:
      - {type: primary_key, columns: [id]}
      - {type: check, expression: id > 0, name: positive}
    columns:
      - name: id
        data_type: int
        tags: [key]
        constraints: [{type: not_null}, {type: foreign_key, to: ref('b'), to_columns: [id]}]
--- models/b.sql
select 1 as id
",
    );
    let (node, model) = model(&project, "model.shop.a");
    assert!(model.contract.enforced);
    assert_eq!(model.access, Access::Private);
    assert_eq!(node.group.as_deref(), Some("finance"));
    let kinds: Vec<_> = model.contract.constraints.iter().map(|c| c.kind).collect();
    assert_eq!(kinds, [ConstraintKind::PrimaryKey, ConstraintKind::Check]);
    let id = &node.columns["id"];
    assert_eq!(id.tags, ["key"]);
    assert_eq!(id.constraints[1].to.as_deref(), Some("ref('b')"));
    assert_eq!(id.constraints[1].to_columns, ["id"]);
}

#[test]
fn contracts_that_cannot_be_kept_are_named() {
    let found = problems(
        "--- models/a.sql
{{ config(contract={'enforced': true}) }} select 1 as id
--- models/b.sql
{{ config(materialized='incremental', contract={'enforced': true}) }} select 1 as id
--- models/s.yml
models:
  - name: b
    constraints: [{type: primary_key, columns: [id]}, {type: foreign_key, to: ref('nobody')}]
    columns:
      - {name: id, data_type: int, constraints: [{type: primary_key}, {type: foreign_key, to: somewhere}]}
",
    );
    for expected in [
        "model 'a' has an enforced contract and no columns\n  --> models/a.sql:1:11",
        "model 'b' has an enforced contract and lets its columns change\n  --> models/s.yml:2:11",
        "model 'b' has more than one primary key: id\n  --> models/s.yml:5:57",
        "a foreign key of model 'b' points at 'somewhere'\n  --> models/s.yml:5:95",
        "no model, seed or snapshot is called 'nobody'\n  --> models/s.yml:3:79",
    ] {
        assert!(found.contains(expected), "{expected}\nis not in\n{found}");
    }
}

#[test]
fn a_foreign_key_is_an_edge() {
    let project = project(
        "--- models/a.sql
select 1 as id
--- models/b.sql
select 1 as a_id
--- models/s.yml
models:
  - {name: b, constraints: [{type: foreign_key, columns: [a_id], to: ref('a'), to_columns: [id]}]}
",
    );
    assert_eq!(parents(&project, "model.shop.b"), ["model.shop.a"]);
}
