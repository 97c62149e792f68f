//! `+`, `-` and `*` of whole numbers, and their sign: what does not fit into their type is an error, as
//! in PostgreSQL and DuckDB. The engine's own operators wrap around. Those of decimals are calls too, as
//! they are quicker then. Runs after the engine has brought both sides to one type.

use std::cell::Cell;
use std::ops::{BitAnd, BitOr, BitXor};
use std::sync::{Arc, LazyLock};

use arrow::array::{
    ArrayRef, ArrowNativeTypeOp, ArrowPrimitiveType, AsArray, Datum, PrimitiveArray, Scalar,
};
use arrow::compute::kernels::numeric;
use arrow::datatypes::{DataType, Int32Type, Int64Type};
use arrow::error::ArrowError;
use datafusion::common::DFSchema;
use datafusion::common::tree_node::Transformed;
use datafusion::config::ConfigOptions;
use datafusion::error::Result;
use datafusion::logical_expr::{
    BinaryExpr, ColumnarValue, Expr, ExprSchemable, LogicalPlan, Operator, ScalarFunctionArgs,
    ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};
use datafusion::optimizer::AnalyzerRule;
use datafusion::scalar::ScalarValue;
use forebay_core::Diagnostic;

use super::extremes::of_doubles;
use super::length::problem;
use super::{decimals, exprs};
use crate::engine::sql_type;

#[derive(Debug)]
pub(super) struct Overflow;

impl AnalyzerRule for Overflow {
    fn name(&self) -> &str {
        "overflow"
    }

    fn analyze(&self, plan: LogicalPlan, _config: &ConfigOptions) -> Result<LogicalPlan> {
        exprs::rewrite(plan, checked)
    }
}

fn checked(expr: Expr, schema: &DFSchema) -> Result<Transformed<Expr>> {
    if let Expr::AggregateFunction(_) = &expr {
        return of_doubles(expr, schema);
    }
    let is_whole = |side: &Expr| side.get_type(schema).is_ok_and(|found| found.is_integer());
    let calculation = match &expr {
        Expr::BinaryExpr(BinaryExpr { left, op, right }) if is_whole(left) && is_whole(right) => {
            Calculation::of(*op)
        }
        Expr::Negative(of) if is_whole(of) => Some(Calculation::Negate),
        _ => None,
    };
    let Some(calculation) = calculation else {
        return of_decimals(expr, schema);
    };
    let args = match expr {
        Expr::BinaryExpr(BinaryExpr { left, right, .. }) => vec![*left, *right],
        Expr::Negative(of) => vec![*of],
        other => return Ok(Transformed::no(other)),
    };
    Ok(Transformed::yes(calculation.function().call(args)))
}

fn of_decimals(expr: Expr, schema: &DFSchema) -> Result<Transformed<Expr>> {
    let Expr::BinaryExpr(BinaryExpr { left, op, right }) = &expr else {
        return Ok(Transformed::no(expr));
    };
    if Calculation::of(*op).is_none() {
        return Ok(Transformed::no(expr));
    }
    let types = [left.get_type(schema)?, right.get_type(schema)?];
    let of = expr.get_type(schema)?;
    let sides = [left.as_ref().clone(), right.as_ref().clone()];
    Ok(match decimals::call(*op, sides, types.each_ref(), &of) {
        Some(call) => Transformed::yes(call),
        None => Transformed::no(expr),
    })
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Calculation {
    Add,
    Subtract,
    Multiply,
    Negate,
}

impl Calculation {
    fn of(operator: Operator) -> Option<Self> {
        match operator {
            Operator::Plus => Some(Self::Add),
            Operator::Minus => Some(Self::Subtract),
            Operator::Multiply => Some(Self::Multiply),
            _ => None,
        }
    }

    fn function(self) -> Arc<ScalarUDF> {
        static FUNCTIONS: LazyLock<[Arc<ScalarUDF>; 4]> = LazyLock::new(|| {
            use Calculation::{Add, Multiply, Negate, Subtract};
            [Add, Subtract, Multiply, Negate].map(|calculation| {
                let signature = Signature::user_defined(Volatility::Immutable);
                Arc::new(ScalarUDF::from(Checked {
                    calculation,
                    signature,
                }))
            })
        });
        Arc::clone(&FUNCTIONS[self as usize])
    }

    fn run(self, args: &[ColumnarValue]) -> std::result::Result<ArrayRef, ArrowError> {
        let args: Vec<Box<dyn Datum>> = args.iter().map(datum).collect::<Result<_, _>>()?;
        match (self, args.as_slice()) {
            (Self::Negate, [of]) => numeric::neg(of.get().0),
            (_, [left, right]) => self.of_two(left.as_ref(), right.as_ref()),
            _ => Err(ArrowError::InvalidArgumentError(format!(
                "{self:?} of {} values",
                args.len()
            ))),
        }
    }

    /// Columns of whole numbers are added without looking at each value: whether one overflowed shows in
    /// the signs of all together, and only then is it looked for.
    fn of_two(
        self,
        left: &dyn Datum,
        right: &dyn Datum,
    ) -> std::result::Result<ArrayRef, ArrowError> {
        if let Some(quick) = self.quick(left, right) {
            return Ok(quick);
        }
        match self {
            Self::Add => numeric::add(left, right),
            Self::Subtract => numeric::sub(left, right),
            Self::Multiply | Self::Negate => numeric::mul(left, right),
        }
    }

    fn quick(self, left: &dyn Datum, right: &dyn Datum) -> Option<ArrayRef> {
        match (left.get().0.data_type(), right.get().0.data_type()) {
            (DataType::Int64, DataType::Int64) => self.quick_of::<Int64Type>(left, right),
            (DataType::Int32, DataType::Int32) => self.quick_of::<Int32Type>(left, right),
            _ => None,
        }
    }

    fn quick_of<T: ArrowPrimitiveType>(
        self,
        left: &dyn Datum,
        right: &dyn Datum,
    ) -> Option<ArrayRef>
    where
        T::Native:
            BitXor<Output = T::Native> + BitAnd<Output = T::Native> + BitOr<Output = T::Native>,
    {
        let ((l, l_single), (r, r_single)) = (left.get(), right.get());
        if l_single || r_single && r.is_null(0) {
            return None;
        }
        let (l, r) = (l.as_primitive::<T>(), r.as_primitive::<T>());
        let signs = Cell::new(T::Native::ZERO);
        let add = |a: T::Native, b: T::Native| {
            let sum = a.add_wrapping(b);
            signs.set(signs.get() | (a ^ sum) & (b ^ sum));
            sum
        };
        let subtract = |a: T::Native, b: T::Native| {
            let rest = a.sub_wrapping(b);
            signs.set(signs.get() | (a ^ b) & (a ^ rest));
            rest
        };
        let answer: PrimitiveArray<T> = match (self, r_single) {
            (Self::Add, true) => l.unary(|a| add(a, r.value(0))),
            (Self::Subtract, true) => l.unary(|a| subtract(a, r.value(0))),
            (Self::Add, false) => arrow::compute::binary(l, r, add).ok()?,
            (Self::Subtract, false) => arrow::compute::binary(l, r, subtract).ok()?,
            _ => return None,
        };
        (signs.get() >= T::Native::ZERO).then(|| Arc::new(answer) as ArrayRef)
    }
}

fn datum(value: &ColumnarValue) -> std::result::Result<Box<dyn Datum>, ArrowError> {
    Ok(match value {
        ColumnarValue::Array(array) => Box::new(Arc::clone(array)),
        ColumnarValue::Scalar(scalar) => Box::new(Scalar::new(
            scalar
                .to_array()
                .map_err(|error| ArrowError::ComputeError(error.to_string()))?,
        )),
    })
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Checked {
    calculation: Calculation,
    signature: Signature,
}

impl ScalarUDFImpl for Checked {
    fn name(&self) -> &str {
        match self.calculation {
            Calculation::Add => "add",
            Calculation::Subtract => "subtract",
            Calculation::Multiply => "multiply",
            Calculation::Negate => "negate",
        }
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, given: &[DataType]) -> Result<Vec<DataType>> {
        Ok(given.to_vec())
    }

    fn return_type(&self, given: &[DataType]) -> Result<DataType> {
        Ok(given[0].clone())
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let is_single = |arg: &ColumnarValue| matches!(arg, ColumnarValue::Scalar(_));
        let answer = self.calculation.run(&args.args);
        let answer = answer.map_err(|error| explained(error, args.return_type()))?;
        Ok(match args.args.iter().all(is_single) {
            true => ColumnarValue::Scalar(ScalarValue::try_from_array(&answer, 0)?),
            false => ColumnarValue::Array(answer),
        })
    }
}

/// The kernel's message ends with the calculation: `... on: 9223372036854775807 + 1`.
fn explained(error: ArrowError, given: &DataType) -> datafusion::error::DataFusionError {
    let ArrowError::ArithmeticOverflow(message) = &error else {
        return error.into();
    };
    let calculation = message.rsplit_once(": ").map_or("it", |(_, what)| what);
    let name = sql_type(given);
    problem(
        Diagnostic::error(format!("{calculation} is out of the range of {name}"))
            .hint("cast one side to numeric(38,0)"),
    )
}
