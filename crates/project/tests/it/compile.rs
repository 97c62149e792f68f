//! Jinja in, SQL out.

use std::cell::RefCell;

use forebay_core::NodeId;
use forebay_project::{Answer, Column, CompileState, Question, Rows, TextKind};

use crate::support::{compile, compile_in, compile_with, parents, problems, project, sql};

#[test]
fn refs_and_sources_become_quoted_relations() {
    let project = project(
        "--- models/staging/stg_orders.sql
select * from {{ source('raw', 'orders') }}
--- models/orders.sql
{{ config(materialized='table', schema='marts', alias='all_orders') }}
select * from {{ ref('stg_orders') }} join {{ ref('shop', 'countries') }} using (country)
--- models/sources.yml
sources:
  - name: raw
    schema: landing
    tables: [{name: orders, identifier: orders_v2}]
--- seeds/countries.csv
country
",
    );
    assert_eq!(
        sql(&project, "stg_orders"),
        r#"select * from "forebay"."landing"."orders_v2""#
    );
    assert_eq!(
        sql(&project, "orders"),
        r#"select * from "forebay"."main"."stg_orders" join "forebay"."main"."countries" using (country)"#
    );
    assert_eq!(
        parents(&project, "model.shop.orders"),
        ["model.shop.stg_orders", "seed.shop.countries"]
    );
    assert_eq!(
        parents(&project, "model.shop.stg_orders"),
        ["source.shop.raw.orders"]
    );
    let orders = project
        .graph
        .get(&NodeId::new("model.shop.orders"))
        .unwrap();
    assert_eq!(
        orders.relation.as_ref().unwrap().to_string(),
        "main_marts.all_orders"
    );
    assert_eq!(orders.fqn, ["shop", "orders"]);
}

#[test]
fn a_test_sees_what_it_is_for_and_a_macro_the_configuration_of_the_run() {
    let project = project(
        "--- dbt_project.yml
name: shop
version: 1.2.0
vars: {day: monday}
--- tests/generic/seen.sql
{% test seen(model) %}
select '{{ context.model.attached_node }} {{ context.model.test_metadata.name }}'
{% endtest %}
--- macros/config.sql
{% macro of_run() %}{{ return(builtins.ref.config) }}{% endmacro %}
--- models/m.sql
{% set run = of_run() %}
select '{{ run.project_name }} {{ run.dependencies['shop'].version }} {{ run.vars.to_dict() }}'
--- models/m.yml
models: [{name: m, data_tests: [seen]}]
",
    );
    assert_eq!(
        sql(&project, "m"),
        r#"select 'shop 1.2.0 {'day': 'monday'}'"#
    );
    let id = project
        .graph
        .nodes
        .keys()
        .find(|id| id.as_str().starts_with("test.shop.seen_m_"));
    assert_eq!(
        compile(&project, id.unwrap().as_str()),
        "select 'model.shop.m seen'"
    );
}

#[test]
fn arguments_of_filters_and_methods_go_by_place_or_by_name() {
    let project = project(
        "--- models/m.sql
{{ '' | default('y', boolean=true) }} {{ x | default(default_value='z') }} {{ '1f' | int(base=16) }} {{ 'a' | int(default=3) }}
{{ 'a-b-c'.split(sep='-', maxsplit=1) }} {{ [1, 2, 3] | batch(linecount=2) | list }} {{ [3, 1] | sort(true) }}
{{ ['1', 'x'] | map('int', default=9) | list }} {{ [{'k': 1}] | groupby('k') | list }} {{ +3 }} {{ '%r' % 'x' }}
",
    );
    assert_eq!(
        sql(&project, "m"),
        "y z 31 3 ['a', 'b-c'] [[1, 2], [3]] [3, 1] [1, 9] [(1, [{'k': 1}])] 3 'x'"
    );
}

#[test]
fn the_default_of_a_parameter_may_name_another() {
    let project = project(
        "--- macros/m.sql
{% macro shown(schema, name=schema ~ '_x', twice=[name, name], kind=target.type) %}{{ schema }} {{ name }} {{ twice }} {{ kind }}{% endmacro %}
--- models/m.sql
{{ shown('s') }}; {{ shown('s', 'n') }}; {{ shown(schema='s', twice=1) }}
",
    );
    assert_eq!(
        sql(&project, "m"),
        "s s_x ['s_x', 's_x'] forebay; s n ['n', 'n'] forebay; s s_x 1 forebay"
    );
}

#[test]
fn lists_are_added_and_texts_translated_as_in_python() {
    let project = project(
        "--- models/m.sql
{% set both = ['a'] + ['b'] -%}
{% do both.append('c') -%}
{{ both }} {{ both is sequence }} {{ (both + [1])[-1] }} {{ 1 + 2 - 4 }} {{ 'a' + 'b' }} {{ (1,) + (2,) }}
{{ 'a(b)c'.translate(''.maketrans('ab', 'AB', '()')) }}
",
    );
    assert_eq!(
        sql(&project, "m"),
        "['a', 'b', 'c'] True 1 -1 ab (1, 2) ABc"
    );
}

#[test]
fn macros_return_values_call_back_and_take_what_python_would_pass() {
    let project = project(
        "--- macros/all.sql
{% macro columns() %}{{ return(['a', 'b']) }}{% endmacro %}
{% macro wrap(left, right=')') %}{{ left }}{{ caller('x') }}{{ right }}{% endmacro %}
{% macro rest(first) %}{{ first }}:{{ varargs | join('+') }}:{{ kwargs.get('named') }}{% endmacro %}
{% macro twice(n) %}{{ n * 2 }}{% endmacro %}
{% macro indirect(n) %}{{ _private(n) }}!{% endmacro %}
{% macro _private(n) %}{{ twice(n) }}{% endmacro %}
--- models/m.sql
{% for column in columns() %}{{ column.upper() }}{{ ',' if not loop.last }}{% endfor %}
{% call(y) wrap('(') %}{{ y }}{{ twice(2) }}{% endcall %}
{{ rest(1, 2, 3, named='n') }} {{ shop.indirect(21) }} {{ dbt.generate_alias_name(none, {'name': 'x'}) }}
",
    );
    assert_eq!(sql(&project, "m"), "A,B (x4) 1:2+3:n 42! x");
}

#[test]
fn a_macro_does_not_see_what_its_caller_sets() {
    let project = project(
        "--- macros/all.sql
{% macro seen() %}{{ x is defined }} {{ adapter is string }} {{ inner() }}{% endmacro %}
{% macro inner() %}{{ x is defined }} {{ target.name }}{% endmacro %}
--- models/m.sql
{% set x = 1 %}{% set adapter = 'a' %}{% set target = 'b' %}
{% macro own() %}{{ x }}{{ target }}{% endmacro %}
{{ seen() }} {{ own() }} {{ x }}
",
    );
    assert_eq!(sql(&project, "m"), "False False False dev 1b 1");
}

#[test]
fn whitespace_control_and_python_strings() {
    let project = project(
        "--- models/m.sql
select
{%- for part in 'a, b,c'.split(',') %}
  {{ part.strip() | trim }}{% if not loop.last %},{% endif -%}
{% endfor %}
from t -- {{ [1, 'x', none, true] }} {{ '%s-%d' | format('n', 7) }} {{ 'abc'[1:] }}
",
    );
    assert_eq!(
        compile(&project, "model.shop.m"),
        "select\n  a,\n  b,\n  c\nfrom t -- [1, 'x', None, True] n-7 bc"
    );
}

#[test]
fn variables_environment_and_target() {
    let project = project(
        "--- dbt_project.yml
name: shop
vars:
  threshold: 15
  shop: {region: eu}
--- models/m.sql
{{ var('threshold') + 1 }} {{ var('region') }} {{ var('missing', 'default') }} {{ var.has_var('missing') }}
{{ env_var('STAGE') }} {{ env_var('NOT_SET', 'x') }} {{ target.type }} {{ target.schema }} {{ target.name }}
{{ execute }} {{ this }} {{ invocation_id }} {{ run_started_at.strftime('%Y') }} {{ model.name }}
",
    );
    assert_eq!(
        sql(&project, "m"),
        r#"16 eu default False test x forebay main dev True "forebay"."main"."m" invocation 1970 m"#
    );
}

#[test]
fn regular_expressions_do_as_pythons_do() {
    let project = project(
        r"--- dbt_project.yml
name: shop
--- models/m.sql
{%- set re = modules.re %}
{{ re.findall('(?i)from\s+({{\s*ref\([^)]+\)\s*}})(?=\s|$)', 'FROM {{ ref(1) }} x') | join }}
{{ re.sub('(\w)-(?P<b>\w)', '\\g<b>=\\1$', 'a-b c-d', count=1) }} {{ re.split('(,)', 'a,b,c', 1) | join('.') }}
{{ re.match('a(?P<rest>.*)$', 'abc').group('rest') }} {{ re.fullmatch('a', 'ab') }}
{{ re.sub('A', 'x', 'aA', flags=re.IGNORECASE) }} {{ re.findall('(?x) [ ] b # {[', 'a b') | length }}
",
    );
    let words: Vec<String> = sql(&project, "m")
        .split_whitespace()
        .map(str::to_owned)
        .collect();
    assert_eq!(
        words.join(" "),
        "{{ ref(1) }} b=a$ c-d a.,.b,c bc None xx 1"
    );
}

#[test]
fn datetimes_do_as_pythons_do() {
    let project = project(
        "--- dbt_project.yml
name: shop
--- models/m.sql
{%- set at = modules.datetime.datetime(2024, 3, 31, 0, 30) %}
{{ at }} {{ at.isoformat() }} {{ at.weekday() }} {{ at.date() }}
{%- set vienna = modules.pytz.timezone('Europe/Vienna') %}
{{ at.replace(tzinfo=modules.pytz.utc).astimezone(vienna) }} {{ at.replace(day=1, hour=5, tzinfo=vienna) }}
{{ run_started_at.strftime('%f %%f') }} {{ run_started_at }} {{ run_started_at.astimezone(vienna).strftime('%H:%M %Z') }} {{ modules.datetime.date(2024, 1, 5) }}
",
    );
    assert_eq!(
        sql(&project, "m").trim(),
        "2024-03-31 00:30:00 2024-03-31T00:30:00 6 2024-03-31 \
         2024-03-31 01:30:00+01:00 2024-03-01 05:30:00+01:00 \
         000000 %f 1970-01-01 00:00:00+00:00 01:00 CET 2024-01-05"
    );
    for (template, why) in [
        (
            "modules.pytz.timezone('Europe/Wien')",
            "'Europe/Wien' is no time zone",
        ),
        (
            "run_started_at.replace(month=13)",
            "month 13 is out of range",
        ),
        ("run_started_at.replace(2024)", "takes its parts by name"),
    ] {
        let files =
            format!("--- dbt_project.yml\nname: shop\n--- models/m.sql\n{{{{ {template} }}}}\n");
        let found = problems(&files);
        assert!(found.contains(why), "{found}");
    }
}

#[test]
fn profiles_name_the_target_without_its_secrets() {
    let project = project(
        "--- dbt_project.yml
name: shop
profile: mine
--- profiles.yml
mine:
  target: \"{{ env_var('STAGE') }}\"
  outputs:
    test: {type: duckdb, schema: dev_me, path: x.duckdb, password: hidden}
    prod: {type: duckdb, schema: \"{{ env_var('NOT_SET') }}\"}
other:
  outputs: {dev: {type: \"{{ env_var('NOT_SET') }}\"}}
--- models/m.sql
{{ target.type }} {{ target.name }} {{ target.path }} [{{ target.password }}] {{ this }}
",
    );
    assert_eq!(
        sql(&project, "m"),
        r#"duckdb test x.duckdb [] "x"."dev_me"."m""#
    );
}

#[test]
fn incremental_models_know_their_second_run() {
    let project = project(
        "--- models/m.sql
{{ config(materialized='incremental', unique_key='id') }}
select 1 as id {% if is_incremental() %}where at > (select max(at) from {{ this }}){% endif %}
--- models/t.sql
{{ config(materialized='table') }} {{ is_incremental() }}
",
    );
    let compiled = |id: &str, incremental, full_refresh| {
        let state = CompileState {
            incremental,
            full_refresh,
            ..CompileState::default()
        };
        compile_in(&project, id, state, &|_| true)
    };
    assert_eq!(compiled("model.shop.m", false, false), "select 1 as id");
    assert_eq!(
        compiled("model.shop.m", true, false),
        r#"select 1 as id where at > (select max(at) from "forebay"."main"."m")"#
    );
    assert_eq!(compiled("model.shop.m", true, true), "select 1 as id");
    assert_eq!(compiled("model.shop.t", true, false), "False");
}

#[test]
fn ephemeral_models_are_laid_in_parents_first() {
    let project = project(
        "--- models/raw.sql
{{ config(materialized='ephemeral') }} select 1 as id;
--- models/clean.sql
{{ config(materialized='ephemeral') }}
with r as (select * from {{ ref('raw') }})
select * from r -- done
--- models/top.sql
-- what and why
with c as (select * from {{ ref('clean') }}), r as (select * from {{ ref('raw') }})
select * from c join r using (id)
--- models/plain.sql
select * from {{ ref('raw') }}
--- models/schema.yml
models:
  - name: clean
    columns: [{name: id, data_tests: [not_null]}]
",
    );
    assert_eq!(
        compile(&project, "model.shop.top"),
        "-- what and why
with __dbt__cte__raw as (
select 1 as id
), __dbt__cte__clean as (
with r as (select * from __dbt__cte__raw)
select * from r -- done
), c as (select * from __dbt__cte__clean), r as (select * from __dbt__cte__raw)
select * from c join r using (id)"
    );
    assert_eq!(
        compile(&project, "model.shop.plain"),
        "with __dbt__cte__raw as (\nselect 1 as id\n)\nselect * from __dbt__cte__raw"
    );
    let clean = project.graph.get(&NodeId::new("model.shop.clean")).unwrap();
    assert_eq!(clean.relation, None);
    let test = project
        .graph
        .nodes
        .keys()
        .find(|id| id.as_str().starts_with("test."))
        .unwrap();
    let test = compile(&project, test.as_str());
    assert!(test.starts_with("with __dbt__cte__raw as ("), "{test}");
    assert!(
        test.ends_with("select *\nfrom __dbt__cte__clean\nwhere id is null"),
        "{test}"
    );
}

#[test]
fn the_projects_own_naming_rule_wins() {
    let project = project(
        "--- macros/names.sql
{% macro generate_schema_name(custom_schema_name, node) -%}
  {%- if node.resource_type == 'seed' -%}raw
  {%- elif custom_schema_name -%}{{ custom_schema_name }}{%- else -%}{{ default__generate_schema_name(none, node) }}{%- endif -%}
{%- endmacro %}
{% macro generate_alias_name(custom_alias_name=none, node=none) -%} {{ node.name }}_v1 {%- endmacro %}
--- models/m.sql
{{ config(schema='marts') }} {{ this }}
--- models/n.sql
{{ ref('m') }}
--- models/o.sql
{{ ref('s') }}
--- seeds/s.csv
id
1
",
    );
    assert_eq!(sql(&project, "o"), r#""forebay"."raw"."s_v1""#);
    assert_eq!(sql(&project, "m"), r#""forebay"."marts"."m_v1""#);
    assert_eq!(sql(&project, "n"), r#""forebay"."marts"."m_v1""#);
    let n = project.graph.get(&NodeId::new("model.shop.n")).unwrap();
    assert_eq!(n.relation.as_ref().unwrap().to_string(), "main.n_v1");
}

#[test]
fn a_naming_rule_may_look_at_where_the_node_is() {
    let project = project(
        "--- macros/names.sql
{% macro generate_schema_name(custom_schema_name, node) -%}
  {{ node.fqn[1:-1] | join('_') }}_{{ node.path.split('/')[0] }}_{{ node.schema }}
{%- endmacro %}
--- models/mart/core/m.sql
{{ this }}
--- seeds/raw/s.csv
id
1
--- models/o.sql
{{ ref('s') }}
",
    );
    assert_eq!(sql(&project, "m"), r#""forebay"."mart_core_mart_main"."m""#);
    assert_eq!(sql(&project, "o"), r#""forebay"."raw_raw_main"."s""#);
}

#[test]
fn dispatch_takes_the_macro_of_the_nearest_engine() {
    let project = project(
        "--- macros/d.sql
{% macro now() %}{{ return(adapter.dispatch('now', 'shop')()) }}{% endmacro %}
{% macro default__now() %}default{% endmacro %}
{% macro postgres__now() %}postgres{% endmacro %}
{% macro only() %}{{ adapter.dispatch('only')() }}{% endmacro %}
{% macro forebay__only() %}forebay{% endmacro %}
--- models/m.sql
{{ now() }} {{ only() }}
",
    );
    assert_eq!(sql(&project, "m"), "postgres forebay");
}

#[test]
fn under_duckdbs_name_nothing_is_dispatched_to_postgres() {
    let project = project(
        "--- dbt_project.yml
name: shop
profile: shop
--- profiles.yml
shop: {target: dev, outputs: {dev: {type: duckdb, schema: main}}}
--- macros/d.sql
{% macro now() %}{{ return(adapter.dispatch('now', 'shop')()) }}{% endmacro %}
{% macro default__now() %}default{% endmacro %}
{% macro postgres__now() %}postgres{% endmacro %}
--- models/m.sql
{{ now() }}
",
    );
    assert_eq!(sql(&project, "m"), "default");
}

#[test]
fn a_project_may_say_which_columns_a_relation_has() {
    let project = project(
        "--- macros/c.sql
{% macro postgres__get_columns_in_relation(relation) %}{{ return('its own') }}{% endmacro %}
--- models/m.sql
{{ adapter.get_columns_in_relation(this) }} {{ get_columns_in_relation(this) }}
",
    );
    assert_eq!(sql(&project, "m"), "its own its own");
}

#[test]
fn templates_may_ask_whether_a_relation_exists() {
    let project = project(
        "--- models/m.sql
{% set old = adapter.get_relation(database=this.database, schema='main', identifier='old') %}
{{ 'old' if old else 'new' }} {{ load_relation(this) is none }}
",
    );
    let asked = RefCell::new(Vec::new());
    let exists = |relation: &forebay_core::Relation| {
        asked.borrow_mut().push(relation.to_string());
        relation.name == "old"
    };
    let sql = compile_in(&project, "model.shop.m", CompileState::default(), &exists);
    assert_eq!(sql, "old True");
    assert_eq!(*asked.borrow(), ["main.old", "main.m"]);
}

#[test]
fn a_ref_that_was_hidden_while_reading_is_refused() {
    let project = project(
        "--- models/a.sql
select 1
--- models/b.sql
{% if execute %}
select * from {{ ref('a') }}
{% endif %}
--- models/c.sql
-- depends_on: {{ ref('a') }}
{% if execute %}select * from {{ ref('a') }}{% endif %}
",
    );
    let problem = project
        .compile(&NodeId::new("model.shop.b"), &CompileState::default())
        .unwrap_err();
    assert_eq!(
        problem.to_string(),
        "error: ref('a') was not seen while the project was read
  --> models/b.sql:2:18
  hint: write -- depends_on: {{ ref('a') }} outside of the condition"
    );
    assert!(sql(&project, "c").ends_with(r#"select * from "forebay"."main"."a""#));
}

#[test]
fn endless_recursion_is_an_error() {
    let text = problems(
        "--- macros/r.sql
{% macro again() %}{{ again() }}{% endmacro %}
--- models/m.sql
select {{ again() }}
",
    );
    assert!(text.contains("recursion"), "{text}");
    assert!(text.contains("--> macros/r.sql:1:"), "{text}");
}

#[test]
fn lists_and_dictionaries_change_in_place() {
    let project = project(
        r#"--- dbt_project.yml
name: shop
profile: shop
vars: {names: [a, b]}
--- macros/m.sql
{% macro add(list, item) %}{% do list.append(item) %}{% endmacro %}
--- models/m.sql
{% set names = [] %}
{% do names.append('x') %}{% do add(names, 'y') %}{% do names.extend(var('names')) %}
{% do names.insert(1, 'i') %}
{{ names }} {{ names.pop() }} {{ names.index('i') }} {{ names[-1] }} {{ names | length }}
{% set sizes = {'a': 1} %}
{% do sizes.update({'b': 2}) %}{% do sizes.update(c=3) %}
{{ sizes }} {% for key, value in sizes.items() %}{{ key }}{{ value }}{% endfor %}
{{ sizes.get('z', 9) }} {{ sizes.pop('a') }} {{ sizes.keys() | list }} {{ 'b' in sizes }}
{% set ns = namespace(found=[]) %}{% for n in names %}{% do ns.found.append(n) %}{% endfor %}
{{ ns.found | join('-') }} {{ names == ['x', 'i', 'y', 'a'] }} {{ tojson(sizes) }} {{ dict(a=[1]) }}
{{ [3, 1, 2] | sort }} {{ [1, 2][1] }} {{ (names + ['z'])[4] }} {{ names[1:] }} {{ {1: 2} | tojson }}
"#,
    );
    assert_eq!(
        sql(&project, "m"),
        "['x', 'i', 'y', 'a', 'b'] b 1 a 4 \
         {'a': 1, 'b': 2, 'c': 3} a1b2c3 \
         9 1 ['b', 'c'] True \
         x-i-y-a True {\"b\": 2, \"c\": 3} {'a': [1]} \
         [1, 2, 3] 2 z ['i', 'y', 'a'] {\"1\": 2}"
    );
}

#[test]
fn templates_may_ask_for_rows_and_columns() {
    let project = project(
        r#"--- models/seen.sql
select 1
--- macros/m.sql
{% macro kinds() %}
  {% call dbt.statement('kinds', fetch_result=true) %}select kind from kinds{% endcall %}
  {% set found = load_result('kinds') %}
  {{ return(found['table'].columns[0].values() | list if found else []) }}
{% endmacro %}
--- models/m.sql
{% set results = run_query('select * from t') %}
{% if execute %}
{{ results.columns[0].values() }} {{ results.columns['name'].values()[1] }} {{ results | length }}
{% for row in results %}{{ row[0] }}={{ row.name }}{{ row['id'] }} {% endfor %}
{{ results.rows[0].values() }} {{ results.column_names }}
{{ results.rename({'name': 'called'})[1].called }} {{ results.rename(column_names=['a', 'b']).column_names }}
{% endif %}
{{ kinds() }}
{% for column in adapter.get_columns_in_relation(ref('seen')) -%}
{{ column.name }} {{ column.dtype }} {{ column.is_string() }} {{ column.quoted }}
{%- endfor %}
{{ this is mapping }} {{ this.get('metadata').type.endswith('Relation') }} {{ api.Relation.create(schema='s', identifier='i') }}
"#,
    );
    let answer = |question: &Question| match question {
        Question::Rows(sql) if sql == "select * from t" => Answer::Rows(Rows {
            kinds: Default::default(),
            columns: vec!["id".into(), "name".into()],
            rows: vec![vec![1.into(), "a".into()], vec![2.into(), "b".into()]],
        }),
        Question::Rows(_) => Answer::Rows(Rows {
            kinds: Default::default(),
            columns: vec!["kind".into()],
            rows: vec![vec!["x".into()]],
        }),
        Question::Columns(_) => Answer::Columns(vec![Column {
            name: "Id".into(),
            data_type: "text".into(),
        }]),
        other => panic!("{other:?}"),
    };
    let state = CompileState::default();
    let sql = compile_with(&project, "model.shop.m", state, answer).unwrap();
    let words: Vec<&str> = sql.split_whitespace().collect();
    assert_eq!(
        words.join(" "),
        "(1, 2) b 2 1=a1 2=b2 (1, 'a') ('id', 'name') b ('a', 'b') ['x'] Id text True \"Id\" \
         True True \"s\".\"i\""
    );
}

#[test]
fn templates_walk_the_graph_and_reckon_with_dates() {
    let project = project(
        "--- models/a.sql
{%- set names = [] -%}
{%- for node in graph.nodes.values() | selectattr('resource_type', 'equalto', 'model') -%}
{%- do names.append(node.name) if node.name != 'a' -%}
{%- endfor -%}
select '{{ names | join(',') }}'
--- models/b.sql
{%- set day = modules.datetime.date(2020, 3, 1) - modules.datetime.timedelta(days=1) -%}
select '{{ day }}', {{ (modules.datetime.datetime(2020, 1, 3) - modules.datetime.datetime(2020, 1, 1)).days - 1 }}
",
    );
    assert_eq!(sql(&project, "a"), "select 'b'");
    assert_eq!(sql(&project, "b"), "select '2020-02-29', 1");
}

#[test]
fn a_source_may_be_files() {
    let project = project(
        r#"--- models/sources.yml
sources:
  - name: raw
    meta: {external_location: "data/{name}.csv"}
    tables:
      - name: orders
      - name: items
        meta:
          external_location: "read_csv('data/%(identifier)s.csv', columns={'id': 'integer'})"
          formatter: oldstyle
        identifier: lines
--- models/m.sql
select * from {{ source('raw', 'orders') }} join {{ source('raw', 'items') }} using (id)
"#,
    );
    let sql = compile_with(&project, "model.shop.m", CompileState::default(), |q| {
        panic!("{q:?}")
    });
    assert_eq!(
        sql.unwrap().trim(),
        "select * from 'data/orders.csv' join read_csv('data/lines.csv', columns={'id': 'integer'}) using (id)"
    );
}

#[test]
fn tests_and_analyses_have_a_place_too() {
    let project = project(
        "--- tests/none.sql
select '{{ this }}', '{{ model.schema }}' from (select 1) where 1 = 0
--- analyses/look.sql
select '{{ this }}'
",
    );
    assert_eq!(
        compile(&project, "test.shop.none"),
        r#"select '"forebay"."main_dbt_test__audit"."none"', 'main_dbt_test__audit' from (select 1) where 1 = 0"#
    );
    assert_eq!(
        compile(&project, "analysis.shop.look"),
        r#"select '"forebay"."main"."look"'"#
    );
}

#[test]
fn jinja_within_the_lists_of_a_tests_arguments_is_rendered() {
    let project = project(
        "--- models/one.sql
select 1 as n
--- models/one.yml
models:
  - name: one
    columns:
      - name: n
        tests:
          - in_types: {arguments: {types: [date, '{{ kind() }}', {of: \"ref('one')\"}], group: n}}
--- macros/kind.sql
{% macro kind() %}timestamp{% endmacro %}
{% test in_types(model, column_name, types, group) %}
select {{ types[0] }}, {{ types[1] | upper }}, {{ group }} from {{ types[2].of }}
{% endtest %}
",
    );
    let test = project
        .graph
        .nodes
        .keys()
        .find(|id| id.as_str().starts_with("test."));
    assert_eq!(
        compile(&project, test.unwrap().as_str()).trim(),
        r#"select date, TIMESTAMP, n from "forebay"."main"."one""#
    );
}

#[test]
fn external_models_say_where_and_how_they_are_written() {
    use forebay_core::export::{Existing, Export, ExportFormat, Folder};
    use forebay_core::graph::{Materialized, Spec};
    let project = project(
        "--- models/orders.sql
{{ config(materialized='external', location='out/orders.csv', options={'delimiter': '|', 'header': 0}) }}
select 1 as id
--- models/lines.sql
{{ config(materialized='external') }} select 1 as id
--- models/parts.sql
{{ config(materialized='external', options={'partition_by': 'y, \"b\"', 'overwrite': true}) }} select 1 as y, 2 as b, 3 as c
--- models/sized.sql
{{ config(materialized='external', options={'file_size_bytes': 10}) }} select 1 as id
",
    );
    let made = |name: &str| match &project.graph.nodes[&NodeId::new(name)].spec {
        Spec::Model(model) => model.materialized.clone(),
        other => panic!("{other:?}"),
    };
    let written = |location: &str, format, read: Option<&str>| {
        let (location, read) = (location.to_owned(), read.map(str::to_owned));
        Materialized::External(Export {
            location,
            format,
            read,
            folder: None,
        })
    };
    let csv = ExportFormat::Csv {
        header: false,
        delimiter: '|',
        null: String::new(),
    };
    let read = "read_csv('out/orders.csv', auto_detect = true)";
    assert_eq!(
        made("model.shop.orders"),
        written("out/orders.csv", csv, Some(read))
    );
    let parquet = written("./lines.parquet", ExportFormat::Parquet, None);
    assert_eq!(made("model.shop.lines"), parquet);
    let Materialized::External(parts) = made("model.shop.parts") else {
        panic!("an external model");
    };
    assert_eq!(parts.location, "./parts");
    assert_eq!(
        parts.read.as_deref(),
        Some("read_parquet('./parts/*/*/*.parquet')")
    );
    let by = vec!["y".to_owned(), "b".to_owned()];
    let existing = Existing::Replace;
    assert_eq!(parts.folder, Some(Folder { by, existing }));
    let problem = project.broken(&NodeId::new("model.shop.sized")).unwrap();
    assert_eq!(
        problem.message,
        "model 'sized': files are not written with 'file_size_bytes'"
    );
}

#[test]
fn a_column_that_is_described_twice_has_the_tests_of_both() {
    let project = project(
        "--- models/one.sql
select 1 as n
--- models/one.yml
models:
  - name: one
    columns: [{name: n, tests: [unique]}, {name: n, tests: [not_null]}]
",
    );
    let tests = project.graph.nodes.keys().map(NodeId::as_str);
    let tests: Vec<&str> = tests
        .filter_map(|id| id.strip_prefix("test.shop."))
        .filter_map(|id| Some(id.rsplit_once('.')?.0))
        .collect();
    assert_eq!(tests, ["not_null_one_n", "unique_one_n"]);
}

#[test]
fn hooks_are_rendered_when_they_run_however_their_key_is_written() {
    let project = project(
        "--- dbt_project.yml\nname: shop\nmodels: {pre_hook: \"grant {{ this.name.upper() }}\"}\n\
         --- models/m.sql\nselect '{{ model.batch.id }}' as batch\n",
    );
    assert_eq!(sql(&project, "m"), "select '' as batch");
}

#[test]
fn quoting_decides_which_parts_of_a_relation_are_written_in_quotes() {
    let project = project(
        "--- dbt_project.yml
name: shop
version: 1.2.0
quoting: {identifier: false, schema: false}
--- models/orders.sql
select * from {{ source('raw', 'orders') }} join {{ source('raw', 'Items') }}
--- models/all_orders.sql
select * from {{ ref('orders') }} -- {{ ref('orders').quote(identifier=true) }} {{ this.include(database=false) }}
--- models/sources.yml
sources:
  - name: raw
    quoting: {schema: true}
    tables:
      - {name: orders}
      - {name: Items, quoting: {identifier: true, database: false}}
",
    );
    assert_eq!(
        sql(&project, "orders"),
        r#"select * from "forebay"."raw".orders join forebay."raw"."Items""#
    );
    assert_eq!(
        sql(&project, "all_orders"),
        r#"select * from "forebay".main.orders -- "forebay".main."orders" main.all_orders"#
    );
    let orders = project
        .entry(&NodeId::new("source.shop.raw.orders"))
        .unwrap();
    assert_eq!(orders["relation_name"], r#""forebay"."raw".orders"#);
}

#[test]
fn a_query_comment_stands_beside_the_statement_and_cannot_end_itself() {
    let written = |comment: &str| {
        format!(
            "--- dbt_project.yml
name: shop
version: 1.2.0
query-comment: {comment}
--- models/orders.sql
select 1
"
        )
    };
    let id = NodeId::new("model.shop.orders");
    let commented = |comment: &str| {
        project(&written(comment))
            .commented(&id, "select 1;")
            .unwrap()
    };
    assert_eq!(
        commented("'by {{ node.name }}'"),
        "/* by orders */\nselect 1;"
    );
    assert_eq!(
        commented("\"{{ return('by ' ~ target.name) }}\""),
        "/* by dev */\nselect 1;"
    );
    assert_eq!(
        commented("{comment: mine, append: true}"),
        "select 1\n/* mine */;"
    );
    assert_eq!(commented(""), "select 1;");
    assert_eq!(
        problems(&written("'so */ drop'")),
        "error: the query comment 'so */ drop' holds '*/', which would end it\n  --> dbt_project.yml:3:16"
    );
}

#[test]
fn wide_numbers_keep_their_digits_and_lists_are_texts_of_python() {
    let project = project(
        "--- models/m.sql
{% set rows = run_query('select 1') %}{% if execute %}{% set row = rows.rows[0] %}
select {{ row[0] }}, {{ row[0] + 1 }}, '{{ row[1] }}'{% endif %}
",
    );
    let rows = Rows {
        columns: ["wide", "list"].map(str::to_owned).into(),
        kinds: [(0, TextKind::Whole), (1, TextKind::Json)].into(),
        rows: vec![vec!["12345678901234567890".into(), "[1,{\"a\":2}]".into()]],
    };
    let answer = |_: &Question| Answer::Rows(rows.clone());
    let state = CompileState::default();
    let sql = compile_with(&project, "model.shop.m", state, answer).unwrap();
    assert_eq!(
        sql.trim(),
        "select 12345678901234567890, 12345678901234567891, '[1, {\"a\": 2}]'"
    );
}

#[test]
fn methods_can_be_asked_for_and_meta_read() {
    let project = project(
        "--- models/m.sql
{{ config(meta={'owner': 'ops'}) }}
select '{{ config.meta_get('owner') }} {{ config.meta_get('x', 'none') }} {{ api.Relation.View }}
{%- if exceptions.raise_compiler_error is defined and exceptions.nope is not defined %} yes{% endif %}'
",
    );
    assert_eq!(sql(&project, "m"), "select 'ops none view yes'");
}

#[test]
fn templates_see_times_as_such_and_nulls_as_none() {
    let project = project(
        "--- models/orders.sql
{% set rows = run_query('select 1') %}{% if execute %}{% set row = rows.rows[0] %}
select '{{ row[0] }}', '{{ row[1] }}', '{{ row[2].strftime('%Y/%m') }}', {{ row[3] is none }}{% endif %}
",
    );
    let rows = Rows {
        columns: ["at", "on", "also", "nothing"].map(str::to_owned).into(),
        kinds: [
            (0, TextKind::WithoutZone),
            (1, TextKind::Date),
            (2, TextKind::WithZone),
        ]
        .into(),
        rows: vec![vec![
            "2024-01-02T03:04:05".into(),
            "2024-01-02".into(),
            "2024-01-02T03:04:05Z".into(),
            serde_json::Value::Null,
        ]],
    };
    let answer = |_: &Question| Answer::Rows(rows.clone());
    let sql = compile_with(
        &project,
        "model.shop.orders",
        CompileState::default(),
        answer,
    )
    .unwrap();
    assert_eq!(
        sql.trim(),
        "select '2024-01-02 03:04:05', '2024-01-02', '2024/01', True"
    );
}

#[test]
fn functions_take_their_arguments_by_name() {
    let project = project(
        "--- macros/m.sql
{% macro ours() %}{{ return(data=[1]) }}{% endmacro %}
--- models/a.sql
{{ log(msg='said', info=true) }}
select '{{ var(var_name='nobodys', default=4) }} {{ env_var(var='NOBODYS', default='x') }} {{ fromjson(string='[1]')[0] }}'
  || '{{ ours() }} {{ set(3, default='none') }} {{ zip([1], 2, default='none') }} {{ generate_database_name(none, none) }}'
",
    );
    assert_eq!(
        sql(&project, "a"),
        "select '4 x 1' || '[1] none none forebay'"
    );
    let found = problems("--- models/m.sql\nselect {{ var(nam='x') }}\n");
    assert!(
        found.contains("'var' has no argument called 'nam'"),
        "{found:?}"
    );
}

#[test]
fn a_setting_that_nothing_says_has_its_default() {
    let project = project(
        "--- models/a.sql
select '{{ config.get('materialized') }} {{ config.get('tags') }} {{ config.get('unique_key', 'id') }}'
  || '{{ config.get('mine', default=3) }} {{ model.config.materialized }} {{ model.config.lookback }}'
--- models/b.sql
{{ config(materialized='table', unique_key='b') }}
select '{{ config.get('materialized') }} {{ config.get('unique_key', 'id') }} {{ model.config.materialized }}'
",
    );
    assert_eq!(sql(&project, "a"), "select 'view [] None' || '3 view 1'");
    assert_eq!(sql(&project, "b"), "select 'table b table'");
}

#[test]
fn weeks_between_days_begin_on_sundays() {
    let project = project(
        "--- models/a.sql
select {{ datediff('a', 'b', 'week') }}, {{ datediff('a', 'b', 'day') }}
",
    );
    assert_eq!(
        sql(&project, "a"),
        "select cast(date_diff('day', date_trunc('week', (a)::date + 1), date_trunc('week', (b)::date + 1)) / 7 as bigint), \
         date_diff('day', (a)::timestamp, (b)::timestamp)"
    );
}
