//! Fields of structures in DuckDB's dialect, of which capitals tell no two apart, and letters of texts by their places.

use arrow::datatypes::{DataType, Field};
use datafusion::common::{Column, DFSchema, ScalarValue, TableReference};
use datafusion::error::Result;
use datafusion::functions::core::expr_fn::get_field;
use datafusion::logical_expr::planner::{ExprPlanner, PlannerResult, RawFieldAccessExpr};
use datafusion::logical_expr::{Expr, ExprSchemable, GetFieldAccess};

use crate::functions;

#[derive(Debug)]
pub(super) struct Fields;

impl ExprPlanner for Fields {
    fn plan_field_access(
        &self,
        mut access: RawFieldAccessExpr,
        schema: &DFSchema,
    ) -> Result<PlannerResult<RawFieldAccessExpr>> {
        if access.expr.get_type(schema)?.is_string() {
            let (function, places) = match access.field_access {
                GetFieldAccess::ListIndex { key } => ("letter_at", vec![*key]),
                GetFieldAccess::ListRange { start, stop, .. } => {
                    ("letters_between", vec![*start, *stop])
                }
                _ => return Ok(PlannerResult::Original(access)),
            };
            let args = std::iter::once(access.expr).chain(places).collect();
            return Ok(PlannerResult::Planned(
                functions::named(function).call(args),
            ));
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

fn alike<'a>(held: &'a DataType, name: &str) -> Option<&'a Field> {
    let DataType::Struct(fields) = held else {
        return None;
    };
    let mut fields = fields.iter().map(AsRef::as_ref);
    fields.find(|field: &&Field| field.name().eq_ignore_ascii_case(name))
}
