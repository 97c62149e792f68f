//! Hooks, and macros that are called by themselves.

use crate::project::Project;

const AUDIT: &str = "
{% macro audit(what) %}insert into main.audit values ('{{ what }}', '{{ this.name if this else '' }}'){% endmacro %}
{% macro count_rows(table) %}
  {% set found = run_query('select count(*) as n from main.' ~ table) %}
  {% do log(table ~ ' has ' ~ found.columns[0].values()[0] ~ ' rows', info=true) %}
{% endmacro %}
";

fn shop() -> Project {
    Project::new(&[
        (
            "dbt_project.yml",
            "name: shop
on-run-start: create table if not exists main.audit (what varchar, node varchar)
on-run-end:
  - \"{% for result in results %}{{ audit(result.status ~ ' ' ~ result.node.name) }};{% endfor %}\"
  - \"{{ audit(schemas | join(',')) }}\"
models:
  shop:
    +pre-hook: \"{{ audit('before') }}\"
seeds:
  +post-hook: [\"{{ audit('seeded') }}\", {sql: 'select 1', transaction: false}]
",
        ),
        ("macros/audit.sql", AUDIT),
        ("seeds/numbers.csv", "n\n1\n2\n"),
        (
            "models/doubled.sql",
            "{{ config(materialized='table', post_hook=\"update {{ this }} set n = n + 1 where n = 4\") }}
select n * 2 as n from {{ ref('numbers') }}",
        ),
    ])
}

#[test]
fn hooks_run_around_nodes_and_around_the_run() {
    let project = shop();
    project.ok(&["build"]);
    assert_eq!(
        project.rows("select n from main.doubled order by n"),
        [r#"{"n":2}"#, r#"{"n":5}"#]
    );
    assert_eq!(
        project.rows("select what, node from main.audit order by 1"),
        [
            r#"{"what":"before","node":"doubled"}"#,
            r#"{"what":"main","node":""}"#,
            r#"{"what":"seeded","node":"numbers"}"#,
            r#"{"what":"success doubled","node":""}"#,
            r#"{"what":"success numbers","node":""}"#,
        ]
    );
    let said = project.ok(&["run-operation", "count_rows", "--args", "{table: numbers}"]);
    assert_eq!(said.trim(), "numbers has 2 rows");
}

#[test]
fn a_hook_that_fails_fails_its_node() {
    let project = shop();
    project.write(
        "models/doubled.sql",
        "{{ config(pre_hook='delete from main.nothing') }} select 1 as n",
    );
    let problem = project.fails(1, &["build"]);
    assert!(problem.contains("main.nothing"), "{problem}");
    project.write(
        "dbt_project.yml",
        "name: shop\non-run-start: drop table main.nothing\n",
    );
    let problem = project.fails(2, &["build"]);
    assert!(
        problem.contains("in the hook drop table main.nothing"),
        "{problem}"
    );
}
