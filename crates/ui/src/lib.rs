//! The pages: plain data in, HTML out. No database, no engine, no clock.
//!
//! Each page is one struct in [`page`] with one template beside it in `templates/`; [`Shell`] puts
//! the frame around it. Pictures are SVG that [`chart`] lays out here, so a browser needs no script
//! to see them. Nothing reaches the HTML unescaped but [`Markup`], which only this crate can make.

pub mod asset;
pub mod chart;
pub mod format;
mod layout;
pub mod link;
mod markup;
pub mod page;
#[cfg(any(test, feature = "sample"))]
pub mod sample;
mod shell;
#[cfg(test)]
mod tests;

pub use markup::Markup;
pub use page::Page;
pub use shell::{Crumb, Section, Shell};
