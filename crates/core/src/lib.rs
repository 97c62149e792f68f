//! The words of Forebay as plain data: names, the graph and its nodes, diagnostics.
//!
//! Nothing here reads a file, a clock or a network, and nothing here is async: every other crate
//! can depend on it, and it depends on none of them.

pub mod contract;
pub mod diagnostic;
pub mod digest;
pub mod duration;
pub mod export;
pub mod exposure;
pub mod graph;
pub mod incremental;
pub mod ingest;
pub mod merge;
pub mod ml;
pub mod name;
pub mod resource;
pub mod semantic;
pub mod suggest;
pub mod unit_test;

pub use diagnostic::{Diagnostic, Diagnostics, Fault, Location, Severity};
pub use duration::Span;
pub use graph::{Graph, Node, Spec};
pub use name::{NodeId, Relation, quote};
pub use resource::ResourceType;
