//! From a place in SQL to the one in the project's files.

use forebay_core::{Diagnostic, Node};
use forebay_project::{CompileState, Marks, Project};

use crate::support::{Files, compile, compile_in, problems};

const PROJECT: &str = "--- macros/m.sql
{% macro shouted(column) %}
  upper({{ column }}) as {{ column }}_up,
  {{ column }} || mistyped as twice
{% endmacro %}
{% macro is_on() %}yes{% endmacro %}
--- models/base.sql
{{ config(materialized='ephemeral') }}
{% set names = ['a', 'b'] %}
select
  {%- for name in names %}
  {{ name }} as {{ name }}_1, {{ name }}x as nothing,
  {%- endfor %}
  1 as one
--- models/top.sql
with own as (select 1 as id)

select {{ shouted('id') }}
from {{ ref('base') }} join own on nowhere
--- models/compared.sql
{%- set part %}select 1 as id, part_only{% endset -%}
{{ part if part != '' }} from x where is = {{ is_on() }} and lost
--- models/guarded.sql
select 1 as id{% if is_on() == 'yes' %}, on_only{% endif %}
--- tests/generic/t.sql
{% test t(model, column_name, over) %}
select {{ column_name }}
from {{ model }} where {{ over }} > mistaken
{% endtest %}
--- models/s.yml
models:
  - name: base
    columns:
      - name: one
        data_tests:
          - t: {arguments: {over: overmuch}}
";

fn node<'a>(project: &'a Project, name: &str) -> &'a Node {
    let mut all = project.graph.nodes.values();
    let found = all.find(|node| node.name == name || node.name.starts_with(&format!("{name}_")));
    found.expect("a node of that name")
}

/// What is told of a word of the node's query, which ran within another query.
fn told(project: &Project, node: &Node, word: &str, marks: Marks) -> String {
    let id = node.id.as_str();
    let sql = compile(project, id);
    let state = CompileState {
        marks,
        ..CompileState::default()
    };
    let marked = compile_in(project, id, state, &|_| false);
    let ran = format!("select count(*) from (\n{sql}\n) as rows");
    let before = &ran[..ran.find(word).expect("the word")];
    let line = before.matches('\n').count() + 1;
    let column = before.chars().rev().take_while(|c| *c != '\n').count() + 1;
    let message = format!("there is no column '{word}' (line {line}, column {column})");
    let problem = Diagnostic::error(message).within(&ran);
    match project.traced(node, &sql, &marked, problem) {
        Ok(placed) => placed.to_string(),
        Err(same) => format!("not placed: {}", same.message),
    }
}

#[test]
fn a_place_is_that_of_the_text_which_wrote_it() {
    let project = Files::new(PROJECT).load().unwrap();
    let top = node(&project, "top");
    for (word, place) in [
        ("nowhere", "models/top.sql:4:36"),
        (
            "bx",
            "models/base.sql:5:31\n  hint: it is called from models/top.sql",
        ),
        (
            "mistyped",
            "macros/m.sql:3:19\n  hint: it is called from models/top.sql:3:8",
        ),
    ] {
        let expected = format!("error: there is no column '{word}'\n  --> {place}");
        assert_eq!(told(&project, top, word, Marks::All), expected);
    }
    let compared = node(&project, "compared");
    for (word, place) in [("part_only", "1:32"), ("lost", "2:62")] {
        let told = told(&project, compared, word, Marks::All);
        assert!(
            told.contains(&format!("--> models/compared.sql:{place}")),
            "{told}"
        );
    }
}

#[test]
fn a_text_that_the_template_looks_at_is_marked_less() {
    let project = Files::new(PROJECT).load().unwrap();
    let guarded = node(&project, "guarded");
    let all = told(&project, guarded, "on_only", Marks::All);
    assert!(all.starts_with("not placed"), "{all}");
    let nodes = told(&project, guarded, "on_only", Marks::Nodes);
    assert!(nodes.contains("--> models/guarded.sql:1:42"), "{nodes}");
}

#[test]
fn a_generic_test_is_at_its_macro_or_where_it_is_declared() {
    let project = Files::new(PROJECT).load().unwrap();
    let test = node(&project, "t_base_one");
    let macro_place = "--> tests/generic/t.sql:3:37\n  hint: it is called from models/s.yml:6:13";
    assert!(told(&project, test, "mistaken", Marks::All).contains(macro_place));
    let of_argument = told(&project, test, "overmuch", Marks::All);
    assert!(
        of_argument.contains("--> tests/generic/t.sql:3:24"),
        "{of_argument}"
    );
    let of_base = told(&project, test, "bx", Marks::All);
    assert!(of_base.contains("--> models/base.sql:5:31"), "{of_base}");
}

#[test]
fn what_closes_a_circle_or_takes_a_name_has_a_place() {
    let text = problems(
        "--- models/a.sql
select 1
from {{ ref('b') }}
--- models/b.sql
select * from {{ ref('a') }}
--- models/c.sql
{{ config(
  alias='d') }} select 1
--- models/d.sql
{{ config(group='nobody') }} select 1
",
    );
    for place in ["models/a.sql:2:9", "models/c.sql:2:3", "models/d.sql:1:11"] {
        assert!(text.contains(place), "{place} is not in\n{text}");
    }
}

#[test]
fn hooks_and_sums_are_told_where_they_stand() {
    let text = problems(
        "--- dbt_project.yml
name: shop
on-run-start:
  - select 1
  - \"{{ nope( }}\"
--- models/a.sql
select
  {{ 1 + 'x' }}
--- models/b.sql
{{ config(
  pre_hook=['select 1', '{{ nope( }}']
) }} select 1
",
    );
    for place in [
        "dbt_project.yml:4:5",
        "models/a.sql:2:6",
        "models/b.sql:2:3",
    ] {
        assert!(
            text.contains(&format!("--> {place}")),
            "{place} is not in\n{text}"
        );
    }
}
