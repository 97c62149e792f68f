//! MLflow's REST protocol: tracking, registry, artifacts, as the `mlflow` client speaks it.
//!
//! <https://mlflow.org/docs/latest/api_reference/rest-api.html>. Requests and answers are protobuf's
//! JSON with snake_case names; ids and versions are texts, other whole numbers are numbers, and what
//! is empty is left out. The handlers answer from the metadata store itself: their questions are the
//! store's own queries, and a port between the two would only repeat them.

mod artifacts;
mod assessments;
mod endpoint;
mod evaluation;
mod experiments;
mod form;
mod location;
mod logged_models;
mod methods;
mod moment;
mod otlp;
mod pieces;
mod plain;
mod problem;
mod registry;
mod runs;
mod traces;
mod value;
mod webhooks;

use forebay_runner::Clock;
use forebay_store::Store;

pub use artifacts::routes as artifact_routes;
pub(crate) use artifacts::send;
pub use endpoint::routes;
pub use location::Artifacts;
pub(crate) use location::{join, relative};
pub use otlp::export as export_spans;
pub use plain::version;
pub use problem::Problem;
pub use registry::announce_registered;
pub use webhooks::{Deliveries, Reach};

/// The version of MLflow whose protocol is spoken: clients choose their ways by it.
pub const VERSION: &str = "3.17.2";

/// What the handlers answer from.
#[derive(Clone)]
pub struct Tracking {
    pub store: Store,
    pub artifacts: Artifacts,
    pub clock: Clock,
    /// To webhooks.
    pub deliveries: Deliveries,
}

impl Tracking {
    fn now_ms(&self) -> i64 {
        self.clock.now_ms()
    }
}

/// 32 hexadecimal digits that no one has had before.
fn new_id() -> String {
    uuid::Uuid::new_v4().simple().to_string()
}
