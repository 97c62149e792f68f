//! The selection language.

use forebay_project::select::select;

use crate::support::project;

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
    let project = project(SHOP);
    let list = |text: &str| -> Vec<String> {
        Some(text.to_owned())
            .filter(|text| !text.is_empty())
            .into_iter()
            .collect()
    };
    let found = match select(&project.graph, &list(include), &list(exclude)) {
        Ok(found) => found,
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
  hint: one of: fqn, tag, path, file, source, resource_type, package, test_type, test_name, exposure, metric, semantic_model, saved_query, unit_test, group, access, version"
    );
    assert!(selected("resource_type:modl", "").contains("did you mean 'model'?"));
    assert!(selected("config.materialised:view", "").contains("did you mean 'materialized'?"));
    assert!(selected("+", "").contains("cannot be read as a selection"));
}
