//! Features, training, evaluation and serving in process: the model half, without its metadata.

mod artifact;
pub mod encode;
pub mod exchange;
pub mod feature_view;
pub mod folds;
pub mod gates;
pub mod gbdt;
pub mod judge;
pub mod linear;
pub mod metrics;
pub mod model;
pub mod online;
mod onnx;
pub mod record;
mod rng;
#[cfg(test)]
mod samples;
pub mod serving;
mod threads;
pub mod train;
mod trainer;
pub mod training_set;
pub mod tune;
