//! A built-in model for other programs: an MLflow model folder with ONNX inside.

mod build;
mod folder;
mod proto;
mod translate;

pub use folder::{bare_folder, folder};

#[cfg(test)]
mod tests;
