//! Pictures as SVG, laid out here: no script, no style attributes, a title and a description each.

mod bar;
mod columns;
mod dag;
mod gantt;
mod parallel;
mod plot;
mod scale;
mod spark;

pub use bar::{limit_bar, share_bar};
pub use columns::{ColumnBox, ColumnEdge, column_lineage};
pub use dag::{DagNode, dag};
pub use gantt::Timeline;
pub use parallel::{ParallelAxis, Values, parallel};
pub use plot::{Axis, Mark, Plot, SERIES, series};
pub use spark::spark;
