//! The HTTP face: pages for people, the Open Inference Protocol and Feast's feature server for
//! programs, metrics for Prometheus.
//!
//! Everything that a request needs of the project comes through one port, [`Backend`], which
//! [`ProjectBackend`] answers from a workspace; no handler touches a table or the metadata store.
//! Safety lives in three places: [`listen`] (loopback only, slow and idle connections end), `guard`
//! (host, origin, time, panics) and `body` (sizes).

mod assets;
pub mod backend;
mod body;
mod features;
mod guard;
mod host;
pub mod inference;
mod lanes;
pub mod listen;
mod metrics;
mod options;
mod pages;
mod project;
mod refusal;
mod router;

pub use backend::{Backend, Found};
pub use listen::{Listener, bind, serve};
pub use options::Options;
pub use project::ProjectBackend;
pub use router::router;
