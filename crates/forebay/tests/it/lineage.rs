//! Column lineage from the command line, before any data is there.

use crate::project::Project;

#[test]
fn a_project_whose_sources_are_only_declared_has_lineage() {
    let project = Project::new(&[
        ("dbt_project.yml", "name: shop\nversion: '1.0'\n"),
        (
            "models/sources.yml",
            "version: 2\nsources:\n  - name: raw\n    tables:\n      - name: orders\n        columns:\n          - {name: id, data_type: bigint}\n          - {name: amount, data_type: double precision}\n          - {name: status, data_type: text}\n",
        ),
        (
            "models/stg_orders.sql",
            "select id, amount * 2 as doubled, status from {{ source('raw', 'orders') }}",
        ),
        (
            "models/paid.sql",
            "select id, sum(doubled) as total from {{ ref('stg_orders') }} where status = 'paid' group by id",
        ),
    ]);
    let answer = project.json(&["lineage", "--select", "paid"]);
    let fields = &answer[0]["facets"]["columnLineage"]["fields"];
    let total = &fields["total"]["inputFields"][0];
    assert_eq!(total["name"], "main.stg_orders");
    assert_eq!(total["field"], "doubled");
    assert_eq!(total["transformations"][0]["subtype"], "AGGREGATION");
    let dataset = answer[0]["facets"]["columnLineage"]["dataset"].to_string();
    assert!(
        dataset.contains("FILTER") && dataset.contains("status"),
        "{dataset}"
    );
}
