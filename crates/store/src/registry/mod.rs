//! The registry: registered models, their versions, aliases, stages and tags. What serving follows.

mod alias;
mod model;
#[cfg(test)]
mod tests;
mod version;
mod webhook;

pub use model::RegisteredModel;
pub use version::{ModelVersion, NewVersion, STAGES};
pub use webhook::{Secret, Webhook};
