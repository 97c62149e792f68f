//! Models on standardised numbers: logistic and linear regression, k-means.

mod clusters;
mod design;
mod fit;
mod minimise;
mod newton;

pub use clusters::Clusters;
pub use design::{Design, Input};
pub use fit::{Linear, Link};

#[cfg(test)]
mod tests;
