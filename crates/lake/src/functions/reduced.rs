//! `list_reduce(list, lambda so_far, item: ..., first)`: the engine has no such function.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Int64Array, UInt64Array};
use arrow::compute::{cast, interleave, take, take_arrays};
use arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::common::{exec_err, plan_err};
use datafusion::error::Result;
use datafusion::logical_expr::type_coercion::binary::comparison_coercion;
use datafusion::logical_expr::{
    ColumnarValue, HigherOrderFunctionArgs, HigherOrderReturnFieldArgs, HigherOrderSignature,
    HigherOrderUDF, HigherOrderUDFImpl, LambdaParametersProgress, ValueOrLambda, Volatility,
};

pub(crate) fn reduce() -> HigherOrderUDF {
    HigherOrderUDF::new_from_impl(Reduce {
        signature: HigherOrderSignature::user_defined(Volatility::Immutable),
        aliases: ["array_reduce", "reduce"].map(str::to_owned).to_vec(),
    })
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Reduce {
    signature: HigherOrderSignature,
    aliases: Vec<String>,
}

/// The types of the items and of what is so far.
fn types(list: &DataType, first: Option<&DataType>) -> Result<(DataType, DataType)> {
    let DataType::List(item) = list else {
        return plan_err!("list_reduce() takes a list, a lambda and perhaps a first value");
    };
    let item = item.data_type().clone();
    let so_far = match first {
        None | Some(DataType::Null) => item.clone(),
        Some(first) if first.is_numeric() && item.is_numeric() => {
            comparison_coercion(first, &item).unwrap_or_else(|| item.clone())
        }
        Some(first) => first.clone(),
    };
    Ok((item, so_far))
}

impl HigherOrderUDFImpl for Reduce {
    fn name(&self) -> &str {
        "list_reduce"
    }

    fn aliases(&self) -> &[String] {
        &self.aliases
    }

    fn signature(&self) -> &HigherOrderSignature {
        &self.signature
    }

    fn coerce_value_types(&self, given: &[DataType]) -> Result<Vec<DataType>> {
        let list = match given.first() {
            Some(DataType::FixedSizeList(item, _) | DataType::LargeList(item)) => {
                DataType::List(Arc::clone(item))
            }
            Some(DataType::Null) => DataType::new_list(DataType::Null, true),
            Some(other) => other.clone(),
            None => return plan_err!("list_reduce() takes a list and a lambda"),
        };
        let (_, so_far) = types(&list, given.get(1))?;
        let first = given.get(1).map(|_| so_far);
        Ok(std::iter::once(list).chain(first).collect())
    }

    fn lambda_parameters(
        &self,
        _step: usize,
        fields: &[ValueOrLambda<FieldRef, Option<FieldRef>>],
    ) -> Result<LambdaParametersProgress> {
        let values = values(fields);
        let Some(list) = values.first() else {
            return plan_err!("list_reduce() takes a list and a lambda");
        };
        let (item, so_far) = types(
            list.data_type(),
            values.get(1).map(|field| field.data_type()),
        )?;
        let field = |of| Arc::new(Field::new("", of, true));
        Ok(LambdaParametersProgress::Complete(vec![vec![
            field(so_far),
            field(item),
            field(DataType::Int64),
        ]]))
    }

    fn return_field_from_args(&self, args: HigherOrderReturnFieldArgs<'_>) -> Result<FieldRef> {
        let values = values(args.arg_fields);
        let Some(list) = values.first() else {
            return plan_err!("list_reduce() takes a list and a lambda");
        };
        let first = values.get(1).map(|field| field.data_type());
        let (_, so_far) = types(list.data_type(), first)?;
        Ok(Arc::new(Field::new("", so_far, true)))
    }

    /// All rows take a step together, as long as their lists go on.
    fn invoke_with_args(&self, args: HigherOrderFunctionArgs) -> Result<ColumnarValue> {
        let rows = args.number_rows;
        let mut given = args.args.iter();
        let (Some(ValueOrLambda::Value(list)), Some(ValueOrLambda::Lambda(lambda)), first) =
            (given.next(), given.next(), given.next())
        else {
            return plan_err!("list_reduce() takes a list and a lambda");
        };
        let list = list.to_array(rows)?;
        let list = list.as_list::<i32>();
        let start = |row: usize| list.value_offsets()[row] as u64;
        let length = |row: usize| match list.is_null(row) {
            true => 0,
            false => list.value_length(row) as usize,
        };
        if first.is_none() && (0..rows).any(|row| list.is_valid(row) && length(row) == 0) {
            return exec_err!("list_reduce() of an empty list takes a first value");
        }
        let (mut so_far, mut step) = match first {
            Some(ValueOrLambda::Value(first)) => {
                let held = (0..rows).map(|row| list.is_valid(row).then_some(row as u64));
                let held: UInt64Array = held.collect();
                (take(&first.to_array(rows)?, &held, None)?, 0)
            }
            _ => {
                let firsts = (0..rows).map(|row| list.is_valid(row).then(|| start(row)));
                let firsts: UInt64Array = firsts.collect();
                (take(list.values(), &firsts, None)?, 1)
            }
        };
        let so_far_type = args.return_field.data_type();
        so_far = cast(&so_far, so_far_type)?;
        loop {
            let going: Vec<usize> = (0..rows).filter(|row| length(*row) > step).collect();
            if going.is_empty() {
                return Ok(ColumnarValue::Array(so_far));
            }
            let at: UInt64Array = going.iter().map(|row| *row as u64).collect();
            let items: UInt64Array = going.iter().map(|row| start(*row) + step as u64).collect();
            let items = take(list.values(), &items, None)?;
            let before = take(&so_far, &at, None)?;
            let places: ArrayRef = Arc::new(Int64Array::from(vec![step as i64 + 1; going.len()]));
            let stepped = lambda.evaluate(
                &[
                    &|| Ok(Arc::clone(&before)),
                    &|| Ok(Arc::clone(&items)),
                    &|| Ok(Arc::clone(&places)),
                ],
                |captured| Ok(take_arrays(captured, &at, None)?),
            )?;
            let stepped = cast(&stepped.into_array(going.len())?, so_far_type)?;
            let mut sources: Vec<(usize, usize)> = (0..rows).map(|row| (0, row)).collect();
            for (place, row) in going.into_iter().enumerate() {
                sources[row] = (1, place);
            }
            so_far = interleave(&[so_far.as_ref(), stepped.as_ref()], &sources)?;
            step += 1;
        }
    }
}

fn values<L>(fields: &[ValueOrLambda<FieldRef, L>]) -> Vec<&FieldRef> {
    let values = fields.iter().filter_map(|field| match field {
        ValueOrLambda::Value(field) => Some(field),
        ValueOrLambda::Lambda(_) => None,
    });
    values.collect()
}
