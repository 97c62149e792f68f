//! Fields of structures in DuckDB's dialect, of which capitals tell no two apart, letters of texts by their places, and
//! parts of JSON by names: `j.a`, `j['a'][0]`.

use arrow::datatypes::{DataType, Field};
use datafusion::common::{Column, DFSchema, ScalarValue, TableReference};
use datafusion::error::{DataFusionError, Result};
use datafusion::functions::core::expr_fn::get_field;
use datafusion::functions_nested::expr_fn::{array_element, map_extract};
use datafusion::logical_expr::planner::{ExprPlanner, PlannerResult, RawFieldAccessExpr};
use datafusion::logical_expr::{Expr, ExprSchemable, GetFieldAccess, lit};

use forebay_core::Diagnostic;

use super::length::problem;
use crate::engine::sql_type;
use crate::functions;

#[derive(Debug)]
pub(super) struct Fields;

impl ExprPlanner for Fields {
    fn plan_field_access(
        &self,
        mut access: RawFieldAccessExpr,
        schema: &DFSchema,
    ) -> Result<PlannerResult<RawFieldAccessExpr>> {
        let of = access.expr.get_type(schema)?;
        if of.is_string() {
            let is_json = of == DataType::LargeUtf8;
            let (function, places) = match access.field_access {
                GetFieldAccess::NamedStructField { name } if is_json => {
                    ("json_normal_part", vec![lit(name)])
                }
                GetFieldAccess::ListIndex { key } if is_json => ("json_normal_part", vec![*key]),
                GetFieldAccess::ListIndex { key } => ("letter_at", vec![*key]),
                GetFieldAccess::ListRange { start, stop, .. } => {
                    ("letters_between", vec![*start, *stop])
                }
                GetFieldAccess::NamedStructField { name } => {
                    let name = name.try_as_str().flatten().unwrap_or_default();
                    return Err(no_field(&access.expr.schema_name().to_string(), &of, name));
                }
            };
            let args = std::iter::once(access.expr).chain(places).collect();
            return Ok(PlannerResult::Planned(
                functions::named(function).call(args),
            ));
        }
        if let (DataType::Map(..), GetFieldAccess::ListIndex { key }) = (&of, &access.field_access)
            && !matches!(key.as_ref(), Expr::Literal(..))
        {
            let found = map_extract(access.expr, key.as_ref().clone());
            return Ok(PlannerResult::Planned(array_element(found, lit(1))));
        }
        // A key is looked up in the keys' type.
        if let DataType::Map(entries, _) = &of
            && let DataType::Struct(fields) = entries.data_type()
            && let GetFieldAccess::ListIndex { key } = &mut access.field_access
            && let Expr::Literal(value, _) = key.as_mut()
            && let Ok(as_key) = value.cast_to(fields[0].data_type())
        {
            *value = as_key;
        }
        if let GetFieldAccess::NamedStructField { name } = &access.field_access
            && !has_fields(&of)
        {
            let name = name.try_as_str().flatten().unwrap_or_default();
            return Err(no_field(&access.expr.schema_name().to_string(), &of, name));
        }
        if let GetFieldAccess::NamedStructField { name } = &mut access.field_access
            && let Some(Some(wanted)) = name.try_as_str()
            && let Some(field) = alike(&access.expr.get_type(schema)?, wanted)
        {
            *name = ScalarValue::from(field.name().as_str());
        }
        Ok(PlannerResult::Original(access))
    }

    fn plan_compound_identifier(
        &self,
        column: &Field,
        table: Option<&TableReference>,
        names: &[String],
    ) -> Result<PlannerResult<Vec<Expr>>> {
        let mut expr = Expr::Column(Column::from((table, column)));
        let mut held = column.data_type();
        for name in names {
            if held == &DataType::LargeUtf8 {
                let part = functions::named("json_normal_part");
                expr = part.call(vec![expr, lit(name.as_str())]);
                continue;
            }
            if !has_fields(held) {
                return Err(no_field(column.name(), held, name));
            }
            let field = alike(held, name);
            expr = get_field(expr, field.map_or(name, Field::name).as_str());
            held = field.map_or(&DataType::Null, Field::data_type);
        }
        Ok(PlannerResult::Planned(match names.last() {
            Some(name) => expr.alias(name),
            None => expr,
        }))
    }
}

fn has_fields(of: &DataType) -> bool {
    matches!(of, DataType::Struct(_) | DataType::Map(..) | DataType::Null)
}

fn no_field(value: &str, of: &DataType, field: &str) -> DataFusionError {
    let kind = sql_type(of);
    problem(Diagnostic::error(format!(
        "'{value}' is of type {kind}, and has no field '{field}'"
    )))
}

fn alike<'a>(held: &'a DataType, name: &str) -> Option<&'a Field> {
    let DataType::Struct(fields) = held else {
        return None;
    };
    let mut fields = fields.iter().map(AsRef::as_ref);
    fields.find(|field: &&Field| field.name().eq_ignore_ascii_case(name))
}
