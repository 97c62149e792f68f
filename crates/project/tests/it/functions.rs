//! Functions of the database: `functions/`, and what calls them.

use serde_json::json;

use crate::support::{problems, project};

const AREA: &str = "--- dbt_project.yml
name: shop
models: {+tags: [m]}
functions: {shop: {+volatility: stable}}
--- functions/deep/area.sql
{{ config(schema='udf') }} select pi() * r * r
--- functions/f.yml
functions:
  - name: area
    arguments: [{name: r, data_type: float}, {name: q, data_type: int, default_value: 2}]
    returns: {data_type: float, description: of a circle}
--- models/m.sql
select {{ function('area') }}(2) as a
";

#[test]
fn functions_are_nodes_that_models_depend_on() {
    let manifest = project(AREA).manifest();
    let area = &manifest["functions"]["function.shop.area"];
    assert_eq!(area["fqn"], json!(["shop", "deep", "area"]));
    assert_eq!(area["schema"], "main_udf");
    assert_eq!(area["relation_name"], json!(null));
    assert_eq!(area["config"]["type"], "scalar");
    assert_eq!(area["config"]["volatility"], "stable");
    assert_eq!(
        area["unrendered_config"],
        json!({"tags": ["m"], "schema": "udf"})
    );
    assert_eq!(
        area["returns"],
        json!({"data_type": "float", "description": "of a circle"})
    );
    assert_eq!(area["arguments"][1]["default_value"], 2);
    let model = &manifest["nodes"]["model.shop.m"];
    assert_eq!(model["functions"], json!([["area"]]));
    assert_eq!(model["depends_on"]["nodes"], json!(["function.shop.area"]));
    assert_eq!(
        manifest["child_map"]["function.shop.area"],
        json!(["model.shop.m"])
    );
}

#[test]
fn a_function_that_is_not_there_or_not_described_is_an_error() {
    let found = problems(
        "--- functions/area.sql
select r
--- functions/f.yml
functions:
  - name: area
    arguments: [{name: r, data_type: float, default_value: 1}, {name: q, data_type: int}]
--- models/m.sql
select {{ function('aera') }}(2) as a
",
    );
    for told in [
        "the argument 'q' of function 'area' has no default and follows one that has\n  --> functions/f.yml:3:16",
        "function 'area' does not say what it returns\n  --> functions/f.yml:2:11",
        "no function of the database is called 'aera'\n  --> models/m.sql:1:11\n  hint: did you mean 'area'?",
    ] {
        assert!(found.contains(told), "{found}");
    }
}
