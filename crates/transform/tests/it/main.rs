//! Models, seeds and snapshots in a lake, from the outside.

mod models;
mod seeds;
mod snapshots;
mod support;
