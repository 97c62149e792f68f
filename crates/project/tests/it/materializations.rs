//! Materialisations written in Jinja: which one builds a node, and how it is run.

use std::sync::{Arc, Mutex};

use forebay_core::graph::{Materialized, Spec};
use forebay_core::{Diagnostic, NodeId, Relation};
use forebay_project::{Answer, CompileState, Live, Project, Question, RelationKind, Rows};

use crate::support::{problems, project};

/// Knows one table, and writes down what it is asked.
#[derive(Debug, Default)]
struct Warehouse(Mutex<Vec<String>>);

impl Live for Warehouse {
    fn now(&self) -> chrono::DateTime<chrono::Utc> {
        chrono::DateTime::UNIX_EPOCH
    }

    fn answer(&self, question: &Question) -> Result<Answer, Diagnostic> {
        let mut heard = self.0.lock().unwrap();
        Ok(match question {
            Question::Relation(relation) => {
                let there = *relation == Relation::new("main", "there");
                Answer::Relation(there.then_some(RelationKind::Table))
            }
            Question::Rows(sql) if sql.contains("broken") => {
                return Err(Diagnostic::error("no such thing"));
            }
            Question::Rows(sql) => {
                heard.push(sql.split_whitespace().collect::<Vec<_>>().join(" "));
                let count = heard.iter().filter(|known| *known == heard.last().unwrap());
                Answer::Rows(Rows {
                    kinds: Default::default(),
                    columns: vec!["n".to_owned()],
                    rows: vec![vec![count.count().into()]],
                })
            }
            other => panic!("nobody knows {other:?}"),
        })
    }

    fn said(&self, message: &str) {
        self.0.lock().unwrap().push(format!("said {message}"));
    }
}

fn built(project: &Project, model: &str) -> Result<Vec<String>, Diagnostic> {
    let id = NodeId::new(format!("model.shop.{model}"));
    let Some(Spec::Model(spec)) = project.graph.get(&id).map(|node| &node.spec) else {
        panic!("no model '{model}'");
    };
    let Materialized::Custom { name } = &spec.materialized else {
        panic!("'{model}' is built as {:?}", spec.materialized);
    };
    let warehouse = Arc::new(Warehouse::default());
    let state = CompileState {
        live: Some(warehouse.clone()),
        ..CompileState::default()
    };
    let made = project.materialize(&id, name, "select 1", &state)?;
    let relations = made
        .relations
        .iter()
        .map(|relation| format!("made {relation}"));
    let mut heard = warehouse.0.lock().unwrap().clone();
    heard.extend(relations);
    Ok(heard)
}

const COUNTED: &str = r#"--- macros/m.sql
{% materialization counted, default %}
  {{ run_hooks(pre_hooks) }}
  {%- set before = run_query('select count') -%}
  {%- call statement('main') -%} create table {{ this }} as {{ sql }} {%- endcall -%}
  {%- set after = run_query('select count') -%}
  {%- do log(before.rows[0][0] ~ ' then ' ~ after.rows[0][0], info=true) -%}
  {{ return({'relations': [this]}) }}
{% endmaterialization %}
{% materialization counted, adapter='snowflake' %}{{ exceptions.raise_compiler_error('not here') }}{% endmaterialization %}
--- models/a.sql
{{ config(materialized='counted', pre_hook="insert {{ this.name }}") }} select 1
"#;

#[test]
fn statements_run_in_their_order_and_every_question_is_asked_anew() {
    let heard = built(&project(COUNTED), "a").expect("it runs");
    let expected = [
        "insert a",
        "select count",
        "create table \"forebay\".\"main\".\"a\" as select 1",
        "select count",
        "said 1 then 2",
        "made main.a",
    ];
    assert_eq!(heard, expected);
}

#[test]
fn a_statement_may_be_shown_and_not_run() {
    let text = "--- macros/m.sql\n{% materialization shown, default %}\n\
                {% call noop_statement('main', 'OK') %}{{ sql }}{% endcall %}\n\
                {{ return({'relations': [this]}) }}{% endmaterialization %}\n\
                --- models/a.sql\n{{ config(materialized='shown') }} select 1\n";
    let heard = built(&project(text), "a").expect("it runs");
    assert_eq!(heard, ["made main.a"]);
}

#[test]
fn a_statement_that_fails_is_an_error_at_its_place_in_the_users_file() {
    let text = "--- macros/m.sql\n{% materialization bad, default %}\n{% do run_query('broken') %}\n{% endmaterialization %}\n\
                --- models/a.sql\n{{ config(materialized='bad') }} select 1\n";
    let problem = built(&project(text), "a")
        .expect_err("it fails")
        .to_string();
    assert!(
        problem.starts_with("error: no such thing\n  --> macros/m.sql:2:7"),
        "{problem}"
    );
}

#[test]
fn a_macro_of_the_project_is_called_by_the_built_in_materialisation() {
    let text = "--- macros/m.sql\n{% macro default__create_table_as(temporary, relation, sql) %}mine {{ relation.identifier }}{% endmacro %}\n\
                --- models/a.sql\n{{ config(materialized='table') }} select 1\n\
                --- models/v.sql\nselect 1\n";
    let project = project(text);
    let heard = built(&project, "a").expect("it runs");
    assert_eq!(
        heard,
        [
            "mine a__dbt_tmp",
            "alter table \"forebay\".\"main\".\"a__dbt_tmp\" rename to \"forebay\".\"main\".\"a\"",
            "made main.a"
        ]
    );
    let Spec::Model(view) = &project.graph.nodes[&NodeId::new("model.shop.v")].spec else {
        panic!("v is a model");
    };
    assert_eq!(
        view.materialized,
        Materialized::View,
        "views call another macro"
    );
}

#[test]
fn a_strategy_of_the_project_builds_an_incremental_model() {
    let text = "--- macros/m.sql\n{% macro get_incremental_swap_sql(arg_dict) %}swap {{ arg_dict.temp_relation.identifier }} \
                by {{ arg_dict.unique_key }}{% endmacro %}\n\
                --- models/there.sql\n{{ config(materialized='incremental', incremental_strategy='swap', unique_key='id') }} select 1\n";
    let project = project(text);
    let Spec::Model(model) = &project.graph.nodes[&NodeId::new("model.shop.there")].spec else {
        panic!("there is a model");
    };
    assert_eq!(model.materialized.as_str(), "incremental");
    assert!(matches!(model.materialized, Materialized::Custom { .. }));
}

const PACKAGED: &str = "--- packages.yml\npackages: [{local: parts/tools}]\n\
--- parts/tools/dbt_project.yml\nname: tools\n\
--- parts/tools/macros/m.sql\n{% materialization table, default %}{{ return({'relations': []}) }}{% endmaterialization %}\n\
{% materialization odd, default %}{{ return({'relations': []}) }}{% endmaterialization %}\n\
--- models/a.sql\n{{ config(materialized='table') }} select 1\n\
--- models/b.sql\n{{ config(materialized='odd') }} select 1\n";

#[test]
fn a_package_takes_the_place_of_a_built_in_materialisation_only_where_the_project_lets_it() {
    let kind = |project: &Project, name: &str| match &project.graph.nodes[&NodeId::new(name)].spec {
        Spec::Model(model) => matches!(model.materialized, Materialized::Custom { .. }),
        _ => panic!("no model"),
    };
    let loaded = project(PACKAGED);
    assert!(!kind(&loaded, "model.shop.a") && kind(&loaded, "model.shop.b"));
    let lets = format!(
        "--- dbt_project.yml\nname: shop\nprofile: shop\nflags: {{require_explicit_package_overrides_for_builtin_materializations: false}}\n{PACKAGED}"
    );
    assert!(kind(&project(&lets), "model.shop.a"));
}

#[test]
fn a_materialisation_that_nobody_has_is_said_and_fails_its_model_alone() {
    let text = "--- models/a.sql\n{{ config(materialized='tabel') }} select 1\n";
    assert_eq!(
        problems(text).trim(),
        "warning: model 'a' wants the materialization 'tabel', which nobody has\n  --> models/a.sql:1:11\n  hint: did you mean 'table'?"
    );
    let problem = built(&project(text), "a")
        .expect_err("nobody has it")
        .to_string();
    assert!(
        problem.contains("no materialization 'tabel' was found"),
        "{problem}"
    );
}

const SNAPSHOT: &str = "--- snapshots/s.sql
{% snapshot s %}{{ config(unique_key='id', strategy='check', check_cols='all') }} select 1 as id{% endsnapshot %}
--- seeds/n.csv
n
1
";

#[test]
fn seeds_and_snapshots_are_made_by_macros_where_the_project_has_one_that_they_call() {
    for (macros, seeds, snapshots) in [
        ("{% macro mine() %}{% endmacro %}", false, false),
        (
            "{% macro snapshot_get_time() %}now(){% endmacro %}",
            false,
            true,
        ),
        (
            "{% macro default__current_timestamp() %}now(){% endmacro %}",
            false,
            true,
        ),
        (
            "{% macro forebay__snapshot_hash_arguments(args) %}1{% endmacro %}",
            false,
            true,
        ),
        (
            "{% macro snapshot_merge_sql(target, source, insert_cols) %}{% endmacro %}",
            false,
            true,
        ),
        // A strategy of the project's own, which snapshots call by its name.
        (
            "{% macro snapshot_check_strategy(a, b, c, d, e) %}{% endmacro %}",
            false,
            false,
        ),
        (
            "{% macro load_csv_rows(model, agate_table) %}{% endmacro %}",
            true,
            false,
        ),
        (
            "{% macro truncate_relation(relation) %}{% endmacro %}",
            true,
            false,
        ),
        (
            "{% macro create_table_as(temporary, relation, sql) %}{% endmacro %}",
            false,
            true,
        ),
        (
            "{% macro default__apply_grants(a, b, c) %}{% endmacro %}",
            true,
            true,
        ),
    ] {
        let project = project(&format!("{SNAPSHOT}--- macros/m.sql\n{macros}\n"));
        let made = ["seed", "snapshot"].map(|kind| project.made_by_macros(kind));
        assert_eq!(made, [seeds, snapshots], "{macros}");
    }
}

#[test]
fn a_macro_of_a_package_counts_where_dispatch_finds_it() {
    let with = |dispatch: &str| {
        format!(
            "--- dbt_project.yml
name: shop
{dispatch}
--- packages.yml
packages: [{{local: other}}]
--- other/dbt_project.yml
name: other
--- other/macros/m.sql
{{% macro default__snapshot_get_time() %}}now(){{% endmacro %}}
{SNAPSHOT}"
        )
    };
    let order = "dispatch: [{macro_namespace: dbt, search_order: [other, dbt]}]";
    assert!(project(&with(order)).made_by_macros("snapshot"));
    assert!(!project(&with("")).made_by_macros("snapshot"));
}
