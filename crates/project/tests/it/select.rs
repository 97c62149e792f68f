//! The selection language.

use forebay_project::select::{Indirect, Selection};

use crate::support::Files;

const SHOP: &str = "--- models/staging/stg_orders.sql
{{ config(tags=['nightly', 'staging']) }} select * from {{ source('raw', 'orders') }}
--- models/staging/stg_customers.sql
{{ config(tags='staging') }} select * from {{ source('raw', 'customers') }}
--- models/marts/orders.sql
{{ config(materialized='table') }}
select * from {{ ref('stg_orders') }} join {{ ref('stg_customers') }} using (id)
--- models/marts/report.sql
select * from {{ ref('orders') }}
--- models/schema.yml
sources: [{name: raw, tables: [{name: orders}, {name: customers}]}]
models:
  - name: orders
    columns:
      - name: id
        data_tests: [unique]
      - name: customer_id
        data_tests: [relationships: {to: ref('stg_customers'), field: id}]
--- tests/report_is_there.sql
select * from {{ ref('report') }}
";

/// Names of the selected nodes, tests in short.
fn selected(include: &str, exclude: &str) -> String {
    selected_of(SHOP, include, exclude, Indirect::Eager)
}

fn selected_of(files: &str, include: &str, exclude: &str, indirect: Indirect) -> String {
    let files = Files::new(files);
    let project = files.load().unwrap();
    let list = |text: &str| -> Vec<String> {
        Some(text.to_owned())
            .filter(|text| !text.is_empty())
            .into_iter()
            .collect()
    };
    let selection = Selection {
        include: list(include),
        exclude: list(exclude),
        indirect,
        ..Selection::default()
    };
    let found = match project.select(&selection) {
        Ok(found) => found.nodes,
        Err(problem) => return problem.to_string(),
    };
    let names = found.iter().map(|id| {
        let node = project.graph.get(id).unwrap();
        match (node.resource_type().as_str(), node.name.split('_').next()) {
            ("test", Some(first)) => first.to_owned(),
            ("source", _) => format!("raw.{}", node.name),
            _ => node.name.clone(),
        }
    });
    names.collect::<Vec<_>>().join(" ")
}

#[test]
fn names_and_graph_operators() {
    assert_eq!(selected("report", ""), "report report");
    assert_eq!(selected("orders", ""), "orders relationships unique");
    assert_eq!(
        selected("stg_orders+1", ""),
        "orders stg_orders relationships unique"
    );
    assert_eq!(
        selected("+orders", ""),
        "orders stg_customers stg_orders raw.customers raw.orders relationships unique"
    );
    assert_eq!(
        selected("1+report", ""),
        "orders report relationships report unique"
    );
    assert_eq!(
        selected("@stg_orders", "resource_type:test"),
        "orders report stg_customers stg_orders raw.customers raw.orders"
    );
}

#[test]
fn methods() {
    assert_eq!(
        selected("tag:staging", "resource_type:test"),
        "stg_customers stg_orders"
    );
    assert_eq!(
        selected("path:models/staging", "resource_type:test"),
        "stg_customers stg_orders"
    );
    assert_eq!(
        selected("models/marts", "resource_type:test"),
        "orders report"
    );
    assert_eq!(
        selected("path:models/marts/rep*.sql", "test_type:data"),
        "report"
    );
    assert_eq!(selected("source:raw.orders+1", ""), "stg_orders raw.orders");
    assert_eq!(selected("source:raw", ""), "raw.customers raw.orders");
    assert_eq!(
        selected("config.materialized:table", "test_type:data"),
        "orders"
    );
    assert_eq!(
        selected("staging", "test_type:generic"),
        "stg_customers stg_orders"
    );
    assert_eq!(selected("shop.marts.report", ""), "report report");
    assert_eq!(
        selected("stg_*", "test_type:generic"),
        "stg_customers stg_orders"
    );
    assert_eq!(selected("test_type:singular", ""), "report");
    assert_eq!(selected("test_name:unique", ""), "unique");
    assert_eq!(
        selected("package:shop,resource_type:model,tag:nightly", ""),
        "stg_orders"
    );
    assert_eq!(selected("report.sql", "test_type:singular"), "report");
}

#[test]
fn sets() {
    assert_eq!(
        selected("stg_orders report", "resource_type:test"),
        "report stg_orders"
    );
    assert_eq!(selected("tag:staging,tag:nightly", ""), "stg_orders");
    assert_eq!(
        selected("", "resource_type:test source:raw"),
        "orders report stg_customers stg_orders"
    );
    assert_eq!(selected("orders", "stg_customers"), "orders unique");
    assert_eq!(selected("nothing_like_it", ""), "");
}

#[test]
fn a_method_that_does_not_exist_lists_those_that_do() {
    assert_eq!(
        selected("tags:nightly", ""),
        "error: no selection method is called 'tags' (in 'tags:nightly')
  hint: did you mean 'tag'?
  hint: one of: fqn, tag, path, file, source, resource_type, package, config, test_type, test_name, exposure, metric, semantic_model, saved_query, unit_test, group, access, version, state, result, source_status"
    );
    assert!(selected("resource_type:modl", "").contains("did you mean 'model'?"));
    assert!(selected("+", "").contains("cannot be read as a selection"));
}

#[test]
fn tests_join_as_indirect_selection_says() {
    let orders = |indirect| selected_of(SHOP, "orders", "", indirect);
    assert_eq!(orders(Indirect::Eager), "orders relationships unique");
    assert_eq!(orders(Indirect::Cautious), "orders unique");
    assert_eq!(orders(Indirect::Buildable), "orders relationships unique");
    assert_eq!(orders(Indirect::Empty), "orders");
    // The other parent comes with another criterion.
    let both = selected_of(SHOP, "orders stg_customers", "", Indirect::Cautious);
    assert_eq!(both, "orders stg_customers relationships unique");
}

#[test]
fn yaml_selectors() {
    let files = format!(
        "{SHOP}--- selectors.yml
selectors:
  - name: staging
    definition: {{tag: staging}}
  - name: no_tests
    default: true
    definition:
      union:
        - {{method: selector, value: staging}}
        - method: fqn
          value: orders
          children: true
          exclude: ['resource_type:test']
        - exclude: [{{method: test_type, value: data}}]
  - name: both
    definition: {{intersection: ['tag:staging', 'tag:nightly']}}
"
    );
    let files = Files::new(&files);
    let project = files.load().unwrap();
    let names = |selector: Option<&str>| {
        let selection = Selection {
            selector: selector.map(str::to_owned),
            ..Selection::default()
        };
        let found = project
            .select(&selection)
            .map_err(|problem| problem.to_string())?;
        let names = found
            .nodes
            .iter()
            .map(|id| id.as_str().rsplit('.').next().unwrap().to_owned());
        Ok::<_, String>(names.collect::<Vec<_>>().join(" "))
    };
    assert_eq!(names(Some("both")).unwrap(), "stg_orders");
    assert_eq!(
        names(None).unwrap(),
        "orders report stg_customers stg_orders"
    );
    assert!(
        names(Some("stagin"))
            .unwrap_err()
            .contains("did you mean 'staging'?")
    );
}

#[test]
fn what_matches_nothing_is_named() {
    let files = Files::new(SHOP);
    let selection = Selection {
        include: vec!["orders nothing".into(), "tag:staging,tag:none".into()],
        ..Selection::default()
    };
    let found = files.load().unwrap().select(&selection).unwrap();
    assert_eq!(found.unmatched, ["nothing", "tag:staging,tag:none"]);
}

#[test]
fn state_is_compared_with_an_earlier_manifest() {
    let before = Files::new(SHOP);
    let state = tempfile::tempdir().unwrap();
    let manifest = before.load().unwrap().manifest();
    std::fs::write(state.path().join("manifest.json"), manifest.to_string()).unwrap();
    before.write(
        "models/marts/orders.sql",
        b"select 1 as id, 2 as customer_id -- {{ ref('stg_customers') }}",
    );
    before.write("models/marts/more.sql", b"select 1 as id");
    let project = before.load().unwrap();
    let names = |include: &str| {
        let selection = Selection {
            include: vec![include.into()],
            exclude: vec!["resource_type:test".into()],
            state: Some(state.path().to_owned()),
            ..Selection::default()
        };
        let found = project.select(&selection).unwrap().nodes;
        let names = found
            .iter()
            .map(|id| id.as_str().rsplit('.').next().unwrap().to_owned());
        names.collect::<Vec<_>>().join(" ")
    };
    assert_eq!(names("state:new"), "more");
    assert_eq!(names("state:modified"), "more orders");
    assert_eq!(names("state:modified.body"), "more orders");
    assert_eq!(names("state:modified.contract,state:old"), "");
    assert_eq!(names("state:modified+"), "more orders report");
    assert_eq!(
        names("state:unmodified,resource_type:model"),
        "report stg_customers stg_orders"
    );
}

#[test]
fn results_of_an_earlier_run() {
    let files = Files::new(SHOP);
    let state = tempfile::tempdir().unwrap();
    let results = r#"{"metadata": {"dbt_schema_version": "https://schemas.getdbt.com/dbt/run-results/v6.json"},
        "results": [{"unique_id": "model.shop.orders", "status": "error"}]}"#;
    std::fs::write(state.path().join("run_results.json"), results).unwrap();
    let mut selection = Selection {
        include: vec!["1+result:error".into()],
        exclude: vec!["resource_type:test".into()],
        state: Some(state.path().to_owned()),
        ..Selection::default()
    };
    let project = files.load().unwrap();
    assert_eq!(project.select(&selection).unwrap().nodes.len(), 3);
    // All of the project would be new to what is no artifact.
    for other in [
        "{}",
        r#"{"metadata": {"dbt_schema_version": "dbt/manifest/v12.json"}}"#,
    ] {
        std::fs::write(state.path().join("run_results.json"), other).unwrap();
        let problem = project.select(&selection).unwrap_err().to_string();
        assert!(
            problem.contains("run_results.json is no run_results.json of"),
            "{problem}"
        );
    }
    selection.state = None;
    let problem = project.select(&selection).unwrap_err().to_string();
    assert!(problem.contains("--state"), "{problem}");
}
