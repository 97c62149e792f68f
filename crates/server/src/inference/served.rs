//! An inference service as the protocol sees it, and what it answers.

use arrow::array::{AsArray, RecordBatch};
use arrow::datatypes::SchemaRef;
use forebay_core::Diagnostic;

use super::kind::{Datatype, Kind};

/// What a request to a service must carry. Made once, when a model version is loaded.
#[derive(Clone, Debug)]
pub struct Served {
    /// Of the inference service.
    pub name: String,
    /// The registered model and its version.
    pub model: String,
    pub version: String,
    pub inputs: Vec<Input>,
    pub(super) schema: SchemaRef,
    /// Name and type of each, in order.
    pub(super) outputs: Vec<(String, Datatype)>,
}

/// One input tensor.
#[derive(Clone, Debug)]
pub struct Input {
    pub name: String,
    /// Must be there, without nulls. Where it is not, the column is null.
    pub required: bool,
    pub(super) kind: Kind,
}

impl Input {
    /// The protocol's name of the type that is expected.
    pub fn datatype(&self) -> &'static str {
        self.kind.datatype().name()
    }
}

impl Served {
    /// `schema`: columns of the batch that [`crate::Backend::infer`] takes, of the types boolean,
    /// int64, float64, utf8, date32 and timestamp in microseconds with or without a zone.
    /// `optional` names those that a request may leave out. `outputs` are the columns of answers:
    /// boolean, int64, float64 and utf8, without nulls.
    pub fn new(
        name: impl Into<String>,
        model: impl Into<String>,
        version: impl Into<String>,
        schema: SchemaRef,
        optional: &[&str],
        outputs: &SchemaRef,
    ) -> Result<Self, Diagnostic> {
        let name = name.into();
        let input = |field: &std::sync::Arc<arrow::datatypes::Field>| {
            let kind = Kind::of(field.data_type()).ok_or_else(|| {
                Diagnostic::internal(format!(
                    "input '{}' of service '{name}' has the type {}, which no request can carry",
                    field.name(),
                    field.data_type()
                ))
            })?;
            Ok(Input {
                name: field.name().clone(),
                required: !optional.contains(&field.name().as_str()),
                kind,
            })
        };
        let inputs = schema
            .fields()
            .iter()
            .map(input)
            .collect::<Result<_, Diagnostic>>()?;
        let output = |field: &std::sync::Arc<arrow::datatypes::Field>| {
            Kind::of(field.data_type()).map(|kind| (field.name().clone(), kind.datatype()))
        };
        Ok(Self {
            outputs: outputs.fields().iter().filter_map(output).collect(),
            model: model.into(),
            version: version.into(),
            inputs,
            schema,
            name,
        })
    }
}

/// The answers to a request, row by row, and the version that gave them.
#[derive(Clone, Debug, PartialEq)]
pub struct Answered {
    pub version: String,
    /// The service's outputs.
    pub rows: RecordBatch,
}

impl Answered {
    /// Names the first answer in the log: the address of its page.
    pub fn first_id(&self) -> Option<String> {
        let ids = self.rows.column_by_name("prediction_id")?;
        let first = ids.as_string_opt::<i32>()?.iter().next()?;
        first.map(str::to_owned)
    }
}
