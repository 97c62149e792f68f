//! A text that is written out beside a date or a timestamp, in a column of `VALUES` or a list, is one too, as in DuckDB and
//! PostgreSQL. The engine refuses to plan it.

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    CastKind, DataType, Expr, Query, SetExpr, Value, VisitMut, VisitorMut,
};

pub(super) fn rewrite(query: &mut Query) {
    let _ = query.visit(&mut Rewriter);
}

struct Rewriter;

impl VisitorMut for Rewriter {
    type Break = ();

    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<()> {
        if let SetExpr::Values(values) = query.body.as_mut() {
            let width = values.rows.first().map_or(0, |row| row.content.len());
            for column in 0..width {
                let cells = values.rows.iter_mut();
                read(
                    cells
                        .filter_map(|row| row.content.get_mut(column))
                        .collect(),
                );
            }
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        if let Expr::Array(list) = expr {
            read(list.elem.iter_mut().collect());
        }
        ControlFlow::Continue(())
    }
}

fn read(values: Vec<&mut Expr>) {
    let Some(moment) = values.iter().find_map(|value| moment(value)) else {
        return;
    };
    for value in values {
        if matches!(value, Expr::Value(text) if matches!(text.value, Value::SingleQuotedString(_)))
        {
            let text = std::mem::replace(value, Expr::Value(Value::Null.into()));
            *value = Expr::Cast {
                kind: CastKind::Cast,
                expr: Box::new(text),
                data_type: moment.clone(),
                array: false,
                format: None,
            };
        }
    }
}

/// The type of a moment that is written out.
fn moment(value: &Expr) -> Option<DataType> {
    let of = match value {
        Expr::TypedString(typed) => &typed.data_type,
        Expr::Cast { data_type, .. } => data_type,
        _ => return None,
    };
    matches!(
        of,
        DataType::Date | DataType::Timestamp(..) | DataType::Time(..)
    )
    .then(|| of.clone())
}
