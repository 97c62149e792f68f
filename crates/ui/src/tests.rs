//! What holds for every page: well formed, accessible, self-contained, escaped.

use std::collections::{BTreeMap, BTreeSet};

use forebay_core::graph::{Materialized, Model, Source, Test};
use forebay_core::{Graph, Location, Node, NodeId, Severity, Spec};
use indexmap::IndexMap;

use crate::page::{self, Page, Status};
use crate::sample;

const VOID: &[&str] = &["!doctype", "meta", "link", "input", "br", "img"];

/// `(name, attributes)` of every start tag, `(/name, "")` of every end tag.
fn tags(html: &str) -> Vec<(&str, &str)> {
    let mut tags = Vec::new();
    let mut rest = html;
    while let Some(start) = rest.find('<') {
        let tag = &rest[start + 1..];
        let end = tag.find('>').expect("every tag ends");
        let inner = &tag[..end];
        let (name, attributes) = inner.split_once([' ', '\n']).unwrap_or((inner, ""));
        tags.push((name.trim_end_matches('/'), attributes));
        rest = &tag[end + 1..];
    }
    tags
}

fn attribute<'a>(attributes: &'a str, name: &str) -> Option<&'a str> {
    let start = attributes.find(&format!("{name}=\""))? + name.len() + 2;
    attributes[start..].split('"').next()
}

fn documents() -> Vec<(&'static str, String)> {
    let shell = sample::shell();
    let render = |(name, page): (&'static str, Box<dyn Page>)| (name, shell.render(page.as_ref()));
    sample::pages().into_iter().map(render).collect()
}

#[test]
fn every_element_is_closed_where_it_was_opened() {
    for (page, html) in documents() {
        let mut open = Vec::new();
        for (name, attributes) in tags(&html) {
            match name.strip_prefix('/') {
                Some(closed) => assert_eq!(open.pop(), Some(closed), "{page}"),
                None if VOID.contains(&name) || attributes.ends_with('/') => {}
                None => open.push(name),
            }
        }
        assert!(open.is_empty(), "{page}: {open:?} stay open");
    }
}

#[test]
fn tables_have_captions_and_scoped_headers_and_pictures_have_names() {
    for (page, html) in documents() {
        let tags = tags(&html);
        for (i, (name, attributes)) in tags.iter().enumerate() {
            match *name {
                "table" => assert_eq!(tags[i + 1].0, "caption", "{page}"),
                "th" => assert!(attribute(attributes, "scope").is_some(), "{page}"),
                "svg" => assert!(
                    attributes.contains("aria-") || tags[i + 1].0 == "title",
                    "{page}: {attributes}"
                ),
                _ => {}
            }
        }
    }
}

#[test]
fn a_page_has_one_heading_and_its_references_meet_an_id() {
    for (page, html) in documents() {
        let tags = tags(&html);
        assert_eq!(
            tags.iter().filter(|(name, _)| *name == "h1").count(),
            1,
            "{page}"
        );
        let ids: Vec<&str> = tags
            .iter()
            .filter_map(|(_, a)| attribute(a, " id").or(attribute(a, "id")))
            .collect();
        let unique: BTreeSet<&str> = ids.iter().copied().collect();
        assert_eq!(unique.len(), ids.len(), "{page}: an id occurs twice");
        for (_, attributes) in &tags {
            if let Some(id) = attribute(attributes, "aria-labelledby") {
                assert!(unique.contains(id), "{page}: nothing has the id {id}");
            }
        }
    }
}

/// The content security policy allows nothing from elsewhere and nothing inline.
#[test]
fn pages_need_nothing_from_elsewhere() {
    for (page, html) in documents() {
        for (name, attributes) in tags(&html) {
            assert!(
                attribute(attributes, "style").is_none(),
                "{page}: inline style"
            );
            assert!(!attributes.contains(" on"), "{page}: inline handler");
            for reference in ["href", "src", "action"] {
                if let Some(target) = attribute(attributes, reference) {
                    let own = (target.starts_with('/') && !target.starts_with("//"))
                        || target.starts_with('#');
                    assert!(own, "{page}: <{name}> refers to {target}");
                }
            }
        }
    }
}

fn node(id: &str, name: &str, spec: Spec, parents: &[&str]) -> Node {
    Node {
        id: NodeId::new(id),
        name: name.to_owned(),
        package: "p".to_owned(),
        location: Location::file("models/a.sql"),
        fqn: Vec::new(),
        tags: vec!["<b>".to_owned()],
        group: None,
        description: "a < b & \"c\"".to_owned(),
        columns: IndexMap::new(),
        relation: None,
        depends_on: parents.iter().map(NodeId::new).collect(),
        spec,
    }
}

fn graph() -> Graph {
    let source = Spec::Source(Source {
        source_name: "raw".to_owned(),
        ingest: None,
        loaded_at_field: None,
        freshness: None,
    });
    let model = |sql: &str| Spec::Model(Model::new(Materialized::View, sql));
    let test = Spec::Test(Test {
        generic: Some("not_null".to_owned()),
        attached: Some(NodeId::new("model.p.a")),
        column: Some("x".to_owned()),
        raw_sql: String::new(),
        severity: Severity::Error,
        warn_if: "!=0".to_owned(),
        error_if: "!=0".to_owned(),
        fail_calc: "count(*)".to_owned(),
        limit: None,
        store_failures: None,
    });
    let nodes = [
        node("source.p.s", "s", source, &[]),
        node(
            "model.p.a",
            "<script>alert(1)</script>",
            model("select '</code>'"),
            &["source.p.s"],
        ),
        node("model.p.b", "b", model(""), &["model.p.a"]),
        node("model.p.other", "other", model(""), &[]),
        node("test.p.t", "t", test, &["model.p.a"]),
    ];
    Graph {
        project: "p".to_owned(),
        nodes: nodes.into_iter().map(|n| (n.id.clone(), n)).collect(),
    }
}

#[test]
fn names_and_sql_of_the_project_are_text_and_never_markup() {
    let graph = graph();
    let id = NodeId::new("model.p.a");
    let picture = page::Graph::of(&graph, &BTreeMap::new(), None).unwrap();
    let node = page::Node::of(&graph, &id).unwrap();
    for page in [&picture as &dyn Page, &node] {
        let html = sample::shell().render(page);
        assert!(!html.contains("<script>"), "{html}");
        assert!(!html.contains("<b>"), "{html}");
        assert!(!html.contains("'</code>'"), "{html}");
        assert!(html.contains("alert(1)"), "the name is there, as text");
    }
}

#[test]
fn the_graph_counts_tests_on_what_they_test_and_reduces_to_a_focus() {
    let graph = graph();
    let statuses = BTreeMap::from([(NodeId::new("model.p.b"), Status::Error)]);
    let all = page::Graph::of(&graph, &statuses, None).unwrap();
    let names: Vec<&str> = all.nodes.iter().map(|n| n.id.as_str()).collect();
    assert_eq!(
        names,
        ["model.p.a", "model.p.b", "model.p.other", "source.p.s"]
    );
    assert_eq!(all.nodes[0].detail, "view \u{b7} 1 test");
    assert_eq!(all.nodes[1].status, Some(Status::Error));
    assert_eq!(all.edges, [(3, 0), (0, 1)]);

    let near = page::Graph::of(&graph, &statuses, Some(&NodeId::new("source.p.s"))).unwrap();
    assert_eq!(
        near.nodes.len(),
        3,
        "what does not read the source is left out"
    );
    assert!(page::Graph::of(&graph, &statuses, Some(&NodeId::new("model.p.none"))).is_none());
}

#[test]
fn a_node_tells_its_neighbours_and_keeps_tests_apart() {
    let node = page::Node::of(&graph(), &NodeId::new("model.p.a")).unwrap();
    assert_eq!(node.parents[0].name, "s");
    assert_eq!(node.children.len(), 1);
    assert_eq!(node.tests[0].column.as_deref(), Some("x"));
    assert_eq!(node.location, "models/a.sql");
}
