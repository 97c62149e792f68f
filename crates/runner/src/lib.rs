//! The graph, run: the plan as data, the executor, the project's lock, lineage events, and the
//! chain behind a prediction.

pub mod cells;
pub mod clock;
mod code_version;
mod compile;
pub mod event;
pub mod executor;
pub mod hooks;
pub mod lineage;
mod live;
pub mod lock;
pub mod openlineage;
mod order;
mod place;
pub mod plan;
pub mod python;
mod queue;
pub mod rest;
pub mod retry;
pub mod serving;
mod step;
pub mod sweep;
pub mod tracking;
mod voice;
pub mod why;
pub mod workspace;

pub use clock::Clock;
pub use compile::{compile, compile_aloud, compile_hook};
pub use event::{Event, Reporter, StepResult, Summary};
pub use plan::{Action, Plan, PlanOptions, Step};
pub use workspace::Workspace;
