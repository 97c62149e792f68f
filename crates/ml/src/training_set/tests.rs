//! Training sets against a reference that looks at every raw row, and against the online store.

mod against_online;
mod against_raw_rows;
mod rules;
mod world;
