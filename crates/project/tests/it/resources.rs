//! Groups, exposures, analyses, the semantic layer: resources of dbt that make no table.

use forebay_core::{Node, NodeId, Spec};
use forebay_project::Project;
use forebay_project::select::Selection;
use serde_json::{Value as Json, json};

use crate::support::{compile, parents, problems, project};

fn node<'a>(project: &'a Project, id: &str) -> &'a Node {
    let node = project.graph.get(&NodeId::new(id));
    node.unwrap_or_else(|| panic!("no node '{id}'"))
}

#[track_caller]
fn all_in(found: &str, expected: &[&str]) {
    for expected in expected {
        assert!(found.contains(expected), "{expected}\nis not in\n{found}");
    }
}

const GROUPED: &str = "--- models/ledger.sql
select 1 as id
--- models/schema.yml
groups:
  - name: finance
    owner: {name: Ada}
    config: {meta: {room: 7}}
models:
  - name: ledger
    access: private
    group: finance
    columns: [{name: id, data_tests: [unique]}]
  - name: report
    config: {group: finance}
--- models/report.sql
select * from {{ ref('ledger') }}
";

#[test]
fn a_private_model_is_for_its_group() {
    let project = project(GROUPED);
    assert_eq!(
        parents(&project, "model.shop.report"),
        ["model.shop.ledger"]
    );
    let manifest = project.manifest();
    let group = &manifest["groups"]["group.shop.finance"];
    assert_eq!(group["owner"], json!({"name": "Ada", "email": null}));
    assert_eq!(group["config"], json!({"meta": {"room": 7}}));
    let members = manifest["group_map"]["finance"].as_array().unwrap();
    assert_eq!(
        members.len(),
        3,
        "a test is in the group of what it tests: {members:?}"
    );
    let others = problems(&format!(
        "{GROUPED}--- models/other.sql\nselect 1,\n  {{{{ ref('ledger') }}}}\n--- models/lost.sql\n{{{{ config(group='finanse') }}}} select 1\n"
    ));
    all_in(
        &others,
        &[
            "the model 'ledger' is private to the group 'finance'\n  --> models/other.sql:2:6",
            "model 'lost' is in a group 'finanse' that does not exist\n  --> models/lost.sql:1:11\n  hint: did you mean 'finance'?",
        ],
    );
}

#[test]
fn groups_need_an_owner_and_a_name_of_their_own() {
    let found = problems(
        "--- models/a.yml
groups:
  - {name: a, owner: {}}
  - {name: b}
  - {name: c, owner: {email: x@y.z}}
  - {name: c, owner: {email: x@y.z}}
",
    );
    all_in(
        &found,
        &[
            "the owner of group 'a' has neither a name nor an email\n  --> models/a.yml:2:22",
            "group 'b' has no 'owner'",
            "two groups are called 'c'\n  --> models/a.yml:5:12",
        ],
    );
}

#[test]
fn an_exposure_hangs_below_what_it_uses() {
    let project = project(
        "--- models/bi/a.sql
select 1
--- models/bi/schema.yml
sources: [{name: raw, tables: [{name: t}]}]
exposures:
  - name: board
    type: dashboard
    maturity: high
    url: https://example.org
    owner: {name: Ada, email: ada@example.org}
    tags: [weekly]
    depends_on: [ref('a'), \"source('raw', 't')\"]
    config: {meta: {wall: 2}}
",
    );
    let id = "exposure.shop.board";
    assert_eq!(parents(&project, id), ["model.shop.a", "source.shop.raw.t"]);
    let node = node(&project, id);
    assert_eq!(node.fqn, ["shop", "bi", "board"]);
    assert_eq!(node.tags, ["weekly"]);
    let manifest = project.manifest();
    let entry = &manifest["exposures"][id];
    assert_eq!(entry["type"], "dashboard");
    assert_eq!(entry["meta"], json!({"wall": 2}));
    assert_eq!(
        entry["refs"],
        json!([{"name": "a", "package": null, "version": null}])
    );
    assert_eq!(entry["sources"], json!([["raw", "t"]]));
    assert_eq!(manifest["child_map"]["model.shop.a"], json!([id]));
}

#[test]
fn mistakes_in_exposures_are_named() {
    let found = problems(
        "--- models/a.sql
select 1
--- models/e.yml
exposures:
  - name: board
    type: dashbord
    owner: {name: Ada}
    depends_on: [ref('b'), a]
  - name: other
    owner: {name: Ada}
",
    );
    all_in(
        &found,
        &[
            "'dashbord' is no 'type' of exposure 'board'\n  --> models/e.yml:3:11\n  hint: did you mean 'dashboard'?",
            "no model, seed or snapshot is called 'b'\n  --> models/e.yml:5:18",
            "'a' is nothing that exposure 'board' can depend on\n  --> models/e.yml:5:28",
            "exposure 'other' has no 'type'",
        ],
    );
}

const SEMANTIC: &str = "--- models/orders.sql
select 1 as id, 2 as amount, current_date as at
--- models/days.sql
select current_date as day
--- models/orders.yml
models:
  - name: days
    time_spine: {standard_granularity_column: day}
    columns: [{name: day, granularity: day}]
semantic_models:
  - name: orders
    model: ref('orders')
    defaults: {agg_time_dimension: at}
    entities: [{name: id, type: primary}]
    dimensions:
      - {name: at, type: time, type_params: {time_granularity: day}}
    measures:
      - {name: amount, agg: sum}
      - {name: orders, agg: COUNT, expr: 1, create_metric: true}
metrics:
  - name: revenue
    label: Revenue
    type: simple
    type_params: {measure: amount}
    filter: \"{{ Dimension('id__at') }} > '2020-01-01'\"
  - name: per_order
    label: Per order
    type: ratio
    type_params: {numerator: revenue, denominator: orders}
  - name: running
    label: Running
    type: cumulative
    type_params: {measure: {name: amount, fill_nulls_with: 0}, cumulative_type_params: {window: 28 days}}
saved_queries:
  - name: weekly
    query_params: {metrics: [revenue, per_order], group_by: [\"TimeDimension('metric_time', 'week')\"]}
    exports: [{name: weekly, config: {export_as: table}}]
";

#[test]
fn the_semantic_layer_is_read_for_the_tools_that_answer_it() {
    let project = project(SEMANTIC);
    let model = "semantic_model.shop.orders";
    assert_eq!(parents(&project, model), ["model.shop.orders"]);
    assert_eq!(parents(&project, "metric.shop.revenue"), [model]);
    assert_eq!(
        parents(&project, "metric.shop.per_order"),
        ["metric.shop.revenue", "metric.shop.orders"]
    );
    assert_eq!(
        parents(&project, "saved_query.shop.weekly"),
        ["metric.shop.revenue", "metric.shop.per_order"]
    );
    let Spec::SemanticModel(spec) = &node(&project, model).spec else {
        panic!()
    };
    assert_eq!(spec.measures, ["amount", "orders"]);
    let manifest = project.manifest();
    let metric = |name: &str| manifest["metrics"][format!("metric.shop.{name}")].clone();
    assert_eq!(
        metric("revenue")["filter"],
        json!({"where_filters": [{"where_sql_template": "{{ Dimension('id__at') }} > '2020-01-01'"}]})
    );
    let measures = |metric: &Json| -> Vec<String> {
        let inputs = metric["type_params"]["input_measures"].as_array().unwrap();
        inputs
            .iter()
            .map(|m| m["name"].as_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!(measures(&metric("per_order")), ["amount", "orders"]);
    assert_eq!(
        metric("running")["type_params"]["cumulative_type_params"]["window"],
        json!({"count": 28, "granularity": "day"})
    );
    assert_eq!(
        manifest["nodes"]["model.shop.days"]["time_spine"],
        json!({"standard_granularity_column": "day", "custom_granularities": []})
    );
    let relation = &manifest["semantic_models"][model]["node_relation"];
    assert_eq!(relation["alias"], "orders");
}

#[test]
fn mistakes_in_the_semantic_layer_are_named() {
    let found = problems(
        "--- models/orders.sql
select 1
--- models/s.yml
models:
  - {name: orders, time_spine: {standard_granularity_column: day}}
semantic_models:
  - name: orders
    model: orders
    measures: [{name: amount, agg: totl}]
metrics:
  - name: revenue
    label: Revenue
    type: simple
    type_params: {measure: amonut}
  - {name: 1st, label: First, type: simple, type_params: {measure: amount}}
  - {name: ratio, label: Ratio, type: ratio, type_params: {numerator: revenue}}
saved_queries:
  - {name: q, query_params: {metrics: [revenu]}}
",
    );
    all_in(
        &found,
        &[
            "the time spine of model 'orders' names a column 'day' that model 'orders' does not describe\n  --> models/s.yml:2:62",
            "'model' of semantic model 'orders' must be ref('model'), not 'orders'\n  --> models/s.yml:5:12",
            "'totl' is no 'agg' of measures, in semantic model 'orders'\n  --> models/s.yml:6:36",
            "no measure of a semantic model is called 'amonut', which metric 'revenue' names\n  --> models/s.yml:11:28\n  hint: did you mean 'amount'?",
            "'1st' cannot be the name of a metric",
            "type_params of metric 'ratio' has no 'denominator'",
            "no metric is called 'revenu', which saved query 'q' names",
        ],
    );
}

#[test]
fn analyses_compile_and_hooks_are_edges() {
    let project = project(
        "--- models/a.sql
{{ config(post_hook=\"insert into log select * from {{ ref('b') }}\") }} select 1
--- models/b.sql
select 1
--- analyses/deep/why.sql
select * from {{ ref('a') }}
",
    );
    let id = "analysis.shop.why";
    assert_eq!(node(&project, id).fqn, ["shop", "analysis", "deep", "why"]);
    assert_eq!(
        compile(&project, id),
        r#"select * from "forebay"."main"."a""#
    );
    assert_eq!(parents(&project, "model.shop.a"), ["model.shop.b"]);
}

#[test]
fn a_variable_may_be_a_template() {
    let project = project(
        "--- dbt_project.yml
name: shop
vars:
  depth: \"{{ 9 if target.type == 'bigquery' else -1 }}\"
  until: \"{{ last_day() }}\"
--- macros/m.sql
{% macro last_day() %}'2024-12-31'{% endmacro %}
--- models/a.sql
select {{ var('depth') | int + 1 }} where day <= {{ var('until') }}
",
    );
    assert_eq!(
        compile(&project, "model.shop.a"),
        "select 0 where day <= '2024-12-31'"
    );
}

#[test]
fn what_is_switched_off_is_in_the_manifest_all_the_same() {
    let project = project(
        "--- models/a.sql
{{ config(enabled=false) }} select 1
--- models/b.sql
select 1
--- models/s.yml
models: [{name: b, columns: [{name: id, data_tests: [{unique: {config: {enabled: false}}}]}]}]
exposures: [{name: e, type: ml, owner: {name: Ada}, config: {enabled: false}}]
",
    );
    assert_eq!(project.graph.nodes.len(), 1);
    let manifest = project.manifest();
    let disabled: Vec<&String> = manifest["disabled"].as_object().unwrap().keys().collect();
    assert_eq!(
        disabled,
        [
            "model.shop.a",
            "test.shop.unique_b_id.fd91545187",
            "exposure.shop.e"
        ]
    );
    assert_eq!(
        manifest["disabled"]["model.shop.a"][0]["config"]["enabled"],
        false
    );
}

#[test]
fn macros_say_what_they_call_and_how_they_are_described() {
    let project = project(
        "--- macros/m.sql
{% macro outer(x) %}{{ inner(x) }} {# nothing() #} 'inner2()'{% endmacro %}
{% macro inner(x) %}{{ adapter.dispatch('deep', 'shop')(x) }}{% endmacro %}
{% macro inner2() %}{% endmacro %}
{% macro default__deep(x) %}{{ x }}{% endmacro %}
--- macros/m.yml
macros:
  - name: outer
    description: calls
    arguments: [{name: x, type: integer, description: a number}]
--- models/a.sql
select {{ outer(1) }}
",
    );
    let manifest = project.manifest();
    let called = |name: &str| manifest["macros"][name]["depends_on"]["macros"].clone();
    assert_eq!(called("macro.shop.outer"), json!(["macro.shop.inner"]));
    assert_eq!(
        called("macro.shop.inner"),
        json!(["macro.shop.default__deep"])
    );
    let outer = &manifest["macros"]["macro.shop.outer"];
    assert_eq!(outer["description"], "calls");
    assert_eq!(outer["arguments"][0]["type"], "integer");
    assert_eq!(
        manifest["nodes"]["model.shop.a"]["depends_on"]["macros"],
        json!(["macro.shop.outer"])
    );
}

#[test]
fn settings_meet_as_in_dbt() {
    let project = project(
        "--- dbt_project.yml
name: shop
models: {shop: {+enabled: false, +docs: {show: false}, +grants: {select: [a]}}}
--- models/a.sql
{{ config(enabled=true, docs={'node_color': 'red'}, grants={'+select': ['b'], 'insert': ['c']}) }} select 1
--- models/b.sql
select {{ no_such_macro() }}
--- seeds/s.csv
id
1
--- seeds/s.yml
seeds: [{name: s, config: {grants: {+select: x}}}]
",
    );
    let manifest = project.manifest();
    let of_seed = &manifest["nodes"]["seed.shop.s"]["config"];
    assert_eq!(of_seed["grants"], json!({"select": ["x"]}));
    let config = &manifest["nodes"]["model.shop.a"]["config"];
    assert_eq!(config["docs"], json!({"show": false, "node_color": "red"}));
    assert_eq!(
        config["grants"],
        json!({"select": ["a", "b"], "insert": ["c"]})
    );
    assert!(project.graph.get(&NodeId::new("model.shop.b")).is_none());
}

#[test]
fn a_test_may_be_declared_where_its_node_is_not() {
    let project = project(
        "--- seeds/colours.csv
id
1
--- models/s.yml
models:
  - {name: colours, columns: [{name: id, data_tests: [unique]}]}
  - {name: nothing, columns: [{name: id, data_tests: [unique]}]}
",
    );
    let tests: Vec<&NodeId> = project
        .graph
        .nodes
        .keys()
        .filter(|id| id.as_str().starts_with("test."))
        .collect();
    assert_eq!(tests.len(), 1, "{tests:?}");
    let id = tests[0].as_str();
    assert_eq!(parents(&project, id), ["seed.shop.colours"]);
    assert_eq!(
        project.manifest()["nodes"][id]["file_key_name"],
        "models.colours"
    );
}

fn selected(project: &Project, selection: &str) -> Vec<String> {
    let selection = Selection {
        include: vec![selection.to_owned()],
        ..Selection::default()
    };
    let found = project.select(&selection).expect("a selection");
    found.nodes.iter().map(ToString::to_string).collect()
}

#[test]
fn every_kind_of_resource_is_selected_by_its_name() {
    let project = project(&format!(
        "{SEMANTIC}--- models/e.yml
exposures: [{{name: board, type: ml, owner: {{name: Ada}}, depends_on: [ref('orders')]}}]
unit_tests: [{{name: adds, model: orders, given: [], expect: {{rows: []}}}}]
"
    ));
    for (selection, expected) in [
        ("exposure:board", "exposure.shop.board"),
        ("metric:rev*", "metric.shop.revenue"),
        ("semantic_model:shop.orders", "semantic_model.shop.orders"),
        ("saved_query:*", "saved_query.shop.weekly"),
        ("unit_test:adds", "unit_test.shop.orders.adds"),
    ] {
        assert_eq!(selected(&project, selection), [expected], "{selection}");
    }
    assert_eq!(
        selected(&project, "+exposure:board"),
        [
            "exposure.shop.board",
            "model.shop.orders",
            "unit_test.shop.orders.adds"
        ]
    );
}

#[test]
fn groups_access_and_versions_are_selected() {
    let project = project(
        "--- models/a_v1.sql
select 1
--- models/a_v2.sql
select 1
--- models/a_v3.sql
select 1
--- models/b.sql
select 1
--- models/s.yml
groups: [{name: finance, owner: {name: Ada}}]
models:
  - {name: a, latest_version: 2, versions: [{v: 1}, {v: 2}, {v: 3}]}
  - {name: b, access: public, group: finance}
",
    );
    for (selection, expected) in [
        ("version:latest", "model.shop.a.v2"),
        ("version:prerelease", "model.shop.a.v3"),
        ("version:old", "model.shop.a.v1"),
        ("version:none", "model.shop.b"),
        ("access:public", "model.shop.b"),
        ("group:finance", "model.shop.b"),
    ] {
        assert_eq!(selected(&project, selection), [expected], "{selection}");
    }
}

#[test]
fn a_branch_of_a_settings_template_keeps_its_type() {
    let project = project(
        "--- models/a.sql
select 1 as id
--- models/b.sql
select 1 as id
--- models/schema.yml
models:
  - name: a
    config:
      enabled: |
        {% if var('small', false) == true -%} {{ true|as_bool }} {%- else -%} {{ false|as_bool }} {%- endif -%}
  - name: b
    config:
      enabled: |
        {% if var('small', false) == true -%} {{ false|as_bool }} {%- else -%} {{ true|as_bool }} {%- endif -%}
",
    );
    assert!(project.graph.get(&NodeId::new("model.shop.a")).is_none());
    node(&project, "model.shop.b");
}
