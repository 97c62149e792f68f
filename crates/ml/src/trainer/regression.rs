//! Logistic and linear regression.

use forebay_core::ml::Regression;

use super::{Encoded, Wanted, row_weights};
use crate::linear::{Linear, Link};
use crate::model::Predictor;

pub fn fit(
    parameters: &Regression,
    wanted: &Wanted<'_>,
    data: &Encoded<'_>,
    link: Link,
) -> Predictor {
    let weights = match link {
        Link::Logistic => row_weights(parameters.class_weights, data.labels),
        Link::Identity => None,
    };
    Predictor::Linear(Linear::fit(
        data.encoder,
        data.matrix,
        data.labels,
        weights.as_deref(),
        link,
        parameters,
        wanted.threads,
    ))
}
