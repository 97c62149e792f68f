//! Histogram gradient boosting of binary trees, grown leaf by leaf.
//!
//! Columns are cut into at most 255 bins once; every tree is then grown on sums of gradients by bin,
//! and a leaf's sibling gets its sums by subtraction. A missing value goes to the side that the gain
//! prefers. All inputs are numbers: categories arrive as ranks (see [`crate::encode`]).
//!
//! The answer depends on data, parameters and seed only: each sum runs over rows in their order
//! within one feature, so that any number of threads gives the same bits. (`exp` and `ln` are the
//! platform's, so another platform may differ in the last bit.)

mod bins;
mod boost;
mod grow;
mod histogram;
mod matrix;
mod objective;
mod split;
mod tree;

pub use boost::{Booster, Curve, Labelled, Trained, best_round, train};
pub use matrix::Matrix;
pub use objective::Objective;
pub use tree::{Node, Tree};

#[cfg(test)]
mod tests;
