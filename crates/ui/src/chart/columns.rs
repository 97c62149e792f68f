//! Column lineage as a picture: a box a table, a line a column, a curve from column to column.

use forebay_core::ResourceType;

use super::dag::curve;
use crate::format::clip;
use crate::layout::{Gaps, Size, layered};
use crate::link;
use crate::markup::{Builder, Markup, Px, Text, put};

const HEAD: f64 = 26.0;
const ROW: f64 = 19.0;
const MARGIN: f64 = 8.0;
const LONGEST: usize = 32;

/// A table (or feature view, training set, service) and those of its columns that take part.
#[derive(Clone, Debug)]
pub struct ColumnBox {
    pub node_id: String,
    pub name: String,
    pub kind: ResourceType,
    pub columns: Vec<String>,
}

/// From a column of one box to a column of another, by their indices.
#[derive(Clone, Debug)]
pub struct ColumnEdge {
    pub from: (usize, usize),
    pub to: (usize, usize),
    /// The value itself goes there; otherwise it only decides (a join, a filter, a sort).
    pub direct: bool,
    /// OpenLineage's subtype, in words.
    pub how: String,
}

/// The picture at its natural size. `focus` is the column that it is about.
pub fn column_lineage(boxes: &[ColumnBox], edges: &[ColumnEdge], focus: (usize, usize)) -> Markup {
    let sizes: Vec<Size> = boxes.iter().map(size).collect();
    let mut pairs: Vec<(usize, usize)> = edges.iter().map(|e| (e.from.0, e.to.0)).collect();
    pairs.sort_unstable();
    pairs.dedup();
    let placed = layered(
        &sizes,
        &pairs,
        Gaps {
            layer: 64.0,
            node: 16.0,
        },
    );
    let (w, h) = (
        Px(placed.width + 2.0 * MARGIN),
        Px(placed.height + 2.0 * MARGIN),
    );
    let mut out = Builder::default();
    put!(
        out,
        "<svg class=\"dag columns\" width=\"{w}\" height=\"{h}\" viewBox=\"0 0 {w} {h}\" role=\"group\">"
    );
    put!(
        out,
        "<title>Lineage of the column</title><desc>What the column is computed from on the left, "
    );
    put!(
        out,
        "what is computed from it on the right</desc><g transform=\"translate({MARGIN} {MARGIN})\"><g class=\"edges\">"
    );
    let port = |(node, column): (usize, usize), right: bool| {
        let (x, y) = placed.nodes[node];
        let x = if right { x + sizes[node].width } else { x };
        (x, y + HEAD + (column as f64 + 0.5) * ROW)
    };
    for edge in edges {
        let Ok(pair) = pairs.binary_search(&(edge.from.0, edge.to.0)) else {
            continue;
        };
        let class = if edge.direct { "direct" } else { "indirect" };
        put!(out, "<path class=\"{class}\" d=\"");
        curve(
            &mut out,
            port(edge.from, true),
            &placed.bends[pair],
            port(edge.to, false),
        );
        put!(out, "\"><title>{}</title></path>", Text(&edge.how));
    }
    put!(out, "</g>");
    for (i, part) in boxes.iter().enumerate() {
        draw(
            &mut out,
            part,
            sizes[i],
            placed.nodes[i],
            (focus.0 == i).then_some(focus.1),
        );
    }
    put!(out, "</g></svg>");
    out.finish()
}

fn size(part: &ColumnBox) -> Size {
    let longest = part.columns.iter().map(|c| c.chars().count() as f64 * 6.9);
    let widest = longest.fold(part.name.chars().count() as f64 * 7.3, f64::max);
    Size {
        width: widest.min(LONGEST as f64 * 7.3) + 26.0,
        height: HEAD + part.columns.len() as f64 * ROW + 4.0,
    }
}

fn draw(out: &mut Builder, part: &ColumnBox, size: Size, (x, y): (f64, f64), focus: Option<usize>) {
    let (x, y, w, h) = (Px(x), Px(y), Px(size.width), Px(size.height));
    put!(
        out,
        "<g class=\"node k-{}\" transform=\"translate({x} {y})\">",
        part.kind.as_str()
    );
    put!(
        out,
        "<rect class=\"box\" width=\"{w}\" height=\"{h}\" rx=\"5\"/>"
    );
    put!(
        out,
        "<path class=\"stripe\" d=\"M5 0a5 5 0 0 0 -5 5v16h4v-21z\"/>"
    );
    let href = link::node(&part.node_id);
    let name = clip(&part.name, LONGEST);
    put!(
        out,
        "<a href=\"{}\"><text class=\"head\" x=\"12\" y=\"17\">{}</text></a>",
        Text(&href),
        Text(&name)
    );
    for (i, column) in part.columns.iter().enumerate() {
        let top = HEAD + i as f64 * ROW;
        let href = link::column(&part.node_id, column);
        let class = if focus == Some(i) {
            "column focus"
        } else {
            "column"
        };
        put!(
            out,
            "<a class=\"{class}\" href=\"{}\" data-column>",
            Text(&href)
        );
        put!(
            out,
            "<rect x=\"4\" y=\"{top}\" width=\"{}\" height=\"{ROW}\" rx=\"3\"/>",
            Px(size.width - 8.0)
        );
        put!(
            out,
            "<text x=\"12\" y=\"{}\">{}</text></a>",
            Px(top + 13.5),
            Text(&clip(column, LONGEST))
        );
    }
    put!(out, "</g>");
}
