//! `sum` and `avg` of whole numbers, and to DuckDB `avg` of decimals, by their exact sum: a `bigint`, and an error
//! where the sum does not fit; a `double`. The engine's own sum wraps around, and its average adds doubles, whose
//! last digits are others. The running sum has 128 bits, so that only the answer counts, not what is met on the way.

use std::sync::Arc;

use arrow::datatypes::{DECIMAL128_MAX_PRECISION, DataType, Field, FieldRef};
use datafusion::common::tree_node::Transformed;
use datafusion::config::ConfigOptions;
use datafusion::error::Result;
use datafusion::logical_expr::expr::AggregateFunction;
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::utils::{AggregateOrderSensitivity, format_state_name};
use datafusion::logical_expr::{
    Accumulator, AggregateUDF, AggregateUDFImpl, Expr, GroupsAccumulator, LogicalPlan,
    ReversedUDAF, Signature,
};
use datafusion::optimizer::AnalyzerRule;

use super::added::{Added, InWindow};
use super::moving::Moving;
use super::totals::{Answer, Distinct, STATE, Total, Totals};
use crate::types::Dialect;

/// The engine's aggregates, with a sum and an average that are exact in place of its own.
pub(super) fn exact(
    functions: impl Iterator<Item = Arc<AggregateUDF>>,
    dialect: Dialect,
) -> Vec<Arc<AggregateUDF>> {
    let exact = |function: Arc<AggregateUDF>| match function.name() {
        "sum" | "avg" => Arc::new(AggregateUDF::from(Exact {
            inner: function,
            dialect,
            is_of_all: false,
        })),
        _ => function,
    };
    functions.map(exact).collect()
}

/// An average over all rows is DuckDB's `sum(x) / count(x)`, one of a group or a window is divided once: the sum,
/// as a whole number, by the count times the decimals' power of ten. Their last digits differ.
#[derive(Debug)]
pub(super) struct Averages;

impl AnalyzerRule for Averages {
    fn name(&self) -> &str {
        "averages"
    }

    fn analyze(&self, plan: LogicalPlan, _config: &ConfigOptions) -> Result<LogicalPlan> {
        let marked = plan.transform_up_with_subqueries(|plan| match plan {
            LogicalPlan::Aggregate(mut aggregate) if aggregate.group_expr.is_empty() => {
                aggregate.aggr_expr.iter_mut().for_each(over_all);
                Ok(Transformed::yes(LogicalPlan::Aggregate(aggregate)))
            }
            plan => Ok(Transformed::no(plan)),
        })?;
        Ok(marked.data)
    }
}

fn over_all(expr: &mut Expr) {
    match expr {
        Expr::Alias(alias) => over_all(&mut alias.expr),
        Expr::AggregateFunction(AggregateFunction { func, params })
            if func.name() == "avg" && params.filter.is_none() && !params.distinct =>
        {
            if let Some(exact) = func.inner().downcast_ref::<Exact>() {
                *func = Arc::new(AggregateUDF::from(Exact {
                    inner: Arc::clone(&exact.inner),
                    dialect: exact.dialect,
                    is_of_all: true,
                }));
            }
        }
        _ => {}
    }
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Exact {
    inner: Arc<AggregateUDF>,
    dialect: Dialect,
    is_of_all: bool,
}

impl Exact {
    /// Nothing where the engine's own aggregate is right: of doubles, and a sum of decimals.
    fn answer(&self, of: &DataType, answer: &FieldRef) -> Option<Answer> {
        let average = |unit| Answer::Average {
            unit,
            is_of_all: self.is_of_all,
        };
        match (self.name(), of, answer.data_type()) {
            ("sum", DataType::Int64, DataType::Int64) => Some(Answer::Sum),
            ("avg", DataType::Int64, DataType::Float64) => Some(average(1.0)),
            ("avg", DataType::Decimal128(_, scale), DataType::Float64) => {
                Some(average(10f64.powi(i32::from(*scale))))
            }
            _ => None,
        }
    }

    fn is_average(&self) -> bool {
        self.name() == "avg"
    }

    fn answer_of(&self, args: &AccumulatorArgs<'_>) -> Option<Answer> {
        let of = args.expr_fields.first()?;
        self.answer(of.data_type(), &args.return_field)
    }
}

fn adds_doubles(args: &AccumulatorArgs<'_>) -> bool {
    let of = args.expr_fields.first().map(|field| field.data_type());
    of == Some(&DataType::Float64) && !args.is_distinct
}

impl AggregateUDFImpl for Exact {
    fn name(&self) -> &str {
        self.inner.name()
    }

    fn aliases(&self) -> &[String] {
        self.inner.aliases()
    }

    fn signature(&self) -> &Signature {
        self.inner.signature()
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        self.inner.coerce_types(types)
    }

    /// A sum of decimals has all the digits that there are in DuckDB, ten more than they have to the engine.
    fn return_type(&self, types: &[DataType]) -> Result<DataType> {
        Ok(match self.inner.return_type(types)? {
            DataType::Decimal128(_, scale)
                if self.dialect == Dialect::DuckDb && !self.is_average() =>
            {
                DataType::Decimal128(DECIMAL128_MAX_PRECISION, scale)
            }
            other => other,
        })
    }

    fn accumulator(&self, args: AccumulatorArgs<'_>) -> Result<Box<dyn Accumulator>> {
        let Some(answer) = self.answer_of(&args) else {
            return match adds_doubles(&args) {
                true => Ok(Box::new(Added::new(self.is_average()))),
                false => self.inner.accumulator(args),
            };
        };
        Ok(match args.is_distinct {
            true => Box::new(Distinct::new(answer, args.expr_fields[0].data_type())),
            false => Box::new(Total::new(answer)),
        })
    }

    fn state_fields(&self, args: StateFieldsArgs<'_>) -> Result<Vec<FieldRef>> {
        let of = args.input_fields.first().map(|field| field.data_type());
        let answer = of.and_then(|of| self.answer(of, &args.return_field));
        let name = |part| format_state_name(args.name, part);
        match (answer, of) {
            (Some(_), Some(of)) if args.is_distinct => Ok(vec![Arc::new(Field::new_list(
                name("distinct"),
                Field::new_list_field(of.clone(), true),
                false,
            ))]),
            (Some(_), _) => Ok(vec![
                Arc::new(Field::new(name("sum"), STATE, true)),
                Arc::new(Field::new(name("count"), DataType::Int64, true)),
            ]),
            (None, _) => self.inner.state_fields(args),
        }
    }

    fn groups_accumulator_supported(&self, args: AccumulatorArgs<'_>) -> bool {
        match self.answer_of(&args) {
            Some(_) => !args.is_distinct,
            None => self.inner.groups_accumulator_supported(args),
        }
    }

    fn create_groups_accumulator(
        &self,
        args: AccumulatorArgs<'_>,
    ) -> Result<Box<dyn GroupsAccumulator>> {
        match self.answer_of(&args).filter(|_| !args.is_distinct) {
            Some(answer) => Ok(Box::new(Totals::new(answer))),
            None => self.inner.create_groups_accumulator(args),
        }
    }

    fn create_sliding_accumulator(
        &self,
        args: AccumulatorArgs<'_>,
    ) -> Result<Box<dyn Accumulator>> {
        match self.answer_of(&args) {
            Some(_) => self.accumulator(args),
            None if adds_doubles(&args) => Ok(Box::new(Moving::of(InWindow {
                is_average: self.is_average(),
            }))),
            None => self.inner.create_sliding_accumulator(args),
        }
    }

    fn order_sensitivity(&self) -> AggregateOrderSensitivity {
        self.inner.order_sensitivity()
    }

    fn reverse_expr(&self) -> ReversedUDAF {
        ReversedUDAF::Identical
    }
}
