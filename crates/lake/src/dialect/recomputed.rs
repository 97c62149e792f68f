//! Aggregates over a moving window that the engine cannot take a row out of again: `bool_and`, `string_agg` and their like
//! are computed of the rows in the window each time. And lists and joined texts, which the engine takes for the same in
//! the reverse order of a window.

use std::sync::Arc;

use arrow::array::ArrayRef;
use arrow::datatypes::{DataType, FieldRef, Schema};
use datafusion::common::exec_err;
use datafusion::error::Result;
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::utils::AggregateOrderSensitivity;
use datafusion::logical_expr::{
    Accumulator, AggregateUDF, AggregateUDFImpl, GroupsAccumulator, ReversedUDAF, Signature,
};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::scalar::ScalarValue;

const NAMES: &[&str] = &[
    "any_value",
    "approx_distinct",
    "bit_and",
    "bit_or",
    "bit_xor",
    "bool_and",
    "bool_or",
    "string_agg",
];

/// Aggregates whose answer has the order of their rows.
const ORDERED: &[&str] = &["array_agg", "string_agg"];

/// The engine's aggregates, with such in place of its own.
pub(super) fn moving(functions: Vec<Arc<AggregateUDF>>) -> Vec<Arc<AggregateUDF>> {
    let moving = |function: Arc<AggregateUDF>| match NAMES.contains(&function.name())
        || ORDERED.contains(&function.name())
    {
        true => Arc::new(AggregateUDF::from(Recomputed(function))),
        false => function,
    };
    functions.into_iter().map(moving).collect()
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Recomputed(Arc<AggregateUDF>);

impl AggregateUDFImpl for Recomputed {
    fn name(&self) -> &str {
        self.0.name()
    }

    fn aliases(&self) -> &[String] {
        self.0.aliases()
    }

    fn signature(&self) -> &Signature {
        self.0.signature()
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        self.0.coerce_types(types)
    }

    fn return_type(&self, types: &[DataType]) -> Result<DataType> {
        self.0.return_type(types)
    }

    fn return_field(&self, fields: &[FieldRef]) -> Result<FieldRef> {
        self.0.return_field(fields)
    }

    fn is_nullable(&self) -> bool {
        self.0.is_nullable()
    }

    fn accumulator(&self, args: AccumulatorArgs<'_>) -> Result<Box<dyn Accumulator>> {
        self.0.accumulator(args)
    }

    fn state_fields(&self, args: StateFieldsArgs<'_>) -> Result<Vec<FieldRef>> {
        self.0.state_fields(args)
    }

    fn groups_accumulator_supported(&self, args: AccumulatorArgs<'_>) -> bool {
        self.0.groups_accumulator_supported(args)
    }

    fn create_groups_accumulator(
        &self,
        args: AccumulatorArgs<'_>,
    ) -> Result<Box<dyn GroupsAccumulator>> {
        self.0.create_groups_accumulator(args)
    }

    fn create_sliding_accumulator(
        &self,
        args: AccumulatorArgs<'_>,
    ) -> Result<Box<dyn Accumulator>> {
        if !NAMES.contains(&self.name()) {
            return self.0.create_sliding_accumulator(args);
        }
        Ok(Box::new(Window {
            function: Arc::clone(&self.0),
            call: Call::of(&args),
            rows: Vec::new(),
        }))
    }

    fn order_sensitivity(&self) -> AggregateOrderSensitivity {
        self.0.order_sensitivity()
    }

    fn reverse_expr(&self) -> ReversedUDAF {
        match self.0.reverse_udf() {
            _ if ORDERED.contains(&self.name()) => ReversedUDAF::NotSupported,
            ReversedUDAF::Reversed(function) => ReversedUDAF::Reversed(function),
            ReversedUDAF::Identical => ReversedUDAF::Identical,
            ReversedUDAF::NotSupported => ReversedUDAF::NotSupported,
        }
    }

    fn with_beneficial_ordering(
        self: Arc<Self>,
        beneficial_ordering: bool,
    ) -> Result<Option<Arc<dyn AggregateUDFImpl>>> {
        let inner = AggregateUDF::clone(&self.0).with_beneficial_ordering(beneficial_ordering)?;
        Ok(inner.map(|inner| Arc::new(Self(Arc::new(inner))) as _))
    }

    fn supports_null_handling_clause(&self) -> bool {
        self.0.supports_null_handling_clause()
    }

    fn default_value(&self, of: &DataType) -> Result<ScalarValue> {
        self.0.default_value(of)
    }
}

/// What an accumulator is made for.
#[derive(Debug)]
struct Call {
    return_field: FieldRef,
    schema: Schema,
    ignores_nulls: bool,
    is_distinct: bool,
    name: String,
    exprs: Vec<Arc<dyn PhysicalExpr>>,
    fields: Vec<FieldRef>,
}

impl Call {
    fn of(args: &AccumulatorArgs<'_>) -> Self {
        Self {
            return_field: Arc::clone(&args.return_field),
            schema: args.schema.clone(),
            ignores_nulls: args.ignore_nulls,
            is_distinct: args.is_distinct,
            name: args.name.to_owned(),
            exprs: args.exprs.to_vec(),
            fields: args.expr_fields.to_vec(),
        }
    }

    fn args(&self) -> AccumulatorArgs<'_> {
        AccumulatorArgs {
            return_field: Arc::clone(&self.return_field),
            schema: &self.schema,
            ignore_nulls: self.ignores_nulls,
            order_bys: &[],
            is_reversed: false,
            name: &self.name,
            is_distinct: self.is_distinct,
            exprs: &self.exprs,
            expr_fields: &self.fields,
        }
    }
}

/// The rows in the window, first come first, in the pieces that they came in.
#[derive(Debug)]
struct Window {
    function: Arc<AggregateUDF>,
    call: Call,
    rows: Vec<Vec<ArrayRef>>,
}

impl Accumulator for Window {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        self.rows.push(values.to_vec());
        Ok(())
    }

    fn retract_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        let mut gone = values.first().map_or(0, |array| array.len());
        while gone > 0 {
            let Some(first) = self.rows.first_mut() else {
                return exec_err!("a window lost more rows than it had");
            };
            let length = first.first().map_or(0, |array| array.len());
            if length <= gone {
                self.rows.remove(0);
            } else {
                for array in first {
                    *array = array.slice(gone, length - gone);
                }
            }
            gone -= length.min(gone);
        }
        Ok(())
    }

    fn supports_retract_batch(&self) -> bool {
        true
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        let mut accumulator = self.function.accumulator(self.call.args())?;
        for rows in &self.rows {
            accumulator.update_batch(rows)?;
        }
        accumulator.evaluate()
    }

    fn merge_batch(&mut self, _: &[ArrayRef]) -> Result<()> {
        exec_err!("a moving window is computed in one piece")
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        exec_err!("a moving window is computed in one piece")
    }

    fn size(&self) -> usize {
        let arrays = self.rows.iter().flatten();
        size_of_val(self)
            + arrays
                .map(|array| array.get_array_memory_size())
                .sum::<usize>()
    }
}
