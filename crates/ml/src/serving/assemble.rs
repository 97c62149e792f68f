//! Puts the model's columns together: request features as computed, view features as looked up.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch};
use arrow::datatypes::{Field, Schema};
use forebay_core::Diagnostic;
use forebay_core::ml::FeatureRef;

use super::{Service, request};
use crate::online::{self, Found};
use crate::record::RecordedView;

/// What the online store had for each row of a request, view by view.
pub(super) struct LookedUp {
    views: BTreeMap<String, Vec<Found>>,
}

pub(super) fn look_up(service: &Service, request: &RecordBatch) -> Result<LookedUp, Diagnostic> {
    let moments = request::moments(service, request);
    let record = service.record();
    let mut views = BTreeMap::new();
    for recorded in &record.views {
        let found = online::look_up(
            &*service.parts.online,
            &recorded.name,
            &recorded.view,
            request,
            &moments,
        )?;
        views.insert(recorded.name.clone(), found);
    }
    Ok(LookedUp { views })
}

impl LookedUp {
    /// Features that the row had to do without: too old, or never seen.
    pub(super) fn stale(&self, service: &Service, row: usize) -> Vec<String> {
        let features = service.record().job.features.iter();
        features
            .filter(|feature| !self.views[&feature.view][row].usable)
            .map(|feature| format!("{}:{}", feature.view, feature.feature))
            .collect()
    }

    /// The event time of the row that was found, whether it was usable or not.
    pub(super) fn event_times(&self, service: &Service) -> Vec<(String, Vec<Option<i64>>)> {
        let of_view = |view: &RecordedView| {
            let times = self.views[&view.name].iter();
            let times = times
                .map(|found| found.row.as_ref().map(|row| row.event_time))
                .collect();
            (view.name.clone(), times)
        };
        service.record().views.iter().map(of_view).collect()
    }

    fn column(&self, service: &Service, feature: &FeatureRef) -> Result<ArrayRef, Diagnostic> {
        let view = service
            .record()
            .views
            .iter()
            .find(|view| view.name == feature.view);
        let index = view.and_then(|recorded| {
            recorded
                .view
                .features
                .iter()
                .position(|known| known.name == feature.feature)
        });
        let index = index.ok_or_else(|| {
            Diagnostic::internal(format!(
                "the run's record lacks feature {}",
                feature.column()
            ))
        })?;
        let values = self.views[&feature.view]
            .iter()
            .map(|found| match &found.row {
                Some(row) if found.usable => row.values.get(index),
                _ => None,
            });
        online::to_array(values)
    }
}

/// The model's columns in its order.
pub(super) fn features(
    service: &Service,
    computed: &RecordBatch,
    looked_up: &LookedUp,
) -> Result<RecordBatch, Diagnostic> {
    let mut fields = Vec::with_capacity(service.features().len());
    let mut columns = Vec::with_capacity(service.features().len());
    let schema = computed.schema();
    for (field, column) in schema.fields().iter().zip(computed.columns()) {
        fields.push(field.as_ref().clone().with_nullable(true));
        columns.push(Arc::clone(column));
    }
    for feature in &service.record().job.features {
        let column = looked_up.column(service, feature)?;
        fields.push(Field::new(
            feature.column(),
            column.data_type().clone(),
            true,
        ));
        columns.push(column);
    }
    RecordBatch::try_new(Arc::new(Schema::new(fields)), columns)
        .map_err(|error| Diagnostic::internal(format!("cannot assemble features: {error}")))
}
