//! Bars for the cells of tables: they stretch with the cell, so their geometry is in percent.

use crate::markup::{Markup, Px, Text};

/// A bar of `share` (0 to 1) of the cell's width.
pub fn share_bar(share: f64, says: &str) -> Markup {
    let width = Px(share.clamp(0.0, 1.0) * 100.0);
    Markup::trusted(format!(
        "<svg class=\"bar\" role=\"img\" aria-label=\"{says}\">\
         <rect class=\"series-a\" width=\"{width}%\" height=\"100%\"/></svg>",
        says = Text(says),
    ))
}

/// A bar of a value against a limit, with the limit as a tick; `most` is what fills the cell.
pub fn limit_bar(value: f64, limit: f64, most: f64, broken: bool) -> Markup {
    let percent = |x: f64| Px((x / most).clamp(0.0, 1.0) * 100.0);
    let class = if broken { "bad" } else { "ok" };
    let (width, tick) = (percent(value), percent(limit));
    let word = if broken { "over" } else { "within" };
    Markup::trusted(format!(
        "<svg class=\"bar\" role=\"img\" aria-label=\"{word} the limit\">\
         <rect class=\"series-{class}\" y=\"20%\" width=\"{width}%\" height=\"60%\"/>\
         <line class=\"tick\" x1=\"{tick}%\" x2=\"{tick}%\" y1=\"0\" y2=\"100%\"/></svg>"
    ))
}
