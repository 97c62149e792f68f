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

/// Runs side by side.
pub fn compare<'a>(runs: impl IntoIterator<Item = &'a str>) -> String {
    let runs: Vec<String> = runs.into_iter().map(segment).collect();
    format!("/compare?runs={}", runs.join(","))
}

/// A version of a registered model: its card.
pub fn model_version(model: &str, version: u64) -> String {
    format!("/models/{}/{version}", segment(model))
}

pub fn traces(experiment: &str) -> String {
    format!("/experiments/{}/traces", segment(experiment))
}

pub fn trace(id: &str) -> String {
    format!("/traces/{}", segment(id))
}

pub fn logged_model(id: &str) -> String {
    format!("/logged-models/{}", segment(id))
}

/// The artifacts of what stands at `owner`, one of the addresses here; an empty path is all of them.
pub fn artifact(owner: &str, path: &str) -> String {
    match path {
        "" => format!("{owner}/artifacts"),
        path => format!("{owner}/artifacts?path={}", segment(path)),
    }
}

/// An artifact's bytes, of a kind that a browser may show.
pub fn raw_artifact(owner: &str, path: &str) -> String {
    format!("{owner}/artifacts/raw?path={}", segment(path))
}

/// An artifact as a file to keep.
pub fn download(owner: &str, path: &str) -> String {
    format!("{owner}/artifacts/download?path={}", segment(path))
}

/// The address with a query of these names and values.
pub fn query(path: &str, pairs: &[(&str, &str)]) -> String {
    let pair = |(name, value): &(&str, &str)| format!("{name}={}", segment(value));
    let pairs: Vec<String> = pairs.iter().map(pair).collect();
    match pairs.is_empty() {
        true => path.to_owned(),
        false => format!("{path}?{}", pairs.join("&")),
    }
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
