//! Features, training, evaluation and serving in process: the model half, without its metadata.

mod artifact;
pub mod encode;
pub mod feature_view;
pub mod gates;
pub mod gbdt;
pub mod metrics;
pub mod model;
pub mod online;
pub mod record;
pub mod serving;
pub mod train;
pub mod training_set;
