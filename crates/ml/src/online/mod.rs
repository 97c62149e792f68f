//! The online store: the newest feature values of every entity, for reading in microseconds.

mod array;
mod encoding;
mod key;
mod lmdb;
mod lookup;
mod materialize;
mod store;

#[cfg(test)]
mod conformance;

pub use array::to_array;
pub use key::EntityKey;
pub use lmdb::{LmdbStore, open};
pub use lookup::{Found, look_up};
pub use materialize::{Pushed, materialize};
pub use store::{OnlineRow, OnlineStore, Value};
