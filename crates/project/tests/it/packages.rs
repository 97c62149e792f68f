//! Packages: installed ones and local ones, their names, settings, variables and macros.

use forebay_core::NodeId;

use crate::support::{Files, compile, problems, project};

const PROJECT: &str = r#"--- dbt_project.yml
name: shop
profile: shop
vars: {color: red, tools: {size: 9}}
dispatch:
  - {macro_namespace: tools, search_order: [shop, tools]}
models:
  tools:
    deep: {helper: {+materialized: table}}
--- packages.yml
packages:
  - {package: someone/tools, version: 1.0.0}
  - {local: parts/more}
--- models/orders.sql
select {{ tools.twice(2) }}, {{ tools.named('x') }}, {{ var('tools').size }} from {{ ref('helper') }}, {{ ref('more', 'piece') }}
--- models/schema.yml
models:
  - {name: orders, description: "{{ doc('tools', 'hint') }}", data_tests: [tools.odd]}
--- macros/named.sql
{% macro default__named(x) %}{{ return("'mine " ~ x ~ "'") }}{% endmacro %}
--- dbt_packages/tools/dbt_project.yml
name: tools
vars: {size: 1, shape: "round"}
models: {tools: {+materialized: view, +tags: [tool]}}
--- dbt_packages/tools/macros/m.sql
{% macro twice(n) %}{{ tools.times(n, 2) }}{% endmacro %}
{% macro times(n, m) %}{{ n * m }}{% endmacro %}
{% macro named(x) %}{{ return(adapter.dispatch('named', 'tools')(x)) }}{% endmacro %}
{% macro default__named(x) %}{{ return("'theirs'") }}{% endmacro %}
{% test odd(model) %}select * from {{ model }} where {{ tools.twice(1) }} = 1{% endtest %}
--- dbt_packages/tools/macros/docs.md
{% docs hint %}Read me.{% enddocs %}
--- dbt_packages/tools/models/deep/helper.sql
{{ config(materialized='ephemeral') }} select '{{ var('color') }} {{ var('size') }} {{ var('shape') }} {{ twice(3) }}' as x
--- parts/more/dbt_project.yml
name: more
--- parts/more/models/piece.sql
select 1 as one
"#;

#[test]
fn a_package_has_names_of_its_own_and_the_projects_settings_win() {
    let project = project(PROJECT);
    // Without the hash of a test.
    let ids = project.graph.nodes.keys().map(|id| id.as_str());
    let ids: Vec<&str> = ids.map(|id| id.split("_.").next().unwrap_or(id)).collect();
    assert_eq!(
        ids,
        [
            "model.more.piece",
            "model.shop.orders",
            "model.tools.helper",
            "test.shop.tools_odd_orders",
        ]
    );
    assert_eq!(
        compile(&project, "model.shop.orders"),
        "select 4, 'mine x', 9 from \"forebay\".\"main\".\"helper\", \"forebay\".\"main\".\"piece\""
    );
    assert_eq!(
        compile(&project, "model.tools.helper"),
        "select 'red 9 round 6' as x"
    );
    let manifest = project.manifest();
    let helper = &manifest["nodes"]["model.tools.helper"];
    assert_eq!(helper["config"]["materialized"], "table");
    assert_eq!(helper["original_file_path"], "models/deep/helper.sql");
    assert_eq!(
        helper["fqn"],
        serde_json::json!(["tools", "deep", "helper"])
    );
    assert_eq!(helper["tags"], serde_json::json!(["tool"]));
    assert_eq!(
        manifest["nodes"]["model.shop.orders"]["description"],
        "Read me."
    );
}

#[test]
fn a_package_that_is_not_there_is_named() {
    assert_eq!(
        problems(
            "--- packages.yml
packages:
  - {package: dbt-labs/dbt_utils, version: 1.3.0}
  - {local: ../nowhere}
  - {version: 1}
"
        ),
        "error: the package 'dbt-labs/dbt_utils' is not installed
  --> packages.yml:2:5
  hint: put it into dbt_packages/ (`dbt deps` does, or a git checkout named after the package)
error: the local package '../nowhere' has no dbt_project.yml
  --> packages.yml:3:5
error: a package needs one of: package, git, local, tarball
  --> packages.yml:4:5"
    );
}

#[test]
fn a_local_package_need_not_be_there_where_all_are_installed() {
    let found = problems(
        "--- packages.yml
packages: [{local: ../nowhere}]
--- dbt_packages/more/dbt_project.yml
name: more
",
    );
    assert_eq!(found, "");
}

#[test]
fn two_models_of_one_name_live_in_two_packages() {
    let files = Files::new(
        "--- packages.yml
packages: [{local: other}]
--- models/same.sql
select 1
--- models/reads.sql
select * from {{ ref('same') }}, {{ ref('other', 'same') }}
--- other/dbt_project.yml
name: other
models: {+schema: elsewhere}
--- other/models/same.sql
select 2
--- other/models/inner.sql
select * from {{ ref('same') }}
",
    );
    let project = files.load().unwrap();
    assert_eq!(
        compile(&project, "model.shop.reads"),
        "select * from \"forebay\".\"main\".\"same\", \"forebay\".\"main_elsewhere\".\"same\""
    );
}

#[test]
fn packages_yml_is_a_template_and_dependencies_yml_is_none() {
    let local = |file: &str| {
        let entry = "{local: \"{{ env_var('STAGE') }}/more\"}";
        let more =
            "--- test/more/dbt_project.yml\nname: more\n--- test/more/models/m.sql\nselect 1";
        problems(&format!("--- {file}\npackages: [{entry}]\n{more}"))
    };
    assert_eq!(local("packages.yml"), "");
    let found = local("dependencies.yml");
    assert!(found.contains("has no dbt_project.yml"), "{found}");
}

#[test]
fn packages_are_named_in_one_file_and_each_has_a_name_of_its_own() {
    let found = problems(
        "--- packages.yml\npackages: [{local: a}, {local: b}]\n--- dependencies.yml\npackages: []\n\
         --- a/dbt_project.yml\nname: more\n--- b/dbt_project.yml\nname: more\n",
    );
    assert!(
        found.contains("packages.yml and dependencies.yml both have packages"),
        "{found}"
    );
    assert!(
        found.contains("two local packages are called 'more'"),
        "{found}"
    );
}

#[test]
fn what_dbtignore_names_is_not_read() {
    let project = project(
        "--- .dbtignore\n*_old.sql\nscratch/\n--- models/a_old.sql\n{{ broken\n\
         --- models/scratch/b.yml\nmodels: 3\n--- models/c.sql\nselect 1\n",
    );
    let ids: Vec<&str> = project.graph.nodes.keys().map(|id| id.as_str()).collect();
    assert_eq!(ids, ["model.shop.c"]);
}

#[test]
fn an_entry_describes_what_another_package_has() {
    let text = |more: &str| {
        format!(
            "--- dbt_project.yml\nname: shop\n--- packages.yml\npackages: [{{local: up}}]\n\
             --- dbt_packages/up/dbt_project.yml\nname: up\n\
             --- dbt_packages/up/models/pm.sql\nselect 1 as id\n{more}\
             --- models/s.yml\nmodels: [{{name: pm, description: ours, config: {{materialized: table}}, columns: [{{name: id, data_tests: [unique]}}]}}]\n"
        )
    };
    let project = project(&text(""));
    let manifest = project.manifest();
    let model = &manifest["nodes"]["model.up.pm"];
    assert_eq!(model["config"]["materialized"], "table");
    assert_eq!(model["description"], "ours");
    assert_eq!(model["patch_path"], "shop://models/s.yml");
    assert!(project.warnings.is_empty(), "{:?}", project.warnings);
    let own = "--- dbt_packages/up/models/s.yml\nmodels: [{name: pm, description: theirs}]\n";
    let said = problems(&text(own));
    assert!(said.contains("model 'pm' is described twice"), "{said}");
}

#[test]
fn macros_of_a_packages_test_find_others_while_the_project_is_read() {
    let project = project(
        r"--- dbt_project.yml
name: shop
profile: shop
--- packages.yml
packages:
  - {package: someone/tools, version: 1.0.0}
--- models/orders.sql
select 1 as id
--- models/schema.yml
models:
  - {name: orders, data_tests: [tools.fine]}
--- dbt_packages/tools/dbt_project.yml
name: tools
--- dbt_packages/tools/macros/fine.sql
{% test fine(model) %}select * from {{ model }} where {{ tools.never() }}{% endtest %}
--- dbt_packages/tools/macros/never.sql
{% macro never() %}{{ nothing() }} = 0{% endmacro %}
--- dbt_packages/tools/macros/nothing.sql
{% macro nothing() %}1{% endmacro %}
",
    );
    let tests = project.graph.nodes.keys();
    assert_eq!(
        tests.filter(|id| id.as_str().starts_with("test.")).count(),
        1
    );
}

#[test]
fn a_package_may_look_for_names_in_itself_first() {
    let below = |flags: &str| {
        let project = project(&format!(
            "--- dbt_project.yml
name: shop
{flags}
--- packages.yml
packages: [{{local: parts}}]
--- models/a.sql
select 1 as id
--- parts/dbt_project.yml
name: parts
models: {{+schema: parts}}
--- parts/models/a.sql
select 2 as id
--- parts/models/b.sql
select * from {{{{ ref('a') }}}}
"
        ));
        let b = project.graph.get(&NodeId::new("model.parts.b")).unwrap();
        b.depends_on[0].to_string()
    };
    assert_eq!(below(""), "model.shop.a");
    let flag = "flags: {require_ref_searches_node_package_before_root: true}";
    assert_eq!(below(flag), "model.parts.a");
}
