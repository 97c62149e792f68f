//! K-means: a baseline of clusters.

use forebay_core::ml::KMeans;

use super::{Encoded, Wanted};
use crate::linear::Clusters;
use crate::model::Predictor;

pub fn fit(parameters: &KMeans, wanted: &Wanted<'_>, data: &Encoded<'_>) -> Predictor {
    let (seed, threads) = (wanted.seed, wanted.threads);
    Predictor::Clusters(Clusters::fit(
        data.encoder,
        data.matrix,
        parameters,
        seed,
        threads,
    ))
}
