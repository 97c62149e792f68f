//! The OpenLineage facet of a statement.

use serde_json::json;

use super::super::facet;
use super::super::statement::lineage;
use super::schemas;

#[test]
fn a_field_is_listed_once_with_every_way_in_which_it_takes_part() {
    let known = schemas(&[
        (
            "raw.orders",
            "id bigint, status text, email text, amount double precision",
        ),
        ("spend", "mail text, paid double precision, n bigint"),
    ]);
    let sql = "INSERT INTO spend
        SELECT md5(email), sum(CASE WHEN amount > 0 THEN amount END), count(id)
        FROM raw.orders WHERE status = 'paid' GROUP BY email";
    let lineage = lineage(sql, &known).expect("the statement resolves");
    let facet = facet(&lineage, "https://example.org/forebay", |table| {
        (
            "file".to_owned(),
            format!("/warehouse/{}", table.replace('.', "/")),
        )
    });
    let way = |kind: &str, subtype: &str, masking: bool| json!({ "type": kind, "subtype": subtype, "description": "", "masking": masking });
    let field = |field: &str, ways: serde_json::Value| {
        json!({
            "namespace": "file", "name": "/warehouse/raw/orders",
            "field": field, "transformations": ways,
        })
    };
    let expected = json!({
        "_producer": "https://example.org/forebay",
        "_schemaURL":
            "https://openlineage.io/spec/facets/1-2-0/ColumnLineageDatasetFacet.json",
        "fields": {
            "mail": { "inputFields": [
                field("email", json!([way("DIRECT", "TRANSFORMATION", true)])),
            ]},
            "paid": { "inputFields": [
                field("amount", json!([
                    way("DIRECT", "AGGREGATION", false),
                    way("INDIRECT", "CONDITIONAL", false),
                ])),
            ]},
            "n": { "inputFields": [
                field("id", json!([way("DIRECT", "AGGREGATION", true)])),
            ]},
        },
        "dataset": [
            field("email", json!([way("INDIRECT", "GROUP_BY", false)])),
            field("status", json!([way("INDIRECT", "FILTER", false)])),
        ],
    });
    assert_eq!(facet, expected);
}
