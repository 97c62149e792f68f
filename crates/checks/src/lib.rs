//! What data is held against: data tests, freshness, expectations on rows as they are loaded,
//! and profiles that drift is measured from.

pub mod data_test;
pub mod drift;
pub mod expectation;
pub mod freshness;
pub mod profile;
pub mod threshold;
