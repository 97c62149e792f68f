//! Reads the newest row of many entities, each as of its own moment.

use arrow::array::RecordBatch;
use forebay_core::Diagnostic;
use forebay_core::ml::FeatureView;

use super::{EntityKey, OnlineRow, OnlineStore};

/// The newest row of an entity.
#[derive(Clone, Debug, PartialEq)]
pub struct Found {
    pub row: Option<OnlineRow>,
    /// Known at the moment, and not too old then.
    pub usable: bool,
}

/// One answer for each row of `entities`, which has the view's join keys, and for each of `moments`
/// (microseconds since the epoch).
pub fn look_up(
    store: &dyn OnlineStore,
    name: &str,
    view: &FeatureView,
    entities: &RecordBatch,
    moments: &[i64],
) -> Result<Vec<Found>, Diagnostic> {
    let find = |(key, moment): (Option<EntityKey>, &i64)| {
        let row = match key {
            Some(key) => store.read(name, &key)?,
            None => None,
        };
        let usable = row
            .as_ref()
            .is_some_and(|row| row.is_usable(*moment, view.ttl));
        Ok(Found { row, usable })
    };
    EntityKey::from_batch(entities, &view.join_keys())?
        .into_iter()
        .zip(moments)
        .map(find)
        .collect()
}
