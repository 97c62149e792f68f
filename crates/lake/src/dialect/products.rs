//! A product of decimals has the digits of both sides, as in DuckDB: the engine counts one more. Two that are kept in 64
//! bits give one that is, as long as its digits behind the point leave it one before.
//!
//! How many digits a side has is known only once the types of the query are settled: until then `CASE` has the type of its
//! first branch, and a column made of it too. So the product is planned as a call, and becomes a product after that.

use std::sync::{Arc, LazyLock};

use arrow::compute::{cast as cast_array, kernels::numeric};
use arrow::datatypes::DataType;
use datafusion::common::DFSchema;
use datafusion::common::tree_node::Transformed;
use datafusion::config::ConfigOptions;
use datafusion::error::Result;
use datafusion::logical_expr::binary::BinaryTypeCoercer;
use datafusion::logical_expr::planner::{ExprPlanner, PlannerResult, RawBinaryExpr};
use datafusion::logical_expr::{
    ColumnarValue, Expr, ExprSchemable, LogicalPlan, Operator, ScalarFunctionArgs, ScalarUDF,
    ScalarUDFImpl, Signature, Volatility, binary_expr, cast,
};
use datafusion::optimizer::AnalyzerRule;
use datafusion::sql::sqlparser::ast::BinaryOperator;

use super::decimals::{NARROW, WIDE};
use super::{decimals, exprs};

const NAME: &str = "forebay_product";

#[derive(Debug)]
pub(super) struct Products;

impl ExprPlanner for Products {
    fn plan_binary_op(
        &self,
        expr: RawBinaryExpr,
        schema: &DFSchema,
    ) -> Result<PlannerResult<RawBinaryExpr>> {
        if expr.op != BinaryOperator::Multiply {
            return Ok(PlannerResult::Original(expr));
        }
        let types = [&expr.left, &expr.right].map(|side| side.get_type(schema).ok());
        let [Some(left), Some(right)] = types else {
            return Ok(PlannerResult::Original(expr));
        };
        let is_decimal = |found: &DataType| matches!(found, DataType::Decimal128(..));
        let has_digits = digits(&left).is_some() && digits(&right).is_some();
        if !has_digits || !(is_decimal(&left) || is_decimal(&right)) {
            return Ok(PlannerResult::Original(expr));
        }
        static PRODUCT: LazyLock<Arc<ScalarUDF>> = LazyLock::new(|| {
            let of_any = Signature::any(2, Volatility::Immutable);
            Arc::new(ScalarUDF::from(Product(of_any)))
        });
        Ok(PlannerResult::Planned(
            PRODUCT.call(vec![expr.left, expr.right]),
        ))
    }
}

/// Makes products of the calls, once the engine has settled the types.
impl AnalyzerRule for Products {
    fn name(&self) -> &str {
        "products"
    }

    fn analyze(&self, plan: LogicalPlan, _config: &ConfigOptions) -> Result<LogicalPlan> {
        exprs::rewrite(plan, |expr, schema| match expr {
            Expr::ScalarFunction(call) if call.func.name() == NAME => {
                let sides = <[Expr; 2]>::try_from(call.args);
                let [left, right] = sides.expect("a product has two sides");
                Ok(Transformed::yes(product(left, right, schema)?))
            }
            other => Ok(Transformed::no(other)),
        })
    }
}

fn product(left: Expr, right: Expr, schema: &DFSchema) -> Result<Expr> {
    let types = (left.get_type(schema)?, right.get_type(schema)?);
    let (one, other) = sides(&types.0, &types.1)?;
    let of = type_of(&types.0, &types.1)?;
    let (left, right) = (left.cast_to(&one, schema)?, right.cast_to(&other, schema)?);
    let factors = [left.clone(), right.clone()];
    if let Some(call) = decimals::call(Operator::Multiply, factors, [&one, &other], &of) {
        return Ok(call);
    }
    let product = binary_expr(left, Operator::Multiply, right);
    Ok(match product.get_type(schema)? == of {
        true => product,
        false => cast(product, of),
    })
}

/// What the engine multiplies.
fn sides(left: &DataType, right: &DataType) -> Result<(DataType, DataType)> {
    BinaryTypeCoercer::new(left, &Operator::Multiply, right).get_input_types()
}

fn type_of(left: &DataType, right: &DataType) -> Result<DataType> {
    let made = BinaryTypeCoercer::new(left, &Operator::Multiply, right).get_result_type()?;
    let (Some(one), Some(other)) = (digits(left), digits(right)) else {
        return Ok(made);
    };
    let behind = one.1 + other.1;
    Ok(match made {
        DataType::Decimal128(_, scale) if scale == behind => {
            DataType::Decimal128(together(one.0, other.0, behind), behind)
        }
        made => made,
    })
}

/// A product whose types are not settled.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Product(Signature);

impl ScalarUDFImpl for Product {
    fn name(&self) -> &str {
        NAME
    }

    fn signature(&self) -> &Signature {
        &self.0
    }

    fn return_type(&self, types: &[DataType]) -> Result<DataType> {
        type_of(&types[0], &types[1])
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let values = ColumnarValue::values_to_arrays(&args.args)?;
        let (one, other) = sides(values[0].data_type(), values[1].data_type())?;
        let left = cast_array(&values[0], &one)?;
        let right = cast_array(&values[1], &other)?;
        let product = numeric::mul(&left, &right)?;
        let product = cast_array(&product, args.return_field.data_type())?;
        Ok(ColumnarValue::Array(product))
    }
}

fn together(one: u8, other: u8, behind: i8) -> u8 {
    let all = one + other;
    let is_narrow = one.max(other) <= NARROW && behind < NARROW as i8;
    match all {
        ..=NARROW => all,
        _ if is_narrow => NARROW,
        _ => all.min(WIDE),
    }
}

/// All digits, and those behind the point.
pub(super) fn digits(of: &DataType) -> Option<(u8, i8)> {
    match of {
        DataType::Decimal128(all, behind) => Some((*all, *behind)),
        DataType::Int8 => Some((3, 0)),
        DataType::Int16 => Some((5, 0)),
        DataType::Int32 => Some((10, 0)),
        DataType::Int64 => Some((19, 0)),
        _ => None,
    }
}
