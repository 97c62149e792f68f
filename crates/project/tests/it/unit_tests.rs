//! Unit tests as they come into the graph.

use forebay_core::unit_test::{Fixture, Input, UnitTest};
use forebay_core::{NodeId, Spec};
use forebay_project::Project;
use serde_json::json;

use crate::support::{parents, problems, project};

const SHOP: &str = "--- models/staging/orders.sql
select * from {{ source('raw', 'orders') }} join {{ ref('colours') }} using (colour)
--- models/sources.yml
sources: [{name: raw, tables: [{name: orders}]}]
--- seeds/colours.csv
colour,code
red,1
--- tests/fixtures/many.csv
id,name
,a
2,\"b, c\"
--- tests/fixtures/query.sql
select 1 as id
";

fn shop(test: &str) -> Project {
    project(&format!("{SHOP}--- models/staging/tests.yml\n{test}"))
}

fn unit_test<'a>(project: &'a Project, id: &str) -> &'a UnitTest {
    match &project
        .graph
        .get(&NodeId::new(id))
        .expect("the test is in the graph")
        .spec
    {
        Spec::UnitTest(test) => test,
        other => panic!("{other:?}"),
    }
}

#[test]
fn inputs_and_rows_are_plain_data() {
    let project = shop(
        "unit_tests:
  - name: adds
    model: orders
    given:
      - input: source('raw', 'orders')
        rows: [{id: 1, name: null}, {id: 2, name: b}]
      - input: ref('colours')
    expect: {format: csv, rows: \"id,name\\n1,\\n\"}
    overrides:
      macros: {is_incremental: false}
      vars: {limit: 3}
",
    );
    let id = "unit_test.shop.orders.adds";
    let test = unit_test(&project, id);
    assert_eq!(parents(&project, id), ["model.shop.orders"]);
    let node = project.graph.get(&NodeId::new(id)).unwrap();
    assert_eq!(node.fqn, ["shop", "staging", "orders", "adds"]);
    let inputs: Vec<_> = test.given.iter().map(|given| &given.input).collect();
    let node = |id: &str| Input::Node(NodeId::new(id));
    assert_eq!(
        inputs,
        [&node("source.shop.raw.orders"), &node("seed.shop.colours")]
    );
    let rows = |at: usize| json!(test.given[at].rows)["rows"].clone();
    assert_eq!(
        rows(0),
        json!([{"id": 2, "name": "b"}, {"id": 1, "name": null}])
    );
    assert_eq!(
        rows(1),
        json!([{"colour": "red", "code": "1"}]),
        "a seed brings its own rows"
    );
    assert_eq!(
        json!(test.expect),
        json!({"format": "csv", "rows": [{"id": "1", "name": null}]})
    );
    assert_eq!(test.overrides.vars["limit"], json!(3));
    assert_eq!(test.overrides.macros["is_incremental"], json!(false));
}

#[test]
fn rows_may_be_in_files() {
    let project = shop(
        "unit_tests:
  - name: adds
    model: orders
    given: [{input: ref('colours'), format: csv, fixture: many}]
    expect: {format: sql, fixture: query}
",
    );
    let test = unit_test(&project, "unit_test.shop.orders.adds");
    let Fixture::Csv(rows) = &test.given[0].rows else {
        panic!("{test:?}")
    };
    assert_eq!(
        json!(rows),
        json!([{"id": "2", "name": "b, c"}, {"id": null, "name": "a"}])
    );
    assert_eq!(test.expect, Fixture::Sql("select 1 as id\n".into()));
}

#[test]
fn mistakes_are_named_all_at_once() {
    let found = problems(&format!(
        "{SHOP}--- models/tests.yml
unit_tests:
  - name: nowhere
    model: order
    given: []
    expect: {{rows: []}}
  - name: bad
    model: orders
    given:
      - input: colours
        rows: []
      - input: ref('colurs')
        rows: []
      - input: ref('colours')
        format: csv
        fixture: some
      - input: source('raw', 'orders')
        rows: 'id'
    expect: {{rows: []}}
  - model: orders
    given: []
"
    ));
    for expected in [
        "the unit test 'nowhere' is for a model 'order' that does not exist\n  --> models/tests.yml:3:12",
        "hint: did you mean 'orders'?",
        "'colours' cannot be an input of the unit test 'bad'\n  --> models/tests.yml:9:9",
        "no model, seed or snapshot is called 'colurs'",
        "no fixture file is called 'some'\n  --> models/tests.yml:15:18",
        "the rows of the input source('raw', 'orders') of unit test 'bad' must be a list of mappings\n  --> models/tests.yml:17:15",
        "a unit test has no 'name'",
        "a unit test has no 'expect'",
    ] {
        assert!(found.contains(expected), "{expected}\nis not in\n{found}");
    }
}

#[test]
fn an_incremental_model_must_be_told_how_it_runs() {
    let found = problems(
        "--- models/a.sql
{{ config(materialized='incremental') }}
select 1 as x {% if is_incremental() %} where false {% endif %}
--- models/tests.yml
unit_tests:
  - {name: silent, model: a, given: [], expect: {rows: []}}
  - name: without_this
    model: a
    given: []
    expect: {rows: []}
    overrides: {macros: {is_incremental: true}}
",
    );
    assert!(
        found.contains("the unit test 'silent' does not say whether"),
        "{found}"
    );
    assert!(
        found.contains("the unit test 'without_this' runs 'a' incrementally, over no rows"),
        "{found}"
    );
}

#[test]
fn versions_are_chosen_in_one_way_and_only_where_there_are_some() {
    let found = problems(
        "--- models/a.sql
select 1 as x
--- models/b_v1.sql
select 1 as x
--- models/s.yml
models: [{name: b, versions: [{v: 1}]}]
unit_tests:
  - {name: of_a, model: a, given: [], expect: {rows: []}, versions: {include: [1]}}
  - {name: of_b, model: b, given: [], expect: {rows: []}, versions: {include: [1], exclude: [2]}}
",
    );
    assert!(
        found.contains("the unit test 'of_a' chooses versions of 'a', which has none"),
        "{found}"
    );
    assert!(
        found.contains("the unit test 'of_b' both includes and excludes versions"),
        "{found}"
    );
}

#[test]
fn an_input_that_is_not_there_is_an_error_of_the_test_alone() {
    let project = project(&format!(
        "{SHOP}--- models/tests.yml
unit_tests:
  - name: bad
    model: orders
    given: [{{input: ref('nowhere'), rows: []}}]
    expect: {{rows: []}}
"
    ));
    let id = NodeId::new("unit_test.shop.orders.bad");
    let broken = project.broken(&id).unwrap();
    assert!(broken.message.contains("'nowhere'"), "{broken}");
}
