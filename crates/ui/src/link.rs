//! Addresses of the pages. The server's routes and the links in the pages meet here.

use std::fmt::Write;

use forebay_core::Relation;

pub fn node(id: &str) -> String {
    format!("/node/{}", segment(id))
}

/// The node's page with the lineage of one of its columns.
pub fn column(id: &str, column: &str) -> String {
    format!("/node/{}?column={}#lineage", segment(id), segment(column))
}

/// The graph, reduced to what the node reads and what reads it.
pub fn graph_of(id: &str) -> String {
    format!("/graph?focus={}", segment(id))
}

pub fn invocation(id: &str) -> String {
    format!("/runs/{}", segment(id))
}

pub fn table(relation: &Relation) -> String {
    format!(
        "/table/{}/{}",
        segment(&relation.schema),
        segment(&relation.name)
    )
}

pub fn table_at(relation: &Relation, version: i64) -> String {
    format!("{}?version={version}", table(relation))
}

pub fn experiment(name: &str) -> String {
    format!("/experiments/{}", segment(name))
}

pub fn training(run_id: &str) -> String {
    format!("/training/{}", segment(run_id))
}

pub fn model(name: &str) -> String {
    format!("/models/{}", segment(name))
}

pub fn service(name: &str) -> String {
    format!("/services/{}", segment(name))
}

pub fn prediction(id: &str) -> String {
    format!("/predictions/{}", segment(id))
}

/// One path segment or query value, percent-encoded but for RFC 3986's unreserved characters.
fn segment(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                out.push(char::from(byte));
            }
            _ => write!(out, "%{byte:02X}").expect("writing to a string cannot fail"),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn odd_names_stay_one_segment() {
        assert_eq!(node("model.p.a/b?c"), "/node/model.p.a%2Fb%3Fc");
        assert_eq!(column("m", "ü x"), "/node/m?column=%C3%BC%20x#lineage");
        assert_eq!(
            table_at(&Relation::new("main", "t"), 3),
            "/table/main/t?version=3"
        );
    }
}
