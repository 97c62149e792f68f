//! The HTTP face: pages for people, the Open Inference Protocol, Feast's feature server and MLflow's
//! tracking server for programs, metrics for Prometheus.
//!
//! Everything that a request needs of the project comes through one port, [`Backend`], which
//! [`ProjectBackend`] answers from a workspace; no handler touches a table. MLflow's requests alone
//! are answered from the metadata store itself ([`mlflow`]).
//! Safety lives in three places: [`listen`] (loopback only, slow and idle connections end), `guard`
//! (host, origin, time, panics) and `body` (sizes).

mod assets;
pub mod backend;
mod body;
mod face;
mod features;
mod guard;
mod host;
pub mod inference;
mod lanes;
pub mod listen;
mod metrics;
pub mod mlflow;
mod options;
mod pages;
mod project;
mod refusal;
mod router;

pub use backend::{Backend, Found};
pub use listen::{Listener, bind, serve};
pub use options::Options;
pub use project::ProjectBackend;
pub use router::{paths, router};
