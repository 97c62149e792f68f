//! Lengths and places in a text are a `bigint` to DuckDB: what is computed with them fits where the engine's
//! `integer` would not.

use std::sync::Arc;

use arrow::datatypes::{DataType, FieldRef};
use datafusion::error::Result;
use datafusion::logical_expr::{
    ColumnarValue, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature,
};

const COUNTS: &[&str] = &[
    "bit_length",
    "character_length",
    "levenshtein",
    "octet_length",
    "strpos",
];

/// The engine's functions, with those that count in place of its own.
pub(super) fn wide(functions: Vec<Arc<ScalarUDF>>) -> Vec<Arc<ScalarUDF>> {
    let wide = |function: Arc<ScalarUDF>| match COUNTS.contains(&function.name()) {
        true => Arc::new(ScalarUDF::from(Counted(function))),
        false => function,
    };
    functions.into_iter().map(wide).collect()
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Counted(Arc<ScalarUDF>);

impl ScalarUDFImpl for Counted {
    fn name(&self) -> &str {
        self.0.name()
    }

    fn aliases(&self) -> &[String] {
        self.0.aliases()
    }

    fn signature(&self) -> &Signature {
        self.0.signature()
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Int64)
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs<'_>) -> Result<FieldRef> {
        let own = self.0.return_field_from_args(args)?;
        Ok(Arc::new(
            own.as_ref().clone().with_data_type(DataType::Int64),
        ))
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        self.0.coerce_types(types)
    }

    fn invoke_with_args(&self, mut args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        args.return_field = self.0.return_field_from_args(ReturnFieldArgs {
            arg_fields: &args.arg_fields,
            scalar_arguments: &vec![None; args.args.len()],
        })?;
        self.0
            .invoke_with_args(args)?
            .cast_to(&DataType::Int64, None)
    }
}
