//! Traces of a program that asks models: what was called, how long it took, what people said of it.

mod assessment;
mod link;
mod search;
mod span;
#[cfg(test)]
mod tests;
mod trace_info;

pub use assessment::{Assessment, AssessmentKind};
pub use span::Span;
pub(crate) use trace_info::take_over;
pub use trace_info::{Trace, TraceState};
