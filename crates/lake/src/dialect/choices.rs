//! `coalesce(day, '2099-01-01')`: where one of several values is chosen, a text among values of
//! another type is read as that type, as PostgreSQL reads a literal, and to DuckDB a truth value among whole numbers is
//! one of them. The engine refuses.

use std::sync::Arc;

use arrow::datatypes::{DataType, FieldRef};
use datafusion::error::Result;
use datafusion::logical_expr::simplify::{ExprSimplifyResult, SimplifyContext};
use datafusion::logical_expr::{
    ColumnarValue, Expr, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature,
};

use crate::types::Dialect;

const CHOICES: &[&str] = &["coalesce", "greatest", "least"];

/// The engine's functions, with those that choose in place of its own.
pub(super) fn lenient(
    functions: impl Iterator<Item = Arc<ScalarUDF>>,
    dialect: Dialect,
) -> Vec<Arc<ScalarUDF>> {
    let lenient = |function: Arc<ScalarUDF>| match CHOICES.contains(&function.name()) {
        true => Arc::new(ScalarUDF::from(Lenient(function, dialect))),
        false => function,
    };
    functions.map(lenient).collect()
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Lenient(Arc<ScalarUDF>, Dialect);

impl ScalarUDFImpl for Lenient {
    fn name(&self) -> &str {
        self.0.name()
    }

    fn aliases(&self) -> &[String] {
        self.0.aliases()
    }

    fn signature(&self) -> &Signature {
        self.0.signature()
    }

    fn return_type(&self, types: &[DataType]) -> Result<DataType> {
        self.0.inner().return_type(types)
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs<'_>) -> Result<FieldRef> {
        self.0.return_field_from_args(args)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        self.0.invoke_with_args(args)
    }

    fn simplify(&self, args: Vec<Expr>, info: &SimplifyContext) -> Result<ExprSimplifyResult> {
        self.0.simplify(args, info)
    }

    fn short_circuits(&self) -> bool {
        self.0.short_circuits()
    }

    fn conditional_arguments<'a>(
        &self,
        args: &'a [Expr],
    ) -> Option<(Vec<&'a Expr>, Vec<&'a Expr>)> {
        self.0.conditional_arguments(args)
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        let types = &match self.1 {
            Dialect::DuckDb => doubled(&counted(types)),
            Dialect::Postgres => doubled(types),
        };
        self.0.coerce_types(types).or_else(|error| {
            let others: Vec<DataType> = types.iter().filter(|t| !t.is_string()).cloned().collect();
            let common = match others.as_slice() {
                [only] => Some(only.clone()),
                others => self.0.coerce_types(others)?.first().cloned(),
            };
            match common {
                Some(common) if others.len() < types.len() => Ok(vec![common; types.len()]),
                _ => Err(error),
            }
        })
    }
}

/// A truth value beside whole numbers is a number.
fn counted(types: &[DataType]) -> Vec<DataType> {
    let has_numbers = types.iter().any(DataType::is_integer);
    let counted = |found: &DataType| match found {
        DataType::Boolean if has_numbers => DataType::Int32,
        found => found.clone(),
    };
    types.iter().map(counted).collect()
}

/// A decimal beside a double is a double, as in PostgreSQL and DuckDB. The engine makes decimals of both.
fn doubled(types: &[DataType]) -> Vec<DataType> {
    let has_doubles = types.iter().any(DataType::is_floating);
    let double = |found: &DataType| match found {
        DataType::Decimal128(..) | DataType::Decimal256(..) if has_doubles => DataType::Float64,
        found => found.clone(),
    };
    types.iter().map(double).collect()
}
