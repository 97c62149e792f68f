//! What a broken project is told: everything at once, each at its place.

use forebay_core::NodeId;
use forebay_project::CompileState;

use crate::support::{Files, parents, problems, project, sql};

#[test]
fn everything_is_reported_in_one_reading() {
    assert_eq!(
        problems(
            "--- models/a.sql
select * from {{ ref('ordrs') }}
  join {{ source('raw', 'costumers') }} using (id)
--- models/b.sql
select {{ colums() }}
--- models/c.sql
{% if %}
--- models/d.sql
select * from {{ ref('c') }}
--- models/orders.sql
{{ config(materialized='tabel') }}
select {{ var('limt') }}
--- models/s.yml
sources: [{name: raw, tables: [{name: customers}]}]
models:
  - name: a
    columns:
      - name: id
        data_tests: [not_nul, accepted_values: {vals: [1]}]
--- macros/m.sql
{% macro columns() %}1{% endmacro %}
--- dbt_project.yml
name: shop
model-path: [models]
vars: {limit: 1}
"
        ),
        "error: unknown key 'model-path' in dbt_project.yml
  --> dbt_project.yml:2:1
  hint: did you mean 'model-paths'?
error: no model, seed or snapshot is called 'ordrs'
  --> models/a.sql:1:18
  hint: did you mean 'orders'?
error: the source 'raw' has no table 'costumers'
  --> models/a.sql:2:11
  hint: did you mean 'customers'?
warning: no macro or function is called 'colums'
  --> models/b.sql:1:11
  hint: did you mean 'columns'?
error: Jinja syntax error: unexpected end of block
  --> models/c.sql:1:7
warning: model 'orders' wants the materialization 'tabel', which nobody has
  --> models/orders.sql:1:11
  hint: did you mean 'table'?
warning: model 'orders' needs the variable 'limt', which has no value
  --> models/orders.sql:2:15
  hint: did you mean 'limit'?
  hint: give it one under vars: in dbt_project.yml, or by --vars '{limt: ...}'
warning: no generic test is called 'not_nul'
  --> models/s.yml:6:22
  hint: did you mean 'not_null'?
  hint: define one in tests/generic: {% test name(model, column_name) %}
error: the test 'accepted_values' needs an argument 'values'
  --> models/s.yml:6:31
error: the test 'accepted_values' takes no argument 'vals'
  --> models/s.yml:6:55
  hint: it takes model, column_name, values, quote"
    );
}

#[test]
fn cycles_are_named_with_their_path() {
    assert_eq!(
        problems(
            "--- models/a.sql
select * from {{ ref('c') }}
--- models/b.sql
select * from {{ ref('a') }}
--- models/c.sql
select * from {{ ref('b') }}
--- models/self.sql
select * from {{ ref('self') }}
"
        ),
        "error: the graph has a cycle: model.shop.a -> model.shop.b -> model.shop.c -> model.shop.a
  --> models/a.sql:1:18
  hint: an arrow goes from a node to one that reads it; see models/a.sql, models/b.sql, models/c.sql
error: the graph has a cycle: model.shop.self -> model.shop.self
  --> models/self.sql:1:18
  hint: an arrow goes from a node to one that reads it; see models/self.sql"
    );
}

#[test]
fn what_is_named_twice_is_named_with_both_places() {
    assert_eq!(
        problems(
            "--- models/a.sql
select 1
--- models/sub/a.sql
select 1
--- seeds/b.csv
x
--- models/b.sql
select 1
--- models/c.sql
{{ config(alias='d') }} select 1
--- models/d.sql
select 1
--- models/s.yml
models:
  - name: a
    columns: [{name: id, tests: [unique, unique]}]
  - name: a
--- macros/m.sql
{% macro twin() %}{% endmacro %}
{% macro twin() %}{% endmacro %}
"
        ),
        "error: two macros are called 'twin'
  --> macros/m.sql:2:1
  hint: the other is at macros/m.sql:1:1
error: model 'd' and model 'c' both fill the table main.d
  --> models/d.sql:1:1
  hint: the other is at models/c.sql:1:11
error: test 'unique_a_id' is defined twice
  --> models/s.yml:3:42
  hint: the other is at models/s.yml:3:34
error: model 'a' is described twice
  --> models/s.yml:4:11
  hint: the other is at models/s.yml:2:11
error: model 'a' is defined twice
  --> models/sub/a.sql:1:1
  hint: the other is at models/a.sql
error: seed 'b' and model 'b' both fill the table main.b
  --> seeds/b.csv:1:1
  hint: the other is at models/b.sql"
    );
}

#[test]
fn an_error_inside_a_macro_is_at_the_macro() {
    assert_eq!(
        problems(
            "--- macros/deep/m.sql
{# a macro #}

{% macro price(column) %}
  {{ column / 100 }}
{% endmacro %}
{% macro check(x) %}{{ exceptions.raise_compiler_error('x must not be ' ~ x) }}{% endmacro %}
{% macro lost() %}
  {{ nowhere(1) }}
{% endmacro %}
--- models/a.sql
select {{ price('x') }}
--- models/b.sql
select {{ check(3) }}
--- models/c.sql
select {{ lost() }}
--- models/d.sql
{{ columns }} {{ 'x'.nothing() }}
"
        ),
        "error: Jinja: tried to use / operator on unsupported types string and number
  --> macros/deep/m.sql:4:6
  hint: it is called from models/a.sql:1:11
error: x must not be 3
  --> macros/deep/m.sql:6:24
  hint: it is called from models/b.sql:1:11
error: no macro or function is called 'nowhere'
  --> macros/deep/m.sql:8:6
  hint: it is called from models/c.sql:1:11
  hint: define it in macros/: {% macro nowhere() %}; one of a package is called package.nowhere()
warning: Jinja: unknown method: string has no method named nothing
  --> models/d.sql:1:21"
    );
}

#[test]
fn broken_yaml_and_foreign_bytes() {
    let files = Files::new(
        "--- models/s.yml
models:
  - name: [a
--- models/t.yml
models:
  - name: {{ x }}
",
    );
    files.write("models/m.sql", b"select '\xff'");
    let text = files.load().err().expect("broken").to_string();
    let mut lines = text.lines();
    assert_eq!(
        lines.by_ref().take(3).collect::<Vec<_>>().join("\n"),
        "error: 'models/m.sql' is not UTF-8 text: byte 0xff does not fit
  --> models/m.sql:1:9
  hint: save the file as UTF-8"
    );
    assert!(
        lines.next().unwrap().starts_with("error: not valid YAML:"),
        "{text}"
    );
    assert!(text.contains("--> models/s.yml:2:11\n"), "{text}");
    assert!(
        text.contains("error: a key must be a single text\n  --> models/t.yml:2:12\n"),
        "{text}"
    );
}

#[test]
fn an_unclosed_block_is_at_its_start() {
    assert_eq!(
        problems(
            "--- macros/m.sql
select 1
  {% macro m() %}
--- snapshots/s.sql
{% snapshot s %} select 1
"
        ),
        "error: Jinja syntax error: the macro 'm' is never closed: {% endmacro %} is missing
  --> macros/m.sql:2:3
error: Jinja syntax error: the snapshot 's' is never closed: {% endsnapshot %} is missing
  --> snapshots/s.sql:1:1"
    );
}

#[test]
fn what_is_no_project_says_what_is_missing() {
    let folder = tempfile::tempdir().unwrap();
    let problems = forebay_project::Project::load(folder.path(), crate::support::options());
    let text = problems.err().expect("nothing there").to_string();
    assert!(
        text.ends_with(
            "is not a project: it has no dbt_project.yml
  hint: go to a project's folder, or name it with --project-dir"
        ),
        "{text}"
    );
    assert_eq!(
        problems_of_head("nam: shop\n"),
        "error: dbt_project.yml has no 'name'\n  --> dbt_project.yml:1:1\n  hint: name: and a word, such as orders\n\
         error: unknown key 'nam' in dbt_project.yml\n  --> dbt_project.yml:1:1\n  hint: did you mean 'name'?"
    );
    assert_eq!(
        problems_of_head(""),
        "error: 'dbt_project.yml' is empty\n  --> dbt_project.yml:1:1\n  hint: it begins with name: and the project's name"
    );
}

fn problems_of_head(text: &str) -> String {
    problems(&format!("--- dbt_project.yml\n{text}"))
}

#[test]
fn settings_files_name_the_nearest_key() {
    assert_eq!(
        problems(
            "--- forebay.yml
warehous: /data
memory_limit: 12 parsecs
threads: none
listen: everywhere
openlineage: {urll: x}
"
        ),
        "error: unknown key 'warehous' in forebay.yml
  --> forebay.yml:1:1
  hint: did you mean 'warehouse'?
error: 'memory_limit' of forebay.yml: '12 parsecs' is no size: write a number and KiB, MiB or GiB
  --> forebay.yml:2:15
error: 'threads' of forebay.yml must be a whole number from 0 up, not a text
  --> forebay.yml:3:10
error: 'listen' of forebay.yml must be host:port, not 'everywhere'
  --> forebay.yml:4:9
error: unknown key 'urll' in openlineage
  --> forebay.yml:5:15
  hint: did you mean 'url'?"
    );
}

#[test]
fn wrong_settings_of_nodes() {
    assert_eq!(
        problems(
            "--- dbt_project.yml
name: shop
models: {shop: {+enabled: perhaps}}
--- models/a.sql
{{ config(materialized='tabel') }} select 1
--- models/b.sql
{{ config(materialized='incremental', incremental_strategy='merg', unique_key='id') }} select 1
--- snapshots/s.sql
{% snapshot s %}{{ config(unique_key='id', strategy='timestamp') }} select 1{% endsnapshot %}
--- models/c.sql
{{ config('table') }} select 1
"
        ),
        "error: 'enabled' must be true or false, not \"perhaps\"
  --> dbt_project.yml:2:17
  hint: write true or false, without quotes
warning: model 'a' wants the materialization 'tabel', which nobody has
  --> models/a.sql:1:11
  hint: did you mean 'table'?
warning: 'merg' is no 'incremental_strategy' of model 'b'
  --> models/b.sql:1:39
  hint: did you mean 'merge'?
  hint: one of: append, merge, delete+insert, insert_overwrite, microbatch
error: config() takes names and values, not 'table': config(tags=['a'])
  --> models/c.sql:1:4
error: snapshot 's' has no updated_at
  --> snapshots/s.sql:1:1
  hint: the timestamp strategy compares that column"
    );
}

#[test]
fn a_snapshot_of_yaml_is_at_its_relation() {
    assert_eq!(
        problems(
            "--- models/orders.sql
select 1
--- snapshots/s.yml
snapshots:
  - name: s
    relation: ref('ordrs')
    config: {unique_key: id, strategy: check, check_cols: all}
"
        ),
        "error: no model, seed or snapshot is called 'ordrs'
  --> snapshots/s.yml:3:15
  hint: did you mean 'orders'?"
    );
}

#[test]
fn environment_variables_of_other_targets_are_not_asked_for() {
    assert_eq!(
        problems(
            "--- profiles.yml
shop:
  target: dev
  outputs:
    dev: {type: duckdb}
    prod: {type: \"{{ env_var('NOBODY_SET_IT') }}\"}
"
        ),
        ""
    );
    assert_eq!(
        problems(
            "--- profiles.yml
shop:
  target: deev
  outputs:
    dev: {type: duckdb}
"
        ),
        "error: the profile 'shop' has no target 'deev'
  --> profiles.yml:4:5
  hint: did you mean 'dev'?
  hint: it has: dev"
    );
}

#[test]
fn a_misspelt_adapter_is_told_and_an_unknown_one_is_taken() {
    let of_type = |kind: &str| {
        let outputs = format!("outputs: {{dev: {{type: {kind}}}}}");
        problems(&format!(
            "--- profiles.yml\nshop:\n  target: dev\n  {outputs}\n"
        ))
    };
    assert_eq!(
        of_type("duckbd"),
        "error: no adapter is called 'duckbd'
  --> profiles.yml:3:25
  hint: did you mean 'duckdb'?"
    );
    assert_eq!(of_type("exasol"), "");
}

#[test]
fn packages_that_nobody_read_are_named() {
    assert_eq!(
        problems(
            "--- models/a.sql
select {{ dbt_utils.star(ref('b')) }}, {{ dbt.nothing_like_it() }}
--- models/b.sql
select {{ dbt.genrate_schema_name() }}
--- models/s.yml
models: [{name: a, data_tests: [dbt_utils.equality]}]
"
        ),
        "warning: no macro or function is called 'dbt_utils.star'
  --> models/a.sql:1:11
  hint: no package is called 'dbt_utils': name it in packages.yml, and install it
warning: the package 'dbt' has no macro 'nothing_like_it'
  --> models/a.sql:1:43
warning: the package 'dbt' has no macro 'genrate_schema_name'
  --> models/b.sql:1:11
  hint: did you mean 'generate_schema_name'?
warning: no generic test is called 'dbt_utils.equality'
  --> models/s.yml:1:33
  hint: no package is called 'dbt_utils': name it in packages.yml, and install it"
    );
}

#[test]
fn what_nobody_has_is_the_error_of_who_calls_it_when_it_is_compiled() {
    let project = project(
        "--- models/a.sql
select * from (
  {{ dbt_utils.date_spine('day',
     ref('b')) }}
) {% for x in unheard_of().of.it() %}{{ x }}{% endfor %}
--- models/b.sql
select 1 as id
--- models/s.yml
models:
  - {name: b, columns: [{name: id, data_tests: [not_nul, unique: {colour: red}]}]}
--- seeds/c.csv
id
1
--- seeds/s.yml
seeds: [{name: c, config: {delimiter: ''}}]
",
    );
    assert_eq!(parents(&project, "model.shop.a"), ["model.shop.b"]);
    let error = |id: &str| {
        let found = project.compile(&NodeId::new(id), &CompileState::default());
        found.expect_err("it cannot run").to_string()
    };
    assert_eq!(
        error("model.shop.a"),
        "error: no macro or function is called 'dbt_utils.date_spine'
  --> models/a.sql:2:6
  hint: no package is called 'dbt_utils': name it in packages.yml, and install it"
    );
    let tests = project.graph.nodes.keys();
    let tests: Vec<String> = tests
        .filter(|id| id.as_str().starts_with("test."))
        .map(|id| error(id.as_str()))
        .collect();
    assert!(tests[0].starts_with("error: no generic test is called 'not_nul'"));
    assert!(tests[1].starts_with("error: the test 'unique' takes no argument 'colour'"));
    let seed = project.broken(&NodeId::new("seed.shop.c")).unwrap();
    assert_eq!(
        seed.message,
        "the delimiter of seed 'c' must be a single character, not ''"
    );
    assert_eq!(project.warnings.len(), 5);
}

#[test]
fn two_kinds_may_share_a_name_until_somebody_refers_to_it() {
    const BOTH: &str = "--- models/a.sql
{{ config(alias='of_model') }} select 1 as id
--- seeds/a.csv
id
1
";
    assert_eq!(problems(BOTH), "");
    assert_eq!(
        problems(&format!(
            "{BOTH}--- models/b.sql\nselect * from {{{{ ref('a') }}}}\n"
        )),
        "error: ref('a') may mean model.shop.a or seed.shop.a
  --> models/b.sql:1:18
  hint: rename one of them"
    );
    let strict = "--- dbt_project.yml
name: shop
profile: shop
flags: {require_unique_project_resource_names: true}
";
    assert_eq!(
        problems(&format!("{BOTH}{strict}")),
        "error: seed 'a' has the name of a model
  --> seeds/a.csv:1:1
  hint: the other is at models/a.sql"
    );
}

#[test]
fn a_call_that_cannot_be_meant_says_what_could_be() {
    assert_eq!(
        problems(
            "--- macros/m.sql
{% macro price(column, digits=2) %}{{ column }}{% endmacro %}
--- models/a.sql
select {{ price('x', digit=1) }}
--- models/b.sql
select {{ price('x', 1, 2) }}
--- models/c.sql
select * from {{ ref({'a': 1}) }}
--- models/d.sql
select * from {{ source('raw', 'orders') }}
--- models/s.yml
sources: [{name: raw, tables: [{name: orders, config: {enabled: false}}]}]
"
        ),
        "error: the macro 'price' takes no argument 'digit'
  --> models/a.sql:1:11
  hint: it takes column, digits
  hint: did you mean 'digits'?
error: the macro 'price' is called with 3 arguments
  --> models/b.sql:1:11
  hint: it takes column, digits
error: ref() needs the name of a model, not a map
  --> models/c.sql:1:18
  hint: write it as a text: ref('orders')
error: source('raw', 'orders') names a table that is disabled
  --> models/d.sql:1:18
  hint: it is in models/s.yml, with enabled: false"
    );
}

#[test]
fn a_secret_of_the_environment_is_for_profiles_and_packages_alone() {
    let found = problems("--- models/m.sql\nselect '{{ env_var('DBT_ENV_SECRET_KEY', 'x') }}'\n");
    assert!(
        found.contains("'DBT_ENV_SECRET_KEY' is a secret"),
        "{found}"
    );
    assert!(found.contains("models/m.sql:1:"), "{found}");
}

#[test]
fn what_would_be_done_on_a_changed_configuration_is_one_of_dbts_words() {
    let found =
        problems("--- models/m.sql\n{{ config(on_configuration_change='ignore') }} select 1\n");
    assert!(found.contains("one of: apply, continue, fail"), "{found}");
}

#[test]
fn a_byte_order_mark_is_no_part_of_a_file_and_an_empty_file_is_a_node() {
    let files = Files::new(
        "--- models/full.sql\n\u{feff}select {{ nobody }} as one\n--- models/empty.sql\n  \n",
    );
    files.write(
        "models/s.yml",
        "\u{feff}models: [{name: full}]\n".as_bytes(),
    );
    let project = files.load().expect("nothing is wrong");
    let ids: Vec<&str> = project.graph.nodes.keys().map(|id| id.as_str()).collect();
    assert_eq!(ids, ["model.shop.empty", "model.shop.full"]);
    assert!(project.is_empty(&NodeId::new("model.shop.empty")));
    assert!(!project.is_empty(&NodeId::new("model.shop.full")));
    let nodes = &project.manifest()["nodes"];
    assert_eq!(nodes["model.shop.empty"]["raw_code"], "");
    // As dbt has it.
    let raw = "\u{feff}select {{ nobody }} as one";
    assert_eq!(nodes["model.shop.full"]["raw_code"], raw);
    assert_eq!(crate::support::sql(&project, "full"), "select as one");
}

#[test]
fn blanks_in_names_and_unknown_methods_of_selectors_are_all_named() {
    let found = problems(
        "--- models/a b.sql\nselect 1\n--- seeds/c d.csv\nx\n1\n--- dependencies.yml\npackages: {a: 1}\n\
         --- selectors.yml\nselectors: [{name: s, definition: {union: [{method: tga, value: x}, 'tgb:y']}}]\n",
    );
    for expected in [
        "model 'a b' has a blank in its name\n  --> models/a b.sql",
        "seed 'c d' has a blank in its name\n  --> seeds/c d.csv",
        "'packages' of dependencies.yml must be a list, not a mapping\n  --> dependencies.yml:1:11",
        "no selection method is called 'tga' (in 'x')\n  --> selectors.yml:1:",
        "no selection method is called 'tgb'",
    ] {
        assert!(found.contains(expected), "{expected} in:\n{found}");
    }
}

#[test]
fn a_setting_that_is_not_defined_is_an_error_where_it_is_given() {
    let found = problems(
        "--- models/m.sql
{{ config(
    materialized='incremental', unique_key=id,
    tags=['a', daily], meta={'owner': [me]}, alias=none
) }} select 1
",
    );
    for problem in [
        "error: 'unique_key' of model 'm' is given what is not defined\n  --> models/m.sql:2:33",
        "error: 'tags' of model 'm' is given what is not defined\n  --> models/m.sql:3:5",
        "error: 'meta' of model 'm' is given what is not defined\n  --> models/m.sql:3:24",
    ] {
        assert!(found.contains(problem), "{problem} in:\n{found}");
    }
    assert!(!found.contains("'alias'"), "{found}");
}

#[test]
fn what_is_not_defined_is_an_error_in_yaml_also_but_in_a_description() {
    let found = problems(
        "--- dbt_project.yml
name: p
profile: p
models:
  p:
    +enabled: \"{{ targt.name == 'dev' }}\"
    +schema: \"{{ nope }}\"
--- macros/m.sql
{% macro is_prod() %}{{ return(true) }}{% endmacro %}
--- models/m.sql
select 1
--- models/m.yml
models:
- name: m
  description: \"{{ nope }}\"
  config: {meta: {a: \"{{ nope }}\"}, enabled: \"{{ is_prod() }}\"}
",
    );
    for problem in [
        "error: Jinja: undefined value: `targt` is undefined\n  --> dbt_project.yml:5:15",
        "error: {{ nope }} is not defined\n  --> dbt_project.yml:6:14",
        "error: {{ nope }} is not defined\n  --> models/m.yml:4:22",
        "error: 'is_prod' cannot be called here\n  --> models/m.yml:4:46\n  hint: a macro of a package is called package.is_prod(), and in texts of YAML files there are no macros",
    ] {
        assert!(found.contains(problem), "{problem} in:\n{found}");
    }
    assert!(!found.contains("description"), "{found}");
}

#[test]
fn a_materialization_is_a_text() {
    let found = problems("--- models/m.sql\n{{ config(materialized=none) }} select 1\n");
    assert!(
        found.contains("'materialized' of model 'm' must be a text, not null"),
        "{found}"
    );
}

#[test]
fn a_part_of_what_is_undefined_is_an_error_when_it_is_compiled() {
    let project = project(
        "--- models/a.sql
select 1
{{ columns.first }}
--- models/b.sql
{% set known = {} %}[{{ known.one }}{{ nowhere }}]
--- models/c.sql
{% if execute %}{{ known.one.two }}{% endif %}
",
    );
    assert_eq!(sql(&project, "b"), "[]");
    let error = |model: &str| {
        let node = NodeId::new(format!("model.shop.{model}"));
        let compiled = project.compile(&node, &CompileState::default());
        compiled.unwrap_err().to_string()
    };
    assert_eq!(
        error("a"),
        "error: Jinja: undefined value: `columns` is undefined\n  --> models/a.sql:2:4"
    );
    assert_eq!(
        error("c"),
        "error: Jinja: undefined value: `known` is undefined\n  --> models/c.sql:1:20"
    );
}

#[test]
fn settings_and_keys_of_the_wrong_type_are_refused() {
    let text = problems(
        "--- models/a.sql
{{ config(tags=7, docs={'node_color': 'notacolor'}, enabled='false') }} select 1
--- models/b.sql
select 1
--- models/s.yml
seeds:
models:
  - name: b
    description:
    columns:
    config: {freshness: {build_after: {count: 1}}, pre_hook: {transaction: true}}
",
    );
    for problem in [
        "'tags' of model 'a' must be a text or a list of texts, not 7",
        "'docs.node_color' of model 'a' must be a name of HTML's colors, or such as #aabbcc, not \"notacolor\"",
        "'enabled' of model 'a' must be true or false, not \"false\"",
        "'seeds' of the property file models/s.yml must be a list, not nothing",
        "'description' of model 'b' must be a text, not nothing",
        "'columns' of model 'b' must be a list, not nothing",
        "'freshness.build_after' of model 'b' must be a count with a period, not {\"count\":1}",
        "'pre_hook' of model 'b' must be a text, or a mapping with 'sql', or a list of them",
    ] {
        assert!(text.contains(problem), "{problem} in\n{text}");
    }
}

#[test]
fn what_dbt_refuses_of_tests_sources_and_seeds_is_refused() {
    let text = problems(
        "--- dbt_project.yml
name: shop
seeds: {+quote_columns: x, +materialized: table}
--- models/a.sql
{{ config(contract={'enforced': 'x'}, packages=3) }} select 1 as id
--- models/b.sql
{{ config({'tags': 'a'}, alias='c') }} select 1
--- seeds/codes.csv
id
--- models/s.yml
models:
  - name: a
    config: {enabled: }
    data_tests: [7, ]
    columns:
      - name: id
        data_tests:
          - unique: {where: 3, model: x}
          - accepted_values: {arguments: {values: 7}}
          - not_null: {severity: warn, config: {severity: error, materialized: table}}
sources:
  - name: raw
    wibble: 3
    loaded_at_field: ''
    quoting: x
    tables: [{name: t, external: x, freshness: {filter: 7}}]
",
    );
    for problem in [
        "'quote_columns' must be true or false, not \"x\"",
        "'materialized' must be 'seed' alone, not \"table\"",
        "'contract.enforced' of model 'a' must be true or false, not \"x\"",
        "'packages' of model 'a' must be a text or a list of texts, not 3",
        "'enabled' of model 'a' must be true or false, not null",
        "config() takes names and values, or one mapping",
        "a test is a name, or a name with arguments, not a number",
        "'where' of the test 'unique' must be a text, not a number",
        "'values' of accepted_values must be a list, not 7",
        "'model' of the test 'unique' is what the test is declared on",
        "the test 'not_null' has two settings 'severity'",
        "'materialized' of test 'not_null_a_id' must be 'test' alone, not \"table\"",
        "unknown key 'wibble' in source 'raw'",
        "'loaded_at_field' of source 'raw' is empty",
        "'quoting' of source 'raw' must be a mapping, not a text",
        "'external' of source table 'raw.t' must be a mapping, not a text",
        "'filter' of freshness must be a text, not a number",
    ] {
        assert!(text.contains(problem), "{problem} in\n{text}");
    }
}

#[test]
fn clauses_of_a_merge_keep_their_model_alone_from_running() {
    let text = problems(
        "--- models/a.sql
{{ config(materialized='incremental', incremental_strategy='merge', unique_key='id', merge_clauses={'when_matched': []}) }} select 1 as id
--- models/b.sql
{{ config(materialized='incremental', incremental_strategy='merge', unique_key='id', merge_update_columns=['id'], merge_exclude_columns=['id']) }} select 1 as id
--- models/c.sql
{{ config(materialized='incremental', incremental_strategy='merge', unique_key='id', on_schema_change='explode', merge_update_condition='true') }} select 1 as id
",
    );
    assert_eq!(
        text,
        "warning: 'merge_clauses.when_matched' of model 'a' must be a list of mappings, with one at least
  --> models/a.sql:1:86
warning: model 'b' has merge_update_columns and merge_exclude_columns
  --> models/b.sql:1:115
  hint: each says which columns are updated: keep one of them
warning: 'explode' is no 'on_schema_change' of model 'c', and counts as ignore
  --> models/c.sql:1:86
  hint: one of: ignore, fail, append_new_columns, sync_all_columns"
    );
}

#[test]
fn what_dbt_refuses_of_exposures_snapshots_and_documentation_is_refused() {
    let text = problems(
        "--- models/a.sql
{{ config(materialized='ephemeral', access='public') }} select 1 as id
--- models/notes.md
{% docs open %} never closed
--- models/s.yml
exposures:
  - {name: board, type: dashboard, owner: {email: a@b.c}, depends_on: [\"metric('nope')\"]}
--- snapshots/s.yml
snapshots:
  - {name: kept, relation: a, config: {unique_key: id, strategy: check, check_cols: all}}
--- snapshots/t.sql
{% snapshot other %}{{ config(unique_key='id', strategy='check', check_cols='id') }} select 1 as id{% endsnapshot %}
",
    );
    for problem in [
        "model 'a' is ephemeral, and cannot be public",
        "the {% docs %} block is never closed\n  --> models/notes.md:1:1",
        "no metric is called 'nope', which exposure.shop.board names",
        "the snapshot 'kept' reads no relation",
        "'check_cols' of snapshot 'other' must be 'all' or a list of columns, not \"id\"",
    ] {
        assert!(text.contains(problem), "{problem} in\n{text}");
    }
}

#[test]
fn semantic_models_need_a_time_spine() {
    let text = problems(
        "--- models/a.sql
select 1 as id
--- models/s.yml
semantic_models:
  - {name: people, model: ref('a'), entities: [{name: id, type: primary}]}
",
    );
    assert!(
        text.starts_with("error: semantic models need a time spine of days or finer"),
        "{text}"
    );
}

#[test]
fn all_settings_of_a_node_are_told_each_at_its_key() {
    assert_eq!(
        problems(
            "--- models/a.sql
{{ config(materialized=7, tags={'a': 'b'}) }} select 1 as id
--- models/s.yml
models:
  - name: a
    config:
      docs:
        show: perhaps
      contract: {enforced: maybe}
--- tests/t.sql
select 1
from {{ ref('nope') }}
--- models/p.py
def model(dbt, session):
    return dbt.ref('nope')
"
        ),
        "error: 'materialized' of model 'a' must be a text, not 7
  --> models/a.sql:1:11
  hint: put it in quotes
error: 'tags' of model 'a' must be a text or a list of texts, not {\"a\":\"b\"}
  --> models/a.sql:1:27
  hint: one in quotes, or a list: ['a', 'b']
error: no model, seed or snapshot is called 'nope'
  --> models/p.py:2:16
  hint: a model and a seed are called as their files are, without the ending
error: 'docs.show' of model 'a' must be true or false, not \"perhaps\"
  --> models/s.yml:5:9
  hint: write true or false, without quotes
error: 'contract.enforced' of model 'a' must be true or false, not \"maybe\"
  --> models/s.yml:6:18
  hint: write true or false, without quotes
warning: the test 't' does not run: no model, seed or snapshot is called 'nope'
  --> tests/t.sql:2:9
  hint: a model and a seed are called as their files are, without the ending"
    );
}

#[test]
fn what_jinja_cannot_read_is_told_with_what_to_write() {
    let text = problems(
        "--- models/a.sql
{% if true %}1{% elseif false %}2{% endif %}
--- models/b.sql
select 1 {# a remark
as id
--- models/c.sql
select * from {{ ref('d) }}
--- models/d.sql
{% if target.name = 'dev' %}1{% endif %}
--- models/e.sql
{% if true && false %}1{% endif %}
--- models/f.sql
{% for x in [1] %}{{ x }}{% endif %}
--- models/g.sql
{{ 'a' | uper }}
--- models/h.sql
{{ 'a'.uper() }}
--- models/i.sql
{% fro x in [1] %}{% endfor %}
--- models/j.sql
{% if true %}{% else %}{% else %}{% endif %}
--- models/k.sql
{% snapshot s %}{% endsnapshot %}
",
    );
    for problem in [
        "unknown statement elseif\n  --> models/a.sql:1:18\n  hint: write elif",
        "the comment {# is never closed\n  --> models/b.sql:1:10\n",
        "the text that begins here is never closed\n  --> models/c.sql:1:22\n",
        "--> models/d.sql:1:19\n  hint: == compares",
        "hint: Jinja writes 'and', not '&&'",
        "unknown statement endif\n  --> models/f.sql:1:29\n  hint: the block that was opened last",
        "filter uper is unknown\n  --> models/g.sql:1:10\n  hint: did you mean 'upper'?",
        "has no method named uper\n  --> models/h.sql:1:7\n  hint: did you mean 'upper'?",
        "unknown statement fro\n  --> models/i.sql:1:4\n  hint: did you mean 'for'?",
        "models/j.sql:1:27\n  hint: it belongs to an if or for that is open",
        "models/k.sql:1:4\n  hint: a file of this kind has no {% snapshot %}",
    ] {
        assert!(text.contains(problem), "{problem} in\n{text}");
    }
}

#[test]
fn what_a_dispatch_looks_for_has_to_be_there() {
    let files = Files::new(
        "--- macros/m.sql
{% macro cents(x) %}{{ return(adapter.dispatch('cents', 'shop')(x)) }}{% endmacro %}
{% macro default__cents(x) %}{{ x }}{% endmacro %}
{% macro euros(x) %}
  {{ return(adapter.dispatch('euros')(x)) }}
{% endmacro %}
{% macro grants() %}{{ adapter.dispatch('get_grant_sql', 'dbt')() }}{% endmacro %}
{# adapter.dispatch('none') #}
--- profiles.yml
shop: {target: dev, outputs: {dev: {type: duckdb, path: shop.duckdb}}}
",
    );
    let problems = files.load().err().expect("a macro is missing").to_string();
    assert_eq!(
        problems,
        "error: adapter.dispatch looks for a macro 'euros' that nobody has
  --> macros/m.sql:4:13
  hint: it would be called default__euros, or duckdb__euros"
    );
}

#[test]
fn shapes_that_dbt_refuses_are_errors() {
    for (text, wanted) in [
        (
            "--- models/a_v1.sql\nselect 1\n--- models/a.sql\nselect 1\n--- models/s.yml\nmodels: [{name: a, versions: [{v: 1}]}]\n",
            "model 'a' is there with versions and without",
        ),
        (
            "--- models/p.py\ndef model(dbt, session):\n    dbt.config(contract={'enforced': True})\n    return 1\n",
            "model 'p' is written in Python, and cannot have an enforced contract",
        ),
        ("--- profiles.yml\n\n", "profiles.yml is empty"),
        (
            "--- packages.yml\npackage: []\n",
            "unknown key 'package' in packages.yml",
        ),
        (
            "--- dbt_project.yml\nname: shop\non-run-start: 5\n",
            "'on-run-start' of dbt_project.yml must be a text or a list of texts, not a number",
        ),
        (
            "--- dbt_project.yml\nname: shop\ndispatch: [{macro_namespace: a}]\n",
            "an entry of dispatch has no 'search_order'",
        ),
        (
            "--- models/a.sql\nselect 1 as a\n--- models/s.yml\nunit_tests: [{name: u, model: a, expect: {rows: []}}]\n",
            "unit test 'u' has no 'given'",
        ),
        (
            "--- models/a.sql\nselect 1 as a\n--- models/s.yml\nmodels: [{name: a, description: 2024-01-01}]\n",
            "'description' of model 'a' must be a text, not a date: put it in quotes",
        ),
        (
            "--- models/a.sql\nselect {{ f(x=1, x=2) }}\n--- macros/m.sql\n{% macro f(x) %}{{ x }}{% endmacro %}\n",
            "Jinja syntax error: the argument 'x' is given twice",
        ),
        (
            "--- models/a.sql\n{% for x in none %}{{ x }}{% endfor %}\n",
            "'NoneType' object is not iterable",
        ),
        (
            "--- models/a.sql\n{% if '10' > 5 %}1{% endif %}\n",
            "'>' not supported between instances of 'str' and 'int'",
        ),
        (
            "--- models/a.sql\n{{ [1, 'b'] | sort }}\n",
            "'<' not supported between instances of 'str' and 'int'",
        ),
    ] {
        let told = problems(text);
        assert!(told.contains(wanted), "{text}\n{told}");
    }
}

#[test]
fn what_is_said_among_the_arguments_of_a_test_is_said_of_the_test() {
    let project = project(
        "--- models/a.sql
select 1 as a
--- models/s.yml
models:
  - name: a
    columns:
      - name: a
        data_tests:
          - unique: {arguments: {name: once, config: {severity: warn}}, config: {where: a > 1}}
",
    );
    let test = project
        .graph
        .nodes
        .keys()
        .find(|id| id.as_str().contains("once"));
    let entry = project
        .described(test.expect("the test has that name"))
        .unwrap();
    assert_eq!(entry["config"]["severity"], "warn");
    assert_eq!(entry["config"]["where"], serde_json::Value::Null);
}

#[test]
fn texts_of_yaml_lose_a_line_end_and_what_is_printed_is_written() {
    let project = project(
        "--- models/a.sql
select {% print '1', 2 %} as {% print('b') %}
--- models/s.yml
models:
  - name: a
    description: |
      long
    config:
      meta:
        owner: |
          me
",
    );
    assert_eq!(sql(&project, "a"), "select 12 as b");
    let entry = project.described(&NodeId::new("model.shop.a")).unwrap();
    assert_eq!(entry["config"]["meta"]["owner"], "me");
    assert_eq!(entry["description"], "long\n");
}

#[test]
fn metrics_have_labels_of_their_own_and_read_what_is_on() {
    let text = |more: &str| {
        format!(
            "--- models/m.sql\nselect 1 as id, timestamp '2024-01-01' as at\n--- models/spine.sql\nselect date '2024-01-01' as d\n\
             --- models/s.yml\nmodels: [{{name: spine, time_spine: {{standard_granularity_column: d}}, columns: [{{name: d, granularity: day}}]}}]\n\
             semantic_models:\n- name: sm\n\x20 model: ref('m')\n\x20 entities: [{{name: id, type: primary}}]\n\
             \x20 dimensions: [{{name: at, type: time, type_params: {{time_granularity: day}}}}]\n\
             \x20 measures: [{{name: many, agg: count, expr: id, agg_time_dimension: at}}]\n\
             metrics:\n- {{name: n1, label: N, type: simple, type_params: {{measure: many}}}}\n{more}"
        )
    };
    let said = problems(&text(
        "- {name: n2, label: N, type: simple, type_params: {measure: many}}\n",
    ));
    assert!(
        said.contains("has the label 'N', which 'n1' has already"),
        "{said}"
    );
    let said = problems(&text(
        "- {name: n2, label: M, type: simple, config: {enabled: false}, type_params: {measure: many}}\n\
         - {name: n3, label: O, type: ratio, type_params: {numerator: n1, denominator: n2}}\n",
    ));
    assert!(
        said.contains("reads the metric 'n2', which is disabled"),
        "{said}"
    );
}

#[test]
fn a_call_with_too_few_or_too_many_arguments_says_what_it_takes() {
    let found = problems(
        "--- models/a.sql\n{{ source('a') }}\n--- models/b.sql\n{{ ref() }}\n--- models/c.sql\n{{ ref('a', vers=1) }}\n",
    );
    for told in [
        "Jinja: source() has too few arguments\n  --> models/a.sql:1:4\n  hint: source('source', 'table')",
        "Jinja: ref() has too few arguments\n  --> models/b.sql:1:4",
        "Jinja: ref() has too many arguments: unknown keyword argument 'vers'\n  --> models/c.sql:1:4",
    ] {
        assert!(found.contains(told), "{found}");
    }
}

#[test]
fn a_file_that_is_no_yaml_hides_only_what_may_come_of_it() {
    let text = problems(
        "--- models/s.yml
sources: [{name: raw, tables: [{name: t}]}]
groups: [{name: \"sales}]
--- models/a.sql
select * from {{ source('raw', 't') }}
--- models/b.sql
{{ config(group='sales') }}
select * from {{ ref('nowhere') }}
",
    );
    let told: Vec<_> = text
        .lines()
        .filter(|line| line.starts_with("error"))
        .collect();
    assert_eq!(told.len(), 2, "{text}");
    assert!(text.contains("'nowhere'"), "{text}");
    assert!(text.contains("not valid YAML"), "{text}");
}

#[test]
fn what_nothing_is_made_of_in_a_target_is_warned_of() {
    let project = project(
        "--- dbt_project.yml\nname: shop\nprofile: p\n--- profiles.yml\np:\n  target: dev\n  outputs:\n    dev:\n      \
         type: duckdb\n      attach: [{path: x.db}]\n      plugins: []\n",
    );
    let told: Vec<_> = project.warnings.iter().map(ToString::to_string).collect();
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(
        told[0].starts_with(
            "warning: 'attach' of target 'dev' is passed over\n  --> profiles.yml:6:15\n  hint: "
        ),
        "{told:?}"
    );
}

#[test]
fn a_test_in_a_comment_or_in_raw_text_defines_nothing() {
    let project = project(
        "--- models/a.sql\n{# {% test pos(model) %}select 1{% endtest %} #}select 1 as a\n\
         --- tests/t.sql\n{% raw %}{% test pos(model) %}{% endtest %}{% endraw %}select * from {{ ref('a') }}\n",
    );
    let warned: Vec<_> = project.warnings.iter().map(ToString::to_string).collect();
    assert_eq!(warned, Vec::<String>::new());
    assert!(sql(&project, "a").contains("select 1 as a"));
}

#[test]
fn texts_of_yaml_in_templates_keep_their_first_blanks_and_lists_their_tabs() {
    let project = project(
        "--- models/a.sql\n{% set y %}\n    one: x\n    two: z\n{% endset %}{% set d = fromyaml(y) %}select '{{ d.two }}' as a\n\
         --- models/s.yml\nmodels:\n- name: a\n  columns: [\n\t\n    {name: a}\n  ]\n",
    );
    assert_eq!(sql(&project, "a"), "select 'z' as a");
}

#[test]
fn a_text_that_goes_on_to_another_lines_quote_is_told_where_it_begins() {
    let told = |sql: &str| {
        problems(&format!(
            "--- models/a.sql\n{sql}\n--- models/o.sql\nselect 1\n"
        ))
    };
    assert_eq!(
        told("select * from {{ ref('o) }}\nwhere a = 'x'"),
        "error: Jinja syntax error: the text that begins here does not end in its line\n  --> models/a.sql:1:22\n  \
         hint: is a quote missing? The next one is in line 2"
    );
    // A text of several lines may well be meant.
    let problem = told("{{ config(post_hook='select 1,\n2', tags=[) }} select 1");
    assert!(problem.contains("models/a.sql:2:11"), "{problem}");
}

#[test]
fn a_call_of_several_lines_is_told_where_its_macro_is_named() {
    let project = project(
        "--- dbt_packages/pk/dbt_project.yml\nname: pk\n--- dbt_packages/pk/macros/p.sql\n{% macro pivot(a) %}1{% endmacro %}\n\
         --- models/a.sql\nselect\n{{\n  pk.pivto(\n  'a'\n) }} as b\n",
    );
    let warned: Vec<_> = project.warnings.iter().map(ToString::to_string).collect();
    assert!(warned[0].contains("--> models/a.sql:3:3"), "{warned:?}");
}
