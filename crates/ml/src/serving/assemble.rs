//! Puts the model's columns together: request features as computed, view features as looked up.

use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch};
use arrow::datatypes::{Field, Schema, SchemaRef};
use forebay_core::Diagnostic;
use forebay_core::ml::FeatureRef;

use super::{Service, request};
use crate::online::{self, Found};
use crate::record::{ColumnType, RecordedView, TrainingRecord};

/// The model's columns, and where the looked-up ones are found; worked out once a service.
pub(super) struct Layout {
    pub(super) schema: SchemaRef,
    looked_up: Vec<Place>,
}

/// A feature among the record's views, by position.
struct Place {
    view: usize,
    feature: usize,
    data_type: ColumnType,
    name: FeatureRef,
}

impl Layout {
    /// `computed` is the schema of the request features.
    pub(super) fn new(record: &TrainingRecord, computed: &Schema) -> Result<Self, Diagnostic> {
        let mut fields: Vec<Field> = computed
            .fields()
            .iter()
            .map(|field| field.as_ref().clone().with_nullable(true))
            .collect();
        let recorded = &record.features[record.job.request_features.len()..];
        let mut looked_up = Vec::with_capacity(recorded.len());
        for (feature, column) in record.job.features.iter().zip(recorded) {
            let data_type = column.data_type;
            fields.push(Field::new(&column.name, data_type.arrow(), true));
            looked_up.push(Place::of(feature, &record.views, data_type)?);
        }
        Ok(Self {
            schema: Arc::new(Schema::new(fields)),
            looked_up,
        })
    }
}

impl Place {
    fn of(
        name: &FeatureRef,
        views: &[RecordedView],
        data_type: ColumnType,
    ) -> Result<Self, Diagnostic> {
        let place = || {
            let view = views.iter().position(|view| view.name == name.view)?;
            let features = &views[view].view.features;
            let feature = features.iter().position(|f| f.name == name.feature)?;
            Some((view, feature))
        };
        let (view, feature) = place().ok_or_else(|| {
            Diagnostic::internal(format!("the run's record lacks {}", name.column()))
        })?;
        Ok(Self {
            view,
            feature,
            data_type,
            name: name.clone(),
        })
    }
}

/// What the online store had for each row of a request, in the order of the record's views.
pub(super) struct LookedUp {
    views: Vec<Vec<Found>>,
}

pub(super) fn look_up(service: &Service, request: &RecordBatch) -> Result<LookedUp, Diagnostic> {
    let moments = request::moments(service, request);
    let online = &*service.parts.online;
    let views = service.record().views.iter();
    let found =
        views.map(|view| online::look_up(online, &view.name, &view.view, request, &moments));
    Ok(LookedUp {
        views: found.collect::<Result<_, _>>()?,
    })
}

impl LookedUp {
    /// Features that the row had to do without: too old, or never seen.
    pub(super) fn stale(&self, layout: &Layout, row: usize) -> Vec<String> {
        let places = layout.looked_up.iter();
        places
            .filter(|place| !self.views[place.view][row].usable)
            .map(|place| format!("{}:{}", place.name.view, place.name.feature))
            .collect()
    }

    /// The event times of the rows that were found, usable or not; view by view.
    pub(super) fn event_times(&self) -> impl Iterator<Item = Vec<Option<i64>>> {
        self.views.iter().map(|rows| {
            let times = rows.iter();
            times
                .map(|found| found.row.as_ref().map(|row| row.event_time))
                .collect()
        })
    }

    fn column(&self, place: &Place) -> Result<ArrayRef, Diagnostic> {
        let values = self.views[place.view].iter().map(|found| match &found.row {
            Some(row) if found.usable => row.values.get(place.feature),
            _ => None,
        });
        online::to_array(values, place.data_type)
    }
}

/// The model's columns in its order.
pub(super) fn features(
    layout: &Layout,
    computed: &RecordBatch,
    looked_up: &LookedUp,
) -> Result<RecordBatch, Diagnostic> {
    let mut columns = computed.columns().to_vec();
    for place in &layout.looked_up {
        columns.push(looked_up.column(place)?);
    }
    RecordBatch::try_new(Arc::clone(&layout.schema), columns)
        .map_err(|error| Diagnostic::internal(format!("cannot assemble features: {error}")))
}
