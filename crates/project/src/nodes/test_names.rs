//! Names and ids of generic tests, by dbt's rules: tools join on them.

use serde_json::Value as Json;

use crate::text;

/// What names a test.
pub(crate) struct TestName {
    /// `accepted_values_orders_status__placed__shipped`.
    pub full: String,
    /// The same, shortened where it is too long for a table's name.
    pub short: String,
}

/// dbt's limit for the name of a relation, and what it keeps of a longer one.
const LONGEST: usize = 63;
const KEPT: usize = 30;

/// `target` is the model's name, or source and table joined by `_`.
pub(crate) fn name(test: &str, target: &str, arguments: &[(String, Json)]) -> TestName {
    let mut sorted: Vec<_> = arguments
        .iter()
        .filter(|(name, _)| name != "model")
        .collect();
    sorted.sort_by(|a, b| a.0.cmp(&b.0));
    let parts: Vec<String> = sorted
        .iter()
        .flat_map(|(_, value)| flat(value))
        .map(|p| clean(&p))
        .collect();
    let stem = format!("{test}_{target}");
    let full = format!("{stem}_{}", parts.join("__"));
    let short = if full.chars().count() > LONGEST {
        let kept: String = stem.chars().take(KEPT).collect();
        format!("{kept}_{}", text::md5(&full))
    } else {
        full.clone()
    };
    TestName { full, short }
}

/// The last part of the unique id: ten digits of a hash over everything that defines the test.
pub(crate) fn hash(
    name: &str,
    namespace: Option<&str>,
    test: &str,
    arguments: &[(String, Json)],
) -> String {
    let mut sorted: Vec<_> = arguments.iter().collect();
    sorted.sort_by(|a, b| a.0.cmp(&b.0));
    let pairs: Vec<String> = sorted
        .iter()
        .map(|(name, value)| format!("{}: {}", quoted(name), hashed(value)))
        .collect();
    let metadata = format!(
        "{{'kwargs': {{{}}}, 'name': {}, 'namespace': {}}}",
        pairs.join(", "),
        quoted(test),
        quoted(namespace.unwrap_or("None")),
    );
    let digest = text::md5(&format!("{name}{metadata}"));
    digest[digest.len() - 10..].to_owned()
}

fn flat(value: &Json) -> Vec<String> {
    match value {
        Json::Object(map) => map.values().map(python).collect(),
        Json::Array(items) => items.iter().map(python).collect(),
        single => vec![python(single)],
    }
}

/// Runs of anything but letters, digits and underscores become one underscore.
fn clean(text: &str) -> String {
    let mut cleaned = String::with_capacity(text.len());
    let mut gap = false;
    for c in text.chars() {
        let word = c.is_ascii_alphanumeric() || c == '_';
        if word {
            cleaned.push(c);
        } else if !gap {
            cleaned.push('_');
        }
        gap = !word;
    }
    cleaned
}

/// Python's `str` of a value.
fn python(value: &Json) -> String {
    match value {
        Json::String(text) => text.clone(),
        other => crate::jinja::python_repr(other),
    }
}

/// Python's `repr` of a structure whose leaves have become texts.
fn hashed(value: &Json) -> String {
    match value {
        Json::Object(map) => {
            let mut sorted: Vec<_> = map.iter().collect();
            sorted.sort_by(|a, b| a.0.cmp(b.0));
            let pairs: Vec<String> = sorted
                .iter()
                .map(|(k, v)| format!("{}: {}", quoted(k), hashed(v)))
                .collect();
            format!("{{{}}}", pairs.join(", "))
        }
        Json::Array(items) => {
            let items: Vec<String> = items.iter().map(hashed).collect();
            format!("[{}]", items.join(", "))
        }
        leaf => quoted(&python(leaf)),
    }
}

fn quoted(text: &str) -> String {
    crate::jinja::python_repr(&Json::String(text.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn arguments(model: &str, more: &[(&str, Json)]) -> Vec<(String, Json)> {
        let model = (
            "model".to_owned(),
            json!(format!("{{{{ get_where_subquery({model}) }}}}")),
        );
        let more = more
            .iter()
            .map(|(name, value)| ((*name).to_owned(), value.clone()));
        std::iter::once(model).chain(more).collect()
    }

    /// Ids as dbt 1.11 writes them into manifests.
    #[test]
    fn ids_are_those_of_dbt() {
        let statuses = [
            "placed",
            "shipped",
            "completed",
            "return_pending",
            "returned",
        ];
        for (test, model, column, more, full, id) in [
            (
                "unique",
                "customers",
                "customer_id",
                vec![],
                "unique_customers_customer_id",
                "c5af1ff4b1",
            ),
            (
                "not_null",
                "orders",
                "id",
                vec![],
                "not_null_orders_id",
                "84ef11d8fe",
            ),
            (
                "unique",
                "orders",
                "\"Order Date\"",
                vec![],
                "unique_orders__Order_Date_",
                "5a0fc8214e",
            ),
            (
                "accepted_values",
                "orders",
                "status",
                vec![("values", json!(["placed", "it's"]))],
                "accepted_values_orders_status__placed__it_s",
                "33e6006cef",
            ),
            (
                "relationships",
                "orders",
                "customer_id",
                vec![("to", json!("ref('customers')")), ("field", json!("id"))],
                "relationships_orders_customer_id__id__ref_customers_",
                "4282b0c525",
            ),
            (
                "accepted_values",
                "orders",
                "status",
                vec![("values", json!(statuses))],
                "accepted_values_orders_status__placed__shipped__completed__return_pending__returned",
                "be6b5b5ec3",
            ),
        ] {
            let mut more = more;
            more.push(("column_name", json!(column)));
            let arguments = arguments(&format!("ref('{model}')"), &more);
            let found = name(test, model, &arguments);
            assert_eq!(found.full, full);
            assert_eq!(hash(full, None, test, &arguments), id, "{full}");
        }
    }

    #[test]
    fn values_of_every_kind_count_as_python_writes_them() {
        for (more, full, id) in [
            (
                vec![
                    ("a", json!({"x": 1, "y": [1, "two"]})),
                    ("b", json!(true)),
                    ("c", json!(1.5)),
                ],
                "odd_orders_1___1_two___True__1_5",
                "096c4f431c",
            ),
            (
                vec![
                    ("a", json!("it's \"quoted\" here")),
                    ("b", json!("2013-01-01")),
                ],
                "odd_orders_it_s_quoted_here__2013_01_01",
                "26182cd28f",
            ),
        ] {
            let arguments = arguments("ref('orders')", &more);
            assert_eq!(name("odd", "orders", &arguments).full, full);
            assert_eq!(hash(full, None, "odd", &arguments), id, "{full}");
        }
    }

    #[test]
    fn a_long_name_is_cut_for_the_table() {
        let values = json!([
            "placed",
            "shipped",
            "completed",
            "return_pending",
            "returned"
        ]);
        let arguments = arguments(
            "ref('orders')",
            &[("column_name", json!("status")), ("values", values)],
        );
        let short = name("accepted_values", "orders", &arguments).short;
        assert_eq!(
            short,
            "accepted_values_orders_1ce6ab157c285f7cd2ac656013faf758"
        );
    }
}
