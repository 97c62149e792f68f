//! dbt's files: settings by folder, tests, seeds, snapshots, sources.

use forebay_core::graph::{HardDeletes, KeptAs, Materialized, SnapshotStrategy};
use forebay_core::incremental::{IncrementalStrategy, OnSchemaChange};
use forebay_core::{Node, NodeId, ResourceType, Severity, Spec};
use forebay_project::Project;
use serde_json::Value as Json;

use crate::support::{Files, compile, parents, problems, project, sql};

fn node<'a>(project: &'a Project, id: &str) -> &'a Node {
    project
        .graph
        .get(&NodeId::new(id))
        .unwrap_or_else(|| panic!("no node '{id}'"))
}

fn materialized(project: &Project, model: &str) -> Materialized {
    match &node(project, &format!("model.shop.{model}")).spec {
        Spec::Model(model) => model.materialized.clone(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn settings_are_inherited_by_folder_and_the_nearest_wins() {
    let project = project(
        "--- dbt_project.yml
name: shop
models:
  +tags: common
  shop:
    +materialized: table
    staging:
      materialized: view
      +tags: [staging, \"{{ target.name }}\"]
      +schema: stage
--- models/top.sql
select 1
--- models/staging/a.sql
select 1
--- models/staging/b.sql
{{ config(materialized='ephemeral', tags='own') }} select 1
--- models/staging/schema.yml
models:
  - name: a
    config: {alias: a_renamed, tags: [patched]}
  - name: b
    config: {materialized: table}
",
    );
    assert_eq!(materialized(&project, "top"), Materialized::Table);
    assert_eq!(materialized(&project, "a"), Materialized::View);
    assert_eq!(materialized(&project, "b"), Materialized::Ephemeral);
    let a = node(&project, "model.shop.a");
    assert_eq!(a.tags, ["common", "staging", "dev", "patched"]);
    assert_eq!(
        a.relation.as_ref().unwrap().to_string(),
        "main_stage.a_renamed"
    );
    assert_eq!(
        node(&project, "model.shop.b").tags,
        ["common", "staging", "dev", "own"]
    );
}

#[test]
fn incremental_settings() {
    let project = project(
        "--- models/a.sql
{{ config(materialized='incremental', unique_key=['day', 'id'], on_schema_change='append_new_columns', full_refresh=false) }} select 1
--- models/b.sql
{{ config(materialized='incremental') }} select 1
--- models/c.sql
{{ config(materialized='incremental', incremental_strategy='merge', unique_key='id') }} select 1
--- models/d.sql
{{ config(materialized='incremental', unique_key=['\"Day\"', 'id', 'id']) }} select 1
--- models/e.sql
{{ config(materialized='incremental', unique_key='') }} select 1
",
    );
    let Materialized::Incremental(a) = materialized(&project, "a") else {
        panic!()
    };
    assert_eq!(a.strategy, IncrementalStrategy::DeleteInsert);
    assert_eq!(a.unique_key, ["day", "id"]);
    assert_eq!(a.on_schema_change, OnSchemaChange::AppendNewColumns);
    assert_eq!(a.full_refresh, Some(false));
    let Materialized::Incremental(b) = materialized(&project, "b") else {
        panic!()
    };
    assert_eq!(b.strategy, IncrementalStrategy::Append);
    let Materialized::Incremental(c) = materialized(&project, "c") else {
        panic!()
    };
    assert_eq!(c.strategy, IncrementalStrategy::Merge);
    let keys = |name| match materialized(&project, name) {
        Materialized::Incremental(spec) => spec.unique_key.clone(),
        _ => panic!(),
    };
    assert_eq!(keys("d"), ["Day", "id"]);
    assert!(keys("e").is_empty());
}

const TESTED: &str = "--- models/orders.sql
select 1
--- models/customers.sql
select 1
--- models/sources.yml
sources:
  - name: raw
    tables:
      - name: orders
        columns: [{name: id, tests: [unique]}]
--- tests/generic/positive.sql
{% test positive(model, column_name, least=0) %}
select * from {{ model }} where {{ column_name }} <= {{ least }}
{% endtest %}
--- tests/no_orphans.sql
{{ config(severity='warn', tags=['slow']) }}
select * from {{ ref('orders') }} where customer_id is null
--- models/schema.yml
models:
  - name: orders
    data_tests:
      - positive: {column_name: amount, least: 5, name: amounts_are_positive}
    columns:
      - name: id
        data_type: bigint
        data_tests:
          - not_null:
              config: {severity: warn, warn_if: '>10', error_if: '>100', where: \"day > '2020-01-01'\", limit: 7}
      - name: status
        data_tests:
          - accepted_values:
              arguments: {values: [placed, 'it''s']}
      - name: customer_id
        data_tests:
          - relationships: {to: ref('customers'), field: id, store_failures: true}
";

fn test_named<'a>(project: &'a Project, name: &str) -> &'a Node {
    let tests = project
        .graph
        .nodes
        .values()
        .filter(|n| n.resource_type() == ResourceType::Test);
    let mut tests = tests.filter(|node| node.name == name);
    tests.next().unwrap_or_else(|| panic!("no test '{name}'"))
}

#[test]
fn generic_tests_compile_with_their_arguments() {
    let project = project(TESTED);
    let sql = |name: &str| compile(&project, test_named(&project, name).id.as_str());
    assert_eq!(
        sql("not_null_orders_id"),
        r#"select *
from (select * from "forebay"."main"."orders" where day > '2020-01-01') dbt_subquery
where id is null"#
    );
    assert_eq!(
        sql("accepted_values_orders_status__placed__it_s"),
        r#"select status as value_field, count(*) as n_records
from "forebay"."main"."orders"
where status not in ('placed', 'it''s')
group by status"#
    );
    assert_eq!(
        sql("amounts_are_positive"),
        r#"select * from "forebay"."main"."orders" where amount <= 5"#
    );
    assert_eq!(
        sql("source_unique_raw_orders_id"),
        r#"select id as unique_field, count(*) as n_records
from "forebay"."raw"."orders"
where id is not null
group by id
having count(*) > 1"#
    );
    assert!(
        sql("relationships_orders_customer_id__id__ref_customers_")
            .contains(r#"from "forebay"."main"."customers""#)
    );
}

#[test]
fn tests_carry_their_settings_and_parents() {
    let project = project(TESTED);
    let spec = |name: &str| match &test_named(&project, name).spec {
        Spec::Test(test) => test.clone(),
        other => panic!("{other:?}"),
    };
    let not_null = spec("not_null_orders_id");
    assert_eq!(not_null.severity, Severity::Warning);
    assert_eq!(
        (not_null.warn_if.as_str(), not_null.error_if.as_str()),
        (">10", ">100")
    );
    assert_eq!(not_null.limit, Some(7));
    assert_eq!(not_null.column.as_deref(), Some("id"));
    assert_eq!(not_null.attached, Some(NodeId::new("model.shop.orders")));
    let related = test_named(
        &project,
        "relationships_orders_customer_id__id__ref_customers_",
    );
    assert_eq!(
        parents(&project, related.id.as_str()),
        ["model.shop.customers", "model.shop.orders"]
    );
    assert_eq!(spec(&related.name).store_failures, Some(KeptAs::Table));
    assert_eq!(
        related.relation.as_ref().unwrap().schema,
        "main_dbt_test__audit"
    );
    let singular = node(&project, "test.shop.no_orphans");
    assert_eq!(singular.tags, ["slow"]);
    assert_eq!(spec("no_orphans").severity, Severity::Warning);
    assert_eq!(spec("no_orphans").generic, None);
    assert_eq!(
        parents(&project, "test.shop.no_orphans"),
        ["model.shop.orders"]
    );
    let id = &node(&project, "model.shop.orders").columns["id"];
    assert_eq!(id.data_type.as_deref(), Some("bigint"));
}

#[test]
fn a_project_may_put_its_own_test_in_place_of_ours() {
    let project = project(
        "--- macros/t.sql
{% test not_null(model, column_name) %}mine: {{ model }}.{{ column_name }}{% endtest %}
--- models/m.sql
select 1
--- models/schema.yml
models: [{name: m, columns: [{name: id, tests: [not_null]}]}]
",
    );
    let test = test_named(&project, "not_null_m_id");
    assert_eq!(
        compile(&project, test.id.as_str()),
        r#"mine: "forebay"."main"."m".id"#
    );
}

#[test]
fn snapshots_in_blocks_and_in_yaml() {
    let project = project(
        "--- snapshots/s.sql
{% snapshot customers_history %}
{{ config(target_schema='history', unique_key='id', strategy='timestamp', updated_at='at', invalidate_hard_deletes=true) }}
select * from {{ ref('customers') }}
{% endsnapshot %}
{% snapshot second %}
{{ config(unique_key=['a', 'b'], strategy='check', check_cols=['x', 'y']) }}
select 1
{% endsnapshot %}
--- snapshots/s.yml
snapshots:
  - name: third
    relation: \"{{ ref('customers') }}\"
    config: {unique_key: id, strategy: check, check_cols: all, schema: kept, hard_deletes: invalidate}
--- models/customers.sql
select 1
",
    );
    let spec = |name: &str| match &node(&project, &format!("snapshot.shop.{name}")).spec {
        Spec::Snapshot(snapshot) => snapshot.clone(),
        other => panic!("{other:?}"),
    };
    let relation = |name: &str| {
        let node = node(&project, &format!("snapshot.shop.{name}"));
        node.relation.as_ref().unwrap().to_string()
    };
    let first = spec("customers_history");
    assert_eq!(
        first.strategy,
        SnapshotStrategy::Timestamp {
            updated_at: "at".into()
        }
    );
    assert_eq!(first.hard_deletes, HardDeletes::Invalidate);
    assert_eq!(relation("customers_history"), "history.customers_history");
    assert_eq!(spec("second").unique_key, ["a", "b"]);
    assert_eq!(relation("second"), "main.second");
    let third = spec("third");
    let all = SnapshotStrategy::Check {
        columns: vec![],
        updated_at: None,
    };
    assert_eq!(third.strategy, all);
    assert_eq!(relation("third"), "main_kept.third");
    assert_eq!(
        compile(&project, "snapshot.shop.third"),
        r#"select * from "forebay"."main"."customers""#
    );
    assert_eq!(
        parents(&project, "snapshot.shop.customers_history"),
        ["model.shop.customers"]
    );
}

#[test]
fn sources_inherit_freshness_and_switch_it_off() {
    let project = project(
        "--- models/s.yml
sources:
  - name: raw
    description: as it came
    loaded_at_field: _loaded_at
    freshness:
      warn_after: {count: 12, period: hour}
      error_after: {count: 2, period: day}
    tables:
      - name: a
      - name: b
        freshness: {warn_after: {count: 5, period: minute}}
      - name: c
        freshness: null
      - {name: d, config: {enabled: false}}
",
    );
    let spec = |name: &str| match &node(&project, &format!("source.shop.raw.{name}")).spec {
        Spec::Source(source) => source.clone(),
        other => panic!("{other:?}"),
    };
    let ages = |name: &str| {
        let rule = spec(name).freshness?;
        Some((rule.warn_after?.to_string(), rule.error_after?.to_string()))
    };
    assert_eq!(ages("a"), Some(("12h".into(), "2d".into())));
    assert_eq!(ages("b"), Some(("5m".into(), "2d".into())));
    assert_eq!(ages("c"), None);
    assert_eq!(spec("a").loaded_at_field.as_deref(), Some("_loaded_at"));
    assert!(
        project
            .graph
            .get(&NodeId::new("source.shop.raw.d"))
            .is_none()
    );
}

#[test]
fn seeds_docs_and_disabled_models() {
    let project = project(
        "--- dbt_project.yml
name: shop
seeds: {shop: {+delimiter: ';', codes: {+column_types: {code: varchar}}}}
vars: {with_extra: false}
--- seeds/codes.csv
code;name
--- seeds/schema.yml
seeds:
  - name: codes
    description: \"{{ doc('codes') }}\"
    columns: [{name: code, description: \"See {{ doc('shop', 'codes') }}\"}, {name: name, description: plain}]
--- models/words.md
It's about {{ nothing.
{% docs codes %} What the codes mean. {% enddocs %}
--- models/extra.sql
{{ config(enabled=var('with_extra')) }} select 1
",
    );
    let codes = node(&project, "seed.shop.codes");
    let Spec::Seed(seed) = &codes.spec else {
        panic!()
    };
    assert_eq!(
        (seed.delimiter, seed.column_types["code"].as_str()),
        (';', "varchar")
    );
    assert_eq!(codes.description, "What the codes mean.");
    let shown = &project.manifest()["nodes"]["seed.shop.codes"];
    let blocks = serde_json::json!(["doc.shop.codes"]);
    assert_eq!(shown["doc_blocks"], blocks);
    assert_eq!(shown["columns"]["code"]["doc_blocks"], blocks);
    assert_eq!(
        shown["columns"]["name"]["doc_blocks"],
        serde_json::json!([])
    );
    assert!(
        project
            .graph
            .get(&NodeId::new("model.shop.extra"))
            .is_none()
    );
}

#[test]
fn the_manifest_is_shaped_like_dbts() {
    let project = project(TESTED);
    let manifest = project.manifest();
    assert_eq!(
        manifest["metadata"]["dbt_schema_version"],
        "https://schemas.getdbt.com/dbt/manifest/v12.json"
    );
    let orders = &manifest["nodes"]["model.shop.orders"];
    assert_eq!(orders["relation_name"], r#""forebay"."main"."orders""#);
    assert_eq!(orders["config"]["materialized"], "view");
    assert_eq!(orders["path"], "orders.sql");
    assert_eq!(orders["original_file_path"], "models/orders.sql");
    assert_eq!(orders["patch_path"], "shop://models/schema.yml");
    let id = test_named(&project, "not_null_orders_id").id.to_string();
    let test = &manifest["nodes"][&id];
    assert_eq!(test["test_metadata"]["name"], "not_null");
    assert_eq!(
        test["test_metadata"]["kwargs"]["model"],
        "{{ get_where_subquery(ref('orders')) }}"
    );
    assert_eq!(
        test["raw_code"],
        "{{ test_not_null(**_dbt_generic_test_kwargs) }}{{ config(severity=\"warn\",\
         where=\"day > '2020-01-01'\",limit=7,warn_if=\">10\",error_if=\">100\") }}"
    );
    assert_eq!(
        manifest["parent_map"][&id],
        serde_json::json!(["model.shop.orders"])
    );
    assert!(
        manifest["child_map"]["model.shop.orders"]
            .as_array()
            .unwrap()
            .len()
            >= 4
    );
    assert_eq!(
        manifest["sources"]["source.shop.raw.orders"]["identifier"],
        "orders"
    );
}

#[test]
fn what_is_not_supported_is_said() {
    assert_eq!(
        problems(
            "--- dbt_project.yml
name: shop
on-run-start: [select 1]
models: {shop: {stagign: {+materialized: table}}}
--- models/m.sql
{{ config(post_hook='analyze', materialised='table', sort='id') }} select 1
--- models/s.yml
models:
  - {name: m, contarct: {}}
  - {name: n}
"
        ),
        "warning: 'models.shop.stagign' in dbt_project.yml applies to nothing
  --> dbt_project.yml:3:17
  hint: a folder of settings has the name of the project or of a folder in it
warning: unknown setting 'materialised' of model 'm'
  --> models/m.sql:1:32
  hint: did you mean 'materialized'?
warning: unknown key 'contarct' in model 'm'
  --> models/s.yml:2:15
  hint: did you mean 'contract'?
warning: there is no model 'n' to describe
  --> models/s.yml:3:12"
    );
}

#[test]
fn a_source_may_say_by_a_query_how_new_it_is_and_be_read_from_files() {
    let files = |kind: &str| {
        project(&format!(
            "--- profiles.yml
shop: {{target: dev, outputs: {{dev: {{type: {kind}}}}}}}
--- models/s.yml
sources:
  - name: raw
    meta: {{external_location: 'data/{{name}}.parquet'}}
    loaded_at_query: 'select max(at) from {{{{ this }}}}'
    tables:
      - {{name: orders, freshness: {{warn_after: {{count: 1, period: day}}}}}}
      - name: lines
        loaded_at_field: at
        config: {{meta: {{external_location: \"read_csv('l.csv')\"}}}}
        freshness: {{warn_after: {{count: 1, period: day}}, filter: at > 0}}
--- models/a.sql
select * from {{{{ source('raw', 'orders') }}}}, {{{{ source('raw', 'lines') }}}}
"
        ))
    };
    let duckdb = files("duckdb");
    assert_eq!(
        sql(&duckdb, "a"),
        "select * from 'data/orders.parquet', read_csv('l.csv')"
    );
    let newest = |name: &str| {
        let id = forebay_core::NodeId::new(format!("source.shop.raw.{name}"));
        duckdb.newest_row(duckdb.graph.get(&id).unwrap()).unwrap()
    };
    let of_orders = newest("orders").unwrap();
    assert_eq!(of_orders, r#"select max(at) from "memory"."raw"."orders""#);
    let of_lines = newest("lines").unwrap();
    assert_eq!(
        of_lines,
        "select max(at) from read_csv('l.csv') where at > 0"
    );
    // No other adapter knows the setting.
    assert_eq!(
        sql(&files("postgres"), "a"),
        r#"select * from "forebay"."raw"."orders", "forebay"."raw"."lines""#
    );
}

#[test]
fn a_pipe_among_the_models_is_passed_over() {
    let files = Files::new("--- models/a.sql\nselect 1\n");
    let pipe = files.path().join("models/pipe.sql");
    let made = std::process::Command::new("mkfifo").arg(&pipe).status();
    assert!(made.unwrap().success());
    assert_eq!(files.load().unwrap().graph.nodes.len(), 1);
}

#[test]
fn settings_that_are_nobodys_keep_their_names() {
    let project = project(
        "--- dbt_project.yml
name: shop
models: {shop: {+my-key: 5, +pre-hook: select 1}}
--- models/a.sql
{{ config(**{'a-b': 3}) }}
select '{{ config.get(\"my-key\") }} {{ config.get(\"my_key\") }} {{ config.get(\"a-b\") }} {{ config.get(\"pre_hook\") is none }}'
",
    );
    assert_eq!(sql(&project, "a"), "select '5 None 3 False'");
}

#[test]
fn tests_of_what_is_not_there_are_in_the_manifest_and_do_not_run() {
    let project = project(
        "--- models/a.sql
select {{ [1, 1] | random }} as id
--- models/off.sql
{{ config(enabled=false) }} select 1 as id
--- models/s.yml
models:
  - name: ghost
    columns:
      - name: id
        data_tests: [unique, {relationships: {to: \"ref('a')\", field: id}}]
  - name: 'offline'
  - name: a
    columns: [{name: id, data_tests: [{relationships: {to: \"ref('off')\", field: id}}]}]
--- models/t.yml
models:
  - {name: \"off\", columns: [{name: id, data_tests: [not_null]}]}
",
    );
    let manifest = project.manifest();
    let ids = |found: &Json| -> Vec<String> {
        let tests = found.as_object().unwrap().keys();
        let names = tests.filter_map(|id| id.strip_prefix("test.shop."));
        let names = names.map(|id| id.rsplit_once('.').unwrap().0.to_owned());
        let mut names: Vec<String> = names.collect();
        names.sort();
        names
    };
    let all = [
        "not_null_off_id",
        "relationships_a_id__id__ref_off_",
        "relationships_ghost_id__id__ref_a_",
        "unique_ghost_id",
    ];
    assert_eq!(ids(&manifest["nodes"]), all);
    assert_eq!(ids(&manifest["parent_map"]), all);
    assert_eq!(ids(&manifest["child_map"]), all);
    assert_eq!(ids(&manifest["disabled"]), [""; 0]);
    let children = manifest["child_map"]["model.shop.a"].as_array().unwrap();
    assert_eq!(children.len(), 2);
    let test = |name: &str| {
        let mut nodes = manifest["nodes"].as_object().unwrap().values();
        nodes.find(|node| node["name"] == name).unwrap().clone()
    };
    let ghost = test("relationships_ghost_id__id__ref_a_");
    assert_eq!(ghost["config"]["enabled"], false);
    assert_eq!(ghost["attached_node"], Json::Null);
    assert_eq!(
        ghost["depends_on"]["nodes"],
        serde_json::json!(["model.shop.a"])
    );
    assert_eq!(test("not_null_off_id")["attached_node"], "model.shop.off");
    let warnings: Vec<&str> = project
        .warnings
        .iter()
        .map(|w| w.message.as_str())
        .collect();
    assert_eq!(
        warnings,
        [
            "there is no model 'ghost' to describe",
            "there is no model 'offline' to describe",
            "the test 'relationships_a_id__id__ref_off_' does not run: 'off' is disabled",
        ]
    );
    assert!(
        project
            .graph
            .nodes
            .keys()
            .all(|id| !id.as_str().starts_with("test."))
    );
}

#[test]
fn tags_of_models_count_under_their_configuration_alone() {
    let project = project(
        "--- models/a.sql
select 1 as id
--- models/s.yml
models:
  - name: a
    tags: [beside]
    config: {tags: [within]}
    columns: [{name: id, tags: [column]}]
",
    );
    assert_eq!(node(&project, "model.shop.a").tags, ["within"]);
    let said = &project.warnings[0];
    assert_eq!(
        said.message,
        "tags of model 'a' are read under config: alone"
    );
}

#[test]
fn an_empty_list_of_folders_is_none() {
    let project = project(
        "--- dbt_project.yml
name: shop
model-paths: []
--- models/a.sql
select 1 as id
--- seeds/s.csv
a
",
    );
    let ids: Vec<String> = project
        .graph
        .nodes
        .keys()
        .map(ToString::to_string)
        .collect();
    assert_eq!(ids, ["seed.shop.s"]);
}

#[test]
fn what_the_project_says_of_models_is_not_said_of_those_in_python() {
    let project = project(
        "--- dbt_project.yml
name: shop
models: {+materialized: view}
--- models/a.py
def model(dbt, session):
    return dbt.ref('b')
--- models/b.sql
select 1 as id
",
    );
    assert_eq!(materialized(&project, "a"), Materialized::Table);
    assert_eq!(materialized(&project, "b"), Materialized::View);
}

#[test]
fn a_null_switches_an_inherited_loaded_at_field_off() {
    let project = project(
        "--- models/s.yml
sources:
  - name: raw
    loaded_at_field: at
    tables: [{name: t, loaded_at_field: null}, {name: u}]
",
    );
    let sources = &project.manifest()["sources"];
    let field = |name: &str| &sources[format!("source.shop.raw.{name}")]["loaded_at_field"];
    assert!(field("t").is_null());
    assert_eq!(field("u"), "at");
}
