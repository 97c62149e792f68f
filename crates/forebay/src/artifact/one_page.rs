//! static_index.html: every documented node on one page that needs no server.

use std::fmt::Write;
use std::path::Path;

use forebay_core::{Diagnostic, Node};
use forebay_project::Project;

use super::write;

const HEAD: &str = "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\">\
<meta name=\"viewport\" content=\"width=device-width\">\
<style>body{font:16px/1.5 system-ui;max-width:60rem;margin:2rem auto;padding:0 1rem}\
table{border-collapse:collapse}td,th{border:1px solid #ccc;padding:.2rem .6rem;text-align:left}\
h2{margin-top:3rem}small{color:#666;font-weight:400}</style>";

pub fn one_page(project: &Project, folder: &Path) -> Result<(), Diagnostic> {
    let mut page = format!(
        "{HEAD}<title>{0}</title><h1>{0}</h1><ul>",
        escaped(&project.name)
    );
    let described = || {
        project
            .graph
            .nodes
            .values()
            .filter(|node| node.relation.is_some())
    };
    for node in described() {
        let _ = write!(
            page,
            "<li><a href=\"#{}\">{}</a></li>",
            escaped(node.id.as_str()),
            title(node)
        );
    }
    page.push_str("</ul>");
    described().for_each(|node| section(project, node, &mut page));
    write(&folder.join("static_index.html"), &page)
}

fn title(node: &Node) -> String {
    let kind = escaped(&node.resource_type().as_str().replace('_', " "));
    format!("{} <small>{kind}</small>", escaped(&node.name))
}

fn section(project: &Project, node: &Node, page: &mut String) {
    let _ = write!(
        page,
        "<h2 id=\"{}\">{}</h2>",
        escaped(node.id.as_str()),
        title(node)
    );
    let _ = write!(page, "<p>{}</p>", escaped(&node.description));
    let parents = node
        .depends_on
        .iter()
        .filter(|id| project.graph.get(id).is_some());
    let links = parents.map(|id| format!("<a href=\"#{0}\">{0}</a>", escaped(id.as_str())));
    let links = links.collect::<Vec<_>>().join(", ");
    if !links.is_empty() {
        let _ = write!(page, "<p>From {links}.</p>");
    }
    if !node.columns.is_empty() {
        page.push_str("<table><tr><th>column<th>type<th>description</tr>");
        for column in node.columns.values() {
            let data_type = column.data_type.as_deref().unwrap_or_default();
            let [name, data_type, text] =
                [&column.name, data_type, &column.description].map(escaped);
            let _ = write!(page, "<tr><td>{name}<td>{data_type}<td>{text}</tr>");
        }
        page.push_str("</table>");
    }
}

fn escaped(text: &str) -> String {
    let replaced = text
        .replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;");
    replaced.replace('"', "&quot;")
}
