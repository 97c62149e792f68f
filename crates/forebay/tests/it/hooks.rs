//! Hooks, and macros that are called by themselves.

use crate::project::{Project, text};

const AUDIT: &str = "
{% macro audit(what) %}insert into main.audit values ('{{ what }}', '{{ this.name if this else '' }}'){% endmacro %}
{% macro count_rows(table) %}
  {% set found = run_query('select count(*) as n from main.' ~ table) %}
  {% do log(table ~ ' has ' ~ found.columns[0].values()[0] ~ ' rows', info=true) %}
{% endmacro %}
{% macro danger() %}drop table main.numbers{% endmacro %}
{% macro raising() %}{{ exceptions.raise_compiler_error('no') }}{% endmacro %}
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
  - \"{{ audit(results[-1].to_dict().node.original_file_path.split('.')[0]) if results[-1].timing | length == 2 }}\"
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
            r#"{"what":"models/doubled","node":""}"#,
            r#"{"what":"seeded","node":"numbers"}"#,
            r#"{"what":"success doubled","node":""}"#,
            r#"{"what":"success numbers","node":""}"#,
        ]
    );
    project.ok(&["run-operation", "danger"]);
    let said = project.ok(&["run-operation", "count_rows", "--args", "{table: numbers}"]);
    assert_eq!(said.trim(), "numbers has 2 rows");
    let again = text(&project.run(&["retry"]));
    assert!(again.contains("left nothing undone"), "{again}");
    project.fails(
        1,
        &["run-operation", "count_rows", "--args", "{table: gone}"],
    );
    assert!(project.fails(1, &["retry"]).contains("main.gone"));
}

#[test]
fn a_hook_knows_what_the_command_is_for() {
    let project = Project::new(&[
        (
            "dbt_project.yml",
            "name: shop\non-run-start: \"{% do log('for: ' ~ selected_resources | join(' '), info=true) %}\"\n",
        ),
        ("seeds/colours.csv", "id\n1\n"),
        ("models/a.sql", "select 1 as id"),
    ]);
    assert!(project.ok(&["run"]).contains("for: model.shop.a\n"));
}

#[test]
fn nodes_find_in_the_graph_what_hooks_of_the_run_have_laid_there() {
    let project = Project::new(&[
        (
            "dbt_project.yml",
            "name: shop
on-run-start: \"{% do graph.setdefault('found', []).append('start') %}\"
on-run-end: \"{% do log('end: ' ~ graph.setdefault('found', []) | join(' '), info=true) %}\"
",
        ),
        (
            "macros/find.sql",
            "{% macro find(what) %}{% if execute %}{% do graph.setdefault('found', []).append(what) %}{% endif %}{% endmacro %}",
        ),
        ("models/one.sql", "select 1 as n {{ find('one') }}"),
        (
            "models/two.sql",
            "select n from {{ ref('one') }} {{ find('two') }}",
        ),
    ]);
    let log = project.ok(&["build"]);
    assert!(log.contains("end: start one two"), "{log}");
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
}

/// Ids and states of `run_results.json`.
fn results(project: &Project) -> Vec<String> {
    let text = std::fs::read(project.root().join("target/run_results.json")).unwrap();
    let results: serde_json::Value = serde_json::from_slice(&text).unwrap();
    let results = results["results"].as_array().unwrap();
    let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
    let line = |result: &serde_json::Value| {
        format!("{} {}", text(&result["unique_id"]), text(&result["status"]))
    };
    results.iter().map(line).collect()
}

const BROKEN: &str = "name: shop
on-run-start: [create table main.kept (n int), drop table main.nothing, select 1]
on-run-end: select {{ results | length }} as n
";

#[test]
fn a_failed_hook_of_the_run_is_a_result_and_stops_no_node() {
    let project = Project::new(&[
        ("dbt_project.yml", BROKEN),
        ("models/one.sql", "select 1 as n"),
    ]);
    let log = project.fails(1, &["run"]);
    assert_eq!(
        results(&project),
        [
            "operation.shop.shop-on-run-start-0 success",
            "operation.shop.shop-on-run-start-1 error",
            "operation.shop.shop-on-run-start-2 skipped",
            "model.shop.one success",
            "operation.shop.shop-on-run-end-0 success",
        ]
    );
    for line in [
        "1 of 3 OK hook: shop.on-run-start.0 ",
        "2 of 3 ERROR hook: shop.on-run-start.1 ",
        "3 of 3 SKIP hook: shop.on-run-start.2 ",
        "Finished running 4 project hooks, 1 view model ",
        "Failure in operation shop-on-run-start-1 (./dbt_project.yml)",
        "in the hook drop table main.nothing",
        "Done. PASS=3 WARN=0 ERROR=1 SKIP=1 NO-OP=0 TOTAL=5",
    ] {
        assert!(log.contains(line), "{line} in {log}");
    }
}

#[test]
fn a_flag_lets_a_failed_hook_stop_all_nodes() {
    let flag = "flags: {skip_nodes_if_on_run_start_fails: true}\n";
    let project = Project::new(&[
        ("dbt_project.yml", &format!("{BROKEN}{flag}")),
        ("models/one.sql", "select 1 as n"),
    ]);
    project.fails(1, &["run"]);
    assert!(results(&project).contains(&"model.shop.one skipped".to_owned()));
}

#[test]
fn a_hook_whose_template_fails_ends_the_run() {
    let project = Project::new(&[
        (
            "dbt_project.yml",
            "name: shop\non-run-start: \"{{ exceptions.raise_compiler_error('no') }}\"\n",
        ),
        ("models/one.sql", "select 1 as n"),
    ]);
    let problem = project.fails(2, &["run"]);
    assert!(problem.contains("in the hook"), "{problem}");
    project.fails(2, &["query", "select * from main.one"]);
}

#[test]
fn exposures_and_saved_queries_are_results_of_a_build() {
    let exposures = "exposures:
  - {name: board, type: dashboard, owner: {name: Ann, email: a@b.c}, depends_on: [ref('one')]}
  - {name: lost, type: dashboard, owner: {name: Ann, email: a@b.c}, depends_on: [ref('wrong')]}
";
    let project = Project::new(&[
        ("dbt_project.yml", "name: shop\n"),
        ("models/one.sql", "select 1 as n"),
        ("models/wrong.sql", "select nothing as n"),
        ("models/exposures.yml", exposures),
    ]);
    let log = project.fails(1, &["build"]);
    let found = results(&project);
    for result in ["exposure.shop.board no-op", "exposure.shop.lost skipped"] {
        assert!(found.contains(&result.to_owned()), "{result} in {found:?}");
    }
    assert!(log.contains("NO-OP exposure board "), "{log}");
    assert!(log.contains("NO-OP=1 TOTAL=4"), "{log}");
    project.fails(1, &["run"]);
    assert_eq!(results(&project).len(), 2);
}

#[test]
fn hooks_run_around_the_freshness_of_sources_unless_the_project_says_no() {
    let write = |flags: &str| {
        Project::new(&[
            (
                "dbt_project.yml",
                &format!(
                    "name: shop
{flags}
on-run-start: create or replace table main.raw as select 1 as id
on-run-end: \"create table main.ends as select '{{{{ results[0].status }}}}' as how\"
"
                ),
            ),
            (
                "models/sources.yml",
                "sources:
  - name: raw
    schema: main
    freshness: {warn_after: {count: 1, period: day}}
    tables: [{name: raw, loaded_at_field: \"timestamp '2000-01-01'\"}]
",
            ),
        ])
    };
    let project = write("");
    project.ok(&["source", "freshness"]);
    assert_eq!(
        project.rows("select how from main.ends"),
        [r#"{"how":"warn"}"#]
    );
    let project = write("flags: {source_freshness_run_project_hooks: false}");
    project.fails(1, &["source", "freshness"]);
}

#[test]
fn what_a_step_has_published_goes_back_where_a_hook_of_its_transaction_fails() {
    let config =
        |kind: &str, hooks: &str| format!("{{{{ config(materialized='{kind}', {hooks}) }}}}");
    let fails = "post_hook='nonsense'";
    let project = Project::new(&[
        ("dbt_project.yml", "name: shop\n"),
        (
            "models/fresh.sql",
            &format!("{} select 1 as n", config("table", fails)),
        ),
        ("models/seen.sql", "select 1 as n"),
        (
            "models/rows.sql",
            &format!("{} select 1 as n", config("incremental", "pre_hook=none")),
        ),
    ]);
    project.fails(1, &["run"]);
    // The view is defined anew, rows are appended after others are deleted.
    project.write(
        "models/seen.sql",
        &format!("{} select 2 as n", config("view", fails)),
    );
    let deletes = "pre_hook='delete from {{ this }}', post_hook='nonsense'";
    project.write(
        "models/rows.sql",
        &format!("{} select 2 as n", config("incremental", deletes)),
    );
    for _ in 0..2 {
        project.fails(1, &["run"]);
    }
    let rows = |table: &str| project.rows(&format!("select n from main.{table}"));
    assert_eq!(
        [rows("seen"), rows("rows")].concat(),
        [r#"{"n":1}"#, r#"{"n":1}"#]
    );
    project.fails(2, &["query", "select * from main.fresh"]);
    // What is outside of the transaction comes when all is published.
    let outside = "post_hook={'sql': 'nonsense', 'transaction': false}";
    project.write(
        "models/fresh.sql",
        &format!("{} select 1 as n", config("table", outside)),
    );
    project.fails(1, &["run", "-s", "fresh"]);
    assert_eq!(rows("fresh"), [r#"{"n":1}"#]);
}

#[test]
fn macros_of_the_project_make_its_snapshots_and_seeds() {
    let snapshot = "{% snapshot s %}{{ config(unique_key='id', strategy='check', check_cols=['name'], hard_deletes='new_record') }}
        select id, name from {{ ref('names') }}{% endsnapshot %}";
    let project = Project::new(&[
        ("dbt_project.yml", "name: shop\n"),
        ("seeds/names.csv", "id,name\n1,a\n2,b\n"),
        ("snapshots/s.sql", snapshot),
        (
            "macros/m.sql",
            "{% macro snapshot_get_time() %}timestamp '2001-01-01'{% endmacro %}
{% macro default__snapshot_hash_arguments(args) %}{{ args[0] }}::varchar{% endmacro %}
{% macro load_csv_rows(model, agate_table) %}
  {% for row in agate_table.rows %}
    {% do adapter.add_query('insert into ' ~ this ~ ' values (%s, %s)', bindings=[row[0], row[1] | upper]) %}
  {% endfor %}
{% endmacro %}",
        ),
    ]);
    project.ok(&["build"]);
    project.write("seeds/names.csv", "id,name\n1,z\n3,c\n");
    project.ok(&["build"]);
    assert_eq!(
        project.rows("select id, name, dbt_scd_id as v, dbt_valid_from::date as f, dbt_valid_to is null as o, dbt_is_deleted as d
            from main.s order by id, name, d"),
        [
            r#"{"id":1,"name":"A","v":"1","f":"2001-01-01","o":false,"d":"False"}"#,
            r#"{"id":1,"name":"Z","v":"1","f":"2001-01-01","o":true,"d":"False"}"#,
            r#"{"id":2,"name":"B","v":"2","f":"2001-01-01","o":false,"d":"False"}"#,
            r#"{"id":2,"name":"B","v":"2","f":"2001-01-01","o":true,"d":"True"}"#,
            r#"{"id":3,"name":"C","v":"3","f":"2001-01-01","o":true,"d":"False"}"#,
        ]
    );
}
