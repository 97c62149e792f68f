//! The graph of nodes as a picture of linked boxes.

use forebay_core::ResourceType;

use crate::format::clip;
use crate::layout::{Gaps, Placed, Size, layered};
use crate::link;
use crate::markup::{Builder, Markup, Px, Text, put};
use crate::page::Status;

const HEIGHT: f64 = 34.0;
const MARGIN: f64 = 8.0;
const LONGEST: usize = 30;

/// A box of the graph.
#[derive(Clone, Debug)]
pub struct DagNode {
    pub id: String,
    pub name: String,
    pub kind: ResourceType,
    /// A word under the name: `incremental`, `12 tests`.
    pub detail: String,
    pub status: Option<Status>,
    /// Drawn with emphasis.
    pub focus: bool,
}

/// The picture at its natural size; it scrolls in its own box. Edges are pairs of indices.
pub fn dag(title: &str, nodes: &[DagNode], edges: &[(usize, usize)]) -> Markup {
    let sizes: Vec<Size> = nodes
        .iter()
        .map(|node| Size {
            width: width(node),
            height: HEIGHT,
        })
        .collect();
    let placed = layered(
        &sizes,
        edges,
        Gaps {
            layer: 36.0,
            node: 12.0,
        },
    );
    let (w, h) = (
        Px(placed.width + 2.0 * MARGIN),
        Px(placed.height + 2.0 * MARGIN),
    );
    let mut out = Builder::default();
    put!(
        out,
        "<svg class=\"dag\" width=\"{w}\" height=\"{h}\" viewBox=\"0 0 {w} {h}\" role=\"group\">"
    );
    let count = nodes.len();
    put!(
        out,
        "<title>{}</title><desc>{count} linked nodes, each to the right of what it reads</desc>",
        Text(title)
    );
    put!(
        out,
        "<g transform=\"translate({MARGIN} {MARGIN})\"><g class=\"edges\">"
    );
    for (i, (from, to)) in edges.iter().enumerate() {
        let start = anchor(&placed, &sizes, *from, true);
        let end = anchor(&placed, &sizes, *to, false);
        put!(out, "<path data-from=\"{from}\" data-to=\"{to}\" d=\"");
        curve(&mut out, start, &placed.bends[i], end);
        put!(out, "\"/>");
    }
    put!(out, "</g>");
    for (i, node) in nodes.iter().enumerate() {
        draw(&mut out, i, node, sizes[i], placed.nodes[i]);
    }
    put!(out, "</g></svg>");
    out.finish()
}

/// Without the browser's font the width of a name is a guess; the box errs to the wide side.
fn width(node: &DagNode) -> f64 {
    let name = node.name.chars().count().min(LONGEST) as f64 * 7.1;
    let detail = node.detail.chars().count() as f64 * 5.9;
    let dot = if node.status.is_some_and(Status::needs_attention) {
        12.0
    } else {
        0.0
    };
    name.max(detail) + dot + 26.0
}

fn anchor(placed: &Placed, sizes: &[Size], node: usize, right: bool) -> (f64, f64) {
    let (x, y) = placed.nodes[node];
    let x = if right { x + sizes[node].width } else { x };
    (x, y + sizes[node].height / 2.0)
}

/// A path that leaves and enters horizontally and passes its bends level.
pub(super) fn curve(
    out: &mut Builder,
    start: (f64, f64),
    bends: &[(f64, f64, f64)],
    end: (f64, f64),
) {
    put!(out, "M{} {}", Px(start.0), Px(start.1));
    let mut at = start;
    for (left, right, y) in bends {
        cubic(out, at, (*left, *y));
        put!(out, "H{}", Px(*right));
        at = (*right, *y);
    }
    cubic(out, at, end);
}

fn cubic(out: &mut Builder, from: (f64, f64), to: (f64, f64)) {
    let reach = (to.0 - from.0) / 2.0;
    put!(
        out,
        "C{} {} {} {} {} {}",
        Px(from.0 + reach),
        Px(from.1),
        Px(to.0 - reach),
        Px(to.1),
        Px(to.0),
        Px(to.1)
    );
}

fn draw(out: &mut Builder, index: usize, node: &DagNode, size: Size, (x, y): (f64, f64)) {
    let kind = node.kind.as_str();
    let focus = if node.focus { " focus" } else { "" };
    let (x, y, w) = (Px(x), Px(y), Px(size.width));
    let href = link::node(&node.id);
    put!(
        out,
        "<a href=\"{}\" class=\"node k-{kind}{focus}\" data-node=\"{index}\" ",
        Text(&href)
    );
    put!(
        out,
        "transform=\"translate({x} {y})\"><title>{}",
        Text(&node.name)
    );
    put!(out, " ({})</title>", Text(&kind.replace('_', " ")));
    put!(
        out,
        "<rect class=\"box\" width=\"{w}\" height=\"{HEIGHT}\" rx=\"5\"/>"
    );
    put!(
        out,
        "<path class=\"stripe\" d=\"M5 0h-0a5 5 0 0 0 -5 5v24a5 5 0 0 0 5 5z\"/>"
    );
    put!(
        out,
        "<text x=\"13\" y=\"15\">{}</text>",
        Text(&clip(&node.name, LONGEST))
    );
    put!(
        out,
        "<text class=\"detail\" x=\"13\" y=\"27\">{}</text>",
        Text(&node.detail)
    );
    if let Some(status) = node.status.filter(|s| s.needs_attention()) {
        let cx = Px(size.width - 9.0);
        put!(
            out,
            "<circle class=\"{}\" cx=\"{cx}\" cy=\"9\" r=\"4\"><title>{}</title></circle>",
            status.class(),
            status.word()
        );
    }
    put!(out, "</a>");
}
