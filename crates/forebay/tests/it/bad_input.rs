//! Bad input gets a clear error, and nothing is lost or half-written.

use crate::project::Project;

const SHOP: &str = "name: shop\nversion: '1.0'\n";
const INGEST: &str = "version: 1\ningest:\n  - table: raw.orders\n    csv: {path: \"data/*.csv\"}\n    write: append\n";

fn shop(csv: &str) -> Project {
    Project::new(&[
        ("dbt_project.yml", SHOP),
        ("ingest/orders.yml", INGEST),
        ("data/1.csv", csv),
    ])
}

#[test]
fn a_malformed_row_is_named_and_nothing_of_the_file_is_loaded() {
    let project = shop("id,amount\n1,2.5\n2,3.5,9\n");
    let said = project.fails(1, &["build"]);
    assert!(said.contains("data/1.csv") && said.contains('3'), "{said}");
    project.fails(2, &["query", "select * from raw.orders"]);
    project.write("data/1.csv", "id,amount\n1,2.5\n2,3.5\n");
    project.ok(&["build"]);
    assert_eq!(project.rows("select id, amount from raw.orders").len(), 2);
}

#[test]
fn a_changed_type_is_named_with_file_line_column_and_value() {
    let project = shop("id,amount\n1,2.5\n");
    project.ok(&["build"]);
    project.write("data/2.csv", "id,amount\n2,7\n3,many\n");
    let said = project.fails(1, &["build"]);
    for part in ["data/2.csv", "amount", "many"] {
        assert!(said.contains(part), "{part} in {said}");
    }
    assert_eq!(
        project.rows("select id, id > 1 as more, 'true' as word from raw.orders"),
        [r#"{"id":1,"more":false,"word":"true"}"#]
    );
}

#[test]
fn missing_and_new_columns_are_named() {
    let project = shop("id,amount\n1,2.5\n");
    project.ok(&["build"]);
    project.write("data/2.csv", "id\n2\n");
    assert!(project.fails(1, &["build"]).contains("amount"));
    project.write("data/2.csv", "id,amount,colour\n2,1.5,red\n");
    assert!(project.fails(1, &["build"]).contains("colour"));
}

#[test]
fn bytes_that_are_no_text_are_named() {
    let project = shop("id,name\n1,a\n");
    std::fs::write(
        project.root().join("data/1.csv"),
        b"id,name\n1,a\n2,\xff\xfe\n",
    )
    .unwrap();
    let said = project.fails(1, &["build"]);
    assert!(
        said.contains("data/1.csv") && said.contains("UTF-8"),
        "{said}"
    );
}

#[test]
fn all_problems_of_a_project_come_at_once_with_their_places() {
    let project = Project::new(&[
        ("dbt_project.yml", SHOP),
        ("models/a.sql", "select * from {{ ref('bb') }}"),
        ("models/b.sql", "select 1 as x"),
        ("models/c.sql", "select {{ nothing( }}"),
        (
            "ml/features.yml",
            "entities:\n  - {name: c, join_key: [c]}\n",
        ),
    ]);
    let said = project.fails(2, &["parse"]);
    for part in [
        "models/a.sql:1:",
        "'bb'",
        "models/c.sql:1",
        "ml/features.yml:2:",
        "join_keys",
    ] {
        assert!(said.contains(part), "{part} in\n{said}");
    }
}

#[test]
fn a_cycle_is_named() {
    let project = Project::new(&[
        ("dbt_project.yml", SHOP),
        ("models/a.sql", "select * from {{ ref('b') }}"),
        ("models/b.sql", "select * from {{ ref('a') }}"),
    ]);
    let said = project.fails(2, &["build"]);
    assert!(
        said.contains("model.shop.a") && said.contains("model.shop.b"),
        "{said}"
    );
}

#[test]
fn a_model_that_fails_is_a_result_and_the_rest_goes_on() {
    let project = Project::new(&[
        ("dbt_project.yml", SHOP),
        ("models/good.sql", "select 1 as x"),
        (
            "models/bad.sql",
            "select nothing_here from {{ ref('good') }}",
        ),
        ("models/under.sql", "select * from {{ ref('bad') }}"),
        (
            "models/beside.sql",
            "select x + 1 as y from {{ ref('good') }}",
        ),
    ]);
    let summary = project.run(&["build", "--output", "json"]);
    assert_eq!(summary.status.code(), Some(1));
    let summary: serde_json::Value = serde_json::from_slice(&summary.stdout).unwrap();
    let status = |name: &str| {
        let results = summary["results"].as_array().unwrap();
        let found = results.iter().find(|r| r["name"] == name).unwrap();
        found["status"].as_str().unwrap().to_owned()
    };
    assert_eq!(
        ["good", "bad", "under", "beside"].map(status),
        ["success", "error", "skipped", "success"]
    );
    // Mended, `retry` runs what is missing and nothing else.
    project.write("models/bad.sql", "select x from {{ ref('good') }}");
    let again = project.json(&["retry"]);
    let mut names: Vec<&str> = again["results"]
        .as_array()
        .unwrap()
        .iter()
        .map(|r| r["name"].as_str().unwrap())
        .collect();
    names.sort_unstable();
    assert_eq!(names, ["bad", "under"]);
}

#[test]
fn a_selector_that_means_nothing_says_so() {
    let project = Project::new(&[("dbt_project.yml", SHOP), ("models/a.sql", "select 1 as x")]);
    let output = project.run(&["build", "--select", "nope"]);
    assert!(crate::project::text(&output).contains("matches no node"));
    let said = project.fails(2, &["ls", "--select", "colour:red"]);
    assert!(said.contains("colour"), "{said}");
}

#[test]
fn a_failing_cast_is_told_where_it_is_written_below_views_too() {
    let project = Project::new(&[
        ("dbt_project.yml", SHOP),
        (
            "models/source.sql",
            "{{ config(materialized='table') }} select 'ES' as country",
        ),
        (
            "models/staged.sql",
            "{{ config(materialized='view') }}\nselect\n  country::integer as country\nfrom {{ ref('source') }}\n",
        ),
        (
            "models/between.sql",
            "{{ config(materialized='view') }} select * from {{ ref('staged') }}",
        ),
        (
            "models/mart.sql",
            "{{ config(materialized='table') }}\nselect country from {{ ref('between') }}",
        ),
    ]);
    let said = project.fails(1, &["run"]);
    assert!(said.contains("--> models/staged.sql:3:"), "{said}");
    assert!(said.contains("'mart' reads it"), "{said}");
}

#[test]
fn common_slips_of_sql_have_a_place_and_a_hint() {
    let project = Project::new(&[
        ("dbt_project.yml", SHOP),
        (
            "models/comma.sql",
            "select\n  o.id\n  o.name\nfrom (select 1 as id, 'a' as name) as o",
        ),
        ("models/two.sql", "select 1 as a;\nselect 2 as b"),
        (
            "models/quotes.sql",
            "select 1 as a from (select 'ES' as c) as o\nwhere c = \"ES\"",
        ),
    ]);
    let said = project.fails(1, &["run"]);
    for part in [
        "is a comma missing before o?",
        "--> models/comma.sql:3:",
        "--> models/two.sql:2:1",
        "there is no column 'ES'",
        "--> models/quotes.sql:2:11",
        "single quotes, 'ES'",
    ] {
        assert!(said.contains(part), "{part} in {said}");
    }
}

#[test]
fn mistakes_in_sql_are_told_with_those_that_keep_a_project_from_being_read() {
    let project = Project::new(&[
        ("dbt_project.yml", SHOP),
        ("seeds/people.csv", "id,name\n1,a\n"),
        ("models/stg.sql", "select id, name from {{ ref('people') }}"),
        ("models/typo.sql", "select * from {{ ref('peple') }}"),
        ("models/below.sql", "select nope from {{ ref('typo') }}"),
        (
            "models/column.sql",
            "select id,\n  nam\nfrom {{ ref('stg') }}",
        ),
        ("models/syntax.sql", "select 1 as a,\n  2 as b c"),
        ("models/elsewhere.sql", "select x from of_another_program"),
        ("tests/bad.sql", "select idd from {{ ref('stg') }}"),
    ]);
    let said = project.fails(2, &["build"]);
    for place in [
        "models/typo.sql:1:18",
        "models/column.sql:2:3",
        "models/syntax.sql:2:10",
        "tests/bad.sql:1:8",
    ] {
        assert!(said.contains(place), "{place} in:\n{said}");
    }
    assert!(said.contains("4 errors"), "{said}");
    // Nothing of the project's has been made.
    assert!(!project.root().join(".forebay").exists(), "{said}");
}
