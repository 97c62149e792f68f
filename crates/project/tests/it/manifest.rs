//! What the manifest notes, as dbt does.

use forebay_core::NodeId;
use forebay_project::CompiledSql;
use serde_json::{Value, json};

use crate::support::{project, sql};

#[test]
fn hooks_of_the_run_are_nodes_with_edges() {
    let project = project(
        "--- dbt_project.yml\nname: shop\non-run-start: \"{{ say('start') }}\"\non-run-end:\n\
         \x20 - \"{% for r in results %}{{ say(r.node.name) }}{% endfor %}\"\n\
         \x20 - \"{% if execute %}{{ say('no') }}{% endif %} select * from {{ ref('m') }}\"\n\
         --- macros/say.sql\n{% macro say(what) %}select '{{ what }}'{% endmacro %}\n\
         {% macro again(n) %}{{ shop.again(n) if n else again(n) }}{% endmacro %}\n\
         --- models/m.sql\nselect 1 as a\n",
    );
    let manifest = project.manifest();
    let nodes = &manifest["nodes"];
    let (start, end) = (
        "operation.shop.shop-on-run-start-0",
        "operation.shop.shop-on-run-end-1",
    );
    let macros = |id: &str| nodes[id]["depends_on"]["macros"].clone();
    assert_eq!(macros(start), json!(["macro.shop.say"]));
    // What stands there runs no sooner than the run.
    assert_eq!(macros("operation.shop.shop-on-run-end-0"), json!([]));
    assert_eq!(macros(end), json!([]));
    assert_eq!(nodes[end]["depends_on"]["nodes"], json!(["model.shop.m"]));
    assert_eq!(nodes[end]["refs"][0]["name"], "m");
    assert_eq!(manifest["parent_map"][end], json!(["model.shop.m"]));
    assert_eq!(manifest["child_map"]["model.shop.m"], json!([end]));
    assert_eq!(manifest["child_map"][end], json!([]));
    // By its package's name, a macro may depend on itself.
    let again = &manifest["macros"]["macro.shop.again"]["depends_on"]["macros"];
    assert_eq!(*again, json!(["macro.shop.again"]));
}

#[test]
fn what_dbt_notes_of_python_models_tests_sources_and_exposures_is_noted() {
    let project = project(
        "--- dbt_project.yml\nname: shop\nmodels: {+post-hook: \"{{ say(this) }}\"}\n\
         --- macros/say.sql\n{% macro say(what) %}select '{{ what }}'{% endmacro %}\n\
         --- models/p.py\ndef model(dbt, session):\n    k = dbt.config.meta_get('k', 3)\n    return session.sql('select 1')\n\
         --- models/m.sql\nselect 1 as a\n\
         --- models/s.yml\nmodels: [{name: m, data_tests: [{unique: {column_name: a}}], columns: [{name: b, data_tests: [unique]}]}]\n\
         sources: [{name: raw, tables: [{name: t, loaded_at_field: a, freshness: {warn_after: {count: 24, period: hour}}}]}]\n\
         exposures: [{name: e, type: dashboard, owner: {name: x}, meta: {a: 1}, config: {tags: [t]}, tags: [u]}]\n\
         unit_tests: [{name: u, model: m, config: {enabled: false}, given: [], expect: {rows: [{a: 1}]}}]\n",
    );
    let manifest = project.manifest();
    let python = &manifest["nodes"]["model.shop.p"];
    assert_eq!(python["depends_on"]["macros"], json!(["macro.shop.say"]));
    assert_eq!(python["config"]["meta_keys_used"], json!(["k"]));
    assert_eq!(python["config"]["config_keys_used"], json!([]));
    let tests = manifest["nodes"].as_object().unwrap().values();
    let columns = tests.filter(|node| node["resource_type"] == "test");
    let columns: Vec<&Value> = columns.map(|test| &test["column_name"]).collect();
    assert_eq!(columns, [&json!(null), &json!("b")]);
    let age = &manifest["sources"]["source.shop.raw.t"]["freshness"]["warn_after"];
    assert_eq!(*age, json!({"count": 24, "period": "hour"}));
    let exposure = &manifest["exposures"]["exposure.shop.e"];
    assert_eq!(exposure["unrendered_config"], json!({"tags": ["t"]}));
    let off = &manifest["disabled"]["unit_test.shop.m.u"][0];
    assert_eq!(off["config"]["enabled"], false);
}

#[test]
fn dates_of_variables_are_dates() {
    let project = project(
        "--- dbt_project.yml\nname: shop\nvars: {d: 2024-01-31, q: '2024-01-31', at: 2024-01-31T10:00:00Z, t: 10:30}\n\
         --- models/m.sql\nselect '{{ var('d') }}', '{{ var('d').strftime('%d.%m.') }}', '{{ var('d') + modules.datetime.timedelta(days=1) }}', '{{ var('at') }}', {{ var('t') }}, '{{ var('q')[:4] }}', '{{ var('d') | replace('-', '') }}'\n",
    );
    assert_eq!(
        sql(&project, "m"),
        "select '2024-01-31', '31.01.', '2024-02-01', '2024-01-31 10:00:00+00:00', 630, '2024', '20240131'"
    );
}

#[test]
fn what_arguments_of_a_test_call_counts_where_its_macro_calls_it_too() {
    let project = project(
        "--- macros/a.sql\n{% macro inner() %}1{% endmacro %}\n{% macro outer() %}{{ inner() }}{% endmacro %}\n\
         {% macro other() %}1{% endmacro %}\n{% macro ref(name) %}{{ return(builtins.ref(name)) }}{% endmacro %}\n\
         {% macro reads() %}{{ ref('m') }}{{ source('a', 'b') }}{% endmacro %}\n\
         {% test less(model, column_name, than) %}select {{ outer() }} from {{ ref('m') }}, {{ model }}{% endtest %}\n\
         --- models/m.sql\nselect 1 as a\n\
         --- models/s.yml\nmodels: [{name: m, columns: [{name: a, data_tests: [{less: {name: t, arguments: {than: \"{{ inner() }}{{ other() }}\"}}}]}]}]\n",
    );
    let manifest = project.manifest();
    let nodes = manifest["nodes"].as_object().unwrap().values();
    let test = nodes.clone().find(|node| node["name"] == "t").unwrap();
    let called = json!([
        "macro.shop.test_less",
        "macro.shop.inner",
        "macro.dbt.get_where_subquery"
    ]);
    assert_eq!(test["depends_on"]["macros"], called);
    let reads = &manifest["macros"]["macro.shop.reads"]["depends_on"]["macros"];
    assert_eq!(*reads, json!([]));
}

#[test]
fn what_is_switched_off_is_noted_as_dbt_does() {
    let project = project(
        "--- dbt_project.yml\nname: shop\non-run-end: select 1\nmodels: {+post_hook: select 2, +materialized: table}\n\
         --- models/m.sql\nselect 1 as a\n\
         --- models/s.yml\nmodels: [{name: m, columns: [{name: a, data_tests: [{unique: {config: {enabled: false}}}]}]}]\n\
         sources: [{name: raw, config: {freshness: {warn_after: {count: 1, period: day}}}, tables: [{name: t, config: {freshness: null}}, {name: u}]}]\n",
    );
    let manifest = project.manifest();
    let model = &manifest["nodes"]["model.shop.m"];
    assert_eq!(model["primary_key"], json!(["a"]));
    let source = |name: &str| manifest["sources"][format!("source.shop.raw.{name}")].clone();
    assert_eq!(source("t")["freshness"], json!(null));
    assert_eq!(source("t")["config"]["freshness"], json!(null));
    let whole = json!({"warn_after": {"count": 1, "period": "day"}, "error_after": {"count": null, "period": null}, "filter": null});
    assert_eq!(source("u")["unrendered_config"]["freshness"], whole);
    let hook = &manifest["nodes"]["operation.shop.shop-on-run-end-0"];
    let after = json!([{"sql": "select 2", "transaction": true, "index": null}]);
    assert_eq!(hook["config"]["post-hook"], after);
    assert_eq!(hook["unrendered_config"]["post-hook"], "select 2");
}

#[test]
fn a_model_keeps_the_name_of_what_it_wants_to_be() {
    let project = project(
        "--- dbt_project.yml\nname: shop\n--- models/m.sql\n{{ config(materialized='materialized_view') }} select 1 as a\n",
    );
    let config = &project.manifest()["nodes"]["model.shop.m"]["config"];
    assert_eq!(config["materialized"], "materialized_view");
}

#[test]
fn settings_of_exposures_metrics_and_their_like() {
    let project = project(
        "--- dbt_project.yml\nname: shop\nexposures: {+tags: [p], +meta: {a: p, b: p}}\nmetrics: {+meta: {a: p, b: p}}\nsemantic-models: {+meta: {c: p}}\n\
         --- models/m.sql\nselect 1 as id, timestamp '2024-01-01' as at\n--- models/spine.sql\nselect date '2024-01-01' as d\n\
         --- models/s.yml\nmodels: [{name: spine, time_spine: {standard_granularity_column: d}, columns: [{name: d, granularity: day}]}]\n\
         exposures: [{name: e, type: dashboard, owner: {name: x}, tags: [u], config: {meta: {a: e}}}]\n\
         semantic_models:\n- name: sm\n\x20 model: ref('m')\n\x20 config: {meta: {k: sm}}\n\x20 entities: [{name: id, type: primary, config: {meta: {k: id}}}]\n\
         \x20 dimensions: [{name: at, type: time, type_params: {time_granularity: day}}]\n\
         \x20 measures: [{name: many, agg: count, expr: id, agg_time_dimension: at, create_metric: true}]\n\
         metrics: [{name: n, label: N, type: simple, meta: {top: 1}, tags: [f], config: {meta: {b: own}, tags: [k]}, type_params: {measure: many}}]\n",
    );
    let manifest = project.manifest();
    let exposure = &manifest["exposures"]["exposure.shop.e"];
    assert_eq!(exposure["config"]["tags"], json!(["p", "u"]));
    assert_eq!(exposure["meta"], json!({"a": "e"}));
    let metric = &manifest["metrics"]["metric.shop.n"];
    assert_eq!(metric["meta"], json!({"a": "p", "b": "own"}));
    assert_eq!(metric["tags"], json!(["f"]));
    let made = &manifest["metrics"]["metric.shop.many"]["config"]["meta"];
    assert_eq!(*made, json!({"a": "p", "b": "p", "c": "p", "k": "sm"}));
    let model = &manifest["semantic_models"]["semantic_model.shop.sm"];
    let entity = &model["entities"][0]["config"]["meta"];
    assert_eq!(*entity, json!({"c": "p", "k": "id"}));
    let measure = &model["measures"][0]["config"]["meta"];
    assert_eq!(*measure, json!({"c": "p", "k": "sm"}));
}

#[test]
fn what_stands_right_below_the_projects_exposures_is_added_to_each() {
    let project = project(
        "--- dbt_project.yml\nname: shop\nexposures: {tags: [p], meta: {a: p, b: p}, shop: {+tags: [deep]}}\n\
         --- models/m.yml\nexposures:\n\
         \x20 - {name: e, type: dashboard, owner: {name: x}, config: {tags: [k], meta: {a: e}}}\n\
         \x20 - {name: f, type: dashboard, owner: {name: x}, tags: [u]}\n",
    );
    let manifest = project.manifest();
    let exposure = |name: &str| manifest["exposures"][format!("exposure.shop.{name}")].clone();
    assert_eq!(exposure("e")["tags"], json!(["k", "p"]));
    assert_eq!(exposure("e")["meta"], json!({"a": "e", "b": "p"}));
    assert_eq!(exposure("f")["tags"], json!(["deep", "p", "u"]));
    assert_eq!(exposure("f")["meta"], json!({"a": "p", "b": "p"}));
}

#[test]
fn foreign_keys_of_what_is_compiled_point_at_relations() {
    let project = project(
        "--- dbt_project.yml\nname: shop\n--- models/m.sql\nselect 1 as id\n--- models/k.sql\nselect 1 as id\n\
         --- models/s.yml\nmodels: [{name: k, columns: [{name: id, data_type: integer, constraints: [{type: foreign_key, to: ref('m'), to_columns: [id]}]}]}]\n",
    );
    let key = |manifest: &Value| {
        manifest["nodes"]["model.shop.k"]["columns"]["id"]["constraints"][0]["to"].clone()
    };
    let manifest = project.manifest();
    assert_eq!(key(&manifest), "ref('m')");
    let model = NodeId::new("model.shop.k");
    let compiled = CompiledSql::from([(&model, ("select 1 as id", "k.sql".into()))]);
    let mut written = Vec::new();
    project
        .write_manifest(&mut written, &compiled, true)
        .unwrap();
    let written: Value = serde_json::from_slice(&written).unwrap();
    let relation = &manifest["nodes"]["model.shop.m"]["relation_name"];
    assert_eq!(key(&written), *relation);
}

#[test]
fn a_test_that_nobody_has_depends_on_what_its_arguments_name() {
    let project = project(
        "--- macros/run_query.sql\n{% macro run_query(sql) %}{{ return(dbt.run_query(sql)) }}{% endmacro %}\n\
         --- models/m.sql\nselect 1 as a\n--- models/n.sql\nselect 1 as a\n\
         --- models/s.yml\nmodels: [{name: m, data_tests: [{nobody.has: {name: t, arguments: {to: ref('n')}}}]}]\n",
    );
    let manifest = project.manifest();
    let nodes = manifest["nodes"].as_object().unwrap().values();
    let test = nodes.clone().find(|node| node["name"] == "t").unwrap();
    let parents = json!(["model.shop.m", "model.shop.n"]);
    let mut found: Vec<&str> = test["depends_on"]["nodes"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(Value::as_str)
        .collect();
    found.sort_unstable();
    assert_eq!(json!(found), parents);
    let own = &manifest["macros"]["macro.shop.run_query"]["depends_on"]["macros"];
    assert_eq!(*own, json!([]));
}

#[test]
fn hooks_and_groups_have_settings_of_models_and_columns_keep_keys_that_nobody_knows() {
    let project = project(
        "--- dbt_project.yml\nname: shop\non-run-start: select 1\nmodels: {+schema: mart, +tags: [t], +meta: {z: 1}}\n\
         --- models/m.sql\nselect 1 as a\n--- tests/s.yml\nmodels:\n  - name: m\n    columns:\n\
         \x20     - {name: a, policy_tags: [x], docs: {show: false}, data_tests: [unique: {config: {severity: \"{{ 'warn' }}\"}}]}\n\
         groups: [{name: g, owner: {name: x}, config: {meta: {own: 1}}}]\n",
    );
    let manifest = project.manifest();
    let hook = &manifest["nodes"]["operation.shop.shop-on-run-start-0"];
    assert_eq!(
        (&hook["meta"], &hook["tags"]),
        (&json!({"z": 1}), &json!(["on-run-start", "t"]))
    );
    assert_eq!(
        (&hook["schema"], &hook["index"]),
        (&json!("main_mart"), &json!(0))
    );
    let group = &manifest["groups"]["group.shop.g"]["config"];
    assert_eq!(
        *group,
        json!({"meta": {"z": 1, "own": 1}, "schema": "mart", "tags": ["t"]})
    );
    let column = &manifest["nodes"]["model.shop.m"]["columns"]["a"];
    assert_eq!(column["policy_tags"], json!(["x"]));
    assert!(column.get("docs").is_none());
    let mut tests = manifest["nodes"].as_object().unwrap().values();
    let test = tests.find(|node| node["resource_type"] == "test").unwrap();
    assert_eq!(test["fqn"], json!(["shop", "unique_m_a"]));
    assert_eq!(test["unrendered_config"], json!({"severity": "warn"}));
}

#[test]
fn a_model_may_be_switched_on_by_a_macro_and_no_file_of_a_version_has_an_entry_of_its_own() {
    let project = project(
        "--- dbt_project.yml\nname: shop\nmodels: {shop: {x: {+enabled: false}}}\n\
         --- macros/c.sql\n{% macro cfg() %}{{ config(enabled=true, materialized='table') }}{% endmacro %}\n\
         --- models/x/m.sql\n{{ cfg() }} select 1 as id\n--- models/x/off.sql\n{{ not_installed.cfg() }} select 1 as id\n\
         --- models/p_v1.sql\nselect 1 as id\n--- models/p_v2.sql\nselect 2 as id\n\
         --- models/s.yml\nmodels: [{name: p, versions: [{v: 1}, {v: 2}]}, {name: p_v1, description: nobody}]\n\
         --- tests/gen.sql\n{% test pos(model, column_name) %} select 1 {% endtest %}\n",
    );
    let manifest = project.manifest();
    let nodes = &manifest["nodes"];
    assert_eq!(nodes["model.shop.m"]["config"]["materialized"], "table");
    assert!(nodes.get("model.shop.off").is_none());
    assert_eq!(nodes["model.shop.p.v1"]["description"], "");
    assert_eq!(nodes["test.shop.gen"]["resource_type"], "test");
    let test = NodeId::new("test.shop.gen");
    let problem = project.broken(&test).unwrap().to_string();
    assert!(problem.contains("--> tests/gen.sql:1:1"), "{problem}");
    let warned = project.warnings.iter().map(ToString::to_string);
    let warned: Vec<String> = warned.collect();
    assert!(
        warned
            .iter()
            .any(|w| w.contains("no model 'p_v1' to describe")),
        "{warned:?}"
    );
}

#[test]
fn a_database_that_is_not_attached_is_told_of_the_nodes_that_are_in_it() {
    let project = project(
        "--- dbt_project.yml\nname: shop\nprofile: p\n--- profiles.yml\np:\n  target: dev\n  outputs:\n    dev: {type: duckdb, path: own.duckdb, attach: [{path: x.db, alias: side}]}\n\
         --- models/a.sql\n{{ config(database='nope') }} select 1 as id\n--- models/d.sql\n{{ config(alias='t', database='side') }} select 1 as id\n\
         --- models/e.sql\n{{ config(alias='t') }} select 1 as id\n--- models/b.sql\n{{ config(database='SIDE') }} select 1 as id\n\
         --- models/c.sql\n{{ config(database='own') }} select 1 as id\n",
    );
    let told = |name: &str| {
        let node = project
            .graph
            .get(&NodeId::new(format!("model.shop.{name}")));
        project
            .elsewhere(node.unwrap())
            .map(|problem| problem.to_string())
    };
    let problem = told("a").unwrap();
    assert!(problem.contains("'nope' of model 'a'"), "{problem}");
    assert!(problem.contains("--> models/a.sql:1:11"), "{problem}");
    assert_eq!((told("b"), told("c")), (None, None));
    // Two databases can have one table each: there is one here.
    assert_eq!(told("e"), None);
    let problem = told("d").unwrap();
    assert!(
        problem.contains("model 'd' of database 'side' and model 'e' both fill the table main.t"),
        "{problem}"
    );
    assert!(problem.contains("--> models/d.sql:1:22"), "{problem}");
}

#[test]
fn a_path_begins_at_the_configured_folder() {
    let project = project(
        "--- dbt_project.yml\nname: shop\nmodel-paths: [src/models]\nanalysis-paths: [src/analyses]\n\
         test-paths: [src/tests]\nsnapshot-paths: [src/snapshots]\n\
         --- src/models/u/x.sql\nselect 1 as a\n\
         --- src/models/u/s.yml\n\
         models: [{name: x, columns: [{name: a, data_tests: [unique]}]}]\n\
         unit_tests: [{name: t, model: x, given: [], expect: {rows: [{a: 1}]}}]\n\
         exposures: [{name: e, type: dashboard, owner: {name: o}}]\n\
         --- src/models/u/d.md\n{% docs d %}text{% enddocs %}\n\
         --- src/analyses/z/an.sql\nselect 1\n\
         --- src/tests/z/sing.sql\nselect * from {{ ref('x') }}\n\
         --- src/snapshots/z/sn.sql\n{% snapshot sn %}{{ config(strategy='check', unique_key='a', \
         check_cols='all') }}select * from {{ ref('x') }}{% endsnapshot %}\n",
    );
    let manifest = project.manifest();
    let path = |section: &str, id: &str| manifest[section][id]["path"].clone();
    assert_eq!(path("nodes", "model.shop.x"), "u/x.sql");
    assert_eq!(path("nodes", "analysis.shop.an"), "analysis/z/an.sql");
    assert_eq!(path("nodes", "test.shop.sing"), "z/sing.sql");
    assert_eq!(path("nodes", "snapshot.shop.sn"), "z/sn.sql");
    assert_eq!(path("exposures", "exposure.shop.e"), "u/s.yml");
    assert_eq!(path("unit_tests", "unit_test.shop.x.t"), "u/s.yml");
    assert_eq!(path("docs", "doc.shop.d"), "u/d.md");
    // What an entry declares loses its first folder alone.
    let nodes = manifest["nodes"].as_object().unwrap();
    let test = nodes.values().find(|node| node["name"] == "unique_x_a");
    assert_eq!(
        test.unwrap()["fqn"],
        json!(["shop", "models", "u", "unique_x_a"])
    );
    assert_eq!(
        manifest["unit_tests"]["unit_test.shop.x.t"]["fqn"],
        json!(["shop", "models", "u", "x", "t"])
    );
    assert_eq!(nodes["model.shop.x"]["fqn"], json!(["shop", "u", "x"]));
}

#[test]
fn the_path_of_a_doc_block_begins_at_the_folder_of_docs() {
    let project = project(
        "--- dbt_project.yml\nname: shop\ndocs-paths: [docs]\n\
         --- docs/u/d.md\n{% docs d %}text{% enddocs %}\n",
    );
    let doc = &project.manifest()["docs"]["doc.shop.d"];
    assert_eq!(doc["path"], "u/d.md");
    assert_eq!(doc["original_file_path"], "docs/u/d.md");
}

#[test]
fn tests_of_versions_are_those_of_all_and_their_own_and_refs_are_as_written() {
    let project = project(
        "--- dbt_project.yml\nname: shop\n--- models/w_v1.sql\nselect 1 as id\n--- models/w_v2.sql\nselect 1 as id\n\
         --- models/z.sql\nselect id from {{ source('s', 't') }} join {{ ref('w', v=1) }} using (id)\n\
         --- models/s.yml\nmodels:\n  - name: w\n    columns: [{name: id, data_tests: [not_null]}]\n\
         \x20   versions: [{v: 1}, {v: 2, columns: [{name: id, description: own, data_tests: [unique]}]}]\n\
         \x20 - name: z\n    columns: [{name: id, data_tests: [{relationships: {to: \"ref('w', v=1)\", field: id}}]}]\n\
         sources: [{name: s, tables: [{name: t}]}]\n",
    );
    let manifest = project.manifest();
    let tests = manifest["nodes"].as_object().unwrap().values();
    let tests = tests.filter(|node| node["resource_type"] == "test");
    let names: Vec<_> = tests
        .clone()
        .map(|node| node["name"].as_str().unwrap())
        .collect();
    assert_eq!(
        names,
        [
            "not_null_w_v1_id",
            "not_null_w_v2_id",
            "relationships_z_id__id__ref_w_v_1_",
            "unique_w_v2_id"
        ]
    );
    assert_eq!(
        manifest["nodes"]["model.shop.w.v2"]["columns"]["id"]["description"],
        "own"
    );
    let keys = tests.clone().find(|node| node["name"] == names[2]).unwrap();
    assert_eq!(keys["refs"][0]["version"], 1);
    let parents = &manifest["parent_map"][keys["unique_id"].as_str().unwrap()];
    assert_eq!(parents, &json!(["model.shop.w.v1", "model.shop.z"]));
    assert_eq!(
        manifest["nodes"]["model.shop.z"]["depends_on"]["nodes"],
        json!(["source.shop.s.t", "model.shop.w.v1"])
    );
}

#[test]
fn what_other_folders_describe_has_its_path_from_them_on_and_a_snapshot_that_is_off_is_told() {
    let project = project(
        "--- dbt_project.yml
name: shop
profile: shop
models:
  +post-hook: select 1
--- models/m.sql
select 1 as id
--- models/g.yml
groups: [{name: g, owner: {name: me}}]
--- seeds/deep/s.yml
sources: [{name: raw, schema: main, tables: [{name: t}]}]
--- snapshots/off.sql
{% snapshot off %}{{ config(enabled=false, unique_key='id', strategy='check', check_cols='all') }}
select * from {{ ref('m') }}{% endsnapshot %}
--- snapshots/unfit.sql
{% snapshot unfit %}{{ config(enabled=false) }} select * from {{ ref('m') }}{% endsnapshot %}
",
    );
    let manifest = project.manifest();
    let source = &manifest["sources"]["source.shop.raw.t"];
    assert_eq!(source["fqn"], json!(["shop", "deep", "raw", "t"]));
    let group = &manifest["groups"]["group.shop.g"];
    assert_eq!(group["config"], json!({"meta": {}}));
    let off = &manifest["disabled"]["snapshot.shop.off"][0];
    assert_eq!(off["fqn"], json!(["shop", "off", "off"]));
    // What lacks a setting is no problem while it is off.
    assert!(manifest["disabled"]["snapshot.shop.unfit"].is_null());
}

#[test]
fn tags_of_tests_that_dbt_renders_again_stand_twice() {
    let project = project(
        "--- dbt_project.yml
name: shop
profile: shop
data_tests: {+tags: [all]}
--- tests/generic/own.sql
{% test own(model, column_name) %}{{ config(tags=['macro']) }} select 1 where false{% endtest %}
--- models/m.sql
select 1 as id
--- models/m.yml
models:
- name: m
  columns:
  - name: id
    data_tests:
    - unique: {config: {tags: [x]}}
    - own: {config: {tags: [x]}}
    - accepted_values: {name: values, arguments: {values: [1]}, config: {tags: x}}
",
    );
    let manifest = project.manifest();
    let nodes = manifest["nodes"].as_object().unwrap();
    let tags = |name: &str| {
        let node = nodes.values().find(|node| node["name"] == name).unwrap();
        let written = &node["unrendered_config"]["tags"];
        (node["config"]["tags"].clone(), written.clone())
    };
    assert_eq!(tags("unique_m_id"), (json!(["all", "x"]), json!(["x"])));
    assert_eq!(
        tags("own_m_id"),
        (
            json!(["all", "x", "macro", "x"]),
            json!(["x", "macro", "x"])
        )
    );
    assert_eq!(
        tags("values"),
        (json!(["all", "x", "x"]), json!(["x", "x"]))
    );
}
