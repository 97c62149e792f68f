//! `nextval('s')` and `currval('s')`.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array};
use arrow::datatypes::DataType;
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::common::{exec_err, plan_err};
use datafusion::error::Result;
use datafusion::logical_expr::{
    ColumnarValue, Expr, LogicalPlan, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature,
    Volatility,
};
use datafusion::scalar::ScalarValue;

use super::Sequences;
use crate::dialect::problem;

const NEXT: &str = "nextval";
const CURRENT: &str = "currval";
pub(crate) const CALLS: [&str; 2] = [NEXT, CURRENT];

/// The functions that read the sequences of a warehouse.
pub(crate) fn calls(sequences: &Arc<Sequences>) -> [ScalarUDF; 2] {
    CALLS.map(|name| {
        ScalarUDF::from(Call {
            name,
            sequences: Arc::clone(sequences),
            // Each row has a number of its own.
            signature: Signature::user_defined(Volatility::Volatile),
        })
    })
}

/// Whether the plan takes numbers.
pub(crate) fn counts(plan: &LogicalPlan) -> bool {
    let mut found = false;
    let is_call = |expr: &Expr| match expr {
        Expr::ScalarFunction(call) => CALLS.contains(&call.func.name()),
        _ => false,
    };
    let walked = plan.apply_with_subqueries(|node| {
        node.apply_expressions(|expr| {
            found = found || expr.exists(|expr| Ok(is_call(expr)))?;
            Ok(TreeNodeRecursion::Continue)
        })?;
        Ok(match found {
            true => TreeNodeRecursion::Stop,
            false => TreeNodeRecursion::Continue,
        })
    });
    walked.is_ok() && found
}

struct Call {
    name: &'static str,
    sequences: Arc<Sequences>,
    signature: Signature,
}

impl fmt::Debug for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

impl PartialEq for Call {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for Call {}

impl Hash for Call {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.name.hash(state);
    }
}

impl ScalarUDFImpl for Call {
    fn name(&self) -> &str {
        self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, given: &[DataType]) -> Result<Vec<DataType>> {
        match given {
            [_] => Ok(vec![DataType::Utf8]),
            _ => plan_err!("{}() takes 1 argument, not {}", self.name, given.len()),
        }
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Int64)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let named = match args.args.as_slice() {
            [ColumnarValue::Scalar(ScalarValue::Utf8(Some(named)))] => named,
            [ColumnarValue::Scalar(null)] if null.is_null() => {
                return Ok(ScalarValue::Int64(None).into());
            }
            _ => return exec_err!("{}() takes the name of a sequence as a constant", self.name),
        };
        if self.name == CURRENT {
            let current = self.sequences.current(named).map_err(problem)?;
            return Ok(ScalarValue::from(current).into());
        }
        let numbers = self.sequences.next(named, args.number_rows);
        let numbers: ArrayRef = Arc::new(Int64Array::from(numbers.map_err(problem)?));
        Ok(ColumnarValue::Array(numbers))
    }
}
