//! The metadata store: what was run, trained and registered. One module an aggregate.
//!
//! SQLite with a write-ahead log. Every method is one transaction: what it wrote is there after
//! the process is killed, or none of it is. Methods block for well under a millisecond; they are
//! called from async code directly. Times come in as arguments, in milliseconds since the epoch.

mod connection;
pub mod invocation;
pub mod migration;
pub mod registry;
pub mod tracking;

pub use connection::Store;
pub use invocation::{Invocation, NodeRun, RunStatus};
pub use registry::{ModelVersion, RegisteredModel};
pub use tracking::{Metric, Run, RunInput, RunState};
