//! Lengths and places in a text are a `bigint` to DuckDB: what is computed with them fits where the engine's
//! `integer` would not. A place in a list and the number of a letter are an
//! `integer`, which counts days beside a date.

use std::sync::Arc;

use arrow::datatypes::{DataType, FieldRef};
use datafusion::error::Result;
use datafusion::logical_expr::{
    ColumnarValue, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature,
};

const COUNTS: &[(&str, DataType)] = &[
    ("array_position", DataType::Int32),
    ("bit_count", DataType::Int16),
    ("bit_length", DataType::Int64),
    ("character_length", DataType::Int64),
    ("levenshtein", DataType::Int64),
    ("octet_length", DataType::Int64),
    ("strpos", DataType::Int64),
    ("unicode", DataType::Int32),
];

/// The engine's functions, with those that count in place of its own.
pub(super) fn typed(functions: Vec<Arc<ScalarUDF>>) -> Vec<Arc<ScalarUDF>> {
    let typed = |function: Arc<ScalarUDF>| {
        let counts = COUNTS.iter().find(|(name, _)| *name == function.name());
        match counts {
            Some((_, gives)) => Arc::new(ScalarUDF::from(Counted(function, gives.clone()))),
            None => function,
        }
    };
    functions.into_iter().map(typed).collect()
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Counted(Arc<ScalarUDF>, DataType);

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
        Ok(self.1.clone())
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs<'_>) -> Result<FieldRef> {
        let own = self.0.return_field_from_args(args)?;
        Ok(Arc::new(
            own.as_ref().clone().with_data_type(self.1.clone()),
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
        self.0.invoke_with_args(args)?.cast_to(&self.1, None)
    }
}
