//! How models become tables: batches of time, and unit tests before them.

use crate::project::{Project, text};

const EVENTS: &str = "id,happened,v
1,2024-01-01 10:00:00,a
2,2024-01-02 10:00:00,b
3,2024-01-03 10:00:00,c
";

const DAILY: &str = "{{ config(materialized='incremental', incremental_strategy='microbatch',
          event_time='happened', batch_size='day', begin='2024-01-01') }}
select id, happened, v, '{{ model.batch.event_time_start.date() }}' as batch,
       (select count(*) from {{ ref('events').render() }}) as of_all
from {{ ref('events') }}";

#[test]
fn a_model_in_batches_makes_the_days_anew_that_are_asked_for() {
    let project = Project::new(&[
        ("dbt_project.yml", "name: shop\n"),
        ("seeds/events.csv", EVENTS),
        (
            "seeds/seeds.yml",
            "seeds: [{name: events, config: {event_time: happened}}]\n",
        ),
        ("models/daily.sql", DAILY),
    ]);
    let days = ["--event-time-start", "2024-01-01", "--event-time-end"];
    project.ok(&[&["build"], &days[..], &["2024-01-04"]].concat());
    let rows = "select id, v, batch from main.daily order by id";
    assert_eq!(
        project.rows(rows),
        [
            r#"{"id":1,"v":"a","batch":"2024-01-01"}"#,
            r#"{"id":2,"v":"b","batch":"2024-01-02"}"#,
            r#"{"id":3,"v":"c","batch":"2024-01-03"}"#
        ]
    );
    assert_eq!(
        project.rows("select distinct of_all from main.daily"),
        [r#"{"of_all":3}"#]
    );
    // The first day changes, too, and is not made again.
    project.write(
        "seeds/events.csv",
        &EVENTS.replace(",a", ",A").replace(",c", ",C"),
    );
    let last = ["--event-time-start", "2024-01-03", "--event-time-end"];
    project.ok(&[&["build"], &last[..], &["2024-01-03T12:00:00"]].concat());
    assert_eq!(
        project.rows("select id, v from main.daily"),
        [
            r#"{"id":1,"v":"a"}"#,
            r#"{"id":2,"v":"b"}"#,
            r#"{"id":3,"v":"C"}"#
        ]
    );
}

#[test]
fn a_batch_takes_its_own_rows_where_its_input_does_not_say_when_they_happened() {
    let model = DAILY.replace("batch_size='day'", "batch_size='month'");
    let model = model.replace("event_time_start.date()", "id");
    let project = Project::new(&[
        ("dbt_project.yml", "name: shop\n"),
        (
            "seeds/events.csv",
            &EVENTS.replace("2024-01-03", "2024-02-03"),
        ),
        ("models/daily.sql", &model),
    ]);
    let months = [
        "--event-time-start",
        "2024-01-01",
        "--event-time-end",
        "2024-04-01",
    ];
    let said = project.ok(&[&["build"], &months[..]].concat());
    assert!(said.contains("Batch 2 of 3 OK batch 2024-02\n"), "{said}");
    // The first batch makes the table, of all rows, as in dbt.
    assert_eq!(
        project.rows("select id, batch from main.daily"),
        [
            r#"{"id":1,"batch":"202401"}"#,
            r#"{"id":2,"batch":"202401"}"#,
            r#"{"id":3,"batch":"202402"}"#
        ]
    );
}

#[test]
fn a_batch_that_fails_keeps_no_other_from_its_turn_and_is_tried_again_alone() {
    let model = "{{ config(materialized='incremental', incremental_strategy='microbatch',
          event_time='happened', batch_size='day', begin='2024-01-01') }}
select id, happened, {{ 'v' if model.batch and model.batch.event_time_start.day != 2 or var('well', false) else 'lost' }} as v
from {{ ref('events') }}";
    let project = Project::new(&[
        ("dbt_project.yml", "name: shop\n"),
        ("seeds/events.csv", EVENTS),
        (
            "seeds/seeds.yml",
            "seeds: [{name: events, config: {event_time: happened}}]\n",
        ),
        ("models/daily.sql", model),
        ("models/below.sql", "select * from {{ ref('daily') }}"),
    ]);
    let days = [
        "--event-time-start",
        "2024-01-01",
        "--event-time-end",
        "2024-01-04",
    ];
    let said = project.fails(1, &[&["build"], &days[..]].concat());
    assert!(
        said.contains("PARTIALLY created sql incremental model main.daily"),
        "{said}"
    );
    assert!(
        said.contains("Completed with 0 errors, 1 partial success, and 0 warnings"),
        "{said}"
    );
    let ids = "select id from main.daily order by id";
    assert_eq!(project.rows(ids), [r#"{"id":1}"#, r#"{"id":3}"#]);
    let results = std::fs::read_to_string(project.root().join("target/run_results.json")).unwrap();
    let results: serde_json::Value = serde_json::from_str(&results).unwrap();
    let daily = &results["results"][1];
    assert_eq!(daily["status"], "partial success");
    let second = ["2024-01-02T00:00:00+00:00", "2024-01-03T00:00:00+00:00"];
    assert_eq!(
        daily["batch_results"]["failed"],
        serde_json::json!([second])
    );
    let said = project.ok(&["retry", "--vars", "well: true"]);
    assert!(said.contains("Batch 1 of 1 OK batch 2024-01-02"), "{said}");
    assert_eq!(project.rows(ids).len(), 3);
    assert_eq!(project.rows("select id from main.below").len(), 3);
    let alone = project.fails(2, &["build", "--event-time-start", "2024-01-01"]);
    assert!(
        alone.contains("--event-time-start needs --event-time-end"),
        "{alone}"
    );
}

#[test]
fn days_of_batches_are_utcs_and_those_of_queries_the_profiles() {
    let project = Project::new(&[
        ("dbt_project.yml", "name: shop\nprofile: shop\n"),
        (
            "profiles.yml",
            "shop: {target: dev, outputs: {dev: {type: duckdb, settings: {TimeZone: America/New_York}}}}\n",
        ),
        ("seeds/events.csv", EVENTS),
        (
            "seeds/seeds.yml",
            "seeds: [{name: events, config: {event_time: happened, column_types: {happened: timestamp}}}]\n",
        ),
        ("models/daily.sql", DAILY),
        (
            "models/shown.sql",
            "select timestamptz '2024-01-02 03:00:00+00'::varchar as t, \
             max(happened)::timestamptz::varchar as u from {{ ref('events') }}",
        ),
    ]);
    let span = [
        "build",
        "--event-time-start",
        "2024-01-01",
        "--event-time-end",
        "2024-01-04",
    ];
    project.ok(&span);
    let batches = "select id, batch::varchar as b from main.daily order by id";
    assert_eq!(
        project.rows(batches),
        [
            r#"{"id":1,"b":"2024-01-01"}"#,
            r#"{"id":2,"b":"2024-01-02"}"#,
            r#"{"id":3,"b":"2024-01-03"}"#
        ]
    );
    assert_eq!(
        project.rows("select t, u from main.shown"),
        [r#"{"t":"2024-01-01 22:00:00-05","u":"2024-01-03 10:00:00-05"}"#]
    );
}

#[test]
fn a_key_finds_its_column_whatever_its_capitals() {
    for strategy in ["merge", "delete+insert"] {
        let config = format!(
            "{{{{ config(materialized='incremental', incremental_strategy='{strategy}', unique_key='ID') }}}}"
        );
        let project = Project::new(&[
            ("dbt_project.yml", "name: shop\n"),
            (
                "models/m.sql",
                &format!("{config} select 1 as \"Id\", '{{{{ var('v') }}}}' as v"),
            ),
        ]);
        project.ok(&["build", "--vars", "v: a"]);
        project.ok(&["build", "--vars", "v: b"]);
        let rows = project.rows("select v from main.m");
        assert_eq!(rows, [r#"{"v":"b"}"#], "{strategy}");
    }
}

#[test]
fn what_a_run_elsewhere_left_undone_is_done_by_its_artifacts() {
    let models = |second: &str| {
        Project::new(&[
            (
                "dbt_project.yml",
                "name: shop\ntarget-path: \"made/{{ target.name }}\"\n",
            ),
            ("models/a.sql", "select 1 as id"),
            ("models/b.sql", second),
        ])
    };
    let broken = models("select nothing as id");
    broken.fails(1, &["build"]);
    let results = std::fs::read_to_string(broken.root().join("made/dev/run_results.json")).unwrap();
    let mended = models("select 2 as id");
    mended.write("earlier/run_results.json", &results);
    let said = mended.ok(&["retry", "--state", "earlier"]);
    assert!(said.contains("PASS=1 WARN=0"), "{said}");
    assert_eq!(mended.rows("select id from main.b"), [r#"{"id":2}"#]);
    std::fs::remove_file(mended.root().join("models/b.sql")).unwrap();
    let said = mended.fails(2, &["retry", "--state", "earlier"]);
    assert!(said.contains("the project has no model.shop.b"), "{said}");
    let said = mended.fails(2, &["retry", "--state", "nowhere"]);
    assert!(said.contains("no run can be read from"), "{said}");
}

const TOTALS: &str = "{{ config(materialized='incremental') }}
select id, v || '{{ var('mark', '!') }}' as shout from {{ ref('events') }}
{% if is_incremental() %} where id > (select max(id) from {{ this }}) {% endif %}";

fn tested(expected: &str) -> Project {
    let tests = format!(
        "unit_tests:
  - name: first_run
    model: totals
    overrides: {{macros: {{is_incremental: false}}, vars: {{mark: '?'}}}}
    given:
      - {{input: ref('events'), rows: [{{id: 1, v: a}}, {{id: 2, v: b}}]}}
    expect:
      rows: [{{id: 2, shout: b?}}, {{id: 1, shout: '{expected}'}}]
  - name: next_run
    model: totals
    overrides: {{macros: {{is_incremental: true}}}}
    given:
      - {{input: ref('events'), format: csv, rows: \"id,v\\n1,a\\n7,\"}}
      - {{input: this, format: sql, rows: select 3 as id}}
    expect:
      rows: [{{id: 7, shout: null}}]
"
    );
    Project::new(&[
        ("dbt_project.yml", "name: shop\n"),
        ("seeds/events.csv", EVENTS),
        ("models/totals.sql", TOTALS),
        (
            "models/below.sql",
            "{{ config(materialized='table') }} select * from {{ ref('totals') }}",
        ),
        ("models/tests.yml", &tests),
    ])
}

#[test]
fn unit_tests_run_over_their_own_rows_before_their_model() {
    let project = tested("a?");
    project.ok(&["build"]);
    assert_eq!(
        project.rows("select count(*) as n from main.below"),
        [r#"{"n":3}"#]
    );
    let output = text(&project.run(&["test", "--select", "test_type:unit"]));
    assert!(output.contains("PASS=2"), "{output}");
}

#[test]
fn what_a_unit_test_expects_as_a_query_has_the_types_of_both() {
    let project = Project::new(&[
        ("dbt_project.yml", "name: shop\n"),
        ("models/m.sql", "select 6.00::decimal(10, 2) as a, 'x' as b"),
        (
            "models/tests.yml",
            "unit_tests:
  - {name: same, model: m, given: [], expect: {format: sql, rows: \"select 6 as a, 'x' as b\"}}
",
        ),
    ]);
    project.ok(&["test"]);
    let expected = project.root().join("models/tests.yml");
    let other = std::fs::read_to_string(&expected).unwrap();
    std::fs::write(&expected, other.replace("select 6 ", "select 6.01 ")).unwrap();
    project.fails(1, &["test"]);
}

#[test]
fn a_unit_test_does_not_wait_for_other_tests_where_tests_run_alone() {
    let project = Project::new(&[
        ("dbt_project.yml", "name: shop\n"),
        ("models/a.sql", "select 1 as id"),
        ("models/b.sql", "select id from {{ ref('a') }}"),
        (
            "models/tests.yml",
            "models:
  - name: a
    columns: [{name: id, data_tests: [accepted_values: {arguments: {values: [5]}}]}]
unit_tests:
  - {name: same, model: b, given: [{input: ref('a'), rows: [{id: 3}]}], expect: {rows: [{id: 3}]}}
",
        ),
    ]);
    project.ok(&["run"]);
    let output = project.fails(1, &["test"]);
    assert!(output.contains("PASS=1 WARN=0 ERROR=1 SKIP=0"), "{output}");
    let output = project.fails(1, &["build"]);
    assert!(output.contains("SKIP=2"), "{output}");
    // A model is shown, and what tests it is not.
    let output = text(&project.run(&["show", "--select", "b+"]));
    assert!(output.contains("model b"), "{output}");
    assert!(!output.contains("unit_test"), "{output}");
}

#[test]
fn a_failing_unit_test_shows_the_rows_and_stops_its_model() {
    let project = tested("x");
    let output = project.fails(1, &["build"]);
    for line in ["@@  id  shout", "-   1   x", "+   1   a?"] {
        assert!(output.contains(line), "{output}");
    }
    // The other unit test is not begun, the model and what reads it are not built.
    assert!(output.contains("SKIP=3"), "{output}");
    let output = text(&project.run(&["test", "--select", "test_type:unit"]));
    assert!(output.contains("PASS=1"), "{output}");
    let output = text(&project.run(&["build", "--select", "test_type:unit"]));
    assert!(output.contains("nothing to do"), "{output}");
}

#[test]
fn unit_tests_of_an_ephemeral_model_run_and_stop_what_reads_it() {
    let project = Project::new(&[
        ("dbt_project.yml", "name: shop\n"),
        (
            "models/between.sql",
            "{{ config(materialized='ephemeral') }} select 1 as a",
        ),
        ("models/below.sql", "select * from {{ ref('between') }}"),
        (
            "models/tests.yml",
            "unit_tests:
  - {name: same, model: between, given: [], expect: {rows: [{a: 1}]}}
",
        ),
    ]);
    assert!(project.ok(&["build"]).contains("PASS=2"));
    assert!(
        project
            .ok(&["build", "--select", "between"])
            .contains("PASS=1")
    );
    let tests = project.root().join("models/tests.yml");
    let other = std::fs::read_to_string(&tests).unwrap();
    std::fs::write(&tests, other.replace("a: 1", "a: 2")).unwrap();
    let output = project.fails(1, &["build"]);
    assert!(output.contains("ERROR=1 SKIP=1"), "{output}");
}

/// Its rows would be those of the day.
#[test]
fn a_unit_test_reads_no_table_that_it_gives_no_rows_for() {
    let project = tested("a?");
    project.write(
        "macros/theirs.sql",
        "{% macro theirs() %}{{ ref('ev' ~ 'ents') }}{% endmacro %}",
    );
    project.write(
        "models/totals.sql",
        "-- depends_on: {{ ref('events') }}
select id, v from {{ theirs() }}",
    );
    project.write(
        "models/tests.yml",
        "unit_tests:
  - name: nothing_given
    model: totals
    given: []
    expect: {rows: []}
",
    );
    let output = project.fails(1, &["build"]);
    assert!(output.contains("gives no rows for"), "{output}");
}

#[test]
fn a_sample_is_read_of_what_says_when_its_rows_happened() {
    let project = Project::new(&[
        ("dbt_project.yml", "name: shop\n"),
        ("seeds/events.csv", EVENTS),
        (
            "seeds/seeds.yml",
            "seeds: [{name: events, config: {event_time: happened}}]\n",
        ),
        ("seeds/plain.csv", "x\n1\n2\n"),
        ("models/daily.sql", DAILY),
        (
            "models/few.sql",
            "select id, x from {{ ref('events') }} cross join {{ ref('plain') }}",
        ),
        (
            "tests/all.sql",
            "select * from {{ ref('events') }} where id > 3 or (select count(*) from {{ ref('events') }}) < 3",
        ),
    ]);
    let window = "{start: 2024-01-02, end: 2024-01-03T12:00:00}";
    project.ok(&["build", "--sample", window]);
    let rows = "select id, count(*) as n from main.few group by id order by id";
    assert_eq!(
        project.rows(rows),
        [r#"{"id":2,"n":2}"#, r#"{"id":3,"n":2}"#]
    );
    assert_eq!(
        project.rows("select id from main.daily order by id"),
        [r#"{"id":2}"#, r#"{"id":3}"#]
    );
}
