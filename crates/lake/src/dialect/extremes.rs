//! `max` and `min` of doubles by groups: not a number is the greatest, as in DuckDB and PostgreSQL. To the engine's own,
//! which is right without groups and in windows, what comes behind it takes its place.

use std::marker::PhantomData;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, ArrowPrimitiveType, AsArray, BooleanArray, PrimitiveArray};
use arrow::datatypes::{DataType, FieldRef, Float32Type, Float64Type};
use datafusion::common::DFSchema;
use datafusion::common::tree_node::Transformed;
use datafusion::error::Result;
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::utils::AggregateOrderSensitivity;
use datafusion::logical_expr::{
    Accumulator, AggregateUDF, AggregateUDFImpl, EmitTo, Expr, ExprSchemable, GroupsAccumulator,
    ReversedUDAF, Signature,
};

/// `max` and `min` of doubles, with groups of our own. Other expressions as they are.
pub(super) fn of_doubles(mut expr: Expr, schema: &DFSchema) -> Result<Transformed<Expr>> {
    let Expr::AggregateFunction(call) = &mut expr else {
        return Ok(Transformed::no(expr));
    };
    let is_extreme = matches!(call.func.name(), "max" | "min");
    let of = call.params.args.first().map(|arg| arg.get_type(schema));
    if !is_extreme || !matches!(of, Some(Ok(DataType::Float32 | DataType::Float64))) {
        return Ok(Transformed::no(expr));
    }
    call.func = Arc::new(AggregateUDF::from(Extreme(Arc::clone(&call.func))));
    Ok(Transformed::yes(expr))
}

/// The engine's aggregate, with groups of our own.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Extreme(Arc<AggregateUDF>);

impl AggregateUDFImpl for Extreme {
    fn name(&self) -> &str {
        self.0.name()
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

    fn accumulator(&self, args: AccumulatorArgs<'_>) -> Result<Box<dyn Accumulator>> {
        self.0.accumulator(args)
    }

    fn state_fields(&self, args: StateFieldsArgs<'_>) -> Result<Vec<FieldRef>> {
        self.0.state_fields(args)
    }

    fn groups_accumulator_supported(&self, _: AccumulatorArgs<'_>) -> bool {
        true
    }

    fn create_groups_accumulator(
        &self,
        args: AccumulatorArgs<'_>,
    ) -> Result<Box<dyn GroupsAccumulator>> {
        let is_greatest = self.name() == "max";
        Ok(match args.return_field.data_type() {
            DataType::Float32 => Box::new(Groups::<Float32Type>::new(is_greatest)),
            _ => Box::new(Groups::<Float64Type>::new(is_greatest)),
        })
    }

    fn create_sliding_accumulator(
        &self,
        args: AccumulatorArgs<'_>,
    ) -> Result<Box<dyn Accumulator>> {
        self.0.create_sliding_accumulator(args)
    }

    fn is_descending(&self) -> Option<bool> {
        self.0.is_descending()
    }

    fn order_sensitivity(&self) -> AggregateOrderSensitivity {
        self.0.order_sensitivity()
    }

    fn reverse_expr(&self) -> ReversedUDAF {
        ReversedUDAF::Identical
    }
}

/// The greatest or the least of each group.
struct Groups<T: ArrowPrimitiveType> {
    is_greatest: bool,
    found: Vec<Option<T::Native>>,
    of: PhantomData<T>,
}

impl<T: ArrowPrimitiveType> Groups<T>
where
    T::Native: PartialOrd,
{
    fn new(is_greatest: bool) -> Self {
        Self {
            is_greatest,
            found: Vec::new(),
            of: PhantomData,
        }
    }

    fn takes(&self, value: T::Native, before: Option<T::Native>) -> bool {
        let Some(before) = before else {
            return true;
        };
        match self.is_greatest {
            true => is_less(before, value),
            false => is_less(value, before),
        }
    }
}

fn is_less<N: PartialOrd + Copy>(one: N, other: N) -> bool {
    let is_number = |value: N| value.partial_cmp(&value).is_some();
    is_number(one) && (!is_number(other) || one < other)
}

impl<T: ArrowPrimitiveType + Send> GroupsAccumulator for Groups<T>
where
    T::Native: PartialOrd,
{
    fn update_batch(
        &mut self,
        values: &[ArrayRef],
        groups: &[usize],
        filter: Option<&BooleanArray>,
        total: usize,
    ) -> Result<()> {
        self.found.resize(total, None);
        let passes = |row: usize| filter.is_none_or(|f| f.is_valid(row) && f.value(row));
        let values = values[0].as_primitive::<T>().iter();
        for (row, (value, group)) in values.zip(groups).enumerate() {
            if let Some(value) = value
                && passes(row)
                && self.takes(value, self.found[*group])
            {
                self.found[*group] = Some(value);
            }
        }
        Ok(())
    }

    fn evaluate(&mut self, emit_to: EmitTo) -> Result<ArrayRef> {
        let found = emit_to.take_needed(&mut self.found);
        Ok(Arc::new(found.into_iter().collect::<PrimitiveArray<T>>()))
    }

    fn state(&mut self, emit_to: EmitTo) -> Result<Vec<ArrayRef>> {
        Ok(vec![self.evaluate(emit_to)?])
    }

    fn merge_batch(&mut self, values: &[ArrayRef], groups: &[usize], total: usize) -> Result<()> {
        self.update_batch(values, groups, None, total)
    }

    fn convert_to_state(
        &self,
        values: &[ArrayRef],
        filter: Option<&BooleanArray>,
    ) -> Result<Vec<ArrayRef>> {
        Ok(vec![match filter {
            Some(filter) => {
                let left_out = arrow::compute::not(filter)?;
                arrow::compute::nullif(&values[0], &left_out)?
            }
            None => Arc::clone(&values[0]),
        }])
    }

    fn size(&self) -> usize {
        self.found.capacity() * size_of::<Option<T::Native>>()
    }
}
